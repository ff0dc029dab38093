//! The Router that is the site's web server.

use axum::Router;
use axum_fcgi::tower_fcgi::client::Pool;
use axum_fcgi::{Address, PhpGateway, Symlinks};
use tower_http::services::ServeDir;

use crate::args::Args;

/// Serves the site. Scripts run at `fpm`.
pub(crate) fn site(args: &Args, fpm: Address) -> Router {
    // As many connections as PHP has processes. More would wait in the backlog of php-fpm, and count there for their timeouts.
    let pool = Pool::builder(move || fpm.clone().connect()).max_size(args.workers.get()).build();
    let mut php = PhpGateway::new(pool, &args.site)
        .index(["index.php", "index.html"])
        .deny(&args.deny)
        .deny_scripts(&args.deny_scripts)
        .files(ServeDir::new(&args.site));
    if has_front_controller(args) {
        php = php.front_controller("/index.php");
    }
    if args.follow_links {
        php = php.symlinks(Symlinks::Anywhere);
    }
    match args.path.trim_end_matches('/') {
        "" => Router::new().fallback_service(php),
        path => Router::new().nest_service(path, php),
    }
}

/// Most applications route their own paths in the index.php of their root.
pub(crate) fn has_front_controller(args: &Args) -> bool {
    !args.no_front_controller && args.site.join("index.php").is_file()
}
