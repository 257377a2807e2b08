//! The converters that set variables, and those that put them into texts.

use tandem_lb_core::expr::{Converter, When};

use super::args::Args;
use super::converters::{Build, Built};
use super::variable;

pub(super) const TABLE: &[(&str, Build)] = &[
    ("add_item", add_item),
    ("concat", concat),
    ("set-var", |args| {
        let variable = args.variable()?;
        let mut when = Vec::new();
        while args.has_more() {
            when.push(args.choice("a condition of variables", CONDITIONS)?);
        }
        Ok(Converter::Keep(variable, when.into()))
    }),
    ("unset-var", |args| args.variable().map(Converter::Forget)),
];

const CONDITIONS: &[(&str, When)] = &[
    ("ifexists", When::Exists),
    ("ifnotexists", When::ExistsNot),
    ("ifempty", When::Empty),
    ("ifnotempty", When::Filled),
    ("ifset", When::Set),
    ("ifnotset", When::SetNot),
    ("ifgt", When::Greater),
    ("iflt", When::Less),
];

/// What one of these words means.
pub(crate) fn condition_of_variables(word: &str) -> Option<When> {
    CONDITIONS
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, when)| *when)
}

pub(crate) fn conditions_of_variables() -> impl Iterator<Item = &'static str> {
    CONDITIONS.iter().map(|(word, _)| *word)
}

fn add_item(args: &mut Args<'_>) -> Built {
    let delimiter = args
        .text("what stands between, and a variable or a text")?
        .as_bytes()
        .into();
    if !args.has_more() {
        return Err(args.bad("what to add is missing: a variable, a text, or both"));
    }
    let name = args.filled();
    let at = args.at();
    let variable = name.map(|name| variable(name, at)).transpose()?;
    let after = args.maybe().unwrap_or_default().as_bytes().into();
    Ok(Converter::AddItem {
        delimiter,
        variable,
        after,
    })
}

fn concat(args: &mut Args<'_>) -> Built {
    let before = args.maybe().unwrap_or_default().as_bytes().into();
    let name = args.filled();
    let at = args.at();
    let variable = name.map(|name| variable(name, at)).transpose()?;
    let after = args.maybe().unwrap_or_default().as_bytes().into();
    Ok(Converter::Concat {
        before,
        variable,
        after,
    })
}
