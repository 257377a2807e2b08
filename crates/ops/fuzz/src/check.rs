//! One end of the pair link hears anything at any time, also from one that knows the secret: it never panics, what it
//! says to one thing and what it remembers is bounded, and it believes nothing twice.
//!
//! The input is a row of things that happen, each a byte that says what and the bytes it needs. Frames get the digest that
//! they need to be looked at, and on request the echo of the last challenge, for no chance finds those.

use std::net::IpAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tandem_ops::pair::{Entry, FRAME, Input, Key, Link, Lodging, Message, Output, Position, Secret, Wish};
use tandem_time::Mono;

const SECRET: [u8; 32] = [7; 32];
/// Up, two greetings, a view of three entries, and what was asked.
const MOST_OUTPUTS: usize = 16;
/// Deadlines that are due within a second: beats, and questions that are asked again.
const MOST_IN_A_SECOND: usize = 64;
/// What one end keeps of the other's view.
const MOST_KNOWN: usize = 4096;
/// Questions on their way.
const MOST_ASKED: usize = 8;

pub fn check(data: &[u8]) {
    let mut rest = data;
    let mut run = Run::new();
    while let Some(what) = byte(&mut rest) {
        match what % 8 {
            0 => run.hear(bytes(&mut rest)),
            1 => run.hear_signed(what / 8, bytes(&mut rest)),
            2 => run.again(),
            3 => run.wait(Duration::from_millis(u64::from(what / 8) * 40)),
            4 => run.wait(Duration::from_millis(u64::from(what / 8) / 4)),
            5 => run.converse(),
            6 => run.view(what / 8),
            _ => run.ask(what / 8),
        }
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

/// As many as the first of them says, or all that are left.
fn bytes<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::from(byte(rest).unwrap_or(0));
    let (taken, after) = rest.split_at(length.min(rest.len()));
    *rest = after;
    taken
}

struct Run {
    link: Link,
    /// One that is as it should be.
    peer: Link,
    now: Mono,
    /// The last frame of the link: it holds the challenge.
    said: Vec<u8>,
    /// The last frame that it was given.
    heard: Vec<u8>,
    counter: u64,
    asked: usize,
}

impl Run {
    fn new() -> Run {
        let secret = || Secret::new(&SECRET).expect("long enough");
        let now = Mono::from_millis(1000);
        let mut run = Run {
            link: Link::new(secret(), 1, now),
            peer: Link::new(secret(), 2, now),
            now,
            said: Vec::new(),
            heard: Vec::new(),
            counter: 0,
            asked: 0,
        };
        run.wait(Duration::ZERO);
        run
    }

    fn hear(&mut self, datagram: &[u8]) {
        let before = self.link.statistics();
        self.link.handle(Input::Datagram(datagram), self.now);
        let after = self.link.statistics();
        assert_eq!(
            after.believed + after.refused,
            before.believed + before.refused + 1,
            "everything is judged"
        );
        self.heard = datagram.to_vec();
        self.drain();
        assert!(self.link.view().count() <= MOST_KNOWN);
    }

    /// The bytes are kind and body; the flags choose what is wrong about the rest.
    fn hear_signed(&mut self, flags: u8, bytes: &[u8]) {
        let (kind, body) = bytes.split_first().map_or((0, bytes), |(kind, body)| (*kind, body));
        let stale = flags & 1 != 0;
        self.counter += u64::from(!stale);
        let session: u64 = 100 + u64::from(flags >> 1 & 3);
        let challenge = self.said.get(24..32).unwrap_or(&[0; 8]).to_vec();
        let mut frame = b"TPL\x01".to_vec();
        frame.extend([kind, 0]);
        frame.extend(u16::try_from(body.len()).unwrap_or(0).to_be_bytes());
        for number in [session, self.counter, 77] {
            frame.extend(number.to_be_bytes());
        }
        frame.extend(if flags & 8 == 0 { challenge } else { vec![0; 8] });
        frame.extend(body);
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&SECRET).expect("HMAC takes a key of any length");
        mac.update(&frame);
        frame.extend(mac.finalize().into_bytes());
        self.hear(&frame);
    }

    fn again(&mut self) {
        let frame = self.heard.clone();
        let before = self.link.statistics();
        self.hear(&frame);
        assert_eq!(self.link.statistics().believed, before.believed, "seen before");
    }

    fn drain(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            match self.link.poll_output() {
                None => return,
                Some(Output::Send(frame)) => {
                    assert!(frame.len() <= FRAME);
                    self.said = frame;
                }
                Some(Output::Up) => assert!(self.link.is_up()),
                Some(Output::Down) => assert!(!self.link.is_up()),
                Some(Output::Wish { ticket, .. }) => {
                    let willing = ticket % 2 == 0;
                    self.link.handle(Input::Answer { ticket, willing }, self.now);
                }
                Some(Output::Seen(_)) => {}
                Some(Output::Became { .. }) => self.asked = self.asked.saturating_sub(1),
                Some(Output::Refused(_)) => {}
            }
        }
        panic!("no end of outputs");
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..=MOST_IN_A_SECOND * (1 + usize::try_from(time.as_secs()).unwrap_or(0)) {
            match self.link.poll_deadline().filter(|at| *at <= end) {
                None => {
                    self.now = end;
                    return;
                }
                Some(at) => {
                    self.now = self.now.max(at);
                    self.link.on_deadline(self.now);
                    self.drain();
                }
            }
        }
        panic!("no end of deadlines");
    }

    /// What was said last goes to the other end, and its answers come back.
    fn converse(&mut self) {
        let said = self.said.clone();
        self.peer.handle(Input::Datagram(&said), self.now);
        if self.peer.poll_deadline().is_some_and(|at| at <= self.now) {
            self.peer.on_deadline(self.now);
        }
        for _ in 0..MOST_OUTPUTS {
            match self.peer.poll_output() {
                None => return,
                Some(Output::Send(frame)) => self.hear(&frame),
                Some(_) => {}
            }
        }
    }

    fn view(&mut self, what: u8) {
        let entries = (0..what % 4).map(|vrid| entry(vrid, what)).collect();
        self.link.handle(Input::View(entries), self.now);
        self.drain();
        let entries = (0..what % 4).map(|vrid| entry(vrid, what)).collect();
        self.peer.handle(Input::View(entries), self.now);
    }

    fn ask(&mut self, what: u8) {
        if self.asked < MOST_ASKED {
            self.asked += 1;
            let key = entry(what % 4, what).key;
            let via = key.address;
            let (mac, seconds) = ([what; 6], u32::from(what));
            let wish = match what / 16 {
                0 => Wish::Keep(Lodging { via, mac, seconds }),
                1 => Wish::Over,
                2 => Wish::Return,
                _ => Wish::TakeOver,
            };
            let successor = None;
            self.link.handle(Input::Wish { key, wish, successor }, self.now);
            self.drain();
        }
    }
}

fn entry(vrid: u8, what: u8) -> Entry {
    let address = IpAddr::from([10, 9, 0, vrid]);
    let positions = [Position::Out, Position::Ready, Position::Master, Position::Leaving];
    Entry {
        key: Key { vrid, address },
        position: positions[usize::from(what / 4 % 4)],
        priority: what,
        source: Some(address).filter(|_| what & 1 == 0),
    }
}

/// The longest view fits the longest frame.
const _: () = assert!(Message::ENTRIES * 37 < FRAME);
