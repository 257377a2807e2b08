//! A file that holds a number.
//!
//! The kernel says when it has been written. Once a second it is looked at all the same: for folders that appear later, for
//! what a link leads to, and for file systems of which the kernel knows nothing.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use tandem_sys::file_watch::FileWatch;
use tandem_vrrp_core::Observation;
use tandem_vrrp_core::settings::FileSettings;
use tokio::time::Interval;

use super::Teller;

const EVERY: Duration = Duration::from_secs(1);

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
    let mut watch = FileWatch::open(&settings.path)
        .inspect_err(|error| {
            let path = settings.path.display();
            tell.log
                .warning(&format!("{path} is looked at once a second only: {error}"));
        })
        .ok();
    loop {
        wait(&mut watch, &mut ticks).await;
        let number = fs::read(&settings.path).ok().and_then(|bytes| number(&bytes));
        if before.replace(number) != Some(number) {
            tell.observed(Observation::Number(number)).await;
        }
    }
}

/// For news of the file, or the next look.
async fn wait(watch: &mut Option<FileWatch>, ticks: &mut Interval) {
    let Some(looking) = watch else {
        ticks.tick().await;
        return;
    };
    let failed = tokio::select! {
        changed = looking.changed() => changed.is_err(),
        _ = ticks.tick() => {
            looking.look();
            false
        }
    };
    if failed {
        *watch = None;
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
