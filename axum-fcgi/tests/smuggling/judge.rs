//! Sends every case to one web server, at both of its ports, and reports errors.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use test_support::{Installed, Result, Running, Version, WebServer, free_port};

use crate::application::{Application, Seen, Served};
use crate::case::{Case, END};
use crate::client::{Received, send};
use crate::corpus;
use crate::setup::Setup;

/// Hop-by-hop headers, and those that frame the body.
const NOT_COMPARED: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
    // Not forwarded over FastCGI, where it would become HTTP_PROXY (httpoxy).
    "proxy",
    // HAProxy does not send it over FastCGI.
    "host",
];

pub(crate) fn judge(setup: &Setup, installed: &Installed) -> Result {
    let application = Application::start()?;
    let http_port = free_port()?;
    let (fastcgi, http) = (application.over_fastcgi.address.port(), application.over_http.address.port());
    let mut values: Vec<(&str, &dyn std::fmt::Display)> =
        vec![("8081", &http_port), ("9000", &fastcgi), ("9001", &http)];
    values.extend(setup.lines.iter().map(|(name, lines)| (*name, lines as &dyn std::fmt::Display)));
    let server = installed.start(setup.config, &values)?;
    let joins = setup.server == WebServer::Nginx && installed.version()? >= Version::from([1, 23]);
    let (mut wrong, mut seen, cases) = (Vec::new(), 0, corpus::all());
    for case in &cases {
        match check((setup, joins), case, &server, http_port, &application) {
            Ok(count) => seen += count,
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    println!(
        "{:?}, {}: {} cases, of which the handler saw {seen} requests",
        setup.server,
        setup.name,
        cases.len()
    );
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}\n{}", wrong.join("\n"), server.logs()).into()) }
}

/// Returns how many requests were seen. `joins`: whether the web server joins repeated headers.
fn check(
    (setup, joins): (&Setup, bool),
    case: &Case,
    server: &Running,
    http_port: u16,
    application: &Application,
) -> Result<usize> {
    let bytes = [&case.bytes, END.as_bytes()].concat();
    let (received, seen) = ask(server.port, &bytes, case.ends, &application.over_fastcgi)?;
    let shown: Vec<String> = seen.iter().map(show).collect();
    if !case.may_see.contains(&shown) {
        return Err(format!("saw {shown:?}, and responded {:?}", received.start()).into());
    }
    for request in &seen {
        meta_variables(setup, request, &received)?;
    }
    if let Some(first) = seen.first() {
        headers(case, joins, first)?;
    }
    // HAProxy responds 500 to requests that it cannot forward over FastCGI: it decodes the path, and needs
    // buffer space for it twice.
    if case.has_twin && !received.start().contains(" 500 ") {
        let (_, twin) = ask(http_port, &bytes, case.ends, &application.over_http)?;
        compare((setup, joins), &seen, &twin)?;
    }
    // The connections that the web server keeps are still in step.
    let (_, after) = ask(server.port, END.as_bytes(), false, &application.over_fastcgi)?;
    if after.iter().map(show).ne(["GET /end".to_owned()]) {
        return Err(format!("the request of the next connection was parsed as {after:?}").into());
    }
    Ok(seen.len())
}

/// Returns what received back, and what the handler saw: one response for each request, in order.
fn ask(port: u16, bytes: &[u8], ends: bool, served: &Served) -> Result<(Received, Vec<Seen>)> {
    let before = served.count();
    let received = send(port, bytes, ends)?;
    let seen = served.seen_after(before);
    let numbers: Vec<usize> = seen.iter().map(|seen| seen.number).collect();
    if numbers != received.response_numbers() {
        let shown: Vec<String> = seen.iter().map(show).collect();
        return Err(format!(
            "responses {:?} to the requests {numbers:?}: {shown:?}",
            received.response_numbers()
        )
        .into());
    }
    Ok((received, seen))
}

fn show(seen: &Seen) -> String {
    let Seen { method, target, body, .. } = seen;
    let body = String::from_utf8_lossy(body);
    format!("{method} {} {body}", reduced(target)).trim_end_matches(' ').to_owned()
}

/// Removes what web servers leave in a target: a scheme and a host before the path (HAProxy), an empty query
/// (nginx), and a fragment.
fn reduced(target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default();
    if target.starts_with('?') {
        return format!("/{target}");
    }
    match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            rest.find('/').map_or("/", |path| &rest[path..]).to_owned()
        }
        _ => target.to_owned(),
    }
}

/// Each meta-variable is one of the web server's, and none is there twice.
fn meta_variables(setup: &Setup, seen: &Seen, received: &Received) -> Result {
    // The client's address is one of them.
    if seen.client != Some(received.from) {
        return Err(format!("the client {} was seen as {:?}", received.from, seen.client).into());
    }
    let mut names = BTreeSet::new();
    for (name, value) in seen.params.iter().filter(|(name, _)| !name.starts_with("HTTP_")) {
        let fixed = setup.fixed.iter().find(|fixed| fixed.0 == name);
        let known = fixed.map_or_else(|| setup.others.contains(&name.as_str()), |fixed| fixed.1 == value);
        // HAProxy sends each of the client's Content-Type headers; the handler sees one.
        let is_first = names.insert(name) || name == "CONTENT_TYPE";
        if !known || !is_first {
            return Err(format!("unexpected {name}, {value:?}: {:?}", seen.params).into());
        }
    }
    let missing = setup.fixed.iter().find(|fixed| !names.iter().any(|name| *name == fixed.0));
    if let Some((missing, _)) = missing {
        return Err(format!("missing {missing}").into());
    }
    let param = |name| seen.params.iter().find(|param| param.0 == name).map(|param| param.1.as_str());
    let method = param("REQUEST_METHOD");
    let decided = ["SCRIPT_NAME", "PATH_INFO"].map(|name| param(name).unwrap_or_default()).concat();
    if method != Some(&seen.method) || !means(&seen.target, &decided) {
        return Err(format!("{method:?} {decided:?} was seen as {:?} {:?}", seen.method, seen.target).into());
    }
    Ok(())
}

/// Whether a target is the path that the web server decided on.
fn means(target: &str, decided: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    let mut forms = [percent_decode_str(path).decode_utf8_lossy().into_owned(), decided.to_owned()];
    for form in &mut forms {
        while form.contains("//") {
            *form = form.replace("//", "/");
        }
    }
    target == "*" || forms[0] == forms[1]
}

fn headers(case: &Case, joins: bool, seen: &Seen) -> Result {
    for (name, may_be) in &case.headers {
        let joined = case.joined.iter().find(|(joined, _)| joins && joined == name);
        let may_be = joined.map_or(may_be, |(_, may_be)| may_be);
        let values = seen.headers.iter().filter(|(is, _)| is == name);
        let values: Vec<_> = values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect();
        let values = values.join("|");
        if !may_be.contains(&values) {
            return Err(format!("the header {name} is {values:?}, not one of {may_be:?}").into());
        }
    }
    Ok(())
}

/// Whether the application sees the same over HTTP.
fn compare((setup, joins): (&Setup, bool), seen: &[Seen], twin: &[Seen]) -> Result {
    let (shown, other): (Vec<_>, Vec<_>) = (seen.iter().map(show).collect(), twin.iter().map(show).collect());
    if shown != other {
        return Err(format!("saw {shown:?}, and over HTTP {other:?}").into());
    }
    for (seen, twin) in seen.iter().zip(twin) {
        let (headers, other) = (compared(setup, joins, seen), compared(setup, joins, twin));
        if headers != other {
            return Err(format!("the headers were {headers:?}, and over HTTP {other:?}").into());
        }
    }
    Ok(())
}

/// The values of each name in order, joined where the web server joins them over FastCGI and not over HTTP.
fn compared(setup: &Setup, joins: bool, seen: &Seen) -> BTreeMap<String, Vec<String>> {
    let mut compared: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in &seen.headers {
        // HAProxy does not forward such names over FastCGI.
        if setup.server == WebServer::Haproxy && name.contains('_') {
            continue;
        }
        // CGI does not distinguish them.
        let name = name.replace('_', "-");
        if !NOT_COMPARED.contains(&name.as_str()) {
            compared.entry(name).or_default().push(String::from_utf8_lossy(value).into_owned());
        }
    }
    if joins {
        compared.values_mut().for_each(|values| *values = vec![values.join(", ")]);
    }
    compared
}
