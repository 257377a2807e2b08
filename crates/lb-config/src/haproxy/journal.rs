//! What became of each line, for whoever wants a receipt: which settings were other ones behind it.

use tandem_text::haproxy::Line;
use tandem_text::{Diagnostic, Span};
use toml::{Table, Value};

use super::{Current, Reader};
use crate::draft::{Draft, Proxy, Role};
use crate::native;

/// All lines of all files, in their order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) sections: Vec<Place>,
    pub(crate) entries: Vec<Entry>,
}

/// What a section is, in the order of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Global,
    /// By its place among them.
    Defaults(usize),
    Proxy(Role, usize),
    Resolvers(usize),
    Peers(usize),
    Userlist(usize),
    Ring(usize),
    /// Not read.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) at: Span,
    /// The place in [`Journal::sections`]; none before the first.
    pub(crate) section: Option<usize>,
    pub(crate) what: What,
    /// The keys of the native form that are otherwise behind it.
    pub(crate) keys: Vec<String>,
    pub(crate) said: Vec<Diagnostic>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Head,
    Line,
    /// `setenv` and its like.
    Environment,
    /// A condition, or what one left out.
    Decided,
}

/// The section that is being read, in the native form, as far as lines change it.
pub(super) struct Outline(Table);

impl Reader {
    /// Nothing where nobody asks.
    pub(super) fn outline(&self, draft: &Draft) -> Option<Outline> {
        self.journal.as_ref()?;
        Some(Outline(match &self.current {
            Current::Global => native::global(&draft.global),
            Current::Proxy(proxy) => outline(proxy),
            Current::Resolvers(resolvers) => native::resolvers(&resolvers.value),
            Current::Peers(peers) => native::peers(peers),
            Current::Userlist(list) => native::userlist(list),
            Current::Ring(ring) => native::ring(ring),
            Current::Nothing | Current::Skipped => Table::new(),
        }))
    }

    pub(super) fn note(
        &mut self,
        line: &Line,
        what: What,
        before: Option<Outline>,
        draft: &Draft,
        said: &[Diagnostic],
    ) {
        let Some(before) = before else { return };
        let place = match &self.current {
            Current::Global => Place::Global,
            Current::Proxy(proxy) if proxy.role == Role::Defaults => Place::Defaults(draft.defaults.len()),
            Current::Proxy(proxy) => Place::Proxy(proxy.role, draft.proxies.len()),
            Current::Resolvers(_) => Place::Resolvers(draft.resolvers.len()),
            Current::Peers(_) => Place::Peers(draft.peers.len()),
            Current::Userlist(_) => Place::Userlist(draft.userlists.len()),
            Current::Ring(_) => Place::Ring(draft.rings.len()),
            Current::Nothing | Current::Skipped => Place::Nothing,
        };
        let mut keys = Vec::new();
        if what == What::Line
            && let Some(after) = self.outline(draft)
        {
            changed(&before.0, &after.0, "", &mut keys);
            self.name_servers(&before, &mut keys);
        }
        let Some(journal) = &mut self.journal else { return };
        if what == What::Head {
            journal.sections.push(place);
        }
        journal.entries.push(Entry {
            at: line.span,
            section: journal.sections.len().checked_sub(1),
            what,
            keys,
            said: said.to_vec(),
        });
    }

    /// Servers go by their names.
    fn name_servers(&self, before: &Outline, keys: &mut Vec<String>) {
        let Current::Proxy(proxy) = &self.current else { return };
        let Some(at) = keys.iter().position(|key| key == SERVER) else {
            return;
        };
        let known = before.0.get(SERVER).and_then(Value::as_integer).unwrap_or_default();
        let new = proxy.servers.iter().skip(known.unsigned_abs() as usize);
        let names = new.map(|server| format!("{SERVER}.{}", server.name.value));
        keys.splice(at..=at, names);
    }
}

const SERVER: &str = "server";

/// Lists only grow, so their lengths are enough.
fn outline(proxy: &Proxy) -> Table {
    let mut table = native::settings(&proxy.settings, proxy.role);
    let mut count = |key: &str, count: usize| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        table.insert(key.to_owned(), Value::Integer(count));
    };
    count("bind", proxy.binds.len());
    count(SERVER, proxy.servers.len());
    for line in &proxy.rules.lines {
        let key = native::key_of(&line.keyword);
        count(
            key,
            proxy
                .rules
                .lines
                .iter()
                .filter(|other| other.keyword == line.keyword)
                .count(),
        );
    }
    let texts = [
        ("id", proxy.id.as_ref().map(|id| id.value.to_string())),
        ("guid", proxy.guid.as_ref().map(ToString::to_string)),
        ("description", proxy.description.as_ref().map(ToString::to_string)),
        (
            "server-state-file",
            proxy
                .settings
                .server_state_file
                .as_ref()
                .map(|path| path.display().to_string()),
        ),
    ];
    if let Some(forward) = &proxy.forward {
        table.insert("mode".to_owned(), Value::String(format!("forward {:?}", forward.value)));
    }
    let said = texts
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), Value::String(text?))));
    table.extend(said);
    if proxy.role == Role::Defaults {
        let (settings, rules) = (&proxy.settings, &proxy.rules);
        let mut note = |key: &str, what: String| table.insert(key.to_owned(), Value::String(what));
        let asked = [&rules.connection, &rules.session, &rules.content].map(|set| set.rules.len());
        note(
            "acl",
            format!("{}", rules.book.acls.0.iter().map(|acl| acl.tests.len()).sum::<usize>()),
        );
        note("tcp-request", format!("{:?} {asked:?}", settings.inspect_delay));
        note(
            "tcp-response",
            format!("{:?} {}", settings.response_delay, rules.response.len()),
        );
    }
    table
}

/// The keys whose values are not the same.
fn changed(before: &Table, after: &Table, path: &str, keys: &mut Vec<String>) {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    for key in after.keys().chain(gone) {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match (before.get(key), after.get(key)) {
            (before, after) if before == after => {}
            (before, Some(Value::Table(after))) => {
                let empty = Table::new();
                let before = before.and_then(Value::as_table).unwrap_or(&empty);
                changed(before, after, &path, keys);
            }
            _ => keys.push(path),
        }
    }
}
