//! Puts nginx and FastCGI between a test's HTTP client and an axum application.
//!
//! In a test, `axum::serve(listener, router)` becomes `axum_fcgi::serve(behind_nginx::listen(listener), router)`: nginx takes
//! over the listener's port, and the application gets the requests over FastCGI. `Oneshot` does the same for tests that
//! call the Router itself.

mod nginx;
mod oneshot;

pub use self::nginx::listen;
pub use self::oneshot::Oneshot;
