//! Finds the meta-variables of a request.

use axum::http::request::Parts;

use super::mock_params::MockParams;

/// The meta-variables of a request: from the web server, or else from a test's `MockParams`.
pub(crate) fn lookup(parts: &Parts) -> Option<&tower_fcgi::Params> {
    let extensions = &parts.extensions;
    extensions.get::<tower_fcgi::Params>().or_else(|| extensions.get::<MockParams>().map(|mock| &*mock.0))
}

/// The value of a variable, if it is UTF-8 and not empty. For a variable without a value, some web servers send an empty
/// one, and others none.
pub(super) fn non_empty_str(params: &tower_fcgi::Params, name: &str) -> Option<String> {
    params.get_str(name).filter(|value| !value.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_empty_and_utf8() {
        let params = [("A", &b"text"[..]), ("B", b""), ("C", b"\xff"), ("D", b""), ("D", b"last")];
        let params: tower_fcgi::Params = params.into_iter().collect();
        let found = ["A", "B", "C", "D", "E"].map(|name| non_empty_str(&params, name));
        assert_eq!(found, [Some("text".to_owned()), None, None, Some("last".to_owned()), None]);
    }
}
