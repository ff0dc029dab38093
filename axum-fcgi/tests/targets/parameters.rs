//! Lists of nginx's FastCGI parameters, with which an application must behave the same.

/// The list that the example ships, `shipped`, and Debian's, `debian`.
pub(crate) fn lists() -> [(&'static str, String); 2] {
    [
        ("shipped", list(include_str!("../../../examples/hello/nginx.conf"))),
        ("debian", list(include_str!("fastcgi_params"))),
    ]
}

fn list(configuration: &str) -> String {
    configuration.lines().filter(|line| line.trim_start().starts_with("fastcgi_param ")).collect()
}
