//! What a client sends: a method, a header, and bodies until it is whole; confirms and transactions.

use bytes::{Bytes, BytesMut};
use tandem_mq_wire::amqp091::{Code, Method, Properties};
use tandem_time::Mono;

use super::channel::{Mode, Promise, TRANSACTION};
use super::mistake::Mistake;
use super::{Session, message};
use crate::broker;

/// A message that is not whole.
#[derive(Debug)]
pub(super) struct Content {
    exchange: Box<str>,
    key: Box<str>,
    mandatory: bool,
    header: Option<(u64, Properties)>,
    /// What the header weighs.
    head: usize,
    body: BytesMut,
}

/// What the headers of messages that are not whole may weigh, beside their bodies.
const MOST_HEADS: usize = 16 << 20;

fn too_many() -> Mistake {
    Mistake::new(Code::ResourceError, "too many messages that are not whole")
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.head + self.body.len()
    }
}

impl Session {
    pub(super) fn publish(
        &mut self,
        number: u16,
        exchange: Box<str>,
        key: Box<str>,
        mandatory: bool,
        immediate: bool,
    ) -> Result<(), Mistake> {
        if immediate {
            return Err(Mistake::new(Code::NotImplemented, "immediate=true"));
        }
        if let Some(channel) = self.channels.get_mut(number) {
            channel.content = Some(Content {
                exchange,
                key,
                mandatory,
                header: None,
                head: 0,
                body: BytesMut::new(),
            });
        }
        Ok(())
    }

    pub(super) fn header(&mut self, number: u16, size: u64, properties: Properties, now: Mono) -> Result<(), Mistake> {
        let most = self.settings.message;
        if self.channels.is_closing(number) {
            return Ok(());
        }
        let Some(channel) = self.channels.get_mut(number) else {
            return Err(Mistake::new(Code::ChannelError, "expected 'channel.open'"));
        };
        let Some(content) = channel.content.as_mut().filter(|content| content.header.is_none()) else {
            return Err(Mistake::new(
                Code::UnexpectedFrame,
                "expected method frame, got content header frame instead",
            ));
        };
        if size > most as u64 {
            let text = format!("message size {size} is larger than configured max size {most}");
            return Err(Mistake::new(Code::PreconditionFailed, text));
        }
        content.head = properties.weight();
        self.partial += content.head;
        content.header = Some((size, properties));
        if self.partial > most + MOST_HEADS {
            return Err(too_many());
        }
        match size {
            0 => self.whole(number, now),
            _ => Ok(()),
        }
    }

    pub(super) fn body(&mut self, number: u16, part: Bytes, now: Mono) -> Result<(), Mistake> {
        if self.channels.is_closing(number) {
            return Ok(());
        }
        let Some(channel) = self.channels.get_mut(number) else {
            return Err(Mistake::new(Code::ChannelError, "expected 'channel.open'"));
        };
        let unexpected = |what| Err(Mistake::new(Code::UnexpectedFrame, what));
        let Some(content) = &mut channel.content else {
            return unexpected("expected method frame, got content body frame instead");
        };
        let Some((size, _)) = content.header else {
            return unexpected("expected content header for class 60, got content body frame instead");
        };
        if (content.body.len() + part.len()) as u64 > size {
            return unexpected("more content than the header announced");
        }
        self.partial += part.len();
        if self.partial > self.settings.message + MOST_HEADS {
            return Err(too_many());
        }
        content.body.extend_from_slice(&part);
        match content.body.len() as u64 == size {
            true => self.whole(number, now),
            false => Ok(()),
        }
    }

    fn whole(&mut self, number: u16, now: Mono) -> Result<(), Mistake> {
        let sent = self.line.wall(now);
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        let Some(content) = channel.content.take() else {
            return Ok(());
        };
        self.partial -= content.len();
        let (_, properties) = content.header.unwrap_or_default();
        if let Some(user) = properties.user_id.as_ref().filter(|user| **user != self.user) {
            let text = format!(
                "user_id property set to '{user}' but authenticated user was '{}'",
                self.user
            );
            return Err(Mistake::new(Code::PreconditionFailed, text));
        }
        let message = message::read(properties, content.body.freeze(), sent)?;
        let (session, transaction) = (channel.asks.session, channel.transaction());
        let tag = match &mut channel.mode {
            Mode::Confirm { last } => {
                *last += 1;
                Some(*last)
            }
            Mode::Plain | Mode::Transaction { .. } => None,
        };
        let publish = Box::new(broker::Publish {
            exchange: content.exchange,
            key: content.key,
            mandatory: content.mandatory,
            message,
        });
        let request = self.ask(
            number,
            broker::Input::Publish {
                session,
                transaction,
                publish,
            },
        );
        if let Some(tag) = tag {
            self.promise(number, Promise::Confirm { tag, request });
        }
        Ok(())
    }

    pub(super) fn confirm_select(&mut self, number: u16, nowait: bool) -> Result<(), Mistake> {
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        match channel.mode {
            Mode::Plain => channel.mode = Mode::Confirm { last: 0 },
            Mode::Confirm { .. } => {}
            Mode::Transaction { .. } => {
                let text = "cannot switch from tx to confirm mode";
                return Err(Mistake::new(Code::PreconditionFailed, text));
            }
        }
        if !nowait {
            self.say(number, Method::ConfirmSelectOk {});
        }
        Ok(())
    }

    pub(super) fn tx_select(&mut self, number: u16) -> Result<(), Mistake> {
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        match channel.mode {
            Mode::Plain => {
                channel.mode = Mode::Transaction { settled: Vec::new() };
                self.begin(number);
            }
            Mode::Transaction { .. } => {}
            Mode::Confirm { .. } => {
                let text = "cannot switch from confirm to tx mode";
                return Err(Mistake::new(Code::PreconditionFailed, text));
            }
        }
        self.say(number, Method::TxSelectOk {});
        Ok(())
    }

    fn begin(&mut self, number: u16) {
        let Some(channel) = self.channels.get(number) else {
            return;
        };
        let (session, transaction) = (channel.asks.session, TRANSACTION);
        self.ask(number, broker::Input::Begin { session, transaction });
    }

    pub(super) fn tx_commit(&mut self, number: u16) -> Result<(), Mistake> {
        let (session, settled) = self.transaction_of(number)?;
        let transaction = TRANSACTION;
        self.ask(number, broker::Input::Commit { session, transaction });
        self.give_room(number, settled.iter().map(|(_, unacked)| *unacked));
        self.begin(number);
        self.promise(number, Promise::Say(Method::TxCommitOk {}));
        Ok(())
    }

    /// What was acknowledged in it is not.
    pub(super) fn tx_rollback(&mut self, number: u16) -> Result<(), Mistake> {
        let (session, settled) = self.transaction_of(number)?;
        let transaction = TRANSACTION;
        self.ask(number, broker::Input::Abort { session, transaction });
        if let Some(channel) = self.channels.get_mut(number) {
            channel.unacked.extend(settled);
        }
        self.begin(number);
        self.say(number, Method::TxRollbackOk {});
        Ok(())
    }

    fn transaction_of(
        &mut self,
        number: u16,
    ) -> Result<(crate::SessionId, Vec<(u64, super::channel::Unacked)>), Mistake> {
        let Some(channel) = self.channels.get_mut(number) else {
            return Err(Mistake::new(Code::ChannelError, "expected 'channel.open'"));
        };
        match &mut channel.mode {
            Mode::Transaction { settled } => Ok((channel.asks.session, std::mem::take(settled))),
            Mode::Plain | Mode::Confirm { .. } => {
                Err(Mistake::new(Code::PreconditionFailed, "channel is not transactional"))
            }
        }
    }

    /// What was confirmed since the last time: one answer for all that follow each other.
    pub(super) fn confirm(&mut self) {
        let numbers: Vec<u16> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.confirmed.is_some())
            .map(|(number, _)| number)
            .collect();
        for number in numbers {
            self.confirm_on(number);
        }
    }

    pub(super) fn confirm_on(&mut self, number: u16) {
        let confirmed = self
            .channels
            .get_mut(number)
            .and_then(|channel| channel.confirmed.take());
        if let Some((from, tag)) = confirmed {
            let multiple = from < tag;
            self.say(number, Method::Ack { tag, multiple });
        }
    }
}
