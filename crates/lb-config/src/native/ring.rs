//! Buffers for log lines in the native form: what stands behind each keyword, as the other dialect has it.

use serde::{Deserialize, Serialize};

use super::lower::Lowering;
use crate::draft;

type Text = toml::Spanned<String>;

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Ring {
    pub(super) name: Option<Text>,
    pub(super) description: Option<Text>,
    pub(super) format: Option<Text>,
    /// "1024"
    pub(super) maxlen: Option<Text>,
    /// "32768"
    pub(super) size: Option<Text>,
    /// "connect 5s", "server 10s"
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) timeout: Vec<Text>,
    /// "NAME ADDRESS:PORT log-proto octet-count"
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) server: Vec<Text>,
}

impl Ring {
    pub(super) fn of(ring: &draft::Ring) -> Ring {
        let new = |text: String| toml::Spanned::new(0..0, text);
        let lines = |keyword: &str| -> Vec<Text> {
            let of_it = ring.lines.iter().filter(|line| line.keyword == keyword);
            of_it.map(|line| new(line.text.clone())).collect()
        };
        // What is said twice counts as it was said last.
        let last = |keyword: &str| lines(keyword).pop();
        Ring {
            name: Some(new(ring.plan.name.to_string())),
            description: last("description"),
            format: last("format"),
            maxlen: last("maxlen"),
            size: last("size"),
            timeout: lines("timeout"),
            server: lines("server"),
        }
    }
}

impl Lowering<'_> {
    pub(super) fn ring(&mut self, written: toml::Spanned<Ring>) -> Option<draft::Ring> {
        let at = self.span(written.span());
        let written = written.into_inner();
        let mut ring = draft::Ring::new(self.name(written.name, at)?);
        let one = |text: Option<Text>| text.into_iter().collect::<Vec<_>>();
        for (keyword, lines) in [
            ("description", one(written.description)),
            ("format", one(written.format)),
            ("maxlen", one(written.maxlen)),
            ("size", one(written.size)),
            ("timeout", written.timeout),
            ("server", written.server),
        ] {
            self.section_lines(keyword, lines, &mut ring);
        }
        Some(ring)
    }
}
