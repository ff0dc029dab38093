//! Requests that take over their connection.
//!
//! FastCGI 1.0 has no upgrades. lighttpd (from 1.4.74 on) carries them like this: it leaves STDIN of the request open, the
//! application responds `Status: 101`, and from then on STDIN and STDOUT are the two directions of a byte stream.

use super::connection::Connection;
use crate::error::UserError;
use crate::key::RequestKey;

impl Connection {
    /// Makes a request the only one of its connection, until it ends.
    ///
    /// Requests that begin meanwhile get [`Config::overload_response`](super::Config::overload_response), so that nothing
    /// delays the two streams of this one.
    ///
    /// # Errors
    /// [`UserError::TooManyRequests`] if other requests are active, else as [`stdout`](Self::stdout).
    pub fn upgrade(&mut self, key: RequestKey) -> Result<(), UserError> {
        self.requests.by_key(key)?.state.check_writable()?;
        if self.active > 1 {
            return Err(UserError::TooManyRequests);
        }
        self.upgraded = Some(key);
        Ok(())
    }

    /// The request that has taken over the connection, until it ends.
    #[must_use]
    pub fn upgraded(&self) -> Option<RequestKey> {
        self.upgraded.filter(|key| self.is_writable(*key))
    }
}
