//! Counts what a request costs: allocations, reads and writes. Clocks show a regression only on an idle machine; these
//! figures are exact, and the same on every machine.
//!
//! A test that fails has found a regression, or a price that is worth paying: raise its constant then. When a figure
//! falls, lower the constant, or the gain can be lost unnoticed. Print the figures with
//! `cargo test -p tower-fcgi --test allocations -- --nocapture`.
//!
//! This test binary uses the allocator of `allocation-counter`. It counts per thread, so that the tests can run in
//! parallel; a buffer that grows counts as a new one of its new size.

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

/// A GET of 30 pairs on a kept connection, and a response of 13 bytes. The allocations are: the counter of the PARAMS'
/// slices; the two tables of a `HeaderMap`; the extensions' map, its table and the entry for the PARAMS; the box of the request
/// in flight, without which an idle connection would hold its room. The buffers of the PARAMS and of the output are reused.
const GET: Most = Most { allocations: 7, bytes: 2_250, reads: 1, writes: 1 };

/// As GET, and a body of 16 KiB that is received with its head: a slice of the read buffer, and its entry in a queue.
const POST_16_KIB: Most = Most { allocations: 9, bytes: 2_800, reads: 1, writes: 1 };

/// As GET, and a body of 1 MiB that is read while it is received. The read buffer is reused: a buffer per read, or a copy of
/// the whole body, would be 1 MiB or more. One allocation is for the body's timeout; further polls of the unfinished body
/// make none.
const POST_1_MIB: Most = Most { allocations: 27, bytes: 22_450, reads: 17, writes: 1 };

/// As GET, and a response of 1 MiB in one chunk: 17 records are 34 slices, and are sent in one write. The list of the slices is
/// reused.
const DOWN_1_MIB: Most = Most { allocations: 7, bytes: 2_250, reads: 1, writes: 1 };

/// 16 GETs that share a connection and are received together, on a runtime with one thread: each is answered at once.
const MULTIPLEXED_16: Most = Most { allocations: 126, bytes: 44_800, reads: 1, writes: 1 };

/// The same with handlers that wait first: all but the first one have a task, and what a task shares with the
/// connection. The channel from the tasks is allocated again after each idle time.
const WAITING_16: Most = Most { allocations: 165, bytes: 74_000, reads: 1, writes: 2 };

/// A kept connection between requests, including the future itself, after any kind of request. It holds no buffer,
/// and no state of the protocol.
const IDLE_BYTES: i64 = 360;

/// The same after requests that shared it: the tasks' channel is freed as well.
const IDLE_SHARED_BYTES: i64 = 392;

/// The limits of one exchange.
#[derive(Debug, Clone, Copy)]
struct Most {
    /// Exact: one more is a failure.
    allocations: u64,
    /// Allocated in total, most of it freed meanwhile. With a small margin, since it includes the sizes of futures and of the
    /// standard library's tables.
    bytes: u64,
    /// Exact, as are `writes`; on a transport that has everything at once.
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

/// The timer table has a deadline for each, and a poll that receives nothing touches none.
#[test]
fn open_bodies_cost_a_poll_nothing() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(&Builder::new(), &wire, reader());
    // Without their bodies.
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

/// Counts an exchange that runs in the connection's own future. `answer`: bytes of the response's body.
fn one_at_a_time(service: impl FcgiService, request: &Bytes, answer: usize) -> Counts {
    let runtime = runtime();
    let _entered = runtime.enter();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(&Builder::new(), &wire, service);
    steady(&wire, answer, || served.ask(request))
}

/// Counts what `exchange` costs after everything that is allocated only once. Panics unless it is the same each time.
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
    // The first connections of a thread allocate what all of them share.
    drop(serve());
    drop(serve());
    let mut served = None;
    let held = measure(|| served = Some(serve())).bytes_current;
    drop(served);
    held
}

/// For tasks and timers; an inline request does not use it.
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

/// As [`constant`], after other tasks have run.
fn waiting(body: Bytes) -> impl FcgiService {
    tower::service_fn(move |_: Request<RequestBody>| {
        let body = body.clone();
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        }
    })
}

/// Reads the request's body to its end, keeps nothing of it, and answers without an allocation.
fn reader() -> impl FcgiService {
    tower::service_fn(async |request: Request<RequestBody>| {
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        // This is the clean end: a body that is cut short is an error.
        Ok::<_, BodyError>(Response::new(Full::new(HELLO)))
    })
}
