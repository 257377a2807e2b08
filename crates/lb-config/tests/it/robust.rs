//! No bytes make the reader panic, in either dialect; a Plan exists exactly when there is no error.

use proptest::prelude::*;
use tandem_lb_config::{Dialect, NamedText, load};
use tandem_text::{Diagnostic, Renderer};

fn haproxy_lines() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "global",
        "defaults",
        "frontend",
        "listen",
        "backend",
        "peers",
        "from",
        "no",
        "option",
        "default",
        "tcplog",
        "redispatch",
        "bind",
        "*:80",
        "*:80-82",
        ":::1",
        "server",
        "s",
        "10.0.0.1:1",
        "check",
        "inter",
        "5s",
        "0",
        "-1",
        "\"$X\"",
        "\"",
        "stick-table",
        "type",
        "ip",
        "size",
        "200k",
        "stick",
        "on",
        "src",
        "balance",
        "random(",
        "random(3)",
        "hash",
        "timeout",
        "client",
        "stats",
        "socket",
        "/s",
        "mode",
        "660",
        "uri",
        "admin",
        "if",
        "TRUE",
        "log",
        "stdout",
        "local0",
        "len",
        "format",
        "id",
        "7",
        "default_backend",
        "default-server",
        "weight",
        "\\",
        "#",
        ".if",
        "tune.x",
    ];
    let line = proptest::collection::vec(proptest::sample::select(WORDS).prop_map(str::to_owned), 0..8);
    proptest::collection::vec(line.prop_map(|words| words.join(" ")), 0..20).prop_map(|lines| lines.join("\n"))
}

fn toml_lines() -> impl Strategy<Value = String> {
    const LINES: &[&str] = &[
        "[global]",
        "[defaults]",
        "[[frontend]]",
        "[[backend]]",
        "[[backend.server]]",
        "[[global.log]]",
        "name = \"a\"",
        "name = 3",
        "nmae = 3",
        "id = 4",
        "id = \"x\"",
        "bind = [{ address = \"*:1\" }]",
        "bind = 3",
        "timeout.client = 5",
        "timeout = { clint = 5 }",
        "server = []",
        "stick = { type = \"ip\" }",
        "maxconn = -1",
        "x = [[1], {a = 2}]",
        "\"",
        "address = \"1.1.1.1:1\"",
        "weight = 300",
        "stats = {}",
        "mode = \"http\"",
        "# c",
        "= 3",
        "to = \"stdout\"",
    ];
    proptest::collection::vec(proptest::sample::select(LINES), 0..20).prop_map(|lines| lines.join("\n"))
}

fn holds(text: Vec<u8>, dialect: Option<Dialect>) {
    let loaded = load(&[NamedText::new("t", text)], &|_| None, dialect);
    let broken = loaded.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(loaded.plan.is_none(), broken);
    for diagnostic in &loaded.diagnostics {
        let source = loaded.sources.bytes(diagnostic.span.file);
        assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= source.len());
        assert!(!Renderer::new(&loaded.sources).render(diagnostic).is_empty());
    }
}

proptest! {
    #[test]
    fn bytes(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        holds(text.clone(), Some(Dialect::Haproxy));
        holds(text.clone(), Some(Dialect::Toml));
        holds(text, None);
    }

    #[test]
    fn words_of_haproxy(text in haproxy_lines()) {
        holds(text.into_bytes(), Some(Dialect::Haproxy));
    }

    #[test]
    fn lines_of_toml(text in toml_lines()) {
        holds(text.into_bytes(), Some(Dialect::Toml));
    }
}
