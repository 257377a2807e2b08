//! What is selected, what is not known, and what cannot be read.

use proptest::prelude::*;

use super::*;
use crate::{Priority, Value};

fn message() -> Message {
    let text = |name: &str, value: &str| (name.into(), Value::Text(value.into()));
    Message {
        priority: Some(Priority::of(7)),
        durable: true,
        properties: vec![
            text("colour", "red"),
            text("weight", "12.5"),
            text("x-y", "50%"),
            ("count".into(), Value::Int(3)),
            ("ok".into(), Value::Bool(true)),
            text("said", "it's"),
        ],
        ..Message::default()
    }
}

#[test]
fn expressions_mean_what_sql_means() {
    for (text, selects) in [
        ("colour = 'red'", true),
        ("colour <> 'red'", false),
        ("colour = 'RED'", false),
        ("weight > 12 AND weight < 13", true),
        ("weight >= 12.5 and weight <= 1.25e1", true),
        ("count = 3", true),
        ("count + 1 = 2 * 2", true),
        ("-count = -3", true),
        ("7 - 2 - 1 = 4", true),
        ("(7 - 2) * 2 / 5 = 2", true),
        ("JMSPriority = 7", true),
        ("JMSDeliveryMode = 'PERSISTENT'", true),
        ("count BETWEEN 1 AND 3", true),
        ("count NOT BETWEEN 1 AND 3", false),
        ("colour IN ('blue', 'red')", true),
        ("colour NOT IN ('blue')", true),
        ("colour LIKE 'r_d'", true),
        ("colour LIKE 'r%'", true),
        ("colour LIKE '%x%'", false),
        ("colour NOT LIKE 'b%'", true),
        ("x-y LIKE '__!%' ESCAPE '!'", true),
        ("said = 'it''s'", true),
        ("colour IS NULL", false),
        ("colour IS NOT NULL", true),
        ("missing IS NULL", true),
        ("missing = 'x'", false),
        ("missing <> 'x'", false),
        ("NOT missing = 'x'", false),
        ("missing = 'x' OR colour = 'red'", true),
        ("NOT (missing = 'x' AND colour = 'blue')", true),
        ("missing IN ('x') OR TRUE", true),
        ("ok", true),
        ("ok = TRUE", true),
        ("NOT ok", false),
        ("colour > 'a'", false),
        ("colour = 'red' AND NOT colour = 'blue' OR FALSE", true),
        ("colour = 1", false),
    ] {
        assert_eq!(Selector::parse(text).unwrap().selects(&message()), selects, "{text}");
    }
}

#[test]
fn what_cannot_be_read_says_where() {
    for (text, at) in [
        ("", 0),
        ("colour =", 8),
        ("colour = 'red", 9),
        ("colour ! 'red'", 7),
        ("a = 1 b", 6),
        ("(a = 1", 6),
        ("a IN (1)", 6),
        ("a LIKE b", 7),
        ("a IS 1", 5),
        ("a NOT = 1", 6),
        ("1.2.3 = a", 0),
        ("AND", 0),
        ("a LIKE 'x' ESCAPE 'xy'", 22),
    ] {
        assert_eq!(Selector::parse(text).unwrap_err().at, at, "{text}");
    }
    assert!(Selector::parse(&"(".repeat(4000)).is_err());
    assert!(Selector::parse(&"NOT ".repeat(1000)).is_err());
    assert!(
        Selector::parse(&format!("a{}", "-1".repeat(2000))).is_ok(),
        "that is a name"
    );
    assert!(Selector::parse(&format!("a{}", " - 1".repeat(900))).is_err());
    assert!(Selector::parse(&"x".repeat(5000)).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-c'()=<>%_ 0-9.+*/,-]{0,40}", words in "(NOT |AND |OR |a |IN |\\(|\\)|'x' |1 |= |LIKE ){0,12}") {
        for text in [text, words] {
            if let Ok(selector) = Selector::parse(&text) {
                selector.selects(&message());
            }
        }
    }
}
