//! The fetches and converters that ask stick tables: `sc_NAME(number[,table])`, `sc0_NAME([table])`, `src_NAME([table])` and
//! `table_NAME([table])`, with the same names in each form.

use std::sync::Arc;

use tandem_lb_core::expr::{Ask, Converter, Counter, Whose};
use tandem_lb_core::stick::DataType;

use super::args::Args;
use super::call::Call;
use super::{ExprError, Reference};
use crate::code;

/// The most numbers that there are for tracked entries.
pub(crate) const SLOTS: u8 = 12;

/// A question, and what it is called in each place where it may be asked.
pub(crate) struct Known {
    /// Behind `sc_`, `sc0_` and so on.
    tracked: Option<&'static str>,
    source: Option<&'static str>,
    converter: Option<&'static str>,
    ask: Asks,
}

#[derive(Clone, Copy)]
enum Asks {
    Plain(Ask),
    /// Of an array, whose place is the first argument.
    Array(fn(u16) -> Ask),
}

macro_rules! known {
    ($name:literal $ask:expr, $($place:ident)*) => {
        Known { $($place: Some(known!(@ $place $name)),)* ..nowhere($ask) }
    };
    (@ tracked $name:literal) => { concat!("sc_", $name) };
    (@ source $name:literal) => { concat!("src_", $name) };
    (@ converter $name:literal) => { concat!("table_", $name) };
}

const fn nowhere(ask: Asks) -> Known {
    Known {
        tracked: None,
        source: None,
        converter: None,
        ask,
    }
}

use Asks::{Array, Plain};
use DataType::*;

const KNOWN: &[Known] = &[
    known!("bytes_in_rate" Plain(Ask::Value(BytesInRate, 0)), tracked source converter),
    known!("bytes_out_rate" Plain(Ask::Value(BytesOutRate, 0)), tracked source converter),
    known!("conn_cnt" Plain(Ask::Value(ConnCnt, 0)), tracked source converter),
    known!("conn_cur" Plain(Ask::Value(ConnCur, 0)), tracked source converter),
    known!("conn_rate" Plain(Ask::Value(ConnRate, 0)), tracked source converter),
    known!("sess_cnt" Plain(Ask::Value(SessCnt, 0)), tracked source converter),
    known!("sess_rate" Plain(Ask::Value(SessRate, 0)), tracked source converter),
    known!("gpc0_rate" Plain(Ask::Value(Gpc0Rate, 0)), tracked source converter),
    known!("gpc1_rate" Plain(Ask::Value(Gpc1Rate, 0)), tracked source converter),
    known!("gpc_rate" Array(|at| Ask::Value(GpcRate, at)), tracked source converter),
    known!("kbytes_in" Plain(Ask::Kilo(BytesInCnt)), tracked source converter),
    known!("kbytes_out" Plain(Ask::Kilo(BytesOutCnt)), tracked source converter),
    known!("trackers" Plain(Ask::Trackers), tracked converter),
    known!("get_gpc0" Plain(Ask::Value(Gpc0, 0)), tracked source),
    known!("get_gpc1" Plain(Ask::Value(Gpc1, 0)), tracked source),
    known!("get_gpt0" Plain(Ask::Value(Gpt0, 0)), tracked source),
    known!("get_gpc" Array(|at| Ask::Value(Gpc, at)), tracked source),
    known!("get_gpt" Array(|at| Ask::Value(Gpt, at)), tracked source),
    known!("clr_gpc0" Plain(Ask::Clear(Gpc0, 0)), tracked source),
    known!("clr_gpc1" Plain(Ask::Clear(Gpc1, 0)), tracked source),
    known!("clr_gpc" Array(|at| Ask::Clear(Gpc, at)), tracked source),
    known!("inc_gpc0" Plain(Ask::Increase(Gpc0, 0)), tracked source),
    known!("inc_gpc1" Plain(Ask::Increase(Gpc1, 0)), tracked source),
    known!("inc_gpc" Array(|at| Ask::Increase(Gpc, at)), tracked source),
    known!("tracked" Plain(Ask::IsThere), tracked),
    known!("updt_conn_cnt" Plain(Ask::Increase(ConnCnt, 0)), source),
    known!("gpc0" Plain(Ask::Value(Gpc0, 0)), converter),
    known!("gpc1" Plain(Ask::Value(Gpc1, 0)), converter),
    known!("gpt0" Plain(Ask::Value(Gpt0, 0)), converter),
    known!("gpc" Array(|at| Ask::Value(Gpc, at)), converter),
    known!("gpt" Array(|at| Ask::Value(Gpt, at)), converter),
    known!("server_id" Plain(Ask::Value(ServerId, 0)), converter),
    known!("expire" Plain(Ask::Expire), converter),
    known!("idle" Plain(Ask::Idle), converter),
    Known {
        converter: Some("in_table"),
        ..nowhere(Plain(Ask::IsThere))
    },
];

/// As the documentation lists them; with a number, `sc_` is also `sc0_` and so on.
pub(crate) fn fetches() -> impl Iterator<Item = &'static str> {
    KNOWN
        .iter()
        .flat_map(|known| known.tracked.into_iter().chain(known.source))
}

pub(crate) fn converters() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().filter_map(|known| known.converter)
}

/// `None` when it is none of these.
pub(super) fn fetch(call: &Call<'_>, args: &mut Args<'_>) -> Option<Result<Counter, ExprError>> {
    if call.name.starts_with("src_") {
        let known = KNOWN.iter().find(|known| known.source == Some(call.name))?;
        return Some(counter(Some(Whose::Source), known.ask, args));
    }
    let (number, name) = call.name.strip_prefix("sc")?.split_once('_')?;
    let slot = match number {
        "" => None,
        number => Some(Whose::Tracked(number.parse().ok().filter(|slot| *slot < SLOTS)?)),
    };
    let is_it = |known: &&Known| known.tracked.and_then(|known| known.strip_prefix("sc_")) == Some(name);
    let known = KNOWN.iter().find(is_it)?;
    Some(counter(slot, known.ask, args))
}

/// `None` when it is none of these.
pub(super) fn converter(call: &Call<'_>, args: &mut Args<'_>) -> Option<Result<Converter, ExprError>> {
    let known = KNOWN.iter().find(|known| known.converter == Some(call.name))?;
    let made = ask_of(known.ask, args).and_then(|ask| {
        let table = named(args)?;
        let otherwise = match ask {
            Ask::Expire | Ask::Idle => args.maybe_number(i64::MIN..=i64::MAX)?,
            _ => None,
        };
        Ok(Converter::Table { table, ask, otherwise })
    });
    Some(made)
}

fn counter(of: Option<Whose>, ask: Asks, args: &mut Args<'_>) -> Result<Counter, ExprError> {
    let ask = ask_of(ask, args)?;
    let of = match of {
        Some(of) => of,
        None => {
            let slot = args.number("the number of a tracked entry", 0..=i64::from(SLOTS - 1))?;
            Whose::Tracked(u8::try_from(slot).unwrap_or(0))
        }
    };
    let table = match of {
        Whose::Source => Some(named(args)?),
        Whose::Tracked(_) => args.filled().map(|name| refer(args, name)),
    };
    Ok(Counter { of, table, ask })
}

fn ask_of(ask: Asks, args: &mut Args<'_>) -> Result<Ask, ExprError> {
    match ask {
        Plain(ask) => Ok(ask),
        Array(ask) => {
            let at = args.number("a place in the array", 0..=99)?;
            Ok(ask(u16::try_from(at).unwrap_or(0)))
        }
    }
}

/// The table that is named, or that of the proxy itself.
pub(super) fn named(args: &mut Args<'_>) -> Result<Arc<str>, ExprError> {
    match args.filled().or(args.world.proxy) {
        Some(name) => Ok(refer(args, name)),
        None => Err(ExprError::new(
            code::MISSING,
            args.at(),
            "the name of a table is missing",
        )),
    }
}

fn refer(args: &mut Args<'_>, name: &str) -> Arc<str> {
    args.refer(Reference::Table(name.to_owned()));
    name.into()
}
