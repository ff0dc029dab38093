//! Apache httpd: mod_proxy_fcgi, mod_fcgid, and CGI with mod_cgid.

use crate::setup::{
    Connected, DISCONNECT_NOT_REPORTED, Deviation, LOOKS_COMPLETE, LOOKS_COMPLETE_AFTER_HEAD, Place, Setup,
};

/// Debian's module directory.
const MODULES: &str = "/usr/lib/apache2/modules";

const LARGE_RESPONSE_HEADER: Deviation = Deviation {
    check: "large_response_header",
    instead: "500",
    since: &[],
    words: "response headers over 8 KB (500)",
};

const LARGE_REQUEST_HEADER: Deviation = Deviation {
    check: "large_request_header",
    instead: "left out",
    since: &[],
    words: "request headers over 16 KB (left out)",
};

type Config = fn(&Place<'_>) -> String;

fn setup(name: &'static str, connected: Connected, config: Config) -> Setup {
    Setup {
        name,
        title: "Apache mod_proxy_fcgi",
        how: "",
        connected,
        program: "apache2",
        needs: &[],
        version: &["apache2", "-v"],
        arguments: &["-DFOREGROUND", "-f"],
        config,
        deviations: vec![LARGE_RESPONSE_HEADER, DISCONNECT_NOT_REPORTED],
    }
}

pub(crate) fn proxy_setups() -> Vec<Setup> {
    let proxy: [(_, _, _, Config); 3] = [
        ("apache-proxy-tcp", "TCP, `ProxyPass`", Connected::Tcp, |place| {
            let pass = format!("ProxyPass / fcgi://{}/ flushpackets=on\n", place.application);
            config(place, &["proxy", "proxy_fcgi"], &(PROXY.to_owned() + &pass))
        }),
        ("apache-proxy-unix", "unix socket, `ProxyPass`, kept connections", Connected::Unix, |place| {
            let options = "enablereuse=on flushpackets=on max=50";
            let pass = format!("ProxyPass / unix:{}|fcgi://app.local/ {options}\n", place.application);
            config(place, &["proxy", "proxy_fcgi"], &(PROXY.to_owned() + &pass))
        }),
        ("apache-proxy-handler", "unix socket, `SetHandler`", Connected::Unix, |place| {
            let handler = format!(
                "<Proxy fcgi://app.local/ flushpackets=on>\n</Proxy>\n\
                 <Location />\nSetHandler \"proxy:unix:{}|fcgi://app.local/\"\n</Location>\n",
                place.application
            );
            config(place, &["proxy", "proxy_fcgi"], &(PROXY.to_owned() + &handler))
        }),
    ];
    proxy
        .map(|(name, how, connected, config)| Setup {
            how,
            deviations: vec![LARGE_REQUEST_HEADER, LARGE_RESPONSE_HEADER, DISCONNECT_NOT_REPORTED],
            ..setup(name, connected, config)
        })
        .into()
}

const PROXY: &str = "ProxyFCGIBackendType GENERIC\n";

pub(crate) fn program_setups() -> Vec<Setup> {
    let fcgid = setup("apache-fcgid", Connected::Spawned, |place| {
        let prefix = place.prefix.display();
        let lines = format!(
            "FcgidIPCDir {prefix}/ipc
FcgidProcessTableFile {prefix}/processes
FcgidMaxRequestLen 20971520
FcgidOutputBufferSize 0
FcgidMaxProcessesPerClass 8
<Location />
  Options +ExecCGI
  SetHandler fcgid-script
  FcgidWrapper {} virtual
</Location>
",
            place.application
        );
        config(place, &["fcgid"], &lines)
    });
    let cgi = setup("apache-cgi", Connected::Cgi, |place| {
        let (prefix, program) = (place.prefix.display(), place.application);
        let lines = format!("ScriptSock {prefix}/cgid\nScriptAlias / {program}/\n");
        config(place, &["alias", "cgid"], &lines)
    });
    vec![
        Setup {
            title: "Apache mod_fcgid",
            how: "started by it",
            needs: &["/usr/lib/apache2/modules/mod_fcgid.so"],
            deviations: vec![LARGE_RESPONSE_HEADER, LOOKS_COMPLETE, DISCONNECT_NOT_REPORTED],
            ..fcgid
        },
        Setup {
            title: "Apache mod_cgid",
            how: "as a CGI program",
            deviations: vec![
                LARGE_RESPONSE_HEADER,
                LOOKS_COMPLETE,
                LOOKS_COMPLETE_AFTER_HEAD,
                DISCONNECT_NOT_REPORTED,
            ],
            ..cgi
        },
    ]
}

fn config(place: &Place<'_>, modules: &[&str], lines: &str) -> String {
    let (address, prefix) = (place.address, place.prefix.display());
    let modules: String = ["mpm_event", "authz_core", "env", "setenvif"]
        .iter()
        .chain(modules)
        .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
        .collect();
    let user = if place.is_root { "User www-data\nGroup www-data\n" } else { "" };
    format!(
        "\
ServerRoot {prefix}
DefaultRuntimeDir {prefix}
PidFile {prefix}/httpd.pid
ErrorLog {prefix}/error.log
# With a file, mod_fcgid's processes may take each other for a deadlock.
Mutex pthread default
ServerName localhost
Listen {address}
{modules}{user}
DocumentRoot {prefix}
AllowEncodedSlashes NoDecode
LimitRequestFieldSize 65536
# A Content-Length of the application is to be the answer's.
SetEnv ap_trust_cgilike_cl 1
{lines}"
    )
}
