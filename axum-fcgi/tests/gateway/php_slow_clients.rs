//! PHP: many slow clients and few processes.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum_fcgi::{Buffering, ResponseBuffering};
use futures_util::future::join_all;
use libtest_mimic::Trial;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, yield_now};

use crate::fpm::{Fpm, trial_with};

/// php-fpm's processes.
const CHILDREN: usize = 4;
const CLIENTS: usize = 200;
const KIB: usize = 1024;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial_with(CHILDREN, "slow_uploads", slow_uploads),
        trial_with(CHILDREN, "slow_readers", slow_readers),
        trial_with(CHILDREN, "expect_100_continue", expect_continue),
        trial_with(CHILDREN, "a_short_response_arrives", short),
    ]
}

/// A Router served over HTTP.
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
    directory: TempDir,
    buffering: Buffering,
}

impl Server {
    fn start(fpm: &Fpm, change: impl FnOnce(Buffering) -> Buffering) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let buffering = change(Buffering::default().with_directory(directory.path()));
        let router = Router::new().fallback_service(fpm.scripts().buffering(buffering.clone()));
        let socket = TcpSocket::new_v4()?;
        // Otherwise the kernel would take a whole response for a slow reader.
        socket.set_send_buffer_size(16 * 1024)?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(1024)?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Ok(Self { address, task, directory, buffering })
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.connect(self.address).await
    }

    async fn send(&self, head: &str) -> io::Result<TcpStream> {
        let mut client = self.connect().await?;
        client.write_all(head.as_bytes()).await?;
        Ok(client)
    }

    /// Other visitors, one after the other.
    async fn visitors(&self) {
        for _ in 0..2 {
            let visitor = self.send("GET /hello.php HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
            let response = rest(visitor.unwrap()).await.unwrap();
            assert!(response.contains("Hello, World!"), "{response}");
        }
    }

    fn used(&self) -> usize {
        usize::try_from(self.buffering.used_memory() + self.buffering.used_files()).unwrap()
    }

    /// Waits until nothing is in use. No file is left.
    async fn assert_released(&self) {
        while self.used() > 0 {
            yield_now().await;
        }
        assert_eq!(fs::read_dir(self.directory.path()).unwrap().count(), 0);
        assert_eq!(open_files(self.directory.path()), 0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How many files of a directory are open, also those without a name.
fn open_files(directory: &Path) -> usize {
    // Only Linux has it.
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open = open.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    open.filter(|file| file.starts_with(directory)).count()
}

async fn rest(mut client: TcpStream) -> io::Result<String> {
    let mut response = String::new();
    client.read_to_string(&mut response).await?;
    Ok(response)
}

/// All clients send 1 KiB in each round. In each round, other visitors are served.
async fn slow_uploads(fpm: Fpm) {
    const ROUNDS: usize = 24;
    let server = Server::start(&fpm, |buffering| buffering).unwrap();
    let head = format!(
        "POST /do.php?what=digest HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        ROUNDS * KIB
    );
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(server.send(&head).await.unwrap());
    }
    for round in 1..ROUNDS {
        for client in &mut clients {
            client.write_all(&[b'x'; KIB]).await.unwrap();
        }
        server.visitors().await;
        while server.used() < CLIENTS * round * KIB {
            yield_now().await;
        }
    }
    while server.buffering.used_memory() > (CLIENTS * 16 * KIB) as u64 {
        yield_now().await;
    }
    assert!(server.buffering.used_files() > 0);
    assert!(open_files(server.directory.path()) > 0);
    for client in &mut clients {
        client.write_all(&[b'x'; KIB]).await.unwrap();
    }
    for client in clients {
        // md5sum of 24 KiB of x.
        let response = rest(client).await.unwrap();
        assert!(response.contains("24576 ee61f08d7e8041edf8c73b25453fd9e5"), "{response}");
    }
    server.assert_released().await;
}

/// No client reads until PHP has written all responses. Then all read 1 KiB in each round.
async fn slow_readers(fpm: Fpm) {
    const LEN: usize = 1024 * KIB;
    // Responses have half of it.
    const TOTAL: u64 = 400 << 20;
    let server = Server::start(&fpm, |buffering| buffering.with_max_total_files(TOTAL)).unwrap();
    // The end of the connection ends a response of HTTP/1.0.
    let head = format!("GET /do.php?what=bytes&n={LEN} HTTP/1.0\r\nHost: h\r\n\r\n");
    let mut clients = Vec::new();
    for at in 0..CLIENTS {
        clients.push((server.send(&head).await.unwrap(), Vec::new()));
        if at % 10 == 0 {
            server.visitors().await;
        }
    }
    for round in 0..20 {
        for (client, response) in &mut clients {
            let mut buffer = [0; KIB];
            let read = client.read(&mut buffer).await.unwrap();
            response.extend_from_slice(&buffer[..read]);
        }
        if round % 4 == 0 {
            server.visitors().await;
        }
        assert!(server.buffering.used_files() <= TOTAL / 2);
        assert!(server.buffering.used_memory() <= 64 << 20);
    }
    assert!(server.buffering.used_files() > 0);
    // All at once, because a small receive buffer makes each slow.
    let read = clients.into_iter().map(async |(mut client, mut response)| {
        client.read_to_end(&mut response).await.unwrap();
        response
    });
    for response in join_all(read).await {
        let head = response.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(response.len() - head, LEN);
    }
    server.assert_released().await;
}

async fn expect_continue(fpm: Fpm) {
    let server = Server::start(&fpm, |buffering| buffering.with_max_body(100_000)).unwrap();
    let head = |length: usize| {
        format!(
            "POST /do.php?what=digest HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n\
            Content-Length: {length}\r\n\r\n"
        )
    };
    let mut client = server.send(&head(100_000)).await.unwrap();
    let mut interim = [0; 25];
    client.read_exact(&mut interim).await.unwrap();
    assert_eq!(interim, *b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(&[b'x'; 100_000]).await.unwrap();
    let response = rest(client).await.unwrap();
    assert!(response.contains("100000 d5816f35916d1d9482fb0f1ec201101d"), "{response}");
    // The client is told before it sends anything.
    let response = rest(server.send(&head(100_001)).await.unwrap()).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
    server.assert_released().await;
}

/// The head and the bytes that there are, as from nginx; then the connection ends.
async fn short(fpm: Fpm) {
    for responses in [ResponseBuffering::On, ResponseBuffering::Off] {
        let server = Server::start(&fpm, |buffering| buffering.with_response_buffering(responses)).unwrap();
        let client = server.send("GET /do.php?what=short HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        let response = rest(client).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 ") && response.ends_with("\r\n\r\nfour"), "{response:?}");
    }
}
