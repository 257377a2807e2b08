//! Keyword tables: what a section knows, as data that also the documentation is made of.

use tandem_text::haproxy::Word;
use tandem_text::{Diagnostic, nearest};

use super::args::{Args, Outcome};
use super::section::{Section, Sections};
use super::unsupported::{self, Effect, Known};
use super::{base, bind, global, peers, proxy, resolvers, ring, server, state, tls, userlist};
use crate::{code, expr};

/// One keyword of a line-based section. `words` may be several: `timeout client`.
pub(crate) struct Keyword<C: 'static> {
    pub(super) words: &'static str,
    pub(super) sections: Sections,
    pub(super) summary: &'static str,
    pub(super) parse: fn(&mut C, &mut Args<'_>) -> Outcome,
}

/// A keyword as the documentation lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeywordDoc {
    pub words: &'static str,
    /// Section names, `bind` and `server` for words of those lines, `fetch` for what expressions begin with, or
    /// `converter` for what they go on with.
    pub places: Vec<&'static str>,
    pub summary: &'static str,
}

/// Every supported keyword of `haproxy.cfg`.
pub fn keyword_docs() -> Vec<KeywordDoc> {
    fn lines<C>(table: &'static [Keyword<C>]) -> impl Iterator<Item = KeywordDoc> {
        table.iter().map(|keyword| KeywordDoc {
            words: keyword.words,
            places: keyword.sections.iter().map(Section::word).collect(),
            summary: keyword.summary,
        })
    }
    let proxies = proxy::TABLES.iter().flat_map(|table| lines(table));
    let binds = bind::TABLES.iter().copied().flatten().map(|o| KeywordDoc {
        words: o.word,
        places: vec!["bind"],
        summary: o.summary,
    });
    let servers = server::TABLES.iter().copied().flatten().map(|o| KeywordDoc {
        words: o.word,
        places: vec!["server"],
        summary: o.summary,
    });
    let fetches = expr::known().map(|fetch| KeywordDoc {
        words: fetch.name,
        places: vec!["fetch"],
        summary: fetch.summary,
    });
    let counters = expr::counter_fetches().map(|words| KeywordDoc {
        words,
        places: vec!["fetch"],
        summary: "as in HAProxy",
    });
    let maps = [
        "map", "map_beg", "map_dir", "map_dom", "map_end", "map_int", "map_ip", "map_reg", "map_regm", "map_str",
        "map_sub",
    ];
    let converters = expr::converters()
        .chain(expr::table_converters())
        .chain(maps)
        .map(|words| KeywordDoc {
            words,
            places: vec!["converter"],
            summary: "as in HAProxy",
        });
    lines(global::KEYWORDS)
        .chain(lines(global::LIMITS))
        .chain(lines(base::OF_GLOBAL))
        .chain(lines(state::OF_GLOBAL))
        .chain(lines(tls::OF_GLOBAL))
        .chain(lines(resolvers::KEYWORDS))
        .chain(lines(peers::KEYWORDS))
        .chain(lines(userlist::KEYWORDS))
        .chain(lines(ring::KEYWORDS))
        .chain(proxies)
        .chain(binds)
        .chain(servers)
        .chain(fetches)
        .chain(counters)
        .chain(converters)
        .collect()
}

/// Reads one line with the keyword that its first words name.
pub(super) fn dispatch<C>(
    tables: &[&'static [Keyword<C>]],
    section: Section,
    target: &mut C,
    args: &mut Args<'_>,
) -> Outcome {
    args.take_no();
    let words = args.rest();
    // A variable that is not set can leave a line empty; HAProxy passes over it.
    if words.first().is_none_or(|word| word.text.is_empty()) {
        return Ok(());
    }
    let all = || tables.iter().flat_map(|table| table.iter());
    if let Some(keyword) = named(tables, words) {
        if !keyword.sections.contains(section) {
            return misplaced(keyword.words, keyword.sections, section, words, args);
        }
        args.skip(count(keyword.words));
        let read = (keyword.parse)(target, args);
        return read
            .and_then(|()| args.finish(keyword.words))
            .map_err(|diagnostic| explained(diagnostic, keyword.words, keyword.summary));
    }
    if let Some(known) = unsupported::find(section, words) {
        // What cannot be on need not be switched off.
        return if args.negated() {
            Ok(())
        } else {
            refuse(known, words, args)
        };
    }
    let here = all()
        .filter(|keyword| keyword.sections.contains(section))
        .map(|keyword| keyword.words);
    Err(unknown(here.chain(unsupported::names(section)), words, section.word()))
}

/// The keyword of these tables that a line begins with.
pub(super) fn named<C>(tables: &[&'static [Keyword<C>]], line: &[Word]) -> Option<&'static Keyword<C>> {
    longest(tables.iter().flat_map(|table| table.iter()), line, |keyword| {
        keyword.words
    })
}

fn count(words: &str) -> usize {
    words.split(' ').count()
}

/// Of the entries whose words the line starts with, the one with the most words.
fn longest<'t, T: 't>(
    entries: impl Iterator<Item = &'t T>,
    line: &[Word],
    words: impl Fn(&T) -> &'static str,
) -> Option<&'t T> {
    let starts = |entry: &&T| {
        let wanted = words(entry);
        // What is in parentheses belongs to the line, not to the keyword.
        let is_it =
            |wanted: &str, word: &Word| wanted == word.text || wanted.ends_with('(') && word.text.starts_with(wanted);
        count(wanted) <= line.len() && wanted.split(' ').zip(line).all(|(wanted, word)| is_it(wanted, word))
    };
    entries.filter(starts).max_by_key(|entry| count(words(entry)))
}

/// Like HAProxy, ignores a setting of the other side with a warning and refuses servers.
fn misplaced(keyword: &str, sections: Sections, section: Section, line: &[Word], args: &mut Args<'_>) -> Outcome {
    let places: Vec<&str> = sections.iter().map(Section::word).collect();
    let help = format!("it belongs to: {}", places.join(", "));
    let span = line[0].span.to(line[count(keyword) - 1].span);
    let in_vain = matches!(section, Section::Frontend | Section::Backend) && !sections.is_strict();
    if in_vain {
        let message = format!("`{keyword}` has no effect in a {} and is ignored", section.word());
        args.report(Diagnostic::warning(code::MISPLACED, span, message).help(help));
        return Ok(());
    }
    let message = format!("`{keyword}` cannot stand in `{}`", section.word());
    Err(Diagnostic::error(code::MISPLACED, span, message).help(help))
}

fn refuse(known: &Known, line: &[Word], args: &mut Args<'_>) -> Outcome {
    let written = &line[..count(known.words).min(line.len())];
    let words: Vec<&str> = written.iter().map(|word| word.text.as_str()).collect();
    let words = words.join(" ");
    let span = written.iter().fold(line[0].span, |span, word| span.to(word.span));
    match known.effect {
        Effect::Changes => {
            let what = format!("`{words}`");
            Err(unsupported::refusal(&what, span).help(known.why))
        }
        Effect::None => {
            args.report(Diagnostic::warning(code::IGNORED, span, format!("`{words}` is ignored")).help(known.why));
            Ok(())
        }
    }
}

/// If the first word starts keywords of several words, it is the second that is wrong.
fn unknown(keywords: impl Iterator<Item = &'static str>, line: &[Word], place: &str) -> Diagnostic {
    let keywords: Vec<&'static str> = keywords.collect();
    let first = &line[0];
    let behind = |words: &&'static str| words.strip_prefix(first.text.as_str())?.strip_prefix(' ');
    let seconds: Vec<&str> = keywords.iter().filter_map(behind).collect();
    if seconds.is_empty() {
        let message = format!("unknown keyword `{}` in `{place}`", first.text);
        let firsts = keywords.iter().filter_map(|words| words.split(' ').next());
        return suggest(
            Diagnostic::error(code::UNKNOWN, first.span, message),
            &first.text,
            firsts,
        );
    }
    let Some(second) = line.get(1) else {
        let message = format!("`{}` alone says nothing", first.text);
        return Diagnostic::error(code::MISSING, first.span, message)
            .help(format!("it goes on with: {}", list(&seconds)));
    };
    let message = format!("unknown keyword `{} {}` in `{place}`", first.text, second.text);
    let mut diagnostic = Diagnostic::error(code::UNKNOWN, second.span, message);
    diagnostic.help = match nearest(&second.text, seconds.iter().copied()) {
        Some(near) => Some(format!("did you mean `{} {near}`?", first.text)),
        None => Some(format!("`{}` goes on with: {}", first.text, list(&seconds))),
    };
    diagnostic
}

fn list(words: &[&str]) -> String {
    let mut words = words.to_vec();
    words.sort_unstable();
    words.dedup();
    words.join(", ")
}

/// What a keyword is for helps where nothing better is known.
pub(super) fn explained(diagnostic: Diagnostic, word: &str, summary: &str) -> Diagnostic {
    match diagnostic.help {
        None if !summary.is_empty() => diagnostic.help(format!("`{word}`: {summary}")),
        _ => diagnostic,
    }
}

/// Adds the nearest known word, or where all of them are.
pub(super) fn suggest<'a>(diagnostic: Diagnostic, word: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    match nearest(word, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("docs/haproxy-compatibility.md lists what is understood"),
    }
}
