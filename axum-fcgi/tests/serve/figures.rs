//! The figures in SECURITY.md.

use axum_fcgi::Config;

#[test]
fn the_limits_in_security_md_are_the_defaults() {
    // It is not in the published crate.
    let Ok(text) = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../SECURITY.md")) else {
        return;
    };
    let defaults = format!("{:?}", Config::default());
    let mut rows = 0;
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let [setting, told] = [1, 2].map(|column| row.split('|').nth(column).unwrap().trim());
        let setting = setting.trim_matches('`').rsplit("::").next().unwrap();
        let field = match (setting, told.ends_with('s') && !told.ends_with("bytes")) {
            ("drain", true) => "drain_timeout",
            ("drain", false) => "drain_bytes",
            (field, _) => field,
        };
        let told: String = told.chars().filter(char::is_ascii_digit).collect();
        let (_, default) =
            defaults.split_once(&format!(" {field}: ")).unwrap_or_else(|| panic!("no {field}"));
        let default = default.split([',', ' ']).next().unwrap();
        let expected = if default == "None" { "" } else { default.trim_end_matches('s') };
        assert_eq!(told, expected, "{field}");
        rows += 1;
    }
    let has = |name| defaults.matches(name).count();
    let settings =
        has("_timeout:") + has("_bytes:") + ["params_pairs", "requests", "unfinished", "stderr_record"].len();
    assert_eq!(rows, settings + ["max_connections"].len(), "every setting has a row: {defaults}");
}
