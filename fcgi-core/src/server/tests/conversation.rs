//! Random conversations: a web server that mostly keeps the rules, and an application.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::wire::*;
use crate::server::{Config, OverloadResponse};
use crate::{RecordType, Role, Roles};

/// A step of a conversation.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A legal next record of the web server for this id; `choice` selects it.
    Legal { id: u16, choice: u8 },
    /// Any record.
    Record(SentRecord),
    /// Random bytes.
    Noise(Vec<u8>),
    /// A command of the application for one of its requests, including those that are over.
    Command(usize, Command),
    /// The transport writes some of the output.
    Write(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Command {
    Stdout(usize),
    StdoutShared(usize),
    StdoutInPlace(usize),
    /// Replaces the queued response by this many bytes.
    Replace(usize),
    Stderr(usize),
    ReadBody,
    ReleaseCapacity(usize),
    DiscardBody,
    Upgrade,
    EndRequest,
    AbortResponse,
    AbandonResponse,
    /// For the oldest incomplete head.
    Reject,
    /// For the connection.
    StopAccepting,
}

/// A record that a web server sends.
#[derive(Debug, Clone)]
pub(super) struct SentRecord {
    pub(super) kind: RecordType,
    pub(super) id: u16,
    pub(super) content: Vec<u8>,
    pub(super) padding: u8,
}

impl SentRecord {
    fn new(kind: RecordType, id: u16, content: impl Into<Vec<u8>>) -> Self {
        Self { kind, id, content: content.into(), padding: 0 }
    }

    pub(super) fn wire(&self) -> Vec<u8> {
        padded(self.kind, self.id, &self.content, self.padding)
    }

    /// The role in BEGIN_REQUEST.
    fn role(&self) -> Role {
        Role(u16::from_be_bytes([self.content[0], self.content[1]]))
    }
}

/// The response to the last request of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseState {
    Pending,
    Complete,
    CutOff,
}

/// The progress of the last request of an id.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Params,
    Stdin,
    Data,
    Done,
}

/// A web server that knows which records are legal.
#[derive(Debug, Default)]
pub(super) struct WebServer {
    sent: BTreeMap<u16, (Role, Phase)>,
    pub(super) responses: BTreeMap<u16, ResponseState>,
}

impl WebServer {
    /// A record that is legal now; `choice` selects one.
    pub(super) fn legal(&self, id: u16, choice: u8) -> SentRecord {
        let response = self.responses.get(&id).copied().unwrap_or(ResponseState::Complete);
        let content = vec![choice; usize::from(choice % 60) + 1];
        let empty = |kind| SentRecord::new(kind, id, []);
        let abort = SentRecord::new(RecordType::ABORT_REQUEST, id, []);
        let begin = || {
            let role = match choice % 16 {
                0..=9 => Role::RESPONDER,
                10..=12 => Role::FILTER,
                13..=14 => Role::AUTHORIZER,
                _ => Role(9),
            };
            let content = begin(id, role, choice & 16 == 0).split_off(8);
            SentRecord::new(RecordType::BEGIN_REQUEST, id, content)
        };
        let mut sent = match (self.sent.get(&id), response, choice % 8) {
            (None, ..)
            | (_, ResponseState::Complete, 0)
            | (Some((_, Phase::Done)), ResponseState::Complete, _) => begin(),
            (Some((_, Phase::Done)), ..) => abort,
            (_, _, 7) if choice > 200 => abort,
            // Pairs of a few bytes.
            (Some((_, Phase::Params)), _, 0..4) => {
                SentRecord::new(RecordType::PARAMS, id, [1, 2, b'N', b'v', b'v'])
            }
            (Some((_, Phase::Params)), ..) => empty(RecordType::PARAMS),
            (Some((_, Phase::Stdin)), _, 0..5) => SentRecord::new(RecordType::STDIN, id, content),
            (Some((_, Phase::Stdin)), ..) => empty(RecordType::STDIN),
            (Some((_, Phase::Data)), _, 0..5) => SentRecord::new(RecordType::DATA, id, content),
            (Some((_, Phase::Data)), ..) => empty(RecordType::DATA),
        };
        sent.padding = choice & 7;
        sent
    }

    /// Records what the web server sent.
    pub(super) fn record_sent(&mut self, sent: &SentRecord) {
        if sent.kind == RecordType::BEGIN_REQUEST && sent.content.len() == 8 {
            self.responses.insert(sent.id, ResponseState::Pending);
            self.sent.insert(sent.id, (sent.role(), Phase::Params));
            return;
        }
        let Some((role, phase)) = self.sent.get_mut(&sent.id) else { return };
        *phase = match (*phase, sent.kind, sent.content.is_empty()) {
            (Phase::Params, RecordType::PARAMS, true) if *role == Role::AUTHORIZER => Phase::Done,
            (Phase::Params, RecordType::PARAMS, true) => Phase::Stdin,
            (Phase::Stdin, RecordType::STDIN, true) if *role == Role::FILTER => Phase::Data,
            (Phase::Stdin, RecordType::STDIN, true) | (Phase::Data, RecordType::DATA, true) => Phase::Done,
            (_, RecordType::ABORT_REQUEST, _) => Phase::Done,
            (same, ..) => same,
        };
    }

    /// Records what the application sent. Returns whether it was expected.
    pub(super) fn record_received(&mut self, record: &Record) -> bool {
        if record.id == 0 {
            return matches!(record.kind, RecordType::GET_VALUES_RESULT | RecordType::UNKNOWN_TYPE);
        }
        let is_expected = self.responses.get(&record.id) == Some(&ResponseState::Pending);
        if record.kind == RecordType::END_REQUEST {
            self.responses.insert(record.id, ResponseState::Complete);
        }
        is_expected
    }
}

fn id() -> impl Strategy<Value = u16> {
    prop_oneof![20 => 1..=4_u16, 1 => Just(0), 1 => any::<u16>()]
}

/// Management records, which are always legal.
fn management() -> impl Strategy<Value = SentRecord> {
    let names = prop::sample::subsequence(vec!["FCGI_MAX_REQS", "X", "", "FCGI_MPXS_CONNS"], 0..3);
    let query = names.prop_map(|names| {
        let list: Vec<_> = names.into_iter().map(|name| (name, "")).collect();
        SentRecord::new(RecordType::GET_VALUES, 0, encode_pairs(&list))
    });
    let unknown = (12..=255_u8, prop::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(kind, content)| SentRecord::new(RecordType(kind), 0, content));
    prop_oneof![query, unknown]
}

/// Records of every type, mostly with plausible content.
fn record() -> impl Strategy<Value = SentRecord> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    let of =
        |kind: RecordType| (id(), bytes()).prop_map(move |(id, content)| SentRecord::new(kind, id, content));
    prop_oneof![
        4 => (id(), prop::sample::select(vec![1_u16, 2, 3, 9]), any::<bool>()).prop_map(|(id, role, keep_conn)| {
            let content = begin(id, Role(role), keep_conn).split_off(8);
            SentRecord::new(RecordType::BEGIN_REQUEST, id, content)
        }),
        1 => of(RecordType::BEGIN_REQUEST),
        2 => of(RecordType::PARAMS),
        2 => (id(), 0..9_usize).prop_map(|(id, len)| SentRecord::new(RecordType::PARAMS, id, vec![0; len])),
        4 => of(RecordType::STDIN),
        2 => of(RecordType::DATA),
        4 => of(RecordType::ABORT_REQUEST),
        2 => of(RecordType::GET_VALUES),
        1 => (any::<u8>(), id(), bytes())
            .prop_map(|(kind, id, content)| SentRecord::new(RecordType(kind), id, content)),
        2 => (1..=4_u16, 4000..9000_usize).prop_map(|(id, len)| SentRecord::new(RecordType::STDIN, id, vec![7; len])),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => (0..300_usize).prop_map(Command::Stdout),
        1 => (0..300_usize).prop_map(Command::StdoutInPlace),
        1 => prop_oneof![0..9000_usize, 4000..4200_usize].prop_map(Command::StdoutShared),
        1 => (0..300_usize).prop_map(Command::Replace),
        2 => (0..50_usize).prop_map(Command::Stderr),
        3 => Just(Command::ReadBody),
        3 => (0..100_usize).prop_map(Command::ReleaseCapacity),
        1 => Just(Command::DiscardBody),
        1 => Just(Command::Upgrade),
        5 => Just(Command::EndRequest),
        1 => Just(Command::Reject),
    ]
}

/// Conversations of up to `max` steps. Most break no rule, and few are closed or cut off, so that they last long.
pub(super) fn steps(max: usize, noise: bool) -> impl Strategy<Value = Vec<Step>> {
    let hostile = prop_oneof![3 => Just(0_u32), 1 => Just(3)];
    hostile.prop_flat_map(move |hostile| {
        let some = |weight: u32| weight * u32::from(noise);
        let step = prop_oneof![
            60 => (1..=4_u16, any::<u8>()).prop_map(|(id, choice)| Step::Legal { id, choice }),
            4 => management().prop_map(Step::Record),
            hostile => record().prop_map(Step::Record),
            some(hostile) => prop::collection::vec(any::<u8>(), 0..30).prop_map(Step::Noise),
            20 => (any::<prop::sample::Index>(), command()).prop_map(|(which, command)| {
                Step::Command(which.index(1 << 16), command)
            }),
            hostile => Just(Step::Command(0, Command::StopAccepting)),
            hostile => (0..99_usize).prop_map(|which| Step::Command(which, Command::AbortResponse)),
            hostile => (0..99_usize).prop_map(|which| Step::Command(which, Command::AbandonResponse)),
            8 => (0..600_usize).prop_map(Step::Write),
        ];
        prop::collection::vec(step, 1..max)
    })
}

/// Configurations with low limits.
pub(super) fn config() -> impl Strategy<Value = Config> {
    let half_closed = prop_oneof![1 => 0..3_usize, 3 => 3..9_usize];
    (1..5_usize, half_closed, any::<bool>(), any::<bool>()).prop_map(
        |(requests, half_closed, all, stdout)| {
            let mut config = Config::default();
            config.limits.max_concurrent_requests = requests;
            config.limits.max_half_closed_requests = half_closed;
            config.limits.max_params_bytes = 12;
            config.limits.max_params = 3;
            config.limits.request_window = 100;
            config.limits.connection_window = 200;
            config.limits.max_management_bytes = 30;
            config.limits.max_control_bytes = 300;
            if all {
                config.roles = Roles::ALL;
            }
            if stdout {
                config.overload_response =
                    OverloadResponse::Stdout(Bytes::from_static(b"Status: 503\r\n\r\n"));
            }
            config
        },
    )
}
