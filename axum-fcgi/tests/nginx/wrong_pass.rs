//! nginx speaks another protocol to the application: the log names it, and what to change.

use axum::Router;
use tokio::task;

use crate::{log::Log, runner::Outcome, site::Place};

pub(crate) async fn another_protocol_is_named_in_the_log(place: Place) -> Outcome {
    let log = Log::start();
    let site = place
        .with("location /http { proxy_pass http://application; }")
        .with("location /tls { proxy_pass https://application; proxy_ssl_verify off; }")
        .with("location /uwsgi { uwsgi_pass application; uwsgi_param QUERY_STRING $query_string; }")
        .with("location /scgi { scgi_pass application; scgi_param REQUEST_METHOD $request_method; }")
        .serve(Router::new())
        .await?;
    for (path, protocol, remedy) in [
        ("/http", "HTTP/1", "fastcgi_pass instead of proxy_pass"),
        ("/tls", "TLS", "fastcgi_pass instead of proxy_pass https://"),
        ("/uwsgi", "uwsgi", "fastcgi_pass instead of uwsgi_pass"),
        ("/scgi", "SCGI", "fastcgi_pass instead of scgi_pass"),
    ] {
        assert_eq!(site.get(path).await?.status(), 502, "{path}");
        let starts = format!("a peer speaks {protocol} instead of FastCGI: ");
        // The connection's task logs it before it closes the connection, which nginx has seen.
        while !log.has(&[&starts, remedy]) {
            task::yield_now().await;
        }
    }
    Ok(())
}
