//! A file that holds a number.
//!
//! It is looked at five times a second, which costs a system call when nothing has changed, and works for files on any
//! file system, for folders that appear later, and for files that are replaced.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tandem_vrrp_core::Observation;
use tandem_vrrp_core::settings::FileSettings;

use super::Teller;

const EVERY: Duration = Duration::from_millis(200);

/// More digits than any number has.
const LONGEST: usize = 128;

pub(super) async fn track(settings: FileSettings, tell: Teller) {
    if let Some((value, overwrite)) = settings.init
        && let Err(error) = initialise(&settings.path, value, overwrite)
    {
        let path = settings.path.display();
        tell.log
            .error(&format!("cannot write the tracked file {path}: {error}"));
    }
    let mut before = None;
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let number = fs::read(&settings.path).ok().and_then(|bytes| number(&bytes));
        if before.replace(number) != Some(number) {
            tell.observed(Observation::Number(number)).await;
        }
    }
}

fn initialise(path: &Path, value: i64, overwrite: bool) -> io::Result<()> {
    if !overwrite && path.exists() {
        return Ok(());
    }
    fs::write(path, format!("{value}\n"))
}

/// The number at the beginning, as `atoi` reads it.
fn number(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(&bytes[..bytes.len().min(LONGEST)])
        .ok()?
        .trim_start();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let sign = text.len() - digits.len();
    text[..sign + length].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_c_reads_them() {
        let table: [(&[u8], Option<i64>); 7] = [
            (b"5\n", Some(5)),
            (b" -12 and more", Some(-12)),
            (b"+3", Some(3)),
            (b"", None),
            (b"x1", None),
            (b"-", None),
            (b"\xff", None),
        ];
        for (bytes, expected) in table {
            assert_eq!(number(bytes), expected, "{bytes:?}");
        }
    }
}
