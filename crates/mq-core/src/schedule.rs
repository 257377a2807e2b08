//! When a message is handed on that its sender wants held until then: once, again and again, or as a crontab says.
//!
//! The words are ActiveMQ's (`AMQ_SCHEDULED_DELAY`, `_PERIOD`, `_REPEAT`, `_CRON`): with a delay or a period alone the
//! first time is that much later; with a crontab each of its times begins such a series, or is one, where nothing else
//! is said.

use crate::WallMillis;

mod cron;

pub use cron::Cron;

/// A message that is sent at the same time as itself would never end: this is the shortest period, also where none is said.
const SHORTEST: u64 = 1;
/// A series of more times than this, or without an end, is work for as long as the node lives, and may not be in a hurry.
const LONG_SERIES: i64 = 1000;
const LONG_SERIES_PERIOD: u64 = 1000;
/// A crontab may begin a series each minute: so long after each of its times the last of that one comes, and there are few of
/// them at once.
const CRON_SERIES: u64 = 60 * 60 * 1000;
/// Nobody can take it back meanwhile: no delay and no period is longer than a year.
const LONGEST: u64 = 366 * 24 * 60 * 60 * 1000;

/// What cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    #[error("AMQ_SCHEDULED_REPEAT needs AMQ_SCHEDULED_PERIOD or AMQ_SCHEDULED_DELAY: say when what is repeated comes")]
    Repeat,
    #[error(
        "a series without an end, or of more than 1000 times, needs an AMQ_SCHEDULED_PERIOD of at least 1000 milliseconds"
    )]
    Hurry,
    #[error(
        "with AMQ_SCHEDULED_CRON a series has an end, an hour after it has begun at the latest: \
         let AMQ_SCHEDULED_REPEAT be 0 or more, and the delay and all periods together no longer than an hour"
    )]
    Endless,
    #[error("no message waits for longer than 366 days")]
    Far,
    #[error("the crontab has no next time")]
    Never,
}

/// What its sender said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub delay: u64,
    pub period: u64,
    /// How many times more; below zero is for ever.
    pub repeat: i64,
    pub cron: Option<Cron>,
}

/// When a message is due, and what follows then.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub at: WallMillis,
    pub asked: Asked,
}

/// What is to be done at the time of a schedule.
#[derive(Debug, PartialEq)]
pub(crate) struct Due {
    /// The message goes to where it was sent.
    pub(crate) is_sent: bool,
    /// What is left of it is waited for from now on.
    pub(crate) next: Option<Schedule>,
    /// And this one, which begins now.
    pub(crate) begins: Option<Schedule>,
}

impl Due {
    /// Whether it comes again, or more than now.
    pub(crate) fn goes_on(&self) -> bool {
        self.next.is_some() || self.begins.is_some()
    }
}

impl Asked {
    fn check(&self) -> Result<(), BadSchedule> {
        let is_long = !(0..=LONG_SERIES).contains(&self.repeat);
        if self.delay.max(self.period) > LONGEST {
            return Err(BadSchedule::Far);
        }
        if self.cron.is_some() && self.lasts().is_none_or(|lasts| lasts > CRON_SERIES) {
            return Err(BadSchedule::Endless);
        }
        if self.repeat != 0 && self.delay == 0 && self.period == 0 {
            return Err(BadSchedule::Repeat);
        }
        match is_long && self.period < LONG_SERIES_PERIOD {
            true => Err(BadSchedule::Hurry),
            false => Ok(()),
        }
    }

    /// From the beginning of a series to its last time; `None` is for ever.
    fn lasts(&self) -> Option<u64> {
        let times = u64::try_from(self.repeat).ok()?;
        let later = self.delay.max(self.period);
        Some(times.saturating_mul(self.period).saturating_add(later))
    }
}

impl Schedule {
    /// What a sender asks for; `None` for what is to be sent at once.
    pub fn new(asked: Asked, now: WallMillis) -> Result<Option<Schedule>, BadSchedule> {
        asked.check()?;
        let by_cron = asked.cron.is_some();
        match Schedule::begin(asked, now) {
            None if by_cron => Err(BadSchedule::Never),
            schedule => Ok(schedule),
        }
    }

    fn begin(asked: Asked, now: WallMillis) -> Option<Schedule> {
        let start = match &asked.cron {
            Some(cron) => cron.next(now)?,
            None => now,
        };
        let later = match asked.delay {
            0 => asked.period,
            delay => delay,
        };
        match &asked.cron {
            // What is said beside the crontab is about what follows each of its times.
            Some(_) => Some(Schedule { at: start, asked }),
            None if later == 0 => None,
            None => Some(Schedule {
                at: WallMillis(start.0.saturating_add(later)),
                asked,
            }),
        }
    }

    /// At a time that is given; `None` for one that has passed.
    pub fn at(at: WallMillis, now: WallMillis) -> Result<Option<Schedule>, BadSchedule> {
        if at.0.saturating_sub(now.0) > LONGEST {
            return Err(BadSchedule::Far);
        }
        let asked = Asked::default();
        Ok((at > now).then_some(Schedule { at, asked }))
    }

    pub(crate) fn weight(&self) -> usize {
        size_of::<Schedule>() + self.asked.cron.as_ref().map_or(0, |cron| cron.as_str().len())
    }

    /// How many messages it is at the same time, itself among them: a series of a crontab may last until others have begun.
    pub(crate) fn most_at_once(&self) -> usize {
        let Some(cron) = &self.asked.cron else { return 1 };
        match self.asked.lasts().map(|lasts| lasts.min(CRON_SERIES)) {
            Some(0) => 1,
            lasts => 1 + cron.most_within(lasts.unwrap_or(CRON_SERIES)),
        }
    }

    /// Its time has come, perhaps long ago: what was missed meanwhile is not made up for.
    pub(crate) fn due(&self, now: WallMillis) -> Due {
        let asked = &self.asked;
        if asked.cron.is_some() {
            let series = Asked {
                cron: None,
                ..asked.clone()
            };
            let series = Schedule::begin(series, now);
            return Due {
                is_sent: series.is_none(),
                next: Schedule::begin(asked.clone(), now),
                begins: series,
            };
        }
        let period = asked.period.max(SHORTEST);
        let next = (asked.repeat != 0).then(|| {
            let at = self.at.0.saturating_add(period);
            let at = if at > now.0 { at } else { now.0.saturating_add(period) };
            let asked = Asked {
                repeat: asked.repeat.saturating_sub(1).max(-1),
                ..asked.clone()
            };
            Schedule {
                at: WallMillis(at),
                asked,
            }
        });
        Due {
            is_sent: true,
            next,
            begins: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// When it is sent, for a while.
    fn times(asked: Asked, now: u64, most: usize) -> Vec<u64> {
        let mut waiting: Vec<Schedule> = Schedule::begin(asked, WallMillis(now)).into_iter().collect();
        let mut sent = Vec::new();
        while sent.len() < most && !waiting.is_empty() {
            waiting.sort_by_key(|schedule| schedule.at);
            let next = waiting.remove(0);
            let due = next.due(next.at);
            if due.is_sent {
                sent.push(next.at.0);
            }
            waiting.extend(due.next.into_iter().chain(due.begins));
        }
        sent
    }

    #[test]
    fn a_series_is_as_activemq_counts_it() {
        let asked = |delay, period, repeat| Asked {
            delay,
            period,
            repeat,
            cron: None,
        };
        for (asked, expect) in [
            (asked(0, 0, 0), vec![]),
            (asked(500, 0, 0), vec![1500]),
            (asked(0, 300, 0), vec![1300]),
            (asked(0, 300, 2), vec![1300, 1600, 1900]),
            (asked(1000, 10, 3), vec![2000, 2010, 2020, 2030]),
            (asked(1000, 10, -1), vec![2000, 2010, 2020, 2030, 2040]),
            (asked(1000, 0, 2), vec![2000, 2001, 2002]),
        ] {
            assert_eq!(times(asked.clone(), 1000, 5), expect, "{asked:?}");
        }
    }

    #[test]
    fn each_time_of_a_crontab_begins_a_series() {
        let asked = |delay, period, repeat| Asked {
            delay,
            period,
            repeat,
            cron: Cron::parse("* * * * *").ok(),
        };
        assert_eq!(times(asked(0, 0, 0), 1, 3), [MINUTE, 2 * MINUTE, 3 * MINUTE]);
        assert_eq!(
            times(asked(5, 10, 1), 1, 4),
            [MINUTE + 5, MINUTE + 15, 2 * MINUTE + 5, 2 * MINUTE + 15]
        );
    }

    #[test]
    fn what_would_be_endless_work_is_refused() {
        let asked = |cron: &str, delay, period, repeat| Asked {
            delay,
            period,
            repeat,
            cron: Cron::parse(cron).ok(),
        };
        let hourly = "0 * * * *";
        for (asked, expect) in [
            (asked("", 0, 0, 0), None),
            (asked("", 0, 0, 2), Some(BadSchedule::Repeat)),
            (asked("", 0, 0, -1), Some(BadSchedule::Repeat)),
            (asked("", 5, 1, 1000), None),
            (asked("", 5, 1, 1001), Some(BadSchedule::Hurry)),
            (asked("", 5, 999, -1), Some(BadSchedule::Hurry)),
            (asked("", 5, 1000, -1), None),
            (asked("", LONGEST, 0, 0), None),
            (asked("", LONGEST + 1, 0, 0), Some(BadSchedule::Far)),
            (asked("", u64::MAX, 0, 0), Some(BadSchedule::Far)),
            (asked("", 0, u64::MAX, 1), Some(BadSchedule::Far)),
            (asked(hourly, 0, 0, 0), None),
            (asked(hourly, 0, 0, 5), Some(BadSchedule::Repeat)),
            (asked(hourly, 0, 1, -1), Some(BadSchedule::Endless)),
            (asked(hourly, 0, 60_000, 59), None),
            (asked(hourly, 0, 60_000, 60), Some(BadSchedule::Endless)),
        ] {
            let made = Schedule::new(asked.clone(), WallMillis(1));
            assert_eq!(made.err(), expect, "{asked:?}");
        }
        assert_eq!(Schedule::at(WallMillis(u64::MAX), WallMillis(1)), Err(BadSchedule::Far));
        assert_eq!(Schedule::at(WallMillis(1), WallMillis(1)), Ok(None));
    }

    #[test]
    fn what_was_missed_is_not_made_up_for() {
        let asked = Asked {
            period: 100,
            repeat: 5,
            ..Asked::default()
        };
        let schedule = Schedule::new(asked, WallMillis(0)).unwrap().unwrap();
        let due = schedule.due(WallMillis(1_000_000));
        assert!(due.is_sent);
        let Some(next) = &due.next else { panic!("{due:?}") };
        assert_eq!((next.at, next.asked.repeat), (WallMillis(1_000_100), 4));
    }
}
