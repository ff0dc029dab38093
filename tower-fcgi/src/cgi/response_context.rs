//! What is known of a request where its answer is written.

use fcgi_core::Role;
use http::{Method, StatusCode};

use super::encode_response::Asked;

/// What decides how a response is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) role: Role,
    /// The method is HEAD.
    pub(crate) to_head: bool,
}

impl Call {
    pub(crate) fn new(role: Role, method: &Method) -> Self {
        Self { role, to_head: method == Method::HEAD }
    }

    /// What an error may be answered with.
    pub(crate) const fn asked(self) -> Asked {
        if self.to_head { Asked::ForHead } else { Asked::ForBody }
    }

    /// FastCGI §6.3: whether an answer with this status says no more than that the web server may go on.
    pub(super) fn is_permission(self, status: StatusCode) -> bool {
        self.role == Role::AUTHORIZER && status == StatusCode::OK
    }
}
