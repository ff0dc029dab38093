//! The headers of a request.

use fcgi_core::Params;
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use smallvec::SmallVec;

use super::decimal::decimal;
use super::header_names::header_name;
use super::meta_variables::{Variable, VariableKind, Variables};
use crate::server::failure::Failure;

/// Names without `HTTP_`, and values, in the order of the headers that they become.
#[derive(Debug, Default)]
pub(super) struct HeaderFields<'a>(SmallVec<[Field<'a>; USUAL]>);

/// Name and value.
pub(super) type Field<'a> = (&'a [u8], &'a [u8]);

/// So many need no allocation; a browser sends up to some twenty.
const USUAL: usize = 24;

impl<'a> HeaderFields<'a> {
    /// Sorts the pairs of a request into headers, these, and `variables`.
    pub(super) fn sort(params: &'a Params, variables: &mut Variables<'a>) -> Self {
        let mut fields = Self::default();
        for (name, value) in params {
            match VariableKind::of(name) {
                VariableKind::Header(name) => fields.push(name, value),
                VariableKind::Variable(variable) => variables.set(variable, value),
                VariableKind::Nothing => {}
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

    /// The headers; values are slices of `params`. A field whose name came before is appended, in order, but the
    /// last Host and the last Authorization stand alone: see [`first_counts`](super::meta_variables::first_counts).
    pub(super) fn headers(&self, params: &Params) -> Result<HeaderMap, Failure> {
        // Not more than a browser's worth is allocated on the peer's word; the map grows as headers really come.
        let mut map = HeaderMap::with_capacity(self.0.len().min(USUAL));
        for (name, value) in &self.0 {
            let Ok(name) = header_name(name) else {
                return Err(Failure::Request(StatusCode::BAD_REQUEST, "a header's name is none of HTTP's"));
            };
            let value = header_value(value, params)?;
            let stands_alone = name == HOST || name == AUTHORIZATION;
            let added = if stands_alone {
                map.try_insert(name, value).map(drop)
            } else {
                map.try_append(name, value).map(drop)
            };
            added.map_err(|_full| {
                Failure::Request(
                    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                    "it has more headers than can be held",
                )
            })?;
        }
        Ok(map)
    }
}

/// The headers that are no `HTTP_` variables, where there is something in them.
#[inline]
pub(super) fn content_headers<'a>(variables: &Variables<'a>) -> [Option<Field<'a>>; 2] {
    let kind = variables.value(Variable::ContentType);
    let length = variables.value(Variable::ContentLength);
    [
        (!kind.is_empty()).then_some((&b"CONTENT_TYPE"[..], kind)),
        decimal(length).map(|_| (&b"CONTENT_LENGTH"[..], length)),
    ]
}

/// `value`, which is a slice of `params`, without a copy.
#[inline]
pub(super) fn header_value(value: &[u8], params: &Params) -> Result<HeaderValue, Failure> {
    HeaderValue::from_maybe_shared(params.encoded().slice_ref(value))
        .map_err(|_| Failure::Request(StatusCode::BAD_REQUEST, "a header's value has a control character"))
}
