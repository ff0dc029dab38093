//! The channel of a body, as it is in tower-fcgi.

pub(crate) mod error {
    /// The errors of a body that the channel itself names.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum BodyErrorKind {
        Aborted,
        RequestEnded,
    }
}

#[path = "../../../src/body/channel.rs"]
#[expect(dead_code, reason = "getters are not tested here")]
pub(crate) mod channel;
