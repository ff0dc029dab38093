//! Compares two responses.

use std::collections::{BTreeMap, BTreeSet};

use crate::difference::{Found, Part};
use crate::response::{Body, Response};

/// All differences between nginx's response and the gateway's.
pub(crate) fn compare<'a>(nginx: &'a Response, gateway: &'a Response) -> Vec<Found<'a>> {
    let mut found = Comparison::default();
    found.add(Part::Interim, nginx.interim.join(", "), gateway.interim.join(", "));
    if nginx.status != gateway.status {
        found.add(Part::Status, nginx.status.clone(), gateway.status.clone());
        if !(nginx.status.starts_with('3') && gateway.status.starts_with('3')) {
            return found.0;
        }
    }
    if let (Body::Seen(theirs), Body::Seen(ours)) = (&nginx.body, &gateway.body)
        && let (Some(theirs), Some(ours)) = (theirs.get(FILE), ours.get(FILE))
        && theirs != ours
    {
        found.add(Part::Script, theirs.clone(), ours.clone());
        return found.0;
    }
    let is_own_page = nginx.body == Body::ErrorPage && gateway.body == Body::Text(String::new());
    for name in keys(&nginx.headers, &gateway.headers) {
        if is_own_page && ["content-length", "content-type"].contains(&name.as_str()) {
            continue;
        }
        let [a, b] = [nginx, gateway].map(|response| {
            response.headers.get(name).map_or_else(|| "-".to_owned(), |values| values.join(" | "))
        });
        found.add(Part::Header(name), a, b);
    }
    found.add(Part::Complete, nginx.complete.to_string(), gateway.complete.to_string());
    if !nginx.complete && !gateway.complete {
        // How much of the body has arrived is chance.
        return found.0;
    }
    match (&nginx.body, &gateway.body) {
        (Body::Seen(a), Body::Seen(b)) => {
            for name in keys(a, b) {
                let [a, b] = [a, b].map(|seen| seen.get(name).map_or("-", String::as_str).to_owned());
                found.add(Part::Seen(name), a, b);
            }
        }
        (a, b) => found.add(Part::Body, show(a), show(b)),
    }
    found.0
}

/// Which script a request has reached.
const FILE: &str = "the file";

#[derive(Debug, Default)]
struct Comparison<'a>(Vec<Found<'a>>);

impl<'a> Comparison<'a> {
    fn add(&mut self, part: Part<'a>, nginx: String, gateway: String) {
        if nginx != gateway {
            self.0.push(Found { part, nginx: shorten(nginx), gateway: shorten(gateway) });
        }
    }
}

fn keys<'a, V>(a: &'a BTreeMap<String, V>, b: &'a BTreeMap<String, V>) -> BTreeSet<&'a String> {
    a.keys().chain(b.keys()).collect()
}

fn show(body: &Body) -> String {
    match body {
        Body::Text(text) => text.clone(),
        Body::ErrorPage => "nginx's page".to_owned(),
        Body::Seen(_) => "a script's".to_owned(),
    }
}

fn shorten(text: String) -> String {
    if text.len() > 200 { format!("{}… ({} bytes)", &text[..80], text.len()) } else { text }
}
