//! Front controllers from the environment.

use std::env;
use std::io;

const VARIABLE: &str = "FCGI_FRONT_CONTROLLERS";

/// The paths in FCGI_FRONT_CONTROLLERS; `None` if it is not set or empty.
pub(super) fn from_env() -> io::Result<Option<Vec<String>>> {
    env::var_os(VARIABLE).map_or(Ok(None), |text| parse(&text.to_string_lossy()))
}

/// Parses paths that are separated by commas or spaces.
fn parse(text: &str) -> io::Result<Option<Vec<String>>> {
    let paths: Vec<String> =
        text.split([',', ' ', '\t', '\n']).filter(|path| !path.is_empty()).map(str::to_owned).collect();
    if let Some(path) = paths.iter().find(|path| !path.starts_with('/')) {
        let error = format!(
            "{VARIABLE}: {path:?} does not start with a slash; set it to paths of the web server such as /app.fcgi, \
             separated by commas or spaces"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    Ok((!paths.is_empty()).then_some(paths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_separated_by_commas_or_spaces() {
        for (text, expected) in [
            ("/app.fcgi", Some(vec!["/app.fcgi"])),
            ("/a.fcgi, /b/c.fcgi\n", Some(vec!["/a.fcgi", "/b/c.fcgi"])),
            ("", None),
            (" , ", None),
        ] {
            let found = parse(text).unwrap();
            assert_eq!(
                found,
                expected.map(|paths| paths.into_iter().map(str::to_owned).collect()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_path_without_a_slash_is_an_error_that_names_it() {
        let error = parse("/a app.fcgi").unwrap_err().to_string();
        assert!(
            error.starts_with(r#"FCGI_FRONT_CONTROLLERS: "app.fcgi" does not start with a slash"#),
            "{error}"
        );
    }
}
