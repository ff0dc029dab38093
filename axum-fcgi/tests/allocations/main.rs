//! What a request costs beside the Router, by the form in which the Router is served. See tower-fcgi's test of this name.

#[path = "../serve/in_memory.rs"]
mod in_memory;
#[path = "../serve/wire.rs"]
mod wire;

use std::net::SocketAddr;

use allocation_counter::measure;
use axum::Router;
use axum::routing::get;
use axum_fcgi::MakeFcgiService;

/// The client's address, which the make-service puts into the extensions once more.
const CLIENT_ADDR: u64 = 1;

/// The allocations of a request on a kept connection, by the client and the server.
fn allocations<M, K: 'static>(service: M) -> u64
where
    M: MakeFcgiService<in_memory::InMemory, K>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (entrance, listener) = in_memory::listener();
    runtime.spawn(axum_fcgi::serve(listener, service).into_future());
    let mut io = entrance.connect();
    let request = wire::get("/", true);
    let mut ask = || assert!(runtime.block_on(wire::ask(&mut io, &request)).unwrap().ends_with("served"));
    // Buffers and caches are filled.
    for _ in 0..4 {
        ask();
    }
    let first = measure(&mut ask).count_total;
    assert_eq!(measure(&mut ask).count_total, first, "the count is not stable");
    first
}

#[test]
fn a_make_service_costs_a_plain_router_nothing() {
    let router = || Router::new().route("/", get(async || "served"));
    let plain = allocations(router());
    let handler = allocations(get(async || "served"));
    let made = allocations(router().into_make_service());
    let with_client = allocations(router().into_make_service_with_connect_info::<SocketAddr>());
    println!(
        "allocations: {plain}, of a MethodRouter {handler}, from a make-service {made}, of the client's address {with_client}"
    );
    assert_eq!(made, plain);
    assert!(handler <= plain, "{handler}, of a Router {plain}");
    assert!(with_client <= plain + CLIENT_ADDR, "{with_client} instead of {plain}");
}
