//! A start on a journal of a gibibyte, with nothing of it in the page cache, beside reading the same files.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use rustix::fs::{Advice, fadvise};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use super::amqp::Amqp;
use super::broker::{Broker, Program};
use super::{Protocol, crowd};
use crate::progress;

const MESSAGE: usize = 64 << 10;
const MESSAGES: u64 = (1 << 30) / MESSAGE as u64;

/// In bytes a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Recovery {
    pub(super) start: f64,
    pub(super) read: f64,
}

pub(super) fn measure(runtime: &Runtime, ours: &Path, repeat: u32) -> Result<Vec<Recovery>> {
    progress("a journal of a gibibyte");
    let mut broker = Broker::start(Program::Ours, ours)?;
    runtime.block_on(broker.ready(async |to| Protocol::Amqp.ask(to).await))?;
    let fill = crowd::fill::<Amqp>(broker.at, "bench-full", MESSAGE, MESSAGES);
    LocalSet::new()
        .block_on(runtime, fill)
        .context("it does not take a gibibyte")?;
    let mut found = Vec::new();
    for _ in 0..repeat {
        // It is killed now, and opens its files below.
        broker.end();
        forget(&broker.data())?;
        let begun = Instant::now();
        let bytes = read(&broker.data())? as f64;
        let read = bytes / begun.elapsed().as_secs_f64();
        forget(&broker.data())?;
        let begun = Instant::now();
        broker.start_again(Program::Ours, ours)?;
        runtime.block_on(broker.ready(async |to| Protocol::Amqp.ask(to).await))?;
        let start = bytes / begun.elapsed().as_secs_f64();
        found.push(Recovery { start, read });
    }
    Ok(found)
}

fn files(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files.extend(self::files(&entry.path())?),
            false => files.push(File::open(entry.path())?),
        }
    }
    Ok(files)
}

/// What has been written is written out, so that the kernel can let go of it.
fn forget(folder: &Path) -> Result<()> {
    for file in files(folder)? {
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

fn read(folder: &Path) -> Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    for mut file in files(folder)? {
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => bytes += count as u64,
            }
        }
    }
    Ok(bytes)
}
