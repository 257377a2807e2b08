//! One command's text as words.

/// More words than any command has; the rest is dropped, as HAProxy does.
const MOST_WORDS: usize = 64;

/// Splits at blanks. A backslash keeps the character after it from splitting, and goes away; `\\` is a backslash.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while found.len() < MOST_WORDS {
        while chars.next_if(|c| is_blank(*c)).is_some() {}
        if chars.peek().is_none() {
            break;
        }
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !is_blank(*c)) {
            if c == '\\' {
                word.extend(chars.next());
            } else {
                word.push(c);
            }
        }
        found.push(word);
    }
    found
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_split_and_backslashes_hold_together() {
        let table: [(&str, &[&str]); 8] = [
            ("", &[]),
            ("  \t ", &[]),
            ("show info", &["show", "info"]),
            ("  show \t info  ", &["show", "info"]),
            (r"echo a\ b", &["echo", "a b"]),
            (r"echo a\;b", &["echo", "a;b"]),
            (r"echo a\\ b", &["echo", r"a\", "b"]),
            (r"echo \", &["echo", ""]),
        ];
        for (text, expected) in table {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn so_many_and_no_more() {
        assert_eq!(words(&"x ".repeat(1000)).len(), MOST_WORDS);
    }
}
