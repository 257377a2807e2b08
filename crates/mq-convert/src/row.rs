//! What becomes of what, as rows of tables.

use crate::unit::Unit;
use crate::work::{Outcome, Said, Work};

/// Of one element (or bean): a row for itself, whose name is empty, and one for each attribute, property, child that is no
/// more than a value, and option of its address (`?name`).
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// Its name, with those of the elements around it where the name alone could be another's.
    pub(crate) of: &'static str,
    /// The names, between blanks, and what becomes of them.
    pub(crate) rows: &'static [(&'static str, Becomes)],
}

/// The words beside a rule are for the page alone, which a test writes.
#[derive(Clone, Copy)]
#[cfg_attr(not(test), expect(dead_code, reason = "the page is a test's"))]
pub(crate) enum Becomes {
    /// It is what its parts are.
    Parts,
    /// It says what its element is about, and is told with it.
    Head,
    /// A key of a table.
    Key(Table, &'static str, Unit),
    /// This, by a rule of its own.
    As(&'static str, Take),
    /// The same, and the rule knows what to make of a `${name}` that has no value.
    Open(&'static str, Take),
    /// This, which is closed when the element ends.
    Begins(&'static str, Take, Close),
    /// It holds anyway, unless it says something other than this; then it is dropped because.
    Holds(&'static str, &'static str),
    /// It changes nothing, because.
    NoEffect(&'static str),
    /// It is dropped, because.
    Dropped(&'static str),
}

pub(crate) type Take = fn(&mut Work<'_>, &Said<'_>) -> Outcome;
/// What becomes of the element after all, where that is not what it was when it began.
pub(crate) type Close = fn(&mut Work<'_>, &Said<'_>) -> Option<Outcome>;

/// A table of the TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Top,
    Listen,
    Policy,
    Redelivery,
    Memory,
}

impl Table {
    pub(crate) fn place(self, key: &str) -> String {
        match self {
            Table::Top => key.to_owned(),
            Table::Listen => format!("[[listen]] {key}"),
            Table::Policy | Table::Redelivery => format!("[[policy]] {key}"),
            Table::Memory => format!("[memory] {key}"),
        }
    }
}

/// An element's name and its family.
pub(crate) type Names<'a> = (&'a str, Option<&'static str>);

/// The row for a name of the last element of a path. Of several tables for it, the one that names more of the elements around.
pub(crate) fn find(tables: &[Rows], path: &[Names<'_>], name: &str) -> Option<Becomes> {
    let mut fitting: Vec<&Rows> = tables.iter().filter(|rows| is_end_of(rows.of, path)).collect();
    // What is called so comes before what is only of that kind.
    let is_by_name = |rows: &Rows| {
        path.last()
            .is_some_and(|(own, _)| rows.of.rsplit('/').next() == Some(*own))
    };
    fitting.sort_by_key(|rows| std::cmp::Reverse((is_by_name(rows), rows.of.split('/').count())));
    let all = fitting.into_iter().flat_map(|rows| rows.rows);
    let mut found = all.filter(|(names, _)| match name {
        "" => names.is_empty(),
        _ => names.split(' ').any(|known| known == name),
    });
    found.next().map(|(_, becomes)| *becomes)
}

fn is_end_of(of: &str, path: &[Names<'_>]) -> bool {
    let mut rest = path.iter().rev();
    of.rsplit('/').all(|own| {
        let here = rest.next();
        here.is_some_and(|(name, family)| *name == own || *family == Some(own))
    })
}

/// All names that mean something there, for who has mistyped one.
pub(crate) fn known<'a>(tables: &'a [Rows], path: &'a [Names<'a>]) -> impl Iterator<Item = &'static str> {
    let fitting = tables.iter().filter(move |rows| is_end_of(rows.of, path));
    fitting
        .flat_map(|rows| rows.rows)
        .flat_map(|(names, _)| names.split(' '))
        .filter(|name| !name.is_empty())
}
