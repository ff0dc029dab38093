//! Browsers' request headers.

use std::borrow::Cow;

/// Names and values.
pub(crate) type Headers = Vec<(&'static str, Cow<'static, str>)>;

/// The headers of a browser that follows a link.
pub(crate) const NAVIGATION: [(&str, &str); 11] = [
    ("host", "shop.example.org"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.8,fr;q=0.5,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://shop.example.org/lamps/desk?sort=price"),
    ("cookie", "sid=8a1c6e0b9d4f47c2b35a7e91; lang=en; basket=3"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
];

/// Bytes of a request's head with [`NAVIGATION`], about.
pub(crate) const HEAD_BYTES: usize = 540;

/// Further headers that some browsers send, in their order.
const EXTRA: [(&str, &str); 5] = [
    ("sec-ch-ua", r#""Chromium";v="126", "Not.A/Brand";v="24""#),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", r#""Linux""#),
    ("dnt", "1"),
    ("priority", "u=0, i"),
];

/// The headers of a numbered browser. Number 0 sends [`NAVIGATION`]. Each other one has its own version, language,
/// cookies and referring page. There are six different sets of header names.
pub(crate) fn of_browser(browser: usize) -> Headers {
    let mut headers: Headers = NAVIGATION.map(|(name, value)| (name, value.into())).into();
    if browser == 0 {
        return headers;
    }
    for (name, value) in &mut headers {
        match *name {
            "user-agent" => {
                *value =
                    format!("Mozilla/5.0 (X11; Linux x86_64; rv:{browser}.0) Firefox/{browser}.0").into();
            }
            "accept-language" => {
                *value = format!("en-GB,en;q=0.{},fr;q=0.{}", browser % 9, browser % 7).into()
            }
            "referer" => *value = format!("https://shop.example.org/lamps/{browser}").into(),
            "cookie" => *value = format!("sid={:032x}; lang=en", browser * 7_919).into(),
            _ => {}
        }
    }
    let extra = EXTRA.into_iter().take(browser % 6);
    headers.extend(extra.map(|(name, value)| (name, value.into())));
    headers
}
