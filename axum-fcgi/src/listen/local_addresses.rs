//! All addresses of a listener, also through wrappers that return one.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;

use axum::serve::Listener;

use super::fcgi_addr::FcgiAddr;

/// One address of a listener.
#[derive(Debug, Clone)]
pub(crate) struct LocalAddress {
    /// For the log.
    pub(crate) name: String,
    /// The address, if it is TCP, and no allow-list limits who may connect to it.
    pub(crate) open_tcp: Option<SocketAddr>,
}

thread_local! {
    /// The addresses that [`Listeners`](crate::Listeners) and [`AllowListener`](crate::AllowListener) report, while somebody
    /// asks. A wrapper such as axum's `tap_io` calls the `local_addr` of its listener, and hides everything else.
    static REPORTED: RefCell<Option<Vec<LocalAddress>>> = const { RefCell::new(None) };
}

/// All addresses of a listener.
pub(crate) fn local_addresses<L>(listener: &L) -> Vec<LocalAddress>
where
    L: Listener<Addr: fmt::Debug>,
{
    let outer = REPORTED.replace(Some(Vec::new()));
    let own = listener.local_addr();
    let reported = REPORTED.replace(outer).unwrap_or_default();
    if !reported.is_empty() {
        return reported;
    }
    own.iter().map(LocalAddress::of).collect()
}

/// Reports addresses to a caller of [`local_addresses`], if there is one.
pub(super) fn report(addresses: impl FnOnce() -> Vec<LocalAddress>) {
    if REPORTED.with_borrow(Option::is_some) {
        let addresses = addresses();
        REPORTED.with_borrow_mut(|reported| reported.get_or_insert_default().extend(addresses));
    }
}

/// Calls the `local_addr` of a listener whose addresses were reported already.
pub(super) fn unreported<T>(local_addr: impl FnOnce() -> T) -> T {
    let outer = REPORTED.replace(None);
    let addr = local_addr();
    REPORTED.replace(outer);
    addr
}

impl LocalAddress {
    fn of<A: fmt::Debug + 'static>(addr: &A) -> Self {
        let any = addr as &dyn Any;
        let open_tcp = match any.downcast_ref::<FcgiAddr>() {
            Some(FcgiAddr::Tcp(addr)) => Some(*addr),
            Some(FcgiAddr::Unix(_)) => None,
            None => any.downcast_ref().copied(),
        };
        Self { name: name(addr), open_tcp }
    }
}

/// The address as it is configured, if tokio's own type shows it in another way.
fn name<A: fmt::Debug + 'static>(addr: &A) -> String {
    #[cfg(unix)]
    if let Some(unix) = (addr as &dyn Any).downcast_ref::<tokio::net::unix::SocketAddr>() {
        return FcgiAddr::from(unix.clone()).to_string();
    }
    format!("{addr:?}")
}
