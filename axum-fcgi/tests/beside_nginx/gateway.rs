//! The gateway in a Router of `axum::serve`.

use axum::Router;
use axum::body::Body;
use axum_fcgi::tower_fcgi::client::Pool;
use axum_fcgi::{ConnectionAddrs, InternalFiles, PhpGateway};
use test_support::Result;
use tokio::net::{TcpListener, UnixStream};
use tokio::runtime::Runtime;
use tower_http::services::ServeDir;

use crate::case::Setup;
use crate::site::{CHILDREN, Site};

/// A Router for each setup, on a port of its own. All stop when this is dropped.
pub(crate) struct Gateway {
    ports: [u16; 3],
    _runtime: Runtime,
}

impl Gateway {
    pub(crate) fn start(site: &Site) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let socket = site.socket();
        // Half of PHP's workers; nginx has the others.
        let pool =
            Pool::builder(move || UnixStream::connect(socket.clone())).max_size(CHILDREN / 2).build::<Body>();
        let scripts = || {
            let files = ServeDir::new(site.root());
            // nginx looks for the URI of an X-Accel-Redirect in all its locations.
            let internal = InternalFiles::new().x_accel_redirect("/", site.root());
            let php = PhpGateway::new(pool.clone(), site.root()).index(["index.php", "index.html"]);
            php.files(files).internal_files(internal)
        };
        let ports = runtime.block_on(async {
            let routers = Setup::ALL.map(|setup| match setup {
                Setup::Scripts => Router::new().fallback_service(scripts()),
                Setup::FrontController => {
                    Router::new().fallback_service(scripts().front_controller("/index.php"))
                }
                Setup::Nested => Router::new().nest_service("/app", scripts()),
            });
            let mut ports = [0; 3];
            for (port, router) in ports.iter_mut().zip(routers) {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                *port = listener.local_addr()?.port();
                let service = router.into_make_service_with_connect_info::<ConnectionAddrs>();
                tokio::spawn(async move { axum::serve(listener, service).await });
            }
            Ok::<_, std::io::Error>(ports)
        })?;
        Ok(Self { ports, _runtime: runtime })
    }

    pub(crate) fn port(&self, setup: Setup) -> u16 {
        self.ports[setup as usize]
    }
}
