//! Records about declared queues, exchanges and bindings.

use tandem_mq_core::broker::{Declared, ExchangeKind};
use tandem_mq_core::{BindingRecord, Destination, ExchangeRecord, PolicyRecord, QueueId, Record, Value};

use super::{Malformed, Reader, bytes, count, encode_value, maybe_text, number};

mod kind {
    pub(super) const DIRECT: u8 = 1;
    pub(super) const FANOUT: u8 = 2;
    pub(super) const TOPIC: u8 = 3;
    pub(super) const HEADERS: u8 = 4;

    pub(super) const TO_QUEUE: u8 = 1;
    pub(super) const TO_EXCHANGE: u8 = 2;

    pub(super) const NO_MORE: u8 = 0;
    pub(super) const REDELIVERY_DELAY: u8 = 1;
    pub(super) const REDELIVERY_MULTIPLIER: u8 = 2;
    pub(super) const MAX_REDELIVERY_DELAY: u8 = 3;
    pub(super) const LAST_VALUE_KEY: u8 = 4;
    pub(super) const GROUP_BUCKETS: u8 = 5;
    pub(super) const PREFETCH: u8 = 6;
    pub(super) const ID_CACHE_SIZE: u8 = 7;
}

pub(super) fn encode_declared(declared: &Declared, out: &mut Vec<u8>) {
    out.extend([declared.durable, declared.exclusive, declared.auto_delete].map(u8::from));
    encode_arguments(&declared.arguments, out);
}

pub(super) fn encode_exchange(exchange: &ExchangeRecord, out: &mut Vec<u8>) {
    bytes(exchange.name.as_bytes(), out);
    out.push(match exchange.kind {
        ExchangeKind::Direct => kind::DIRECT,
        ExchangeKind::Fanout => kind::FANOUT,
        ExchangeKind::Topic => kind::TOPIC,
        ExchangeKind::Headers => kind::HEADERS,
    });
    out.extend([exchange.durable, exchange.auto_delete, exchange.internal].map(u8::from));
    encode_arguments(&exchange.arguments, out);
}

pub(super) fn encode_binding(binding: &BindingRecord, out: &mut Vec<u8>) {
    bytes(binding.source.as_bytes(), out);
    match &binding.destination {
        Destination::Queue(queue) => {
            out.push(kind::TO_QUEUE);
            number(queue.0, out);
        }
        Destination::Exchange(name) => {
            out.push(kind::TO_EXCHANGE);
            bytes(name.as_bytes(), out);
        }
    }
    bytes(binding.key.as_bytes(), out);
    encode_arguments(&binding.arguments, out);
}

pub(super) fn encode_policy(policy: &PolicyRecord, out: &mut Vec<u8>) {
    bytes(policy.name.as_bytes(), out);
    bytes(policy.pattern.as_bytes(), out);
    number(policy.priority.into(), out);
    maybe_number(policy.max_attempts.map(u64::from), out);
    maybe_text(policy.dead_letter.as_deref(), out);
    maybe_text(policy.expiry.as_deref(), out);
    maybe_number(policy.ttl, out);
    maybe_number(policy.max_length, out);
    maybe_number(policy.max_bytes, out);
    if !policy.is_plain() {
        encode_more(policy, out);
    }
}

/// The settings that came later, as far as they are said, each behind its number.
fn encode_more(policy: &PolicyRecord, out: &mut Vec<u8>) {
    for (setting, value) in [
        (kind::REDELIVERY_DELAY, policy.redelivery_delay),
        (kind::REDELIVERY_MULTIPLIER, policy.redelivery_multiplier.map(u64::from)),
        (kind::MAX_REDELIVERY_DELAY, policy.max_redelivery_delay),
        (kind::GROUP_BUCKETS, policy.group_buckets.map(u64::from)),
        (kind::PREFETCH, policy.prefetch.map(u64::from)),
        (kind::ID_CACHE_SIZE, policy.id_cache_size.map(u64::from)),
    ] {
        if let Some(value) = value {
            out.push(setting);
            number(value, out);
        }
    }
    if let Some(key) = &policy.last_value_key {
        out.push(kind::LAST_VALUE_KEY);
        bytes(key.as_bytes(), out);
    }
    out.push(kind::NO_MORE);
}

fn maybe_number(n: Option<u64>, out: &mut Vec<u8>) {
    out.push(u8::from(n.is_some()));
    if let Some(n) = n {
        number(n, out);
    }
}

fn encode_arguments(arguments: &[(Box<str>, Value)], out: &mut Vec<u8>) {
    count(arguments.len(), out);
    for (name, value) in arguments {
        bytes(name.as_bytes(), out);
        encode_value(value, out);
    }
}

impl Reader<'_> {
    pub(super) fn declared(&mut self) -> Result<Declared, Malformed> {
        Ok(Declared {
            durable: self.flag()?,
            exclusive: self.flag()?,
            auto_delete: self.flag()?,
            arguments: self.arguments()?,
        })
    }

    pub(super) fn policy(&mut self) -> Result<PolicyRecord, Malformed> {
        Ok(PolicyRecord {
            name: self.text()?,
            pattern: self.text()?,
            priority: u32::try_from(self.number()?).map_err(|_| Malformed)?,
            max_attempts: self
                .maybe_number()?
                .map(u32::try_from)
                .transpose()
                .map_err(|_| Malformed)?,
            dead_letter: self.maybe_text()?,
            expiry: self.maybe_text()?,
            ttl: self.maybe_number()?,
            max_length: self.maybe_number()?,
            max_bytes: self.maybe_number()?,
            ..PolicyRecord::default()
        })
    }

    /// One that is not plain.
    pub(super) fn more_policy(&mut self) -> Result<PolicyRecord, Malformed> {
        let mut policy = self.policy()?;
        loop {
            match self.byte()? {
                kind::NO_MORE => return Ok(policy),
                kind::REDELIVERY_DELAY => policy.redelivery_delay = Some(self.number()?),
                kind::REDELIVERY_MULTIPLIER => policy.redelivery_multiplier = Some(self.small()?),
                kind::MAX_REDELIVERY_DELAY => policy.max_redelivery_delay = Some(self.number()?),
                kind::GROUP_BUCKETS => policy.group_buckets = Some(self.small()?),
                kind::PREFETCH => policy.prefetch = Some(self.small()?),
                kind::ID_CACHE_SIZE => policy.id_cache_size = Some(self.small()?),
                kind::LAST_VALUE_KEY => policy.last_value_key = Some(self.text()?),
                _ => return Err(Malformed),
            }
        }
    }

    fn small(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.number()?).map_err(|_| Malformed)
    }

    fn maybe_number(&mut self) -> Result<Option<u64>, Malformed> {
        self.flag()?.then(|| self.number()).transpose()
    }

    pub(super) fn exchange(&mut self) -> Result<Record, Malformed> {
        Ok(Record::ExchangeMade(ExchangeRecord {
            name: self.text()?,
            kind: match self.byte()? {
                kind::DIRECT => ExchangeKind::Direct,
                kind::FANOUT => ExchangeKind::Fanout,
                kind::TOPIC => ExchangeKind::Topic,
                kind::HEADERS => ExchangeKind::Headers,
                _ => return Err(Malformed),
            },
            durable: self.flag()?,
            auto_delete: self.flag()?,
            internal: self.flag()?,
            arguments: self.arguments()?,
        }))
    }

    pub(super) fn binding(&mut self) -> Result<BindingRecord, Malformed> {
        Ok(BindingRecord {
            source: self.text()?,
            destination: match self.byte()? {
                kind::TO_QUEUE => Destination::Queue(QueueId(self.number()?)),
                kind::TO_EXCHANGE => Destination::Exchange(self.text()?),
                _ => return Err(Malformed),
            },
            key: self.text()?,
            arguments: self.arguments()?,
        })
    }

    fn arguments(&mut self) -> Result<Vec<(Box<str>, Value)>, Malformed> {
        self.many(|reader| Ok((reader.text()?, reader.value()?)))
    }
}
