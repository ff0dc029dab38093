//! The open pages. Each sees only its own requests.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fcgi_core::Params;
use tokio::sync::mpsc;

use crate::records::Notice;
use crate::trace::Watcher;

/// The open pages. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Viewers(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// Pages opened so far.
    count: u64,
    open: HashMap<String, mpsc::Sender<Notice>>,
}

impl Viewers {
    /// The meta-variable with the id of the request's page: the header `X-Viewer`.
    pub const VARIABLE: &str = "HTTP_X_VIEWER";

    /// Maximum number of open pages. Each holds a connection to the application.
    pub const MAX: usize = 32;

    /// Notices that are queued for a page.
    const QUEUE: usize = 1024;

    /// Opens a page. `None` if too many are open.
    #[must_use]
    pub fn open(&self) -> Option<Viewer> {
        let mut table = self.table();
        if table.open.len() >= Self::MAX {
            return None;
        }
        table.count += 1;
        // Each `RandomState` has its own keys, so a page cannot guess another's id.
        let id = format!("{:016x}", RandomState::new().hash_one(table.count));
        let (sender, notices) = mpsc::channel(Self::QUEUE);
        table.open.insert(id.clone(), sender);
        Some(Viewer { id, notices, viewers: self.clone() })
    }

    /// Returns the watcher of a request with these PARAMS.
    #[must_use]
    pub fn watcher(&self, params: &Params) -> Option<Watcher> {
        let watch = self.watch(params.get_str(Self::VARIABLE)?)?;
        Some(Arc::new(move |step| watch(Notice::Step(step))))
    }

    /// Shows a page its own request, as the web server received it.
    pub fn show(&self, id: &str, request: Notice) {
        if let Some(watch) = self.watch(id) {
            watch(request);
        }
    }

    fn watch(&self, id: &str) -> Option<impl Fn(Notice) + Send + Sync + use<>> {
        let id = id.to_owned();
        let sender = self.table().open.get(&id)?.clone();
        // A weak sender, so that the channel closes with the page. A page that reads too slowly is closed here and opens
        // again, so it never misses a notice.
        let sender = sender.downgrade();
        let viewers = self.clone();
        Some(move |notice| {
            let keeps_up = sender.upgrade().is_none_or(|sender| sender.try_send(notice).is_ok());
            if !keeps_up {
                viewers.table().open.remove(&id);
            }
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change is a single operation, so a poisoned table is consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open page. Dropping it closes the page.
#[derive(Debug)]
pub struct Viewer {
    id: String,
    notices: mpsc::Receiver<Notice>,
    viewers: Viewers,
}

impl Viewer {
    /// Returns the page's id: the value of its requests' header `X-Viewer`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the next notice for the page; `None` after the page was closed for reading too slowly.
    ///
    /// # Cancel safety
    /// No notice is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Notice> {
        self.notices.recv().await
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.viewers.table().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Peer, Step, What};

    fn params(viewer: &str) -> Params {
        [(Viewers::VARIABLE, viewer)].into_iter().collect()
    }

    fn notice(request: u64) -> Notice {
        Notice::Step(step(request))
    }

    fn step(request: u64) -> Step {
        Step { request, from: Peer::WebServer, micros: 0, what: What::Closed }
    }

    #[tokio::test]
    async fn a_page_sees_only_its_own_requests() {
        let viewers = Viewers::default();
        let (mut one, mut other) = (viewers.open().unwrap(), viewers.open().unwrap());
        assert_ne!(one.id(), other.id());
        viewers.watcher(&params(one.id())).unwrap()(step(1));
        viewers.watcher(&params(other.id())).unwrap()(step(2));
        assert_eq!((one.next().await, other.next().await), (Some(notice(1)), Some(notice(2))));
        assert!(viewers.watcher(&params("")).is_none());
        assert!(viewers.watcher(&Params::default()).is_none());
        let id = one.id().to_owned();
        drop(one);
        assert!(viewers.watcher(&params(&id)).is_none());
    }

    #[tokio::test]
    async fn a_page_that_does_not_read_is_closed() {
        let viewers = Viewers::default();
        let mut page = viewers.open().unwrap();
        let watcher = viewers.watcher(&params(page.id())).unwrap();
        for number in 0..=Viewers::QUEUE as u64 {
            watcher(step(number));
        }
        assert!(viewers.watcher(&params(page.id())).is_none());
        for number in 0..Viewers::QUEUE as u64 {
            assert_eq!(page.next().await, Some(notice(number)));
        }
        assert_eq!(page.next().await, None);
        // The page is closed; the notice is dropped.
        watcher(step(0));
    }

    #[test]
    fn pages_are_bounded_in_number() {
        let viewers = Viewers::default();
        let mut pages: Vec<_> = (0..Viewers::MAX).map(|_| viewers.open().unwrap()).collect();
        assert!(viewers.open().is_none());
        pages.pop();
        assert!(viewers.open().is_some());
    }
}
