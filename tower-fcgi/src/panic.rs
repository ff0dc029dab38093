//! Catches panics of code that a connection runs for others: handlers, bodies and callbacks.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of the application or of a caller. Returns the text of its panic.
pub(crate) fn catch_panic<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    // Unwind safe: state that the panic left inconsistent is dropped with its request, and not used again.
    catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
        let text = text(&*payload);
        // The drop of a payload may panic as well, which must not end the connection.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
        text
    })
}

/// The text of a payload of `catch_unwind`.
fn text(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "non-string panic payload".to_owned(),
    }
}
