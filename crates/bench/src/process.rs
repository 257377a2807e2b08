//! What processes cost, from the kernel.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// What all threads of these have had of the processors. What has gone meanwhile counts no more.
pub(crate) fn processor_time(processes: &[u32]) -> Duration {
    let threads = |process: &u32| {
        fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
            .flatten()
    };
    let ran = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(processes.iter().flat_map(threads).filter_map(ran).sum())
}

/// What they have in memory, in bytes; what is shared with others counts in part.
pub(crate) fn memory(processes: &[u32]) -> Result<f64> {
    let one = |process: &u32| {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kibibytes = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("no Pss")?;
        Ok(kibibytes.trim().parse::<f64>()? * 1024.0)
    };
    processes.iter().map(one).sum()
}
