//! The Router that is the site's web server.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use axum_fcgi::tower_fcgi::client::{Config, Pool};
use axum_fcgi::{Address, PhpGateway, Symlinks};
use tower_http::services::ServeDir;

use crate::args::Args;

/// Serves the site. Scripts run at `fpm`.
pub(crate) fn site(args: &Args, fpm: Address) -> Router {
    // As many connections as pm.max_children. A kept one would occupy a process.
    let config = Config::default().with_keep_conn(false);
    let pool = Pool::new(args.workers.get(), config, move || fpm.clone().connect());
    let mut php =
        PhpGateway::new(pool, &args.site).index(["index.php", "index.html"]).files(ServeDir::new(&args.site));
    if has_front_controller(args) {
        php = php.front_controller("/index.php");
    }
    if args.follow_links {
        php = php.symlinks(Symlinks::Anywhere);
    }
    // The gateway finds a file by the usual spelling of its path only, and so does a route.
    let denied =
        args.deny.iter().map(|path| path.trim_end_matches('/')).fold(Router::new(), |router, path| {
            let not_found = || any(async || StatusCode::NOT_FOUND);
            router.route(path, not_found()).route(&format!("{path}/{{*below}}"), not_found())
        });
    let site = denied.fallback_service(php);
    match args.path.trim_end_matches('/') {
        "" => site,
        path => Router::new().nest_service(path, site),
    }
}

/// Most applications route their own paths in the index.php of their root.
pub(crate) fn has_front_controller(args: &Args) -> bool {
    !args.no_front_controller && args.site.join("index.php").is_file()
}
