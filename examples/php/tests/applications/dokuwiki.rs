//! DokuWiki.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use test_support::{Result, get};

use crate::Programs;
use crate::copies::{Copies, run};
use crate::visit::{self, Visit};

/// Where Debian's package has it.
pub(crate) const PACKAGE: &str = "/usr/share/dokuwiki";

/// From DokuWiki's page `install:nginx`. install.php is left open, for the test.
const NGINX: &str = "server {
    listen 127.0.0.1:8080;
    root ROOT;
    index doku.php index.php;
    location ~ /(conf|bin|inc|vendor)/ { deny all; }
    location ~ ^/data/ { internal; }
    location / { try_files $uri $uri/ @dokuwiki; }
    location @dokuwiki {
        rewrite ^/_media/(.*) /lib/exe/fetch.php?media=$1 last;
        rewrite ^/_detail/(.*) /lib/exe/detail.php?media=$1 last;
        rewrite ^/_export/([^/]+)/(.*) /doku.php?do=export_$1&id=$2 last;
        rewrite ^/(.*) /doku.php?id=$1&$args last;
    }
    location ~ \\.php$ {
        try_files $uri $uri/ /doku.php;
        include /etc/nginx/fastcgi_params;
        # Debian's list has no port in it.
        fastcgi_param HTTP_HOST $http_host;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_param REDIRECT_STATUS 200;
        fastcgi_pass unix:FPM;
    }
}
";

pub(crate) fn compare(programs: &Programs) -> Result {
    let denied = ["/data", "/conf", "/bin", "/inc", "/vendor"].map(|path| ["--deny", path]);
    let copies = Copies::serve(programs, &denied.concat(), NGINX, |directory, _| copy(directory))?;
    visit::compare(&programs.chromium, &copies, "dokuwiki", steps)?;
    for path in ["/data/pages/zebra.txt", "/data/media/zebra.png", "/conf/users.auth.php", "/inc/init.php"] {
        for port in [copies.gateway.port, copies.nginx.port] {
            let status = get(port, path)?.status;
            assert!(matches!(status, 403 | 404), "{path}: {status}");
        }
    }
    copies.end()
}

/// As DokuWiki's own archive: not installed yet, and all its files below one directory.
fn copy(directory: &Path) -> Result {
    let mut command = Command::new("sh");
    command.args(["-c", COPY, PACKAGE]);
    run(command.current_dir(directory))?;
    // Otherwise nginx's configuration takes it for a page's name.
    fs::write(directory.join("favicon.ico"), "")?;
    for name in [
        "attic",
        "cache",
        "index",
        "locks",
        "log",
        "media",
        "media_attic",
        "media_meta",
        "meta",
        "pages",
        "tmp",
    ] {
        fs::create_dir_all(directory.join("data").join(name))?;
    }
    Ok(())
}

/// Debian's configuration has the data elsewhere, where all sites of the machine share them.
const COPY: &str =
    "cp -rL \"$0\"/. . && rm -rf .htaccess .htaccess.dist inc/preload.php && mkdir conf && top=$PWD &&
    cd /etc/dokuwiki && cp $(ls | grep -vE '^(local|acl.auth|users.auth).php$') \"$top/conf\" &&
    sed -i 's#/var/lib/dokuwiki/data#./data#' \"$top/conf/dokuwiki.php\" &&
    grep -q \"'./data'\" \"$top/conf/dokuwiki.php\"";

const PASSWORD: &str = "correct horse battery";

fn steps(visit: &mut Visit) -> Result {
    visit.open("installer", "/install.php")?;
    visit.fill(&[
        ("#title", "Zoo"),
        ("#superuser", "ann"),
        ("#fullname", "Ann"),
        ("#email", "ann@example.org"),
    ])?;
    visit.fill(&[("#password", PASSWORD), ("#confirm", PASSWORD)])?;
    visit.run(
        "document.querySelector('#acl').checked = true; document.querySelector('#pop').checked = false; 0",
    )?;
    visit.follow("install", "document.querySelector('button[name=submit]').click()")?;
    visit.run("if (!document.querySelector('a[href*=\"doku.php\"]')) throw document.body.innerText")?;

    visit.open("login form", "/doku.php?id=start&do=login")?;
    visit.fill(&[("input[name=u]", "ann"), ("input[name=p]", PASSWORD)])?;
    visit.follow("log in", "document.querySelector('#dw__login button[type=submit]').click()")?;
    visit.run("if (!document.querySelector('.user')) throw 'not logged in'")?;

    upload(visit)?;
    visit.open("editor", "/doku.php?id=zebra&do=edit")?;
    visit.fill(&[(
        "#wiki__text",
        "====== A page about a zebra ======\n\nA zebra has stripes.\n\n{{:zebra.png|}}\n",
    )])?;
    visit.follow("save", "window.onbeforeunload = null; document.querySelector('#edbtn__save').click()")?;
    visit.shows_picture("#dokuwiki__content img.media")?;
    visit.open("the page", "/doku.php?id=zebra")?;
    visit.open("search", "/doku.php?id=start&do=search&q=stripes")?;
    let found = visit.run("[...document.querySelectorAll('.page a.wikilink1')].map((a) => a.textContent)")?;
    if found != json!(["zebra"]) {
        return Err(format!("the search finds {found}").into());
    }
    visit.follow("log out", "document.querySelector('a[href*=\"do=logout\"]').click()")?;
    visit.open("without a session", "/doku.php?id=zebra&do=admin")?;
    visit.run("if (document.querySelector('.user')) throw 'still logged in'").map(drop)
}

/// Uploads a picture in the media manager, whose script sends it as the body of a request.
fn upload(visit: &mut Visit) -> Result {
    visit.open("media manager", "/doku.php?id=start&do=media&ns=&tab_files=upload")?;
    let picture = visit.picture("zebra.png")?;
    visit.browser.choose_file(".qq-upload-button input[type=file]", &picture)?;
    visit.run("document.querySelector('#mediamanager__upload_button').click()")?;
    visit.browser.until("document.querySelector('.qq-upload-success, .qq-upload-fail')")?;
    visit.run("if (!document.querySelector('.qq-upload-success')) throw document.body.innerText")?;
    visit.saw("upload")
}
