//! Names that a file system may take for each other.

use std::borrow::Cow;

/// Folds the case of a name with characters beyond ASCII, and removes the characters that some file systems ignore. A name in
/// ASCII is returned as it is: compare it without its case.
///
/// On a file system that ignores case, `dump.\u{17f}ql` opens dump.sql (the long s), and `x.ba\u{212a}` opens x.bak (the Kelvin
/// sign); ext4 (casefold) and HFS+ also ignore characters without a shape, such as the soft hyphen. What is equal here may be two
/// files elsewhere. So use it only to refuse, and never to run.
pub(super) fn fold(name: &[u8]) -> Cow<'_, [u8]> {
    if name.is_ascii() {
        return Cow::Borrowed(name);
    }
    let mut folded = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for char in chunk.valid().chars().filter(|char| !is_ignorable(*char)) {
            // The upper case first: `\u{17f}` is a lower case of S, and `\u{df}` is SS.
            for char in char.to_uppercase().flat_map(char::to_lowercase).map(without_singleton) {
                folded.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        folded.extend_from_slice(chunk.invalid());
    }
    Cow::Owned(folded)
}

/// The other characters whose canonical decomposition is in ASCII.
const fn without_singleton(char: char) -> char {
    match char {
        '\u{37e}' => ';',
        '\u{1fef}' => '`',
        _ => char,
    }
}

/// The Unicode property `Default_Ignorable_Code_Point`.
const fn is_ignorable(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_as_a_file_system_compares_them() {
        for (name, folded) in [
            ("Dump.SQL", "Dump.SQL"),
            ("dump.\u{17f}ql", "dump.sql"),
            ("x.ba\u{212a}", "x.bak"),
            ("X.\u{df}", "x.ss"),
            ("\u{fb01}le", "file"),
            ("\u{dc}.PHP", "\u{fc}.php"),
            ("\u{3a3}\u{3c2}", "\u{3c3}\u{3c3}"),
            ("\u{200c}.git", ".git"),
            ("x.ph\u{ad}p", "x.php"),
            ("a\u{37e}\u{1fef}", "a;`"),
        ] {
            assert_eq!(&*fold(name.as_bytes()), folded.as_bytes(), "{name:?}");
        }
        assert_eq!(&*fold(b"A\xff\xc5\xbf\xc3"), b"a\xffs\xc3");
    }
}
