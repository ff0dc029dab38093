//! Work on a service that is better done once than for each request.

use std::any::Any;

use axum::Router;
use axum::routing::MethodRouter;

/// Turns the handlers of a Router or a MethodRouter into routes. Otherwise each request does that for its handler, which
/// costs an allocation. `axum::serve` does the same for each connection.
pub(super) fn prepare<S: 'static>(mut service: S) -> S {
    let any: &mut dyn Any = &mut service;
    if let Some(router) = any.downcast_mut::<Router>() {
        *router = std::mem::take(router).with_state(());
    } else if let Some(router) = any.downcast_mut::<MethodRouter>() {
        *router = std::mem::take(router).with_state(());
    }
    service
}
