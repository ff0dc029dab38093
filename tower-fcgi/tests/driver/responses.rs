//! Parses an application's records into responses.

use std::fmt;

use fcgi_core::{EndRequest, NameValuePairs, RecordDecoder, RecordType, UnknownType};

/// The responses in some bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// Ordered by their first record. An id reused after END_REQUEST has several.
    pub(crate) list: Vec<Answer>,
    /// Type, id and length of every record.
    pub(crate) order: Vec<(RecordType, u16, usize)>,
    /// The contents of GET_VALUES_RESULT records.
    pub(crate) values: Vec<Vec<(String, String)>>,
    /// The types in UNKNOWN_TYPE records.
    pub(crate) unknown: Vec<u8>,
    /// Whether the bytes end inside a record.
    pub(crate) torn: bool,
}

#[derive(Default, PartialEq, Eq, Clone)]
pub(crate) struct Answer {
    pub(crate) id: u16,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// Whether the empty STDOUT record was received.
    pub(crate) stdout_ended: bool,
    pub(crate) end: Option<EndRequest>,
}

impl Answers {
    /// Panics on anything that a web server could not parse.
    pub(crate) fn parse(mut bytes: &[u8]) -> Self {
        let mut answers = Self::default();
        let mut deframer = RecordDecoder::new();
        let mut content = Vec::new();
        while let Some(fragment) = deframer.next(&mut bytes).expect("records of version 1") {
            if fragment.is_first {
                content.clear();
            }
            content.extend_from_slice(fragment.content);
            if fragment.is_last {
                answers.record(fragment.header.kind, fragment.header.id.0, &content);
            }
        }
        answers.torn = !deframer.is_between_records();
        answers
    }

    /// The only response to this id so far.
    pub(crate) fn of(&self, id: u16) -> &Answer {
        let mut of = self.list.iter().filter(|answer| answer.id == id);
        let first = of.next().unwrap_or_else(|| panic!("no response to {id}: {self:?}"));
        assert!(of.next().is_none(), "several responses to {id}: {self:?}");
        first
    }

    pub(crate) fn has(&self, id: u16) -> bool {
        self.list.iter().any(|answer| answer.id == id)
    }

    fn record(&mut self, kind: RecordType, id: u16, content: &[u8]) {
        self.order.push((kind, id, content.len()));
        match kind {
            RecordType::GET_VALUES_RESULT => {
                assert_eq!(id, 0);
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let pairs = NameValuePairs::new(content).map(|pair| pair.expect("complete pairs"));
                self.values.push(pairs.map(|(name, value)| (text(name), text(value))).collect());
            }
            RecordType::UNKNOWN_TYPE => {
                assert_eq!(id, 0);
                self.unknown.push(UnknownType::decode(content.try_into().unwrap()).0.0);
            }
            RecordType::STDOUT => {
                let answer = self.open(id);
                assert!(!answer.stdout_ended, "STDOUT after its end: {answer:?}");
                answer.stdout_ended = content.is_empty();
                answer.stdout.extend_from_slice(content);
            }
            RecordType::STDERR => self.open(id).stderr.extend_from_slice(content),
            RecordType::END_REQUEST => {
                let end = EndRequest::decode(content.try_into().expect("eight bytes"));
                self.open(id).end = Some(end);
            }
            _ => panic!("unexpected record type {kind:?}"),
        }
    }

    fn open(&mut self, id: u16) -> &mut Answer {
        assert_ne!(id, 0);
        let open = |answer: &Answer| answer.id == id && answer.end.is_none();
        let at = self.list.iter().position(open).unwrap_or_else(|| {
            self.list.push(Answer { id, ..Answer::default() });
            self.list.len() - 1
        });
        &mut self.list[at]
    }
}

impl Answer {
    /// Whether STDOUT and the request have ended, as a web server requires.
    pub(crate) fn is_whole(&self) -> bool {
        self.stdout_ended && self.end.is_some_and(|end| end.protocol_status.0 == 0 && end.app_status == 0)
    }

    /// Whether neither STDOUT nor the request has ended.
    pub(crate) fn is_cut_off(&self) -> bool {
        !self.stdout_ended && self.end.is_none()
    }

    pub(crate) fn head(&self) -> &str {
        let end = self.stdout.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head: {self:?}"));
        std::str::from_utf8(&self.stdout[..end + 4]).unwrap()
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.stdout[self.head().len()..]
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.body()).into_owned()
    }

    pub(crate) fn status(&self) -> u16 {
        let line = self.head().strip_prefix("Status: ").expect("a head starts with Status");
        line[..3].parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head().lines().filter_map(|line| line.split_once(": "));
        lines.find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = |bytes: &[u8]| bytes[..bytes.len().min(300)].escape_ascii().to_string();
        f.debug_struct("Answer")
            .field("id", &self.id)
            .field("stdout", &(self.stdout.len(), start(&self.stdout)))
            .field("stderr", &start(&self.stderr))
            .field("stdout_ended", &self.stdout_ended)
            .field("end", &self.end)
            .finish()
    }
}
