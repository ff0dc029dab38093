//! The requests and the handlers.

use std::time::Duration;

use bytes::Bytes;
use fcgi_core::Role;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::time::sleep;
use tower_fcgi::RequestBody;

use crate::interrupted_polls::Frames;
use crate::records::{
    CLOSE, KEEP, begin_as, end_stdin, get, get_values, head, params, post, post_whole, stdin,
};

/// All input of one connection.
pub(crate) struct Conversation {
    pub(crate) name: &'static str,
    pub(crate) input: Vec<u8>,
    /// The request ids.
    pub(crate) ids: &'static [u16],
}

pub(crate) fn all() -> Vec<Conversation> {
    let of = |name, ids, parts: &[Vec<u8>]| Conversation { name, input: parts.concat(), ids };
    let authorizer = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/allow")];
    vec![
        of("a small GET, kept", &[1], &[get(1, KEEP, "/")]),
        of("a small GET, not kept", &[1], &[get(1, CLOSE, "/")]),
        of("a POST", &[1], &[post_whole(1, KEEP, "/echo", b"name=value")]),
        of(
            "a POST in chunks",
            &[7],
            &[post(7, CLOSE, "/echo", 6), stdin(7, b"abc"), stdin(7, b"def"), end_stdin(7)],
        ),
        of(
            "an upload of unknown length",
            &[1],
            &[head(1, KEEP, "POST", "/echo", &[]), stdin(1, b"unknown"), end_stdin(1)],
        ),
        of("an early response, kept", &[1], &[post_whole(1, KEEP, "/early", b"unread")]),
        of("an early response, not kept", &[1], &[post_whole(1, CLOSE, "/early", b"unread")]),
        of(
            "two concurrent requests, and GET_VALUES",
            &[1, 2],
            &[
                post(1, KEEP, "/echo", 4),
                post(2, KEEP, "/slow", 2),
                stdin(1, b"on"),
                stdin(2, b"tw"),
                get_values(&["FCGI_MPXS_CONNS"]),
                end_stdin(2),
                stdin(1, b"e1"),
                end_stdin(1),
            ],
        ),
        of("two sequential requests", &[1, 2], &[get(1, KEEP, "/"), get(2, CLOSE, "/slow")]),
        of("a large response", &[1], &[get(1, KEEP, "/large")]),
        of("an authorizer", &[1], &[begin_as(Role::AUTHORIZER, 1, KEEP), params(1, &authorizer)]),
    ]
}

/// Answers by the path, and waits at every step.
pub(crate) async fn answer(request: Request<RequestBody>) -> Response<Frames> {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/early" => whole(200, "early"),
        "/echo" => match frame_by_frame(request.into_body()).await {
            Some(body) => whole(200, body),
            None => whole(400, "broken off"),
        },
        "/slow" => {
            sleep(Duration::from_millis(5)).await;
            let _ = frame_by_frame(request.into_body()).await;
            Response::new(Frames::new(["slow", " and", " long"].map(Bytes::from)))
        }
        "/large" => {
            let piece = |byte| Bytes::from(vec![byte; 70_000]);
            Response::new(Frames::new([piece(b'a'), piece(b'b'), piece(b'c')]))
        }
        "/allow" => {
            let mut response = whole(200, "");
            response.headers_mut().insert("variable-user", "ann".parse().unwrap());
            response
        }
        _ => {
            sleep(Duration::from_millis(1)).await;
            whole(200, "hello")
        }
    }
}

fn whole(status: u16, body: impl Into<Bytes>) -> Response<Frames> {
    Response::builder().status(status).body(Frames::new([body.into()])).unwrap()
}

async fn frame_by_frame(mut body: RequestBody) -> Option<Bytes> {
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        all.extend_from_slice(&frame.ok()?.into_data().unwrap_or_default());
        sleep(Duration::from_millis(1)).await;
    }
    Some(all.into())
}
