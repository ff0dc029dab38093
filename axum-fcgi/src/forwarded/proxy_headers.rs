//! What a trusted proxy says about the client's connection to it.

use axum::http::header::{HeaderMap, HeaderName};
use axum::http::uri::Scheme;

use super::host::valid_host;
use super::names::{X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO};

/// A fact that a proxy may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent<T> {
    /// The proxy did not send it.
    Missing,
    /// The proxy sent it, and it is not valid.
    Invalid,
    Value(T),
}

impl<T> Sent<T> {
    /// The value, or `own` if the header is missing.
    pub(crate) fn or_own(self, own: Option<T>) -> Option<T> {
        match self {
            Self::Missing => own,
            Self::Invalid => None,
            Self::Value(value) => Some(value),
        }
    }
}

pub(super) fn proto(headers: &HeaderMap) -> Sent<Scheme> {
    sent(headers, &X_FORWARDED_PROTO, |text| {
        [Scheme::HTTP, Scheme::HTTPS].into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
    })
}

pub(super) fn host(headers: &HeaderMap) -> Sent<String> {
    sent(headers, &X_FORWARDED_HOST, valid_host)
}

pub(super) fn port(headers: &HeaderMap) -> Sent<u16> {
    sent(headers, &X_FORWARDED_PORT, |text| text.parse().ok())
}

/// The last value: a proxy that appends puts its own there.
fn sent<T>(headers: &HeaderMap, name: &HeaderName, parse: impl FnOnce(&str) -> Option<T>) -> Sent<T> {
    let Some(value) = headers.get_all(name).iter().next_back() else { return Sent::Missing };
    let text = value.to_str().ok().and_then(|text| text.rsplit(',').next());
    text.and_then(|text| parse(text.trim_matches([' ', '\t']))).map_or(Sent::Invalid, Sent::Value)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect()
    }

    #[test]
    fn the_last_value_counts_and_must_be_valid() {
        for (values, expected) in [
            (&["https"][..], Sent::Value(Scheme::HTTPS)),
            (&["HTTP"], Sent::Value(Scheme::HTTP)),
            (&["https, http"], Sent::Value(Scheme::HTTP)),
            (&["https", "http"], Sent::Value(Scheme::HTTP)),
            (&["javascript"], Sent::Invalid),
            (&["https,"], Sent::Invalid),
            (&[""], Sent::Invalid),
            (&["\u{e9}"], Sent::Invalid),
            (&[], Sent::Missing),
        ] {
            assert_eq!(proto(&headers(&X_FORWARDED_PROTO, values)), expected, "{values:?}");
        }
        let sent = headers(&X_FORWARDED_HOST, &["evil.example, example.org:8443"]);
        assert_eq!(host(&sent), Sent::Value("example.org:8443".to_owned()));
        assert_eq!(host(&headers(&X_FORWARDED_HOST, &["a\"b"])), Sent::Invalid);
        assert_eq!(port(&headers(&X_FORWARDED_PORT, &["443"])), Sent::Value(443));
        assert_eq!(port(&headers(&X_FORWARDED_PORT, &["65536"])), Sent::Invalid);
    }

    #[test]
    fn an_invalid_value_is_not_replaced() {
        assert_eq!(Sent::Missing.or_own(Some(1)), Some(1));
        assert_eq!(Sent::Invalid.or_own(Some(1)), None);
        assert_eq!(Sent::Value(2).or_own(Some(1)), Some(2));
    }
}
