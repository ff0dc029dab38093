//! Decimal numbers, as in CGI and HTTP.

/// Parses a number such as a Content-Length (RFC 9110 §8.6). `None` unless the text is all digits: not for an empty text,
/// `+1`, or Caddy's `-1`.
#[inline]
pub(crate) fn parse_decimal(text: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    if text.is_empty() { None } else { Some(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_that_fit_are_a_number() {
        for (text, number) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1 ", None),
            ("1a", None),
            ("1:", None),
            ("1/", None),
        ] {
            assert_eq!(parse_decimal(text.as_bytes()), number, "{text:?}");
        }
    }
}
