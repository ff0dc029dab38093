//! The path of the application.

use super::extractor::extractor;

/// The part of the path that identifies the application: SCRIPT_NAME (RFC 3875 §4.1.13), decoded.
///
/// It is empty for an application at the root. It is the path of the application only if the web server is configured so:
/// otherwise nginx, Apache's mod_proxy_fcgi and HAProxy send the whole path, and mod_fcgid and lighttpd its first segment.
/// It does not affect routing, except with
/// [`RequestTarget::StripScriptName`](tower_fcgi::RequestTarget::StripScriptName).
///
/// # Rejection
/// [`MissingScriptName`](crate::rejection::MissingScriptName), a 500, if the web server sends none (as HAProxy instead of
/// an empty one), or one that is not UTF-8, or the request did not come over FastCGI. `Option<ScriptName>` is `None` then.
///
/// # Examples
/// ```
/// use axum_fcgi::ScriptName;
/// async fn handler(ScriptName(mount): ScriptName) -> String {
///     format!("The front page is at {mount}/")
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScriptName(pub String);

impl ScriptName {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        // An empty name is valid: the application is at the root.
        params.get_str("SCRIPT_NAME").map(|name| Self(name.to_owned()))
    }
}

extractor!(
    ScriptName,
    MissingScriptName,
    "the web server sends no SCRIPT_NAME, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn an_empty_name_is_a_name() {
        assert_eq!(extracted(&[("SCRIPT_NAME", "/a b")]), Some(ScriptName("/a b".to_owned())));
        assert_eq!(extracted(&[("SCRIPT_NAME", "")]), Some(ScriptName(String::new())));
        assert_eq!(extracted::<ScriptName>(&[("PATH_INFO", "/")]), None);
        assert_eq!(extracted_from::<ScriptName>(&mut parts(None)), None);
    }
}
