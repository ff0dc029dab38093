//! What else than a Responder an application can be: an Authorizer, a Filter.

mod authorized;
mod filter_data;
mod role_router;

pub use self::authorized::{Authorized, InvalidVariable};
pub use self::filter_data::{FilterData, MissingFilterData};
pub use self::role_router::{RoleRouter, RoleRouterFuture};
