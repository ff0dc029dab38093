//! `fcgi status`: prints an application's status page.

use std::io::{self, Write};

use serde_json::Value;

use crate::args::StatusArgs;
use crate::exchange;
use crate::failure::{Code, Failure};
use crate::request::RequestArgs;

/// # Errors
/// If the application cannot be reached, or the page is no JSON.
pub(crate) async fn run(args: &StatusArgs) -> Result<Code, Failure> {
    let query = if args.full { "json&full" } else { "json" };
    let request = RequestArgs {
        method: None,
        headers: vec!["Accept: application/json".to_owned()],
        params: Vec::new(),
        // php-fpm finds its page by SCRIPT_NAME, and wants a SCRIPT_FILENAME.
        script: Some(args.path.clone()),
    };
    let params = request.params(&format!("{}?{query}", args.path), None)?;
    let response = exchange::send(&args.target, params, args.wait.timeout).await?;
    if response.status != 200 {
        return Err(Failure::new(format!(
            "{} is a {}: no status page is there, or it is not allowed",
            args.path, response.status
        )));
    }
    let page: Value = serde_json::from_slice(&response.body)
        .map_err(|error| Failure::new(format!("{} is not a status page in JSON: {error}", args.path)))?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{page:#}")?;
    } else {
        write_lines(&mut out, "", &page)?;
    }
    Ok(Code::Success)
}

/// Writes a line for each value, under the names that lead to it.
fn write_lines(out: &mut impl Write, path: &str, value: &Value) -> io::Result<()> {
    let below = |name: &str| {
        let name = visible(name);
        if path.is_empty() { name } else { format!("{path}.{name}") }
    };
    match value {
        Value::Object(members) => {
            members.iter().try_for_each(|(name, value)| write_lines(out, &below(name), value))
        }
        // A histogram's buckets are for programs.
        Value::Array(_) if path.ends_with(".buckets") => Ok(()),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| write_lines(out, &below(&index.to_string()), value)),
        Value::String(text) => writeln!(out, "{path}: {}", visible(text)),
        value => writeln!(out, "{path}: {value}"),
    }
}

/// Escapes control characters: clients choose the targets on a page, and must not control the terminal.
fn visible(text: &str) -> String {
    let is_control = |char: char| char.is_control() || is_direction(char);
    let escape = |char: char| if is_control(char) { char.escape_default().to_string() } else { char.into() };
    text.chars().map(escape).collect()
}

/// Whether a character changes the order in which the others are shown (Unicode's Bidi_Control).
const fn is_direction(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_lines() {
        let page = serde_json::json!({
            "pool": "www",
            "requests": {"begun": 3, "time": {"count": 1, "buckets": [{"count": 1}]}},
            "list": [{"id": 7, "peer": null}],
        });
        let mut out = Vec::new();
        write_lines(&mut out, "", &page).unwrap();
        let mut lines: Vec<_> = std::str::from_utf8(&out).unwrap().lines().collect();
        lines.sort_unstable();
        let expected =
            ["list.0.id: 7", "list.0.peer: null", "pool: www", "requests.begun: 3", "requests.time.count: 1"];
        assert_eq!(lines, expected);
    }
    #[test]
    fn control_characters_are_escaped() {
        let page = serde_json::json!({"a\n": "/\u{1b}[2J\r\n\u{9b}2J?\u{e9}='\u{202e}\u{2069}"});
        let mut out = Vec::new();
        write_lines(&mut out, "", &page).unwrap();
        let expected = "a\\n: /\\u{1b}[2J\\r\\n\\u{9b}2J?\u{e9}='\\u{202e}\\u{2069}\n";
        assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
    }
}
