//! The mount and its options.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::Scheme;
use axum::response::IntoResponse;
use tower_fcgi::client::ExtraParams;
use tower_service::Service;

use super::resolver::{ScriptResolver, Symlinks};
use super::settings::{Files, Settings};

/// PHP, or any other FastCGI application, below a path of a [`Router`]: a tower service that makes the Router its web
/// server.
///
/// ```no_run
/// use std::net::SocketAddr;
/// use axum::{Router, routing::get};
/// use axum_fcgi::FastCgi;
/// use axum_fcgi::tower_fcgi::client::{Config, Pool};
/// use tokio::net::{TcpListener, UnixStream};
///
/// # async fn run() -> std::io::Result<()> {
/// // As many connections as pm.max_children.
/// let fpm = Pool::new(16, Config::default(), || UnixStream::connect("/run/php/php-fpm.sock"));
/// let shop = FastCgi::new(fpm, "/srv/shop").front_controller("/index.php");
/// let router = Router::new().route("/health", get(async || "ok")).nest_service("/shop", shop);
/// let listener = TcpListener::bind("0.0.0.0:80").await?;
/// // ConnectInfo is what REMOTE_ADDR is made of.
/// axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
/// # }
/// ```
///
/// It is for `nest_service`, `fallback_service` and `route_service`. What it sends requests to is a
/// [`Pool`](tower_fcgi::client::Pool), or any service over one, with limits of its own for example.
///
/// Every mount of one php-fpm should have a clone of one pool: a connection that is kept takes a process of PHP, idle or not,
/// so that two pools may starve each other. Where several programs share a php-fpm, have
/// [`keep_conn(false)`](tower_fcgi::client::Config::with_keep_conn), or a short
/// [`idle_timeout`](tower_fcgi::client::Config::with_keep_alive_timeout).
///
/// # Which script
/// A path is looked up below the document root, a name at a time, up to the first that is no directory.
///
/// | that is | the answer is |
/// | --- | --- |
/// | a regular file that ends in `.php`, in capitals or not ([`split_path`](Self::script_extensions)) | the script's; what is behind its name is PATH_INFO |
/// | another file, and the path ends with it | that of [`files`](Self::files), or 404 |
/// | another file, and the path goes on, as in `/upload.jpg/x.php` | 404 |
/// | a directory with an [`index`](Self::index) | that file's; a 308 to the path with a slash where it has none |
/// | not there | the [`front_controller`](Self::front_controller)'s, that of [`files`](Self::files), or 404 |
///
/// # Variables
/// Beside those that [`tower_fcgi::client`] makes of a request's head: SCRIPT_FILENAME, SCRIPT_NAME (with the path of the
/// mount), PATH_INFO, PATH_TRANSLATED where there is a PATH_INFO, DOCUMENT_ROOT, DOCUMENT_URI, REDIRECT_STATUS; REQUEST_URI, the whole
/// of it, below a nest too; REMOTE_ADDR and REMOTE_PORT of [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo), if there is one;
/// REQUEST_SCHEME and HTTPS, as [`https`](Self::https) says; [`env`](Self::env); and the
/// [`ExtraParams`] that a middleware has put into the request's extensions, REMOTE_USER for example, which win.
///
/// # Security
/// - **What is run is a file that there is**, a regular one with a script's name, and PATH_INFO begins behind it. An upload
///   is never run by what a client puts behind its name. An upload *with* a script's name is: keep uploads out of the
///   root, or where no script may have its name, and leave PHP's `security.limit_extensions` as it is.
/// - **`.` and `..`, in any spelling, NUL, and `%` without digits are a 400**, rather than resolved: clients resolve them before
///   they ask. Names are decoded once. No name but a plain one leads to a file: `//`, encoded slashes and
///   backslashes, and encoded letters, digits, `.`, `-` and `_` are a 404, or the front controller's.
/// - **Routes that guard a part of the mount do not guard a front controller**, which reads REQUEST_URI as it likes. Put
///   authentication around the whole mount, or into the application.
/// - **Symbolic links** are followed within the root: [`symlinks`](Self::symlinks). Between the look and PHP's own opening
///   of the file, who can write to the root can change it.
/// - **Hidden files** (`.git`, `.env`, `.htaccess`) are a 404, save those in `/.well-known`: [`hidden_files`](Self::serve_dotfiles).
/// - **A script is never sent as text**: neither it nor what was refused gets to [`files`](Self::files). Files
///   that PHP includes and that are not called `.php` are sent, if there is such a service and they are below the root.
/// - **Host is the client's word**, and so is SERVER_NAME, which is made of it. An application that trusts it wants an `env` of
///   that name. HTTP_PROXY is never sent, nor are headers with an underscore in their names.
/// - **Why there is no answer** is logged, and not told to the client.
///
/// # Bodies
/// stream both ways. One of unknown length (`Transfer-Encoding: chunked`, or HTTP/2 without a Content-Length) is
/// collected first: PHP reads as many bytes as CONTENT_LENGTH says. See [`collect`](Self::buffer_unsized_bodies).
///
/// # No answer
/// | | |
/// | --- | --- |
/// | 503 | no connection was free [in time](tower_fcgi::client::Pool::with_acquire_timeout), or the application says it is overloaded |
/// | 504 | no connection was made in time, the application's service was not ready in time, or there was no head in time: [`head_timeout`](Self::header_timeout) |
/// | 502 | anything else that is the application's doing |
/// | 400, 413 | the client's body failed, or was too long |
///
/// The application's service is asked whether it is ready for a request of its own: on a clone, which is dropped right after
/// the call. What is answered without the application waits for nothing. An error of `poll_ready` is as one of the call.
///
/// Once its head is there, an answer that is not whole ends in an error of its body, and so in a connection that is cut off.
///
/// # Files are looked at
/// on the thread that polls: one `lstat` for each name of the path, which takes a microsecond where the file system is local.
#[derive(Clone)]
pub struct FastCgi<S> {
    pub(super) application: S,
    pub(super) settings: Arc<Settings>,
}

impl<S> FastCgi<S> {
    /// The scripts below this directory. A relative one is below the current directory.
    ///
    /// # Panics
    /// Where the path is empty, or is relative and there is no current directory.
    #[track_caller]
    pub fn new(application: S, document_root: impl AsRef<Path>) -> Self {
        let root = match std::path::absolute(document_root.as_ref()) {
            Ok(root) => root,
            Err(error) => panic!("the document root {:?}: {error}", document_root.as_ref()),
        };
        let seen_as = bytes(&root);
        let site = ScriptResolver {
            root,
            extensions: vec![".php".to_owned()],
            index: vec!["index.php".to_owned()],
            front_controller: None,
            hidden_files: false,
            symlinks: Symlinks::default(),
        };
        let files = Files { site, seen_as, others: None };
        Self::with(application, Some(files), Some(8 * 1024 * 1024))
    }

    /// An application that has all paths below the mount, and no files: SCRIPT_NAME is the path of the mount, PATH_INFO
    /// what is below it, decoded. Its bodies are not [collected](Self::buffer_unsized_bodies).
    pub fn application(application: S) -> Self {
        Self::with(application, None, None)
    }

    fn with(application: S, files: Option<Files>, collect: Option<usize>) -> Self {
        let settings = Settings {
            files,
            env: ExtraParams::default(),
            scheme: None,
            collect,
            head_timeout: Some(Duration::from_secs(60)),
            timeout: None,
            local_redirects: 0,
        };
        Self { application, settings: Arc::new(settings) }
    }

    /// How the names of scripts end. Letters of ASCII are the same in capitals: a file system may think so too, and would
    /// then have `x.PHP` sent as text. Default: `.php`.
    #[must_use]
    pub fn script_extensions<E: Into<String>>(self, extensions: impl IntoIterator<Item = E>) -> Self {
        let extensions = extensions.into_iter().map(Into::into).collect();
        self.site(|site| site.extensions = extensions)
    }

    /// Names of files that stand for their directory, of which the first that is there does. Default: `index.php`.
    #[must_use]
    pub fn index<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        self.site(|site| site.index = names)
    }

    /// A script that has all requests for what is not there, without PATH_INFO: its path below the root, with a slash at its
    /// front. Default: none.
    #[must_use]
    pub fn front_controller(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.site(|site| site.front_controller = Some(path))
    }

    /// Whether what begins with a dot is a file as others are. Default: no.
    #[must_use]
    pub fn serve_dotfiles(self, are_files: bool) -> Self {
        self.site(|site| site.hidden_files = are_files)
    }

    /// Which symbolic links below the root are followed. The root itself may be reached by one in any case. Default: those
    /// that lead to what is below it.
    #[must_use]
    pub fn symlinks(self, followed: Symlinks) -> Self {
        self.site(|site| site.symlinks = followed)
    }

    /// The document root as the application knows it, where that is another: in a container, in a chroot.
    #[must_use]
    pub fn remote_root(mut self, root: impl Into<PathBuf>) -> Self {
        if let Some(files) = &mut Arc::make_mut(&mut self.settings).files {
            files.seen_as = bytes(&root.into());
        }
        self
    }

    /// What answers for files that are no scripts, and, where there is no front controller, for what is not there: tower-http's
    /// `ServeDir` of the same root, for example. Default: they are a 404.
    #[must_use]
    pub fn files<F>(mut self, service: F) -> Self
    where
        F: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        F::Response: IntoResponse,
        F::Future: Send + 'static,
    {
        if let Some(files) = &mut Arc::make_mut(&mut self.settings).files {
            files.others = Some(Router::new().fallback_service(service));
        }
        self
    }

    /// A meta-variable for every request, also in the place of one that there is.
    #[must_use]
    pub fn env(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        self.set(|settings| {
            let before = settings.env.0.iter().filter(|(other, _)| *other != name);
            settings.env = ExtraParams(before.chain([(name, value)]).collect());
        })
    }

    /// Whether clients come by HTTPS. Default: what a web server before this one says, where the Router is served over
    /// FastCGI, and no otherwise: no header tells, nor does the scheme that a client of HTTP/2 names.
    #[must_use]
    pub fn https(self, https: bool) -> Self {
        self.set(|settings| settings.scheme = Some(if https { Scheme::HTTPS } else { Scheme::HTTP }))
    }

    /// Bytes that a body of unknown length may have, which is then collected in memory; a longer one is a 413. `None`: it
    /// is sent as it comes, without CONTENT_LENGTH. Default: 8 MiB, PHP's own limit for a form; `None` for an
    /// [`application`](Self::application).
    #[must_use]
    pub fn buffer_unsized_bodies(self, limit: impl Into<Option<usize>>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.collect = limit)
    }

    /// How long the head of an answer may take, from when the request is there: waiting for the application's service to
    /// be ready, waiting for a connection, and sending the request's body are a part of it. Default: 60 s.
    #[must_use]
    pub fn header_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.head_timeout = limit)
    }

    /// How long an answer may take as a whole; one that takes longer is cut off. Default: without limit.
    #[must_use]
    pub fn timeout(self, limit: impl Into<Option<Duration>>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.timeout = limit)
    }

    /// How many [local redirects](tower_fcgi::client::LocalRedirect) are followed for one request, where they lead to what
    /// is below the mount: each is another request of the same head, but with GET and without a body. Default:
    /// none, since PHP sends none; the client sees a 302.
    #[must_use]
    pub fn local_redirects(self, most: u8) -> Self {
        self.set(|settings| settings.local_redirects = most)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// An application without files has nothing to change.
    fn site(self, change: impl FnOnce(&mut ScriptResolver)) -> Self {
        self.set(|settings| {
            if let Some(files) = &mut settings.files {
                change(&mut files.site);
            }
        })
    }
}

/// Without a slash at the end, since names are put behind it that have one at their front.
fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
    while bytes.ends_with(b"/") {
        bytes.pop();
    }
    bytes
}

impl<S> fmt::Debug for FastCgi<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastCgi").field("settings", &self.settings).finish_non_exhaustive()
    }
}
