//! What a rule does.

use std::borrow::Cow;
use std::num::NonZero;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Actor, Made, Piece, Precedence, Question, Verdict};
use crate::conn::Side;
use crate::dns::{Kind, Name};
use crate::expr::{Expr, Sample, Variable, When};
use crate::stick::DataType;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Accept,
    Reject,
    /// Of a response: without waiting for anything more.
    Close,
    /// Without a word, or with a reset that lives for so many routers.
    SilentDrop {
        ttl: Option<u8>,
    },
    /// Where all of this holds.
    SetVar(Variable, Box<[When]>, Made),
    UnsetVar(Variable),
    /// `do-resolve`: the variable becomes the address of a name, if it has one.
    Resolve {
        variable: Variable,
        resolvers: Arc<str>,
        first: Kind,
        name: Expr,
    },
    SetSrc(Expr),
    SetSrcPort(Expr),
    SetDst(Expr),
    SetDstPort(Expr),
    /// Of the packets to this side.
    SetMark(Side, Expr),
    SetTos(Side, Expr),
    SetLogLevel(Loudness),
    /// `set-priority-class`, `set-priority-offset`
    SetPriority(Precedence, Expr),
    /// A PROXY header comes first.
    ExpectProxy,
    /// `track-sc0`: counts the connection in the table's entry of this key.
    Track {
        slot: u8,
        key: Expr,
        table: Arc<str>,
    },
    /// `sc-inc-gpc0` and its like, and `sc-set-gpt0`: changes what a tracked entry holds.
    Change(Change, Expr),
    /// `set-bandwidth-limit`: from now on a limiter of this name slows the connection down.
    Slow {
        limiter: Arc<str>,
        /// Instead of what its line says.
        limit: Option<Expr>,
        /// In milliseconds.
        period: Option<Expr>,
    },
}

/// Which value of which tracked entry, and how it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub slot: u8,
    pub data: DataType,
    pub at: u16,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Add,
    Set,
}

/// Something to be done to the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    Variable(&'a Variable, VariableChange),
    Src(std::net::IpAddr),
    SrcPort(u16),
    Dst(std::net::IpAddr),
    DstPort(u16),
    /// Of the packets to this side.
    Mark(Side, u32),
    /// Of the packets to this side.
    Tos(Side, u8),
    /// Of the connection's line.
    LogLevel(Loudness),
    /// How soon it is its turn when it waits.
    Priority(Precedence, i64),
    /// The connection begins with a PROXY header.
    ExpectProxy,
    Track {
        slot: u8,
        key: Sample<'static>,
        table: &'a Arc<str>,
    },
    Change(Change, u64),
    /// From now on this limiter slows it down.
    Slow {
        limiter: &'a Arc<str>,
        limit: Option<NonZero<u32>>,
        period: Option<Duration>,
    },
}

/// `set-log-level`: how the line of a connection is written, whatever came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loudness {
    /// It is not.
    Silent,
    /// At this level of syslog, 0 (`emerg`) to 7 (`debug`).
    Level(u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableChange {
    Set(Sample<'static>),
    Unset,
}

impl Action {
    /// Whether this ends the set.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Action::Accept | Action::Reject | Action::Close | Action::SilentDrop { .. }
        )
    }

    /// What it asks for.
    pub fn exprs(&self) -> Vec<&Expr> {
        match self {
            Action::SetVar(_, _, Made::Value(expr))
            | Action::Resolve { name: expr, .. }
            | Action::SetSrc(expr)
            | Action::SetSrcPort(expr)
            | Action::SetDst(expr)
            | Action::SetDstPort(expr)
            | Action::SetMark(_, expr)
            | Action::SetTos(_, expr)
            | Action::SetPriority(_, expr)
            | Action::Track { key: expr, .. }
            | Action::Change(_, expr) => vec![expr],
            Action::SetVar(_, _, Made::Text(pieces)) => pieces.iter().filter_map(Piece::expr).collect(),
            Action::Slow { limit, period, .. } => limit.iter().chain(period).collect(),
            Action::Accept
            | Action::Reject
            | Action::Close
            | Action::SilentDrop { .. }
            | Action::UnsetVar(_)
            | Action::SetLogLevel(_)
            | Action::ExpectProxy => Vec::new(),
        }
    }

    /// `place` is that of its rule among the others.
    pub(super) fn run(&self, place: usize, actor: &mut dyn Actor) -> Option<Verdict> {
        let effect = match self {
            Action::Accept => return Some(Verdict::Pass),
            Action::Reject => return Some(Verdict::Reject),
            Action::Close => return Some(Verdict::Close),
            Action::SilentDrop { ttl } => return Some(Verdict::Drop { ttl: *ttl }),
            Action::SetVar(variable, conditions, made) => {
                let value = made.value(actor.context())?;
                if !When::all(conditions, variable, &value, actor.context()) {
                    return None;
                }
                Effect::Variable(variable, VariableChange::Set(value))
            }
            Action::UnsetVar(variable) => Effect::Variable(variable, VariableChange::Unset),
            Action::Resolve {
                resolvers, first, name, ..
            } => {
                let name = name.value(actor.context())?.into_text();
                let question = Question {
                    resolvers: resolvers.clone(),
                    name: Name::parse(std::str::from_utf8(&name).ok()?)?,
                    first: *first,
                };
                actor.look_up(question);
                return Some(Verdict::LookUp { rule: place });
            }
            Action::SetSrc(expr) => Effect::Src(expr.value(actor.context())?.as_ip()?),
            Action::SetDst(expr) => Effect::Dst(expr.value(actor.context())?.as_ip()?),
            Action::SetSrcPort(expr) => Effect::SrcPort(port(expr, actor)?),
            Action::SetDstPort(expr) => Effect::DstPort(port(expr, actor)?),
            // As many bits as there is room for, as with HAProxy.
            Action::SetMark(side, mark) => Effect::Mark(*side, mark.value(actor.context())?.as_int()? as u32),
            Action::SetTos(side, tos) => Effect::Tos(*side, tos.value(actor.context())?.as_int()? as u8),
            Action::SetLogLevel(loudness) => Effect::LogLevel(*loudness),
            Action::SetPriority(what, expr) => Effect::Priority(*what, expr.value(actor.context())?.as_int()?),
            Action::ExpectProxy => Effect::ExpectProxy,
            Action::Track { slot, key, table } => Effect::Track {
                slot: *slot,
                key: key.value(actor.context())?.into_owned(),
                table,
            },
            Action::Change(change, by) => {
                let by = by.value(actor.context())?.as_int()?;
                Effect::Change(*change, u64::try_from(by).unwrap_or(0))
            }
            Action::Slow { limiter, limit, period } => {
                // What is nothing leaves what is usual, as in HAProxy.
                let number = |expr: &Option<Expr>| {
                    let number = expr.as_ref()?.value(actor.context())?.as_int()?;
                    NonZero::new(u32::try_from(number).ok()?)
                };
                Effect::Slow {
                    limiter,
                    limit: number(limit),
                    period: number(period).map(|millis| Duration::from_millis(millis.get().into())),
                }
            }
        };
        actor.perform(effect);
        None
    }

    /// Goes on after it has waited.
    pub(super) fn resume(&self, place: usize, actor: &mut dyn Actor) -> Option<Verdict> {
        let Action::Resolve { variable, .. } = self else {
            return self.run(place, actor);
        };
        let Poll::Ready(found) = actor.looked_up() else {
            return Some(Verdict::LookUp { rule: place });
        };
        let address = VariableChange::Set(Sample::Ip(found?));
        actor.perform(Effect::Variable(variable, address));
        None
    }
}

/// Ports wrap around as 16-bit numbers, as in HAProxy.
fn port(expr: &Expr, actor: &dyn Actor) -> Option<u16> {
    Some(expr.value(actor.context())?.as_int()? as u16)
}

impl VariableChange {
    /// The text of a literal, for whoever sets one.
    pub fn text(text: &str) -> VariableChange {
        VariableChange::Set(Sample::Text(Cow::Owned(text.as_bytes().to_vec())))
    }
}
