//! PHP: responses that end early, late or never.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum_fcgi::PhpGateway;
use http_body_util::BodyExt as _;
use libtest_mimic::Trial;
use tokio::time::sleep;

use crate::client::{ask, get, send, streamed};
use crate::fpm::{CHILDREN, Fpm, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("an_early_exit", early),
        trial("a_killed_process", killed),
        trial("max_children_reached", max_children),
        trial("php_fpm_restarts", restart),
        trial("head_timeout", head_timeout),
        trial("response_timeout", timeout),
        trial("a_disconnected_client", disconnect),
    ]
}

async fn early(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    for _ in 0..3 {
        // PHP reads the body of a POST before the script runs.
        let put = Request::put("/php/do.php?what=early").header("content-length", 50_000_000);
        let response = ask(&router, put.body(streamed(50_000_000)).unwrap()).await;
        assert_eq!((response.status, response.text()), (403, "no"));
    }
    assert_eq!(get(&router, "/php/hello.php").await.text(), "Hello, World!");
}

async fn killed(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    let request = Request::get("/php/do.php?what=killed-at-once").body(Body::empty()).unwrap();
    assert_eq!(ask(&router, request).await.status, 502);
    let request = Request::get("/php/do.php?what=killed").body(Body::empty()).unwrap();
    let response = send(&router, request).await;
    // PHP's buffers decide whether the head was sent.
    if response.status() == 200 {
        response.into_body().collect().await.expect_err("the body must be incomplete");
    }
    assert_eq!(get(&router, "/php/hello.php").await.text(), "Hello, World!");
}

/// Occupies a PHP process until the file exists; returns when the script runs.
async fn occupy(router: &Router, file: &Path) -> tokio::task::JoinHandle<(u16, String)> {
    let path = format!("/php/do.php?what=wait&file={}", file.display());
    let router = router.clone();
    let occupied = tokio::spawn(async move {
        let response = get(&router, &path).await;
        (response.status, response.text().to_owned())
    });
    let begun = format!("{}.begun", file.display());
    while !Path::new(&begun).exists() {
        sleep(Duration::from_millis(5)).await;
    }
    occupied
}

async fn max_children(fpm: Fpm) {
    let patient = Router::new().nest_service("/php", fpm.scripts());
    let limited =
        PhpGateway::new(fpm.pool_builder().acquire_timeout(Duration::from_millis(50)).build(), fpm.root());
    let limited = Router::new().nest_service("/php", limited);
    let mut occupied = Vec::new();
    for child in 0..CHILDREN {
        occupied.push(occupy(&limited, &fpm.path().join(format!("go-{child}"))).await);
    }
    assert_eq!(get(&limited, "/php/hello.php").await.status, 503);
    // These wait for PHP's processes in the socket's queue.
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let patient = patient.clone();
            tokio::spawn(async move { get(&patient, "/php/hello.php").await.text().to_owned() })
        })
        .collect();
    for child in 0..CHILDREN {
        std::fs::write(fpm.path().join(format!("go-{child}")), "").unwrap();
    }
    for occupied in occupied {
        assert_eq!(occupied.await.unwrap(), (200, "done".to_owned()));
    }
    // A kept connection occupies a process, so these must be closed.
    drop(limited);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), "Hello, World!");
    }
}

async fn restart(mut fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    assert_eq!(get(&router, "/php/hello.php").await.text(), "Hello, World!");
    for _ in 0..3 {
        // The kept connection is closed, and no client notices.
        fpm.restart().unwrap();
        let response = get(&router, "/php/hello.php").await;
        assert_eq!((response.status, response.text()), (200, "Hello, World!"));
    }
    fpm.stop();
    let response = get(&router, "/php/hello.php").await;
    assert_eq!((response.status, response.text()), (502, ""), "the response must not have details");
    fpm.restart().unwrap();
    assert_eq!(get(&router, "/php/hello.php").await.text(), "Hello, World!");
}

async fn head_timeout(fpm: Fpm) {
    let scripts = fpm.scripts().header_timeout(Duration::from_millis(200));
    let router = Router::new().nest_service("/php", scripts);
    let file = fpm.path().join("go");
    let path = format!("/php/do.php?what=wait&file={}", file.display());
    let response = get(&router, &path).await;
    assert_eq!((response.status, response.text()), (504, ""));
    std::fs::write(file, "").unwrap();
    let patient = Router::new().nest_service("/php", fpm.scripts());
    assert_eq!(get(&patient, "/php/hello.php").await.text(), "Hello, World!");
}

async fn timeout(fpm: Fpm) {
    let scripts = fpm.scripts().timeout(Duration::from_millis(500));
    let router = Router::new().nest_service("/php", scripts);
    let request = Request::get("/php/do.php?what=drip").body(Body::empty()).unwrap();
    let response = send(&router, request).await;
    // On a slow machine the timeout may expire before the head.
    if response.status() == 200 {
        response.into_body().collect().await.expect_err("the body must be incomplete");
    } else {
        assert_eq!(response.status(), 504);
    }
    let patient = Router::new().nest_service("/php", fpm.scripts());
    assert_eq!(get(&patient, "/php/hello.php").await.text(), "Hello, World!");
}

async fn disconnect(fpm: Fpm) {
    let router = Router::new().nest_service("/php", fpm.scripts());
    // More requests than processes: each must free its process.
    for _ in 0..3 * CHILDREN {
        let request = Request::get("/php/do.php?what=drip").body(Body::empty()).unwrap();
        let response = send(&router, request).await;
        let frame = response.into_body().frame().await.expect("a frame").expect("no error");
        assert!(frame.data_ref().unwrap().starts_with(b"begun"));
    }
    assert_eq!(get(&router, "/php/hello.php").await.text(), "Hello, World!");
}
