//! A connection that delivers bytes, and a handler that reads them, drops the body, or waits.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::body::Kind;
use crate::body::cell::{Cell, Delivered, Reader};

const FIRST: Bytes = Bytes::from_static(b"first");
const SECOND: Bytes = Bytes::from_static(b"the second");

/// Runs both in every interleaving.
fn with_a_reader(
    connection: impl Fn(&Cell) + Sync + Send + 'static,
    reader: impl Fn(&Cell) + Sync + Send + Copy + 'static,
) {
    loom::model(move || {
        let cell: Arc<Cell> = Arc::new(Cell::default());
        let theirs = Arc::clone(&cell);
        let reading = thread::spawn(move || reader(&theirs));
        connection(&cell);
        reading.join().unwrap();
    });
}

fn deliver(cell: &Cell, chunk: Bytes, what: Delivered) -> Reader {
    cell.deliver(|chunks| {
        chunks.push_back(chunk);
        what
    })
}

fn next(cell: &Cell) -> Result<Option<Bytes>, Kind> {
    block_on(poll_fn(|cx| cell.poll_chunk(cx)))
}

/// Waits until the handler has consumed bytes or dropped the body.
fn consumed(cell: &Cell) -> (usize, Reader) {
    block_on(poll_fn(|cx| match cell.consumed(Some(cx.waker())) {
        (0, Reader::Reads) => Poll::Pending,
        consumed => Poll::Ready(consumed),
    }))
}

#[test]
fn a_waiting_reader_is_woken_by_each_chunk_and_end() {
    with_a_reader(
        |cell| {
            assert_eq!(deliver(cell, FIRST, Delivered::More), Reader::Reads);
            assert_eq!(deliver(cell, SECOND, Delivered::Last), Reader::Reads);
        },
        |cell| {
            assert_eq!(next(cell), Ok(Some(FIRST)));
            assert_eq!(next(cell), Ok(Some(SECOND)));
            assert_eq!(next(cell), Ok(None));
        },
    );
}

#[test]
fn a_waiting_reader_is_woken_by_a_failed_body() {
    with_a_reader(
        |cell| {
            deliver(cell, FIRST, Delivered::More);
            cell.break_off(Kind::Aborted);
            assert!(!cell.is_open() && !cell.is_awaited());
        },
        |cell| {
            assert_eq!(next(cell), Ok(Some(FIRST)));
            assert_eq!(next(cell), Err(Kind::Aborted));
        },
    );
}

#[test]
fn a_waiting_connection_is_woken_by_released_capacity() {
    with_a_reader(
        |cell| {
            deliver(cell, FIRST, Delivered::More);
            deliver(cell, SECOND, Delivered::More);
            let mut all = 0;
            while all < FIRST.len() + SECOND.len() {
                let (some, reader) = consumed(cell);
                assert_eq!(reader, Reader::Reads);
                all += some;
            }
            assert_eq!(all, FIRST.len() + SECOND.len());
            cell.break_off(Kind::Over);
        },
        |cell| {
            assert_eq!(next(cell), Ok(Some(FIRST)));
            assert_eq!(next(cell), Ok(Some(SECOND)));
            assert_eq!(next(cell), Err(Kind::Over));
        },
    );
}

#[test]
fn a_waiting_connection_is_woken_by_a_dropped_body() {
    with_a_reader(
        |cell| {
            let mut delivered = 0;
            for chunk in [FIRST, SECOND] {
                let len = chunk.len();
                if deliver(cell, chunk, Delivered::More) == Reader::Reads {
                    delivered += len;
                }
            }
            let mut all = 0;
            loop {
                let (some, reader) = consumed(cell);
                all += some;
                if reader == Reader::Gone {
                    break;
                }
            }
            // Unread bytes were dropped with the body.
            assert_eq!(all + cell.consumed(None).0, delivered);
        },
        |cell| {
            assert_eq!(next(cell), Ok(Some(FIRST)));
            cell.close();
        },
    );
}

#[test]
fn a_body_that_is_dropped_at_once_takes_nothing() {
    with_a_reader(
        |cell| {
            let delivered = match deliver(cell, FIRST, Delivered::Last) {
                Reader::Reads => FIRST.len(),
                Reader::Gone => 0,
            };
            let mut all = 0;
            loop {
                let (some, reader) = consumed(cell);
                all += some;
                if reader == Reader::Gone {
                    break;
                }
            }
            assert_eq!(all, delivered);
        },
        |cell| cell.close(),
    );
}
