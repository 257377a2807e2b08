//! The five fields of a crontab, in UTC: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).

use tandem_time::CivilTime;

use crate::WallMillis;

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60;
/// The 29th of February may be eight years away.
const FARTHEST: u64 = 366 * 8 + 2;

const ALL_DAYS: u64 = 0xffff_fffe;
const ALL_WEEKDAYS: u64 = 0x7f;

/// One crontab's times, and the shortest way to write them, because that is what the journal keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: Box<str>,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Where both kinds of days are said, one of them is enough.
    either: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no crontab: {1}; write minute, hour, day of the month, month and day of the week, such as \"0 6 * * 1-5\""
)]
pub struct BadCron(Box<str>, &'static str);

impl Cron {
    pub fn parse(text: &str) -> Result<Cron, BadCron> {
        let bad = |why| BadCron(text.chars().take(64).collect(), why);
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(bad("it has not five fields"));
        };
        let weekday = field(weekdays, 0, 7).map_err(bad)?;
        let mut cron = Cron {
            text: "".into(),
            minutes: field(minutes, 0, 59).map_err(bad)?,
            hours: field(hours, 0, 23).map_err(bad)?,
            days: field(days, 1, 31).map_err(bad)?,
            months: field(months, 1, 12).map_err(bad)?,
            weekdays: (weekday | weekday >> 7) & 0x7f,
            either: false,
        };
        cron.either = cron.days != ALL_DAYS && cron.weekdays != ALL_WEEKDAYS;
        cron.text = cron.write().into();
        match cron.next(WallMillis(0)) {
            Some(_) => Ok(cron),
            None => Err(bad("there is no such day")),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn write(&self) -> String {
        let fields = [
            written(self.minutes, 0, 59),
            written(self.hours, 0, 23),
            written(self.days, 1, 31),
            written(self.months, 1, 12),
            written(self.weekdays, 0, 6),
        ];
        fields.join(" ")
    }

    /// The first of its times after this one.
    pub fn next(&self, after: WallMillis) -> Option<WallMillis> {
        let from = after.0 / MINUTE + 1;
        let today = from / DAY;
        let first = |day: u64| if day == today { from % DAY } else { 0 };
        let minute_of = |day: u64| (first(day)..DAY).find(|at| self.has_minute(*at));
        let day = (today..today + FARTHEST).find(|day| self.has_day(*day) && minute_of(*day).is_some())?;
        Some(WallMillis((day * DAY + minute_of(day)?) * MINUTE))
    }

    /// How many of its times are no farther from each other than this, which is an hour at most.
    pub(super) fn most_within(&self, millis: u64) -> usize {
        // The same minute of the next hour is one more.
        let of_hour = self.minutes.count_ones() as usize + 1;
        ((millis / MINUTE) as usize + 1).min(of_hour)
    }

    fn has_minute(&self, of_day: u64) -> bool {
        has(self.hours, of_day / 60) && has(self.minutes, of_day % 60)
    }

    /// A day since 1970, which began with a Thursday.
    fn has_day(&self, day: u64) -> bool {
        let date = CivilTime::from_unix((day * DAY * MINUTE) as i64, 0);
        let by_month = has(self.days, date.day.into());
        let by_week = has(self.weekdays, (day + 4) % 7);
        let is_day = match self.either {
            true => by_month || by_week,
            false => by_month && by_week,
        };
        is_day && has(self.months, date.month.into())
    }
}

fn has(set: u64, number: u64) -> bool {
    set >> number & 1 == 1
}

/// `*`, `5`, `1-5`, `*/10`, `10-40/15`, and several of these with commas.
fn field(text: &str, least: u32, most: u32) -> Result<u64, &'static str> {
    let number = |text: &str| text.parse::<u32>().map_err(|_| "a field is no number");
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, number(step)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if range == "*" => (least, most),
            None if step != 1 => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from < least || to > most || from > to || step == 0 {
            return Err("a field is outside of its range");
        }
        for at in (from..=to).step_by(step as usize) {
            set |= 1 << at;
        }
    }
    Ok(set)
}

/// The other way.
fn written(set: u64, least: u64, most: u64) -> String {
    let mut parts = Vec::new();
    let mut at = least;
    while at <= most {
        let length = (at..=most).take_while(|at| has(set, *at)).count() as u64;
        match length {
            0 => {}
            1 => parts.push(at.to_string()),
            _ => parts.push(format!("{at}-{}", at + length - 1)),
        }
        at += length + 1;
    }
    match parts.first() {
        Some(first) if *first == format!("{least}-{most}") => "*".into(),
        _ => parts.join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sunday, 22 November 2026, 13:20:30.
    const NOW: WallMillis = WallMillis(1_795_353_630_000);

    #[test]
    fn each_field_counts() {
        for (text, seconds) in [
            ("* * * * *", 1_795_353_660),
            ("20 * * * *", 1_795_357_200),
            ("*/15 * * * *", 1_795_354_200),
            ("0 6 * * *", 1_795_413_600),
            ("0 6 * * 1-5", 1_795_413_600),
            ("0 6 * * 7", 1_795_932_000),
            ("0 6 * * 0", 1_795_932_000),
            ("30 13 22 * *", 1_795_354_200),
            ("0 0 1 1 *", 1_798_761_600),
            ("0 0 29 2 *", 1_835_395_200),
            // One of both kinds of days is enough.
            ("0 0 1 * 1", 1_795_392_000),
            ("0,30 14-15/1 * 11 *", 1_795_356_000),
        ] {
            let next = Cron::parse(text).unwrap().next(NOW);
            assert_eq!(next, Some(WallMillis(seconds * 1000)), "{text}");
        }
    }

    #[test]
    fn it_is_written_afresh_however_long_its_text_was() {
        let long = format!("{}1 0 * * *", "0,".repeat(30_000));
        for (text, expect) in [
            ("*   *\t* * *", "* * * * *"),
            (&long, "0-1 0 * * *"),
            ("*/20 1-3,5 1-31 1,2,12 7", "0,20,40 1-3,5 * 1-2,12 0"),
            ("0 0 1 * */2", "0 0 1 * 0,2,4,6"),
        ] {
            let cron = Cron::parse(text).unwrap();
            assert_eq!(cron.as_str(), expect);
            assert_eq!(Cron::parse(cron.as_str()), Ok(cron));
        }
        // The longest there can be.
        let longest = Cron::parse("*/2 */2 */2 */2 */2").unwrap();
        assert!(longest.as_str().len() < 256, "{}", longest.as_str());
    }

    #[test]
    fn what_is_no_crontab_is_said() {
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "* * 0 * *",
            "* * * 13 *",
            "5-1 * * * *",
            "*/0 * * * *",
            "x * * * *",
            "0 0 30 2 *",
            "* * * * 8",
            "-1 * * * *",
        ] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
    }
}
