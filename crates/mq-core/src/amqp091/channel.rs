//! One channel: what it holds and what it waits for, its opening and its end, and which method does what.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tandem_mq_wire::amqp091::{Code, Method};
use tandem_time::Mono;

use super::Session;
use super::mistake::Mistake;
use super::publish::Content;
use super::topology::Wanted;
use crate::broker::{self, Arrangement};
use crate::dialect::Requests;
use crate::{DeliveryId, SessionId, TransactionId};

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
    pub(super) asks: Requests<Promise>,
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
    /// Inputs that found a queue full.
    pub(super) full: BTreeSet<u64>,
    /// Confirmed and not yet said: from here to there.
    pub(super) confirmed: Option<(u64, u64)>,
}

impl Channel {
    fn new(session: SessionId) -> Channel {
        Channel {
            asks: Requests::new(session),
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
            full: BTreeSet::new(),
            confirmed: None,
        }
    }

    pub(super) fn transaction(&self) -> Option<TransactionId> {
        matches!(self.mode, Mode::Transaction { .. }).then_some(TRANSACTION)
    }
}

impl Session {
    pub(super) fn of_a_channel(&mut self, number: u16, method: Method) -> Result<(), Mistake> {
        if self.channels.is_closing(number) {
            self.closing_channel(number, &method);
            return Ok(());
        }
        let Some(channel) = self.channels.get(number) else {
            return match method {
                Method::ChannelOpen { .. } => self.open_channel(number),
                // What crossed with our own goodbye.
                Method::ChannelCloseOk {} => Ok(()),
                _ => Err(Mistake::new(Code::ChannelError, "expected 'channel.open'")),
            };
        };
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
        let session = self.channels.open(number, Channel::new);
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

    fn closing_channel(&mut self, number: u16, method: &Method) {
        match method {
            Method::ChannelCloseOk {} => self.channels.closed(number),
            // Both sides said it at the same time.
            Method::ChannelClose { .. } => {
                self.channels.closed(number);
                self.say(number, Method::ChannelCloseOk {});
            }
            _ => {}
        }
    }

    /// What it held goes back.
    fn leave_channel(&mut self, number: u16) {
        let Some(channel) = self.channels.take(number) else {
            return;
        };
        if let Some(content) = &channel.content {
            self.partial -= content.len();
        }
        let session = channel.asks.session;
        self.unflushed.retain(|(consumer, _)| consumer.session != session);
        self.line.ask(broker::Input::Closed { session });
    }

    /// A soft error ends the channel, all others the connection.
    pub(super) fn fail_channel(&mut self, number: u16, mistake: Mistake, id: (u16, u16), now: Mono) {
        if self.channels.get(number).is_none() || !mistake.is_soft() {
            return self.fail(mistake, id, now);
        }
        self.leave_channel(number);
        self.channels.closes(number);
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
        let channel = self.channels.get_mut(number);
        channel.map_or(0, |channel| channel.asks.ask(&mut self.line, input))
    }

    pub(super) fn promise(&mut self, number: u16, promise: Promise) {
        if let Some(channel) = self.channels.get_mut(number) {
            channel.asks.promise(&mut self.line, promise);
        }
    }
}
