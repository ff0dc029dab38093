//! nginx, in one of its configurations. The suite `nginx` has all of them.

use crate::setup::{Connected, Setup};

pub(crate) fn setups() -> Vec<Setup> {
    vec![Setup {
        name: "nginx",
        title: "nginx",
        how: "unix socket, kept connections",
        connected: Connected::Unix,
        program: "nginx",
        needs: &[],
        version: &["nginx", "-v"],
        arguments: &["-e", "error.log", "-c"],
        config: |place| {
            let (address, application) = (place.address, place.application);
            let prefix = place.prefix.display();
            let user = if place.is_root { "user root;" } else { "" };
            format!(
                "\
{user}
daemon off;
worker_processes 1;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log info;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {prefix}/body;
  fastcgi_temp_path {prefix}/fastcgi;
  proxy_temp_path {prefix}/proxy;
  uwsgi_temp_path {prefix}/uwsgi;
  scgi_temp_path {prefix}/scgi;
  client_max_body_size 20m;
  large_client_header_buffers 4 64k;
  upstream application {{ server unix:{application}; keepalive 8; }}
  server {{
    listen {address};
    location / {{
      fastcgi_pass application;
      fastcgi_keep_conn on;
      fastcgi_buffer_size 64k; fastcgi_buffers 8 64k; fastcgi_busy_buffers_size 128k;
      fastcgi_param QUERY_STRING      $query_string;
      fastcgi_param REQUEST_METHOD    $request_method;
      fastcgi_param CONTENT_TYPE      $content_type;
      fastcgi_param CONTENT_LENGTH    $content_length;
      fastcgi_param SCRIPT_NAME       $fastcgi_script_name;
      fastcgi_param REQUEST_URI       $request_uri;
      fastcgi_param SERVER_PROTOCOL   $server_protocol;
      fastcgi_param REQUEST_SCHEME    $scheme;
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param REMOTE_ADDR       $remote_addr;
      fastcgi_param REMOTE_PORT       $remote_port;
      fastcgi_param SERVER_ADDR       $server_addr;
      fastcgi_param SERVER_PORT       $server_port;
      fastcgi_param SERVER_NAME       $server_name;
    }}
  }}
}}
"
            )
        },
        deviations: vec![],
    }]
}
