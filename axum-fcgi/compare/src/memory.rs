//! What a connection costs that is kept and does nothing.

use std::io;

use crate::{
    application::{Application, Protocol},
    kept,
    load::Load,
    options::Options,
    process::Cores,
    scratch::Scratch,
    work::Work,
};

const NAME: &str = "memory";
const CONNECTIONS: usize = 8_000;
/// Connections that are there before memory is looked at first, so that what is there once is not counted.
const FIRST: usize = 64;

pub(crate) fn run(options: &Options, cores: &Cores) -> io::Result<()> {
    if !options.wants(NAME) {
        return Ok(());
    }
    let connections = kept::at_most(CONNECTIONS).max(2 * FIRST);
    println!(
        "{NAME}: growth of the application's resident memory for each of {connections} idle kept connections\n"
    );
    println!("| protocol | bytes per connection |");
    println!("| --- | --- |");
    for protocol in Protocol::BOTH {
        let scratch = Scratch::new()?;
        let application = Application::start(protocol, &scratch, cores.application())?;
        let bytes = idle(&application, protocol, connections)?;
        println!("| {} | {bytes:.0} |", protocol.name());
    }
    println!("\n{}\n", kept::open_files_note());
    Ok(())
}

/// Each connection has had one request.
fn idle(application: &Application, protocol: Protocol, connections: usize) -> io::Result<f64> {
    let mut first = Load::open(application.socket(), protocol, Work::hello(FIRST))?;
    first.touch(0..FIRST)?;
    let before = application.usage()?.resident_bytes;
    let mut others = Load::open(application.socket(), protocol, Work::hello(connections - FIRST))?;
    others.touch(0..connections - FIRST)?;
    let grown = application.usage()?.resident_bytes.saturating_sub(before);
    Ok(grown as f64 / (connections - FIRST) as f64)
}
