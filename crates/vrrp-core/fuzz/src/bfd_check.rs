//! A BFD session hears anything at any time: it never panics, says a bounded number of things to one, and what it sends a
//! session like it understands.
//!
//! The first byte chooses the session; the rest are things that happen to it, each a byte that says what and the bytes it
//! needs.

use std::time::Duration;

use tandem_time::{Mono, Seed};
use tandem_vrrp_core::bfd::{Control, Input, LENGTH, Output, Session, SessionState, Settings};

const OWN: u32 = 1;
/// A change of state, what it says about that, and an answer.
const MOST_OUTPUTS: usize = 4;
/// Fastest is 75 % of a millisecond each.
const MOST_IN_A_WHILE: usize = 4000;
const WHILE: Duration = Duration::from_millis(2000);

pub fn check(data: &[u8]) {
    let Some((setup, mut rest)) = data.split_first() else {
        return;
    };
    let mut run = Run::new(*setup);
    while let Some((what, after)) = rest.split_first() {
        rest = after;
        match what % 8 {
            0 => run.hear(take(&mut rest, usize::from(what / 8))),
            // A whole packet, made to be looked at: version, length and what it knows of us.
            1 | 2 => run.hear(&dressed(take(&mut rest, LENGTH), what % 8 == 2)),
            3 => run.wait(WHILE),
            4 => run.wait(Duration::from_millis(u64::from(what / 8))),
            5 => run.wait_for_deadline(),
            6 => run.neighbour(*what),
            _ if *what == u8::MAX => run.give(Input::AdminDown),
            _ => run.wait_for_deadline(),
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, after) = rest.split_at(length.min(rest.len()));
    *rest = after;
    taken
}

fn dressed(bytes: &[u8], named: bool) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    packet[..bytes.len()].copy_from_slice(bytes);
    packet[0] = 1 << 5 | packet[0] & 0x1f;
    packet[3] = LENGTH as u8;
    if named {
        packet[8..12].copy_from_slice(&OWN.to_be_bytes());
    }
    packet
}

struct Run {
    session: Session,
    /// One that is as it should be, and hears what the first one says.
    other: Session,
    now: Mono,
}

impl Run {
    fn new(setup: u8) -> Run {
        let now = Mono::from_millis(1000);
        let settings = Settings {
            min_tx: Duration::from_millis(1 + u64::from(setup & 0x0f) * 20),
            min_rx: Duration::from_millis(u64::from(setup >> 4 & 3) * 10),
            idle_tx: Duration::from_secs(1),
            multiplier: setup >> 6,
            passive: setup & 0x20 != 0,
        };
        let plain = Settings {
            multiplier: 3,
            passive: false,
            ..settings
        };
        let mut run = Run {
            session: Session::new(settings, OWN, Seed::new(1), now),
            other: Session::new(plain, 2, Seed::new(2), now),
            now,
        };
        run.drain(MOST_OUTPUTS);
        run
    }

    fn hear(&mut self, bytes: &[u8]) {
        let Ok(control) = Control::decode(bytes) else { return };
        assert!(control.own != 0 && control.multiplier != 0);
        let again = Control::decode(&control.encode()).expect("what was read can be written");
        assert_eq!(again, control);
        if control.yours == 0 || self.session.is_named(control.yours) {
            self.give(Input::Packet(control));
        }
    }

    fn give(&mut self, input: Input) {
        self.session.handle(input, self.now);
        self.drain(MOST_OUTPUTS);
    }

    fn drain(&mut self, most: usize) {
        for _ in 0..most {
            match self.session.poll_output() {
                None => return,
                Some(Output::Send(bytes)) => {
                    let said = Control::decode(&bytes).expect("a session says nothing that is refused");
                    self.other.handle(Input::Packet(said), self.now);
                    while self.other.poll_output().is_some() {}
                }
                Some(Output::Up) => assert_eq!(self.session.view().state, SessionState::Up),
                Some(Output::Down(_)) => assert!(!self.session.is_up()),
            }
        }
        assert!(self.session.poll_output().is_none(), "no end of outputs");
    }

    fn wait_for_deadline(&mut self) {
        if let Some(at) = self.session.poll_deadline() {
            self.now = self.now.max(at);
            self.session.on_deadline(self.now);
            self.drain(MOST_OUTPUTS);
            let next = self.session.poll_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a deadline that stays");
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..MOST_IN_A_WHILE {
            if self.session.poll_deadline().is_none_or(|at| at > end) {
                self.now = end;
                return;
            }
            self.wait_for_deadline();
        }
        panic!("no end of deadlines");
    }

    /// The other one's own word.
    fn neighbour(&mut self, what: u8) {
        if what & 0x80 != 0 {
            self.other.handle(Input::AdminDown, self.now);
        } else if self.other.poll_deadline().is_some_and(|at| at <= self.now) {
            self.other.on_deadline(self.now);
        }
        while let Some(output) = self.other.poll_output() {
            if let Output::Send(bytes) = output {
                let said = Control::decode(&bytes).expect("a session says nothing that is refused");
                self.session.handle(Input::Packet(said), self.now);
                self.drain(MOST_OUTPUTS);
            }
        }
    }
}
