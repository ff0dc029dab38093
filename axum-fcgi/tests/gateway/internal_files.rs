//! X-Accel-Redirect and X-Sendfile: the same requests to nginx and to the gateway, with the same script and files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum_fcgi::InternalFiles;
use libtest_mimic::{Failed, Trial};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use test_support::{PhpFpm, Running, WebServer, needs};

use crate::client::{ask, get};
use crate::fpm::{CHILDREN, Fpm, trial};
use crate::runner::block_on;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        with_nginx("x_accel_redirect_is_as_behind_nginx", redirects),
        trial("x_sendfile_sends_files_below_its_root", sendfile),
        trial("internal_headers_reach_no_client", removed),
        trial("a_web_server_in_front_gets_them", passed),
    ]
}

/// A test with its own php-fpm, and nginx before it.
fn with_nginx<F: Future<Output = ()> + 'static>(name: &str, test: fn(Fpm, Running) -> F) -> Trial {
    let found = PhpFpm::find().and_then(|program| Ok((program, WebServer::Nginx.find()?)));
    needs(format!("php/{name}"), found, move |(program, nginx)| {
        let fpm = Fpm::start(&program, CHILDREN).map_err(Failed::from)?;
        files(fpm.path());
        let config = NGINX.replace("DIRECTORY", &fpm.path().display().to_string());
        let nginx = nginx.start(&config, &[]).map_err(|error| error.to_string())?;
        block_on(test(fpm, nginx))
    })
}

const NGINX: &str = "daemon off;
pid nginx.pid;
error_log stderr error;
events {}
http {
include /etc/nginx/mime.types;
access_log off;
client_body_temp_path body;
fastcgi_temp_path fastcgi;
proxy_temp_path proxy;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
server {
    listen 127.0.0.1:8080;
    root DIRECTORY/root;
    location ~ \\.php$ {
        include /etc/nginx/fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_pass unix:DIRECTORY/socket;
    }
    location /protected/ { internal; alias DIRECTORY/files/; }
    location /protected/deep/ { internal; alias DIRECTORY/deep/; }
}
}
";

/// The files beside the document root.
fn files(directory: &Path) {
    for (name, text) in [
        ("files/a.txt", "0123456789"),
        ("files/a b.txt", "a space"),
        ("files/\u{fc}.bin", "an umlaut"),
        ("files/100%.txt", "a percent sign"),
        ("files/sub/page.html", "<p>below</p>"),
        ("deep/a.txt", "another directory"),
        ("filesystem.txt", "a name that starts with the directory's"),
        ("secret.txt", "secret"),
    ] {
        let file = directory.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    fs::File::options()
        .write(true)
        .open(directory.join("files/a.txt"))
        .unwrap()
        .set_modified(modified())
        .unwrap();
    symlink("a.txt", directory.join("files/within.txt")).unwrap();
    symlink("../secret.txt", directory.join("files/out.txt")).unwrap();
}

/// The date of files/a.txt.
const MODIFIED: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

fn modified() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)
}

/// The path of a script that sends these headers.
pub(crate) fn script(headers: &[&str], more: &str) -> String {
    let encode = |header: &&str| format!("h[]={}&", utf8_percent_encode(header, NON_ALPHANUMERIC));
    format!("/accel.php?{}{more}", headers.iter().map(encode).collect::<String>())
}

struct Case<'a> {
    method: &'a str,
    script: String,
    headers: &'a [(&'a str, &'a str)],
}

/// What a client sees of a response: the headers that are no server's own.
fn seen(status: u16, head: Vec<(String, String)>, body: &str) -> Vec<String> {
    const OWN: [&str; 5] = ["date", "server", "connection", "etag", "x-powered-by"];
    let head = head.into_iter().filter(|(name, _)| !OWN.contains(&&**name));
    let mut lines: Vec<_> = head.map(|(name, value)| format!("{name}: {value}")).collect();
    lines.sort();
    // The page of an error is the server's own, too. In a 416, nginx leaves out what a later request would get.
    let unusual: &[&str] = match status {
        206 => &["accept-ranges"],
        416 => &["accept-ranges", "last-modified", "content-"],
        400.. => &["content-"],
        _ => &[],
    };
    lines.retain(|line| !unusual.iter().any(|name| line.starts_with(name)));
    if status < 400 {
        lines.push(body.to_owned());
    }
    lines.insert(0, status.to_string());
    lines
}

async fn gateway(router: &Router, case: &Case<'_>) -> Vec<String> {
    let mut request = Request::builder().method(case.method).uri(&case.script).header("host", "127.0.0.1");
    for (name, value) in case.headers {
        request = request.header(*name, *value);
    }
    let response = ask(router, request.body(Body::empty()).unwrap()).await;
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let head = response.head.headers().iter();
    let head = head.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
    seen(response.status, head, response.text())
}

fn nginx(server: &Running, case: &Case<'_>) -> Vec<String> {
    let headers: String = case.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let answer = server.ask(case.method, &case.script, &headers, "").unwrap();
    let head = answer.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let head = head.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    seen(answer.status, head, &answer.body)
}

async fn redirects(fpm: Fpm, server: Running) {
    let directory = fpm.path();
    let internal = InternalFiles::new()
        .x_accel_redirect("/protected/", directory.join("files"))
        .x_accel_redirect("protected/deep", directory.join("deep"));
    let router = Router::new().fallback_service(fpm.scripts().internal_files(internal));
    let mut differ = Vec::new();
    for case in [paths(), conditions(), kept_headers()].iter().flatten() {
        let (ours, expected) = (gateway(&router, case).await, nginx(&server, case));
        if ours != expected {
            let request = format!("{} {} {:?}", case.method, case.script, case.headers);
            differ.push(format!("{request}\n  {ours:?}\n  {expected:?}"));
        }
    }
    assert!(differ.is_empty(), "the gateway's response, and nginx's:\n{}", differ.join("\n"));

    for (script, headers, ours, theirs) in [
        // A link that leads out of the directory.
        (to("/protected/out.txt"), &[][..], "404", "200"),
        // nginx redirects clients to the internal path.
        (to("/protected/sub"), &[], "404", "301"),
        // There is no such location.
        (to("@named"), &[], "404", "500"),
        // nginx compares for equality, and RFC 9110 §13.1.3 for what is newer.
        (to(FILE), &[("If-Modified-Since", "Thu, 01 Jan 2037 00:00:00 GMT")], "304", "200"),
    ] {
        let case = Case { method: "GET", script, headers };
        let (gateway, nginx) = (gateway(&router, &case).await, nginx(&server, &case));
        assert_eq!((&*gateway[0], &*nginx[0]), (ours, theirs), "{}", case.script);
    }
}

const FILE: &str = "/protected/a.txt";

/// A script that redirects to this path.
fn to(path: &str) -> String {
    script(&[&format!("X-Accel-Redirect: {path}")], "")
}

/// A script that redirects to the file and sends other headers, too.
fn with(headers: &[&str], more: &str) -> String {
    script(&[headers, &["X-Accel-Redirect: /protected/a.txt"]].concat(), more)
}

fn paths() -> Vec<Case<'static>> {
    let methods =
        ["GET", "HEAD", "POST", "PUT"].map(|method| Case { method, script: to(FILE), headers: &[] });
    let paths = [
        "/protected/a%20b.txt",
        "/protected/a b.txt",
        "/protected/\u{fc}.bin",
        "/protected/%C3%BC.bin",
        "/protected/100%25.txt",
        "/protected/sub/page.html",
        "/protected/sub//page.html",
        "/protected//a.txt",
        "/protected/deep/a.txt",
        "/protected/a.txt?download=1",
        "/protected/within.txt",
        "/protected/../secret.txt",
        "/protected/..%2fsecret.txt",
        "/protected/%2e%2e/secret.txt",
        "/protected/sub/../a.txt",
        "/protected/..",
        "/protected/%00",
        "/protected/a.txt%00.jpg",
        "/protected/none.txt",
        "/protectedsystem.txt",
        "/protected",
        "protected/a.txt",
        "/etc/passwd",
        "",
    ];
    let paths = paths.map(|path| Case { method: "GET", script: to(path), headers: &[] });
    methods.into_iter().chain(paths).collect()
}

/// Ranges and conditional requests.
fn conditions() -> Vec<Case<'static>> {
    const CONDITIONS: [[(&str, &str); 1]; 11] = [
        [("Range", "bytes=2-4")],
        [("Range", "bytes=-3")],
        [("Range", "bytes=7-")],
        [("Range", "bytes=20-")],
        [("If-Modified-Since", MODIFIED)],
        [("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")],
        [("If-Unmodified-Since", MODIFIED)],
        [("If-None-Match", "*")],
        [("If-None-Match", "\"other\"")],
        [("If-Match", "\"other\"")],
        [("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")],
    ];
    let both = |headers| ["GET", "HEAD"].map(|method| Case { method, script: to(FILE), headers });
    CONDITIONS.iter().flat_map(|headers| both(headers)).collect()
}

/// Headers and statuses of the application's response.
fn kept_headers() -> Vec<Case<'static>> {
    const KEPT: [&str; 9] = [
        "Content-Type: application/pdf",
        "Content-Disposition: attachment; filename=a.pdf",
        "Set-Cookie: a=1",
        "Set-Cookie: b=2",
        "Cache-Control: private",
        "Expires: Thu, 01 Jan 2037 00:00:00 GMT",
        "Content-Language: de",
        "X-Own: 1",
        "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT",
    ];
    let missing = [&KEPT[..], &["X-Accel-Redirect: /protected/none.txt"]].concat();
    let get = |script, headers| Case { method: "GET", script, headers };
    let mut cases = vec![
        get(with(&KEPT, ""), &[][..]),
        get(with(&KEPT, ""), &[("Range", "bytes=2-4")]),
        get(with(&KEPT, ""), &[("If-Modified-Since", MODIFIED)]),
        get(script(&missing, ""), &[]),
        get(with(&["Content-Length: 13", "Content-Encoding: gzip", "Vary: Cookie"], ""), &[]),
        get(with(&["X-Accel-Buffering: no", "X-Accel-Expires: 0", "X-Accel-Limit-Rate: 0"], ""), &[]),
        get(with(&["Location: /elsewhere"], ""), &[]),
        get(with(&[], "mimetype="), &[]),
    ];
    for status in ["status=404", "status=500", "status=206", "status=204", "status=302"] {
        cases.push(get(with(&[], status), &[]));
    }
    cases
}

async fn sendfile(fpm: Fpm) {
    let directory = fpm.path().to_owned();
    files(&directory);
    let internal = InternalFiles::new().x_sendfile(directory.join("files"));
    let router = Router::new().fallback_service(fpm.scripts().internal_files(internal));
    let below = directory.display();
    for (path, status, body) in [
        (format!("{below}/files/a.txt"), 200, "0123456789"),
        (format!("{below}/files/a b.txt"), 200, "a space"),
        (format!("{below}/files/a%20b.txt"), 200, "a space"),
        (format!("{below}/files//sub/page.html"), 200, "<p>below</p>"),
        (format!("{below}/files/within.txt"), 200, "0123456789"),
        (format!("{below}/files/out.txt"), 404, ""),
        (format!("{below}/files/../secret.txt"), 404, ""),
        (format!("{below}/files/%2e%2e/secret.txt"), 404, ""),
        (format!("{below}/filesystem.txt"), 404, ""),
        (format!("{below}/files"), 404, ""),
        ("a.txt".to_owned(), 404, ""),
        ("/etc/passwd".to_owned(), 404, ""),
    ] {
        let headers =
            ["Content-Disposition: attachment", "X-Own: 1", "ETag: \"php\"", &format!("X-Sendfile: {path}")];
        let response = get(&router, &script(&headers, "")).await;
        assert_eq!((response.status, response.text()), (status, body), "{path}");
        assert_eq!(response.header("x-sendfile"), None, "{path}");
        assert_eq!(
            (response.header("x-own"), response.header("content-disposition")),
            (Some("1"), Some("attachment"))
        );
        assert_ne!(response.header("etag"), Some("\"php\""));
    }
    // Not configured: as for nginx without such a location, but without its 404.
    let named = script(&["X-Accel-Redirect: /protected/a.txt"], "");
    let response = get(&router, &named).await;
    assert_eq!((response.text(), response.header("x-accel-redirect")), ("a body of PHP", None));
}

const X_ACCEL: [&str; 5] = [
    "X-Accel-Redirect: /protected/a.txt",
    "X-Accel-Buffering: no",
    "X-Accel-Expires: 60",
    "X-Accel-Charset: utf-8",
    "X-Accel-Limit-Rate: 1000",
];

async fn removed(fpm: Fpm) {
    let router = Router::new().fallback_service(fpm.scripts());
    let response = get(&router, &script(&[&X_ACCEL[..], &["X-Sendfile: /etc/passwd"]].concat(), "")).await;
    assert_eq!((response.status, response.text()), (200, "a body of PHP"));
    let names = response.head.headers().keys().filter(|name| name.as_str().starts_with("x-"));
    // nginx does not know X-Sendfile.
    assert_eq!(names.collect::<Vec<_>>(), ["x-powered-by", "x-sendfile"]);
}

async fn passed(fpm: Fpm) {
    let router = Router::new().fallback_service(fpm.scripts().pass_internal_headers());
    let response = get(&router, &script(&X_ACCEL, "")).await;
    assert_eq!(response.header("x-accel-redirect"), Some("/protected/a.txt"));
    assert_eq!(response.header("x-accel-buffering"), Some("no"));
}
