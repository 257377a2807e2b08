//! The lists of patterns that a configuration names, as they are met: one for each file, whoever reads it, and one for the
//! words of each ACL. Their order makes their numbers (`show acl`).

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use tandem_lb_core::acl::{BadEntry, BadPattern, How, Library, List, Patterns, Shelved, Values};
use tandem_lb_core::expr::Kind;
use tandem_text::{SourceMap, Span};

use crate::expr::World;

/// What has been met so far.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    found: RefCell<Found>,
}

#[derive(Debug, Default)]
struct Found {
    lists: Vec<Draft>,
    tests: Vec<Arc<Patterns>>,
    maps: Vec<Arc<Values>>,
}

#[derive(Debug)]
struct Draft {
    list: Arc<List>,
    /// `acl … -u N`
    id: Option<u32>,
    from: From,
    uses: Vec<(Use, Option<Span>)>,
}

#[derive(Debug)]
enum From {
    /// Its lines are patterns; with values, the first word is the pattern.
    File { path: Arc<str>, has_values: bool },
    /// What stands behind this fetch on a line.
    Words(Box<str>),
}

/// Who reads a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Acl,
    /// An ACL that reads a file with values (`-M`).
    AclWithValues,
    Map,
}

impl Shelf {
    /// The list in this file, which is read once.
    pub(crate) fn file(&self, path: &str, user: Use, world: World<'_>) -> Result<Arc<List>, String> {
        let wants_values = user != Use::Acl;
        let joined = world.base.map(|base| base.join(path));
        let path = joined.as_deref().and_then(Path::to_str).unwrap_or(path);
        let mut found = self.found.borrow_mut();
        let known = found
            .lists
            .iter_mut()
            .find(|draft| draft.from.is_file(path, wants_values));
        if let Some(draft) = known {
            draft.uses.push((user, world.line));
            return Ok(draft.list.clone());
        }
        let content = (world.file)(path)?;
        let lines = lines(&content)?;
        let row = |line| if wants_values { row(line) } else { (line, None) };
        let list = Arc::new(List::of(lines.into_iter().map(row)));
        found.lists.push(Draft {
            list: list.clone(),
            id: None,
            from: From::File {
                path: path.into(),
                has_values: wants_values,
            },
            uses: vec![(user, world.line)],
        });
        Ok(list)
    }

    /// A list of the words of one line.
    pub(crate) fn words(&self, fetch: &str, id: Option<u32>, words: &[String], line: Option<Span>) -> Arc<List> {
        let list = Arc::new(List::of(words.iter().map(|word| (word.as_str(), None))));
        self.found.borrow_mut().lists.push(Draft {
            list: list.clone(),
            id,
            from: From::Words(fetch.into()),
            uses: vec![(Use::Acl, line)],
        });
        list
    }

    /// A list as tests read it; those who read the same in the same way share it.
    pub(crate) fn patterns(&self, how: How, list: &Arc<List>) -> Result<Arc<Patterns>, BadPattern> {
        let tests = &mut self.found.borrow_mut().tests;
        let known = tests
            .iter()
            .find(|test| test.how == how && Arc::ptr_eq(&test.list, list));
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let new = Arc::new(Patterns::new(how, list.clone())?);
        tests.push(new.clone());
        Ok(new)
    }

    /// The same for maps.
    pub(crate) fn values(&self, how: How, output: Kind, list: &Arc<List>) -> Result<Arc<Values>, BadEntry> {
        let maps = &mut self.found.borrow_mut().maps;
        let is_same = |map: &&Arc<Values>| (map.how, map.output) == (how, output) && Arc::ptr_eq(&map.list, list);
        if let Some(known) = maps.iter().find(is_same) {
            return Ok(known.clone());
        }
        let new = Arc::new(Values::new(how, output, list.clone())?);
        maps.push(new.clone());
        Ok(new)
    }

    /// Numbers that are not given are the first free ones, in the order of the lists.
    pub(crate) fn into_library(self, sources: &SourceMap) -> Library {
        let Found { lists, tests, maps } = self.found.into_inner();
        let given: Vec<u32> = lists.iter().filter_map(|draft| draft.id).collect();
        let mut free = (0..).filter(|id| !given.contains(id));
        let mut shelved: Vec<Shelved> = lists
            .into_iter()
            .map(|draft| {
                let id = draft.id.or_else(|| free.next()).unwrap_or_default();
                draft.shelved(id, sources)
            })
            .collect();
        shelved.sort_by_key(|shelved| shelved.id);
        Library { shelved, tests, maps }
    }
}

impl Draft {
    fn shelved(self, id: u32, sources: &SourceMap) -> Shelved {
        let place = |line: &Option<Span>| {
            let Some(at) = line.map(|span| sources.location(span)) else {
                return String::new();
            };
            format!(" file '{}' line {}", at.file, at.line)
        };
        let about = match &self.from {
            From::Words(fetch) => {
                let place = self.uses.first().map(|(_, line)| place(line)).unwrap_or_default();
                format!("acl '{fetch}'{place}")
            }
            From::File { path, .. } => {
                let user = |(user, line): &(Use, Option<Span>)| format!("by {} at{}", user.word(), place(line));
                let users: Vec<String> = self.uses.iter().map(user).collect();
                format!("pattern loaded from file '{path}' used {}", users.join(", "))
            }
        };
        let is_used = |by: &[Use]| self.uses.iter().any(|(user, _)| by.contains(user));
        Shelved {
            id,
            about: about.into(),
            has_tests: is_used(&[Use::Acl, Use::AclWithValues]),
            has_maps: is_used(&[Use::Map, Use::AclWithValues]),
            file: match self.from {
                From::File { path, .. } => Some(path),
                From::Words(_) => None,
            },
            list: self.list,
        }
    }
}

impl From {
    fn is_file(&self, wanted: &str, with_values: bool) -> bool {
        matches!(self, From::File { path, has_values } if **path == *wanted && *has_values == with_values)
    }
}

impl Use {
    fn word(self) -> &'static str {
        match self {
            Use::Acl => "acl",
            Use::AclWithValues | Use::Map => "map",
        }
    }
}

/// Key and value; what stands behind a blank is the value, without blanks around it.
fn row(line: &str) -> (&str, Option<&str>) {
    let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (key, Some(value.trim()))
}

/// The lines of a file of patterns that say something: empty ones and those that begin with `#` do not.
pub(crate) fn lines(content: &[u8]) -> Result<Vec<&str>, String> {
    let text = std::str::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned())?;
    let lines = text.lines().map(str::trim);
    Ok(lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect())
}
