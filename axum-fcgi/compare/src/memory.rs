//! The memory of an idle kept connection.

use std::io;

use crate::{
    application::{Application, Protocol},
    kept_connections,
    load::Load,
    options::Options,
    process::Cores,
    scratch::Scratch,
    work::Work,
};

const NAME: &str = "memory";
const CONNECTIONS: usize = 8_000;
/// Connections opened before the first measurement, which excludes memory that is allocated once.
const WARM_UP: usize = 64;

pub(crate) fn run(options: &Options, cores: &Cores) -> io::Result<()> {
    if !options.selects(NAME) {
        return Ok(());
    }
    let connections = kept_connections::within_file_limit(CONNECTIONS).max(2 * WARM_UP);
    println!(
        "{NAME}: growth of the application's resident memory for each of {connections} idle kept connections\n"
    );
    println!("| protocol | bytes per connection |");
    println!("| --- | --- |");
    for protocol in Protocol::BOTH {
        let scratch = Scratch::new()?;
        let application = Application::start(protocol, &scratch, cores.application())?;
        let bytes = idle_bytes(&application, protocol, connections)?;
        println!("| {} | {bytes:.0} |", protocol.name());
    }
    println!("\n{}\n", kept_connections::file_limit_line());
    Ok(())
}

/// Bytes of resident memory per connection that has had one request.
fn idle_bytes(application: &Application, protocol: Protocol, connections: usize) -> io::Result<f64> {
    let mut first = Load::open(application.socket(), protocol, Work::hello(WARM_UP))?;
    first.send_one_on_each(0..WARM_UP)?;
    let before = application.usage()?.resident_bytes;
    let mut others = Load::open(application.socket(), protocol, Work::hello(connections - WARM_UP))?;
    others.send_one_on_each(0..connections - WARM_UP)?;
    let grown = application.usage()?.resident_bytes.saturating_sub(before);
    Ok(grown as f64 / (connections - WARM_UP) as f64)
}
