//! Missing, invalid and incomplete responses: never a clean end.

use fcgi_core::{ProtocolStatus, RecordType};
use http_body_util::BodyExt as _;
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{Error, ErrorKind};

use crate::loopback::*;
use crate::scripted::{self, end, end_with, record, stdout};

/// The result of a request to an application that sends `wire` and closes.
async fn send_and_close(wire: &[u8]) -> Result<Result<String, Error>, Error> {
    let (mut sender, _web_server, mut app) = scripted::connect(kept().with_max_head_bytes(1000));
    let response = sender.call(get("/"));
    app.request().await;
    app.send(wire).await;
    drop(app);
    Ok(text(response.await?.into_body()).await)
}

#[tokio::test(start_paused = true)]
async fn eof_without_end_request_is_an_error_anywhere() {
    let complete = [stdout("Content-Length: 2\r\n\r\nok"), stdout(""), end()].concat();
    let head = 8 + 21;
    for cut in 0..complete.len() {
        let result = send_and_close(&complete[..cut]).await;
        let error = match result {
            Err(error) => {
                assert!(cut < head, "after {cut} bytes");
                error
            }
            Ok(body) => body.expect_err("it is incomplete"),
        };
        assert!(error.is_incomplete(), "after {cut} bytes: {error}");
    }
    assert_eq!(send_and_close(&complete).await.unwrap().unwrap(), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_response_must_have_its_content_length() {
    for (body, complete) in [("", false), ("o", false), ("ok", true)] {
        let wire = [stdout(format!("Content-Length: 2\r\n\r\n{body}")), end()].concat();
        match send_and_close(&wire).await.unwrap() {
            Ok(text) => assert!(complete && text == body),
            Err(error) => assert!(!complete && error.is_incomplete(), "{body:?}: {error}"),
        }
    }
    let empty = [stdout("Status: 304\r\nContent-Length: 9\r\n\r\nxx"), end()].concat();
    assert_eq!(send_and_close(&empty).await.unwrap().unwrap(), "", "a 304 has no body, whatever is sent");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_head_is_a_named_error() {
    let long = format!("X: {}\r\n\r\n", "y".repeat(1000));
    for wire in ["", "Status: abc\r\n\r\n", "no colon\r\n\r\n", "Status: 200 OK\r\n", &long] {
        let stdout = if wire.is_empty() { Vec::new() } else { stdout(wire) };
        let error = send_and_close(&[stdout, end()].concat()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidHead, "{wire:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_reported_and_the_connection_kept() {
    for status in [ProtocolStatus::OVERLOADED, ProtocolStatus::CANT_MPX_CONN, ProtocolStatus::UNKNOWN_ROLE] {
        let (mut sender, _web_server, mut app) = scripted::connect(kept());
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
    let error = send_and_close(&broken).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    let begun = [stdout("\r\nbegun"), broken].concat();
    assert_eq!(send_and_close(&begun).await.unwrap().unwrap_err().kind(), ErrorKind::Protocol);
}

#[tokio::test(start_paused = true)]
async fn unsolicited_input_is_a_protocol_error() {
    let (sender, web_server, mut app) = scripted::connect(kept());
    app.send(stdout("unsolicited")).await;
    assert_eq!(web_server.await.unwrap().unwrap_err().kind(), ErrorKind::Protocol);
    assert!(sender.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_failed_or_wrong_sized_body_aborts_its_request() {
    for declared in [None, Some("3"), Some("9")] {
        let (mut sender, _web_server, mut app) = scripted::connect(kept());
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
        app.read_to(RecordType::ABORT_REQUEST).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connection_fails_its_request() {
    for begun in [false, true] {
        let (mut sender, web_server, mut app) = scripted::connect(kept());
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
        assert_eq!(sender.ready().await.unwrap_err().kind(), ErrorKind::Closed);
    }
}
