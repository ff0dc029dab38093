//! An application, and an nginx in front of it.

use std::{
    fmt::Debug,
    fs,
    future::pending,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Response, header},
    serve::{Listener, ListenerExt},
};
use axum_fcgi::MakeFcgiService;
use bytes::Bytes;
use hyper::body::Incoming;
use libtest_mimic::Failed;
use tokio::{
    net::{TcpStream, UnixListener, UnixStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{
    http,
    matrix::{Socket, Variant},
    nginx::{self, Clients, Config, Installed, Nginx},
    runner::context,
};

/// A test's arguments: a variant, and a directory to run nginx in.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) variant: Variant,
    pub(crate) nginx: Installed,
    prefix: PathBuf,
    directives: String,
    clients: Clients,
    form: Form,
}

/// What is passed to `axum_fcgi::serve`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Router,
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    MakeService,
}

impl Place {
    pub(crate) fn new(variant: Variant, nginx: &Installed, prefix: &Path) -> Self {
        Self {
            variant,
            nginx: nginx.clone(),
            prefix: prefix.into(),
            directives: String::new(),
            clients: Clients::Http1,
            form: Form::Router,
        }
    }

    /// Adds lines to nginx's location.
    #[must_use]
    pub(crate) fn with(mut self, directives: &str) -> Self {
        self.directives.push_str(directives);
        self
    }

    /// Clients speak HTTP/2 to nginx.
    #[must_use]
    pub(crate) fn with_http2(self) -> Self {
        Self { clients: Clients::Http2, ..self }
    }

    /// What is served of the router.
    #[must_use]
    pub(crate) fn with_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Creates a directory beside nginx's, which is removed with it.
    pub(crate) fn create_directory(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.prefix.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// Serves the router with `axum_fcgi::serve`, behind nginx.
    pub(crate) async fn serve(self, router: Router) -> Result<Site, Failed> {
        self.serve_with(router, None).await
    }

    /// Like [`serve`](Self::serve), and counts nginx's connections.
    pub(crate) async fn serve_counting(self, router: Router) -> Result<(Site, Accepted), Failed> {
        let accepted = Accepted::default();
        let site = self.serve_with(router, Some(accepted.clone())).await?;
        Ok((site, accepted))
    }

    async fn serve_with(self, router: Router, count: Option<Accepted>) -> Result<Site, Failed> {
        let (application, address) = match self.variant.socket {
            Socket::Tcp => {
                let listener = nginx::listen()?;
                let address = listener.local_addr()?;
                (Application::start(listener, router, self.form, count), ApplicationAddr::Tcp(address))
            }
            Socket::Unix => {
                let path = self.prefix.join("app.sock");
                let listener = UnixListener::bind(&path)?;
                (Application::start(listener, router, self.form, count), ApplicationAddr::Unix(path))
            }
        };
        let nginx = self.start_nginx(&address)?;
        Ok(Site { nginx, application: Some(application), address })
    }

    /// Puts nginx in front of another server that listens on a TCP port.
    pub(crate) fn in_front_of(self, application: SocketAddr) -> Result<Site, Failed> {
        let address = ApplicationAddr::Tcp(application);
        let nginx = self.start_nginx(&address)?;
        Ok(Site { nginx, application: None, address })
    }

    fn start_nginx(self, application: &ApplicationAddr) -> Result<Nginx, Failed> {
        let application = match application {
            ApplicationAddr::Tcp(address) => address.to_string(),
            ApplicationAddr::Unix(path) => format!("unix:{}", path.display()),
        };
        let config =
            Config { variant: self.variant, application, directives: self.directives, clients: self.clients };
        Nginx::start(&self.nginx, &self.prefix, &config).map_err(context("nginx did not start"))
    }
}

/// nginx and the application behind it, for one test.
#[derive(Debug)]
pub(crate) struct Site {
    nginx: Nginx,
    application: Option<Application>,
    address: ApplicationAddr,
}

#[derive(Debug)]
enum ApplicationAddr {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Site {
    /// nginx's address.
    pub(crate) fn nginx(&self) -> SocketAddr {
        self.nginx.address()
    }

    /// Sends a request to nginx, and reads the complete response.
    pub(crate) async fn send(&self, request: Request) -> Result<Response<Bytes>, Failed> {
        http::send(self.nginx(), request).await
    }

    /// Sends a request to nginx, and reads only the response's head.
    pub(crate) async fn open(&self, request: Request) -> Result<Response<Incoming>, Failed> {
        http::open(self.nginx(), request).await
    }

    pub(crate) async fn get(&self, uri: &str) -> Result<Response<Bytes>, Failed> {
        self.send(Request::get(uri).body(Body::empty())?).await
    }

    pub(crate) async fn post(&self, uri: &str, body: impl Into<Body>) -> Result<Response<Bytes>, Failed> {
        self.send(Request::post(uri).header(header::CONTENT_TYPE, "text/plain").body(body.into())?).await
    }

    /// A connection to nginx for a client that breaks the rules.
    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.nginx()).await
    }

    /// nginx's error log so far, at the level info.
    pub(crate) fn error_log(&self) -> io::Result<String> {
        self.nginx.error_log()
    }

    /// Tells the application to stop.
    pub(crate) fn stop(&mut self) {
        let application = self.application.as_mut().expect("the test serves the application");
        application.stop.take().expect("stopped only once").send(()).expect("the application still runs");
    }

    /// Whether `serve` has returned.
    pub(crate) fn has_stopped(&self) -> bool {
        self.application.as_ref().expect("the test serves the application").task.is_finished()
    }

    /// Waits until `serve` returns.
    pub(crate) async fn stopped(&mut self) -> Result<(), Failed> {
        let application = self.application.as_mut().expect("the test serves the application");
        Ok((&mut application.task).await??)
    }

    /// Whether the application's socket accepts a connection, even if only into its queue.
    pub(crate) async fn application_listens(&self) -> bool {
        match &self.address {
            ApplicationAddr::Tcp(address) => TcpStream::connect(address).await.is_ok(),
            ApplicationAddr::Unix(path) => UnixStream::connect(path).await.is_ok(),
        }
    }
}

/// The number of connections that an application has accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accepted(Arc<AtomicUsize>);

impl Accepted {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A served router.
#[derive(Debug)]
struct Application {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

impl Application {
    fn start<L>(listener: L, router: Router, form: Form, count: Option<Accepted>) -> Self
    where
        L: Listener,
        L::Addr: Debug,
    {
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            // A test that ends without calling `stop` drops the sender: this must not stop the application.
            if stopped.await.is_err() {
                pending().await
            }
        };
        let task = match (form, count) {
            (Form::Router, None) => serve(listener, router, stopped),
            (Form::Router, Some(accepted)) => {
                serve(listener.tap_io(move |_| accepted.add()), router, stopped)
            }
            (Form::MakeService, accepted) => {
                let accepted = accepted.unwrap_or_default();
                let service = router.into_make_service_with_connect_info::<SocketAddr>();
                serve(listener.tap_io(move |_| accepted.add()), service, stopped)
            }
        };
        Self { stop: Some(stop), task }
    }
}

fn serve<L, M, K: 'static>(
    listener: L,
    service: M,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<io::Result<()>>
where
    L: Listener<Addr: Debug>,
    M: MakeFcgiService<L, K>,
{
    tokio::spawn(axum_fcgi::serve(listener, service).with_graceful_shutdown(stopped).into_future())
}
