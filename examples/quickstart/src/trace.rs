//! Decodes the records of a connection from its bytes and assigns each to its request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fcgi_core::{Params, RecordDecoder, RecordHeader, RecordType};

use crate::records::{Content, Peer, Step, What};

/// Receives the steps of one request.
pub type Watcher = Arc<dyn Fn(Step) + Send + Sync>;

/// Returns the watcher of a request with these PARAMS, if any.
pub type FindWatcher = Arc<dyn Fn(&Params) -> Option<Watcher> + Send + Sync>;

/// Traces both directions of a connection.
pub(crate) struct Trace {
    find_watcher: FindWatcher,
    web_server: Direction,
    application: Direction,
    /// Requests by their id on the wire. A request stays until its id is reused: its input may arrive after its end.
    requests: HashMap<u16, Request>,
}

impl Trace {
    pub(crate) fn new(find_watcher: FindWatcher) -> Self {
        Self {
            find_watcher,
            web_server: Direction::default(),
            application: Direction::default(),
            requests: HashMap::new(),
        }
    }

    /// Traces bytes that `from` sent.
    pub(crate) fn bytes(&mut self, from: Peer, mut bytes: &[u8]) {
        let now = Instant::now();
        let direction = match from {
            Peer::WebServer => &mut self.web_server,
            Peer::Application => &mut self.application,
        };
        while let Some((header, content)) = direction.next(&mut bytes) {
            if header.kind == RecordType::BEGIN_REQUEST {
                self.requests.insert(header.id.0, Request::begin(now));
            }
            // Records without a request, such as GET_VALUES, are not shown.
            if let Some(request) = self.requests.get_mut(&header.id.0) {
                request.record(from, now, header, content, &self.find_watcher);
            }
        }
    }

    /// Traces the close of a direction. Further calls have no effect.
    pub(crate) fn closed(&mut self, from: Peer) {
        let now = Instant::now();
        let direction = match from {
            Peer::WebServer => &mut self.web_server,
            Peer::Application => &mut self.application,
        };
        if !std::mem::replace(&mut direction.closed, true) {
            for request in self.requests.values_mut() {
                request.closed(from, now);
            }
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("requests", &self.requests.len()).finish_non_exhaustive()
    }
}

/// Assembles the bytes of one direction to records.
#[derive(Debug, Default)]
struct Direction {
    decoder: RecordDecoder,
    /// Content of the current record: at most 65 535 bytes.
    content: Vec<u8>,
    /// The bytes are not valid FastCGI.
    protocol_error: bool,
    closed: bool,
}

impl Direction {
    fn next(&mut self, bytes: &mut &[u8]) -> Option<(RecordHeader, &[u8])> {
        while !self.protocol_error {
            let Ok(fragment) = self.decoder.next(bytes) else {
                self.protocol_error = true;
                break;
            };
            let fragment = fragment?;
            if fragment.is_first {
                self.content.clear();
            }
            self.content.extend_from_slice(fragment.content);
            if fragment.is_last {
                return Some((fragment.header, &self.content));
            }
        }
        None
    }
}

/// A request, starting with its BEGIN_REQUEST.
struct Request {
    number: u64,
    start: Instant,
    /// The connection closes with this request, or shortly after it.
    closes: bool,
    /// The start of a pair that continues in the next record.
    pending: Vec<u8>,
    visibility: Visibility,
    web_server: Quota,
    application: Quota,
}

/// Who sees the request. Its PARAMS decide.
enum Visibility {
    /// PARAMS are incomplete.
    Undecided {
        params: Vec<(String, String)>,
        held: Vec<Step>,
    },
    Watched(Watcher),
    Hidden,
}

impl Request {
    /// Steps that are held until PARAMS are complete. A request with a longer head is hidden.
    const MAX_HELD: usize = 32;

    fn begin(start: Instant) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            start,
            closes: true,
            pending: Vec::new(),
            visibility: Visibility::Undecided { params: Vec::new(), held: Vec::new() },
            web_server: Quota::default(),
            application: Quota::default(),
        }
    }

    fn record(
        &mut self,
        from: Peer,
        now: Instant,
        header: RecordHeader,
        content: &[u8],
        find_watcher: &FindWatcher,
    ) {
        if matches!(self.visibility, Visibility::Hidden) {
            return;
        }
        let (kind, bytes) = (header.kind, content.len());
        match self.quota(from).admit(kind, bytes) {
            Admission::Omit => return,
            Admission::Show { omitted: Some(omitted) } => self.step(from, now, omitted),
            Admission::Show { omitted: None } => {}
        }
        let content = Content::decode(kind, content, &mut self.pending);
        match &content {
            Content::Begin { keep_conn, .. } => self.closes = !keep_conn,
            _ if kind == RecordType::ABORT_REQUEST => self.closes = true,
            Content::Params { pairs } => {
                if let Visibility::Undecided { params, .. } = &mut self.visibility {
                    params.extend_from_slice(pairs);
                }
            }
            _ => {}
        }
        let params_end = kind == RecordType::PARAMS && content == Content::EndOfStream;
        let what = What::Record {
            kind: format!("{kind:?}"),
            id: header.id.0,
            bytes,
            padding: header.padding_len,
            content,
        };
        self.step(from, now, what);
        if params_end {
            self.decide_visibility(find_watcher);
        }
    }

    /// Adds the close of the connection, unless the request has ended and kept the connection open.
    fn closed(&mut self, from: Peer, now: Instant) {
        let has_ended = self.application.has_ended;
        if self.closes || !has_ended {
            if let Some(omitted) = self.quota(from).take_omitted() {
                self.step(from, now, omitted);
            }
            self.step(from, now, What::Closed);
        }
    }

    const fn quota(&mut self, from: Peer) -> &mut Quota {
        match from {
            Peer::WebServer => &mut self.web_server,
            Peer::Application => &mut self.application,
        }
    }

    fn step(&mut self, from: Peer, now: Instant, what: What) {
        let micros = u64::try_from(now.duration_since(self.start).as_micros()).unwrap_or(u64::MAX);
        let step = Step { request: self.number, from, micros, what };
        match &mut self.visibility {
            Visibility::Undecided { held, .. } if held.len() < Self::MAX_HELD => held.push(step),
            Visibility::Undecided { .. } => self.visibility = Visibility::Hidden,
            Visibility::Watched(watcher) => watcher(step),
            Visibility::Hidden => {}
        }
    }

    /// Decides who sees the request, now that its PARAMS are complete.
    fn decide_visibility(&mut self, find_watcher: &FindWatcher) {
        if let Visibility::Undecided { params, held } = &mut self.visibility {
            let params = params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let Some(watcher) = find_watcher(&params) else {
                self.visibility = Visibility::Hidden;
                return;
            };
            for step in held.drain(..) {
                watcher(step);
            }
            self.visibility = Visibility::Watched(watcher);
        }
    }
}

/// Limits the records shown of a long stream to its first ones and its end.
#[derive(Debug, Default)]
struct Quota {
    shown: usize,
    /// Type, records and bytes omitted since the last record that was shown.
    omitted: Option<(RecordType, u64, u64)>,
    /// END_REQUEST was sent.
    has_ended: bool,
}

enum Admission {
    Omit,
    Show { omitted: Option<What> },
}

impl Quota {
    /// Records with content that are shown per request and direction.
    const MAX_SHOWN: usize = 40;

    fn admit(&mut self, kind: RecordType, bytes: usize) -> Admission {
        self.has_ended |= kind == RecordType::END_REQUEST;
        let long = matches!(kind, RecordType::STDIN | RecordType::STDOUT | RecordType::STDERR) && bytes > 0;
        let same = self.omitted.is_none_or(|(omitted, ..)| omitted == kind);
        if long && same && self.shown >= Self::MAX_SHOWN {
            let (_, records, sum) = self.omitted.unwrap_or((kind, 0, 0));
            self.omitted = Some((kind, records + 1, sum + bytes as u64));
            return Admission::Omit;
        }
        self.shown += usize::from(long);
        Admission::Show { omitted: self.take_omitted() }
    }

    fn take_omitted(&mut self) -> Option<What> {
        let (kind, records, bytes) = self.omitted.take()?;
        Some(What::Omitted { kind: format!("{kind:?}"), records, bytes })
    }
}
