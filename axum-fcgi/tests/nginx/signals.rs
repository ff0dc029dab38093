//! How a handler and its test synchronise without a clock.

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};

/// A value that one call of a handler takes. A handler has to be `Clone`; a channel's end is not.
#[derive(Debug)]
pub(crate) struct Once<T>(Arc<Mutex<Option<T>>>);

impl<T> Once<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    pub(crate) fn take(&self) -> T {
        self.0.lock().expect("not poisoned").take().expect("the handler is called once")
    }
}

impl<T> Clone for Once<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Held by a handler, and dropped with it.
#[derive(Debug)]
pub(crate) struct Presence {
    _dropped: oneshot::Sender<()>,
}

/// The test's end of a [`Presence`].
#[derive(Debug)]
pub(crate) struct Watch {
    entered: mpsc::UnboundedReceiver<oneshot::Receiver<()>>,
}

/// Creates presences for handlers.
#[derive(Clone, Debug)]
pub(crate) struct Door(mpsc::UnboundedSender<oneshot::Receiver<()>>);

pub(crate) fn door() -> (Door, Watch) {
    let (sender, entered) = mpsc::unbounded_channel();
    (Door(sender), Watch { entered })
}

impl Door {
    /// Called by the handler, which must hold the returned value while it is alive.
    pub(crate) fn enter(&self) -> Presence {
        let (sender, dropped) = oneshot::channel();
        // A finished test no longer watches.
        _ = self.0.send(dropped);
        Presence { _dropped: sender }
    }
}

impl Watch {
    /// Waits until a handler is entered.
    pub(crate) async fn entered(&mut self) -> Departure {
        Departure(self.entered.recv().await.expect("the handler's router is alive"))
    }
}

/// The test's view of one handler.
#[derive(Debug)]
pub(crate) struct Departure(oneshot::Receiver<()>);

impl Departure {
    /// Waits until the handler, or the body that it returned, is dropped.
    pub(crate) async fn seen(self) {
        // The sender is never used, so this is the error of a dropped sender.
        _ = self.0.await;
    }
}
