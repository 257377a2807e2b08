//! `docs/convert-brokers.md` is what the tables say.

use crate::row::{Becomes, Rows};
use crate::tables;

const HEAD: &str = include_str!("page/head.md");

fn becomes(what: Becomes) -> Option<String> {
    let text = match what {
        Becomes::Parts => return None,
        Becomes::Head => "what its element is about".to_owned(),
        Becomes::Key(table, key, _) => {
            let place = table.place(key);
            match place.rsplit_once(' ') {
                Some((table, key)) => format!("`{table}` `{key}`"),
                None => format!("`{key}`"),
            }
        }
        Becomes::As(text, _) | Becomes::Open(text, _) | Becomes::Begins(text, ..) => text.to_owned(),
        Becomes::Holds(value, why) => format!("holds if it is `{value}`; else dropped: {why}"),
        Becomes::NoEffect(why) => format!("no effect: {why}"),
        Becomes::Dropped(why) => format!("dropped: {why}"),
    };
    Some(text.replace('|', "\\|"))
}

fn table(parts: &[&[Rows]]) -> String {
    let mut table = "| of | name | becomes |\n|---|---|---|\n".to_owned();
    for rows in parts.iter().flat_map(|part| part.iter()) {
        let of = format!("`<{}>`", rows.of.replace('/', "> <"));
        for (names, what) in rows.rows {
            let Some(text) = becomes(*what) else { continue };
            let names: Vec<String> = match names.is_empty() {
                true => vec!["itself".to_owned()],
                false => names.split(' ').map(|name| format!("`{name}`")).collect(),
            };
            table.push_str(&format!("| {of} | {} | {text} |\n", names.join(", ")));
        }
    }
    table
}

fn page() -> String {
    format!(
        "{HEAD}\n## activemq.xml and jetty.xml\n\n{}\n## broker.xml\n\n{}",
        table(tables::ACTIVEMQ),
        table(tables::ARTEMIS)
    )
}

#[test]
fn the_page_says_what_the_tables_say() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/convert-brokers.md");
    if std::env::var_os("TANDEM_RECORD").is_some() {
        std::fs::write(&path, page()).expect("a checkout is writable");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "record it again: TANDEM_RECORD=1 cargo test -p tandem-mq-convert page"
    );
}

#[test]
fn a_name_has_one_row() {
    for parts in [tables::ACTIVEMQ, tables::ARTEMIS] {
        let all = parts.iter().flat_map(|part| part.iter());
        let mut known: Vec<(&str, &str)> = all
            .flat_map(|rows| rows.rows.iter().map(move |(names, _)| (rows.of, *names)))
            .flat_map(|(of, names)| names.split(' ').map(move |name| (of, name)))
            .collect();
        let count = known.len();
        known.sort_unstable();
        let double: Vec<_> = known.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(double.is_empty(), "{double:?}");
        assert!(count > 300, "{count}");
    }
}
