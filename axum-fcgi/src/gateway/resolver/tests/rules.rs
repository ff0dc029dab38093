//! Deny rules, directories without scripts, and the sources of scripts.

use super::*;

#[test]
fn denied_paths_are_refused_whether_they_exist_or_not() {
    let (_directory, mut resolver) = site();
    for pattern in ["x.jpg", "/app", "*.INC", "/docs/p*"] {
        resolver.denied.add(pattern);
    }
    resolver.front_controller = Some("/index.php".into());
    for (path, expected) in [
        ("/x.jpg", Resolved::Refused),
        ("/x.jpg/y.php", Resolved::Refused),
        ("/docs/x.jpg", Resolved::Refused),
        ("/X.JPG", Resolved::Refused),
        ("/none/x.jpg", script("/index.php", "")),
        ("/hello.php/x.jpg", script("/hello.php", "/x.jpg")),
        ("/app", Resolved::Refused),
        ("/app/", Resolved::Refused),
        ("/app/index.php/x", Resolved::Refused),
        ("/none.inc", Resolved::Refused),
        ("/docs/", script("/docs/index.php", "")),
        ("/docs/page.php", Resolved::Refused),
        ("/to-docs/page.php", script("/to-docs/page.php", "")),
    ] {
        assert_eq!(resolve(&resolver, path, true), expected, "{path:?}");
    }
    // A front controller and an index are denied, too.
    resolver.denied.add("index.php");
    for path in ["/", "/docs/", "/none"] {
        assert_eq!(resolve(&resolver, path, true), Resolved::Refused, "{path:?}");
    }
}

/// The service for static files would send its own index.
#[test]
fn a_refused_index_html_is_no_directory_index() {
    let (directory, mut resolver) = site();
    let root = resolver.root.path().to_owned();
    resolver.index = vec!["index.php".into()];
    assert_eq!(resolve(&resolver, "/static/", true), Resolved::Missing);
    fs::write(directory.path().join("secret.html"), "").unwrap();
    symlink(directory.path().join("secret.html"), root.join("empty/index.html")).unwrap();
    assert_eq!(resolve(&resolver, "/empty/", true), Resolved::Refused);
    assert_eq!(resolve(&resolver, "/empty", true), Resolved::NeedsSlash);
    resolver.symlinks = Symlinks::Anywhere;
    assert_eq!(resolve(&resolver, "/empty/", true), Resolved::Missing);
    resolver.denied.add("*.html");
    assert_eq!(resolve(&resolver, "/static/", true), Resolved::Refused);
    resolver.front_controller = Some("/index.php".into());
    assert_eq!(resolve(&resolver, "/static/", true), script("/index.php", ""));
}

/// The index has its own rules, whatever the service for static files would send for the directory.
#[test]
fn an_index_that_is_no_script_is_checked_and_named() {
    let (directory, mut resolver) = site();
    let root = resolver.root.path().to_owned();
    for name in ["static/home.htm", "empty/a b.htm"] {
        fs::write(root.join(name), "").unwrap();
    }
    let index = |name: &str| Resolved::IndexFile(name.to_owned());
    resolver.index = ["index.php", "home.htm", "a%20b.htm"].map(str::to_owned).into();
    resolver.denied.add("index.html");
    assert_eq!(resolve(&resolver, "/static/", true), index("home.htm"));
    assert_eq!(resolve(&resolver, "/static", true), Resolved::NeedsSlash);
    assert_eq!(resolve(&resolver, "/static/index.html", true), Resolved::Refused);
    assert_eq!(resolve(&resolver, "/empty/", true), index("a%20b.htm"));
    fs::write(directory.path().join("secret.html"), "").unwrap();
    symlink(directory.path().join("secret.html"), root.join("empty/home.htm")).unwrap();
    assert_eq!(resolve(&resolver, "/empty/", true), Resolved::Refused);
    resolver.denied.add("home.htm");
    assert_eq!(resolve(&resolver, "/static/", true), Resolved::Refused);
}

/// `ServeDir` opens `index.html` for a directory, and `x.html` for `x` if it is so configured.
#[test]
fn a_name_that_is_appended_later_is_checked() {
    let (_directory, mut resolver) = site();
    let root = resolver.root.path().to_owned();
    fs::write(root.join("page.html"), "").unwrap();
    symlink("../../secret.php", root.join("docs/link.html")).unwrap();
    symlink("../hello.php", root.join("docs/run.html")).unwrap();
    resolver.index = vec!["none".into()];
    for (path, expected) in [
        ("/page", Resolved::Missing),
        ("/page.x", Resolved::Missing),
        ("/docs/link", Resolved::Refused),
        ("/docs/run", Resolved::Refused),
        ("/static/", Resolved::Missing),
    ] {
        assert_eq!(resolve(&resolver, path, true), expected, "{path}");
    }
    resolver.denied.add("page.html");
    assert_eq!(resolve(&resolver, "/page", true), Resolved::Refused);
    // `.page` has no extension, either.
    resolver.serve_dotfiles = true;
    symlink("../secret.php", root.join(".page.html")).unwrap();
    assert_eq!(resolve(&resolver, "/.page", true), Resolved::Refused);
    resolver.extensions.push(".html".into());
    assert_eq!(resolve(&resolver, "/static/", true), Resolved::Refused, "it would send a script");
    resolver.other_files = OtherFiles::Refused;
    assert_eq!(resolve(&resolver, "/static/", true), Resolved::Missing);
    assert_eq!(resolve(&resolver, "/x.jpg", true), Resolved::Refused);
}

/// On a file system that ignores case, such a name opens the other file. Elsewhere it is its own.
#[test]
fn other_letters_of_a_refused_name_are_refused() {
    let (_directory, mut resolver) = site();
    for name in ["x.php.ba\u{212a}", "x.ph\u{ad}p", "\u{200c}.env", "x.p\u{200b}html", "\u{fc}\u{df}.jpg"] {
        fs::write(resolver.root.path().join(name), "").unwrap();
    }
    for (path, expected) in [
        ("/x.php.ba%E2%84%AA", Resolved::Refused),
        ("/x.ph%C2%ADp", Resolved::Refused),
        ("/%E2%80%8C.env", Resolved::Refused),
        ("/x.p%E2%80%8Bhtml", Resolved::Refused),
        ("/none.ph%C2%ADp", Resolved::Refused),
        ("/%C3%BC%C3%9F.jpg", Resolved::File),
    ] {
        assert_eq!(resolve(&resolver, path, true), expected, "{path}");
    }
    resolver.serve_sources = true;
    assert_eq!(resolve(&resolver, "/x.ph%C2%ADp", true), Resolved::Refused, "it may open the script");
}

#[test]
fn directories_without_scripts_serve_other_files() {
    let (_directory, mut resolver) = site();
    fs::write(resolver.root.path().join("docs/x.jpg"), "").unwrap();
    resolver.scripts_denied.add("/docs");
    resolver.scripts_denied.add("example.php");
    for (path, expected) in [
        ("/docs/x.jpg", Resolved::File),
        ("/docs/page.php", Resolved::Refused),
        ("/docs/page.php/x.jpg", Resolved::Refused),
        ("/DOCS/page.php", Resolved::Refused),
        ("/docs/", Resolved::Refused),
        ("/docs/none.jpg", Resolved::Missing),
        ("/example.php/index.php", Resolved::Refused),
        ("/hello.php", script("/hello.php", "")),
        ("/hello.php/docs/page.php", script("/hello.php", "/docs/page.php")),
    ] {
        assert_eq!(resolve(&resolver, path, true), expected, "{path:?}");
    }
}

#[test]
fn sources_of_scripts_are_served_only_if_configured() {
    let (_directory, mut resolver) = site();
    for (name, expected) in [
        ("x.phtml", Resolved::Refused),
        ("hello.php.bak", Resolved::Refused),
        ("hello.php7", Resolved::Refused),
        ("hello.php.", Resolved::Refused),
        ("evil.php.jpg", Resolved::File),
    ] {
        fs::write(resolver.root.path().join(name), "").unwrap();
        resolver.serve_sources = false;
        assert_eq!(resolve(&resolver, &format!("/{name}"), true), expected, "{name}");
        resolver.serve_sources = true;
        assert_eq!(resolve(&resolver, &format!("/{name}"), true), Resolved::File, "{name}");
    }
    resolver.extensions.push(".phtml".into());
    assert_eq!(resolve(&resolver, "/x.phtml", true), script("/x.phtml", ""));
}

#[test]
fn a_link_to_a_script_does_not_send_its_source() {
    let (_directory, mut resolver) = site();
    let root = resolver.root.path().to_owned();
    for (link, target, expected) in [
        ("script.txt", "hello.php", Resolved::Refused),
        ("twice.txt", "script.txt", Resolved::Refused),
        ("copy.txt", "x.php~", Resolved::Refused),
        ("picture.txt", "x.jpg", Resolved::File),
        ("include.php", "x.inc", script("/include.php", "")),
    ] {
        symlink(target, root.join(link)).unwrap();
        for symlinks in [Symlinks::WithinRoot, Symlinks::Anywhere] {
            resolver.symlinks = symlinks;
            assert_eq!(resolve(&resolver, &format!("/{link}"), true), expected, "{link}");
        }
    }
    resolver.serve_sources = true;
    assert_eq!(resolve(&resolver, "/script.txt", true), Resolved::File);
}
