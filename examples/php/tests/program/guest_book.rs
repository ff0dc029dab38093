//! A visitor, who follows redirects and keeps cookies, signs the guest book.

use test_support::{Result, ask, get};

use crate::site::{Program, directory};

pub(crate) fn signs() -> Result {
    let style = include_str!("../../site/style.css");
    let site = directory(&[("index.php", include_str!("../../site/index.php")), ("style.css", style)])?;
    let program = Program::start(site.path(), &["--fpm", "own", "--path", "/book"])?;
    let port = program.port;

    assert_eq!(get(port, "/")?.status, 404);
    let bare = get(port, "/book")?;
    assert!(bare.status == 308 && bare.head.contains("location: ./book/\r\n"), "{bare:?}");

    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let signed = ask(port, "POST", "/book/", form, "name=Ann+%26+Bob")?;
    assert!(signed.status == 303 && signed.head.contains("location: /book/index.php\r\n"), "{signed:?}");
    let cookie = signed.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).ok_or("no cookie")?;
    let cookie = cookie.split(';').next().unwrap_or_default();

    let page = ask(port, "GET", "/book/index.php", &format!("Cookie: {cookie}\r\n"), "")?;
    assert!(page.body.contains("<p>Hello, 127.0.0.1.</p>"), "{page:?}");
    assert!(page.body.contains("<li>Ann &amp; Bob</li>"), "{page:?}");
    assert!(!get(port, "/book/")?.body.contains("<li>"), "another visitor sees the names");

    assert_eq!(get(port, "/book/style.css")?.body, style);
    for path in ["/book/style.css/x.php", "/book/../Cargo.toml", "/book/.git"] {
        assert!(matches!(get(port, path)?.status, 400 | 404), "{path}");
    }
    Ok(())
}
