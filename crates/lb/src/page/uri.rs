//! What comes behind the page's path: `;csv`, `;up`, `?scope=be`, in any order and combination (reference 3.2).
//!
//! As in HAProxy, the words are looked for anywhere in the rest, because tools put them behind `/`, `?` and `;` as they
//! please.

use tandem_lb_core::stats::Hide;

use tandem_ops::web::form;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Html,
    Csv,
    Json,
    JsonSchema,
    Typed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) format: Format,
    pub(super) hide: Hide,
    pub(super) norefresh: bool,
    pub(super) scope: Option<String>,
    /// The code of an action that was just done.
    pub(super) st: Option<String>,
}

/// The longest scope that counts.
const SCOPE: usize = 20;

impl Wanted {
    /// From what follows the page's path.
    pub(super) fn parse(rest: &str) -> Wanted {
        let has = |word: &str| rest.contains(word);
        let format = match () {
            () if has(";csv") => Format::Csv,
            () if has(";typed") => Format::Typed,
            () if has(";json-schema") => Format::JsonSchema,
            () if has(";json") => Format::Json,
            () => Format::Html,
        };
        let hide = match () {
            () if has(";up") => Hide::Down,
            () if has(";no-maint") => Hide::Maint,
            () => Hide::Nothing,
        };
        let scope = after(rest, "scope=").map(|text| form::decode(text.as_bytes()));
        Wanted {
            format,
            hide,
            norefresh: has(";norefresh"),
            scope: scope
                .map(|text| text.chars().take(SCOPE).collect())
                .filter(|text: &String| !text.is_empty()),
            st: after(rest, ";st=").map(|word| word.chars().take(4).collect()),
        }
    }

    /// What keeps this view in a link.
    pub(super) fn as_suffix(&self) -> String {
        let mut out = String::new();
        out.push_str(match self.hide {
            Hide::Nothing => "",
            Hide::Down => ";up",
            Hide::Maint => ";no-maint",
        });
        if self.norefresh {
            out.push_str(";norefresh");
        }
        if let Some(scope) = &self.scope {
            out.push_str("?scope=");
            form::encode(&mut out, scope);
        }
        out
    }
}

fn after<'a>(rest: &'a str, key: &str) -> Option<&'a str> {
    let at = rest.find(key)?;
    let value = &rest[at + key.len()..];
    let end = value.find([';', '?', '&', ' ']).unwrap_or(value.len());
    Some(&value[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_order() {
        let rows = [
            ("", Wanted::default()),
            (
                ";csv",
                Wanted {
                    format: Format::Csv,
                    ..Wanted::default()
                },
            ),
            (
                "/;csv;norefresh",
                Wanted {
                    format: Format::Csv,
                    norefresh: true,
                    ..Wanted::default()
                },
            ),
            (
                "?;csv;scope=b1",
                Wanted {
                    format: Format::Csv,
                    scope: Some("b1".to_owned()),
                    ..Wanted::default()
                },
            ),
            (
                ";json-schema",
                Wanted {
                    format: Format::JsonSchema,
                    ..Wanted::default()
                },
            ),
            (
                ";st=DONE;up;norefresh?scope=a%20b",
                Wanted {
                    hide: Hide::Down,
                    norefresh: true,
                    scope: Some("a b".to_owned()),
                    st: Some("DONE".to_owned()),
                    ..Wanted::default()
                },
            ),
            (
                ";no-maint?scope=",
                Wanted {
                    hide: Hide::Maint,
                    ..Wanted::default()
                },
            ),
        ];
        for (rest, expect) in rows {
            assert_eq!(Wanted::parse(rest), expect, "{rest}");
        }
    }

    #[test]
    fn a_scope_cannot_break_out_of_a_header() {
        let wanted = Wanted::parse(";up?scope=%0d%0aSet-Cookie:x");
        assert_eq!(wanted.as_suffix(), ";up?scope=%0D%0ASet-Cookie%3Ax");
        assert_eq!(Wanted::parse(&wanted.as_suffix()), wanted);
    }
}
