//! The gateway to PHP and its settings.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use tower_service::Service;

use super::path_rules::PathRules;
use super::resolver::{OtherFiles, ScriptResolver, Symlinks};
use super::root_directory::RootDirectory;
use super::segment::encode;
use super::settings::{ApplicationRoot, Files, Settings};
use super::shared_settings::shared_settings;
use super::spool::Buffering;

/// A tower service that runs PHP below a path of a [`Router`].
///
/// The Router is then PHP's web server. For other FastCGI applications, see [`FastCgiGateway`](crate::FastCgiGateway).
///
/// ```no_run
/// use axum::{Router, routing::get, serve::ListenerExt as _};
/// use axum_fcgi::{ConnectionAddrs, DeferEof, PhpGateway};
/// use axum_fcgi::tower_fcgi::client::Pool;
/// use tokio::net::{TcpListener, UnixStream};
///
/// # async fn run() -> std::io::Result<()> {
/// // As many connections as pm.max_children.
/// let fpm = Pool::builder(|| UnixStream::connect("/run/php/php-fpm.sock")).max_size(16).build();
/// let shop = PhpGateway::new(fpm, "/srv/shop").front_controller("/index.php");
/// let router = Router::new().route("/health", get(async || "ok")).nest_service("/shop", shop);
/// // PHP sends a page in several parts. With Nagle's algorithm, each may wait 40 ms for the client's acknowledgement.
/// let listener = TcpListener::bind("0.0.0.0:80").await?.tap_io(|tcp| drop(tcp.set_nodelay(true)));
/// // REMOTE_ADDR and SERVER_ADDR come from ConnectInfo.
/// let router = router.into_make_service_with_connect_info::<ConnectionAddrs>();
/// // A request also runs if its client leaves right after it.
/// axum::serve(DeferEof::new(listener), router).await
/// # }
/// ```
///
/// Use it with `nest_service`, `fallback_service` or `route_service`. It sends requests to a
/// [`Pool`](tower_fcgi::client::Pool), or to any service around one, for example with limits of its own.
///
/// [`Address::connect`](crate::Address::connect) connects to a unix socket with fewer system calls than `UnixStream::connect`.
///
/// All mounts of one php-fpm should share one pool, each with a clone, so that the pool limits the connections of all of them.
/// Do not [keep connections](tower_fcgi::client::Config::with_keep_conn) to php-fpm: each occupies a worker, idle or not. If you do, over
/// a unix socket, [`with_early_ready_check`](tower_fcgi::client::Config::with_early_ready_check) saves a wait for each request
/// that takes a kept one. Several php-fpm with the same site can share the requests: see [`Balance`](tower_fcgi::client::Balance).
///
/// # Which script
/// A path is looked up below the document root, a name at a time, up to the first that is not a directory. The root is
/// resolved once for each request, so it may be a link to the current release: see [`resolve_root`](Self::resolve_root).
///
/// | the path leads to | response |
/// | --- | --- |
/// | a regular file that ends in `.php`, in any case ([`script_extensions`]) | from the script; the rest of the path is PATH_INFO |
/// | another file, with nothing after its name | from the service in [`files`](Self::files); 404 without one |
/// | another file, and the path goes on, as in `/upload.jpg/x.php` | 404 |
/// | a directory with an [`index`](Self::index) | from the index, or from `files` if that is not a script; 308 to the path with a slash |
/// | a directory without an index, or nothing | from the [`front_controller`] or [`files`](Self::files), or 404 |
///
/// [`front_controller`]: Self::front_controller
/// [`script_extensions`]: Self::script_extensions
///
/// The methods TRACE and CONNECT are a 405. If the document root cannot be read, every response is a 500.
///
/// # Variables
/// Besides those that [`tower_fcgi::client`] makes from the request's head:
///
/// - SCRIPT_FILENAME, SCRIPT_NAME (with the path of the mount), PATH_INFO, PATH_TRANSLATED (if there is a PATH_INFO),
///   DOCUMENT_ROOT, DOCUMENT_URI, REDIRECT_STATUS;
/// - REQUEST_URI, in full, also below a nest;
/// - REMOTE_ADDR and REMOTE_PORT from [`ConnectInfo`](axum::extract::ConnectInfo) of a `SocketAddr` or of
///   [`ConnectionAddrs`](crate::ConnectionAddrs), if there is one, or from [trusted proxies](Self::trusted_proxies);
/// - REQUEST_SCHEME and HTTPS: see [`https`](Self::https);
/// - SERVER_ADDR and SERVER_PORT from [`ConnectionAddrs`](crate::ConnectionAddrs); without it there is no SERVER_ADDR, and
///   SERVER_PORT is the one in Host. SERVER_NAME is the name in Host, where nginx sends its `server_name`: set it with
///   `env`. If the Router is served over FastCGI, the three are those of the web server in front;
/// - [`env`](Self::env), which overrides those above;
/// - [`ExtraParams`](tower_fcgi::client::ExtraParams) in the request's extensions, from a middleware (REMOTE_USER, for
///   example), which override all others.
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
///   [`serve_dotfiles`](Self::serve_dotfiles). [`deny`](Self::deny) adds other paths, and
///   [`deny_scripts`](Self::deny_scripts) directories whose scripts are not run, such as those of uploads.
/// - **The source of a script is never sent**: neither scripts nor rejected paths reach [`files`](Self::files), nor files
///   that have the source of one by their names (`x.phtml`, `x.php~`): see [`serve_sources`](Self::serve_sources). PHP's
///   include files with another extension (`x.inc`) are sent, if `files` is set and they are below the root.
/// - **A refusal is logged** as a warning with its reason, if the file exists: at most 20 in 10 seconds. So is a file that only
///   another spelling of its path names, or for which there is no `files`.
/// - **[`files`](Self::files) opens what was checked**: it gets the path of a directory's index, and not of the directory. What
///   `ServeDir` appends by itself (`index.html`, and `.html` if configured) is checked as well. Its precompressed files
///   (`x.css.gz`) are not.
/// - **A client removes no header** by naming it in `Connection`, as in nginx: a proxy in front may have set it.
/// - **Host is sent by the client**, and SERVER_NAME is made from it. If the application trusts it, set it with `env`. Two
///   Host headers, or one that cannot be part of a URL, are a 400.
///   HTTP_PROXY is never sent, nor are headers with an underscore in their names.
/// - **The reason of a failure** is logged, not sent to the client.
///
/// # Bodies
/// A request's body is collected before a PHP process is taken, so that a slow client does not hold one; a body of unknown
/// length (`Transfer-Encoding: chunked`, or HTTP/2 without a Content-Length) gets its CONTENT_LENGTH. A response is passed on as
/// it arrives; what the client does not read yet is kept, so that the process is free. [`Buffering`] has the sizes, the
/// directory for temporary files, and limits; [`buffering`](Self::buffering) sets it.
///
/// # Clients that leave
/// As with nginx, a request runs if it has arrived completely and has a connection to the application. One whose body is
/// incomplete, that waits in the [`Pool`](tower_fcgi::client::Pool#waiting), or that is for [`files`](Self::files), is dropped.
/// hyper also drops a small request, before it reaches the gateway, if its client closes right after sending it: with
/// [`DeferEof`](crate::DeferEof) it runs.
///
/// A script ends at its first output a [second](tower_fcgi::client::Config::with_abort_timeout) or more after its client has
/// left, unless it calls `ignore_user_abort`. With
/// [`Config::with_finish_abandoned`](tower_fcgi::client::Config::with_finish_abandoned) of the pool it runs to its end, as
/// with nginx's `fastcgi_ignore_client_abort on`.
///
/// # Headers for the web server
/// The client never gets `X-Accel-Redirect` and the other `X-Accel-` headers of a script, as in nginx. A file that
/// X-Accel-Redirect or X-Sendfile names is sent if [`internal_files`](Self::internal_files) allows it. The limits of
/// X-Accel-Limit-Rate, X-Accel-Charset and X-Accel-Expires have no effect.
///
/// # Failures
/// | status | reason |
/// | --- | --- |
/// | 503 | the [temporary files](Buffering) of all requests are at their limit, no connection was free [in time][acquire], or the application is overloaded |
/// | 504 | connecting timed out, or the application sent no head in time: [`header_timeout`](Self::header_timeout) |
/// | 502 | any other failure of the application |
/// | 500 | a temporary file failed, for example because the disk is full |
/// | 400 | the client's body failed, or did not have its Content-Length |
/// | 408 | the client's body [stalled](Buffering::with_body_read_timeout), was [too slow](Buffering::with_min_body_rate), or took [too long](Buffering::with_body_timeout) |
/// | 413 | the client's body is [larger](Buffering::with_max_body) than 512 MiB, by default |
/// | 414, 431, 501 | the target, a header or the method is [too long][param] for FastCGI: more than some 65,000 bytes |
///
/// [param]: tower_fcgi::client::Error::too_long_param
/// [acquire]: tower_fcgi::client::PoolBuilder::acquire_timeout
///
/// Each request waits for the application's service to be ready, on a clone that is dropped right after the call. Requests
/// that do not reach the application do not wait. An error of `poll_ready` counts as one of the call.
///
/// If a request is refused before its body was read, the rest of the body is read and dropped, for at most 30 s and until the
/// client sends nothing for 5 s: nginx's `lingering_time` and `lingering_timeout`. Otherwise hyper would close the connection at
/// once, and a client that still sends would see a reset instead of the response. Not after a 408.
///
/// A response that fails after its head ends with an error of its body, so that the client sees an incomplete response.
///
/// # Differences from nginx
/// The test `beside_nginx` sends some 600 requests to the gateway and to nginx with its recommended configuration, and has
/// a table of all differences with their reasons. A site that moves may notice these:
///
/// - `.` and `..` are a 400, and unusual spellings of a path lead to no file; nginx resolves and decodes them.
/// - Hidden and other refused files are a 404, not a 403. So is a directory without an index.
/// - The front controller also gets paths of scripts that do not exist, and a script in front of PATH_INFO is found.
/// - The redirect to a directory is a 308 to a relative path, which keeps a POST; nginx's is a 301 to a whole URL.
/// - Copies of scripts (`x.php~`) are a 404; nginx sends them.
/// - SERVER_NAME is the host that the client named, not a configured name: set it with [`env`](Self::env).
/// - REMOTE_USER is not taken from an unchecked Authorization header. Headers of the client's connection (`Connection`,
///   `Upgrade`, `TE`; not those that `Connection` names) are not sent, nor are empty variables (CONTENT_TYPE and
///   CONTENT_LENGTH without a body).
/// - Repeated headers are joined; nginx before 1.23 sends each, of which PHP keeps the last.
/// - Heads of requests may have 100 headers (431), heads of responses 64 KB; nginx limits their bytes to less.
/// - [`read_timeout`](Self::read_timeout) is `fastcgi_read_timeout` within a response; up to its head,
///   [`header_timeout`](Self::header_timeout) counts.
/// - A script's impossible status is a 502, and a header that HTTP cannot carry is dropped. Errors of the gateway have no body.
///
/// # Blocking
/// Files are looked up on the thread that polls: two `stat` of the document root, and one `lstat` for each name of the
/// path. Each takes about a microsecond on a local file system. Temporary files are read and written on the runtime's threads
/// for blocking work.
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
        let resolver = ScriptResolver {
            root: Arc::new(RootDirectory::new(root)),
            extensions: vec![".php".to_owned()],
            index: vec!["index.php".to_owned()],
            front_controller: None,
            serve_dotfiles: false,
            serve_sources: false,
            symlinks: Symlinks::default(),
            other_files: OtherFiles::Refused,
            denied: PathRules::default(),
            scripts_denied: PathRules::default(),
            log: Arc::default(),
        };
        let files = Files { resolver, application_root: ApplicationRoot::Resolved, static_files: None };
        let settings = Settings { buffering: Some(Buffering::default()), ..Settings::default() };
        Self { application, files: Arc::new(files), settings: Arc::new(settings) }
    }

    /// The extensions of scripts, with or without the dot. Default: `.php`.
    ///
    /// ASCII letters match in any case: on a file system that ignores case, `x.PHP` would otherwise be sent as text.
    ///
    /// # Panics
    /// If an extension is empty, or contains a slash: each file would be a script, or none.
    #[must_use]
    #[track_caller]
    pub fn script_extensions<E: Into<String>>(self, extensions: impl IntoIterator<Item = E>) -> Self {
        let mut with_dots = Vec::new();
        for extension in extensions {
            let extension = extension.into();
            let name = extension.strip_prefix('.').unwrap_or(&extension);
            assert!(!name.is_empty() && !name.contains('/'), "invalid extension of scripts: {extension:?}");
            with_dots.push(format!(".{name}"));
        }
        self.update_resolver(|resolver| resolver.extensions = with_dots)
    }

    /// The names of a directory's index; the first that exists is used. Default: `index.php`.
    ///
    /// If that is not a script, [`files`](Self::files) is asked for it by its own path.
    ///
    /// # Panics
    /// If a name is not that of a file below the directory: empty, `..`, or with a slash before it.
    #[must_use]
    #[track_caller]
    pub fn index<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let mut encoded = Vec::new();
        for name in names {
            let name = name.into();
            encoded.push(encode(&name).unwrap_or_else(|| panic!("invalid index of directories: {name:?}")));
        }
        self.update_resolver(|resolver| resolver.index = encoded)
    }

    /// The script that gets all requests for paths that do not exist, without PATH_INFO. Default: none.
    ///
    /// `path` is below the root; it is not percent-encoded, and the slash before it may be omitted.
    ///
    /// # Panics
    /// If it is not the path of a file: empty, with `..`, or with two slashes in a row.
    #[must_use]
    #[track_caller]
    pub fn front_controller(self, path: impl Into<String>) -> Self {
        let path = path.into();
        let Some(encoded) = encode(path.strip_prefix('/').unwrap_or(&path)) else {
            panic!("invalid front controller: {path:?}")
        };
        self.update_resolver(|resolver| resolver.front_controller = Some(format!("/{encoded}")))
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
    ///
    /// The gateway looks for files in its own document root, and the application gets their names below this one. No link
    /// is resolved there. It replaces what [`resolve_root`](Self::resolve_root) has set, and the reverse.
    #[must_use]
    pub fn remote_root(self, root: impl AsRef<Path>) -> Self {
        self.update_files(|files| files.application_root = ApplicationRoot::fixed(root.as_ref()))
    }

    /// Whether SCRIPT_FILENAME, DOCUMENT_ROOT and PATH_TRANSLATED begin with the document root without symbolic links, as
    /// with nginx's `$realpath_root`. Default: yes.
    ///
    /// Each request resolves the root once. So if a link to the current release is replaced (`rename` it, so that it always
    /// exists), a request runs entirely in the old or the new one, and PHP's caches, whose keys are paths, keep the two
    /// apart. Links *below* the root stay as they are.
    ///
    /// With `false` the variables begin with the root as it was given. PHP then resolves the link itself, perhaps at
    /// another time, and caches the result (`realpath_cache_ttl`, `opcache.revalidate_path`).
    #[must_use]
    pub fn resolve_root(self, resolve: bool) -> Self {
        self.update_files(|files| {
            files.application_root = if resolve {
                ApplicationRoot::Resolved
            } else {
                ApplicationRoot::fixed(files.resolver.root.path())
            };
        })
    }

    /// Paths that are a 404, whether they exist or not. Adds to those of earlier calls. Default: none.
    ///
    /// ```
    /// # use axum_fcgi::PhpGateway;
    /// # fn deny<S>(php: PhpGateway<S>) -> PhpGateway<S> {
    /// php.deny(["composer.*", "*.sql", "/wp-config.php", "/storage/logs"])
    /// # }
    /// ```
    ///
    /// A pattern without a slash is a name of a file or directory, anywhere. One with a slash is a path from the document
    /// root. Either also denies what is below a directory. `*` stands for any bytes within a name, and nothing else is
    /// special. Patterns are compared with the decoded path of the request, not with the targets of symbolic links, and
    /// not with PATH_INFO.
    ///
    /// Letters match in any case, and characters without a shape (a soft hyphen) are ignored, because some file systems do
    /// so. An accented letter can be one character or two: some file systems take both for the same name, and patterns do
    /// not. There, deny such names with a `*` in the letter's place.
    ///
    /// A front controller does not get these paths. The status is 404, and not nginx's 403 for `deny all`, so that a client
    /// cannot tell whether such a file exists.
    ///
    /// # Panics
    /// If a pattern has no name: `""` and `"/"`.
    #[must_use]
    #[track_caller]
    pub fn deny<P: AsRef<str>>(mut self, patterns: impl IntoIterator<Item = P>) -> Self {
        let denied = &mut Arc::make_mut(&mut self.files).resolver.denied;
        for pattern in patterns {
            denied.add(pattern.as_ref());
        }
        self
    }

    /// Directories whose scripts are a 404, such as those of uploads. Adds to those of earlier calls. Default: none.
    ///
    /// ```
    /// # use axum_fcgi::PhpGateway;
    /// # fn deny_scripts<S>(php: PhpGateway<S>) -> PhpGateway<S> {
    /// php.deny_scripts(["/wp-content/uploads", "cache"])
    /// # }
    /// ```
    ///
    /// The patterns are those of [`deny`](Self::deny). Other files there are served as usual. The source of the scripts is
    /// not sent.
    ///
    /// # Panics
    /// If a pattern has no name: `""` and `"/"`.
    #[must_use]
    #[track_caller]
    pub fn deny_scripts<P: AsRef<str>>(mut self, directories: impl IntoIterator<Item = P>) -> Self {
        let denied = &mut Arc::make_mut(&mut self.files).resolver.scripts_denied;
        for pattern in directories {
            denied.add(pattern.as_ref());
        }
        self
    }

    /// Whether [`files`](Self::files) serves files that have the source of scripts, by their names. Default: no, they are
    /// a 404.
    ///
    /// Such names are `x.phtml`, `x.pht`, `x.phps`, `x.phar`, `x.php5` and other digits, and those of copies: a script's
    /// name with `~`, a number, or an extension such as `.bak`, `.old`, `_orig`, `.swp`, `.dist`, `.zip` after it. To *run*
    /// one of these extensions, see [`script_extensions`](Self::script_extensions).
    #[must_use]
    pub fn serve_sources(self, serve: bool) -> Self {
        self.update_resolver(|resolver| resolver.serve_sources = serve)
    }

    /// The service for files that are not scripts, such as tower-http's `ServeDir` of the same root. Default: 404.
    ///
    /// It gets requests for files that exist, and for a directory's [`index`](Self::index) by its own path. Without a front
    /// controller, it also gets the requests for paths that do not exist, unless they end with the name of a script.
    ///
    /// The checks are those of the path. A service that opens another file for it, such as `ServeDir::precompressed_gzip`,
    /// must not have files there that are denied, or links that lead elsewhere.
    #[must_use]
    pub fn files<F>(self, service: F) -> Self
    where
        F: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        F::Response: IntoResponse,
        F::Future: Send + 'static,
    {
        self.update_files(|files| {
            files.static_files = Some(Router::new().fallback_service(service));
            files.resolver.other_files = OtherFiles::Served;
        })
    }

    /// How bodies are buffered, so that slow clients do not hold PHP's processes. Default: [`Buffering::default`].
    ///
    /// `None`: bodies stream in both directions, and PHP gets no body of unknown length, because it reads CONTENT_LENGTH bytes.
    /// [`RequestBuffering::UnknownLength`](crate::RequestBuffering::UnknownLength) streams only the others.
    #[must_use]
    pub fn buffering(self, buffering: impl Into<Option<Buffering>>) -> Self {
        let buffering = buffering.into();
        self.update(|settings| settings.buffering = buffering)
    }

    shared_settings!();

    fn update_resolver(self, change: impl FnOnce(&mut ScriptResolver)) -> Self {
        self.update_files(|files| change(&mut files.resolver))
    }

    fn update_files(mut self, change: impl FnOnce(&mut Files)) -> Self {
        change(Arc::make_mut(&mut self.files));
        self
    }
}

impl<S> fmt::Debug for PhpGateway<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhpGateway")
            .field("files", &self.files)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
