//! Ports and paths in a configuration.

use std::fmt::Display;

use crate::Result;

/// Replaces placeholders for ports and paths in a configuration. All at once, since one port may contain the placeholder of
/// another.
pub(crate) fn fill(text: &str, values: &[(&str, &dyn Display)]) -> Result<String> {
    if let Some((missing, _)) = values.iter().find(|(name, _)| !text.contains(name)) {
        return Err(format!("the configuration has no {missing}").into());
    }
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        if let Some((name, value)) = values.iter().find(|(name, _)| rest.starts_with(name)) {
            filled += &value.to_string();
            rest = &rest[name.len()..];
        } else {
            filled.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn filled_values_are_not_replaced_again() {
        let filled = fill("8080, 9000, 8080", &[("8080", &19000), ("9000", &18080)]).unwrap();
        assert_eq!(filled, "19000, 18080, 19000");
        assert!(fill("8080", &[("9000", &1)]).is_err());
    }
}
