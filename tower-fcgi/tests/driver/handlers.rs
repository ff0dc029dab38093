//! Services, and how a test observes them.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;
use tower::util::BoxCloneService;
use tower_fcgi::{BodyError, RequestBody};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;
pub(crate) type Reply = Response<Body>;

/// A service from a function, which all its clones share. They all have one type: a driver is compiled for each type of
/// service, and there are some 140 functions.
pub(crate) fn handler<H, F>(handle: H) -> BoxCloneService<Request<RequestBody>, Reply, Infallible>
where
    H: FnMut(Request<RequestBody>) -> F + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let handle = Arc::new(Mutex::new(handle));
    BoxCloneService::new(tower::service_fn(move |request| {
        // Some tests let it panic.
        let mut handle = handle.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = (*handle)(request);
        async move { Ok(reply.await) }
    }))
}

/// A response with a body of known length.
pub(crate) fn full(body: impl Into<Bytes>) -> Reply {
    Response::new(boxed(Full::new(body.into())))
}

pub(crate) fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Answers with the method, the target and the body, or with the body's error.
pub(crate) async fn echo(request: Request<RequestBody>) -> Reply {
    let (parts, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err(error) => {
            return Response::builder().status(400).body(boxed(Full::from(error.to_string()))).unwrap();
        }
    };
    full([parts.method.as_str().as_bytes(), b" ", parts.uri.to_string().as_bytes(), b" ", &body].concat())
}

/// Reads a whole body.
pub(crate) async fn read(body: RequestBody) -> Result<Bytes, BodyError> {
    Ok(body.collect().await?.to_bytes())
}

/// A counter shared by tests and handlers.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A guard that counts its drop.
    pub(crate) fn on_drop(&self) -> OnDrop {
        OnDrop(self.clone())
    }
}

pub(crate) struct OnDrop(Count);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// Blocks handlers until the test opens it.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub(crate) async fn pass(&self) {
        self.0.acquire().await.unwrap().forget();
    }

    /// Lets this many through.
    pub(crate) fn open(&self, handlers: usize) {
        self.0.add_permits(handlers);
    }
}
