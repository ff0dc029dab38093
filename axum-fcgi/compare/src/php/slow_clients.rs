//! Clients that send or read 1 KB a second.

use std::{io, net::Ipv4Addr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    runtime::{self, Runtime},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// What is slow.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// A body of 1 MiB, of which so many bytes are sent at once.
    Upload { first: usize },
    /// A response of 4 MiB.
    Download,
}

/// A body's length in bytes. No upload ends during a measurement.
const BODY: usize = 1 << 20;

/// The receive buffer of a client that reads slowly; the kernel doubles it.
const RECEIVE_BUFFER: u32 = 4096;

/// Connected clients. They leave when this is dropped.
pub(super) struct SlowClients {
    clients: JoinSet<io::Result<()>>,
    count: usize,
    // After the tasks, which run on it.
    _runtime: Runtime,
}

impl SlowClients {
    /// Connects clients. Returns when each has sent its head, and the first bytes of its body.
    pub(super) fn start(port: u16, count: usize, work: Work) -> io::Result<Self> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let mut clients = JoinSet::new();
        runtime.block_on(async {
            for _ in 0..count {
                let stream = connect(port, work).await?;
                clients.spawn(go_on(stream, work));
            }
            Ok::<_, io::Error>(())
        })?;
        Ok(Self { clients, count, _runtime: runtime })
    }

    /// How many have got an error, or a whole response.
    pub(super) fn ended(&mut self) -> usize {
        while self.clients.try_join_next().is_some() {}
        self.count - self.clients.len()
    }
}

async fn connect(port: u16, work: Work) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let address = (Ipv4Addr::LOCALHOST, port).into();
    match work {
        Work::Upload { first } => {
            let mut stream = socket.connect(address).await?;
            let head = format!(
                "POST /php/upload.php HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n\
                Content-Type: application/octet-stream\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&vec![b'x'; first]).await?;
            Ok(stream)
        }
        Work::Download => {
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
            let mut stream = socket.connect(address).await?;
            stream.write_all(b"GET /php/download.php HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
            Ok(stream)
        }
    }
}

/// Sends or reads 1 KB a second, until the connection ends.
async fn go_on(mut stream: TcpStream, work: Work) -> io::Result<()> {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut bytes = [b'x'; 1024];
    loop {
        ticks.tick().await;
        match work {
            Work::Upload { .. } => stream.write_all(&bytes).await?,
            Work::Download => {
                if stream.read(&mut bytes).await? == 0 {
                    return Ok(());
                }
            }
        }
    }
}
