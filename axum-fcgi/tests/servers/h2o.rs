//! H2O.

use crate::setup::{Connected, LOOKS_EMPTY, LOOKS_WHOLE, NOT_TOLD, Setup};

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
        deviations: vec![LOOKS_WHOLE, LOOKS_EMPTY, NOT_TOLD],
    }]
}
