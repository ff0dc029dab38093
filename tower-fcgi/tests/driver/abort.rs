//! ABORT_REQUEST (FastCGI §5.4).

use std::sync::{Arc, Mutex};

use fcgi_core::RecordType;
use tower_fcgi::{BodyError, BodyErrorKind};

use crate::handlers::{Count, Gate, boxed, echo, full, handler, read};
use crate::records::{KEEP, abort, begin, end_stdin, get, post, some_params, stdin};
use crate::scripted::{Scripted, Step, data};
use crate::web_server::serve;

/// `/wait` waits forever and is counted when it is dropped; `/body` waits for its body; others answer.
fn served(dropped: &Count) -> crate::web_server::WebServer {
    let dropped = dropped.clone();
    serve(handler(move |request| {
        let guard = (request.uri() != "/now").then(|| dropped.on_drop());
        async move {
            let _guard = guard;
            match request.uri().path() {
                "/wait" => std::future::pending().await,
                "/body" => full(read(request.into_body()).await.unwrap()),
                "/stream" => http::Response::new(boxed(Scripted::new([data("some"), Step::Hang]))),
                _ => echo(request).await,
            }
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn abort_cancels_a_waiting_handler_and_sends_one_end() {
    let dropped = Count::default();
    let web_server = served(&dropped);
    web_server.say(get(1, KEEP, "/wait")).await;
    assert_eq!(dropped.now(), 0);
    web_server.say(abort(1)).await;
    assert_eq!(dropped.now(), 1);
    let answers = web_server.answers();
    assert!(answers.of(1).is_whole() && answers.of(1).stdout.is_empty());
    let ends = answers.order.iter().filter(|(kind, ..)| *kind == RecordType::END_REQUEST);
    assert_eq!(ends.count(), 1);
    assert_eq!(answers.order.last().unwrap().0, RecordType::END_REQUEST);

    web_server.say([abort(1), stdin(1, b"late"), end_stdin(1)].concat()).await;
    assert_eq!(web_server.answers().order.len(), answers.order.len(), "no further records");
    assert_eq!(web_server.ask(1, get(1, KEEP, "/now")).await.text(), "GET /now ");
}

#[tokio::test(start_paused = true)]
async fn abort_of_an_unknown_or_finished_id_is_ignored() {
    let web_server = served(&Count::default());
    web_server.say(abort(7)).await;
    assert!(web_server.answers().order.is_empty());
    web_server.ask(1, get(1, KEEP, "/now")).await;
    web_server.forget();
    web_server.say([abort(1), abort(2)].concat()).await;
    assert!(web_server.answers().order.is_empty());
    assert_eq!(web_server.ask(1, get(1, KEEP, "/now")).await.text(), "GET /now ");
}

#[tokio::test(start_paused = true)]
async fn abort_during_params_never_calls_the_handler() {
    let dropped = Count::default();
    let web_server = served(&dropped);
    let some = some_params(1, &[("REQUEST_URI", "/wait")]);
    web_server.say([begin(1, KEEP), some, abort(1)].concat()).await;
    let answers = web_server.answers();
    assert!(answers.of(1).end.is_some() && answers.of(1).stdout.is_empty());
    assert_eq!(web_server.ask(1, get(1, KEEP, "/now")).await.text(), "GET /now ");
    assert_eq!(dropped.now(), 0);
}

#[tokio::test(start_paused = true)]
async fn abort_of_one_multiplexed_request_leaves_the_others() {
    for aborted in 1..=3_u16 {
        let dropped = Count::default();
        let web_server = served(&dropped);
        for id in 1..=3 {
            web_server.say([post(id, KEEP, "/body", 6), stdin(id, b"abc")].concat()).await;
        }
        web_server.say(abort(aborted)).await;
        assert_eq!(dropped.now(), 1);
        assert!(web_server.answer(aborted).stdout.is_empty());
        for id in (1..=3).filter(|id| *id != aborted) {
            assert!(!web_server.answers().has(id));
            web_server.say([stdin(id, b"def"), end_stdin(id)].concat()).await;
            assert_eq!(web_server.answer(id).text(), "abcdef");
        }
        assert_eq!(web_server.ask(9, get(9, KEEP, "/now")).await.text(), "GET /now ");
    }
}

#[tokio::test(start_paused = true)]
async fn abort_after_the_head_sends_no_end_and_closes() {
    let mut web_server = served(&Count::default());
    web_server.say(get(1, KEEP, "/stream")).await;
    assert_eq!(web_server.answers().of(1).text(), "some");
    web_server.say(abort(1)).await;
    assert!(web_server.sees_end(), "immediately");
    web_server.end();
    web_server.ended().await.unwrap();
    let answers = web_server.answers();
    assert!(answers.of(1).is_cut_off() && answers.of(1).text() == "some", "{answers:?}");
    assert!(!web_server.was_reset(), "other responses may be in transit");
}

#[tokio::test(start_paused = true)]
async fn abort_after_the_head_leaves_other_requests() {
    let mut web_server = served(&Count::default());
    web_server.say([post(1, KEEP, "/body", 6), get(2, KEEP, "/stream")].concat()).await;
    web_server.say(abort(2)).await;
    // A request that is received while another is in flight is served as before.
    web_server.say(get(3, KEEP, "/now")).await;
    assert_eq!(web_server.answer(3).text(), "GET /now ");
    assert!(!web_server.sees_end());
    web_server.send([stdin(1, b"abcdef"), end_stdin(1)].concat());
    web_server.end();
    web_server.ended().await.unwrap();
    assert_eq!(web_server.answer(1).text(), "abcdef");
    let answers = web_server.answers();
    assert!(answers.of(2).is_cut_off() && answers.of(2).text() == "some", "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_read_elsewhere_learns_of_the_abort() {
    let seen: Arc<Mutex<Option<BodyError>>> = Arc::default();
    let error = Arc::clone(&seen);
    let web_server = serve(handler(move |request| {
        let error = Arc::clone(&error);
        tokio::spawn(async move { *error.lock().unwrap() = read(request.into_body()).await.err() });
        std::future::pending()
    }));
    web_server.say([post(1, KEEP, "/", 6), stdin(1, b"abc")].concat()).await;
    web_server.say(abort(1)).await;
    assert_eq!(seen.lock().unwrap().as_ref().map(BodyError::kind), Some(BodyErrorKind::Aborted));
}

#[tokio::test(start_paused = true)]
async fn abort_in_the_same_packet_as_its_request_ends_it() {
    let dropped = Count::default();
    let web_server = served(&dropped);
    web_server.say([get(1, KEEP, "/wait"), abort(1), get(2, KEEP, "/now")].concat()).await;
    assert!(web_server.answer(1).stdout.is_empty());
    assert_eq!(web_server.answer(2).text(), "GET /now ");
    assert_eq!(web_server.ask(1, get(1, KEEP, "/now")).await.text(), "GET /now ");
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_late_for_an_abort_are_dropped() {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |_| {
        let gate = held.clone();
        async move {
            gate.pass().await;
            full("late")
        }
    }));
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    // Both handlers may go on at the moment when the ABORTs are received.
    gate.open(2);
    web_server.say([abort(1), abort(2)].concat()).await;
    for id in [1, 2] {
        let answer = web_server.answer(id);
        assert!(answer.stdout.is_empty() || answer.text() == "late", "{answer:?}");
    }
    gate.open(1);
    assert_eq!(web_server.ask(2, get(2, KEEP, "/")).await.text(), "late");
}
