//! Versions of web servers, for tests of behaviour that differs between them.

use std::ffi::OsStr;
use std::fmt;
use std::process::Command;

/// A version number, compared part by part.
///
/// ```
/// use test_support::Version;
/// assert!(Version::of("nginx version: nginx/1.26.3").unwrap() >= Version::from([1, 23]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u32>);

impl Version {
    /// The first word of digits and dots in a text.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let mut words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
        let word = words.find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()))?;
        word.split('.').map(|number| number.parse().ok()).collect::<Option<_>>().map(Self)
    }

    /// The version that this command prints.
    #[must_use]
    pub fn printed_by(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<Self> {
        let output = Command::new(program).args(arguments).output().ok()?;
        Self::of(&String::from_utf8([output.stdout, output.stderr].concat()).ok()?)
    }
}

impl Version {
    /// Its first two parts.
    #[must_use]
    pub fn series(&self) -> Self {
        Self(self.0.iter().take(2).copied().collect())
    }
}

impl<const N: usize> From<[u32; N]> for Version {
    fn from(numbers: [u32; N]) -> Self {
        Self(numbers.into())
    }
}

impl From<&[u32]> for Version {
    fn from(numbers: &[u32]) -> Self {
        Self(numbers.into())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_numbers_in_order() {
        for (text, version) in [
            ("nginx version: nginx/1.22.1", "1.22.1"),
            ("Server version: Apache/2.4.71 (Debian)", "2.4.71"),
            ("lighttpd/1.4.79 (ssl) - a light", "1.4.79"),
            ("v2.11.7 h1:yj0Y4fYZGPkSvib", "2.11.7"),
            ("HAProxy version 3.0.11-1+deb13u1 2026/01/01", "3.0.11"),
            ("h2o version 2.2.5", "2.2.5"),
        ] {
            assert_eq!(Version::of(text).unwrap().to_string(), version);
        }
        assert!(
            Version::from([1, 9]) < Version::from([1, 23])
                && Version::from([1, 23]) < Version::from([1, 23, 1])
        );
        assert_eq!(Version::of("no version"), None);
    }
}
