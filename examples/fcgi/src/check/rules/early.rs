//! Responses before the end of the body.

use fcgi_core::RecordType;

use crate::check::peer::Peer;
use crate::check::records::Records;
use crate::check::rule::{Fault, Found, Rule, not_applicable, pass};
use crate::check::wire::Wire;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "early-then-close",
        section: "§3.5, §6.2",
        text: "without KEEP_CONN, STDIN ends after the response: the connection is closed",
        run: |peer| Box::pin(then_close(peer, true)),
    },
    Rule {
        name: "early-no-end",
        section: "§3.5, §6.2",
        text: "without KEEP_CONN, STDIN never ends: the connection is closed",
        run: |peer| Box::pin(then_close(peer, false)),
    },
    Rule {
        name: "early-then-next",
        section: "§3.3, §6.2",
        text: "with KEEP_CONN, STDIN ends after the response: the next request with that id is answered",
        run: |peer| Box::pin(then_next(peer)),
    },
];

/// Sends half of a body. Returns whether the request is answered.
async fn answered_early(peer: &Peer, wire: &mut Wire, keep_conn: bool) -> Result<bool, Fault> {
    let records = Records::new().head(1, &peer.post(false, 8), keep_conn);
    wire.send(records.record(RecordType::STDIN, 1, b"half")).await?;
    Ok(wire.try_response(1).await?.is_some())
}

fn waits(wire: &Wire) -> Found {
    not_applicable(format!("no response in {} before the body ended, which is allowed", wire.waited()))
}

async fn then_close(peer: &Peer, ends: bool) -> Found {
    let mut wire = peer.connect().await?;
    if !answered_early(peer, &mut wire, false).await? {
        return waits(&wire);
    }
    if ends {
        wire.send(Records::new().stream(RecordType::STDIN, 1, b"rest")).await?;
    }
    pass(wire.closes().await?)
}

async fn then_next(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    if !answered_early(peer, &mut wire, true).await? {
        return waits(&wire);
    }
    wire.send(Records::new().stream(RecordType::STDIN, 1, b"rest")).await?;
    for _ in 0..2 {
        let next = wire.exchange(1, peer.get(1, true)).await?;
        peer.matches_reference(&next)?;
    }
    pass("two more requests on the connection are answered")
}
