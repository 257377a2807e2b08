//! Another process of this program, for tests that look at a lab from outside.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::options::Options;

/// Killed with SIGKILL at the latest when it is dropped.
pub struct Helper {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts the helper of this name from the suite.
    pub fn start(options: &Options, name: &str) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(options.for_child(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start helper {name}"))?;
        let output = process.stdout.take().context("a helper without stdout")?;
        Ok(Self {
            process,
            output: BufReader::new(output),
        })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The next line it says. A skip ends the test that asked.
    pub fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the helper said nothing more");
        }
        if let Some((what, why)) = line
            .trim_end()
            .strip_prefix("SKIP ")
            .and_then(|skip| skip.split_once(' '))
        {
            return Err(tandem_lab::Missing::new(what, why).into());
        }
        Ok(line.trim_end().to_string())
    }

    /// Writes a line to its stdin.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let mut stdin = self.process.stdin.as_ref().context("a helper without stdin")?;
        Ok(writeln!(stdin, "{line}")?)
    }

    /// SIGKILL, as anybody might do it.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    pub fn wait(&mut self) -> Result<Option<i32>> {
        Ok(self.process.wait()?.code())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// A process and all that descend from it, as seen from here.
pub fn process_tree(root: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end while we look.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // proc(5): the name in parentheses may hold anything; state and parent follow it.
        let Some((_, after)) = stat.rsplit_once(')') else {
            continue;
        };
        let Some(parent) = after
            .split_whitespace()
            .nth(1)
            .and_then(|text| text.parse::<u32>().ok())
        else {
            continue;
        };
        parents.push((pid, parent));
    }
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    Ok(tree)
}
