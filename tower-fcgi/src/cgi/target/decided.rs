//! The target that the web server decided on.
//!
//! Access rules, rewrites and subrequests of a web server are about SCRIPT_NAME and PATH_INFO. REQUEST_URI is
//! what the client sent, before any of that, so it is used for its spelling alone. The rules are those of
//! [`RequestTarget::Decided`](crate::RequestTarget::Decided); `tests/target/README.md` in this crate has the
//! recorded requests that they come from.

use fcgi_core::{Params, Role};
use http::Uri;
use memchr::memchr;

use super::front_controller::{Controlled, controlled};
use super::path::{EncodedSlash, Path, decode, merge_slashes};
use super::sent::{Meaning, Sent};
use super::{Target, TargetContext, classes, dot_segment, encoded, to_uri};
use crate::server::failure::Failure;

/// What the variables say of the path.
#[derive(Debug, Clone, Copy)]
enum Decision<'a> {
    /// The web server decided on the client's path, in the client's spelling.
    Sent(Meaning),
    /// The web server decided on another path.
    Other(Path<'a>),
    /// An Authorizer's path, percent-encoded: of the request that it decides about.
    Authorizer(&'a [u8]),
}

impl<'a> Target<'a> {
    /// The decided target, in the client's spelling where that means the same path.
    pub(super) fn decided(&self, params: &'a Params, context: TargetContext<'_>) -> Result<Uri, Failure> {
        if self.is_as_sent() {
            return to_uri(params.encoded().slice_ref(self.request_uri));
        }
        self.by_the_rules(params, context)
    }

    pub(super) fn by_the_rules(
        &self,
        params: &'a Params,
        context: TargetContext<'_>,
    ) -> Result<Uri, Failure> {
        if self.request_uri.is_empty() {
            return encoded(self.path(), self.query_string);
        }
        let sent = Sent::parse(self.request_uri)?;
        let query = self.query_string.or(sent.query);
        match self.decision(sent, params, context) {
            Decision::Sent(meaning) => spelled(sent, meaning, query, params),
            Decision::Authorizer(path) => normalized(path, query),
            Decision::Other(path) => match controlled(self, sent, path, params, context) {
                Some(Controlled::Sent) => spelled(sent, Meaning::DECODED, sent.query, params),
                Some(Controlled::Before(path)) => match sent.meaning(path) {
                    Some(meaning) => spelled(sent, meaning, sent.query, params),
                    None => encoded(path, sent.query),
                },
                None => encoded(path, query),
            },
        }
    }

    /// Whether REQUEST_URI is the decided target to the byte, with nothing to decode, encode, merge or reject. All
    /// rules below come to the same for such a request, and most requests are such.
    fn is_as_sent(&self) -> bool {
        let end = memchr(b'?', self.request_uri).unwrap_or(self.request_uri.len());
        let (path, query) = self.request_uri.split_at(end);
        let query = query.get(1..).unwrap_or_default();
        self.path().is(path)
            && self.query_string.is_none_or(|decided| decided == query)
            && classes::is_plain_path(path)
            && classes::is_valid_query(query)
    }

    fn decision(&self, sent: Sent<'a>, params: &'a Params, context: TargetContext<'_>) -> Decision<'a> {
        // nginx sends the decided path in it, and Caddy sends it empty.
        let document_uri = || params.get("DOCUMENT_URI");
        let mean = |path, decided| match sent.meaning(path) {
            Some(meaning) => Decision::Sent(meaning),
            None => Decision::Other(decided),
        };
        if self.script_name.is_empty() && self.path_info.is_none() {
            if context.role == Role::AUTHORIZER {
                let changed = params.get("REDIRECT_URI").and_then(|uri| Sent::parse(uri).ok());
                return Decision::Authorizer(changed.unwrap_or(sent).path);
            }
            return match document_uri().filter(|path| !path.is_empty() && !self.is_included()) {
                Some(path) => mean(Path::new([path, b""]), Path::new([path, b""])),
                None => {
                    context.settings.warned.script_name();
                    Decision::Sent(Meaning::DECODED)
                }
            };
        }
        let decided = self.path();
        let found = mean(if decided.is_empty() { Path::new([b"/", b""]) } else { decided }, decided);
        if self.is_included() || matches!(found, Decision::Sent(_)) {
            return found;
        }
        // A SCRIPT_NAME that was set by hand.
        match document_uri() {
            Some(b"") => {
                let path = Path::new([self.path_info.unwrap_or_default(), b""]);
                mean(path, path)
            }
            Some(path) => mean(Path::new([path, b""]), decided),
            None => found,
        }
    }
}

/// The client's target in its own spelling, with the decided `query`.
fn spelled(sent: Sent<'_>, meaning: Meaning, query: Option<&[u8]>, params: &Params) -> Result<Uri, Failure> {
    if sent.has_dot_segment(meaning) {
        return Err(dot_segment());
    }
    // `/a?` and `/a` have the same QUERY_STRING.
    let is_same = query.unwrap_or_default() == sent.query.unwrap_or_default();
    let query = if is_same { sent.query } else { query.filter(|query| !query.is_empty()) };
    sent.to_uri(query, params)
}

/// The one spelling of a path: decoded, with `//` merged, and encoded again. An Authorizer decides about a file, and
/// each spelling that it did not expect would be a way past it.
fn normalized(path: &[u8], query: Option<&[u8]>) -> Result<Uri, Failure> {
    let path: Vec<u8> = merge_slashes(decode(path, EncodedSlash::Decode)).collect();
    encoded(Path::new([&path, b""]), query)
}
