//! What [`serve`](crate::serve()) and [`serve_auto`](crate::serve_auto) accept: services and make-services, told apart by
//! their kind.
//!
//! An application names none of these types: the compiler infers the kind. A library that passes services on to
//! [`serve`](crate::serve()) repeats its bound:
//!
//! ```
//! use axum_fcgi::MakeFcgiService;
//!
//! fn serve<M, K>(listener: tokio::net::TcpListener, service: M) -> axum_fcgi::Serve<tokio::net::TcpListener, M, K>
//! where
//!     M: MakeFcgiService<tokio::net::TcpListener, K>,
//! {
//!     axum_fcgi::serve(listener, service)
//! }
//! ```

mod client_addr;
pub(super) mod make_fcgi_service;
mod per_connection;
mod plain;
mod served_roles;
mod with_role;

pub use self::client_addr::{ClientAddrFuture, ClientAddrService, PerRequest};
pub use self::per_connection::PerConnection;
pub use self::plain::Plain;
pub use self::served_roles::{HasAuthorizer, HasFilter, NoAuthorizer, NoFilter, ServedRoles};
pub use self::with_role::WithRole;
