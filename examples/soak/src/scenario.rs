//! The scenarios of the load, each with the check of its response.

use std::io;
use std::path::Path;

use crate::application::{EVENTS, small};
use crate::connection::{Connection, abort, end, head, stdin};
use crate::pattern::{Random, pattern};

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    Small,
    Reconnect,
    Shared,
    LargeUp,
    LargeDown,
    Events,
    Early,
    Panic,
    Abort,
    HangUp,
}

/// The share of each scenario, in percent.
const MIX: [(Scenario, u64); 10] = [
    (Scenario::Small, 40),
    (Scenario::Reconnect, 12),
    (Scenario::Shared, 12),
    (Scenario::LargeUp, 6),
    (Scenario::LargeDown, 6),
    (Scenario::Events, 4),
    (Scenario::Early, 6),
    (Scenario::Panic, 4),
    (Scenario::Abort, 6),
    (Scenario::HangUp, 4),
];

/// The result of a scenario, unless its connection failed.
pub(crate) enum Outcome {
    Right,
    Wrong(String),
}

/// Length of a large body.
const LARGE: usize = 1 << 20;
/// Concurrent requests on a connection.
const SHARED: u16 = 8;

impl Scenario {
    /// The number of scenarios.
    pub(crate) const KINDS: usize = MIX.len();

    pub(crate) fn any(random: &mut Random) -> Self {
        let mut left = random.below(100);
        for (scenario, share) in MIX {
            if left < share {
                return scenario;
            }
            left -= share;
        }
        Self::Small
    }

    /// Runs the scenario on the `kept` connection if there is one, else on a new one.
    pub(crate) async fn run(
        self,
        path: &Path,
        kept: &mut Option<Connection>,
        random: &mut Random,
    ) -> io::Result<Outcome> {
        let mut connection = match kept.take() {
            Some(connection) if self != Self::Reconnect => connection,
            _ => Connection::open(path).await?,
        };
        let seed = random.below(1 << 40);
        let outcome = match self {
            Self::Small => {
                get(&mut connection, &format!("/small/{seed}"), &pattern(seed, 0, small(seed))).await?
            }
            Self::Reconnect => {
                let request = [head(1, false, "GET", &format!("/small/{seed}"), None), end(1)].concat();
                connection.exchange(&request, &[1]).await?;
                let outcome = check(&mut connection, 1, 200, &pattern(seed, 0, small(seed)));
                let ended = connection.ends().await?;
                return Ok(if ended { outcome } else { Outcome::Wrong("bytes after the end".to_owned()) });
            }
            Self::Shared => shared(&mut connection, seed).await?,
            Self::LargeUp => up(&mut connection, seed, LARGE + small(seed)).await?,
            Self::LargeDown => {
                let len = LARGE + small(seed);
                get(&mut connection, &format!("/down/{seed}/{len}"), &pattern(seed, 0, len)).await?
            }
            Self::Events => {
                let events: String = (0..EVENTS).map(|number| format!("data: {seed} {number}\n\n")).collect();
                get(&mut connection, &format!("/events/{seed}"), events.as_bytes()).await?
            }
            Self::Early => {
                let body = stdin(1, &pattern(seed, 0, LARGE));
                let request = [head(1, true, "POST", "/early", Some(LARGE)), body, end(1)].concat();
                connection.exchange(&request, &[1]).await?;
                check(&mut connection, 1, 403, b"no")
            }
            Self::Panic => {
                let request = [head(1, true, "GET", "/panic", None), end(1)].concat();
                connection.exchange(&request, &[1]).await?;
                let response = connection.take(1);
                match response.complete() {
                    Some((500, _)) if response.stderr.ends_with(b"on request\n") => Outcome::Right,
                    other => wrong(self, &other),
                }
            }
            Self::Abort => {
                let body = stdin(1, &pattern(seed, 0, small(seed)));
                connection.send(&[head(1, true, "POST", "/wait", None), body].concat()).await?;
                connection.exchange(&abort(1), &[1]).await?;
                if connection.take(1).len() > 0 { wrong(self, &"a response") } else { Outcome::Right }
            }
            Self::HangUp => return hang_up(connection, seed).await.map(|()| Outcome::Right),
        };
        *kept = Some(connection);
        Ok(outcome)
    }
}

async fn get(connection: &mut Connection, uri: &str, expected: &[u8]) -> io::Result<Outcome> {
    connection.exchange(&[head(1, true, "GET", uri, None), end(1)].concat(), &[1]).await?;
    Ok(check(connection, 1, 200, expected))
}

async fn up(connection: &mut Connection, seed: u64, len: usize) -> io::Result<Outcome> {
    let body = pattern(seed, 0, len);
    // Half of the uploads have no CONTENT_LENGTH.
    let length = seed.is_multiple_of(2).then_some(len);
    let request = [head(1, true, "POST", "/up", length), stdin(1, &body), end(1)].concat();
    connection.exchange(&request, &[1]).await?;
    Ok(check(connection, 1, 200, sum(&body).as_bytes()))
}

/// Sends concurrent requests with interleaved records.
async fn shared(connection: &mut Connection, seed: u64) -> io::Result<Outcome> {
    let ids: Vec<u16> = (1..=SHARED).collect();
    let bodies: Vec<Vec<u8>> = ids.iter().map(|id| pattern(seed + u64::from(*id), 0, 20_000)).collect();
    let mut request = Vec::new();
    for id in &ids {
        let uri = format!("/small/{}", seed + u64::from(*id));
        request.extend(if id % 2 == 0 {
            head(*id, true, "GET", &uri, None)
        } else {
            head(*id, true, "POST", "/up", None)
        });
    }
    for at in 0..4 {
        for (id, body) in ids.iter().zip(&bodies).filter(|(id, _)| *id % 2 == 1) {
            request.extend(stdin(*id, &body[at * 5_000..(at + 1) * 5_000]));
        }
    }
    ids.iter().rev().for_each(|id| request.extend(end(*id)));
    connection.exchange(&request, &ids).await?;
    for (id, body) in ids.iter().zip(&bodies) {
        let seed = seed + u64::from(*id);
        let expected = if id % 2 == 0 { pattern(seed, 0, small(seed)) } else { sum(body).into_bytes() };
        if let Outcome::Wrong(what) = check(connection, *id, 200, &expected) {
            return Ok(Outcome::Wrong(what));
        }
    }
    Ok(Outcome::Right)
}

/// Disconnects: while a handler waits, or in the middle of a response, of an upload, or of PARAMS.
async fn hang_up(mut connection: Connection, seed: u64) -> io::Result<()> {
    match seed % 4 {
        0 => connection.send(&[head(1, true, "GET", "/wait", None), end(1)].concat()).await,
        1 => {
            let request = [head(1, true, "GET", &format!("/down/{seed}/{}", 8 * LARGE), None), end(1)];
            connection.send(&request.concat()).await?;
            connection.read_some(1, 100_000).await
        }
        2 => {
            let body = stdin(1, &pattern(seed, 0, 50_000));
            connection.send(&[head(1, true, "POST", "/up", Some(LARGE)), body].concat()).await
        }
        _ => {
            let head = head(1, true, "GET", "/wait", None);
            connection.send(&head[..head.len() / 2]).await
        }
    }
}

fn sum(body: &[u8]) -> String {
    format!("{} {:08x}", body.len(), crc32fast::hash(body))
}

fn check(connection: &mut Connection, id: u16, status: u16, expected: &[u8]) -> Outcome {
    let response = connection.take(id);
    match response.complete() {
        Some((found, body)) if found == status && body == expected && response.stderr.is_empty() => {
            Outcome::Right
        }
        Some((found, body)) => Outcome::Wrong(format!(
            "status {found} instead of {status}, {} bytes instead of {}, {} bytes of STDERR",
            body.len(),
            expected.len(),
            response.stderr.len()
        )),
        None => Outcome::Wrong("incomplete response".to_owned()),
    }
}

fn wrong(scenario: Scenario, found: &impl std::fmt::Debug) -> Outcome {
    Outcome::Wrong(format!("{scenario:?}: {found:?}"))
}
