//! The stick tables of all proxies, and whether what names one names one that is there.

use tandem_lb_core::expr::Kind;
use tandem_lb_core::rules::Storing;
use tandem_lb_core::stick::{DataType, KeyType, TableSettings};
use tandem_text::{Diagnostic, Span};

use super::references::unless_known;
use crate::code;
use crate::draft::{OwnTable, Peers, Proxy};
use crate::expr::Reference;
use crate::plan::Table;

pub(super) fn all(proxies: &[Proxy], sections: &[Peers], report: &mut Vec<Diagnostic>) -> Vec<Table> {
    let mut tables = of_peers(sections, report);
    for proxy in proxies {
        let Some(table) = &proxy.table else { continue };
        let name = &proxy.name.value;
        if tables.iter().any(|known: &Table| known.name == *name) {
            let message =
                format!("another proxy named `{name}` has a stick-table already, and tables go by these names");
            report.push(
                Diagnostic::error(code::DUPLICATE, table.span, message).help("give one of the proxies another name"),
            );
            continue;
        }
        let OwnTable { settings, peers } = &table.value;
        let shared = peers
            .as_ref()
            .filter(|peers| super::peers::named(&peers.value, peers.span, sections, report));
        tables.push(Table {
            name: name.clone(),
            settings: TableSettings {
                is_shared: shared.is_some(),
                ..settings.clone()
            },
            peers: shared.map(|peers| peers.value.as_str().into()),
        });
    }
    for proxy in proxies {
        for rule in &proxy.stick_rules {
            let named = tables.iter_mut().find(|table| table.name == rule.value.table);
            // Who went where is what these rules are about.
            if let Some(table) = named {
                table.settings.also(DataType::ServerId);
                table.settings.also(DataType::ServerKey);
            }
        }
    }
    let spans = proxies
        .iter()
        .filter_map(|proxy| Some((&proxy.name.value, proxy.table.as_ref()?.span)));
    let of_sections = sections.iter().flat_map(|section| &section.tables);
    let spans = spans.chain(of_sections.map(|table| (&table.name.value, table.name.span)));
    report.extend(spans.filter_map(|(name, at)| misdirected(name, at, &tables)));
    for proxy in proxies.iter().filter(|proxy| !proxy.settings.disabled) {
        let mut missing: Vec<Diagnostic> = proxy
            .rules
            .book
            .references
            .iter()
            .filter_map(|reference| match &reference.value {
                Reference::Table(name) => unknown(proxy, name, reference.span, &tables),
                Reference::Stored(name, data) => not_stored(name, *data, reference.span, &tables),
                Reference::Keyed(name, kind) => never_a_key(name, *kind, reference.span, &tables),
                _ => None,
            })
            .collect();
        missing.dedup();
        report.extend(missing);
        in_vain(proxy, proxies, report);
    }
    tables
}

/// What peers say in one table goes to another one, of the same keys.
fn misdirected(name: &str, at: Span, tables: &[Table]) -> Option<Diagnostic> {
    let named = |name: &str| tables.iter().find(|table| *table.name == *name);
    let own = named(name)?;
    let wanted = own.settings.write_to.as_ref()?;
    let Some(other) = named(wanted) else {
        return unless_known("stick-table", wanted, tables.iter().map(|table| &*table.name), at);
    };
    let wrong = if other.name == own.name {
        "a table cannot be told what it is told itself"
    } else if other.settings.key != own.settings.key {
        "the keys of the other table are of another type or length"
    } else if other.settings.write_to.is_some() {
        "the other table has a `write-to` of its own"
    } else {
        return None;
    };
    let help = "write `write-to` and the name of another table of the same type that has none";
    Some(Diagnostic::error(code::CONFLICT, at, wrong).help(help))
}

/// Those that belong to no proxy.
fn of_peers(sections: &[Peers], report: &mut Vec<Diagnostic>) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for section in sections {
        for table in &section.tables {
            let name = &table.name.value;
            if tables.iter().any(|known| known.name == *name) {
                let message = format!("there is another table `{name}`");
                report.push(Diagnostic::error(code::DUPLICATE, table.name.span, message).help("give it another name"));
                continue;
            }
            let is_shared = !section.plan.disabled;
            tables.push(Table {
                name: name.clone(),
                settings: TableSettings {
                    is_shared,
                    ..table.settings.clone()
                },
                peers: is_shared.then(|| section.plan.name.clone()),
            });
        }
    }
    tables
}

fn unknown(proxy: &Proxy, name: &str, at: Span, tables: &[Table]) -> Option<Diagnostic> {
    let diagnostic = unless_known("stick-table", name, tables.iter().map(|table| &*table.name), at)?;
    if *name != *proxy.name.value {
        return Some(diagnostic);
    }
    let message = format!("{} `{name}` has no stick-table", proxy.role.word());
    Some(Diagnostic::error(code::UNDEFINED, at, message).help("add `stick-table type ip size 200k`"))
}

fn not_stored(name: &str, data: DataType, at: Span, tables: &[Table]) -> Option<Diagnostic> {
    let table = tables.iter().find(|table| *table.name == *name)?;
    if table.settings.stores(data) {
        return None;
    }
    let message = format!("the stick-table `{name}` does not store `{}`", data.name());
    let help = format!("add `store {}(1s)` to it", data.name());
    Some(Diagnostic::error(code::CONFLICT, at, message).help(help))
}

/// A value that never becomes a key of this table: nobody would ever be found in it.
fn never_a_key(name: &str, kind: Kind, at: Span, tables: &[Table]) -> Option<Diagnostic> {
    let table = tables.iter().find(|table| *table.name == *name)?;
    let wanted = match table.settings.key {
        KeyType::Ipv4 => Kind::V4,
        KeyType::Ipv6 => Kind::V6,
        KeyType::Integer => Kind::Int,
        KeyType::Text { .. } => Kind::Text,
        KeyType::Binary { .. } => Kind::Binary,
    };
    if kind.becomes(wanted) {
        return None;
    }
    let (kind, wanted) = (kind.word(), wanted.word());
    let message = format!("this is of type {kind}, and keys of the stick-table `{name}` are of type {wanted}");
    let help = "give the table a type that holds it, or convert the value: bytes become a string with `hex`, a number with `be2dec`";
    Some(Diagnostic::error(code::CONFLICT, at, message).help(help))
}

/// A table that nobody fills.
fn in_vain(proxy: &Proxy, proxies: &[Proxy], report: &mut Vec<Diagnostic>) {
    let Some(table) = &proxy.table else { return };
    let name = &proxy.name.value;
    let names = |other: &Proxy| {
        let mut references = other.rules.book.references.iter();
        references.any(|r| matches!(&r.value, Reference::Table(named) if **named == **name))
    };
    let stores = |other: &Proxy| {
        let mut rules = other.stick_rules.iter();
        rules.any(|rule| rule.value.table == *name && (rule.value.matches || rule.value.stores != Storing::Never))
    };
    if !proxies.iter().any(|other| names(other) || stores(other)) {
        report.push(
            Diagnostic::warning(code::INCOMPLETE, table.span, "no rule uses this table").help("add `stick on src`"),
        );
    }
}
