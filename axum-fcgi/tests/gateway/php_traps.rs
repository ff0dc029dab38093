//! PHP: paths that have tricked web servers into running uploads or sending source.

use std::fs;
use std::os::unix::fs::symlink;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Uri};
use libtest_mimic::Trial;
use tower_http::services::ServeDir;

use crate::client::{FullResponse, ask};
use crate::fpm::{Fpm, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("web_server_traps", traps), trial("traps_with_a_front_controller", front_controller_traps)]
}

/// A script's output. Its source has another text.
const RUN: &str = "run:42";
const SOURCE: &str = "<?php echo 'run:' . 6 * 7;";
/// Text that only an upload has. It contains code, too.
const UPLOAD: &str = "upload <?php echo 'run:' . 6 * 7;";

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The script's output.
    Run,
    /// An upload, as it is.
    Upload,
    Redirect,
    BadRequest,
    NotFound,
}
use Outcome::{BadRequest, NotFound, Redirect, Run, Upload};

/// Paths, and what they lead to without a front controller.
const TRAPS: &[(&str, Outcome)] = &[
    // The script itself.
    ("/index.php", Run),
    ("/index.php/", Run),
    ("/index.php/x.php", Run),
    ("/index.php/upload.jpg", Run),
    ("/index.php/.git/config", Run),
    ("/index.php;x=1", NotFound),
    ("/index.php/;x=1", Run),
    ("/index.php?x=/upload.jpg", Run),
    ("/", Run),
    ("/docs", Redirect),
    ("/docs/", Run),
    ("/dir.php", Redirect),
    ("/dir.php/", NotFound),
    ("/dir.php/upload.jpg", Upload),
    ("/dir.php/upload.jpg/x.php", NotFound),
    // cgi.fix_pathinfo: an upload is run because a script's name follows.
    ("/upload.jpg", Upload),
    ("/upload.jpg/x.php", NotFound),
    ("/upload.jpg/index.php", NotFound),
    ("/upload.jpg/.php", NotFound),
    ("/upload.jpg/", NotFound),
    ("/upload.jpg/../index.php", BadRequest),
    ("/upload.jpg%2Fx.php", NotFound),
    ("/upload.jpg%5Cx.php", NotFound),
    ("/upload.jpg;x.php", NotFound),
    ("/upload.jpg;/x.php", NotFound),
    ("/upload.jpg%3B.php", NotFound),
    ("/upload.jpg%3F.php", NotFound),
    ("/upload.jpg%23.php", NotFound),
    ("/upload.jpg%20/x.php", NotFound),
    ("/upload.jpg%20.php", NotFound),
    ("/upload.jpg%0A.php", NotFound),
    ("/upload.php.jpg", Upload),
    ("/upload.php.jpg/x.php", NotFound),
    // A NUL ends a name in C (CVE-2013-4547 needs a space before it).
    ("/upload.jpg%00.php", BadRequest),
    ("/upload.jpg%20%00.php", BadRequest),
    ("/index.php%00.jpg", BadRequest),
    ("/index.php/%00", BadRequest),
    ("/%00/index.php", BadRequest),
    // Ways out of the root, and out of an alias.
    ("/../secret.php", BadRequest),
    ("/docs/../../secret.php", BadRequest),
    ("/index.php/../../secret.php", BadRequest),
    ("/%2e%2e/secret.php", BadRequest),
    ("/%2e%2e%2fsecret.php", BadRequest),
    ("/..%2fsecret.php", BadRequest),
    ("/..%5csecret.php", BadRequest),
    ("/.%2e/secret.php", BadRequest),
    ("/docs../secret.php", NotFound),
    ("/..;/secret.php", NotFound),
    ("/docs/..;/index.php", NotFound),
    ("/.;/index.php", NotFound),
    ("/%252e%252e/secret.php", NotFound),
    ("/%252e%252e%252fsecret.php", NotFound),
    ("/..%c0%afsecret.php", NotFound),
    ("/%c0%ae%c0%ae/secret.php", NotFound),
    ("/link/secret.php", NotFound),
    ("/secret-link.php", NotFound),
    // Other spellings of a script's path.
    ("//index.php", NotFound),
    ("/docs//index.php", NotFound),
    ("/./index.php", BadRequest),
    ("/docs/../index.php", BadRequest),
    ("/index%2ephp", NotFound),
    ("/%69ndex.php", NotFound),
    ("/docs%2Findex.php", NotFound),
    ("/docs%5Cindex.php", NotFound),
    ("/index.php%2F", NotFound),
    ("/index.php.", NotFound),
    ("/index.php%20", NotFound),
    ("/index.php%09", NotFound),
    ("/index.php%0A", NotFound),
    ("/index.php::$DATA", NotFound),
    ("/index.php%3A%3A$DATA", NotFound),
    ("/INDEX.PHP", NotFound),
    ("/Index.php", NotFound),
    ("/%ef%bd%89ndex.php", NotFound),
    ("/index.ph%cf%81", NotFound),
    ("/index.php%E2%80%8B", NotFound),
    ("/%", BadRequest),
    ("/index.php%", BadRequest),
    ("/index.php%2", BadRequest),
    ("/%u0069ndex.php", BadRequest),
    // Sources of scripts with other extensions, and copies of scripts.
    ("/x.phtml", NotFound),
    ("/x.pht", NotFound),
    ("/x.phar", NotFound),
    ("/x.phps", NotFound),
    ("/x.php3", NotFound),
    ("/x.php5", NotFound),
    ("/x.PhP7", NotFound),
    ("/x.php~", NotFound),
    ("/x.php.bak", NotFound),
    ("/x.php.old", NotFound),
    ("/x.php.save", NotFound),
    ("/x.php.swp", NotFound),
    ("/x.php_", NotFound),
    ("/x.php.1", NotFound),
    ("/x.php.orig", NotFound),
    ("/x.php.", NotFound),
    ("/x.php%20", NotFound),
    ("/x.phtml/index.php", NotFound),
    ("/x.php5/x.php", NotFound),
    // Hidden files.
    ("/.env", NotFound),
    ("/.env/x.php", NotFound),
    ("/.git/config", NotFound),
    ("/%2egit/config", NotFound),
    ("/.git%2Fconfig", NotFound),
    ("/docs/.git/config", NotFound),
    ("/.hidden.php", NotFound),
    ("/.user.ini", NotFound),
    ("/.htaccess", NotFound),
    // Files that are not there.
    ("/none.php", NotFound),
    ("/none.php/index.php", NotFound),
    ("/none/index.php", NotFound),
    ("/.php", NotFound),
    ("/index.php.jpg", NotFound),
];

/// Files of each kind, in and beside the root.
fn fill(fpm: &Fpm) {
    let root = fpm.root();
    for directory in [".git", "docs/.git", "dir.php"] {
        fs::create_dir(root.join(directory)).unwrap();
    }
    fs::create_dir(fpm.path().join("outside")).unwrap();
    let sources = "index.php docs/index.php ../secret.php ../outside/secret.php x.phtml x.pht x.phar x.phps x.php3 x.php5 \
        x.PhP7 x.php~ x.php.bak x.php.old x.php.save x.php.swp x.php_ x.php.1 x.php.orig x.php. .env .git/config \
        docs/.git/config .hidden.php .user.ini .htaccess";
    for name in sources.split_ascii_whitespace().chain(["x.php "]) {
        fs::write(root.join(name), SOURCE).unwrap();
    }
    for name in ["upload.jpg", "upload.php.jpg", "dir.php/upload.jpg"] {
        fs::write(root.join(name), UPLOAD).unwrap();
    }
    symlink("../outside", root.join("link")).unwrap();
    symlink("../secret.php", root.join("secret-link.php")).unwrap();
}

async fn request(router: &Router, path: &str) -> FullResponse {
    let uri = path.parse::<Uri>().unwrap_or_else(|error| panic!("{path}: {error}"));
    ask(router, Request::get(uri).body(Body::empty()).unwrap()).await
}

fn outcome(response: &FullResponse) -> Outcome {
    match (response.status, response.text()) {
        (200, RUN) => Run,
        (200, UPLOAD) => Upload,
        (308, "") => Redirect,
        (400, "") => BadRequest,
        (404, text) if !text.contains("<?php") && !text.contains("run:") => NotFound,
        _ => panic!("neither run nor refused: {response:?}"),
    }
}

async fn traps(fpm: Fpm) {
    fill(&fpm);
    let scripts = fpm.scripts().files(ServeDir::new(fpm.root()));
    let whole = Router::new().fallback_service(scripts.clone());
    let nested = Router::new().nest_service("/site", scripts);
    for (path, expected) in TRAPS {
        assert_eq!(outcome(&request(&whole, path).await), *expected, "{path}");
        let path = format!("/site{path}");
        // Behind a nest, axum matches paths as they are.
        if !path.contains("..") {
            assert_eq!(outcome(&request(&nested, &path).await), *expected, "{path}");
        }
    }
}

/// A front controller runs for what is not found. Nothing else runs, and no source is sent.
async fn front_controller_traps(fpm: Fpm) {
    fill(&fpm);
    fs::write(fpm.root().join("front.php"), "<?php echo 'front:' . 6 * 7;").unwrap();
    let scripts = fpm.scripts().files(ServeDir::new(fpm.root())).front_controller("/front.php");
    let router = Router::new().fallback_service(scripts);
    for (path, without) in TRAPS {
        let response = request(&router, path).await;
        if response.text() == "front:42" {
            assert!(matches!(without, NotFound | Redirect), "{path}: {response:?}");
        } else {
            assert_eq!(outcome(&response), *without, "{path}");
        }
    }
}
