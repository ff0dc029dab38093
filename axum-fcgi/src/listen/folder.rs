//! The folder of a unix socket's path.

use std::io;
use std::path::Path;

/// Names the folder in the error of creating a file in it, if the folder is the cause.
pub(super) fn explain(path: &Path, error: io::Error) -> io::Error {
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return error,
    };
    let text = match error.kind() {
        io::ErrorKind::NotFound => format!(
            "the folder {} does not exist: create it, or let systemd do so with RuntimeDirectory=",
            folder.display()
        ),
        io::ErrorKind::NotADirectory => format!("{} is not a folder", folder.display()),
        io::ErrorKind::PermissionDenied => {
            format!("the process may not create files in the folder {}", folder.display())
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("the file system of the folder {} is read-only", folder.display())
        }
        _ => return error,
    };
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnixSocket;

    #[tokio::test]
    async fn a_missing_folder_is_named_and_not_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let error = UnixSocket::new(missing.join("app.sock")).bind().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let error = error.to_string();
        let named = format!("the folder {} does not exist", missing.display());
        assert!(error.contains(&named) && error.contains("RuntimeDirectory="), "{error}");
        assert!(!error.contains(".lock"), "{error}");
    }

    #[tokio::test]
    async fn a_file_in_the_folders_place_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = UnixSocket::new(file.join("app.sock")).bind().unwrap_err().to_string();
        assert!(error.ends_with(&format!("{} is not a folder", file.display())), "{error}");
    }

    #[test]
    fn other_errors_are_kept() {
        let explained = explain(Path::new("a.sock"), io::ErrorKind::PermissionDenied.into()).to_string();
        assert_eq!(explained, "the process may not create files in the folder .");
        let explained = explain(Path::new("/run/a.sock"), io::Error::other("odd")).to_string();
        assert_eq!(explained, "odd");
    }
}
