//! Encodes the variables of a request's head, but not those that extra variables replace.

use fcgi_core::{Params, encode_pair};

use super::extra_params::Overrides;
use super::standard_variable::StandardVariable;

/// The variables of a head, written so far.
pub(super) struct VariableWriter<'a> {
    out: &'a mut Vec<u8>,
    /// A bit for each standard variable that is replaced.
    replaced: u32,
    /// Extra variables that may replace a header.
    headers: [Option<&'a Params>; 2],
}

impl<'a> VariableWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, overrides: [&Overrides<'a>; 2]) -> Self {
        let [first, second] = overrides;
        Self { out, replaced: first.standard | second.standard, headers: overrides.map(Overrides::headers) }
    }

    #[inline]
    pub(super) fn is_replaced(&self, variable: StandardVariable) -> bool {
        self.replaced & variable.bit() != 0
    }

    #[inline]
    pub(super) fn write(&mut self, variable: StandardVariable, value: &[u8]) {
        if !self.is_replaced(variable) {
            encode_pair(self.out, variable.name(), value);
        }
    }

    /// Writes `HTTP_…`.
    pub(super) fn write_header(&mut self, name: &[u8], value: &[u8]) {
        if self.headers.iter().flatten().all(|extra| extra.get(name).is_none()) {
            encode_pair(self.out, name, value);
        }
    }

    /// Writes CONTENT_LENGTH, which cannot be replaced.
    pub(super) fn write_content_length(&mut self, length: u64) {
        encode_pair(self.out, b"CONTENT_LENGTH", itoa::Buffer::new().format(length).as_bytes());
    }
}
