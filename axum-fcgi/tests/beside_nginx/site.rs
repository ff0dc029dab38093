//! The files and the php-fpm that both serve.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use test_support::{PhpFpm, Result};

/// PHP's workers.
pub(crate) const CHILDREN: usize = 8;

/// Sends back what it has got.
const SEEN: &str = include_str!("site/seen.php");
/// Looks like a picture and contains a script.
const PICTURE: &str = "\u{ff}JFIF<?php echo 'run';";

/// Scripts that send back what they have got.
const SCRIPTS: [&str; 24] = [
    "index.php",
    "seen.php",
    "docs/index.php",
    "docs/seen.php",
    "dir.php/index.php",
    "UPPER.PHP",
    "with space.php",
    "\u{fc}ml\u{e4}ut.php",
    "per%cent.php",
    "twice%20.php",
    "plus+.php",
    "semi;colon.php",
    "quote'.php",
    "hash#.php",
    "question?.php",
    "tilde~.php",
    "back\\slash.php",
    "a.php.php",
    ".hidden.php",
    ".php",
    ".git/hook.php",
    ".well-known/seen.php",
    "uploads/upload.php",
    "releases/42/seen.php",
];

/// Other files.
const FILES: [(&str, &str); 26] = [
    ("respond.php", include_str!("site/respond.php")),
    ("hello.txt", "Hello\n"),
    ("style.css", "body {}\n"),
    ("empty.txt", ""),
    ("no-extension", "Hello\n"),
    ("with space.txt", "Hello\n"),
    ("uploads/picture.jpg", PICTURE),
    ("uploads/picture.jpg.php.txt", PICTURE),
    ("uploads/double.php.jpg", PICTURE),
    ("html/index.html", "<p>Hello\n"),
    ("list/one.txt", "1\n"),
    ("dir.php/inner.txt", "inner\n"),
    ("only.php/inner.txt", "inner\n"),
    ("include.inc", "<?php $password = 1;\n"),
    ("seen.php.bak", "<?php $password = 1;\n"),
    ("seen.php~", "<?php $password = 1;\n"),
    ("seen.phps", "<?php $password = 1;\n"),
    ("seen.phtml", "<?php echo 'run';\n"),
    ("seen.php5", "<?php echo 'run';\n"),
    ("seen.phar", "<?php echo 'run';\n"),
    (".env", "SECRET=1\n"),
    (".htaccess", "deny from all\n"),
    (".user.ini", "\n"),
    (".git/config", "[core]\n"),
    (".well-known/acme", "acme\n"),
    ("docs/.htpasswd", "x:y\n"),
];

/// The files and the php-fpm. All of it ends when this is dropped, php-fpm first.
pub(crate) struct Site {
    fpm: PhpFpm,
    directory: TempDir,
}

impl Site {
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let directory = TempDir::new()?;
        let root = directory.path().join("parent/app");
        for (name, text) in SCRIPTS.iter().map(|name| (*name, SEEN)).chain(FILES) {
            let file = root.join(name);
            fs::create_dir_all(file.parent().ok_or("a file without a directory")?)?;
            fs::write(file, text)?;
        }
        let outside = directory.path().join("outside.php");
        fs::write(&outside, SEEN)?;
        fs::create_dir(root.join("empty"))?;
        for (link, target) in [
            ("link.php", Path::new("seen.php")),
            ("link-to-text.php", Path::new("hello.txt")),
            ("text-to-script.txt", Path::new("seen.php")),
            ("current", Path::new("releases/42")),
            ("broken.php", Path::new("nothing.php")),
            ("loop.php", Path::new("loop.php")),
            ("outside.php", &outside),
        ] {
            symlink(target, root.join(link))?;
        }
        let settings = format!(
            "env[SITE] = {0}\nphp_admin_value[upload_tmp_dir] = {0}\nphp_admin_value[post_max_size] = 64M\n\
            php_admin_flag[display_errors] = off\nphp_admin_value[error_log] = {0}/php.log\n",
            directory.path().display()
        );
        let fpm = PhpFpm::start(program, directory.path(), CHILDREN, &settings)?;
        Ok(Self { fpm, directory })
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.parent().join("app")
    }

    pub(crate) fn parent(&self) -> PathBuf {
        self.directory.path().join("parent")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.fpm.socket()
    }
}
