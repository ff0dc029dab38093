//! What the driver costs: a whole exchange over a transport in memory, from the request's bytes to those of
//! its answer, with a service that does next to nothing. The kernel and the router are not in it.
//!
//! ```text
//! cargo bench -p tower-fcgi
//! cargo bench -p tower-fcgi --bench exchange -- get
//! ```
//!
//! With divan, since it is small (no plots, no history; of its dependencies only clap has any size) and gives
//! bytes and items per second beside the time. Read the medians; differences below 10 % are noise. What must
//! not change at all (allocations, reads, writes) is counted in the test `counts`.

#[path = "../tests/allocations/in_memory.rs"]
mod in_memory;

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::rc::Rc;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;
use tower_fcgi::{Builder, FcgiService, RequestBody, Stats};

use self::in_memory::{PARAMS, Served, Wire, request, request_with};

fn main() {
    divan::main();
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Tasks and timers need one; what runs inline needs no turn of it.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

/// Always the same answer, without an allocation. The request is dropped, as a handler would do.
fn constant(body: Bytes) -> impl FcgiService {
    tower::service_fn(move |_: Request<RequestBody>| {
        ready(Ok::<_, Infallible>(Response::new(Full::new(body.clone()))))
    })
}

/// Reads the request's body frame by frame and answers how long it was.
fn reader() -> impl FcgiService {
    tower::service_fn(async |request: Request<RequestBody>| {
        let mut body = request.into_body();
        let mut len = 0;
        while let Some(frame) = body.frame().await {
            len += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok::<_, tower_fcgi::BodyError>(Response::new(Full::new(Bytes::from(len.to_string()))))
    })
}

/// One request after the other on a kept connection, in the connection's own future. `bytes`: what goes the
/// way of which there is more.
fn one_at_a_time(bencher: Bencher<'_, '_>, service: impl FcgiService, request: &Bytes, bytes: usize) {
    one_at_a_time_with(bencher, &Builder::new(), service, request, bytes);
}

fn one_at_a_time_with(
    bencher: Bencher<'_, '_>,
    builder: &Builder,
    service: impl FcgiService,
    request: &Bytes,
    bytes: usize,
) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(builder, &wire, service);
    bencher
        .counter(BytesCount::new(bytes))
        .counter(ItemsCount::new(1_usize))
        .bench_local(|| served.ask(request));
    assert!(wire.reads.get() > 0 && wire.writes.get() > 0 && wire.stdout.get() > 0);
}

const HELLO: Bytes = Bytes::from_static(b"Hello, World!");

/// The common case: 30 pairs in, 13 bytes out.
#[divan::bench(sample_size = 200)]
fn get(bencher: Bencher<'_, '_>) {
    let request = request(1, 0);
    one_at_a_time(bencher, constant(HELLO), &request, request.len());
}

/// As `get`, and counted.
#[divan::bench(sample_size = 200)]
fn get_with_stats(bencher: Bencher<'_, '_>) {
    let request = request(1, 0);
    let builder = Builder::new().with_stats(Stats::new());
    one_at_a_time_with(bencher, &builder, constant(HELLO), &request, request.len());
}

/// As `get`, from browsers in turn that each send their headers in another order: what the cache of heads is worst at.
#[divan::bench(args = [1, 16, 200], sample_size = 200)]
fn get_in_other_orders(bencher: Bencher<'_, '_>, orders: usize) {
    let requests: Vec<_> = (0..orders).map(|order| request_with(1, &reordered(order), 0)).collect();
    let mut next = requests.iter().cycle();
    let runtime = runtime();
    let _entered = runtime.enter();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(&Builder::new(), &wire, constant(HELLO));
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        if let Some(request) = next.next() {
            served.ask(request);
        }
    });
}

/// The variables with their headers in one of many orders; 0 is that of [`PARAMS`].
fn reordered(order: usize) -> Vec<(&'static str, &'static str)> {
    let (mut variables, mut headers): (Vec<_>, Vec<_>) =
        PARAMS.into_iter().partition(|(name, _)| !name.starts_with("HTTP_"));
    let mut rest = order;
    while !headers.is_empty() {
        variables.push(headers.remove(rest % headers.len()));
        rest /= 3;
    }
    variables
}

/// A body that comes with its head, and is read to its end.
#[divan::bench(sample_size = 200)]
fn post_16_kib(bencher: Bencher<'_, '_>) {
    one_at_a_time(bencher, reader(), &request(1, 16 * KIB), 16 * KIB);
}

/// A body that is read while it comes.
#[divan::bench(sample_size = 20)]
fn post_1_mib(bencher: Bencher<'_, '_>) {
    one_at_a_time(bencher, reader(), &request(1, MIB), MIB);
}

/// A body in one piece, shared: nothing copies it here, and the transport takes it whole.
#[divan::bench(sample_size = 100)]
fn down_1_mib(bencher: Bencher<'_, '_>) {
    one_at_a_time(bencher, constant(Bytes::from(vec![b'x'; MIB])), &request(1, 0), MIB);
}

/// Requests that share a connection and come together: all but the first get a task. An item is a request.
#[divan::bench(args = [1, 16], sample_size = 50)]
fn multiplexed(bencher: Bencher<'_, '_>, requests: u16) {
    let runtime = runtime();
    let together: Bytes = (1..=requests).flat_map(|id| request(id, 0)).collect();
    let wire = Rc::new(Wire::default());
    let mut served = Served::new(&Builder::new(), &wire, constant(HELLO));
    bencher.counter(BytesCount::of_slice(&together)).counter(ItemsCount::new(requests)).bench_local(|| {
        served.send(&together);
        runtime.block_on(poll_fn(|cx| served.poll_answers(cx, requests.into())));
    });
    assert!(wire.reads.get() > 0 && wire.writes.get() > 0 && wire.stdout.get() > 0);
}
