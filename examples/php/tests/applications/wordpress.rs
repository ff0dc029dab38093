//! WordPress.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use test_support::Result;

use crate::Programs;
use crate::copies::{Copies, run};
use crate::mariadb::Mariadb;
use crate::visit::{self, Visit};

/// Where Debian's package has it.
pub(crate) const PACKAGE: &str = "/usr/share/wordpress";

/// From Debian's `examples/nginx-wordpress.conf`, with the wp-content of the copy.
const NGINX: &str = "server {
    listen 127.0.0.1:8080;
    root ROOT;
    index index.php;
    location / { try_files $uri $uri/ /index.php?$args; }
    location ~ \\.php$ {
        include /etc/nginx/fastcgi_params;
        # Debian's list has no port in it.
        fastcgi_param HTTP_HOST $http_host;
        fastcgi_param SCRIPT_FILENAME $request_filename;
        fastcgi_index index.php;
        fastcgi_intercept_errors on;
        fastcgi_pass unix:FPM;
    }
}
";

pub(crate) fn compare(programs: &Programs) -> Result {
    let database = Mariadb::start()?;
    for name in ["gateway", "nginx"] {
        database.create_database(name)?;
    }
    let copies = Copies::serve(programs, &[], NGINX, |directory, _| copy(directory))?;
    let server = format!("localhost:{}", database.socket().display());
    visit::compare(&programs.chromium, &copies, "wordpress", |visit| steps(visit, &server))?;
    copies.end()
}

/// Its links lead out of the document root, so the copy has none. It has no configuration, as wordpress.org's archive.
fn copy(directory: &Path) -> Result {
    let mut command = Command::new("sh");
    command.args(["-c", "cp -rL \"$0\"/. . && rm -f wp-config.php .htaccess", PACKAGE]);
    run(command.current_dir(directory))?;
    // Otherwise the browser's request for it goes to index.php, at any time during the installation.
    fs::write(directory.join("favicon.ico"), "")?;
    let plugins = directory.join("wp-content/mu-plugins");
    fs::create_dir(&plugins)?;
    Ok(fs::write(plugins.join("offline.php"), OFFLINE)?)
}

/// Without it, each visit to the dashboard asks wordpress.org for news and updates. Requests to the site itself stay.
const OFFLINE: &str =
    "<?php define('WP_HTTP_BLOCK_EXTERNAL', true); define('WP_ACCESSIBLE_HOSTS', '127.0.0.1');";

fn steps(visit: &mut Visit, database_server: &str) -> Result {
    install(visit, database_server)?;
    visit.fill(&[("#user_login", "ann"), ("#user_pass", PASSWORD)])?;
    visit.follow("log in", "document.querySelector('#wp-submit').click()")?;
    visit.run("if (!document.querySelector('#wpadminbar')) throw 'not logged in'")?;
    let page = write_page(visit)?;
    visit.open("the page", &page)?;
    visit.shows_picture("main img")?;
    visit.open("search", "/?s=zebra")?;
    let found = visit.run("[...document.querySelectorAll('main h2 a')].map((a) => a.textContent)")?;
    if found != json!(["A page about a zebra"]) {
        return Err(format!("the search finds {found}").into());
    }
    visit.open("a page that does not exist", "/no/such/page/")?;
    visit.open("profile", "/wp-admin/profile.php")?;
    visit.follow("log out", "document.querySelector('#wp-admin-bar-logout a').click()")?;
    visit.open("without a session", "/wp-admin/")?;
    visit.run("if (!document.querySelector('#loginform')) throw 'still logged in'").map(drop)
}

const PASSWORD: &str = "correct horse battery";

/// From the first visit to the form for the login.
fn install(visit: &mut Visit, database_server: &str) -> Result {
    let database = if visit.name.ends_with("nginx") { "nginx" } else { "gateway" };
    visit.open("first visit", "/")?;
    visit.follow("language", "document.querySelector('#language-continue, a.button').click()")?;
    if visit.run("!document.querySelector('#dbname')")? == json!(true) {
        visit.follow("before you begin", "document.querySelector('a.button').click()")?;
    }
    visit.fill(&[("#dbname", database), ("#uname", "root"), ("#pwd", ""), ("#dbhost", database_server)])?;
    visit.follow("database", "document.querySelector('input[type=submit], button[type=submit]').click()")?;
    visit.follow("run the installation", "document.querySelector('a.button').click()")?;
    visit.fill(&[
        ("#weblog_title", "Zoo"),
        ("#user_login", "ann"),
        ("#pass1", PASSWORD),
        ("#admin_email", "ann@example.org"),
    ])?;
    visit.run("document.querySelector('#pass2') && (document.querySelector('#pass2').value = document.querySelector('#pass1').value); 0")?;
    visit.follow(
        "install",
        "document.querySelector('#submit').disabled = false; document.querySelector('#submit').click()",
    )?;
    visit.follow("installed", "document.querySelector('a.button').click()")
}

/// Uploads a picture and publishes a page with it. Returns the page's path.
fn write_page(visit: &mut Visit) -> Result<String> {
    visit.open("upload form", "/wp-admin/media-new.php?browser-uploader")?;
    let picture = visit.picture("zebra.png")?;
    visit.browser.choose_file("#async-upload", &picture)?;
    visit.follow("upload", "document.querySelector('#html-upload').click()")?;
    // The library's pictures come with a request of their script.
    visit.browser.until("document.querySelector('.attachment img')?.complete")?;
    visit.saw("library")?;
    visit.open("editor", "/wp-admin/post-new.php?post_type=page")?;
    let publish = "(async () => {
        const [media] = await wp.apiFetch({ path: '/wp/v2/media' });
        const { dispatch, select } = wp.data;
        const image = wp.blocks.createBlock('core/image', { id: media.id, url: media.source_url });
        const text = wp.blocks.createBlock('core/paragraph', { content: 'A zebra has stripes.' });
        await dispatch('core/block-editor').insertBlocks([text, image]);
        await dispatch('core/editor').editPost({ title: 'A page about a zebra', status: 'publish' });
        await dispatch('core/editor').savePost();
        if (!select('core/editor').didPostSaveRequestSucceed()) throw 'not saved';
        return select('core/editor').getPermalink();
    })()";
    let link = visit.run(publish)?;
    visit.saw("published")?;
    let link = link.as_str().ok_or("no link")?;
    Ok(link.strip_prefix(&visit.origin).ok_or_else(|| link.to_owned())?.to_owned())
}
