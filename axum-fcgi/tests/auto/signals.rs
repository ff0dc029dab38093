//! Signals, and shutdowns that do not end by themselves.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use crate::child::{Ended, Program, Signal, command};
use crate::fastcgi::{connect, is_served, run};
use crate::wire;

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("a_second_signal_ends_the_program_at_once", || run(second())),
    ("two_signals_at_the_same_time_end_the_program", || run(at_the_same_time())),
    ("a_signal_after_the_applications_own_ends_it", || run(after_the_applications_own())),
    ("a_second_sigterm_of_mod_fcgid_is_ignored", || run(second_of_a_web_server())),
    ("sighup_ends_gracefully", || run(hangup())),
    ("sighup_that_was_ignored_at_start_stays_so", || run(nohup())),
    ("a_setting_decides_about_sighup", || run(hangup_setting())),
    ("a_blocking_handler_does_not_keep_the_program", || run(blocked())),
    ("blocking_work_does_not_keep_the_program", || run(blocking_work())),
    ("a_shutdown_that_no_thread_can_watch_is_a_warning", || run(unwatched())),
    ("start_signal_and_end_are_logged", || run(logged())),
    ("unserved_sockets_of_systemd_are_warned_about", || run(unserved())),
];

/// The program, at a socket of its own.
struct Served {
    program: Program,
    path: PathBuf,
    _dir: TempDir,
}

impl Served {
    fn start(env: &[(&str, &str)]) -> Self {
        Self::start_by(command(), env)
    }

    fn start_by(mut command: Command, env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        command.env("FCGI_LISTEN", &path).env("LOG", "").envs(env.iter().copied());
        Self { program: Program::start(command), path, _dir: dir }
    }

    /// Sends a request, and waits until its handler has started.
    async fn request(&mut self, path: &str) -> UnixStream {
        let mut io = connect(&self.path).await;
        io.write_all(&wire::get(path, true)).await.unwrap();
        self.program.wait_for("waiting");
        io
    }

    /// Sends a signal, and waits for its log line.
    fn stop(&mut self, signal: Signal) {
        self.program.signal(signal);
        self.program.wait_for("shutting down");
    }
}

/// The program, started by a shell that runs `setup` before.
fn by_shell(setup: &str) -> Command {
    started_by("sh", &["-c", &format!("{setup} exec \"$0\"")])
}

/// The program with the default effect of SIGHUP. The tests may run under `nohup`.
fn with_hangup() -> Command {
    started_by("env", &["--default-signal=HUP"])
}

/// The program, started by another one that takes its path as the last argument.
fn started_by(starter: &str, arguments: &[&str]) -> Command {
    let program = command();
    let mut command = Command::new(starter);
    command
        .args(arguments)
        .arg(program.get_program())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn second() {
    for (path, first, next) in [
        ("/wait", Signal::TERM, Signal::TERM),
        ("/wait", Signal::INT, Signal::INT),
        ("/wait", Signal::TERM, Signal::INT),
        ("/wait", Signal::HUP, Signal::TERM),
    ] {
        let mut served = Served::start_by(with_hangup(), &[]);
        let _io = served.request(path).await;
        served.stop(first);
        if first == Signal::HUP {
            // Terminals and shells send several.
            served.program.signal(Signal::HUP);
        }
        served.program.signal(next);
        let ended = served.program.ended();
        let signal = ended.status.signal();
        assert!([Signal::TERM, Signal::INT].iter().any(|of| Some(of.as_raw()) == signal), "{ended:?}");
        assert!(ended.stderr.contains("a second Ctrl-C or SIGTERM ends the program at once"), "{ended:?}");
    }
}

async fn at_the_same_time() {
    // The kernel may deliver them to two threads, which run their handlers at the same time.
    for round in 0..100 {
        let mut served = Served::start(&[]);
        let _io = served.request("/block").await;
        served.program.signal(Signal::TERM);
        served.program.signal(Signal::INT);
        let ended = served.program.ended();
        assert!(ended.status.signal().is_some(), "round {round}: {ended:?}");
    }
}

async fn after_the_applications_own() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut served = Served::start(&[]);
        let _io = served.request("/wait").await;
        let mut io = connect(&served.path).await;
        io.write_all(&wire::get("/stop", true)).await.unwrap();
        served.program.wait_for("shutting down");
        served.program.signal(signal);
        let ended = served.program.ended();
        assert_eq!(ended.status.signal(), Some(signal.as_raw()), "{ended:?}");
    }
}

async fn second_of_a_web_server() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let mut command = command();
    command.env("LOG", "").stdin(OwnedFd::from(UnixListener::bind(&path).unwrap()));
    let mut program = Program::start(command);
    let mut io = connect(&path).await;
    io.write_all(&wire::get("/slow", true)).await.unwrap();
    program.wait_for("waiting");
    program.signal(Signal::TERM);
    program.wait_for("a second Ctrl-C ends the program at once");
    program.signal(Signal::TERM);
    assert!(wire::read_response(&mut io).await.unwrap().ends_with("slow"));
    assert!(program.ended().status.success());
}

async fn hangup() {
    let mut served = Served::start_by(with_hangup(), &[]);
    let mut io = served.request("/slow").await;
    served.program.signal(Signal::HUP);
    assert!(wire::read_response(&mut io).await.unwrap().ends_with("slow"));
    let ended = served.program.ended();
    assert!(ended.status.success() && ended.stderr.contains("cause=\"SIGHUP\" busy=1 "), "{ended:?}");
}

/// It is still served after a SIGHUP, and ends with a SIGTERM.
async fn ignores_hangup(served: Served) {
    is_served(connect(&served.path).await).await;
    served.program.signal(Signal::HUP);
    for _ in 0..3 {
        is_served(connect(&served.path).await).await;
    }
    served.program.signal(Signal::TERM);
    let ended = served.program.ended();
    assert!(ended.status.success() && ended.stderr.contains("cause=\"SIGTERM\""), "{ended:?}");
}

async fn nohup() {
    ignores_hangup(Served::start_by(by_shell("trap '' HUP;"), &[])).await;
}

async fn hangup_setting() {
    // Ignored at start, and handled all the same.
    let served = Served::start_by(by_shell("trap '' HUP;"), &[("HANGUP", "always")]);
    is_served(connect(&served.path).await).await;
    served.program.signal(Signal::HUP);
    assert!(served.program.ended().status.success());
    // Without the handler, the signal ends the program as it does others.
    let served = Served::start_by(with_hangup(), &[("HANGUP", "never")]);
    is_served(connect(&served.path).await).await;
    served.program.signal(Signal::HUP);
    assert_eq!(served.program.ended().status.signal(), Some(Signal::HUP.as_raw()));
}

fn was_ended(ended: &Ended) -> bool {
    ended.status.code() == Some(1)
        && ended.stderr.contains("ERROR")
        && ended.stderr.contains(": ending the process")
}

async fn blocked() {
    for threads in [&[][..], &[("THREADS", "")]] {
        let env = [threads, &[("SHUTDOWN_MILLISECONDS", "100")]].concat();
        let mut served = Served::start(&env);
        let _io = served.request("/block").await;
        served.program.signal(Signal::TERM);
        let ended = served.program.ended();
        assert!(was_ended(&ended), "{ended:?}");
        let on_several = ended.stderr.contains("connections=1 peers=[\"unix:\"]");
        assert_eq!(on_several, !threads.is_empty(), "{ended:?}");
    }
}

async fn blocking_work() {
    let mut served = Served::start(&[("SHUTDOWN_MILLISECONDS", "100")]);
    let _io = served.request("/blocking-work").await;
    served.program.signal(Signal::TERM);
    let ended = served.program.ended();
    assert!(was_ended(&ended), "{ended:?}");
    assert!(ended.stderr.contains("the shutdown is complete finished=0 dropped=1"), "{ended:?}");
}

async fn unwatched() {
    let mut served = Served::start(&[]);
    let mut io = connect(&served.path).await;
    io.write_all(&wire::get("/no-threads", false)).await.unwrap();
    wire::read_response(&mut io).await.unwrap();
    let mut io = served.request("/slow").await;
    served.stop(Signal::TERM);
    assert!(wire::read_response(&mut io).await.unwrap().ends_with("slow"));
    let ended = served.program.ended();
    assert!(ended.status.success(), "{ended:?}");
    let mut warnings = ended.stderr.lines().filter(|line| line.contains("no thread can watch the shutdown"));
    let line = warnings.next().unwrap_or_else(|| panic!("no warning: {ended:?}"));
    assert!(line.contains("WARN") && line.contains("error="), "{line}");
    assert_eq!(warnings.next(), None);
}

async fn logged() {
    let mut served = Served::start(&[]);
    let mut io = served.request("/slow").await;
    served.program.signal(Signal::INT);
    assert!(wire::read_response(&mut io).await.unwrap().ends_with("slow"));
    let ended = served.program.ended();
    let expected = [
        format!("addresses=[\"unix:{}\"] started_by=\"FCGI_LISTEN\"", served.path.display()),
        "INFO message=shutting down".to_owned(),
        "cause=\"SIGINT\" busy=1 idle=0 ".to_owned(),
        "INFO message=the shutdown is complete finished=1 dropped=0 ".to_owned(),
    ];
    for part in expected {
        assert!(ended.stderr.contains(&part), "{} does not contain {part}", ended.stderr);
    }
    // The request has no SCRIPT_NAME.
    let mut lines = ended.stderr.lines().filter(|line| !line.contains("SCRIPT_NAME"));
    assert!(lines.all(|line| !line.starts_with("WARN") && !line.starts_with("ERROR")), "{ended:?}");
}

async fn unserved() {
    for listen_pid in ["$$", "1"] {
        let mut command = by_shell(&format!(
            "export LISTEN_PID={listen_pid} LISTEN_FDS=1 LISTEN_FDNAMES=web; exec 3<&0 </dev/null;"
        ));
        let dir = tempfile::tempdir().unwrap();
        command.stdin(OwnedFd::from(UnixListener::bind(dir.path().join("systemd")).unwrap()));
        let served = Served::start_by(command, &[]);
        is_served(connect(&served.path).await).await;
        served.program.signal(Signal::TERM);
        let ended = served.program.ended();
        let warning = "systemd passes sockets that are not served, because FCGI_LISTEN is set";
        let warned = ended.stderr.lines().any(|line| line.starts_with("WARN") && line.contains(warning));
        assert_eq!(warned, listen_pid == "$$", "{ended:?}");
        assert_eq!(ended.stderr.contains("sockets=\"systemd:web\""), warned, "{ended:?}");
    }
}
