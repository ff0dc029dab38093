//! H2O.

use crate::setup::{Connected, DISCONNECT_NOT_REPORTED, LOOKS_COMPLETE, LOOKS_COMPLETE_AFTER_HEAD, Setup};

pub(crate) fn setups() -> Vec<Setup> {
    vec![Setup {
        name: "h2o",
        title: "H2O",
        how: "unix socket",
        connected: Connected::Unix,
        program: "h2o",
        needs: &[],
        version: &["h2o", "-v"],
        arguments: &["-m", "worker", "-c"],
        config: |place| {
            let (ip, port) = (place.address.ip(), place.address.port());
            let (prefix, application) = (place.prefix.display(), place.application);
            let user = if place.is_root { "user: root" } else { "" };
            format!(
                "\
{user}
error-log: {prefix}/error.log
num-threads: 1
hosts:
  default:
    listen:
      host: {ip}
      port: {port}
    paths:
      /:
        fastcgi.connect:
          port: {application}
          type: unix
"
            )
        },
        deviations: vec![LOOKS_COMPLETE, LOOKS_COMPLETE_AFTER_HEAD, DISCONNECT_NOT_REPORTED],
    }]
}
