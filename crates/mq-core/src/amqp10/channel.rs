//! One session of AMQP: its beginning and its end, what it holds and waits for, and which performative does what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;

use bytes::Bytes;
use tandem_mq_wire::amqp10::{Begin, Condition, End, Performative, State as Outcome};
use tandem_time::Mono;

use super::Session;
use super::flow::WINDOW;
use super::link::Link;
use super::mistake::Mistake;
use super::publish::Accepted;
use super::send::Going;
use super::settle::Out;
use super::transact::Work;
use crate::broker::{self, Refusal};
use crate::dialect::Requests;
use crate::{DeliveryId, SessionId, TransactionId};

/// What is said when everything until now is safe.
#[derive(Debug)]
pub(super) enum Promise {
    /// The link of this number is there, if these inputs were not refused.
    Attached { link: u64, requests: RangeInclusive<u64> },
    /// A message that came, which this input brought; whether the client settles it after us, and what it is told.
    Arrived {
        delivery: u32,
        request: u64,
        second: bool,
        state: Outcome,
    },
    /// The transaction is over, in which this was settled.
    Discharged {
        delivery: u32,
        request: u64,
        settled: Vec<DeliveryId>,
    },
}

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) asks: Requests<Promise>,
    /// The client's next frame with a message, and how many more it may send.
    pub(super) next_incoming: u32,
    pub(super) incoming_window: u32,
    /// The same of ours.
    pub(super) next_outgoing: u32,
    pub(super) outgoing_window: u32,
    pub(super) next_delivery: u32,
    pub(super) handle_max: u32,
    pub(super) links: BTreeMap<u32, Link>,
    /// Handles by the broker's numbers.
    pub(super) numbers: BTreeMap<u64, u32>,
    /// What goes to the client, in order, as far as its window allows.
    pub(super) going: VecDeque<Going>,
    /// What the client has and has not settled.
    pub(super) unsettled: BTreeMap<u32, Out>,
    /// Inputs that there is a promise for: it says that they were refused.
    pub(super) awaited: BTreeSet<u64>,
    pub(super) refused: BTreeMap<u64, Mistake>,
    /// Accepted and not yet said.
    pub(super) accepted: Accepted,
    /// Open ones.
    pub(super) transactions: BTreeMap<TransactionId, Work>,
}

impl Channel {
    fn new(session: SessionId, begin: &Begin) -> Channel {
        Channel {
            asks: Requests::new(session),
            next_incoming: begin.next_outgoing_id,
            incoming_window: WINDOW,
            next_outgoing: 0,
            outgoing_window: begin.incoming_window,
            next_delivery: 0,
            handle_max: begin.handle_max.unwrap_or(u32::MAX),
            links: BTreeMap::new(),
            numbers: BTreeMap::new(),
            going: VecDeque::new(),
            unsettled: BTreeMap::new(),
            awaited: BTreeSet::new(),
            refused: BTreeMap::new(),
            accepted: Accepted::default(),
            transactions: BTreeMap::new(),
        }
    }

    pub(super) fn refuse(&mut self, request: u64, reason: &Refusal) {
        if self.awaited.contains(&request) {
            self.refused.insert(request, Mistake::from(reason));
        }
    }

    /// The promise about these inputs is to be kept: whether one of them was refused, and why.
    pub(super) fn verdict(&mut self, requests: RangeInclusive<u64>) -> Option<Mistake> {
        let mut why = None;
        for request in requests {
            self.awaited.remove(&request);
            why = why.or(self.refused.remove(&request));
        }
        why
    }
}

impl Session {
    pub(super) fn begin(&mut self, number: u16, begin: &Begin) -> Result<(), Mistake> {
        if number > self.channel_max {
            let text = format!("channel {number} is higher than {}", self.channel_max);
            return Err(Mistake::new(Condition::FramingError, text).of_connection());
        }
        if self.channels.get(number).is_some() || self.channels.is_closing(number) {
            return Err(Mistake::illegal("the channel is in use").of_connection());
        }
        if begin.remote_channel.is_some() {
            return Err(Mistake::illegal("nobody has begun that session").of_connection());
        }
        let session = self.channels.open(number, |session| Channel::new(session, begin));
        self.ask(number, broker::Input::Opened { session });
        let answer = Begin {
            remote_channel: Some(number),
            next_outgoing_id: 0,
            incoming_window: WINDOW,
            outgoing_window: WINDOW,
            handle_max: Some(self.settings.handles),
            ..Begin::default()
        };
        self.say(number, answer);
        Ok(())
    }

    pub(super) fn of_a_channel(
        &mut self,
        number: u16,
        said: Performative,
        payload: Bytes,
        now: Mono,
    ) -> Result<(), Mistake> {
        if self.channels.is_closing(number) {
            // What crossed with our goodbye.
            if matches!(said, Performative::End(_)) {
                self.channels.closed(number);
            }
            return Ok(());
        }
        if self.channels.get(number).is_none() {
            return Err(Mistake::illegal("there is no session on this channel").of_connection());
        }
        match said {
            Performative::Attach(attach) => self.attach(number, attach),
            Performative::Flow(flow) => self.flow(number, &flow, now),
            Performative::Transfer(transfer) => self.transfer(number, transfer, payload, now),
            Performative::Disposition(disposition) => self.disposition(number, &disposition),
            Performative::Detach(detach) => self.detach(number, &detach),
            Performative::End(_) => {
                self.leave_channel(number);
                self.say(number, End { error: None });
                Ok(())
            }
            // Those of the connection do not come here.
            Performative::Open(_) | Performative::Begin(_) | Performative::Close(_) => Ok(()),
        }
    }

    /// What it held goes back.
    fn leave_channel(&mut self, number: u16) -> Option<()> {
        let channel = self.channels.take(number)?;
        let session = channel.asks.session;
        for link in channel.links.values() {
            self.partial -= link.weight();
        }
        let dynamic: Vec<Box<str>> = channel.links.into_values().filter_map(Link::into_dynamic).collect();
        for queue in dynamic {
            self.line.ask(drop_queue(session, queue));
        }
        self.names.retain(|_, (known, _)| *known != number);
        self.unflushed.retain(|(consumer, _)| consumer.session != session);
        self.line.ask(broker::Input::Closed { session });
        Some(())
    }

    pub(super) fn fail_channel(&mut self, number: u16, mistake: &Mistake, now: Mono) {
        if self.leave_channel(number).is_none() {
            return self.fail(mistake, now);
        }
        self.channels.closes(number);
        self.say(
            number,
            End {
                error: Some(mistake.error()),
            },
        );
    }

    /// Tells the broker something; the answer is the number that a refusal would have.
    pub(super) fn ask(&mut self, number: u16, input: broker::Input) -> u64 {
        let channel = self.channels.get_mut(number);
        channel.map_or(0, |channel| channel.asks.ask(&mut self.line, input))
    }

    /// There will be a promise about it.
    pub(super) fn ask_for_promise(&mut self, number: u16, input: broker::Input) -> u64 {
        let request = self.ask(number, input);
        if let Some(channel) = self.channels.get_mut(number) {
            channel.awaited.insert(request);
        }
        request
    }

    pub(super) fn promise(&mut self, number: u16, promise: Promise) {
        if let Some(channel) = self.channels.get_mut(number) {
            channel.asks.promise(&mut self.line, promise);
        }
    }
}

/// A queue of a link's own goes with it, whatever is in it.
pub(super) fn drop_queue(session: SessionId, name: Box<str>) -> broker::Input {
    let what = broker::Arrangement::DropQueue {
        name,
        if_unused: false,
        if_empty: false,
    };
    broker::Input::Arrange { session, what }
}
