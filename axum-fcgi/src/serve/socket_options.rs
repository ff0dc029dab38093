//! TCP options of accepted connections.

use std::any::Any;

use tokio::net::TcpStream;

use crate::listen::FcgiStream;

fn as_tcp<IO: 'static>(io: &IO) -> Option<&TcpStream> {
    let io = io as &dyn Any;
    if let Some(io) = io.downcast_ref() {
        return match io {
            FcgiStream::Tcp(tcp) => Some(tcp),
            #[cfg(unix)]
            FcgiStream::Unix(_) => None,
        };
    }
    io.downcast_ref()
}

/// Sets TCP_NODELAY: a part of a response (an event, a piece of a large body) must not wait for the acknowledgement of
/// the one before.
pub(super) fn set_nodelay<IO: 'static>(io: &IO) {
    if let Some(Err(error)) = as_tcp(io).map(|tcp| tcp.set_nodelay(true)) {
        tracing::debug!(%error, "setting TCP_NODELAY failed");
    }
}

/// Makes closing a TCP connection reset it, so that the web server does not take an incomplete response for a complete
/// one. Unix sockets have no reset.
pub(super) fn reset_on_close<IO: 'static>(io: &IO) {
    if let Some(Err(error)) = as_tcp(io).map(TcpStream::set_zero_linger) {
        tracing::debug!(%error, "setting SO_LINGER to reset a connection failed");
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::net::{TcpListener, UnixStream};

    use super::*;

    #[tokio::test]
    async fn tcp_options_are_set_through_an_fcgi_stream() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let io = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let io = FcgiStream::Tcp(io);
        assert!(!as_tcp(&io).unwrap().nodelay().unwrap());
        set_nodelay(&io);
        assert!(as_tcp(&io).unwrap().nodelay().unwrap());
        let (unix, _peer) = UnixStream::pair().unwrap();
        assert!(as_tcp(&FcgiStream::Unix(unix)).is_none());
    }
}
