//! Names of files with other bytes than letters, hidden files, and links.

use crate::case::Case;

const NAMES: [&str; 46] = [
    "/with%20space.php",
    "/with+space.php",
    "/with%20space.php/a%20b",
    "/%C3%BCml%C3%A4ut.php",
    "/%c3%bcml%c3%a4ut.php",
    "/u%CC%88ml%C3%A4ut.php",
    "/%FCml%E4ut.php",
    "/per%25cent.php",
    "/per%cent.php",
    "/twice%2520.php",
    "/twice%20.php",
    "/plus+.php",
    "/plus%2B.php",
    "/plus%20.php",
    "/semi;colon.php",
    "/semi%3Bcolon.php",
    "/quote'.php",
    "/quote%27.php",
    "/hash%23.php",
    "/question%3F.php",
    "/question%3F.php?a",
    "/tilde~.php",
    "/tilde%7E.php",
    "/back%5Cslash.php",
    "/%zz.php",
    "/%",
    "/%2",
    "/with%20space.txt",
    "/.hidden.php",
    "/.env",
    "/.htaccess",
    "/.user.ini",
    "/.git/config",
    "/.git/hook.php",
    "/.git/",
    "/.missing",
    "/docs/.htpasswd",
    "/seen.php/.env",
    "/.well-known/acme",
    "/.well-known/seen.php",
    "/link.php",
    "/link-to-text.php",
    "/text-to-script.txt",
    "/current/seen.php",
    "/broken.php",
    "/loop.php",
];

pub(crate) fn cases() -> Vec<Case> {
    let utf_8 = Case::path("/\u{fc}ml\u{e4}ut.php").named("an umlaut that is not escaped");
    let mut latin = Case::path("/").named("a byte of Latin-1");
    latin.target = b"/\xfc.php".to_vec();
    let mut control = Case::path("/").named("a control byte");
    control.target = b"/seen.php/\x01".to_vec();
    let more = [utf_8, latin, control, Case::path("/outside.php")];
    let long = [200, 300, 4000, 6000, 9000, 40_000].map(|length| {
        Case::path(&format!("/seen.php/{}", "x".repeat(length))).named(&format!("a path of {length} bytes"))
    });
    NAMES.iter().map(|target| Case::path(target)).chain(more).chain(long).collect()
}
