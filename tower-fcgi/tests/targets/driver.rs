//! A connection between an unreliable web server and unreliable handlers. The first eight bytes are the seed of the random
//! choices; each of the others is something that the web server sends.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use fcgi_core::{RecordDecoder, RecordType, Role};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep, timeout};
use tower::Service;
use tower_fcgi::{Builder, Config, RequestBody, Roles};

use super::chaos::{Alive, Chaos, LAST, One, Transport, bug};
use super::random::Random;
use super::records::{
    CLOSE, KEEP, abort, begin_as, end_params, end_stdin, get, get_values, head, post, record, some_params,
    stdin,
};
use super::responses::Answers;

/// Longer than any timeout.
const HANGS: Duration = Duration::from_secs(86_400);

pub(crate) fn run(data: &[u8]) {
    let Some((seed, said)) = data.split_first_chunk() else { return };
    let seed = u64::from_be_bytes(*seed);
    let input: Vec<u8> = said.iter().take(100).flat_map(|byte| say(*byte)).collect();
    let (begun, aborted) = count(&input);
    let (transport, output) = Transport::new(input, seed, seed & 1 != 0);
    let alive = Alive::default();
    let mixed = Arc::new(AtomicBool::new(false));
    let service = Handlers {
        seeds: Arc::new(Mutex::new(Random(!seed))),
        mixed: Arc::clone(&mixed),
        wait: None,
        alive: alive.clone(),
        _one: alive.one_more(),
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let config = Config::default().with_half_close(seed & 2 != 0);
        let connection =
            Builder::new().with_config(config).with_roles(Roles::ALL).serve_connection(transport, service);
        let handle = connection.handle();
        let mut connection = tokio::spawn(connection);
        if seed & 0x1c == 0 {
            sleep(Duration::from_secs(3)).await;
            handle.graceful_shutdown();
        }
        let ended = timeout(HANGS, &mut connection).await.expect("the connection hangs");
        let _ = ended.expect("the connection panicked");
        // Lets aborted tasks end.
        sleep(Duration::from_millis(1)).await;
    });
    assert_eq!(alive.now(), 0, "leaked handlers, bodies and clones");
    assert!(!mixed.load(Ordering::SeqCst), "a body has bytes of another request");
    check(&Answers::parse(&output.lock().unwrap()), &begun, &aborted);
}

fn check(answers: &Answers, begun: &BTreeMap<u16, usize>, aborted: &BTreeMap<u16, usize>) {
    for (id, begun) in begun {
        let ends = answers.list.iter().filter(|answer| answer.id == *id && answer.end.is_some());
        assert!(ends.count() <= *begun, "more END_REQUESTs than BEGIN_REQUESTs for {id}");
    }
    for answer in &answers.list {
        assert!(begun.contains_key(&answer.id), "response without a request: {answer:?}");
        if answer.is_whole() && !aborted.contains_key(&answer.id) && answer.status() == 200 {
            let length = answer.header("content-length").map(|length| length.parse().unwrap());
            let permits = length.is_none() && answer.body().is_empty();
            // The promised bytes of a longer body are a complete response.
            let is_promised = length == Some(answer.body().len());
            assert!(
                answer.body().ends_with(LAST) || permits || is_promised,
                "incomplete, but looks complete: {answer:?}"
            );
        }
    }
}

/// The input from the web server for one byte.
fn say(byte: u8) -> Vec<u8> {
    let id = 1 + u16::from(byte >> 6);
    let letter = [u8::try_from(id).unwrap()];
    match byte % 32 {
        0..6 => get(id, KEEP, "/"),
        6 => get(id, CLOSE, "/"),
        7..10 => head(id, KEEP, "POST", "/", &[]),
        10 => head(id, CLOSE, "POST", "/", &[]),
        11 | 12 => post(id, KEEP, "/", 6),
        13..16 => stdin(id, &letter.repeat(3)),
        16 => stdin(id, &letter.repeat(70_000)),
        17..20 => end_stdin(id),
        20 | 21 => abort(id),
        22 => get_values(&["FCGI_MAX_REQS"]),
        23 => record(RecordType(99), 0, b"?"),
        24 => begin_as(Role::AUTHORIZER, id, KEEP),
        25 => begin_as(Role::FILTER, id, KEEP),
        26 => begin_as(Role::RESPONDER, id, KEEP),
        27 => some_params(id, &[("REQUEST_METHOD", "PUT"), ("REQUEST_URI", "/x"), ("CONTENT_LENGTH", "3")]),
        28 => end_params(id),
        29 => record(RecordType::DATA, id, &letter),
        30 => record(RecordType::DATA, id, b""),
        _ => begin_as(Role(9), id, KEEP),
    }
}

/// How often each id begins, and is aborted.
fn count(mut input: &[u8]) -> (BTreeMap<u16, usize>, BTreeMap<u16, usize>) {
    let (mut begun, mut aborted) = (BTreeMap::new(), BTreeMap::new());
    let mut deframer = RecordDecoder::new();
    while let Some(fragment) = deframer.next(&mut input).unwrap() {
        let id = fragment.header.id.0;
        match fragment.header.kind {
            RecordType::BEGIN_REQUEST => *begun.entry(id).or_default() += 1,
            RecordType::ABORT_REQUEST => *aborted.entry(id).or_default() += 1,
            _ => {}
        }
    }
    (begun, aborted)
}

/// A service that is not always ready, and not with every clone.
struct Handlers {
    seeds: Arc<Mutex<Random>>,
    mixed: Arc<AtomicBool>,
    wait: Option<Pin<Box<Sleep>>>,
    alive: Alive,
    _one: One,
}

impl Handlers {
    fn random(&self) -> Random {
        Random(self.seeds.lock().unwrap().below(usize::MAX) as u64)
    }
}

impl Clone for Handlers {
    fn clone(&self) -> Self {
        Self {
            seeds: Arc::clone(&self.seeds),
            mixed: Arc::clone(&self.mixed),
            wait: None,
            alive: self.alive.clone(),
            _one: self.alive.one_more(),
        }
    }
}

impl Service<Request<RequestBody>> for Handlers {
    type Response = Response<Chaos>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Chaos>>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(wait) = &mut self.wait {
            return wait.as_mut().poll(cx).map(Ok);
        }
        let mut random = self.random();
        match random.below(40) {
            0 => bug(),
            1 => Poll::Ready(Err(io::ErrorKind::Other.into())),
            2..14 => {
                let millis = random.below(9000) as u64;
                self.wait.insert(Box::pin(sleep(Duration::from_millis(millis)))).as_mut().poll(cx).map(Ok)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let (random, one) = (self.random(), self.alive.one_more());
        let (alive, mixed) = (self.alive.clone(), Arc::clone(&self.mixed));
        Box::pin(async move {
            let _one = one;
            handle(request, random, alive, mixed).await
        })
    }
}

async fn handle(
    request: Request<RequestBody>,
    mut random: Random,
    alive: Alive,
    mixed: Arc<AtomicBool>,
) -> io::Result<Response<Chaos>> {
    let mut body = request.into_body();
    let mut first = None;
    for _ in 0..random.below(8) {
        match random.below(40) {
            0 => bug(),
            1 => return Err(io::ErrorKind::Other.into()),
            2..9 => sleep(Duration::from_millis(random.below(9000) as u64)).await,
            9..15 => yield_now().await,
            15 => drop(std::mem::replace(&mut body, RequestBody::empty())),
            _ => {
                let Some(Ok(frame)) = body.frame().await else { continue };
                let bytes = frame.into_data().unwrap();
                let is_mixed = bytes.iter().any(|byte| *first.get_or_insert(*byte) != *byte);
                // A panic here would count as the handler's.
                mixed.fetch_or(is_mixed, Ordering::SeqCst);
            }
        }
    }
    let length = if random.once_in(8) { Some(random.below(100) as u64) } else { None };
    let frames = 1 + random.below(5);
    Ok(Response::new(Chaos { random, frames, length, sleep: None, _one: alive.one_more() }))
}
