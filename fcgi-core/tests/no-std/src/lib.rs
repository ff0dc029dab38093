//! Links only where nothing pulls std in: std has a panic handler, and so has this library. It is built, and
//! never run.

#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use fcgi_core::server::{Connection, Event};
use fcgi_core::{Role, client};

/// One exchange, so that the linker needs the deframer, the state machine, the pairs and the enframer.
#[unsafe(no_mangle)]
pub extern "C" fn fcgi_core_without_std() -> bool {
    let mut connection = Connection::new(Default::default());
    let received = connection.receive(b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00");
    while let Some(event) = connection.poll_event() {
        if let Event::Request(request) = event
            && request.params.get("REQUEST_METHOD").is_some()
        {
            let _ = connection.stdout_bytes(request.key, request.params.encoded().clone());
            let _ = connection.end(request.key, 0);
        }
    }
    received.is_ok() && connection.output().slices().count() > 0
}

/// The same from the web server's side.
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

/// An allocator is asked for where `alloc` is used without std. This one has nothing to give.
struct Nothing;

// SAFETY: an allocator may fail always, which null says. What was never given out is never given back.
//
// `GlobalAlloc` cannot be written without `unsafe`. It is here, in a package that is linked to nothing, and
// not in a crate that somebody uses; a crate with an allocator, only to hide these lines, would be one more
// dependency.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static NOTHING: Nothing = Nothing;
