//! The optional whitespace around a header value (RFC 9110 §5.5).

/// Removes the spaces and tabs around a header value, which are not part of it. Several web servers pass them on: nginx,
/// H2O, Apache and Caddy.
#[inline]
pub(crate) fn trim_ows(value: &[u8]) -> &[u8] {
    match value {
        // Few values begin or end with a byte up to the space.
        [first, .., last] if *first > b' ' && *last > b' ' => value,
        _ => trim_both(value),
    }
}

#[cold]
fn trim_both(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    value.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_tabs_go_on_both_sides_only() {
        for (value, trimmed) in [
            ("a", "a"),
            ("ab", "ab"),
            (" a", "a"),
            ("a\t", "a"),
            ("\t a \tb \t", "a \tb"),
            ("", ""),
            (" ", ""),
            (" \t ", ""),
            ("\u{b}a\u{c}", "\u{b}a\u{c}"),
            ("a\r\n", "a\r\n"),
        ] {
            assert_eq!(trim_ows(value.as_bytes()), trimmed.as_bytes(), "{value:?}");
        }
    }
}
