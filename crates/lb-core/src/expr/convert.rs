//! What a value goes through. Each converter says what it takes and what it gives, so a chain that cannot work is
//! refused when the configuration is read; what does not fit at run time (a text that is no address) gives no value.

mod digest;
mod hash;
mod json;
mod pieces;
mod protobuf;
mod query;
mod secret;
mod texts;
mod time;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use super::content::fix;
use super::content::{MqttField, PacketType, mqtt_field, mqtt_is_valid};
use super::{Ask, Context, Fact, Kind, Sample, Scope, ServerRef, Subject, Variable};
use crate::acl::{Map, Regex};
pub use digest::Digest;
pub use hash::HashWith;
pub use json::Taken;
pub use pieces::{Pieces, Strings};
pub use protobuf::{ProtobufField, WireValue};
pub use query::{Query, TokenPart};
pub use secret::{KeyBits, Sealing, Secret};
use tandem_text::base64;
pub use texts::{Chunks, Radix};
pub use time::TimeFormat;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Converter {
    /// `ipmask(24,64)`
    IpMask {
        v4: u32,
        v6: u128,
    },
    Text(Strings),
    Hash(HashWith),
    Digest(Digest),
    Arith(Arith, Operand),
    /// `not`: true where the value is 0.
    Not,
    Bool,
    Neg,
    /// The complement of each bit.
    Complement,
    Odd,
    Even,
    Length,
    /// Part of the bytes, from an offset.
    Bytes {
        offset: u32,
        length: Option<u32>,
    },
    /// `regsub(regex,with,flags)`
    Replace {
        regex: Regex,
        with: Box<[u8]>,
        all: bool,
    },
    /// `concat(before,variable,after)`
    Concat {
        before: Box<[u8]>,
        variable: Option<Variable>,
        after: Box<[u8]>,
    },
    /// How it compares to a variable: 0 when equal.
    Compare(Variable),
    /// `add_item(delimiter,variable,after)`: what there is of the two, behind a delimiter.
    AddItem {
        delimiter: Box<[u8]>,
        variable: Option<Variable>,
        after: Box<[u8]>,
    },
    /// `secure_memcmp`: whether it is what the variable has, in a time that says nothing of it.
    IsSecret(Variable),
    Authenticate(Digest, Secret),
    Open(Sealing, Secret),
    /// Leaves the tag in the variable, in base 64.
    Seal(Sealing, Variable),
    /// `htonl`: the last 32 bits, as networks order them.
    NetworkOrder,
    Chunks(Chunks),
    Query(Query),
    Token(TokenPart, Option<Query>),
    Protobuf(ProtobufField),
    /// `set-var`, where all of this holds; the value goes on as it is.
    Keep(Variable, Box<[When]>),
    Forget(Variable),
    Choose {
        yes: Box<[u8]>,
        no: Box<[u8]>,
    },
    Time(TimeFormat),
    FixIsValid,
    FixValue(fix::Tag),
    MqttIsValid,
    MqttField(PacketType, MqttField),
    Map(Map),
    /// `nbsrv`: the usable servers of the backend of this name.
    UsableServers,
    /// `srv_queue`: who waits for the server of this name.
    ServerQueue,
    /// What the stick table of this name says of the key that the value is, and what it is of one that it does not have.
    Table {
        table: Arc<str>,
        ask: Ask,
        otherwise: Option<i64>,
    },
}

/// When a variable is set: a word of `set-var`. Where it does not hold, nothing comes of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Exists,
    ExistsNot,
    Empty,
    Filled,
    Set,
    SetNot,
    Greater,
    Less,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    And,
    Or,
    Xor,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    Number(i64),
    Variable(Variable),
}

impl Converter {
    /// What it wants to be given.
    pub fn input(&self) -> Kind {
        match self {
            Converter::IpMask { .. } => Kind::Ip,
            Converter::Text(strings) => strings.input(),
            Converter::Hash(_)
            | Converter::Digest(_)
            | Converter::Bytes { .. }
            | Converter::FixIsValid
            | Converter::FixValue(_)
            | Converter::MqttIsValid
            | Converter::IsSecret(_)
            | Converter::Authenticate(..)
            | Converter::Open(..)
            | Converter::Seal(..)
            | Converter::Chunks(_)
            | Converter::Token(..)
            | Converter::Protobuf(_)
            | Converter::MqttField(..) => Kind::Binary,
            Converter::NetworkOrder
            | Converter::Arith(..)
            | Converter::Not
            | Converter::Bool
            | Converter::Neg
            | Converter::Complement
            | Converter::Odd
            | Converter::Even
            | Converter::Time(_) => Kind::Int,
            Converter::Choose { .. } => Kind::Bool,
            Converter::Length
            | Converter::Replace { .. }
            | Converter::Concat { .. }
            | Converter::Compare(_)
            | Converter::AddItem { .. }
            | Converter::Query(_)
            | Converter::ServerQueue
            | Converter::UsableServers => Kind::Text,
            Converter::Map(map) => map.input(),
            Converter::Table { .. } | Converter::Keep(..) | Converter::Forget(_) => Kind::Any,
        }
    }

    /// What it gives for a value of this type.
    pub fn output(&self, given: Kind) -> Kind {
        match self {
            Converter::IpMask { .. } => match given {
                Kind::V4 | Kind::V6 => given,
                _ => Kind::Ip,
            },
            Converter::Text(strings) => strings.output(),
            Converter::Digest(_)
            | Converter::Authenticate(..)
            | Converter::Open(..)
            | Converter::Seal(..)
            | Converter::NetworkOrder
            | Converter::Bytes { .. }
            | Converter::FixValue(_) => Kind::Binary,
            Converter::Protobuf(field) => field.kind(),
            Converter::Query(_) | Converter::Token(..) => Kind::Any,
            Converter::Keep(..) | Converter::Forget(_) => given,
            Converter::Hash(_)
            | Converter::Arith(..)
            | Converter::Neg
            | Converter::Complement
            | Converter::Length
            | Converter::Compare(_)
            | Converter::ServerQueue
            | Converter::UsableServers => Kind::Int,
            Converter::Not | Converter::Bool | Converter::Odd | Converter::Even => Kind::Bool,
            Converter::MqttIsValid | Converter::FixIsValid | Converter::IsSecret(_) => Kind::Bool,
            Converter::Replace { .. }
            | Converter::Concat { .. }
            | Converter::AddItem { .. }
            | Converter::Chunks(_)
            | Converter::Choose { .. }
            | Converter::Time(_)
            | Converter::MqttField(..) => Kind::Text,
            Converter::Map(map) => map.output(),
            Converter::Table { ask, .. } => ask.kind(),
        }
    }

    pub(super) fn apply<'a>(&'a self, sample: Sample<'a>, context: &'a dyn Context) -> Option<Sample<'a>> {
        let text = |bytes: Cow<'a, [u8]>| Some(Sample::Text(bytes));
        let binary = |bytes: Vec<u8>| Sample::Binary(Cow::Owned(bytes));
        match self {
            Converter::IpMask { v4, v6 } => Some(Sample::Ip(match sample.as_ip()? {
                IpAddr::V4(ip) => IpAddr::V4((u32::from(ip) & v4).into()),
                IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & v6).into()),
            })),
            Converter::Text(strings) => strings.apply(sample),
            Converter::Digest(digest) => Some(Sample::Binary(digest.apply(&sample.into_binary()?).into())),
            Converter::Hash(with) => Some(Sample::Int(with.apply(&sample.into_binary()?))),
            Converter::Arith(arith, operand) => {
                let right = operand.value(context)?;
                Some(Sample::Int(arith.apply(sample.as_int()?, right)))
            }
            Converter::Not => Some(Sample::Bool(sample.as_int()? == 0)),
            Converter::Bool => Some(Sample::Bool(sample.as_int()? != 0)),
            Converter::Neg => Some(Sample::Int(sample.as_int()?.wrapping_neg())),
            Converter::Complement => Some(Sample::Int(!sample.as_int()?)),
            Converter::Odd => Some(Sample::Bool(sample.as_int()? & 1 == 1)),
            Converter::Even => Some(Sample::Bool(sample.as_int()? & 1 == 0)),
            Converter::Length => Some(Sample::Int(sample.into_text().len() as i64)),
            Converter::Bytes { offset, length } => {
                Some(Sample::Binary(pieces::cut(sample.into_binary()?, *offset, *length)))
            }
            Converter::Replace { regex, with, all } => text(regex.replace(sample.into_text(), with, *all)),
            Converter::Concat {
                before,
                variable,
                after,
            } => {
                let mut whole = sample.into_text().into_owned();
                whole.extend_from_slice(before);
                if let Some(value) = variable.as_ref().and_then(|v| context.variable(v)) {
                    whole.extend_from_slice(&value.into_text());
                }
                whole.extend_from_slice(after);
                text(Cow::Owned(whole))
            }
            Converter::Compare(variable) => {
                let other = context.variable(variable)?.into_text();
                Some(Sample::Int(sample.into_text().cmp(&other) as i64))
            }
            Converter::AddItem {
                delimiter,
                variable,
                after,
            } => {
                let value = variable.as_ref().and_then(|v| context.variable(v));
                let value = value.map(Sample::into_text).unwrap_or_default();
                let mut whole = sample.into_text().into_owned();
                let adds = !value.is_empty() || !after.is_empty();
                if adds && !whole.is_empty() {
                    whole.extend_from_slice(delimiter);
                }
                whole.extend_from_slice(&value);
                whole.extend_from_slice(after);
                text(Cow::Owned(whole))
            }
            Converter::IsSecret(variable) => {
                let known = context.variable(variable)?.into_binary()?;
                Some(Sample::Bool(tandem_text::secret::same(&sample.into_binary()?, &known)))
            }
            Converter::Authenticate(digest, key) => {
                secret::authenticate(*digest, &key.bytes(context)?, &sample.into_binary()?).map(binary)
            }
            Converter::Open(sealing, tag) => sealing
                .open(sample.into_binary()?.into_owned(), tag, context)
                .map(binary),
            Converter::Seal(sealing, into) => {
                let (sealed, tag) = sealing.seal(sample.into_binary()?.into_owned(), context)?;
                context.keep(into, Some(Sample::Text(Cow::Owned(base64::encode(&tag, false)))));
                Some(binary(sealed))
            }
            Converter::NetworkOrder => Some(binary((sample.as_int()? as u32).to_be_bytes().to_vec())),
            Converter::Chunks(chunks) => text(Cow::Owned(chunks.of(&sample.into_binary()?))),
            Converter::Query(query) => query.of(&sample.into_text()),
            Converter::Token(part, query) => {
                let part = part.of(&sample.into_binary()?)?;
                match query {
                    Some(query) => query.of(&part),
                    None => text(Cow::Owned(part)),
                }
            }
            Converter::Protobuf(field) => field.of(sample.into_binary()?),
            Converter::Keep(variable, conditions) => {
                if !When::all(conditions, variable, &sample, context) {
                    return None;
                }
                context.keep(variable, Some(sample.borrow().into_owned()));
                Some(sample)
            }
            Converter::Forget(variable) => {
                context.keep(variable, None);
                Some(sample)
            }
            Converter::Choose { yes, no } => text(Cow::Borrowed(if sample.as_bool()? { yes } else { no })),
            Converter::Time(format) => text(Cow::Owned(format.write(sample.as_int()?, context).into_bytes())),
            Converter::FixIsValid => fix::is_valid(&sample.into_binary()?).map(Sample::Bool),
            Converter::FixValue(tag) => match sample.into_binary()? {
                Cow::Borrowed(bytes) => fix::value(bytes, *tag).map(|value| Sample::Binary(value.into())),
                Cow::Owned(bytes) => {
                    let value = fix::value(&bytes, *tag)?.to_vec();
                    Some(Sample::Binary(value.into()))
                }
            },
            Converter::MqttIsValid => Some(Sample::Bool(mqtt_is_valid(&sample.into_binary()?))),
            Converter::MqttField(packet, field) => match sample.into_binary()? {
                Cow::Borrowed(bytes) => mqtt_field(bytes, *packet, *field),
                Cow::Owned(bytes) => mqtt_field(&bytes, *packet, *field).map(Sample::into_owned),
            },
            Converter::Map(map) => map.find(&sample),
            Converter::Table { table, ask, otherwise } => {
                let answer = context.counter(Subject::Key(sample), Some(table), *ask);
                answer.or_else(|| otherwise.map(Sample::Int))
            }
            Converter::ServerQueue => {
                let name = String::from_utf8(sample.into_text().into_owned()).ok()?;
                context
                    .fact(&Fact::ServerQueue(ServerRef::parse(&name)))
                    .map(Sample::into_owned)
            }
            Converter::UsableServers => {
                let name = String::from_utf8(sample.into_text().into_owned()).ok()?;
                context
                    .fact(&Fact::UsableServers(Some(name.into())))
                    .map(Sample::into_owned)
            }
        }
    }
}

impl When {
    /// Whether the variable is to be set to this.
    pub(crate) fn all(conditions: &[When], variable: &Variable, new: &Sample<'_>, context: &dyn Context) -> bool {
        if conditions.is_empty() {
            return true;
        }
        let known = context.variable(variable);
        // The process has each variable that is set somewhere, whether it was set or not.
        let exists = known.is_some() || variable.scope == Scope::Process;
        conditions.iter().all(|when| when.holds(exists, known.as_ref(), new))
    }

    fn holds(self, exists: bool, known: Option<&Sample<'_>>, new: &Sample<'_>) -> bool {
        let is_empty = matches!(new, Sample::Text(bytes) | Sample::Binary(bytes) if bytes.is_empty());
        // What are no numbers, or not two, is not compared.
        let is_otherwise = |order: Ordering| match (known, new) {
            (Some(Sample::Int(known)), Sample::Int(new)) => known.cmp(new) != order,
            _ => false,
        };
        match self {
            When::Exists => exists,
            When::ExistsNot => !exists,
            When::Set => known.is_some(),
            When::SetNot => known.is_none(),
            When::Empty => is_empty,
            When::Filled => !is_empty,
            When::Greater => !is_otherwise(Ordering::Greater),
            When::Less => !is_otherwise(Ordering::Less),
        }
    }
}

impl Operand {
    fn value(&self, context: &dyn Context) -> Option<i64> {
        match self {
            Operand::Number(n) => Some(*n),
            Operand::Variable(variable) => context.variable(variable)?.as_int(),
        }
    }
}

impl Arith {
    /// Saturating, as in HAProxy; dividing by 0 gives the greatest number, and its remainder is 0.
    fn apply(self, left: i64, right: i64) -> i64 {
        match self {
            Arith::Add => left.saturating_add(right),
            Arith::Sub => left.saturating_sub(right),
            Arith::Mul => left.saturating_mul(right),
            Arith::Div if right == 0 => i64::MAX,
            Arith::Div => left.saturating_div(right),
            Arith::Mod => left.checked_rem(right).unwrap_or(0),
            Arith::And => left & right,
            Arith::Or => left | right,
            Arith::Xor => left ^ right,
        }
    }
}

#[cfg(test)]
mod tests;
