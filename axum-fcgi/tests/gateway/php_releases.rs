//! PHP: a document root that is a link to the current release.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use axum::Router;
use axum_fcgi::PhpGateway;
use futures_util::future::join_all;
use libtest_mimic::Trial;

use crate::client::get;
use crate::fpm::{Fpm, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("a_switched_release", switched_release), trial("the_root_in_variables", roots)]
}

/// Prints the release of the script, of a file that it includes, and of its variables.
const PAGE: &str = "<?php $of = fn($path) => substr(strstr($path, '/releases/') ?: '', 10, 2); \
    $root = $_SERVER['DOCUMENT_ROOT']; \
    echo $of(__FILE__), require $root . '/part.php', $of($root), $of($_SERVER['SCRIPT_FILENAME']);";

/// Makes `current` a link to the release, without a moment in which it does not exist.
fn switch(directory: &Path, release: &str) {
    let next = directory.join("next");
    symlink(format!("releases/{release}"), &next).unwrap();
    fs::rename(next, directory.join("current")).unwrap();
}

/// A gateway to two releases. Each page is a script of its own in one, and the front controller's in the other.
fn releases(fpm: &Fpm) -> Router {
    let directory = fpm.path();
    for (release, pages) in [("41", ["index.php", "page.php"]), ("42", ["index.php", "docs/index.php"])] {
        let root = directory.join("releases").join(release);
        fs::create_dir_all(root.join("docs")).unwrap();
        fs::write(root.join("part.php"), format!("<?php return '{release}';")).unwrap();
        for page in pages {
            fs::write(root.join(page), PAGE).unwrap();
        }
    }
    switch(directory, "41");
    let scripts = PhpGateway::new(fpm.pool(), directory.join("current")).front_controller("/index.php");
    Router::new().nest_service("/site", scripts)
}

async fn switched_release(mut fpm: Fpm) {
    fpm.restart_with_opcache().unwrap();
    let router = releases(&fpm);
    let stop = Arc::new(AtomicBool::new(false));
    let (directory, stopped) = (fpm.path().to_owned(), Arc::clone(&stop));
    let switching = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            switch(&directory, "42");
            switch(&directory, "41");
        }
    });
    let mut seen = [0, 0];
    while seen.iter().any(|count| *count < 100) {
        let paths = ["/site/page.php", "/site/docs/", "/site/", "/site/pretty"];
        for response in join_all(paths.map(|path| get(&router, path))).await {
            assert_eq!(response.status, 200, "{response:?}");
            let release = ["41414141", "42424242"].iter().position(|text| *text == response.text());
            seen[release.unwrap_or_else(|| panic!("{response:?}"))] += 1;
        }
    }
    stop.store(true, Ordering::Relaxed);
    switching.join().unwrap();
    // A request after the switch runs the new release, although PHP has cached the old one.
    for release in ["42", "41"].repeat(10) {
        switch(fpm.path(), release);
        assert_eq!(get(&router, "/site/").await.text(), release.repeat(4));
    }
}

async fn roots(fpm: Fpm) {
    let current = fpm.path().join("current");
    symlink(fpm.root(), &current).unwrap();
    let real = fpm.root().canonicalize().unwrap();
    let scripts = PhpGateway::new(fpm.pool(), current.join(""));
    for (scripts, root) in [
        (scripts.clone(), &real),
        (scripts.clone().resolve_root(false), &current),
        (scripts.clone().resolve_root(false).resolve_root(true), &real),
        (scripts.clone().remote_root(&current), &current),
        (scripts.clone().remote_root("/none").resolve_root(true), &real),
        (scripts.resolve_root(false).remote_root(fpm.root()), &fpm.root()),
    ] {
        let response = get(&Router::new().fallback_service(scripts), "/docs/index.php/a").await;
        let root = root.display();
        assert_eq!(response.variable("DOCUMENT_ROOT"), Some(&*format!("{root}")));
        assert_eq!(response.variable("SCRIPT_FILENAME"), Some(&*format!("{root}/docs/index.php")));
        assert_eq!(response.variable("PATH_TRANSLATED"), Some(&*format!("{root}/a")));
    }
}
