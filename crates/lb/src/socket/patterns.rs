//! `show acl`, `add map` and their like: the lists of patterns of ACLs and maps, changed while connections are decided by
//! them. What is changed so lasts until the files are read again.

use tandem_lb_core::acl::{BadEntry, BadPattern, Content, Entry, Finding, Fitting, Map, Refusal, Shelved, Which};
use tandem_lb_core::expr::{Kind, Sample};
use tandem_ops::control::{Call, Reply};

use super::Room;

/// Which of the two families a command is of; they differ in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Acl,
    Map,
}

use Family::{Acl, Map as OfMap};

pub(super) fn show_acl(room: &Room, call: &Call) -> Reply {
    show(room, call, Acl)
}

pub(super) fn show_map(room: &Room, call: &Call) -> Reply {
    show(room, call, OfMap)
}

pub(super) fn look_up_acl(room: &Room, call: &Call) -> Reply {
    look_up(room, call, Acl)
}

pub(super) fn look_up_map(room: &Room, call: &Call) -> Reply {
    look_up(room, call, OfMap)
}

pub(super) fn clear_acl(room: &Room, call: &Call) -> Reply {
    clear(room, call, Acl)
}

pub(super) fn clear_map(room: &Room, call: &Call) -> Reply {
    clear(room, call, OfMap)
}

pub(super) fn prepare_acl(room: &Room, call: &Call) -> Reply {
    prepare(room, call, Acl)
}

pub(super) fn prepare_map(room: &Room, call: &Call) -> Reply {
    prepare(room, call, OfMap)
}

pub(super) fn commit_acl(room: &Room, call: &Call) -> Reply {
    commit(room, call, Acl)
}

pub(super) fn commit_map(room: &Room, call: &Call) -> Reply {
    commit(room, call, OfMap)
}

pub(super) fn delete_acl(room: &Room, call: &Call) -> Reply {
    delete(room, call, Acl)
}

pub(super) fn delete_map(room: &Room, call: &Call) -> Reply {
    delete(room, call, OfMap)
}

pub(super) fn add_acl(room: &Room, call: &Call) -> Reply {
    let (version, args) = versioned(call);
    let [reference, pattern, ..] = args else {
        return Reply::error("'add acl' expects two parameters: ACL identifier and pattern.");
    };
    add(room, Acl, version, reference, &[(pattern, None)])
}

pub(super) fn add_map(room: &Room, call: &Call) -> Reply {
    let (version, args) = versioned(call);
    let rows: Option<Vec<_>> = call.payload().map(|text| text.lines().map(row).collect());
    match (args, rows) {
        ([reference, ..], Some(rows)) => add(room, OfMap, version, reference, &rows),
        ([reference, key, value, ..], None) => add(room, OfMap, version, reference, &[(key, Some(value))]),
        _ => Reply::error(
            "'add map' expects three parameters (map identifier, key and value) or one parameter (map identifier) and a payload",
        ),
    }
}

pub(super) fn set_map(room: &Room, call: &Call) -> Reply {
    let [reference, key, value, ..] = call.args() else {
        return Reply::error("'set map' expects three parameters: map identifier, key and value.");
    };
    let library = room.reloader.patterns();
    let Some(at) = library.find(reference).filter(|at| OfMap.has(at)) else {
        return OfMap.unknown();
    };
    match which(key, at) {
        Some(which @ Which::Key(_)) => done(library.set(at, which, value), "entry not found."),
        Some(which) => done(library.set(at, which, value), "key or pattern not found."),
        None => Reply::error("key or pattern not found."),
    }
}

impl Family {
    fn has(self, at: &Shelved) -> bool {
        match self {
            Acl => at.has_tests,
            OfMap => at.has_maps,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Acl => "ACL",
            OfMap => "map",
        }
    }

    fn unknown(self) -> Reply {
        Reply::error(format!(
            "Unknown {} identifier. Please use #<id> or <file>.",
            self.word()
        ))
    }
}

fn show(room: &Room, call: &Call, family: Family) -> Reply {
    let library = room.reloader.patterns();
    let (version, args) = versioned(call);
    if call.args().is_empty() {
        let mut text = "# id (file) description\n".to_owned();
        for at in library.shelved.iter().filter(|at| family.has(at)) {
            let (content, forms) = (at.list.now(), library.forms(at));
            text.push_str(&format!(
                "{} ({}) {}. curr_ver={} next_ver={} entry_cnt={}\n",
                at.id,
                at.file.as_deref().unwrap_or_default(),
                at.about,
                content.current,
                content.next,
                content.len() * forms
            ));
        }
        return Reply::Output(text);
    }
    let found = args.first().and_then(|reference| library.find(reference));
    let Some(at) = found.filter(|at| family.has(at)) else {
        return family.unknown();
    };
    let content = at.list.now();
    let version = version.unwrap_or(content.current);
    Reply::Pieces(Box::new(pieces(content, version, at.id)))
}

/// Some lines at a time: a list may be long, and a client slow.
fn pieces(content: std::sync::Arc<Content>, version: u32, list: u32) -> impl Iterator<Item = String> {
    const LINES: usize = 256;
    let mut from = 0;
    std::iter::from_fn(move || {
        let text: String = content
            .of_version(version)
            .skip(from)
            .take(LINES)
            .map(|e| line(e, list))
            .collect();
        from += LINES;
        Some(text).filter(|text| !text.is_empty())
    })
}

fn line(entry: &Entry, list: u32) -> String {
    let value = entry
        .value
        .as_ref()
        .map_or_else(String::new, |value| format!(" {value}"));
    format!("{:#x} {}{value}\n", name_of(entry.number, list), entry.key)
}

/// What stands for HAProxy's addresses in memory: no two entries have the same.
fn name_of(number: u32, list: u32) -> u64 {
    (u64::from(list) + 1) << 32 | u64::from(number)
}

/// `#0x…` is the name of an entry, everything else a key.
fn which<'a>(text: &'a str, at: &Shelved) -> Option<Which<'a>> {
    let Some(name) = text.strip_prefix('#') else {
        return Some(Which::Key(text));
    };
    let name = u64::from_str_radix(name.trim_start_matches("0x"), 16).ok()?;
    let number = u32::try_from(name & u64::from(u32::MAX)).ok()?;
    (name == name_of(number, at.id)).then_some(Which::Number(number))
}

fn look_up(room: &Room, call: &Call, family: Family) -> Reply {
    let [reference, value, ..] = call.args() else {
        return Reply::error(format!("Missing {} identifier and/or key.", family.word()));
    };
    let library = room.reloader.patterns();
    let Some(at) = library.find(reference).filter(|at| family.has(at)) else {
        return family.unknown();
    };
    let findings = library.look_up(at, value);
    Reply::Output(findings.iter().map(|finding| found(finding, family)).collect())
}

fn found(finding: &Finding, family: Family) -> String {
    let case = if finding.how.any_case {
        "insensitive"
    } else {
        "sensitive"
    };
    let mut text = format!("type={}, case={case}, ", finding.how.method.name());
    let word = if family == Acl { "match" } else { "found" };
    let Some(entry) = &finding.entry else {
        return text + word + "=no\n";
    };
    let index = if entry.is_sorted { "tree" } else { "list" };
    text.push_str(&format!("{word}=yes, idx={index}"));
    text.push_str(&match (family, &entry.key) {
        (Acl, Some(key)) => format!(", pattern=\"{key}\""),
        (Acl, None) => ", pattern=unknown".to_owned(),
        (OfMap, Some(key)) => format!(", key=\"{key}\"") + &value(entry),
        (OfMap, None) => ", key=unknown".to_owned() + &value(entry),
    });
    text + "\n"
}

fn value(entry: &Fitting) -> String {
    let typed = entry.output.zip(entry.value.as_ref());
    let Some((text, Ok(sample))) = typed.map(|(output, text)| (text, Map::value(text, output))) else {
        return ", value=none".to_owned();
    };
    format!(", value=\"{text}\", type=\"{}\"", type_of(&sample))
}

fn type_of(sample: &Sample<'_>) -> &'static str {
    match sample.kind() {
        Kind::Int => "sint",
        Kind::V4 => "ipv4",
        Kind::V6 => "ipv6",
        _ => "str",
    }
}

fn add(room: &Room, family: Family, version: Option<u32>, reference: &str, rows: &[(&str, Option<&str>)]) -> Reply {
    let library = room.reloader.patterns();
    let found = library.find(reference);
    if family == Acl && found.is_some_and(|at| at.has_maps) {
        return Reply::error(
            "This ACL is shared with a map containing samples. You must use the command 'add map' to add values.",
        );
    }
    let Some(at) = found.filter(|at| family.has(at)) else {
        return family.unknown();
    };
    let word = family.word().to_lowercase();
    let future = format!("Version number in the future, please use 'prepare {word}' before.");
    done(library.add(at, version, rows), &future)
}

fn clear(room: &Room, call: &Call, family: Family) -> Reply {
    let (version, args) = versioned(call);
    let Some(reference) = args.first() else {
        return Reply::error(format!("Missing {} identifier.", family.word()));
    };
    let library = room.reloader.patterns();
    let Some(at) = library.find(reference).filter(|at| family.has(at)) else {
        return family.unknown();
    };
    library.clear(at, version);
    Reply::Done
}

fn prepare(room: &Room, call: &Call, family: Family) -> Reply {
    let library = room.reloader.patterns();
    let Some(at) = library.find(call.arg(0)).filter(|at| family.has(at)) else {
        return family.unknown();
    };
    Reply::info(format!("New version created: {}", library.prepare(at)))
}

fn commit(room: &Room, call: &Call, family: Family) -> Reply {
    let (Some(version), args) = versioned(call) else {
        return Reply::error("Missing version number.");
    };
    let library = room.reloader.patterns();
    let found = args.first().and_then(|reference| library.find(reference));
    let Some(at) = found.filter(|at| family.has(at)) else {
        return family.unknown();
    };
    done(library.commit(at, version), "Version number out of range.")
}

fn delete(room: &Room, call: &Call, family: Family) -> Reply {
    let [reference, key, ..] = call.args() else {
        return Reply::error(format!(
            "This command expects two parameters: {} identifier and key.",
            family.word()
        ));
    };
    let library = room.reloader.patterns();
    let Some(at) = library.find(reference).filter(|at| family.has(at)) else {
        return OfMap.unknown();
    };
    match which(key, at) {
        Some(which) => done(library.delete(at, which), "Key not found."),
        None => Reply::error("Key not found."),
    }
}

/// `@N` before the other arguments; what is no number is 0, as in HAProxy.
fn versioned(call: &Call) -> (Option<u32>, &[String]) {
    match call.args() {
        [first, rest @ ..] if first.starts_with('@') => (Some(first[1..].parse().unwrap_or(0)), rest),
        args => (None, args),
    }
}

/// One line of a payload: a key, and behind blanks its value.
fn row(line: &str) -> (&str, Option<&str>) {
    let (key, value) = line.trim_start().split_once([' ', '\t']).unwrap_or((line.trim(), ""));
    (key, Some(value.trim_start()))
}

/// In HAProxy's words. `otherwise` are those for what is not about an entry's text.
fn done(done: Result<(), Refusal>, otherwise: &str) -> Reply {
    let Err(refusal) = done else { return Reply::Done };
    Reply::error(match &refusal {
        Refusal::Entry(BadEntry::Key(bad)) => said(bad),
        Refusal::Entry(BadEntry::Value(bad)) => format!("unable to parse '{}'.", bad.text()),
        Refusal::NoEntry | Refusal::Future | Refusal::Version => otherwise.to_owned(),
    })
}

fn said(bad: &BadPattern) -> String {
    match bad {
        BadPattern::Number(text) => format!("'{text}' is not a number."),
        BadPattern::Version(text) => format!("'{text}' is not a dotted number."),
        BadPattern::Backwards(text) => format!("'{text}' is not a valid number range."),
        BadPattern::Mask(text) | BadPattern::Address(text) => {
            format!("'{text}' is not a valid IPv4 or IPv6 address.")
        }
        BadPattern::Hex(_) => "an even number of hex digit is expected.".to_owned(),
        BadPattern::Regex(text, why) => format!("regex '{text}' is invalid ({why})."),
    }
}
