//! From the first bytes to an open connection (section 2.2.4), and its end.

use std::time::Duration;

use bytes::Bytes;
use tandem_mq_wire::amqp091::{Code, Field, Method, SMALLEST_MAX, Table};
use tandem_time::Mono;

use super::mistake::Mistake;
use super::{Session, State, Timer};
use crate::broker;
use crate::dialect::plain;

/// Who a client says it is, from what it answered.
fn credentials(mechanism: &str, response: &Bytes) -> Result<(Box<str>, Box<str>), Mistake> {
    let syntax = |what: &str| Mistake::new(Code::SyntaxError, what);
    match mechanism {
        "PLAIN" => plain(response).ok_or_else(|| syntax("the answer for PLAIN is NUL, name, NUL, password")),
        "AMQPLAIN" => {
            let table = Table::read(response.clone()).map_err(|error| syntax(error.0))?;
            match (table.find("LOGIN"), table.find("PASSWORD")) {
                (Some(Field::Text(user)), Some(Field::Text(password))) => Ok((user.clone(), password.clone())),
                _ => Err(syntax("the answer for AMQPLAIN has LOGIN and PASSWORD")),
            }
        }
        other => Err(syntax(&format!("there is no authentication mechanism {other:?}"))),
    }
}

impl Session {
    pub(super) fn greet(&mut self) {
        let yes = Field::Bool(true);
        let capabilities = [
            "publisher_confirms",
            "exchange_exchange_bindings",
            "basic.nack",
            "consumer_cancel_notify",
            "connection.blocked",
            "authentication_failure_close",
            "per_consumer_qos",
        ];
        let capabilities = capabilities
            .iter()
            .fold(Table::default(), |table, name| table.with(name, yes.clone()));
        let text = |text: &str| Field::Text(text.into());
        let properties = Table::default()
            .with("capabilities", Field::Table(capabilities))
            .with("product", text("tandem-mq"))
            .with("version", text(env!("CARGO_PKG_VERSION")))
            .with("platform", text("Rust"));
        self.state = State::Starting;
        self.say(
            0,
            Method::Start {
                major: 0,
                minor: 9,
                properties,
                mechanisms: Bytes::from_static(b"PLAIN AMQPLAIN"),
                locales: Bytes::from_static(b"en_US"),
            },
        );
    }

    pub(super) fn of_the_connection(&mut self, method: Method, now: Mono) -> Result<(), Mistake> {
        match (self.state, method) {
            (State::Closing, Method::CloseOk {}) => self.line.close(),
            (State::Closing, Method::Close { .. }) => self.say(0, Method::CloseOk {}),
            (State::Closing, _) => {}
            (
                State::Starting,
                Method::StartOk {
                    properties,
                    mechanism,
                    response,
                    ..
                },
            ) => {
                self.learn(&properties);
                let (user, password) = credentials(&mechanism, &response)?;
                self.user = user.clone();
                self.state = State::Checking;
                self.line.authenticate(Some(user), Some(password));
            }
            (
                State::Tuning,
                Method::TuneOk {
                    channel_max,
                    frame_max,
                    heartbeat,
                },
            ) => self.tune(channel_max, frame_max, heartbeat, now)?,
            (State::Opening, Method::Open { vhost, .. }) => self.open(&vhost)?,
            (State::Open | State::Tuning | State::Opening, Method::Close { .. }) => {
                // What is exclusive is gone when the client hears it.
                let session = self.line.id;
                self.line.ask(broker::Input::Closed { session });
                self.say(0, Method::CloseOk {});
                self.line.close();
            }
            (State::Open, Method::UpdateSecret { .. }) => {
                return Err(Mistake::new(Code::NotImplemented, "passwords do not expire here"));
            }
            (_, method) => {
                let (class, number) = method.id();
                return Err(Mistake::new(
                    Code::CommandInvalid,
                    format!("method {number} of class {class} does not belong here"),
                ));
            }
        }
        Ok(())
    }

    fn learn(&mut self, properties: &Table) {
        let Some(Field::Table(capabilities)) = properties.find("capabilities") else {
            return;
        };
        let can = |name: &str| capabilities.find(name) == Some(&Field::Bool(true));
        self.understands.refusal = can("authentication_failure_close");
        self.understands.blocked = can("connection.blocked");
        self.understands.cancel = can("consumer_cancel_notify");
    }

    pub(super) fn admit(&mut self, answer: Result<(), Box<str>>, now: Mono) {
        if self.state != State::Checking {
            return;
        }
        match answer {
            Err(why) => self.fail(Mistake::new(Code::AccessRefused, why), (0, 0), now),
            Ok(()) => {
                self.state = State::Tuning;
                self.say(
                    0,
                    Method::Tune {
                        channel_max: self.settings.channels,
                        frame_max: self.settings.frame,
                        heartbeat: u16::try_from(self.settings.heartbeat.as_secs()).unwrap_or(u16::MAX),
                    },
                );
            }
        }
    }

    /// Zero is "as you like it".
    fn tune(&mut self, channel_max: u16, frame_max: u32, heartbeat: u16, now: Mono) -> Result<(), Mistake> {
        let too = |what: &str, value: u32, how: &str, bound: u32| {
            let text = format!("negotiated {what} = {value} is {how} allowed value ({bound})");
            Err(Mistake::new(Code::NotAllowed, text))
        };
        if channel_max > self.settings.channels {
            return too(
                "channel_max",
                channel_max.into(),
                "higher than the maximum",
                self.settings.channels.into(),
            );
        }
        if frame_max > self.settings.frame {
            return too("frame_max", frame_max, "higher than the maximum", self.settings.frame);
        }
        if frame_max != 0 && frame_max < SMALLEST_MAX {
            return too("frame_max", frame_max, "lower than the minimum", SMALLEST_MAX);
        }
        if channel_max != 0 {
            self.channel_max = channel_max;
        }
        if frame_max != 0 {
            self.frame_max = frame_max;
        }
        let beat = Duration::from_secs(heartbeat.into());
        self.line.agree(beat / 2, beat * 2, now);
        self.state = State::Opening;
        Ok(())
    }

    fn open(&mut self, vhost: &str) -> Result<(), Mistake> {
        if vhost != "/" {
            return Err(Mistake::new(Code::NotAllowed, format!("vhost {vhost} not found")));
        }
        self.state = State::Open;
        self.line.timers.disarm(Timer::Login);
        let session = self.line.id;
        self.line.ask(broker::Input::Opened { session });
        self.say(0, Method::OpenOk { known_hosts: "".into() });
        Ok(())
    }
}
