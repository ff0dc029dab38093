//! Links only if no dependency uses std: std has a panic handler, and so does this library. It is built, but never run.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use fcgi_core::server::{Connection, Event};
use fcgi_core::{Role, client};

/// One request and response, so that the linker includes decoder, state machine, name-value pairs and encoder.
#[unsafe(no_mangle)]
pub extern "C" fn fcgi_core_without_std() -> bool {
    let mut connection = Connection::new(Default::default());
    let received = connection.receive(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00");
    while let Some(event) = connection.poll_event() {
        if let Event::Request(request) = event
            && request.params.get("REQUEST_METHOD").is_some()
        {
            let _ = connection.stdout_bytes(request.key, request.params.encoded().clone());
            let _ = connection.end_request(request.key, 0);
        }
    }
    received.is_ok() && connection.output().slices().count() > 0
}

/// The same for the web server's side.
#[unsafe(no_mangle)]
pub extern "C" fn fcgi_core_client_without_std() -> bool {
    let mut connection = client::Connection::new(client::Config::new());
    let Ok(key) = connection.begin(Role::RESPONDER, true) else { return false };
    let sent = connection.param(key, b"REQUEST_METHOD", b"GET").is_ok() && connection.end_params(key).is_ok();
    let received = connection.receive(b"\x01\x06\x00\x01\x00\x02\x00\x00ok");
    sent && received.is_ok() && connection.poll_event().is_some()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// `alloc` without std requires an allocator. This one always fails.
struct NoMemory;

// SAFETY: an allocator may always fail and return null. Nothing is allocated, so nothing is deallocated.
//
// `GlobalAlloc` requires `unsafe`. This package is linked to nothing and used by no crate; an allocator from another
// crate would only hide these lines, and be one more dependency.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static NO_MEMORY: NoMemory = NoMemory;
