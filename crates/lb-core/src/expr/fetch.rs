//! Where a value comes from.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Context, Counter, Fact, Fetched, Kind, Part, Sample, Subject, Whose};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Written in the configuration.
    Constant(Sample<'static>),
    /// A variable of the environment that is not set.
    Nothing,
    Fact(Fact),
    /// Whether a password of this list was shown, and the groups of who showed it.
    Authenticated(Arc<str>),
    Group(Arc<str>),
    /// What a stick table says of this connection.
    Counter(Counter),
    /// Something in the client's first bytes.
    Part(Part),
    /// Something in the server's first bytes.
    Response(Part),
    /// Something in the bytes that the rule is about, whoever sent them.
    Either(Part),
    Variable(Variable),
    /// The same, or this text while it is not set.
    VariableOr(Variable, Box<[u8]>),
    /// How many of a unit have passed since 1970, plus an offset.
    Date {
        unit: TimeUnit,
        offset: i64,
    },
    /// The microseconds within the second.
    DateMicros,
    /// True once nothing more will be waited for.
    WaitEnd,
}

/// What moments are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    Seconds,
    Millis,
    Micros,
}

/// `scope.name`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variable {
    pub scope: Scope,
    pub name: Arc<str>,
}

/// How long a variable lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Process,
    Session,
    Transaction,
    Request,
    Response,
    /// Of one health check.
    Check,
    /// What `capture` keeps of a connection for its line, by numbers from 0. No configuration can spell it.
    Captured,
}

impl TimeUnit {
    /// How many microseconds it is.
    pub const fn micros(self) -> i64 {
        match self {
            TimeUnit::Seconds => 1_000_000,
            TimeUnit::Millis => 1_000,
            TimeUnit::Micros => 1,
        }
    }
}

impl Variable {
    /// What the rule of this number has kept.
    pub fn captured(number: u16) -> Variable {
        Variable {
            scope: Scope::Captured,
            name: number.to_string().into(),
        }
    }
}

impl Fetch {
    /// Whether only a connection can answer.
    pub fn needs_connection(&self) -> bool {
        match self {
            Fetch::Constant(_) | Fetch::Nothing | Fetch::Date { .. } | Fetch::DateMicros => false,
            Fetch::Fact(fact) => !matches!(fact, Fact::Hostname | Fact::ProcessNumber),
            Fetch::Variable(variable) | Fetch::VariableOr(variable, _) => variable.scope != Scope::Process,
            Fetch::Counter(_) | Fetch::Part(_) | Fetch::Response(_) | Fetch::Either(_) | Fetch::WaitEnd => true,
            Fetch::Authenticated(_) | Fetch::Group(_) => true,
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Fetch::Constant(sample) => sample.kind(),
            Fetch::Fact(fact) => fact.kind(),
            Fetch::Counter(counter) => counter.ask.kind(),
            Fetch::Part(part) | Fetch::Response(part) | Fetch::Either(part) => part.kind(),
            Fetch::Nothing | Fetch::Group(_) => Kind::Text,
            Fetch::Authenticated(_) => Kind::Bool,
            Fetch::Variable(_) | Fetch::VariableOr(..) => Kind::Any,
            Fetch::Date { .. } | Fetch::DateMicros => Kind::Int,
            Fetch::WaitEnd => Kind::Bool,
        }
    }

    /// Whether it reads the client's bytes, so that it makes no sense before there are any.
    pub fn needs_content(&self) -> bool {
        matches!(
            self,
            Fetch::Part(_) | Fetch::Response(_) | Fetch::Either(_) | Fetch::WaitEnd
        )
    }

    /// Whether there may be several values, of which any counts.
    pub(crate) fn is_several(&self) -> bool {
        matches!(self, Fetch::Group(_))
            || matches!(self, Fetch::Part(part) | Fetch::Response(part) | Fetch::Either(part) if part.is_several())
    }

    /// The `nth` value.
    pub(super) fn eval<'a>(&'a self, context: &'a dyn Context, nth: usize) -> Fetched<'a> {
        match self {
            Fetch::Constant(sample) => Fetched::Known(sample.borrow()),
            Fetch::Nothing => Fetched::Missing,
            Fetch::Fact(fact) => Fetched::of(context.fact(fact)),
            Fetch::Authenticated(list) => Fetched::Known(Sample::Bool(context.groups(list).is_some())),
            Fetch::Group(list) => {
                let group = context.groups(list).and_then(|groups| groups.get(nth));
                Fetched::of(group.map(|group| Sample::text(group)))
            }
            Fetch::Counter(counter) => {
                let subject = match counter.of {
                    Whose::Tracked(slot) => Some(Subject::Tracked(slot)),
                    Whose::Source => context.fact(&Fact::Src).map(Subject::Key),
                };
                let asked = subject.and_then(|of| context.counter(of, counter.table.as_ref(), counter.ask));
                Fetched::of(asked)
            }
            Fetch::Part(part) => part.of(context.content(), nth),
            Fetch::Response(part) => part.of(context.response(), nth),
            Fetch::Either(part) => part.of(context.response().or_else(|| context.content()), nth),
            Fetch::Variable(variable) => Fetched::of(context.variable(variable)),
            Fetch::VariableOr(variable, otherwise) => {
                let otherwise = || Sample::Text(Cow::Borrowed(otherwise));
                Fetched::Known(context.variable(variable).unwrap_or_else(otherwise))
            }
            Fetch::Date { unit, offset } => {
                let passed = context.wall_micros().div_euclid(unit.micros());
                Fetched::Known(Sample::Int(passed.saturating_add(*offset)))
            }
            Fetch::DateMicros => Fetched::Known(Sample::Int(context.wall_micros().rem_euclid(1_000_000))),
            Fetch::WaitEnd => match context.response().or_else(|| context.content()) {
                Some(content) if !content.is_final => Fetched::Unknown,
                _ => Fetched::Known(Sample::Bool(true)),
            },
        }
    }
}

impl Fact {
    fn kind(&self) -> Kind {
        match self {
            Fact::Tls(fact) => fact.kind(),
            Fact::Src | Fact::Dst | Fact::ServerSide(_) => Kind::Ip,
            Fact::Tlv(_) => Kind::Binary,
            Fact::SrcIsLocal | Fact::DstIsLocal | Fact::ProxyHeader | Fact::ServerIsUp(_) | Fact::IsStopping => {
                Kind::Bool
            }
            Fact::FrontendName
            | Fact::BackendName
            | Fact::DefaultBackend
            | Fact::Trouble { in_words: true, .. }
            | Fact::ServerName
            | Fact::ListenerName
            | Fact::ProxyAuthority
            | Fact::ProxyUniqueId
            | Fact::Identity
            | Fact::LastRuleFile
            | Fact::Hostname
            | Fact::Checked
            | Fact::Uuid => Kind::Text,
            _ => Kind::Int,
        }
    }
}
