//! The visible effect of a step.

use fcgi_core::{RecordType, StreamState};

/// The expected effect of a step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) records: Vec<(RecordType, u16, Vec<u8>)>,
    pub(crate) events: Vec<ModelEvent>,
    /// The number of bytes that were read.
    pub(crate) read: Option<(usize, StreamState)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelEvent {
    Request(u16),
    Rejected(u16),
    BodyReadable(u16),
    Aborted(u16),
}

impl Effect {
    pub(crate) fn end(&mut self, id: u16, protocol_status: u8) {
        // FastCGI §5.5: four bytes of application status, one of protocol status, three reserved.
        self.records.push((RecordType::END_REQUEST, id, vec![0, 0, 0, 0, protocol_status, 0, 0, 0]));
    }
}
