//! The chat behind each web server, with a WebSocket client.

mod client;
mod setup;
mod site;

use std::process::ExitCode;

use libtest_mimic::Trial;
use test_support::{Result, trial};

use self::client::{Client, block_on};
use self::setup::{EACH, Setup};
use self::site::{Site, start_application};

fn main() -> ExitCode {
    let mut trials =
        vec![trial("other_requests_are_refused", other_requests), trial("sigterm_ends_a_chat", sigterm)];
    for setup in EACH {
        trials.push(behind(setup, "clients_exchange_messages", messages));
    }
    test_support::run(trials)
}

fn behind(setup: Setup, name: &str, test: fn(&Site) -> Result) -> Trial {
    setup.trial(name, move |server| test(&Site::start(&server, setup.config)?))
}

fn messages(site: &Site) -> Result {
    // Over FastCGI.
    let page = site.server.get("/")?;
    assert!(page.status == 200 && page.body.contains("<title>Chat"), "{}", page.head);
    // Without a handshake.
    let refused = site.server.get("/ws")?;
    assert!((400..500).contains(&refused.status), "{}", refused.head);
    block_on(async {
        let mut one = Client::connect(site.server.port).await?;
        let mut two = Client::connect(site.server.port).await?;
        // The client's own claim is not believed.
        for client in [&mut one, &mut two] {
            assert_eq!(client.receive().await?, r#"{"you":"127.0.0.1"}"#);
        }
        for number in 0..100 {
            let text = format!("{number}{}", "x".repeat(number * 30));
            one.send(&text).await?;
            assert_eq!(one.receive().await?, text);
            assert_eq!(two.receive().await?, text);
        }
        two.close().await?;
        one.send("alone").await?;
        assert_eq!(one.receive().await?, "alone");
        // Over the limit of a message: only this client is closed.
        one.send(&"x".repeat(5000)).await?;
        assert!(one.receive().await.is_err());
        let mut three = Client::connect(site.server.port).await?;
        three.receive().await?;
        three.close().await
    })
}

/// The HTTP socket serves no page.
fn other_requests() -> Result {
    let (_application, ports) = start_application()?;
    for path in ["/", "/ws"] {
        let answer = test_support::get(ports.http, path)?;
        assert_eq!(answer.status, 426, "{}", answer.head);
    }
    Ok(())
}

fn sigterm() -> Result {
    let (mut application, ports) = start_application()?;
    block_on(async {
        let mut client = Client::connect(ports.http).await?;
        client.receive().await?;
        application.signal(test_support::Signal::TERM)?;
        assert!(client.receive().await.is_err());
        Ok(())
    })?;
    assert!(application.wait()?.success());
    Ok(())
}
