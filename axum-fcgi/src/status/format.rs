//! Chooses the format of the page: by the query, or by `Accept` (RFC 9110 §12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Json,
    OpenMetrics,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) format: Format,
    /// Whether each connection and request is listed.
    pub(super) full: bool,
}

impl View {
    /// Parses the query, such as `html&full`. An error is the part that is unknown.
    pub(super) fn parse<'a>(query: &'a str, headers: &HeaderMap) -> Result<Self, &'a str> {
        let (mut format, mut full) = (None, false);
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part {
                "html" => format = Some(Format::Html),
                "json" => format = Some(Format::Json),
                "openmetrics" => format = Some(Format::OpenMetrics),
                "full" => full = true,
                unknown => return Err(unknown),
            }
        }
        Ok(Self { format: format.unwrap_or_else(|| accepted(headers)), full })
    }
}

/// The known format with the greatest weight, the first of several.
fn accepted(headers: &HeaderMap) -> Format {
    let mut best = (0.0, Format::OpenMetrics);
    for value in headers.get_all(ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let format = match &*parts.next().unwrap_or_default().to_ascii_lowercase() {
                "text/html" => Format::Html,
                "application/json" => Format::Json,
                "application/openmetrics-text" | "text/plain" => Format::OpenMetrics,
                _ => continue,
            };
            let weight = parts.find_map(|parameter| parameter.strip_prefix(['q', 'Q'])?.strip_prefix('='));
            let weight = weight.map_or(Some(1.0), |weight| weight.parse().ok()).unwrap_or(0.0);
            if weight > best.0 {
                best = (weight, format);
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(query: &str, accept: &str) -> Option<(Format, bool)> {
        let headers = [(ACCEPT, accept.parse().unwrap())].into_iter().collect();
        View::parse(query, &headers).ok().map(|view| (view.format, view.full))
    }

    #[test]
    fn the_query_decides_before_accept() {
        for (query, accept, expected) in [
            ("", "*/*", Some((Format::OpenMetrics, false))),
            (
                "",
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Some((Format::Html, false)),
            ),
            (
                "",
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                Some((Format::OpenMetrics, false)),
            ),
            ("", "text/html;q=0.1, application/json", Some((Format::Json, false))),
            ("", "Text/HTML;Q=0.2, APPLICATION/json;q=0.1", Some((Format::Html, false))),
            ("", "application/json;q=0", Some((Format::OpenMetrics, false))),
            ("", "application/json; q=none", Some((Format::OpenMetrics, false))),
            ("full", "application/json", Some((Format::Json, true))),
            ("html&full", "application/json", Some((Format::Html, true))),
            ("json", "text/html", Some((Format::Json, false))),
            ("openmetrics", "text/html", Some((Format::OpenMetrics, false))),
            ("xml", "text/html", None),
        ] {
            assert_eq!(view(query, accept), expected, "?{query} {accept}");
        }
    }
}
