//! lighttpd, which carries upgrades: over FastCGI from 1.4.74 on, and for CGI programs before, too.

use std::env;
use std::fmt::Display;
use std::future::Future;

use libtest_mimic::Trial;
use test_support::{Installed, Result, Running, Version, WebServer};

use crate::client::ContentLength;
use crate::{application, client};

/// The first version with `"upgrade"` in mod_fastcgi.
const FIRST: [u32; 3] = [1, 4, 74];
/// Sockets of one test; all are open at once.
const MANY: usize = 50;

const FASTCGI: &str = r#"server.modules = ( "mod_fastcgi" )
server.document-root = "/usr/share"
server.bind = "127.0.0.1"
server.port = 8080
server.stream-request-body = 2
server.stream-response-body = 2
fastcgi.server = ( "/" => ((
    "host" => "127.0.0.1", "port" => 9000, "check-local" => "disable", "upgrade" => "enable",
)) )
"#;

/// Upgrades over HTTP, everything else over FastCGI.
const SECOND_SOCKET: &str = r#"server.modules = ( "mod_proxy", "mod_fastcgi" )
server.document-root = "/usr/share"
server.bind = "127.0.0.1"
server.port = 8080
server.stream-response-body = 2
proxy.server = ( "/ws" => (( "host" => "127.0.0.1", "port" => 9001 )) )
proxy.header = ( "upgrade" => "enable" )
fastcgi.server = ( "/" => (( "host" => "127.0.0.1", "port" => 9000, "check-local" => "disable" )) )
"#;

const CGI: &str = r#"server.modules = ( "mod_alias", "mod_cgi" )
server.document-root = "/usr/share"
server.bind = "127.0.0.1"
server.port = 8080
server.stream-response-body = 2
alias.url = ( "/" => "PROGRAM/" )
cgi.assign = ( "" => "" )
cgi.upgrade = "enable"
"#;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        fastcgi("http1", converse_http1),
        fastcgi("http2_with_content_length", converse_http2),
        fastcgi("http2_is_refused_by_lighttpd", refused_http2),
        fastcgi("many_web_sockets", many_web_sockets),
        fastcgi("other_requests", other_requests),
        second_socket("http2_by_a_second_socket", second_socket_http2),
        cgi("cgi_http1", converse_http1),
        cgi("cgi_http2", talk_http2),
        cgi("cgi_other_requests", other_requests),
    ]
}

fn fastcgi<F>(name: &str, test: fn(u16) -> F) -> Trial
where
    F: Future<Output = Result> + 'static,
{
    WebServer::Lighttpd.trial_since(&Version::from(FIRST), name, move |lighttpd| {
        let (application, port) = application::serve()?;
        let running = lighttpd.start(FASTCGI, &[("9000", &port)])?;
        let result = application.block_on(test(running.port));
        report(result, &running)
    })
}

fn second_socket<F>(name: &str, test: fn(u16) -> F) -> Trial
where
    F: Future<Output = Result> + 'static,
{
    WebServer::Lighttpd.trial(name, move |lighttpd| {
        let (application, fastcgi, http) = application::serve_both()?;
        let running = lighttpd.start(SECOND_SOCKET, &[("9000", &fastcgi), ("9001", &http)])?;
        report(application.block_on(test(running.port)), &running)
    })
}

fn cgi<F>(name: &str, test: fn(u16) -> F) -> Trial
where
    F: Future<Output = Result> + 'static,
{
    WebServer::Lighttpd.trial(name, move |lighttpd| {
        let running = start_cgi(&lighttpd)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        report(runtime.block_on(test(running.port)), &running)
    })
}

fn start_cgi(lighttpd: &Installed) -> Result<Running> {
    let program = env::current_exe()?;
    lighttpd.start(CGI, &[("PROGRAM", &program.display() as &dyn Display)])
}

fn report(result: Result, running: &Running) -> Result {
    result.map_err(|error| format!("{error:?}\n{}", running.logs()).into())
}

async fn converse_http1(port: u16) -> Result {
    client::converse(client::http1(port).await?).await
}

/// With a Content-Length, which browsers do not send, lighttpd forwards an extended CONNECT.
async fn converse_http2(port: u16) -> Result {
    let web_socket = client::http2(port, ContentLength::Zero).await?;
    client::converse(web_socket.map_err(|status| status.to_string())?).await
}

/// lighttpd may reset the stream when the program has exited: the end is not always clean.
async fn talk_http2(port: u16) -> Result {
    let web_socket = client::http2(port, ContentLength::Absent).await?;
    client::talk(&mut web_socket.map_err(|status| status.to_string())?).await
}

/// The client first sends a plain request, which goes over FastCGI.
async fn second_socket_http2(port: u16) -> Result {
    let web_socket = client::http2(port, ContentLength::Absent).await?;
    client::converse(web_socket.map_err(|status| status.to_string())?).await
}

/// lighttpd (1.4.79; the source of 1.4.85 is the same) takes an extended CONNECT for an upload of unknown length, and
/// rejects it: mod_fastcgi needs a Content-Length. The application does not see the request.
async fn refused_http2(port: u16) -> Result {
    match client::http2(port, ContentLength::Absent).await? {
        Err(status) => assert_eq!(status, 411),
        Ok(web_socket) => client::converse(web_socket).await?,
    }
    client::is_served(port).await
}

/// All are open before the first message.
async fn many_web_sockets(port: u16) -> Result {
    let mut sockets = Vec::new();
    for _ in 0..MANY {
        sockets.push(client::http1(port).await?);
    }
    for socket in &mut sockets {
        client::echo(socket).await?;
    }
    Ok(())
}

async fn other_requests(port: u16) -> Result {
    client::h2c_is_served(port).await?;
    let failed = client::handshake_without_key(port).await?;
    assert!(failed.starts_with("HTTP/1.1 400 "), "{failed}");
    client::is_served(port).await
}
