//! Aborted requests.

use fcgi_core::RecordType;

use crate::check::peer::Peer;
use crate::check::records::Records;
use crate::check::rule::{Fault, Found, Rule, pass};
use crate::check::wire::Wire;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "abort",
        section: "§5.4",
        text: "ABORT_REQUEST in the middle of a body is answered with END_REQUEST for that id",
        run: |peer| Box::pin(abort(peer)),
    },
    Rule {
        name: "abort-then-next",
        section: "§5.4",
        text: "with KEEP_CONN, the next requests on the connection are answered, without output of the aborted one",
        run: |peer| Box::pin(then_next(peer)),
    },
];

async fn aborted(peer: &Peer, wire: &mut Wire, keep_conn: bool) -> Result<String, Fault> {
    let records = Records::new().head(1, &peer.post(true, 8), keep_conn);
    let records = records.record(RecordType::STDIN, 1, b"half").record(RecordType::ABORT_REQUEST, 1, &[]);
    let response = wire.exchange(1, records).await?;
    let status = response.end.map_or(0, |end| end.app_status);
    Ok(format!("{:?}, application status {status}", response.protocol_status()))
}

async fn abort(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    pass(aborted(peer, &mut wire, false).await?)
}

async fn then_next(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    aborted(peer, &mut wire, true).await?;
    // Several requests, so that late output of the aborted one arrives during one of them.
    for keep_conn in [true, true, true, true, false] {
        peer.matches_reference(&wire.exchange(1, peer.get(1, keep_conn)).await?)?;
    }
    pass("five requests with that id are answered")
}
