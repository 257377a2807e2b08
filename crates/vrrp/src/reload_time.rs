//! `reload_time_file`: a file that says when to read the configuration again, so that all routers do at the same moment.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tandem_ops::clock::Wall;
use tandem_time::CivilTime;
use tandem_vrrp_config::ReloadRules;

use crate::reloading;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
const DAY: i64 = 86_400;

#[derive(Debug, Default)]
pub(crate) struct ReloadTime {
    file: Option<PathBuf>,
    /// The file stays, and one without a date means every day.
    repeat: bool,
    /// When the file was written that `due` was read from.
    written: Option<SystemTime>,
    /// Seconds since 1970.
    due: Option<i64>,
}

impl ReloadTime {
    pub(crate) fn adjust(&mut self, rules: &ReloadRules) {
        if self.file != rules.time_file {
            (self.written, self.due) = (None, None);
        }
        (self.file, self.repeat) = (rules.time_file.clone(), rules.repeat);
    }

    /// Returns when it is time, with what went wrong about the file. May be called again at any moment.
    pub(crate) async fn come(&mut self) -> Result<(), String> {
        if self.file.is_none() {
            std::future::pending().await
        }
        loop {
            let now = Wall::now();
            self.look(now);
            match self.due {
                Some(due) if due <= now.secs() => return self.passed(now),
                Some(due) => {
                    let left = due.saturating_mul(1_000_000).saturating_sub(now.as_micros());
                    let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
                    tokio::time::sleep(left.min(LOOK)).await;
                }
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn look(&mut self, now: Wall) {
        let Some(file) = &self.file else { return };
        let written = fs::metadata(file).and_then(|data| data.modified()).ok();
        if written != self.written {
            self.written = written;
            let text = fs::read_to_string(file).unwrap_or_default();
            // What is past has been done.
            self.due = read(&text, now).filter(|due| *due > now.secs());
        }
    }

    fn passed(&mut self, now: Wall) -> Result<(), String> {
        self.due = None;
        let Some(file) = &self.file else { return Ok(()) };
        if self.repeat {
            let text = fs::read_to_string(file).unwrap_or_default();
            self.due = read(&text, now).filter(|due| *due > now.secs());
            return Ok(());
        }
        match fs::remove_file(file) {
            // It is of the past now, or of tomorrow.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(reloading::cannot("remove", file, &error)),
            _ => Ok(()),
        }
    }
}

/// `[[YY]YY-MM-DD ]HH:MM:SS[Z]`, exactly so. Without a date it is the next such time.
fn read(text: &str, now: Wall) -> Option<i64> {
    let line = text.lines().next()?;
    let (line, is_utc) = match line.strip_suffix('Z') {
        Some(line) => (line, true),
        None => (line, false),
    };
    let offset = |at: i64| match is_utc {
        true => 0,
        false => i64::from(Wall::from_micros(at.saturating_mul(1_000_000)).local_offset()),
    };
    // The offset is that of the moment meant, which is known but for the offset.
    let utc = |local: i64| local - offset(local - offset(local));
    match line.split_once(' ') {
        Some((date, time)) => Some(utc(days(date)? * DAY + seconds(time)?)),
        None => {
            let today = (now.secs() + offset(now.secs())).div_euclid(DAY) * DAY + seconds(line)?;
            Some(utc(today))
                .filter(|at| *at > now.secs())
                .or(Some(utc(today + DAY)))
        }
    }
}

fn seconds(time: &str) -> Option<i64> {
    let [hours, minutes, seconds] = numbers(time, ':')?;
    let fits = hours < 24 && minutes < 60 && seconds < 60;
    fits.then_some(hours * 3600 + minutes * 60 + seconds)
}

/// Days since 1970.
fn days(date: &str) -> Option<i64> {
    let short = date.find('-') == Some(2);
    let [year, month, day] = numbers(if short { date } else { date.get(2..)? }, '-')?;
    let century: i64 = if short { 20 } else { date.get(..2)?.parse().ok()? };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(CivilTime::days_since_1970(century * 100 + year, month as u8, day as u8))
}

/// Two digits each.
fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| digits)
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 12:00:00 UTC
    const NOON: i64 = 1_795_262_400;

    fn at(text: &str) -> Option<i64> {
        read(text, Wall::from_micros(NOON * 1_000_000))
    }

    #[test]
    fn times_as_keepalived_reads_them() {
        assert_eq!(at("2026-11-21 12:00:01Z\n"), Some(NOON + 1));
        assert_eq!(at("26-11-22 12:00:00Z"), Some(NOON + DAY));
        assert_eq!(at("1970-01-01 00:00:00Z"), Some(0));
        assert_eq!(at("2024-02-29 23:59:59Z"), Some(1_709_251_199));
        assert_eq!(at("12:00:05Z"), Some(NOON + 5));
        assert_eq!(at("12:00:00Z"), Some(NOON + DAY), "that was now");
        for wrong in [
            "",
            "now",
            " 12:00:00",
            "12:00",
            "24:00:00Z",
            "2026-13-01 00:00:00Z",
            "1:00:00",
            "12:00:00 ",
        ] {
            assert_eq!(at(wrong), None, "{wrong:?}");
        }
    }

    #[tokio::test(flavor = "local")]
    async fn the_file_goes_when_its_time_has_come() {
        let file = std::env::temp_dir().join(format!("tandem-reload-time-{}", std::process::id()));
        let soon = Wall::now().secs() + 1;
        let (day, second) = (soon.div_euclid(DAY), soon.rem_euclid(DAY));
        // Near midnight the next day would be meant, so the date is written: that of the 1970s' days is known.
        let date = (0..40_000).find(|n| day == *n).map(date_of).expect("in this century");
        let text = format!(
            "{date} {:02}:{:02}:{:02}Z\n",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        fs::write(&file, text).expect("the temporary folder is writable");
        let mut time = ReloadTime::default();
        time.adjust(&ReloadRules {
            time_file: Some(file.clone()),
            ..ReloadRules::default()
        });
        let came = tokio::time::timeout(Duration::from_secs(20), time.come()).await;
        assert_eq!(came.expect("in time"), Ok(()));
        assert!(Wall::now().secs() >= soon && !file.exists());
    }

    /// The other way round, by counting.
    fn date_of(mut day: i64) -> String {
        let mut year = 1970;
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        while day >= 365 + i64::from(leap(year)) {
            day -= 365 + i64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while day >= lengths[month] {
            day -= lengths[month];
            month += 1;
        }
        format!("{year}-{:02}-{:02}", month + 1, day + 1)
    }
}
