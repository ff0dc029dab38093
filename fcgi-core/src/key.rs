//! The key of a request.

/// The key of one request of one connection.
///
/// Unlike a [`RequestId`](crate::RequestId) on the wire, a key is not reused: once its request is over, every command with
/// it fails with [`UserError::RequestClosed`](crate::UserError::RequestClosed).
///
/// A driver keeps what belongs to a request by its key:
///
/// ```
/// use std::collections::HashMap;
///
/// use fcgi_core::client::{Config, Connection};
/// use fcgi_core::{RequestKey, Role};
/// let mut connection = Connection::new(Config::new());
/// let mut responses: HashMap<RequestKey, Vec<u8>> = HashMap::new();
/// let key = connection.begin(Role::RESPONDER, false)?;
/// responses.insert(key, Vec::new());
/// assert!(connection.active_keys().all(|key| responses.contains_key(&key)));
/// # Ok::<_, fcgi_core::UserError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// First, so that keys are ordered by age.
    pub(crate) generation: u32,
    pub(crate) slot: u32,
}
