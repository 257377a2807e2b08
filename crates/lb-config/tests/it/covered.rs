//! The corpus has every keyword: once as it should be, and, where it can be wrong, once as it should not.

use tandem_lb_config::{KeywordDoc, keyword_docs};

use crate::configs::{Config, Marked, configs, haproxy_complains_of, ours};
use crate::errors;

/// Words that say all by being there: behind an address, what follows them is another word.
const FLAGS: &[&str] = &[
    "accept-proxy",
    "agent-check",
    "backup",
    "check",
    "check-send-proxy",
    "check-ssl",
    "defer-accept",
    "disabled",
    "enabled",
    "force-tlsv12",
    "force-tlsv13",
    "no-agent-check",
    "no-backup",
    "no-ca-names",
    "no-check",
    "no-check-send-proxy",
    "no-check-ssl",
    "no-send-proxy",
    "no-send-proxy-v2",
    "no-send-proxy-v2-ssl",
    "no-send-proxy-v2-ssl-cn",
    "no-ssl",
    "no-ssl-reuse",
    "no-sslv3",
    "no-tls-tickets",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "no-verifyhost",
    "non-stick",
    "prefer-client-ciphers",
    "send-proxy",
    "send-proxy-v2",
    "send-proxy-v2-ssl",
    "send-proxy-v2-ssl-cn",
    "ssl-reuse",
    "stick",
    "strict-sni",
    "tls-tickets",
    "transparent",
    "v4v6",
    "v6only",
];

/// Any text is right, or none is needed.
const NEVER_WRONG: &[&str] = &[
    "disabled",
    "enabled",
    "log-send-hostname",
    "stats hide-version",
    "stats show-desc",
    "stats show-legends",
    "stats show-node",
    "stats show-version",
    "option socket-stats",
    "option httpchk",
    "option smtpchk",
    "server-state-file-name",
    "guid",
    "guid-prefix",
    "init-state",
    "curves",
    "ecdhe",
    "tandem-state-file",
    "stats-file",
];

/// A line as it stands, and whether it is a good one for us.
pub(crate) struct Row {
    pub(crate) text: String,
    good: bool,
}

pub(crate) fn rows(configs: &[Config]) -> Vec<Row> {
    let good = configs.iter().flat_map(|config| {
        let text = config.good();
        text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    });
    let good = good.map(|text| Row { text, good: true });
    let marked = configs
        .iter()
        .flat_map(Config::marks)
        .map(|Marked { mark, line, .. }| Row {
            good: mark == '<',
            text: line,
        });
    good.chain(marked).collect()
}

pub(crate) fn begins_with(line: &str, words: &str) -> bool {
    let line = line.strip_prefix("no ").unwrap_or(line);
    line.strip_prefix(words)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' ') || words.ends_with('('))
}

/// Whether the name stands there as a whole.
pub(crate) fn names(line: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let behind = line[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !behind.is_some_and(is_part)
    })
}

/// Whether a line is about this keyword.
fn is_about(doc: &KeywordDoc, line: &str) -> bool {
    match doc.places[..] {
        ["bind"] => begins_with(line, "bind") && names(line, doc.words),
        ["server"] => {
            let has_options = ["server", "default-server", "server-template"];
            has_options.iter().any(|line_of| begins_with(line, line_of)) && names(line, doc.words)
        }
        ["fetch"] => names(line, doc.words),
        ["converter"] => names(line, doc.words) && line.contains(&format!(",{}", doc.words)),
        _ => begins_with(line, doc.words),
    }
}

fn is_expression(doc: &KeywordDoc) -> bool {
    matches!(doc.places[..], ["fetch" | "converter"])
}

/// Their mistakes are made further down.
fn can_be_wrong(doc: &KeywordDoc) -> bool {
    let is_option = matches!(doc.places[..], ["bind" | "server"]);
    let is_flag = is_option && FLAGS.contains(&doc.words);
    !(is_expression(doc) || NEVER_WRONG.contains(&doc.words) || is_flag)
}

#[test]
fn every_keyword_is_in_the_corpus_good_and_bad() {
    let configs = configs();
    assert!(configs.len() >= 60, "{}", configs.len());
    let rows = rows(&configs);
    let has = |doc: &KeywordDoc, good| rows.iter().any(|row| row.good == good && is_about(doc, &row.text));
    let mut missing = Vec::new();
    for doc in keyword_docs() {
        if !has(&doc, true) {
            missing.push(format!("good: {} {:?}", doc.words, doc.places));
        }
        if can_be_wrong(&doc) && !has(&doc, false) {
            missing.push(format!("bad: {} {:?}", doc.words, doc.places));
        }
    }
    assert!(
        missing.is_empty(),
        "not in tests/corpus/configs/*.cfg yet:\n{}",
        missing.join("\n")
    );
}

/// With a dozen arguments each of them is wrong, here and there. Returns those that HAProxy takes all the same.
fn taken_there(docs: &[KeywordDoc]) -> Vec<&'static str> {
    const HEAD: &str = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nfrontend f\n bind :1\n";
    const ARGUMENTS: &str = "(1,2,3,4,5,6,7,8,9,10,11,12)";
    let rules = docs.iter().map(|doc| {
        let start = if doc.places == ["fetch"] { "" } else { "str(a)," };
        format!(" tcp-request content set-var(txn.a) {start}{}{ARGUMENTS}\n", doc.words)
    });
    let text: String = [HEAD.to_owned()].into_iter().chain(rules).collect();
    let said = errors(&ours("t", &text));
    let theirs = haproxy_complains_of(&text);
    let first = HEAD.lines().count() + 1;
    let mut taken = Vec::new();
    for (row, doc) in (first..).zip(docs) {
        let place = format!("t:{row}:");
        assert!(said.iter().any(|line| line.starts_with(&place)), "we take {doc:?}");
        if theirs.as_ref().is_some_and(|rows| !rows.contains(&row)) {
            taken.push(doc.words);
        }
    }
    taken
}

#[test]
fn no_fetch_and_no_converter_takes_a_dozen_arguments() {
    // HAProxy reads no further after fifty mistakes.
    const AT_A_TIME: usize = 40;
    let docs: Vec<KeywordDoc> = keyword_docs().into_iter().filter(is_expression).collect();
    let taken: Vec<&str> = docs.chunks(AT_A_TIME).flat_map(taken_there).collect();
    assert_eq!(taken, [""; 0], "HAProxy takes these");
}
