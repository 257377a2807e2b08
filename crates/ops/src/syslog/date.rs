//! The calendar's date in local time, from seconds and the zone's offset.

use std::fmt;

use tandem_time::CivilTime;

use crate::clock::Wall;

/// A moment as local clocks show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    pub time: CivilTime,
    pub micros: u32,
    /// Seconds ahead of UTC.
    pub offset: i32,
}

impl Local {
    pub fn new(at: Wall, offset: i32) -> Local {
        Local {
            time: CivilTime::from_unix(at.as_millis(), offset),
            micros: at.subsec_micros(),
            offset,
        }
    }

    /// `Nov  1 17:04:45`, as RFC 3164 section 4.1.2 wants it: the day padded with a space.
    pub fn rfc3164(&self) -> impl fmt::Display {
        let CivilTime {
            day,
            hour,
            minute,
            second,
            ..
        } = self.time;
        let month = self.time.month_name();
        fmt::from_fn(move |f| write!(f, "{month} {day:2} {hour:02}:{minute:02}:{second:02}"))
    }

    /// `21 Nov 2026 17:04:45`, the middle of a date of RFC 5322 section 3.3.
    pub fn rfc5322(&self) -> impl fmt::Display {
        let CivilTime {
            year,
            day,
            hour,
            minute,
            second,
            ..
        } = self.time;
        let month = self.time.month_name();
        fmt::from_fn(move |f| write!(f, "{day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02}"))
    }

    /// `+05:30`
    pub fn zone(&self) -> impl fmt::Display {
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.unsigned_abs() / 60;
        fmt::from_fn(move |f| write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_in_the_zone() {
        let at = Wall::from_micros(1_795_261_485_046_302);
        let kolkata = Local::new(at, 19_800);
        assert_eq!(
            format!("{} {}", kolkata.time.iso_second(), kolkata.zone()),
            "2026-11-21T17:14:45 +05:30"
        );
        assert_eq!(kolkata.rfc5322().to_string(), "21 Nov 2026 17:14:45");
        let caracas = Local::new(at, -16_200);
        assert_eq!(
            format!("{} {}", caracas.time.iso_second(), caracas.zone()),
            "2026-11-21T07:14:45 -04:30"
        );
        assert_eq!(
            Local::new(Wall::from_micros(0), 0).rfc3164().to_string(),
            "Jan  1 00:00:00"
        );
    }
}
