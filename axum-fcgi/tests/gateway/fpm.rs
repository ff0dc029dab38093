//! A running php-fpm.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum_fcgi::tower_fcgi::client::{Config, Pool, PoolBuilder};
use axum_fcgi::{Address, ApplicationStream, PhpGateway};
use futures_util::future::BoxFuture;
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;
use test_support::{PhpFpm, needs};

use crate::runner::block_on;

/// php-fpm's processes, and so its concurrent connections.
pub(crate) const CHILDREN: usize = 2;

pub(crate) type Connect = Box<dyn Fn() -> BoxFuture<'static, io::Result<ApplicationStream>> + Send + Sync>;
pub(crate) type FpmPool = Pool<Connect, Body>;

pub(crate) struct Fpm {
    /// Ends before its directory is removed.
    process: PhpFpm,
    directory: TempDir,
    children: usize,
    /// The text from STDERR.
    pub(crate) log: Arc<Mutex<Vec<u8>>>,
}

/// A test with its own php-fpm.
pub(crate) fn trial<F: Future<Output = ()> + 'static>(name: &'static str, test: fn(Fpm) -> F) -> Trial {
    trial_with(CHILDREN, name, test)
}

/// A test with its own php-fpm of this many processes.
pub(crate) fn trial_with<F: Future<Output = ()> + 'static>(
    children: usize,
    name: &'static str,
    test: fn(Fpm) -> F,
) -> Trial {
    needs(format!("php/{name}"), PhpFpm::find(), move |program| {
        let fpm = Fpm::start(&program, children).map_err(Failed::from)?;
        block_on(test(fpm))
    })
}

impl Fpm {
    pub(crate) fn start(program: &Path, children: usize) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let path = directory.path();
        fs::create_dir_all(path.join("root/docs"))?;
        fs::create_dir(path.join("sessions"))?;
        for (name, text) in [
            ("index.php", include_str!("site/index.php")),
            ("hello.php", include_str!("site/hello.php")),
            ("accel.php", include_str!("site/accel.php")),
            ("loop.php", include_str!("site/loop.php")),
            ("do.php", include_str!("site/do.php")),
            ("upload.php", include_str!("site/upload.php")),
            ("session.php", include_str!("site/session.php")),
            ("docs/index.php", include_str!("site/index.php")),
        ] {
            fs::write(path.join("root").join(name), text)?;
        }
        let settings = format!(
            "php_admin_value[session.save_path] = {0}/sessions\nphp_admin_value[upload_tmp_dir] = {0}\n\
            php_admin_value[post_max_size] = 64M\nphp_admin_value[upload_max_filesize] = 60M\n",
            path.display()
        );
        let process = PhpFpm::start(program, path, children, &settings).map_err(io::Error::other)?;
        Ok(Self { process, directory, children, log: Arc::default() })
    }

    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.process.restart().map_err(io::Error::other)
    }

    /// Starts it again with opcache, which never looks at a file again.
    pub(crate) fn restart_with_opcache(&mut self) -> io::Result<()> {
        let options = ["-d", "zend_extension=opcache", "-d", "opcache.validate_timestamps=0"];
        self.process.restart_with(&options).map_err(io::Error::other)
    }

    pub(crate) fn stop(&mut self) {
        self.process.stop();
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.path().join("root")
    }

    /// A pool with as many connections as php-fpm has processes.
    pub(crate) fn pool(&self) -> FpmPool {
        self.pool_builder().build()
    }

    pub(crate) fn pool_builder(&self) -> PoolBuilder<Connect> {
        let address = Address::Unix(self.process.socket());
        let log = Arc::clone(&self.log);
        let config =
            Config::default().with_on_stderr(move |text| log.lock().unwrap().extend_from_slice(text));
        let connect: Connect = Box::new(move || Box::pin(address.clone().connect()));
        Pool::builder(connect).max_size(self.children).config(config)
    }

    /// php-fpm's scripts.
    pub(crate) fn scripts(&self) -> PhpGateway<FpmPool> {
        PhpGateway::new(self.pool(), self.root())
    }
}
