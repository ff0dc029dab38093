//! The head of a CGI response (RFC 3875 §6).

/// A complete head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The lines as received, without the empty one.
    pub(crate) text: String,
    /// Names and values, in order.
    pub(crate) fields: Vec<(String, String)>,
    /// The code of `Status`; without it, 302 with a `Location`, else 200 (§6.2, §6.3.3).
    pub(crate) status: u16,
    /// The first violation of RFC 3875.
    pub(crate) fault: Option<String>,
}

/// Returns the length of the head at the start of `stdout`, or `None` if it is incomplete.
pub(crate) fn end(stdout: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let line = stdout[start..].iter().position(|byte| *byte == b'\n')?;
        let text = &stdout[start..start + line];
        start += line + 1;
        if matches!(text, b"" | b"\r") {
            return Some(start);
        }
    }
}

impl Head {
    /// Parses a head that [ends](end) at the end of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).trim_end().to_owned();
        let mut head = Self { text: String::new(), fields: Vec::new(), status: 0, fault: None };
        for line in text.lines() {
            match line.split_once(':') {
                Some((name, value)) if is_token(name) => {
                    head.fields.push((name.to_owned(), value.trim().to_owned()));
                }
                _ => head.fail(format!("the line {line:?} is not a header field")),
            }
        }
        head.text = text;
        head.status = head.find_status();
        if !["content-type", "location", "status"].iter().any(|name| head.value(name).is_some()) {
            head.fail("the head has no Content-Type, Location or Status".to_owned());
        }
        head
    }

    /// Returns the first value of a field. The name is case-insensitive.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    fn find_status(&mut self) -> u16 {
        let Some(status) = self.value("status") else {
            return if self.value("location").is_some() { 302 } else { 200 };
        };
        let code = status.split(' ').next().filter(|code| code.len() == 3).and_then(|code| code.parse().ok());
        if let Some(code) = code {
            return code;
        }
        let fault = format!("the status {status:?} has no three-digit code");
        self.fail(fault);
        200
    }

    fn fail(&mut self, fault: String) {
        self.fault.get_or_insert(fault);
    }
}

fn is_token(name: &str) -> bool {
    let others = "!#$%&'*+-.^_`|~";
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_an_empty_line() {
        for (stdout, expected) in [
            (&b"A: b\r\n\r\nbody"[..], Some(8)),
            (b"A: b\n\nbody", Some(6)),
            (b"\n", Some(1)),
            (b"A: b\r\n\r", None),
            (b"A: b\n", None),
            (b"", None),
        ] {
            assert_eq!(end(stdout), expected, "{stdout:?}");
        }
    }

    #[test]
    fn statuses_and_faults() {
        for (text, status, faulty) in [
            ("Status: 404 Not Found\r\nContent-Type: a/b\r\n\r\n", 404, false),
            ("content-type: a/b\n\n", 200, false),
            ("Location: /x\n\n", 302, false),
            ("X-A: b\n\n", 200, true),
            ("Status: teapot\n\n", 200, true),
            ("Content-Type: a/b\nno field\n\n", 200, true),
            ("HTTP/1.1 200 OK\nContent-Type: a/b\n\n", 200, true),
        ] {
            let head = Head::parse(text.as_bytes());
            assert_eq!((head.status, head.fault.is_some()), (status, faulty), "{text:?}: {head:?}");
        }
    }
}
