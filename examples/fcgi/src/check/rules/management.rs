//! Management records.

use fcgi_core::{NameValuePairs, RecordType, Variable, encode_pair};

use crate::check::peer::Peer;
use crate::check::records::Records;
use crate::check::rule::{Fault, Found, Rule, fault, pass};
use crate::check::wire::{Next, Wire};

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "get-values",
        section: "§4.1",
        text: "GET_VALUES is answered with the requested variables, as numbers",
        run: |peer| Box::pin(get_values(peer)),
    },
    Rule {
        name: "get-values-names",
        section: "§4.1",
        text: "the result contains no unknown names and no names that were not requested",
        run: |peer| Box::pin(names(peer)),
    },
    Rule {
        name: "get-values-then",
        section: "§4.1",
        text: "a request after GET_VALUES is answered on the same connection, with no record in between",
        run: |peer| Box::pin(then(peer)),
    },
    Rule {
        name: "unknown-type",
        section: "§4.2",
        text: "a management record of an unknown type is answered with UNKNOWN_TYPE",
        run: |peer| Box::pin(unknown_type(peer)),
    },
    Rule {
        name: "unknown-type-then",
        section: "§4.2",
        text: "a request after UNKNOWN_TYPE is answered on the same connection",
        run: |peer| Box::pin(unknown_type_then(peer)),
    },
];

/// Sends GET_VALUES and returns the pairs of the result as text.
pub(super) async fn request_values(wire: &mut Wire, names: &[&str]) -> Result<Vec<(String, String)>, Fault> {
    let mut content = Vec::new();
    for name in names {
        encode_pair(&mut content, name.as_bytes(), b"");
    }
    wire.send(Records::new().record(RecordType::GET_VALUES, 0, &content)).await?;
    let record = management(wire, "GET_VALUES").await?;
    if record.0 != RecordType::GET_VALUES_RESULT {
        return fault(format!("the response is {:?}", record.0));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs =
        NameValuePairs::new(&record.1).map(|pair| pair.map(|(name, value)| (text(name), text(value))));
    pairs.collect::<Result<_, _>>().map_err(|_| Fault::new("the response ends inside a pair"))
}

/// Waits for a management record and returns its type and content.
async fn management(wire: &mut Wire, sent: &str) -> Result<(RecordType, Vec<u8>), Fault> {
    match wire.next().await? {
        Next::Record(record) if record.id == 0 => Ok((record.kind, record.content)),
        Next::Record(record) => fault(format!("the response is {record}")),
        Next::Closed { .. } => fault(format!("it closes the connection on {sent}")),
        Next::Silence => fault(format!("no response in {}", wire.waited())),
    }
}

fn all() -> Vec<&'static str> {
    Variable::ALL.iter().map(|variable| variable.name()).collect()
}

async fn get_values(peer: &Peer) -> Found {
    let values = request_values(&mut peer.connect().await?, &all()).await?;
    if let Some((name, value)) = values.iter().find(|(_, value)| value.parse::<u32>().is_err()) {
        return fault(format!("{name} is {value:?}"));
    }
    // An application may omit variables that it does not know.
    let values: Vec<_> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if values.is_empty() {
        return fault("it returns none of the three variables");
    }
    pass(values.join(" "))
}

async fn names(peer: &Peer) -> Found {
    let requested = ["FCGI_MAX_REQS", "FCGI_CHECK", ""];
    let values = request_values(&mut peer.connect().await?, &requested).await?;
    match values.iter().find(|(name, _)| name != requested[0]) {
        Some((name, value)) => fault(format!(
            "requested FCGI_MAX_REQS, an unknown name and an empty one; the result has {name:?}={value:?}"
        )),
        None => pass("the result has at most FCGI_MAX_REQS"),
    }
}

async fn then(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    request_values(&mut wire, &all()).await?;
    peer.matches_reference(&wire.exchange(1, peer.get(1, true)).await?)?;
    request_values(&mut wire, &all()).await?;
    peer.matches_reference(&wire.exchange(1, peer.get(1, false)).await?)?;
    pass("before the first request and between two")
}

async fn unknown_type(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    send_unknown(&mut wire).await
}

async fn send_unknown(wire: &mut Wire) -> Found {
    const KIND: RecordType = RecordType(99);
    wire.send(Records::new().record(KIND, 0, b"12345678")).await?;
    let (kind, content) = management(wire, "a record of type 99").await?;
    match (kind, &content[..]) {
        (RecordType::UNKNOWN_TYPE, [99, _, _, _, _, _, _, _]) => pass("UNKNOWN_TYPE 99"),
        (RecordType::UNKNOWN_TYPE, _) => fault(format!("the content of UNKNOWN_TYPE is {content:?}")),
        _ => fault(format!("the response is {kind:?}")),
    }
}

async fn unknown_type_then(peer: &Peer) -> Found {
    let mut wire = peer.connect().await?;
    send_unknown(&mut wire).await?;
    peer.matches_reference(&wire.exchange(1, peer.get(1, false)).await?)?;
    pass("it is answered")
}
