//! Unusual records, and records that are ignored.

use fcgi_core::{RecordType, Role};

use crate::check::peer::Peer;
use crate::check::records::{Records, encoded};
use crate::check::rule::{Fault, Found, Rule, fault, pass};
use crate::check::wire::Next;
use crate::request::Params;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "ids",
        section: "§3.3",
        text: "request ids from 1 to 65535 are echoed",
        run: |peer| Box::pin(ids(peer)),
    },
    Rule {
        name: "padding",
        section: "§3.3",
        text: "padding of 1, 7, 8, 254 and 255 bytes is skipped after PARAMS and STDIN",
        run: |peer| Box::pin(padding(peer, Padded::Contents)),
    },
    Rule {
        name: "padding-empty",
        section: "§3.3",
        text: "padding is skipped after the empty records that end PARAMS and STDIN",
        run: |peer| Box::pin(padding(peer, Padded::Ends)),
    },
    Rule {
        name: "padding-begin",
        section: "§3.3",
        text: "padding is skipped after BEGIN_REQUEST",
        run: |peer| Box::pin(padding(peer, Padded::Begin)),
    },
    Rule {
        name: "reserved",
        section: "§3.3, §5.1",
        text: "reserved bytes are ignored",
        run: |peer| Box::pin(reserved(peer)),
    },
    Rule {
        name: "version",
        section: "§3.3",
        text: "a record of version 2 is not accepted as version 1",
        run: |peer| Box::pin(version(peer)),
    },
    Rule {
        name: "inactive-ids-before",
        section: "§3.3",
        text: "STDIN, PARAMS, DATA and ABORT_REQUEST of inactive ids are ignored before a request",
        run: |peer| Box::pin(inactive_ids(peer, Position::Before)),
    },
    Rule {
        name: "inactive-ids-within",
        section: "§3.3",
        text: "the same records are ignored in the middle of a request",
        run: |peer| Box::pin(inactive_ids(peer, Position::Within)),
    },
    Rule {
        name: "byte-by-byte",
        section: "§3.3",
        text: "records may arrive one byte at a time",
        run: |peer| Box::pin(byte_by_byte(peer)),
    },
];

async fn ids(peer: &Peer) -> Found {
    for id in [1, 2, 255, 256, 300, 32_768, 65_535] {
        let response = peer.connect().await?.exchange(id, peer.get(id, false)).await?;
        peer.matches_reference(&response)?;
    }
    pass("1, 2, 255, 256, 300, 32768, 65535")
}

/// Which records have padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padded {
    Contents,
    Ends,
    Begin,
}

async fn padding(peer: &Peer, padded: Padded) -> Found {
    let (get, body) = (peer.params(), b"0123456789");
    let post = peer.post(true, body.len());
    for padding in [1, 7, 8, 254, 255] {
        let length_for = |kind| if kind == padded { padding } else { 0 };
        let request = |params: &Params, body: &[u8]| {
            let records = Records::new().padded(length_for(Padded::Begin)).begin(1, Role::RESPONDER, false);
            let records =
                records.padded(length_for(Padded::Contents)).record(RecordType::PARAMS, 1, &encoded(params));
            let records = records.padded(length_for(Padded::Ends)).end(RecordType::PARAMS, 1);
            let records = records.padded(length_for(Padded::Contents)).chunks(RecordType::STDIN, 1, body, 3);
            records.padded(length_for(Padded::Ends)).end(RecordType::STDIN, 1)
        };
        let context = |what, why: Fault| Fault::new(format!("a {what} with padding of {padding}: {why}"));
        let response = peer.connect().await?.exchange(1, request(&get, b"")).await;
        response.and_then(|response| peer.matches_reference(&response)).map_err(|why| context("GET", why))?;
        let response = peer.connect().await?.exchange(1, request(&post, body)).await;
        response
            .and_then(|response| peer.matches_echo(&response, body))
            .map_err(|why| context("POST", why))?;
    }
    pass("a GET and a POST with each padding")
}

async fn reserved(peer: &Peer) -> Found {
    let records = Records::new().reserved(0xff).request(1, &peer.params(), false);
    peer.matches_reference(&peer.connect().await?.exchange(1, records).await?)?;
    pass("a request with 255 in every reserved byte is answered")
}

async fn version(peer: &Peer) -> Found {
    let mut records = peer.get(1, false);
    // The version bytes of BEGIN_REQUEST and of PARAMS.
    let (begin, rest) = records.bytes.split_at_mut(16);
    begin[0] = 2;
    rest[0] = 2;
    let mut wire = peer.connect().await?;
    wire.send(records).await?;
    match wire.next().await? {
        Next::Closed { .. } => pass("it closes the connection"),
        Next::Silence => pass(format!("no response in {}", wire.waited())),
        Next::Record(record) => fault(format!("{record}: version 2 was answered")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Before,
    Within,
}

async fn inactive_ids(peer: &Peer, position: Position) -> Found {
    let params = encoded(&peer.params());
    let stray = |records: Records| {
        records
            .record(RecordType::STDIN, 77, b"stray")
            .record(RecordType::ABORT_REQUEST, 78, &[])
            .record(RecordType::PARAMS, 79, &params)
            .record(RecordType::DATA, 80, b"stray")
            .end(RecordType::STDIN, 81)
    };
    let records = Records::new();
    let records = if position == Position::Before { stray(records) } else { records };
    let records = records.begin(1, Role::RESPONDER, false).record(RecordType::PARAMS, 1, &params);
    let records = if position == Position::Within { stray(records) } else { records };
    let records = records.end(RecordType::PARAMS, 1).end(RecordType::STDIN, 1);
    peer.matches_reference(&peer.connect().await?.exchange(1, records).await?)?;
    pass("ids 77 to 81")
}

async fn byte_by_byte(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.trickle(peer.get(1, false)).await?;
    peer.matches_reference(&wire.response(1).await?)?;
    pass("such a request is answered")
}
