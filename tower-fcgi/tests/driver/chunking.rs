//! The chunks of input and output do not change the responses.

use std::collections::BTreeMap;

use http::Response;
use tower_fcgi::{Config, ErrorKind};

use crate::handlers::{boxed, echo, full, handler};
use crate::records::{
    KEEP, begin, end_params, end_stdin, get, get_values, head, params, post, post_whole, stdin,
};
use crate::responses::Answer;
use crate::scripted::{Scripted, data};
use crate::web_server::{WebServer, serve_on};
use crate::wire::Wire;

/// A small random generator (xorshift) with the same numbers in every run. Not zero.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}

fn serve_some(wire: Wire) -> WebServer {
    serve_on(
        wire,
        Config::default(),
        handler(|request| async {
            match request.uri().path() {
                "/early" => full("early"),
                "/stream" => Response::new(boxed(Scripted::new((0..9).map(|n| data(vec![n; 5000]))))),
                "/bad" => Response::builder().status(101).body(boxed(Scripted::new([]))).unwrap(),
                _ => echo(request).await,
            }
        }),
    )
}

/// All kinds of requests, sequential and concurrent.
fn conversation() -> Vec<u8> {
    let body: Vec<u8> = (0..=255).cycle().take(9000).collect();
    [
        post_whole(1, KEEP, "/one", &body),
        get_values(&["FCGI_MAX_REQS"]),
        post(2, KEEP, "/two", 6),
        head(3, KEEP, "PUT", "/three", &[]),
        stdin(3, b"x"),
        stdin(2, b"abc"),
        get(4, KEEP, "/stream"),
        stdin(2, b"def"),
        stdin(3, b"yz"),
        end_stdin(3),
        end_stdin(2),
        [begin(5, KEEP), params(5, &[("REQUEST_METHOD", "")]), end_stdin(5)].concat(),
        get(6, KEEP, "/bad"),
        [post(7, KEEP, "/early", 3), stdin(7, b"abc"), end_stdin(7)].concat(),
        [post(8, KEEP, "/short", 4), stdin(8, b"abc"), end_stdin(8)].concat(),
        [begin(9, KEEP), params(9, &vec![("HTTP_A", "b"); 1200]), end_stdin(9)].concat(),
        [begin(10, KEEP), end_params(10), end_stdin(10)].concat(),
    ]
    .concat()
}

/// The responses by id, since concurrent requests may end in any order, and the connection's own answers.
fn sorted(web_server: &WebServer) -> (BTreeMap<u16, Answer>, usize) {
    let answers = web_server.answers();
    assert!(!answers.torn);
    assert!(answers.list.iter().all(Answer::is_whole));
    let values = answers.values.len();
    (answers.list.into_iter().map(|answer| (answer.id, answer)).collect(), values)
}

async fn whole() -> (BTreeMap<u16, Answer>, usize) {
    let web_server = serve_some(Wire::default());
    web_server.say(conversation()).await;
    let answers = sorted(&web_server);
    let statuses: Vec<_> = answers.0.values().map(Answer::status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 400, 500, 200, 400, 431, 400]);
    answers
}

#[tokio::test(start_paused = true)]
async fn chunking_of_the_input_never_changes_responses() {
    let expected = whole().await;
    for seed in 0..120 {
        let web_server = serve_some(Wire::default());
        let mut random = Random(seed + 1);
        let mut input = bytes::Bytes::from(conversation());
        while !input.is_empty() {
            let most = match seed {
                0 => 1,
                1..40 => random.below(20) + 1,
                _ => random.below(3000) + 1,
            };
            web_server.send(input.split_to(most.min(input.len())));
            if random.below(10) == 0 {
                web_server.quiet().await;
            }
        }
        web_server.quiet().await;
        assert_eq!(sorted(&web_server), expected, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_pattern_of_short_writes_gives_the_same_answers() {
    let expected = whole().await;
    for seed in 0..120 {
        let wire = Wire::default();
        let mut random = Random(seed + 1);
        wire.lock().vectored = seed % 2 == 0;
        wire.lock().pattern = Box::new(move |offered| match seed {
            0 => 1,
            1..40 => random.below(30),
            _ => random.below(offered + 1),
        });
        let web_server = serve_some(wire);
        web_server.say(conversation()).await;
        assert_eq!(sorted(&web_server), expected, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn splits_and_stalls_never_change_responses() {
    let expected = whole().await;
    for seed in 1..=120 {
        let web_server = serve_some(Wire::default());
        let mut random = Random(seed);
        web_server.wire.make_room(0);
        let mut input = bytes::Bytes::from(conversation());
        while !input.is_empty() {
            let most = random.below(4000) + 1;
            web_server.send(input.split_to(most.min(input.len())));
            web_server.wire.make_room(random.below(2000));
            web_server.quiet().await;
        }
        while sorted_len(&web_server) < expected.0.len() {
            web_server.wire.make_room(random.below(30_000) + 1);
            web_server.quiet().await;
        }
        web_server.wire.make_room(usize::MAX);
        web_server.quiet().await;
        assert_eq!(sorted(&web_server), expected, "seed {seed}");
    }
}

/// The number of answered requests.
fn sorted_len(web_server: &WebServer) -> usize {
    web_server.answers().list.iter().filter(|answer| answer.end.is_some()).count()
}

#[tokio::test(start_paused = true)]
async fn requests_before_a_protocol_error_are_answered() {
    let (whole, broken) = (post_whole(1, KEEP, "/early", b"abc"), b"GET / HTTP/1.1\r\n\r\n");
    for packet in [1, whole.len(), whole.len() + 1, usize::MAX] {
        let mut web_server = serve_some(Wire::default());
        web_server.send_in_packets([&whole[..], broken].concat(), packet);
        assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Protocol);
        assert!(web_server.answers().has(1), "packets of {packet}");
        assert_eq!(web_server.answer(1).text(), "early");
    }
}
