//! A moment as text: `utime(%Y-%m-%d)`, `ltime(%H:%M)`, `http_date`. The words are those of the C locale.

use tandem_time::CivilTime;

use crate::expr::{Context, TimeUnit};

/// A format of conversions as of `strftime`, cut into pieces when the configuration is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeFormat {
    pieces: Vec<Piece>,
    /// To add, in the unit.
    offset: i64,
    /// What the moment is counted in.
    unit: TimeUnit,
    /// As clocks show it here; otherwise in UTC.
    is_local: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Literal(char),
    /// What this letter stands for.
    Field(char),
    /// So many digits of the second's fraction.
    Fraction(u8),
}

const FIELDS: &str = "aAbBCdegGHIjklmMpPsSuUVwWyYz";

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const SECONDS_A_DAY: i64 = 86_400;

impl TimeFormat {
    /// The conversion that is not known, if there is one.
    pub fn parse(format: &str, unit: TimeUnit, is_local: bool) -> Result<TimeFormat, char> {
        let mut pieces = Vec::new();
        read(format, (unit, is_local), &mut pieces)?;
        Ok(TimeFormat {
            pieces,
            offset: 0,
            unit,
            is_local,
        })
    }

    /// For a header of HTTP (RFC 9110 section 5.6.7), with the fraction of the second where the unit is finer.
    pub fn http(unit: TimeUnit) -> TimeFormat {
        let fraction = match unit {
            TimeUnit::Seconds => None,
            TimeUnit::Millis => Some(3),
            TimeUnit::Micros => Some(6),
        };
        let fields = |letters: &str| letters.chars().map(Piece::Field).collect::<Vec<_>>();
        let mut pieces = Vec::new();
        let mut put = |letters: &str, between: &str| {
            pieces.extend(fields(letters));
            pieces.extend(between.chars().map(Piece::Literal));
        };
        put("a", ", ");
        put("d", " ");
        put("b", " ");
        put("Y", " ");
        put("H", ":");
        put("M", ":");
        put("S", "");
        if let Some(digits) = fraction {
            pieces.extend([Piece::Literal('.'), Piece::Fraction(digits)]);
        }
        pieces.extend(" GMT".chars().map(Piece::Literal));
        TimeFormat {
            pieces,
            offset: 0,
            unit,
            is_local: false,
        }
    }

    pub fn moved_by(self, offset: i64) -> TimeFormat {
        TimeFormat { offset, ..self }
    }

    pub(super) fn write(&self, moment: i64, context: &dyn Context) -> String {
        let per_second = 1_000_000 / self.unit.micros();
        let moment = moment.saturating_add(self.offset);
        let unix = moment.div_euclid(per_second);
        let ahead = if self.is_local { context.local_offset(unix) } else { 0 };
        let at = Moment {
            unix,
            micros: moment.rem_euclid(per_second) * self.unit.micros(),
            ahead,
            civil: CivilTime::from_unix(unix.saturating_mul(1000), ahead),
        };
        self.pieces.iter().map(|piece| at.show(*piece)).collect()
    }
}

fn read(format: &str, of: (TimeUnit, bool), pieces: &mut Vec<Piece>) -> Result<(), char> {
    let (unit, is_local) = of;
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            pieces.push(Piece::Literal(letter));
            continue;
        }
        let conversion = letters.next().unwrap_or('%');
        match conversion {
            '%' => pieces.push(Piece::Literal('%')),
            'n' => pieces.push(Piece::Literal('\n')),
            't' => pieces.push(Piece::Literal('\t')),
            'c' => read("%a %b %e %H:%M:%S %Y", of, pieces)?,
            'D' | 'x' => read("%m/%d/%y", of, pieces)?,
            'F' => read("%Y-%m-%d", of, pieces)?,
            'h' => pieces.push(Piece::Field('b')),
            'r' => read("%I:%M:%S %p", of, pieces)?,
            'R' => read("%H:%M", of, pieces)?,
            'T' | 'X' => read("%H:%M:%S", of, pieces)?,
            'Z' if !is_local => pieces.extend("GMT".chars().map(Piece::Literal)),
            'N' if unit != TimeUnit::Seconds => pieces.push(Piece::Fraction(9)),
            '3' | '6' | '9' if unit != TimeUnit::Seconds && letters.as_str().starts_with('N') => {
                letters.next();
                let digits = conversion.to_digit(10).unwrap_or(9);
                pieces.push(Piece::Fraction(digits as u8));
            }
            known if FIELDS.contains(known) => pieces.push(Piece::Field(known)),
            other => return Err(other),
        }
    }
    Ok(())
}

/// A moment as a wall shows it.
struct Moment {
    unix: i64,
    /// Within the second.
    micros: i64,
    /// How far the wall's clock is ahead of UTC.
    ahead: i32,
    civil: CivilTime,
}

impl Moment {
    fn show(&self, piece: Piece) -> String {
        let CivilTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = self.civil;
        let two = |n: i64| format!("{n:02}");
        let blank = |n: u8| format!("{n:2}");
        let of_twelve = (hour + 11) % 12 + 1;
        let week_day = self.week_day();
        match piece {
            Piece::Literal(letter) => letter.to_string(),
            Piece::Fraction(digits) => format!("{:09}", self.micros * 1000)[..usize::from(digits)].to_owned(),
            Piece::Field(field) => match field {
                'a' => DAYS[week_day as usize][..3].to_owned(),
                'A' => DAYS[week_day as usize].to_owned(),
                'b' => self.civil.month_name().to_owned(),
                'B' => MONTHS[usize::from(month - 1)].to_owned(),
                'C' => two(year.div_euclid(100)),
                'd' => two(day.into()),
                'e' => blank(day),
                'g' => two(self.week().0.rem_euclid(100)),
                'G' => self.week().0.to_string(),
                'H' => two(hour.into()),
                'I' => two(of_twelve.into()),
                'j' => format!("{:03}", self.year_day() + 1),
                'k' => blank(hour),
                'l' => blank(of_twelve),
                'm' => two(month.into()),
                'M' => two(minute.into()),
                'p' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
                'P' => if hour < 12 { "am" } else { "pm" }.to_owned(),
                's' => self.unix.to_string(),
                'S' => two(second.into()),
                'u' => ((week_day + 6) % 7 + 1).to_string(),
                'U' => two((self.year_day() + 7 - week_day) / 7),
                'V' => two(self.week().1),
                'w' => week_day.to_string(),
                'W' => two((self.year_day() + 7 - (week_day + 6) % 7) / 7),
                'y' => two(year.rem_euclid(100)),
                'Y' => year.to_string(),
                'z' => {
                    let sign = if self.ahead < 0 { '-' } else { '+' };
                    let minutes = self.ahead.abs() / 60;
                    format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
                }
                // `FIELDS` has no others.
                other => other.to_string(),
            },
        }
    }

    fn days(&self) -> i64 {
        self.unix.saturating_add(self.ahead.into()).div_euclid(SECONDS_A_DAY)
    }

    /// 0 is Sunday, as the first day of 1970 was the fourth after one.
    fn week_day(&self) -> i64 {
        (self.days() + 4).rem_euclid(7)
    }

    /// Days since the year began.
    fn year_day(&self) -> i64 {
        const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let CivilTime { year, month, day, .. } = self.civil;
        let is_after = month > 2 && is_leap(year);
        BEFORE[usize::from(month - 1)] + i64::from(is_after) + i64::from(day) - 1
    }

    /// By ISO 8601: a week belongs to the year that has its Thursday. The year and the week.
    fn week(&self) -> (i64, i64) {
        let year = self.civil.year;
        let from_monday = (self.week_day() + 6) % 7;
        let thursday = self.year_day() - from_monday + 3;
        let length = |year| 365 + i64::from(is_leap(year));
        if thursday < 0 {
            return (year - 1, (thursday + length(year - 1)) / 7 + 1);
        }
        match thursday - length(year) {
            beyond @ 0.. => (year + 1, beyond / 7 + 1),
            _ => (year, thursday / 7 + 1),
        }
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}
