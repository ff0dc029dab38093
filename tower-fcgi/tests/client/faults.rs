//! Invalid or incomplete responses never end cleanly.

use fcgi_core::{ProtocolStatus, RecordType};
use http_body_util::BodyExt as _;
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{Config, Error};

use crate::both::*;
use crate::scripted::{self, end, end_with, record, stdout};

/// The result of a request to an application that sends `wire` and closes.
async fn asked(wire: &[u8]) -> Result<Result<String, Error>, Error> {
    let (mut sender, _web_server, mut app) = scripted::connect(Config::default().with_max_head_bytes(1000));
    let response = sender.call(get("/"));
    app.request().await;
    app.send(wire).await;
    drop(app);
    Ok(text(response.await?.into_body()).await)
}

#[tokio::test(start_paused = true)]
async fn eof_without_end_request_is_an_error_anywhere() {
    let whole = [stdout("Content-Length: 2\r\n\r\nok"), stdout(""), end()].concat();
    let head = 8 + 21;
    for cut in 0..whole.len() {
        let result = asked(&whole[..cut]).await;
        let error = match result {
            Err(error) => {
                assert!(cut < head, "after {cut} bytes");
                error
            }
            Ok(body) => body.expect_err("incomplete, but no error"),
        };
        assert!(error.is_incomplete(), "after {cut} bytes: {error}");
    }
    assert_eq!(asked(&whole).await.unwrap().unwrap(), "ok");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_as_long_as_it_says() {
    for (body, whole) in [("", false), ("o", false), ("ok", true), ("ok!", false)] {
        let wire = [stdout(format!("Content-Length: 2\r\n\r\n{body}")), end()].concat();
        match asked(&wire).await.unwrap() {
            Ok(text) => assert!(whole && text == body),
            Err(error) => assert!(!whole && error.is_incomplete(), "{body:?}: {error}"),
        }
    }
    let empty = [stdout("Status: 304\r\nContent-Length: 9\r\n\r\nxx"), end()].concat();
    assert_eq!(asked(&empty).await.unwrap().unwrap(), "", "a 304 has no body, whatever is sent");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_head_is_an_error_by_name() {
    let long = format!("X: {}\r\n\r\n", "y".repeat(1000));
    for wire in ["", "Status: abc\r\n\r\n", "no colon\r\n\r\n", "Status: 200 OK\r\n", &long] {
        let stdout = if wire.is_empty() { Vec::new() } else { stdout(wire) };
        let error = asked(&[stdout, end()].concat()).await.unwrap_err();
        assert!(error.is_invalid_head(), "{wire:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_reported_and_the_connection_kept() {
    for status in [ProtocolStatus::OVERLOADED, ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::UNKNOWN_ROLE] {
        let (mut sender, _web_server, mut app) = scripted::connect(Config::default());
        let response = sender.call(get("/"));
        app.request().await;
        app.send(end_with(status)).await;
        assert_eq!(response.await.unwrap_err().protocol_status(), Some(status));
        sender.ready().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_protocol_error_fails_response_and_connection() {
    let broken = record(RecordType::STDIN, b"x");
    let error = asked(&broken).await.unwrap_err();
    assert!(error.is_protocol_error(), "{error}");
    let begun = [stdout("\r\nbegun"), broken].concat();
    assert!(asked(&begun).await.unwrap().unwrap_err().is_protocol_error());
}

#[tokio::test(start_paused = true)]
async fn what_an_idle_application_sends_ends_the_connection() {
    let (sender, web_server, mut app) = scripted::connect(Config::default());
    app.send(stdout("for whom?")).await;
    assert!(web_server.await.unwrap().unwrap_err().is_protocol_error());
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_failed_or_wrong_sized_body_aborts_its_request() {
    for declared in [None, Some("3"), Some("9")] {
        let (mut sender, _web_server, mut app) = scripted::connect(Config::default());
        let (mut body, channel) = http_body_util::Channel::<bytes::Bytes, std::io::Error>::new(4);
        let mut request = post("/", channel.boxed_unsync());
        if let Some(length) = declared {
            request.headers_mut().insert("content-length", length.parse().unwrap());
        }
        let response = sender.call(request);
        body.send_data("12345".into()).await.unwrap();
        match declared {
            None => body.abort(std::io::Error::other("it broke")),
            Some(_) => drop(body),
        }
        let error = response.await.unwrap_err();
        assert!(error.is_request_body(), "{error}");
        app.up_to(RecordType::ABORT_REQUEST).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_dropped_fails_its_request() {
    for begun in [false, true] {
        let (mut sender, web_server, mut app) = scripted::connect(Config::default());
        let response = sender.call(get("/"));
        app.request().await;
        let error = if begun {
            app.send(stdout("\r\nbegun")).await;
            let body = response.await.unwrap().into_body();
            web_server.abort();
            text(body).await.unwrap_err()
        } else {
            web_server.abort();
            response.await.unwrap_err()
        };
        assert!(error.is_incomplete());
        assert!(sender.ready().await.unwrap_err().is_closed());
    }
}
