//! One channel: what it holds and what it waits for, its opening and its end, and which method does what.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tandem_mq_wire::amqp091::{Code, Method};
use tandem_time::Mono;

use super::mistake::Mistake;
use super::publish::Content;
use super::topology::Wanted;
use super::{Output, Session};
use crate::broker::{self, Arrangement};
use crate::{ConsumerId, DeliveryId, SessionId, Token, TransactionId};

/// The one transaction of a channel.
pub(super) const TRANSACTION: TransactionId = TransactionId(1);

/// What becomes of what is sent.
#[derive(Debug, Default)]
pub(super) enum Mode {
    #[default]
    Plain,
    /// Each message has a number, and is confirmed by it.
    Confirm { last: u64 },
    /// What was acknowledged in the open transaction.
    Transaction { settled: Vec<(u64, Unacked)> },
}

/// Handed out, and not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unacked {
    pub(super) delivery: DeliveryId,
    pub(super) consumer: u64,
    /// Gives room when it is settled.
    pub(super) counts: bool,
}

/// One consumer.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) tag: Box<str>,
    pub(super) queue: Box<str>,
    pub(super) no_ack: bool,
}

/// What is said when everything until now is safe.
#[derive(Debug)]
pub(super) enum Promise {
    Say(Method),
    /// The message by this number, which this input brought.
    Confirm {
        tag: u64,
        request: u64,
    },
}

/// A message that was asked for is on its way.
#[derive(Debug)]
pub(super) struct Getting {
    pub(super) number: u64,
    pub(super) queue: Box<str>,
    pub(super) left: usize,
    pub(super) no_ack: bool,
}

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) session: SessionId,
    /// How many inputs the broker has had from it.
    pub(super) requests: u64,
    /// We have said that it is over, and the client has not yet heard it.
    pub(super) closing: bool,
    pub(super) mode: Mode,
    pub(super) last_tag: u64,
    pub(super) unacked: BTreeMap<u64, Unacked>,
    pub(super) listeners: BTreeMap<u64, Listener>,
    pub(super) tags: BTreeMap<Box<str>, u64>,
    /// For consumers that come from now on; 0 is no limit.
    pub(super) prefetch: u16,
    pub(super) content: Option<Content>,
    /// What an empty name of a queue means.
    pub(super) last_queue: Box<str>,
    pub(super) wanted: BTreeMap<u64, ((u16, u16), Wanted)>,
    pub(super) getting: Option<Getting>,
    pub(super) promises: BTreeMap<Token, Promise>,
    /// Inputs that found a queue full.
    pub(super) full: BTreeSet<u64>,
    /// Confirmed and not yet said: from here to there.
    pub(super) confirmed: Option<(u64, u64)>,
}

impl Channel {
    fn new(session: SessionId) -> Channel {
        Channel {
            session,
            requests: 0,
            closing: false,
            mode: Mode::Plain,
            last_tag: 0,
            unacked: BTreeMap::new(),
            listeners: BTreeMap::new(),
            tags: BTreeMap::new(),
            prefetch: 0,
            content: None,
            last_queue: "".into(),
            wanted: BTreeMap::new(),
            getting: None,
            promises: BTreeMap::new(),
            full: BTreeSet::new(),
            confirmed: None,
        }
    }

    pub(super) fn transaction(&self) -> Option<TransactionId> {
        matches!(self.mode, Mode::Transaction { .. }).then_some(TRANSACTION)
    }

    pub(super) fn consumer(&self, number: u64) -> ConsumerId {
        ConsumerId {
            session: self.session,
            number,
        }
    }
}

impl Session {
    pub(super) fn of_a_channel(&mut self, number: u16, method: Method) -> Result<(), Mistake> {
        let Some(channel) = self.channels.get(&number) else {
            return match method {
                Method::ChannelOpen { .. } => self.open_channel(number),
                // What crossed with our own goodbye.
                Method::ChannelCloseOk {} => Ok(()),
                _ => Err(Mistake::new(Code::ChannelError, "expected 'channel.open'")),
            };
        };
        if channel.closing {
            return self.closing_channel(number, &method);
        }
        if channel.content.is_some() {
            return Err(Mistake::new(
                Code::UnexpectedFrame,
                "expected content header for class 60, got non content header frame instead",
            ));
        }
        match method {
            Method::ChannelOpen { .. } => Err(Mistake::new(Code::ChannelError, "second 'channel.open' seen")),
            Method::ChannelClose { .. } => {
                self.leave_channel(number);
                self.say(number, Method::ChannelCloseOk {});
                Ok(())
            }
            Method::Flow { active: true } => {
                self.say(number, Method::FlowOk { active: true });
                Ok(())
            }
            Method::Flow { active: false } => Err(Mistake::new(Code::NotImplemented, "active=false")),
            Method::Publish {
                exchange,
                key,
                mandatory,
                immediate,
                ..
            } => self.publish(number, exchange, key, mandatory, immediate),
            Method::ConfirmSelect { nowait } => self.confirm_select(number, nowait),
            Method::TxSelect {} => self.tx_select(number),
            Method::TxCommit {} => self.tx_commit(number),
            Method::TxRollback {} => self.tx_rollback(number),
            Method::Qos { .. } | Method::Consume { .. } | Method::Cancel { .. } | Method::Get { .. } => {
                self.of_consumers(number, method)
            }
            Method::Ack { .. }
            | Method::Nack { .. }
            | Method::Reject { .. }
            | Method::Recover { .. }
            | Method::RecoverAsync { .. } => self.of_acknowledgements(number, method),
            method => self.of_topology(number, method),
        }
    }

    fn open_channel(&mut self, number: u16) -> Result<(), Mistake> {
        if number > self.channel_max {
            let text = format!("channel number {number} is higher than {}", self.channel_max);
            return Err(Mistake::new(Code::ChannelError, text));
        }
        // Never one that was in use a moment ago: what is still on its way is for that one.
        let session = loop {
            self.next_part = self.next_part.checked_add(1).unwrap_or(1);
            let session = self.id.part(self.next_part);
            if !self.parts.contains_key(&session) {
                break session;
            }
        };
        self.parts.insert(session, number);
        self.channels.insert(number, Channel::new(session));
        self.ask(number, broker::Input::Opened { session });
        self.arrange(number, (20, 10), Wanted::Nothing, Arrangement::Limit(None));
        self.say(
            number,
            Method::ChannelOpenOk {
                channel_id: Bytes::new(),
            },
        );
        Ok(())
    }

    fn closing_channel(&mut self, number: u16, method: &Method) -> Result<(), Mistake> {
        match method {
            Method::ChannelCloseOk {} => drop(self.channels.remove(&number)),
            // Both sides said it at the same time.
            Method::ChannelClose { .. } => {
                self.channels.remove(&number);
                self.say(number, Method::ChannelCloseOk {});
            }
            _ => {}
        }
        Ok(())
    }

    /// What it held goes back.
    fn leave_channel(&mut self, number: u16) {
        let Some(channel) = self.channels.remove(&number) else {
            return;
        };
        if let Some(content) = &channel.content {
            self.partial -= content.len();
        }
        let session = channel.session;
        self.parts.remove(&session);
        self.unflushed.retain(|(consumer, _)| consumer.session != session);
        self.outputs.push_back(Output::Ask(broker::Input::Closed { session }));
    }

    /// A soft error ends the channel, all others the connection.
    pub(super) fn fail_channel(&mut self, number: u16, mistake: Mistake, id: (u16, u16), now: Mono) {
        let Some(channel) = self.channels.get(&number).filter(|_| mistake.is_soft()) else {
            return self.fail(mistake, id, now);
        };
        let session = channel.session;
        self.leave_channel(number);
        let closing = Channel {
            closing: true,
            ..Channel::new(session)
        };
        self.channels.insert(number, closing);
        self.say(
            number,
            Method::ChannelClose {
                code: mistake.code.number(),
                text: mistake.to_string().into(),
                class: id.0,
                method: id.1,
            },
        );
    }

    /// Tells the broker something; the answer is the number that a refusal would have.
    pub(super) fn ask(&mut self, number: u16, input: broker::Input) -> u64 {
        let Some(channel) = self.channels.get_mut(&number) else {
            return 0;
        };
        channel.requests += 1;
        self.outputs.push_back(Output::Ask(input));
        channel.requests
    }

    pub(super) fn promise(&mut self, number: u16, promise: Promise) {
        let token = Token(self.next());
        let Some(channel) = self.channels.get_mut(&number) else {
            return;
        };
        channel.promises.insert(token, promise);
        let session = channel.session;
        self.ask(number, broker::Input::Sync { session, token });
    }
}
