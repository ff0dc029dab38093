//! The role of the application for a request.

use core::fmt;

/// The role of the application for a request (FastCGI §6). An open code space.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Role(pub u16);

impl Role {
    /// Responds to a request as a CGI program would (§6.2).
    pub const RESPONDER: Self = Self(1);
    /// Decides whether a request is allowed; receives no STDIN (§6.3).
    pub const AUTHORIZER: Self = Self(2);
    /// Responds with the filtered content of a file, received as a second stream, DATA (§6.4).
    pub const FILTER: Self = Self(3);
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RESPONDER => f.write_str("RESPONDER"),
            Self::AUTHORIZER => f.write_str("AUTHORIZER"),
            Self::FILTER => f.write_str("FILTER"),
            Self(other) => write!(f, "Role({other})"),
        }
    }
}

/// The roles that an application supports. A request for another one is rejected with UNKNOWN_ROLE (§5.5).
///
/// ```
/// use fcgi_core::{Role, Roles};
/// let roles = Roles::RESPONDER.and(Roles::AUTHORIZER);
/// assert!(roles.contains(Role::AUTHORIZER));
/// assert!(!roles.contains(Role::FILTER));
/// assert!(!roles.contains(Role(17)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Roles {
    responder: bool,
    authorizer: bool,
    filter: bool,
}

impl Roles {
    /// Only Responder.
    pub const RESPONDER: Self = Self { responder: true, authorizer: false, filter: false };
    /// Only Authorizer.
    pub const AUTHORIZER: Self = Self { responder: false, authorizer: true, filter: false };
    /// Only Filter.
    pub const FILTER: Self = Self { responder: false, authorizer: false, filter: true };
    /// All three roles of the specification.
    pub const ALL: Self = Self { responder: true, authorizer: true, filter: true };

    /// These roles and those of `other`.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            responder: self.responder || other.responder,
            authorizer: self.authorizer || other.authorizer,
            filter: self.filter || other.filter,
        }
    }

    /// Whether `role` is one of these.
    #[must_use]
    pub const fn contains(self, role: Role) -> bool {
        match role {
            Role::RESPONDER => self.responder,
            Role::AUTHORIZER => self.authorizer,
            Role::FILTER => self.filter,
            _ => false,
        }
    }
}
