//! Requests of public reports about other web servers and PHP applications, named by report and kind.

use super::response;
use crate::case::{Case, Setup};

const ALL: &[Setup] = &Setup::ALL;
const BOTH: &[Setup] = &[Setup::Scripts, Setup::FrontController];

/// A report, the kind of fault, and the target that showed it.
const TARGETS: [(&str, &str); 20] = [
    ("CVE-2019-11043, a newline in PATH_INFO", "/seen.php/PHP%0Avalue"),
    ("CVE-2019-11043, a newline alone", "/seen.php/%0A"),
    ("CVE-2019-11043, a newline before the slash", "/seen.php%0A/a"),
    ("CVE-2013-4547, a blank after the name of an upload", "/uploads/picture.jpg%20%00.php"),
    ("CVE-2012-1823, options in the query", "/index.php?-d+auto_prepend_file%3dphp://input"),
    ("CVE-2024-4577, options with a soft hyphen", "/index.php?%ADd+allow_url_include%3d1"),
    ("CVE-2021-41773, an encoded dot", "/docs/.%2e/.%2e/etc/passwd"),
    ("caddyserver/caddy#3718, PATH_INFO with a query", "/seen.php/web-server/vendors/caddy?p=2&no=10"),
    ("caddyserver/caddy#2208, PATH_INFO below a directory", "/docs/seen.php/extra/path/info"),
    ("caddyserver/caddy#1732, a directory without its slash", "/docs?from=1732"),
    ("caddyserver/caddy#2752, a directory in a directory", "/releases/42"),
    ("nginx/nginx#879, PATH_INFO with try_files", "/seen.php/ticket/321"),
    ("froxlor/froxlor#1357, a file's name in PATH_INFO", "/seen.php/css/somefile.css"),
    ("php/php-src#17643, PATH_INFO is decoded", "/seen.php/%E3%82%A2%E3%83%80.php"),
    ("php/frankenphp#2317, PHP_SELF has the PATH_INFO", "/index.php/en"),
    ("php/frankenphp#2166, PHP_SELF starts with a slash", "/docs/index.php?page=a"),
    ("nextcloud, an encoded slash in a file's name", "/seen.php/webdav/files/a%2Fb%20c.txt"),
    ("nextcloud, an encoded percent in a file's name", "/seen.php/webdav/files/100%25.txt"),
    ("WordPress, a permalink with umlauts", "/2024/%C3%BCber-uns/?replytocom=1"),
    ("WordPress, a feed below a page", "/2024/hello/feed/"),
];

pub(crate) fn cases() -> Vec<Case> {
    let targets = TARGETS.iter().map(|(name, target)| Case::path(target).named(name));
    targets.chain(webdav()).chain(bodies()).chain(responses()).collect()
}

/// Nextcloud and its like speak WebDAV to one script.
fn webdav() -> Vec<Case> {
    let dav = |name: &str, method| {
        Case::get(name, "/seen.php/webdav/files/a%20b/").method(method).header("Depth: 1").setups(ALL)
    };
    vec![
        dav("nextcloud/server#17275, the OPTIONS of a mount", "OPTIONS"),
        dav("nextcloud, PROPFIND with a body", "PROPFIND")
            .header("Content-Type: text/xml")
            .body("<propfind/>"),
        dav("nextcloud, MKCOL", "MKCOL"),
        dav("hacdias/webdav#210, MOVE with a destination", "MOVE")
            .header("Destination: http://site.test/seen.php/webdav/files/c%20d/")
            .header("Overwrite: F"),
        dav("nextcloud, a chunked PUT of a desktop client", "PUT")
            .header("Transfer-Encoding: chunked")
            .header("OC-Total-Length: 4")
            .raw("4\r\ntext\r\n0\r\n\r\n"),
        Case::get("nextcloud, the redirect of CalDAV clients", "/.well-known/caldav").setups(ALL),
    ]
}

fn bodies() -> Vec<Case> {
    let form = |name: &str| {
        Case::get(name, "/seen.php").method("POST").header("Content-Type: application/x-www-form-urlencoded")
    };
    vec![
        form("caddyserver/caddy#5236, a chunked form")
            .header("Transfer-Encoding: chunked")
            .raw("3\r\na=1\r\n0\r\n\r\n"),
        form("brefphp/bref#178, a POST without a length").setups(BOTH),
        form("facebook/hhvm#2437, more body than its length")
            .header("Content-Length: 7")
            .raw("a=1&b=2Hello World!&c=3"),
        form("reyk/httpd#50, the type of a POST").body("a=1").setups(BOTH),
        form("caddyserver/caddy#2752, a POST to a directory").target("/docs").body("a=1"),
        Case::get("haproxy/haproxy#391, Authorization reaches PHP", "/seen.php")
            .header("Authorization: Basic YTpi"),
        Case::get("haproxy/haproxy#1232, a target with a scheme", "http://site.test/seen.php/index.asp"),
    ]
}

fn responses() -> Vec<Case> {
    let report = |name: &str, as_: &str| response(as_).named(name);
    vec![
        report("haproxy/haproxy#1639, the length of a HEAD", "length").method("HEAD"),
        report("haproxy/haproxy#743, a long log on STDERR", "log"),
        report("haproxy/haproxy#1682, a body in gzip", "gzip").header("Accept-Encoding: gzip"),
        report("haproxy/haproxy#1811, several cookies", "cookies"),
        report("php.net#67587, a relative redirect below a script", "location-relative")
            .target("/respond.php/a/b?as=location-relative"),
        report("WordPress, a 304 of a feed", "status-304").header("If-None-Match: \"x\""),
        report("WordPress, a 404 page", "status-404").setups(BOTH),
        report("a proxy that adds a length to a 204", "status-204"),
    ]
}
