//! Runs one connection with one fault, and checks what must hold.

use std::sync::Arc;
use std::time::Duration;

use fcgi_core::{RecordDecoder, RecordType};
use http::Request;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tower_fcgi::{Builder, Error, ErrorKind, RequestBody, Roles};

use crate::conversations::{Conversation, answer};
use crate::interrupted_polls::{Poke, Polls};
use crate::records::abort;
use crate::responses::{Answer, Answers};
use crate::transport::{Fault, Line, Place};

/// The fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    Transport(Place, Fault),
    /// At this poll of a handler or a body.
    Handler(usize, Poke),
}

/// How a connection ended.
pub(crate) struct Outcome {
    /// `None` if its future was dropped.
    pub(crate) result: Option<Result<(), Error>>,
    /// Bytes of the input that were read.
    pub(crate) read: usize,
    pub(crate) output: Vec<u8>,
    pub(crate) answers: Answers,
    /// Polls of handlers and bodies.
    pub(crate) polls: usize,
}

/// Longer than any timeout, and than the web server waits: a connection that takes so long hangs.
const HANGS: Duration = Duration::from_secs(86_400);

pub(crate) async fn run(conversation: &Conversation, wrong: Wrong) -> Outcome {
    let (fault, poke) = match wrong {
        Wrong::Nothing => (None, None),
        Wrong::Transport(place, fault) => (Some((place, fault)), None),
        Wrong::Handler(at, poke) => (None, Some((at, poke))),
    };
    let line = Line::new(conversation.input.clone(), fault);
    let handle = Arc::new(std::sync::OnceLock::<tower_fcgi::ConnectionHandle>::new());
    let dropped = Arc::new(Notify::new());
    let polls = Polls::new(poke, {
        let (line, handle, dropped, ids) =
            (line.clone(), Arc::clone(&handle), Arc::clone(&dropped), conversation.ids);
        move |poke| match poke {
            Poke::Abort => ids.iter().for_each(|id| line.send(&abort(*id))),
            Poke::Kill => handle.get().unwrap().abort(),
            Poke::Finish => handle.get().unwrap().graceful_shutdown(),
            Poke::Drop => dropped.notify_one(),
            Poke::Panic | Poke::Hang => {}
        }
    });
    let watched = polls.clone();
    let service = tower::service_fn(move |request: Request<RequestBody>| watched.watch(answer(request)));
    let connection = Builder::new().with_roles(Roles::ALL).serve_connection(line.transport(), service);
    handle.set(connection.handle()).unwrap();
    let connection = tokio::spawn(connection);
    let stop = connection.abort_handle();
    let ended = async {
        tokio::select! {
            ended = connection => Some(ended.expect("the connection panicked")),
            () = dropped.notified() => None,
        }
    };
    let result = timeout(HANGS, ended).await.expect("the connection hangs");
    stop.abort();
    // Lets aborted tasks end.
    sleep(Duration::from_millis(1)).await;
    assert_eq!(polls.alive(), 0, "leaked handlers and bodies");
    let shared = line.lock();
    let (read, output) = (shared.read, shared.output.clone());
    Outcome { result, read, answers: Answers::parse(&output), output, polls: polls.count() }
}

/// Checks what must hold after any fault; `right` is the outcome without one.
pub(crate) fn judge(conversation: &Conversation, wrong: Wrong, right: &Outcome, is: &Outcome) {
    let begun = begun(&conversation.input[..is.read.min(conversation.input.len())]);
    let garbage = matches!(wrong, Wrong::Transport(_, Fault::Garbage));
    let aborted = matches!(wrong, Wrong::Handler(_, Poke::Abort));
    for answer in &is.answers.list {
        let ends = is.answers.list.iter().filter(|other| other.id == answer.id && other.end.is_some());
        assert!(ends.count() <= 1, "one END_REQUEST at most");
        assert!(garbage || begun.contains(&answer.id), "an answer to nothing");
        // A request that was aborted before its head has END_REQUEST only.
        if answer.is_whole() && !(aborted && answer.stdout.is_empty()) {
            is_true(answer, if garbage { None } else { Some(right.answers.of(answer.id)) });
        }
    }
    if matches!(is.result, Some(Ok(()))) && !garbage {
        assert!(!is.answers.torn, "a cleanly closed connection ended inside a record");
        for id in begun {
            let answer = is.answers.of(id);
            // One that was aborted after its head has none: the response would look complete.
            let abandoned = aborted && !answer.stdout.is_empty();
            assert!(answer.end.is_some() || abandoned, "no END_REQUEST for {id}");
        }
    }
    let breaks = matches!(wrong, Wrong::Transport(Place::Output(at), Fault::Stall | Fault::Reset | Fault::End)
        if at < right.output.len());
    assert!(!breaks || !matches!(is.result, Some(Ok(()))), "a failed write is not a clean end");
    let harmless = match wrong {
        Wrong::Nothing => true,
        Wrong::Transport(_, fault) => fault.is_harmless(),
        Wrong::Handler(_, poke) => poke == Poke::Finish,
    };
    if harmless {
        assert!(matches!(is.result, Some(Ok(()))), "{:?}", is.result);
        for id in conversation.ids {
            assert_eq!(is.answers.of(*id), right.answers.of(*id));
        }
        assert_eq!(is.answers.values, right.answers.values);
    }
    if let Wrong::Transport(Place::Output(at), fault) = wrong
        && at < right.output.len()
        && let Some(Err(error)) = &is.result
    {
        assert_eq!(error.is_timeout(), fault == Fault::Stall, "{error:?}");
        assert_eq!(error.kind() == ErrorKind::Io, matches!(fault, Fault::Reset | Fault::End), "{error:?}");
        assert_eq!(is.output[..], right.output[..at], "output before the fault differs");
    }
    if let Wrong::Handler(_, Poke::Panic) = wrong {
        let whole = is.answers.list.iter().filter(|answer| answer.end.is_some()).count();
        let cut_off = matches!(&is.result, Some(Err(error)) if error.kind() == ErrorKind::IncompleteResponse);
        assert!(cut_off || whole == conversation.ids.len(), "{:?}", is.answers);
        // A response in one chunk has not begun when it fails.
        let in_one_piece = |id: &u16| right.answers.of(*id).header("content-length").is_some();
        assert!(!cut_off || !conversation.ids.iter().all(in_one_piece), "{:?}", is.answers);
    }
    assert!(!aborted || matches!(is.result, Some(Ok(()))), "{:?}", is.result);
}

/// A response that looks complete is complete: the right one, or a whole error response.
fn is_true(answer: &Answer, right: Option<&Answer>) {
    let declared = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
    assert!(declared.is_none_or(|declared| declared == answer.body().len()), "{answer:?}");
    let is_right = right.is_none_or(|right| answer.stdout == right.stdout);
    assert!(is_right || (answer.status() >= 400 && declared.is_some()), "{answer:?}");
}

/// The ids of the requests that begin in these bytes.
fn begun(mut input: &[u8]) -> Vec<u16> {
    let mut deframer = RecordDecoder::new();
    let mut ids = Vec::new();
    while let Ok(Some(fragment)) = deframer.next(&mut input) {
        if fragment.is_last && fragment.header.kind == RecordType::BEGIN_REQUEST {
            ids.push(fragment.header.id.0);
        }
    }
    ids
}
