//! How many files this process may have open. Everything a balancer does is a file descriptor, so this is its size.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Above this, "no limit" is meant; sizing tables by it would ask for gigabytes (HAProxy's `fd-hard-limit` is the same).
const SENSIBLE_FILES: u64 = 1_048_576;

/// What we were started with.
static BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit of open files to the hard one, and both to `wanted` where privilege allows.
/// Answers how many files may be open now. More than `most` may not, whatever the system allows.
pub fn raise_open_files(wanted: Option<u64>, most: Option<u64>) -> u64 {
    let now = getrlimit(Resource::Nofile);
    BEFORE.get_or_init(|| now);
    let hard = now.maximum.unwrap_or(SENSIBLE_FILES);
    let aim = wanted.unwrap_or(0).max(hard.min(SENSIBLE_FILES));
    let Some(most) = most.filter(|most| *most < aim) else {
        return raise(
            now,
            hard,
            aim,
            now.current.unwrap_or(SENSIBLE_FILES).min(SENSIBLE_FILES),
        );
    };
    raise(now, hard, most, 0)
}

/// To `aim`, or as far as it goes, and to `least` in any case.
fn raise(now: Rlimit, hard: u64, aim: u64, least: u64) -> u64 {
    if aim > hard
        && setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(aim),
                maximum: Some(aim),
            },
        )
        .is_ok()
    {
        return aim;
    }
    let soft = aim.min(hard).max(least);
    match setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(soft),
            maximum: now.maximum,
        },
    ) {
        Ok(()) => soft,
        Err(_) => now.current.unwrap_or(SENSIBLE_FILES),
    }
}

/// What this starts may open as many as we might before [`raise_open_files`]: there are programs that close whatever may
/// be open, or take more than the usual limit for an error.
#[allow(unsafe_code)]
pub fn give_back_open_files(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let Some(before) = BEFORE.get().copied() else { return };
    let lower = move || Ok(setrlimit(Resource::Nofile, before)?);
    // SAFETY: between fork and exec it makes one system call and touches no memory of others.
    unsafe { command.pre_exec(lower) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_reaches_hard() {
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(SENSIBLE_FILES);
        let got = raise_open_files(None, None);
        assert_eq!(got, hard.min(SENSIBLE_FILES));
        assert_eq!(getrlimit(Resource::Nofile).current, Some(got));

        let mut shell = std::process::Command::new("/bin/sh");
        give_back_open_files(shell.args(["-c", "ulimit -Sn"]));
        let said = String::from_utf8(shell.output().unwrap().stdout).unwrap();
        let before = BEFORE.get().unwrap().current.map(|files| files.to_string());
        assert_eq!(said.trim(), before.as_deref().unwrap_or("unlimited"));
    }
}
