//! What a program that is set up wrongly logs at its start.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::child::{Ended, Program, Signal, command};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("an_invalid_allow_list_is_a_warning", invalid_allow_list),
    ("a_low_limit_for_descriptors_is_a_warning", few_descriptors),
    ("a_failed_notification_is_a_warning", failed_notification),
];

/// The program with these variables and after `setup` of a shell, from its start to its end by a signal.
fn started(setup: &str, env: &[(&str, &str)]) -> Ended {
    let dir = TempDir::new().unwrap();
    let program = command();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{setup} exec \"$0\"")])
        .arg(program.get_program())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("FCGI_LISTEN", dir.path().join("sock"))
        .env("LOG", "")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut program = Program::start(command);
    program.wait_for("serving FastCGI");
    program.signal(Signal::TERM);
    program.ended()
}

/// The only warning of a program that ended well.
fn only_warning(ended: &Ended) -> &str {
    assert!(ended.status.success(), "{ended:?}");
    let lines = ended.stderr.lines().filter(|line| line.starts_with("WARN") || line.starts_with("ERROR"));
    let [line] = lines.collect::<Vec<_>>()[..] else { panic!("not one warning: {ended:?}") };
    line
}

fn invalid_allow_list() {
    let ended =
        started("", &[("FCGI_LISTEN", "127.0.0.1:0"), ("FCGI_WEB_SERVER_ADDRS", "127.0.0.1,gateway")]);
    let line = only_warning(&ended);
    let expected = "FCGI_WEB_SERVER_ADDRS is invalid: refusing all connections";
    assert!(line.contains(expected) && line.contains("gateway"), "{line}");
}

fn few_descriptors() {
    let ended = started("ulimit -n 100;", &[]);
    let line = only_warning(&ended);
    assert!(line.contains("the limit for file descriptors is too low for max_connections"), "{line}");
    assert!(line.contains("descriptors=100 ") && line.contains("LimitNOFILE="), "{line}");
}

fn failed_notification() {
    let ended = started("", &[("NOTIFY_SOCKET", "/nonexistent/notify")]);
    // Of its start and of its end.
    let failed = ended.stderr.matches("WARN message=notifying systemd failed").count();
    let expected = if cfg!(feature = "systemd-notify") { 2 } else { 0 };
    assert_eq!(failed, expected, "{ended:?}");
}
