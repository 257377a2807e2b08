//! The way in: named texts and an environment to a Plan, or to all that is wrong with them.

use std::sync::Arc;

use tandem_text::{Diagnostic, FileId, SourceMap};

use crate::draft::Draft;
use crate::expr::World;
use crate::haproxy::Heard;
use crate::plan::Plan;
use crate::shelf::Shelf;
use crate::{haproxy, native, resolve};

/// A file's content under the name that messages give it.
#[derive(Clone, Debug)]
pub struct NamedText {
    pub name: Arc<str>,
    pub bytes: Vec<u8>,
}

impl NamedText {
    pub fn new(name: impl Into<Arc<str>>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Haproxy,
    Toml,
}

impl Dialect {
    /// Told by the first line that says something: TOML starts with a `[table]` or a `key = value`, `haproxy.cfg` with the
    /// name of a section.
    pub fn recognise(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let Some(line) = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
        else {
            return Self::Haproxy;
        };
        let mut words = line.split_whitespace();
        let key = words.next().unwrap_or_default();
        let assigns = key.contains('=') || words.next().is_some_and(|word| word.starts_with('='));
        if line.starts_with('[') || assigns {
            Self::Toml
        } else {
            Self::Haproxy
        }
    }
}

/// What became of the texts. There is a Plan exactly when no diagnostic is an error.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub plan: Option<Plan>,
    /// In the order of the files and their lines.
    pub diagnostics: Vec<Diagnostic>,
    /// What the diagnostics point into.
    pub sources: SourceMap,
}

/// As [`load_in`] a world without files: one that the configuration names cannot be read.
pub fn load(texts: &[NamedText], env: &dyn Fn(&str) -> Option<String>, dialect: Option<Dialect>) -> Loaded {
    let file = |_: &str| Err("no files are read here".to_owned());
    load_in(texts, World::new(env, &file), dialect)
}

/// Reads the texts as one configuration. A dialect that is not given is recognised for each text by its content.
pub fn load_in(texts: &[NamedText], world: World<'_>, dialect: Option<Dialect>) -> Loaded {
    Drafted::read(texts, world, dialect, None).resolved()
}

/// Every line of each text in HAProxy's dialect, read as one configuration: conditions and the environment that the texts
/// themselves set are seen to. Mistakes are [`load_in`]'s.
pub fn heard(texts: &[NamedText], world: World<'_>) -> (Vec<Vec<Heard>>, SourceMap) {
    let mut sources = SourceMap::default();
    let shelf = Shelf::default();
    let world = World {
        lists: Some(&shelf),
        ..world
    };
    let (mut draft, mut report) = (Draft::default(), Vec::new());
    let mut reader = haproxy::Reader::default();
    let mut heard = Vec::new();
    for text in texts {
        reader.heard = Some(Vec::new());
        let file = sources.add(Arc::clone(&text.name), text.bytes.as_slice());
        reader.read(&sources, file, world, &mut draft, &mut report);
        heard.extend(reader.heard.take());
    }
    (heard, sources)
}

/// What was read, before it is known to make sense.
pub(crate) struct Drafted {
    pub(crate) draft: Draft,
    pub(crate) journal: Option<haproxy::Journal>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: SourceMap,
    pub(crate) files: Vec<FileId>,
    /// Those of them that are TOML.
    natives: Vec<FileId>,
    shelf: Shelf,
}

impl Drafted {
    pub(crate) fn read(
        texts: &[NamedText],
        world: World<'_>,
        dialect: Option<Dialect>,
        journal: Option<haproxy::Journal>,
    ) -> Drafted {
        let mut sources = SourceMap::default();
        let files: Vec<FileId> = texts
            .iter()
            .map(|text| sources.add(Arc::clone(&text.name), text.bytes.as_slice()))
            .collect();
        let shelf = Shelf::default();
        let world = World {
            lists: Some(&shelf),
            ..world
        };
        let mut draft = Draft::default();
        let mut haproxy = haproxy::Reader::default();
        haproxy.journal = journal;
        let mut diagnostics = Vec::new();
        let mut natives = Vec::new();
        for file in &files {
            match dialect.unwrap_or_else(|| Dialect::recognise(sources.bytes(*file))) {
                Dialect::Haproxy => haproxy.read(&sources, *file, world, &mut draft, &mut diagnostics),
                Dialect::Toml => {
                    natives.push(*file);
                    native::read(&sources, *file, world, &mut draft, &mut diagnostics);
                }
            }
        }
        resolve::usual_resolvers(&mut draft, world);
        Drafted {
            draft,
            journal: haproxy.journal,
            diagnostics,
            sources,
            files,
            natives,
            shelf,
        }
    }

    pub(crate) fn resolved(self) -> Loaded {
        let Drafted {
            draft,
            mut diagnostics,
            sources,
            natives,
            shelf,
            ..
        } = self;
        let of_reading = diagnostics.len();
        let plan = Plan {
            patterns: shelf.into_library(&sources),
            ..resolve::resolve(draft, &mut diagnostics)
        };
        let of_the_whole = diagnostics.iter_mut().skip(of_reading);
        of_the_whole
            .filter(|diagnostic| natives.contains(&diagnostic.span.file))
            .for_each(native::say);
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        let broken = diagnostics.iter().any(Diagnostic::is_error);
        Loaded {
            plan: (!broken).then_some(plan),
            diagnostics,
            sources,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_heard_as_they_count() {
        let first = "global\n  setenv B 10.0.0.1\n.if 0\n  maxconn 1\n.else\n  maxconn 2\n.endif\n";
        let second = "backend b\n  server s \"${B}:1\"\n";
        let texts = [first, second].map(|text| NamedText::new("h", text.as_bytes()));
        let none = |_: &str| None;
        let (heard, sources) = heard(&texts, World::new(&none, &|_| Err("none".into())));
        let said: Vec<(String, bool)> = heard
            .iter()
            .flatten()
            .map(|line| (format!("{} {}", line.section, line.words.join(" ")), line.is_left_out))
            .collect();
        let out = |text: &str| (format!("global {text}"), true);
        let is = |text: &str| (text.to_owned(), false);
        assert_eq!(
            said,
            [
                is("global global"),
                is("global setenv B 10.0.0.1"),
                out(".if 0"),
                out("maxconn 1"),
                out(".else"),
                is("global maxconn 2"),
                out(".endif"),
                is("backend backend b"),
                is("backend server s 10.0.0.1:1"),
            ]
        );
        assert_eq!(sources.origin(heard[1][1].at).to_string(), "h:2");
    }

    #[test]
    fn the_dialect_is_told_by_content() {
        for (text, dialect) in [
            ("", Dialect::Haproxy),
            ("# only a comment\n", Dialect::Haproxy),
            ("# x\n\nglobal\n  maxconn 3\n", Dialect::Haproxy),
            ("defaults # [x]\n", Dialect::Haproxy),
            ("listen a=b\n", Dialect::Haproxy),
            ("# x\n[global]\nmaxconn = 3\n", Dialect::Toml),
            ("[[frontend]]\n", Dialect::Toml),
            ("global.maxconn = 3\n", Dialect::Toml),
            ("global.maxconn=3\n", Dialect::Toml),
        ] {
            assert_eq!(Dialect::recognise(text.as_bytes()), dialect, "{text:?}");
        }
    }
}
