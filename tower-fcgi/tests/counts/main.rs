//! The cost of a request in allocations, reads and writes. Clocks show a regression only on an idle machine;
//! these figures are exact and the same everywhere.
//!
//! A failed test has found a regression, or a cost worth paying: then raise its constant. When a figure
//! falls, lower the constant, or the gain can be lost unnoticed. To print the current figures:
//! `cargo test -p tower-fcgi --test counts -- --nocapture`.
//!
//! The allocator is `allocation-counter`'s, only in this test binary. It counts per thread, so the tests
//! can run concurrently. A buffer that grows counts as a new allocation of its new
//! size.

mod in_memory;

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;
use tower_fcgi::{BodyError, Builder, FcgiService, RequestBody};

use self::in_memory::{Served, Wire, request};

/// A GET of 30 pairs on a kept connection, and a response of 13 bytes. The allocations are: the reference count of
/// the PARAMS' slices; the two tables of a `HeaderMap`; the extensions' map, its table and the entry for the PARAMS.
/// The buffers of the PARAMS and of the output are reused from the previous request.
const GET: Most = Most { allocations: 6, bytes: 1_700, reads: 1, writes: 1 };

/// As GET, with a body of 16 KiB that arrives with its head: a slice of the read buffer, and a queue entry.
const POST_16_KIB: Most = Most { allocations: 8, bytes: 2_300, reads: 1, writes: 1 };

/// As GET, with a body of 1 MiB that is read while it arrives. The read buffer is reused: with a buffer per read, or
/// if the body were collected anywhere, it would be 1 MiB and more. One allocation is for the body's timeout; polls
/// that find the body incomplete allocate nothing.
const POST_1_MIB: Most = Most { allocations: 26, bytes: 22_000, reads: 17, writes: 1 };

/// As GET, with a response of 1 MiB in one chunk: the list of its slices, and no copy. 17 records are 34 slices,
/// written in one write.
const DOWN_1_MIB: Most = Most { allocations: 9, bytes: 3_000, reads: 1, writes: 1 };

/// 16 GETs that arrive together on one connection, on a single-threaded runtime, with immediate responses.
const MULTIPLEXED_16: Most = Most { allocations: 110, bytes: 36_000, reads: 1, writes: 1 };

/// The same with handlers that wait first: all but the first run in a task, which shares state with the
/// connection. The channel from the tasks is created again after each idle period.
const WAITING_16: Most = Most { allocations: 164, bytes: 57_000, reads: 1, writes: 2 };

/// An idle kept connection, including its future, after any kind of requests. It holds no
/// buffer.
const IDLE_BYTES: i64 = 1_424;

/// The same after multiplexed requests, whose shared state is freed as well.
const IDLE_SHARED_BYTES: i64 = IDLE_BYTES;

/// The upper bounds of an exchange.
#[derive(Debug, Clone, Copy)]
struct Most {
    /// Exact: one more is a failure.
    allocations: u64,
    /// The sum of all allocations, most of them freed meanwhile. Slightly above the figure, since the sizes of
    /// futures and of the standard library's tables vary.
    bytes: u64,
    /// Exact, like `writes`, for a transport that has all input at once.
    reads: usize,
    writes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    allocations: u64,
    bytes: u64,
    /// Reads that returned bytes.
    reads: usize,
    writes: usize,
}

impl Counts {
    #[track_caller]
    fn assert(self, what: &str, most: Most) {
        println!("{what}: {self:?}");
        assert_eq!((self.reads, self.writes), (most.reads, most.writes), "{what}: reads and writes");
        assert!(self.allocations <= most.allocations, "{what}: {self:?}, at most {most:?}");
        assert!(self.bytes <= most.bytes, "{what}: {self:?}, at most {most:?}");
    }
}

#[test]
fn a_small_get() {
    one_at_a_time(constant(HELLO), &request(1, 0), HELLO.len()).assert("GET", GET);
}

#[test]
fn a_body_that_comes_with_its_head() {
    one_at_a_time(reader(), &request(1, 16 * 1024), HELLO.len()).assert("POST 16 KiB", POST_16_KIB);
}

#[test]
fn a_large_body_is_never_copied() {
    one_at_a_time(reader(), &request(1, MIB), HELLO.len()).assert("POST 1 MiB", POST_1_MIB);
}

#[test]
fn a_large_answer_is_never_copied() {
    let large = constant(Bytes::from(vec![b'x'; MIB]));
    one_at_a_time(large, &request(1, 0), MIB).assert("1 MiB down", DOWN_1_MIB);
}

#[test]
fn requests_that_share_a_connection() {
    let runtime = runtime();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(&Builder::new(), &wire, constant(HELLO));
    let together = sixteen();
    let counts = steady(&wire, 16 * HELLO.len(), || ask_sixteen(&runtime, &mut served, &together));
    counts.assert("16 multiplexed GETs", MULTIPLEXED_16);
}

#[test]
fn requests_that_share_a_connection_and_wait() {
    let runtime = runtime();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(&Builder::new(), &wire, waiting(HELLO));
    let together = sixteen();
    let counts = steady(&wire, 16 * HELLO.len(), || ask_sixteen(&runtime, &mut served, &together));
    counts.assert("16 multiplexed GETs that wait", WAITING_16);
}

/// Each body has a deadline, but a poll without input touches none of them.
#[test]
fn open_bodies_cost_a_poll_nothing() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(&Builder::new(), &wire, reader());
    // Without their bodies, which never arrive.
    let open: Bytes = (1..=100).flat_map(|id| request(id, 1).slice(..request(id, 1).len() - 17)).collect();
    served.send(&open);
    runtime.block_on(poll_fn(|cx| {
        assert!(served.poll_answers(cx, 100).is_pending());
        Poll::Ready(())
    }));
    let mut poll = || {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(served.poll_answers(&mut cx, 100).is_pending());
    };
    poll();
    let AllocationInfo { count_total, .. } = measure(|| (0..100).for_each(|_| poll()));
    println!("100 polls with 100 open bodies: {count_total} allocations");
    assert_eq!(count_total, 0);
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let runtime = runtime();
    let _entered = runtime.enter();
    for (what, request) in [("GETs", request(1, 0)), ("POSTs of 1 MiB", request(1, MIB))] {
        let idle = held_after(reader, |served| served.ask(&request));
        println!("idle after {what}: {idle} bytes");
        assert!(idle <= IDLE_BYTES, "{idle} bytes after {what}, at most {IDLE_BYTES}");
    }
}

#[test]
fn an_idle_connection_that_was_shared_holds_no_buffer() {
    let runtime = runtime();
    let together = sixteen();
    let idle = held_after(|| waiting(HELLO), |served| ask_sixteen(&runtime, served, &together));
    println!("idle after multiplexed requests: {idle} bytes");
    assert!(idle <= IDLE_SHARED_BYTES, "{idle} bytes, at most {IDLE_SHARED_BYTES}");
}

const MIB: usize = 1024 * 1024;
const HELLO: Bytes = Bytes::from_static(b"Hello, World!");

/// Counts an exchange that runs inline. `answer` is the size of the response body.
fn one_at_a_time(service: impl FcgiService, request: &Bytes, answer: usize) -> Counts {
    let runtime = runtime();
    let _entered = runtime.enter();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(&Builder::new(), &wire, service);
    steady(&wire, answer, || served.ask(request))
}

/// Counts an `exchange` after all one-time allocations. Panics unless every count is the
/// same.
fn steady(wire: &Wire, answer: usize, mut exchange: impl FnMut()) -> Counts {
    for _ in 0..3 {
        exchange();
    }
    let mut count = || {
        wire.reads.set(0);
        wire.writes.set(0);
        wire.stdout.set(0);
        let AllocationInfo { count_total, bytes_total, bytes_current, .. } = measure(&mut exchange);
        assert_eq!(bytes_current, 0, "bytes leaked by a request");
        assert!(wire.stdout.get() > answer, "incomplete response");
        let (reads, writes) = (wire.reads.get(), wire.writes.get());
        Counts { allocations: count_total, bytes: bytes_total, reads, writes }
    };
    let first = count();
    for _ in 0..20 {
        assert_eq!(count(), first, "the count varies");
    }
    first
}

/// Heap bytes that a connection holds after three exchanges, including its future.
fn held_after<S: FcgiService>(service: impl Fn() -> S, exchange: impl Fn(&mut Served<S>)) -> i64 {
    let builder = Builder::new();
    let wire = Rc::new(Wire::default());
    let serve = || {
        let mut served = Served::new(&builder, &wire, service());
        for _ in 0..3 {
            exchange(&mut served);
        }
        served
    };
    // The first connections of a thread make allocations that later ones share.
    drop(serve());
    drop(serve());
    let mut served = None;
    let held = measure(|| served = Some(serve())).bytes_current;
    drop(served);
    held
}

/// A runtime for tasks and timers. Inline requests do not need to run on it.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

fn sixteen() -> Bytes {
    (1..=16).flat_map(|id| request(id, 0)).collect()
}

fn ask_sixteen<S: FcgiService>(runtime: &Runtime, served: &mut Served<S>, together: &Bytes) {
    served.send(together);
    runtime.block_on(poll_fn(|cx| served.poll_answers(cx, 16)));
}

/// Always the same response, without an allocation.
fn constant(body: Bytes) -> impl FcgiService {
    tower::service_fn(move |_: Request<RequestBody>| {
        ready(Ok::<_, Infallible>(Response::new(Full::new(body.clone()))))
    })
}

/// As [`constant`], after yielding to other tasks.
fn waiting(body: Bytes) -> impl FcgiService {
    tower::service_fn(move |_: Request<RequestBody>| {
        let body = body.clone();
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        }
    })
}

/// Reads and discards the request body, and responds without an allocation.
fn reader() -> impl FcgiService {
    tower::service_fn(async |request: Request<RequestBody>| {
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        // Reached only after a complete body: a truncated one is an error.
        Ok::<_, BodyError>(Response::new(Full::new(HELLO)))
    })
}
