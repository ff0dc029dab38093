//! Bodies.

use fcgi_core::RecordType;

use crate::check::peer::Peer;
use crate::check::records::Records;
use crate::check::rule::{Found, Rule, fault, not_applicable, pass, skipped};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "body-bytes",
        section: "§3.3, §5.3",
        text: "each byte of a body may be a separate record",
        run: |peer| Box::pin(complete(peer, 1_000, 1)),
    },
    Rule {
        name: "body-full-records",
        section: "§3.3",
        text: "records may hold 65 535 bytes",
        run: |peer| Box::pin(complete(peer, 3 * 65_535, 65_535)),
    },
    Rule {
        name: "body-large",
        section: "§5.3",
        text: "a body of 4 MiB",
        run: |peer| Box::pin(complete(peer, 4 * 1024 * 1024, 32 * 1024)),
    },
    Rule {
        name: "body-none",
        section: "§5.3",
        text: "a POST with an empty body",
        run: |peer| Box::pin(complete(peer, 0, 1)),
    },
    Rule {
        name: "body-short",
        section: "§6.2",
        text: "a body shorter than CONTENT_LENGTH is not accepted as complete",
        run: |peer| Box::pin(short(peer)),
    },
    Rule {
        name: "body-long",
        section: "§6.2",
        text: "a body longer than CONTENT_LENGTH still ends",
        run: |peer| Box::pin(long(peer)),
    },
];

/// Returns bytes whose period is not a power of two, so that lost or duplicated parts are detected.
fn body(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

async fn complete(peer: &Peer, length: usize, size: usize) -> Found {
    let body = body(length);
    let records = Records::new().head(1, &peer.post(true, length), false);
    let records = records.chunks(RecordType::STDIN, 1, &body, size).end(RecordType::STDIN, 1);
    let response = peer.connect().await?.exchange(1, records).await?;
    peer.matches_echo(&response, &body)?;
    let count = length.div_ceil(size);
    pass(if peer.echoes() {
        format!("{count} records came back")
    } else {
        format!("{count} records are answered; whether they were read is unknown without --echo")
    })
}

async fn short(peer: &Peer) -> Found {
    if !peer.echoes() {
        return skipped("it needs --echo, so that the application reads the body");
    }
    let body = body(10);
    let records = Records::new().head(1, &peer.post(true, 20), false).stream(RecordType::STDIN, 1, &body);
    let mut wire = peer.connect().await?;
    wire.send(records).await?;
    match wire.try_response(1).await {
        Ok(Some(response)) => match response.parts() {
            Ok((head, _)) if head.status < 400 => {
                fault(format!("10 of 20 bytes are answered with {}, as if complete", head.status))
            }
            Ok((head, _)) => pass(format!("10 of 20 bytes are answered with {}", head.status)),
            Err(_) => pass("10 of 20 bytes are answered with END_REQUEST but no head"),
        },
        Ok(None) => fault(format!("10 of 20 bytes get no response in {}", wire.waited())),
        Err(why) => pass(format!("10 of 20 bytes get no response: {why}")),
    }
}

async fn long(peer: &Peer) -> Found {
    let body = body(20);
    let records = Records::new().head(1, &peer.post(true, 10), false).stream(RecordType::STDIN, 1, &body);
    let mut wire = peer.connect().await?;
    wire.send(records).await?;
    match wire.try_response(1).await {
        Ok(Some(response)) => match response.parts() {
            Ok((head, body)) => {
                pass(format!("20 bytes for 10 are answered with {} and {} bytes", head.status, body.len()))
            }
            Err(_) => pass("20 bytes for 10 are answered with END_REQUEST but no head"),
        },
        Ok(None) => fault(format!("20 bytes for 10 get no response in {}", wire.waited())),
        Err(why) => not_applicable(format!("the web server is at fault; {why}")),
    }
}
