//! Two php-fpm behind one gateway: one of them stops.

use std::net::TcpStream;
use std::process::Command;

use test_support::{PhpFpm, Process, Result, free_port, get};

pub(crate) fn one_stops() -> Result {
    let program = PhpFpm::find()?;
    let directories = [tempfile::tempdir()?, tempfile::tempdir()?];
    let start = |index: usize| {
        let path = directories[index].path();
        let settings = format!("php_admin_value[session.save_path] = {}\n", path.display());
        PhpFpm::start(&program, path, 4, &settings)
    };
    let [mut first, mut second] = [start(0)?, start(1)?];
    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_php-balanced"));
    command.env("LISTEN", format!("127.0.0.1:{port}"));
    command.env("PHP_SOCKET", first.socket()).env("PHP_SOCKET_2", second.socket());
    let _application = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    let visit = || -> Result {
        for _ in 0..4 {
            let page = get(port, "/book/index.php")?;
            assert!(page.status == 200 && page.body.contains("<p>Hello, 127.0.0.1.</p>"), "{page:?}");
        }
        Ok(())
    };
    visit()?;
    first.stop();
    visit()?;
    first.restart()?;
    second.stop();
    visit()
}
