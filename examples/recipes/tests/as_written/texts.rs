//! README.md's code blocks that are not in Rust.

const README: &str = include_str!("../../../../README.md");

/// Returns README's nginx configuration inside the necessary part of Debian's.
pub(crate) fn nginx_configuration() -> String {
    let snippet = only("nginx");
    format!(
        "user www-data;\ndaemon off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path body;\nfastcgi_temp_path fastcgi;\nproxy_temp_path proxy;\nuwsgi_temp_path uwsgi;\n\
         scgi_temp_path scgi;\n{snippet}}}\n"
    )
}

/// Returns README's command that creates the socket's directory.
pub(crate) fn directory_command() -> &'static str {
    let mut commands = README.lines().filter(|line| line.starts_with("sudo install "));
    let command = commands.next().expect("README.md has a `sudo install` command");
    assert_eq!(commands.next(), None, "README.md has more than one `sudo install` command");
    command
}

/// Returns README's only code block in this language.
fn only(language: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let mut blocks = README.split(&fence).skip(1);
    let block = blocks.next().and_then(|rest| rest.split("```").next());
    assert_eq!(blocks.next(), None, "README.md has more than one code block in {language}");
    block.expect("README.md has a code block in this language")
}
