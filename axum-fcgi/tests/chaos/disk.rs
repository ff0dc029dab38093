//! nginx without room for its temporary files.

use std::process::{Command, Stdio};

use test_support::{Installed, Result, wait_for};

use crate::http::Connection;
use crate::kinds::LONG;
use crate::setup::{DISK, NGINX};
use crate::site::Site;

/// What starts a program in a mount namespace of its own.
type By = &'static [&'static str];

/// By what means there are mounts that nobody else sees, and that are gone with the last process that does.
pub(crate) fn private_mounts() -> std::result::Result<By, &'static str> {
    const WAYS: [By; 2] = [&["unshare", "-m"], &["unshare", "-r", "-m"]];
    let works = |by: &By| {
        let mut command = Command::new(by[0]);
        command.args(&by[1..]).args(["mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    WAYS.into_iter().find(works).ok_or("no mount namespace of its own (unshare -m), so no disk that is full")
}

/// Bytes of an answer, and of a body: more than there is room for.
const LARGE: usize = 8 << 20;

/// nginx's words where there is no room. A piece for which there is some is written in part.
const REFUSALS: [&str; 3] = ["No space left on device", "File too large", "has written only"];

/// On a disk that is full.
pub(crate) fn full(nginx: &Installed, by: By) -> Result {
    let mount = format!("mkdir -p {DISK} && mount -t tmpfs -o size=256k none {DISK} && exec \"$@\"");
    without_room(nginx, &[by, &["sh", "-c", &mount, "sh"]].concat(), "disk_full")
}

/// With files that may not become large, which takes no privilege.
pub(crate) fn limited(nginx: &Installed) -> Result {
    // In blocks of 512 bytes, of which the log needs some too. The signal would end a process that goes beyond.
    let limit = format!("mkdir -p {DISK} && trap '' XFSZ && ulimit -f 512 && exec \"$@\"");
    without_room(nginx, &["sh", "-c", &limit, "sh"], "file_size_limited")
}

/// An answer that a slow client leaves to nginx is cut off where there is no more room, and a large body is refused, while
/// what needs no room goes on.
fn without_room(nginx: &Installed, by: &[&str], what: &str) -> Result {
    let site = Site::start_by(by, nginx, NGINX, LONG)?;
    let clients = site.clients();
    for kind in ["declared", "streamed"] {
        clients.wait_for_good(50)?;
        let line = format!("GET /{kind}/7/{LARGE} HTTP/1.1");
        let mut slow = Connection::open(site.server.port)?;
        slow.send(format!("{line}\r\nHost: h\r\n\r\n").as_bytes())?;
        let head = slow.head()?;
        // It reads no more before there is no more room, and that for this answer: those of the others need some too.
        let is_refusal =
            |logged: &str| logged.contains(&line) && REFUSALS.iter().any(|refusal| logged.contains(refusal));
        let refused = wait_for("a full disk", || Ok(site.server.logs().lines().any(is_refusal)));
        refused.map_err(|error| format!("{error}\n{}", site.server.logs()))?;
        if let Ok(answer) = slow.rest(&head) {
            return Err(format!("{kind}: {} of {LARGE} bytes look whole", answer.body.len()).into());
        }

        let mut upload = Connection::open(site.server.port)?;
        upload.send(format!("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: {LARGE}\r\n\r\n").as_bytes())?;
        // nginx may answer, and go, before it has been sent all.
        let _ = upload.send(&vec![b'x'; LARGE]);
        if let Ok(head) = upload.head() {
            assert_eq!(head.status, 500, "{kind}: a body that nginx has no room for");
        }
    }
    clients.wait_for_good(50)?;
    site.settles(&clients.stop()?, &format!("Nginx, {what}"))
}
