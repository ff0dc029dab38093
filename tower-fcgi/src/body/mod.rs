//! The body of a request, and the channel through which it is received.

mod channel;
#[cfg(feature = "server")]
mod error;
#[cfg(feature = "server")]
mod request_body;

pub(crate) use self::channel::{BodyChannel, Receiver, SendOutcome};
#[cfg(feature = "server")]
pub use self::error::{BodyError, BodyErrorKind};
#[cfg(feature = "server")]
pub(crate) use self::request_body::DeclaredBodyLength;
#[cfg(feature = "server")]
pub use self::request_body::RequestBody;

/// The channel of a request's body.
#[cfg(feature = "server")]
pub(crate) type InputChannel = BodyChannel<BodyErrorKind>;
