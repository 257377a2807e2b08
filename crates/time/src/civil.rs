//! The calendar, computed: a moment as a wall shows it, `dd/Mon/yyyy:hh:mm:ss.mmm`.
//!
//! The offset from UTC comes from outside, so this knows no time zones and reads no files.

use std::fmt;

/// A moment of the proleptic Gregorian calendar, to the millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilTime {
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub milli: u16,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const WEEKDAYS: [&str; 7] = ["Sat", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri"];

const MILLIS_A_DAY: i64 = 86_400_000;
/// The calendar repeats after 400 years.
const DAYS_OF_400_YEARS: i64 = 146_097;
const DAYS_OF_100_YEARS: i64 = 36_524;
const DAYS_OF_4_YEARS: i64 = 1_461;
/// From 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: i64 = 719_468;

impl CivilTime {
    /// The moment that many milliseconds after 1970 began in UTC, on a clock that is so much ahead of UTC.
    pub fn from_unix(millis: i64, utc_offset_seconds: i32) -> CivilTime {
        let local = millis.saturating_add(i64::from(utc_offset_seconds) * 1000);
        let of_day = local.rem_euclid(MILLIS_A_DAY);
        let (year, month, day) = date(local.div_euclid(MILLIS_A_DAY));
        let seconds = of_day / 1000;
        CivilTime {
            year,
            month,
            day,
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            milli: (of_day % 1000) as u16,
        }
    }

    /// Days from 1 January 1970 to this day. A day that its month does not have is one of the next.
    pub fn days_since_1970(year: i64, month: u8, day: u8) -> i64 {
        let year = year - i64::from(month <= 2);
        let from_march = i64::from(month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        year * 365 + leap_days + of_year - DAYS_TO_1970
    }

    /// `2026-11-21T17:04:45`: what changes once a second of an RFC 3339 time.
    pub fn iso_second(self) -> impl fmt::Display {
        let CivilTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = self;
        fmt::from_fn(move |f| write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
    }

    pub fn month_name(self) -> &'static str {
        MONTHS[usize::from(self.month - 1)]
    }

    /// Zeller's rule, with January and February counted to the year before.
    pub fn weekday_name(self) -> &'static str {
        let (year, month) = match self.month {
            month @ 1..=2 => (self.year - 1, i64::from(month) + 12),
            month => (self.year, i64::from(month)),
        };
        let centuries = year.div_euclid(400) - year.div_euclid(100);
        let day = i64::from(self.day) + 13 * (month + 1) / 5 + year + year.div_euclid(4) + centuries;
        WEEKDAYS[day.rem_euclid(7) as usize]
    }
}

impl fmt::Display for CivilTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CivilTime {
            year,
            day,
            hour,
            minute,
            second,
            milli,
            ..
        } = self;
        write!(
            f,
            "{day:02}/{}/{year:04}:{hour:02}:{minute:02}:{second:02}.{milli:03}",
            self.month_name()
        )
    }
}

/// Year, month and day of a day counted from 1 January 1970. Years are taken to begin in March, which puts the odd day
/// at the end of everything it can be at the end of: of a year, of four, of a hundred, of four hundred.
fn date(days: i64) -> (i64, u8, u8) {
    let days = days + DAYS_TO_1970;
    let (cycle, rest) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let hundreds = (rest / DAYS_OF_100_YEARS).min(3);
    let rest = rest - hundreds * DAYS_OF_100_YEARS;
    let (fours, rest) = (rest / DAYS_OF_4_YEARS, rest % DAYS_OF_4_YEARS);
    let ones = (rest / 365).min(3);
    let day_of_year = rest - ones * 365;
    // Months from March are 31 30 31 30 31 days long, twice, and then two more: 153 days for five.
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = cycle * 400 + hundreds * 100 + fours * 4 + ones + i64::from(month <= 2);
    (year, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leap(year: i64) -> bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    /// The day after, by the rules that children learn.
    fn next((year, month, day): (i64, u8, u8)) -> (i64, u8, u8) {
        let last = match month {
            2 if leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (_, day) if day == last => (year, month + 1, 1),
            _ => (year, month, day + 1),
        }
    }

    #[test]
    fn a_thousand_years_day_by_day() {
        let mut expected = (1970, 1, 1);
        for days in 0..365_250 {
            assert_eq!(date(days), expected, "day {days}");
            expected = next(expected);
        }
    }

    #[test]
    fn the_days_of_the_week_follow_each_other() {
        // 1 January 1970 was a Thursday.
        for days in -800_000..365_250 {
            let day = CivilTime::from_unix(days * MILLIS_A_DAY, 0);
            let expected = WEEKDAYS[(days + 5).rem_euclid(7) as usize];
            assert_eq!(day.weekday_name(), expected, "{day}");
        }
    }

    #[test]
    fn known_moments() {
        assert_eq!(CivilTime::from_unix(0, 0).to_string(), "01/Jan/1970:00:00:00.000");
        assert_eq!(CivilTime::from_unix(-1, 0).to_string(), "31/Dec/1969:23:59:59.999");
        assert_eq!(
            CivilTime::from_unix(951_782_400_000, 0).to_string(),
            "29/Feb/2000:00:00:00.000"
        );
        assert_eq!(
            CivilTime::from_unix(1_795_262_622_795, 0).to_string(),
            "21/Nov/2026:12:03:42.795"
        );
        assert_eq!(
            CivilTime::from_unix(1_795_262_622_795, -43_200).to_string(),
            "21/Nov/2026:00:03:42.795"
        );
        assert_eq!(
            CivilTime::from_unix(1_795_262_622_795, 43_200).to_string(),
            "22/Nov/2026:00:03:42.795"
        );
    }

    proptest! {
        #[test]
        fn the_days_follow_each_other(days in -4_000_000i64..4_000_000) {
            let (year, month, day) = date(days);
            prop_assert_eq!(next((year, month, day)), date(days + 1));
            prop_assert_eq!(CivilTime::days_since_1970(year, month, day), days);
        }

        #[test]
        fn the_time_of_day_adds_up(millis in -1i64 << 50..1i64 << 50, offset in -86_400i32..86_400) {
            let t = CivilTime::from_unix(millis, offset);
            let seconds = (i64::from(t.hour) * 60 + i64::from(t.minute)) * 60 + i64::from(t.second);
            let local = millis + i64::from(offset) * 1000;
            prop_assert_eq!(seconds * 1000 + i64::from(t.milli), local.rem_euclid(86_400_000));
            prop_assert_eq!((t.year, t.month, t.day), date(local.div_euclid(86_400_000)));
        }

        #[test]
        fn any_number_is_some_time(millis in any::<i64>(), offset in any::<i32>()) {
            prop_assert!((1..=12).contains(&CivilTime::from_unix(millis, offset).month));
        }
    }
}
