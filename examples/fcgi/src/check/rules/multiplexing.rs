//! Concurrent requests on a connection.

use fcgi_core::{ProtocolStatus, RecordType, Role, Variable};

use super::management::request_values;
use crate::check::peer::Peer;
use crate::check::records::{Records, encoded};
use crate::check::rule::{Fault, Found, Rule, fault, pass};
use crate::check::wire::Next;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "multiplex",
        section: "§3.3, §5.5",
        text: "two interleaved requests: both are answered, or the second is rejected with CANT_MPX_CONN",
        run: |peer| Box::pin(multiplex(peer)),
    },
    Rule {
        name: "multiplex-told",
        section: "§4.1",
        text: "FCGI_MPXS_CONNS matches what the application does",
        run: |peer| Box::pin(advertised(peer)),
    },
    Rule {
        name: "begin-twice",
        section: "§3.3, §5.5",
        text: "a second BEGIN_REQUEST for an active id does not produce two responses",
        run: |peer| Box::pin(begin_twice(peer)),
    },
];

/// Sends two interleaved requests. Returns `true` if both are answered, `false` if the second is rejected.
async fn both(peer: &Peer) -> Result<bool, Fault> {
    let (params, mut wire) = (peer.params(), peer.connect().await?);
    let pairs = encoded(&params);
    let records = Records::new()
        .begin(1, Role::RESPONDER, true)
        .begin(2, Role::RESPONDER, true)
        .record(RecordType::PARAMS, 2, &pairs)
        .record(RecordType::PARAMS, 1, &pairs)
        .end(RecordType::PARAMS, 1)
        .end(RecordType::PARAMS, 2)
        .end(RecordType::STDIN, 2)
        .end(RecordType::STDIN, 1);
    wire.send(records).await?;
    let second = wire.response(2).await?;
    peer.matches_reference(&wire.response(1).await?)?;
    match second.protocol_status() {
        ProtocolStatus::REQUEST_COMPLETE => peer.matches_reference(&second).map(|()| true),
        ProtocolStatus::CANT_MPX_CONN => Ok(false),
        other => fault(format!("the second one is answered with {other:?}")),
    }
}

async fn multiplex(peer: &Peer) -> Found {
    pass(if both(peer).await? { "both are answered" } else { "CANT_MPX_CONN" })
}

async fn advertised(peer: &Peer) -> Found {
    let name = Variable::MpxsConns.name();
    let values = request_values(&mut peer.connect().await?, &[name]).await?;
    let Some((_, value)) = values.iter().find(|(known, _)| known == name) else {
        return fault("the result has no FCGI_MPXS_CONNS");
    };
    let actual = both(peer).await;
    match (value.as_str(), actual) {
        ("1", Ok(true)) => pass("it says 1, and answers both"),
        // §4.1: "0 if this application does not multiplex". The web server then does not try, so a failure is allowed.
        ("0", Ok(false)) => pass("it says 0, and rejects the second"),
        ("0", Err(why)) => pass(format!("it says 0, and does not (but see multiplex: {why})")),
        ("0", Ok(true)) => fault("it says 0, and answers both"),
        ("1", Ok(false)) => fault("it says 1, and rejects the second"),
        ("1", Err(why)) => fault(format!("it says 1, but {why}")),
        (other, _) => fault(format!("it says {other:?}, which is neither 0 nor 1")),
    }
}

async fn begin_twice(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    let head = Records::new().head(1, &peer.post(true, 4), false);
    let records =
        head.begin(1, Role::RESPONDER, false).stream(RecordType::PARAMS, 1, &encoded(&peer.params()));
    wire.send(records.stream(RecordType::STDIN, 1, b"body")).await?;
    let mut ends = 0;
    loop {
        match wire.next().await? {
            Next::Record(record) if record.kind == RecordType::END_REQUEST => ends += 1,
            Next::Record(_) => {}
            _ if ends > 1 => return fault(format!("{ends} END_REQUEST records for one id")),
            Next::Closed { .. } => return pass(format!("{ends} END_REQUEST, then the connection is closed")),
            Next::Silence if ends == 0 => {
                return fault(format!(
                    "neither a response nor the end of the connection in {}",
                    wire.waited()
                ));
            }
            Next::Silence => return pass("one response"),
        }
    }
}
