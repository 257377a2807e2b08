//! `${name}` and `${name:default}`, which ActiveMQ and Artemis fill in from the properties they are started with.

use crate::World;

/// A text with its names filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filled {
    pub(crate) text: String,
    /// Those that had a value here.
    pub(crate) used: Vec<String>,
    /// The first that has none; it stays as it is.
    pub(crate) missing: Option<String>,
}

pub(crate) fn fill(text: &str, world: World<'_>) -> Filled {
    let mut filled = Filled::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.text.push_str(before);
        let Some((inner, behind)) = after.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        let (name, default) = inner
            .split_once(':')
            .map_or((inner, None), |(name, default)| (name, Some(default)));
        match value(name.trim(), world).or_else(|| default.map(str::to_owned)) {
            Some(value) => {
                filled.text.push_str(&value);
                filled.used.push(name.trim().to_owned());
            }
            None => {
                filled.text.push_str(&format!("${{{inner}}}"));
                filled.missing.get_or_insert_with(|| name.trim().to_owned());
            }
        }
        rest = behind;
    }
    filled.text.push_str(rest);
    // Spring's expressions are programs.
    if let Some((_, after)) = filled.text.split_once("#{") {
        let inner = after.split('}').next().unwrap_or_default();
        filled.missing.get_or_insert_with(|| inner.to_owned());
    }
    filled
}

/// As ActiveMQ's own scripts make one from another.
fn value(name: &str, world: World<'_>) -> Option<String> {
    let said = (world.variable)(name);
    let below = |folder: &str| value("activemq.base", world).map(|base| format!("{base}/{folder}"));
    match name {
        "activemq.data" => said.or_else(|| below("data")),
        "activemq.conf" => said.or_else(|| below("conf")),
        "activemq.base" => said.or_else(|| (world.variable)("activemq.home")),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_where_they_are_known() {
        let world = World {
            variable: &|name| match name {
                "activemq.home" => Some("/opt/a".to_owned()),
                "x" => Some("1".to_owned()),
                _ => None,
            },
            address: &|_| None,
            hash: &|_| None,
        };
        for (text, filled, missing) in [
            ("plain", "plain", None),
            ("a${x}b${x}", "a1b1", None),
            ("${activemq.data}/kahadb", "/opt/a/data/kahadb", None),
            ("${activemq.conf}", "/opt/a/conf", None),
            ("${y:../data}", "../data", None),
            ("${ x :2}", "1", None),
            ("${y}/${z}", "${y}/${z}", Some("y")),
            ("${x", "${x", None),
            ("a${x}${", "a1${", None),
            (
                "#{systemProperties['jetty.port']}",
                "#{systemProperties['jetty.port']}",
                Some("systemProperties['jetty.port']"),
            ),
        ] {
            let found = fill(text, world);
            assert_eq!(
                (found.text.as_str(), found.missing.as_deref()),
                (filled, missing),
                "{text}"
            );
        }
    }
}
