//! The figures in SECURITY.md.

use std::collections::BTreeSet;

use axum_fcgi::Config;

/// The settings that are a number or a duration, by their names in `Debug`.
fn defaults() -> Vec<(String, String)> {
    let text = format!("{:?}", Config::default());
    let fields = text.split(['{', '}', ',']).filter_map(|field| field.trim().split_once(": "));
    let values = fields.map(|(name, value)| (name, value.trim_start_matches("Some(").trim_end_matches(')')));
    let is_quantity = |value: &str| {
        let figure = value.trim_end_matches('s');
        value == "None" || !figure.is_empty() && figure.bytes().all(|byte| byte.is_ascii_digit())
    };
    values
        // These limit nothing: two are advertised (`serve` sets the first one to `max_connections`), and one is for the log.
        .filter(|(name, value)| {
            is_quantity(value) && !matches!(*name, "max_conns" | "max_reqs" | "slow_request_log")
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A number as SECURITY.md writes it, in groups of three digits.
fn grouped(figure: &str) -> String {
    let mut text = String::new();
    for (at, digit) in figure.chars().enumerate() {
        if at > 0 && (figure.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Whether a setting without a unit in its `Debug` output counts bytes.
fn in_bytes(name: &str) -> bool {
    let suffixes = ["_bytes", "_window", "_buffer", "_stderr_record"];
    suffixes.iter().any(|suffix| name.ends_with(suffix))
}

#[test]
fn the_limits_in_security_md_are_the_defaults() {
    // The published crate does not contain it.
    let Ok(text) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../SECURITY.md")) else {
        return;
    };
    let documented: Vec<(&str, &str)> = text
        .lines()
        // `Buffering` is a setting of gateways, not of connections.
        .filter(|line| line.starts_with("| `") && !line.starts_with("| `Buffering::"))
        .map(|row| {
            let [setting, documented] = [1, 2].map(|column| row.split('|').nth(column).unwrap().trim());
            (setting.trim_matches('`').rsplit("::").next().unwrap(), documented)
        })
        .collect();
    let defaults = defaults();
    assert!(defaults.len() > 20, "{defaults:?}");
    for (name, value) in &defaults {
        let (_, documented) =
            documented.iter().find(|(setting, _)| setting == name).unwrap_or_else(|| panic!("no {name}"));
        let expected = match value.strip_suffix('s') {
            Some(seconds) => format!("{} s", grouped(seconds)),
            None if value == "None" || *value == u64::MAX.to_string() => "none".to_owned(),
            None if in_bytes(name) => format!("{} bytes", grouped(value)),
            None => grouped(value),
        };
        assert_eq!(*documented, expected, "{name}");
    }
    let names: BTreeSet<_> = documented.iter().map(|(setting, _)| *setting).collect();
    assert_eq!(
        (names.len(), documented.len()),
        (defaults.len(), defaults.len()),
        "each once: {documented:?}"
    );

    let most = tower_fcgi::Config::default().max_memory().to_string();
    assert!(text.contains(&format!("at most {} bytes", grouped(&most))), "{most}");
}
