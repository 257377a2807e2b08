//! One session of AMQP: its beginning and its end, what it holds and waits for, and which performative does what.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tandem_mq_wire::amqp10::{Begin, Condition, End, Performative, State as Outcome};
use tandem_time::Mono;

use super::flow::WINDOW;
use super::link::Link;
use super::mistake::Mistake;
use super::publish::Accepted;
use super::send::Going;
use super::settle::Out;
use super::{Output, Session};
use crate::broker;
use crate::{ConsumerId, DeliveryId, SessionId, Token, TransactionId};

/// What is said when everything until now is safe.
#[derive(Debug)]
pub(super) enum Promise {
    /// The link by this handle is there.
    Attached(u32),
    /// A message that came, which this input brought; whether the client settles it after us, and what it is told.
    Arrived {
        delivery: u32,
        request: u64,
        second: bool,
        state: Outcome,
    },
    /// The transaction is over.
    Discharged { delivery: u32, request: u64 },
}

/// What an input was for that may be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Link(u32),
    /// A message, or the end of a transaction; there is a promise for it.
    Delivery,
}

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) session: SessionId,
    /// How many inputs the broker has had from it.
    pub(super) requests: u64,
    /// We have said that it is over, and the client has not yet heard it.
    pub(super) closing: bool,
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
    pub(super) about: BTreeMap<u64, About>,
    pub(super) refused: BTreeMap<u64, Mistake>,
    pub(super) promises: BTreeMap<Token, Promise>,
    /// Accepted and not yet said.
    pub(super) accepted: Accepted,
    /// Open ones, with what was settled in them.
    pub(super) transactions: BTreeMap<TransactionId, Vec<DeliveryId>>,
}

impl Channel {
    fn new(session: SessionId, begin: &Begin) -> Channel {
        Channel {
            session,
            requests: 0,
            closing: false,
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
            about: BTreeMap::new(),
            refused: BTreeMap::new(),
            promises: BTreeMap::new(),
            accepted: Accepted::default(),
            transactions: BTreeMap::new(),
        }
    }

    pub(super) fn consumer(&self, number: u64) -> ConsumerId {
        ConsumerId {
            session: self.session,
            number,
        }
    }
}

impl Session {
    pub(super) fn begin(&mut self, number: u16, begin: &Begin) -> Result<(), Mistake> {
        if number > self.channel_max {
            let text = format!("channel {number} is higher than {}", self.channel_max);
            return Err(Mistake::new(Condition::FramingError, text).of_connection());
        }
        if self.channels.contains_key(&number) {
            return Err(Mistake::illegal("the channel is in use").of_connection());
        }
        if begin.remote_channel.is_some() {
            return Err(Mistake::illegal("nobody has begun that session").of_connection());
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
        self.channels.insert(number, Channel::new(session, begin));
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
        let Some(channel) = self.channels.get(&number) else {
            return Err(Mistake::illegal("there is no session on this channel").of_connection());
        };
        if channel.closing {
            // What crossed with our goodbye.
            if matches!(said, Performative::End(_)) {
                self.channels.remove(&number);
            }
            return Ok(());
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
    fn leave_channel(&mut self, number: u16) -> Option<SessionId> {
        let channel = self.channels.remove(&number)?;
        let session = channel.session;
        for link in channel.links.values() {
            self.partial -= link.partial_len();
        }
        let dynamic: Vec<Box<str>> = channel.links.into_values().filter_map(Link::into_dynamic).collect();
        for queue in dynamic {
            self.drop_queue(session, queue);
        }
        self.parts.remove(&session);
        self.names.retain(|_, (known, _)| *known != number);
        self.unflushed.retain(|(consumer, _)| consumer.session != session);
        self.outputs.push_back(Output::Ask(broker::Input::Closed { session }));
        Some(session)
    }

    pub(super) fn drop_queue(&mut self, session: SessionId, name: Box<str>) {
        let what = broker::Arrangement::DropQueue {
            name,
            if_unused: false,
            if_empty: false,
        };
        self.outputs
            .push_back(Output::Ask(broker::Input::Arrange { session, what }));
    }

    pub(super) fn fail_channel(&mut self, number: u16, mistake: &Mistake, now: Mono) {
        let Some(session) = self.leave_channel(number) else {
            return self.fail(mistake, now);
        };
        let closing = Channel {
            closing: true,
            ..Channel::new(session, &Begin::default())
        };
        self.channels.insert(number, closing);
        self.say(
            number,
            End {
                error: Some(mistake.error()),
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
