//! Requests that are like an earlier one.
//!
//! The requests that come to a thread are of a few kinds: each web server sends its variables in one order, each
//! browser its headers for each kind of resource, and many values are the same for everybody (`SERVER_SOFTWARE`,
//! `HTTP_ACCEPT_ENCODING`, `HTTP_SEC_FETCH_MODE`). To sort the pairs, and to check, hash and insert the headers one
//! by one, is most of what the mapping costs. So each thread remembers some heads. One with the same names begins
//! as a clone of the headers of such a head, and what differs is replaced. Pairs in a row that are the same to the
//! byte are compared in one go.
//!
//! Of values only those are remembered that say nothing of a person: no cookie, no credential, no referrer, no
//! target. A request that takes less time because its guess was right would tell a secret.

use std::cell::RefCell;
use std::ops::Range;

use fcgi_core::{NameValuePairs, Params, encode_pair};
use http::header::HeaderMap;
use smallvec::SmallVec;

use super::error::RequestError;
use super::header_fields::{HeaderFields, content_headers, header_value};
use super::header_names::header_name;
use super::meta_variables::{Variable, VariableKind, Variables};

/// Heads that a thread remembers, each with another number of pairs, modulo this.
const SLOTS: usize = 16;
/// Bytes of names and remembered values of a head, at the most. With all that belongs to it, a head takes up to
/// some 12 KiB, and all of a thread's 192 KiB.
const MAX_BYTES: usize = 2048;
/// Pairs of a head that is remembered, at the most.
const MAX_PAIRS: usize = 64;
/// A head is forgotten for another one when so many came in its place that were not like it, with none between
/// them that was.
const EVICT_AFTER: u8 = 4;

thread_local! {
    static MEMORY: RefCell<[Slot; SLOTS]> = const { RefCell::new([const { Slot::EMPTY }; SLOTS]) };
}

#[derive(Debug)]
struct Slot {
    head: Option<CachedHead>,
    /// Heads since the last that was like `head`.
    misses: u8,
}

/// A head that is remembered.
#[derive(Debug)]
struct CachedHead {
    pairs: Box<[Pair]>,
    /// A value is empty where it is not remembered. All share one buffer, which is nobody else's.
    headers: HeaderMap,
    /// The headers that are no `HTTP_` variables: whether there are. They are the last of `headers`.
    content: [bool; 2],
}

#[derive(Debug)]
struct Pair {
    name: Box<[u8]>,
    kind: PairKind,
    /// The run of remembered pairs that this one begins.
    run: Option<PairRun>,
}

#[derive(Debug)]
enum PairKind {
    /// The header at this place, and its value if that is remembered.
    Header(usize, Option<Box<[u8]>>),
    /// Other than CONTENT_TYPE.
    Variable(Variable),
    ContentType,
    Nothing,
}

/// Pairs in a row of which the values are remembered too.
#[derive(Debug, Default)]
struct PairRun {
    encoded: Vec<u8>,
    pairs: usize,
    /// The variables among them, of which none is CONTENT_TYPE, and where in `encoded` their values are.
    variables: Vec<(Variable, Range<usize>)>,
}

/// Headers that are not as remembered: place and value.
type Changed<'a> = SmallVec<[(usize, &'a [u8]); 8]>;

/// The headers that `params` become; sets the `variables`.
pub(super) fn headers<'a>(
    params: &'a Params,
    variables: &mut Variables<'a>,
) -> Result<HeaderMap, RequestError> {
    MEMORY.with_borrow_mut(|places| {
        let place = &mut places[params.len() % SLOTS];
        if let Some(head) = &place.head
            && let Some(changed) = head.compare(params.encoded(), variables)
        {
            place.misses = 0;
            return head.headers_with(&changed, params);
        }
        *variables = Variables::default();
        let fields = HeaderFields::sort(params, variables);
        let headers = fields.headers(params)?;
        place.misses += 1;
        if place.head.is_none() || place.misses >= EVICT_AFTER {
            *place = Slot { head: CachedHead::new(params, variables, &fields, &headers), misses: 0 };
        }
        Ok(headers)
    })
}

impl Slot {
    const EMPTY: Self = Self { head: None, misses: 0 };
}

impl CachedHead {
    /// Of `params`, which became the others. `None`: it is too long, or a header comes twice.
    fn new(
        params: &Params,
        variables: &Variables<'_>,
        fields: &HeaderFields<'_>,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let fields = fields.as_slice();
        if params.len() > MAX_PAIRS || headers.keys_len() != fields.len() {
            return None;
        }
        let mut own = Vec::new();
        let mut pairs: Vec<Pair> = Vec::new();
        let mut bytes = 0;
        // Where the run that is being gathered begins.
        let mut begins = None;
        for (name, value) in params {
            let known = is_not_cacheable(name).then_some(value);
            bytes += name.len() + known.map_or(0, <[u8]>::len);
            let means = match VariableKind::parse(name) {
                VariableKind::Header(name) => {
                    own.push((name.to_vec(), known.unwrap_or_default().to_vec()));
                    PairKind::Header(own.len() - 1, known.map(Box::from))
                }
                VariableKind::Variable(Variable::ContentType) => PairKind::ContentType,
                VariableKind::Variable(variable) => PairKind::Variable(variable),
                VariableKind::Other => PairKind::Nothing,
            };
            let variable = if let PairKind::Variable(variable) = means { Some(variable) } else { None };
            pairs.push(Pair { name: name.into(), kind: means, run: None });
            match known {
                Some(value) => {
                    let at = *begins.get_or_insert(pairs.len() - 1);
                    pairs[at].run.get_or_insert_default().push(name, value, variable);
                }
                None => begins = None,
            }
        }
        if bytes > MAX_BYTES {
            return None;
        }
        let content = content_headers(variables)
            .map(|field| field.map(|(name, _)| own.push((name.to_vec(), Vec::new()))).is_some());
        let copy: Params = own.iter().map(|(name, value)| (name, value)).collect();
        let mut blank = HeaderFields::default();
        for (name, value) in &copy {
            blank.push(name, value);
        }
        let headers = blank.headers(&copy).ok()?;
        // That a map and its clone are walked in the order in which it was filled is so, but not promised.
        let mut names = fields.iter().map(|(name, _)| header_name(name).ok());
        let in_order = headers.clone().keys().all(|own| names.next().flatten().as_ref() == Some(own));
        in_order.then(|| Self { pairs: pairs.into(), headers, content })
    }

    /// The headers in `encoded` that are not as remembered, if all its names are; sets the `variables`.
    fn compare<'a>(&self, encoded: &'a [u8], variables: &mut Variables<'a>) -> Option<Changed<'a>> {
        let mut changed = Changed::new();
        let mut rest = encoded;
        let mut at = 0;
        while let Some(pair) = self.pairs.get(at) {
            if let Some(run) = &pair.run
                && let Some((same, after)) = rest.split_at_checked(run.encoded.len())
                && same == run.encoded
            {
                for (variable, value) in &run.variables {
                    variables.set_last(*variable, same.get(value.clone())?);
                }
                at += run.pairs;
                rest = after;
                continue;
            }
            let mut pairs = NameValuePairs::new(rest);
            let (name, value) = pairs.next()?.ok()?;
            if name != &*pair.name {
                return None;
            }
            match &pair.kind {
                PairKind::Variable(variable) => variables.set_last(*variable, value),
                PairKind::ContentType => variables.set_content_type(value),
                PairKind::Header(_, Some(known)) if **known == *value => {}
                PairKind::Header(place, _) => changed.push((*place, value)),
                PairKind::Nothing => {}
            }
            rest = pairs.rest();
            at += 1;
        }
        if !rest.is_empty() {
            return None;
        }
        let content = content_headers(variables);
        let mut place = self.headers.len() - self.content.iter().filter(|is| **is).count();
        for (field, is) in content.into_iter().zip(self.content) {
            if field.is_some() != is {
                return None;
            }
            if let Some((_, value)) = field {
                changed.push((place, value));
                place += 1;
            }
        }
        Some(changed)
    }

    fn headers_with(&self, changed: &[(usize, &[u8])], params: &Params) -> Result<HeaderMap, RequestError> {
        let mut headers = self.headers.clone();
        let mut values = headers.values_mut();
        let mut passed = 0;
        for (place, value) in changed {
            if let Some(own) = values.nth(*place - passed) {
                *own = header_value(value, params)?;
            }
            passed = *place + 1;
        }
        Ok(headers)
    }
}

impl PairRun {
    fn push(&mut self, name: &[u8], value: &[u8], variable: Option<Variable>) {
        encode_pair(&mut self.encoded, name, value);
        self.pairs += 1;
        if let Some(variable) = variable {
            let end = self.encoded.len();
            self.variables.push((variable, end - value.len()..end));
        }
    }
}

/// Whether a variable's values are shared by many clients and say nothing of a person.
fn is_not_cacheable(name: &[u8]) -> bool {
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
            .any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests;
