//! Names of scripts, and of files that usually have the source of one.

/// The extensions that PHP distributions use besides `.php`.
const OTHER_EXTENSIONS: [&str; 4] = [".phtml", ".pht", ".phps", ".phar"];

/// The last extensions of copies that editors, version control, archivers and administrators make.
const COPY_EXTENSIONS: [&str; 23] = [
    "bak", "backup", "bk", "bz2", "copy", "dist", "gz", "new", "off", "old", "orig", "original", "rej",
    "sample", "sav", "save", "swo", "swp", "tar", "tmp", "xz", "zip", "zst",
];

/// Whether a name ends with one of the extensions. ASCII letters match in any case.
pub(super) fn has_extension(name: &[u8], extensions: &[impl AsRef<str>]) -> bool {
    extensions.iter().any(|extension| {
        let extension = extension.as_ref().as_bytes();
        let stem = name.len().checked_sub(extension.len());
        stem.is_some_and(|stem| name[stem..].eq_ignore_ascii_case(extension))
    })
}

/// Whether a file with this name usually has the source of a script: a script with another extension (`x.phtml`,
/// `x.php5`), or a copy of a script (`x.php~`, `x.php.bak`, `x.php_old`).
pub(super) fn is_source(name: &[u8], script_extensions: &[String]) -> bool {
    let original = without_copy_suffix(name);
    let version = original.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    (original.len() < name.len() && has_extension(original, script_extensions))
        || has_extension(original, &OTHER_EXTENSIONS)
        || (version > 0 && has_extension(&original[..original.len() - version], &[".php"]))
}

/// The name of the file that this one is a copy of.
fn without_copy_suffix(mut name: &[u8]) -> &[u8] {
    loop {
        name = match name {
            [rest @ .., b'~' | b'#' | b'.' | b' '] => rest,
            _ => {
                let Some(dot) = name.iter().rposition(|byte| b"._-".contains(byte)) else { return name };
                let extension = &name[dot + 1..];
                let is_number = extension.iter().all(u8::is_ascii_digit);
                let is_copy =
                    COPY_EXTENSIONS.iter().any(|copy| extension.eq_ignore_ascii_case(copy.as_bytes()));
                if !is_number && !is_copy {
                    return name;
                }
                &name[..dot]
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_known_by_their_names() {
        let extensions = [".php".to_owned(), ".inc".to_owned()];
        for name in [
            "x.phtml",
            "x.PHAR",
            "x.phps",
            "x.php5",
            "x.php7",
            "x.php~",
            "x.php.bak",
            "x.php.BAK",
            "x.php_old",
            "x.php-1",
            "x.php.",
            "x.php ",
            "x.php..",
            "x.php.1",
            "x.php.save.2",
            "#x.php#",
            "x.php.tar.gz",
            "x.inc.orig",
            "x.php5.bak",
        ] {
            assert!(is_source(name.as_bytes(), &extensions), "{name}");
        }
        for name in [
            "x.jpg",
            "evil.php.jpg",
            "x.phpx",
            "php",
            "x",
            "",
            "~",
            "x.bak",
            "x.tar.gz",
            "x.php.css",
            "5",
            "x5",
            "x.1",
            "phar",
            "phtml.css",
            "x.php.txt",
            "style.css~",
        ] {
            assert!(!is_source(name.as_bytes(), &extensions), "{name}");
        }
    }
}
