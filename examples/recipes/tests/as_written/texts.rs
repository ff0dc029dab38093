//! README.md's code blocks that are not in Rust, and those of axum-fcgi's front page.

const README: &str = include_str!("../../../../README.md");
const FRONT_PAGE: &str = include_str!("../../../../axum-fcgi/src/lib.rs");
const UNITS: [&str; 2] =
    [include_str!("../../../shared-hosting/app.socket"), include_str!("../../../shared-hosting/app.service")];

/// Returns README's nginx configuration inside the necessary part of Debian's.
pub(crate) fn nginx_configuration() -> String {
    let snippet = only(README, "nginx");
    format!(
        "user www-data;\ndaemon off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path body;\nfastcgi_temp_path fastcgi;\nproxy_temp_path proxy;\nuwsgi_temp_path uwsgi;\n\
         scgi_temp_path scgi;\n{snippet}}}\n"
    )
}

/// Returns the front page's Caddyfile, which uses no other port and writes no file.
pub(crate) fn caddy_configuration() -> String {
    format!("{{\nadmin off\nauto_https off\n}}\n{}", only(&front_page(), "caddyfile"))
}

/// Returns README's command that creates the socket's directory.
pub(crate) fn directory_command() -> &'static str {
    let mut commands = README.lines().filter(|line| line.starts_with("sudo install "));
    let command = commands.next().expect("README.md has a `sudo install` command");
    assert_eq!(commands.next(), None, "README.md has more than one `sudo install` command");
    command
}

/// The front page has README's program and nginx configuration, and the units of the example `shared-hosting`.
pub(crate) fn check_front_page() {
    let page = front_page();
    let shown = |line: &&str| !line.starts_with("# ");
    let program: Vec<_> = blocks(&page, "no_run")[0].lines().filter(shown).collect();
    assert_eq!(program, blocks(README, "rust")[0].lines().collect::<Vec<_>>());
    assert_eq!(only(&page, "nginx"), only(README, "nginx"));
    let setting = |line: &&str| !line.starts_with('#');
    let units: Vec<Vec<_>> = UNITS.iter().map(|unit| unit.lines().filter(setting).collect()).collect();
    let shown = blocks(&page, "systemd");
    let shown: Vec<Vec<_>> = shown.iter().map(|unit| unit.lines().collect()).collect();
    let at = |line: &str| line.replace("/shared-hosting", "/app");
    assert_eq!(
        shown,
        units.iter().map(|unit| unit.iter().map(|line| at(line)).collect()).collect::<Vec<Vec<_>>>()
    );
}

/// The documentation at the top of the crate.
fn front_page() -> String {
    let lines = FRONT_PAGE.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n").collect()
}

/// The only code block in this language.
fn only<'a>(text: &'a str, language: &str) -> &'a str {
    let blocks = blocks(text, language);
    assert_eq!(blocks.len(), 1, "code blocks in {language}");
    blocks[0]
}

fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}
