//! lighttpd: mod_fastcgi, and CGI with mod_cgi.

use crate::setup::{
    Connected, DISCONNECT_NOT_REPORTED, Deviation, LOOKS_COMPLETE, LOOKS_COMPLETE_AFTER_HEAD, Place, Setup,
};

fn setup(name: &'static str, connected: Connected, config: fn(&Place<'_>) -> String) -> Setup {
    Setup {
        name,
        title: "lighttpd mod_fastcgi",
        how: "",
        connected,
        program: "lighttpd",
        needs: &[],
        version: &["lighttpd", "-v"],
        arguments: &["-D", "-f"],
        config,
        deviations: vec![
            Deviation {
                // A race inside the web server: some runs do not see it.
                instead: "sometimes looks complete",
                words: "a response cut off right after its head, without Content-Length (looks complete)",
                ..LOOKS_COMPLETE_AFTER_HEAD
            },
            DISCONNECT_NOT_REPORTED,
        ],
    }
}

pub(crate) fn setups() -> Vec<Setup> {
    let external = setup("lighttpd-socket", Connected::Unix, |place| {
        fastcgi(place, &format!(r#""socket" => "{}""#, place.application))
    });
    let spawned = setup("lighttpd-spawned", Connected::Spawned, |place| {
        let (prefix, program) = (place.prefix.display(), place.application);
        let lines =
            format!(r#""socket" => "{prefix}/app.sock", "bin-path" => "{program}", "max-procs" => 1"#);
        fastcgi(place, &lines)
    });
    let cgi = setup("lighttpd-cgi", Connected::Cgi, |place| cgi(place, place.application));
    vec![
        Setup { how: "unix socket", ..external },
        Setup { how: "started by it", ..spawned },
        Setup {
            title: "lighttpd mod_cgi",
            how: "as a CGI program",
            deviations: vec![LOOKS_COMPLETE, LOOKS_COMPLETE_AFTER_HEAD, DISCONNECT_NOT_REPORTED],
            ..cgi
        },
    ]
}

fn fastcgi(place: &Place<'_>, application: &str) -> String {
    let lines = format!(
        r#"server.modules = ( "mod_fastcgi" )
fastcgi.server = ( "/" => (( {application}, "check-local" => "disable", "fix-root-scriptname" => "enable" )) )
"#
    );
    config(place, &lines)
}

/// A configuration with this CGI program for all requests.
pub(crate) fn cgi(place: &Place<'_>, program: &str) -> String {
    let lines = format!(
        r#"server.modules = ( "mod_alias", "mod_cgi" )
alias.url = ( "/" => "{program}/" )
cgi.assign = ( "" => "" )
"#
    );
    config(place, &lines)
}

fn config(place: &Place<'_>, lines: &str) -> String {
    let (prefix, address) = (place.prefix.display(), place.address);
    let (ip, port) = (address.ip(), address.port());
    format!(
        r#"server.document-root = "{prefix}"
server.bind = "{ip}"
server.port = {port}
server.pid-file = "{prefix}/lighttpd.pid"
server.errorlog = "{prefix}/error.log"
server.upload-dirs = ( "{prefix}" )
server.max-request-size = 20480
server.max-request-field-size = 65536
server.stream-response-body = 2
{lines}"#
    )
}
