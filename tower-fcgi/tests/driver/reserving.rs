//! A service that reserves in `poll_ready`, and checks that its callers follow tower's contract.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http::Request;
use tower_fcgi::RequestBody;
use tower_service::Service;

use crate::handlers::{BoxError, Gate, Reply, echo, full};

/// Echoes; waits at `/held` for the gate first. Each call consumes one of its permits.
pub(crate) struct Reserving {
    shared: Arc<Mutex<Shared>>,
    gate: Gate,
    /// Whether this clone holds a permit.
    reserved: bool,
}

#[derive(Default)]
pub(crate) struct Shared {
    /// Free permits.
    pub(crate) free: usize,
    pub(crate) state: State,
    /// Targets of the calls.
    pub(crate) calls: Vec<String>,
    /// Existing clones.
    clones: usize,
    waiting: Vec<Waker>,
}

/// The result of a `poll_ready`.
#[derive(Default, Clone, Copy)]
pub(crate) enum State {
    #[default]
    Works,
    Fails,
    Panics,
    PanicsInClone,
    PanicsInDrop,
}

impl Reserving {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared { clones: 1, ..Shared::default() })),
            gate: Gate::new(),
            reserved: false,
        }
    }

    /// Changes something, and wakes all that wait.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Shared)) {
        let mut shared = self.shared.lock().unwrap();
        change(&mut shared);
        let waiting = mem::take(&mut shared.waiting);
        drop(shared);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.shared.lock().unwrap().calls.clone()
    }

    pub(crate) fn free(&self) -> usize {
        self.shared.lock().unwrap().free
    }

    pub(crate) fn clones(&self) -> usize {
        self.shared.lock().unwrap().clones
    }

    /// Lets this many at `/held` go on.
    pub(crate) fn open(&self, handlers: usize) {
        self.gate.open(handlers);
    }
}

impl Clone for Reserving {
    fn clone(&self) -> Self {
        let state = {
            let mut shared = self.shared.lock().unwrap();
            if !matches!(shared.state, State::PanicsInClone) {
                shared.clones += 1;
            }
            shared.state
        };
        assert!(!matches!(state, State::PanicsInClone), "clone has a bug");
        Self { shared: Arc::clone(&self.shared), gate: self.gate.clone(), reserved: false }
    }
}

impl Drop for Reserving {
    fn drop(&mut self) {
        let mut state = State::Works;
        self.set(|shared| {
            shared.clones -= 1;
            shared.free += usize::from(self.reserved);
            state = shared.state;
        });
        assert!(!matches!(state, State::PanicsInDrop), "drop has a bug");
    }
}

impl Service<Request<RequestBody>> for Reserving {
    type Response = Reply;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let mut shared = self.shared.lock().unwrap();
        match shared.state {
            State::Fails => return Poll::Ready(Err("the pool is empty".into())),
            State::Panics => {
                drop(shared);
                panic!("poll_ready has a bug");
            }
            State::Works | State::PanicsInClone | State::PanicsInDrop => {}
        }
        if !self.reserved {
            let Some(left) = shared.free.checked_sub(1) else {
                shared.waiting.push(cx.waker().clone());
                return Poll::Pending;
            };
            shared.free = left;
            self.reserved = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        assert!(mem::take(&mut self.reserved), "call without a preceding poll_ready");
        self.shared.lock().unwrap().calls.push(request.uri().to_string());
        let gate = self.gate.clone();
        Box::pin(async move {
            if request.uri() == "/held" {
                gate.pass().await;
                return Ok(full("held"));
            }
            Ok(echo(request).await)
        })
    }
}
