//! Goes through the elements and does what the tables say.

use std::sync::Arc;

use tandem_text::nearest;

use crate::World;
use crate::draft::Draft;
use crate::ledger::{Entry, Ledger};
use crate::placeholder::{self, Filled};
use crate::row::{Becomes, Close, Names, Rows, Table, find, known};
use crate::secrets::{is_secret, without_secrets};
use crate::tables;
use crate::unit::{Read, Unit};
use crate::uri::Uri;
use crate::work::{NOT_THERE, Outcome, Said, Work};
use crate::xml::{Element, Setting};

pub(crate) fn walk(files: &[(Arc<str>, Element)], is_artemis: bool, world: World<'_>, ledger: &mut Ledger) -> Draft {
    let mut work = Work::new(world);
    let tables = match is_artemis {
        true => tables::ARTEMIS,
        false => tables::ACTIVEMQ,
    };
    let tables: Vec<Rows> = tables.iter().flat_map(|part| part.iter().copied()).collect();
    for (file, root) in files {
        let mut walk = Walk {
            tables: &tables,
            file,
            work: &mut work,
            ledger,
            path: Vec::new(),
            around: Vec::new(),
        };
        walk.element(root);
    }
    for (entry, outcome) in std::mem::take(&mut work.amended) {
        ledger.amend(entry, outcome);
    }
    work.draft
}

struct Walk<'a, 'b> {
    tables: &'a [Rows],
    file: &'a Arc<str>,
    work: &'a mut Work<'b>,
    ledger: &'a mut Ledger,
    path: Vec<Names<'a>>,
    /// What the elements around it became, where their parts share that unless they have a row.
    around: Vec<Option<Outcome>>,
}

impl<'a> Walk<'a, '_> {
    fn element(&mut self, element: &'a Element) {
        self.path.push((&element.name, element.family));
        let text = self.element_text(element);
        let (outcome, close) = self.own(element);
        let shared = match &outcome {
            Outcome::Missing(why) => Some(Outcome::Missing(because(&element.name, why))),
            Outcome::NoEffect(why) => Some(Outcome::NoEffect(because(&element.name, why))),
            Outcome::Unknown(_) => Some(Outcome::Unknown(format!(
                "it is part of <{}>, which is not known here",
                element.name
            ))),
            _ => None,
        };
        let own = self.tell(element.line, text, outcome);
        self.around.push(shared);
        for setting in &element.settings {
            self.setting(element, setting);
        }
        if !element.text.is_empty() {
            let text = Setting {
                name: "text".to_owned(),
                value: element.text.clone(),
                line: element.line,
                is_child: false,
                has_bare_ampersand: false,
            };
            self.setting(element, &text);
        }
        for child in &element.children {
            self.path.push((&child.name, child.family));
            let has_rows = find(self.tables, &self.path, "").is_some();
            self.path.pop();
            match child.is_leaf() && !has_rows {
                true => {
                    let setting = Setting {
                        name: child.name.clone(),
                        value: child.text.clone(),
                        line: child.line,
                        is_child: true,
                        has_bare_ampersand: false,
                    };
                    self.setting(element, &setting);
                }
                false => self.element(child),
            }
        }
        self.around.pop();
        if let Some(close) = close {
            let filled = placeholder::fill(&element.text, self.work.world);
            let after = close(self.work, &said(element, "", &filled, own));
            if let Some(outcome) = after {
                self.take_back(own, &element.name, outcome);
            }
            let notes = std::mem::take(&mut self.work.notes);
            notes.iter().for_each(|note| self.ledger.note(own, note));
        }
        self.path.pop();
    }

    /// What an element is not in the end, its parts are not either.
    fn take_back(&mut self, own: usize, name: &str, outcome: Outcome) {
        let parts = match &outcome {
            Outcome::Missing(why) => Outcome::Missing(because(name, why)),
            Outcome::NoEffect(why) => Outcome::NoEffect(because(name, why)),
            _ => return self.ledger.amend(own, outcome),
        };
        for entry in self.ledger.entries.iter_mut().skip(own + 1) {
            if matches!(entry.outcome, Outcome::Kept(_)) {
                entry.outcome = parts.clone();
            }
        }
        self.ledger.amend(own, outcome);
    }

    /// What the element itself becomes, and what is to be done at its end.
    fn own(&mut self, element: &Element) -> (Outcome, Option<Close>) {
        let Some(becomes) = find(self.tables, &self.path, "") else {
            let shared = self.shared();
            return (shared.unwrap_or_else(|| self.unknown(&element.name, true)), None);
        };
        let filled = placeholder::fill(&element.text, self.work.world);
        let said = said(element, "", &filled, self.ledger.entries.len());
        match becomes {
            Becomes::Begins(_, take, close) => (take(self.work, &said), Some(close)),
            becomes => (self.becomes(becomes, &said), None),
        }
    }

    fn setting(&mut self, element: &Element, setting: &Setting) {
        let becomes = find(self.tables, &self.path, &setting.name);
        if matches!(becomes, Some(Becomes::Head)) {
            return;
        }
        let filled = placeholder::fill(&setting.value, self.work.world);
        if !filled.used.is_empty() {
            let names = filled.used.join(", ");
            self.work
                .note(format!("{names} has the value that it had when the file was converted"));
        }
        if setting.has_bare_ampersand {
            self.work
                .note("XML wants `&amp;` for `&`: the broker itself does not read it like that");
        }
        let outcome = match becomes {
            Some(becomes) => {
                let said = said(element, &setting.name, &filled, self.ledger.entries.len());
                match self.becomes(becomes, &said) {
                    Outcome::Missing(why) if why == NOT_THERE => self.shared().unwrap_or(Outcome::Missing(why)),
                    outcome => outcome,
                }
            }
            None => self.shared().unwrap_or_else(|| self.unknown(&setting.name, false)),
        };
        let text = shown(&element.name, setting);
        let is_address = matches!(setting.name.as_str(), "uri" | "text" | "discoveryUri" | "localUri");
        self.tell(setting.line, text, outcome);
        if is_address {
            self.options(element, setting, &filled.text);
        }
    }

    /// Each option of an address is a setting of its own.
    fn options(&mut self, element: &Element, setting: &Setting, address: &str) {
        for (name, value) in Uri::read(address).options {
            let option = Setting {
                name: format!("?{name}"),
                value: value.to_owned(),
                line: setting.line,
                is_child: false,
                has_bare_ampersand: false,
            };
            self.setting(element, &option);
        }
    }

    fn becomes(&mut self, becomes: Becomes, said: &Said<'_>) -> Outcome {
        let unfilled = |why: &str| Outcome::Wrong(format!("${{{why}}} has no value here: {}", how_to_fill(why)));
        match (becomes, said.missing) {
            (Becomes::Parts, _) => Outcome::kept("what is in it"),
            (Becomes::Head, _) => Outcome::Implied,
            (Becomes::NoEffect(why), _) => Outcome::no_effect(why),
            (Becomes::Dropped(why), _) => Outcome::missing(why),
            (Becomes::Holds(value, why), _) => match said.value.eq_ignore_ascii_case(value) {
                true => Outcome::Implied,
                false => Outcome::missing(why),
            },
            (Becomes::Open(_, take) | Becomes::Begins(_, take, _), _) => take(self.work, said),
            (Becomes::Key(..) | Becomes::As(..), Some(name)) => unfilled(name),
            (Becomes::As(_, take), None) => take(self.work, said),
            (Becomes::Key(table, key, unit), None) => self.key(table, key, unit, said),
        }
    }

    fn key(&mut self, table: Table, key: &'static str, unit: Unit, said: &Said<'_>) -> Outcome {
        let (value, note) = match unit.read(said.value) {
            Read::Value(value) => (value, None),
            Read::Changed(value, note) => (value, Some(note)),
            Read::Usual => return Outcome::Implied,
            Read::Wrong(why) => return Outcome::Wrong(why),
        };
        let keys = match table {
            Table::Top => Some(&mut self.work.draft.top),
            Table::Memory => Some(&mut self.work.draft.memory),
            Table::Listen => self.work.listener.as_mut().map(|listener| &mut listener.keys),
            Table::Policy => self.work.policy.as_mut().map(|policy| &mut policy.keys),
            Table::Redelivery => self.work.redelivery.as_mut().map(|policy| &mut policy.keys),
        };
        let Some(keys) = keys else {
            return Outcome::missing(NOT_THERE);
        };
        keys.set(key, value);
        self.work.notes.extend(note);
        Outcome::Kept(table.place(key))
    }

    /// What the elements around it became, if that goes for all their parts.
    fn shared(&self) -> Option<Outcome> {
        self.around.iter().rev().flatten().next().cloned()
    }

    fn unknown(&self, name: &str, is_element: bool) -> Outcome {
        let of = |rows: &Rows| rows.of.rsplit('/').next().unwrap_or(rows.of);
        let near = match is_element {
            true => nearest(name, self.tables.iter().map(of)),
            false => nearest(name, known(self.tables, &self.path)),
        };
        let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        Outcome::Unknown(format!("it is not known here{near}"))
    }

    /// Writes the receipt; answers where.
    fn tell(&mut self, line: usize, text: String, outcome: Outcome) -> usize {
        let own = self.ledger.entries.len();
        let beside = std::mem::take(&mut self.work.beside);
        let entry = |text, outcome, notes| Entry {
            file: Arc::clone(self.file),
            line,
            text,
            outcome,
            notes,
        };
        let notes = std::mem::take(&mut self.work.notes);
        self.ledger.entries.push(entry(text, outcome, notes));
        let parts = beside
            .into_iter()
            .map(|(text, outcome)| entry(text, outcome, Vec::new()));
        self.ledger.entries.extend(parts);
        own
    }

    /// With what says what it is about.
    fn element_text(&self, element: &Element) -> String {
        let is_head = |setting: &&Setting| matches!(find(self.tables, &self.path, &setting.name), Some(Becomes::Head));
        let heads = element.settings.iter().filter(is_head).map(|setting| {
            let value = value_shown(setting);
            format!(" {}=\"{value}\"", setting.name)
        });
        format!("<{}{}>", element.name, heads.collect::<String>())
    }
}

fn said<'a>(element: &'a Element, name: &'a str, filled: &'a Filled, entry: usize) -> Said<'a> {
    Said {
        element,
        name,
        value: &filled.text,
        missing: filled.missing.as_deref(),
        entry,
    }
}

/// Once is enough, however deep it is.
fn because(name: &str, why: &str) -> String {
    match why.starts_with("it is part of") {
        true => why.to_owned(),
        false => format!("it is part of <{name}>: {why}"),
    }
}

pub(crate) fn how_to_fill(name: &str) -> String {
    let variable: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    match name.starts_with(|letter: char| letter.is_ascii_alphabetic()) && !name.contains('[') {
        true => format!("set {variable} in the environment"),
        false => "write the value".to_owned(),
    }
}

/// A setting as a receipt shows it, without what nobody else is to read.
fn shown(element: &str, setting: &Setting) -> String {
    let value = value_shown(setting);
    match setting.name.as_str() {
        "text" => format!("<{element}> {value}"),
        option if option.starts_with('?') => format!("{element} {option}={value}"),
        name if setting.is_child && value.is_empty() => format!("<{name}>"),
        name if setting.is_child => format!("<{name}>{value}</{name}>"),
        name if value.is_empty() => format!("{element} {name}"),
        name => format!("{element} {name}=\"{value}\""),
    }
}

fn value_shown(setting: &Setting) -> String {
    const LONGEST: usize = 160;
    if is_secret(&setting.name) && !setting.value.is_empty() {
        return "***".to_owned();
    }
    let base = match setting.name.as_str() {
        // Its options are told by themselves.
        "uri" | "text" | "discoveryUri" | "localUri" => {
            let uri = Uri::read(&setting.value);
            match uri.options.is_empty() {
                true => setting.value.clone(),
                false => format!("{}:{}", uri.scheme, uri.rest),
            }
        }
        _ => setting.value.clone(),
    };
    let whole = without_secrets(&base);
    let mut shown: String = whole
        .chars()
        .filter(|letter| !letter.is_control())
        .take(LONGEST)
        .collect();
    if shown.len() < whole.len() {
        shown.push('…');
    }
    shown
}
