//! Finds the meta-variables of a request.

use axum::http::request::Parts;

use super::extractor::extractor;
use super::mock_params::MockParams;
use super::params::Params;

/// The meta-variables of a request: the web server's, else those of a test.
pub(crate) fn lookup(parts: &Parts) -> Option<&tower_fcgi::Params> {
    let extensions = &parts.extensions;
    extensions.get::<tower_fcgi::Params>().or_else(|| extensions.get::<MockParams>().map(|mock| &*mock.0))
}

/// The value of a variable, where it is text and not empty. Web servers send a variable that has no value as
/// an empty one, or not at all.
pub(super) fn non_empty_str(params: &tower_fcgi::Params, name: &str) -> Option<String> {
    params.get_str(name).filter(|value| !value.is_empty()).map(str::to_owned)
}

impl Params {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        Some(Self::from(params.clone()))
    }
}

extractor!(
    Params,
    MissingParams,
    "the request has no FastCGI params: it did not come through axum_fcgi::serve"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_neither_empty_nor_something_else_than_text() {
        let params = [("A", &b"text"[..]), ("B", b""), ("C", b"\xff"), ("D", b""), ("D", b"last")];
        let params: tower_fcgi::Params = params.into_iter().collect();
        let found = ["A", "B", "C", "D", "E"].map(|name| non_empty_str(&params, name));
        assert_eq!(found, [Some("text".to_owned()), None, None, Some("last".to_owned()), None]);
    }
}
