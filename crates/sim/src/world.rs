//! Nodes, the frames between them, and the one order in which everything happens.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use tandem_time::{Mono, Seed};

use crate::lan::{Fate, Segment};
use crate::{Clock, Delivery, Effect, LanSettings, Machine, NodeId, SegmentId, Target, Trace};

/// A virtual LAN. `M` is the machine of every node; a test with several kinds makes it an enum.
pub struct World<M: Machine> {
    now: Mono,
    seed: Seed,
    nodes: BTreeMap<NodeId, Node<M>>,
    segments: Vec<Segment>,
    flights: BinaryHeap<Reverse<Flight<M::Frame>>>,
    /// When the last frame between two arrives, so that the next does not overtake it.
    arrivals: BTreeMap<(SegmentId, NodeId, NodeId), Mono>,
    doomed: BTreeMap<(SegmentId, NodeId, NodeId), Doom<M::Frame>>,
    sent: u64,
    notes: Vec<(NodeId, M::Note)>,
    pub trace: Trace,
}

struct Node<M> {
    clock: Clock,
    /// Raised by every crash: what was in flight to the old self is not for the new one.
    life: u32,
    machine: Option<M>,
    /// The machine's deadline in world time: it changes only when the machine is told something.
    deadline: Option<Mono>,
}

/// Losses that are counted, not drawn: all between two is lost until so many frames of a kind were.
struct Doom<F> {
    left: u32,
    counts: fn(&F) -> bool,
}

struct Flight<F> {
    at: Mono,
    /// Sent first comes first, when times are equal.
    number: u64,
    from: NodeId,
    to: NodeId,
    life: u32,
    segment: SegmentId,
    frame: F,
}

impl<F> Flight<F> {
    const fn key(&self) -> (Mono, u64) {
        (self.at, self.number)
    }
}

impl<F> PartialEq for Flight<F> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<F> Eq for Flight<F> {}

impl<F> PartialOrd for Flight<F> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<F> Ord for Flight<F> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<M: Machine> World<M> {
    pub fn new(seed: u64, trace: Trace) -> World<M> {
        World {
            now: Mono::ZERO,
            seed: Seed::new(seed),
            nodes: BTreeMap::new(),
            segments: Vec::new(),
            flights: BinaryHeap::new(),
            arrivals: BTreeMap::new(),
            doomed: BTreeMap::new(),
            sent: 0,
            notes: Vec::new(),
            trace,
        }
    }

    pub fn now(&self) -> Mono {
        self.now
    }

    pub fn segment(&mut self, settings: LanSettings) -> SegmentId {
        self.segments.push(Segment::new(settings));
        SegmentId(self.segments.len() - 1)
    }

    pub fn set_lan(&mut self, segment: SegmentId, settings: LanSettings) {
        self.segments[segment.0].settings = settings;
    }

    /// Starts a machine: a new node, or one that had crashed. Its clock begins at zero.
    pub fn start(&mut self, id: NodeId, machine: M, ppm: i32, segments: &[SegmentId]) {
        let life = self.nodes.get(&id).map_or(0, |n| n.life + 1);
        let clock = Clock::new(self.now, ppm);
        self.nodes.insert(
            id,
            Node {
                clock,
                life,
                machine: Some(machine),
                deadline: None,
            },
        );
        for segment in segments {
            self.segments[segment.0].members.insert(id);
        }
        self.trace.add(self.now, || format!("{id:?} starts"));
        self.collect(id);
    }

    /// Ends a machine without a word. Returns it, for what a disk or a kernel would keep.
    pub fn crash(&mut self, id: NodeId) -> Option<M> {
        self.trace.add(self.now, || format!("{id:?} crashes"));
        let node = self.nodes.get_mut(&id)?;
        node.life += 1;
        node.deadline = None;
        node.machine.take()
    }

    pub fn machine(&self, id: NodeId) -> Option<&M> {
        self.nodes.get(&id).and_then(|n| n.machine.as_ref())
    }

    pub fn machines(&self) -> impl Iterator<Item = (NodeId, &M)> {
        self.nodes
            .iter()
            .filter_map(|(id, n)| n.machine.as_ref().map(|m| (*id, m)))
    }

    /// A time of the world by the clock of a node.
    pub fn local(&self, id: NodeId, at: Mono) -> Mono {
        self.nodes.get(&id).map_or(at, |node| node.clock.local(at))
    }

    /// Tells a machine something that is no frame, at its own time.
    pub fn tell(&mut self, id: NodeId, say: impl FnOnce(&mut M, Mono)) {
        if let Some(node) = self.nodes.get_mut(&id)
            && let Some(machine) = &mut node.machine
        {
            say(machine, node.clock.local(self.now));
            self.collect(id);
        }
    }

    /// The cable of a node: without it the node hears nobody, and must know that nobody hears it.
    pub fn plug(&mut self, segment: SegmentId, id: NodeId, plugged: bool) {
        self.trace
            .add(self.now, || format!("{segment:?} {id:?} plugged: {plugged}"));
        let members = &mut self.segments[segment.0].members;
        if plugged {
            members.insert(id);
        } else {
            members.remove(&id);
        }
    }

    /// Frames from `from` reach `to` no more; the other way they still do.
    pub fn cut(&mut self, segment: SegmentId, from: NodeId, to: NodeId) {
        self.trace
            .add(self.now, || format!("{segment:?} cut {from:?} -> {to:?}"));
        self.segments[segment.0].cut(from, to);
    }

    /// Everybody in `island` is cut off from everybody else, both ways.
    pub fn partition(&mut self, segment: SegmentId, island: &[NodeId]) {
        let others: Vec<NodeId> = self.segments[segment.0].members.iter().copied().collect();
        for other in others.into_iter().filter(|n| !island.contains(n)) {
            for inside in island {
                self.cut(segment, *inside, other);
                self.cut(segment, other, *inside);
            }
        }
    }

    /// All that `from` sends to `to` is lost until `frames` of those that `counts` were.
    pub fn lose(&mut self, segment: SegmentId, from: NodeId, to: NodeId, frames: u32, counts: fn(&M::Frame) -> bool) {
        self.doomed.insert((segment, from, to), Doom { left: frames, counts });
    }

    pub fn heal(&mut self) {
        self.trace.add(self.now, || "all cuts mended".to_owned());
        self.segments.iter_mut().for_each(Segment::mend);
        self.doomed.clear();
    }

    /// What machines noted since the last call.
    pub fn take_notes(&mut self) -> Vec<(NodeId, M::Note)> {
        std::mem::take(&mut self.notes)
    }

    /// Lets everything happen until `end`, and shows the world to `watch` after each event.
    pub fn run_until(&mut self, end: Mono, mut watch: impl FnMut(&mut World<M>)) {
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
            watch(self);
        }
        self.now = self.now.max(end);
    }

    pub fn run_for(&mut self, time: Duration, watch: impl FnMut(&mut World<M>)) {
        self.run_until(self.now + time, watch);
    }

    /// When the next thing happens.
    fn next(&self) -> Option<Mono> {
        let arrival = self.flights.peek().map(|Reverse(f)| f.at);
        let deadline = self.nodes.values().filter_map(|n| n.deadline).min();
        arrival.into_iter().chain(deadline).min()
    }

    /// Packets are drained before a timer may expire.
    fn step(&mut self) {
        if self.flights.peek().is_some_and(|Reverse(f)| f.at <= self.now) {
            if let Some(Reverse(flight)) = self.flights.pop() {
                self.land(flight);
            }
            return;
        }
        let due = |n: &Node<M>| n.deadline.is_some_and(|at| at <= self.now);
        let Some(id) = self.nodes.iter().find(|(_, n)| due(n)).map(|(id, _)| *id) else {
            return;
        };
        self.tell(id, |machine, now| machine.on_deadline(now));
    }

    fn land(&mut self, flight: Flight<M::Frame>) {
        let Flight {
            from,
            to,
            life,
            segment,
            frame,
            ..
        } = flight;
        if self.nodes.get(&to).is_none_or(|n| n.life != life) {
            return;
        }
        self.trace.add(self.now, || format!("{to:?} hears {from:?}: {frame:?}"));
        self.tell(to, |machine, now| {
            machine.receive(
                Delivery {
                    from,
                    segment,
                    frame: &frame,
                },
                now,
            )
        });
    }

    /// Carries out what a machine decided.
    fn collect(&mut self, id: NodeId) {
        loop {
            let effect = self
                .nodes
                .get_mut(&id)
                .and_then(|n| n.machine.as_mut())
                .and_then(Machine::poll_effect);
            match effect {
                Some(Effect::Send { segment, to, frame }) => self.send(id, segment, to, &frame),
                Some(Effect::Note(note)) => {
                    self.trace.add(self.now, || format!("{id:?} {note:?}"));
                    self.notes.push((id, note));
                }
                None => break,
            }
        }
        if let Some(node) = self.nodes.get_mut(&id) {
            node.look_up_deadline();
        }
    }

    fn send(&mut self, from: NodeId, segment: SegmentId, to: Target, frame: &M::Frame) {
        let members = self.segments[segment.0].members.clone();
        let receivers = members
            .into_iter()
            .filter(|n| *n != from && (to == Target::Everybody || to == Target::Node(*n)));
        for to in receivers {
            let fate = if self.is_doomed(segment, from, to, frame) {
                Fate::Lost
            } else {
                self.segments[segment.0].fate(from, to, &mut self.seed)
            };
            match fate {
                Fate::Lost => self
                    .trace
                    .add(self.now, || format!("{from:?} -> {to:?} lost: {frame:?}")),
                Fate::Arrives(first, second) => {
                    self.fly(from, to, segment, frame, first);
                    if let Some(second) = second {
                        self.fly(from, to, segment, frame, second);
                    }
                }
            }
        }
    }

    fn is_doomed(&mut self, segment: SegmentId, from: NodeId, to: NodeId, frame: &M::Frame) -> bool {
        let Some(doom) = self.doomed.get_mut(&(segment, from, to)).filter(|d| d.left > 0) else {
            return false;
        };
        if (doom.counts)(frame) {
            doom.left -= 1;
        }
        true
    }

    fn fly(&mut self, from: NodeId, to: NodeId, segment: SegmentId, frame: &M::Frame, delay: Duration) {
        let mut at = self.now + delay;
        if self.segments[segment.0].settings.reorder == 0 {
            let last = self.arrivals.entry((segment, from, to)).or_default();
            at = at.max(*last);
            *last = at;
        }
        self.sent += 1;
        let life = self.nodes.get(&to).map_or(0, |n| n.life);
        let flight = Flight {
            at,
            number: self.sent,
            from,
            to,
            life,
            segment,
            frame: frame.clone(),
        };
        self.flights.push(Reverse(flight));
    }
}

impl<M: Machine> Node<M> {
    fn look_up_deadline(&mut self) {
        let local = self.machine.as_ref().and_then(Machine::poll_deadline);
        self.deadline = local.map(|local| self.clock.world(local));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says its number each second, and notes what it hears.
    struct Talker {
        number: u32,
        next: Mono,
        effects: Vec<Effect<u32, u32>>,
    }

    impl Talker {
        fn new(number: u32) -> Talker {
            Talker {
                number,
                next: Mono::from_millis(1000),
                effects: Vec::new(),
            }
        }
    }

    impl Machine for Talker {
        type Frame = u32;
        type Note = u32;

        fn receive(&mut self, delivery: Delivery<'_, u32>, _: Mono) {
            self.effects.push(Effect::Note(*delivery.frame));
        }

        fn poll_effect(&mut self) -> Option<Effect<u32, u32>> {
            self.effects.pop()
        }

        fn poll_deadline(&self) -> Option<Mono> {
            Some(self.next)
        }

        fn on_deadline(&mut self, now: Mono) {
            if now >= self.next {
                self.next += Duration::from_secs(1);
                self.effects.push(Effect::Send {
                    segment: SegmentId(0),
                    to: Target::Everybody,
                    frame: self.number,
                });
            }
        }
    }

    fn world(seed: u64, settings: LanSettings, ppm: i32) -> World<Talker> {
        let mut world = World::new(seed, Trace::new(0));
        let lan = world.segment(settings);
        world.start(NodeId(0), Talker::new(0), 0, &[lan]);
        world.start(NodeId(1), Talker::new(1), ppm, &[lan]);
        world
    }

    fn heard(world: &mut World<Talker>, seconds: u64) -> (usize, usize) {
        world.run_for(Duration::from_secs(seconds), |_| {});
        let notes = world.take_notes();
        let by = |id| notes.iter().filter(|(n, _)| *n == NodeId(id)).count();
        (by(0), by(1))
    }

    #[test]
    fn everybody_hears_the_other() {
        assert_eq!(heard(&mut world(1, LanSettings::default(), 0), 100), (99, 99));
    }

    #[test]
    fn a_cut_is_one_way_and_a_partition_both() {
        let mut w = world(1, LanSettings::default(), 0);
        w.cut(SegmentId(0), NodeId(0), NodeId(1));
        assert_eq!(heard(&mut w, 10), (9, 0));
        w.partition(SegmentId(0), &[NodeId(1)]);
        assert_eq!(heard(&mut w, 10).1, 0);
        w.heal();
        w.lose(SegmentId(0), NodeId(0), NodeId(1), 3, |_| true);
        assert_eq!(heard(&mut w, 10), (9, 6));
        w.lose(SegmentId(0), NodeId(0), NodeId(1), 1, |_| false);
        // One was on its way.
        assert_eq!((heard(&mut w, 10).1, heard(&mut w, 10).1), (1, 0));
    }

    #[test]
    fn a_fast_clock_says_more() {
        assert_eq!(heard(&mut world(1, LanSettings::default(), 50_000), 100), (104, 99));
    }

    #[test]
    fn the_same_seed_is_the_same_run() {
        let settings = LanSettings {
            loss: 300,
            duplicate: 200,
            reorder: 500,
            ..LanSettings::default()
        };
        let run = |seed| heard(&mut world(seed, settings, 0), 500);
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn the_crashed_are_silent_and_hear_nothing_old() {
        let mut w = world(
            1,
            LanSettings {
                latency_min: Duration::from_secs(2),
                ..LanSettings::default()
            },
            0,
        );
        w.run_for(Duration::from_millis(1500), |_| {});
        assert!(w.crash(NodeId(1)).is_some());
        w.start(NodeId(1), Talker::new(9), 0, &[SegmentId(0)]);
        w.run_for(Duration::from_millis(1900), |_| {});
        assert!(w.take_notes().iter().all(|(id, _)| *id == NodeId(0)));
    }
}
