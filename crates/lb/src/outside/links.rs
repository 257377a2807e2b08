//! Reading for somebody who may not read for himself: what he has laid links to is not read.
//!
//! The reader has rights that the balancer has given up. In a folder that the balancer's user may write to, whoever has
//! taken that user over could put a link in a certificate's place and be told what stands in any file.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use tandem_ops::disk::Disk;

/// So many links the kernel follows.
const MOST: usize = 40;

pub(super) fn read(path: &Path, stranger: u32) -> io::Result<Vec<u8>> {
    // Nor is a pipe waited for that he has put there.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    // Looked at when it is open: a link that is changed meanwhile leads elsewhere.
    let opened = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    if followed(path, stranger)? != opened {
        return Err(io::Error::other("it has changed while it was opened"));
    }
    Disk::for_lists().read_open(file)
}

/// Where a path leads by links that are not this user's.
pub(super) fn followed(path: &Path, stranger: u32) -> io::Result<PathBuf> {
    let mut ahead = parts(&std::path::absolute(path)?);
    let (mut at, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = ahead.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(part);
        let known = fs::symlink_metadata(&next)?;
        if !known.is_symlink() {
            at = next;
            continue;
        }
        if known.uid() == stranger {
            let message = format!(
                "{} is a link of the balancer's own user, which nobody follows for it",
                next.display()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        links += 1;
        if links > MOST {
            return Err(Errno::ELOOP.into());
        }
        let to = fs::read_link(&next)?;
        if to.is_absolute() {
            at = PathBuf::from("/");
        }
        for part in parts(&to).into_iter().rev() {
            ahead.push_front(part);
        }
    }
    Ok(at)
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let part = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().filter_map(part).collect()
}
