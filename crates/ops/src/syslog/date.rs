//! The calendar's date in local time, from seconds and the zone's offset.

use std::fmt;

use crate::clock::Wall;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment as local clocks show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    pub year: i64,
    /// 1 to 12
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    pub micros: u32,
    /// Seconds ahead of UTC.
    pub offset: i32,
}

impl Local {
    pub fn new(at: Wall, offset: i32) -> Local {
        let shifted = at.secs().saturating_add(i64::from(offset));
        let (days, second_of_day) = (shifted.div_euclid(86_400), shifted.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        Local {
            year,
            month,
            day,
            hour: (second_of_day / 3_600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            micros: at.subsec_micros(),
            offset,
        }
    }

    /// `Nov  1 17:04:45`, as RFC 3164 section 4.1.2 wants it: the day padded with a space.
    pub fn rfc3164(&self) -> impl fmt::Display {
        let Local {
            day,
            hour,
            minute,
            second,
            ..
        } = *self;
        let month = MONTHS[usize::from(self.month - 1)];
        fmt::from_fn(move |f| write!(f, "{month} {day:2} {hour:02}:{minute:02}:{second:02}"))
    }

    /// `21 Nov 2026 17:04:45`, the middle of a date of RFC 5322 section 3.3.
    pub fn rfc5322(&self) -> impl fmt::Display {
        let Local {
            year,
            day,
            hour,
            minute,
            second,
            ..
        } = *self;
        let month = MONTHS[usize::from(self.month - 1)];
        fmt::from_fn(move |f| write!(f, "{day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02}"))
    }

    /// `2026-11-21T17:04:45`: what changes once a second of an RFC 3339 time.
    pub fn iso_second(&self) -> impl fmt::Display {
        let Local {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = *self;
        fmt::from_fn(move |f| write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
    }

    /// `+05:30`
    pub fn zone(&self) -> impl fmt::Display {
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.unsigned_abs() / 60;
        fmt::from_fn(move |f| write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60))
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
/// The year is taken to begin in March, so that the leap day is its last (Hinnant, "chrono-compatible date algorithms").
fn civil(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_782, (2024, 2, 29)),
            (20_778, (2026, 11, 21)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(days), date, "day {days}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = civil(0);
        for days in 1..146_097 {
            let (year, month, day) = civil(days);
            let next = if day > 1 {
                (before.0, before.1, before.2 + 1)
            } else {
                (year, month, 1)
            };
            assert_eq!((year, month, day), next);
            assert!(day > 1 || (month == 1) == (year == before.0 + 1) && (month == 1 || month == before.1 + 1));
            before = (year, month, day);
        }
        assert_eq!(before, (2369, 12, 31));
    }

    #[test]
    fn shown_in_the_zone() {
        let at = Wall::from_micros(1_795_261_485_046_302);
        let kolkata = Local::new(at, 19_800);
        assert_eq!(
            format!("{} {}", kolkata.iso_second(), kolkata.zone()),
            "2026-11-21T17:14:45 +05:30"
        );
        assert_eq!(kolkata.rfc5322().to_string(), "21 Nov 2026 17:14:45");
        let caracas = Local::new(at, -16_200);
        assert_eq!(
            format!("{} {}", caracas.iso_second(), caracas.zone()),
            "2026-11-21T07:14:45 -04:30"
        );
        assert_eq!(
            Local::new(Wall::from_micros(0), 0).rfc3164().to_string(),
            "Jan  1 00:00:00"
        );
    }
}
