//! The memory that hostile connections can make a process hold, compared with [`Config::max_memory`], and their effect on
//! honest connections.
//!
//! This test binary uses the allocator of `allocation-counter`.

mod attack;
mod transport;

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use tower_fcgi::{Builder, Config, FcgiService, Limits, Params, RequestBody};

use self::attack::{Attack, honest};
use self::transport::Transport;

/// The number of hostile connections.
const HOSTILE: usize = 1000;

/// Limits small enough for a thousand connections to reach.
fn config() -> Config {
    let mut limits = Limits::default();
    limits.max_params_bytes = 16 * 1024;
    limits.max_total_params_bytes = 32 * 1024;
    limits.request_window = 16 * 1024;
    limits.connection_window = 32 * 1024;
    limits.max_control_bytes = 16 * 1024;
    limits.max_concurrent_requests = 32;
    limits.max_half_closed_requests = 32;
    Config::default().with_limits(limits)
}

/// A response that never ends and allocates nothing.
struct Endless(bool);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.then(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }

    fn is_end_stream(&self) -> bool {
        !self.0
    }
}

/// Waits forever without reading, answers endlessly, or answers at once.
fn service() -> impl FcgiService {
    tower::service_fn(async |request: Request<RequestBody>| match request.uri().path() {
        "/wait" => {
            let _held = request;
            pending().await
        }
        "/lines" => {
            give_lines_up(&request).await;
            pending().await
        }
        "/endless" => Ok::<_, Infallible>(Response::new(Endless(true))),
        _ => Ok(Response::new(Endless(false))),
    })
}

/// Starts writes to STDERR and drops their futures.
async fn give_lines_up(request: &Request<RequestBody>) {
    let stderr = request.extensions().get::<Params>().and_then(Params::stderr).unwrap();
    for _ in 0..20_000 {
        let mut line = pin!(stderr.write(vec![b'x'; 1000]));
        let _ = poll_fn(|cx| Poll::Ready(line.as_mut().poll(cx).is_ready())).await;
    }
}

type Served = Pin<Box<dyn Future<Output = Result<(), tower_fcgi::Error>>>>;

/// Drives a connection until it reads no more, or has ended.
async fn settle(connection: &mut Option<Served>, transport: &Transport) {
    let mut quiet = 0;
    while quiet < 3 {
        let before = transport.progress();
        let ended = poll_fn(|cx| {
            let ended = connection.as_mut().is_none_or(|connection| connection.as_mut().poll(cx).is_ready());
            Poll::Ready(ended)
        });
        if ended.await {
            *connection = None;
            return;
        }
        // Multiplexed requests run in tasks.
        tokio::task::yield_now().await;
        quiet = if transport.progress() == before { quiet + 1 } else { 0 };
    }
}

fn serve(builder: &Builder, transport: Transport) -> Served {
    Box::pin(builder.serve_connection(transport, service()))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

#[test]
fn no_attack_makes_a_connection_hold_more_than_it_may() {
    let builder = Builder::new().with_config(config());
    let most = config().max_memory();
    let runtime = runtime();
    for attack in Attack::ALL {
        // The first connections of a thread allocate what all of them share.
        for _ in 0..2 {
            let transport = Transport::new(attack.feed(), attack.reads());
            let mut connection = Some(serve(&builder, transport.clone()));
            let held = measure(|| runtime.block_on(settle(&mut connection, &transport))).bytes_max;
            let held = usize::try_from(held).unwrap();
            println!("{attack:?}: {held} bytes at most of {most}, after {} bytes", transport.taken());
            assert!(held <= most, "{attack:?}: {held} bytes, at most {most} allowed");
            assert!(transport.taken() > attack.least(), "{attack:?} was stopped after {}", transport.taken());
        }
    }
}

#[test]
fn given_up_lines_of_stderr_do_not_pile_up() {
    let builder = Builder::new().with_config(config());
    let runtime = runtime();
    let transport = Transport::new(Attack::Lines.feed(), Attack::Lines.reads());
    let mut connection = Some(serve(&builder, transport.clone()));
    let held = measure(|| runtime.block_on(settle(&mut connection, &transport))).bytes_max;
    println!("{held} bytes");
    assert!(held < 256 * 1024, "{held} bytes");
}

#[test]
fn a_thousand_attackers_stay_within_the_memory_sum() {
    let builder = Builder::new().with_config(config());
    let runtime = runtime();
    let alone = turns_until_answered(&runtime, &builder);
    let mut hostile: Vec<(Option<Served>, Transport)> = Vec::with_capacity(HOSTILE);
    let held = measure(|| {
        for attack in Attack::ALL.into_iter().cycle().take(HOSTILE) {
            let transport = Transport::new(attack.feed(), attack.reads());
            hostile.push((Some(serve(&builder, transport.clone())), transport));
        }
        runtime.block_on(async {
            for (connection, transport) in &mut hostile {
                settle(connection, transport).await;
            }
        });
    });
    let (held, most) = (usize::try_from(held.bytes_max).unwrap(), HOSTILE * config().max_memory());
    println!("{HOSTILE} hostile connections: {held} bytes at most of {most}");
    assert!(held <= most);
    for _ in 0..100 {
        // Each connection is a task of its own: attackers cost an honest one no turn.
        assert_eq!(turns_until_answered(&runtime, &builder), alone);
    }
}

/// Polls until an honest request is answered.
fn turns_until_answered(runtime: &tokio::runtime::Runtime, builder: &Builder) -> usize {
    let transport = Transport::new(honest(), true);
    let mut connection = Box::pin(builder.serve_connection(transport.clone(), service()));
    let mut turns = 0;
    runtime.block_on(poll_fn(|cx| {
        turns += 1;
        let ended = connection.as_mut().poll(cx);
        if transport.answers() == 1 || ended.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert_eq!(transport.answers(), 1);
    turns
}
