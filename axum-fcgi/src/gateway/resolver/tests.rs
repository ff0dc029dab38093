//! Paths and the files that they name.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

use super::*;

/// A site with scripts, uploads, hidden files, links and other files.
fn site() -> (TempDir, ScriptResolver) {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("root");
    for name in ["docs", "app", "empty", "example.php", "static", ".git", ".well-known", "sub/.svn"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    for name in [
        "index.php",
        "hello.php",
        "UPPER.PHP",
        "x.jpg",
        "evil.php.jpg",
        "a b.php",
        "\u{fc}.php",
        "50%.php",
        "x.phpx",
        "php",
        "x.php~",
        "docs/index.php",
        "docs/page.php",
        "app/index.php",
        "example.php/index.php",
        "static/index.html",
        ".git/config",
        ".git/hook.php",
        ".hidden.php",
        ".well-known/x.php",
        "sub/.svn/x.php",
        "x.inc",
        "x.PhP",
    ] {
        fs::write(root.join(name), "").unwrap();
    }
    fs::write(directory.path().join("secret.php"), "").unwrap();
    symlink(directory.path().join("secret.php"), root.join("out.php")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("hello.php", root.join("in.php")).unwrap();
    symlink("docs", root.join("to-docs")).unwrap();
    symlink("nowhere.php", root.join("broken.php")).unwrap();
    symlink("loop.php", root.join("loop.php")).unwrap();
    drop(UnixListener::bind(root.join("socket.php")).unwrap());
    let resolver = ScriptResolver {
        root,
        extensions: vec![".php".into()],
        index: vec!["index.php".into(), "index.html".into()],
        front_controller: None,
        serve_dotfiles: false,
        symlinks: Symlinks::default(),
    };
    (directory, resolver)
}

fn script(name: &str, path_info: &str) -> Resolved {
    Resolved::Script(Script { name: name.into(), path_info: path_info.into() })
}

fn check(cases: &[(&str, Resolved)]) {
    let (_directory, resolver) = site();
    for (path, expected) in cases {
        assert_eq!(resolver.resolve(path, true), *expected, "{path:?}");
    }
}

#[test]
fn scripts_and_directories_are_found() {
    check(&[
        // Scripts, and what follows them.
        ("/hello.php", script("/hello.php", "")),
        ("/hello.php/", script("/hello.php", "/")),
        ("/hello.php/a/b", script("/hello.php", "/a/b")),
        ("/hello.php//a", script("/hello.php", "//a")),
        ("/hello.php/a%2Fb%20c", script("/hello.php", "/a/b c")),
        ("/hello.php/%61", script("/hello.php", "/a")),
        ("/hello.php/x.php", script("/hello.php", "/x.php")),
        ("/hello.php/x.jpg", script("/hello.php", "/x.jpg")),
        ("/hello.php/.git", script("/hello.php", "/.git")),
        ("/hello.php/%0a", script("/hello.php", "/\n")),
        ("/docs/page.php", script("/docs/page.php", "")),
        ("/UPPER.PHP/x", script("/UPPER.PHP", "/x")),
        ("/x.PhP", script("/x.PhP", "")),
        ("/a%20b.php", script("/a b.php", "")),
        ("/%C3%BC.php", script("/\u{fc}.php", "")),
        ("/50%25.php", script("/50%.php", "")),
        ("/in.php", script("/in.php", "")),
        ("/to-docs/page.php", script("/to-docs/page.php", "")),
        ("/.well-known/x.php", script("/.well-known/x.php", "")),
        // Directories.
        ("/", script("/index.php", "")),
        ("/docs/", script("/docs/index.php", "")),
        ("/docs", Resolved::NeedsSlash),
        ("/example.php/", script("/example.php/index.php", "")),
        ("/example.php", Resolved::NeedsSlash),
        ("/example.php/index.php/x", script("/example.php/index.php", "/x")),
        ("/static/", Resolved::File),
        ("/static", Resolved::NeedsSlash),
        ("/empty/", Resolved::Missing),
        ("/empty", Resolved::Missing),
    ]);
}

#[test]
fn other_files_are_not_run_and_missing_ones_not_found() {
    check(&[
        // Files that are not scripts, whatever follows them.
        ("/x.jpg", Resolved::File),
        ("/x.jpg/y.php", Resolved::Refused),
        ("/x.jpg/index.php", Resolved::Refused),
        ("/x.jpg/.php", Resolved::Refused),
        ("/x.jpg/", Resolved::Refused),
        ("/x.jpg%2Fy.php", Resolved::Refused),
        ("/x.jpg%20.php", Resolved::Missing),
        ("/x.jpg%0a.php", Resolved::Missing),
        ("/x.jpg;.php", Resolved::Missing),
        ("/evil.php.jpg", Resolved::File),
        ("/evil.php.jpg/x.php", Resolved::Refused),
        ("/x.phpx", Resolved::File),
        ("/x.php~", Resolved::File),
        ("/php", Resolved::File),
        ("/x.inc/y.php", Resolved::Refused),
        // Paths that name nothing.
        ("/nothing.php", Resolved::Missing),
        ("/nothing.php/hello.php", Resolved::Missing),
        ("/nothing/hello.php", Resolved::Missing),
        ("/hello.ph\u{17f}", Resolved::Missing),
        ("/hello.%CD%BFhp", Resolved::Missing),
        ("/hello.php%20", Resolved::Missing),
        ("/hello.php%0A", Resolved::Missing),
        ("/broken.php", Resolved::Missing),
    ]);
}

#[test]
fn second_names_hidden_files_and_sockets_are_refused() {
    check(&[
        // Second names of files.
        ("//hello.php", Resolved::Refused),
        ("/docs//page.php", Resolved::Refused),
        ("//", Resolved::Refused),
        ("/hello%2ephp", Resolved::Refused),
        ("/%68ello.php", Resolved::Refused),
        ("/docs%2Fpage.php", Resolved::Refused),
        ("/docs%5Cpage.php", Resolved::Refused),
        ("/docs\\page.php", Resolved::Refused),
        ("/%252e%252e/secret.php", Resolved::Missing),
        // Hidden files, and a socket.
        ("/.git/config", Resolved::Refused),
        ("/.git/hook.php", Resolved::Refused),
        ("/.git", Resolved::Refused),
        ("/.hidden.php", Resolved::Refused),
        ("/sub/.svn/x.php", Resolved::Refused),
        ("/sub/.well-known/x", Resolved::Refused),
        ("/socket.php", Resolved::Refused),
    ]);
}

#[test]
fn paths_out_of_the_root_and_nul_are_malformed() {
    check(&[
        // Out of the root.
        ("/../secret.php", Resolved::Malformed),
        ("/docs/../../secret.php", Resolved::Malformed),
        ("/docs/../hello.php", Resolved::Malformed),
        ("/%2e%2e/secret.php", Resolved::Malformed),
        ("/.%2E/secret.php", Resolved::Malformed),
        ("/./hello.php", Resolved::Malformed),
        ("/hello.php/../x", Resolved::Malformed),
        ("/hello.php/%2e%2e/%2e%2e/x", Resolved::Malformed),
        ("/..%2fsecret.php", Resolved::Malformed),
        ("/docs%2f..%2f..%2fsecret.php", Resolved::Malformed),
        ("/hello.php/..%2f..%2fx", Resolved::Malformed),
        ("/out.php", Resolved::Refused),
        ("/up/secret.php", Resolved::Refused),
        ("/up/root/hello.php", Resolved::Refused),
        ("/loop.php", Resolved::Refused),
        // NUL, and what is not a path.
        ("/x.jpg%00.php", Resolved::Malformed),
        ("/hello.php%00.jpg", Resolved::Malformed),
        ("/hello.php/%00", Resolved::Malformed),
        ("/hello.php/%zz", Resolved::Malformed),
        ("/%", Resolved::Malformed),
        ("", Resolved::Malformed),
        ("*", Resolved::Malformed),
        ("hello.php", Resolved::Malformed),
    ]);
}

#[test]
fn a_name_that_is_too_long_is_missing() {
    let long = format!("/{}.php", "a".repeat(5000));
    check(&[(&long, Resolved::Missing)]);
}

#[test]
fn paths_of_no_file_go_to_the_front_controller() {
    let (_directory, mut resolver) = site();
    resolver.front_controller = Some("/app/index.php".into());
    let front = || script("/app/index.php", "");
    for (path, expected) in [
        ("/pretty/path", front()),
        ("/nothing.php", front()),
        ("/nothing.php/x", front()),
        ("/empty/", front()),
        ("//pretty", front()),
        ("/a%2Fb", front()),
        ("/hello.php", script("/hello.php", "")),
        ("/x.jpg", Resolved::File),
        ("/docs/", script("/docs/index.php", "")),
        ("/x.jpg/y.php", Resolved::Refused),
        ("/out.php", Resolved::Refused),
        ("/.git/config", Resolved::Refused),
        ("/../x", Resolved::Malformed),
    ] {
        assert_eq!(resolver.resolve(path, true), expected, "{path:?}");
    }
    resolver.front_controller = Some("/missing.php".into());
    assert_eq!(resolver.resolve("/pretty", true), Resolved::Refused);
    resolver.front_controller = Some("/x.jpg".into());
    assert_eq!(resolver.resolve("/pretty", true), Resolved::Refused);
}

#[test]
fn symlinks_are_followed_as_configured() {
    let (_directory, mut resolver) = site();
    resolver.symlinks = Symlinks::Anywhere;
    assert_eq!(resolver.resolve("/out.php", true), script("/out.php", ""));
    assert_eq!(resolver.resolve("/up/secret.php", true), script("/up/secret.php", ""));
    resolver.symlinks = Symlinks::Never;
    for path in ["/out.php", "/in.php", "/to-docs/page.php", "/broken.php"] {
        assert_eq!(resolver.resolve(path, true), Resolved::Refused, "{path}");
    }
    // The root itself may be a link.
    let (directory, mut resolver) = site();
    let link = directory.path().join("current");
    symlink(&resolver.root, &link).unwrap();
    resolver.root = link;
    assert_eq!(resolver.resolve("/in.php", true), script("/in.php", ""));
    assert_eq!(resolver.resolve("/out.php", true), Resolved::Refused);
}

#[test]
fn dotfiles_and_script_extensions_are_configurable() {
    let (_directory, mut resolver) = site();
    resolver.serve_dotfiles = true;
    assert_eq!(resolver.resolve("/.hidden.php", true), script("/.hidden.php", ""));
    resolver.extensions = vec![".inc".into(), ".PHPX".into()];
    assert_eq!(resolver.resolve("/x.inc/a", true), script("/x.inc", "/a"));
    assert_eq!(resolver.resolve("/x.phpx", true), script("/x.phpx", ""));
    assert_eq!(resolver.resolve("/hello.php", true), Resolved::File);
}

#[test]
fn a_mount_path_without_a_slash_needs_one() {
    let (_directory, resolver) = site();
    assert_eq!(resolver.resolve("/", false), Resolved::NeedsSlash);
    assert_eq!(resolver.resolve("/hello.php", false), script("/hello.php", ""));
}
