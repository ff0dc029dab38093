//! What happens before the 101.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use http_body::Body as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tower_fcgi::{Config, OnUpgrade, RequestBody, UpgradeErrorKind};
use tracing::Level;

use super::{ASKS, gated, sending_back, sending_back_or, switching, upgrade};
use crate::handlers::{Gate, echo, full, handler, read};
use crate::logging::Log;
use crate::records::{KEEP, abort, end_stdin, get, head, stdin};
use crate::web_server::serve;

#[tokio::test(start_paused = true)]
async fn only_an_open_stdin_without_a_body_is_upgradable() {
    let protocol = ("HTTP_UPGRADE", "echo");
    let upgrade = ("HTTP_CONNECTION", "upgrade");
    for (more, ended) in [
        (vec![protocol, upgrade], true),
        (vec![protocol, upgrade, ("CONTENT_LENGTH", "0")], true),
        (vec![protocol, ("CONTENT_LENGTH", "0")], false),
        (vec![upgrade, ("CONTENT_LENGTH", "0")], false),
        (vec![protocol, upgrade, ("CONTENT_LENGTH", "5")], false),
        (vec![protocol, upgrade, ("HTTP_TRANSFER_ENCODING", "chunked")], false),
    ] {
        let web_server = sending_back();
        let mut request = head(1, KEEP, "POST", "/", &more);
        if ended {
            request.extend(end_stdin(1));
        }
        assert_eq!(web_server.ask(1, request).await.text(), "no upgrade", "{more:?}");
    }
}

/// A body that web servers send without CONTENT_LENGTH is never taken for the bytes of an upgrade.
#[tokio::test(start_paused = true)]
async fn an_unannounced_body_is_not_lost() {
    let web_server = serve(handler(echo));
    let asks = [("HTTP_CONNECTION", "upgrade"), ("HTTP_UPGRADE", "h2c")];
    let request = [head(1, KEEP, "POST", "/", &asks), stdin(1, b"body"), end_stdin(1)].concat();
    assert_eq!(web_server.ask(1, request).await.text(), "POST / body");
    // Caddy announces a chunked body by a length of -1, and the body may come in another read.
    let asks = [asks[0], asks[1], ("CONTENT_LENGTH", "-1")];
    web_server.forget();
    web_server.say(head(2, KEEP, "POST", "/", &asks)).await;
    web_server.say([stdin(2, b"body"), end_stdin(2)].concat()).await;
    assert_eq!(web_server.answer(2).text(), "POST / body");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_stdin_before_the_101_is_a_426() {
    let results = Arc::new(Mutex::new(Vec::new()));
    for waits in [false, true] {
        let (gate, outcome) = (Gate::new(), Arc::clone(&results));
        let opened = gate.clone();
        let web_server = serve(handler(move |mut request: Request<RequestBody>| {
            let (gate, outcome) = (opened.clone(), Arc::clone(&outcome));
            let upgrade = request.extensions_mut().remove::<OnUpgrade>().expect("an upgradable request");
            tokio::spawn(async move {
                let refused = upgrade.await.unwrap_err().to_string();
                outcome.lock().unwrap().push(refused);
            });
            async move {
                if waits {
                    gate.pass().await;
                }
                switching()
            }
        }));
        // Two reads, the second of which is ready after the first.
        web_server.send(upgrade(1));
        web_server.send(end_stdin(1));
        gate.open(1);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).status(), 426, "{waits}");
        assert_eq!(web_server.ask(2, get(2, KEEP, "/x")).await.id, 2);
    }
    let results = results.lock().unwrap();
    assert!(
        results.len() >= 2 && results.iter().all(|reason| reason.contains("not upgraded")),
        "{results:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_body_of_an_upgradable_request_is_empty() {
    let web_server = serve(handler(async |request: Request<RequestBody>| {
        let has_offer = request.extensions().get::<OnUpgrade>().is_some();
        let at_end = request.body().is_end_stream();
        let body = read(request.into_body()).await.unwrap();
        full(format!("{has_offer} {at_end} {body:?}"))
    }));
    assert_eq!(web_server.ask(1, upgrade(1)).await.text(), "true true b\"\"");
    // The web server ends STDIN after such a response; the connection serves the next request.
    web_server.say(end_stdin(1)).await;
    assert_eq!(web_server.ask(2, upgrade(2)).await.text(), "true true b\"\"");
}

#[tokio::test(start_paused = true)]
async fn any_other_status_refuses_the_upgrade() {
    let (sender, mut refused) = mpsc::unbounded_channel();
    let web_server = serve(handler(move |mut request: Request<RequestBody>| {
        let sender = sender.clone();
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
        tokio::spawn(async move { sender.send(upgrade.await.is_err()).unwrap() });
        async { full("no") }
    }));
    assert_eq!(web_server.ask(1, upgrade(1)).await.text(), "no");
    assert_eq!(refused.recv().await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_101_without_an_offer_is_a_500() {
    let web_server = serve(handler(async |_: Request<RequestBody>| switching()));
    for (request, reason) in
        [(get(1, KEEP, "/"), "does not carry the upgrade"), (upgrade(1), "has dropped OnUpgrade")]
    {
        let answer = web_server.ask(1, request).await;
        assert_eq!(answer.status(), 500);
        assert!(answer.errors().contains(reason), "{answer:?}");
        web_server.say(end_stdin(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_offer_dropped_after_the_101_ends_the_stream() {
    let (gate, gates) = (Gate::new(), Gate::new());
    let (opened, dropped) = (gate.clone(), gates.clone());
    let web_server = serve(handler(move |mut request: Request<RequestBody>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>();
        let (gate, dropped) = (opened.clone(), dropped.clone());
        tokio::spawn(async move {
            dropped.pass().await;
            drop(upgrade);
        });
        async move {
            gate.pass().await;
            switching()
        }
    }));
    web_server.say(upgrade(1)).await;
    gate.open(1);
    web_server.quiet().await;
    assert!(web_server.answers().of(1).is_cut_off());
    gates.open(1);
    web_server.quiet().await;
    assert!(web_server.answer(1).head().starts_with("Status: 101 "));
}

#[tokio::test(start_paused = true)]
async fn a_shared_connection_is_not_upgraded() {
    // The other request begins before, or between the offer and the 101.
    for before in [true, false] {
        let gate = Gate::new();
        let opened = gate.clone();
        let web_server = serve(handler(move |mut request: Request<RequestBody>| {
            let (gate, upgrade) = (opened.clone(), request.extensions_mut().remove::<OnUpgrade>());
            async move {
                if request.uri() == "/other" {
                    std::future::pending::<()>().await;
                }
                gate.pass().await;
                let Some(upgrade) = upgrade else { return full("no offer") };
                tokio::spawn(upgrade);
                switching()
            }
        }));
        let other = get(2, KEEP, "/other");
        let packets = if before { [other, upgrade(1)] } else { [upgrade(1), other] };
        for packet in packets {
            web_server.say(packet).await;
        }
        gate.open(1);
        web_server.quiet().await;
        assert_eq!(web_server.answer(1).status(), if before { 200 } else { 426 });
    }
}

#[tokio::test(start_paused = true)]
async fn each_clone_of_an_offer_is_woken() {
    for accepted in [true, false] {
        let (sender, mut outcomes) = mpsc::unbounded_channel();
        let web_server = serve(handler(move |mut request: Request<RequestBody>| {
            let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
            for clone in [upgrade.clone(), upgrade.clone(), upgrade] {
                let sender = sender.clone();
                tokio::spawn(async move { sender.send(clone.await.map(drop).map_err(|error| error.kind())) });
            }
            async move {
                // All three wait before the response.
                sleep(Duration::from_secs(1)).await;
                if accepted { switching() } else { full("no") }
            }
        }));
        web_server.say(upgrade(1)).await;
        let mut upgraded = 0;
        let other = if accepted { UpgradeErrorKind::Taken } else { UpgradeErrorKind::Refused };
        for _ in 0..3 {
            match outcomes.recv().await.unwrap() {
                Ok(()) => upgraded += 1,
                Err(kind) => assert_eq!(kind, other),
            }
        }
        assert_eq!(upgraded, usize::from(accepted));
    }
}

#[tokio::test(start_paused = true)]
async fn a_426_to_a_head_request_has_no_body() {
    let (web_server, gate, _) = gated(Config::default());
    web_server.say(head(1, KEEP, "HEAD", "/", &ASKS)).await;
    web_server.say(end_stdin(1)).await;
    gate.open(1);
    web_server.quiet().await;
    let answer = web_server.answer(1);
    assert_eq!(answer.status(), 426);
    assert_eq!(answer.text(), "");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_before_the_101_ends_the_client_next() {
    let (web_server, gate, mut outcomes) = gated(Config::default());
    web_server.say(upgrade(1)).await;
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    gate.open(1);
    let mut stream = outcomes.recv().await.unwrap().unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    stream.write_all(b"bye").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"\r\n\r\nbye"));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_before_the_101_refuses_the_upgrade() {
    let config = Config::default().with_request_timeout(Duration::from_secs(5));
    let (web_server, _gate, mut outcomes) = gated(config);
    web_server.say(upgrade(1)).await;
    sleep(Duration::from_secs(6)).await;
    assert_eq!(web_server.answer(1).status(), 503);
    assert!(outcomes.recv().await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_abort_before_the_101_refuses_the_upgrade() {
    for lost in [false, true] {
        let (web_server, gate, mut outcomes) = gated(Config::default());
        web_server.say(upgrade(1)).await;
        if lost {
            web_server.reset();
        } else {
            web_server.send(abort(1));
        }
        gate.open(1);
        assert!(outcomes.recv().await.unwrap().is_err(), "{lost}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_101_waits_for_room_and_can_be_taken_back() {
    for ended in [false, true] {
        let web_server = sending_back_or(vec![b'x'; Config::default().max_write_buffer() + 100_000]);
        web_server.wire.make_room(1000);
        web_server.say(get(1, KEEP, "/")).await;
        web_server.say(upgrade(2)).await;
        if ended {
            web_server.say(end_stdin(2)).await;
        }
        web_server.wire.make_room(usize::MAX);
        web_server.quiet().await;
        assert_eq!(web_server.answers().of(2).status(), if ended { 426 } else { 101 });
        if !ended {
            web_server.say([stdin(2, b"echo"), end_stdin(2)].concat()).await;
            assert!(web_server.answer(2).stdout.ends_with(b"\r\n\r\necho"));
        }
    }
}

/// The warning is logged once in a process, so this is its only test.
#[tokio::test(start_paused = true)]
async fn the_first_web_socket_without_an_upgrade_is_a_warning() {
    let (log, _guard) = Log::start();
    let web_server = serve(handler(async |_: Request<RequestBody>| full("served")));
    let ask = |protocol| {
        let asks = [
            ("HTTP_CONNECTION", "Upgrade"),
            ("HTTP_UPGRADE", protocol),
            ("CONTENT_LENGTH", "0"),
            ("SERVER_SOFTWARE", "nginx/1.26"),
        ];
        [head(1, KEEP, "GET", "/", &asks), end_stdin(1)].concat()
    };
    for protocol in ["h2c", "websocket", "WebSocket"] {
        web_server.ask(1, ask(protocol)).await;
        let warnings = log.at(Level::WARN);
        assert_eq!(warnings.len(), usize::from(protocol != "h2c"), "{warnings:?}");
    }
    let warning = &log.at(Level::WARN)[0];
    assert!(warning.contains("nginx/1.26") && warning.contains("lighttpd 1.4.74"), "{warning}");
}

/// Apache and Caddy send it in a write of its own.
#[tokio::test(start_paused = true)]
async fn a_101_waits_for_an_end_of_stdin_on_its_way() {
    let head = |software| {
        let mut asks = ASKS;
        asks[0].1 = software;
        head(1, KEEP, "GET", "/", &asks)
    };
    for software in ["Apache/2.4.71 (Debian)", "Caddy/v2.6.2"] {
        let web_server = sending_back();
        web_server.say(head(software)).await;
        sleep(Duration::from_millis(50)).await;
        web_server.say(end_stdin(1)).await;
        assert_eq!(web_server.answer(1).status(), 426);
    }
    // A web server that is not known, and that carries upgrades.
    let web_server = sending_back();
    web_server.say(head("another")).await;
    assert!(web_server.answers().list.is_empty());
    sleep(Duration::from_millis(100)).await;
    web_server.say(stdin(1, b"echo")).await;
    assert!(web_server.answers().of(1).stdout.ends_with(b"\r\n\r\necho"));
}
