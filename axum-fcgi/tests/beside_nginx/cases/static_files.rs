//! Files that are not scripts, beside which the scripts lie.

use crate::case::Case;

const FILES: [&str; 15] = [
    "/hello.txt",
    "/hello.txt?a=b",
    "/style.css",
    "/empty.txt",
    "/no-extension",
    "/html/",
    "/html",
    "/html/index.html",
    "/include.inc",
    "/seen.php.bak",
    "/seen.php~",
    "/seen.phps",
    "/seen.phtml",
    "/seen.php5",
    "/seen.phar",
];

pub(crate) fn cases() -> Vec<Case> {
    let get = |name: &str| Case::get(name, "/hello.txt");
    let more = [
        get("a range of a file").header("Range: bytes=1-2"),
        get("two ranges of a file").header("Range: bytes=0-0,2-2"),
        get("the end of a file").header("Range: bytes=-2"),
        get("a range after the end of a file").header("Range: bytes=100-"),
        get("a range of nonsense").header("Range: nonsense"),
        get("a file that is older").header("If-Modified-Since: Fri, 31 Dec 2100 00:00:00 GMT"),
        get("a file that is newer").header("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
        get("a file with another tag").header("If-None-Match: \"x\""),
        get("a file with any tag").header("If-None-Match: *"),
        get("a file unless modified").header("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
    ];
    FILES.iter().map(|target| Case::path(target)).chain(more).collect()
}
