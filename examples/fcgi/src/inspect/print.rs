//! Prints records as lines or as JSON.

use std::io::{self, Write as _};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use fcgi_core::{BeginRequest, Direction, EndRequest, RecordHeader, RecordType, UnknownType};
use serde_json::{Map, Value, json};

use super::color::{self, DIM, FAULT, NAME};
use super::decode::{Decoded, Record};
use super::filter::Filter;
use crate::args::{Color, DumpArgs};

pub(super) struct Printer {
    out: AutoStream<io::Stdout>,
    filter: Filter,
    /// Bytes of a body to print.
    max_bytes: usize,
    json: bool,
}

/// The source of a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    Capture,
    Proxy {
        /// The connection's number, from 1.
        connection: u64,
        side: Side,
        /// Time since the proxy started.
        at: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    WebServer,
    Application,
}

impl Printer {
    pub(super) fn new(args: &DumpArgs) -> Self {
        let choice = match args.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let out = AutoStream::new(io::stdout(), choice);
        Self { out, filter: args.filter.clone(), max_bytes: args.bytes, json: args.json }
    }

    /// # Errors
    /// If writing fails.
    pub(super) fn print(&mut self, origin: Origin, decoded: &Decoded) -> io::Result<()> {
        if let Decoded::Record(record) = decoded
            && !self.filter.shows(&record.header)
        {
            return Ok(());
        }
        if self.json { self.object(origin, decoded) } else { self.lines(origin, decoded) }?;
        self.out.flush()
    }

    /// Prints a line about a connection.
    ///
    /// # Errors
    /// If writing fails.
    pub(super) fn note(&mut self, origin: Origin, text: &str) -> io::Result<()> {
        if self.json {
            let mut object = self::origin(origin);
            object.insert("note".into(), text.into());
            writeln!(self.out, "{}", Value::from(object))?;
        } else {
            writeln!(self.out, "{}{DIM}{text}{DIM:#}", prefix(origin, None))?;
        }
        self.out.flush()
    }

    fn lines(&mut self, origin: Origin, decoded: &Decoded) -> io::Result<()> {
        match decoded {
            Decoded::Record(record) => self.record(origin, record),
            Decoded::Invalid { offset, bytes } => {
                let (prefix, bytes) = (prefix(origin, None), bytes.escape_ascii());
                writeln!(
                    self.out,
                    "{prefix}{FAULT}invalid record{FAULT:#} at byte {offset}, the version is not 1: \"{bytes}\""
                )
            }
            Decoded::Incomplete { header: None, .. } => {
                writeln!(self.out, "{}{FAULT}incomplete{FAULT:#} record header", prefix(origin, None))
            }
            Decoded::Incomplete { header: Some(header), missing } => {
                let prefix = prefix(origin, Some(header));
                writeln!(
                    self.out,
                    "{prefix}{:?} id {}, {FAULT}incomplete{FAULT:#}: {missing} bytes of its content are missing",
                    header.kind, header.id
                )
            }
        }
    }

    fn record(&mut self, origin: Origin, record: &Record) -> io::Result<()> {
        let header = &record.header;
        let style = color::of(header.kind);
        write!(
            self.out,
            "{}{style}{:?}{style:#} id {}, ",
            prefix(origin, Some(header)),
            header.kind,
            header.id
        )?;
        self.out.write_all(self.meaning(record).as_bytes())?;
        if header.padding_len > 0 {
            write!(self.out, " {DIM}+{} of padding{DIM:#}", header.padding_len)?;
        }
        writeln!(self.out)?;
        for (name, value) in record.pairs.iter().flatten() {
            writeln!(
                self.out,
                "        {NAME}{}{NAME:#} = {}",
                quoted(name, usize::MAX),
                quoted(value, usize::MAX)
            )?;
        }
        Ok(())
    }

    /// Describes the content.
    fn meaning(&self, record: &Record) -> String {
        let length = record.content.len();
        match Meaning::of(record) {
            Meaning::Begin(BeginRequest { role, keep_conn }) => {
                format!("{role:?}{}", if keep_conn { ", KEEP_CONN" } else { "" })
            }
            Meaning::End(end) => format!("{:?}, application status {}", end.protocol_status, end.app_status),
            Meaning::UnknownType(kind) => format!("{kind:?}"),
            Meaning::Abort => "aborts the request".to_owned(),
            Meaning::EndOfStream if record.rest > 0 => {
                format!("{FAULT}end of stream inside a pair{FAULT:#}: {} bytes are not a pair", record.rest)
            }
            Meaning::EndOfStream => "end of stream".to_owned(),
            Meaning::Pairs if record.rest > 0 => {
                format!("{length} bytes, the last {} are an incomplete pair", record.rest)
            }
            Meaning::Pairs => format!("{length} bytes"),
            Meaning::Bytes => format!("{length} bytes: {}", quoted(&record.content, self.max_bytes)),
            Meaning::WrongLength => {
                format!(
                    "{FAULT}{length} bytes{FAULT:#} instead of 8: {}",
                    quoted(&record.content, self.max_bytes)
                )
            }
        }
    }

    fn object(&mut self, origin: Origin, decoded: &Decoded) -> io::Result<()> {
        let mut object = self::origin(origin);
        match decoded {
            Decoded::Record(record) => self.fields(record, &mut object),
            Decoded::Invalid { offset, bytes } => {
                object.insert("fault".into(), "invalid record".into());
                object.insert("offset".into(), (*offset).into());
                object.insert("content".into(), String::from_utf8_lossy(bytes).into());
            }
            Decoded::Incomplete { header, missing } => {
                object.insert("fault".into(), "incomplete record".into());
                object.insert("type".into(), header.map(|header| format!("{:?}", header.kind)).into());
                object.insert("missing".into(), (*missing).into());
            }
        }
        writeln!(self.out, "{}", Value::from(object))
    }

    fn fields(&self, record: &Record, object: &mut Map<String, Value>) {
        let header = &record.header;
        object.insert("type".into(), format!("{:?}", header.kind).into());
        object.insert("id".into(), header.id.0.into());
        object.insert("content_length".into(), header.content_len.into());
        object.insert("padding_length".into(), header.padding_len.into());
        match Meaning::of(record) {
            Meaning::Begin(BeginRequest { role, keep_conn }) => {
                object.insert("role".into(), format!("{role:?}").into());
                object.insert("keep_conn".into(), keep_conn.into());
            }
            Meaning::End(end) => {
                object.insert("protocol_status".into(), format!("{:?}", end.protocol_status).into());
                object.insert("app_status".into(), end.app_status.into());
            }
            Meaning::UnknownType(kind) => {
                object.insert("unknown_type".into(), kind.0.into());
            }
            Meaning::Pairs => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let pairs =
                    record.pairs.iter().flatten().map(|(name, value)| json!([text(name), text(value)]));
                object.insert("pairs".into(), pairs.collect());
            }
            Meaning::Bytes | Meaning::WrongLength => {
                let start = &record.content[..record.content.len().min(self.max_bytes)];
                object.insert("content".into(), String::from_utf8_lossy(start).into());
            }
            Meaning::Abort | Meaning::EndOfStream => {}
        }
    }
}

/// The interpretation of a record's content.
enum Meaning {
    Begin(BeginRequest),
    End(EndRequest),
    UnknownType(RecordType),
    Abort,
    EndOfStream,
    Pairs,
    Bytes,
    /// Not the required eight bytes.
    WrongLength,
}

impl Meaning {
    fn of(record: &Record) -> Self {
        let content = <[u8; 8]>::try_from(&record.content[..]);
        match (record.header.kind, content) {
            (RecordType::BEGIN_REQUEST, Ok(content)) => Self::Begin(BeginRequest::decode(content)),
            (RecordType::END_REQUEST, Ok(content)) => Self::End(EndRequest::decode(content)),
            (RecordType::UNKNOWN_TYPE, Ok(content)) => Self::UnknownType(UnknownType::decode(content).0),
            (RecordType::BEGIN_REQUEST | RecordType::END_REQUEST | RecordType::UNKNOWN_TYPE, Err(_)) => {
                Self::WrongLength
            }
            (RecordType::ABORT_REQUEST, _) => Self::Abort,
            (RecordType::GET_VALUES | RecordType::GET_VALUES_RESULT, _) => Self::Pairs,
            _ if record.content.is_empty() => Self::EndOfStream,
            (RecordType::PARAMS, _) => Self::Pairs,
            _ => Self::Bytes,
        }
    }
}

/// Returns up to `max` bytes in quotes. Bytes that are not UTF-8 are escaped.
fn quoted(bytes: &[u8], max: usize) -> String {
    let (start, more) = (&bytes[..bytes.len().min(max)], if bytes.len() > max { "…" } else { "" });
    match std::str::from_utf8(start) {
        Ok(text) => format!("{text:?}{more}"),
        Err(_) => format!("\"{}\"{more}", start.escape_ascii()),
    }
}

fn prefix(origin: Origin, header: Option<&RecordHeader>) -> String {
    match origin {
        Origin::Capture => match header.map(|header| header.kind.direction()) {
            Some(Direction::ToApplication) => format!("{DIM}→{DIM:#} "),
            Some(Direction::ToWebServer) => format!("{DIM}←{DIM:#} "),
            _ => "  ".to_owned(),
        },
        Origin::Proxy { connection, side, at } => {
            let arrow = if side == Side::WebServer { "→" } else { "←" };
            format!("{DIM}{:10.4} #{connection} {arrow}{DIM:#} ", at.as_secs_f64())
        }
    }
}

fn origin(origin: Origin) -> Map<String, Value> {
    let mut object = Map::new();
    if let Origin::Proxy { connection, side, at } = origin {
        let from = if side == Side::WebServer { "web server" } else { "application" };
        object.insert("connection".into(), connection.into());
        object.insert("from".into(), from.into());
        object.insert("seconds".into(), at.as_secs_f64().into());
    }
    object
}
