//! What is known of a request where its answer is written.

use fcgi_core::Role;
use http::{Method, StatusCode};

use super::encode_response::ErrorBody;

/// What decides how a response is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponseContext {
    pub(crate) role: Role,
    /// The method is HEAD.
    pub(crate) head_only: bool,
}

impl ResponseContext {
    pub(crate) fn new(role: Role, method: &Method) -> Self {
        Self { role, head_only: method == Method::HEAD }
    }

    /// What an error may be answered with.
    pub(crate) const fn error_body(self) -> ErrorBody {
        if self.head_only { ErrorBody::ForHead } else { ErrorBody::ForBody }
    }

    /// FastCGI §6.3: whether an answer with this status says no more than that the web server may go on.
    pub(super) fn is_permission(self, status: StatusCode) -> bool {
        self.role == Role::AUTHORIZER && status == StatusCode::OK
    }
}
