//! Files that the application names in a header, for the gateway to send.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode;
use tower_http::services::ServeFile;
use tower_service::Service as _;

use super::internal_headers::NamedBy;
use super::resolver::Symlinks;
use crate::request_log::{RequestLog, request_event};
use crate::send_file::is_plain_name;

/// The files that an application may name in `X-Accel-Redirect` and `X-Sendfile`, for the gateway to send.
///
/// The application decides who may have a file, and the gateway sends it: with ranges, conditional requests and HEAD, and
/// without occupying a PHP process. No client can reach these files by a path of its own. For the application's side, see
/// [`SendFiles`](crate::SendFiles).
///
/// ```
/// use axum_fcgi::{InternalFiles, PhpGateway};
/// # fn gateway(php: PhpGateway<()>) -> PhpGateway<()> {
/// // header('X-Accel-Redirect: /protected/report.pdf'), as for nginx's
/// // location /protected/ { internal; alias /srv/files/; }
/// php.internal_files(InternalFiles::new().x_accel_redirect("/protected/", "/srv/files"))
/// # }
/// ```
///
/// # The response
/// It is that of a GET for the file, or of a HEAD if that was the request's method, with the conditions and ranges of the
/// client's request. The body and the status of the application's response are dropped. Of its headers stay:
///
/// - for X-Accel-Redirect, as in nginx: Content-Type, Content-Disposition, Set-Cookie, Cache-Control and Expires;
/// - for X-Sendfile, as in lighttpd: all but those that describe a body, such as Content-Length, ETag and Last-Modified.
///
/// PHP sends `Content-Type: text/html` unless the script sets another one, or `ini_set('default_mimetype', '')`. Without
/// a Content-Type, the file's extension determines it.
///
/// # Security
/// - A path that leads out of its directory, one outside the configured ones, and one without a file are a 404, and a WARN
///   has the reason. `..` is not resolved, but rejected.
/// - Symbolic links are followed within the directory: see [`symlinks`](Self::symlinks). A user who can write to the
///   directory can change a file between this check and the moment when the file is opened.
/// - X-Accel-Redirect leads to files only, and not to another script or a named location (`@name`): those are a 404.
#[derive(Debug, Clone, Default)]
pub struct InternalFiles {
    locations: Vec<Location>,
    directories: Vec<PathBuf>,
    symlinks: Symlinks,
}

/// The directory for the URIs that start with this path, which ends with a slash.
#[derive(Debug, Clone)]
struct Location {
    path: String,
    directory: PathBuf,
}

impl InternalFiles {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends files below `directory` if X-Accel-Redirect has a URI below `location`, a path that is not percent-encoded;
    /// the slashes at its ends may be omitted.
    ///
    /// As in nginx, the URI is decoded once, and a query is ignored. The longest location that matches is used.
    #[must_use]
    pub fn x_accel_redirect(mut self, location: impl AsRef<str>, directory: impl Into<PathBuf>) -> Self {
        let path = match location.as_ref().trim_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        };
        self.locations.push(Location { path, directory: directory.into() });
        self.locations.sort_by_key(|location| std::cmp::Reverse(location.path.len()));
        self
    }

    /// Sends files below `directory`, an absolute path, if X-Sendfile has the path of one.
    ///
    /// The path is decoded once, as in lighttpd and mod_xsendfile from 1.0 on: a `%` in a file's name is `%25`.
    #[must_use]
    pub fn x_sendfile(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directories.push(directory.into());
        self
    }

    /// Which symbolic links below the directories are followed. Default: those that lead to a path below the same
    /// directory.
    #[must_use]
    pub fn symlinks(mut self, followed: Symlinks) -> Self {
        self.symlinks = followed;
        self
    }

    /// The response with the file that the application's response names; `None` if it names none.
    pub(super) async fn response(
        &self,
        head: &HeaderMap,
        request: FileRequest,
        log: &RequestLog,
    ) -> Option<Response> {
        let (by, path) = self.named(head)?;
        let response = match self.find(by, path).await {
            Ok(file) => request.send(&file).await,
            Err(reason) => {
                let path = String::from_utf8_lossy(path);
                request_event!(
                    warn,
                    log,
                    header = %by.header(),
                    ?path,
                    reason,
                    "the application named a file that is not sent: answering 404"
                );
                StatusCode::NOT_FOUND.into_response()
            }
        };
        Some(by.keep(head, response))
    }

    /// The header that names a file, and its value.
    fn named<'a>(&self, head: &'a HeaderMap) -> Option<(NamedBy, &'a [u8])> {
        let redirect = (!self.locations.is_empty()).then_some(NamedBy::XAccelRedirect);
        let sendfile = (!self.directories.is_empty()).then_some(NamedBy::XSendfile);
        let mut known = [redirect, sendfile].into_iter().flatten();
        known.find_map(|by| Some((by, head.get(by.header())?.as_bytes())))
    }

    async fn find(&self, by: NamedBy, path: &[u8]) -> Result<PathBuf, &'static str> {
        let decode = |path| percent_decode(path).collect::<Vec<_>>();
        let (directory, file) = match by {
            NamedBy::XAccelRedirect => {
                self.redirect(&decode(path.split(|byte| *byte == b'?').next().unwrap_or_default()))?
            }
            NamedBy::XSendfile => self.sendfile(&decode(path))?,
        };
        let symlinks = self.symlinks;
        let checked = tokio::task::spawn_blocking(move || check(&directory, file, symlinks)).await;
        checked.unwrap_or(Err("looking it up failed"))
    }

    fn redirect(&self, uri: &[u8]) -> Result<(PathBuf, PathBuf), &'static str> {
        let below = self
            .locations
            .iter()
            .find_map(|location| Some((&location.directory, uri.strip_prefix(location.path.as_bytes())?)));
        let (directory, rest) = below.ok_or("its URI is not below a location")?;
        Ok((directory.clone(), join(directory, rest)?))
    }

    fn sendfile(&self, path: &[u8]) -> Result<(PathBuf, PathBuf), &'static str> {
        let below = self.directories.iter().filter_map(|directory| {
            let bytes = directory.as_os_str().as_encoded_bytes();
            let rest = path.strip_prefix(bytes)?;
            (bytes.ends_with(b"/") || rest.starts_with(b"/")).then_some((directory, rest))
        });
        let longest = below.max_by_key(|(directory, _)| directory.as_os_str().len());
        let (directory, rest) = longest.ok_or("its path is not below a directory")?;
        Ok((directory.clone(), join(directory, rest)?))
    }
}

/// Appends names to a directory. Repeated slashes are one, as in a file system.
fn join(directory: &Path, names: &[u8]) -> Result<PathBuf, &'static str> {
    let mut file = directory.to_owned();
    for name in names.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        if !is_plain_name(name) {
            return Err("its path leads elsewhere");
        }
        file.push(super::resolver::os_str(name).ok_or("its name is not UTF-8")?);
    }
    Ok(file)
}

/// Checks that a file exists, and that no link leads out of the directory.
fn check(directory: &Path, file: PathBuf, symlinks: Symlinks) -> Result<PathBuf, &'static str> {
    let missing = |_| "it does not exist, or cannot be read";
    let resolved = file.canonicalize().map_err(missing)?;
    let root = directory.canonicalize().map_err(missing)?;
    let is_allowed = match symlinks {
        Symlinks::Anywhere => true,
        Symlinks::WithinRoot => resolved.starts_with(&root),
        Symlinks::Never => file.strip_prefix(directory).is_ok_and(|names| resolved == root.join(names)),
    };
    match resolved.metadata() {
        _ if !is_allowed => Err("a symbolic link leads elsewhere"),
        Ok(metadata) if metadata.is_file() => Ok(file),
        _ => Err("it is not a regular file"),
    }
}

/// The parts of a client's request that a file's response depends on.
pub(super) struct FileRequest(axum::http::Request<()>);

impl FileRequest {
    pub(super) fn new(request: &Request) -> Self {
        let mut copy = axum::http::Request::new(());
        // As in nginx, also for a POST.
        *copy.method_mut() = if request.method() == Method::HEAD { Method::HEAD } else { Method::GET };
        for name in CONDITIONS {
            for value in request.headers().get_all(&name) {
                copy.headers_mut().append(name.clone(), value.clone());
            }
        }
        Self(copy)
    }

    async fn send(self, file: &Path) -> Response {
        let Ok(response) = ServeFile::new(file).call(self.0.map(|()| Body::empty())).await;
        response.map(Body::new)
    }
}

/// Ranges and conditional requests (RFC 9110 §13, §14).
const CONDITIONS: [HeaderName; 6] = [
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

#[cfg(all(test, unix))]
mod tests;
