//! A file that holds a number.
//!
//! The kernel says when it has been written. Once a second it is looked at all the same: for folders that appear later, for
//! what a link leads to, and for file systems of which the kernel knows nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;
use tandem_sys::file_watch::FileWatch;
use tandem_vrrp_core::Observation;
use tandem_vrrp_core::settings::FileSettings;
use tokio::time::Interval;

use super::Teller;

const EVERY: Duration = Duration::from_secs(1);

/// More digits than any number has.
const LONGEST: u64 = 128;

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
        let number = beginning(&settings.path).ok().and_then(|bytes| number(&bytes));
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
    let mut file = at_once().write(true).create(true).truncate(true).open(path)?;
    file.write_all(format!("{value}\n").as_bytes())
}

/// What comes out of a pipe is not a number that somebody wrote down, and is for somebody else.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let file = at_once().read(true).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A pipe keeps whoever opens it waiting for the other side, and with it all that this thread does.
fn at_once() -> OpenOptions {
    let mut options = File::options();
    options.custom_flags(OFlag::O_NONBLOCK.bits());
    options
}

/// The number at the beginning, as `atoi` reads it.
fn number(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?.trim_start();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let sign = text.len() - digits.len();
    text[..sign + length].parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn only_the_beginning_of_a_file_is_read() {
        let path = std::env::temp_dir().join(format!("tandem-vrrp-number-{}", std::process::id()));
        initialise(&path, -7, true).expect("the temporary folder is writable");
        initialise(&path, 5, false).expect("it is there");
        let read = || beginning(&path).expect("it is there");
        assert_eq!(number(&read()), Some(-7));
        std::fs::write(&path, [b'1'; 4096]).expect("writable");
        assert_eq!(read().len() as u64, LONGEST);
        std::fs::remove_file(&path).expect("ours");
    }

    /// Nor is one opened for writing while nobody reads it.
    #[test]
    fn nobody_waits_for_the_other_side_of_a_pipe() {
        let path = std::env::temp_dir().join(format!("tandem-vrrp-no-number-{}", std::process::id()));
        mkfifo(&path, Mode::S_IRWXU).expect("the temporary folder is writable");
        let (to, told) = sync_channel(1);
        let pipe = path.clone();
        std::thread::spawn(move || to.send((beginning(&pipe).is_err(), initialise(&pipe, 5, true).is_err())));
        let told = told.recv_timeout(Duration::from_secs(10));
        assert_eq!(told, Ok((true, true)));
        std::fs::remove_file(&path).expect("ours");
    }

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
