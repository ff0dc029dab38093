//! The web server's document root.

use std::path::PathBuf;

use super::extractor::extractor;

/// The directory from which the web server serves files: DOCUMENT_ROOT.
///
/// It is not a variable of RFC 3875, but nginx, Apache, lighttpd, Caddy and HAProxy send it. It is a path in the web
/// server's file system, which differs from the application's in a chroot, in a container, or on another machine. HAProxy
/// sends its `docroot`, which need not exist. On Unix the path has the bytes that the web server sent; elsewhere they must
/// be UTF-8.
///
/// # Rejection
/// [`MissingDocumentRoot`](crate::rejection::MissingDocumentRoot), a 500, if the web server does not send it, or the
/// request did not come over FastCGI. `Option<DocumentRoot>` is `None` then.
///
/// # Examples
/// ```
/// use axum_fcgi::DocumentRoot;
/// async fn handler(DocumentRoot(root): DocumentRoot) -> String {
///     root.join("index.html").display().to_string()
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DocumentRoot(pub PathBuf);

impl DocumentRoot {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        let root = params.get("DOCUMENT_ROOT").filter(|root| !root.is_empty())?;
        path(root).map(Self)
    }
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

extractor!(
    DocumentRoot,
    MissingDocumentRoot,
    "the web server sends no DOCUMENT_ROOT, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn a_root_is_a_path_unless_it_is_empty() {
        assert_eq!(extracted(&[("DOCUMENT_ROOT", "/var/www")]), Some(DocumentRoot("/var/www".into())));
        assert_eq!(extracted::<DocumentRoot>(&[("DOCUMENT_ROOT", "")]), None);
        assert_eq!(extracted_from::<DocumentRoot>(&mut parts(None)), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_root_that_is_not_utf8_keeps_its_bytes() {
        use std::os::unix::ffi::OsStrExt as _;
        let mut parts = parts(None);
        parts.extensions.insert(tower_fcgi::Params::from_iter([("DOCUMENT_ROOT", b"/srv/\xe9t\xe9")]));
        let root: Option<DocumentRoot> = extracted_from(&mut parts);
        assert_eq!(root.unwrap().0.as_os_str().as_bytes(), b"/srv/\xe9t\xe9");
    }
}
