//! Two ends and a wire that remembers everything.

use super::*;

const KEY: Key = Key {
    vrid: 51,
    address: IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 100)),
};

fn entry(vrid: u8) -> Entry {
    Entry {
        key: Key { vrid, ..KEY },
        position: Position::Ready,
        priority: vrid,
        source: Some(IpAddr::from([10, 9, 0, 2])),
    }
}

fn named(outcome: Outcome) -> Output {
    let wish = Wish::TakeOver;
    Output::Became {
        key: KEY,
        wish,
        outcome,
    }
}

fn secret() -> Secret {
    Secret::new(&[5; 32]).expect("long enough")
}

fn end(chance: u64, now: Mono) -> Link {
    Link::new(secret(), chance, now)
}

/// Everything an end has to say, apart from frames, which go to `wire`.
fn pump(link: &mut Link, wire: &mut Vec<Vec<u8>>) -> Vec<Output> {
    let mut other = Vec::new();
    while let Some(output) = link.poll_output() {
        match output {
            Output::Send(frame) => wire.push(frame),
            // Asked for where it matters.
            Output::Seen(_) => {}
            output => other.push(output),
        }
    }
    other
}

struct Pair {
    ends: [Link; 2],
    now: Mono,
    /// All frames ever, of each end.
    recorded: [Vec<Vec<u8>>; 2],
    news: [Vec<Output>; 2],
}

impl Pair {
    fn new() -> Pair {
        let now = Mono::from_millis(1000);
        Pair {
            ends: [end(1, now), end(2, now)],
            now,
            recorded: Default::default(),
            news: Default::default(),
        }
    }

    /// Carries frames until there are none.
    fn settle(&mut self) {
        loop {
            let mut carried = false;
            for from in [0, 1] {
                let mut wire = Vec::new();
                let news = pump(&mut self.ends[from], &mut wire);
                self.news[from].extend(news);
                for frame in wire {
                    carried = true;
                    self.ends[1 - from].handle(Input::Datagram(&frame), self.now);
                    self.recorded[from].push(frame);
                }
            }
            if !carried {
                return;
            }
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self
            .ends
            .iter()
            .filter_map(Link::poll_deadline)
            .min()
            .filter(|at| *at <= end)
        {
            self.now = at;
            for link in &mut self.ends {
                if link.poll_deadline().is_some_and(|due| due <= at) {
                    link.on_deadline(at);
                }
            }
            self.settle();
        }
        self.now = end;
    }

    fn up() -> Pair {
        let mut pair = Pair::new();
        pair.run(Duration::from_millis(1));
        assert_eq!(pair.news(0), [Output::Up]);
        assert_eq!(pair.news(1), [Output::Up]);
        pair.ends[1].handle(Input::View(vec![entry(51)]), pair.now);
        pair.settle();
        pair
    }

    fn name_successor(&mut self) {
        let successor = None;
        let (key, wish) = (KEY, Wish::TakeOver);
        self.ends[0].handle(Input::Wish { key, wish, successor }, self.now);
        self.settle();
    }

    fn news(&mut self, end: usize) -> Vec<Output> {
        std::mem::take(&mut self.news[end])
    }
}

#[test]
fn they_meet_at_once_and_stay() {
    let mut pair = Pair::up();
    pair.run(Duration::from_secs(30));
    assert!(pair.ends.iter().all(Link::is_up));
    assert_eq!((pair.news(0), pair.news(1)), (vec![], vec![]));
}

#[test]
fn a_successor_is_named_and_answers() {
    let mut pair = Pair::up();
    pair.name_successor();
    let [
        Output::Wish {
            key: KEY,
            wish: Wish::TakeOver,
            ticket,
        },
    ] = pair.news(1)[..]
    else {
        panic!("it was not told")
    };
    pair.ends[1].handle(Input::Answer { ticket, willing: true }, pair.now);
    pair.settle();
    assert_eq!(pair.news(0), [named(Outcome::Willing)]);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.news(1), [], "nothing is asked again that was answered");
}

#[test]
fn silence_is_asked_again_and_given_up() {
    let mut pair = Pair::up();
    pair.name_successor();
    pair.run(Duration::from_secs(1));
    let asked = pair.news(1).len();
    assert_eq!(asked, 4);
    assert_eq!(pair.news(0), [named(Outcome::Silent)]);
}

#[test]
fn the_view_arrives_and_grows_old() {
    let mut pair = Pair::up();
    pair.ends[0].handle(Input::View((1..=255).map(entry).collect()), pair.now);
    pair.settle();
    assert_eq!(pair.ends[1].view().count(), 255);
    assert!(pair.ends[1].view().any(|told| *told == entry(200)));
    pair.run(Duration::from_secs(4));
    assert_eq!(pair.ends[1].view().count(), 0, "nobody repeated it");
}

/// Also what has not changed: it says that the other still is so.
#[test]
fn whatever_the_other_says_of_itself_is_told() {
    let mut pair = Pair::up();
    for _ in 0..2 {
        pair.ends[1].handle(Input::View(vec![entry(51)]), pair.now);
        let mut wire = Vec::new();
        pump(&mut pair.ends[1], &mut wire);
        wire.iter()
            .for_each(|frame| pair.ends[0].handle(Input::Datagram(frame), pair.now));
        assert_eq!(pair.ends[0].poll_output(), Some(Output::Seen(vec![entry(51)])));
    }
}

#[test]
fn who_falls_silent_is_gone() {
    let mut pair = Pair::up();
    let at = pair.now;
    let mut lonely = pair.ends[0].poll_deadline();
    while let Some(due) = lonely.filter(|due| *due <= at + DEAD) {
        pair.ends[0].on_deadline(due);
        lonely = pair.ends[0].poll_deadline();
    }
    let mut wire = Vec::new();
    assert_eq!(pump(&mut pair.ends[0], &mut wire), [Output::Down]);
    assert!(!pair.ends[0].is_up());
}

/// Every frame that was ever sent, sent again at any later time, does nothing.
#[test]
fn recordings_do_nothing() {
    let mut pair = Pair::up();
    pair.name_successor();
    assert_eq!(pair.news(1).len(), 1);
    let replay = |pair: &mut Pair, frames: &[Vec<u8>]| {
        for frame in frames {
            pair.ends[1].handle(Input::Datagram(frame), pair.now);
        }
        let mut wire = Vec::new();
        pump(&mut pair.ends[1], &mut wire)
    };
    let first = pair.recorded[0].clone();
    assert_eq!(replay(&mut pair, &first), [], "in the same session");

    // The sender starts again, and the two meet again.
    pair.ends[0] = end(3, pair.now);
    pair.run(BEAT);
    assert!(pair.ends[0].is_up());
    pair.news(1);
    assert_eq!(replay(&mut pair, &first), [], "of a session that is over");
    pair.run(Duration::from_millis(50));
    assert!(pair.ends.iter().all(Link::is_up), "and the new one lives on");

    // The receiver starts again and remembers nothing.
    pair.ends[1] = end(4, pair.now);
    assert_eq!(replay(&mut pair, &first), [], "to one that never heard of it");
    pair.run(Duration::from_millis(300));
    assert!(pair.ends.iter().all(Link::is_up));
}

#[test]
fn a_restart_is_met_at_once() {
    let mut pair = Pair::up();
    pair.run(ANSWERS);
    pair.ends[0] = end(9, pair.now);
    pair.run(Duration::from_millis(1));
    assert!(pair.ends[0].is_up());
    pair.news(0);
    pair.name_successor();
    pair.run(Duration::from_millis(1));
    assert!(matches!(pair.news(1)[..], [Output::Wish { .. }]));
}

#[test]
fn another_secret_is_said_once() {
    let mut pair = Pair::new();
    pair.ends[1] = Link::new(Secret::new(&[6; 32]).expect("long enough"), 2, pair.now);
    pair.run(Duration::from_secs(3));
    assert_eq!(pair.news(0), [Output::Refused(Refusal::Digest)]);
    assert!(!pair.ends[0].is_up());
}

#[test]
fn a_stranger_cannot_make_us_talk() {
    let mut pair = Pair::up();
    for version in 2..200 {
        for datagram in [&b"nonsense"[..], &[b'T', b'P', b'L', version], b"TPL\x01"] {
            pair.ends[0].handle(Input::Datagram(datagram), pair.now);
        }
        pair.run(BEAT);
    }
    assert!(pair.ends[0].is_up());
    assert_eq!(
        pair.news(0),
        [Output::Refused(Refusal::NoFrame), Output::Refused(Refusal::Version(2))]
    );
}

/// A frame that never arrived counts no more once the other was gone, though nobody has seen it.
#[test]
fn what_was_held_back_does_nothing_later() {
    let mut pair = Pair::up();
    pair.ends[0].handle(
        Input::Wish {
            key: KEY,
            wish: Wish::TakeOver,
            successor: None,
        },
        pair.now,
    );
    let mut held = Vec::new();
    pump(&mut pair.ends[0], &mut held);
    while pair.ends[1].is_up() {
        let due = pair.ends[1].poll_deadline().expect("it is up");
        pair.ends[1].on_deadline(due);
        pair.now = due;
    }
    pump(&mut pair.ends[1], &mut Vec::new());
    held.iter()
        .for_each(|frame| pair.ends[1].handle(Input::Datagram(frame), pair.now));
    assert_eq!(pump(&mut pair.ends[1], &mut Vec::new()), []);
    pair.run(Duration::from_secs(2));
    assert!(pair.ends.iter().all(Link::is_up), "they meet again");
}

#[test]
fn an_echo_of_ourselves_is_nobody() {
    let mut link = end(1, Mono::ZERO);
    link.on_deadline(Mono::ZERO);
    let mut wire = Vec::new();
    pump(&mut link, &mut wire);
    link.handle(Input::Datagram(&wire[0]), Mono::ZERO);
    assert_eq!(pump(&mut link, &mut wire), [Output::Refused(Refusal::Own)]);
}

#[test]
fn who_is_not_ready_is_not_named() {
    let mut pair = Pair::up();
    let ask = |pair: &mut Pair, successor: [u8; 4]| {
        let successor = Some(IpAddr::from(successor));
        let (key, wish) = (KEY, Wish::TakeOver);
        pair.ends[0].handle(Input::Wish { key, wish, successor }, pair.now);
        pair.settle();
        pair.news(0)
    };
    assert_eq!(
        ask(&mut pair, [10, 9, 0, 3]),
        [named(Outcome::NotReady)],
        "another router is meant"
    );
    assert_eq!(ask(&mut pair, [10, 9, 0, 2]), [], "it is asked");
    let out = Entry {
        position: Position::Out,
        ..entry(51)
    };
    pair.ends[1].handle(Input::View(vec![out]), pair.now);
    pair.settle();
    assert_eq!(ask(&mut pair, [10, 9, 0, 2]), [named(Outcome::NotReady)]);
    let mut alone = end(7, pair.now);
    alone.handle(
        Input::Wish {
            key: KEY,
            wish: Wish::TakeOver,
            successor: None,
        },
        pair.now,
    );
    assert_eq!(pump(&mut alone, &mut Vec::new()), [named(Outcome::Away)]);
}

/// Whose turn it is: to hand back is asked of who is ready, to return of who is master, and that it is over of anybody.
#[test]
fn a_wish_goes_to_who_can_grant_it() {
    let lodging = super::super::Lodging {
        via: IpAddr::from([10, 9, 0, 1]),
        mac: [2, 0, 0, 0, 0, 1],
        seconds: 30,
    };
    let positions = [
        Position::Out,
        Position::Ready,
        Position::Master,
        Position::Leaving,
        Position::Yielded,
    ];
    let ready = &[Position::Ready, Position::Yielded][..];
    for (wish, able) in [
        (Wish::TakeOver, ready),
        (Wish::Keep(lodging), ready),
        (Wish::Return, &[Position::Master]),
        (Wish::Over, &positions),
    ] {
        for position in positions {
            let mut pair = Pair::up();
            let entry = Entry { position, ..entry(51) };
            pair.ends[1].handle(Input::View(vec![entry]), pair.now);
            pair.settle();
            let (key, successor) = (KEY, None);
            pair.ends[0].handle(Input::Wish { key, wish, successor }, pair.now);
            pair.settle();
            let asked = matches!(pair.news(1)[..], [Output::Wish { wish: told, .. }] if told == wish);
            assert_eq!(asked, able.contains(&position), "{wish:?} of one that is {position:?}");
            let outcome = Outcome::NotReady;
            let refused = Output::Became { key, wish, outcome };
            assert_eq!(pair.news(0).contains(&refused), !asked, "{wish:?} {position:?}");
        }
    }
}
