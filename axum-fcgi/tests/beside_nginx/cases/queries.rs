//! Queries and forms of the target.

use crate::case::{Case, Setup};

const QUERIES: [&str; 23] = [
    "/seen.php?",
    "/seen.php??",
    "/seen.php?a",
    "/seen.php?a=b&a=c",
    "/seen.php?a[]=1&a[]=2&a[k][l]=3",
    "/seen.php?a.b=1&c%20d=2",
    "/seen.php?a=%20+%2B",
    "/seen.php?%zz=%",
    "/seen.php?a=%00",
    "/seen.php?a=%FF",
    "/seen.php?a=b;c=d",
    "/seen.php?a=/../x",
    "/seen.php?/a.php",
    "/seen.php/a?b=/c",
    "/seen.php?a=http://b/?c",
    "/seen.php?-s",
    "/seen.php?-d+allow_url_include%3d1",
    "/seen.php?a={}|^`",
    "/seen.php?a=\"<>",
    "/seen.php?a#b",
    "/?a=b",
    "/docs/?a=b",
    "/docs?",
];

pub(crate) fn cases() -> Vec<Case> {
    let long = |bytes: usize| {
        Case::get(&format!("a query of {bytes} bytes"), &format!("/seen.php?a={}", "x".repeat(bytes)))
    };
    let mut latin = Case::get("a query with a byte of Latin-1", "/seen.php?a=");
    latin.target.push(0xfc);
    let more = vec![
        Case::path("/missing?a=b&c").setups(&[Setup::FrontController]),
        Case::path("/missing%20a?b").setups(&[Setup::FrontController]),
        Case::get("a target with a scheme", "http://site.test/seen.php/a?b"),
        Case::get("a target with another host", "http://other.test/seen.php"),
        Case::get("a target with a port", "http://site.test:81/seen.php"),
        Case::get("a target with https", "https://site.test/seen.php"),
        Case::get("a target without a slash", "seen.php"),
        Case::get("a target that is a star", "*"),
        Case::get("a target with a fragment", "/seen.php#a"),
        Case::get("a target that is an authority", "site.test:80"),
        long(2_000),
        long(7_000),
        long(20_000),
        long(60_000),
        latin,
    ];
    QUERIES.iter().map(|target| Case::path(target)).chain(more).collect()
}
