//! When to tell the neighbours where the addresses are: bursts, second rounds, refreshes, and the pacing between frames.
//!
//! The first frame of every address goes out before the second of any. Nothing of an earlier mastership survives it
//! (Keepalived's delayed round does, and fires in the next one).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tandem_time::Mono;

use crate::settings::{Family, GarpSettings, PaceSettings};

/// The announcements that one instance still owes.
#[derive(Clone, Debug, Default)]
pub struct GarpSchedule {
    bursts: VecDeque<Burst>,
    /// The second round; a later cause moves it, so that rivals cannot pile them up.
    second: Option<(Mono, u8)>,
    refresh: Option<Mono>,
    /// From the other interfaces, so that their switches keep the addresses in mind.
    extra: Option<Mono>,
}

#[derive(Clone, Debug)]
struct Burst {
    due: Mono,
    /// Frames of this burst that are out.
    done: usize,
    repeat: u8,
    /// One address only; `None` is all.
    only: Option<IpAddr>,
}

/// More than this many unfinished bursts say nothing new.
const BURSTS: usize = 8;

impl GarpSchedule {
    pub fn became_master(&mut self, settings: &GarpSettings, now: Mono) {
        self.burst(now, settings.repeat, None);
        self.second = second(now, settings.delay, settings.repeat);
        self.refresh = period(now, settings.refresh);
        self.extra = period(now, settings.extra_interfaces);
    }

    /// A rival was heard, so some neighbours may have believed it.
    pub fn heard_rival(&mut self, settings: &GarpSettings, now: Mono) {
        self.burst(now, settings.lower_repeat, None);
        self.second = second(now, settings.lower_delay, settings.lower_repeat).or(self.second);
    }

    /// A rival was found that will not be heard: now for those that believed it, and once more when it can tell them
    /// nothing any longer. At least one frame, whatever is configured for rivals that are heard.
    pub fn rival_found(&mut self, settings: &GarpSettings, now: Mono) {
        self.burst(now, settings.lower_repeat.max(1), None);
        self.second = second(now, settings.lower_delay, settings.lower_repeat).or(self.second);
    }

    pub fn rival_gone(&mut self, settings: &GarpSettings, now: Mono) {
        self.burst(now, settings.lower_repeat.max(1), None);
    }

    pub fn one(&mut self, address: IpAddr, now: Mono) {
        self.burst(now, 1, Some(address));
    }

    /// After a reload of a master: what comes again and again begins, goes on as it did, or ends.
    pub fn reconfigure(&mut self, old: &GarpSettings, new: &GarpSettings, now: Mono) {
        if old.refresh != new.refresh {
            self.refresh = period(now, new.refresh);
        }
        if old.extra_interfaces != new.extra_interfaces {
            self.extra = period(now, new.extra_interfaces);
        }
    }

    pub fn clear(&mut self) {
        *self = GarpSchedule::default();
    }

    pub fn deadline(&self) -> Option<Mono> {
        let second = self.second.map(|(at, _)| at);
        self.bursts
            .front()
            .map(|b| b.due)
            .into_iter()
            .chain(second)
            .chain(self.refresh)
            .chain(self.extra)
            .min()
    }

    /// Announces what is due, as far as the pace lets it.
    pub fn run(
        &mut self,
        settings: &GarpSettings,
        addresses: &[IpAddr],
        pace: &mut Pace,
        now: Mono,
        mut announce: impl FnMut(IpAddr),
    ) {
        self.promote(settings, now);
        while let Some(burst) = self.bursts.front_mut() {
            let Some(address) = burst.next(addresses) else {
                self.bursts.pop_front();
                continue;
            };
            if let Err(later) = pace.take(Family::of(&address), now) {
                burst.due = later;
                return;
            }
            burst.done += 1;
            announce(address);
        }
    }

    /// Whether the other interfaces are due; once each period.
    pub fn take_extra(&mut self, settings: &GarpSettings, now: Mono) -> bool {
        let due = self.extra.is_some_and(|at| at <= now);
        if due {
            self.extra = period(now, settings.extra_interfaces);
        }
        due
    }

    fn promote(&mut self, settings: &GarpSettings, now: Mono) {
        if let Some((at, repeat)) = self.second
            && at <= now
        {
            self.second = None;
            self.burst(now, repeat, None);
        }
        if self.refresh.is_some_and(|at| at <= now) {
            self.refresh = period(now, settings.refresh);
            self.burst(now, settings.refresh_repeat, None);
        }
    }

    fn burst(&mut self, due: Mono, repeat: u8, only: Option<IpAddr>) {
        if repeat > 0 && self.bursts.len() < BURSTS {
            self.bursts.push_back(Burst {
                due,
                done: 0,
                repeat,
                only,
            });
        }
    }
}

fn period(now: Mono, every: Duration) -> Option<Mono> {
    (!every.is_zero()).then(|| now + every)
}

fn second(now: Mono, delay: Duration, repeat: u8) -> Option<(Mono, u8)> {
    (!delay.is_zero() && repeat > 0).then(|| (now + delay, repeat))
}

impl Burst {
    fn next(&self, addresses: &[IpAddr]) -> Option<IpAddr> {
        if let Some(address) = self.only {
            return (self.done < usize::from(self.repeat)).then_some(address);
        }
        (self.done < addresses.len() * usize::from(self.repeat)).then(|| addresses[self.done % addresses.len()])
    }
}

/// When the interfaces that share a switch may send their next frame of each kind.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    garp_interval: Duration,
    gna_interval: Duration,
    garp_free: Mono,
    gna_free: Mono,
}

impl Pace {
    pub fn new(settings: &PaceSettings) -> Pace {
        Pace {
            garp_interval: settings.garp_interval,
            gna_interval: settings.gna_interval,
            ..Pace::default()
        }
    }

    fn take(&mut self, family: Family, now: Mono) -> Result<(), Mono> {
        let (free, interval) = match family {
            Family::V4 => (&mut self.garp_free, self.garp_interval),
            Family::V6 => (&mut self.gna_free, self.gna_interval),
        };
        if *free > now {
            return Err(*free);
        }
        *free = now + interval;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 100));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 101));

    /// Runs until nothing is owed or `until`; each frame with its millisecond.
    fn frames(schedule: &mut GarpSchedule, settings: &GarpSettings, pace: &mut Pace, until: u64) -> Vec<(u64, IpAddr)> {
        let mut sent = Vec::new();
        while let Some(at) = schedule.deadline().filter(|at| *at <= Mono::from_millis(until)) {
            schedule.run(settings, &[A, B], pace, at, |a| sent.push((at.as_millis(), a)));
        }
        sent
    }

    #[test]
    fn five_and_five_again_every_address_before_any_twice() {
        let settings = GarpSettings::default();
        let mut schedule = GarpSchedule::default();
        schedule.became_master(&settings, Mono::ZERO);
        let sent = frames(&mut schedule, &settings, &mut Pace::default(), 60_000);
        assert_eq!(sent[..4], [(0, A), (0, B), (0, A), (0, B)]);
        assert_eq!(sent.iter().filter(|(at, _)| *at == 0).count(), 10);
        assert_eq!(sent.iter().filter(|(at, _)| *at == 5000).count(), 10);
        assert_eq!(sent.len(), 20);
        assert_eq!(schedule.deadline(), None);
    }

    #[test]
    fn a_pace_spaces_the_frames() {
        let settings = GarpSettings {
            repeat: 2,
            delay: Duration::ZERO,
            ..GarpSettings::default()
        };
        let pace = PaceSettings {
            garp_interval: Duration::from_millis(10),
            ..PaceSettings::default()
        };
        let mut schedule = GarpSchedule::default();
        schedule.became_master(&settings, Mono::ZERO);
        let sent = frames(&mut schedule, &settings, &mut Pace::new(&pace), 1000);
        assert_eq!(sent, [(0, A), (10, B), (20, A), (30, B)]);
    }

    #[test]
    fn refreshes_go_on_until_the_end() {
        let refresh = Duration::from_millis(100);
        let settings = GarpSettings {
            repeat: 0,
            refresh,
            ..GarpSettings::default()
        };
        let mut schedule = GarpSchedule::default();
        schedule.became_master(&settings, Mono::ZERO);
        assert_eq!(frames(&mut schedule, &settings, &mut Pace::default(), 350).len(), 6);
        schedule.clear();
        assert_eq!(schedule.deadline(), None);
    }

    #[test]
    fn a_reload_turns_what_recurs_on_and_off() {
        let never = GarpSettings {
            repeat: 0,
            ..GarpSettings::default()
        };
        let often = GarpSettings {
            refresh: Duration::from_millis(100),
            extra_interfaces: Duration::from_millis(150),
            ..never.clone()
        };
        let at = Mono::from_millis;
        let mut schedule = GarpSchedule::default();
        schedule.became_master(&never, at(0));
        schedule.reconfigure(&never, &often, at(1000));
        assert_eq!(frames(&mut schedule, &often, &mut Pace::default(), 1100).len(), 2);
        assert!(!schedule.take_extra(&often, at(1149)) && schedule.take_extra(&often, at(1150)));
        schedule.reconfigure(&often, &often, at(1160));
        assert_eq!(schedule.deadline(), Some(at(1200)), "as it was");
        schedule.reconfigure(&often, &never, at(1170));
        assert_eq!(schedule.deadline(), None);
    }

    #[test]
    fn a_refresh_that_is_due_without_an_interval_is_the_last() {
        let refresh = Duration::from_millis(100);
        let mut settings = GarpSettings {
            repeat: 0,
            refresh,
            ..GarpSettings::default()
        };
        let mut schedule = GarpSchedule::default();
        schedule.became_master(&settings, Mono::ZERO);
        settings.refresh = Duration::ZERO;
        schedule.run(&settings, &[A], &mut Pace::default(), Mono::from_millis(100), |_| {});
        assert_eq!(schedule.deadline(), None);
    }

    #[test]
    fn a_refresh_and_a_rival_have_numbers_of_their_own() {
        let settings = GarpSettings {
            repeat: 1,
            delay: Duration::ZERO,
            refresh: Duration::from_secs(10),
            refresh_repeat: 3,
            lower_repeat: 2,
            lower_delay: Duration::from_secs(1),
            ..GarpSettings::default()
        };
        let mut schedule = GarpSchedule::default();
        schedule.became_master(&settings, Mono::ZERO);
        assert_eq!(
            frames(&mut schedule, &settings, &mut Pace::default(), 10_000).len(),
            2 + 6
        );
        schedule.heard_rival(&settings, Mono::from_millis(11_000));
        let sent = frames(&mut schedule, &settings, &mut Pace::default(), 15_000);
        let times: Vec<u64> = sent.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [[11_000; 4], [12_000; 4]].concat());
    }

    #[test]
    fn each_kind_of_frame_has_its_own_pace() {
        let mut pace = Pace::new(&PaceSettings {
            garp_interval: Duration::from_millis(10),
            gna_interval: Duration::from_millis(30),
            ..PaceSettings::default()
        });
        let now = Mono::from_millis(1000);
        for (family, next) in [(Family::V4, 1010), (Family::V6, 1030)] {
            assert_eq!(pace.take(family, now), Ok(()));
            assert_eq!(pace.take(family, now), Err(Mono::from_millis(next)));
        }
    }

    #[test]
    fn rivals_do_not_pile_up_second_rounds() {
        let settings = GarpSettings {
            lower_repeat: 1,
            ..GarpSettings::default()
        };
        let mut schedule = GarpSchedule::default();
        for ms in 0..20 {
            schedule.heard_rival(&settings, Mono::from_millis(ms));
        }
        let sent = frames(&mut schedule, &settings, &mut Pace::default(), 60_000);
        assert!(sent.len() <= BURSTS * 2 + 2);
        assert_eq!(sent.last(), Some(&(5019, B)));
    }
}
