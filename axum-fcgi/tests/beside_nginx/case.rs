//! A request that both get.

use std::fmt;

/// How the two are set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Each path names a script or a file.
    Scripts,
    /// All paths that name nothing go to `/index.php`.
    FrontController,
    /// The site is below `/app`: of a Router, and of nginx's document root.
    Nested,
}

impl Setup {
    pub(crate) const ALL: [Self; 3] = [Self::Scripts, Self::FrontController, Self::Nested];
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scripts => "scripts",
            Self::FrontController => "front controller",
            Self::Nested => "nested",
        })
    }
}

/// The body of a request.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// None, and no Content-Length.
    Empty,
    /// With its Content-Length.
    Sized(Vec<u8>),
    /// Sent once the server has responded with 100.
    Expected(Vec<u8>),
    /// Sent as it is, after the head.
    Raw(Vec<u8>),
    /// The same, and then the client's end of its stream.
    Ends(Vec<u8>),
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Unique. Most are the target.
    pub(crate) name: String,
    pub(crate) setups: &'static [Setup],
    pub(crate) method: &'static str,
    pub(crate) target: Vec<u8>,
    pub(crate) version: &'static str,
    /// `None`: no Host header.
    pub(crate) host: Option<&'static str>,
    /// Whole lines without their CRLF.
    pub(crate) headers: Vec<Vec<u8>>,
    pub(crate) body: Body,
}

impl Case {
    /// A GET in each setup, named as its target.
    pub(crate) fn path(target: &str) -> Self {
        Self { setups: &Setup::ALL, ..Self::get(target, target) }
    }

    /// A GET in one setup.
    pub(crate) fn get(name: &str, target: &str) -> Self {
        Self {
            name: name.to_owned(),
            setups: &[Setup::Scripts],
            method: "GET",
            target: target.into(),
            version: "HTTP/1.1",
            host: Some("site.test"),
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    pub(crate) fn setups(self, setups: &'static [Setup]) -> Self {
        Self { setups, ..self }
    }

    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub(crate) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(crate) fn host(self, host: Option<&'static str>) -> Self {
        Self { host, ..self }
    }

    pub(crate) fn version(self, version: &'static str) -> Self {
        Self { version, ..self }
    }

    pub(crate) fn header(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.headers.push(line.into());
        self
    }

    /// A POST of a form.
    pub(crate) fn form(self, body: impl Into<Vec<u8>>) -> Self {
        self.method("POST").header("Content-Type: application/x-www-form-urlencoded").body(body)
    }

    pub(crate) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Sized(body.into()), ..self }
    }

    pub(crate) fn expected(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Expected(body.into()), ..self }
    }

    /// What follows the head, byte for byte.
    pub(crate) fn raw(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Raw(body.into()), ..self }
    }

    /// The client closes its sending side after the body.
    pub(crate) fn ends(mut self) -> Self {
        if let Body::Raw(body) = self.body {
            self.body = Body::Ends(body);
        }
        self
    }

    pub(crate) fn target(self, target: &str) -> Self {
        Self { target: target.into(), ..self }
    }

    /// The bytes of the head in a setup.
    pub(crate) fn head(&self, setup: Setup) -> Vec<u8> {
        let mut head = format!("{} ", self.method).into_bytes();
        if setup == Setup::Nested && self.target.starts_with(b"/") {
            head.extend(b"/app");
        }
        head.extend(&self.target);
        head.extend(format!(" {}\r\n", self.version).bytes());
        let host = self.host.map(|host| format!("Host: {host}").into_bytes());
        let close = (self.version != "HTTP/1.0").then(|| b"Connection: close".to_vec());
        let length = match &self.body {
            Body::Sized(body) | Body::Expected(body) => {
                Some(format!("Content-Length: {}", body.len()).into_bytes())
            }
            Body::Empty | Body::Raw(_) | Body::Ends(_) => None,
        };
        let expect = matches!(self.body, Body::Expected(_)).then(|| b"Expect: 100-continue".to_vec());
        for line in [host, close, length, expect].iter().flatten().chain(&self.headers) {
            head.extend(line);
            head.extend(b"\r\n");
        }
        head.extend(b"\r\n");
        head
    }
}
