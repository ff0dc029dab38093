//! A transport that reports the records that pass through it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::records::Peer;
use crate::trace::{FindWatcher, Trace};

/// The web server's end of a connection: writes come from the web server, reads from the application. It forwards bytes,
/// errors and `Pending` of the inner transport unchanged.
#[derive(Debug)]
pub struct Tapped<IO> {
    io: IO,
    trace: Trace,
}

impl<IO> Tapped<IO> {
    /// Taps `io`. `find_watcher` returns who receives the steps of a request.
    pub fn new(io: IO, find_watcher: FindWatcher) -> Self {
        Self { io, trace: Trace::new(find_watcher) }
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

    /// Creates a tap that reports the requests whose PARAMS contain `SEEN`.
    fn tapped() -> (Tapped<DuplexStream>, DuplexStream, Seen) {
        let (web_server, application) = duplex(1 << 20);
        let seen = Seen::default();
        let all = Arc::clone(&seen);
        let find_watcher = move |params: &Params| -> Option<Watcher> {
            params.get("SEEN")?;
            let seen = Arc::clone(&all);
            Some(Arc::new(move |step| seen.lock().unwrap().push(step)))
        };
        (Tapped::new(web_server, Arc::new(find_watcher)), application, seen)
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

    fn response(out: &mut RecordEncoder) {
        out.write_stream(RecordType::STDOUT, ID, b"\n\nabc");
        out.write_stream_end(RecordType::STDOUT, ID);
        out.write_record(RecordType::END_REQUEST, ID, &[0; 8]);
    }

    /// Takes the reported steps, each as a short text.
    fn words(seen: &Seen) -> Vec<String> {
        let word = |step: Step| match step.what {
            What::Record { kind, bytes, .. } => format!("{:?} {kind} {bytes}", step.from),
            What::Omitted { kind, records, bytes } => format!("{:?} {records} {kind} {bytes}", step.from),
            What::Closed => format!("{:?} closes", step.from),
        };
        seen.lock().unwrap().drain(..).map(word).collect()
    }

    const HEAD: [&str; 3] = ["WebServer BEGIN_REQUEST 8", "WebServer PARAMS 7", "WebServer PARAMS 0"];
    const RESPONSE: [&str; 3] = ["Application STDOUT 5", "Application STDOUT 0", "Application END_REQUEST 8"];

    #[tokio::test]
    async fn tap_forwards_bytes_and_reports_records() {
        let up = bytes(|out| {
            head(out, true, "SEEN");
            out.write_stream(RecordType::STDIN, ID, b"body");
            out.write_stream_end(RecordType::STDIN, ID);
        });
        let down = bytes(response);
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
            assert_eq!(words(&seen), [&HEAD[..], &body, &RESPONSE].concat(), "{size} bytes at a time");
        }
    }

    #[tokio::test]
    async fn only_written_bytes_are_reported() {
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
    async fn unwatched_requests_are_not_reported() {
        let (mut tap, mut application, seen) = tapped();
        tap.write_all(&bytes(|out| head(out, true, "OTHER"))).await.unwrap();
        application.write_all(&bytes(response)).await.unwrap();
        tap.read_exact(&mut vec![0; bytes(response).len()]).await.unwrap();
        assert_eq!(words(&seen), [""; 0]);
        // The next request on the connection is watched.
        tap.write_all(&bytes(|out| head(out, true, "SEEN"))).await.unwrap();
        assert_eq!(words(&seen), HEAD);
    }

    #[tokio::test]
    async fn a_close_is_reported_if_it_ends_a_request() {
        for (keep_conn, answered) in [(true, true), (true, false), (false, true)] {
            let (mut tap, mut application, seen) = tapped();
            tap.write_all(&bytes(|out| head(out, keep_conn, "SEEN"))).await.unwrap();
            if answered {
                application.write_all(&bytes(response)).await.unwrap();
            }
            drop(application);
            tap.read_to_end(&mut Vec::new()).await.unwrap();
            drop(tap);
            let response = if answered { &RESPONSE[..] } else { &[] };
            let closes = ["Application closes", "WebServer closes"];
            let closes = if keep_conn && answered { &[][..] } else { &closes };
            assert_eq!(words(&seen), [&HEAD, response, closes].concat());
        }
    }

    #[tokio::test]
    async fn a_long_stream_shows_its_start_and_its_end() {
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

        // An incomplete response has no end of stream.
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
    async fn invalid_records_are_forwarded_unchanged() {
        let (mut tap, mut application, seen) = tapped();
        tap.write_all(&bytes(|out| head(out, true, "SEEN"))).await.unwrap();
        application.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut received = vec![0; 28];
        tap.read_exact(&mut received).await.unwrap();
        assert_eq!(received, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(words(&seen), HEAD);
    }

    #[tokio::test]
    async fn a_request_with_a_long_head_is_hidden() {
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
