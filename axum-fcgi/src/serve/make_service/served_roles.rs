//! Which services a `Serve` has, so that the compiler refuses a second one for a role.

use std::marker::PhantomData;

/// The services that a [`Serve`](crate::Serve) has besides the Responder's. A marker for the compiler, without a value.
///
/// A second [`with_authorizer`](crate::Serve::with_authorizer) would replace the first one, and with it the rules for who may
/// see what. So the method exists only for `ServedRoles<NoAuthorizer, _>`.
#[derive(Debug, Clone, Copy)]
pub struct ServedRoles<A = NoAuthorizer, F = NoFilter>(PhantomData<fn() -> (A, F)>);

/// In [`ServedRoles`]: [`with_authorizer`](crate::Serve::with_authorizer) was not called.
#[derive(Debug, Clone, Copy)]
pub enum NoAuthorizer {}

/// In [`ServedRoles`]: [`with_authorizer`](crate::Serve::with_authorizer) was called.
#[derive(Debug, Clone, Copy)]
pub enum HasAuthorizer {}

/// In [`ServedRoles`]: [`with_filter`](crate::Serve::with_filter) was not called.
#[derive(Debug, Clone, Copy)]
pub enum NoFilter {}

/// In [`ServedRoles`]: [`with_filter`](crate::Serve::with_filter) was called.
#[derive(Debug, Clone, Copy)]
pub enum HasFilter {}
