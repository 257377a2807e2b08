//! Exchanges, queues and bindings: what a client wants to be there, and what the answer will be.

use tandem_mq_wire::amqp091::{Code, Method, Table};

use super::Session;
use super::mistake::Mistake;
use crate::broker::{self, Arrangement, Binding, Declared, ExchangeKind, To};
use crate::destination::{GENERATED, is_ours};
use crate::{ExchangeRecord, Value};

/// What is said when the broker has answered.
#[derive(Debug)]
pub(super) enum Wanted {
    Nothing,
    /// At once.
    Said(Option<Method>),
    /// When it is on disk.
    Safe(Option<Method>),
    /// The same with what the queue holds.
    Declared {
        name: Box<str>,
        nowait: bool,
    },
    Purged {
        nowait: bool,
    },
    Deleted {
        nowait: bool,
    },
    Cancelled {
        consumer: u64,
        answer: Option<Method>,
    },
    Got {
        number: u64,
        queue: Box<str>,
        no_ack: bool,
    },
}

/// Names that begin like this are ours.
const RESERVED: &str = "amq.";

impl Session {
    pub(super) fn of_topology(&mut self, number: u16, method: Method) -> Result<(), Mistake> {
        let id = method.id();
        let (wanted, what) = match method {
            Method::ExchangeDeclare {
                exchange,
                kind,
                passive,
                durable,
                auto_delete,
                internal,
                nowait,
                arguments,
                ..
            } => {
                let answer = (!nowait).then_some(Method::ExchangeDeclareOk {});
                if passive {
                    not_default(&exchange)?;
                    (Wanted::Said(answer), Arrangement::FindExchange(exchange))
                } else {
                    let record = ExchangeRecord {
                        kind: ExchangeKind::parse(&kind).ok_or_else(|| {
                            Mistake::new(Code::CommandInvalid, format!("unknown exchange type '{kind}'"))
                        })?,
                        name: exchange,
                        durable,
                        auto_delete,
                        internal,
                        arguments: values(arguments),
                    };
                    not_default(&record.name)?;
                    own_exchange(&record)?;
                    (Wanted::Safe(answer), Arrangement::Exchange(record))
                }
            }
            Method::ExchangeDelete {
                exchange,
                if_unused,
                nowait,
                ..
            } => {
                not_default(&exchange)?;
                if exchange.starts_with(RESERVED) {
                    let text = format!("deletion of system exchange '{exchange}' in vhost '/' not allowed");
                    return Err(Mistake::new(Code::AccessRefused, text));
                }
                let answer = (!nowait).then_some(Method::ExchangeDeleteOk {});
                let name = exchange;
                (Wanted::Safe(answer), Arrangement::DropExchange { name, if_unused })
            }
            Method::ExchangeBind {
                destination,
                source,
                key,
                nowait,
                arguments,
                ..
            } => {
                let answer = (!nowait).then_some(Method::ExchangeBindOk {});
                let binding = between(destination, source, key, arguments)?;
                (Wanted::Safe(answer), Arrangement::Bind(binding))
            }
            Method::ExchangeUnbind {
                destination,
                source,
                key,
                nowait,
                arguments,
                ..
            } => {
                let answer = (!nowait).then_some(Method::ExchangeUnbindOk {});
                let binding = between(destination, source, key, arguments)?;
                (Wanted::Safe(answer), Arrangement::Unbind(binding))
            }
            method => self.of_queues(number, method)?,
        };
        self.arrange(number, id, wanted, what);
        Ok(())
    }

    fn of_queues(&mut self, number: u16, method: Method) -> Result<(Wanted, Arrangement), Mistake> {
        Ok(match method {
            Method::QueueDeclare {
                queue,
                passive,
                durable,
                exclusive,
                auto_delete,
                nowait,
                arguments,
                ..
            } => {
                let declared = Declared {
                    durable,
                    exclusive,
                    auto_delete,
                    arguments: values(arguments),
                };
                self.declare(number, queue, passive, declared, nowait)?
            }
            Method::QueueBind {
                queue,
                exchange,
                key,
                nowait,
                arguments,
                ..
            } => {
                let answer = (!nowait).then_some(Method::QueueBindOk {});
                let binding = self.binding(number, queue, exchange, key, arguments)?;
                (Wanted::Safe(answer), Arrangement::Bind(binding))
            }
            Method::QueueUnbind {
                queue,
                exchange,
                key,
                arguments,
                ..
            } => {
                let binding = self.binding(number, queue, exchange, key, arguments)?;
                (
                    Wanted::Safe(Some(Method::QueueUnbindOk {})),
                    Arrangement::Unbind(binding),
                )
            }
            Method::QueuePurge { queue, nowait, .. } => {
                let queue = self.queue_name(number, queue)?;
                (Wanted::Purged { nowait }, Arrangement::Purge(queue))
            }
            Method::QueueDelete {
                queue,
                if_unused,
                if_empty,
                nowait,
                ..
            } => {
                let what = Arrangement::DropQueue {
                    name: self.queue_name(number, queue)?,
                    if_unused,
                    if_empty,
                };
                (Wanted::Deleted { nowait }, what)
            }
            method => {
                let (class, number) = method.id();
                let text = format!("method {number} of class {class} is not for clients to send");
                return Err(Mistake::new(Code::CommandInvalid, text));
            }
        })
    }

    fn declare(
        &mut self,
        number: u16,
        queue: Box<str>,
        passive: bool,
        declared: Declared,
        nowait: bool,
    ) -> Result<(Wanted, Arrangement), Mistake> {
        if passive {
            let name = self.queue_name(number, queue)?;
            self.remember(number, &name);
            let wanted = Wanted::Declared {
                name: name.clone(),
                nowait,
            };
            return Ok((wanted, Arrangement::FindQueue(name)));
        }
        if queue.starts_with(RESERVED) && !queue.starts_with(GENERATED) {
            let text = format!("queue name '{queue}' contains reserved prefix 'amq.*'");
            return Err(Mistake::new(Code::AccessRefused, text));
        }
        let is_given = !queue.is_empty();
        let name: Box<str> = match &*queue {
            // When the node began is part of it, so that no earlier one can be meant.
            "" => {
                let number = self.line.next();
                self.line.name(GENERATED, number)
            }
            _ => queue,
        };
        self.remember(number, &name);
        let wanted = Wanted::Declared {
            name: name.clone(),
            nowait,
        };
        if is_given && is_ours(&name) {
            return Ok((wanted, Arrangement::SameQueue { name, declared }));
        }
        Ok((wanted, Arrangement::Queue { name, declared }))
    }

    fn remember(&mut self, number: u16, queue: &str) {
        if let Some(channel) = self.channels.get_mut(number) {
            channel.last_queue = queue.into();
        }
    }

    /// An empty name is the last that was declared (section 1.7.2.4).
    pub(super) fn queue_name(&self, number: u16, queue: Box<str>) -> Result<Box<str>, Mistake> {
        if !queue.is_empty() {
            return Ok(queue);
        }
        match self.channels.get(number).map(|channel| &channel.last_queue) {
            Some(last) if !last.is_empty() => Ok(last.clone()),
            _ => Err(Mistake::new(Code::NotFound, "no previously declared queue")),
        }
    }

    fn binding(
        &self,
        number: u16,
        queue: Box<str>,
        source: Box<str>,
        key: Box<str>,
        arguments: Table,
    ) -> Result<Binding, Mistake> {
        not_default(&source)?;
        // Where neither is said, both are the last queue.
        let key = match queue.is_empty() && key.is_empty() {
            true => self.queue_name(number, "".into())?,
            false => key,
        };
        Ok(Binding {
            source,
            to: To::Queue(self.queue_name(number, queue)?),
            key,
            arguments: values(arguments),
        })
    }

    /// Asks for something, and remembers what the answer is for.
    pub(super) fn arrange(&mut self, number: u16, id: (u16, u16), wanted: Wanted, what: Arrangement) {
        let Some(channel) = self.channels.get(number) else {
            return;
        };
        let session = channel.asks.session;
        let request = self.ask(number, broker::Input::Arrange { session, what });
        if let Some(channel) = self.channels.get_mut(number) {
            channel.wanted.insert(request, (id, wanted));
        }
    }
}

fn between(destination: Box<str>, source: Box<str>, key: Box<str>, arguments: Table) -> Result<Binding, Mistake> {
    not_default(&source)?;
    not_default(&destination)?;
    Ok(Binding {
        source,
        to: To::Exchange(destination),
        key,
        arguments: values(arguments),
    })
}

fn not_default(exchange: &str) -> Result<(), Mistake> {
    match exchange {
        "" => Err(Mistake::new(
            Code::AccessRefused,
            "operation not permitted on the default exchange",
        )),
        _ => Ok(()),
    }
}

/// Ours may be declared again as they are, and that is all.
fn own_exchange(record: &ExchangeRecord) -> Result<(), Mistake> {
    let ours = ["direct", "fanout", "topic", "headers", "match"];
    match record.name.strip_prefix(RESERVED) {
        Some(rest) if !ours.contains(&rest) => {
            let text = format!("exchange name '{}' contains reserved prefix 'amq.*'", record.name);
            Err(Mistake::new(Code::AccessRefused, text))
        }
        _ => Ok(()),
    }
}

pub(super) fn values(table: Table) -> Vec<(Box<str>, Value)> {
    table.0.into_iter().map(|(name, value)| (name, value.into())).collect()
}
