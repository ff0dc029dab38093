//! Each request waits for the readiness of its own clone of the application's service.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{advance, timeout};
use tower::ServiceExt as _;
use tower::buffer::Buffer;
use tower::limit::{ConcurrencyLimit, RateLimit, rate::Rate};
use tower::load_shed::LoadShed;

use axum::http::uri::PathAndQuery;
use tower_fcgi::client::LocalRedirect;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Holds a permit from `poll_ready` until it is dropped.
struct PermitService {
    permits: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    behaviour: Behaviour,
}

#[derive(Clone, Copy)]
enum Behaviour {
    /// Responds with the target.
    Responds,
    NeverResponds,
    FailsReadiness,
    /// Redirects from `/app/a` to `/app/b`.
    Redirects,
}

impl PermitService {
    fn new(permits: usize, behaviour: Behaviour) -> Self {
        Self { permits: Arc::new(Semaphore::new(permits)), permit: None, behaviour }
    }
}

impl Clone for PermitService {
    fn clone(&self) -> Self {
        Self { permits: Arc::clone(&self.permits), permit: None, behaviour: self.behaviour }
    }
}

impl Service<Request> for PermitService {
    type Response = Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if let Behaviour::FailsReadiness = self.behaviour {
            return Poll::Ready(Err("not ready".into()));
        }
        self.permit = Arc::clone(&self.permits).try_acquire_owned().ok();
        if self.permit.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(self.permit.is_some(), "called a clone that was not ready");
        let (behaviour, permits) = (self.behaviour, Arc::clone(&self.permits));
        Box::pin(async move {
            assert_eq!(permits.available_permits(), 1, "the called clone still exists");
            let mut response = request.uri().to_string().into_response();
            match behaviour {
                Behaviour::NeverResponds => std::future::pending().await,
                Behaviour::Redirects if request.uri() == "/app/a" => {
                    response.extensions_mut().insert(LocalRedirect(PathAndQuery::from_static("/app/b")));
                }
                _ => {}
            }
            Ok(response)
        })
    }
}

pub(super) fn request(path: &str) -> Request {
    Request::get(path).body(Body::empty()).unwrap()
}

pub(super) async fn text(response: Response) -> String {
    let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

/// A document root with a script, a file and a directory.
fn root() -> TempDir {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("docs")).unwrap();
    for name in ["a.php", "x.css", "docs/index.php"] {
        fs::write(root.path().join(name), "").unwrap();
    }
    root
}

#[tokio::test(start_paused = true)]
async fn files_and_errors_do_not_wait_for_the_application() {
    let root = root();
    let files = tower::service_fn(async |_: Request| Ok::<_, Infallible>("a file".into_response()));
    let mount = PhpGateway::new(PermitService::new(0, Behaviour::Responds), root.path()).files(files);
    let paths = [("/%2e%2e/a.php", 400), ("/%zz", 400), ("/docs", 308), ("/x.css", 200), ("/none", 200)];
    for (path, status) in paths.into_iter().chain([("/x.css/a.php", 404), ("/.git/a.php", 404)]) {
        let response = timeout(SECOND, mount.clone().oneshot(request(path))).await.expect(path).unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn busy_static_files_do_not_delay_scripts() {
    let root = root();
    let mut files = ConcurrencyLimit::new(Router::new().fallback(get(async || "a file")), 1);
    poll_fn(|cx| Service::<Request>::poll_ready(&mut files, cx)).await.unwrap();
    let mount = PhpGateway::new(PermitService::new(1, Behaviour::Responds), root.path()).files(files.clone());
    let script = timeout(SECOND, mount.clone().oneshot(request("/a.php"))).await.expect("waits").unwrap();
    assert_eq!(text(script).await, "/a.php");
    assert!(timeout(SECOND, mount.clone().oneshot(request("/x.css"))).await.is_err());
    drop(files);
    assert_eq!(text(mount.oneshot(request("/x.css")).await.unwrap()).await, "a file");
}

/// `ServeDir` would send its own index for the directory.
#[tokio::test]
async fn the_index_that_was_found_is_sent() {
    let root = root();
    for (name, text) in [("index.html", "denied"), ("home.htm", "home"), ("a b.htm", "home")] {
        fs::write(root.path().join(name), text).unwrap();
    }
    let files = tower_http::services::ServeDir::new(root.path());
    let php = |index: &str| {
        PhpGateway::new(PermitService::new(0, Behaviour::Responds), root.path())
            .index(["index.php", index])
            .deny(["index.html"])
            .files(files.clone())
    };
    for (index, expected) in [("home.htm", "home"), ("a b.htm", "home"), ("index.html", ""), ("none", "")] {
        let router = Router::new().nest_service("/app", php(index)).fallback_service(php(index));
        for path in ["/?a=b", "/app/", "/app/?a=b"] {
            let response = router.clone().oneshot(request(path)).await.unwrap();
            assert_eq!(response.status().as_u16(), if expected.is_empty() { 404 } else { 200 }, "{index}");
            assert_eq!(text(response).await, expected, "{index}: {path}");
        }
    }
}

#[tokio::test]
async fn either_spelling_of_a_setting_is_accepted() {
    let root = root();
    fs::write(root.path().join("index.inc"), "").unwrap();
    fs::write(root.path().join("fooinc"), "").unwrap();
    for (extension, front_controller) in [("inc", "index.inc"), (".inc", "/index.inc")] {
        let php = PhpGateway::new(PermitService::new(1, Behaviour::Responds), root.path())
            .script_extensions([extension])
            .front_controller(front_controller);
        assert_eq!(php.clone().oneshot(request("/none")).await.unwrap().status(), 200, "{front_controller}");
        assert_eq!(php.oneshot(request("/fooinc")).await.unwrap().status(), 404, "{extension}");
    }
}

#[test]
fn settings_that_cannot_be_meant_panic() {
    type Set = fn(PhpGateway<()>, &str) -> PhpGateway<()>;
    let settings: [(Set, &[&str]); 3] = [
        (|php, text| php.script_extensions([text]), &["", ".", "a/b"]),
        (|php, text| php.index([text]), &["", "/index.php", "..", "a//b"]),
        (|php, text| php.front_controller(text), &["", "/", "//index.php", "../index.php"]),
    ];
    for (set, invalid) in settings {
        for text in invalid {
            let result = std::panic::catch_unwind(|| set(PhpGateway::new((), "/srv"), text));
            assert!(result.is_err(), "{text:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_clone_is_dropped_right_after_the_call() {
    let application = PermitService::new(1, Behaviour::NeverResponds);
    let permits = Arc::clone(&application.permits);
    let mount = FastCgiGateway::new(application);
    let held = tokio::spawn(mount.clone().oneshot(request("/held")));
    advance(SECOND).await;
    assert_eq!(permits.available_permits(), 1);
    held.abort();

    let mount = FastCgiGateway::new(PermitService::new(1, Behaviour::Redirects)).local_redirects(1);
    let router = Router::new().nest_service("/app", mount);
    for _ in 0..2 {
        let response = timeout(SECOND, router.clone().oneshot(request("/app/a"))).await.expect("waits");
        assert_eq!(text(response.unwrap()).await, "/app/b");
    }
}

#[tokio::test(start_paused = true)]
async fn failing_readiness_is_502_and_pending_is_504() {
    let failed = FastCgiGateway::new(PermitService::new(1, Behaviour::FailsReadiness))
        .oneshot(request("/"))
        .await
        .unwrap();
    assert_eq!(failed.status(), StatusCode::BAD_GATEWAY);

    let limited = ConcurrencyLimit::new(PermitService::new(1, Behaviour::Responds), 1);
    let mut busy = limited.clone();
    poll_fn(|cx| busy.poll_ready(cx)).await.unwrap();
    let mount = FastCgiGateway::new(limited).header_timeout(SECOND);
    let dropped = tokio::spawn(mount.clone().oneshot(request("/dropped")));
    let late = timeout(2 * SECOND, mount.clone().oneshot(request("/late"))).await.unwrap().unwrap();
    assert_eq!(late.status(), StatusCode::GATEWAY_TIMEOUT);
    dropped.abort();
    drop(busy);
    let next =
        timeout(SECOND, mount.oneshot(request("/next"))).await.expect("the permit was not released").unwrap();
    assert_eq!(text(next).await, "/next");
}

#[tokio::test(start_paused = true)]
async fn tower_limits_wrap_an_application() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let paths = Arc::clone(&seen);
    let application = tower::service_fn(move |request: Request| {
        paths.lock().unwrap().push(request.uri().to_string());
        async {
            tokio::time::sleep(SECOND).await;
            Ok::<_, Infallible>("served".into_response())
        }
    });
    let mount = FastCgiGateway::new(LoadShed::new(ConcurrencyLimit::new(application.clone(), 1)));
    let first = tokio::spawn(mount.clone().oneshot(request("/1")));
    tokio::task::yield_now().await;
    assert_eq!(mount.clone().oneshot(request("/2")).await.unwrap().status(), StatusCode::BAD_GATEWAY);
    assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(mount.oneshot(request("/3")).await.unwrap().status(), StatusCode::OK);

    let rate = RateLimit::new(application, Rate::new(1, 10 * SECOND));
    let mount = FastCgiGateway::new(Buffer::new(rate, 1));
    let all = (4..8).map(|path| tokio::spawn(mount.clone().oneshot(request(&format!("/{path}")))));
    for response in all.collect::<Vec<_>>() {
        assert_eq!(response.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(*seen.lock().unwrap(), ["/1", "/3", "/4", "/5", "/6", "/7"]);
}

/// Behind FastCGI, the request's own version is always HTTP/1.1.
#[tokio::test]
async fn the_clients_protocol_reaches_the_application() {
    let version =
        async |request: Request| Ok::<_, Infallible>(format!("{:?}", request.version()).into_response());
    let gateway = FastCgiGateway::new(tower::service_fn(version));
    for (params, expected) in [
        (None, "HTTP/1.1"),
        (Some(("SERVER_PROTOCOL", "HTTP/2.0")), "HTTP/2.0"),
        (Some(("SERVER_PROTOCOL", "INCLUDED")), "HTTP/1.1"),
    ] {
        let mut request = request("/");
        if let Some(params) = params {
            request.extensions_mut().insert(tower_fcgi::Params::from_iter([params]));
        }
        assert_eq!(text(gateway.clone().oneshot(request).await.unwrap()).await, expected);
    }
}

/// The path to which a client goes (RFC 3986 §5.2.3).
fn resolve_reference(path: &str, location: &str) -> String {
    let (directory, _) = path.rsplit_once('/').unwrap();
    format!("{directory}/{}", location.strip_prefix("./").unwrap())
}

/// Wherever the gateway is, and whatever was removed from the path before.
#[tokio::test]
async fn redirects_to_directories_keep_the_clients_path() {
    let root = root();
    fs::create_dir(root.path().join("a:b")).unwrap();
    let files = tower_http::services::ServeDir::new(root.path());
    let php = PhpGateway::new(PermitService::new(0, Behaviour::Responds), root.path()).files(files);
    let strip = async |mut request: Request, next: axum::middleware::Next| {
        let stripped = request.uri().path().strip_prefix("/proxied").unwrap().parse().unwrap();
        *request.uri_mut() = stripped;
        next.run(request).await
    };
    let nest = |prefix: &str, router: Router| Router::new().nest(prefix, router);
    let mount = |prefix: &str| Router::new().nest_service(prefix, php.clone());
    let stripping =
        tower::ServiceBuilder::new().layer(axum::middleware::from_fn(strip)).service(mount("/php"));
    let stripping = Router::new().fallback_service(stripping);
    for (router, prefix) in [
        (Router::new().fallback_service(php.clone()), ""),
        (mount("/php"), "/php"),
        (nest("/a", nest("/b%20c", mount("/php"))), "/a/b%20c/php"),
        (nest("/{tenant}", mount("/php")), "/x.y/php"),
        (nest("/a", Router::new().fallback_service(php.clone())), "/a"),
        (Router::new().route_service("/{*path}", php.clone()), ""),
        (stripping, "/proxied/php"),
    ] {
        // With and without an index.
        for path in [format!("{prefix}/docs"), format!("{prefix}/a:b"), prefix.to_owned()] {
            if path.is_empty() || (path == prefix && !path.ends_with("/php")) {
                continue;
            }
            let response = router.clone().oneshot(request(&format!("{path}?q=/"))).await.unwrap();
            assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT, "{path}");
            let location = response.headers()[header::LOCATION].to_str().unwrap();
            assert_eq!(resolve_reference(&path, location), format!("{path}/?q=/"));
        }
    }
}
