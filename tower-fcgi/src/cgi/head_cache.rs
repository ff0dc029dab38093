//! A cache of request heads, one for each thread.
//!
//! Most requests have one of a few heads: a web server sends its variables in one order, a browser has a set of headers for
//! each kind of resource, and many values are the same for all clients (`SERVER_SOFTWARE`, `HTTP_ACCEPT_ENCODING`,
//! `HTTP_SEC_FETCH_MODE`). Most of the mapping's cost is to sort the pairs, and to check, hash and insert the headers one
//! by one. A request with the names of a cached head begins as a clone of that head's headers, and values that differ are
//! replaced. Consecutive pairs whose bytes are equal are compared at once.
//!
//! Values that may identify a person are never cached: cookies, credentials, referrers, targets. Otherwise the time that a
//! request takes would reveal whether a guessed value is cached.

use std::cell::RefCell;
use std::ops::Range;

use fcgi_core::{NameValuePairs, Params, encode_pair};
use http::header::{HeaderMap, UPGRADE};
use smallvec::SmallVec;

use super::error::RequestError;
use super::header_fields::{HeaderFields, content_headers, header_value};
use super::header_names::header_name;
use super::meta_variables::{MetaVariable, VariableKind, Variables};
use super::upgrade_request::asks_for_upgrade;

/// Heads in a thread's cache. The number of pairs, modulo this, selects the slot.
const SLOTS: usize = 16;
/// The most bytes of a cached head's names and cached values. A head takes up to 12 KiB in memory, and a thread's cache up
/// to 192 KiB.
const MAX_BYTES: usize = 2048;
/// The most pairs of a cached head.
const MAX_PAIRS: usize = 64;
/// Evict a head after this many consecutive misses in its slot. Caching a head costs as much as 18 hits save.
const EVICT_AFTER: u8 = 128;

thread_local! {
    static CACHE: RefCell<[Slot; SLOTS]> = const { RefCell::new([const { Slot::EMPTY }; SLOTS]) };
}

#[derive(Debug)]
struct Slot {
    head: Option<CachedHead>,
    /// Misses since the last hit.
    misses: u8,
}

#[derive(Debug)]
struct CachedHead {
    pairs: Box<[CachedPair]>,
    /// The cached headers, all in one buffer. A value that is not cached is empty here.
    headers: HeaderMap,
    /// Whether `headers` ends with Content-Type and Content-Length.
    content: [bool; 2],
}

#[derive(Debug)]
struct CachedPair {
    name: CachedName,
    kind: PairKind,
    /// The run of cached pairs that begins here.
    run: Option<PairRun>,
}

/// The name of a cached pair.
#[derive(Debug)]
enum CachedName {
    /// 8 to 16 bytes, as nearly all names that are compared: the first eight, the last eight, and the length. Two words
    /// are compared faster than two slices.
    Words(u64, u64, usize),
    Other(Box<[u8]>),
}

#[derive(Debug)]
enum PairKind {
    /// The index of the header, and its value if cached.
    Header(usize, Option<Box<[u8]>>),
    /// A variable other than CONTENT_TYPE.
    Variable(MetaVariable),
    ContentType,
    Other,
}

/// Consecutive pairs whose values are cached.
#[derive(Debug, Default)]
struct PairRun {
    encoded: Vec<u8>,
    pairs: usize,
    /// The variables among them, and the ranges of their values in `encoded`. Never CONTENT_TYPE.
    variables: Vec<(MetaVariable, Range<usize>)>,
}

/// Headers whose values differ from the cached head's: index and value.
type Changed<'a> = SmallVec<[(usize, &'a [u8]); 8]>;

/// The headers of `params`; sets the `variables`.
pub(super) fn headers<'a>(
    params: &'a Params,
    variables: &mut Variables<'a>,
) -> Result<HeaderMap, RequestError> {
    CACHE.with_borrow_mut(|slots| {
        let slot = &mut slots[params.len() % SLOTS];
        if let Some(head) = &slot.head {
            let mut changed = Changed::new();
            if head.compare(params.encoded(), variables, &mut changed).is_some() {
                slot.misses = 0;
                return head.headers_with(&changed, params);
            }
        }
        *variables = Variables::default();
        let fields = HeaderFields::sort(params, variables);
        let headers = fields.headers(params)?;
        // A cached head has no Upgrade.
        variables.asks_for_upgrade = asks_for_upgrade(&headers);
        slot.misses += 1;
        if slot.head.is_none() || slot.misses >= EVICT_AFTER {
            *slot = Slot { head: CachedHead::new(params, variables, &fields, &headers), misses: 0 };
        }
        Ok(headers)
    })
}

impl Slot {
    const EMPTY: Self = Self { head: None, misses: 0 };
}

impl CachedHead {
    /// The cached head of `params`, from which the other arguments were made. `None` if it is too long, repeats a header, or
    /// has Upgrade.
    fn new(
        params: &Params,
        variables: &Variables<'_>,
        fields: &HeaderFields<'_>,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let fields = fields.as_slice();
        if params.len() > MAX_PAIRS || headers.keys_len() != fields.len() || headers.contains_key(UPGRADE) {
            return None;
        }
        let mut cached_fields = Vec::new();
        let mut pairs: Vec<CachedPair> = Vec::new();
        let mut bytes = 0;
        // Where the current run begins.
        let mut run_start = None;
        for (name, value) in params {
            let cached = (is_cacheable(name) || value.is_empty() && may_be_empty(name)).then_some(value);
            bytes += name.len() + cached.map_or(0, <[u8]>::len);
            let kind = match VariableKind::parse(name) {
                VariableKind::Header(name) => {
                    cached_fields.push((name.to_vec(), cached.unwrap_or_default().to_vec()));
                    PairKind::Header(cached_fields.len() - 1, cached.map(Box::from))
                }
                VariableKind::Variable(MetaVariable::ContentType) => PairKind::ContentType,
                VariableKind::Variable(variable) => PairKind::Variable(variable),
                VariableKind::Other => PairKind::Other,
            };
            let variable = if let PairKind::Variable(variable) = kind { Some(variable) } else { None };
            pairs.push(CachedPair { name: CachedName::new(name), kind, run: None });
            match cached {
                Some(value) => {
                    let at = *run_start.get_or_insert(pairs.len() - 1);
                    pairs[at].run.get_or_insert_default().push(name, value, variable);
                }
                None => run_start = None,
            }
        }
        if bytes > MAX_BYTES {
            return None;
        }
        let content = content_headers(variables)
            .map(|field| field.map(|(name, _)| cached_fields.push((name.to_vec(), Vec::new()))).is_some());
        let copy: Params = cached_fields.iter().map(|(name, value)| (name, value)).collect();
        let mut blank = HeaderFields::default();
        for (name, value) in &copy {
            blank.push(name, value);
        }
        let headers = blank.headers(&copy).ok()?;
        // Neither `HeaderMap` nor its clone guarantees to iterate in the order of insertion.
        let mut names = fields.iter().map(|(name, _)| header_name(name).ok());
        let in_order = headers.clone().keys().all(|key| names.next().flatten().as_ref() == Some(key));
        in_order.then(|| Self { pairs: pairs.into(), headers, content })
    }

    /// Adds the headers in `encoded` whose values differ to `changed`, and sets the `variables`. `None` if the names
    /// differ.
    fn compare<'a>(
        &self,
        encoded: &'a [u8],
        variables: &mut Variables<'a>,
        changed: &mut Changed<'a>,
    ) -> Option<()> {
        let mut rest = encoded;
        let mut cached = &*self.pairs;
        while let [pair, others @ ..] = cached {
            if let Some(run) = &pair.run
                && let Some((same, after)) = rest.split_at_checked(run.encoded.len())
                && same == run.encoded
            {
                for (variable, value) in &run.variables {
                    variables.set_last(*variable, same.get(value.clone())?);
                }
                cached = cached.get(run.pairs..)?;
                rest = after;
                continue;
            }
            let mut pairs = NameValuePairs::new(rest);
            let (name, value) = pairs.next()?.ok()?;
            if !pair.name.is(name) {
                return None;
            }
            match &pair.kind {
                PairKind::Variable(variable) => variables.set_last(*variable, value),
                PairKind::ContentType => variables.set_content_type(value),
                PairKind::Header(_, Some(cached)) if **cached == *value => {}
                PairKind::Header(index, _) => changed.push((*index, value)),
                PairKind::Other => {}
            }
            rest = pairs.rest();
            cached = others;
        }
        if !rest.is_empty() {
            return None;
        }
        let content = content_headers(variables);
        let mut index = self.headers.len() - self.content.iter().filter(|is_there| **is_there).count();
        for (field, is_there) in content.into_iter().zip(self.content) {
            if field.is_some() != is_there {
                return None;
            }
            if let Some((_, value)) = field {
                changed.push((index, value));
                index += 1;
            }
        }
        Some(())
    }

    /// A clone of the headers with the `changed` values, which are slices of `params`.
    fn headers_with(&self, changed: &[(usize, &[u8])], params: &Params) -> Result<HeaderMap, RequestError> {
        let mut headers = self.headers.clone();
        let mut values = headers.values_mut();
        let mut next = 0;
        for (index, value) in changed {
            if let Some(cached) = values.nth(*index - next) {
                *cached = header_value(value, params)?;
            }
            next = *index + 1;
        }
        Ok(headers)
    }
}

impl CachedName {
    fn new(name: &[u8]) -> Self {
        match words(name) {
            Some((first, last)) if name.len() <= 16 => Self::Words(first, last, name.len()),
            _ => Self::Other(name.into()),
        }
    }

    #[inline]
    fn is(&self, name: &[u8]) -> bool {
        match self {
            Self::Words(first, last, len) => name.len() == *len && words(name) == Some((*first, *last)),
            Self::Other(own) => name == &**own,
        }
    }
}

/// The first eight bytes and the last eight, which overlap below 16.
#[inline]
fn words(name: &[u8]) -> Option<(u64, u64)> {
    Some((u64::from_ne_bytes(*name.first_chunk()?), u64::from_ne_bytes(*name.last_chunk()?)))
}

impl PairRun {
    fn push(&mut self, name: &[u8], value: &[u8], variable: Option<MetaVariable>) {
        encode_pair(&mut self.encoded, name, value);
        self.pairs += 1;
        if let Some(variable) = variable {
            let end = self.encoded.len();
            self.variables.push((variable, end - value.len()..end));
        }
    }
}

/// Whether many requests have an empty value for a variable, and that identifies no person. Such pairs extend a run.
fn may_be_empty(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 5] = [b"CONTENT_LENGTH", b"CONTENT_TYPE", b"HTTPS", b"PATH_INFO", b"QUERY_STRING"];
    NAMES.contains(&name)
}

/// Whether many clients send the same value of a variable, and no value identifies a person.
fn is_cacheable(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 27] = [
        b"CONTEXT_DOCUMENT_ROOT",
        b"CONTEXT_PREFIX",
        b"DOCUMENT_ROOT",
        b"GATEWAY_INTERFACE",
        b"HTTPS",
        b"HTTP_CACHE_CONTROL",
        b"HTTP_CONNECTION",
        b"HTTP_DNT",
        b"HTTP_HOST",
        b"HTTP_PRAGMA",
        b"HTTP_PRIORITY",
        b"HTTP_TE",
        b"HTTP_UPGRADE_INSECURE_REQUESTS",
        b"HTTP_USER_AGENT",
        b"HTTP_X_FORWARDED_PROTO",
        b"HTTP_X_REQUESTED_WITH",
        b"PATH",
        b"REDIRECT_STATUS",
        b"REQUEST_METHOD",
        b"REQUEST_SCHEME",
        b"SERVER_ADDR",
        b"SERVER_ADMIN",
        b"SERVER_NAME",
        b"SERVER_PORT",
        b"SERVER_PROTOCOL",
        b"SERVER_SIGNATURE",
        b"SERVER_SOFTWARE",
    ];
    NAMES.contains(&name)
        || [&b"HTTP_ACCEPT"[..], b"HTTP_SEC_CH_", b"HTTP_SEC_FETCH_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests;
