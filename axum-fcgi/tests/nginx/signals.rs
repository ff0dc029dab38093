//! How a handler and its test tell each other where they are, without a clock.

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot};

/// Something that one call of a handler takes; a handler has to be `Clone`, a channel's end is not.
#[derive(Debug)]
pub(crate) struct Once<T>(Arc<Mutex<Option<T>>>);

impl<T> Once<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    pub(crate) fn take(&self) -> T {
        self.0.lock().expect("nobody panics here").take().expect("the handler is called once")
    }
}

impl<T> Clone for Once<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Held by a handler: its drop is the handler's.
#[derive(Debug)]
pub(crate) struct Presence {
    _dropped: oneshot::Sender<()>,
}

/// The test's end of a [`Presence`].
#[derive(Debug)]
pub(crate) struct Watch {
    entered: mpsc::UnboundedReceiver<oneshot::Receiver<()>>,
}

/// Makes presences for handlers.
#[derive(Clone, Debug)]
pub(crate) struct Door(mpsc::UnboundedSender<oneshot::Receiver<()>>);

pub(crate) fn door() -> (Door, Watch) {
    let (sender, entered) = mpsc::unbounded_channel();
    (Door(sender), Watch { entered })
}

impl Door {
    /// Called by the handler; what it returns is to be held as long as the handler is alive.
    pub(crate) fn enter(&self) -> Presence {
        let (sender, dropped) = oneshot::channel();
        // A test that is over watches no more.
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

/// The test's view of one handler that was entered.
#[derive(Debug)]
pub(crate) struct Departure(oneshot::Receiver<()>);

impl Departure {
    /// Waits until the handler, or the body that it made, is dropped.
    pub(crate) async fn seen(self) {
        // The sender is never used, so this is the error of a sender that is gone.
        _ = self.0.await;
    }
}
