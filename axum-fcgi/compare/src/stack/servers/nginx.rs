//! nginx, with one process.

use test_support::WebServer;

use crate::{nginx, stack::setup::Setup};

/// The variables that an application needs. nginx adds the client's headers by itself.
const LEAN: &str = "\
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param SCRIPT_NAME $fastcgi_script_name;
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
    fastcgi_param CONTENT_TYPE $content_type if_not_empty;
    fastcgi_param CONTENT_LENGTH $content_length if_not_empty;
    fastcgi_param REMOTE_ADDR $remote_addr;
    fastcgi_param REMOTE_PORT $remote_port;
    fastcgi_param HTTPS $https if_not_empty;
";

/// Host, the client's address and the scheme, which FastCGI's variables have as well.
const FORWARDED: &str = "\
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
";

const UPSTREAM: &str =
    "upstream app { server unix:/run/hello.sock; keepalive 64; keepalive_requests 100000000; }\n";

/// Whether nginx keeps connections to the application.
#[derive(Clone, Copy)]
enum Connections {
    Kept,
    /// nginx's default: one for each request.
    Each,
}

/// Whether nginx buffers responses and request bodies.
#[derive(Clone, Copy)]
enum Buffering {
    /// nginx's default.
    On,
    Off,
}

pub(super) fn setups() -> Vec<Setup> {
    use {Buffering as B, Connections as C};
    [
        ("nginx-debian", "kept connections; Debian's `fastcgi_params`", nginx::PARAMS, C::Kept, B::On),
        ("nginx-lean", "kept connections; lean parameters", LEAN, C::Kept, B::On),
        ("nginx-unbuffered", "kept connections; lean; unbuffered both ways", LEAN, C::Kept, B::Off),
        ("nginx-each", "a connection each; lean", LEAN, C::Each, B::On),
        ("nginx-each-debian", "a connection each; Debian's `fastcgi_params`", nginx::PARAMS, C::Each, B::On),
        ("nginx-each-unbuffered", "a connection each; lean; unbuffered both ways", LEAN, C::Each, B::Off),
    ]
    .map(|(name, label, params, connections, buffering)| {
        let (fastcgi, http) = (fastcgi(params, connections, buffering), http(connections, buffering));
        Setup::new(WebServer::Nginx, name, label, fastcgi, http)
    })
    .into()
}

fn fastcgi(params: &str, connections: Connections, buffering: Buffering) -> String {
    let location = match connections {
        Connections::Kept => "fastcgi_pass app; fastcgi_keep_conn on;\n",
        Connections::Each => "fastcgi_pass unix:/run/hello.sock;\n",
    };
    let buffering = match buffering {
        Buffering::On => "",
        Buffering::Off => "fastcgi_buffering off; fastcgi_request_buffering off;\n",
    };
    configuration(connections, &[location, buffering, params].concat())
}

fn http(connections: Connections, buffering: Buffering) -> String {
    let location = match connections {
        Connections::Kept => {
            "proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection \"\";\n"
        }
        Connections::Each => "proxy_pass http://unix:/run/hello.sock;\n",
    };
    let buffering = match buffering {
        Buffering::On => "",
        Buffering::Off => "proxy_buffering off; proxy_request_buffering off;\n",
    };
    configuration(connections, &[location, buffering, FORWARDED].concat())
}

/// One process, as a second one only adds noise on few cores.
fn configuration(connections: Connections, location: &str) -> String {
    let upstream = match connections {
        Connections::Kept => UPSTREAM,
        // From 1.29.7 on, an upstream keeps connections by default.
        Connections::Each => "",
    };
    format!(
        "\
daemon off; master_process off;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path body; fastcgi_temp_path fastcgi; proxy_temp_path proxy;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 100000000;
  {upstream}
  server {{
    listen 127.0.0.1:8080;
    location / {{
{location}
    }}
  }}
}}
"
    )
}
