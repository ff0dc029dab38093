//! Encodings of name-value pairs.

use fcgi_core::{RecordType, Role};

use crate::check::peer::Peer;
use crate::check::records::{Records, encoded};
use crate::check::rule::{Fault, Found, Rule, pass};
use crate::check::wire::Wire;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "params-split",
        section: "§3.3, §5.2",
        text: "PARAMS may be split between any two bytes",
        run: |peer| Box::pin(split(peer)),
    },
    Rule {
        name: "params-bytes",
        section: "§3.3, §5.2",
        text: "each byte of PARAMS may be a separate record",
        run: |peer| Box::pin(bytes(peer)),
    },
    Rule {
        name: "params-lengths",
        section: "§3.4",
        text: "short lengths may be encoded in four bytes",
        run: |peer| Box::pin(lengths(peer)),
    },
    Rule {
        name: "params-empty",
        section: "§3.4",
        text: "values may be empty",
        run: |peer| Box::pin(empty(peer)),
    },
    Rule {
        name: "params-long",
        section: "§3.4, §5.2",
        text: "a value of 20 000 bytes, and PARAMS in several records",
        run: |peer| Box::pin(long(peer)),
    },
];

fn request(records: Records, keep_conn: bool, chunks: &[&[u8]]) -> Records {
    let records = records.begin(1, Role::RESPONDER, keep_conn);
    let records = chunks.iter().fold(records, |records, chunk| records.record(RecordType::PARAMS, 1, chunk));
    records.end(RecordType::PARAMS, 1).end(RecordType::STDIN, 1)
}

async fn split(peer: &Peer) -> Found {
    let params = encoded(&peer.params());
    let mut wire: Option<Wire> = None;
    for at in 1..params.len() {
        // The connection is reused if the application keeps it open.
        let mut current = match wire.take() {
            Some(wire) => wire,
            None => peer.connect().await?,
        };
        let (front, back) = params.split_at(at);
        let response = current.exchange(1, request(Records::new(), true, &[front, back])).await;
        let result = response.and_then(|response| peer.matches_reference(&response));
        result.map_err(|why| Fault::new(format!("split before byte {at} of {}: {why}", params.len())))?;
        wire = Some(current);
    }
    pass(format!("{} requests, one for each position", params.len() - 1))
}

async fn bytes(peer: &Peer) -> Found {
    let params = encoded(&peer.params());
    let chunks: Vec<_> = params.chunks(1).collect();
    let response = peer.connect().await?.exchange(1, request(Records::new(), false, &chunks)).await?;
    peer.matches_reference(&response)?;
    pass(format!("{} records", chunks.len()))
}

async fn lengths(peer: &Peer) -> Found {
    let mut params = Vec::new();
    for (name, value) in peer.params().0 {
        for length in [name.len(), value.len()] {
            let length = u32::try_from(length).map_err(|_| Fault::new("a value is too long to send"))?;
            params.extend_from_slice(&(length | 1 << 31).to_be_bytes());
        }
        params.extend_from_slice(name.as_bytes());
        params.extend_from_slice(value.as_bytes());
    }
    let chunks: Vec<_> = params.chunks(usize::from(u16::MAX)).collect();
    let response = peer.connect().await?.exchange(1, request(Records::new(), false, &chunks)).await?;
    peer.matches_reference(&response)?;
    pass("all lengths")
}

async fn empty(peer: &Peer) -> Found {
    let mut params = peer.params();
    for name in ["HTTP_X_EMPTY", "CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_USER"] {
        params.remove(name);
        params.set(name, "");
    }
    let response = peer.connect().await?.exchange(1, Records::new().request(1, &params, false)).await?;
    peer.matches_reference(&response)?;
    pass("HTTP_X_EMPTY, CONTENT_TYPE, CONTENT_LENGTH and REMOTE_USER")
}

async fn long(peer: &Peer) -> Found {
    let mut params = peer.params();
    for name in ["HTTP_X_A", "HTTP_X_B", "HTTP_X_C", "HTTP_X_D"] {
        params.set(name, &"v".repeat(20_000));
    }
    let params = encoded(&params);
    let chunks: Vec<_> = params.chunks(usize::from(u16::MAX)).collect();
    let response = peer.connect().await?.exchange(1, request(Records::new(), false, &chunks)).await?;
    peer.matches_reference(&response)?;
    pass("four values, so that one spans two records")
}
