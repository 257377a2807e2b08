//! What a client sends: transfers until a message is whole, and what becomes of it (2.6.12, 2.6.14).

use bytes::{Bytes, BytesMut};
use tandem_mq_wire::amqp10::{
    Accepted as IsAccepted, Condition, Disposition, Rejected, Sections, State as Outcome, Transactional, Transfer,
};
use tandem_time::Mono;

use super::channel::Promise;
use super::link::Way;
use super::mistake::Mistake;
use super::{Session, message, terminus};
use crate::TransactionId;
use crate::broker::{self, Target};

/// The longest name of a delivery (2.8.7).
const LONGEST_TAG: usize = 32;
/// What parts of messages may weigh beside one message that is as large as it may be.
const MOST_PARTIAL: usize = 16 << 20;

/// Where what is sent on a link goes.
#[derive(Debug)]
pub(super) enum To {
    Address(Target),
    /// Each message says it (the anonymous relay).
    Anywhere,
    /// It is about transactions; whether the client understands that something is rejected.
    Coordinator {
        rejects: bool,
    },
}

/// A link on which the client sends.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) to: To,
    /// The client settles last (rcv-settle-mode).
    second: bool,
    pub(super) delivery_count: u32,
    pub(super) credit: u32,
    partial: Option<Partial>,
}

/// A message that is not whole.
#[derive(Debug)]
struct Partial {
    delivery: u32,
    tag: Bytes,
    settled: bool,
    /// The client settles last.
    second: bool,
    /// It is about what was sent on an earlier link, and nothing is known here of any (2.7.5 resume).
    resumed: bool,
    within: Within,
    format: u32,
    payload: BytesMut,
}

impl Partial {
    /// What a later transfer says again is the same (2.7.5).
    fn is_same(&self, transfer: &Transfer) -> Result<(), &'static str> {
        if transfer.delivery_id.is_some_and(|id| id != self.delivery) {
            return Err("another delivery begins before this one is whole");
        }
        if transfer.delivery_tag.as_ref().is_some_and(|tag| *tag != self.tag) {
            return Err("the delivery-tag changes before the delivery is whole");
        }
        match transfer.message_format.is_some_and(|format| format != self.format) {
            true => Err("the message-format changes before the delivery is whole"),
            false => Ok(()),
        }
    }
}

/// The transaction that a message belongs to, as its transfers say. No more is kept of what they may say.
#[derive(Clone, Copy, Debug)]
enum Within {
    None,
    /// It need not be open.
    Transaction(TransactionId),
    /// Nothing that we call one.
    Unknown,
}

impl Within {
    fn of(state: &Outcome) -> Within {
        match state {
            Outcome::Transactional(said) => transaction_of(&said.txn_id).map_or(Within::Unknown, Within::Transaction),
            _ => Within::None,
        }
    }
}

fn transaction_of(name: &[u8]) -> Option<TransactionId> {
    let bytes = <[u8; 8]>::try_from(name).ok()?;
    Some(TransactionId(u64::from_be_bytes(bytes)))
}

/// One that is.
struct Arrival {
    delivery: u32,
    settled: bool,
    second: bool,
    payload: Bytes,
}

impl Incoming {
    pub(super) fn new(to: To, second: bool, delivery_count: u32) -> Incoming {
        Incoming {
            to,
            second,
            delivery_count,
            credit: 0,
            partial: None,
        }
    }

    /// What has come of a message that is not whole.
    pub(super) fn partial_len(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.payload.len())
    }
}

/// Accepted and not yet said: from here to there, and how.
#[derive(Debug, Default)]
pub(super) struct Accepted(Option<(u32, u32, Outcome, bool)>);

impl Session {
    pub(super) fn transfer(
        &mut self,
        number: u16,
        transfer: Transfer,
        payload: Bytes,
        now: Mono,
    ) -> Result<(), Mistake> {
        self.count_frame(number)?;
        let handle = transfer.handle;
        let most = self.settings.message;
        let Some(channel) = self.channels.get_mut(number) else {
            return Ok(());
        };
        let Some(link) = channel.links.get_mut(&handle) else {
            return Err(Mistake::new(Condition::UnattachedHandle, "no link has this handle"));
        };
        let incoming = match &mut link.way {
            Way::In(incoming) => incoming,
            // What crossed with our goodbye.
            Way::Closing => return Ok(()),
            Way::Out(_) => return Err(Mistake::new(Condition::NotAllowed, "this link receives")),
        };
        let begins = incoming.partial.is_none();
        if begins {
            if incoming.credit == 0 {
                let what = "more messages than the credit allows";
                return Err(Mistake::new(Condition::TransferLimitExceeded, what).of_link(handle));
            }
            incoming.partial = Some(first(&transfer).map_err(|what| Mistake::invalid(what).of_link(handle))?);
            incoming.credit -= 1;
            incoming.delivery_count = incoming.delivery_count.wrapping_add(1);
        }
        let Some(partial) = &mut incoming.partial else {
            return Ok(());
        };
        if !begins {
            partial
                .is_same(&transfer)
                .map_err(|what| Mistake::invalid(what).of_link(handle))?;
        }
        match transfer.rcv_settle_mode {
            Some(1) if !incoming.second => {
                let what = "the link was attached with the rcv-settle-mode first";
                return Err(Mistake::invalid(what).of_link(handle));
            }
            Some(mode) => partial.second = mode == 1,
            None if begins => partial.second = incoming.second,
            None => {}
        }
        partial.settled |= transfer.settled == Some(true);
        if let Some(state) = &transfer.state {
            partial.within = Within::of(state);
        }
        let before = partial.payload.len();
        let aborted = transfer.aborted == Some(true);
        if aborted {
            self.partial -= before;
            incoming.partial = None;
            self.give_credit(number, handle);
            return Ok(());
        }
        let payload = match partial.resumed {
            true => Bytes::new(),
            false => payload,
        };
        if before + payload.len() > most {
            let what = format!("a message is at most {most} bytes");
            return Err(Mistake::new(Condition::MessageSizeExceeded, what).of_link(handle));
        }
        if transfer.more == Some(true) {
            self.partial += payload.len();
            partial.payload.extend_from_slice(&payload);
            return self.check_partial();
        }
        self.partial -= before;
        let payload = match before {
            0 => payload,
            _ => {
                partial.payload.extend_from_slice(&payload);
                std::mem::take(&mut partial.payload).freeze()
            }
        };
        let (within, format) = (partial.within, partial.format);
        let arrival = Arrival {
            delivery: partial.delivery,
            settled: partial.settled,
            second: partial.second,
            payload,
        };
        let resumed = partial.resumed;
        incoming.partial = None;
        if resumed {
            self.give_credit(number, handle);
            return Ok(());
        }
        let to = match &incoming.to {
            To::Coordinator { rejects } => {
                let (coordinator, rejects) = (link.number, *rejects);
                self.give_credit(number, handle);
                let done = match arrival.settled {
                    // Nobody would hear the answer (4.2, 4.3).
                    true => Err(Mistake::new(
                        Condition::IllegalState,
                        "a coordinator is told nothing settled",
                    )),
                    false => self.order(number, coordinator, arrival.delivery, arrival.payload),
                };
                return match done {
                    Err(mistake) if rejects && !arrival.settled => {
                        self.reject(number, arrival.delivery, &mistake);
                        Ok(())
                    }
                    done => done.map_err(|mistake| mistake.of_link(handle)),
                };
            }
            To::Address(to) => Some(to.clone()),
            To::Anywhere => None,
        };
        let delivery = (arrival.delivery, arrival.settled);
        let done = match format {
            0 => self.arrive(number, arrival, to, within, now),
            _ => Err(Mistake::new(
                Condition::NotImplemented,
                "only messages of format 0 are read",
            )),
        };
        self.give_credit(number, handle);
        match done {
            Err(mistake) if delivery.1 => Err(mistake.of_link(handle)),
            Err(mistake) => {
                self.reject(number, delivery.0, &mistake);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    pub(super) fn check_partial(&self) -> Result<(), Mistake> {
        match self.partial > self.settings.message + MOST_PARTIAL {
            true => Err(Mistake::limit("too many messages and links that are not whole").of_connection()),
            false => Ok(()),
        }
    }

    fn arrive(
        &mut self,
        number: u16,
        arrival: Arrival,
        to: Option<Target>,
        within: Within,
        now: Mono,
    ) -> Result<(), Mistake> {
        let sections = Sections::read(arrival.payload).map_err(|e| Mistake::new(Condition::DecodeError, e.0))?;
        let to = match (to, &sections.properties.to) {
            (Some(to), _) => to,
            (None, Some(text)) => terminus::target(text, &[])?,
            (None, None) => {
                return Err(Mistake::invalid(
                    "a message to nowhere in particular says where in its properties",
                ));
            }
        };
        let transaction = match within {
            Within::None => None,
            Within::Transaction(id) => Some(self.open_transaction(number, Some(id))?),
            Within::Unknown => Some(self.open_transaction(number, None)?),
        };
        let message = message::read(sections, self.line.wall(now))?;
        let Some(session) = self.channels.get(number).map(|channel| channel.asks.session) else {
            return Ok(());
        };
        let send = broker::Input::Send {
            session,
            transaction,
            to,
            message,
            once: None,
        };
        if arrival.settled {
            self.ask(number, send);
            return Ok(());
        }
        let accepted = Outcome::Accepted(IsAccepted {});
        let state = match transaction {
            None => accepted,
            Some(id) => Outcome::Transactional(Transactional {
                txn_id: Bytes::copy_from_slice(&id.0.to_be_bytes()),
                outcome: Some(Box::new(accepted)),
            }),
        };
        let request = self.ask_for_promise(number, send);
        let promise = Promise::Arrived {
            delivery: arrival.delivery,
            request,
            second: arrival.second,
            state,
        };
        self.promise(number, promise);
        Ok(())
    }

    /// What was promised is true: on disk, or refused.
    pub(super) fn arrived(&mut self, number: u16, delivery: u32, request: u64, second: bool, state: Outcome) {
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        if let Some(mistake) = channel.verdict(request..=request) {
            return self.reject(number, delivery, &mistake);
        }
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        match &mut channel.accepted.0 {
            Some((_, last, known, how)) if last.wrapping_add(1) == delivery && *known == state && *how == second => {
                *last = delivery;
            }
            _ => {
                self.say_accepted(number);
                if let Some(channel) = self.channels.get_mut(number) {
                    channel.accepted.0 = Some((delivery, delivery, state, second));
                }
            }
        }
    }

    fn say_accepted(&mut self, number: u16) {
        let channel = self.channels.get_mut(number);
        let Some((first, last, state, second)) = channel.and_then(|channel| channel.accepted.0.take()) else {
            return;
        };
        let disposition = Disposition {
            role: true,
            first,
            last: (last != first).then_some(last),
            settled: (!second).then_some(true),
            state: Some(state),
            batchable: None,
        };
        self.say(number, disposition);
    }

    /// All that has been accepted and not yet said.
    pub(super) fn accept(&mut self) {
        let waiting = self.channels.iter().filter(|(_, channel)| channel.accepted.0.is_some());
        let numbers: Vec<u16> = waiting.map(|(number, _)| number).collect();
        for number in numbers {
            self.say_accepted(number);
        }
    }

    pub(super) fn reject(&mut self, number: u16, delivery: u32, mistake: &Mistake) {
        let state = Outcome::Rejected(Rejected {
            error: Some(mistake.error()),
        });
        self.say_state(number, delivery, state);
    }

    pub(super) fn say_state(&mut self, number: u16, delivery: u32, state: Outcome) {
        self.say_accepted(number);
        let disposition = Disposition {
            role: true,
            first: delivery,
            settled: Some(true),
            state: Some(state),
            ..Disposition::default()
        };
        self.say(number, disposition);
    }

    /// The one of this name, if the channel has it open.
    pub(super) fn transaction(&self, number: u16, name: &[u8]) -> Result<TransactionId, Mistake> {
        self.open_transaction(number, transaction_of(name))
    }

    fn open_transaction(&self, number: u16, id: Option<TransactionId>) -> Result<TransactionId, Mistake> {
        let channel = self.channels.get(number);
        id.filter(|id| channel.is_some_and(|channel| channel.transactions.contains_key(id)))
            .ok_or_else(|| {
                Mistake::new(
                    Condition::UnknownTransaction,
                    "there is no such transaction on this session",
                )
            })
    }
}

/// What the first frame of a message has to say.
fn first(transfer: &Transfer) -> Result<Partial, &'static str> {
    let delivery = transfer
        .delivery_id
        .ok_or("the first transfer of a delivery needs a delivery-id")?;
    let tag = transfer
        .delivery_tag
        .as_ref()
        .ok_or("the first transfer of a delivery needs a delivery-tag")?;
    if tag.len() > LONGEST_TAG {
        return Err("a delivery-tag has at most 32 bytes");
    }
    Ok(Partial {
        delivery,
        tag: tag.clone(),
        settled: false,
        second: false,
        resumed: transfer.resume == Some(true),
        within: Within::None,
        format: transfer.message_format.unwrap_or(0),
        payload: BytesMut::new(),
    })
}
