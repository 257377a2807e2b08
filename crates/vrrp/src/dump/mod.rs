//! The files that other programs read after they have sent a signal, in Keepalived's shapes.
//!
//! Each is written under another name first and then renamed: whoever reads while we write sees the old file or the new
//! one, never half of one.

mod data;
mod json;
mod statistics;
mod words;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(crate) use data::data;
pub(crate) use json::json;
pub(crate) use statistics::statistics;

/// Only root may read it, as Keepalived has it: passwords may be in the configuration that it shows.
const MODE: u32 = 0o600;

pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    // Not what somebody else may have put there, nor where their link leads: the folder may be everybody's.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests;
