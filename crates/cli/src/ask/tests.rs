//! Nothing that an answer says is missing in its JSON: not where names repeat, and not where a word has no name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Answer;

/// What `command` is answered, and the titles in it.
const ANSWERS: [(&str, &str, &[&str]); 23] = [
    (
        "show stat",
        "# pxname,svname,scur,\nbe,s1,3,\nbe,\"odd,\"\"name\",,\n",
        &["scur,"],
    ),
    (
        "show servers state",
        "1\n# be_id be_name srv_addr\n2 l 127.0.0.1\n",
        &["1\n"],
    ),
    ("show backend", "# name\nfe\nbe\n", &[]),
    (
        "show table be",
        "# table: be, type: ip, size:1024, used:1\n0x7f: key=10.0.0.1 use=0 exp=5 conn_rate(10000)=0 odd exp=7\n",
        &[],
    ),
    (
        "show acl",
        "# id (file) description\n0 () acl 'src' file 'a.cfg' line 3. curr_ver=0 odd curr_ver=2\n",
        &["# id (file) description"],
    ),
    (
        "get acl #0 x",
        "type=str, case=sensitive, match=yes, idx=tree, pattern=\"a, b\"\n",
        &[],
    ),
    ("get acl #0 y", "type=str, case=sensitive, match=yes, match=no\n", &[]),
    ("show ssl ca-file F", AUTHORITIES, &[]),
    ("show ssl cert F", CHAIN, &[]),
    ("show ssl cert", "# transaction\n*a.pem\n# filename\na.pem\n", &[]),
    (
        "show ssl crt-list F",
        "# /list\na.pem:1 [alpn h2 ] x.example !y.x.example\n",
        &[],
    ),
    ("show ssl sni", SNI, &[]),
    ("show events ring", "haproxy[7]: fe a=1\nhaproxy[7]: fe a=2\n", &[]),
    ("show events ring", "{\"a\":1,\"a\":2}\n", &[]),
    ("show env", "HOME=/root\nA=b=c\n", &[]),
    ("show env", "HOME=/root\nHOME=/home\n", &[]),
    (
        "show activity",
        "thread_id: 1 (1..2)\ndate_now: 1795337311.686959\nctxsw: 174 [ 90 84 ]\n",
        &[],
    ),
    (
        "show fd",
        "      6 : st=0x21(cl heopI W:sRa R:srA) ref=0 fam=unix odd ref=1\n",
        &[],
    ),
    (
        "show threads",
        "* Thread 1 : id=0x7 act=1\n      1/1    stuck=0\n             curr_task=0x7 (task) calls=3\n\
         scf=0x5,EST scf=0x6\n  Thread 2 : id=0x8\n",
        &["Thread"],
    ),
    (
        "show sess all",
        "0x1: [22/Nov] id=1 proto=tcpv4 id=2 odd\n  flags=0x0\n  frontend=fe (id=2)\n  frontend=other\n",
        &[],
    ),
    (
        "show peers",
        "0x1: [22/Nov] id=p flags=0x1\n  0x2: id=b(remote,active) addr=x:1 id=c\n        flags=0x1 appctx:0x7 flags=0x2\n        \
         shared tables:\n          table:0x5 id=be\n        Dictionary cache not dumped (use \"show peers dict\")\n",
        &[],
    ),
    (
        "show resolvers",
        "Resolvers section r\n nameserver n:\n  sent:        2\n  sent: 3\n  name: 4\n nameserver n:\n  name: 5\n",
        &[],
    ),
    (
        "show pools",
        "Dumping pools usage. Use SIGQUIT to flush them.\n  - Pool be (16 bytes) : 3 allocated (48 bytes), 4 used \
         (~1 by thread caches), needed_avg 2, 0 failures, 5 users, @0x1 [SHARED]\n\
         Total: 1 pools, 48 bytes allocated, 49 used (~50 by thread caches).\n",
        &[
            "Dumping pools usage. Use SIGQUIT to flush them.",
            "by thread caches",
            "Pool",
            "Total:",
        ],
    ),
];

const AUTHORITIES: &str = "Filename: F\nStatus: Used\n \nCertificate #1:\nSerial: 2B\nSubject Alternative Name: \n\
    Subject: /CN=one\n \nCertificate #2:\nSerial: 7B\nSubject Alternative Name: \nSubject: /CN=two\n";

const CHAIN: &str = "Filename: F\nSubject: /CN=one\nChain Subject: /CN=two\nChain Issuer: /CN=three\n\
    Chain Subject: /CN=three\nChain Issuer: /CN=four\n";

const SNI: &str = "# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n\
    fe/1\ta.example\t!x.a.example !y.a.example\tecdsa\tDIR/a.pem\tDec  1 08:45:49 2026 GMT\tNov 22 08:45:49 2026 GMT\n\
    fe/1\t*.a.example\t-\tecdsa\tDIR/a.pem\tDec  1 08:45:49 2026 GMT\tNov 22 08:45:49 2026 GMT\n";

/// How often each word is there.
fn words(text: &str) -> BTreeMap<&str, usize> {
    let mut all = BTreeMap::new();
    for word in text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        *all.entry(word).or_default() += 1;
    }
    all
}

/// The words of `text` that its JSON does not have as often.
fn lost(command: &str, text: &str, titles: &[&str]) -> Option<String> {
    let json = Answer::of(text).json(command).to_string();
    let json = json.replace("\\t", " ").replace("\\n", " ");
    let said = titles
        .iter()
        .fold(text.to_owned(), |text, title| text.replace(title, " "));
    let told = words(&json);
    let said = words(&said);
    let lost = said
        .iter()
        .filter(|(word, count)| told.get(*word).is_none_or(|there| there < count));
    let lost: Vec<&str> = lost.map(|(word, _)| *word).collect();
    (!lost.is_empty()).then(|| format!("{command}: {lost:?}:\n{text}\n{json}"))
}

#[track_caller]
fn all_are_whole(change: impl Fn(&[&str]) -> Vec<String>) {
    let mut wrong = Vec::new();
    for (command, text, titles) in ANSWERS {
        let lines: Vec<&str> = text.lines().collect();
        wrong.extend(change(&lines).iter().filter_map(|text| lost(command, text, titles)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_word_is_in_the_json_as_often_as_in_the_answer() {
    all_are_whole(|lines| vec![lines.join("\n") + "\n"]);
}

#[test]
fn a_line_that_comes_twice_stays_twice() {
    all_are_whole(|lines| {
        let twice = |place: usize| [&lines[..=place], &lines[place..]].concat().join("\n");
        (1..lines.len()).map(twice).collect()
    });
}

#[test]
fn a_line_that_is_cut_keeps_what_is_left() {
    all_are_whole(|lines| {
        let cut = |place: usize| {
            let line = format!("{} remnant", &lines[place][..lines[place].len() / 2]);
            [&lines[..place], &[&*line], &lines[place + 1..]].concat().join("\n")
        };
        (1..lines.len()).map(cut).collect()
    });
}

#[test]
fn what_repeats_has_a_shape_of_its_own() {
    let shown = |command: &str, text: &str| Answer::of(text).json(command);
    let all = shown("show ssl ca-file F", AUTHORITIES);
    assert_eq!(all.pointer("/Filename"), Some(&json!("F")));
    assert_eq!(all.pointer("/below/0/Subject"), Some(&json!("/CN=one")));
    assert_eq!(all.pointer("/below/1/name"), Some(&json!("Certificate #2")));
    assert_eq!(all.pointer("/below/1/Serial"), Some(&json!("7B")));
    let chain = shown("show ssl cert F", CHAIN);
    assert_eq!(chain.pointer("/0/Filename"), Some(&json!("F")));
    assert_eq!(chain.pointer("/1/Chain Issuer"), Some(&json!("/CN=four")));
    let sni = shown("show ssl sni", SNI);
    assert_eq!(
        sni.pointer("/0/Negative Filter"),
        Some(&json!("!x.a.example !y.a.example"))
    );
    assert_eq!(sni.pointer("/1/NotBefore"), Some(&json!("Nov 22 08:45:49 2026 GMT")));
    for lines in ["a: 1\nb: 2", "a=1\nb=2", "{\"a\":1}"] {
        assert_eq!(
            shown("show events ring", lines),
            json!({ "lines": lines.lines().collect::<Vec<_>>() })
        );
    }
    assert_eq!(shown("show env", "A=1\nA=2"), json!({ "lines": ["A=1", "A=2"] }));
    assert_eq!(
        shown("show ssl cert", "# filename\na.pem"),
        json!({ "filename": ["a.pem"] })
    );
    let is_object = |value: &Value| value.get("fam") == Some(&json!("unix"));
    let open = shown("show fd", "      6 : st=0x21(cl W:sRa) fam=unix\n");
    assert!(open.get(0).is_some_and(is_object), "{open}");
    assert_eq!(open.pointer("/0/st"), Some(&json!("0x21(cl W:sRa)")));
}
