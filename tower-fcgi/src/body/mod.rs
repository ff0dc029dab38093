//! The body of a request, and the channel through which it is received.

mod channel;
mod error;
mod request_body;

pub(crate) use self::channel::{BodyChannel, Receiver, SendOutcome};
pub use self::error::BodyError;
pub(crate) use self::error::BodyErrorKind;
pub(crate) use self::request_body::DeclaredBodyLength;
pub use self::request_body::RequestBody;
