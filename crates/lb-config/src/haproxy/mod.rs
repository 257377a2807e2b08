//! `haproxy.cfg` to a draft: sections, and in each the keywords of its table.

mod args;
mod balance;
mod base;
mod bind;
mod blocks;
mod check;
mod counters;
mod environment;
mod filter;
mod forward;
mod global;
mod handed;
mod heard;
mod journal;
mod keyword;
mod log;
mod option;
mod options;
mod peers;
mod places;
mod predicate;
mod proxy;
mod quote;
mod resolvers;
mod ring;
mod rules;
mod section;
mod server;
mod source;
mod state;
mod stats;
mod stick;
mod taken;
mod timeout;
mod tls;
mod unsupported;
mod userlist;

use std::sync::Arc;

use tandem_text::haproxy::{Lexer, Line};
use tandem_text::{Diagnostic, FileId, SourceMap, Spanned};

use crate::code;
use crate::draft::{self, Draft, Proxy, Role, Said, Settings};
use crate::expr::World;
use crate::plan::{Global, Resolvers};
use args::Args;
pub(crate) use base::Beside;
pub(crate) use bind::Options as BindOptions;
use blocks::Blocks;
use environment::Environment;
use handed::Handed;
pub use heard::Heard;
pub(crate) use journal::{Entry, Journal, Place, What};
use keyword::Keyword;
pub use keyword::{KeywordDoc, keyword_docs};
pub(crate) use peers::{Options as PeerOptions, without_effect as bind_without_effect, without_port};
pub use predicate::condition as holds;
pub use section::opens_section;
use section::{Header, Section};
pub(crate) use server::told;
use taken::{Taken, Way};
pub use unsupported::{UnsupportedDoc, unsupported_docs};

/// Reads files one after the other: what `defaults` said in one holds in the next.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    defaults: Settings,
    environment: Environment,
    handed: Handed,
    taken: Taken,
    current: Current,
    /// Where it is asked what became of each line.
    pub(crate) journal: Option<Journal>,
    /// Where every line itself is asked for.
    pub(crate) heard: Option<Vec<Heard>>,
}

#[derive(Debug, Default)]
enum Current {
    #[default]
    Nothing,
    Global,
    Proxy(Box<Proxy>),
    Resolvers(Box<Spanned<Resolvers>>),
    Peers(Box<draft::Peers>),
    Userlist(Box<draft::Userlist>),
    Ring(Box<draft::Ring>),
    /// A section that is not understood: its lines would only repeat the complaint.
    Skipped,
}

impl Reader {
    pub(crate) fn read(
        &mut self,
        sources: &SourceMap,
        file: FileId,
        world: World<'_>,
        draft: &mut Draft,
        report: &mut Vec<Diagnostic>,
    ) {
        let environment = std::mem::take(&mut self.environment);
        let env = |name: &str| environment.look_up(name, world.env);
        let world = World { env: &env, ..world };
        let mut lexer = Lexer::new(file, sources.bytes(file));
        let mut blocks = Blocks::default();
        base::begin(draft, sources, file, report);
        while let Some(line) = lexer.next_line(world.env, report) {
            let base = draft.global.tls.base.clone();
            let world = World {
                base: base.as_deref(),
                ..world
            };
            let (heard, before) = (report.len(), self.outline(draft));
            let what = if !blocks.pass(&line, world, report) {
                What::Decided
            } else if matches!(self.current, Current::Global)
                && let Some(outcome) = environment.line(&mut Args::new(&line, sources, world, report))
            {
                report.extend(outcome.err());
                What::Environment
            } else if let Some(header) = section::header(&line) {
                let opened = self.open(&header, &line, sources, world, draft, report);
                report.extend(opened.err());
                What::Head
            } else {
                let outcome = self.line(&line, sources, world, draft, report);
                report.extend(outcome.err());
                What::Line
            };
            base::judge(draft, base, line.span, report);
            self.note(&line, what, before, draft, &report[heard..]);
            self.hear(&line, what);
        }
        blocks.end(report);
        self.environment = environment;
        self.close(draft);
    }

    fn open(
        &mut self,
        header: &Header,
        line: &Line,
        sources: &SourceMap,
        world: World<'_>,
        draft: &mut Draft,
        report: &mut Vec<Diagnostic>,
    ) -> Result<(), Diagnostic> {
        self.close(draft);
        // Until the header is known to be good.
        self.current = Current::Skipped;
        self.current = match header {
            Header::Global => {
                section::no_more_words(line, 1)?;
                Current::Global
            }
            Header::Defaults => {
                let (name, from) = section::defaults_names(line)?;
                let settings = inherited(draft, from, Settings::default)?;
                self.handed.to_defaults(settings.from, line.span)?;
                report.extend(self.taken.note(settings.from, Way::ByName, line.span, draft));
                let name = name.unwrap_or_else(|| Spanned::new(Arc::from(""), line.words[0].span));
                Current::Proxy(Box::new(Proxy::new(Role::Defaults, name, settings)))
            }
            Header::Proxy(role) => {
                let (name, from) = section::proxy_names(line)?;
                let mut settings = inherited(draft, from, || self.defaults.clone())?;
                settings.written.note_section(sources.origin(line.span));
                let mut proxy = Proxy::new(*role, name, settings);
                let way = if from.is_some() { Way::ByName } else { Way::AsLast };
                report.extend(self.taken.note(proxy.settings.from, way, line.span, draft));
                self.handed.give(&mut proxy, line.span, sources, world, report)?;
                Current::Proxy(Box::new(proxy))
            }
            Header::Resolvers => {
                let (name, _) = section::proxy_names(line)?;
                section::no_more_words(line, 2)?;
                let resolvers = Resolvers::new(name.value);
                Current::Resolvers(Box::new(Spanned::new(resolvers, name.span)))
            }
            Header::Peers => {
                let (name, _) = section::proxy_names(line)?;
                section::no_more_words(line, 2)?;
                Current::Peers(Box::new(draft::Peers::new(name, sources.origin(line.span))))
            }
            Header::Userlist => {
                let (name, _) = section::proxy_names(line)?;
                section::no_more_words(line, 2)?;
                Current::Userlist(Box::new(draft::Userlist::new(name)))
            }
            Header::Ring => {
                let (name, _) = section::proxy_names(line)?;
                section::no_more_words(line, 2)?;
                Current::Ring(Box::new(draft::Ring::new(name)))
            }
            Header::Unsupported { name, why } => {
                let what = format!("the section `{name}`");
                return Err(unsupported::refusal(&what, line.words[0].span).help(*why));
            }
        };
        Ok(())
    }

    fn line(
        &mut self,
        line: &Line,
        sources: &SourceMap,
        world: World<'_>,
        draft: &mut Draft,
        report: &mut Vec<Diagnostic>,
    ) -> Result<(), Diagnostic> {
        let name = match &self.current {
            Current::Proxy(proxy) => Some(proxy.name.value.clone()),
            _ => None,
        };
        let world = World {
            proxy: name.as_deref(),
            ..world
        };
        let mut args = Args::new(line, sources, world, report);
        match &mut self.current {
            Current::Skipped => Ok(()),
            Current::Global => keyword::dispatch(global::TABLES, Section::Global, &mut draft.global, &mut args),
            Current::Proxy(proxy) => {
                let written = &mut proxy.settings.written;
                written.note(&line.words[0].text, || sources.origin(line.span));
                let done = keyword::dispatch(proxy::TABLES, Section::of(proxy.role), proxy.as_mut(), &mut args);
                done.map(|()| {
                    remember(proxy, line);
                    self.handed.note(proxy, line);
                })
            }
            Current::Resolvers(resolvers) => {
                let tables = &[resolvers::KEYWORDS];
                keyword::dispatch(tables, Section::Resolvers, &mut resolvers.value, &mut args)
            }
            Current::Peers(peers) => section_line(peers.as_mut(), line, sources, world, report),
            Current::Userlist(list) => section_line(list.as_mut(), line, sources, world, report),
            Current::Ring(ring) => section_line(ring.as_mut(), line, sources, world, report),
            Current::Nothing => {
                let word = &line.words[0];
                self.current = Current::Skipped;
                Err(section::unknown(word))
            }
        }
        .inspect_err(|_| {
            if section::looks_like_header(line, sources) {
                self.current = Current::Skipped;
            }
        })
    }

    fn close(&mut self, draft: &mut Draft) {
        let proxy = match std::mem::take(&mut self.current) {
            Current::Proxy(mut proxy) => {
                let unix_bind = &draft.global.unix_bind;
                proxy.binds.iter_mut().for_each(|bind| unix_bind.settle(&mut bind.plan));
                proxy
            }
            Current::Resolvers(resolvers) => return draft.resolvers.push(*resolvers),
            Current::Peers(peers) => return draft.peers.push(*peers),
            Current::Userlist(list) => return draft.userlists.push(*list),
            Current::Ring(ring) => return draft.rings.push(*ring),
            Current::Nothing | Current::Global | Current::Skipped => return,
        };
        if proxy.role != Role::Defaults {
            draft.proxies.push(*proxy);
            return;
        }
        self.defaults = proxy.settings;
        self.defaults.from = Some(draft.defaults.len());
        self.handed.close(draft.defaults.len());
        draft.defaults.push(self.defaults.clone());
        if !proxy.name.value.is_empty() {
            let settings = Spanned::new(self.defaults.clone(), proxy.name.span);
            draft.named_defaults.insert(proxy.name.value, settings);
        }
    }
}

fn inherited(
    draft: &Draft,
    from: Option<Spanned<&str>>,
    otherwise: impl FnOnce() -> Settings,
) -> Result<Settings, Diagnostic> {
    let Some(from) = from else { return Ok(otherwise()) };
    let named = draft.named_defaults.get(from.value);
    named.map(|named| named.value.clone()).ok_or_else(|| {
        let message = format!("there is no `defaults {}` before this line", from.value);
        Diagnostic::error(code::UNDEFINED, from.span, message)
            .help("give a `defaults` section this name, before it is used")
    })
}

/// A section whose lines the other dialect holds too.
pub(crate) trait Lines: Sized + 'static {
    const SECTION: Section;
    const KEYWORDS: &'static [Keyword<Self>];

    /// Where lines that were understood are kept as they are, if the other dialect has them so.
    fn kept(&mut self) -> Option<&mut Vec<Said>> {
        None
    }
}

impl Lines for draft::Peers {
    const SECTION: Section = Section::Peers;
    const KEYWORDS: &'static [Keyword<Self>] = peers::KEYWORDS;
}

impl Lines for draft::Userlist {
    const SECTION: Section = Section::Userlist;
    const KEYWORDS: &'static [Keyword<Self>] = userlist::KEYWORDS;

    fn kept(&mut self) -> Option<&mut Vec<Said>> {
        Some(&mut self.lines)
    }
}

impl Lines for draft::Ring {
    const SECTION: Section = Section::Ring;
    const KEYWORDS: &'static [Keyword<Self>] = ring::KEYWORDS;

    fn kept(&mut self) -> Option<&mut Vec<Said>> {
        Some(&mut self.lines)
    }
}

/// One line of such a section, read as it would be here.
pub(crate) fn section_line<S: Lines>(
    section: &mut S,
    line: &Line,
    sources: &SourceMap,
    world: World<'_>,
    report: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostic> {
    let mut args = Args::new(line, sources, world, report);
    keyword::dispatch(&[S::KEYWORDS], S::SECTION, section, &mut args)?;
    if let (Some(kept), Some((keyword, rest))) = (section.kept(), line.words.split_first()) {
        kept.push(Said {
            keyword: keyword.text.clone(),
            text: quote::joined(rest),
        });
    }
    Ok(())
}

/// One line of rules that the other dialect holds, read as it would be here.
pub(crate) fn rule_line(
    proxy: &mut Proxy,
    line: &Line,
    sources: &SourceMap,
    world: World<'_>,
    report: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostic> {
    let name = proxy.name.value.clone();
    let world = World {
        proxy: Some(&name),
        ..world
    };
    rule(proxy, line, Args::new(line, sources, world, report))
}

fn rule(proxy: &mut Proxy, line: &Line, mut args: Args<'_>) -> Result<(), Diagnostic> {
    let tables = &[
        rules::KEYWORDS,
        filter::KEYWORDS,
        stick::KEYWORDS,
        check::KEYWORDS,
        stats::RULES,
    ];
    keyword::dispatch(tables, Section::of(proxy.role), proxy, &mut args)?;
    remember(proxy, line);
    Ok(())
}

/// The same for a line of `global`.
pub(crate) fn global_line(
    global: &mut Global,
    line: &Line,
    sources: &SourceMap,
    world: World<'_>,
    report: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostic> {
    let mut args = Args::new(line, sources, world, report);
    keyword::dispatch(global::TABLES, Section::Global, global, &mut args)
}

/// Keeps a line that has been read and that TOML has as a line, too.
fn remember(proxy: &mut Proxy, line: &Line) {
    let tables = [rules::KEYWORDS, filter::KEYWORDS, stick::KEYWORDS, check::KEYWORDS];
    let Some(keyword) = keyword::named(&tables, &line.words) else {
        return;
    };
    let place = keyword.sections;
    let (first, rest) = (&line.words[0].text, quote::joined(&line.words[1..]));
    if !place.contains(Section::of(proxy.role)) {
        return;
    }
    if check::KEYWORDS.iter().any(|of_checks| of_checks.words == keyword.words) {
        proxy.settings.checking.said.note(first, rest);
    } else if proxy.role != Role::Defaults {
        proxy.rules.lines.push(Said {
            keyword: first.clone(),
            text: rest,
        });
    }
}
