//! The command line.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use axum_fcgi::{Address, AddressError};
use clap::Parser;

/// The site that is served without an argument.
const GUEST_BOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/site");

/// Serves a directory of PHP scripts and files over HTTP
#[derive(Debug, Parser)]
#[command(name = "php", max_term_width = 110)]
pub(crate) struct Args {
    /// The document root; without it, a guest book
    #[arg(default_value = GUEST_BOOK, hide_default_value = true)]
    pub(crate) site: PathBuf,

    /// The address to listen on
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// The path below which the site is served
    #[arg(short, long, value_name = "PATH", default_value = "/", value_parser = mount_path)]
    pub(crate) path: String,

    /// php-fpm: `auto`, `own` or an address such as unix:/run/php/php-fpm.sock or 127.0.0.1:9000
    ///
    /// `own` starts one for as long as this program runs; `auto` does so if none listens on the usual sockets.
    #[arg(short, long, default_value = "auto", value_parser = fpm)]
    pub(crate) fpm: Fpm,

    /// The number of PHP processes: as many requests run at a time. For a php-fpm that already runs, its pm.max_children
    #[arg(short, long, value_name = "NUMBER", default_value = "8")]
    pub(crate) workers: NonZeroUsize,

    /// The user that runs PHP if root starts it; without it, the owner of the directory, or www-data if that is root
    #[arg(short, long)]
    pub(crate) user: Option<String>,

    /// Answers paths that do not exist with a 404, even if the site has an index.php
    #[arg(long)]
    pub(crate) no_front_controller: bool,

    /// A path or a name that is a 404 for clients, such as /data or '*.sql'; several times for several
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub(crate) deny: Vec<String>,

    /// A directory whose scripts do not run, such as /wp-content/uploads
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    pub(crate) deny_scripts: Vec<String>,

    /// Follows symbolic links that lead out of the directory
    #[arg(long)]
    pub(crate) follow_links: bool,
}

/// Where PHP runs.
#[derive(Debug, Clone)]
pub(crate) enum Fpm {
    Auto,
    Own,
    At(Address),
}

fn fpm(text: &str) -> Result<Fpm, String> {
    match text {
        "auto" => Ok(Fpm::Auto),
        "own" => Ok(Fpm::Own),
        address => match address.parse().map_err(|error: AddressError| error.to_string())? {
            address @ (Address::Tcp(_) | Address::Unix(_)) => Ok(Fpm::At(address)),
            other => Err(format!("cannot connect to {other}")),
        },
    }
}

fn mount_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("a path starts with a slash".to_owned());
    }
    // The Router rejects segments of its old syntax.
    let is_old_syntax = text.split('/').any(|segment| segment.starts_with([':', '*']));
    if is_old_syntax || text.contains(['{', '}', '?', '#']) {
        return Err("a path has no { } ? #, and no segment that starts with : or *".to_owned());
    }
    Ok(text.to_owned())
}

fn pattern(text: &str) -> Result<String, String> {
    let has_name = text.bytes().any(|byte| byte != b'/');
    has_name.then(|| text.to_owned()).ok_or_else(|| "a pattern has a name".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_valid() {
        <Args as clap::CommandFactory>::command().debug_assert();
        let args = Args::parse_from(["php", "/srv/site", "--fpm", "unix:/run/php/php-fpm.sock"]);
        assert!(matches!(args.fpm, Fpm::At(_)) && args.listen.port() == 8080);
        for path in ["blog", "/{blog}", "/:blog", "/a/*blog", "/blog?x"] {
            assert!(Args::try_parse_from(["php", "--path", path]).is_err(), "{path}");
        }
        assert!(Args::try_parse_from(["php", "--path", "/a:b/c*"]).is_ok());
        for fpm in ["", "fd:0", "php"] {
            assert!(Args::try_parse_from(["php", "--fpm", fpm]).is_err(), "{fpm:?}");
        }
    }
}
