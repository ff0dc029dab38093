//! Meta-variables that a caller adds to those of a request.

use fcgi_core::{Params, encode_pair};

use super::standard_variable::StandardVariable;

/// Meta-variables that are added to those of a request's head, or replace those with the same name.
///
/// Put them into the extensions of one request, or set them for all requests with
/// [`Config::with_extra_params`](crate::client::Config::with_extra_params). Those of the request take precedence.
/// CONTENT_LENGTH is ignored, since the body determines it, and so is HTTP_PROXY, which programs take for a setting.
///
/// ```
/// use tower_fcgi::client::ExtraParams;
/// let mut request = http::Request::new(());
/// let extra = [("SCRIPT_FILENAME", "/srv/index.php"), ("REMOTE_ADDR", "192.0.2.1")];
/// request.extensions_mut().insert(ExtraParams::from_iter(extra));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraParams(pub Params);

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for ExtraParams {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// Extra variables, and which kinds of variables they replace.
pub(super) struct Overrides<'a> {
    pub(super) params: &'a Params,
    /// Bit set of the [`StandardVariable`]s among them.
    pub(super) standard: u32,
    has_headers: bool,
    /// Whether any is [reserved](is_reserved).
    has_reserved: bool,
}

impl<'a> Overrides<'a> {
    /// Classifies the variables once, so that the writer rarely has to search them.
    pub(super) fn new(params: &'a Params) -> Self {
        let mut overrides = Self { params, standard: 0, has_headers: false, has_reserved: false };
        for (name, _) in params {
            overrides.standard |= StandardVariable::parse(name).map_or(0, StandardVariable::bit);
            overrides.has_headers |= name.starts_with(b"HTTP_");
            overrides.has_reserved |= is_reserved(name);
        }
        overrides
    }

    /// The variables if any of them may replace a header.
    pub(super) fn headers(&self) -> Option<&'a Params> {
        self.has_headers.then_some(self.params)
    }

    /// Appends all variables.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.has_reserved {
            self.write_unless(out, |_| false);
        } else {
            // None must be filtered out, so copy the encoded bytes.
            out.extend_from_slice(self.params.encoded());
        }
    }

    /// Appends the variables that are not `replaced`.
    pub(super) fn write_unless(&self, out: &mut Vec<u8>, replaced: impl Fn(&[u8]) -> bool) {
        for (name, value) in self.params {
            if (self.has_reserved && is_reserved(name)) || replaced(name) {
                continue;
            }
            encode_pair(out, name, value);
        }
    }
}

/// Whether extra variables cannot set this one.
fn is_reserved(name: &[u8]) -> bool {
    name == b"CONTENT_LENGTH" || name.eq_ignore_ascii_case(b"HTTP_PROXY")
}
