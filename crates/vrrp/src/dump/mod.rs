//! The files that other programs read after they have sent a signal, in Keepalived's shapes.
//!
//! Each is written under another name first and then renamed: whoever reads while we write sees the old file or the new
//! one, never half of one.

mod around;
mod data;
mod global;
mod json;
mod statistics;
mod words;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tandem_vrrp_config::Plan;

pub(crate) use data::Data;
pub(crate) use global::parent;
pub(crate) use json::json;
pub(crate) use statistics::statistics;

/// Only root may read it, as Keepalived has it: passwords may be in the configuration that it shows.
const MODE: u32 = 0o600;

/// `data_use_instance`: those who are not the only ones have a file each.
pub(crate) fn data_path(plan: &Plan, namespace: Option<&str>) -> PathBuf {
    let dumps = &plan.global.dumps;
    if !dumps.use_instance {
        return dumps.data.clone();
    }
    let namespace = namespace.or(plan.global.net_namespace.as_deref());
    let names = plan.global.instance_name.as_deref().into_iter().chain(namespace);
    let mut stem = dumps.data.with_extension("").into_os_string();
    names.for_each(|name| stem.push(format!(".{name}")));
    if let Some(extension) = dumps.data.extension() {
        stem.push(".");
        stem.push(extension);
    }
    stem.into()
}

/// Where the parent process's part is, beside the other: `keepalived_parent.data` beside `keepalived.data`.
pub(crate) fn parent_path(data: &Path) -> PathBuf {
    let mut name = data.file_stem().unwrap_or_default().to_owned();
    name.push("_parent");
    if let Some(extension) = data.extension() {
        name.push(".");
        name.push(extension);
    }
    data.with_file_name(name)
}

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
