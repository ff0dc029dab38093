//! Where the application is mounted.

use super::extractor::extractor;

/// The part of the request's path that the web server takes for the application: SCRIPT_NAME (RFC 3875
/// §4.1.13), decoded. Empty for an application at the root.
///
/// It says where the application is mounted only if the web server was told that. Without it nginx, Apache's
/// mod_proxy_fcgi and HAProxy send the whole path, and mod_fcgid and lighttpd the first segment of it,
/// whatever that is. It says nothing about routing, unless the connection's settings make it:
/// [`RequestTarget::StripScriptName`](tower_fcgi::RequestTarget::StripScriptName).
///
/// # Rejection
/// [`MissingScriptName`](crate::rejection::MissingScriptName), a 500, where the web server sends none (HAProxy
/// with an empty one), or one that is no text, or the request did not come over FastCGI. `Option<ScriptName>`
/// is `None` there.
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
        // An empty one says something.
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
    fn an_empty_name_is_a_name_and_none_is_none() {
        assert_eq!(extracted(&[("SCRIPT_NAME", "/a b")]), Some(ScriptName("/a b".to_owned())));
        assert_eq!(extracted(&[("SCRIPT_NAME", "")]), Some(ScriptName(String::new())));
        assert_eq!(extracted::<ScriptName>(&[("PATH_INFO", "/")]), None);
        assert_eq!(extracted_from::<ScriptName>(&mut parts(None)), None);
    }
}
