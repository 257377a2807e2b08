//! What the broker says, as methods.

use tandem_mq_wire::amqp091::{Code, Frame, Method};
use tandem_time::Mono;

use super::channel::{Getting, Mode, Promise, Unacked};
use super::mistake::Mistake;
use super::topology::Wanted;
use super::{Session, message};
use crate::broker::{self, Arranged, Delivery, Refusal};
use crate::{ConsumerId, Message, SessionId, Token};

/// Where a message of a topic of the other protocols comes from.
const TOPICS: &str = "amq.topic";

impl Session {
    pub(super) fn broker_says(&mut self, output: broker::Output, now: Mono) {
        match output {
            broker::Output::Deliver(delivery) => self.deliver(&delivery, now),
            broker::Output::Synced { session, token } => self.keep_promise(session, token),
            broker::Output::Arranged {
                session,
                request,
                answer,
            } => self.arranged(session, request, answer),
            broker::Output::Returned {
                session,
                exchange,
                key,
                message,
            } => self.returned(session, exchange, key, &message, now),
            broker::Output::Refused {
                session,
                reason,
                request,
                ..
            } => self.refused(session, reason, request, now),
            broker::Output::Abandoned { consumer } => self.abandoned(consumer),
            // For the journal, for all sessions, for those that browse, or for clients with a name.
            broker::Output::Write { .. }
            | broker::Output::Hold(_)
            | broker::Output::Omitted { .. }
            | broker::Output::Browsed { .. }
            | broker::Output::Drained { .. }
            | broker::Output::Attached { .. }
            | broker::Output::Taken { .. } => {}
        }
    }

    fn deliver(&mut self, delivery: &Delivery, now: Mono) {
        let consumer = delivery.consumer;
        // The channel may have been closed while this was on its way; then the broker has it back already.
        let Some((number, channel)) = self.channels.of(consumer.session) else {
            return;
        };
        let got = channel.getting.take_if(|getting| getting.number == consumer.number);
        let (queue, no_ack) = match (&got, channel.listeners.get(&consumer.number)) {
            (Some(getting), _) => (&*getting.queue, getting.no_ack),
            (None, Some(listener)) => (&*listener.queue, listener.no_ack),
            (None, None) => return,
        };
        let (exchange, key) = origin(delivery, queue);
        channel.last_tag += 1;
        let (tag, redelivered) = (channel.last_tag, delivery.redelivered);
        let method = match (&got, channel.listeners.get(&consumer.number)) {
            (Some(getting), _) => Method::GetOk {
                tag,
                redelivered,
                exchange,
                key,
                messages: u32::try_from(getting.left).unwrap_or(u32::MAX),
            },
            (None, listener) => Method::Deliver {
                consumer: listener.map(|listener| listener.tag.clone()).unwrap_or_default(),
                tag,
                redelivered,
                exchange,
                key,
            },
        };
        match no_ack {
            true => self.unflushed.push((consumer, delivery.delivery)),
            false => {
                let unacked = Unacked {
                    delivery: delivery.delivery,
                    consumer: consumer.number,
                    counts: got.is_none(),
                };
                channel.unacked.insert(tag, unacked);
            }
        }
        self.say_content(number, method, &delivery.message, now);
    }

    fn say_content(&mut self, number: u16, method: Method, message: &Message, now: Mono) {
        let now = self.line.wall(now);
        let properties = message::write(message, now, self.frame_max as usize);
        let content = Frame::Content(number, method, Box::new(properties), message.body.clone());
        self.line.send(content);
    }

    fn keep_promise(&mut self, session: SessionId, token: Token) {
        let Some((number, channel)) = self.channels.of(session) else {
            return;
        };
        match channel.asks.promises.remove(&token) {
            Some(Promise::Say(method)) => self.say(number, method),
            Some(Promise::Confirm { tag, request }) if channel.full.remove(&request) => {
                self.confirm_on(number);
                self.say(
                    number,
                    Method::Nack {
                        tag,
                        multiple: false,
                        requeue: false,
                    },
                );
            }
            Some(Promise::Confirm { tag, .. }) => {
                let from = channel.confirmed.map_or(tag, |(from, _)| from);
                channel.confirmed = Some((from, tag));
            }
            None => {}
        }
    }

    fn arranged(&mut self, session: SessionId, request: u64, answer: Arranged) {
        let Some((number, channel)) = self.channels.of(session) else {
            return;
        };
        let Some((_, wanted)) = channel.wanted.remove(&request) else {
            return;
        };
        let large = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let safe = match (wanted, answer) {
            (Wanted::Said(method), _) => {
                return method.into_iter().for_each(|method| self.say(number, method));
            }
            (Wanted::Cancelled { consumer, answer }, _) => {
                channel.listeners.remove(&consumer);
                return answer.into_iter().for_each(|method| self.say(number, method));
            }
            (Wanted::Got { number, queue, no_ack }, Arranged::Got { left }) => {
                channel.getting = Some(Getting {
                    number,
                    queue,
                    left,
                    no_ack,
                });
                return;
            }
            (Wanted::Got { .. }, _) => return self.say(number, Method::GetEmpty { cluster_id: "".into() }),
            (Wanted::Safe(method), _) => method,
            (Wanted::Declared { name, nowait: false }, Arranged::Queue { messages, consumers }) => {
                Some(Method::QueueDeclareOk {
                    queue: name,
                    messages: large(messages),
                    consumers: large(consumers),
                })
            }
            (Wanted::Purged { nowait: false }, Arranged::Count(messages)) => Some(Method::QueuePurgeOk {
                messages: large(messages),
            }),
            (Wanted::Deleted { nowait: false }, Arranged::Count(messages)) => Some(Method::QueueDeleteOk {
                messages: large(messages),
            }),
            (Wanted::Nothing | Wanted::Declared { .. } | Wanted::Purged { .. } | Wanted::Deleted { .. }, _) => None,
        };
        if let Some(method) = safe {
            self.promise(number, Promise::Say(method));
        }
    }

    fn returned(&mut self, session: SessionId, exchange: Box<str>, key: Box<str>, message: &Message, now: Mono) {
        let Some((number, _)) = self.channels.of(session) else {
            return;
        };
        let method = Method::Return {
            code: Code::NoRoute.number(),
            text: Code::NoRoute.to_string().into(),
            exchange,
            key,
        };
        self.say_content(number, method, message, now);
    }

    fn refused(&mut self, session: SessionId, reason: Refusal, request: u64, now: Mono) {
        let Some((number, channel)) = self.channels.of(session) else {
            return;
        };
        match (&reason, &channel.mode) {
            (Refusal::Full, Mode::Confirm { .. }) => {
                channel.full.insert(request);
                return;
            }
            // As RabbitMQ says it, which however has done the rest.
            (Refusal::Full, Mode::Transaction { .. }) => {
                let what = "a queue has no room for all of the transaction: none of it has happened";
                let commit = Method::TxCommit {}.id();
                return self.fail_channel(number, Mistake::new(Code::PreconditionFailed, what), commit, now);
            }
            _ => {}
        }
        // What was not asked for by a method with an answer was a message.
        let id = channel.wanted.remove(&request).map_or((60, 40), |(id, _)| id);
        if let Some(mistake) = Mistake::of(reason, &self.user) {
            self.fail_channel(number, mistake, id, now);
        }
    }

    /// The queue is gone, and whoever understands it is told.
    fn abandoned(&mut self, consumer: ConsumerId) {
        let Some((number, channel)) = self.channels.of(consumer.session) else {
            return;
        };
        let Some(listener) = channel.listeners.remove(&consumer.number) else {
            return;
        };
        channel.tags.remove(&listener.tag);
        if self.understands.cancel {
            self.say(
                number,
                Method::Cancel {
                    tag: listener.tag,
                    nowait: true,
                },
            );
        }
    }
}

/// The exchange and the key that a message came by.
fn origin(delivery: &Delivery, queue: &str) -> (Box<str>, Box<str>) {
    match &delivery.message.routed {
        Some(routed) => ((&*routed.exchange).into(), (&*routed.key).into()),
        None if *delivery.address == *queue => ("".into(), queue.into()),
        None => (TOPICS.into(), (&*delivery.address).into()),
    }
}
