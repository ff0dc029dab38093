//! The web server's side against the application's, by operations: whatever either does, in whatever order and
//! however the bytes come, neither breaks a rule, what is whole is what was sent, and nothing is left behind.

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

/// A request as its web server sees it.
#[derive(Debug, Default)]
struct Asked {
    name: String,
    body: Vec<u8>,
    answer: Vec<u8>,
    aborted: bool,
    over: bool,
}

/// And as its application does.
#[derive(Debug, Default)]
struct Served {
    body: Vec<u8>,
    /// It was read to its end.
    whole: bool,
    /// Some of it was dropped.
    discarded: bool,
    answer: Vec<u8>,
    aborted: bool,
    over: bool,
}

struct Sides {
    server: client::Connection,
    app: fcgi::server::Connection,
    asked: Vec<(RequestKey, Asked)>,
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
        let config_of_app = Config { limits, roles: Roles::ALL, ..Config::default() };
        Self {
            server: client::Connection::new(config),
            app: fcgi::server::Connection::new(Arc::new(config_of_app)),
            asked: Vec::new(),
            served: BTreeMap::new(),
            begun: 0,
            values: 0,
        }
    }

    /// The low bits of `what` say what is done, the high ones to which request; `size` is how much of it.
    fn step(&mut self, what: u8, size: u8) {
        let which = usize::from(what >> 4);
        match what & 15 {
            0 => self.begin(size),
            1 => self.params(which, size),
            2 | 3 => self.send_body(which, size),
            4 => self.end_body(which),
            5 if size < 64 => self.abort(which),
            6 if self.begun < 8 => self.ask_for_values(),
            7 | 8 => self.there(usize::from(size) * 4 + 1),
            9 | 10 => self.back(usize::from(size) * 4 + 1),
            11 => self.read_body(which),
            12 | 13 => self.answer(which, size),
            14 => self.end(which, size),
            _ => self.discard_body(which, size),
        }
    }

    fn begin(&mut self, role: u8) {
        if let Ok(key) = self.server.begin(Role(u16::from(role % 3) + 1), true) {
            let name = format!("request {}", self.begun);
            self.begun += 1;
            self.server.param(key, b"NAME", name.as_bytes()).unwrap();
            self.asked.push((key, Asked { name, ..Asked::default() }));
        }
    }

    fn live(&mut self, which: usize) -> Option<&mut (RequestKey, Asked)> {
        let mut live: Vec<_> = self.asked.iter_mut().filter(|(_, asked)| !asked.over).collect();
        if live.is_empty() { None } else { Some(live.swap_remove(which % live.len())) }
    }

    fn params(&mut self, which: usize, size: u8) {
        let Some(&mut (key, _)) = self.live(which) else { return };
        // Misuse changes nothing, and is what the fuzzer finds soon enough.
        if size < 200 {
            let _ = self.server.param(key, b"OF_SOME_LENGTH", &vec![b'x'; size.into()]);
        } else {
            let _ = self.server.end_params(key);
        }
    }

    fn send_body(&mut self, which: usize, size: u8) {
        if !self.server.wants_body() {
            return;
        }
        let Some(&mut (key, _)) = self.live(which) else { return };
        // From some sizes on, it is not copied.
        let content = Bytes::from(vec![size; usize::from(size) * if size > 250 { 40 } else { 1 }]);
        if self.server.stdin_bytes(key, content.clone()).is_ok()
            && let Some((_, asked)) = self.live(which)
        {
            asked.body.extend(content);
        }
        let _ = self.server.data_bytes(key, Bytes::from_static(b"data"));
    }

    fn end_body(&mut self, which: usize) {
        let Some(&mut (key, _)) = self.live(which) else { return };
        if self.server.end_stdin(key).is_err() {
            let _ = self.server.end_data(key);
        }
    }

    fn abort(&mut self, which: usize) {
        let Some(&mut (key, _)) = self.live(which) else { return };
        if self.server.abort(key).is_ok()
            && let Some((_, asked)) = self.live(which)
        {
            asked.aborted = true;
        }
    }

    fn ask_for_values(&mut self) {
        self.server.get_values(&Variable::ALL).unwrap();
        self.values += 1;
    }

    /// Bytes from the web server to the application.
    fn there(&mut self, size: usize) {
        if self.app.wants_read() {
            let bytes = first(self.server.output(), size);
            self.app.receive_shared(&bytes).expect("the web server keeps the rules");
        }
        while let Some(event) = self.app.poll_event() {
            match event {
                fcgi::server::Event::Request(request) => {
                    let name = request.params.get_str("NAME").unwrap().to_owned();
                    let new = self.served.insert(name, (request.key, Served::default()));
                    assert!(new.is_none(), "a request came twice");
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

    /// And back.
    fn back(&mut self, size: usize) {
        if self.server.wants_read() {
            let bytes = first(self.app.output(), size);
            self.server.receive_shared(&bytes).expect("the application keeps the rules");
        }
        while let Some(event) = self.server.poll_event() {
            let mut chunks = VecDeque::new();
            match event {
                client::Event::StdoutReadable(key) => {
                    // It is gone if it was given up and has ended meanwhile.
                    if self.server.read_stdout(key, &mut chunks).is_err() {
                        continue;
                    }
                    let bytes = Vec::from(chunks).concat();
                    self.server.release_capacity(key, bytes.len());
                    self.of(key).answer.extend(bytes);
                }
                client::Event::StderrReadable(key) => {
                    if self.server.read_stderr(key, &mut chunks).is_ok() {
                        self.server.release_capacity(key, chunks.iter().map(Bytes::len).sum());
                    }
                }
                client::Event::RequestEnded(key, end) => {
                    self.of(key).over = true;
                    let (_, asked) = self.asked.iter().find(|(own, _)| *own == key).unwrap();
                    // What was refused, or given up before it was begun, nobody served.
                    if let Some((_, served)) = self.served.get(&asked.name) {
                        assert!(served.over, "{end:?} of a request that runs");
                        assert!(asked.aborted || asked.answer == served.answer);
                        assert!(!served.whole || served.discarded || asked.body == served.body);
                    } else {
                        assert!(asked.aborted, "{end:?} of a request that never came");
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

    fn of(&mut self, key: RequestKey) -> &mut Asked {
        &mut self.asked.iter_mut().find(|(own, _)| *own == key).unwrap().1
    }

    fn serving(&mut self, which: usize) -> Option<(RequestKey, &mut Served)> {
        let mut live: Vec<_> = self.served.values_mut().filter(|(_, served)| !served.over).collect();
        let count = live.len();
        (count > 0).then(|| live.swap_remove(which % count)).map(|(key, served)| (*key, served))
    }

    fn read_body(&mut self, which: usize) {
        let Some((key, _)) = self.serving(which) else { return };
        let mut chunks = VecDeque::new();
        let state = self.app.read_body(key, &mut chunks);
        let bytes = Vec::from(chunks).concat();
        self.app.release_capacity(key, bytes.len());
        let mut data = VecDeque::new();
        if self.app.read_data(key, &mut data).is_ok() {
            self.app.release_capacity(key, data.iter().map(Bytes::len).sum());
        }
        if let Some((_, served)) = self.serving(which) {
            served.body.extend(bytes);
            served.whole |= state == Ok(StreamState::Ended) && !served.aborted;
        }
    }

    fn answer(&mut self, which: usize, size: u8) {
        let Some((key, _)) = self.serving(which) else { return };
        let content = Bytes::from(vec![size; usize::from(size) * if size > 250 { 40 } else { 1 }]);
        if size.is_multiple_of(7) {
            let _ = self.app.stderr(key, &content);
        } else if self.app.stdout_bytes(key, content.clone()).is_ok()
            && let Some((_, served)) = self.serving(which)
        {
            served.answer.extend(content);
        }
    }

    fn end(&mut self, which: usize, status: u8) {
        let Some((key, _)) = self.serving(which) else { return };
        self.app.end_request(key, status.into()).expect("a request that was begun and not ended");
        if let Some((_, served)) = self.serving(which) {
            served.over = true;
        }
    }

    fn discard_body(&mut self, which: usize, size: u8) {
        // Most read what they are sent.
        if size < 32
            && let Some((key, served)) = self.serving(which)
        {
            served.discarded = true;
            let _ = self.app.discard_body(key);
        }
    }

    /// Everybody does what is left to be done, in turns, until nothing is.
    fn finish(&mut self) {
        for turn in 0.. {
            assert!(turn < 10_000, "it does not come to an end");
            for (key, _) in self.asked.iter().filter(|(_, asked)| !asked.over) {
                let _ = self.server.end_params(*key);
                let _ = self.server.end_stdin(*key);
                let _ = self.server.end_data(*key);
            }
            self.there(500);
            for which in 0..3 {
                self.read_body(which);
            }
            if turn % 8 == 7 {
                self.end(turn, 0);
            }
            self.back(500);
            let over = self.asked.iter().all(|(_, asked)| asked.over) && self.values == 0;
            if over && self.server.is_idle() && self.app.output().is_empty() {
                break;
            }
        }
        assert_eq!((self.server.active_requests(), self.server.unread_bytes()), (0, 0));
        assert_eq!((self.app.active_requests(), self.app.unread_bytes()), (0, 0));
        assert!(self.app.is_idle() && self.app.close_action().is_none());
        assert_eq!(self.server.end_of_input(), EndOfInput::Clean);
        assert_eq!(self.app.end_of_input(), fcgi::server::EndOfInput::Clean);
    }
}

/// Takes up to `size` bytes off what waits.
fn first(output: &mut RecordEncoder, size: usize) -> Bytes {
    let mut bytes = output.slices().collect::<Vec<_>>().concat();
    bytes.truncate(size);
    output.advance(bytes.len());
    bytes.into()
}
