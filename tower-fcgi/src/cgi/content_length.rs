//! The Content-Length of an application's response (RFC 9110 §8.6).

use http::HeaderValue;

use super::decimal::parse_decimal;
use super::error::ResponseError;
use super::whitespace::trim_ows;

/// The Content-Length headers of a response.
#[derive(Debug, Default)]
pub(super) enum DeclaredLength<'a> {
    /// No header.
    #[default]
    None,
    /// This value, once or several times.
    One(&'a [u8]),
    /// Two different values.
    Conflicting,
}

impl<'a> DeclaredLength<'a> {
    /// Adds the value of one header.
    pub(super) fn add(&mut self, value: &'a HeaderValue) {
        let value = trim_ows(value.as_bytes());
        *self = match self {
            Self::None => Self::One(value),
            Self::One(other) if *other == value => return,
            Self::One(_) | Self::Conflicting => Self::Conflicting,
        };
    }

    /// The length in bytes; `None` without a header.
    pub(super) fn parse(&self) -> Result<Option<u64>, ResponseError> {
        match self {
            Self::None => Ok(None),
            Self::One(value) => {
                let length = parse_decimal(value);
                length.map(Some).ok_or(ResponseError("its Content-Length is not a number"))
            }
            Self::Conflicting => Err(ResponseError("it has two different values of Content-Length")),
        }
    }
}
