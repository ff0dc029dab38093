//! HAProxy: a request at a time on a connection, and many.

use crate::setup::{Connected, Deviation, NOT_TOLD, Place, Setup};

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
                words: "chunked uploads over its buffer (400)",
            },
            NOT_TOLD,
        ],
    }
}

pub(crate) fn setups() -> Vec<Setup> {
    vec![
        setup("haproxy", "unix socket, kept connections", |place| config(place, "")),
        setup(MULTIPLEXED, "unix socket, multiplexed (`mpxs-conns`)", |place| {
            config(place, "option get-values\n    option mpxs-conns\n    option max-reqs 32")
        }),
    ]
}

fn config(place: &Place<'_>, options: &str) -> String {
    let (address, application) = (place.address, place.application);
    format!(
        "\
global
    log stderr format raw daemon
    # A head has to fit into one buffer; with more than a record can hold uploads fail.
    tune.bufsize 60000
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
    # With `always`, and many requests on a connection, some are a 500 of its own.
    http-reuse aggressive
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
