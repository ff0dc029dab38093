//! All setups and all checks.

use crate::runner::Check;
use crate::setup::{Connected, Setup};
use crate::{apache, basics, bodies, caddy, cgi_fcgi, connections, failures, h2o, haproxy, headers};
use crate::{lighttpd, nginx, semantics, streaming};

pub(crate) fn setups() -> Vec<Setup> {
    [
        nginx::setups(),
        apache::proxy_setups(),
        apache::program_setups(),
        lighttpd::setups(),
        caddy::setups(),
        haproxy::setups(),
        h2o::setups(),
        cgi_fcgi::setups(),
    ]
    .concat()
}

macro_rules! checks {
    ($($module:ident::$name:ident,)+) => {
        vec![$(Check {
            name: stringify!($name),
            applies: |_| true,
            run: |site| Box::pin($module::$name(site)),
        }),+]
    };
}

pub(crate) fn checks() -> Vec<Check> {
    let mut checks = checks![
        basics::target,
        basics::head,
        basics::statuses,
        basics::redirects,
        basics::client_address,
        basics::no_proxy_header,
        bodies::echo,
        bodies::upload_of_1_mib,
        bodies::upload_of_10_mb,
        bodies::chunked_upload,
        bodies::early_response,
        bodies::early_large_response,
        bodies::large_response,
        headers::repeated_request_headers,
        headers::cookies_in_order,
        headers::large_request_header,
        headers::large_response_header,
        semantics::values_without_whitespace,
        semantics::first_content_type,
        semantics::head_of_a_sized_service,
        semantics::no_body_has_size_0,
        semantics::long_body_is_cut_to_its_length,
        failures::panic_is_a_500,
        failures::broken_body_of_a_declared_length,
        failures::broken_body_of_no_length,
        failures::failure_at_once_is_a_500,
        failures::client_errors_are_not_in_the_log,
        failures::stderr_is_in_the_log,
        streaming::events_arrive_one_by_one,
        streaming::hang_up_while_waiting,
        streaming::hang_up_while_responding,
        connections::forty_at_once,
    ];
    checks.push(Check {
        name: "broken_body_right_after_the_head",
        // For mod_fcgid each restart costs a process, and a second until the next one starts.
        applies: |setup| setup.name != "apache-fcgid",
        run: |site| Box::pin(failures::broken_body_right_after_the_head(site)),
    });
    checks.push(Check {
        name: "application_restarts",
        // A CGI program starts for each request anyway.
        applies: |setup| setup.connected != Connected::Cgi,
        run: |site| Box::pin(connections::application_restarts(site)),
    });
    checks.push(Check {
        name: "several_on_a_connection",
        applies: |setup| setup.name == haproxy::MULTIPLEXED,
        run: |site| Box::pin(connections::several_on_a_connection(site)),
    });
    checks
}
