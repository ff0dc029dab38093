//! The child process that serves PHP below a path.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{Router, body::Body, serve::ListenerExt as _};
use axum_fcgi::{
    Address, PhpGateway,
    tower_fcgi::client::{Config, Pool},
};
use tokio::{net::TcpListener, runtime};

use super::setup::Connections;

/// The argument that runs this program as a web server.
pub(crate) const ROLE: &str = "gateway-for-compare";

/// The child process's main function. Its arguments are the port, php-fpm's socket, the document root, the number of PHP
/// processes and the name of [`Connections`].
pub(crate) fn serve(arguments: &[String]) -> io::Result<()> {
    let [port, socket, root, children, connections] = arguments else {
        return Err(io::Error::other("the gateway needs five arguments"));
    };
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let children = children.parse().map_err(io::Error::other)?;
    let config = Config::default()
        .with_keep_conn(*connections == Connections::Kept.name())
        .with_early_ready_check(true);
    let socket = Address::Unix(socket.into());
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let pool = Pool::builder(move || socket.clone().connect());
        let pool = pool.max_size(children).config(config).build::<Body>();
        let router = Router::new().nest_service("/php", PhpGateway::new(pool, root));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
    })
}
