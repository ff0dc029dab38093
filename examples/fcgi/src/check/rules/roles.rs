//! Roles.

use fcgi_core::{ProtocolStatus, RecordType, Role};

use crate::check::peer::Peer;
use crate::check::records::{Records, encoded};
use crate::check::rule::{Found, Rule, fault, not_applicable, pass};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "unknown-role",
        section: "§5.5",
        text: "a request for role 999 is answered with UNKNOWN_ROLE",
        run: |peer| Box::pin(unknown(peer)),
    },
    Rule {
        name: "unknown-role-then",
        section: "§5.5, §5.1",
        text: "with KEEP_CONN, the next request on the connection is answered",
        run: |peer| Box::pin(unknown_then(peer)),
    },
    Rule {
        name: "authorizer",
        section: "§6.3",
        text: "an Authorizer request, which has no STDIN, is answered or rejected with UNKNOWN_ROLE",
        run: |peer| Box::pin(authorizer(peer)),
    },
    Rule {
        name: "filter",
        section: "§6.4",
        text: "a Filter request, with DATA after STDIN, is answered or rejected with UNKNOWN_ROLE",
        run: |peer| Box::pin(filter(peer)),
    },
];

fn request(peer: &Peer, role: Role, keep_conn: bool) -> Records {
    Records::new().begin(1, role, keep_conn).stream(RecordType::PARAMS, 1, &encoded(&peer.params()))
}

async fn unknown(peer: &Peer) -> Found {
    let records = request(peer, Role(999), false).end(RecordType::STDIN, 1);
    match peer.connect().await?.exchange(1, records).await?.protocol_status() {
        ProtocolStatus::UNKNOWN_ROLE => pass("UNKNOWN_ROLE"),
        other => fault(format!("{other:?}")),
    }
}

async fn unknown_then(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.exchange(1, request(peer, Role(999), true).end(RecordType::STDIN, 1)).await?;
    peer.matches_reference(&wire.exchange(1, peer.get(1, false)).await?)?;
    pass("it is answered")
}

async fn authorizer(peer: &Peer) -> Found {
    let response = peer.connect().await?.exchange(1, request(peer, Role::AUTHORIZER, false)).await?;
    role_result(response.protocol_status())
}

async fn filter(peer: &Peer) -> Found {
    let mut params = peer.params();
    params.set("FCGI_DATA_LAST_MOD", "0");
    params.set("FCGI_DATA_LENGTH", "4");
    let records = Records::new()
        .begin(1, Role::FILTER, false)
        .stream(RecordType::PARAMS, 1, &encoded(&params))
        .end(RecordType::STDIN, 1)
        .stream(RecordType::DATA, 1, b"data");
    role_result(peer.connect().await?.exchange(1, records).await?.protocol_status())
}

fn role_result(status: ProtocolStatus) -> Found {
    match status {
        ProtocolStatus::REQUEST_COMPLETE => pass("it is answered"),
        ProtocolStatus::UNKNOWN_ROLE => not_applicable("UNKNOWN_ROLE"),
        other => fault(format!("{other:?}")),
    }
}
