//! The web server's side and the application's side, over a transport that splits bytes anywhere.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use crate::client::{self, Connection};
use crate::{self as fcgi, RequestKey, Role, StreamState};

/// A request and its response.
#[derive(Debug, Clone)]
struct Exchange {
    body: Vec<u8>,
    response: Vec<u8>,
    log: Vec<u8>,
    /// The application does not read the body.
    early: bool,
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let bytes = || prop_oneof![Just(0), 1..100_usize, 4000..70_000_usize];
    (bytes(), bytes(), 0..300_usize, any::<u8>(), any::<bool>()).prop_map(
        |(body, response, log, seed, early)| {
            let fill = |len: usize, salt: u8| (0..=250_u8).cycle().map(|i| i ^ salt).take(len).collect();
            Exchange {
                body: fill(body, seed),
                response: fill(response, !seed),
                log: fill(log, seed / 2),
                early,
            }
        },
    )
}

/// A request as seen by the web server.
#[derive(Debug, Default)]
struct Requested {
    which: usize,
    sent: usize,
    body_ended: bool,
    response: Vec<u8>,
    log: Vec<u8>,
    over: bool,
}

/// A request as seen by the application.
#[derive(Debug, Default)]
struct Served {
    which: usize,
    body: Vec<u8>,
    state: Option<StreamState>,
    responded: usize,
    over: bool,
}

struct Sides<'a> {
    exchanges: &'a [Exchange],
    client: Connection,
    server: fcgi::server::Connection,
    requested: BTreeMap<RequestKey, Requested>,
    served: BTreeMap<RequestKey, Served>,
    begun: usize,
}

impl Sides<'_> {
    fn is_done(&self) -> bool {
        self.begun == self.exchanges.len() && self.requested.values().all(|requested| requested.over)
    }

    /// One step of the web server: begins a request, or sends `size` bytes of a body.
    fn send(&mut self, choice: usize, size: usize) {
        if self.begun < self.exchanges.len() && self.client.can_begin().is_ok() {
            let key = self.client.begin(Role::RESPONDER, true).unwrap();
            self.client.param(key, b"WHICH", self.begun.to_string().as_bytes()).unwrap();
            self.client.end_params(key).unwrap();
            self.requested.insert(key, Requested { which: self.begun, ..Requested::default() });
            self.begun += 1;
        }
        let open: Vec<_> = self
            .requested
            .iter()
            .filter(|(_, requested)| !requested.over && !requested.body_ended)
            .map(|(key, _)| *key)
            .collect();
        if open.is_empty() || !self.client.wants_body() {
            return;
        }
        let key = open[choice % open.len()];
        let requested = self.requested.get_mut(&key).unwrap();
        let rest = &self.exchanges[requested.which].body[requested.sent..];
        if rest.is_empty() {
            self.client.end_stdin(key).unwrap();
            requested.body_ended = true;
        } else {
            let part = Bytes::copy_from_slice(&rest[..size.min(rest.len())]);
            requested.sent += part.len();
            self.client.stdin_bytes(key, part).unwrap();
        }
    }

    /// One step of the application: sends `size` bytes of a response.
    fn respond(&mut self, choice: usize, size: usize) {
        while let Some(event) = self.server.poll_event() {
            if let fcgi::server::Event::Request(request) = event {
                let which: usize = request.params.get_str("WHICH").unwrap().parse().unwrap();
                self.server.stderr(request.key, &self.exchanges[which].log).unwrap();
                self.served.insert(request.key, Served { which, ..Served::default() });
            }
        }
        let active: Vec<_> =
            self.served.iter().filter(|(_, served)| !served.over).map(|(key, _)| *key).collect();
        if active.is_empty() {
            return;
        }
        let key = active[choice % active.len()];
        let served = self.served.get_mut(&key).unwrap();
        let exchange = &self.exchanges[served.which];
        if !exchange.early {
            let mut chunks = VecDeque::new();
            served.state = Some(self.server.read_body(key, &mut chunks).unwrap());
            let bytes = Vec::from(chunks).concat();
            self.server.release_capacity(key, bytes.len());
            served.body.extend(bytes);
        }
        let rest = &exchange.response[served.responded..];
        if !rest.is_empty() {
            let part = Bytes::copy_from_slice(&rest[..size.min(rest.len())]);
            served.responded += part.len();
            self.server.stdout_bytes(key, part).unwrap();
        } else if exchange.early || served.state == Some(StreamState::Ended) {
            self.server.end_request(key, u32::try_from(served.which).unwrap()).unwrap();
            served.over = true;
        }
    }

    /// Moves up to `size` bytes from the web server to the application.
    fn client_to_server(&mut self, size: usize) {
        if self.server.wants_read() {
            let bytes = take(self.client.output(), size);
            self.server.receive_shared(&bytes).unwrap();
        }
    }

    /// Moves up to `size` bytes from the application to the web server.
    fn server_to_client(&mut self, size: usize) {
        if self.client.wants_read() {
            let bytes = take(self.server.output(), size);
            self.client.receive_shared(&bytes).unwrap();
        }
        while let Some(event) = self.client.poll_event() {
            let mut chunks = VecDeque::new();
            match event {
                client::Event::StdoutReadable(key) => {
                    self.client.read_stdout(key, &mut chunks).unwrap();
                    let bytes = Vec::from(chunks).concat();
                    self.client.release_capacity(key, bytes.len());
                    self.requested.get_mut(&key).unwrap().response.extend(bytes);
                }
                client::Event::StderrReadable(key) => {
                    self.client.read_stderr(key, &mut chunks).unwrap();
                    let bytes = Vec::from(chunks).concat();
                    self.client.release_capacity(key, bytes.len());
                    self.requested.get_mut(&key).unwrap().log.extend(bytes);
                }
                client::Event::RequestEnded(key, end) => {
                    let requested = self.requested.get_mut(&key).unwrap();
                    assert_eq!(end.app_status, u32::try_from(requested.which).unwrap());
                    requested.over = true;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Takes up to `size` bytes of the output.
fn take(output: &mut fcgi::RecordEncoder, size: usize) -> Bytes {
    let mut bytes = output.slices().collect::<Vec<_>>().concat();
    bytes.truncate(size);
    output.advance(bytes.len());
    bytes.into()
}

/// A step: what (send, respond, or a move of bytes), for which request, and how many bytes.
type Step = (u8, usize, usize);

/// Repeats the steps until each exchange is over, and checks what both sides received.
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
    let mut server = fcgi::server::Config::default();
    (server.limits.request_window, server.limits.connection_window) = (limit, limit);
    let mut sides = Sides {
        exchanges,
        client: Connection::new(config),
        server: fcgi::server::Connection::new(Arc::new(server)),
        requested: BTreeMap::new(),
        served: BTreeMap::new(),
        begun: 0,
    };
    let mut rounds = 0_usize;
    for (step, choice, size) in steps.iter().cycle() {
        match step {
            0 => sides.send(*choice, *size),
            1 => sides.respond(*choice, *size),
            2 => sides.client_to_server(*size),
            _ => sides.server_to_client(*size),
        }
        rounds += 1;
        if rounds.is_multiple_of(10) {
            // Progress, whatever the steps. Take the output first: a full buffer accepts no more.
            let turn = rounds / 10;
            sides.client_to_server(70_000);
            sides.send(turn, 70_000);
            sides.client_to_server(70_000);
            sides.respond(turn, 70_000);
            sides.server_to_client(70_000);
        }
        if sides.is_done() {
            break;
        }
        prop_assert!(rounds < 100_000, "it does not end");
    }
    let mut counts = vec![0; exchanges.len()];
    for requested in sides.requested.values() {
        counts[requested.which] += 1;
        let exchange = &exchanges[requested.which];
        prop_assert!(requested.response == exchange.response && requested.log == exchange.log);
    }
    prop_assert!(counts.iter().all(|count| *count == 1));
    for served in sides.served.values().filter(|served| !exchanges[served.which].early) {
        prop_assert!(served.body == exchanges[served.which].body);
    }
    prop_assert_eq!(sides.client.unread_bytes(), 0);
    Ok(())
}

/// Steps that fill a buffer of one byte before each large step.
#[test]
fn a_large_body_ends_with_room_for_a_byte() {
    let exchange = Exchange { body: vec![7; 69_999], response: Vec::new(), log: Vec::new(), early: false };
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
