//! The sections `defaults` that have names, as the backends that an operator may make of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_text::{Diagnostic, Spanned};

use super::parts::{self, Ground};
use crate::draft::{Mode, Proxy, Role, Settings};
use crate::plan::{Mould, Moulds};

pub(super) fn all(
    named: BTreeMap<Arc<str>, Spanned<Settings>>,
    ground: Ground<'_>,
    report: &mut Vec<Diagnostic>,
) -> Moulds {
    let mould = |(name, settings): (Arc<str>, Spanned<Settings>)| {
        let is_tcp = settings.value.mode == Mode::Tcp;
        let proxy = Proxy::new(Role::Backend, Spanned::new("".into(), settings.span), settings.value);
        Mould {
            name,
            is_tcp,
            backend: parts::backend(&proxy, 0, ground, report),
        }
    };
    Moulds(named.into_iter().map(mould).collect())
}
