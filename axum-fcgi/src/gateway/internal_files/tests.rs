use std::os::unix::fs::symlink;

use super::*;

fn head(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
}

async fn status(files: &InternalFiles, name: &'static str, value: &'static str) -> Option<u16> {
    let request = FileRequest::new(&Request::new(Body::empty()));
    let log = RequestLog::of(&axum::http::Request::new(()));
    Some(files.response(&head(name, value), request, &log).await?.status().as_u16())
}

#[tokio::test]
async fn the_longest_location_is_used() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        std::fs::create_dir(directory.path().join(name)).unwrap();
        std::fs::write(directory.path().join(name).join(name), "").unwrap();
    }
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    let files = InternalFiles::new().x_accel_redirect("/", &a).x_accel_redirect("b/", b);
    for (uri, expected) in [("/a", 200), ("/b/b", 200), ("/b/a", 404), ("/b", 404), ("a", 404)] {
        assert_eq!(status(&files, "x-accel-redirect", uri).await, Some(expected), "{uri}");
    }
    assert_eq!(status(&files, "x-sendfile", "/a").await, None, "it is not configured");
    assert_eq!(status(&InternalFiles::new(), "x-accel-redirect", "/a").await, None);
}

#[tokio::test]
async fn links_are_followed_as_configured() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("file"), "").unwrap();
    std::fs::write(directory.path().join("secret"), "").unwrap();
    symlink("file", root.join("within")).unwrap();
    symlink("../secret", root.join("out")).unwrap();
    symlink("root", directory.path().join("link")).unwrap();
    for (symlinks, within, out) in
        [(Symlinks::WithinRoot, 200, 404), (Symlinks::Anywhere, 200, 200), (Symlinks::Never, 404, 404)]
    {
        // The directory itself may be a link.
        for root in [&root, &directory.path().join("link")] {
            let files = InternalFiles::new().x_accel_redirect("/i", root).symlinks(symlinks);
            for (uri, expected) in [("/i/file", 200), ("/i/within", within), ("/i/out", out)] {
                assert_eq!(
                    status(&files, "x-accel-redirect", uri).await,
                    Some(expected),
                    "{symlinks:?} {uri}"
                );
            }
        }
    }
}
