//! `docs/conformance-*.md` are made of these tables, so that they cannot drift from the tests: each normative statement of
//! a protocol that binds a server, in our words, with the tests that show it, or why there is none.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// One protocol's statements.
struct Ledger {
    page: &'static str,
    /// Where it is said | what it says | tests that it holds | tests of what becomes of a breach. Each of the last two may be
    /// `- why not`, and where there are neither they are one.
    table: &'static str,
    /// Columns that say where it is said: one for each version.
    places: usize,
    head: &'static str,
}

const LEDGERS: [Ledger; 4] = [
    Ledger {
        page: "docs/conformance-stomp.md",
        table: include_str!("conformance_stomp.txt"),
        places: 1,
        head: "# What binds a server of STOMP, and what shows it\n\nMade from `crates/mq-core/tests/conformance_stomp.txt` by \
`TANDEM_RECORD=1 cargo test -p tandem-mq-core --test conformance`. Where it is said is a section of STOMP 1.2; the last rows \
are what differs in 1.1 and 1.0. Each statement has tests that it holds, and tests of what becomes of a breach: of a client \
that does not keep it, or of what would make the server break it. Statements that bind clients alone are there where the \
server sees them broken. `stomp_py` and `stompjs` are clients that others wrote, through the balancer.\n\n\
| STOMP 1.2 | | that it holds | what becomes of a breach |\n|---|---|---|---|\n",
    },
    Ledger {
        page: "docs/conformance-mqtt.md",
        table: include_str!("conformance_mqtt.txt"),
        places: 2,
        head: "# What binds an MQTT server, and what shows it\n\nMade from `crates/mq-core/tests/conformance_mqtt.txt` by \
`TANDEM_RECORD=1 cargo test -p tandem-mq-core --test conformance`. The numbers are those of the two standards; the words \
are ours. Statements that bind clients alone, and those about WebSocket, which is not spoken here, are left out. Each has \
tests that it holds, and tests of what becomes of a breach.\n\n\
| MQTT 5 | 3.1.1 | | that it holds | what becomes of a breach |\n|---|---|---|---|---|\n",
    },
    Ledger {
        page: "docs/conformance-amqp091.md",
        table: include_str!("conformance_amqp091.txt"),
        places: 1,
        head: "# What binds a server of AMQP 0-9-1, and what shows it\n\nMade from \
`crates/mq-core/tests/conformance_amqp091.txt` by `TANDEM_RECORD=1 cargo test -p tandem-mq-core --test conformance`. Where \
it is said is a section of the specification, or a method and the name of its rule in the specification's XML; the last rows \
are RabbitMQ's extensions. Where the two differ RabbitMQ counts, because that is what clients were made for. \
`pika_finds_what_it_finds_at_rabbitmq` compares with what RabbitMQ 3.10.8 answered to the same client. Each statement has \
tests that it holds, and tests of what becomes of a breach.\n\n\
| | | that it holds | what becomes of a breach |\n|---|---|---|---|\n",
    },
    Ledger {
        page: "docs/conformance-amqp10.md",
        table: include_str!("conformance_amqp10.txt"),
        places: 1,
        head: "# What binds a server of AMQP 1.0, and what shows it\n\nMade from \
`crates/mq-core/tests/conformance_amqp10.txt` by `TANDEM_RECORD=1 cargo test -p tandem-mq-core --test conformance`. Where it \
is said is a section of the specification's five parts (types, transport, messaging, transactions, security), and what it is \
about there. `proton` and `rhea` are clients that others wrote, through the balancer. Each statement has tests that it holds, \
and tests of what becomes of a breach.\n\n\
| | | that it holds | what becomes of a breach |\n|---|---|---|---|\n",
    },
];

struct Row<'a> {
    places: Vec<&'a str>,
    says: &'a str,
    /// Both sides, or the reason why there are none.
    shown: Vec<&'a str>,
}

impl Ledger {
    fn rows(&self) -> Vec<Row<'static>> {
        let lines = self
            .table
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("//"));
        lines
            .map(|line| {
                let mut parts: Vec<&str> = line.split('|').map(str::trim).collect();
                assert!(parts.len() > self.places + 1, "too few columns: {line}");
                let shown = parts.split_off(self.places + 1);
                let fits = match shown[..] {
                    [why] => is_reason(why),
                    [holds, breach] => !(is_reason(holds) && is_reason(breach)),
                    _ => false,
                };
                assert!(fits, "tests of both sides are wanted, or why there are none: {line}");
                let says = parts.pop().unwrap_or_default();
                Row {
                    places: parts,
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

fn is_reason(shown: &str) -> bool {
    shown.starts_with("- ")
}

/// Tests, or why there are none.
fn cell(shown: &str) -> String {
    match shown.strip_prefix("- ") {
        Some(why) => why.to_owned(),
        None => {
            let tests = shown.split(' ').map(|test| format!("`{test}`"));
            tests.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The names of all tests in the sources where some may be.
fn tests() -> BTreeSet<String> {
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
            let tests = text.split("#[test]").skip(1);
            let named = tests.filter_map(|rest| rest.split_once("fn ")?.1.split('(').next());
            names.extend(named.map(str::to_owned));
        }
    }
}

#[test]
fn every_statement_has_a_test_that_is_there_or_a_reason() {
    let tests = tests();
    for ledger in LEDGERS {
        let mut seen = BTreeSet::new();
        for row in ledger.rows() {
            let place = row.places.join(" | ");
            let is_said = |text: &&str| !text.is_empty();
            assert!(is_said(&row.says) && row.shown.iter().all(is_said), "{place}");
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
            for shown in row.shown.iter().filter(|shown| !is_reason(shown)) {
                for test in shown.split(' ') {
                    assert!(tests.contains(test), "{place}: there is no test {test}");
                }
            }
        }
    }
}

#[test]
fn the_pages_are_as_the_tables_say() {
    for ledger in LEDGERS {
        let mut page = ledger.head.to_owned();
        let (mut whole, mut half, mut not) = (0, 0, 0);
        for row in ledger.rows() {
            let reasons = row.shown.iter().filter(|shown| is_reason(shown)).count();
            match reasons {
                0 => whole += 1,
                _ if row.shown.len() == 2 => half += 1,
                _ => not += 1,
            }
            let mut shown: Vec<String> = row.shown.iter().map(|shown| cell(shown)).collect();
            shown.resize(2, String::new());
            let (places, shown) = (row.places.join(" | "), shown.join(" | "));
            writeln!(page, "| {places} | {} | {shown} |", row.says).expect("a string grows");
        }
        writeln!(
            page,
            "\n{whole} rows are shown on both sides by tests; {half} have a reason on one of them, {not} on both."
        )
        .expect("a string grows");
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
