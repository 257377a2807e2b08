//! What each frame of a client does.

use std::collections::BTreeSet;

use tandem_mq_wire::stomp::{Command, Frame, Version};
use tandem_time::Mono;

use super::temporary::is_temporary;
use super::{Ack, Listener, Open, Receipt, Session, State, message};
use crate::broker::{self, Subscription, Target};
use crate::{Kind, Selector, Token, TransactionId};

/// Why a frame cannot be carried out: what is wrong, and what to write instead.
pub(super) type Mistake = (&'static str, String);

/// The most subscriptions of one client.
const MOST_LISTENERS: usize = 10_000;
/// The most transactions of one client.
const MOST_TRANSACTIONS: usize = 1000;

impl Session {
    pub(super) fn frame(&mut self, frame: Frame, now: Mono) {
        let comes_in = matches!(frame.command, Command::Connect | Command::Stomp);
        let receipt: Option<Box<str>> = frame.header("receipt").map(Into::into);
        match (self.state, comes_in) {
            (State::Waiting, true) => return self.connect(&frame),
            (State::Waiting, false) => {
                return self.fail(
                    "not connected",
                    "the first frame is CONNECT or STOMP",
                    receipt.as_deref(),
                );
            }
            (State::Open, false) => {}
            (State::Open, true) => return self.fail("connected already", "CONNECT comes once", receipt.as_deref()),
            (State::Checking | State::Closing, _) => return,
        }
        let leaves = frame.command == Command::Disconnect;
        let first = self.asks.last() + 1;
        if let Err((what, detail)) = self.act(frame, now) {
            return self.fail(what, &detail, receipt.as_deref());
        }
        let token = receipt.map(|id| self.promise(id, first));
        if leaves {
            self.leave(token);
        }
    }

    fn act(&mut self, frame: Frame, now: Mono) -> Result<(), Mistake> {
        match frame.command {
            Command::Send => self.publish(frame, now),
            Command::Subscribe => self.subscribe(&frame),
            Command::Unsubscribe => self.unsubscribe(&frame),
            Command::Ack => self.settle(&frame, broker::Outcome::Accepted),
            // RabbitMQ's `requeue:false` sends it to the dead; otherwise somebody else may try.
            Command::Nack if frame.header("requeue") == Some("false") => self.settle(&frame, broker::Outcome::Rejected),
            Command::Nack => self.settle(&frame, broker::Outcome::Failed),
            Command::Begin => self.begin(&frame),
            Command::Commit | Command::Abort => self.finish(&frame),
            Command::Disconnect => Ok(()),
            Command::Connect
            | Command::Stomp
            | Command::Connected
            | Command::Message
            | Command::Receipt
            | Command::Error => Err((
                "unexpected frame",
                format!("{} is not for clients to send", frame.command),
            )),
        }
    }

    fn publish(&mut self, frame: Frame, now: Mono) -> Result<(), Mistake> {
        let to = self.target(required(&frame, "destination")?)?;
        let transaction = self.transaction_of(&frame)?;
        let sent = self.line.wall(now);
        let mut message =
            message::read(frame, self.settings.durable, sent).map_err(|why| ("a header cannot be read", why))?;
        if let Some(wanted) = message.reply_to.take_if(|wanted| is_temporary(wanted)) {
            message.reply_to = Some(self.answers_to(&wanted)?);
        }
        self.ask(broker::Input::Send {
            session: self.line.id,
            transaction,
            to,
            message,
            once: None,
        });
        Ok(())
    }

    fn subscribe(&mut self, frame: &Frame) -> Result<(), Mistake> {
        let destination = required(frame, "destination")?;
        let to = self.target(destination)?;
        self.end_own_listener(destination);
        // 1.0 knew no id; there the destination names the subscription.
        let id = match frame.header("id") {
            Some(id) => id,
            None if self.version == Version::V1_0 => destination,
            None => return Err(("header missing", "SUBSCRIBE needs an id".to_owned())),
        };
        if self.numbers.contains_key(id) {
            return Err(("subscribed already", format!("the id {id:?} is in use")));
        }
        if self.listeners.len() >= MOST_LISTENERS {
            return Err((
                "too many subscriptions",
                format!("one client may have {MOST_LISTENERS}"),
            ));
        }
        let selector = frame.header("selector").map(Selector::parse).transpose();
        let selector = selector.map_err(|error| ("header wrong", error.to_string()))?;
        let browse = frame.header("browser") == Some("true");
        if browse && to.kind == Kind::Multicast {
            let wrong = "a topic keeps nothing to browse: leave out browser:true".to_owned();
            return Err(("header wrong", wrong));
        }
        let ack = match frame.header("ack").unwrap_or("auto") {
            _ if browse => Ack::Never,
            "auto" => Ack::Auto,
            "client" => Ack::Client,
            "client-individual" => Ack::Individual,
            other => {
                return Err((
                    "header wrong",
                    format!("ack is auto, client or client-individual, not {other:?}"),
                ));
            }
        };
        let all = amount(frame, &["credit"])?;
        let (prefetch, left) = credit(frame, all)?;
        let options = Subscription {
            credit: prefetch.unwrap_or(self.settings.prefetch),
            is_usual: prefetch.is_none(),
            durable: self.durable_name(frame, to.kind)?,
            browse,
            selector,
            exclusive: frame.header("activemq.exclusive") == Some("true"),
        };
        let number = self.listen(id, destination, ack, to, options);
        if let Some(listener) = self.listeners.get_mut(&number) {
            listener.left = left;
            listener.unseen = all.filter(|_| browse);
        }
        Ok(())
    }

    pub(super) fn listen(&mut self, id: &str, destination: &str, ack: Ack, to: Target, options: Subscription) -> u64 {
        let number = self.line.next();
        self.numbers.insert(id.into(), number);
        let listener = Listener {
            id: id.into(),
            destination: destination.into(),
            ack,
            open: BTreeSet::new(),
            paid: BTreeSet::new(),
            left: None,
            unseen: None,
        };
        self.listeners.insert(number, listener);
        let consumer = self.asks.consumer(number);
        self.ask(broker::Input::Subscribe { consumer, to, options });
        number
    }

    /// The name under which a topic's subscription outlives this connection.
    fn durable_name(&self, frame: &Frame, kind: Kind) -> Result<Option<Box<str>>, Mistake> {
        let Some(name) = durable_header(frame) else {
            return Ok(None);
        };
        if kind == Kind::Anycast {
            return Err((
                "header wrong",
                "a queue needs no subscription name: it keeps its messages anyway".to_owned(),
            ));
        }
        self.full_name(name).map(Some)
    }

    fn full_name(&self, name: &str) -> Result<Box<str>, Mistake> {
        let Some(client) = &self.client_id else {
            let wanted = "a durable subscription needs a client-id in the CONNECT frame".to_owned();
            return Err(("header missing", wanted));
        };
        Ok(format!("{client}.{name}").into())
    }

    fn unsubscribe(&mut self, frame: &Frame) -> Result<(), Mistake> {
        let number = match (frame.header("id"), self.version) {
            (Some(id), _) => self.numbers.get(id).copied(),
            (None, Version::V1_0) => frame.header("destination").and_then(|to| self.listens_to(to)),
            (None, Version::V1_1 | Version::V1_2) => None,
        };
        if let Some(number) = number {
            self.end_listener(number);
        }
        match (durable_header(frame), number) {
            (Some(name), _) => {
                let (session, name) = (self.line.id, self.full_name(name)?);
                self.ask(broker::Input::Forget { session, name });
                Ok(())
            }
            (None, Some(_)) => Ok(()),
            (None, None) if self.version > Version::V1_0 => {
                let id = required(frame, "id")?;
                Err(("not subscribed", format!("there is no subscription {id:?}")))
            }
            (None, None) => Err(("not subscribed", "there is no such subscription".to_owned())),
        }
    }

    /// In 1.0 a subscription may be named by its destination, whether it has an id or not.
    fn listens_to(&self, destination: &str) -> Option<u64> {
        let is_it = |listener: &Listener| &*listener.destination == destination;
        let mut listeners = self.listeners.iter();
        listeners.find_map(|(number, listener)| is_it(listener).then_some(*number))
    }

    pub(super) fn end_listener(&mut self, number: u64) {
        if let Some(listener) = self.listeners.remove(&number) {
            self.numbers.remove(&listener.id);
        }
        self.open.retain(|_, whose| *whose != number);
        let consumer = self.asks.consumer(number);
        self.unflushed.retain(|(sent_to, _)| *sent_to != consumer);
        self.ask(broker::Input::Unsubscribe { consumer });
    }

    fn begin(&mut self, frame: &Frame) -> Result<(), Mistake> {
        let name = required(frame, "transaction")?;
        if self.transactions.contains_key(name) {
            return Err(("transaction exists", format!("{name:?} has begun already")));
        }
        if self.transactions.len() >= MOST_TRANSACTIONS {
            return Err((
                "too many transactions",
                format!("one client may have {MOST_TRANSACTIONS}"),
            ));
        }
        let number = self.line.next();
        let settled = Vec::new();
        self.transactions.insert(name.into(), Open { number, settled });
        let (session, transaction) = (self.line.id, TransactionId(number));
        self.ask(broker::Input::Begin { session, transaction });
        Ok(())
    }

    fn finish(&mut self, frame: &Frame) -> Result<(), Mistake> {
        let name = required(frame, "transaction")?;
        let Some(open) = self.transactions.remove(name) else {
            return Err(("no such transaction", format!("{name:?} has not begun")));
        };
        let (session, transaction) = (self.line.id, TransactionId(open.number));
        match frame.command {
            Command::Commit => self.ask(broker::Input::Commit { session, transaction }),
            _ => {
                self.ask(broker::Input::Abort { session, transaction });
                self.take_back(open.settled);
            }
        }
        Ok(())
    }

    pub(super) fn transaction_of(&self, frame: &Frame) -> Result<Option<TransactionId>, Mistake> {
        let Some(name) = frame.header("transaction") else {
            return Ok(None);
        };
        match self.transactions.get(name) {
            Some(open) => Ok(Some(TransactionId(open.number))),
            None => Err(("no such transaction", format!("{name:?} has not begun"))),
        }
    }

    /// The client hears of it when everything until now is safe.
    fn promise(&mut self, id: Box<str>, first: u64) -> Token {
        let requests = first..=self.asks.last();
        self.asks.promise(&mut self.line, Receipt { id, requests })
    }

    fn leave(&mut self, token: Option<Token>) {
        match token {
            Some(token) => {
                self.farewell = Some(token);
                self.state = State::Closing;
            }
            None => self.line.close(),
        }
    }
}

/// How many it may be sent at once, if the client says that, and how many more than these it wants altogether.
fn credit(frame: &Frame, all: Option<u32>) -> Result<(Option<u32>, Option<u32>), Mistake> {
    let spelled = ["activemq.prefetchSize", "prefetch-count", "consumer-window-size"];
    let prefetch = amount(frame, &spelled)?;
    Ok(match all {
        None => (prefetch, None),
        Some(all) => {
            let at_once = prefetch.unwrap_or(super::PREFETCH).min(all);
            (Some(at_once), Some(all - at_once))
        }
    })
}

/// A number of messages, by the first of these names that is there.
fn amount(frame: &Frame, names: &[&str]) -> Result<Option<u32>, Mistake> {
    let Some((name, text)) = names.iter().find_map(|name| Some((name, frame.header(name)?))) else {
        return Ok(None);
    };
    match text.trim().parse() {
        Ok(0) | Err(_) => Err((
            "header wrong",
            format!("{name} is a number of at least 1, not {text:?}"),
        )),
        Ok(number) => Ok(Some(number)),
    }
}

/// As ActiveMQ, Artemis and RabbitMQ spell it.
fn durable_header(frame: &Frame) -> Option<&str> {
    let named = [
        "activemq.subscriptionName",
        "durable-subscription-name",
        "durable-subscriber-name",
    ];
    let by_id = || frame.header("id").filter(|_| frame.header("durable") == Some("true"));
    named.iter().find_map(|name| frame.header(name)).or_else(by_id)
}

pub(super) fn required<'a>(frame: &'a Frame, name: &str) -> Result<&'a str, Mistake> {
    let missing = || ("header missing", format!("{} needs the header {name}", frame.command));
    frame.header(name).ok_or_else(missing)
}
