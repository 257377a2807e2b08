//! Links come and go (2.6.3 to 2.6.6).

use std::ops::RangeInclusive;

use tandem_mq_wire::amqp10::{Attach, Condition, Detach, Flow, Performative, Source, Symbol, Target, Terminus};

use super::Session;
use super::channel::{Promise, drop_queue};
use super::connect::LONGEST_NAME;
use super::mistake::Mistake;
use super::publish::{Incoming, To};
use super::send::Outgoing;
use super::settle::outcome;
use super::terminus;
use crate::Kind;
use crate::broker::{self, Arrangement, Declared, Subscription};
use crate::destination::DYNAMIC;

/// The most links of a connection.
const MOST_LINKS: usize = 10_000;
/// What JMS clients call it that a message may be held until its time.
pub(super) const DELAYED: &str = "DELAYED_DELIVERY";

/// One link.
#[derive(Debug)]
pub(super) struct Link {
    /// The broker's number for it.
    pub(super) number: u64,
    /// A queue that is there for this link alone.
    dynamic: Option<Box<str>>,
    /// What will be answered, and what the client has said meanwhile.
    opening: Option<Box<Opening>>,
    pub(super) way: Way,
}

#[derive(Debug)]
struct Opening {
    answer: Attach,
    weight: usize,
    flow: Option<Flow>,
}

/// What the broker is asked for because of a link.
enum Leads {
    Nowhere,
    To(broker::Target),
    From(broker::Target, Subscription),
}

#[derive(Debug)]
pub(super) enum Way {
    /// The client sends.
    In(Incoming),
    /// The client receives.
    Out(Outgoing),
    /// We have said that it is over, and the client has not yet heard it.
    Closing,
}

impl Link {
    pub(super) fn into_dynamic(self) -> Option<Box<str>> {
        self.dynamic
    }

    pub(super) fn is_answered(&self) -> bool {
        self.opening.is_none()
    }

    /// What is kept of it until it is answered, and of a message until it is whole.
    pub(super) fn weight(&self) -> usize {
        let opening = self.opening.as_ref().map_or(0, |opening| opening.weight);
        match &self.way {
            Way::In(incoming) => opening + incoming.partial_len(),
            Way::Out(_) | Way::Closing => opening,
        }
    }

    /// Keeps what the client says of a link that is not there yet. False when it is.
    pub(super) fn postpone(&mut self, flow: &Flow) -> bool {
        match &mut self.opening {
            Some(opening) => {
                opening.flow = Some(Flow {
                    properties: Vec::new(),
                    ..flow.clone()
                });
                true
            }
            None => false,
        }
    }
}

impl Session {
    pub(super) fn attach(&mut self, number: u16, attach: Attach) -> Result<(), Mistake> {
        let handle = attach.handle;
        let links: usize = self.channels.iter().map(|(_, channel)| channel.links.len()).sum();
        let Some(channel) = self.channels.get(number) else {
            return Ok(());
        };
        if handle > self.settings.handles.min(channel.handle_max) {
            let text = format!("handle {handle} is higher than was agreed");
            return Err(Mistake::new(Condition::FramingError, text).of_connection());
        }
        if channel.links.contains_key(&handle) {
            return Err(Mistake::new(Condition::HandleInUse, "the handle is in use"));
        }
        if links >= MOST_LINKS {
            self.refuse_link(number, &attach, &Mistake::limit("a connection has at most 10000 links"));
            return Ok(());
        }
        if attach.name.len() > LONGEST_NAME {
            self.refuse_link(number, &attach, &Mistake::invalid("the name of the link is too long"));
            return Ok(());
        }
        // Whoever says it again has lost the first one (2.6.1).
        if let Some((there, old)) = self.names.get(&(attach.name.clone(), attach.role)).copied() {
            self.fail_link(
                there,
                old,
                &Mistake::new(Condition::Stolen, "the link was attached again"),
            );
        }
        let done = match attach.role {
            true => self.attach_receiver(number, &attach),
            false => self.attach_sender(number, &attach),
        };
        if let Err(mistake) = done {
            self.refuse_link(number, &attach, &mistake);
        }
        self.check_partial()
    }

    /// The client sends: nothing is asked of the broker but whether it may, and a queue of its own if it wants that.
    fn attach_sender(&mut self, number: u16, attach: &Attach) -> Result<(), Mistake> {
        let mut answer = answer_to(attach);
        answer.source = attach.source.clone();
        answer.rcv_settle_mode = attach.rcv_settle_mode;
        let is_delayed = |wanted: &&Symbol| &*wanted.0 == DELAYED;
        let offers = attach.desired_capabilities.iter().find(is_delayed);
        answer.offered_capabilities = offers.cloned().into_iter().collect();
        answer.max_message_size = u64::try_from(self.settings.message).ok();
        let mut dynamic = None;
        let to = match &attach.target {
            None => return Err(Mistake::invalid("a link that sends needs a target")),
            Some(Terminus::Coordinator(_)) => {
                answer.target = Some(terminus::coordinator().into());
                let outcomes = attach.source.as_ref().map(|source| &source.outcomes[..]);
                To::Coordinator {
                    rejects: terminus::rejects(outcomes.unwrap_or_default()),
                }
            }
            Some(Terminus::Target(wanted)) => {
                let mut target = Target {
                    address: wanted.address.clone(),
                    capabilities: wanted.capabilities.clone(),
                    ..Target::default()
                };
                if wanted.dynamic == Some(true) {
                    let name = self.dynamic_name();
                    target.dynamic = Some(true);
                    target.dynamic_node_properties = terminus::made();
                    target.address = Some(name.clone());
                    dynamic = Some(name);
                }
                let to = match &target.address {
                    None => To::Anywhere,
                    Some(address) => To::Address(terminus::target(address, &target.capabilities)?),
                };
                answer.target = Some(target.into());
                to
            }
        };
        let second = attach.rcv_settle_mode == Some(1);
        let leads = match &to {
            To::Address(to) if dynamic.is_none() => Leads::To(to.clone()),
            _ => Leads::Nowhere,
        };
        let incoming = Incoming::new(to, second, attach.initial_delivery_count.unwrap_or(0));
        self.open_link(number, attach, answer, Way::In(incoming), dynamic, leads);
        Ok(())
    }

    fn attach_receiver(&mut self, number: u16, attach: &Attach) -> Result<(), Mistake> {
        let mut answer = answer_to(attach);
        answer.target = attach.target.clone();
        answer.rcv_settle_mode = attach.rcv_settle_mode;
        answer.initial_delivery_count = Some(0);
        let name = format!("{}.{}", self.container, attach.name);
        let Some(wanted) = &attach.source else {
            // JMS clients look a durable subscription up by its name, to end it.
            answer.source = Some(Source {
                expiry_policy: Some("never".into()),
                durable: Some(1),
                ..Source::default()
            });
            let outgoing = Outgoing {
                durable: Some(name.into()),
                ..Outgoing::default()
            };
            self.open_link(number, attach, answer, Way::Out(outgoing), None, Leads::Nowhere);
            return Ok(());
        };
        let mut dynamic = None;
        let mut source = terminus::source(wanted);
        if wanted.dynamic == Some(true) {
            let name = self.dynamic_name();
            source.address = Some(name.clone());
            source.dynamic_node_properties = terminus::made();
            dynamic = Some(name);
        }
        let Some(address) = &source.address else {
            return Err(Mistake::invalid("a link that receives needs the address of its source"));
        };
        let to = terminus::target(address, &source.capabilities)?;
        let selector = terminus::selector(wanted)?;
        // JMS clients ask for copies of topics, too, which is what everybody gets there (3.5.7), and acknowledge them.
        let browse = to.kind == Kind::Anycast && terminus::browses(wanted);
        let lasts = to.kind == Kind::Multicast && terminus::lasts(wanted);
        if lasts {
            source.durable = Some(1);
            source.expiry_policy = Some("never".into());
        }
        let durable = lasts.then(|| Box::from(name));
        let default = source.default_outcome.as_ref().and_then(outcome);
        answer.source = Some(source);
        let outgoing = Outgoing {
            kind: Some(to.kind),
            presettled: attach.snd_settle_mode == Some(1),
            browse,
            durable: durable.clone(),
            default: default.unwrap_or(broker::Outcome::Released),
            ..Outgoing::default()
        };
        let subscribe = Subscription {
            // A receiver always says it (2.6.7).
            credit: 0,
            is_usual: false,
            durable,
            browse,
            selector,
            exclusive: false,
        };
        self.open_link(
            number,
            attach,
            answer,
            Way::Out(outgoing),
            dynamic,
            Leads::From(to, subscribe),
        );
        Ok(())
    }

    /// Puts it there, and answers when the broker has done what is needed for it.
    fn open_link(
        &mut self,
        number: u16,
        attach: &Attach,
        answer: Attach,
        way: Way,
        dynamic: Option<Box<str>>,
        leads: Leads,
    ) {
        let (link, handle) = (self.line.next(), attach.handle);
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        let (session, consumer) = (channel.asks.session, channel.asks.consumer(link));
        let weight = Performative::from(answer.clone()).to_value().weight();
        self.partial += weight;
        channel.numbers.insert(link, handle);
        channel.links.insert(
            handle,
            Link {
                number: link,
                dynamic: dynamic.clone(),
                opening: Some(Box::new(Opening {
                    answer,
                    weight,
                    flow: None,
                })),
                way,
            },
        );
        self.names.insert((attach.name.clone(), attach.role), (number, handle));
        let queue = dynamic.map(|name| broker::Input::Arrange {
            session,
            what: Arrangement::Queue {
                name,
                declared: Declared {
                    exclusive: true,
                    ..Declared::default()
                },
            },
        });
        let end = match leads {
            Leads::Nowhere => None,
            Leads::To(to) => Some(broker::Input::Aim { session, to }),
            Leads::From(to, options) => Some(broker::Input::Subscribe { consumer, to, options }),
        };
        let needed: Vec<u64> = queue
            .into_iter()
            .chain(end)
            .map(|input| self.ask_for_promise(number, input))
            .collect();
        match (needed.first(), needed.last()) {
            (Some(first), Some(last)) => {
                let requests = *first..=*last;
                self.promise(number, Promise::Attached { link, requests });
            }
            _ => self.answer_link(number, handle),
        }
    }

    fn dynamic_name(&mut self) -> Box<str> {
        let number = self.line.next();
        self.line.name(DYNAMIC, number)
    }

    /// The broker has done, or refused, what was needed.
    pub(super) fn attached(&mut self, number: u16, link: u64, requests: RangeInclusive<u64>) {
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        let refused = channel.verdict(requests);
        // The client may have detached it meanwhile.
        let Some(handle) = channel.numbers.get(&link).copied() else {
            return;
        };
        match refused {
            Some(mistake) => self.fail_link(number, handle, &mistake),
            None => self.answer_link(number, handle),
        }
    }

    fn answer_link(&mut self, number: u16, handle: u32) {
        let Some(link) = self.channels.get_mut(number).and_then(|c| c.links.get_mut(&handle)) else {
            return;
        };
        let Some(opening) = link.opening.take() else { return };
        self.partial -= opening.weight;
        let sends = matches!(link.way, Way::In(_));
        self.say(number, opening.answer);
        if sends {
            self.give_credit(number, handle);
        }
        if let Some(flow) = opening.flow {
            self.link_flow(number, handle, &flow);
        }
    }

    /// An answer without an end of it, and its end (2.6.3).
    fn refuse_link(&mut self, number: u16, attach: &Attach, mistake: &Mistake) {
        let mut answer = answer_to(attach);
        answer.initial_delivery_count = attach.role.then_some(0);
        self.say(number, answer);
        self.say_closed(number, attach.handle, mistake);
        self.remember_closing(number, attach.handle);
    }

    fn say_closed(&mut self, number: u16, handle: u32, mistake: &Mistake) {
        let detach = Detach {
            handle,
            closed: Some(true),
            error: Some(mistake.error()),
        };
        self.say(number, detach);
    }

    fn remember_closing(&mut self, number: u16, handle: u32) {
        let link = Link {
            number: 0,
            dynamic: None,
            opening: None,
            way: Way::Closing,
        };
        if let Some(channel) = self.channels.get_mut(number) {
            channel.links.insert(handle, link);
        }
    }

    /// The link ends because of a mistake, or because what it leads to is gone.
    pub(super) fn fail_link(&mut self, number: u16, handle: u32, mistake: &Mistake) {
        let Some((link, name)) = self.take_link(number, handle) else {
            return;
        };
        if let Some(opening) = &link.opening {
            let answer = Attach {
                name: name.unwrap_or_default(),
                handle,
                role: opening.answer.role,
                initial_delivery_count: opening.answer.initial_delivery_count,
                ..Attach::default()
            };
            self.say(number, answer);
        }
        self.say_closed(number, handle, mistake);
        self.end_link(number, link, false);
        self.remember_closing(number, handle);
    }

    pub(super) fn detach(&mut self, number: u16, detach: &Detach) -> Result<(), Mistake> {
        let handle = detach.handle;
        let Some((mut link, _)) = self.take_link(number, handle) else {
            return Err(Mistake::new(Condition::UnattachedHandle, "no link has this handle"));
        };
        if matches!(link.way, Way::Closing) {
            return Ok(());
        }
        // An attach is answered, also when nobody waits for it any more.
        if let Some(opening) = link.opening.take() {
            self.partial -= opening.weight;
            self.say(number, opening.answer);
        }
        let closed = detach.closed == Some(true);
        self.end_link(number, link, closed);
        let answer = Detach {
            handle,
            closed: detach.closed,
            error: None,
        };
        self.say(number, answer);
        Ok(())
    }

    fn take_link(&mut self, number: u16, handle: u32) -> Option<(Link, Option<Box<str>>)> {
        let channel = self.channels.get_mut(number)?;
        let link = channel.links.remove(&handle)?;
        channel.numbers.remove(&link.number);
        let known = self.names.iter().find(|(_, at)| **at == (number, handle));
        let key = known.map(|(key, _)| key.clone());
        if let Some(key) = &key {
            self.names.remove(key);
        }
        Some((link, key.map(|(name, _)| name)))
    }

    /// What it held goes back; what was kept by its name goes when it is `closed`.
    fn end_link(&mut self, number: u16, link: Link, closed: bool) {
        let Some(channel) = self.channels.get_mut(number) else {
            return;
        };
        let session = channel.asks.session;
        let consumer = channel.asks.consumer(link.number);
        self.partial -= link.weight();
        match link.way {
            Way::Closing => {}
            Way::In(incoming) => {
                if matches!(incoming.to, To::Coordinator { .. }) {
                    self.abort_all(number, link.number);
                }
            }
            Way::Out(outgoing) => {
                channel.going.retain(|going| going.link != link.number);
                channel.unsettled.retain(|_, out| out.link != link.number);
                self.unflushed.retain(|(sent_to, _)| *sent_to != consumer);
                if outgoing.kind.is_some() {
                    self.ask(number, broker::Input::Unsubscribe { consumer });
                }
                if let Some(name) = outgoing.durable.filter(|_| closed) {
                    self.ask(number, broker::Input::Forget { session, name });
                }
            }
        }
        if let Some(queue) = link.dynamic {
            self.ask(number, drop_queue(session, queue));
        }
    }
}

/// The other end of the same link.
fn answer_to(attach: &Attach) -> Attach {
    Attach {
        name: attach.name.clone(),
        handle: attach.handle,
        role: !attach.role,
        snd_settle_mode: attach.snd_settle_mode,
        ..Attach::default()
    }
}
