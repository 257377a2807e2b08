//! `docs/conformance-mqtt.md` is made of this table, so that it cannot drift from the tests: each normative statement of
//! MQTT 5 and 3.1.1 that binds a server, in our words, with the tests that show it, or why there is none.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Version 5 | version 3.1.1 | what it says | tests, or `- why not`.
const TABLE: &str = include_str!("conformance.txt");

const HEAD: &str = "# What binds an MQTT server, and what shows it\n\nMade from `crates/mq-core/tests/conformance.txt` by \
`TANDEM_RECORD=1 cargo test -p tandem-mq-core --test conformance`. The numbers are those of the two standards; the words \
are ours. Statements that bind clients alone, and those about WebSocket, which is not spoken here, are left out.\n\n\
| MQTT 5 | 3.1.1 | | shown by |\n|---|---|---|---|\n";

struct Row<'a> {
    five: &'a str,
    three: &'a str,
    says: &'a str,
    shown: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [five, three, says, shown] = parts[..] else {
                panic!("four columns: {line}");
            };
            Row {
                five,
                three,
                says,
                shown,
            }
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of all functions in the sources where tests may be.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in [
        "crates/mq-core/src",
        "crates/mq-core/tests",
        "crates/mq-wire/src",
        "tests/tests/mq",
    ] {
        collect(&root().join(folder), &mut names);
    }
    names
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let named = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            names.extend(named.map(str::to_owned));
        }
    }
}

#[test]
fn every_statement_has_a_test_that_is_there_or_a_reason() {
    let functions = functions();
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(
            !row.says.is_empty() && !row.shown.is_empty(),
            "{} {}",
            row.five,
            row.three
        );
        let numbers = row
            .five
            .split(' ')
            .map(|n| (5, n))
            .chain(row.three.split(' ').map(|n| (3, n)));
        for number in numbers.filter(|(_, number)| !number.is_empty()) {
            assert!(seen.insert(number), "{number:?} is there twice");
        }
        if !row.shown.starts_with("- ") {
            for test in row.shown.split(' ') {
                assert!(
                    functions.contains(test),
                    "{} {}: there is no test {test}",
                    row.five,
                    row.three
                );
            }
        }
    }
}

#[test]
fn the_page_is_as_the_table_says() {
    let mut page = HEAD.to_owned();
    let (mut shown, mut not) = (0, 0);
    for row in rows() {
        let tests: String = match row.shown.strip_prefix("- ") {
            Some(why) => {
                not += 1;
                why.to_owned()
            }
            None => {
                shown += 1;
                row.shown
                    .split(' ')
                    .map(|test| format!("`{test}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
        };
        writeln!(page, "| {} | {} | {} | {tests} |", row.five, row.three, row.says).expect("a string grows");
    }
    writeln!(page, "\n{shown} rows are shown by tests; {not} have a reason instead.").expect("a string grows");
    let path = root().join("docs/conformance-mqtt.md");
    if std::env::var_os("TANDEM_RECORD").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let found = std::fs::read_to_string(&path).expect("the page is there");
    assert!(
        found == page,
        "docs/conformance-mqtt.md is not what the table says: record it again"
    );
}
