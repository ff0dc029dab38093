//! The memory of a web server for uploads that take long.

use std::{io, thread, time::Duration};

use super::{
    setup::{Connections, Setup, Side},
    slow_clients::{SlowClients, Work},
};
use crate::{callers::Get, kept_connections, process::Usage, stack::process_times};

pub(super) const NAME: &str = "memory";

const CHILDREN: usize = 4;
const UPLOADS: usize = 1_000;
/// Bytes of each upload that are sent at once.
const FIRST: usize = 64 * 1024;

/// How long the web server has to read them.
const BEFORE: Duration = Duration::from_secs(3);

pub(super) fn run() -> io::Result<()> {
    let uploads = kept_connections::within_file_limit(UPLOADS);
    println!(
        "{NAME}: growth of the web server's resident memory for each of {uploads} uploads of 1 MiB, of which {FIRST} bytes have been sent\n"
    );
    println!("| web server | bytes per upload | uploads that ended |");
    println!("| --- | --- | --- |");
    for side in Side::BOTH {
        let setup = Setup::new(CHILDREN, Connections::Each)?;
        let mut server = setup.start(side)?;
        let port = setup.port(side);
        Get { port, path: "/php/hello.php", end: "\r\n0\r\n\r\n" }.send(CHILDREN, 400)?;
        let process = server.child().id();
        let before = resident_bytes(process)?;
        let mut clients = SlowClients::start(port, uploads, Work::Upload { first: FIRST })?;
        thread::sleep(BEFORE);
        let grown = resident_bytes(process)?.saturating_sub(before);
        println!("| {} | {:.0} | {} |", side.name(), grown as f64 / uploads as f64, clients.ended());
    }
    println!("\n{}\n", kept_connections::file_limit_line());
    Ok(())
}

/// The resident memory of a process and its descendants.
fn resident_bytes(process: u32) -> io::Result<u64> {
    process_times::tree(process)?.into_iter().map(|process| Ok(Usage::of(process)?.resident_bytes)).sum()
}
