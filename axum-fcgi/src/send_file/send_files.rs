//! Files that the web server sends for the application.

use std::path::{Path, PathBuf};

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::path::{self, UnsafePath};

/// All characters except the slash and RFC 3986's unreserved ones.
const NOT_IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A directory of files that the web server sends: the application only decides who may have them.
///
/// The web server handles ranges and conditional requests. A header of the response names the file to send. Configure
/// the web server for that header, and choose the same one here. There is no default, because a web server that does not
/// know the header passes it on to the client, and the path with it.
///
/// `examples/files` has a tested configuration for each.
///
/// # nginx
/// ```nginx
/// location /internal/ {        # XAccelRedirect { location: "/internal/".into() }
///     internal;
///     alias /srv/files/;
///     disable_symlinks on;
/// }
/// ```
///
/// # lighttpd, Caddy
/// ```lighttpd
/// fastcgi.server = ( "/" => (( "socket" => "/run/app.sock", "check-local" => "disable",
///     "x-sendfile" => "enable", "x-sendfile-docroot" => ("/srv/files") )) )
/// ```
/// ```caddyfile
/// reverse_proxy unix//run/app.sock {
///     transport fastcgi
///     @file header X-Sendfile *
///     handle_response @file {
///         root * /
///         rewrite * /file
///         uri replace /file {rp.header.X-Sendfile}
///         method * GET
///         file_server
///     }
/// }
/// ```
/// (Caddy's `rewrite` alone does not decode the path.)
///
/// # Apache
/// ```apache
/// XSendFile on
/// XSendFilePath /srv/files
/// ```
/// mod_xsendfile 0.12, as in Debian 12, takes the path literally
/// ([`XSendfileVerbatim`](SendFileHeader::XSendfileVerbatim)). Versions from 1.0 on, and Debian 13's, which also reports 0.12,
/// decode it ([`XSendfile`](SendFileHeader::XSendfile)). Versions that decode have the directive `XSendFileUnescape`.
///
/// # Symbolic links
/// The application does not open the files; the web server does, perhaps on another machine. It follows symbolic links
/// below the directory unless configured otherwise (nginx: `disable_symlinks`; lighttpd: `server.follow-symlink`). Keep
/// links out of such a directory, and users who may create them.
///
/// # Other web servers
/// Without such a web server, tower-http's `ServeFile` can send [`SendFile::path`]:
///
/// ```
/// # use axum::extract::Request;
/// # use axum::response::{IntoResponse, Response};
/// # use axum_fcgi::SendFile;
/// use tower::ServiceExt as _;
/// use tower_http::services::ServeFile;
///
/// async fn send(file: SendFile, request: Request) -> Response {
///     let Ok(response) = ServeFile::new(file.path()).oneshot(request).await;
///     response.into_response()
/// }
/// ```
///
/// # Examples
/// ```
/// use axum::extract::{Path, State};
/// use axum::{Router, routing::get};
/// use axum_fcgi::{SendFile, SendFileHeader, SendFiles, UnsafePath};
///
/// async fn handler(State(files): State<SendFiles>, Path(path): Path<String>) -> Result<SendFile, UnsafePath> {
///     files.file(&path)
/// }
///
/// let header = SendFileHeader::XAccelRedirect { location: "/internal/".into() };
/// let app: Router = Router::new().route("/files/{*path}", get(handler)).with_state(SendFiles::new("/srv/files", header));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SendFiles {
    root: PathBuf,
    header: SendFileHeader,
}

/// The response header that names the file for the web server to send.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendFileHeader {
    /// `X-Accel-Redirect` with a URI: nginx.
    XAccelRedirect {
        /// The path of the internal location whose `alias` is the directory, as in nginx's configuration: not
        /// percent-encoded. The slashes at both ends may be omitted.
        location: String,
    },
    /// `X-Sendfile` with the percent-encoded path: lighttpd, Caddy, Apache's mod_xsendfile from 1.0 on and Debian 13's.
    ///
    /// The directory must be an absolute path. lighttpd accepts only UTF-8.
    XSendfile,
    /// `X-Sendfile` with the literal path: Apache's mod_xsendfile 0.12, except Debian 13's.
    ///
    /// The directory must be an absolute path. A path that a header cannot carry, because of a control character or a
    /// space at its end, is an [`UnsafePath`].
    XSendfileVerbatim,
}

impl SendFiles {
    /// The files below the directory `root`.
    pub fn new(root: impl Into<PathBuf>, header: SendFileHeader) -> Self {
        Self { root: root.into(), header }
    }

    /// A response that sends the file at `path`, below the directory.
    ///
    /// `path` may come from a client: names with slashes between them. It is not decoded; axum's
    /// [`Path`](axum::extract::Path) is decoded already.
    ///
    /// # Errors
    /// [`UnsafePath`] if `path` is absolute or empty, or a name in it is empty, `.` or `..`, or contains a NUL, on Windows
    /// also a backslash or a colon. With [`SendFileHeader::XSendfileVerbatim`], also if a header cannot carry it.
    pub fn file(&self, path: &str) -> Result<SendFile, UnsafePath> {
        path::check(path)?;
        let file = self.root.join(path);
        let (header, value) = match &self.header {
            SendFileHeader::XAccelRedirect { location } => {
                let location = location.trim_matches('/');
                let slash = if location.is_empty() { "" } else { "/" };
                (X_ACCEL_REDIRECT, encode(format!("/{location}{slash}{path}").as_bytes()))
            }
            SendFileHeader::XSendfile => (X_SENDFILE, encode(file.as_os_str().as_encoded_bytes())),
            SendFileHeader::XSendfileVerbatim => (X_SENDFILE, verbatim(file.as_os_str().as_encoded_bytes())?),
        };
        Ok(SendFile { file, header, value })
    }
}

const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
const X_SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");

/// Percent-encodes all characters that a header or a URI cannot carry.
fn encode(path: &[u8]) -> HeaderValue {
    let encoded = percent_encode(path, NOT_IN_PATH).to_string();
    HeaderValue::try_from(encoded).expect("percent-encoded text is visible ASCII")
}

/// The literal path, unless it would be changed: white space at the end of a header is not part of its value.
fn verbatim(path: &[u8]) -> Result<HeaderValue, UnsafePath> {
    if path.ends_with(b" ") || path.contains(&b'\t') {
        return Err(UnsafePath);
    }
    HeaderValue::from_bytes(path).map_err(|_| UnsafePath)
}

/// A response that tells the web server to send a file: see [`SendFiles::file`].
///
/// It has no body, and other headers may be added. The web server takes Content-Type, Content-Disposition, Cache-Control,
/// Set-Cookie and the like from it, and uses its own defaults for missing ones. The status must stay 200.
///
/// ```
/// # use axum::extract::State;
/// # use axum::http::header::CONTENT_DISPOSITION;
/// # use axum::response::IntoResponse;
/// # use axum_fcgi::{SendFiles, UnsafePath};
/// async fn download(State(files): State<SendFiles>) -> Result<impl IntoResponse, UnsafePath> {
///     Ok(([(CONTENT_DISPOSITION, "attachment")], files.file("report.pdf")?))
/// }
/// # let _ = axum::routing::get::<_, _, SendFiles>(download);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[must_use = "return it as the response"]
pub struct SendFile {
    file: PathBuf,
    header: HeaderName,
    value: HeaderValue,
}

impl SendFile {
    /// The path of the file: the directory and the checked path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file
    }
}

impl IntoResponse for SendFile {
    fn into_response(self) -> Response {
        [(self.header, self.value)].into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use http_body::Body as _;

    use super::*;

    fn accel(location: &str) -> SendFiles {
        SendFiles::new("/srv/files", SendFileHeader::XAccelRedirect { location: location.to_owned() })
    }

    fn header(files: &SendFiles, path: &str, name: &str) -> String {
        let response = files.file(path).unwrap().into_response();
        assert_eq!((response.status(), response.body().is_end_stream()), (StatusCode::OK, true));
        assert_eq!(response.headers().len(), 1);
        response.headers()[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn nginx_gets_a_uri_below_the_internal_location() {
        for (location, path, uri) in [
            ("/internal/", "a/b.txt", "/internal/a/b.txt"),
            ("/internal", "a", "/internal/a"),
            ("internal", "a", "/internal/a"),
            ("/", "a", "/a"),
            ("", "a", "/a"),
            ("/in ternal/", "a b", "/in%20ternal/a%20b"),
            ("/i/", "a?b#c", "/i/a%3Fb%23c"),
            ("/i/", "%2e%2e/%00", "/i/%252e%252e/%2500"),
            ("/i/", "ü\r\nX: y", "/i/%C3%BC%0D%0AX%3A%20y"),
            ("/i/", "a-b_c.d~e", "/i/a-b_c.d~e"),
        ] {
            assert_eq!(header(&accel(location), path, "x-accel-redirect"), uri, "{location:?} {path:?}");
        }
    }

    #[test]
    #[cfg(not(windows))]
    fn x_sendfile_is_a_percent_encoded_path() {
        let files = SendFiles::new("/srv/my files/", SendFileHeader::XSendfile);
        for (path, sent) in [("a/b.txt", "/srv/my%20files/a/b.txt"), ("100%", "/srv/my%20files/100%25")] {
            assert_eq!(header(&files, path, "x-sendfile"), sent);
        }
    }

    #[test]
    #[cfg(not(windows))]
    fn verbatim_x_sendfile_is_the_literal_path() {
        let files = SendFiles::new("/srv/my files/", SendFileHeader::XSendfileVerbatim);
        for path in ["a/b.txt", "100%", "a b", " a", "\u{fc}"] {
            let response = files.file(path).unwrap().into_response();
            assert_eq!(
                response.headers()["x-sendfile"].as_bytes(),
                format!("/srv/my files/{path}").as_bytes()
            );
        }
        for path in ["a\nX: y", "a\r", "a\tb", "a\t", "a ", "\u{7f}", "../a"] {
            assert_eq!(files.file(path), Err(UnsafePath), "{path:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_root_that_is_not_utf8_is_encoded_by_bytes() {
        use std::os::unix::ffi::OsStrExt as _;
        let files = SendFiles::new(std::ffi::OsStr::from_bytes(b"/srv/\xff"), SendFileHeader::XSendfile);
        assert_eq!(header(&files, "a", "x-sendfile"), "/srv/%FF/a");
    }

    #[test]
    fn a_path_outside_the_root_is_an_empty_404() {
        let response = accel("/i/").file("../secret").into_response();
        assert_eq!((response.status(), response.body().is_end_stream()), (StatusCode::NOT_FOUND, true));
        assert!(response.headers().is_empty());
    }

    #[test]
    fn the_response_has_the_path_of_the_file() {
        assert_eq!(accel("/i/").file("a/b").unwrap().path(), Path::new("/srv/files/a/b"));
    }
}
