//! PHP: which paths are run, served or rejected.

use std::fs;
use std::os::unix::fs::symlink;

use axum::Router;
use axum_fcgi::Symlinks;
use libtest_mimic::Trial;
use tower_http::services::ServeDir;

use crate::client::get;
use crate::fpm::{Fpm, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("uploads_are_not_run", uploads),
        trial("no_source_is_ever_sent", sources),
        trial("a_front_controller", front_controller),
        trial("a_different_script_root", script_root),
    ]
}

/// The output of the script, which its source does not contain.
const RUN: &str = "run:42";
const SCRIPT: &str = "<?php echo 'run:' . 6 * 7;";

async fn uploads(fpm: Fpm) {
    fs::write(fpm.root().join("evil.jpg"), SCRIPT).unwrap();
    fs::write(fpm.root().join("evil.php"), SCRIPT).unwrap();
    let router = Router::new().fallback_service(fpm.scripts().files(ServeDir::new(fpm.root())));
    assert_eq!(get(&router, "/evil.php").await.text(), RUN, "a run script must be seen");
    let image = get(&router, "/evil.jpg").await;
    assert_eq!((image.status, image.text(), image.header("content-type")), (200, SCRIPT, Some("image/jpeg")));
    for path in [
        "/evil.jpg/x.php",
        "/evil.jpg/.php",
        "/evil.jpg/index.php",
        "/evil.jpg%00.php",
        "/evil.jpg%2Fx.php",
        "/evil.jpg%0a.php",
        "/evil.jpg%20.php",
        "/evil.jpg/%2e%2e/x.php",
    ] {
        let response = get(&router, path).await;
        assert!(matches!(response.status, 400 | 404), "{path}: {response:?}");
    }
}

async fn sources(fpm: Fpm) {
    let root = fpm.root();
    fs::create_dir(root.join(".git")).unwrap();
    for name in ["../secret.php", "UPPER.PHP", ".git/hook.php", ".hidden.php", "a b.php"] {
        fs::write(root.join(name), SCRIPT).unwrap();
    }
    symlink("../secret.php", root.join("out.php")).unwrap();
    symlink("..", root.join("up")).unwrap();
    let scripts = fpm.scripts().files(ServeDir::new(root));
    let router = Router::new().fallback_service(scripts.clone());
    let linked = scripts.symlinks(Symlinks::Never);
    let linked = Router::new().fallback_service(linked);
    for path in [
        "/UPPER.PHP",
        "/a%20b.php",
        "/UPPER%2EPHP",
        "/%55PPER.PHP",
        "//UPPER.PHP",
        "/./UPPER.PHP",
        "/docs/../UPPER.PHP",
        "/docs/%2e%2e/UPPER.PHP",
        "/docs%2f..%2fUPPER.PHP",
        "/UPPER.PHP/",
        "/UPPER.PHP%20",
        "/UPPER.PHP%2f",
        "/out.php",
        "/up/secret.php",
        "/../secret.php",
        "/%2e%2e/secret.php",
        "/.git/hook.php",
        "/.hidden.php",
        "/%2ehidden.php",
    ] {
        for router in [&router, &linked] {
            let response = get(router, path).await;
            assert!(!response.text().contains("<?php"), "{path}: {response:?}");
            let is_run = response.text() == RUN;
            assert_eq!(is_run, path == "/a%20b.php", "{path}: {response:?}");
            // php-fpm itself rejects the extension, which it compares case-sensitively.
            let is_denied = matches!(path, "/UPPER.PHP" | "/UPPER.PHP/");
            assert_eq!(response.status == 403, is_denied, "{path}: {response:?}");
        }
    }
}

async fn front_controller(fpm: Fpm) {
    let scripts = fpm.scripts().front_controller("/index.php").files(ServeDir::new(fpm.root()));
    fs::write(fpm.root().join("style.css"), "p {}").unwrap();
    let router = Router::new().nest_service("/blog", scripts);
    for path in ["/blog/2026/05/a-post?x=1", "/blog/nothing.php", "/blog//a", "/blog/a%2Fb"] {
        let response = get(&router, path).await;
        assert_eq!(response.variable("SCRIPT_NAME"), Some("/blog/index.php"), "{path}");
        assert_eq!(response.variable("REQUEST_URI"), Some(path));
        assert_eq!(response.variable("PATH_INFO").unwrap_or_default(), "", "{path}");
    }
    assert_eq!(get(&router, "/blog/style.css").await.text(), "p {}");
    assert_eq!(get(&router, "/blog/hello.php").await.text(), "Hello, World!");
    assert_eq!(get(&router, "/blog/style.css/x.php").await.status, 404);
    assert_eq!(get(&router, "/blog/../index.php").await.status, 400);
}

async fn script_root(fpm: Fpm) {
    // The same directory under another path, as in a container.
    let elsewhere = fpm.path().join("elsewhere");
    symlink(fpm.root(), &elsewhere).unwrap();
    let router = Router::new().nest_service("/php", fpm.scripts().remote_root(elsewhere.join("")));
    let response = get(&router, "/php/index.php").await;
    let elsewhere = elsewhere.display().to_string();
    assert_eq!(response.variable("DOCUMENT_ROOT"), Some(&*elsewhere));
    assert_eq!(response.variable("SCRIPT_FILENAME"), Some(&*format!("{elsewhere}/index.php")));
}
