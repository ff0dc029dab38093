//! A source that the clones of an error share.

#[cfg(feature = "client")]
use std::error::Error as StdError;
use std::ops::Deref;
use std::sync::Arc;

/// The source of an error that is `Clone`, although its source is not.
///
/// `Arc<E>` alone would be the [`source`](std::error::Error::source) itself, which hides the `E` from `downcast_ref`.
#[derive(Debug)]
pub(crate) struct SharedSource<E: ?Sized>(Arc<E>);

impl<E> SharedSource<E> {
    pub(crate) fn new(error: E) -> Self {
        Self(Arc::new(error))
    }
}

#[cfg(feature = "client")]
impl SharedSource<dyn StdError + Send + Sync> {
    pub(crate) fn boxed(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl<E: ?Sized> Clone for SharedSource<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: ?Sized> Deref for SharedSource<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}
