//! Lists of users in the native form: lines as the other dialect has them.

use serde::{Deserialize, Serialize};

use super::lower::Lowering;
use crate::draft;

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Userlist {
    pub(super) name: Option<toml::Spanned<String>>,
    /// "NAME password CRYPTED groups A,B"
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) user: Vec<toml::Spanned<String>>,
    /// "NAME users A,B"
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) group: Vec<toml::Spanned<String>>,
}

impl Userlist {
    pub(super) fn of(list: &draft::Userlist) -> Userlist {
        let new = |text: String| toml::Spanned::new(0..0, text);
        let lines = |keyword: &str| {
            let of_it = list.lines.iter().filter(|line| line.keyword == keyword);
            of_it.map(|line| new(line.text.clone())).collect()
        };
        Userlist {
            name: Some(new(list.name.value.to_string())),
            user: lines("user"),
            group: lines("group"),
        }
    }
}

impl Lowering<'_> {
    pub(super) fn userlist(&mut self, written: toml::Spanned<Userlist>) -> Option<draft::Userlist> {
        let at = self.span(written.span());
        let written = written.into_inner();
        let mut list = draft::Userlist::new(self.name(written.name, at)?);
        for (keyword, lines) in [("user", written.user), ("group", written.group)] {
            self.section_lines(keyword, lines, &mut list);
        }
        Some(list)
    }
}
