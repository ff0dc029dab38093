//! A driver with the bug that started this project, to show that its test can fail.
//!
//! It removes a request when its handler returns. A connection without KEEP_CONN must be closed after the end
//! of the request's body; but the record that ends the body now belongs to an unknown request and is ignored.
//! So the body never ends, and the connection stays open. Go's `net/http/fcgi` had this bug
//! (golang/go#43901).

use std::{collections::HashMap, io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;

const RESPONSE: &[u8] = b"Status: 404 Not Found\r\nContent-Type: text/plain\r\n\r\nno\n";

/// Listens, and responds to every request with a 404 at once.
pub(crate) async fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream));
        }
    });
    Ok(address)
}

/// The state of a known request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    ReadsParams,
    ReadsBody,
}

async fn connection(mut stream: TcpStream) -> io::Result<()> {
    let mut requests = HashMap::new();
    loop {
        let (kind, id, content) = receive(&mut stream).await?;
        match (kind, requests.get(&id)) {
            (BEGIN_REQUEST, None) => {
                requests.insert(id, Request::ReadsParams);
            }
            (PARAMS, Some(Request::ReadsParams)) if content.is_empty() => {
                requests.insert(id, Request::ReadsBody);
                send(&mut stream, STDOUT, id, RESPONSE).await?;
                send(&mut stream, STDOUT, id, &[]).await?;
                send(&mut stream, END_REQUEST, id, &[0; 8]).await?;
                // The bug.
                requests.remove(&id);
            }
            // The end of the body closes the connection, but only if the request is still known.
            (STDIN, Some(Request::ReadsBody)) if content.is_empty() => return Ok(()),
            _ => {}
        }
    }
}

async fn receive(stream: &mut TcpStream) -> io::Result<(u8, u16, Vec<u8>)> {
    let mut header = [0; 8];
    stream.read_exact(&mut header).await?;
    let [_version, kind, id1, id0, length1, length0, padding, _] = header;
    let length = usize::from(u16::from_be_bytes([length1, length0]));
    let mut content = vec![0; length + usize::from(padding)];
    stream.read_exact(&mut content).await?;
    content.truncate(length);
    Ok((kind, u16::from_be_bytes([id1, id0]), content))
}

async fn send(stream: &mut TcpStream, kind: u8, id: u16, content: &[u8]) -> io::Result<()> {
    let [id1, id0] = id.to_be_bytes();
    let length = u16::try_from(content.len()).expect("the responses here are short");
    let [length1, length0] = length.to_be_bytes();
    let header = [1, kind, id1, id0, length1, length0, 0, 0];
    stream.write_all(&[&header, content].concat()).await
}
