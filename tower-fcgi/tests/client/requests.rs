//! Requests, as the application sees them.

use bytes::Bytes;
use fcgi_core::{NameValuePairs, RecordType};
use http::{Method, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Channel};
use tokio::time::{Duration, Instant, timeout};
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{ErrorKind, ExtraParams};
use tower_fcgi::{Params, RequestBody};

use crate::loopback::*;
use crate::scripted::{self, complete_response};

#[tokio::test(start_paused = true)]
async fn head_and_body_arrive_as_they_were_sent() {
    let mut ends = connect(kept(), async |request: Request<RequestBody>| {
        let (parts, body) = request.into_parts();
        assert_eq!(body.size_hint().exact(), Some(70_000));
        let len = body.collect().await.unwrap().to_bytes().len();
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        Response::new(format!(
            "{} {} {:?} {:?} {len}",
            parts.method,
            parts.uri,
            header("host"),
            header("x-dup")
        ))
    });
    let request = Request::put("http://example.org/a%20b?c=d").header("x-dup", "1").header("x-dup", "2");
    let request = request.body(full(vec![7; 70_000])).unwrap();
    let response = ends.sender.ready().await.unwrap().call(request).await.unwrap();
    let expected = r#"PUT /a%20b?c=d Some("example.org") Some("1, 2") 70000"#;
    assert_eq!(text(response.into_body()).await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn bodies_stream_in_both_directions_at_once() {
    let mut ends = connect(kept(), async |request: Request<RequestBody>| {
        assert_eq!(request.body().size_hint().exact(), None);
        Response::new(request.into_body())
    });
    let (mut body, channel) = Channel::<Bytes, std::io::Error>::new(1);
    let response = ends.sender.call(post("/", channel.boxed_unsync())).await.unwrap();
    let mut echo = response.into_body();
    for number in 0..20 {
        let content = Bytes::from(vec![number; 1 + 700 * usize::from(number)]);
        body.send_data(content.clone()).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < content.len() {
            seen.extend_from_slice(&echo.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        assert_eq!(seen, content);
    }
    drop(body);
    assert!(echo.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn large_bodies_pass_through_a_small_pipe() {
    let mut ends = connect(kept().with_request_window(1000), async |request: Request<RequestBody>| {
        Response::new(request.into_body())
    });
    let content: Bytes = (0..=250).cycle().take(3_000_000).collect::<Vec<u8>>().into();
    let response = ends.sender.call(post("/", full(content.clone()))).await.unwrap();
    assert!(response.into_body().collect().await.unwrap().to_bytes() == content);
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_reused_and_another_closed() {
    for keep in [true, false] {
        let mut ends = connect(kept().with_keep_conn(keep), async |request: Request<RequestBody>| {
            Response::new(request.uri().to_string())
        });
        let response = ends.sender.call(get("/1")).await.unwrap();
        assert_eq!(text(response.into_body()).await.unwrap(), "/1");
        if keep {
            let response = ends.sender.ready().await.unwrap().call(get("/2")).await.unwrap();
            assert_eq!(text(response.into_body()).await.unwrap(), "/2");
            drop(ends.sender);
        } else {
            assert_eq!(ends.sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
        }
        ends.web_server.await.unwrap().unwrap();
        ends.application.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn extra_params_of_all_requests_and_of_one() {
    let extra = ExtraParams([("DOCUMENT_ROOT", "/srv"), ("SERVER_NAME", "all")].into_iter().collect());
    let mut ends = connect(kept().with_extra_params(extra), async |request: Request<RequestBody>| {
        let params = request.extensions().get::<Params>().unwrap();
        let values =
            ["DOCUMENT_ROOT", "SERVER_NAME", "REMOTE_ADDR"].map(|name| params.get_str(name).unwrap());
        Response::new(values.join(" "))
    });
    let mut request = get("/");
    let own = [("REMOTE_ADDR", "192.0.2.1"), ("SERVER_NAME", "own")];
    request.extensions_mut().insert(ExtraParams(own.into_iter().collect()));
    let response = ends.sender.call(request).await.unwrap();
    assert_eq!(text(response.into_body()).await.unwrap(), "/srv own 192.0.2.1");
}

#[tokio::test(start_paused = true)]
async fn each_record_of_params_has_whole_pairs() {
    let (mut sender, _web_server, mut app) = scripted::connect(kept());
    let mut request = get("/");
    for (name, len) in [("x-a", 30_000), ("x-b", 60_000), ("x-c", 3), ("x-d", 65_000), ("x-e", 60_000)] {
        request.headers_mut().insert(name, "v".repeat(len).parse().unwrap());
    }
    let response = sender.call(request);
    assert_eq!(app.record().await.unwrap().0, RecordType::BEGIN_REQUEST);
    let mut lengths = Vec::new();
    while let Some((RecordType::PARAMS, content)) = app.record().await
        && !content.is_empty()
    {
        let pairs = NameValuePairs::new(&content).map(|pair| pair.expect("a whole pair"));
        lengths.push(
            pairs
                .filter(|(name, _)| name.starts_with(b"HTTP_X_"))
                .map(|(_, value)| value.len())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(lengths, [vec![30_000], vec![60_000, 3], vec![65_000], vec![60_000]]);
    app.send(complete_response("ok")).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_variable_that_fits_no_record_is_not_sent() {
    let (mut sender, _web_server, mut app) = scripted::connect(kept());
    let mut request = get("/");
    request.headers_mut().insert("x-a", "v".repeat(65_530).parse().unwrap());
    let error = sender.call(request).await.unwrap_err();
    assert_eq!(error.too_long_param(), Some("HTTP_X_A"));
    assert_eq!(error.kind(), ErrorKind::ParamTooLong);
    assert!(!error.is_request_body());
    // The connection is still good, and its first bytes are those of the next request.
    let response = sender.ready().await.unwrap().call(get("/"));
    assert_eq!(app.record().await.unwrap().0, RecordType::BEGIN_REQUEST);
    app.request().await;
    app.send(complete_response("ok")).await;
    assert_eq!(text(response.await.unwrap().into_body()).await.unwrap(), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_first_request_that_is_not_sent_counts_as_use() {
    let (mut sender, web_server, _app) =
        scripted::connect(kept().with_keep_alive_timeout(Duration::from_secs(1)));
    let mut request = get("/");
    request.headers_mut().insert("x-a", "v".repeat(65_530).parse().unwrap());
    assert!(sender.call(request).await.unwrap_err().too_long_param().is_some());
    let start = Instant::now();
    timeout(Duration::from_secs(3600), web_server).await.expect("idle without a limit").unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_response_to_head_has_only_its_length() {
    let mut ends = connect(kept(), async |_: Request<RequestBody>| {
        Response::builder().header("content-length", "5").body(full("")).unwrap()
    });
    let request = Request::builder().method(Method::HEAD).body(none()).unwrap();
    let response = ends.sender.call(request).await.unwrap();
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(text(response.into_body()).await.unwrap(), "");
    ends.sender.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_busy_sender_fails_instead_of_mixing_requests() {
    let mut ends = connect(kept(), async |_: Request<RequestBody>| {
        std::future::pending::<()>().await;
        Response::new(none())
    });
    let first = ends.sender.call(get("/1"));
    assert_eq!(ends.sender.call(get("/2")).await.unwrap_err().kind(), ErrorKind::Closed);
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn sequential_requests_work_over_pipes_of_any_size() {
    for pipe in [1, 2, 7, 8, 9, 100, 100_000] {
        let mut ends = connect_with_pipe(pipe, kept(), async |request: Request<RequestBody>| {
            let status = request.headers()["x-status"].to_str().unwrap().parse::<u16>().unwrap();
            Response::builder().status(status).body(request.into_body()).unwrap()
        });
        for (number, len) in [0, 1, 20, 10_000, 5000].into_iter().enumerate() {
            let content: Bytes = (0..=250).cycle().take(len).collect::<Vec<u8>>().into();
            let status = 200 + u16::try_from(number).unwrap();
            let mut request = post("/", full(content.clone()));
            request.headers_mut().insert("x-status", status.into());
            let response = ends.sender.ready().await.unwrap().call(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status);
            let expected = if status == 204 { Bytes::new() } else { content };
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(body == expected, "{len} bytes over a pipe of {pipe}");
        }
        drop(ends.sender);
        ends.web_server.await.unwrap().unwrap();
    }
}
