//! PHP: a script's variables, its input and its output.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum_fcgi::tower_fcgi::client::ExtraParams;
use axum_fcgi::{Buffering, RequestBuffering};
use http_body_util::BodyExt as _;
use libtest_mimic::Trial;

use crate::client::{ask, get, send, streamed};
use crate::fpm::{Fpm, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("variables", variables),
        trial("below_a_path_and_at_the_root", mounts),
        trial("long_headers_and_targets", long),
        trial("forms", forms),
        trial("an_upload_of_50_mb", upload),
        trial("bodies_of_unknown_length", unsized_bodies),
        trial("sessions", sessions),
        trial("large_output", large),
        trial("errors_on_stderr", errors),
        trial("statuses_and_redirects", statuses),
    ]
}

async fn variables(fpm: Fpm) {
    let user = from_fn(async |mut request: Request, next: Next| {
        let own = [("REMOTE_USER", "ann"), ("OVER", "own")];
        request.extensions_mut().insert(ExtraParams(own.into_iter().collect()));
        next.run(request).await
    });
    let scripts = fpm.scripts().env("APP_ENV", "test").env("OVER", "env").https(true);
    let router = Router::new().nest_service("/a%20b", scripts).layer(user);
    let request = Request::get("/a%20b/docs/index.php/x%20y/z?q=%20&r")
        .header("host", "shop.example.org")
        .header("x-dup", "1")
        .header("x-dup", "2")
        .header("authorization", "Basic eDp5")
        .header("proxy", "http://evil")
        .header("script_filename", "/etc/passwd");
    let response = ask(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let root = fpm.root().display().to_string();
    for (name, value) in [
        ("SCRIPT_FILENAME", &*format!("{root}/docs/index.php")),
        ("DOCUMENT_ROOT", &root),
        ("PATH_TRANSLATED", &format!("{root}/x y/z")),
        ("SCRIPT_NAME", "/a b/docs/index.php"),
        ("PATH_INFO", "/x y/z"),
        ("PHP_SELF", "/a b/docs/index.php/x y/z"),
        ("DOCUMENT_URI", "/a b/docs/index.php/x y/z"),
        ("REQUEST_URI", "/a%20b/docs/index.php/x%20y/z?q=%20&r"),
        ("QUERY_STRING", "q=%20&r"),
        ("REQUEST_METHOD", "GET"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "shop.example.org"),
        ("SERVER_PORT", "443"),
        ("REQUEST_SCHEME", "https"),
        ("HTTPS", "on"),
        ("REMOTE_ADDR", "192.0.2.7"),
        ("REMOTE_PORT", "4711"),
        ("REMOTE_USER", "ann"),
        ("HTTP_AUTHORIZATION", "Basic eDp5"),
        ("HTTP_X_DUP", "1, 2"),
        ("APP_ENV", "test"),
        ("OVER", "own"),
        ("REDIRECT_STATUS", "200"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
    ] {
        assert_eq!(response.variable(name), Some(value), "{name}");
    }
    assert_eq!(response.variable("HTTP_PROXY"), None);
    assert_eq!(response.variable("HTTP_SCRIPT_FILENAME"), None);
}

async fn mounts(fpm: Fpm) {
    // One pool for all routes: each kept connection takes a process.
    let scripts = fpm.scripts();
    let nested = Router::new().nest_service("/php", scripts.clone());
    let whole = Router::new().fallback_service(scripts.clone());
    let route = Router::new().route_service("/{*path}", scripts);
    for (router, path, script, info) in [
        (&nested, "/php/", "/php/index.php", ""),
        (&nested, "/php/docs/", "/php/docs/index.php", ""),
        (&nested, "/php/index.php/a", "/php/index.php", "/a"),
        (&whole, "/", "/index.php", ""),
        (&whole, "/docs/index.php/a", "/docs/index.php", "/a"),
        (&route, "/docs/index.php", "/docs/index.php", ""),
    ] {
        let response = get(router, path).await;
        assert_eq!(response.variable("SCRIPT_NAME"), Some(script), "{path}: {response:?}");
        assert_eq!(response.variable("PATH_INFO").unwrap_or_default(), info, "{path}");
        assert_eq!(response.variable("REQUEST_URI"), Some(path));
        assert_eq!(response.variable("SERVER_PORT"), Some("8080"));
        assert_eq!((response.variable("HTTPS"), response.variable("REQUEST_SCHEME")), (None, Some("http")));
    }
    for (path, to) in [("/php?a=b", "./php/?a=b"), ("/php/docs", "./docs/")] {
        let response = get(&nested, path).await;
        assert_eq!((response.status, response.header("location")), (308, Some(to)), "{path}");
    }
    // An HTTP/2 client may name any scheme.
    let named = Request::get("https://shop.example.org/").body(Body::empty()).unwrap();
    let response = ask(&whole, named).await;
    assert_eq!((response.variable("HTTPS"), response.variable("SERVER_PORT")), (None, Some("80")));
}

async fn long(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    let with_header = |name: &str, len: usize| {
        Request::get("/php/index.php").header(name, "x".repeat(len)).body(Body::empty()).unwrap()
    };
    let mut several = with_header("x-a", 60_000);
    several.headers_mut().insert("x-b", "y".repeat(60_000).parse().unwrap());
    let response = ask(&router, several).await;
    assert_eq!(response.variable("HTTP_X_A").map(str::len), Some(60_000), "{}", response.status);
    assert_eq!(response.variable("HTTP_X_B").map(str::len), Some(60_000));
    assert_eq!(ask(&router, with_header("cookie", 65_530)).await.status, 431);
    assert_eq!(ask(&router, with_header("content-type", 65_530)).await.status, 431);
    let long = "x".repeat(65_510);
    assert_eq!(get(&router, &format!("/php/index.php?{}", &long[..65_000])).await.status, 200);
    assert_eq!(get(&router, &format!("/php/index.php/{}", &long[..65_500])).await.status, 414, "its root");
    assert_eq!(get(&router, &format!("/php/index.php?{long}")).await.status, 414);
}

async fn forms(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    let form = |kind: &str, body: &'static str| {
        Request::post("/php/do.php?what=form").header("content-type", kind).body(Body::from(body)).unwrap()
    };
    let response =
        ask(&router, form("application/x-www-form-urlencoded", "a=1&b%5B%5D=x&b%5B%5D=%C3%BC")).await;
    assert_eq!(response.text(), r#"[{"a":"1","b":["x","\u00fc"]},"application\/x-www-form-urlencoded"]"#);
    let parts = "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--X--\r\n";
    let response = ask(&router, form("multipart/form-data; boundary=X", parts)).await;
    assert!(response.text().starts_with(r#"[{"a":"one"}"#), "{response:?}");
}

async fn upload(fpm: Fpm) {
    const SIZE: usize = 50 * 1024 * 1024;
    let router = Router::new().nest_service("/php", fpm.scripts());
    let before = "--X\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\nbeside\r\n--X\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";
    let after = "\r\n--X--\r\n";
    let chunks = futures_util::stream::iter([
        Body::from(before).into_data_stream(),
        streamed(SIZE).into_data_stream(),
        Body::from(after).into_data_stream(),
    ]);
    let body = Body::from_stream(futures_util::StreamExt::flatten(chunks));
    let request = Request::post("/php/upload.php")
        .header("content-type", "multipart/form-data; boundary=X")
        .header("content-length", before.len() + SIZE + after.len());
    let response = ask(&router, request.body(body).unwrap()).await;
    // md5sum of 50 MiB of x.
    assert_eq!(response.text(), format!("0 a.bin {SIZE} 6193beebb8065b5ba939d27cc0ac6bae beside"));
}

async fn unsized_bodies(fpm: Fpm) {
    let scripts = fpm.scripts();
    let router = |scripts| Router::new().fallback_service(scripts);
    let post = |len| Request::post("/do.php?what=digest").body(streamed(len)).unwrap();
    let collected = ask(&router(scripts.clone()), post(100_000)).await;
    assert_eq!(collected.text(), "100000 d5816f35916d1d9482fb0f1ec201101d");
    // md5sum of 20 MiB of x.
    let collected = ask(&router(scripts.clone()), post(20 << 20)).await;
    assert_eq!(collected.text(), "20971520 b9dc45e76c3e084bb92d9af5a383533a");
    let limited = scripts.clone().buffering(Buffering::default().with_max_body(100_000));
    assert_eq!(ask(&router(limited.clone()), post(100_000)).await.status, 200);
    assert_eq!(ask(&router(limited), post(100_001)).await.status, 413);
    // PHP gets no CONTENT_LENGTH, and reads nothing.
    let unbuffered = router(scripts.clone().buffering(None));
    assert!(ask(&unbuffered, post(100_000)).await.text().starts_with("none "));
    let unknown = Buffering::default().with_request_buffering(RequestBuffering::UnknownLength);
    let collected = ask(&router(scripts.clone().buffering(unknown)), post(100_000)).await;
    assert_eq!(collected.text(), "100000 d5816f35916d1d9482fb0f1ec201101d");
    let broken = futures_util::stream::iter([Ok("some"), Err(std::io::Error::other("gone"))]);
    let request = Request::post("/do.php?what=digest").body(Body::from_stream(broken)).unwrap();
    assert_eq!(ask(&router(scripts), request).await.status, 400);
}

async fn sessions(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    let first = get(&router, "/php/session.php").await;
    assert_eq!(first.text(), "1");
    let cookie =
        first.header("set-cookie").expect("the response sets a cookie").split(';').next().unwrap().to_owned();
    for visit in ["2", "3"] {
        let request = Request::get("/php/session.php").header("cookie", &cookie).body(Body::empty());
        assert_eq!(ask(&router, request.unwrap()).await.text(), visit);
    }
    assert_eq!(get(&router, "/php/session.php").await.text(), "1");
}

async fn large(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    let response = get(&router, "/php/do.php?what=large").await;
    let mut expected = crc32fast::Hasher::new();
    for chunk in 0..800_u32 {
        expected.update(&[b'A' + u8::try_from(chunk % 26).unwrap(); 65536]);
    }
    assert_eq!(response.body.len(), 800 * 65536);
    assert_eq!(crc32fast::hash(&response.body), expected.finalize());
}

async fn errors(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    let response = get(&router, "/php/do.php?what=log").await;
    assert_eq!((response.status, response.text()), (200, "logged"));
    let response = get(&router, "/php/do.php?what=fatal").await;
    assert_eq!((response.status, response.text()), (500, ""));
    let log = String::from_utf8(fpm.log.lock().unwrap().clone()).unwrap();
    for line in ["a line for the log", "Call to undefined function no_such_function()"] {
        assert!(log.contains(line), "{log:?}");
    }
}

async fn statuses(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    let response = get(&router, "/php/do.php?what=redirect").await;
    assert_eq!((response.status, response.header("location")), (302, Some("/elsewhere")));
    let head = Request::head("/php/do.php?what=large").body(Body::empty()).unwrap();
    let response = send(&router, head).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "");
}
