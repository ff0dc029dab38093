//! A TLS client.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use test_support::Result;

use crate::certificates::Certificates;

/// What the application was told, and the client's own address.
pub(crate) struct Told {
    pub(crate) facts: BTreeMap<String, String>,
    pub(crate) client: SocketAddr,
}

/// Returns the facts in the application's response.
pub(crate) fn get(
    port: u16,
    certificates: &Certificates,
    with_certificate: bool,
) -> Result<BTreeMap<String, String>> {
    let request = format!("GET / HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n");
    Ok(send_over_tls(port, certificates, with_certificate, &request)?.facts)
}

/// Sends a request over TLS.
pub(crate) fn send_over_tls(
    port: u16,
    certificates: &Certificates,
    with_certificate: bool,
    request: &str,
) -> Result<Told> {
    let mut roots = RootCertStore::empty();
    roots.add(certificates.authority.clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = if with_certificate {
        let (certificate, key) = &certificates.client;
        config.with_client_auth_cert(vec![certificate.clone()], key.clone_key())?
    } else {
        config.with_no_client_auth()
    };
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into()?)?;
    let stream = connect(port)?;
    let client = stream.local_addr()?;
    Ok(Told { facts: exchange(&mut StreamOwned::new(connection, stream), request)?, client })
}

/// Sends a request without TLS.
pub(crate) fn send(port: u16, request: &str) -> Result<Told> {
    let mut stream = connect(port)?;
    let client = stream.local_addr()?;
    Ok(Told { facts: exchange(&mut stream, request)?, client })
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    // Turns a hang into a failure.
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

fn exchange(stream: &mut (impl Read + Write), request: &str) -> Result<BTreeMap<String, String>> {
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    // Some web servers send no close_notify.
    match stream.read_to_end(&mut response) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
        read => drop(read?),
    }
    let response = String::from_utf8(response)?;
    let (head, body) = response.split_once("\r\n\r\n").ok_or("a response without a head")?;
    if head.split(' ').nth(1) != Some("200") {
        return Err(response.into());
    }
    Ok(serde_json::from_str(body)?)
}
