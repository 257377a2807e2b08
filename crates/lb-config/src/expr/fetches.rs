//! The fetches by name.

mod connection;
mod constants;
mod content;
mod places;

use tandem_lb_core::expr::{Fact, Fetch};

use super::args::Args;
use super::call::Call;
use super::{ExprError, counters, refused, tls, unknown, unsupported};

type Built = Result<Fetch, ExprError>;

/// One fetch, as data that also the documentation is made of.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    build: fn(&mut Args<'_>) -> Built,
}

pub(super) const fn fetch(name: &'static str, summary: &'static str, build: fn(&mut Args<'_>) -> Built) -> Known {
    Known { name, summary, build }
}

pub(crate) fn known() -> impl Iterator<Item = &'static Known> {
    let tables = [
        constants::TABLE,
        places::TABLE,
        connection::TABLE,
        tls::TABLE,
        content::TABLE,
    ];
    tables.into_iter().flatten()
}

pub(super) fn read(call: &Call<'_>, args: &mut Args<'_>) -> Built {
    if let Some(found) = known().find(|known| known.name == call.name) {
        return (found.build)(args);
    }
    if let Some(counter) = counters::fetch(call, args) {
        return counter.map(Fetch::Counter);
    }
    match refused::why(refused::FETCHES, call.name) {
        Some(why) => Err(unsupported(call, why)),
        None => {
            let known = known().map(|known| known.name);
            Err(unknown("fetch", call, known.chain(counters::fetches())))
        }
    }
}

fn fact(fact: Fact) -> Built {
    Ok(Fetch::Fact(fact))
}
