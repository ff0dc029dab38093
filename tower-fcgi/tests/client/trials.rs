//! How an unavailable application is tried, and when it gets the next request.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fcgi_core::ProtocolStatus;
use http::Response;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep};
use tower::ServiceExt as _;
use tower::util::BoxCloneService;
use tower_fcgi::client::{Balance, Error, Pool, ResponseBody};

use crate::connecting::Flaky;
use crate::loopback::*;
use crate::scripted::{Application, complete_response, end_with};

/// What a connect to the application does.
#[derive(Debug, Clone, Copy)]
enum Connect {
    Succeeds,
    Fails(io::ErrorKind),
    Hangs,
    Panics,
}

/// The application's side of its connects.
struct Door {
    connect: Mutex<Connect>,
    connects: AtomicUsize,
    connected: UnboundedSender<DuplexStream>,
}

impl Door {
    async fn open(self: Arc<Self>) -> io::Result<DuplexStream> {
        self.connects.fetch_add(1, Ordering::Relaxed);
        let connect = *self.connect.lock().unwrap();
        match connect {
            Connect::Succeeds => {
                let (ours, theirs) = tokio::io::duplex(1 << 16);
                self.connected.send(theirs).unwrap();
                Ok(ours)
            }
            Connect::Fails(kind) => Err(kind.into()),
            Connect::Hangs => std::future::pending().await,
            Connect::Panics => panic!("connect has a bug"),
        }
    }
}

type Sent = JoinHandle<Result<Response<ResponseBody>, Error>>;

/// An unavailable application that is tried, beside one that responds.
struct Tried {
    balance: BoxCloneService<http::Request<Body>, Response<ResponseBody>, Error>,
    door: Arc<Door>,
    connections: UnboundedReceiver<DuplexStream>,
    began: Instant,
}

impl Tried {
    /// Also returns the request that tries it.
    async fn with(connect: Connect) -> (Self, Sent) {
        let (connected, connections) = unbounded_channel();
        let refuses = Connect::Fails(io::ErrorKind::ConnectionRefused);
        let door = Door { connect: Mutex::new(refuses), connects: AtomicUsize::new(0), connected };
        let (door, other) = (Arc::new(door), Flaky::new(io::ErrorKind::ConnectionRefused));
        other.set_up(true);
        let opened = Arc::clone(&door);
        // One type for both pools.
        let pools = [true, false].map(|is_tried| {
            let (door, other) = (Arc::clone(&opened), Arc::clone(&other));
            let connect = move || {
                let (door, other) = (Arc::clone(&door), Arc::clone(&other));
                async move { if is_tried { door.open().await } else { other.connect("other") } }
            };
            Pool::builder(connect).build::<Body>()
        });
        let balance = BoxCloneService::new(Balance::builder(pools).build());
        let mut tried = Self { balance, door, connections, began: Instant::now() };
        tried.send_to_it().await.await.unwrap().unwrap();
        sleep(Duration::from_secs(10)).await;
        *tried.door.connect.lock().unwrap() = connect;
        let trial = tried.send_to_it().await;
        tried.began = Instant::now();
        (tried, trial)
    }

    fn connects(&self) -> usize {
        self.door.connects.load(Ordering::Relaxed)
    }

    /// Sends requests until it gets one.
    async fn send_to_it(&self) -> Sent {
        let before = self.connects();
        loop {
            let request = tokio::spawn(self.balance.clone().oneshot(get("/")));
            while !request.is_finished() && self.connects() == before {
                tokio::task::yield_now().await;
            }
            if self.connects() > before {
                return request;
            }
            request.await.unwrap().unwrap();
        }
    }

    /// The connection of the request that tries it.
    async fn application(&mut self) -> Application {
        let mut application = Application::new(self.connections.recv().await.unwrap());
        application.request().await;
        application
    }

    /// How many seconds after the trial began it gets the next request.
    async fn next_after(self) -> u64 {
        *self.door.connect.lock().unwrap() = Connect::Fails(io::ErrorKind::ConnectionRefused);
        let before = self.connects();
        loop {
            for _ in 0..2 {
                self.balance.clone().oneshot(get("/")).await.unwrap();
            }
            if self.connects() > before {
                return self.began.elapsed().as_secs();
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn cancel(trial: Sent) {
    trial.abort();
    assert!(trial.await.unwrap_err().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_response_ends_it_at_once() {
    let (mut tried, trial) = Tried::with(Connect::Succeeds).await;
    tried.application().await.send(complete_response("here")).await;
    trial.await.unwrap().unwrap();
    assert_eq!(tried.next_after().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_a_failure() {
    let (mut tried, trial) = Tried::with(Connect::Succeeds).await;
    let application = tried.application().await;
    sleep(Duration::from_secs(3)).await;
    drop(application);
    trial.await.unwrap().expect("the other one has responded");
    assert_eq!(tried.next_after().await, 3 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_failed_connect_is_a_failure() {
    let (tried, trial) = Tried::with(Connect::Fails(io::ErrorKind::ConnectionRefused)).await;
    trial.await.unwrap().expect("the other one has responded");
    assert_eq!(tried.next_after().await, 10);
}

#[tokio::test(start_paused = true)]
async fn no_head_in_time_is_a_failure() {
    let (mut tried, trial) = Tried::with(Connect::Succeeds).await;
    let _application = tried.application().await;
    sleep(Duration::from_secs(35)).await;
    // It has failed before.
    cancel(trial).await;
    assert_eq!(tried.next_after().await, 30 + 10);
}

#[tokio::test(start_paused = true)]
async fn no_connection_in_time_is_a_failure() {
    let (tried, trial) = Tried::with(Connect::Hangs).await;
    trial.await.unwrap().expect("the other one has responded");
    assert_eq!(tried.next_after().await, 5 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_before_the_connect_is_no_result() {
    let (tried, trial) = Tried::with(Connect::Hangs).await;
    sleep(Duration::from_secs(3)).await;
    cancel(trial).await;
    assert_eq!(tried.next_after().await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_before_the_head_is_no_result() {
    // The next request is due at once if the last one has waited longer.
    for (leaves_after, next_after) in [(3, 10), (12, 12)] {
        let (mut tried, trial) = Tried::with(Connect::Succeeds).await;
        let application = tried.application().await;
        sleep(Duration::from_secs(leaves_after)).await;
        cancel(trial).await;
        // Until then it has more load than the other one.
        drop(application);
        sleep(Duration::from_millis(1)).await;
        assert_eq!(tried.next_after().await, next_after);
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_application_is_no_result() {
    let (tried, trial) = Tried::with(Connect::Fails(io::ErrorKind::WouldBlock)).await;
    trial.await.unwrap().expect("the other one has responded");
    assert_eq!(tried.next_after().await, 10);
    let (mut tried, trial) = Tried::with(Connect::Succeeds).await;
    tried.application().await.send(end_with(ProtocolStatus::OVERLOADED)).await;
    trial.await.unwrap().expect("the other one has responded");
    assert_eq!(tried.next_after().await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_no_result() {
    let (tried, trial) = Tried::with(Connect::Panics).await;
    assert!(trial.await.unwrap_err().is_panic());
    assert_eq!(tried.next_after().await, 10);
}
