//! The records of one connection, from its bytes, each with the request that it belongs to.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fcgi_core::{Params, RecordDecoder, RecordHeader, RecordType};

use crate::records::{Content, Peer, Step, What};

/// Takes the steps of one request.
pub type Watcher = Arc<dyn Fn(Step) + Send + Sync>;

/// Says who watches a request with these PARAMS, if anybody does.
pub type Audience = Arc<dyn Fn(&Params) -> Option<Watcher> + Send + Sync>;

/// Follows both directions of one connection.
pub(crate) struct Trace {
    audience: Audience,
    web_server: Direction,
    application: Direction,
    /// By the id on the wire. A request stays until its id comes again: after its end there may be more of its input.
    requests: HashMap<u16, Request>,
}

impl Trace {
    pub(crate) fn new(audience: Audience) -> Self {
        Self {
            audience,
            web_server: Direction::default(),
            application: Direction::default(),
            requests: HashMap::new(),
        }
    }

    /// These bytes have passed.
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
            // Records of no request, such as GET_VALUES, are nobody's to see.
            if let Some(request) = self.requests.get_mut(&header.id.0) {
                request.record(from, now, header, content, &self.audience);
            }
        }
    }

    /// This direction has ended; only the first time counts.
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

/// Puts the bytes of one direction together to whole records.
#[derive(Debug, Default)]
struct Direction {
    deframer: RecordDecoder,
    /// Of the record that is under way: at most 65 535 bytes.
    content: Vec<u8>,
    /// What comes is no FastCGI any more.
    broken: bool,
    closed: bool,
}

impl Direction {
    fn next(&mut self, bytes: &mut &[u8]) -> Option<(RecordHeader, &[u8])> {
        while !self.broken {
            let Ok(fragment) = self.deframer.next(bytes) else {
                self.broken = true;
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

/// One request, from its BEGIN_REQUEST on.
struct Request {
    number: u64,
    start: Instant,
    /// The connection is to be closed with this request, or shortly after it.
    closes: bool,
    /// What is left of a pair that goes on in the next record.
    pending: Vec<u8>,
    seen: Seen,
    web_server: Quota,
    application: Quota,
}

/// Who sees a request; that is in its PARAMS.
enum Seen {
    /// Until they are complete.
    NotYet {
        params: Vec<(String, String)>,
        held: Vec<Step>,
    },
    By(Watcher),
    ByNobody,
}

impl Request {
    /// Steps that may wait for the end of PARAMS. A request with a longer head is not shown.
    const HELD: usize = 32;

    fn begin(start: Instant) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            start,
            closes: true,
            pending: Vec::new(),
            seen: Seen::NotYet { params: Vec::new(), held: Vec::new() },
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
        audience: &Audience,
    ) {
        if matches!(self.seen, Seen::ByNobody) {
            return;
        }
        let (kind, bytes) = (header.kind, content.len());
        match self.quota(from).admit(kind, bytes) {
            Admission::LeaveOut => return,
            Admission::Show { left_out: Some(left_out) } => self.step(from, now, left_out),
            Admission::Show { left_out: None } => {}
        }
        let content = Content::decode(kind, content, &mut self.pending);
        match &content {
            Content::Begin { keep_conn, .. } => self.closes = !keep_conn,
            _ if kind == RecordType::ABORT_REQUEST => self.closes = true,
            Content::Params { pairs } => {
                if let Seen::NotYet { params, .. } = &mut self.seen {
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
            self.show(audience);
        }
    }

    /// A connection that is kept is closed some time, which is of no request.
    fn closed(&mut self, from: Peer, now: Instant) {
        let has_ended = self.application.has_ended;
        if self.closes || !has_ended {
            if let Some(left_out) = self.quota(from).take_left_out() {
                self.step(from, now, left_out);
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
        match &mut self.seen {
            Seen::NotYet { held, .. } if held.len() < Self::HELD => held.push(step),
            Seen::NotYet { .. } => self.seen = Seen::ByNobody,
            Seen::By(watcher) => watcher(step),
            Seen::ByNobody => {}
        }
    }

    /// PARAMS are complete, and say who watches.
    fn show(&mut self, audience: &Audience) {
        if let Seen::NotYet { params, held } = &mut self.seen {
            let params = params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let Some(watcher) = audience(&params) else {
                self.seen = Seen::ByNobody;
                return;
            };
            for step in held.drain(..) {
                watcher(step);
            }
            self.seen = Seen::By(watcher);
        }
    }
}

/// How much of a long stream is shown: its first records, and its end.
#[derive(Debug, Default)]
struct Quota {
    shown: usize,
    /// The type, records and bytes that were left out since the last that was shown.
    left_out: Option<(RecordType, u64, u64)>,
    /// END_REQUEST has passed.
    has_ended: bool,
}

enum Admission {
    LeaveOut,
    Show { left_out: Option<What> },
}

impl Quota {
    /// Records with content that are shown of one request and direction.
    const SHOWN: usize = 40;

    fn admit(&mut self, kind: RecordType, bytes: usize) -> Admission {
        self.has_ended |= kind == RecordType::END_REQUEST;
        let long = matches!(kind, RecordType::STDIN | RecordType::STDOUT | RecordType::STDERR) && bytes > 0;
        let same = self.left_out.is_none_or(|(left_out, ..)| left_out == kind);
        if long && same && self.shown >= Self::SHOWN {
            let (_, records, sum) = self.left_out.unwrap_or((kind, 0, 0));
            self.left_out = Some((kind, records + 1, sum + bytes as u64));
            return Admission::LeaveOut;
        }
        self.shown += usize::from(long);
        Admission::Show { left_out: self.take_left_out() }
    }

    fn take_left_out(&mut self) -> Option<What> {
        let (kind, records, bytes) = self.left_out.take()?;
        Some(What::LeftOut { kind: format!("{kind:?}"), records, bytes })
    }
}
