//! A connection to an application.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(unix)]
use rustix::io::Errno;
#[cfg(unix)]
use rustix::net::SendFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connection to an application, which [`Address::connect`](crate::Address::connect) made.
///
/// ```
/// use axum_fcgi::{Address, ApplicationStream};
///
/// async fn connect(address: &Address) -> std::io::Result<ApplicationStream> {
///     address.clone().connect().await
/// }
/// ```
pub struct ApplicationStream(Transport);

enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream, FirstWrite),
}

/// Whether a write goes to the socket although the runtime has not reported that the socket takes one.
///
/// A new socket has room for a request, so the first write need not wait for that report, which takes another turn of the
/// runtime.
#[cfg(unix)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstWrite {
    Due,
    Done,
}

/// Apple's systems have an option of the socket for it, which the standard library sets.
#[cfg(all(unix, not(target_vendor = "apple")))]
const NO_SIGPIPE: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGPIPE: SendFlags = SendFlags::empty();

impl ApplicationStream {
    pub(super) async fn connect_tcp(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        // Each write is complete; waiting for more data would only delay it.
        stream.set_nodelay(true)?;
        Ok(Self(Transport::Tcp(stream)))
    }

    /// Fails with [`WouldBlock`](io::ErrorKind::WouldBlock) if the socket's backlog is full.
    #[cfg(unix)]
    pub(super) async fn connect_unix(path: &Path) -> io::Result<Self> {
        Ok(Self(Transport::Unix(connect(path).await?, FirstWrite::Due)))
    }
}

/// Connects to a unix socket, which succeeds or fails at once: `UnixStream::connect` would wait for the runtime to report it.
#[cfg(target_os = "linux")]
async fn connect(path: &Path) -> io::Result<UnixStream> {
    use std::os::unix::ffi::OsStrExt as _;

    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // As tokio's: a leading NUL is a name in Linux's abstract namespace.
    let address = match path.as_os_str().as_bytes().strip_prefix(b"\0") {
        Some(name) => SocketAddrUnix::new_abstract_name(name)?,
        None => SocketAddrUnix::new(path)?,
    };
    connect(&socket, &address)?;
    UnixStream::from_std(socket.into())
}

#[cfg(all(unix, not(target_os = "linux")))]
async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

#[cfg(unix)]
impl FirstWrite {
    /// Runs the first write. `None`: it was done before, or the socket has no room.
    fn run(&mut self, write: impl FnOnce() -> Result<usize, Errno>) -> Option<io::Result<usize>> {
        if std::mem::replace(self, Self::Done) == Self::Done {
            return None;
        }
        match write() {
            Err(Errno::AGAIN | Errno::INTR) => None,
            written => Some(written.map_err(Into::into)),
        }
    }
}

impl AsyncRead for ApplicationStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Transport::Tcp(io) => Pin::new(io).poll_read(cx, buf),
            #[cfg(unix)]
            Transport::Unix(io, _) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ApplicationStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Transport::Tcp(io) => Pin::new(io).poll_write(cx, buf),
            #[cfg(unix)]
            Transport::Unix(io, first) => match first.run(|| rustix::net::send(&*io, buf, NO_SIGPIPE)) {
                Some(written) => Poll::Ready(written),
                None => Pin::new(io).poll_write(cx, buf),
            },
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Transport::Tcp(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            #[cfg(unix)]
            Transport::Unix(io, first) => match first.run(|| rustix::io::writev(&*io, bufs)) {
                Some(written) => Poll::Ready(written),
                None => Pin::new(io).poll_write_vectored(cx, bufs),
            },
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Transport::Tcp(io) => Pin::new(io).poll_flush(cx),
            #[cfg(unix)]
            Transport::Unix(io, _) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Transport::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            #[cfg(unix)]
            Transport::Unix(io, _) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

impl fmt::Debug for ApplicationStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Transport::Tcp(io) => io.fmt(f),
            #[cfg(unix)]
            Transport::Unix(io, _) => io.fmt(f),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use futures_util::FutureExt as _;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, UnixListener};

    use super::*;

    /// A listening socket, and the directory where it is.
    fn listen() -> (UnixListener, TempDir) {
        let directory = TempDir::new().unwrap();
        (UnixListener::bind(directory.path().join("socket")).unwrap(), directory)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_unix_connect_and_the_first_write_need_no_turn_of_the_runtime() {
        for vectored in [false, true] {
            let (listener, directory) = listen();
            let path = directory.path().join("socket");
            let mut stream = ApplicationStream::connect_unix(&path).now_or_never().unwrap().unwrap();
            let request = [IoSlice::new(b"first"), IoSlice::new(b" ")];
            let written = if vectored {
                stream.write_vectored(&request).now_or_never().unwrap()
            } else {
                stream.write(b"first ").now_or_never().unwrap()
            };
            assert_eq!(written.unwrap(), 6);
            let (mut application, _) = listener.accept().await.unwrap();
            stream.write_all(b"second").await.unwrap();
            application.write_all(b"response").await.unwrap();
            let mut response = [0; 8];
            stream.read_exact(&mut response).await.unwrap();
            assert_eq!(&response, b"response");
            stream.shutdown().await.unwrap();
            let mut request = String::new();
            application.read_to_string(&mut request).await.unwrap();
            assert_eq!(request, "first second");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_name_in_the_abstract_namespace() {
        let (_, directory) = listen();
        let name = format!("\0{}", directory.path().display());
        let _listener = UnixListener::bind(&name).unwrap();
        ApplicationStream::connect_unix(name.as_ref()).await.unwrap();
    }

    #[tokio::test]
    async fn a_first_write_that_fills_the_socket_goes_on() {
        let (listener, directory) = listen();
        let mut stream = ApplicationStream::connect_unix(&directory.path().join("socket")).await.unwrap();
        let sent = vec![7; 4 * 1024 * 1024];
        let application = async {
            let (mut application, _) = listener.accept().await.unwrap();
            let mut received = Vec::new();
            application.read_to_end(&mut received).await.unwrap();
            received
        };
        let write = async {
            stream.write_all(&sent).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let ((), received) = tokio::join!(write, application);
        assert!(received == sent);
    }

    #[tokio::test]
    async fn a_first_write_to_a_closed_application_fails() {
        let (listener, directory) = listen();
        let mut stream = ApplicationStream::connect_unix(&directory.path().join("socket")).await.unwrap();
        drop(listener.accept().await.unwrap());
        let error = stream.write(b"request").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_backlog_would_block() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("socket");
        let socket = tokio::net::UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let _listener = socket.listen(1).unwrap();
        let mut open = Vec::new();
        let error = loop {
            match ApplicationStream::connect_unix(&path).now_or_never().unwrap() {
                Ok(stream) => open.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!((open.len(), error.kind()), (2, io::ErrorKind::WouldBlock));
    }

    #[tokio::test]
    async fn tcp_has_no_delay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = ApplicationStream::connect_tcp(listener.local_addr().unwrap()).await.unwrap();
        let Transport::Tcp(tcp) = stream.0 else { panic!("not TCP") };
        assert!(tcp.nodelay().unwrap());
    }
}
