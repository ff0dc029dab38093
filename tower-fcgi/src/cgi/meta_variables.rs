//! Classifies meta-variables: each becomes a header, another part of the head, or nothing (RFC 3875 §4.1).

/// The meta-variables that become a part of the head other than a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetaVariable {
    ContentLength,
    ContentType,
    Method,
    PathInfo,
    Protocol,
    QueryString,
    RemoteAddr,
    RemotePort,
    RequestUri,
    ScriptName,
}

/// The kind of a meta-variable, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VariableKind<'a> {
    /// A header, by its name without `HTTP_`.
    Header(&'a [u8]),
    Variable(MetaVariable),
    /// Only in `Params`.
    Other,
}

impl<'a> VariableKind<'a> {
    #[inline]
    pub(super) fn parse(name: &'a [u8]) -> Self {
        match name.strip_prefix(b"HTTP_") {
            Some(name) if is_ignored(name) => Self::Other,
            Some(name) => Self::Header(name),
            None => variable(name).map_or(Self::Other, Self::Variable),
        }
    }
}

#[inline]
fn variable(name: &[u8]) -> Option<MetaVariable> {
    Some(match name.len() {
        9 if name == b"PATH_INFO" => MetaVariable::PathInfo,
        11 => match name {
            b"REQUEST_URI" => MetaVariable::RequestUri,
            b"SCRIPT_NAME" => MetaVariable::ScriptName,
            b"REMOTE_ADDR" => MetaVariable::RemoteAddr,
            b"REMOTE_PORT" => MetaVariable::RemotePort,
            _ => return None,
        },
        12 => match name {
            b"QUERY_STRING" => MetaVariable::QueryString,
            b"CONTENT_TYPE" => MetaVariable::ContentType,
            _ => return None,
        },
        14 => match name {
            b"CONTENT_LENGTH" => MetaVariable::ContentLength,
            b"REQUEST_METHOD" => MetaVariable::Method,
            _ => return None,
        },
        15 if name == b"SERVER_PROTOCOL" => MetaVariable::Protocol,
        _ => return None,
    })
}

/// Whether `HTTP_{name}` becomes no header: see the table in `decode_request.rs`.
#[inline]
fn is_ignored(name: &[u8]) -> bool {
    match name.len() {
        2 => is_header(name, b"TE"),
        5 => is_header(name, b"PROXY"),
        6 => is_header(name, b"EXPECT"),
        10 => is_header(name, b"KEEP_ALIVE"),
        12 => is_header(name, b"CONTENT_TYPE"),
        14 => is_header(name, b"CONTENT_LENGTH"),
        16 => is_header(name, b"PROXY_CONNECTION"),
        17 => is_header(name, b"TRANSFER_ENCODING"),
        _ => false,
    }
}

/// Whether two variables become the same header. Web servers send capitals and `_`, but a variable set by hand can have
/// any spelling.
#[inline]
fn is_header(name: &[u8], other: &[u8]) -> bool {
    let plain = |byte: &u8| if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
    name.iter().map(plain).eq(other.iter().copied())
}

/// Whether the first value of a repeated variable counts, and not the last.
///
/// Usually the last counts: a web server's own settings come after those of an `include`. Of CONTENT_TYPE, and of headers
/// other than Host and Authorization, the first counts: HAProxy and H2O pass on each header of a client, and
/// `HeaderMap::get` returns the first.
pub(crate) fn first_counts(name: &[u8]) -> bool {
    match name.strip_prefix(b"HTTP_") {
        Some(name) => !is_header(name, b"HOST") && !is_header(name, b"AUTHORIZATION"),
        None => name == b"CONTENT_TYPE",
    }
}

/// Each variable with the value that [counts](first_counts).
#[derive(Debug, Default)]
pub(super) struct Variables<'a> {
    values: [Option<&'a [u8]>; 10],
    /// Whether the headers ask for an upgrade.
    pub(super) asks_for_upgrade: bool,
}

impl<'a> Variables<'a> {
    #[inline]
    pub(super) fn set(&mut self, variable: MetaVariable, value: &'a [u8]) {
        if variable == MetaVariable::ContentType {
            self.set_content_type(value);
        } else {
            self.set_last(variable, value);
        }
    }

    #[inline]
    pub(super) fn set_content_type(&mut self, value: &'a [u8]) {
        let place = &mut self.values[MetaVariable::ContentType as usize];
        if place.is_none_or(<[u8]>::is_empty) {
            *place = Some(value);
        }
    }

    /// Sets a variable other than CONTENT_TYPE.
    #[inline]
    pub(super) fn set_last(&mut self, variable: MetaVariable, value: &'a [u8]) {
        self.values[variable as usize] = Some(value);
    }

    /// The value; `None` if absent, which differs from empty.
    #[inline]
    pub(super) fn get(&self, variable: MetaVariable) -> Option<&'a [u8]> {
        self.values[variable as usize]
    }

    /// The value; empty if absent.
    #[inline]
    pub(super) fn value(&self, variable: MetaVariable) -> &'a [u8] {
        self.get(variable).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_header_is_ignored_in_any_spelling() {
        for name in [
            "PROXY",
            "CONTENT_TYPE",
            "CONTENT_LENGTH",
            "TRANSFER_ENCODING",
            "EXPECT",
            "KEEP_ALIVE",
            "PROXY_CONNECTION",
            "TE",
        ] {
            for name in [name.to_owned(), name.to_lowercase(), name.replace('_', "-"), name.replace('E', "e")]
            {
                let variable = format!("HTTP_{name}");
                assert_eq!(VariableKind::parse(variable.as_bytes()), VariableKind::Other, "{variable}");
            }
        }
        assert_eq!(VariableKind::parse(b"HTTP_PROXX"), VariableKind::Header(b"PROXX"));
    }

    #[test]
    fn the_value_that_counts_is_the_last_or_the_first() {
        for name in ["CONTENT_TYPE", "HTTP_X", "HTTP_COOKIE", "HTTP_HOST2", "HTTP_"] {
            assert!(first_counts(name.as_bytes()), "{name}");
        }
        for name in
            ["HTTP_HOST", "HTTP_Host", "HTTP_AUTHORIZATION", "CONTENT_LENGTH", "REMOTE_USER", "HOST", ""]
        {
            assert!(!first_counts(name.as_bytes()), "{name}");
        }
    }
}
