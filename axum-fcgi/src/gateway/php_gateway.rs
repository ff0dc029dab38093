//! The gateway to PHP and its settings.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use tower_service::Service;

use super::resolver::{ScriptResolver, Symlinks};
use super::settings::{Files, Settings};
use super::shared_settings::shared_settings;

/// A tower service that runs PHP below a path of a [`Router`].
///
/// The Router is then PHP's web server. For other FastCGI applications, see [`FastCgiGateway`](crate::FastCgiGateway).
///
/// ```no_run
/// use std::net::SocketAddr;
/// use axum::{Router, routing::get};
/// use axum_fcgi::PhpGateway;
/// use axum_fcgi::tower_fcgi::client::{Config, Pool};
/// use tokio::net::{TcpListener, UnixStream};
///
/// # async fn run() -> std::io::Result<()> {
/// // As many connections as pm.max_children.
/// let fpm = Pool::new(16, Config::default(), || UnixStream::connect("/run/php/php-fpm.sock"));
/// let shop = PhpGateway::new(fpm, "/srv/shop").front_controller("/index.php");
/// let router = Router::new().route("/health", get(async || "ok")).nest_service("/shop", shop);
/// let listener = TcpListener::bind("0.0.0.0:80").await?;
/// // REMOTE_ADDR comes from ConnectInfo.
/// axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
/// # }
/// ```
///
/// Use it with `nest_service`, `fallback_service` or `route_service`. It sends requests to a
/// [`Pool`](tower_fcgi::client::Pool), or to any service around one, for example with limits of its own.
///
/// All mounts of one php-fpm should share one pool, each with a clone: a kept connection occupies a PHP process, idle or
/// not, so two pools can starve each other. If several programs share a php-fpm, set
/// [`keep_conn(false)`](tower_fcgi::client::Config::with_keep_conn) or a short
/// [`keep_alive_timeout`](tower_fcgi::client::Config::with_keep_alive_timeout).
///
/// # Which script
/// A path is looked up below the document root, a name at a time, up to the first that is not a directory.
///
/// | the path leads to | response |
/// | --- | --- |
/// | a regular file that ends in `.php`, in any case ([`script_extensions`](Self::script_extensions)) | from the script; the rest of the path is PATH_INFO |
/// | another file, and the path ends with it | from [`files`](Self::files), or 404 |
/// | another file, and the path goes on, as in `/upload.jpg/x.php` | 404 |
/// | a directory with an [`index`](Self::index) | from the index; 308 to the path with a slash, if it has none |
/// | nothing | from the [`front_controller`](Self::front_controller) or [`files`](Self::files), or 404 |
///
/// # Variables
/// Besides those that [`tower_fcgi::client`] makes from the request's head:
///
/// - SCRIPT_FILENAME, SCRIPT_NAME (with the path of the mount), PATH_INFO, PATH_TRANSLATED (if there is a PATH_INFO),
///   DOCUMENT_ROOT, DOCUMENT_URI, REDIRECT_STATUS;
/// - REQUEST_URI, in full, also below a nest;
/// - REMOTE_ADDR and REMOTE_PORT from [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo), if there is one;
/// - REQUEST_SCHEME and HTTPS: see [`https`](Self::https);
/// - [`env`](Self::env), which overrides those above;
/// - [`ExtraParams`] in the request's extensions, from a middleware (REMOTE_USER, for example), which override all others.
///
/// # Security
/// - **Only an existing regular file with a script's name is run**, and PATH_INFO starts after it. So a client cannot run
///   an upload by appending to its name. An upload *with* a script's name is run: keep uploads outside the root, or do not
///   allow such names, and leave PHP's `security.limit_extensions` as it is.
/// - **`.` and `..` in any spelling, NUL, and `%` without digits are a 400**; they are not resolved, because clients
///   resolve them. Names are decoded once. Only the usual spelling leads to a file: `//`, encoded slashes and backslashes,
///   and encoded letters, digits, `.`, `-` and `_` are a 404, or go to the front controller.
/// - **A route that guards a part of the mount does not guard a front controller**, which interprets REQUEST_URI itself.
///   Put authentication around the whole mount, or into the application.
/// - **Symbolic links** are followed within the root: see [`symlinks`](Self::symlinks). A user who can write to the root
///   can change a file between this check and the moment when PHP opens it.
/// - **Dotfiles** (`.git`, `.env`, `.htaccess`) are a 404, except in `/.well-known`: see
///   [`serve_dotfiles`](Self::serve_dotfiles).
/// - **The source of a script is never sent**: neither scripts nor rejected paths reach [`files`](Self::files). PHP's
///   include files with another extension are sent, if `files` is set and they are below the root.
/// - **Host is sent by the client**, and SERVER_NAME is made from it. If the application trusts it, set it with `env`.
///   HTTP_PROXY is never sent, nor are headers with an underscore in their names.
/// - **The reason of a failure** is logged, not sent to the client.
///
/// # Bodies
/// Bodies stream in both directions. A request body of unknown length (`Transfer-Encoding: chunked`, or HTTP/2 without a
/// Content-Length) is buffered first, because PHP reads CONTENT_LENGTH bytes. See
/// [`buffer_unsized_bodies`](Self::buffer_unsized_bodies).
///
/// # Headers for the web server
/// The client never gets `X-Accel-Redirect` and the other `X-Accel-` headers of a script, as in nginx. A file that
/// X-Accel-Redirect or X-Sendfile names is sent if [`internal_files`](Self::internal_files) allows it. The limits of
/// X-Accel-Limit-Rate, X-Accel-Charset and X-Accel-Expires have no effect.
///
/// # Failures
/// | status | reason |
/// | --- | --- |
/// | 503 | no connection was free [in time](tower_fcgi::client::Pool::with_acquire_timeout), or the application reports that it is overloaded |
/// | 504 | connecting timed out, or the application was not ready or sent no head in time: [`header_timeout`](Self::header_timeout) |
/// | 502 | any other failure of the application |
/// | 400, 413 | the client's body failed, or was too long |
///
/// Each request waits for the application's service to be ready, on a clone that is dropped right after the call. Requests
/// that do not reach the application do not wait. An error of `poll_ready` counts as one of the call.
///
/// A response that fails after its head ends with an error of its body, so that the client sees an incomplete response.
///
/// # Blocking
/// Files are looked up on the thread that polls: one `lstat` for each name of the path, which takes about a microsecond
/// on a local file system.
#[derive(Clone)]
pub struct PhpGateway<S> {
    pub(super) application: S,
    pub(super) files: Arc<Files>,
    pub(super) settings: Arc<Settings>,
}

impl<S> PhpGateway<S> {
    /// Runs the scripts below a directory. A relative path is resolved against the current directory.
    ///
    /// # Panics
    /// If the path is empty, or is relative and there is no current directory.
    #[track_caller]
    pub fn new(application: S, document_root: impl AsRef<Path>) -> Self {
        let root = match std::path::absolute(document_root.as_ref()) {
            Ok(root) => root,
            Err(error) => panic!("invalid document root {:?}: {error}", document_root.as_ref()),
        };
        let remote_root = without_trailing_slash(&root);
        let resolver = ScriptResolver {
            root,
            extensions: vec![".php".to_owned()],
            index: vec!["index.php".to_owned()],
            front_controller: None,
            serve_dotfiles: false,
            symlinks: Symlinks::default(),
        };
        let files = Files { resolver, remote_root, static_files: None };
        let settings = Settings { buffer_unsized_bodies: Some(8 * 1024 * 1024), ..Settings::default() };
        Self { application, files: Arc::new(files), settings: Arc::new(settings) }
    }

    /// The extensions of scripts. Default: `.php`.
    ///
    /// ASCII letters match in any case: on a file system that ignores case, `x.PHP` would otherwise be sent as text.
    #[must_use]
    pub fn script_extensions<E: Into<String>>(self, extensions: impl IntoIterator<Item = E>) -> Self {
        let extensions = extensions.into_iter().map(Into::into).collect();
        self.update_resolver(|resolver| resolver.extensions = extensions)
    }

    /// The index files of a directory; the first that exists is used. Default: `index.php`.
    #[must_use]
    pub fn index<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        self.update_resolver(|resolver| resolver.index = names)
    }

    /// The script that gets all requests for paths that do not exist, without PATH_INFO. Default: none.
    ///
    /// `path` is below the root and starts with a slash.
    #[must_use]
    pub fn front_controller(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.update_resolver(|resolver| resolver.front_controller = Some(path))
    }

    /// Whether files and directories whose names start with a dot are served. Default: no.
    #[must_use]
    pub fn serve_dotfiles(self, serve: bool) -> Self {
        self.update_resolver(|resolver| resolver.serve_dotfiles = serve)
    }

    /// Which symbolic links below the root are followed. Default: those that lead to a path below the root.
    ///
    /// The root itself may always be a link.
    #[must_use]
    pub fn symlinks(self, followed: Symlinks) -> Self {
        self.update_resolver(|resolver| resolver.symlinks = followed)
    }

    /// The document root in the application's file system, if it differs: in a container or a chroot. Default: the same.
    #[must_use]
    pub fn remote_root(mut self, root: impl Into<PathBuf>) -> Self {
        Arc::make_mut(&mut self.files).remote_root = without_trailing_slash(&root.into());
        self
    }

    /// The service for files that are not scripts, such as tower-http's `ServeDir` of the same root. Default: 404.
    ///
    /// Without a front controller, it also gets the requests for paths that do not exist.
    #[must_use]
    pub fn files<F>(mut self, service: F) -> Self
    where
        F: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        F::Response: IntoResponse,
        F::Future: Send + 'static,
    {
        Arc::make_mut(&mut self.files).static_files = Some(Router::new().fallback_service(service));
        self
    }

    /// The limit in bytes for buffering request bodies of unknown length; a longer one is a 413. Default: 8 MiB.
    ///
    /// `None` passes them on as they arrive, without CONTENT_LENGTH. 8 MiB is PHP's own limit for a form.
    #[must_use]
    pub fn buffer_unsized_bodies(self, limit: impl Into<Option<usize>>) -> Self {
        let limit = limit.into();
        self.update(|settings| settings.buffer_unsized_bodies = limit)
    }

    shared_settings!();

    fn update_resolver(mut self, change: impl FnOnce(&mut ScriptResolver)) -> Self {
        change(&mut Arc::make_mut(&mut self.files).resolver);
        self
    }
}

/// The bytes of a path. Names that start with a slash are appended to it.
fn without_trailing_slash(path: &Path) -> Vec<u8> {
    let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
    while bytes.ends_with(b"/") {
        bytes.pop();
    }
    bytes
}

impl<S> fmt::Debug for PhpGateway<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhpGateway")
            .field("files", &self.files)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
