//! The lines that start a section, and the places a keyword may stand.

use std::sync::Arc;

use tandem_text::haproxy::{Line, Word};
use tandem_text::{Diagnostic, SourceMap, Spanned, nearest};

use super::unsupported;
use crate::code;
use crate::draft::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Global,
    Defaults,
    Frontend,
    Listen,
    Backend,
    Resolvers,
    Peers,
    Userlist,
    Ring,
}

impl Section {
    pub(super) const fn of(role: Role) -> Self {
        match role {
            Role::Defaults => Self::Defaults,
            Role::Frontend => Self::Frontend,
            Role::Listen => Self::Listen,
            Role::Backend => Self::Backend,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Listen => "listen",
            Self::Backend => "backend",
            Self::Resolvers => "resolvers",
            Self::Peers => "peers",
            Self::Userlist => "userlist",
            Self::Ring => "ring",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sections(u16);

impl Sections {
    const STRICT: u16 = 1 << 15;
    pub(super) const GLOBAL: Self = Self(Section::Global.bit());
    pub(super) const RESOLVERS: Self = Self(Section::Resolvers.bit());
    pub(super) const PEERS: Self = Self(Section::Peers.bit());
    pub(super) const USERLIST: Self = Self(Section::Userlist.bit());
    pub(super) const RING: Self = Self(Section::Ring.bit());
    /// Where clients are accepted.
    pub(super) const FRONT: Self = Self(Section::Frontend.bit() | Section::Listen.bit());
    /// Where servers are used.
    pub(super) const BACK: Self = Self(Section::Backend.bit() | Section::Listen.bit());
    pub(super) const PROXIES: Self = Self(Self::FRONT.0 | Self::BACK.0);

    /// For what carries traffic: elsewhere it is refused, where a mere setting would only be ignored.
    pub(super) const fn strictly(self) -> Self {
        Self(self.0 | Self::STRICT)
    }

    pub(super) const fn is_strict(self) -> bool {
        self.0 & Self::STRICT != 0
    }

    pub(super) const fn and_defaults(self) -> Self {
        Self(self.0 | Section::Defaults.bit())
    }

    pub(super) const fn contains(self, section: Section) -> bool {
        self.0 & section.bit() != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Section> {
        let all = [
            Section::Global,
            Section::Defaults,
            Section::Frontend,
            Section::Listen,
            Section::Backend,
            Section::Resolvers,
            Section::Peers,
            Section::Userlist,
            Section::Ring,
        ];
        all.into_iter().filter(move |section| self.contains(*section))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    Global,
    Defaults,
    Proxy(Role),
    Resolvers,
    Peers,
    Userlist,
    Ring,
    /// It is not read.
    Unsupported {
        name: &'static str,
        why: &'static str,
    },
}

const HEADERS: &[(&str, Header)] = &[
    ("global", Header::Global),
    ("defaults", Header::Defaults),
    ("frontend", Header::Proxy(Role::Frontend)),
    ("listen", Header::Proxy(Role::Listen)),
    ("backend", Header::Proxy(Role::Backend)),
    ("peers", Header::Peers),
    ("resolvers", Header::Resolvers),
    ("userlist", Header::Userlist),
    ("ring", Header::Ring),
];

pub(super) fn header(line: &Line) -> Option<Header> {
    let word = line.words.first()?.text.as_str();
    let read = HEADERS.iter().find(|(name, _)| *name == word);
    let unread = || {
        let (name, why) = unsupported::SECTIONS.iter().find(|(name, _)| *name == word)?;
        Some(Header::Unsupported { name, why })
    };
    read.map(|(_, header)| *header).or_else(unread)
}

/// Whether a line that begins with this word opens a section, also one that is not read.
pub fn opens_section(word: &str) -> bool {
    HEADERS.iter().any(|(name, _)| *name == word) || unsupported::SECTIONS.iter().any(|(name, _)| *name == word)
}

fn nearest_header(word: &str) -> Option<&'static str> {
    let unread = unsupported::SECTIONS.iter().map(|(name, _)| *name);
    nearest(word, HEADERS.iter().map(|(name, _)| *name).chain(unread))
}

/// A mistyped header: not indented, and close to one. What follows belongs to a section that was never opened.
pub(super) fn looks_like_header(line: &Line, sources: &SourceMap) -> bool {
    let column = sources.location(line.span).column;
    column == 1
        && line
            .words
            .first()
            .is_some_and(|word| nearest_header(&word.text).is_some())
}

/// For a first line that starts no section.
pub(super) fn unknown(word: &Word) -> Diagnostic {
    let message = format!("`{}` does not start a section", word.text);
    let help = match nearest_header(&word.text) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "start with one of: global, defaults, frontend, listen, backend, resolvers, peers, userlist, ring"
            .to_owned(),
    };
    Diagnostic::error(code::UNKNOWN, word.span, message).help(help)
}

pub(super) fn no_more_words(line: &Line, count: usize) -> Result<(), Diagnostic> {
    let Some(extra) = line.words.get(count) else {
        return Ok(());
    };
    let message = format!("`{}` is too much here", extra.text);
    Err(Diagnostic::error(code::EXTRA, extra.span, message).help("leave it out"))
}

type Name = Spanned<Arc<str>>;
/// The `from NAME` of a header.
type From<'a> = Option<Spanned<&'a str>>;
type Names<'a, N> = (N, From<'a>);

/// `defaults [NAME] [from NAME]`
pub(super) fn defaults_names(line: &Line) -> Result<Names<'_, Option<Name>>, Diagnostic> {
    let named = line.words.get(1).filter(|word| word.text != "from");
    let name = named.map(name).transpose()?;
    let from = from(line, if named.is_some() { 2 } else { 1 })?;
    Ok((name, from))
}

/// `frontend NAME [from NAME]`
pub(super) fn proxy_names(line: &Line) -> Result<Names<'_, Name>, Diagnostic> {
    let keyword = &line.words[0];
    let Some(word) = line.words.get(1) else {
        let message = format!("`{}` needs a name", keyword.text);
        return Err(
            Diagnostic::error(code::MISSING, keyword.span, message).help(format!("write `{} NAME`", keyword.text))
        );
    };
    Ok((name(word)?, from(line, 2)?))
}

fn from(line: &Line, at: usize) -> Result<From<'_>, Diagnostic> {
    let Some(word) = line.words.get(at).filter(|word| word.text == "from") else {
        no_more_words(line, at)?;
        return Ok(None);
    };
    let Some(origin) = line.words.get(at + 1) else {
        return Err(Diagnostic::error(
            code::MISSING,
            word.span,
            "`from` needs the name of a `defaults` section",
        )
        .help("write `from NAME`"));
    };
    no_more_words(line, at + 2)?;
    Ok(Some(Spanned::new(origin.text.as_str(), origin.span)))
}

/// The letters that HAProxy allows in the names of proxies and servers.
pub(super) fn name(word: &Word) -> Result<Name, Diagnostic> {
    match crate::draft::odd_letter(&word.text) {
        None => Ok(Spanned::new(Arc::from(word.text.as_str()), word.span)),
        Some(odd) => Err(Diagnostic::error(code::BAD_VALUE, word.span, odd).help(crate::draft::NAME_HELP)),
    }
}
