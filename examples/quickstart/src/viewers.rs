//! The open pages, each of which sees the requests that it sends, and no other's.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fcgi_core::Params;
use tokio::sync::mpsc;

use crate::records::Notice;
use crate::trace::Watcher;

/// The pages that are open. A clone shares them.
#[derive(Debug, Clone, Default)]
pub struct Viewers(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// How many there have ever been.
    count: u64,
    open: HashMap<String, mpsc::Sender<Notice>>,
}

impl Viewers {
    /// The meta-variable that a request says its page in: the header `X-Viewer`.
    pub const VARIABLE: &str = "HTTP_X_VIEWER";

    /// Pages that may be open at once. Each holds a connection to the application.
    pub const MOST: usize = 32;

    /// Notices that may wait for a page to read them.
    const WAITING: usize = 1024;

    /// One more page, unless there are too many.
    #[must_use]
    pub fn open(&self) -> Option<Viewer> {
        let mut table = self.table();
        if table.open.len() >= Self::MOST {
            return None;
        }
        table.count += 1;
        // Each `RandomState` has keys of its own, so that no page can guess another's name.
        let id = format!("{:016x}", RandomState::new().hash_one(table.count));
        let (sender, notices) = mpsc::channel(Self::WAITING);
        table.open.insert(id.clone(), sender);
        Some(Viewer { id, notices, viewers: self.clone() })
    }

    /// Who watches a request with these PARAMS.
    #[must_use]
    pub fn watcher(&self, params: &Params) -> Option<Watcher> {
        let watch = self.watch(params.get_str(Self::VARIABLE)?)?;
        Some(Arc::new(move |step| watch(Notice::Step(step))))
    }

    /// Shows a page a request of its own, as the web server got it.
    pub fn show(&self, id: &str, request: Notice) {
        if let Some(watch) = self.watch(id) {
            watch(request);
        }
    }

    fn watch(&self, id: &str) -> Option<impl Fn(Notice) + Send + Sync + use<>> {
        let id = id.to_owned();
        let sender = self.table().open.get(&id)?.clone();
        // Closed with the page. One that reads too slowly is closed here, and opens anew: it is never left with gaps.
        let sender = sender.downgrade();
        let viewers = self.clone();
        Some(move |notice| {
            let kept = sender.upgrade().is_none_or(|sender| sender.try_send(notice).is_ok());
            if !kept {
                viewers.table().open.remove(&id);
            }
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Each change is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page that is open, until this is dropped.
#[derive(Debug)]
pub struct Viewer {
    id: String,
    notices: mpsc::Receiver<Notice>,
    viewers: Viewers,
}

impl Viewer {
    /// What the page's requests have in their header `X-Viewer`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The next thing to show of the page's requests; none once the page has read too slowly.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
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

    fn of(viewer: &str) -> Params {
        [(Viewers::VARIABLE, viewer)].into_iter().collect()
    }

    fn notice(request: u64) -> Notice {
        Notice::Step(step(request))
    }

    fn step(request: u64) -> Step {
        Step { request, from: Peer::WebServer, micros: 0, what: What::Closed }
    }

    #[tokio::test]
    async fn a_page_sees_its_own_requests_alone() {
        let viewers = Viewers::default();
        let (mut one, mut other) = (viewers.open().unwrap(), viewers.open().unwrap());
        assert_ne!(one.id(), other.id());
        viewers.watcher(&of(one.id())).unwrap()(step(1));
        viewers.watcher(&of(other.id())).unwrap()(step(2));
        assert_eq!((one.next().await, other.next().await), (Some(notice(1)), Some(notice(2))));
        assert!(viewers.watcher(&of("")).is_none());
        assert!(viewers.watcher(&Params::default()).is_none());
        let id = one.id().to_owned();
        drop(one);
        assert!(viewers.watcher(&of(&id)).is_none());
    }

    #[tokio::test]
    async fn a_page_that_does_not_read_is_closed() {
        let viewers = Viewers::default();
        let mut page = viewers.open().unwrap();
        let watcher = viewers.watcher(&of(page.id())).unwrap();
        for number in 0..=Viewers::WAITING as u64 {
            watcher(step(number));
        }
        assert!(viewers.watcher(&of(page.id())).is_none());
        for number in 0..Viewers::WAITING as u64 {
            assert_eq!(page.next().await, Some(notice(number)));
        }
        assert_eq!(page.next().await, None);
        // To nobody, which does no harm.
        watcher(step(0));
    }

    #[test]
    fn pages_are_bounded_in_number() {
        let viewers = Viewers::default();
        let mut pages: Vec<_> = (0..Viewers::MOST).map(|_| viewers.open().unwrap()).collect();
        assert!(viewers.open().is_none());
        pages.pop();
        assert!(viewers.open().is_some());
    }
}
