//! Connections that are kept after an upgrade. The idle ones of a thread share the protocol's state.

use super::{sending_back, upgrade};
use crate::handlers::{Gate, full, handler};
use crate::records::{KEEP, end_stdin, get, stdin};
use crate::web_server::{WebServer, serve};

/// Upgrades, and ends the stream.
async fn upgrade_once(web_server: &WebServer, text: &str) {
    web_server.forget();
    web_server.say(upgrade(1)).await;
    web_server.say([stdin(1, text.as_bytes()), end_stdin(1)].concat()).await;
    assert!(web_server.answer(1).stdout.ends_with(text.as_bytes()));
    web_server.forget();
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_upgraded_again_and_again() {
    let web_server = sending_back();
    for text in ["first", "second", "third"] {
        upgrade_once(&web_server, text).await;
        assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "no upgrade");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ended_upgrade_refuses_nothing_on_others() {
    let upgraded = sending_back();
    let gate = Gate::new();
    let opened = gate.clone();
    let other = serve(handler(move |_| {
        let gate = opened.clone();
        async move {
            gate.pass().await;
            full("served")
        }
    }));
    upgrade_once(&upgraded, "over").await;
    // Its first request has the id of the upgrade, and the second one comes meanwhile.
    other.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    gate.open(2);
    other.quiet().await;
    assert_eq!((other.answer(1).text(), other.answer(2).text()), ("served".into(), "served".into()));
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_keeps_its_state_while_others_serve() {
    let silent = sending_back();
    silent.say(upgrade(1)).await;
    silent.forget();
    let other = sending_back();
    for _ in 0..3 {
        assert_eq!(other.ask(1, get(1, KEEP, "/")).await.text(), "no upgrade");
        upgrade_once(&other, "other").await;
    }
    silent.say(get(2, KEEP, "/")).await;
    assert_eq!(silent.answer(2).status(), 503);
    silent.say([stdin(1, b"still here"), end_stdin(1)].concat()).await;
    assert_eq!(silent.answer(1).stdout, b"still here");
    assert_eq!(silent.ask(1, get(1, KEEP, "/")).await.text(), "no upgrade");
}
