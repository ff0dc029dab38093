//! Web servers that cannot carry an upgrade over FastCGI: the handler rejects it, and other requests are not affected.

use libtest_mimic::Trial;
use test_support::{Installed, Result, WebServer};

use crate::{application, client};

/// Handshakes of one test. Some web servers send the end of STDIN after the PARAMS, in a write of its own.
const HANDSHAKES: usize = 200;

const NGINX: &str = "daemon off;
events {}
error_log stderr;
http {
    access_log off;
    server {
        listen 127.0.0.1:8080;
        location / {
            include /etc/nginx/fastcgi_params;
            fastcgi_pass 127.0.0.1:9000;
        }
    }
}
";

const APACHE: &str = r#"LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
Listen 127.0.0.1:8080
ServerName localhost
PidFile apache.pid
ErrorLog error.log
ProxyPass "/" "fcgi://127.0.0.1:9000/"
"#;

const CADDY: &str = "{
	admin off
	auto_https off
}
http://:8080 {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:9000 {
		transport fastcgi
	}
}
";

const HAPROXY: &str = "defaults
    mode http
    timeout connect 60s
    timeout client 60s
    timeout server 60s
frontend www
    bind 127.0.0.1:8080
    default_backend application
backend application
    use-fcgi-app application
    server application 127.0.0.1:9000 proto fcgi
fcgi-app application
    docroot /nonexistent
    path-info ^()(/.*)$
";

const H2O: &str = "num-threads: 1
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: 8080
    paths:
      /:
        fastcgi.connect:
          host: 127.0.0.1
          port: 9000
          type: tcp
";

/// Without the option.
const LIGHTTPD: &str = r#"server.modules = ( "mod_fastcgi" )
server.document-root = "/usr/share"
server.bind = "127.0.0.1"
server.port = 8080
fastcgi.server = ( "/" => (( "host" => "127.0.0.1", "port" => 9000, "check-local" => "disable" )) )
"#;

pub(crate) fn trials() -> Vec<Trial> {
    // 426: the application sees an upgrade that it cannot make. 400: the web server has taken its head fields away. Older
    // versions of lighttpd do not.
    [
        (WebServer::Nginx, NGINX, "426"),
        (WebServer::Apache, APACHE, "426"),
        (WebServer::Caddy, CADDY, "426"),
        (WebServer::Haproxy, HAPROXY, "400"),
        (WebServer::H2o, H2O, "400"),
        (WebServer::Lighttpd, LIGHTTPD, "4"),
    ]
    .map(|(server, config, status)| {
        server.trial("a_handshake_is_rejected", move |installed| rejects(&installed, config, status))
    })
    .into()
}

fn rejects(installed: &Installed, config: &str, status: &str) -> Result {
    let (application, port) = application::serve()?;
    let running = installed.start(config, &[("9000", &port)])?;
    let test = async {
        for _ in 0..HANDSHAKES {
            let response = client::ask(running.port, "/ws", &client::handshake()).await?;
            assert!(response.starts_with(&format!("HTTP/1.1 {status}")), "{response}");
        }
        client::h2c_is_served(running.port).await?;
        client::is_served(running.port).await
    };
    let result: Result = application.block_on(test);
    result.map_err(|error| format!("{error}\n{}", running.logs()).into())
}
