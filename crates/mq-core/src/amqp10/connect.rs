//! From the first bytes to an open connection (2.4.1, 5.3.2).

use std::time::Duration;

use tandem_mq_wire::amqp10::{
    Fields, Frame, Greeting, Open, SMALLEST_MAX, SaslInit, SaslMechanisms, SaslOutcome, Value,
};
use tandem_time::Mono;

use super::mistake::Mistake;
use super::{Session, State, Timer};
use crate::broker;
use crate::dialect::plain;

/// Codes of an outcome (5.3.3.6).
const OK: u8 = 0;
const AUTH: u8 = 1;

/// Whoever wants to hear more often than that wants something else.
const BUSIEST: Duration = Duration::from_millis(100);

pub(super) fn properties() -> Fields {
    let text = |text: &str| Value::Text(text.into());
    vec![
        (Value::symbol("product"), text("tandem-mq")),
        (Value::symbol("version"), text(env!("CARGO_PKG_VERSION"))),
    ]
}

impl Session {
    pub(super) fn introduce(&mut self) {
        let mechanisms = vec!["PLAIN".into(), "ANONYMOUS".into()];
        self.line.send(Frame::Greeting(Greeting::Sasl));
        let frame = Frame::Mechanisms(SaslMechanisms { mechanisms });
        self.line.send(frame);
        self.state = State::Introducing;
    }

    pub(super) fn introduced(&mut self, init: &SaslInit) {
        let response = init.initial_response.as_deref().unwrap_or_default();
        match &*init.mechanism.0 {
            "ANONYMOUS" => self.authenticate(true, None, None),
            "PLAIN" => match plain(response) {
                Some((user, password)) => self.authenticate(true, Some(user), Some(password)),
                None => self.turn_away(),
            },
            _ => self.turn_away(),
        }
    }

    pub(super) fn authenticate(&mut self, by_sasl: bool, login: Option<Box<str>>, passcode: Option<Box<str>>) {
        self.state = State::Checking(by_sasl);
        self.line.authenticate(login, passcode);
    }

    fn turn_away(&mut self) {
        let outcome = SaslOutcome {
            code: AUTH,
            additional_data: None,
        };
        self.line.send(Frame::Outcome(outcome));
        self.line.close();
    }

    pub(super) fn admit(&mut self, answer: &Result<(), Box<str>>) {
        match (self.state, answer) {
            (State::Checking(true), Ok(())) => {
                let outcome = SaslOutcome {
                    code: OK,
                    additional_data: None,
                };
                self.line.send(Frame::Outcome(outcome));
                self.state = State::Known;
            }
            (State::Checking(true), Err(_)) => self.turn_away(),
            (State::Checking(false), Ok(())) => {
                self.line.send(Frame::Greeting(Greeting::Amqp));
                self.state = State::Opening;
            }
            // It has to say who it is (2.2: what would be accepted, and the end).
            (State::Checking(false), Err(_)) => {
                self.line.send(Frame::Greeting(Greeting::Sasl));
                self.line.close();
            }
            _ => {}
        }
    }

    pub(super) fn open(&mut self, open: Open, now: Mono) {
        let frame_max = open.max_frame_size.unwrap_or(u32::MAX);
        let idle = open.idle_time_out.filter(|millis| *millis > 0);
        let idle = idle.map(|millis| Duration::from_millis(millis.into()));
        if frame_max < SMALLEST_MAX {
            let why = Mistake::invalid("max-frame-size is at least 512").of_connection();
            return self.fail(&why, now);
        }
        if idle.is_some_and(|idle| idle < BUSIEST) {
            let why = Mistake::invalid("idle-time-out is at least 100 milliseconds here").of_connection();
            return self.fail(&why, now);
        }
        if open.container_id.len() > LONGEST_NAME {
            let why = Mistake::invalid("the container-id is too long").of_connection();
            return self.fail(&why, now);
        }
        self.container = open.container_id;
        // Larger ones gain nothing, and would be made as a whole.
        self.frame_max = frame_max.min(self.settings.frame);
        self.channel_max = self.settings.channels.min(open.channel_max.unwrap_or(u16::MAX));
        self.state = State::Open;
        self.line.timers.disarm(Timer::Login);
        self.line
            .agree(idle.unwrap_or_default() / 2, self.settings.idle * 2, now);
        let session = self.line.id;
        self.line.ask(broker::Input::Opened { session });
        let open = self.our_open();
        self.say(0, open);
    }
}

/// Of containers and links: they are names of subscriptions.
pub(super) const LONGEST_NAME: usize = 512;
