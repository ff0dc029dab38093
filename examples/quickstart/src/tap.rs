//! A transport that tells what passes through it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::records::Peer;
use crate::trace::{Audience, Trace};

/// The web server's end of a connection: what is written to it comes from the web server, what is read from it from
/// the application. Bytes, errors and waiting are those of the transport inside.
#[derive(Debug)]
pub struct Tapped<IO> {
    io: IO,
    trace: Trace,
}

impl<IO> Tapped<IO> {
    /// Tells of requests over `io` whoever `audience` says.
    pub fn new(io: IO, audience: Audience) -> Self {
        Self { io, trace: Trace::new(audience) }
    }
}

impl<IO> Drop for Tapped<IO> {
    fn drop(&mut self) {
        self.trace.closed(Peer::WebServer);
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Tapped<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let (had, room) = (buf.filled().len(), buf.remaining());
        let result = ready!(Pin::new(&mut this.io).poll_read(cx, buf));
        let read = &buf.filled()[had..];
        if !read.is_empty() {
            this.trace.bytes(Peer::Application, read);
        } else if result.is_err() || room > 0 {
            this.trace.closed(Peer::Application);
        }
        Poll::Ready(result)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Tapped<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, buf))?;
        this.trace.bytes(Peer::WebServer, &buf[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, slices))?;
        let mut left = written;
        for slice in slices {
            let part = &slice[..slice.len().min(left)];
            this.trace.bytes(Peer::WebServer, part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = ready!(Pin::new(&mut this.io).poll_shutdown(cx));
        this.trace.closed(Peer::WebServer);
        Poll::Ready(result)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use fcgi_core::{BeginRequest, Params, RecordEncoder, RecordType, RequestId, Role, encode_pair};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;
    use crate::records::{Content, Step, What};
    use crate::trace::Watcher;

    const ID: RequestId = RequestId(1);

    type Seen = Arc<Mutex<Vec<Step>>>;

    /// Sees the requests whose PARAMS have a `SEEN`.
    fn tapped() -> (Tapped<DuplexStream>, DuplexStream, Seen) {
        let (web_server, application) = duplex(1 << 20);
        let seen = Seen::default();
        let all = Arc::clone(&seen);
        let audience = move |params: &Params| -> Option<Watcher> {
            params.get("SEEN")?;
            let seen = Arc::clone(&all);
            Some(Arc::new(move |step| seen.lock().unwrap().push(step)))
        };
        (Tapped::new(web_server, Arc::new(audience)), application, seen)
    }

    fn bytes(fill: impl FnOnce(&mut RecordEncoder)) -> Vec<u8> {
        let mut out = RecordEncoder::new();
        fill(&mut out);
        out.slices().collect::<Vec<_>>().concat()
    }

    fn head(out: &mut RecordEncoder, keep_conn: bool, name: &str) {
        let mut params = Vec::new();
        encode_pair(&mut params, name.as_bytes(), b"x");
        out.write_record(
            RecordType::BEGIN_REQUEST,
            ID,
            &BeginRequest { role: Role::RESPONDER, keep_conn }.encode(),
        );
        out.write_stream(RecordType::PARAMS, ID, &params);
        out.write_stream_end(RecordType::PARAMS, ID);
    }

    fn answer(out: &mut RecordEncoder) {
        out.write_stream(RecordType::STDOUT, ID, b"\n\nabc");
        out.write_stream_end(RecordType::STDOUT, ID);
        out.write_record(RecordType::END_REQUEST, ID, &[0; 8]);
    }

    /// Takes the steps that have come, each with who and what, in a word.
    fn words(seen: &Seen) -> Vec<String> {
        let word = |step: Step| match step.what {
            What::Record { kind, bytes, .. } => format!("{:?} {kind} {bytes}", step.from),
            What::LeftOut { kind, records, bytes } => format!("{:?} {records} {kind} {bytes}", step.from),
            What::Closed => format!("{:?} closes", step.from),
        };
        seen.lock().unwrap().drain(..).map(word).collect()
    }

    const HEAD: [&str; 3] = ["WebServer BEGIN_REQUEST 8", "WebServer PARAMS 7", "WebServer PARAMS 0"];
    const ANSWER: [&str; 3] = ["Application STDOUT 5", "Application STDOUT 0", "Application END_REQUEST 8"];

    #[tokio::test]
    async fn tap_forwards_bytes_and_reports_records() {
        let up = bytes(|out| {
            head(out, true, "SEEN");
            out.write_stream(RecordType::STDIN, ID, b"body");
            out.write_stream_end(RecordType::STDIN, ID);
        });
        let down = bytes(answer);
        for size in 1..up.len() {
            let (mut tap, mut application, seen) = tapped();
            for part in up.chunks(size) {
                tap.write_all(part).await.unwrap();
            }
            let mut received = vec![0; up.len()];
            application.read_exact(&mut received).await.unwrap();
            assert_eq!(received, up);
            application.write_all(&down).await.unwrap();
            let mut received = Vec::new();
            while received.len() < down.len() {
                let mut part = vec![0; size];
                let read = tap.read(&mut part).await.unwrap();
                received.extend_from_slice(&part[..read]);
            }
            assert_eq!(received, down);
            let body = ["WebServer STDIN 4", "WebServer STDIN 0"];
            assert_eq!(words(&seen), [&HEAD[..], &body, &ANSWER].concat(), "{size} bytes at a time");
        }
    }

    #[tokio::test]
    async fn slices_are_told_as_far_as_they_are_written() {
        let (mut tap, mut application, seen) = tapped();
        let up = bytes(|out| head(out, true, "SEEN"));
        let (one, two) = up.split_at(11);
        let written =
            tap.write_vectored(&[IoSlice::new(one), IoSlice::new(&[]), IoSlice::new(two)]).await.unwrap();
        tap.write_all(&up[written..]).await.unwrap();
        let mut received = vec![0; up.len()];
        application.read_exact(&mut received).await.unwrap();
        assert_eq!((received, words(&seen)), (up, HEAD.map(str::to_owned).to_vec()));
    }

    #[tokio::test]
    async fn requests_of_others_are_not_told() {
        let (mut tap, mut application, seen) = tapped();
        tap.write_all(&bytes(|out| head(out, true, "OTHER"))).await.unwrap();
        application.write_all(&bytes(answer)).await.unwrap();
        tap.read_exact(&mut vec![0; bytes(answer).len()]).await.unwrap();
        assert_eq!(words(&seen), [""; 0]);
        // The next one on the same connection is another matter.
        tap.write_all(&bytes(|out| head(out, true, "SEEN"))).await.unwrap();
        assert_eq!(words(&seen), HEAD);
    }

    #[tokio::test]
    async fn a_close_is_of_a_request_that_it_ends() {
        for (keep_conn, answered) in [(true, true), (true, false), (false, true)] {
            let (mut tap, mut application, seen) = tapped();
            tap.write_all(&bytes(|out| head(out, keep_conn, "SEEN"))).await.unwrap();
            if answered {
                application.write_all(&bytes(answer)).await.unwrap();
            }
            drop(application);
            tap.read_to_end(&mut Vec::new()).await.unwrap();
            drop(tap);
            let answer = if answered { &ANSWER[..] } else { &[] };
            let closes = ["Application closes", "WebServer closes"];
            let closes = if keep_conn && answered { &[][..] } else { &closes };
            assert_eq!(words(&seen), [&HEAD, answer, closes].concat());
        }
    }

    #[tokio::test]
    async fn a_long_stream_is_told_by_its_beginning_and_its_end() {
        let (mut tap, mut application, seen) = tapped();
        tap.write_all(&bytes(|out| head(out, true, "SEEN"))).await.unwrap();
        for _ in 0..1000 {
            tap.write_all(&bytes(|out| out.write_stream(RecordType::STDIN, ID, b"xy"))).await.unwrap();
        }
        tap.write_all(&bytes(|out| out.write_stream_end(RecordType::STDIN, ID))).await.unwrap();
        let words = words(&seen);
        assert_eq!(words[..3], HEAD);
        assert!(words[3..43].iter().all(|word| word == "WebServer STDIN 2"));
        assert_eq!(words[43..], ["WebServer 960 STDIN 1920", "WebServer STDIN 0"]);

        // An answer that breaks off has no such end.
        for _ in 0..50 {
            application
                .write_all(&bytes(|out| out.write_stream(RecordType::STDOUT, ID, b"xyz")))
                .await
                .unwrap();
        }
        drop(application);
        tap.read_to_end(&mut Vec::new()).await.unwrap();
        let words = self::words(&seen);
        assert!(words[..40].iter().all(|word| word == "Application STDOUT 3"));
        assert_eq!(words[40..], ["Application 10 STDOUT 30", "Application closes"]);
    }

    #[tokio::test]
    async fn what_is_no_fastcgi_passes_all_the_same() {
        let (mut tap, mut application, seen) = tapped();
        tap.write_all(&bytes(|out| head(out, true, "SEEN"))).await.unwrap();
        application.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut received = vec![0; 28];
        tap.read_exact(&mut received).await.unwrap();
        assert_eq!(received, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(words(&seen), HEAD);
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_not_kept() {
        let (mut tap, _application, seen) = tapped();
        let begin = BeginRequest { role: Role::RESPONDER, keep_conn: true }.encode();
        tap.write_all(&bytes(|out| out.write_record(RecordType::BEGIN_REQUEST, ID, &begin))).await.unwrap();
        let mut pair = Vec::new();
        encode_pair(&mut pair, b"SEEN", b"x");
        for _ in 0..40 {
            tap.write_all(&bytes(|out| out.write_record(RecordType::PARAMS, ID, &pair))).await.unwrap();
        }
        tap.write_all(&bytes(|out| out.write_stream_end(RecordType::PARAMS, ID))).await.unwrap();
        assert_eq!(words(&seen), [""; 0]);
    }

    #[tokio::test]
    async fn contents_are_decoded() {
        let (mut tap, _application, seen) = tapped();
        tap.write_all(&bytes(|out| head(out, false, "SEEN"))).await.unwrap();
        let steps = std::mem::take(&mut *seen.lock().unwrap());
        let contents = steps.into_iter().map(|step| match step.what {
            What::Record { content, .. } => content,
            other => panic!("{other:?}"),
        });
        let pairs = vec![("SEEN".to_owned(), "x".to_owned())];
        let begin = Content::Begin { role: "RESPONDER".to_owned(), keep_conn: false };
        assert_eq!(contents.collect::<Vec<_>>(), [begin, Content::Params { pairs }, Content::EndOfStream]);
    }
}
