//! The last hour of one server, in slots of ten seconds, for a chart.
//!
//! It is looked at as often as the rates are, and remembers one sample for each slot; what was not looked at leaves a gap.

use std::collections::VecDeque;
use tandem_time::Mono;

/// Seconds of a slot.
const SLOT: u64 = 10;
/// Slots of an hour.
const KEPT: u64 = 360;

/// What a server's counters say at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub sessions: u32,
    pub sessions_total: u64,
    /// Both ways.
    pub bytes: u64,
    /// Sessions that were connected, and what that took all together.
    pub connects: u64,
    pub connect_micros: u64,
}

/// What a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// The most at a time.
    Sessions,
    /// New ones a second.
    Rate,
    /// Bytes a second.
    Bytes,
    /// The average, in microseconds.
    ConnectTime,
}

#[derive(Clone, Debug, Default)]
pub struct Hour {
    samples: VecDeque<(u64, Slot)>,
    /// Where the slot that is under way began.
    open: Option<Open>,
}

/// What happened in a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    pub most: u32,
    pub seconds: u64,
    /// Growth of the counters in it.
    pub sessions: u64,
    pub bytes: u64,
    pub connects: u64,
    pub connect_micros: u64,
}

/// A slot as another process can read it: how many slots ago it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    pub ago: u64,
    pub slot: Slot,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    slot: u64,
    most: u32,
    at_start: Reading,
}

impl Hour {
    /// Looks at the counters. To be called a few times in each slot.
    pub fn look(&mut self, now: Reading, at: Mono) {
        let slot = slot(at);
        let Some(open) = &mut self.open else {
            return self.begin(slot, now);
        };
        open.most = open.most.max(now.sessions);
        if slot > open.slot {
            let finished = (open.slot, open.finish(now, slot));
            self.keep(finished);
            self.begin(slot, now);
        }
    }

    /// All of it, the slot under way included, the oldest first.
    pub fn past(&self, now: Reading, at: Mono) -> Vec<Past> {
        let present = slot(at);
        let open = self
            .open
            .map(|open| (open.slot, open.finish(now, present.max(open.slot) + 1)));
        let all = self.samples.iter().copied().chain(open);
        let past = |(began, slot)| Past {
            ago: present.saturating_sub(began),
            slot,
        };
        all.map(past).filter(|past| past.ago <= KEPT).collect()
    }

    /// Goes on where another process was at this moment. To be called before the first look.
    pub fn resume(&mut self, past: &[Past], at: Mono) {
        let present = slot(at);
        for Past { ago, slot } in past {
            if let Some(began) = present.checked_sub(*ago) {
                self.keep((began, *slot));
            }
        }
    }

    /// The hour up to now in so many steps, the oldest first: of each step the most, `None` where nothing is known.
    pub fn curve(&self, curve: Curve, steps: usize, at: Mono) -> Vec<Option<u64>> {
        let mut values = vec![None; steps];
        let now = slot(at);
        for (began, sample) in &self.samples {
            let age = now.saturating_sub(*began);
            let Some(from_start) = KEPT.checked_sub(age) else {
                continue;
            };
            // At most the number of steps, which is a usize: another process has left the slot that is under way.
            let step = ((from_start * steps as u64 / KEPT) as usize).min(steps.saturating_sub(1));
            if let (Some(value), Some(place)) = (sample.value(curve), values.get_mut(step)) {
                *place = Some(place.unwrap_or(0).max(value));
            }
        }
        values
    }

    fn keep(&mut self, finished: (u64, Slot)) {
        if self.samples.len() as u64 == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(finished);
    }

    fn begin(&mut self, slot: u64, now: Reading) {
        self.open = Some(Open {
            slot,
            most: now.sessions,
            at_start: now,
        });
    }
}

impl Open {
    /// Counters that were cleared meanwhile have not grown.
    fn finish(&self, now: Reading, next: u64) -> Slot {
        let then = &self.at_start;
        Slot {
            most: self.most.max(now.sessions),
            seconds: (next - self.slot) * SLOT,
            sessions: now.sessions_total.saturating_sub(then.sessions_total),
            bytes: now.bytes.saturating_sub(then.bytes),
            connects: now.connects.saturating_sub(then.connects),
            connect_micros: now.connect_micros.saturating_sub(then.connect_micros),
        }
    }
}

impl Slot {
    fn value(&self, curve: Curve) -> Option<u64> {
        match curve {
            Curve::Sessions => Some(u64::from(self.most)),
            Curve::Rate => Some(self.sessions.div_ceil(self.seconds)),
            Curve::Bytes => Some(self.bytes.div_ceil(self.seconds)),
            Curve::ConnectTime => self.connect_micros.checked_div(self.connects),
        }
    }
}

fn slot(at: Mono) -> u64 {
    at.as_millis() / (SLOT * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1000)
    }

    fn reading(sessions: u32, total: u64) -> Reading {
        Reading {
            sessions,
            sessions_total: total,
            bytes: total * 100,
            connects: total,
            connect_micros: total * 250,
        }
    }

    #[test]
    fn a_slot_has_its_growth_and_its_most() {
        let mut hour = Hour::default();
        for (second, sessions, total) in [(0, 0, 0), (3, 9, 20), (6, 2, 30), (10, 1, 30), (19, 1, 30), (20, 1, 30)] {
            hour.look(reading(sessions, total), at(second));
        }
        let last = |curve| {
            let values = hour.curve(curve, 360, at(20));
            [values[357], values[358], values[359]]
        };
        assert_eq!(last(Curve::Sessions), [None, Some(9), Some(1)]);
        assert_eq!(last(Curve::Rate), [None, Some(3), Some(0)]);
        assert_eq!(last(Curve::Bytes), [None, Some(300), Some(0)]);
        assert_eq!(last(Curve::ConnectTime), [None, Some(250), None]);
    }

    #[test]
    fn an_hour_is_all_that_is_kept() {
        let mut hour = Hour::default();
        for second in 0..8000 {
            hour.look(reading(second as u32, 0), at(second));
        }
        assert_eq!(hour.samples.len(), 360);
        let values = hour.curve(Curve::Sessions, 90, at(8000));
        assert!(values.iter().all(Option::is_some));
        assert_eq!(values[89], Some(7990));
        // Nobody has looked for half an hour.
        let later = hour.curve(Curve::Sessions, 90, at(9800));
        assert_eq!((later[44], later[45], later[89]), (Some(7990), None, None));
        assert!(hour.curve(Curve::Sessions, 90, at(20_000)).iter().all(Option::is_none));
    }

    #[test]
    fn another_process_goes_on() {
        let mut hour = Hour::default();
        for (second, total) in [(0, 0), (10, 30), (25, 80)] {
            hour.look(reading(1, total), at(second));
        }
        let past = hour.past(reading(4, 100), at(28));
        assert_eq!(past.iter().map(|past| past.ago).collect::<Vec<_>>(), [2, 1, 0]);
        let mut heir = Hour::default();
        heir.resume(&past, at(128));
        heir.look(reading(4, 100), at(129));
        heir.look(reading(4, 100), at(130));
        let rates = heir.curve(Curve::Rate, 360, at(130));
        assert_eq!(rates[356..], [None, Some(3), Some(5), Some(2)]);
        assert_eq!(heir.curve(Curve::Sessions, 360, at(130))[359], Some(4));
    }

    #[test]
    fn a_gap_is_spread_and_cleared_counters_do_not_shrink() {
        let mut hour = Hour::default();
        hour.look(reading(1, 100), at(0));
        hour.look(reading(1, 400), at(30));
        hour.look(reading(1, 0), at(40));
        let rates = hour.curve(Curve::Rate, 360, at(40));
        assert_eq!(rates[356..], [Some(10), None, None, Some(0)]);
    }
}
