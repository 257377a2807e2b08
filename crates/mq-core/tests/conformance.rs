//! `docs/conformance-*.md` are made of these tables, so that they cannot drift from the tests: each normative statement of
//! a protocol that binds a server, in our words, with the tests that show it, or why there is none.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// One protocol's statements.
struct Ledger {
    page: &'static str,
    /// Where it is said, in one column for each version | what it says | tests, or `- why not`.
    table: &'static str,
    head: &'static str,
}

const LEDGERS: [Ledger; 3] = [
    Ledger {
        page: "docs/conformance-mqtt.md",
        table: include_str!("conformance_mqtt.txt"),
        head: "# What binds an MQTT server, and what shows it\n\nMade from `crates/mq-core/tests/conformance_mqtt.txt` by \
`TANDEM_RECORD=1 cargo test -p tandem-mq-core --test conformance`. The numbers are those of the two standards; the words \
are ours. Statements that bind clients alone, and those about WebSocket, which is not spoken here, are left out.\n\n\
| MQTT 5 | 3.1.1 | | shown by |\n|---|---|---|---|\n",
    },
    Ledger {
        page: "docs/conformance-amqp091.md",
        table: include_str!("conformance_amqp091.txt"),
        head: "# What binds a server of AMQP 0-9-1, and what shows it\n\nMade from \
`crates/mq-core/tests/conformance_amqp091.txt` by `TANDEM_RECORD=1 cargo test -p tandem-mq-core --test conformance`. Where \
it is said is a section of the specification, or a method and the name of its rule in the specification's XML; the last rows \
are RabbitMQ's extensions. Where the two differ RabbitMQ counts, because that is what clients were made for. \
`pika_finds_what_it_finds_at_rabbitmq` compares with what RabbitMQ 3.10.8 answered to the same client.\n\n\
| | | shown by |\n|---|---|---|\n",
    },
    Ledger {
        page: "docs/conformance-amqp10.md",
        table: include_str!("conformance_amqp10.txt"),
        head: "# What binds a server of AMQP 1.0, and what shows it\n\nMade from \
`crates/mq-core/tests/conformance_amqp10.txt` by `TANDEM_RECORD=1 cargo test -p tandem-mq-core --test conformance`. Where it \
is said is a section of the specification's five parts (types, transport, messaging, transactions, security), and what it is \
about there. `proton` and `rhea` are clients that others wrote, through the balancer.\n\n\
| | | shown by |\n|---|---|---|\n",
    },
];

struct Row<'a> {
    places: Vec<&'a str>,
    says: &'a str,
    shown: &'a str,
}

impl Ledger {
    fn rows(&self) -> Vec<Row<'static>> {
        let lines = self
            .table
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("//"));
        lines
            .map(|line| {
                let parts: Vec<&str> = line.split('|').map(str::trim).collect();
                let [places @ .., says, shown] = &parts[..] else {
                    panic!("at least three columns: {line}");
                };
                Row {
                    places: places.to_vec(),
                    says,
                    shown,
                }
            })
            .collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of all functions in the sources where tests may be.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in [
        "crates/mq/src",
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
    for ledger in LEDGERS {
        let mut seen = BTreeSet::new();
        for row in ledger.rows() {
            let place = row.places.join(" | ");
            assert!(!row.says.is_empty() && !row.shown.is_empty(), "{place}");
            // Where there are two versions each number is alone; otherwise it is a name.
            let numbers: Vec<(usize, &str)> = match row.places[..] {
                [name] => vec![(0, name)],
                _ => {
                    let columns = row.places.iter().enumerate();
                    columns
                        .flat_map(|(at, place)| place.split(' ').map(move |n| (at, n)))
                        .collect()
                }
            };
            for number in numbers.into_iter().filter(|(_, number)| !number.is_empty()) {
                assert!(seen.insert(number), "{number:?} is there twice");
            }
            if !row.shown.starts_with("- ") {
                for test in row.shown.split(' ') {
                    assert!(functions.contains(test), "{place}: there is no test {test}");
                }
            }
        }
    }
}

#[test]
fn the_pages_are_as_the_tables_say() {
    for ledger in LEDGERS {
        let mut page = ledger.head.to_owned();
        let (mut shown, mut not) = (0, 0);
        for row in ledger.rows() {
            let tests: String = match row.shown.strip_prefix("- ") {
                Some(why) => {
                    not += 1;
                    why.to_owned()
                }
                None => {
                    shown += 1;
                    let tests = row.shown.split(' ').map(|test| format!("`{test}`"));
                    tests.collect::<Vec<_>>().join(", ")
                }
            };
            writeln!(page, "| {} | {} | {tests} |", row.places.join(" | "), row.says).expect("a string grows");
        }
        writeln!(page, "\n{shown} rows are shown by tests; {not} have a reason instead.").expect("a string grows");
        let path = root().join(ledger.page);
        if std::env::var_os("TANDEM_RECORD").is_some() {
            std::fs::write(&path, &page).expect("the page can be written");
        }
        let found = std::fs::read_to_string(&path).expect("the page is there");
        assert!(
            found == page,
            "{} is not what the table says: record it again",
            ledger.page
        );
    }
}
