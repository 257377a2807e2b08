//! How a client comes in, and how it goes.

use std::time::Duration;

use tandem_mq_wire::mqtt::{Answer, Connect, Disconnect, Properties, Reason, Version};
use tandem_time::Mono;

use super::{Listener, Promised, Session, State, Timer, message, topic};
use crate::WallMillis;
use crate::broker::{self, Attach, Expiry, Known, Will};

/// Longer names are somebody's mistake, and would be kept with each subscription.
const LONGEST_CLIENT: usize = 256;
/// What MQTT 5 calls never.
const NEVER: u32 = u32::MAX;

/// From the CONNECT packet.
#[derive(Debug)]
pub(super) struct Asked {
    attach: Attach,
    /// The client had no name.
    assigned: bool,
    /// In seconds.
    keep_alive: u16,
    receive_maximum: u16,
}

impl Session {
    pub(super) fn connect(&mut self, connect: Connect, now: Mono) {
        self.version = connect.version;
        if connect.properties.authentication_method.is_some() {
            return self.fail(
                Reason::BadAuthenticationMethod,
                "this broker takes a name and a password",
            );
        }
        if connect.client.len() > LONGEST_CLIENT {
            return self.fail(Reason::ClientIdentifier, "a client identifier has at most 256 bytes");
        }
        let assigned = connect.client.is_empty();
        if assigned && connect.version == Version::V3_1_1 && !connect.clean {
            return self.fail(
                Reason::ClientIdentifier,
                "a session that is kept needs a client identifier",
            );
        }
        if let Some(will) = &connect.will
            && will.topic.starts_with('$')
        {
            return self.fail(Reason::TopicNameInvalid, "topics that begin with $ are the broker's");
        }
        let asked = Asked {
            assigned,
            keep_alive: connect.keep_alive,
            receive_maximum: connect.properties.receive_maximum.unwrap_or(u16::MAX),
            attach: Attach {
                session: self.line.id,
                client: match assigned {
                    true => format!("auto-{}-{}", self.line.wall(now).0, self.line.id.0).into(),
                    false => connect.client,
                },
                fresh: connect.clean,
                expiry: expiry(&connect.properties, connect.version, connect.clean),
                will: connect.will.map(will),
            },
        };
        self.outbound.limit(&connect.properties, self.settings.aliases);
        self.lasts = asked.attach.expiry.lasts();
        self.asked = Some(asked);
        self.state = State::Checking;
        let passcode = connect.password.map(|bytes| String::from_utf8_lossy(&bytes).into());
        self.line.authenticate(connect.user, passcode);
    }

    pub(super) fn admit(&mut self, answer: Result<(), Box<str>>, now: Mono) {
        if self.state != State::Checking {
            return;
        }
        if let Err(why) = answer {
            return self.fail(Reason::BadUserNameOrPassword, &why);
        }
        let Some(asked) = &self.asked else { return };
        self.line.timers.disarm(Timer::Login);
        let silence = Duration::from_millis(u64::from(asked.keep_alive) * 1500);
        self.line.agree(Duration::ZERO, silence, now);
        self.state = State::Attaching;
        let attach = asked.attach.clone();
        self.ask(broker::Input::Attach(attach));
    }

    /// The broker knows the client. Nothing is said to it before all that went before is on disk: it might be what an
    /// earlier connection has heard of, or has not.
    pub(super) fn attached(&mut self, known: Option<Box<Known>>) {
        let first = self.asks.last() + 1;
        self.promise(first, Promised::Connack(known));
    }

    /// It may begin, or go on.
    pub(super) fn begin(&mut self, known: Option<Box<Known>>, now: Mono) {
        let Some(asked) = self.asked.take().filter(|_| self.state == State::Attaching) else {
            return;
        };
        self.state = State::Open;
        let properties = Properties {
            assigned_client: asked.assigned.then(|| asked.attach.client.clone()),
            receive_maximum: Some(self.settings.receive_maximum),
            topic_alias_maximum: Some(self.settings.aliases),
            maximum_packet: Some(u32::try_from(self.settings.packet).unwrap_or(u32::MAX)),
            ..Properties::default()
        };
        self.send(Answer::Connack {
            session_present: known.is_some(),
            reason: Reason::Success,
            properties: Box::new(properties),
        });
        let known = known.map(|known| *known).unwrap_or_default();
        for (number, filter, options) in known.listens {
            self.listeners.insert(number, Listener { options });
            self.numbers.insert(filter, number);
            self.next_listener = self.next_listener.max(number + 1);
        }
        self.received.extend(known.received);
        let window = asked.receive_maximum.min(self.settings.window);
        let under_way = known.named.len() + known.released.len();
        self.outbound.begin(window, known.named);
        for packet in known.released {
            self.outbound.released(packet);
            self.send(Answer::Pubrel(packet, Reason::Success));
        }
        let more = u32::from(window).saturating_sub(u32::try_from(under_way).unwrap_or(u32::MAX));
        let session = self.line.id;
        self.ask(broker::Input::Window { session, more });
        for delivery in std::mem::take(&mut self.held_back) {
            self.deliver(delivery, now);
        }
    }

    /// A word of farewell takes the will back, unless it says otherwise.
    pub(super) fn disconnect(&mut self, disconnect: &Disconnect) {
        let expiry = disconnect.session_expiry.map(expiry_of);
        if expiry.is_some_and(Expiry::lasts) && !self.lasts {
            return self.fail(
                Reason::ProtocolError,
                "a session that ends with its connection cannot be kept now",
            );
        }
        self.ask(broker::Input::Leave {
            session: self.line.id,
            will: disconnect.reason != 0,
            expiry,
        });
        self.line.close();
    }
}

fn expiry(properties: &Properties, version: Version, clean: bool) -> Expiry {
    match version {
        Version::V3_1_1 if clean => Expiry::Seconds(0),
        Version::V3_1_1 => Expiry::Never,
        Version::V5 => expiry_of(properties.session_expiry.unwrap_or(0)),
    }
}

fn expiry_of(seconds: u32) -> Expiry {
    match seconds {
        NEVER => Expiry::Never,
        seconds => Expiry::Seconds(seconds),
    }
}

/// Its lifetime begins when it is sent, so it is counted from zero until then.
fn will(will: tandem_mq_wire::mqtt::Will) -> Will {
    let delay = will.properties.will_delay.unwrap_or(0);
    Will {
        address: topic::address(&will.topic),
        message: message::read(will.payload, will.qos, will.retain, will.properties, WallMillis(0)),
        delay,
    }
}
