use proptest::prelude::*;

use super::*;

type Pairs = Vec<(String, String)>;

/// Maps heads on one thread, one after the other: the headers of each, in order, and the variables.
fn mapped(heads: &[Pairs]) -> Vec<Option<(Pairs, Vec<String>)>> {
    let each = |head: &Pairs| {
        let params: Params = head.iter().map(|(name, value)| (name, value)).collect();
        let mut variables = Variables::default();
        let headers = headers(&params, &mut variables).ok()?;
        Some(as_text(&headers, &variables))
    };
    // A new thread has an empty cache.
    std::thread::scope(|scope| scope.spawn(|| heads.iter().map(each).collect()).join().unwrap())
}

/// Maps one head without a cache.
fn mapped_uncached(head: &Pairs) -> Option<(Pairs, Vec<String>)> {
    let params: Params = head.iter().map(|(name, value)| (name, value)).collect();
    let mut variables = Variables::default();
    let headers = HeaderFields::sort(&params, &mut variables).headers(&params).ok()?;
    Some(as_text(&headers, &variables))
}

fn as_text(headers: &HeaderMap, variables: &Variables<'_>) -> (Pairs, Vec<String>) {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let all = [
        MetaVariable::ContentLength,
        MetaVariable::ContentType,
        MetaVariable::Method,
        MetaVariable::PathInfo,
        MetaVariable::Protocol,
        MetaVariable::QueryString,
        MetaVariable::RemoteAddr,
        MetaVariable::RemotePort,
        MetaVariable::RequestUri,
        MetaVariable::ScriptName,
    ];
    (headers, all.map(|variable| text(variables.value(variable))).into())
}

fn pairs(list: &[(&str, &str)]) -> Pairs {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A short head as nginx sends it.
fn nginx_head() -> Pairs {
    pairs(&[
        ("QUERY_STRING", ""),
        ("REQUEST_METHOD", "GET"),
        ("CONTENT_TYPE", ""),
        ("CONTENT_LENGTH", ""),
        ("REQUEST_URI", "/hello"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", "nginx/1.22.1"),
        ("REMOTE_ADDR", "192.0.2.1"),
        ("SERVER_NAME", "localhost"),
        ("HTTP_HOST", "example.org"),
        ("HTTP_ACCEPT", "*/*"),
        ("HTTP_COOKIE", "a=1"),
        ("HTTP_X_OWN", "own"),
        ("HTTP_SEC_FETCH_MODE", "navigate"),
    ])
}

/// The difference between a request and the one before it.
#[derive(Debug, Clone)]
enum Change {
    Value(usize, &'static str),
    Name(usize, &'static str),
    Remove(usize),
    Insert(usize, &'static str, &'static str),
    Swap(usize, usize),
    Nothing,
}

fn apply(head: &mut Pairs, change: &Change) {
    let len = head.len();
    if len == 0 {
        return;
    }
    match *change {
        Change::Value(at, value) => head[at % len].1 = value.to_owned(),
        Change::Name(at, name) => head[at % len].0 = name.to_owned(),
        Change::Remove(at) => drop(head.remove(at % len)),
        Change::Insert(at, name, value) => head.insert(at % len, (name.to_owned(), value.to_owned())),
        Change::Swap(a, b) => head.swap(a % len, b % len),
        Change::Nothing => {}
    }
}

fn change() -> impl Strategy<Value = Change> {
    const NAMES: [&str; 18] = [
        "HTTP_HOST",
        "HTTP_Host",
        "HTTP_AUTHORIZATION",
        "HTTP_ACCEPT",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_COOKIE",
        "HTTP_X_OWN",
        "HTTP_X_OTHER",
        "HTTP_PROXY",
        "HTTP_CONTENT_TYPE",
        "HTTP_",
        "HTTP_BAD NAME",
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
        "REQUEST_METHOD",
        "REQUEST_URI",
        "SERVER_SOFTWARE",
        "",
    ];
    let value = prop::sample::select(vec![
        "",
        "1",
        "GET",
        "POST",
        "*/*",
        "a=1",
        "a=2",
        "/hello",
        "text/plain",
        "12",
        "-1",
        "\u{1}",
        "\u{fc}",
        "a long value, whose length needs four bytes: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ]);
    let name = prop::sample::select(NAMES.to_vec());
    let at = 0..64_usize;
    prop_oneof![
        4 => (at.clone(), value.clone()).prop_map(|(at, value)| Change::Value(at, value)),
        1 => (at.clone(), name.clone()).prop_map(|(at, name)| Change::Name(at, name)),
        1 => at.clone().prop_map(Change::Remove),
        1 => (at.clone(), name, value).prop_map(|(at, name, value)| Change::Insert(at, name, value)),
        1 => (at.clone(), at).prop_map(|(a, b)| Change::Swap(a, b)),
        2 => Just(Change::Nothing),
    ]
}

proptest! {
    #[test]
    fn a_head_becomes_the_same_whatever_came_before_it(changes in prop::collection::vec(change(), 0..60)) {
        let mut heads = vec![nginx_head()];
        for change in &changes {
            let mut head = heads.last().cloned().unwrap();
            apply(&mut head, change);
            heads.push(head);
        }
        let uncached: Vec<_> = heads.iter().map(mapped_uncached).collect();
        prop_assert_eq!(mapped(&heads), uncached);
    }
}

#[test]
fn a_similar_head_is_recognised_with_its_own_values() {
    let mut other = nginx_head();
    other[0].1 = "now=with".to_owned();
    other[4].1 = "/other".to_owned();
    other[7].1 = "192.0.2.2".to_owned();
    other[10].1 = "text/html".to_owned();
    other[11].1 = "b=2".to_owned();
    let cached: Params = nginx_head().iter().map(|(name, value)| (name, value)).collect();
    let params: Params = other.iter().map(|(name, value)| (name, value)).collect();

    let mut variables = Variables::default();
    let fields = HeaderFields::sort(&cached, &mut variables);
    let head = CachedHead::new(&cached, &variables, &fields, &fields.headers(&cached).unwrap()).unwrap();

    let mut variables = Variables::default();
    let mut changed = Changed::new();
    head.compare(params.encoded(), &mut variables, &mut changed).unwrap();
    let changed_values: Vec<_> = changed.iter().map(|(index, value)| (*index, *value)).collect();
    assert_eq!(changed_values, [(1, &b"text/html"[..]), (2, b"b=2"), (3, b"own")]);
    let headers = head.headers_with(&changed, &params).unwrap();
    assert_eq!(Some(as_text(&headers, &variables)), mapped_uncached(&other));
}

#[test]
fn personal_headers_are_never_cached() {
    let secrets = [
        ("HTTP_COOKIE", "secret"),
        ("HTTP_AUTHORIZATION", "secret"),
        ("HTTP_REFERER", "secret"),
        ("HTTP_X_API_KEY", "secret"),
        ("HTTP_X_FORWARDED_FOR", "secret"),
        ("REMOTE_ADDR", "secret"),
        ("REMOTE_USER", "secret"),
        ("REQUEST_URI", "secret"),
        ("QUERY_STRING", "secret"),
        ("PATH_INFO", "secret"),
        ("SSL_CLIENT_S_DN", "secret"),
        ("CONTENT_TYPE", "secret"),
    ];
    let params: Params = secrets.into_iter().chain([("HTTP_ACCEPT", "not so")]).collect();
    let mut variables = Variables::default();
    let fields = HeaderFields::sort(&params, &mut variables);
    let head = CachedHead::new(&params, &variables, &fields, &fields.headers(&params).unwrap()).unwrap();
    let all = format!("{head:?}");
    // As text, as numbers, and as a pair.
    let numbers = |text: &[u8]| format!("{text:?}").trim_matches(['[', ']']).to_owned();
    assert!(all.contains(&numbers(b"HTTP_ACCEPT")) && all.contains(&numbers(b"not so")));
    assert!(all.contains("not so"));
    assert!(!all.contains("secret") && !all.contains(&numbers(b"secret")), "{all}");
}

#[test]
fn a_head_over_the_limits_is_not_cached() {
    let is_cached = |pairs: &[(String, String)]| {
        let params: Params = pairs.iter().map(|(name, value)| (name, value)).collect();
        let mut variables = Variables::default();
        let fields = HeaderFields::sort(&params, &mut variables);
        CachedHead::new(&params, &variables, &fields, &fields.headers(&params).unwrap()).is_some()
    };
    let numbered =
        |count: usize| -> Pairs { (0..count).map(|n| (format!("HTTP_X_{n}"), String::new())).collect() };
    assert!(is_cached(&numbered(MAX_PAIRS)));
    assert!(!is_cached(&numbered(MAX_PAIRS + 1)), "too many pairs");
    let long = |len: usize| vec![("HTTP_ACCEPT".to_owned(), "x".repeat(len))];
    assert!(is_cached(&long(MAX_BYTES - "HTTP_ACCEPT".len())));
    assert!(!is_cached(&long(MAX_BYTES)), "too many bytes");
    let cookie = vec![("HTTP_COOKIE".to_owned(), "x".repeat(2 * MAX_BYTES))];
    assert!(is_cached(&cookie), "values that are not cached do not count");
    let twice = [numbered(1), numbered(1)].concat();
    assert!(!is_cached(&twice), "a repeated header");
}

#[test]
fn a_more_frequent_head_replaces_another() {
    let is_cached = |name: &str| {
        CACHE.with_borrow(|slots| {
            slots
                .iter()
                .filter_map(|slot| slot.head.as_ref())
                .any(|head| head.pairs[0].name.is(name.as_bytes()))
        })
    };
    let map = |name: &str| {
        let params: Params = [(name, "")].into_iter().collect();
        headers(&params, &mut Variables::default()).unwrap();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            map("HTTP_A");
            assert!(is_cached("HTTP_A"), "the first is cached at once");
            for _ in 0..10 {
                for _ in 1..EVICT_AFTER {
                    map("HTTP_B");
                }
                map("HTTP_A");
            }
            assert!(is_cached("HTTP_A") && !is_cached("HTTP_B"), "it stays as long as it is hit");
            for _ in 0..EVICT_AFTER {
                map("HTTP_B");
            }
            assert!(is_cached("HTTP_B") && !is_cached("HTTP_A"));
        });
    });
}
