//! Records as bytes. Little endian; texts and bodies have their length before them.
//!
//! By hand, because the format must be stable over versions of any library, and because what is damaged must be an error
//! and not a wrong record. The first byte of each record and value names its kind; numbers are never reused.

mod client;
mod topology;

use std::sync::Arc;

use bytes::Bytes;
use tandem_mq_core::{
    Asked, Cron, DoublesRecord, Kind, Message, MessageId, MessageKey, Priority, Qos, QueueId, QueueRecord, Record,
    Retain, Routed, Schedule, Value, WallMillis,
};

/// These bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a record")]
pub(crate) struct Malformed;

/// How deep records may hold records: a transaction holds others, those hold none.
const DEEPEST: u32 = 2;

/// The sender did not say.
const NO_PRIORITY: u8 = 255;

/// The sender's protocol has no word for how often.
const ANY_QOS: u8 = 255;

mod kind {
    pub(super) const QUEUE_MADE: u8 = 1;
    pub(super) const QUEUE_GONE: u8 = 2;
    pub(super) const PUT: u8 = 3;
    pub(super) const GONE: u8 = 4;
    pub(super) const ALL: u8 = 5;
    pub(super) const NUMBERS: u8 = 6;
    pub(super) const CLIENT: u8 = 7;
    pub(super) const CLIENT_GONE: u8 = 8;
    pub(super) const LISTENS: u8 = 9;
    pub(super) const LISTENS_NOT: u8 = 10;
    pub(super) const PACKET: u8 = 11;
    /// A queue that a client has declared.
    pub(super) const QUEUE_DECLARED: u8 = 12;
    /// A message that came by an exchange.
    pub(super) const PUT_ROUTED: u8 = 13;
    pub(super) const EXCHANGE_MADE: u8 = 14;
    pub(super) const EXCHANGE_GONE: u8 = 15;
    pub(super) const BOUND: u8 = 16;
    pub(super) const UNBOUND: u8 = 17;
    /// A message that waits for its time.
    pub(super) const PUT_LATER: u8 = 18;
    pub(super) const POLICY_MADE: u8 = 19;
    pub(super) const POLICY_GONE: u8 = 20;
    /// One that says what older programs do not know.
    pub(super) const POLICY_MORE: u8 = 21;
    pub(super) const TRIED: u8 = 22;
    pub(super) const DOUBLES: u8 = 23;

    pub(super) const TEXT: u8 = 1;
    pub(super) const INT: u8 = 2;
    pub(super) const FLOAT: u8 = 3;
    pub(super) const BOOL: u8 = 4;
    pub(super) const BYTES: u8 = 5;
    pub(super) const OTHER: u8 = 6;
    pub(super) const TYPED: u8 = 7;

    pub(super) const RETAIN_NOT: u8 = 0;
    pub(super) const RETAIN_ASKED: u8 = 1;
    pub(super) const RETAIN_KEPT: u8 = 2;

    pub(super) const ANYCAST: u8 = 1;
    pub(super) const MULTICAST: u8 = 2;
}

pub(crate) fn encode(record: &Record, out: &mut Vec<u8>) {
    match record {
        Record::QueueMade(made) => {
            out.push(match made.declared {
                None => kind::QUEUE_MADE,
                Some(_) => kind::QUEUE_DECLARED,
            });
            number(made.id.0, out);
            bytes(made.name.as_bytes(), out);
            bytes(made.address.as_bytes(), out);
            out.push(match made.kind {
                Kind::Anycast => kind::ANYCAST,
                Kind::Multicast => kind::MULTICAST,
            });
            maybe_text(made.filter.as_deref(), out);
            if let Some(declared) = &made.declared {
                topology::encode_declared(declared, out);
            }
        }
        Record::ExchangeMade(exchange) => {
            out.push(kind::EXCHANGE_MADE);
            topology::encode_exchange(exchange, out);
        }
        Record::ExchangeGone(name) => {
            out.push(kind::EXCHANGE_GONE);
            bytes(name.as_bytes(), out);
        }
        Record::Bound(binding) => {
            out.push(kind::BOUND);
            topology::encode_binding(binding, out);
        }
        Record::Unbound(binding) => {
            out.push(kind::UNBOUND);
            topology::encode_binding(binding, out);
        }
        Record::PolicyMade(policy) => {
            out.push(match policy.is_plain() {
                true => kind::POLICY_MADE,
                false => kind::POLICY_MORE,
            });
            topology::encode_policy(policy, out);
        }
        Record::PolicyGone(name) => {
            out.push(kind::POLICY_GONE);
            bytes(name.as_bytes(), out);
        }
        Record::QueueGone(id) => {
            out.push(kind::QUEUE_GONE);
            number(id.0, out);
        }
        Record::Put { id, queues, message } => {
            out.push(match (&message.schedule, &message.routed) {
                (Some(_), _) => kind::PUT_LATER,
                (None, None) => kind::PUT,
                (None, Some(_)) => kind::PUT_ROUTED,
            });
            number(id.0, out);
            count(queues.len(), out);
            queues.iter().for_each(|queue| number(queue.0, out));
            if let Some(schedule) = &message.schedule {
                encode_schedule(schedule, out);
            } else if let Some(routed) = &message.routed {
                bytes(routed.exchange.as_bytes(), out);
                bytes(routed.key.as_bytes(), out);
            }
            encode_message(message, out);
        }
        Record::Gone { queue, id } => {
            out.push(kind::GONE);
            number(queue.0, out);
            number(id.0, out);
        }
        Record::Tried {
            queue,
            id,
            attempts,
            until,
        } => {
            out.push(kind::TRIED);
            number(queue.0, out);
            number(id.0, out);
            number((*attempts).into(), out);
            number(until.0, out);
        }
        Record::Doubles(doubles) => {
            out.push(kind::DOUBLES);
            bytes(doubles.address.as_bytes(), out);
            number(doubles.most.into(), out);
            count(doubles.keys.len(), out);
            doubles.keys.iter().for_each(|key| out.extend(key.0.to_le_bytes()));
        }
        Record::All(records) => {
            out.push(kind::ALL);
            count(records.len(), out);
            records.iter().for_each(|record| encode(record, out));
        }
        Record::Numbers { message, queue } => {
            out.push(kind::NUMBERS);
            number(message.0, out);
            number(queue.0, out);
        }
        Record::Client(record) => {
            out.push(kind::CLIENT);
            client::encode_client(record, out);
        }
        Record::ClientGone(name) => {
            out.push(kind::CLIENT_GONE);
            bytes(name.as_bytes(), out);
        }
        Record::Listens {
            client,
            filter,
            queue,
            options,
        } => {
            out.push(kind::LISTENS);
            client::encode_listens(client, filter, *queue, options, out);
        }
        Record::ListensNot { client, filter } => {
            out.push(kind::LISTENS_NOT);
            bytes(client.as_bytes(), out);
            bytes(filter.as_bytes(), out);
        }
        Record::Packet { client, packet, step } => {
            out.push(kind::PACKET);
            client::encode_packet(client, *packet, *step, out);
        }
    }
}

fn encode_schedule(schedule: &Schedule, out: &mut Vec<u8>) {
    let Schedule { at, asked } = schedule;
    number(at.0, out);
    number(asked.delay, out);
    number(asked.period, out);
    out.extend(asked.repeat.to_le_bytes());
    maybe_text(asked.cron.as_ref().map(Cron::as_str), out);
}

fn encode_message(message: &Message, out: &mut Vec<u8>) {
    bytes(message.address.as_bytes(), out);
    out.push(u8::from(message.durable));
    out.push(message.qos.map_or(ANY_QOS, Qos::number));
    out.push(match message.retain {
        Retain::No => kind::RETAIN_NOT,
        Retain::Asked => kind::RETAIN_ASKED,
        Retain::Kept => kind::RETAIN_KEPT,
    });
    out.push(message.priority.map_or(NO_PRIORITY, Priority::number));
    // 0 is never: nobody sends what ended in 1970.
    number(message.expires.map_or(0, |at| at.0), out);
    number(message.sent.0, out);
    for text in [&message.content_type, &message.correlation_id, &message.reply_to] {
        maybe_text(text.as_deref(), out);
    }
    count(message.properties.len(), out);
    for (name, value) in &message.properties {
        bytes(name.as_bytes(), out);
        encode_value(value, out);
    }
    bytes(&message.body, out);
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            out.push(kind::TEXT);
            bytes(text.as_bytes(), out);
        }
        Value::Int(int) => {
            out.push(kind::INT);
            out.extend(int.to_le_bytes());
        }
        Value::Float(float) => {
            out.push(kind::FLOAT);
            out.extend(float.to_le_bytes());
        }
        Value::Bool(flag) => out.extend([kind::BOOL, u8::from(*flag)]),
        Value::Bytes(data) => {
            out.push(kind::BYTES);
            bytes(data, out);
        }
        Value::Other(data) => {
            out.push(kind::OTHER);
            bytes(data, out);
        }
        Value::Typed(data) => {
            out.push(kind::TYPED);
            bytes(data, out);
        }
    }
}

fn maybe_text(text: Option<&str>, out: &mut Vec<u8>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        bytes(text.as_bytes(), out);
    }
}

fn number(n: u64, out: &mut Vec<u8>) {
    out.extend(n.to_le_bytes());
}

/// Lengths are bounded far below 4 GiB by the limits on frames.
fn count(n: usize, out: &mut Vec<u8>) {
    out.extend(u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
}

fn bytes(data: &[u8], out: &mut Vec<u8>) {
    count(data.len(), out);
    out.extend_from_slice(data);
}

/// The record that `data` is, as a whole.
pub(crate) fn decode(data: &[u8]) -> Result<Record, Malformed> {
    let mut reader = Reader { data };
    let record = reader.record(0)?;
    if reader.data.is_empty() {
        Ok(record)
    } else {
        Err(Malformed)
    }
}

struct Reader<'a> {
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    fn record(&mut self, depth: u32) -> Result<Record, Malformed> {
        if depth >= DEEPEST {
            return Err(Malformed);
        }
        Ok(match self.byte()? {
            which @ (kind::QUEUE_MADE | kind::QUEUE_DECLARED) => Record::QueueMade(QueueRecord {
                id: QueueId(self.number()?),
                name: self.text()?,
                address: self.text()?,
                kind: match self.byte()? {
                    kind::ANYCAST => Kind::Anycast,
                    kind::MULTICAST => Kind::Multicast,
                    _ => return Err(Malformed),
                },
                filter: self.maybe_text()?,
                declared: (which == kind::QUEUE_DECLARED).then(|| self.declared()).transpose()?,
            }),
            kind::QUEUE_GONE => Record::QueueGone(QueueId(self.number()?)),
            kind::PUT_ROUTED => Record::Put {
                id: MessageId(self.number()?),
                queues: self.many(|reader| reader.number().map(QueueId))?,
                message: {
                    let (exchange, key) = (self.address()?, self.address()?);
                    let routed = Some(Box::new(Routed { exchange, key }));
                    Arc::new(Message {
                        routed,
                        ..self.message()?
                    })
                },
            },
            kind::PUT_LATER => Record::Put {
                id: MessageId(self.number()?),
                queues: self.many(|reader| reader.number().map(QueueId))?,
                message: {
                    let schedule = Some(Box::new(self.schedule()?));
                    Arc::new(Message {
                        schedule,
                        ..self.message()?
                    })
                },
            },
            kind::EXCHANGE_MADE => self.exchange()?,
            kind::EXCHANGE_GONE => Record::ExchangeGone(self.text()?),
            kind::BOUND => Record::Bound(self.binding()?),
            kind::UNBOUND => Record::Unbound(self.binding()?),
            kind::POLICY_MADE => Record::PolicyMade(self.policy()?),
            kind::POLICY_MORE => Record::PolicyMade(self.more_policy()?),
            kind::POLICY_GONE => Record::PolicyGone(self.text()?),
            kind::PUT => Record::Put {
                id: MessageId(self.number()?),
                queues: self.many(|reader| reader.number().map(QueueId))?,
                message: Arc::new(self.message()?),
            },
            kind::GONE => Record::Gone {
                queue: QueueId(self.number()?),
                id: MessageId(self.number()?),
            },
            kind::TRIED => Record::Tried {
                queue: QueueId(self.number()?),
                id: MessageId(self.number()?),
                attempts: u32::try_from(self.number()?).map_err(|_| Malformed)?,
                until: WallMillis(self.number()?),
            },
            kind::DOUBLES => Record::Doubles(DoublesRecord {
                address: self.text()?,
                most: u32::try_from(self.number()?).map_err(|_| Malformed)?,
                keys: self.many(|reader| Ok(MessageKey(u128::from_le_bytes(reader.array()?))))?,
            }),
            kind::ALL => Record::All(self.many(|reader| reader.record(depth + 1))?),
            kind::NUMBERS => Record::Numbers {
                message: MessageId(self.number()?),
                queue: QueueId(self.number()?),
            },
            kind::CLIENT => self.client()?,
            kind::CLIENT_GONE => Record::ClientGone(self.text()?),
            kind::LISTENS => self.listens()?,
            kind::LISTENS_NOT => Record::ListensNot {
                client: self.text()?,
                filter: self.text()?,
            },
            kind::PACKET => self.packet()?,
            _ => return Err(Malformed),
        })
    }

    fn schedule(&mut self) -> Result<Schedule, Malformed> {
        Ok(Schedule {
            at: WallMillis(self.number()?),
            asked: Asked {
                delay: self.number()?,
                period: self.number()?,
                repeat: i64::from_le_bytes(self.array()?),
                cron: match self.maybe_text()? {
                    Some(text) => Some(Cron::parse(&text).map_err(|_| Malformed)?),
                    None => None,
                },
            },
        })
    }

    fn message(&mut self) -> Result<Message, Malformed> {
        Ok(Message {
            schedule: None,
            address: self.address()?,
            routed: None,
            durable: self.flag()?,
            qos: match self.byte()? {
                ANY_QOS => None,
                bits => Some(Qos::of(bits).ok_or(Malformed)?),
            },
            retain: match self.byte()? {
                kind::RETAIN_NOT => Retain::No,
                kind::RETAIN_ASKED => Retain::Asked,
                kind::RETAIN_KEPT => Retain::Kept,
                _ => return Err(Malformed),
            },
            priority: Some(self.byte()?).filter(|own| *own != NO_PRIORITY).map(Priority::of),
            expires: Some(WallMillis(self.number()?)).filter(|at| at.0 > 0),
            sent: WallMillis(self.number()?),
            content_type: self.maybe_text()?,
            correlation_id: self.maybe_text()?,
            reply_to: self.maybe_text()?,
            properties: self.many(|reader| Ok((reader.text()?, reader.value()?)))?,
            // A copy: otherwise one small message would keep its whole segment in memory.
            body: Bytes::copy_from_slice(self.bytes()?),
        })
    }

    fn value(&mut self) -> Result<Value, Malformed> {
        Ok(match self.byte()? {
            kind::TEXT => Value::Text(self.text()?),
            kind::INT => Value::Int(i64::from_le_bytes(self.array()?)),
            kind::FLOAT => Value::Float(f64::from_le_bytes(self.array()?)),
            kind::BOOL => Value::Bool(self.flag()?),
            kind::BYTES => Value::Bytes(Bytes::copy_from_slice(self.bytes()?)),
            kind::OTHER => Value::Other(Bytes::copy_from_slice(self.bytes()?)),
            kind::TYPED => Value::Typed(Bytes::copy_from_slice(self.bytes()?)),
            _ => return Err(Malformed),
        })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.data.split_at_checked(length).ok_or(Malformed)?;
        self.data = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = u32::from_le_bytes(self.array()?);
        self.take(length as usize)
    }

    fn text(&mut self) -> Result<Box<str>, Malformed> {
        std::str::from_utf8(self.bytes()?)
            .map(Into::into)
            .map_err(|_| Malformed)
    }

    fn maybe_text(&mut self) -> Result<Option<Box<str>>, Malformed> {
        self.flag()?.then(|| self.text()).transpose()
    }

    /// What is said of the count is believed only as far as there are bytes: each thing has one at least.
    fn many<T>(&mut self, one: impl Fn(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        if count > self.data.len() {
            return Err(Malformed);
        }
        (0..count).map(|_| one(self)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
