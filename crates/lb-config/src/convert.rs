//! `haproxy.cfg` to TOML that means the same, with a receipt: what became of each line.
//!
//! What is written is read again, and the two Plans are held against each other: whoever gets a text is told whether it
//! may take the place of what it was made of.

mod receipt;
mod same;

use tandem_text::{Converted, Receipt, Verdict};

use crate::draft::{Draft, Proxy, Settings};
use crate::expr::World;
use crate::haproxy::{Journal, Place};
use crate::load::{Dialect, Drafted, NamedText, load_in};
use crate::native::{self, Piece};

pub use same::same;

/// Reads the files as one configuration. They are in HAProxy's dialect.
pub fn convert(texts: &[NamedText], world: World<'_>) -> Converted {
    let drafted = Drafted::read(texts, world, Some(Dialect::Haproxy), Some(Journal::default()));
    let usual = most_used(&drafted.draft);
    // What one section says can be more than another can take back: then each says all.
    let inherited = Document::of(&drafted, Some(usual));
    let plain = Document::of(&drafted, None);
    let sources = drafted.sources.clone();
    let loaded = drafted.resolved();
    let Some(plan) = &loaded.plan else {
        return Converted {
            toml: format!("{}{}", Receipt::left_out(&inherited.receipts), inherited.text),
            receipts: inherited.receipts,
            verdict: Verdict::Incomplete,
            diagnostics: loaded.diagnostics,
            sources,
        };
    };
    let judged = [inherited, plain].map(|document| {
        let text = NamedText::new("converted", document.text.as_bytes());
        let again = load_in(&[text], world, Some(Dialect::Toml)).plan;
        let verdict = again.map_or(Verdict::Different, |again| same(plan, &again));
        (verdict, document)
    });
    let [first, second] = judged;
    let is_better = first.0 == Verdict::Different && second.0 != Verdict::Different;
    let (verdict, document) = if is_better { second } else { first };
    Converted {
        toml: document.text,
        receipts: document.receipts,
        verdict,
        diagnostics: loaded.diagnostics,
        sources,
    }
}

/// The defaults that most sections begin with.
fn most_used(draft: &Draft) -> Option<usize> {
    let uses = |from: Option<usize>| draft.proxies.iter().filter(|proxy| proxy.settings.from == from).count();
    let all = std::iter::once(None).chain((0..draft.defaults.len()).map(Some));
    // Of equal ones the first.
    all.rev().max_by_key(|from| uses(*from)).flatten()
}

struct Document {
    text: String,
    receipts: Vec<Receipt>,
}

impl Document {
    /// With the defaults that were chosen (`Some(None)`: those that hold without any), or without.
    fn of(drafted: &Drafted, chosen: Option<Option<usize>>) -> Document {
        let (draft, nothing) = (&drafted.draft, Journal::default());
        let journal = drafted.journal.as_ref().unwrap_or(&nothing);
        let none = Settings::default();
        let of = |from: Option<usize>| from.and_then(|at| draft.defaults.get(at)).unwrap_or(&none);
        let usual = native::usual();
        let base = chosen.map_or(&usual, of);
        let mut pieces = Vec::new();
        let piece = |name, is_listed, table| Piece {
            name,
            is_listed,
            table,
            notes: native::Notes::default(),
        };
        let defaults = || piece("defaults", false, native::settings(base, crate::draft::Role::Defaults));
        let mut has_global = false;
        let mut needs_defaults = chosen == Some(None);
        // Which piece says what a section said.
        let mut places = Vec::new();
        for place in &journal.sections {
            let new = match place {
                Place::Global if has_global => None,
                Place::Global => {
                    has_global = true;
                    Some(piece("global", false, native::global(&draft.global)))
                }
                Place::Defaults(at) if chosen == Some(Some(*at)) => Some(defaults()),
                Place::Defaults(_) | Place::Nothing => Some(piece("", false, toml::Table::new())),
                Place::Proxy(role, at) => {
                    if std::mem::take(&mut needs_defaults) {
                        pieces.push(defaults());
                    }
                    let proxy = draft.proxies.get(*at).map(|proxy| match chosen {
                        Some(_) => native::proxy(proxy, base),
                        None => native::proxy(&without_defaults(proxy), base),
                    });
                    proxy.map(|table| piece(role.word(), true, table))
                }
                Place::Resolvers(at) => {
                    let section = draft.resolvers.get(*at);
                    section.map(|section| piece("resolvers", true, native::resolvers(&section.value)))
                }
                Place::Userlist(at) => {
                    let section = draft.userlists.get(*at);
                    section.map(|section| piece("userlist", true, native::userlist(section)))
                }
                Place::Ring(at) => {
                    let section = draft.rings.get(*at);
                    section.map(|section| piece("ring", true, native::ring(section)))
                }
                Place::Peers(at) => {
                    let section = draft.peers.get(*at);
                    section.map(|section| piece("peers", true, native::peers(section)))
                }
            };
            let global = pieces.iter().position(|piece: &Piece| piece.name == "global");
            places.push(if new.is_some() { Some(pieces.len()) } else { global });
            pieces.extend(new);
        }
        let receipts = receipt::all(drafted, journal, &mut pieces, &places);
        let texts = pieces.into_iter().map(Piece::text).filter(|text| !text.is_empty());
        Document {
            text: texts.collect::<Vec<_>>().join("\n"),
            receipts,
        }
    }
}

/// Each of its servers says all.
fn without_defaults(proxy: &Proxy) -> Proxy {
    let mut proxy = proxy.clone();
    let usual = native::usual();
    (proxy.settings.server, proxy.settings.server_tls) = (usual.server, usual.server_tls);
    proxy
}
