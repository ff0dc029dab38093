//! A connection that sends chunks, and a handler that reads them, drops the body, or waits.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::body::InputChannel;
use crate::body::channel::{Receiver, SendOutcome};
use crate::body::error::BodyErrorKind;

const FIRST: Bytes = Bytes::from_static(b"first");
const SECOND: Bytes = Bytes::from_static(b"the second");

/// Runs both in every order.
fn with_a_reader(
    connection: impl Fn(&InputChannel) + Sync + Send + 'static,
    reader: impl Fn(&InputChannel) + Sync + Send + Copy + 'static,
) {
    loom::model(move || {
        let channel: Arc<InputChannel> = Arc::new(InputChannel::default());
        let theirs = Arc::clone(&channel);
        let reading = thread::spawn(move || reader(&theirs));
        connection(&channel);
        reading.join().unwrap();
    });
}

fn send(channel: &InputChannel, chunk: Bytes, outcome: SendOutcome<BodyErrorKind>) -> Receiver {
    channel.send(&mut [chunk].into(), outcome)
}

fn next(channel: &InputChannel) -> Result<Option<Bytes>, BodyErrorKind> {
    block_on(poll_fn(|cx| channel.poll_chunk(cx)))
}

/// How a connection asks for the bytes that were consumed: with the waker each time, or only where there are none.
type Consumed = fn(&InputChannel, &std::task::Waker) -> (usize, Receiver);

const CONSUMED: [Consumed; 2] =
    [|channel, waker| channel.take_consumed(Some(waker)), InputChannel::poll_consumed];

/// Waits until some bytes were consumed, or the body was dropped.
fn consumed(channel: &InputChannel, ask: Consumed) -> (usize, Receiver) {
    block_on(poll_fn(|cx| match ask(channel, cx.waker()) {
        (0, Receiver::Open) => Poll::Pending,
        consumed => Poll::Ready(consumed),
    }))
}

#[test]
fn a_waiting_reader_is_woken_by_each_chunk_and_end() {
    with_a_reader(
        |channel| {
            assert_eq!(send(channel, FIRST, SendOutcome::More), Receiver::Open);
            assert_eq!(send(channel, SECOND, SendOutcome::Last), Receiver::Open);
        },
        |channel| {
            assert_eq!(next(channel), Ok(Some(FIRST)));
            assert_eq!(next(channel), Ok(Some(SECOND)));
            assert_eq!(next(channel), Ok(None));
        },
    );
}

#[test]
fn a_waiting_reader_is_woken_by_a_failed_body() {
    with_a_reader(
        |channel| {
            send(channel, FIRST, SendOutcome::More);
            channel.fail(BodyErrorKind::Aborted);
            assert!(!channel.is_open() && !channel.reader_is_waiting());
        },
        |channel| {
            assert_eq!(next(channel), Ok(Some(FIRST)));
            assert_eq!(next(channel), Err(BodyErrorKind::Aborted));
        },
    );
}

#[test]
fn a_waiting_connection_is_woken_by_released_capacity() {
    for ask in CONSUMED {
        with_a_reader(
            move |channel| {
                send(channel, FIRST, SendOutcome::More);
                send(channel, SECOND, SendOutcome::More);
                let mut all = 0;
                while all < FIRST.len() + SECOND.len() {
                    let (some, receiver) = consumed(channel, ask);
                    assert_eq!(receiver, Receiver::Open);
                    all += some;
                }
                assert_eq!(all, FIRST.len() + SECOND.len());
                channel.fail(BodyErrorKind::RequestEnded);
            },
            |channel| {
                assert_eq!(next(channel), Ok(Some(FIRST)));
                assert_eq!(next(channel), Ok(Some(SECOND)));
                assert_eq!(next(channel), Err(BodyErrorKind::RequestEnded));
            },
        );
    }
}

#[test]
fn a_waiting_connection_is_woken_by_a_dropped_body() {
    for ask in CONSUMED {
        with_a_reader(
            move |channel| {
                let mut sent = 0;
                for chunk in [FIRST, SECOND] {
                    let len = chunk.len();
                    if send(channel, chunk, SendOutcome::More) == Receiver::Open {
                        sent += len;
                    }
                }
                let mut all = 0;
                loop {
                    let (some, receiver) = consumed(channel, ask);
                    all += some;
                    if receiver == Receiver::Dropped {
                        break;
                    }
                }
                // What was sent and not read was dropped with the body.
                assert_eq!(all + channel.take_consumed(None).0, sent);
            },
            |channel| {
                assert_eq!(next(channel), Ok(Some(FIRST)));
                channel.close();
            },
        );
    }
}

#[test]
fn a_body_that_is_dropped_at_once_takes_nothing() {
    with_a_reader(
        |channel| {
            let sent = match send(channel, FIRST, SendOutcome::Last) {
                Receiver::Open => FIRST.len(),
                Receiver::Dropped => 0,
            };
            let mut all = 0;
            loop {
                let (some, receiver) = consumed(channel, CONSUMED[0]);
                all += some;
                if receiver == Receiver::Dropped {
                    break;
                }
            }
            assert_eq!(all, sent);
        },
        |channel| channel.close(),
    );
}
