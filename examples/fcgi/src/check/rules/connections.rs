//! Closing connections.

use crate::check::peer::Peer;
use crate::check::rule::{Found, Rule, fault, not_applicable, pass};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "keep",
        section: "§5.1, §3.5",
        text: "with KEEP_CONN the connection stays open and serves a second request",
        run: |peer| Box::pin(keep(peer)),
    },
    Rule {
        name: "close",
        section: "§5.1, §3.5",
        text: "without KEEP_CONN the application closes the connection after the response",
        run: |peer| Box::pin(close(peer)),
    },
    Rule {
        name: "close-later",
        section: "§5.1",
        text: "KEEP_CONN applies to each request: open after the first, closed after the second",
        run: |peer| Box::pin(close_later(peer)),
    },
    Rule {
        name: "half-close",
        section: "(silent)",
        text: "a request is answered after the web server has half-closed the connection",
        run: |peer| Box::pin(half_close(peer)),
    },
];

async fn keep(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.exchange(1, peer.get(1, true)).await?;
    for _ in 0..2 {
        let again = wire.exchange(1, peer.get(1, true)).await?;
        peer.matches_reference(&again)?;
    }
    pass("three requests with one id were answered on it")
}

async fn close(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.exchange(1, peer.get(1, false)).await?;
    pass(wire.closes().await?)
}

async fn close_later(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.exchange(1, peer.get(1, true)).await?;
    peer.matches_reference(&wire.exchange(1, peer.get(1, false)).await?)?;
    pass(format!("{} after the second", wire.closes().await?))
}

async fn half_close(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.send(peer.get(1, false)).await?;
    wire.half_close().await;
    match wire.try_response(1).await {
        Ok(Some(response)) => {
            peer.matches_reference(&response)?;
            pass("it is answered")
        }
        Ok(None) => fault(format!("neither a response nor the end of the connection in {}", wire.waited())),
        Err(why) => not_applicable(format!("it treats the web server as gone: {why}")),
    }
}
