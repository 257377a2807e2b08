//! Rust source with comments and literals blanked out, so that a word found in what is left is code.
//!
//! Not a parser: it knows where comments, strings and characters begin and end, which is all the rules need. Lines keep
//! their numbers.

/// Every comment and literal becomes spaces; line breaks stay.
pub(super) fn code_only(source: &str) -> String {
    let mut blank = Blanker {
        rest: source,
        out: String::with_capacity(source.len()),
    };
    while !blank.rest.is_empty() {
        blank.step();
    }
    blank.out
}

/// Line numbers (from 1) on which `word` stands as a whole word.
pub(super) fn lines_with_word(code: &str, word: &str) -> Vec<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let stands = |line: &str| line.split(|c| !is_part(c)).any(|found| found == word);
    code.lines()
        .enumerate()
        .filter(|(_, line)| stands(line))
        .map(|(n, _)| n + 1)
        .collect()
}

struct Blanker<'a> {
    rest: &'a str,
    out: String,
}

impl Blanker<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let literal = if rest.starts_with("//") {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            Some(block_comment(rest))
        } else if self.at_word_start() && raw_string_hashes(rest).is_some() {
            raw_string_hashes(rest).map(|hashes| raw_string(rest, hashes))
        } else if rest.starts_with('"') {
            Some(string(rest))
        } else {
            character(rest)
        };
        match literal {
            Some(length) => self.blank(length),
            None => self.keep(),
        }
    }

    fn at_word_start(&self) -> bool {
        !self.out.ends_with(|c: char| c.is_alphanumeric() || c == '_')
    }

    fn blank(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.out
            .extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }

    fn keep(&mut self) {
        let mut chars = self.rest.chars();
        self.out.extend(chars.next());
        self.rest = chars.as_str();
    }
}

/// Comments nest.
fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") if depth == 1 => return at + 2,
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    bytes.len()
}

fn string(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// How many `#` a raw string begins with, when `text` begins with one.
fn raw_string_hashes(text: &str) -> Option<usize> {
    let after = ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let inner = after.trim_start_matches('#');
    inner.starts_with('"').then(|| after.len() - inner.len())
}

fn raw_string(text: &str, hashes: usize) -> usize {
    let open = text.find('"').map_or(text.len(), |at| at + 1);
    let close = format!("\"{}", "#".repeat(hashes));
    text[open..]
        .find(&close)
        .map_or(text.len(), |at| open + at + close.len())
}

/// A character literal, not a lifetime: `'a'` is one, `'a` is not.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if let Some(escaped) = inner.strip_prefix('\\') {
        let first = escaped.chars().next()?.len_utf8();
        return escaped[first..].find('\'').map(|at| 2 + first + at + 1);
    }
    let length = inner.chars().next()?.len_utf8();
    inner[length..].starts_with('\'').then_some(1 + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_remains() {
        for (source, code) in [
            ("a // unsafe\nb", "a          \nb"),
            ("/* /* x */ unsafe */c", "                    c"),
            (r#"f("unsafe \" x")"#, "f(             )"),
            (r##"r#"a " unsafe"# b"##, "                b"),
            ("br\"x\" y", "      y"),
            ("for 'a in '\\'' '\"' x", "for 'a in          x"),
            ("'\\u{41}' y", "         y"),
            ("var\"s\"", "var   "),
        ] {
            assert_eq!(code_only(source), code, "{source}");
        }
    }

    #[test]
    fn unfinished_text_ends() {
        for source in ["\"abc", "/* abc", "r#\"abc", "'\\", "'", "\"\\"] {
            code_only(source);
        }
    }

    #[test]
    fn words_are_whole() {
        let code = "unsafe_code\nunsafe { }\nmy_unsafe\npub unsafe fn";
        assert_eq!(lines_with_word(code, "unsafe"), [2, 4]);
    }
}
