//! The context of a response: the properties of its request that affect the encoding.

use fcgi_core::Role;
use http::{Method, StatusCode};

/// The properties of a request that affect the encoding of its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponseContext {
    pub(crate) role: Role,
    /// Whether the method is HEAD.
    pub(crate) head_only: bool,
}

/// The body of an error response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorBody {
    /// An empty body, since the method is not known.
    None,
    /// The status as text.
    Text,
    /// None, to a HEAD request: the head is that of [`Text`](Self::Text).
    Omit,
}

impl ResponseContext {
    pub(crate) fn new(role: Role, method: &Method) -> Self {
        Self { role, head_only: method == Method::HEAD }
    }

    /// The body of an error response to this request.
    pub(crate) const fn error_body(self) -> ErrorBody {
        if self.head_only { ErrorBody::Omit } else { ErrorBody::Text }
    }

    /// Whether a response with this status allows the request (FastCGI §6.3).
    pub(super) fn is_authorization(self, status: StatusCode) -> bool {
        self.role == Role::AUTHORIZER && status == StatusCode::OK
    }
}
