//! Words to a line that reads as these words again.

use tandem_text::haproxy::Word;

/// What a lexer would not read as it stands.
fn is_odd(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || matches!(letter, '#' | '"' | '\'' | '\\')
}

pub(super) fn joined(words: &[Word]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(&word.text)).collect();
    words.join(" ")
}

/// Nothing is special between single quotes, so they are taken where they can be.
fn quoted(word: &str) -> String {
    if !word.is_empty() && !word.contains(is_odd) {
        return word.to_owned();
    }
    if !word.contains(|letter: char| letter == '\'' || letter.is_control()) {
        return format!("'{word}'");
    }
    let mut text = String::new();
    for letter in word.chars() {
        match letter {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            letter if letter.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter if is_odd(letter) && letter.is_ascii() => text.extend(['\\', letter]),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tandem_text::haproxy::lines;
    use tandem_text::{FileId, SourceMap, Span};

    fn read(text: &str) -> Vec<String> {
        let mut sources = SourceMap::default();
        let file: FileId = sources.add("t", format!("x {text}\n"));
        let mut report = Vec::new();
        let lines = lines(file, sources.bytes(file), &|_| None, &mut report);
        assert_eq!(report, [], "{text}");
        let words = lines.into_iter().flat_map(|line| line.words);
        words.skip(1).map(|word| word.text).collect()
    }

    fn words(texts: &[String]) -> Vec<Word> {
        let mut sources = SourceMap::default();
        let span = Span::new(sources.add("t", ""), 0, 0);
        let words = texts.iter().cloned();
        words.map(|text| Word { text, span }).collect()
    }

    #[test]
    fn quotes_only_where_they_are_needed() {
        for (word, line) in [
            ("src,ipmask(24)", "src,ipmask(24)"),
            ("%[var(txn.x)]", "%[var(txn.x)]"),
            ("$x", "$x"),
            ("", "''"),
            ("a b", "'a b'"),
            ("a\"b", "'a\"b'"),
            ("it's a\nline", "it\\'s\\ a\\nline"),
        ] {
            assert_eq!(quoted(word), line);
        }
    }

    proptest! {
        #[test]
        fn what_is_joined_is_read_again(texts in proptest::collection::vec("[ -~\n\r\té]{0,6}", 0..5)) {
            prop_assert_eq!(read(&joined(&words(&texts))), texts);
        }
    }
}
