//! Apache httpd with mod_proxy_fcgi and mod_proxy_http, with one process of many threads.

use test_support::WebServer;

use crate::stack::setup::Setup;

pub(super) fn setups() -> Vec<Setup> {
    let kept = fastcgi("enablereuse=on flushpackets=on");
    let each = || fastcgi("flushpackets=on");
    [
        ("apache", "kept connections (`enablereuse=on`)", kept, http("flushpackets=on")),
        (
            "apache-default",
            "a connection each : kept connections, the defaults",
            each(),
            http("flushpackets=on"),
        ),
        ("apache-each", "a connection each", each(), http("disablereuse=on flushpackets=on")),
    ]
    .map(|(name, label, fastcgi, http)| Setup::new(WebServer::Apache, name, label, fastcgi, http))
    .into()
}

fn fastcgi(options: &str) -> String {
    let pass = format!("ProxyPass / unix:/run/hello.sock|fcgi://hello/ {options}\n");
    configuration("proxy_fcgi", &(pass + "<Location />\nCGIPassAuth On\n</Location>\n"))
}

fn http(options: &str) -> String {
    configuration("proxy_http", &format!("ProxyPass / unix:/run/hello.sock|http://hello/ {options}\n"))
}

fn configuration(module: &str, lines: &str) -> String {
    format!(
        "\
ServerName localhost
Listen 127.0.0.1:8080
DefaultRuntimeDir .
PidFile httpd.pid
ErrorLog error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so
AllowEncodedSlashes NoDecode
MaxKeepAliveRequests 0
# With fewer threads than connections Apache closes some of these. One process: none starts or ends during a run.
ServerLimit 1
StartServers 1
ThreadLimit 128
ThreadsPerChild 128
MaxRequestWorkers 128
MinSpareThreads 1
MaxSpareThreads 128
{lines}"
    )
}
