//! Records that are unusual, and such as are to be ignored.

use fcgi_core::{RecordType, Role};

use crate::check::peer::Peer;
use crate::check::records::{Records, encoded};
use crate::check::rule::{Found, Rule, fault, pass};
use crate::check::wire::Next;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "ids",
        section: "§3.3",
        text: "ids are echoed, from 1 to 65535",
        run: |peer| Box::pin(ids(peer)),
    },
    Rule {
        name: "padding",
        section: "§3.3",
        text: "padding of 1, 7, 8, 254 and 255 bytes is skipped, behind any record",
        run: |peer| Box::pin(padding(peer)),
    },
    Rule {
        name: "reserved",
        section: "§3.3, §5.1",
        text: "reserved bytes are not looked at",
        run: |peer| Box::pin(reserved(peer)),
    },
    Rule {
        name: "version",
        section: "§3.3",
        text: "a record of version 2 is not taken for one of version 1",
        run: |peer| Box::pin(version(peer)),
    },
    Rule {
        name: "unknown-ids",
        section: "§3.3",
        text: "STDIN, PARAMS, DATA and ABORT_REQUEST of an id that is not active are ignored",
        run: |peer| Box::pin(unknown_ids(peer)),
    },
    Rule {
        name: "byte-by-byte",
        section: "§3.3",
        text: "records may come one byte at a time",
        run: |peer| Box::pin(byte_by_byte(peer)),
    },
];

async fn ids(peer: &Peer) -> Found {
    for id in [1, 2, 255, 256, 300, 32_768, 65_535] {
        let answer = peer.connect().await?.ask(id, peer.get(id, false)).await?;
        peer.is_usual(&answer)?;
    }
    pass("1, 2, 255, 256, 300, 32768, 65535")
}

async fn padding(peer: &Peer) -> Found {
    for padding in [1, 7, 8, 254, 255] {
        let records = Records::new().padded(padding).request(1, &peer.params(), false);
        peer.is_usual(&peer.connect().await?.ask(1, records).await?)?;
        let body = b"0123456789";
        let params = peer.post(true, body.len());
        let records = Records::new().padded(padding).head(1, &params, false);
        let records = records.pieces(RecordType::STDIN, 1, body, 3).end(RecordType::STDIN, 1);
        peer.is_echo(&peer.connect().await?.ask(1, records).await?, body)?;
    }
    pass("a GET and a POST with each")
}

async fn reserved(peer: &Peer) -> Found {
    let records = Records::new().reserved(0xff).request(1, &peer.params(), false);
    peer.is_usual(&peer.connect().await?.ask(1, records).await?)?;
    pass("a request with 255 in all of them is answered")
}

async fn version(peer: &Peer) -> Found {
    let mut records = peer.get(1, false);
    // The one of BEGIN_REQUEST, and those of the records after it.
    let (begin, rest) = records.bytes.split_at_mut(16);
    begin[0] = 2;
    rest[0] = 2;
    let mut wire = peer.connect().await?;
    wire.send(records).await?;
    match wire.next().await? {
        Next::Closed { .. } => pass("it closes the connection"),
        Next::Silence => pass(format!("no answer in {}", wire.waited())),
        Next::Record(record) => fault(format!("{record}: version 2 is answered")),
    }
}

async fn unknown_ids(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    let stray = |records: Records| {
        records
            .record(RecordType::STDIN, 77, b"stray")
            .record(RecordType::ABORT_REQUEST, 78, &[])
            .record(RecordType::PARAMS, 79, &encoded(&peer.params()))
            .record(RecordType::DATA, 80, b"stray")
            .end(RecordType::STDIN, 81)
    };
    // Before the request, and in the middle of it.
    let records = stray(Records::new()).begin(1, Role::RESPONDER, false);
    let records = stray(records.stream(RecordType::PARAMS, 1, &encoded(&peer.params())));
    peer.is_usual(&wire.ask(1, records.end(RecordType::STDIN, 1)).await?)?;
    pass("a request with such records before it and in its middle is answered")
}

async fn byte_by_byte(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.trickle(peer.get(1, false)).await?;
    peer.is_usual(&wire.answer(1).await?)?;
    pass("a request that was written so is answered")
}
