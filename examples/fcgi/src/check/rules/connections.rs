//! When a connection is closed.

use crate::check::peer::Peer;
use crate::check::rule::{Found, Rule, fault, not_applicable, pass};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "keep",
        section: "§5.1, §3.5",
        text: "with KEEP_CONN the connection stays open, and a second request is answered on it",
        run: |peer| Box::pin(keep(peer)),
    },
    Rule {
        name: "close",
        section: "§5.1, §3.5",
        text: "without KEEP_CONN the application closes it after the answer",
        run: |peer| Box::pin(close(peer)),
    },
    Rule {
        name: "close-later",
        section: "§5.1",
        text: "KEEP_CONN is each request's own: kept after the first, closed after the second",
        run: |peer| Box::pin(close_later(peer)),
    },
    Rule {
        name: "half-close",
        section: "(silent)",
        text: "a web server that sends no more after the request is answered",
        run: |peer| Box::pin(half_close(peer)),
    },
];

async fn keep(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.ask(1, peer.get(1, true)).await?;
    for _ in 0..2 {
        let again = wire.ask(1, peer.get(1, true)).await?;
        peer.is_usual(&again)?;
    }
    pass("three requests of one id were answered on it")
}

async fn close(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.ask(1, peer.get(1, false)).await?;
    pass(wire.closes().await?)
}

async fn close_later(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.ask(1, peer.get(1, true)).await?;
    peer.is_usual(&wire.ask(1, peer.get(1, false)).await?)?;
    pass(format!("{} after the second", wire.closes().await?))
}

async fn half_close(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    wire.send(peer.get(1, false)).await?;
    wire.half_close().await;
    match wire.try_answer(1).await {
        Ok(Some(answer)) => {
            peer.is_usual(&answer)?;
            pass("it is answered")
        }
        Ok(None) => fault(format!("neither an answer nor the end of the connection in {}", wire.waited())),
        Err(why) => not_applicable(format!("it is taken for gone: {why}")),
    }
}
