//! The web server's side and the application's against each other, over a transport that cuts as it likes.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use crate::client::{self, Connection};
use crate::{self as fcgi, RequestKey, Role, StreamState};

/// One request and its answer.
#[derive(Debug, Clone)]
struct Exchange {
    body: Vec<u8>,
    answer: Vec<u8>,
    log: Vec<u8>,
    /// It is answered without a look at its body.
    early: bool,
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let bytes = || prop_oneof![Just(0), 1..100_usize, 4000..70_000_usize];
    (bytes(), bytes(), 0..300_usize, any::<u8>(), any::<bool>()).prop_map(
        |(body, answer, log, seed, early)| {
            let fill = |len: usize, salt: u8| (0..=250_u8).cycle().map(|i| i ^ salt).take(len).collect();
            Exchange { body: fill(body, seed), answer: fill(answer, !seed), log: fill(log, seed / 2), early }
        },
    )
}

/// What was done of one request at the web server's side.
#[derive(Debug, Default)]
struct Asked {
    which: usize,
    sent: usize,
    body_ended: bool,
    answer: Vec<u8>,
    log: Vec<u8>,
    over: bool,
}

/// And at the application's.
#[derive(Debug, Default)]
struct Served {
    which: usize,
    body: Vec<u8>,
    state: Option<StreamState>,
    answered: usize,
    over: bool,
}

struct Both<'a> {
    exchanges: &'a [Exchange],
    server: Connection,
    app: fcgi::server::Connection,
    asked: BTreeMap<RequestKey, Asked>,
    served: BTreeMap<RequestKey, Served>,
    begun: usize,
}

impl Both<'_> {
    fn is_done(&self) -> bool {
        self.begun == self.exchanges.len() && self.asked.values().all(|asked| asked.over)
    }

    /// One step of the web server: begins a request, or sends `size` bytes of the body of one.
    fn send(&mut self, choice: usize, size: usize) {
        if self.begun < self.exchanges.len() && self.server.can_begin().is_ok() {
            let key = self.server.begin(Role::RESPONDER, true).unwrap();
            self.server.param(key, b"WHICH", self.begun.to_string().as_bytes()).unwrap();
            self.server.end_params(key).unwrap();
            self.asked.insert(key, Asked { which: self.begun, ..Asked::default() });
            self.begun += 1;
        }
        let open: Vec<_> = self
            .asked
            .iter()
            .filter(|(_, asked)| !asked.over && !asked.body_ended)
            .map(|(key, _)| *key)
            .collect();
        if open.is_empty() || !self.server.wants_body() {
            return;
        }
        let key = open[choice % open.len()];
        let asked = self.asked.get_mut(&key).unwrap();
        let rest = &self.exchanges[asked.which].body[asked.sent..];
        if rest.is_empty() {
            self.server.end_stdin(key).unwrap();
            asked.body_ended = true;
        } else {
            let part = Bytes::copy_from_slice(&rest[..size.min(rest.len())]);
            asked.sent += part.len();
            self.server.stdin_bytes(key, part).unwrap();
        }
    }

    /// One step of the application: answers with `size` bytes.
    fn answer(&mut self, choice: usize, size: usize) {
        while let Some(event) = self.app.poll_event() {
            if let fcgi::server::Event::Request(request) = event {
                let which: usize = request.params.get_str("WHICH").unwrap().parse().unwrap();
                self.app.stderr(request.key, &self.exchanges[which].log).unwrap();
                self.served.insert(request.key, Served { which, ..Served::default() });
            }
        }
        let live: Vec<_> =
            self.served.iter().filter(|(_, served)| !served.over).map(|(key, _)| *key).collect();
        if live.is_empty() {
            return;
        }
        let key = live[choice % live.len()];
        let served = self.served.get_mut(&key).unwrap();
        let exchange = &self.exchanges[served.which];
        if !exchange.early {
            let mut chunks = VecDeque::new();
            served.state = Some(self.app.read_body(key, &mut chunks).unwrap());
            let bytes = Vec::from(chunks).concat();
            self.app.release_capacity(key, bytes.len());
            served.body.extend(bytes);
        }
        let rest = &exchange.answer[served.answered..];
        if !rest.is_empty() {
            let part = Bytes::copy_from_slice(&rest[..size.min(rest.len())]);
            served.answered += part.len();
            self.app.stdout_bytes(key, part).unwrap();
        } else if exchange.early || served.state == Some(StreamState::Ended) {
            self.app.end_request(key, u32::try_from(served.which).unwrap()).unwrap();
            served.over = true;
        }
    }

    /// Up to `size` bytes from the web server to the application.
    fn there(&mut self, size: usize) {
        if self.app.wants_read() {
            let bytes = first(self.server.output(), size);
            self.app.receive_shared(&bytes).unwrap();
        }
    }

    /// And back.
    fn back(&mut self, size: usize) {
        if self.server.wants_read() {
            let bytes = first(self.app.output(), size);
            self.server.receive_shared(&bytes).unwrap();
        }
        while let Some(event) = self.server.poll_event() {
            let mut chunks = VecDeque::new();
            match event {
                client::Event::StdoutReadable(key) => {
                    self.server.read_stdout(key, &mut chunks).unwrap();
                    let bytes = Vec::from(chunks).concat();
                    self.server.release_capacity(key, bytes.len());
                    self.asked.get_mut(&key).unwrap().answer.extend(bytes);
                }
                client::Event::StderrReadable(key) => {
                    self.server.read_stderr(key, &mut chunks).unwrap();
                    let bytes = Vec::from(chunks).concat();
                    self.server.release_capacity(key, bytes.len());
                    self.asked.get_mut(&key).unwrap().log.extend(bytes);
                }
                client::Event::RequestEnded(key, end) => {
                    let asked = self.asked.get_mut(&key).unwrap();
                    assert_eq!(end.app_status, u32::try_from(asked.which).unwrap());
                    asked.over = true;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Takes up to `size` bytes off what waits.
fn first(output: &mut fcgi::RecordEncoder, size: usize) -> Bytes {
    let mut bytes = output.slices().collect::<Vec<_>>().concat();
    bytes.truncate(size);
    output.advance(bytes.len());
    bytes.into()
}

/// A step: which (send, answer, there or back), of which request, and of how many bytes.
type Step = (u8, usize, usize);

/// Runs the steps again and again until each exchange is over, and checks what both sides saw.
fn exchange_all(
    exchanges: &[Exchange],
    requests: u16,
    limit: usize,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let config = client::Config {
        max_concurrent_requests: requests,
        max_write_buffer: limit,
        request_window: limit,
        connection_window: limit,
        ..client::Config::default()
    };
    let mut app = fcgi::server::Config::default();
    (app.limits.request_window, app.limits.connection_window) = (limit, limit);
    let mut both = Both {
        exchanges,
        server: Connection::new(config),
        app: fcgi::server::Connection::new(Arc::new(app)),
        asked: BTreeMap::new(),
        served: BTreeMap::new(),
        begun: 0,
    };
    let mut rounds = 0_usize;
    for (step, choice, size) in steps.iter().cycle() {
        match step {
            0 => both.send(*choice, *size),
            1 => both.answer(*choice, *size),
            2 => both.there(*size),
            _ => both.back(*size),
        }
        rounds += 1;
        if rounds.is_multiple_of(10) {
            // So that it ends, whatever the steps. Output is taken first: a full buffer takes no more.
            let turn = rounds / 10;
            both.there(70_000);
            both.send(turn, 70_000);
            both.there(70_000);
            both.answer(turn, 70_000);
            both.back(70_000);
        }
        if both.is_done() {
            break;
        }
        prop_assert!(rounds < 100_000, "it does not come to an end");
    }
    let mut seen = vec![0; exchanges.len()];
    for asked in both.asked.values() {
        seen[asked.which] += 1;
        let exchange = &exchanges[asked.which];
        prop_assert!(asked.answer == exchange.answer && asked.log == exchange.log);
    }
    prop_assert!(seen.iter().all(|times| *times == 1));
    for served in both.served.values().filter(|served| !exchanges[served.which].early) {
        prop_assert!(served.body == exchanges[served.which].body);
    }
    prop_assert_eq!(both.server.unread_bytes(), 0);
    Ok(())
}

/// Steps that fill a buffer of one byte before each large step.
#[test]
fn a_large_body_ends_with_room_for_a_byte() {
    let exchange = Exchange { body: vec![7; 69_999], answer: Vec::new(), log: Vec::new(), early: false };
    exchange_all(&[exchange], 1, 1, &[(1, 0, 1), (0, 0, 1)]).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunking_and_interleaving_do_not_change_bodies(
        exchanges in prop::collection::vec(exchange(), 1..8),
        requests in 1..5_u16,
        limit in prop_oneof![1..200_usize, Just(100_000)],
        steps in prop::collection::vec((0..4_u8, 0..8_usize, prop_oneof![1..50_usize, 1..70_000_usize]), 1..40),
    ) {
        exchange_all(&exchanges, requests, limit, &steps)?;
    }
}
