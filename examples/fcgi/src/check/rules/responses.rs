//! The form of a response.

use crate::check::peer::Peer;
use crate::check::rule::{Fault, Found, Rule, fault, not_applicable, pass};
use crate::check::wire::Next;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "answer",
        section: "§5.5",
        text: "a GET gets a response that ends with END_REQUEST, REQUEST_COMPLETE",
        run: |peer| Box::pin(response(peer)),
    },
    Rule {
        name: "head",
        section: "RFC 3875 §6",
        text: "the response starts with a head: Content-Type, Location or Status, and fields",
        run: |peer| Box::pin(head(peer)),
    },
    Rule {
        name: "stdout-end",
        section: "§3.3, §6.2",
        text: "an empty STDOUT record comes before END_REQUEST",
        run: |peer| Box::pin(stdout_end(peer)),
    },
    Rule {
        name: "stderr-end",
        section: "§3.3, §6.2",
        text: "an empty STDERR record comes before END_REQUEST, if there is any STDERR",
        run: |peer| Box::pin(stderr_end(peer)),
    },
    Rule {
        name: "nothing-after-end",
        section: "§5.5",
        text: "no record of a request follows its END_REQUEST",
        run: |peer| Box::pin(nothing_after_end(peer)),
    },
];

async fn response(peer: &Peer) -> Found {
    let response = peer.connect().await?.exchange(1, peer.get(1, false)).await?;
    let status = response.served()?.end.map_or(0, |end| end.app_status);
    let note =
        if peer.is_deterministic() { "" } else { "; responses differ from each other and are not compared" };
    pass(format!("{} bytes of STDOUT, application status {status}{note}", response.stdout.bytes.len()))
}

async fn head(peer: &Peer) -> Found {
    let response = peer.connect().await?.exchange(1, peer.get(1, false)).await?;
    let (head, _) = response.parts()?;
    match head.fault {
        Some(why) => fault(why),
        None => pass(format!("status {}, {} fields", head.status, head.fields.len())),
    }
}

async fn stdout_end(peer: &Peer) -> Found {
    let response = peer.connect().await?.exchange(1, peer.get(1, false)).await?;
    match (response.stdout.ended, response.stdout.bytes.len()) {
        (true, bytes) => pass(format!("it comes, after {bytes} bytes")),
        (false, 0) => not_applicable("there is no STDOUT"),
        (false, bytes) => fault(format!("missing: END_REQUEST follows {bytes} bytes of STDOUT")),
    }
}

async fn stderr_end(peer: &Peer) -> Found {
    let response = peer.connect().await?.exchange(1, peer.get(1, false)).await?;
    match (response.stderr.ended, response.stderr.bytes.len()) {
        (true, bytes) => pass(format!("it comes, after {bytes} bytes")),
        (false, 0) => not_applicable("there is no STDERR"),
        (false, bytes) => fault(format!("missing: END_REQUEST follows {bytes} bytes of STDERR")),
    }
}

async fn nothing_after_end(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.exchange(1, peer.get(1, false)).await?;
    match wire.next().await? {
        Next::Closed { .. } => pass("the end of the connection"),
        Next::Silence => pass(format!("nothing in {}", wire.waited())),
        Next::Record(record) => Err(Fault::new(format!("{record}"))),
    }
}
