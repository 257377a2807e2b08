//! The lexer against what Keepalived 2.2.7 was seen to do, and against arbitrary bytes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::render::Renderer;
use crate::source::SourceMap;

#[derive(Default)]
struct Disk(BTreeMap<&'static str, &'static str>);

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let found = self.0.get(path).ok_or_else(|| "no such file".to_owned())?;
        Ok(found.as_bytes().to_vec())
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let inside = |path: &&str| {
            let rest = path.strip_prefix(directory)?.strip_prefix('/')?;
            Some(rest.split('/').next()?.to_owned())
        };
        self.0.keys().filter_map(inside).collect()
    }
}

fn context(disk: &Disk) -> Context<'_> {
    Context {
        files: disk,
        env: &|name| (name == "X").then(|| "from env".to_owned()),
        config_id: "lb1",
        seed: 7,
    }
}

/// Statements in one line each: words between spaces, blocks in braces.
fn show(statements: &[Statement]) -> String {
    let one = |statement: &Statement| {
        let words: Vec<String> = statement.words.iter().map(|word| word.text.replace(' ', "_")).collect();
        let words = words.join(" ");
        match &statement.block {
            Some(block) => format!("{words} {{ {} }}", show(&block.statements)),
            None => words,
        }
    };
    statements.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn lex_on(disk: &Disk, text: impl Into<Vec<u8>>) -> (Vec<Statement>, Vec<String>, SourceMap) {
    let mut sources = SourceMap::default();
    let file = sources.add("/etc/k/t", text);
    let mut report = Vec::new();
    let statements = read(&mut sources, file, &context(disk), &mut report);
    let renderer = Renderer::new(&sources);
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let report = report
        .iter()
        .map(|diagnostic| first_line(renderer.render(diagnostic)))
        .collect();
    (statements, report, sources)
}

fn lex(text: impl Into<Vec<u8>>) -> (String, Vec<String>) {
    let (statements, report, _) = lex_on(&Disk::default(), text);
    (show(&statements), report)
}

fn reads(text: &str, want: &str) {
    assert_eq!(lex(text), (want.to_owned(), Vec::new()), "{text}");
}

#[test]
fn words_are_what_keepalived_reads() {
    for (written, read) in [
        ("a!b", "a"),
        ("a#b c", "a"),
        ("\"a!b # c\" d", "a!b_#_c d"),
        ("a\\!b", "a\\"),
        ("a \"b 'c\" d", "a b_'c d"),
        ("it's x'y z'w", "it's x'y z'w"),
        ("a\\ b", "a\\ b"),
        ("\"a\\x41\\t\"", "a\\x41\\t"),
        ("x\"q r\"y \"\" z", "xq_ry  z"),
        ("  a\tb\r", "a b"),
        ("a $UNDEFINED ${UNDEFINED}", "a $UNDEFINED ${UNDEFINED}"),
    ] {
        reads(written, read);
    }
}

#[test]
fn blocks_may_be_written_in_any_shape() {
    for (written, read) in [
        ("a {\n b c\n}\n", "a { b c }"),
        ("a { b c }", "a { b c }"),
        ("a{b c}", "a { b c }"),
        ("a\n{\nb\n}\n", "a { b }"),
        ("a { b\n c } d", "a { b; c }; d"),
        ("a { b { c } } d", "a { b { c } }; d"),
        ("a { }", "a {  }"),
        ("a \"{ }\" ${x}", "a {_} ${x}"),
    ] {
        reads(written, read);
    }
}

#[test]
fn what_cannot_be_read_is_reported_at_its_place() {
    for (written, error) in [
        (
            "a \"b\nnext line\n",
            "/etc/k/t:1:3: warning[TX0101]: this quote is not closed in its line: the line is ignored",
        ),
        (
            "next line\n}",
            "/etc/k/t:2:1: warning[TX0101]: this brace closes nothing and is ignored",
        ),
        (
            "next line\na {\n",
            "/etc/k/t:2:3: warning[TX0101]: the block of `a` is not closed",
        ),
        (
            "{\n}\nnext line",
            "/etc/k/t:1:1: error[TX0101]: no keyword stands before this brace",
        ),
        (
            "~SEQ(A,0,0,3) x\nnext line",
            "/etc/k/t:1:1: warning[TX0101]: this repetition cannot be read: the line is ignored",
        ),
        (
            "~SEQ(A,1 x\nnext line",
            "/etc/k/t:1:1: warning[TX0101]: this repetition is not closed by `)`: the line is ignored",
        ),
        (
            "include\nnext line",
            "/etc/k/t:1:1: warning[TX0101]: `include` needs the name of a file",
        ),
    ] {
        let (statements, errors) = lex(written);
        assert_eq!(errors, [error], "{written}");
        assert!(statements.contains("next line"), "{statements}: the rest is still read");
    }
}

#[test]
fn commands_know_escapes_and_both_quotes() {
    for (written, words) in [
        (r#"s "a b" c"#, &["s", "a b", "c"][..]),
        (r#"s 'a "b' c"#, &["s", "a \"b", "c"]),
        (r#"s "a \"b\" \x41\101\t" c"#, &["s", "a \"b\" AA\t", "c"]),
        (r"s a\ b \cA", &["s", "a b", "\x01"]),
        (r#"s "x 'y z'" "#, &["s", "x 'y z'"]),
        (r"s 'a # b' # c", &["s", "a # b"]),
        (r"s a\", &["s", "a\\"]),
        (r"s \xzz\0", &["s", "xzz\0"]),
    ] {
        let (statements, errors, sources) = lex_on(&Disk::default(), written);
        assert_eq!(errors, [""; 0], "{written}");
        let read = statements[0].command_words(&sources).expect("readable");
        let read: Vec<&str> = read.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(read, words, "{written}");
    }
}

#[test]
fn parameters_are_replaced_when_used() {
    reads("$A=1\n$B=x$A \nv $A ${A}z $Az \"${A}\"", "v 1 1z $Az 1");
    reads(
        "$BASE=10.2.${SUB}\n$SUB=0\n${BASE}.1\n$SUB=10\n${BASE}.1",
        "10.2.0.1; 10.2.10.1",
    );
    reads("$A=\nv ${A}z", "v z");
    reads("$E=a b\nv $E", "v a b");
    reads(
        "v ${_HASH}x${_BANG} ${_INSTANCE} ${_PWD}/s ${_ENV X} ${_ENV NONE}",
        "v #x! lb1 /etc/k/s from env",
    );
    reads("v ${_RANDOM 5 5}", "v 5");
    let (random, _) = lex("${_RANDOM} ${_RANDOM 1 3}");
    assert_eq!(
        lex("${_RANDOM} ${_RANDOM 1 3}").0,
        random,
        "the same seed gives the same"
    );
}

#[test]
fn parameters_may_have_several_lines() {
    let text = "$VI= \\\n vrrp_instance VI_${N} { \\\n @lb1 priority 1${N} \\\n @lb2 priority 9 \\\n } # end\n\
                $N=0\n$VI\n$N=1\n$VI\n";
    reads(
        text,
        "vrrp_instance VI_0 { priority 10 }; vrrp_instance VI_1 { priority 11 }",
    );
    reads(
        "$RS= \\\n a ${N} \\\n b\n$ALL= \\\n $N=1 \\\n $RS \\\n $N=2 \\\n $RS\n$ALL",
        "a 1; b; a 2; b",
    );
    reads("@lb2 $X= \\\n a \\\n b\nc", "c");
    reads(
        "~SEQ(N,1,2) $B\n$B= \\\n a ${N} \\\n b\n~SEQ(M,1,2) $B",
        "$B; $B; a 2; b; a 2; b",
    );
}

#[test]
fn conditions_choose_lines() {
    reads(
        "@lb1 a\n@lb2 b\n@^lb1 c\n@^lb2 d\n@ e\n@lb1 $X=1\n@lb2 $X=2\nx $X",
        "a; d; x 1",
    );
    reads("$IF=@lb1\n$IF a\n$NOT=@lb2\n$NOT b", "a");
    reads("@lb1 @lb2 a\n@lb1 @^lb2 b", "b");
}

#[test]
fn lines_are_repeated() {
    reads("~SEQ(A, 3) s ${A}", "s 1; s 2; s 3");
    reads("~SEQ(A, -2) s $A", "s -1; s -2");
    reads("~SEQ(A, 3, 1) s $A", "s 3; s 2; s 1");
    reads("~SEQ(A,1,2,6) s $A", "s 1; s 3; s 5");
    reads("~SEQx(A,0x90,0x10,0xb0) s $Ax ${A}", "s $Ax 90; s $Ax a0; s $Ax b0");
    reads("~SEQ(A,1,2) ~SEQ(B,5,6) w ${A}${B}", "w 15; w 16; w 25; w 26");
    reads("$N=2\n~SEQ(A,1,$N) s $A\n~SEQ(A,1,${N}) s $A", "s 1; s 2; s 1; s 2");
    reads("~LST(A,f,g) l ${A}", "l f; l g");
    reads("~LST({A,B},{1,2},{3,4}) m ${A}${B}", "m 12; m 34");
    reads("a {\n ~SEQ(C,1,2) 10.0.0.${C}\n}", "a { 10.0.0.1; 10.0.0.2 }");
}

#[test]
fn files_are_included_where_they_are_named() {
    let disk = Disk(BTreeMap::from([
        ("/etc/k/c.d/b.conf", "b ${_PWD}\n"),
        ("/etc/k/c.d/a.conf", "a $X\ninclude more/x\n"),
        ("/etc/k/c.d/more/x", "x\n"),
        ("/etc/k/c.d/.hidden.conf", "hidden\n"),
        ("/etc/k/c.d/open", "o {"),
    ]));
    let (statements, errors, _) = lex_on(
        &disk,
        "$X=1\ninclude c.d/*.conf\nz ${_PWD}\nv {\ninclude c.d/open\n } y }",
    );
    assert_eq!(errors, [""; 0]);
    assert_eq!(show(&statements), "a 1; x; b /etc/k/c.d; z /etc/k; v { o {  }; y }");

    for (text, error) in [
        (
            "include nope",
            "notice[TX0103]: `/etc/k/nope` cannot be read: no such file",
        ),
        ("include *.nope", "notice[TX0103]: no file fits `*.nope`"),
        ("includer *.nope", "notice[TX0103]: no file fits `*.nope`"),
        (
            "includer nope",
            "warning[TX0103]: `/etc/k/nope` cannot be read: no such file",
        ),
        ("includew *.nope", "warning[TX0103]: no file fits `*.nope`"),
        ("includea *.nope", "warning[TX0103]: no file fits `*.nope`"),
        (
            "includeb c.d/{a,*.nope}",
            "warning[TX0103]: `/etc/k/c.d/a` cannot be read: no such file",
        ),
        (
            "include_check\ninclude nope",
            "warning[TX0103]: `/etc/k/nope` cannot be read: no such file",
        ),
        (
            "include_check +match -match -readable\ninclude nope",
            "notice[TX0103]: `/etc/k/nope` cannot be read: no such file",
        ),
    ] {
        let (_, errors, _) = lex_on(&disk, text);
        assert!(errors[0].ends_with(error), "{text}: {errors:?}");
    }
}

#[test]
fn what_grows_without_end_is_refused() {
    let double: String = (0..60)
        .map(|n| format!("$A{n}=${{A{m}}}${{A{m}}}\n", m = n + 1))
        .collect();
    let lines: String = (0..60)
        .map(|n| format!("$A{n}= \\\n $A{m} \\\n $A{m}\n", m = n + 1))
        .collect();
    let disk = Disk(BTreeMap::from([
        ("/etc/k/self", "include self\ninclude self\n"),
        ("/etc/k/twice", "a\ninclude twice\n"),
    ]));
    for text in [
        "$A=${A}x\nv ${A}\n",
        "$A=$A \nv $A\n",
        "$A=@lb1 $A \n$A\n",
        "~SEQ(A,1,1000000000) v\n",
        "~SEQ(A,1,60000) ~SEQ(B,1,60000) ~SEQ(C,1,60000) v ${A}${B}${C}\n",
        "include self\n",
        "include twice\n",
        &"include\n".repeat(2 * MAX_COMPLAINTS),
        &"include nothing\n".repeat(2 * MAX_COMPLAINTS),
        &format!("{double}v ${{A0}}\n"),
        &format!("{lines}$A0\n"),
    ] {
        let (_, errors, _) = lex_on(&disk, text);
        assert!(
            errors.iter().any(|error| error.contains("error[TX0102]")),
            "{text}: {errors:?}"
        );
    }
    let (statements, errors) = lex(format!("{}x{}", "a {".repeat(50), "}".repeat(50)));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(statements.matches('{').count(), MAX_NESTING);
}

#[test]
fn a_word_stands_where_it_was_written() {
    let (statements, _, sources) = lex_on(
        &Disk::default(),
        "$P=3x\nv $P a${P}b ${_HASH} \"q r\" 10.0.0.1/24\n~SEQ(A,1,2) w ${A}",
    );
    let at = |word: &Word| {
        let bytes = &sources.bytes(word.span.file)[word.span.start..word.span.end];
        String::from_utf8_lossy(bytes).into_owned()
    };
    let places: Vec<String> = statements[0].words.iter().map(at).collect();
    assert_eq!(places, ["v", "3x", "a${P}b", "${_HASH}", "\"q r\"", "10.0.0.1/24"]);
    let mask = statements[0].words[5].part(9, 11);
    assert_eq!(&sources.bytes(mask.file)[mask.start..mask.end], b"24");
    assert_eq!(
        at(&statements[1].words[1]),
        "~",
        "a made value stands at its repetition"
    );
}

#[test]
fn words_are_bytes_where_that_matters() {
    let (statements, errors, _) = lex_on(&Disk::default(), b"auth_pass p\xe4ssw\xf6rd\n".to_vec());
    assert_eq!(errors, [""; 0]);
    assert_eq!(statements[0].words[1].bytes(), b"p\xe4ssw\xf6rd");
}

fn interesting() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&str] = &[
        "$A=",
        "$A",
        "${A}",
        "${B}",
        "$B=",
        "\\\n",
        "\n",
        " ",
        "{",
        "}",
        "\"",
        "'",
        "@lb1 ",
        "@^lb1 ",
        "~SEQ(A,1,3) ",
        "~SEQx(",
        "~LST({A,B},{1,2})",
        "include ",
        "self",
        "*",
        "a",
        "10.0.0.1",
        "#",
        "!",
        "\\",
        "\\x4",
        "${_RANDOM 1 2}",
        "${_PWD}",
        "${_ENV X}",
        "${",
        "=",
        "(",
        ")",
        ",",
        "\r",
        "\0",
        "ä",
        "include_check ",
        "+match",
    ];
    let piece = prop_oneof![
        9 => proptest::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    proptest::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

fn check(statements: &[Statement], sources: &SourceMap) {
    for statement in statements {
        assert!(!statement.words.is_empty());
        let whole = statement.span();
        assert!(whole.start <= whole.end && whole.end <= sources.bytes(whole.file).len());
        for word in statement
            .words
            .iter()
            .chain(&statement.command_words(sources).unwrap_or_default())
        {
            let size = sources.bytes(word.span.file).len();
            assert!(word.span.start < word.span.end && word.span.end <= size, "{word:?}");
            let part = word.part(0, word.text.len());
            assert!(part.end <= size);
        }
        if let Some(block) = &statement.block {
            check(&block.statements, sources);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in interesting()) {
        let disk = Disk(BTreeMap::from([("/etc/k/self", "a {\ninclude self\n")]));
        let mut sources = SourceMap::default();
        let file = sources.add("/etc/k/t", bytes);
        let mut report = Vec::new();
        let statements = read(&mut sources, file, &context(&disk), &mut report);
        check(&statements, &sources);
        for diagnostic in &report {
            prop_assert!(diagnostic.span.end <= sources.bytes(diagnostic.span.file).len());
            prop_assert!(!Renderer::new(&sources).render(diagnostic).is_empty());
        }
    }

    #[test]
    fn plain_words_come_through_unchanged(words in proptest::collection::vec("[a-z0-9:./*@-]{1,9}", 1..20)) {
        let line = format!("v {}\n", words.join(" "));
        let (read, errors, _) = lex_on(&Disk::default(), line);
        prop_assert!(errors.is_empty());
        let read: Vec<&str> = read[0].words.iter().skip(1).map(|word| word.text.as_str()).collect();
        prop_assert_eq!(&read, &words);
    }
}
