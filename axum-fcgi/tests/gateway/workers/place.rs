//! A php-fpm with its own settings, behind the gateway or nginx.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum_fcgi::tower_fcgi::client::{Config, Pool, PoolBuilder};
use axum_fcgi::{Address, PhpGateway};
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;
use test_support::{Installed, PhpFpm, Result, Running, WebServer, needs};

use crate::fpm::Connect;
use crate::runner::block_on_within;

/// Like Debian's configuration for PHP: without kept connections.
const NGINX: &str = "
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
    access_log off; client_body_temp_path body; fastcgi_temp_path fastcgi; proxy_temp_path proxy;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi; keepalive_requests 100000;
    upstream php { least_conn; SERVERS }
    server {
        listen 127.0.0.1:8080 backlog=4096;
        root ROOT;
        location ~ \\.php$ {
            fastcgi_pass php;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
        }
    }
}
";

/// The programs of a test.
#[derive(Clone)]
pub(crate) struct Programs {
    php_fpm: PathBuf,
    nginx: Installed,
}

/// A test with php-fpm and nginx.
pub(crate) fn trial<F: Future<Output = ()> + 'static>(name: &'static str, test: fn(Programs) -> F) -> Trial {
    let found = PhpFpm::find().and_then(|php_fpm| Ok(Programs { php_fpm, nginx: WebServer::Nginx.find()? }));
    needs(format!("php/{name}"), found, move |programs| -> std::result::Result<(), Failed> {
        block_on_within(Duration::from_secs(1800), test(programs))
    })
}

/// A running php-fpm.
pub(crate) struct Place {
    /// Ends before its directory is removed.
    pub(crate) fpm: PhpFpm,
    directory: TempDir,
}

impl Programs {
    /// Starts a php-fpm with these settings of its pool.
    pub(crate) fn start(&self, settings: &str) -> Place {
        self.try_start(settings).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_start(&self, settings: &str) -> Result<Place> {
        let directory = TempDir::new()?;
        let path = directory.path();
        fs::create_dir(path.join("root"))?;
        for (name, text) in [
            ("hello.php", include_str!("../site/hello.php")),
            ("do.php", include_str!("../site/do.php")),
            ("finish.php", include_str!("../site/finish.php")),
        ] {
            fs::write(path.join("root").join(name), text)?;
        }
        let config = format!(
            "[global]\nerror_log = {0}/error.log\ndaemonize = no\nprocess_control_timeout = 20s\n[www]\nuser = root\n\
            listen = {0}/socket\n{settings}",
            path.display()
        );
        let fpm = PhpFpm::start_with(&self.php_fpm, path, &config)?;
        Ok(Place { fpm, directory })
    }

    /// Starts nginx in front of a php-fpm.
    pub(crate) fn nginx(&self, place: &Place) -> Running {
        self.nginx_before(&[place])
    }

    /// Starts nginx in front of several php-fpm. It names the scripts of the first one.
    pub(crate) fn nginx_before(&self, places: &[&Place]) -> Running {
        let servers: String =
            places.iter().map(|place| format!("server unix:{}; ", place.fpm.socket().display())).collect();
        let root = places[0].root();
        self.nginx
            .start(NGINX, &[("ROOT", &root.display()), ("SERVERS", &servers)])
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn root(&self) -> PathBuf {
        self.path().join("root")
    }

    pub(crate) fn pool(&self) -> PoolBuilder<Connect> {
        let address = Address::Unix(self.fpm.socket());
        let connect: Connect = Box::new(move || Box::pin(address.clone().connect()));
        Pool::builder(connect)
    }

    /// The gateway with these connections.
    pub(crate) fn router(&self, pool: PoolBuilder<Connect>) -> Router {
        Router::new().fallback_service(PhpGateway::new(pool.build::<Body>(), self.root()))
    }

    /// The gateway with at most this many connections: one that is told how many workers there are.
    pub(crate) fn gateway(&self, workers: usize) -> Router {
        self.router(self.pool().max_size(workers))
    }

    /// The same with kept connections.
    pub(crate) fn keeping_gateway(&self, workers: usize) -> Router {
        self.router(
            self.pool()
                .max_size(workers)
                .config(Config::default().with_keep_conn(true).with_early_ready_check(true)),
        )
    }
}
