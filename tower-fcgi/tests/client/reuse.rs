//! Which requests take a kept connection.
//!
//! A worker of php-fpm that ends closes its connection at any moment between two requests, also just after it has replied that it
//! is free.

use std::time::Duration;

use fcgi_core::{ProtocolStatus, RecordType};
use http::{Method, Request, Response};
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;
use tower::util::BoxCloneService;
use tower_fcgi::client::{Config, Error, ResponseBody};

use crate::loopback::*;
use crate::scripted::{Application, builder, complete_response, end, end_with, stdout, values, with_id};

type Sent = JoinHandle<Result<Response<ResponseBody>, Error>>;

/// A pool, and the other ends of its connections.
struct Kept {
    pool: BoxCloneService<Request<Body>, Response<ResponseBody>, Error>,
    connections: UnboundedReceiver<DuplexStream>,
}

impl Kept {
    fn new(limit: usize, config: Config) -> Self {
        let (builder, connections) = builder!(limit, config.with_keep_alive_timeout(None));
        Self { pool: BoxCloneService::new(builder.build::<Body>()), connections }
    }

    fn send(&self, request: Request<Body>) -> Sent {
        tokio::spawn(self.pool.clone().oneshot(request))
    }

    async fn next_connection(&mut self) -> Application {
        Application::new(self.connections.recv().await.unwrap())
    }

    /// A new connection, with a request in flight.
    async fn busy_connection(&mut self, request: Request<Body>) -> (Sent, Application) {
        let sent = self.send(request);
        let mut worker = self.next_connection().await;
        worker.request().await;
        (sent, worker)
    }

    /// A kept connection whose worker is free.
    async fn idle_connection(&mut self) -> Application {
        let (first, mut worker) = self.busy_connection(get("/")).await;
        respond(&mut worker, first).await;
        reply_free(&mut worker).await;
        worker
    }
}

async fn respond(worker: &mut Application, sent: Sent) {
    worker.send(complete_response("response")).await;
    assert_eq!(text(sent.await.unwrap().unwrap().into_body()).await.unwrap(), "response");
}

async fn reply_free(worker: &mut Application) {
    assert_eq!(worker.record().await.unwrap().0, RecordType::GET_VALUES);
    worker.send(values(&[("FCGI_MPXS_CONNS", "0")])).await;
}

fn request(method: Method, body: Body) -> Request<Body> {
    let mut request = post("/", body);
    *request.method_mut() = method;
    request
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_again_gets_a_new_connection() {
    for limit in [1, 3] {
        let mut kept = Kept::new(limit, Config::default().with_keep_conn(true));
        let mut worker = kept.idle_connection().await;
        for (method, body, is_new) in [
            (Method::GET, none(), false),
            (Method::POST, none(), true),
            (Method::PUT, none(), false),
            (Method::PUT, full("body"), true),
            (Method::GET, full("body"), true),
            (Method::DELETE, none(), false),
            (Method::PATCH, full("body"), true),
            (Method::OPTIONS, none(), false),
            (Method::POST, full("body"), true),
        ] {
            let what = format!("{method}, limit {limit}");
            let sent = kept.send(request(method, body));
            if is_new {
                assert_eq!(worker.record().await, None, "{what}: the idle connection makes room");
                worker = kept.next_connection().await;
            }
            worker.request().await;
            respond(&mut worker, sent).await;
            reply_free(&mut worker).await;
            assert!(kept.connections.try_recv().is_err(), "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_request_gets_a_new_connection_once_a_worker_is_free() {
    let mut kept = Kept::new(1, Config::default().with_keep_conn(true));
    let (first, mut worker) = kept.busy_connection(get("/")).await;
    let waiting = kept.send(post("/", full("body")));
    respond(&mut worker, first).await;
    assert_eq!(worker.record().await.unwrap().0, RecordType::GET_VALUES);
    let early = timeout(Duration::from_millis(50), kept.connections.recv()).await;
    assert!(early.is_err(), "the worker is not known to be free");
    worker.send(values(&[("FCGI_MPXS_CONNS", "0")])).await;
    assert_eq!(worker.record().await, None);
    let mut worker = kept.next_connection().await;
    worker.request().await;
    respond(&mut worker, waiting).await;
}

#[tokio::test(start_paused = true)]
async fn each_request_takes_a_kept_connection_without_the_ready_check() {
    let mut kept = Kept::new(1, Config::default().with_keep_conn(true).with_ready_check(false));
    let (sent, mut application) = kept.busy_connection(post("/", full("body"))).await;
    respond(&mut application, sent).await;
    let sent = kept.send(post("/", full("body")));
    application.request().await;
    respond(&mut application, sent).await;
    assert!(kept.connections.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn each_request_takes_a_connection_of_an_application_that_multiplexes() {
    let mut kept = Kept::new(1, Config::default().with_max_concurrent_requests(8));
    let (first, mut application) = kept.busy_connection(get("/")).await;
    respond(&mut application, first).await;
    // The probe; then the query whether it is free is not needed.
    assert_eq!(application.record().await.unwrap().0, RecordType::GET_VALUES);
    application.send(values(&[("FCGI_MPXS_CONNS", "1")])).await;
    let sent = [(); 2].map(|()| kept.send(post("/", full("body"))));
    for (id, sent) in (1..).zip(sent) {
        application.request().await;
        application.send([with_id(id, stdout("\r\nresponse")), with_id(id, end())].concat()).await;
        assert_eq!(text(sent.await.unwrap().unwrap().into_body()).await.unwrap(), "response");
    }
    assert!(kept.connections.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_rejected_request_gets_a_new_connection_too() {
    let mut kept = Kept::new(2, Config::default().with_max_concurrent_requests(8));
    let (first, mut idle) = kept.busy_connection(get("/1")).await;
    let mut shared = kept.next_connection().await;
    assert_eq!(shared.record().await.unwrap().0, RecordType::GET_VALUES);
    shared.send(values(&[("FCGI_MPXS_CONNS", "1")])).await;
    sleep(Duration::from_millis(1)).await;
    let _second = kept.send(get("/2"));
    shared.request().await;
    let third = kept.send(post("/3", none()));
    shared.request().await;
    // The application at the other end of the first connection takes one request at a time.
    assert_eq!(idle.record().await.unwrap().0, RecordType::GET_VALUES);
    respond(&mut idle, first).await;
    idle.send(values(&[("FCGI_MPXS_CONNS", "0")])).await;
    reply_free(&mut idle).await;
    sleep(Duration::from_millis(1)).await;
    shared.send(with_id(2, end_with(ProtocolStatus::CANT_MPX_CONN))).await;
    assert_eq!(idle.record().await, None, "it makes room");
    let mut new = kept.next_connection().await;
    new.request().await;
    respond(&mut new, third).await;
}
