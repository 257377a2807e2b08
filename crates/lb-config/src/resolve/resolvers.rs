//! Sections `resolvers`, and which of them a server means.

use std::sync::Arc;

use tandem_text::{Diagnostic, Spanned, nearest};

use crate::draft::{Draft, Lookup};
use crate::expr::{Reference, World};
use crate::plan::{InitAddr, Resolve, Resolvers};
use crate::{code, lookup};

/// `resolvers default` is there where nobody has written it: whom this host asks. Where nothing can be read of that, it is
/// not, and whoever names it is told so.
pub(crate) fn usual(draft: &mut Draft, world: World<'_>) {
    const NAME: &str = "default";
    let servers = draft.proxies.iter().flat_map(|proxy| &proxy.servers);
    let of_servers = servers.filter_map(|server| server.options.resolve.section.as_ref());
    let rules = draft.proxies.iter().flat_map(|proxy| &proxy.rules.book.references);
    let of_rules = rules.filter(|named| named.value == Reference::Resolvers(NAME.to_owned()));
    let named = of_servers.filter(|named| named.value == NAME).map(|named| named.span);
    let Some(span) = named.chain(of_rules.map(|named| named.span)).next() else {
        return;
    };
    let is_there = draft.resolvers.iter().any(|section| *section.value.name == *NAME);
    let (false, Ok(nameservers)) = (is_there, lookup::of_this_host(world)) else {
        return;
    };
    let usual = Resolvers {
        nameservers,
        ..Resolvers::new(NAME.into())
    };
    draft.resolvers.push(Spanned::new(usual, span));
}

pub(super) fn check(sections: &[Spanned<Resolvers>], report: &mut Vec<Diagnostic>) {
    for (place, section) in sections.iter().enumerate() {
        let name = &section.value.name;
        if sections[..place].iter().any(|before| before.value.name == *name) {
            let message = format!("there is another section `resolvers {name}` before this one");
            report.push(Diagnostic::error(code::DUPLICATE, section.span, message).help("give it another name"));
        }
        if section.value.nameservers.is_empty() {
            let message = format!("`resolvers {name}` has nobody to ask");
            let help = "write `nameserver NAME ADDRESS:53`, or `parse-resolv-conf`";
            report.push(Diagnostic::warning(code::MISSING, section.span, message).help(help));
        }
    }
}

/// How a server's name is looked up, when a section is named for it.
pub(super) fn of_server(
    lookup: &Lookup,
    sections: &[Spanned<Resolvers>],
    report: &mut Vec<Diagnostic>,
) -> Option<Arc<Resolve>> {
    let wanted = lookup.section.as_ref()?;
    let names = || sections.iter().map(|section| &*section.value.name);
    let Some(place) = names().position(|name| name == wanted.value) else {
        let message = format!("there is no section `resolvers {}`", wanted.value);
        let error = Diagnostic::error(code::UNDEFINED, wanted.span, message);
        let error = error.help(match nearest(&wanted.value, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add a section `resolvers {}`", wanted.value),
        });
        // Of a template's many servers one complains.
        if !report.contains(&error) {
            report.push(error);
        }
        return None;
    };
    Some(Arc::new(Resolve {
        resolvers: place,
        preference: lookup.preference.clone(),
        ignores_weight: lookup.ignores_weight,
    }))
}

/// What is tried for the first address, in this order.
pub(super) fn first(lookup: &Lookup) -> Arc<[InitAddr]> {
    let usual = || vec![InitAddr::Last, InitAddr::Libc];
    lookup.init.clone().unwrap_or_else(usual).into()
}
