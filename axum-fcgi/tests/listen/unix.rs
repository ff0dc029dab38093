//! Unix sockets at a path.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;

use axum_fcgi::{FcgiListener, UnixSocket};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use tempfile::TempDir;

use crate::child;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[tokio::test]
async fn a_stale_file_is_replaced() {
    const NAME: &str = "unix::a_stale_file_is_replaced";
    if let Some(path) = child::expectation() {
        let _listener = UnixSocket::new(path).bind().unwrap();
        // As if killed: nothing is dropped.
        std::process::exit(77);
    }
    let dir = dir();
    let path = dir.path().join("sock");
    let mut killed = child::start(child::again(NAME, "exec", "", path.to_str().unwrap()));
    assert_eq!(killed.wait().unwrap().code(), Some(77));
    assert!(path.exists());
    let _listener = UnixSocket::new(&path).bind().unwrap();
    UnixStream::connect(&path).unwrap();
}

#[tokio::test]
async fn a_live_socket_with_a_full_backlog_is_not_replaced() {
    let dir = dir();
    let path = dir.path().join("sock");
    let live = bound(&path);
    rustix::net::listen(&live, 0).unwrap();
    // The second attempt finds the first one in the backlog, which has room for one connection.
    for _ in 0..3 {
        let error = UnixSocket::new(&path).bind().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains("another process listens there"), "{error}");
    }
    let live = UnixListener::from(live);
    live.accept().unwrap();
    UnixStream::connect(&path).unwrap();
}

#[tokio::test]
async fn two_binds_race_for_a_stale_file_and_one_wins() {
    let dir = dir();
    let path = dir.path().join("sock");
    for _ in 0..500 {
        // It never listened, so it is stale even while a process that another test starts holds it.
        drop(bound(&path));
        let bind = || {
            let (socket, runtime) = (UnixSocket::new(&path), tokio::runtime::Handle::current());
            tokio::task::spawn_blocking(move || {
                let _entered = runtime.enter();
                socket.bind()
            })
        };
        let (one, other) = tokio::join!(bind(), bind());
        let (has, lost) = match (one.unwrap(), other.unwrap()) {
            (Ok(has), Err(lost)) | (Err(lost), Ok(has)) => (has, lost),
            both => panic!("{both:?}"),
        };
        assert_eq!(lost.kind(), ErrorKind::AddrInUse, "{lost}");
        UnixStream::connect(&path).unwrap();
        drop(has);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "no file must remain");
    }
}

/// A bound socket that does not listen.
fn bound(path: &Path) -> OwnedFd {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    socket
}

#[tokio::test]
async fn only_a_stale_stream_socket_is_removed() {
    let dir = dir();
    let file = dir.path().join("file");
    fs::write(&file, "precious").unwrap();
    let link = dir.path().join("link");
    symlink("nowhere", &link).unwrap();
    let folder = dir.path().join("folder");
    fs::create_dir(&folder).unwrap();
    for path in [&file, &link, &folder] {
        let error = UnixSocket::new(path).bind().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        assert!(error.to_string().contains("is not a socket"), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert!(link.is_symlink() && folder.is_dir());

    let other = dir.path().join("datagram");
    let _live = UnixDatagram::bind(&other).unwrap();
    let error = UnixSocket::new(&other).bind().unwrap_err();
    assert!(error.to_string().contains("cannot determine whether"), "{error}");
    assert!(fs::metadata(&other).unwrap().file_type().is_socket());
}

#[tokio::test]
async fn the_mode_is_set_regardless_of_the_umask() {
    const NAME: &str = "unix::the_mode_is_set_regardless_of_the_umask";
    if child::expectation().is_some() {
        let dir = dir();
        let path = dir.path().join("sock");
        let default = UnixSocket::new(&path).bind().unwrap();
        assert_eq!(mode(&path), 0o660);
        drop(default);
        for wanted in [0o600, 0o666, 0o777] {
            let _listener = UnixSocket::new(&path).mode(wanted).bind().unwrap();
            assert_eq!(mode(&path), wanted);
        }
        return;
    }
    for umask in ["000", "022", "077"] {
        child::passed(child::start(child::again(NAME, &format!("umask {umask}; exec"), "", umask)));
    }
}

#[tokio::test]
async fn owner_and_group_are_set_or_bind_fails_cleanly() {
    let dir = dir();
    let path = dir.path().join("sock");
    let own = fs::metadata(dir.path()).unwrap();
    // A privileged process may give files to any user; others only to themselves.
    let given = UnixSocket::new(&path).owner(4711).group(4712).bind();
    match given {
        Ok(listener) => {
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (4711, 4712));
            drop(listener);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
    }
    assert!(!path.exists());
    let _listener = UnixSocket::new(&path).owner(own.uid()).group(own.gid()).bind().unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (own.uid(), own.gid()));
}

#[tokio::test]
async fn owner_and_group_can_be_names() {
    let dir = dir();
    let path = dir.path().join("sock");
    // User 1 on every Linux.
    match UnixSocket::new(&path).owner("daemon").group("daemon".to_owned()).bind() {
        Ok(listener) => {
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (1, 1));
            drop(listener);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("setting its owner and group failed"), "{error}");
        }
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn an_unknown_owner_or_group_is_an_error() {
    let dir = dir();
    let path = dir.path().join("sock");
    for name in ["", "no such name", "daemon\0"] {
        for (socket, what) in
            [(UnixSocket::new(&path).owner(name), "user"), (UnixSocket::new(&path).group(name), "group")]
        {
            let error = socket.bind().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let expected = format!("{what} {name:?}: this system has no such {what}");
            assert!(error.to_string().ends_with(&expected), "{error}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "no file must remain");
        }
    }
}

#[tokio::test]
async fn the_length_of_the_path_is_checked() {
    let dir = dir();
    let room = 107 - dir.path().as_os_str().len() - 1;
    let path = dir.path().join("s".repeat(room + 1));
    let error = UnixSocket::new(&path).bind().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("108 bytes is too long") && error.to_string().contains("107"),
        "{error}"
    );

    let path = dir.path().join("s".repeat(room));
    let _listener = UnixSocket::new(&path).bind().unwrap();
    UnixStream::connect(&path).unwrap();

    for path in ["", "\0abstract"] {
        assert_eq!(UnixSocket::new(path).bind().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn drop_removes_the_file_unless_it_was_replaced() {
    let dir = dir();
    let path = dir.path().join("sock");
    let listener = FcgiListener::bind(path.as_path()).unwrap();
    assert_eq!(listener.local_addr().unwrap().to_string(), format!("unix:{}", path.display()));
    assert!(path.exists());
    drop(listener);
    assert!(!path.exists());

    let listener = UnixSocket::new(&path).bind().unwrap();
    fs::remove_file(&path).unwrap();
    let _others = UnixListener::bind(&path).unwrap();
    drop(listener);
    assert!(path.exists(), "the file belongs to the new socket");
}

#[tokio::test]
async fn the_file_stays_when_the_listener_is_inherited() {
    let dir = dir();
    let path = dir.path().join("sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    drop(FcgiListener::from(listener));
    assert!(path.exists());
}

#[tokio::test]
async fn an_error_names_the_path() {
    let dir = dir();
    let path = dir.path().join("missing/sock");
    let error = UnixSocket::new(&path).bind().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with(&format!("unix:{}: ", path.display())), "{error}");
}
