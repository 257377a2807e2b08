//! What rules made of a connection: what they will not find out again in another process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Malformed;
use super::fields::{Reader, Writer};
use crate::expr::{Sample, Scope, Variable};
use crate::proxy_header::{Ends, Header};
use crate::rules::{Loudness, Priority};

/// Instead of a level.
const SILENT: u64 = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The address that the client connected to, as rules see it.
    pub local: Option<SocketAddr>,
    /// What the proxy before us has said of it.
    pub header: Option<Header>,
    pub variables: Vec<(Variable, Sample<'static>)>,
    /// What a rule said of its line.
    pub loudness: Option<Loudness>,
    /// What its server knows it as.
    pub unique_id: Option<Box<[u8]>>,
    /// Where the content rule is written that decided last.
    pub last_rule: Option<Arc<str>>,
    pub priority: Priority,
    /// What slows it down.
    pub limits: Vec<Limit>,
}

/// A limiter that a rule has chosen, and what the rule said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The proxy that has it.
    pub proxy: String,
    pub name: String,
    pub limit: u32,
    pub period: Duration,
    /// Of one that connections share.
    pub key: Option<Sample<'static>>,
}

mod tag {
    pub(super) const LOCAL: u8 = 1;
    pub(super) const VARIABLE: u8 = 2;
    pub(super) const HEADER: u8 = 3;
    pub(super) const LOUDNESS: u8 = 4;
    pub(super) const PRIORITY: u8 = 5;
    pub(super) const LIMIT: u8 = 6;
    pub(super) const NAMED: u8 = 7;
    pub(super) const LAST_RULE: u8 = 8;

    pub(super) const SOURCE: u8 = 1;
    pub(super) const DESTINATION: u8 = 2;
    pub(super) const AUTHORITY: u8 = 3;
    pub(super) const UNIQUE_ID: u8 = 4;
    pub(super) const DETAILS: u8 = 5;

    pub(super) const SCOPE: u8 = 1;
    pub(super) const NAME: u8 = 2;
    pub(super) const BOOL: u8 = 3;
    pub(super) const INT: u8 = 4;
    pub(super) const IP: u8 = 5;
    pub(super) const TEXT: u8 = 6;
    pub(super) const BINARY: u8 = 7;

    pub(super) const PROXY: u8 = 1;
    pub(super) const MOST: u8 = 8;
    pub(super) const PERIOD: u8 = 9;
}

impl Known {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut fields = Writer::default();
        if let Some(local) = self.local {
            fields.text(tag::LOCAL, &local.to_string());
        }
        if let Some(header) = &self.header {
            fields.bytes(tag::HEADER, &header_to_bytes(header));
        }
        if let Some(loudness) = self.loudness {
            let number = match loudness {
                Loudness::Silent => SILENT,
                Loudness::Level(level) => level.into(),
            };
            fields.number(tag::LOUDNESS, number);
        }
        if self.priority != Priority::default() {
            let Priority { class, offset } = self.priority;
            fields.text(tag::PRIORITY, &format!("{class} {offset}"));
        }
        if let Some(id) = &self.unique_id {
            fields.bytes(tag::NAMED, id);
        }
        if let Some(spot) = &self.last_rule {
            fields.text(tag::LAST_RULE, spot);
        }
        for (variable, value) in &self.variables {
            fields.bytes(tag::VARIABLE, &variable_to_bytes(variable, value));
        }
        for limit in &self.limits {
            fields.bytes(tag::LIMIT, &limit_to_bytes(limit));
        }
        fields.into_bytes()
    }

    /// A variable of a kind that this version does not know is as if it had not been set.
    pub(super) fn of_bytes(bytes: &[u8]) -> Result<Known, Malformed> {
        let fields = Reader::new(bytes)?;
        let variables = fields.all(tag::VARIABLE).map(variable_of_bytes);
        let variables: Vec<_> = variables.collect::<Result<_, _>>()?;
        let limits = fields.all(tag::LIMIT).map(limit_of_bytes);
        Ok(Known {
            local: address(fields, tag::LOCAL)?,
            header: fields.find(tag::HEADER).map(header_of_bytes).transpose()?,
            variables: variables.into_iter().flatten().collect(),
            loudness: fields.some_number(tag::LOUDNESS)?.and_then(loudness),
            unique_id: fields.find(tag::NAMED).map(Into::into),
            last_rule: fields.some_text(tag::LAST_RULE)?.map(Into::into),
            priority: fields.some_text(tag::PRIORITY)?.and_then(priority).unwrap_or_default(),
            limits: limits.collect::<Result<_, _>>()?,
        })
    }
}

/// What this version does not know is as if it had not been said.
fn loudness(number: u64) -> Option<Loudness> {
    match number {
        SILENT => Some(Loudness::Silent),
        level => u8::try_from(level).ok().filter(|level| *level < 8).map(Loudness::Level),
    }
}

fn priority(text: &str) -> Option<Priority> {
    let (class, offset) = text.split_once(' ')?;
    Some(Priority {
        class: class.parse().ok()?,
        offset: offset.parse().ok()?,
    })
}

fn address(fields: Reader<'_>, tag: u8) -> Result<Option<SocketAddr>, Malformed> {
    let address = fields.some_text(tag)?.map(str::parse).transpose();
    address.map_err(|_| Malformed::Value(tag))
}

fn header_to_bytes(header: &Header) -> Vec<u8> {
    let mut fields = Writer::default();
    if let Some(Ends { source, destination }) = header.ends {
        fields.text(tag::SOURCE, &source.to_string());
        fields.text(tag::DESTINATION, &destination.to_string());
    }
    if !header.details.is_empty() {
        fields.bytes(tag::DETAILS, &header.details);
    }
    for (tag, bytes) in [(tag::AUTHORITY, &header.authority), (tag::UNIQUE_ID, &header.unique_id)] {
        if let Some(bytes) = bytes {
            fields.bytes(tag, bytes);
        }
    }
    fields.into_bytes()
}

fn header_of_bytes(bytes: &[u8]) -> Result<Header, Malformed> {
    let fields = Reader::new(bytes)?;
    let ends = address(fields, tag::SOURCE)?.zip(address(fields, tag::DESTINATION)?);
    Ok(Header {
        ends: ends.map(|(source, destination)| Ends { source, destination }),
        authority: fields.find(tag::AUTHORITY).map(Into::into),
        unique_id: fields.find(tag::UNIQUE_ID).map(Into::into),
        details: fields.find(tag::DETAILS).map(Into::into).unwrap_or_default(),
    })
}

fn variable_to_bytes(variable: &Variable, value: &Sample<'_>) -> Vec<u8> {
    let mut fields = Writer::default();
    fields
        .number(tag::SCOPE, number_of(variable.scope))
        .text(tag::NAME, &variable.name);
    put_value(&mut fields, value);
    fields.into_bytes()
}

fn put_value(fields: &mut Writer, value: &Sample<'_>) {
    match value {
        Sample::Bool(truth) => fields.number(tag::BOOL, (*truth).into()),
        Sample::Int(number) => fields.number(tag::INT, number.cast_unsigned()),
        Sample::Ip(ip) => fields.text(tag::IP, &ip.to_string()),
        Sample::Text(text) => fields.bytes(tag::TEXT, text),
        Sample::Binary(bytes) => fields.bytes(tag::BINARY, bytes),
    };
}

fn limit_to_bytes(limit: &Limit) -> Vec<u8> {
    let mut fields = Writer::default();
    fields
        .text(tag::PROXY, &limit.proxy)
        .text(tag::NAME, &limit.name)
        .number(tag::MOST, limit.limit.into())
        .number(tag::PERIOD, u64::try_from(limit.period.as_millis()).unwrap_or(u64::MAX));
    if let Some(key) = &limit.key {
        put_value(&mut fields, key);
    }
    fields.into_bytes()
}

fn limit_of_bytes(bytes: &[u8]) -> Result<Limit, Malformed> {
    let fields = Reader::new(bytes)?;
    let most = u32::try_from(fields.number(tag::MOST)?);
    Ok(Limit {
        proxy: fields.text(tag::PROXY)?.to_owned(),
        name: fields.text(tag::NAME)?.to_owned(),
        limit: most.map_err(|_| Malformed::Value(tag::MOST))?,
        period: Duration::from_millis(fields.number(tag::PERIOD)?),
        key: value(fields)?,
    })
}

fn variable_of_bytes(bytes: &[u8]) -> Result<Option<(Variable, Sample<'static>)>, Malformed> {
    let fields = Reader::new(bytes)?;
    let (scope, name) = (fields.number(tag::SCOPE)?, fields.text(tag::NAME)?.into());
    let scope = SCOPES.into_iter().find(|known| number_of(*known) == scope);
    Ok(scope
        .zip(value(fields)?)
        .map(|(scope, value)| (Variable { scope, name }, value)))
}

fn value(fields: Reader<'_>) -> Result<Option<Sample<'static>>, Malformed> {
    let ip = fields.some_text(tag::IP)?.map(str::parse).transpose();
    let owned = |tag| fields.find(tag).map(|bytes| bytes.to_vec().into());
    let bool = fields.some_number(tag::BOOL)?.map(|truth| Sample::Bool(truth != 0));
    let int = fields
        .some_number(tag::INT)?
        .map(|number| Sample::Int(number.cast_signed()));
    let ip = ip.map_err(|_| Malformed::Value(tag::IP))?.map(Sample::Ip);
    let text = owned(tag::TEXT).map(Sample::Text);
    Ok(bool
        .or(int)
        .or(ip)
        .or(text)
        .or_else(|| owned(tag::BINARY).map(Sample::Binary)))
}

const SCOPES: [Scope; 7] = [
    Scope::Process,
    Scope::Session,
    Scope::Transaction,
    Scope::Request,
    Scope::Response,
    Scope::Check,
    Scope::Captured,
];

fn number_of(scope: Scope) -> u64 {
    match scope {
        Scope::Process => 0,
        Scope::Session => 1,
        Scope::Transaction => 2,
        Scope::Request => 3,
        Scope::Response => 4,
        Scope::Check => 5,
        Scope::Captured => 6,
    }
}
