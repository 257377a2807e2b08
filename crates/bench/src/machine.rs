//! Where and when it was measured: a figure without its machine says nothing.

use std::fs;
use std::process::Command;

use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    date: String,
    processor: String,
    processors: usize,
    memory_mib: u64,
    kernel: String,
    /// Over the last minute before the run.
    load: String,
    /// Programs and what they call themselves.
    pub(crate) versions: Vec<String>,
    command: String,
}

impl Machine {
    pub(crate) fn look(versions: Vec<String>) -> Self {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name))?.to_owned();
            line.split_once(':').map(|(_, value)| value.trim().to_owned())
        };
        let memory = field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse().ok());
        let uname = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            date: date(),
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory.unwrap_or(0) / 1024,
            kernel: uname.unwrap_or_default(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            versions,
            command: command(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let Self {
            date,
            processor,
            processors,
            memory_mib,
            kernel,
            load,
            versions,
            command,
        } = self;
        format!(
            "{date}, {processors} x {processor}, {memory_mib} MiB, Linux {kernel}, load {load} at the start\n{}\n$ {command}\n",
            versions.join("; ")
        )
    }
}

fn date() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "date unknown".into())
}

fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let release = if cfg!(debug_assertions) { "" } else { "--release " };
    format!("cargo run {release}-p tandem-bench -- {}", arguments.join(" "))
}
