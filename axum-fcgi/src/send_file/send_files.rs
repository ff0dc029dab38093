//! Files that the web server sends in the application's stead.

use std::path::{Path, PathBuf};

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::path::{self, UnsafePath};

/// All but RFC 3986's unreserved characters and the slash.
const NOT_IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A directory of files that the web server sends itself: the application decides who may have which, and
/// the web server, which is better at it, does the sending, with ranges and conditions and all.
///
/// The web server takes a header of the response for the order to send a file. That must be set up there, and
/// which header it is must be said here: nothing is guessed, since a web server that does not know the header
/// passes it on to the client, and with it a path.
///
/// `examples/files` has a configuration for each, which is tested.
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
/// mod_xsendfile takes the path literally in version 0.12, which is that of Debian 12 and others
/// ([`XSendfileVerbatim`](SendFileHeader::XSendfileVerbatim)), and decodes it from 1.0 on and in Debian 13, whose version says 0.12 as well
/// ([`XSendfile`](SendFileHeader::XSendfile)). Those that decode know the directive `XSendFileUnescape`.
///
/// # Symbolic links
/// No file is looked at here: it is the web server that opens it, perhaps on another machine. A symbolic link
/// below the directory therefore leads wherever it points to, unless the web server is told not to follow it
/// (nginx: `disable_symlinks`; lighttpd: `server.follow-symlink`). Keep links, and those who may make some, out
/// of such a directory.
///
/// # Without a web server that does it
/// [`SendFile::path`] is the file, for tower-http's `ServeFile` to send:
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
/// use axum_fcgi::{SendFile, SendFileBy, SendFiles, UnsafePath};
///
/// async fn handler(State(files): State<SendFiles>, Path(path): Path<String>) -> Result<SendFile, UnsafePath> {
///     files.file(&path)
/// }
///
/// let by = SendFileBy::XAccelRedirect { location: "/internal/".into() };
/// let app: Router = Router::new().route("/files/{*path}", get(handler)).with_state(SendFiles::new("/srv/files", by));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendFiles {
    root: PathBuf,
    by: SendFileHeader,
}

/// How a web server is told to send a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendFileHeader {
    /// `X-Accel-Redirect` with a URI: nginx.
    XAccelRedirect {
        /// The path of the internal location whose `alias` is the directory, as it is written in nginx's
        /// configuration: nothing in it is percent-encoded yet. Slashes at its ends may be left out.
        location: String,
    },
    /// `X-Sendfile` with the file's path, percent-encoded: lighttpd, Caddy, Apache's mod_xsendfile from 1.0 on and Debian 13's.
    /// The directory must be an absolute path. lighttpd takes no path that is not UTF-8.
    XSendfile,
    /// `X-Sendfile` with the file's path as it is: Apache's mod_xsendfile 0.12, but for Debian 13's. The directory must be an absolute
    /// path. A path that a header cannot carry, for a control character or a space at its end, is an
    /// [`UnsafePath`].
    XSendfileVerbatim,
}

impl SendFiles {
    /// Files below the directory `root`.
    pub fn new(root: impl Into<PathBuf>, by: SendFileHeader) -> Self {
        Self { root: root.into(), by }
    }

    /// The file at `path` below the directory, as a response.
    ///
    /// `path` may come from a client. It is names with slashes between them, and taken as it is: what axum's
    /// [`Path`](axum::extract::Path) gives is decoded already, and nothing is decoded again.
    ///
    /// # Errors
    /// [`UnsafePath`] if `path` is absolute or empty, or if a name in it is empty, `.` or `..`, or has a NUL;
    /// on Windows also a backslash or a colon. With [`SendFileHeader::XSendfileVerbatim`] also if a header cannot
    /// carry it.
    pub fn file(&self, path: &str) -> Result<SendFile, UnsafePath> {
        path::check(path)?;
        let file = self.root.join(path);
        let (header, value) = match &self.by {
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

/// In characters that a header and a URI can carry.
fn encode(path: &[u8]) -> HeaderValue {
    let encoded = percent_encode(path, NOT_IN_PATH).to_string();
    HeaderValue::try_from(encoded).expect("percent-encoded text is all visible ASCII")
}

/// As it is, if it comes through as that: what is white at the end of a header is not part of it.
fn verbatim(path: &[u8]) -> Result<HeaderValue, UnsafePath> {
    if path.ends_with(b" ") || path.contains(&b'\t') {
        return Err(UnsafePath);
    }
    HeaderValue::from_bytes(path).map_err(|_| UnsafePath)
}

/// A file that the web server is to send: a response without a body, to which other headers may be added as
/// to any. [`SendFiles::file`] makes it.
///
/// The web server takes Content-Type, Content-Disposition, Cache-Control, Set-Cookie and the like from it, and
/// has defaults of its own for what is missing. The status must be left a 200.
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
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it is a response"]
pub struct SendFile {
    file: PathBuf,
    header: HeaderName,
    value: HeaderValue,
}

impl SendFile {
    /// The file itself: the directory and the path that was checked.
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
    fn nginx_is_given_a_uri_below_the_internal_location() {
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
    fn others_are_given_a_path() {
        let files = SendFiles::new("/srv/my files/", SendFileHeader::XSendfile);
        for (path, sent) in [("a/b.txt", "/srv/my%20files/a/b.txt"), ("100%", "/srv/my%20files/100%25")] {
            assert_eq!(header(&files, path, "x-sendfile"), sent);
        }
    }

    #[test]
    #[cfg(not(windows))]
    fn some_are_given_it_as_it_is() {
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
    fn a_root_that_is_no_text_is_sent_byte_by_byte() {
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
    fn the_file_itself_is_known_as_well() {
        assert_eq!(accel("/i/").file("a/b").unwrap().path(), Path::new("/srv/files/a/b"));
    }
}
