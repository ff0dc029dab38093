//! The web server's side connected to the application's side, with random operations and chunks: neither breaks a
//! rule, complete bodies equal what was sent, and nothing remains.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use fcgi_core::client::{self, EndOfInput};
use fcgi_core::server::Config;
use fcgi_core::{self as fcgi, Limits, RecordEncoder, RequestKey, Role, Roles, StreamState, Variable};

pub(crate) fn run(data: &[u8]) {
    let mut sides = Sides::new();
    for step in data.chunks_exact(2) {
        sides.step(step[0], step[1]);
    }
    sides.finish();
}

/// A request as seen by the web server.
#[derive(Debug, Default)]
struct Requested {
    name: String,
    body: Vec<u8>,
    response: Vec<u8>,
    aborted: bool,
    over: bool,
}

/// A request as seen by the application.
#[derive(Debug, Default)]
struct Served {
    body: Vec<u8>,
    /// The body was read to its end.
    complete: bool,
    /// Some of the body was dropped.
    discarded: bool,
    response: Vec<u8>,
    aborted: bool,
    over: bool,
}

struct Sides {
    client: client::Connection,
    server: fcgi::server::Connection,
    requested: Vec<(RequestKey, Requested)>,
    served: BTreeMap<String, (RequestKey, Served)>,
    begun: usize,
    values: usize,
}

impl Sides {
    fn new() -> Self {
        let mut config = client::Config::default();
        (config.max_concurrent_requests, config.max_write_buffer) = (3, 4096);
        (config.request_window, config.connection_window) = (200, 300);
        let mut limits = Limits::default();
        (limits.max_concurrent_requests, limits.max_half_closed_requests) = (3, 3);
        (limits.request_window, limits.connection_window) = (200, 300);
        let mut server_config = Config::default();
        (server_config.limits, server_config.roles) = (limits, Roles::ALL);
        Self {
            client: client::Connection::new(config),
            server: fcgi::server::Connection::new(Arc::new(server_config)),
            requested: Vec::new(),
            served: BTreeMap::new(),
            begun: 0,
            values: 0,
        }
    }

    /// The low bits of `what` select the operation, the high ones the request; `size` is the number of bytes.
    fn step(&mut self, what: u8, size: u8) {
        let which = usize::from(what >> 4);
        match what & 15 {
            0 => self.begin(size),
            1 => self.params(which, size),
            2 | 3 => self.send_body(which, size),
            4 => self.end_body(which),
            5 if size < 64 => self.abort(which),
            6 if self.begun < 8 => self.get_values(),
            7 | 8 => self.client_to_server(usize::from(size) * 4 + 1),
            9 | 10 => self.server_to_client(usize::from(size) * 4 + 1),
            11 => self.read_body(which),
            12 | 13 => self.respond(which, size),
            14 => self.end(which, size),
            _ => self.discard_body(which, size),
        }
    }

    fn begin(&mut self, role: u8) {
        if let Ok(key) = self.client.begin(Role(u16::from(role % 3) + 1), true) {
            let name = format!("request {}", self.begun);
            self.begun += 1;
            self.client.param(key, b"NAME", name.as_bytes()).unwrap();
            self.requested.push((key, Requested { name, ..Requested::default() }));
        }
    }

    fn active(&mut self, which: usize) -> Option<&mut (RequestKey, Requested)> {
        let mut active: Vec<_> = self.requested.iter_mut().filter(|(_, requested)| !requested.over).collect();
        if active.is_empty() { None } else { Some(active.swap_remove(which % active.len())) }
    }

    fn params(&mut self, which: usize, size: u8) {
        let Some(&mut (key, _)) = self.active(which) else { return };
        // Invalid calls change nothing; the fuzzer makes enough of them.
        if size < 200 {
            let _ = self.client.param(key, b"OF_SOME_LENGTH", &vec![b'x'; size.into()]);
        } else {
            let _ = self.client.end_params(key);
        }
    }

    fn send_body(&mut self, which: usize, size: u8) {
        if !self.client.wants_body() {
            return;
        }
        let Some(&mut (key, _)) = self.active(which) else { return };
        // Large content is not copied.
        let content = Bytes::from(vec![size; usize::from(size) * if size > 250 { 40 } else { 1 }]);
        if self.client.stdin_bytes(key, content.clone()).is_ok()
            && let Some((_, requested)) = self.active(which)
        {
            requested.body.extend(content);
        }
        let _ = self.client.data_bytes(key, Bytes::from_static(b"data"));
    }

    fn end_body(&mut self, which: usize) {
        let Some(&mut (key, _)) = self.active(which) else { return };
        if self.client.end_stdin(key).is_err() {
            let _ = self.client.end_data(key);
        }
    }

    fn abort(&mut self, which: usize) {
        let Some(&mut (key, _)) = self.active(which) else { return };
        if self.client.abort(key).is_ok()
            && let Some((_, requested)) = self.active(which)
        {
            requested.aborted = true;
        }
    }

    fn get_values(&mut self) {
        self.client.get_values(&Variable::ALL).unwrap();
        self.values += 1;
    }

    /// Moves bytes from the web server to the application.
    fn client_to_server(&mut self, size: usize) {
        if self.server.wants_read() {
            let bytes = take(self.client.output(), size);
            self.server.receive_shared(&bytes).expect("the web server keeps the rules");
        }
        while let Some(event) = self.server.poll_event() {
            match event {
                fcgi::server::Event::Request(request) => {
                    let name = request.params.get_str("NAME").unwrap().to_owned();
                    let new = self.served.insert(name, (request.key, Served::default()));
                    assert!(new.is_none(), "a request was reported twice");
                }
                fcgi::server::Event::Aborted(key) => {
                    let served = self.served.values_mut().find(|(own, _)| *own == key);
                    served.unwrap().1.aborted = true;
                }
                fcgi::server::Event::BodyReadable(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Moves bytes from the application to the web server.
    fn server_to_client(&mut self, size: usize) {
        if self.client.wants_read() {
            let bytes = take(self.server.output(), size);
            self.client.receive_shared(&bytes).expect("the application keeps the rules");
        }
        while let Some(event) = self.client.poll_event() {
            let mut chunks = VecDeque::new();
            match event {
                client::Event::StdoutReadable(key) => {
                    // The key is invalid if the request was aborted and has ended.
                    if self.client.read_stdout(key, &mut chunks).is_err() {
                        continue;
                    }
                    let bytes = Vec::from(chunks).concat();
                    self.client.release_capacity(key, bytes.len());
                    self.requested(key).response.extend(bytes);
                }
                client::Event::StderrReadable(key) => {
                    if self.client.read_stderr(key, &mut chunks).is_ok() {
                        self.client.release_capacity(key, chunks.iter().map(Bytes::len).sum());
                    }
                }
                client::Event::RequestEnded(key, end) => {
                    self.requested(key).over = true;
                    let (_, requested) = self.requested.iter().find(|(own, _)| *own == key).unwrap();
                    // A request that was aborted early was not reported.
                    if let Some((_, served)) = self.served.get(&requested.name) {
                        assert!(served.over, "{end:?} of an active request");
                        assert!(requested.aborted || requested.response == served.response);
                        assert!(!served.complete || served.discarded || requested.body == served.body);
                    } else {
                        assert!(requested.aborted, "{end:?} of an unknown request");
                    }
                }
                client::Event::Values(params) => {
                    assert!(params.len() == 3 && self.values > 0);
                    self.values -= 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn requested(&mut self, key: RequestKey) -> &mut Requested {
        &mut self.requested.iter_mut().find(|(own, _)| *own == key).unwrap().1
    }

    fn active_served(&mut self, which: usize) -> Option<(RequestKey, &mut Served)> {
        let mut active: Vec<_> = self.served.values_mut().filter(|(_, served)| !served.over).collect();
        let count = active.len();
        (count > 0).then(|| active.swap_remove(which % count)).map(|(key, served)| (*key, served))
    }

    fn read_body(&mut self, which: usize) {
        let Some((key, _)) = self.active_served(which) else { return };
        let mut chunks = VecDeque::new();
        let state = self.server.read_body(key, &mut chunks);
        let bytes = Vec::from(chunks).concat();
        self.server.release_capacity(key, bytes.len());
        let mut data = VecDeque::new();
        if self.server.read_data(key, &mut data).is_ok() {
            self.server.release_capacity(key, data.iter().map(Bytes::len).sum());
        }
        if let Some((_, served)) = self.active_served(which) {
            served.body.extend(bytes);
            served.complete |= state == Ok(StreamState::Ended) && !served.aborted;
        }
    }

    fn respond(&mut self, which: usize, size: u8) {
        let Some((key, _)) = self.active_served(which) else { return };
        let content = Bytes::from(vec![size; usize::from(size) * if size > 250 { 40 } else { 1 }]);
        if size.is_multiple_of(7) {
            let _ = self.server.stderr(key, &content);
        } else if self.server.stdout_bytes(key, content.clone()).is_ok()
            && let Some((_, served)) = self.active_served(which)
        {
            served.response.extend(content);
        }
    }

    fn end(&mut self, which: usize, status: u8) {
        let Some((key, _)) = self.active_served(which) else { return };
        self.server.end_request(key, status.into()).expect("an active request");
        if let Some((_, served)) = self.active_served(which) {
            served.over = true;
        }
    }

    fn discard_body(&mut self, which: usize, size: u8) {
        // Most requests read their body.
        if size < 32
            && let Some((key, served)) = self.active_served(which)
        {
            served.discarded = true;
            let _ = self.server.discard_body(key);
        }
    }

    /// Completes all requests on both sides.
    fn finish(&mut self) {
        for turn in 0.. {
            assert!(turn < 10_000, "it does not end");
            for (key, _) in self.requested.iter().filter(|(_, requested)| !requested.over) {
                let _ = self.client.end_params(*key);
                let _ = self.client.end_stdin(*key);
                let _ = self.client.end_data(*key);
            }
            self.client_to_server(500);
            for which in 0..3 {
                self.read_body(which);
            }
            if turn % 8 == 7 {
                self.end(turn, 0);
            }
            self.server_to_client(500);
            let over = self.requested.iter().all(|(_, requested)| requested.over) && self.values == 0;
            if over && self.client.is_idle() && self.server.output().is_empty() {
                break;
            }
        }
        assert_eq!((self.client.active_requests(), self.client.unread_bytes()), (0, 0));
        assert_eq!((self.server.active_requests(), self.server.unread_bytes()), (0, 0));
        assert!(self.server.is_idle() && self.server.close_action().is_none());
        assert_eq!(self.client.end_of_input(), EndOfInput::Clean);
        assert_eq!(self.server.end_of_input(), fcgi::server::EndOfInput::Clean);
    }
}

/// Takes up to `size` bytes of the output.
fn take(output: &mut RecordEncoder, size: usize) -> Bytes {
    let mut bytes = output.slices().collect::<Vec<_>>().concat();
    bytes.truncate(size);
    output.advance(bytes.len());
    bytes.into()
}
