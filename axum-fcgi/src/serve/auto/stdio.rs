//! The stdin and stdout of a CGI program.

use std::fs::File;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::fs::OFlags;
use rustix::net::{AddressFamily, RecvFlags, Shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};

use crate::listen::{FcgiStream, release_stdin};

/// The type of stdin.
pub(super) type Input = AsyncStdio<pipe::Receiver>;
/// The type of stdout.
pub(super) type Output = AsyncStdio<pipe::Sender>;

/// stdin or stdout, taken from the rest of the process.
///
/// tokio's own types block a thread: a read that waits for the rest of a body would prevent the runtime, and so the process,
/// from ending.
#[derive(Debug)]
pub(super) struct AsyncStdio<P> {
    stream: Stream<P>,
    /// Dropped before `_flags`: it needs a non-blocking socket.
    _unread_input: Option<UnreadInput>,
    _flags: FdFlagsGuard,
}

#[derive(Debug)]
enum Stream<P> {
    /// Most web servers use pipes.
    Pipe(P),
    /// Some use a socket.
    Socket(FcgiStream),
    /// A file, `/dev/null` or a terminal: some web servers pass the body as a file. Read and written synchronously, because
    /// the system reports no readiness for them.
    Blocking(File),
}

/// Takes stdin, and replaces it by `/dev/null`.
pub(super) fn input() -> io::Result<Input> {
    let input = Input::from_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    release_stdin();
    Ok(input)
}

/// Takes stdout, and replaces it by stderr: text that the application prints goes to the log, not into the response.
pub(super) fn output() -> io::Result<Output> {
    let output = AsyncStdio::new(io::stdout().as_fd().try_clone_to_owned()?, pipe::Sender::from_owned_fd)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(output)
}

impl<P> AsyncStdio<P> {
    fn new(fd: OwnedFd, pipe: fn(OwnedFd) -> io::Result<P>) -> io::Result<Self> {
        let flags = FdFlagsGuard::new(&fd)?;
        let file = File::from(fd);
        let file_type = file.metadata()?.file_type();
        let stream = match () {
            () if file_type.is_fifo() => Stream::Pipe(pipe(file.into())?),
            () if file_type.is_socket() => Stream::Socket(socket(file.into())?),
            () => Stream::Blocking(file),
        };
        Ok(Self { stream, _unread_input: None, _flags: flags })
    }
}

impl Input {
    fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let socket = fd.try_clone()?;
        let input = Self::new(fd, pipe::Receiver::from_owned_fd)?;
        let is_socket = matches!(input.stream, Stream::Socket(_));
        Ok(Self { _unread_input: is_socket.then_some(UnreadInput(socket)), ..input })
    }
}

/// Discards the unread input of a socket when the program ends.
///
/// Apache's mod_cgid uses one socket for the body and the response. If it is closed with unread data, the kernel reports a
/// reset to Apache, which then discards the response. So this shuts the read side down, as closing a pipe does, and reads
/// the rest.
#[derive(Debug)]
struct UnreadInput(OwnedFd);

impl Drop for UnreadInput {
    fn drop(&mut self) {
        // The program ends; errors do not matter.
        let _ = rustix::net::shutdown(&self.0, Shutdown::Read);
        let mut buffer = [0; 4096];
        while rustix::net::recv(&self.0, &mut buffer, RecvFlags::DONTWAIT).is_ok_and(|(read, _)| read > 0) {}
    }
}

fn socket(fd: OwnedFd) -> io::Result<FcgiStream> {
    if rustix::net::getsockname(&fd)?.address_family() == AddressFamily::UNIX {
        let unix = std::os::unix::net::UnixStream::from(fd);
        unix.set_nonblocking(true)?;
        UnixStream::from_std(unix).map(FcgiStream::Unix)
    } else {
        let tcp = std::net::TcpStream::from(fd);
        tcp.set_nonblocking(true)?;
        TcpStream::from_std(tcp).map(FcgiStream::Tcp)
    }
}

/// Restores the flags of a stream that was made non-blocking: other processes may share the stream and use it afterwards.
#[derive(Debug)]
struct FdFlagsGuard {
    stream: OwnedFd,
    flags: OFlags,
}

impl FdFlagsGuard {
    fn new(fd: &OwnedFd) -> io::Result<Self> {
        Ok(Self { stream: fd.try_clone()?, flags: rustix::fs::fcntl_getfl(fd)? })
    }
}

impl Drop for FdFlagsGuard {
    fn drop(&mut self) {
        // The program ends; errors do not matter.
        let _ = rustix::fs::fcntl_setfl(&self.stream, self.flags);
    }
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Pipe(pipe) => Pin::new(pipe).poll_read(cx, buf),
            Stream::Socket(socket) => Pin::new(socket).poll_read(cx, buf),
            Stream::Blocking(file) => {
                let read = file.read(buf.initialize_unfilled());
                Poll::Ready(read.map(|len| buf.advance(len)))
            }
        }
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Pipe(pipe) => Pin::new(pipe).poll_write_vectored(cx, bufs),
            Stream::Socket(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Stream::Blocking(file) => Poll::Ready(file.write_vectored(bufs)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is buffered.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The response ends when the process ends.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn flags(fd: impl AsFd) -> OFlags {
        rustix::fs::fcntl_getfl(fd).unwrap()
    }

    #[tokio::test]
    async fn a_pipe_is_async_and_its_flags_are_restored() {
        let (reader, writer) = io::pipe().unwrap();
        let mut input =
            Input::new(reader.try_clone().unwrap().into(), pipe::Receiver::from_owned_fd).unwrap();
        let mut output = Output::new(writer.into(), pipe::Sender::from_owned_fd).unwrap();
        assert!(flags(&reader).contains(OFlags::NONBLOCK));
        let sent = vec![b'x'; 1 << 20];
        let writing = tokio::spawn(async move { output.write_all(&sent).await });
        let mut received = vec![0; 1 << 20];
        input.read_exact(&mut received).await.unwrap();
        writing.await.unwrap().unwrap();
        assert_eq!(input.read(&mut received).await.unwrap(), 0);
        drop(input);
        assert!(!flags(&reader).contains(OFlags::NONBLOCK));
    }

    #[tokio::test]
    async fn writing_to_a_closed_pipe_is_an_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut output = Output::new(writer.into(), pipe::Sender::from_owned_fd).unwrap();
        let error = output.write_all(b"response").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn a_socket_is_async() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut input = Input::new(ours.into(), pipe::Receiver::from_owned_fd).unwrap();
        let mut output = Output::new(theirs.into(), pipe::Sender::from_owned_fd).unwrap();
        let mut read = [0; 4];
        let (read, written) = tokio::join!(input.read_exact(&mut read), output.write_all(b"body"));
        written.unwrap();
        assert_eq!(read.unwrap(), 4);
    }

    #[tokio::test]
    async fn an_unread_body_does_not_lose_the_response() {
        let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        theirs.write_all(&[b'x'; 100_000]).unwrap();
        let mut input = Input::from_fd(ours.try_clone().unwrap().into()).unwrap();
        let mut output = Output::new(ours.into(), pipe::Sender::from_owned_fd).unwrap();
        input.read_exact(&mut [0; 10]).await.unwrap();
        output.write_all(b"response").await.unwrap();
        drop(input);
        assert_eq!(theirs.write_all(b"more").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        drop(output);
        let mut response = String::new();
        theirs.read_to_string(&mut response).unwrap();
        assert_eq!(response, "response");
    }

    #[tokio::test]
    async fn a_file_is_read_synchronously() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"body").unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let mut input = Input::new(file.into(), pipe::Receiver::from_owned_fd).unwrap();
        let mut text = String::new();
        input.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "body");
    }
}
