//! The channel of a body, as it is in tower-fcgi.

pub(crate) mod error {
    /// Some errors of a body.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum BodyErrorKind {
        Aborted,
        RequestEnded,
    }
}

#[path = "../../../src/body/channel.rs"]
#[expect(dead_code, reason = "getters are not tested here")]
pub(crate) mod channel;

pub(crate) type InputChannel = channel::BodyChannel<error::BodyErrorKind>;
