//! Diagnostics as people read them: where, what, the text itself underlined, and what to write instead.

use std::fmt::Write;

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::{Source, SourceMap};
use crate::span::Span;

/// The most characters of a source line that are shown; a longer one is cut around the place that matters.
const WIDTH: usize = 120;

#[derive(Clone, Copy, Debug)]
pub struct Renderer<'a> {
    sources: &'a SourceMap,
    colour: bool,
}

impl<'a> Renderer<'a> {
    pub const fn new(sources: &'a SourceMap) -> Self {
        Self { sources, colour: false }
    }

    #[must_use]
    pub const fn colour(self, colour: bool) -> Self {
        Self { colour, ..self }
    }

    /// `file:line:column: error[CODE]: message`, the line with the text underlined, and the help.
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        let at = self.sources.location(diagnostic.span);
        let kind = format!("{}[{}]", diagnostic.severity.word(), diagnostic.code);
        let kind = self.paint(severity_colour(diagnostic.severity), &kind);
        let mut out = format!("{at}: {kind}: {}\n", diagnostic.message);
        if let Some(source) = self.sources.source(diagnostic.span.file) {
            self.excerpt(&mut out, source, diagnostic.span, at.line);
        }
        if let Some(help) = &diagnostic.help {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{} {help}", self.paint("36", "help:"));
        }
        out
    }

    /// One line in the shape that tools which read HAProxy's output look for.
    pub fn render_line(&self, diagnostic: &Diagnostic, pid: u32) -> String {
        let at = self.sources.location(diagnostic.span);
        let level = match diagnostic.severity {
            Severity::Error => "[ALERT]   ",
            Severity::Warning => "[WARNING] ",
            Severity::Notice => "[NOTICE]  ",
        };
        let help = diagnostic
            .help
            .as_ref()
            .map(|help| format!(" ({help})"))
            .unwrap_or_default();
        format!(
            "{level} ({pid}) : config : parsing [{}:{}] : {}{help}",
            at.file, at.line, diagnostic.message
        )
    }

    fn excerpt(&self, out: &mut String, source: &Source, span: Span, number: usize) {
        let (start, line) = source.line(number);
        if line.is_empty() {
            return;
        }
        let cut = |offset: usize| offset.saturating_sub(start).min(line.len());
        let before = printable(&line[..cut(span.start)]);
        let marked = printable(&line[cut(span.start)..cut(span.end)]);
        let after = printable(&line[cut(span.end.max(span.start))..]);

        let (before, marked, after) = clip(&before, &marked, &after);
        let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let carets = "^".repeat(marked.chars().count().max(1));
        let margin = " ".repeat(number.to_string().len());
        let _ = writeln!(out, "{margin} |\n{number} | {before}{marked}{after}");
        let _ = writeln!(out, "{margin} | {indent}{}", self.paint("31", &carets));
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[1;{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

const fn severity_colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "31",
        Severity::Warning => "33",
        Severity::Notice => "34",
    }
}

/// Text that cannot move the cursor: control characters other than tab are replaced.
fn printable(bytes: &[u8]) -> String {
    let replace = |c: char| if c != '\t' && c.is_control() { '\u{fffd}' } else { c };
    String::from_utf8_lossy(bytes).chars().map(replace).collect()
}

fn clip(before: &str, marked: &str, after: &str) -> (String, String, String) {
    let marked: String = marked.chars().take(WIDTH).collect();
    let room = WIDTH - marked.chars().count();
    let ahead = before.chars().count();
    let before = match ahead.checked_sub(room.max(20)) {
        None | Some(0) => before.to_owned(),
        Some(skip) => format!("…{}", before.chars().skip(skip + 1).collect::<String>()),
    };
    let after = after
        .chars()
        .take(room.saturating_sub(before.chars().count()))
        .collect();
    (before, marked, after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;

    fn sample(text: &str, start: usize, end: usize) -> (SourceMap, Diagnostic) {
        let mut map = SourceMap::default();
        let file = map.add("h.cfg", text);
        let span = Span::new(file, start, end);
        (
            map,
            Diagnostic::error(Code("LB0002"), span, "unknown keyword `maxcon`").help("did you mean `maxconn`?"),
        )
    }

    #[test]
    fn shows_the_place() {
        let (map, diagnostic) = sample("global\n\tmaxcon 3\n", 8, 14);
        let expected = "h.cfg:2:2: error[LB0002]: unknown keyword `maxcon`\n  |\n2 | \tmaxcon 3\n  | \t^^^^^^\n\
                        help: did you mean `maxconn`?\n";
        assert_eq!(Renderer::new(&map).render(&diagnostic), expected);
    }

    #[test]
    fn shows_one_line_like_haproxy() {
        let (map, diagnostic) = sample("global\n\tmaxcon 3\n", 8, 14);
        let line = "[ALERT]    (7) : config : parsing [h.cfg:2] : unknown keyword `maxcon` (did you mean `maxconn`?)";
        assert_eq!(Renderer::new(&map).render_line(&diagnostic, 7), line);
    }

    #[test]
    fn colour_only_adds_escapes() {
        let (map, diagnostic) = sample("maxcon 3\n", 0, 6);
        let coloured = Renderer::new(&map).colour(true).render(&diagnostic);
        let plain = coloured
            .replace("\x1b[1;31m", "")
            .replace("\x1b[1;36m", "")
            .replace("\x1b[0m", "");
        assert_eq!(plain, Renderer::new(&map).render(&diagnostic));
    }

    #[test]
    fn control_characters_and_long_lines_are_tamed() {
        let text = format!("{}\x1b[2J{}", "a".repeat(5000), "b".repeat(5000));
        let (map, diagnostic) = sample(&text, 5000, 5004);
        let shown = Renderer::new(&map).render(&diagnostic);
        assert!(!shown.contains('\x1b'));
        assert!(shown.lines().all(|line| line.chars().count() < 140), "{shown}");
        assert!(shown.contains("^^^^"));
    }
}
