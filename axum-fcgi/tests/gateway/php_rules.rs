//! PHP: rules that deny paths, methods, and redirects to directories.

use std::fs;
use std::os::unix::fs::symlink;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use libtest_mimic::Trial;
use tower_http::services::ServeDir;

use crate::client::{ask, get};
use crate::fpm::{Fpm, trial};
use crate::log::Log;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("denied_paths_are_not_served", denied),
        trial("uploads_without_scripts", uploads),
        trial("refusals_are_logged", log),
        trial("trace_and_connect_are_refused", methods),
    ]
}

const SCRIPT: &str = "<?php echo 'run:' . 6 * 7;";

async fn denied(fpm: Fpm) {
    let root = fpm.root();
    for name in ["composer.json", "dump.sql", "wp-config.php", "docs/wp-config.php", "docs/x.css"] {
        fs::write(root.join(name), SCRIPT).unwrap();
    }
    let scripts = fpm.scripts().front_controller("/index.php").files(ServeDir::new(&root));
    let open = Router::new().nest_service("/site", scripts.clone());
    let denied = scripts.deny(["composer.json", "*.sql", "/wp-config.php"]).deny(["/docs/x.css"]);
    let denied = Router::new().nest_service("/site", denied);
    for path in
        ["/composer.json", "/dump.sql", "/wp-config.php", "/wp-config.php/x", "/docs/x.css", "/none.sql"]
    {
        let path = format!("/site{path}");
        assert_eq!(get(&open, &path).await.status, 200, "{path}");
        let response = get(&denied, &path).await;
        assert_eq!((response.status, response.text()), (404, ""), "{path}");
    }
    assert_eq!(get(&denied, "/site/docs/wp-config.php").await.text(), "run:42");
    assert_eq!(get(&denied, "/site/pretty").await.variable("SCRIPT_NAME"), Some("/site/index.php"));
}

async fn uploads(fpm: Fpm) {
    let root = fpm.root();
    fs::create_dir_all(root.join("wp-content/uploads/2026")).unwrap();
    for name in ["evil.php", "2026/evil.PHP", "2026/image.jpg"] {
        fs::write(root.join("wp-content/uploads").join(name), SCRIPT).unwrap();
    }
    let scripts = fpm.scripts().files(ServeDir::new(&root));
    let open = Router::new().fallback_service(scripts.clone());
    assert_eq!(get(&open, "/wp-content/uploads/evil.php").await.text(), "run:42");
    let router = Router::new().fallback_service(scripts.deny_scripts(["/wp-content/uploads"]));
    for path in ["/evil.php", "/evil.php/x", "/2026/evil.PHP", "/evil.php/image.jpg"] {
        let response = get(&router, &format!("/wp-content/uploads{path}")).await;
        assert_eq!((response.status, response.text()), (404, ""), "{path}");
    }
    assert_eq!(get(&router, "/wp-content/uploads/2026/image.jpg").await.text(), SCRIPT);
    assert_eq!(get(&router, "/hello.php").await.text(), "Hello, World!");
}

async fn log(fpm: Fpm) {
    let root = fpm.root();
    fs::write(fpm.path().join("secret.php"), SCRIPT).unwrap();
    symlink("../secret.php", root.join("out.php")).unwrap();
    for name in ["x.jpg", ".env", "a.sql", "x.php.bak"] {
        fs::write(root.join(name), SCRIPT).unwrap();
    }
    let scripts = fpm.scripts().deny(["*.sql"]).deny_scripts(["docs"]);
    let without_files = Router::new().nest_service("/site", scripts.clone());
    let router = Router::new().nest_service("/site", scripts.files(ServeDir::new(&root)));
    let (log, _guard) = Log::start();
    let mut read = 0;
    for (path, reason) in [
        ("/%78.jpg", "not the usual spelling of its path"),
        ("/docs%2F/index.php", "not the usual spelling of its path"),
        ("/x.jpg", "the gateway has no service for other files"),
        ("/out.php", "a symbolic link that is not followed"),
        ("/x.jpg/y.php", "not a script, but the path goes on after its name"),
        ("/.env", "its name starts with a dot"),
        ("/a.sql", "a deny rule"),
        ("/docs/index.php", "scripts are denied here"),
        ("/x.php.bak", "the source of a script, by its name"),
    ] {
        let router = if path == "/x.jpg" { &without_files } else { &router };
        assert_eq!(get(router, &format!("/site{path}")).await.status, 404, "{path}");
        let lines = log.warnings().split_off(read);
        read += 1;
        let [line] = &lines[..] else { panic!("{path}: {lines:?}") };
        let name = path.strip_suffix("/y.php").unwrap_or(path).replace("%78", "x").replace("%2F", "");
        let file = format!("file=\"{}{name}\"", root.canonicalize().unwrap().display());
        let message = "an existing file must not be served: answering 404";
        for part in [&format!("method=GET uri=/site{path} "), &file, reason, message] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    // Files that do not exist are not logged.
    for path in ["/none.php", "/.git/config", "/none.sql", "/none", "/%6eone", "/docs//"] {
        assert_eq!(get(&router, &format!("/site{path}")).await.status, 404, "{path}");
    }
    assert_eq!(log.warnings().len(), read);
    // Scanners cannot flood the log.
    for _ in 0..200 {
        get(&router, "/site/.env").await;
    }
    assert!((20..150).contains(&log.warnings().len()));
}

async fn methods(fpm: Fpm) {
    let scripts = fpm.scripts().files(ServeDir::new(fpm.root()));
    let router = Router::new().fallback_service(scripts);
    for (method, target) in [
        ("TRACE", "/hello.php"),
        ("TRACE", "/none.css"),
        ("CONNECT", "example.org:443"),
        ("CONNECT", "/hello.php"),
    ] {
        let request = Request::builder().method(method).uri(target).header("cookie", "secret=1");
        let response = ask(&router, request.body(Body::empty()).unwrap()).await;
        assert_eq!((response.status, response.text()), (405, ""), "{method} {target}");
        let allow = response.header("allow").unwrap();
        assert!(allow.contains("GET") && !allow.contains(method), "{allow}");
    }
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        let request = Request::builder().method(method).uri("/hello.php").body(Body::empty()).unwrap();
        assert_eq!(ask(&router, request).await.text(), "Hello, World!", "{method}");
    }
}
