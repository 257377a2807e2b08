//! Every state against everything a neighbour can say; then times; then two sessions and a wire that fails.

use super::*;

const NOW: Mono = Mono::from_millis(10_000);

fn settings() -> Settings {
    Settings {
        min_tx: Duration::from_millis(10),
        min_rx: Duration::from_millis(10),
        idle_tx: Duration::from_secs(1),
        multiplier: 5,
        passive: false,
    }
}

fn says(state: SessionState) -> Control {
    Control {
        diagnostic: Diagnostic::None,
        state,
        poll: false,
        is_final: false,
        demand: false,
        multiplier: 3,
        own: 7,
        yours: if state > SessionState::Down { 1 } else { 0 },
        min_tx: Duration::from_millis(20),
        min_rx: Duration::from_millis(30),
    }
}

fn hear(session: &mut Session, state: SessionState) {
    session.handle(Input::Packet(says(state)), NOW);
}

fn in_state(state: SessionState) -> Session {
    let mut session = Session::new(settings(), 1, Seed::new(1), NOW);
    match state {
        SessionState::Down => {}
        SessionState::Init => hear(&mut session, SessionState::Down),
        SessionState::Up => hear(&mut session, SessionState::Init),
        SessionState::AdminDown => session.handle(Input::AdminDown, NOW),
    }
    assert_eq!(session.state, state);
    session.out.clear();
    session
}

fn sent(session: &mut Session) -> Vec<Control> {
    let mut all = Vec::new();
    while let Some(output) = session.poll_output() {
        if let Output::Send(bytes) = output {
            all.push(Control::decode(&bytes).expect("our own"));
        }
    }
    all
}

#[test]
fn every_state_meets_every_state() {
    use SessionState::{AdminDown, Down, Init, Up};
    for (state, heard, after) in [
        (Down, AdminDown, Down),
        (Down, Down, Init),
        (Down, Init, Up),
        (Down, Up, Down),
        (Init, AdminDown, Down),
        (Init, Down, Init),
        (Init, Init, Up),
        (Init, Up, Up),
        (Up, AdminDown, Down),
        (Up, Down, Down),
        (Up, Init, Up),
        (Up, Up, Up),
        (AdminDown, AdminDown, AdminDown),
        (AdminDown, Down, AdminDown),
        (AdminDown, Init, AdminDown),
        (AdminDown, Up, AdminDown),
    ] {
        let mut session = in_state(state);
        hear(&mut session, heard);
        assert_eq!(session.state, after, "{state:?} hears {heard:?}");
        let news: Vec<Output> = session
            .out
            .iter()
            .filter(|o| !matches!(o, Output::Send(_)))
            .cloned()
            .collect();
        let expected = match (state == Up, after == Up) {
            (false, true) => vec![Output::Up],
            (true, false) => vec![Output::Down(Diagnostic::NeighbourDown)],
            _ => vec![],
        };
        assert_eq!(news, expected, "{state:?} hears {heard:?}");
    }
}

#[test]
fn silence_is_noticed_after_the_neighbour_s_multiple() {
    let mut session = in_state(SessionState::Up);
    assert_eq!(
        session.detect,
        Some(NOW + Duration::from_millis(60)),
        "3 times the neighbour's 20 ms"
    );
    while let Some(at) = session
        .poll_deadline()
        .filter(|at| *at < NOW + Duration::from_millis(60))
    {
        session.on_deadline(at);
    }
    assert!(session.is_up());
    session.on_deadline(NOW + Duration::from_millis(60));
    assert_eq!(session.view().state, SessionState::Down);
    assert!(session.out.contains(&Output::Down(Diagnostic::Expired)));
    let last = sent(&mut session).pop().expect("it says so at once");
    assert_eq!(
        (last.state, last.yours, last.diagnostic),
        (SessionState::Down, 0, Diagnostic::Expired)
    );
}

#[test]
fn it_speaks_as_often_as_the_slower_of_both_wants_and_a_little_earlier() {
    let mut session = in_state(SessionState::Up);
    session.detect = None;
    for _ in 0..200 {
        let at = session.transmit.expect("it speaks");
        session.on_deadline(at);
        let pause = session.transmit.expect("again").since(at);
        let (least, most) = (Duration::from_micros(22_500), Duration::from_millis(30));
        assert!((least..=most).contains(&pause), "{pause:?}");
    }
    let idle = Session::new(settings(), 1, Seed::new(1), NOW);
    assert_eq!(idle.interval(), Duration::from_secs(1));
}

#[test]
fn a_question_is_answered_at_once_and_ours_ends_with_the_answer() {
    let mut session = in_state(SessionState::Up);
    session.handle(
        Input::Packet(Control {
            poll: true,
            ..says(SessionState::Up)
        }),
        NOW,
    );
    let answer = sent(&mut session);
    assert_eq!(answer.len(), 1);
    assert!(answer[0].is_final && !answer[0].poll);
    session.on_deadline(session.transmit.expect("it speaks"));
    assert!(sent(&mut session)[0].poll, "its new intervals are not confirmed");
    session.handle(
        Input::Packet(Control {
            is_final: true,
            ..says(SessionState::Up)
        }),
        NOW,
    );
    session.on_deadline(session.transmit.expect("it speaks"));
    assert!(!sent(&mut session)[0].poll);
}

#[test]
fn a_passive_end_waits_to_be_spoken_to() {
    let mut session = Session::new(
        Settings {
            passive: true,
            ..settings()
        },
        1,
        Seed::new(1),
        NOW,
    );
    assert_eq!(session.poll_deadline(), None);
    hear(&mut session, SessionState::Down);
    assert_eq!(session.state, SessionState::Init);
    assert_eq!(sent(&mut session).len(), 1);
    session.on_deadline(NOW + Duration::from_secs(9));
    assert_eq!(session.poll_deadline(), None, "alone again");
}

#[test]
fn a_neighbour_may_want_nothing() {
    let mut session = in_state(SessionState::Up);
    session.handle(
        Input::Packet(Control {
            min_rx: Duration::ZERO,
            ..says(SessionState::Up)
        }),
        NOW,
    );
    session.on_deadline(session.transmit.unwrap_or(NOW));
    assert_eq!(session.transmit, None);
}

#[test]
fn the_end_is_announced() {
    let mut session = in_state(SessionState::Up);
    session.handle(Input::AdminDown, NOW);
    assert_eq!(session.poll_output(), Some(Output::Down(Diagnostic::AdminDown)));
    let last = sent(&mut session);
    assert_eq!((last.len(), last[0].state), (1, SessionState::AdminDown));
    assert_eq!(session.poll_deadline(), None);
}

/// Two ends, and a wire with a delay that loses some of a thousand packets, or all of one way.
struct Wire {
    ends: [Session; 2],
    flying: Vec<(Mono, usize, Control)>,
    seed: Seed,
    loss: u64,
    cut: [bool; 2],
    ups: [usize; 2],
    downs: [Vec<Mono>; 2],
}

impl Wire {
    fn new(number: u64) -> Wire {
        let mut seed = Seed::new(number);
        let end = |name: u32, seed: &mut Seed| {
            let millis = |seed: &mut Seed| Duration::from_millis(1 + seed.below(50));
            let settings = Settings {
                min_tx: millis(seed),
                min_rx: millis(seed),
                multiplier: 3 + seed.below(3) as u8,
                passive: name == 2 && seed.chance(1, 4),
                ..settings()
            };
            Session::new(settings, name, seed.fork(u64::from(name)), Mono::ZERO)
        };
        Wire {
            ends: [end(1, &mut seed), end(2, &mut seed)],
            flying: Vec::new(),
            seed,
            loss: 0,
            cut: [false; 2],
            ups: [0; 2],
            downs: Default::default(),
        }
    }

    fn run_until(&mut self, end: Mono) {
        loop {
            let arrival = self.flying.iter().map(|(at, ..)| *at).min();
            let next = self.ends.iter().filter_map(Session::poll_deadline).chain(arrival).min();
            let Some(now) = next.filter(|at| *at <= end) else {
                return;
            };
            if let Some(first) = self.flying.iter().position(|(at, ..)| *at == now) {
                let (_, to, control) = self.flying.remove(first);
                self.ends[to].handle(Input::Packet(control), now);
            }
            for place in [0, 1] {
                if self.ends[place].poll_deadline().is_some_and(|at| at <= now) {
                    self.ends[place].on_deadline(now);
                }
                self.carry(place, now);
            }
        }
    }

    fn carry(&mut self, from: usize, now: Mono) {
        while let Some(output) = self.ends[from].poll_output() {
            match output {
                Output::Send(bytes) if !self.cut[from] && !self.seed.chance(self.loss, 1000) => {
                    // A wire keeps the order of what goes into one end.
                    let own = self.flying.iter().filter(|(_, to, _)| *to == 1 - from);
                    let before = own.map(|(at, ..)| *at).max().unwrap_or(now);
                    let arrives = before.max(now + Duration::from_micros(50 + self.seed.below(200)));
                    let control = Control::decode(&bytes).expect("our own");
                    self.flying.push((arrives, 1 - from, control));
                }
                Output::Send(_) => {}
                Output::Up => self.ups[from] += 1,
                Output::Down(_) => self.downs[from].push(now),
            }
        }
    }

    fn both_up(&self) -> bool {
        self.ends.iter().all(Session::is_up)
    }
}

#[test]
fn two_meet_stay_and_notice_every_kind_of_cut() {
    for number in 0..500 {
        let mut wire = Wire::new(number);
        wire.run_until(Mono::from_millis(3000));
        assert!(wire.both_up(), "seed {number}");
        wire.run_until(Mono::from_millis(8000));
        assert_eq!(wire.downs, [[], []], "seed {number}: a wire that loses nothing");
        // One way or both ways: both ends must know.
        let ways = 1 + wire.seed.below(3);
        wire.cut = [ways & 1 != 0, ways & 2 != 0];
        let cut = Mono::from_millis(8000);
        let within = wire.ends.iter().filter_map(|end| end.view().detects_within).max();
        let within = within.expect("they know each other") + Duration::from_millis(1);
        wire.run_until(cut + within);
        assert!(
            wire.ends.iter().all(|end| !end.is_up()),
            "seed {number}: cut {:?} not noticed in {within:?}",
            wire.cut
        );
        wire.cut = [false; 2];
        wire.run_until(Mono::from_millis(14_000));
        assert!(wire.both_up(), "seed {number}: healed");
    }
}

#[test]
fn a_lossy_wire_never_confuses_them() {
    for number in 0..200 {
        let mut wire = Wire::new(number);
        wire.loss = 400;
        wire.run_until(Mono::from_millis(20_000));
        wire.loss = 0;
        wire.run_until(Mono::from_millis(24_000));
        assert!(wire.both_up(), "seed {number}");
        assert!(
            wire.ups
                .iter()
                .zip(&wire.downs)
                .all(|(ups, downs)| *ups == downs.len() + 1)
        );
    }
}
