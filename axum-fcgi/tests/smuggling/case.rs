//! A row of the table.

/// Bytes that a client sends, and what may come of them.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// What the handler may see, one of these: `METHOD target`, or `METHOD target body`, of each request.
    pub(crate) may_see: Vec<Vec<String>>,
    /// What it may see of a header in the first of them: the values of one name, `|` between two; one of these.
    pub(crate) headers: Vec<(&'static str, Vec<String>)>,
    /// The same behind a web server that joins what a client repeats, where that is something else.
    pub(crate) joined: Vec<(&'static str, Vec<String>)>,
    /// Whether the client sends no more than this, and says so.
    pub(crate) ends: bool,
    /// Whether HTTP can tell the application the same.
    pub(crate) has_twin: bool,
}

/// What is behind the bytes of each case: whoever takes it for anything but a request has read the case in another way.
pub(crate) const END: &str = "GET /end HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// That, once it is seen.
const SEEN_END: &str = "GET /end";

impl Case {
    /// Bytes that may be refused, or be read as these requests.
    pub(crate) fn either(name: &'static str, bytes: impl Into<Vec<u8>>, requests: &[&str]) -> Self {
        let mut case = Self::seen(name, bytes, requests);
        case.may_see.push(Vec::new());
        case
    }

    /// Bytes that nobody passes on.
    pub(crate) fn refused(name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
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

    /// Bytes that are these requests.
    pub(crate) fn seen(name: &'static str, bytes: impl Into<Vec<u8>>, requests: &[&str]) -> Self {
        let mut case = Self::refused(name, bytes);
        case.may_see =
            vec![requests.iter().chain([&SEEN_END]).map(|request| (*request).to_owned()).collect()];
        case
    }

    /// Or these instead.
    pub(crate) fn or_seen(mut self, requests: &[&str]) -> Self {
        self.may_see.extend(Self::seen(self.name, "", requests).may_see);
        self
    }

    /// Or these, after which there is none: the web server has found out that something is wrong.
    pub(crate) fn or_broken_off(mut self, requests: &[&str]) -> Self {
        self.may_see.push(requests.iter().map(|request| (*request).to_owned()).collect());
        self
    }

    /// What the handler may see of a header.
    pub(crate) fn header(mut self, name: &'static str, may_be: &[&str]) -> Self {
        self.headers.push((name, may_be.iter().map(|value| (*value).to_owned()).collect()));
        self
    }

    /// What the handler may see of a header that the web server has joined.
    pub(crate) fn joined(mut self, name: &'static str, may_be: &[&str]) -> Self {
        self.joined.push((name, may_be.iter().map(|value| (*value).to_owned()).collect()));
        self
    }

    /// Behind which the client's stream ends, so that the web server need not wait for the rest.
    pub(crate) const fn ends(mut self) -> Self {
        self.ends = true;
        self
    }

    /// Of which an HTTP server sees something else, or nothing.
    pub(crate) const fn alone(mut self) -> Self {
        self.has_twin = false;
        self
    }
}
