//! The headers of a request: from `HTTP_…` and `CONTENT_…` meta-variables (RFC 3875 §4.1.2, §4.1.3, §4.1.18).

use fcgi_core::Params;
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use smallvec::SmallVec;

use super::decimal::parse_decimal;
use super::error::RequestError;
use super::header_names::header_name;
use super::meta_variables::{MetaVariable, VariableKind, Variables};
use super::whitespace::trim_ows;

/// The header fields of a request: names without `HTTP_`, and values, in the order of the wire.
#[derive(Debug, Default)]
pub(super) struct HeaderFields<'a>(SmallVec<[Field<'a>; INLINE_FIELDS]>);

/// A name and its value.
pub(super) type Field<'a> = (&'a [u8], &'a [u8]);

/// The number of headers that need no allocation. A browser sends up to about 20.
const INLINE_FIELDS: usize = 24;

impl<'a> HeaderFields<'a> {
    /// Sorts the pairs of a request into headers and `variables`.
    pub(super) fn sort(params: &'a Params, variables: &mut Variables<'a>) -> Self {
        let mut fields = Self::default();
        for (name, value) in params {
            match VariableKind::parse(name) {
                VariableKind::Header(name) => fields.push(name, value),
                VariableKind::Variable(variable) => variables.set(variable, value),
                VariableKind::Other => {}
            }
        }
        for (name, value) in content_headers(variables).into_iter().flatten() {
            fields.push(name, value);
        }
        fields
    }

    pub(super) fn push(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.0.push((name, value));
    }

    pub(super) fn as_slice(&self) -> &[Field<'a>] {
        &self.0
    }

    /// The headers; values are slices of `params`. Repeated fields are appended in order, but of Host and Authorization
    /// only the last is kept: see [`first_counts`](super::meta_variables::first_counts).
    pub(super) fn headers(&self, params: &Params) -> Result<HeaderMap, RequestError> {
        // Do not allocate for a number that the peer controls: the map grows when more headers are inserted.
        let mut map = HeaderMap::with_capacity(self.0.len().min(INLINE_FIELDS));
        for (name, value) in &self.0 {
            let Ok(name) = header_name(name) else {
                return Err(RequestError::bad_request("a header name is invalid"));
            };
            let value = header_value(value, params)?;
            let is_single = name == HOST || name == AUTHORIZATION;
            let added = if is_single {
                map.try_insert(name, value).map(drop)
            } else {
                map.try_append(name, value).map(drop)
            };
            added.map_err(|_full| {
                RequestError(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "it has too many headers")
            })?;
        }
        Ok(map)
    }
}

/// Content-Type and Content-Length, unless empty or invalid. Their variables have no `HTTP_`.
#[inline]
pub(super) fn content_headers<'a>(variables: &Variables<'a>) -> [Option<Field<'a>>; 2] {
    let kind = trim_ows(variables.value(MetaVariable::ContentType));
    let length = trim_ows(variables.value(MetaVariable::ContentLength));
    [
        (!kind.is_empty()).then_some((&b"CONTENT_TYPE"[..], kind)),
        parse_decimal(length).map(|_| (&b"CONTENT_LENGTH"[..], length)),
    ]
}

/// Turns `value`, which is a slice of `params`, into a header value without a copy. Whitespace around it is removed.
#[inline]
pub(super) fn header_value(value: &[u8], params: &Params) -> Result<HeaderValue, RequestError> {
    HeaderValue::from_maybe_shared(params.encoded().slice_ref(trim_ows(value)))
        .map_err(|_| RequestError::bad_request("a header value contains a control character"))
}
