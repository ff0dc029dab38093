//! Requests to PHP.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use libtest_mimic::Failed;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;
use tower_fcgi::client::{Config, Error, ErrorKind, ExtraParams, Pool, ResponseBody};

use crate::fpm::Fpm;

/// A php-fpm and its log.
pub(crate) struct Php {
    service: BoxCloneSyncService<Request<Full<Bytes>>, http::Response<ResponseBody>, Error>,
    /// With kept connections.
    kept: BoxCloneSyncService<Request<Full<Bytes>>, http::Response<ResponseBody>, Error>,
    /// With several requests on a connection, if PHP took them.
    several: BoxCloneSyncService<Request<Full<Bytes>>, http::Response<ResponseBody>, Error>,
    /// The number of connections made.
    connections: Arc<AtomicUsize>,
    log: Arc<Mutex<Vec<u8>>>,
}

type Run = fn(Php) -> Pin<Box<dyn Future<Output = ()>>>;

pub(crate) const ALL: &[(&str, Run)] = &[
    ("variables_and_headers", |php| Box::pin(variables_and_headers(php))),
    ("long_variables_arrive_whole", |php| Box::pin(long_variables(php))),
    ("bodies_up_and_down", |php| Box::pin(bodies(php))),
    ("connections_are_kept_if_configured", |php| Box::pin(kept(php))),
    ("php_takes_one_request_at_a_time", |php| Box::pin(one_at_a_time(php))),
    ("an_early_response_to_a_large_body", |php| Box::pin(early(php))),
    ("stderr_goes_to_its_handler", |php| Box::pin(stderr(php))),
    ("a_status_a_redirect_and_a_head", |php| Box::pin(statuses(php))),
    ("an_abort_leaves_other_requests_alone", |php| Box::pin(aborted(php))),
    ("an_abort_that_crosses_the_end", |php| Box::pin(crossing(php))),
    ("a_crash_is_never_a_complete_response", |php| Box::pin(crash(php))),
];

pub(crate) fn perform(program: &Path, run: Run) -> Result<(), Failed> {
    let fpm = Fpm::start(program)?;
    let connections = Arc::new(AtomicUsize::new(0));
    let log = Arc::new(Mutex::new(Vec::new()));
    let (count, sink) = (Arc::clone(&connections), Arc::clone(&log));
    let script = ExtraParams([("SCRIPT_FILENAME", fpm.script())].into_iter().collect());
    let config = Config::default()
        .with_extra_params(script)
        .with_on_stderr(move |text| sink.lock().unwrap().extend_from_slice(text));
    let socket = fpm.socket();
    let connect = move || {
        count.fetch_add(1, Ordering::Relaxed);
        UnixStream::connect(socket.clone())
    };
    let pool = Pool::builder(connect).max_size(2);
    let kept = pool.clone().config(config.clone().with_keep_conn(true)).build();
    let several = pool.clone().config(config.clone().with_max_concurrent_requests(8)).build();
    let service = BoxCloneSyncService::new(pool.config(config).build());
    let (kept, several) = (BoxCloneSyncService::new(kept), BoxCloneSyncService::new(several));
    let php = Php { service, kept, several, connections, log };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { timeout(Duration::from_secs(60), run(php)).await })?;
    Ok(())
}

impl Php {
    async fn send(&self, request: Request<Full<Bytes>>) -> http::Response<ResponseBody> {
        self.service.clone().oneshot(request).await.expect("a response")
    }

    async fn text(&self, request: Request<Full<Bytes>>) -> String {
        let body = self.send(request).await.into_body().collect().await.expect("a complete response");
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

fn post(path: &str, len: usize) -> Request<Full<Bytes>> {
    Request::post(path).body(Full::from(vec![b'x'; len])).unwrap()
}

async fn variables_and_headers(php: Php) {
    let request = Request::get("http://example.org/variables").header("x-foo", "y").header("proxy", "evil");
    let response = php.send(request.body(Full::default()).unwrap()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get_all("x-two").iter().collect::<Vec<_>>(), ["1", "2"]);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    let expected = "REQUEST_METHOD=GET\nQUERY_STRING=\nHTTP_X_FOO=y\nSERVER_NAME=example.org\nSCRIPT_NAME=\nHTTP_PROXY=none\n";
    assert_eq!(text, expected);
}

async fn long_variables(php: Php) {
    // Any two of the longest need two records of PARAMS.
    for lengths in [&[30_000, 60_000, 10, 60_000, 30_000, 65_000, 3][..], &[65_520, 65_520], &[200; 700]] {
        let mut request = Request::get("/long");
        let mut expected = String::new();
        for (at, len) in lengths.iter().enumerate() {
            let value: String =
                (0..*len).map(|byte| char::from(b'a' + (at + byte % 25) as u8 % 26)).collect();
            expected += &format!("HTTP_X_{at:03}={value}\n");
            request = request.header(format!("x-{at:03}"), value);
        }
        let text = php.text(request.body(Full::default()).unwrap()).await;
        assert!(text == expected, "{} of {} bytes", text.len(), expected.len());
    }
    let cookie = Request::get("/long").header("cookie", "x".repeat(65_520)).body(Full::default()).unwrap();
    let error = php.service.clone().oneshot(cookie).await.expect_err("it fits no record");
    assert_eq!(error.too_long_param(), Some("HTTP_COOKIE"));
    assert_eq!(php.text(get("/long")).await, "");
}

async fn bodies(php: Php) {
    // md5sum of as many x.
    assert_eq!(php.text(post("/digest", 3)).await, "3 f561aaf6ef0bf14d4208bb46a4ccb3ad");
    assert_eq!(php.text(get("/digest")).await, "none d41d8cd98f00b204e9800998ecf8427e");
    let text = php.text(post("/digest", 7_000_000)).await;
    assert!(text.starts_with("7000000 "), "{text}");
    assert_eq!(php.text(get("/large")).await.len(), 3_000_000);
}

async fn kept(php: Php) {
    for _ in 0..20 {
        assert_eq!(php.text(post("/digest", 3)).await, "3 f561aaf6ef0bf14d4208bb46a4ccb3ad");
    }
    assert_eq!(php.connections.swap(0, Ordering::Relaxed), 20);
    let php = Php { service: php.kept.clone(), ..php };
    for _ in 0..20 {
        assert_eq!(php.text(get("/digest")).await, "none d41d8cd98f00b204e9800998ecf8427e");
    }
    // On a slow machine PHP may take too long to show that it is free.
    assert!((1..10).contains(&php.connections.swap(0, Ordering::Relaxed)));
    // A request that could not be sent again gets a new connection.
    for _ in 0..20 {
        assert_eq!(php.text(post("/digest", 3)).await, "3 f561aaf6ef0bf14d4208bb46a4ccb3ad");
    }
    assert_eq!(php.connections.load(Ordering::Relaxed), 20);
}

async fn one_at_a_time(php: Php) {
    for _ in 0..5 {
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..8 {
            requests.spawn(php.several.clone().oneshot(get("/digest")));
        }
        while let Some(response) = requests.join_next().await {
            let body = response.unwrap().expect("a response").into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "none d41d8cd98f00b204e9800998ecf8427e");
        }
    }
    // One of them is probed, and each is reused, unless PHP takes too long to show that it is free.
    assert!((2..20).contains(&php.connections.load(Ordering::Relaxed)));
}

async fn early(php: Php) {
    for _ in 0..3 {
        // PHP reads the body of a POST before it runs the script.
        let put = Request::put("/early").body(Full::from(vec![b'x'; 10_000_000])).unwrap();
        let response = php.send(put).await;
        assert_eq!(response.status(), 403);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "no");
    }
}

async fn stderr(php: Php) {
    assert_eq!(php.text(get("/log")).await, "logged");
    let log = String::from_utf8(php.log.lock().unwrap().clone()).unwrap();
    assert!(log.contains("to the log"), "{log:?}");
}

async fn statuses(php: Php) {
    let response = php.send(get("/status")).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["set-cookie"]),
        (404, &"a=b".parse().unwrap())
    );
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "not here");
    // PHP adds the status itself, so this is no local redirect (RFC 3875 §6.2.2).
    let response = php.send(get("/redirect")).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (302, &"/variables".parse().unwrap())
    );
    drop(response);
    let head = Request::head("/large").body(Full::default()).unwrap();
    assert_eq!(php.text(head).await, "");
}

async fn aborted(php: Php) {
    let response = php.send(get("/slow")).await;
    drop(response);
    for _ in 0..5 {
        assert_eq!(php.text(get("/digest")).await, "none d41d8cd98f00b204e9800998ecf8427e");
    }
}

async fn crossing(php: Php) {
    for _ in 0..50 {
        // PHP has completed its response before it sees the abort.
        drop(php.send(get("/large")).await);
        assert_eq!(php.text(post("/digest", 3)).await, "3 f561aaf6ef0bf14d4208bb46a4ccb3ad");
    }
}

async fn crash(php: Php) {
    let Ok(response) = php.service.clone().oneshot(get("/crash")).await else { return };
    let error = response.into_body().collect().await.expect_err("it is incomplete");
    assert!(error.is_incomplete() || error.kind() == ErrorKind::Io, "{error}");
}
