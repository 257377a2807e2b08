//! A moment as text, in UTC: `utime(%Y-%m-%d)`.

use tandem_time::CivilTime;

/// A format of conversions as of `strftime`, cut into pieces when the configuration is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeFormat {
    pieces: Vec<Piece>,
    /// Seconds to add.
    offset: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(char),
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Minute,
    Second,
    Epoch,
}

impl TimeFormat {
    /// The conversion that is not known, if there is one.
    pub fn parse(format: &str, offset: i64) -> Result<TimeFormat, char> {
        let mut pieces = Vec::new();
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                pieces.push(Piece::Literal(letter));
                continue;
            }
            let conversion = letters.next().unwrap_or('%');
            match conversion {
                '%' => pieces.push(Piece::Literal('%')),
                'Y' => pieces.push(Piece::Year),
                'y' => pieces.push(Piece::ShortYear),
                'm' => pieces.push(Piece::Month),
                'b' | 'h' => pieces.push(Piece::MonthName),
                'd' => pieces.push(Piece::Day),
                'H' => pieces.push(Piece::Hour),
                'M' => pieces.push(Piece::Minute),
                'S' => pieces.push(Piece::Second),
                's' => pieces.push(Piece::Epoch),
                'F' => pieces.extend(series([Piece::Year, Piece::Month, Piece::Day], '-')),
                'T' => pieces.extend(series([Piece::Hour, Piece::Minute, Piece::Second], ':')),
                other => return Err(other),
            }
        }
        Ok(TimeFormat { pieces, offset })
    }

    pub(super) fn write(&self, seconds: i64) -> String {
        let seconds = seconds.saturating_add(self.offset);
        let at = CivilTime::from_unix(seconds.saturating_mul(1000), 0);
        self.pieces.iter().map(|piece| piece.of(at, seconds)).collect()
    }
}

fn series([one, two, three]: [Piece; 3], between: char) -> [Piece; 5] {
    [one, Piece::Literal(between), two, Piece::Literal(between), three]
}

impl Piece {
    fn of(&self, at: CivilTime, seconds: i64) -> String {
        let two = |n: u8| format!("{n:02}");
        match self {
            Piece::Literal(letter) => letter.to_string(),
            Piece::Year => format!("{:04}", at.year),
            Piece::ShortYear => format!("{:02}", at.year.rem_euclid(100)),
            Piece::Month => two(at.month),
            Piece::MonthName => at.month_name().to_owned(),
            Piece::Day => two(at.day),
            Piece::Hour => two(at.hour),
            Piece::Minute => two(at.minute),
            Piece::Second => two(at.second),
            Piece::Epoch => seconds.to_string(),
        }
    }
}
