//! What to change in the web server's configuration if it speaks another protocol.

use fcgi_core::ForeignProtocol;

/// The advice for the operator: which setting selects FastCGI.
pub(super) const fn advice(protocol: ForeignProtocol) -> &'static str {
    match protocol {
        ForeignProtocol::Http1 | ForeignProtocol::Http2 => {
            "configure the web server for FastCGI: nginx fastcgi_pass instead of proxy_pass or grpc_pass; Apache fcgi:// instead \
             of http:// or h2c:// (mod_proxy_fcgi); Caddy `transport fastcgi` in reverse_proxy; HAProxy use-fcgi-app, and \
             proto fcgi at the server; lighttpd fastcgi.server instead of proxy.server; H2O fastcgi.connect instead of \
             proxy.reverse.url. A browser or a health check must not connect here"
        }
        ForeignProtocol::Tls => {
            "FastCGI has no TLS: nginx fastcgi_pass instead of proxy_pass https://; Apache fcgi:// instead of https://; Caddy \
             `transport fastcgi` instead of tls; HAProxy no ssl at the server, but proto fcgi. TLS clients connect to the web \
             server"
        }
        ForeignProtocol::Scgi => {
            "configure the web server for FastCGI: nginx fastcgi_pass instead of scgi_pass, with fastcgi_params; Apache fcgi:// \
             instead of scgi:// (mod_proxy_fcgi); lighttpd fastcgi.server instead of scgi.server"
        }
        ForeignProtocol::Uwsgi => {
            "configure the web server for FastCGI: nginx fastcgi_pass instead of uwsgi_pass, with fastcgi_params; Apache fcgi:// \
             instead of uwsgi:// (mod_proxy_fcgi); lighttpd fastcgi.server instead of scgi.server"
        }
        ForeignProtocol::Proxy => {
            "turn the PROXY protocol off towards the application: HAProxy no send-proxy or send-proxy-v2 at the server; nginx no \
             proxy_protocol in the stream block"
        }
        ForeignProtocol::Ajp => {
            "configure the web server for FastCGI: Apache fcgi:// instead of ajp:// (mod_proxy_fcgi)"
        }
        _ => "configure the web server for FastCGI",
    }
}
