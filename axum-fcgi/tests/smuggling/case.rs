//! A row of the table.

/// Bytes that a client sends, and the permitted results.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// What the handler may see, one of these lists: `METHOD target` or `METHOD target body` for each
    /// request.
    pub(crate) may_see: Vec<Vec<String>>,
    /// The values of a header in the first request, joined by `|`; one of these.
    pub(crate) headers: Vec<(&'static str, Vec<String>)>,
    /// The same behind a web server that joins repeated headers, where it differs.
    pub(crate) joined: Vec<(&'static str, Vec<String>)>,
    /// Whether the client closes its sending side after the bytes.
    pub(crate) ends: bool,
    /// Whether the HTTP application can see the same.
    pub(crate) has_twin: bool,
}

/// Sent after the bytes of each case: a web server that does not see it as a request has parsed the case
/// differently.
pub(crate) const END: &str = "GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// How the handler sees `END`.
const SEEN_END: &str = "GET /end";

impl Case {
    /// Bytes that may be rejected, or be parsed as these requests.
    pub(crate) fn either(name: &'static str, bytes: impl Into<Vec<u8>>, requests: &[&str]) -> Self {
        let mut case = Self::seen(name, bytes, requests);
        case.may_see.push(Vec::new());
        case
    }

    /// Bytes that must be rejected.
    pub(crate) fn rejected(name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name,
            bytes: bytes.into(),
            may_see: vec![Vec::new()],
            headers: Vec::new(),
            joined: Vec::new(),
            ends: false,
            has_twin: true,
        }
    }

    /// Bytes that must be parsed as these requests.
    pub(crate) fn seen(name: &'static str, bytes: impl Into<Vec<u8>>, requests: &[&str]) -> Self {
        let mut case = Self::rejected(name, bytes);
        case.may_see =
            vec![requests.iter().chain([&SEEN_END]).map(|request| (*request).to_owned()).collect()];
        case
    }

    /// These requests are permitted, too.
    pub(crate) fn or_seen(mut self, requests: &[&str]) -> Self {
        self.may_see.extend(Self::seen(self.name, "", requests).may_see);
        self
    }

    /// These requests are permitted, too, with nothing after them: the web server has detected an error.
    pub(crate) fn or_incomplete(mut self, requests: &[&str]) -> Self {
        self.may_see.push(requests.iter().map(|request| (*request).to_owned()).collect());
        self
    }

    /// The permitted values of a header.
    pub(crate) fn header(mut self, name: &'static str, may_be: &[&str]) -> Self {
        self.headers.push((name, may_be.iter().map(|value| (*value).to_owned()).collect()));
        self
    }

    /// The permitted values of a header that the web server has joined.
    pub(crate) fn joined(mut self, name: &'static str, may_be: &[&str]) -> Self {
        self.joined.push((name, may_be.iter().map(|value| (*value).to_owned()).collect()));
        self
    }

    /// The client's stream ends after the bytes, so that the web server does not wait for the rest.
    pub(crate) const fn ends(mut self) -> Self {
        self.ends = true;
        self
    }

    /// An HTTP server sees something else, or nothing.
    pub(crate) const fn alone(mut self) -> Self {
        self.has_twin = false;
        self
    }
}
