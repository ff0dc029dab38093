//! The Content-Length of an application's response (RFC 9110 §8.6).

use http::HeaderValue;

use super::decimal::parse_decimal;
use super::error::ResponseError;

/// The values of an application's Content-Length headers, which must be equal.
#[derive(Debug, Default)]
pub(super) struct DeclaredLength<'a>(Option<&'a HeaderValue>);

impl<'a> DeclaredLength<'a> {
    /// Adds the value of one header.
    pub(super) fn add(&mut self, value: &'a HeaderValue) -> Result<(), ResponseError> {
        if self.0.is_some_and(|other| other != value) {
            return Err(ResponseError("it has two different values of Content-Length"));
        }
        self.0 = Some(value);
        Ok(())
    }

    /// The length in bytes; `None` without a header.
    pub(super) fn parse(&self) -> Result<Option<u64>, ResponseError> {
        let Some(value) = self.0 else { return Ok(None) };
        let length = parse_decimal(value.as_bytes());
        length.map(Some).ok_or(ResponseError("its Content-Length is not a number"))
    }
}
