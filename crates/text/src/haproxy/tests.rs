//! The lexer against what HAProxy 2.6 was seen to do, and against arbitrary bytes.

use proptest::prelude::*;

use super::*;
use crate::render::Renderer;
use crate::source::SourceMap;

fn env(name: &str) -> Option<String> {
    match name {
        "X" => Some("xv".into()),
        "EMPTY" => Some(String::new()),
        "L" => Some(" l1 l2  l3".into()),
        _ => None,
    }
}

fn lex(text: impl Into<Vec<u8>>) -> (Vec<Vec<String>>, Vec<String>) {
    let mut map = SourceMap::default();
    let file = map.add("t", text);
    let mut report = Vec::new();
    let lines = lines(file, map.bytes(file), &env, &mut report);
    let words = lines
        .into_iter()
        .map(|line| line.words.into_iter().map(|word| word.text).collect())
        .collect();
    let renderer = Renderer::new(&map);
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    (
        words,
        report
            .iter()
            .map(|diagnostic| first_line(renderer.render(diagnostic)))
            .collect(),
    )
}

#[test]
fn words_are_what_haproxy_reads() {
    for (written, read) in [
        (r"a\ b", &["a b"][..]),
        (r"a\#b", &["a#b"]),
        (r"a#b", &["a"]),
        (r"a\\b", &[r"a\b"]),
        (r"a\'b", &["a'b"]),
        (r#"a\"b"#, &[r#"a"b"#]),
        (r"a\$b", &[r"a\$b"]),
        (r"a\zb", &[r"a\zb"]),
        (r"a\x41b", &["aAb"]),
        (r"a\n\tb", &["a\n\tb"]),
        (r"abc\", &[r"abc\"]),
        (r#""a\zb""#, &[r"a\zb"]),
        (r#""a\x41 # ' b""#, &["aA # ' b"]),
        (r##""a\ b\#\'\"\$\\""##, &[r##"a b#'"$\"##]),
        (r#"'a\x41\ \\ "$X'"#, &[r#"a\x41\ \\ "$X"#]),
        ("a$X", &["a$X"]),
        (r#"a"$X"b"#, &["axvb"]),
        (r#""${X}-${X-def}-${NOPE-def}-${NOPE}-$NOPE.""#, &["xv-xv-def--."]),
        (r#""${NOPE-a b}" c"#, &["a b", "c"]),
        (r#""${EMPTY-dflt}" c"#, &["", "c"]),
        (r#""w${L[*]}z" q"#, &["wl1", "l2", "l3z", "q"]),
        (r#"a"b c"'d e'f\ g"#, &["ab cd ef g"]),
        ("a\tb  c \t # d", &["a", "b", "c"]),
        ("''", &[""]),
    ] {
        let (words, errors) = lex(format!("{written}\n"));
        assert_eq!(errors, [""; 0], "{written}");
        assert_eq!(words, [read], "{written}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_at_its_place() {
    for (written, error) in [
        (
            &b"ab a\\x4"[..],
            "t:1:5: error[TX0001]: `\\x` must be followed by two hexadecimal digits",
        ),
        (b"a\\x00", "t:1:2: error[TX0001]: `\\x00` cannot be part of a word"),
        (
            b"\"${\"",
            "t:1:2: error[TX0001]: `$` starts a variable inside double quotes, but no name follows",
        ),
        (
            b"\"$1\"",
            "t:1:2: error[TX0001]: `$` starts a variable inside double quotes, but no name follows",
        ),
        (b"\"${X\"", "t:1:2: error[TX0001]: this variable is not closed by `}`"),
        (
            b"\"${A B}\"",
            "t:1:2: error[TX0001]: this variable is not closed by `}`",
        ),
        (b"a \"bc", "t:1:3: error[TX0001]: this quote is not closed in its line"),
        (b"a 'bc", "t:1:3: error[TX0001]: this quote is not closed in its line"),
        (b"a b\0c", "t:1:4: error[TX0001]: a NUL byte: this is not a text file"),
        (
            b"a b\rc",
            "t:1:4: error[TX0001]: a carriage return in the middle of a line",
        ),
        (b"a '\0'", "t:1:4: error[TX0001]: a control character inside quotes"),
        (
            b"a b\xff",
            "t:1:3: error[TX0001]: this word is not UTF-8 (after 1 good bytes)",
        ),
    ] {
        let mut text = written.to_vec();
        text.extend(b"\nnext line\n");
        let (words, errors) = lex(text);
        assert_eq!(errors, [error]);
        assert_eq!(words, [["next", "line"]], "the rest is still read");
    }
}

#[test]
fn too_much_is_refused() {
    let (words, errors) = lex(format!("{}\nb\n", "a ".repeat(MAX_WORDS)));
    assert_eq!((words.len(), errors.len()), (2, 0));
    let (words, errors) = lex(format!("{}c\nb\n", "a ".repeat(MAX_WORDS)));
    assert_eq!(words, [["b"]]);
    assert_eq!(
        errors,
        ["t:1:129: error[TX0002]: too many words in this line, the limit is 64"]
    );
    let (words, errors) = lex(format!("{}\nb\n", "a".repeat(MAX_LINE + 1)));
    assert_eq!(words, [["b"]]);
    assert_eq!(
        errors,
        ["t:1:1: error[TX0002]: this line has 65537 bytes, the limit is 65536"]
    );
}

#[test]
fn line_ends_of_windows_and_latin_comments_do_no_harm() {
    let (words, errors) = lex(b"a b \r\nc # \xe4\r\n\r\nd\r\n".to_vec());
    assert_eq!(errors, [""; 0]);
    assert_eq!(words, [vec!["a", "b"], vec!["c"], vec!["d"]]);
}

#[test]
fn a_file_without_final_line_end_is_suspicious() {
    let (words, errors) = lex("a\nb");
    assert_eq!(words, [["a"], ["b"]]);
    assert_eq!(
        errors,
        ["t:2:2: warning[TX0003]: the last line has no line end: the file may have been cut short"]
    );
}

#[test]
fn a_part_of_a_plain_word_has_its_own_place() {
    let mut map = SourceMap::default();
    let file = map.add("t", "ab:12 \"c:1\"\n");
    let lines = lines(file, map.bytes(file), &env, &mut Vec::new());
    assert_eq!(lines[0].words[0].part(3, 5), Span::new(file, 3, 5));
    assert_eq!(
        lines[0].words[1].part(2, 3),
        lines[0].words[1].span,
        "a quoted word is shown as a whole"
    );
}

fn interesting() -> impl Strategy<Value = Vec<u8>> {
    let bytes: &[u8] = b"ab \t\n\r\\\"'#${}[*]-x41X\0\xff\xc3\xa4";
    proptest::collection::vec(
        prop_oneof![4 => proptest::sample::select(bytes), 1 => any::<u8>()],
        0..200,
    )
}

proptest! {
    #[test]
    fn tokens_cover_every_byte_once(bytes in interesting()) {
        let mut at = 0;
        for token in scan(&bytes) {
            prop_assert_eq!(token.start, at);
            prop_assert!(token.end > at);
            at = token.end;
        }
        prop_assert_eq!(at, bytes.len());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in interesting()) {
        let mut map = SourceMap::default();
        let file = map.add("t", bytes);
        let mut report = Vec::new();
        let lines = lines(file, map.bytes(file), &env, &mut report);
        for word in lines.iter().flat_map(|line| &line.words) {
            prop_assert!(word.span.start < word.span.end && word.span.end <= map.bytes(file).len());
        }
        for diagnostic in &report {
            prop_assert!(!Renderer::new(&map).render(diagnostic).is_empty());
        }
    }

    #[test]
    fn plain_words_come_through_unchanged(words in proptest::collection::vec("[a-z0-9:./*@-]{1,9}", 1..20)) {
        let (read, errors) = lex(format!("{}\n", words.join(" ")));
        prop_assert!(errors.is_empty());
        prop_assert_eq!(&read[0], &words);
    }
}
