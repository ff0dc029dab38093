//! Upgrades over FastCGI (RFC 9110 §7.8): after a `101`, STDIN and STDOUT of the request are the two directions of a byte
//! stream.
//!
//! A request that asks for an upgrade, has no body, and whose STDIN is open is *upgradable*: its extensions have
//! [`OnUpgrade`]. These parts share an [`UpgradeChannel`]:
//!
//! | part | owner | responsibility |
//! | --- | --- | --- |
//! | [`OnUpgrade`], then [`Upgraded`] | the handler | reads from the request's STDIN, writes to the channel |
//! | [`UpgradeInput`] | the connection | receives STDIN; refuses the upgrade if STDIN ends before it |
//! | [`UpgradeOutput`] | the driver of the response | accepts or refuses the upgrade; moves the channel's bytes to STDOUT |

mod channel;
mod input;
mod on_upgrade;
mod output;
mod support;
mod unsupported;
mod upgraded;

pub(super) use self::channel::MAX_BUFFERED;
pub(super) use self::input::UpgradeInput;
pub use self::on_upgrade::{OnUpgrade, UpgradeError, UpgradeErrorKind};
pub(super) use self::output::UpgradeOutput;
pub(super) use self::support::Support;
pub(super) use self::unsupported::WebSocketWarning;
pub use self::upgraded::Upgraded;

use std::sync::Arc;

use self::channel::UpgradeChannel;
use crate::body::{DeclaredBodyLength, InputChannel, RequestBody};

/// The three parts of an upgradable request. `warning` is logged if STDIN ends before the upgrade.
pub(super) fn offer(
    support: Support,
    warning: Option<WebSocketWarning>,
) -> (OnUpgrade, UpgradeInput, UpgradeOutput) {
    let (stdin, channel) = (Arc::new(InputChannel::default()), Arc::new(UpgradeChannel::default()));
    let body = RequestBody::streaming(Arc::clone(&stdin), DeclaredBodyLength::Unknown);
    (
        OnUpgrade::new(body, Arc::clone(&channel)),
        UpgradeInput::new(stdin, Arc::clone(&channel), warning),
        UpgradeOutput::new(channel, support),
    )
}
