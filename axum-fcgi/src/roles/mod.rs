//! What else than a Responder an application can be: an Authorizer, a Filter.

mod allow;
mod by_role;
mod filter_data;

pub use self::allow::{Authorized, InvalidVariable};
pub use self::by_role::{RoleRouter, RoleRouterFuture};
pub use self::filter_data::{FilterData, MissingFilterData};
