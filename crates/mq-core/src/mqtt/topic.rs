//! `a/b` is `a.b` here, and `a/+/#` is `a.*.#`, as ActiveMQ and Artemis map them (docs/mapping.md).
//!
//! The two spellings are exchanged character by character, so that every name has exactly one on the other side: `/` and
//! `.`, `+` and `*`. A word `>` means nothing to MQTT but everything here, so it gets a backslash.

/// A name that is published to.
pub(super) fn address(topic: &str) -> Box<str> {
    let words = topic.split('/').map(|word| match is_bracket(word) {
        true => format!("\\{word}"),
        false => word.chars().map(exchange).collect(),
    });
    words.collect::<Vec<_>>().join(".").into()
}

/// The other way.
pub(super) fn topic(address: &str) -> Box<str> {
    let words = address
        .split('.')
        .map(|word| match word.strip_prefix('\\').filter(|rest| is_bracket(rest)) {
            Some(rest) => rest.to_owned(),
            None => word.chars().map(exchange).collect(),
        });
    words.collect::<Vec<_>>().join("/").into()
}

/// `>`, or what it becomes when it is mapped, as often as one likes.
fn is_bracket(word: &str) -> bool {
    word.trim_start_matches('\\') == ">"
}

fn exchange(char: char) -> char {
    match char {
        '/' => '.',
        '.' => '/',
        '+' => '*',
        '*' => '+',
        other => other,
    }
}

/// What a client subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// Each message goes to one of the group.
    pub(super) group: Option<Box<str>>,
    pub(super) address: Box<str>,
}

impl Filter {
    /// `None` when it is none (MQTT 5, sections 4.7.1 and 4.8.2).
    pub(super) fn parse(text: &str) -> Option<Filter> {
        let (group, filter) = match text.strip_prefix("$share/") {
            None => (None, text),
            Some(rest) => {
                let (group, filter) = rest.split_once('/')?;
                if group.is_empty() || group.contains(['+', '#']) {
                    return None;
                }
                (Some(group.into()), filter)
            }
        };
        let words: Vec<&str> = filter.split('/').collect();
        let last = words.len() - 1;
        let right = |(at, word): (usize, &&str)| match *word {
            "+" => true,
            "#" => at == last,
            word => !word.contains(['+', '#']),
        };
        let right = !filter.is_empty() && words.iter().enumerate().all(right);
        right.then(|| Filter {
            group,
            address: address(filter),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pattern;
    use proptest::prelude::*;

    #[test]
    fn names_are_exchanged() {
        for (mqtt, here) in [
            ("a/b", "a.b"),
            ("a.b/c", "a/b.c"),
            ("/a//b/", ".a..b."),
            ("a/*/b", "a.+.b"),
            ("a/>/b", "a.\\>.b"),
            ("a/\\>", "a.\\\\>"),
            ("a>/x", "a>.x"),
            ("$SYS/x", "$SYS.x"),
        ] {
            assert_eq!(&*address(mqtt), here);
            assert_eq!(&*topic(here), mqtt);
        }
    }

    #[test]
    fn filters_are_read_or_refused() {
        for (text, address) in [
            ("a/+/c/#", "a.*.c.#"),
            ("#", "#"),
            ("+", "*"),
            ("+/+", "*.*"),
            ("/+", ".*"),
            ("a/*", "a.+"),
        ] {
            let filter = Filter::parse(text).unwrap();
            assert_eq!((&*filter.address, filter.group), (address, None), "{text}");
        }
        let shared = Filter::parse("$share/g/a/#").unwrap();
        assert_eq!((&*shared.address, shared.group.as_deref()), ("a.#", Some("g")));
        for wrong in [
            "",
            "a+",
            "a/b#",
            "#/a",
            "a/#/b",
            "+a/b",
            "$share/",
            "$share/g",
            "$share//a",
            "$share/g/",
            "$share/g+/a",
            "$share/#/a",
        ] {
            assert_eq!(Filter::parse(wrong), None, "{wrong}");
        }
    }

    /// Section 4.7, word for word.
    fn naive(filter: &[&str], topic: &[&str]) -> bool {
        match (filter.first(), topic.first()) {
            (Some(&"#"), _) => true,
            (None, None) => true,
            (Some(&"+"), Some(_)) => naive(&filter[1..], &topic[1..]),
            (Some(f), Some(t)) => f == t && naive(&filter[1..], &topic[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn every_name_has_one_on_the_other_side(name in "[a*>\\\\./ ]{1,8}") {
            prop_assert_eq!(&*topic(&address(&name)), name.as_str());
        }

        #[test]
        fn a_filter_matches_what_mqtt_says(
            filter in prop::collection::vec(prop::sample::select(vec!["a", "b", ">", "*", "+", ""]), 1..5),
            rest in any::<bool>(),
            name in prop::collection::vec(prop::sample::select(vec!["a", "b", ">", "*", "#x", ""]), 1..5),
        ) {
            let mut filter = filter;
            if rest { filter.push("#") }
            let (text, topic) = (filter.join("/"), name.join("/"));
            prop_assume!(!text.is_empty());
            let read = Filter::parse(&text).unwrap();
            let matches = Pattern::new(&read.address).matches(&address(&topic));
            prop_assert_eq!(matches, naive(&filter, &name), "{} {}", text, topic);
        }
    }
}
