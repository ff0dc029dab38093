//! HAProxy: one request at a time on a connection, and multiplexed.

use crate::setup::{Connected, DISCONNECT_NOT_REPORTED, Deviation, Place, Setup};

pub(crate) const MULTIPLEXED: &str = "haproxy-multiplexed";

fn setup(name: &'static str, how: &'static str, config: fn(&Place<'_>) -> String) -> Setup {
    Setup {
        name,
        title: "HAProxy",
        how,
        connected: Connected::Unix,
        program: "haproxy",
        needs: &[],
        version: &["haproxy", "-v"],
        arguments: &["-db", "-f"],
        config,
        deviations: vec![
            Deviation {
                check: "chunked_upload",
                instead: "400",
                since: &[],
                words: "chunked uploads over its buffer (400)",
            },
            DISCONNECT_NOT_REPORTED,
        ],
    }
}

pub(crate) fn setups() -> Vec<Setup> {
    vec![
        setup("haproxy", "unix socket, kept connections", |place| config(place, "")),
        setup(MULTIPLEXED, "unix socket, multiplexed (`mpxs-conns`)", |place| {
            config(place, "option mpxs-conns\n    option max-reqs 16")
        }),
    ]
}

fn config(place: &Place<'_>, options: &str) -> String {
    let (address, application) = (place.address, place.application);
    format!(
        "\
global
    log stderr format raw daemon
    # A head has to fit into one buffer, as have those of all requests that are sent at once on a connection. With more than a
    # record can hold uploads fail.
    tune.bufsize 65536
defaults
    mode http
    log global
    option http-no-delay
    timeout connect 60s
    timeout client 60s
    timeout server 60s
frontend www
    bind {address}
    default_backend application
backend application
    use-fcgi-app application
    http-reuse always
    # It may take a kept connection for the next request before it has seen that it is closed.
    retry-on conn-failure empty-response
    server application unix@{application} proto fcgi
fcgi-app application
    docroot /nonexistent
    option keep-conn
    {options}
    log-stderr global
"
    )
}
