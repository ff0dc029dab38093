//! The other roles of an application: Authorizer and Filter.

mod authorized;
mod filter_data;
mod role_router;

pub use self::authorized::{Authorized, InvalidVariable};
pub use self::filter_data::{FilterData, MissingFilterData};
pub use self::role_router::{RoleRouter, RoleRouterFuture};
