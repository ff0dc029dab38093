//! nginx without disk space for its temporary files.

use std::process::{Command, Stdio};

use test_support::{Installed, Result, wait_for};

use crate::http::Connection;
use crate::kinds::LONG;
use crate::setup::{DISK, NGINX};
use crate::site::Site;

/// A command that starts a program in its own mount namespace.
type By = &'static [&'static str];

/// A command for private mounts, which disappear with the last process in the namespace.
pub(crate) fn private_mounts() -> std::result::Result<By, &'static str> {
    const WAYS: [By; 2] = [&["unshare", "-m"], &["unshare", "-r", "-m"]];
    let works = |by: &By| {
        let mut command = Command::new(by[0]);
        command.args(&by[1..]).args(["mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    WAYS.into_iter().find(works).ok_or("cannot create a mount namespace (unshare -m) for a full disk")
}

/// The size of a response, and of a body: more than the free space.
const LARGE: usize = 8 << 20;

/// nginx's messages when there is no space. A chunk that fits in part is written in part.
const REFUSALS: [&str; 3] = ["No space left on device", "File too large", "has written only"];

/// With a full disk.
pub(crate) fn full(nginx: &Installed, by: By) -> Result {
    let mount = format!("mkdir -p {DISK} && mount -t tmpfs -o size=256k none {DISK} && exec \"$@\"");
    without_room(nginx, &[by, &["sh", "-c", &mount, "sh"]].concat(), "disk_full")
}

/// With a limit on file sizes, which needs no privilege.
pub(crate) fn limited(nginx: &Installed) -> Result {
    // In blocks of 512 bytes; the log needs some too. Without the trap, the signal would end nginx at the
    // limit.
    let limit = format!("mkdir -p {DISK} && trap '' XFSZ && ulimit -f 512 && exec \"$@\"");
    without_room(nginx, &["sh", "-c", &limit, "sh"], "file_size_limited")
}

/// A response that nginx buffers for a slow client is cut off when there is no space left, and a large body
/// is rejected. Requests that need no space succeed.
fn without_room(nginx: &Installed, by: &[&str], what: &str) -> Result {
    let site = Site::start_by(by, nginx, NGINX, LONG)?;
    let clients = site.clients();
    for kind in ["declared", "streamed"] {
        clients.wait_for_good(50)?;
        let line = format!("GET /{kind}/7/{LARGE} HTTP/1.1");
        let mut slow = Connection::open(site.server.port)?;
        slow.send(format!("{line}\r\nHost: h\r\n\r\n").as_bytes())?;
        let head = slow.head()?;
        // Reads on only when there is no space left for this response: other responses need space too.
        let is_refusal =
            |logged: &str| logged.contains(&line) && REFUSALS.iter().any(|refusal| logged.contains(refusal));
        let refused = wait_for("a full disk", || Ok(site.server.logs().lines().any(is_refusal)));
        refused.map_err(|error| format!("{error}\n{}", site.server.logs()))?;
        if let Ok(response) = slow.rest(&head) {
            return Err(format!("{kind}: {} of {LARGE} bytes look complete", response.body.len()).into());
        }

        let mut upload = Connection::open(site.server.port)?;
        upload.send(format!("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: {LARGE}\r\n\r\n").as_bytes())?;
        // nginx may respond and close before it has received everything.
        let _ = upload.send(&vec![b'x'; LARGE]);
        if let Ok(head) = upload.head() {
            assert_eq!(head.status, 500, "{kind}: nginx has no space for the body");
        }
    }
    clients.wait_for_good(50)?;
    site.assert_recovers(&clients.stop()?, &format!("Nginx, {what}"))
}
