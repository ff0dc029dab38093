//! Every difference, with its reason.

mod request;
mod response;
mod routing;
mod server;

use crate::difference::Group;

/// All tables. The first row that fits a difference counts.
pub(crate) const ALL: [&[Group]; 4] = [routing::GROUPS, request::GROUPS, response::GROUPS, server::GROUPS];
