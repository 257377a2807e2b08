//! What a scrape asks for: HAProxy's parameters, and the format by the `Accept` header.

use hyper::HeaderMap;
use hyper::header::ACCEPT;
use tandem_lb_core::stats::Hide;
use tandem_lb_core::stats::prometheus::{Format, Names, Section, Wish};
use tandem_ops::web::form;

/// A request for `/metrics`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) wish: Wish,
    pub(super) hide: Hide,
    /// Whether samples say what a thing is for, too.
    pub(super) describes: bool,
}

impl Asked {
    /// `None` when a scope does not exist. As in HAProxy an empty scope takes back what was asked for so far, `*` is
    /// everything, and a parameter that nobody knows changes nothing.
    pub(super) fn parse(query: &str, headers: &HeaderMap) -> Option<Asked> {
        let (mut sections, mut names, mut hide, mut describes) = (None, Names::default(), Hide::Nothing, false);
        for (name, value) in form::parse(query.as_bytes()) {
            match (name.as_str(), value.as_str()) {
                ("scope", "") => sections = Some(Vec::new()),
                ("scope", "*") => sections = Some(Section::ALL.to_vec()),
                ("scope", word) => sections.get_or_insert_default().push(Section::named(word)?),
                ("metrics", list) => names.add(list),
                ("no-maint", _) => hide = Hide::Maint,
                ("desc-labels", _) => describes = true,
                _ => {}
            }
        }
        Some(Asked {
            wish: Wish {
                sections: sections.unwrap_or_else(|| Section::ALL.to_vec()),
                names,
                format: format(headers),
            },
            hide,
            describes,
        })
    }
}

/// OpenMetrics when it is accepted and nothing says that Prometheus' own format is liked better (RFC 9110, 12.5.1).
fn format(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut open, mut text) = (None, None);
    for range in accepted.flat_map(|list| list.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(Some(1000), thousandths);
        match media_type.as_str() {
            "application/openmetrics-text" => open = open.max(weight),
            "text/plain" => text = text.max(weight),
            _ => {}
        }
    }
    match open {
        Some(1..) if open >= text => Format::OpenMetrics,
        _ => Format::Text,
    }
}

/// `0.75` as 750.
fn thousandths(weight: &str) -> Option<u32> {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let rest = rest.get(..3).unwrap_or(rest);
    let scale = [1000, 100, 10, 1].get(rest.len())?;
    let rest = if rest.is_empty() { 0 } else { rest.parse::<u32>().ok()? };
    Some((whole.parse::<u32>().ok()?.min(1) * 1000 + rest * scale).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_what_is_accepted() {
        use Format::{OpenMetrics, Text};
        for (accept, expect) in [
            ("", Text),
            ("*/*", Text),
            ("text/plain;version=0.0.4", Text),
            ("application/openmetrics-text", OpenMetrics),
            (
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                OpenMetrics,
            ),
            // As Prometheus asks.
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,/;q=0.1",
                OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Text),
            ("text/plain, application/openmetrics-text;q=0.9", Text),
        ] {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(ACCEPT, accept.parse().expect("a header value"));
            }
            assert_eq!(format(&headers), expect, "{accept}");
        }
        assert_eq!(
            ["1", "0.5", "0.25", "0.125", "0", "7", "1.0", "x"].map(thousandths),
            [
                Some(1000),
                Some(500),
                Some(250),
                Some(125),
                Some(0),
                Some(1000),
                Some(1000),
                None
            ]
        );
    }

    #[test]
    fn scopes() {
        use Section::{Backend, Server};
        let sections = |query: &str| Asked::parse(query, &HeaderMap::new()).map(|asked| asked.wish.sections);
        for (query, expect) in [
            ("", Some(Section::ALL.to_vec())),
            ("foo&extra-counters", Some(Section::ALL.to_vec())),
            ("scope=*", Some(Section::ALL.to_vec())),
            ("scope=", Some(Vec::new())),
            ("scope=server&scope=backend", Some(vec![Server, Backend])),
            ("scope=resolver", Some(vec![Section::Resolver])),
            ("scope=bogus", None),
        ] {
            assert_eq!(sections(query), expect, "{query}");
        }
        let asked = Asked::parse("no-maint", &HeaderMap::new());
        assert_eq!(asked.map(|a| (a.hide, a.describes)), Some((Hide::Maint, false)));
        let asked = Asked::parse("desc-labels", &HeaderMap::new());
        assert_eq!(asked.map(|a| (a.hide, a.describes)), Some((Hide::Nothing, true)));
    }
}
