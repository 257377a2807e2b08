//! A watch on one file, through the folder that it is in: so that it may appear, be replaced and disappear.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::task::Poll;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::readable::Readable;

/// What has been written to, and closed: in between it may be half of a number.
const NEWS: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

pub struct FileWatch {
    inotify: Readable<Notes>,
    folder: PathBuf,
    name: OsString,
    /// The folder is there and looked at.
    looks: bool,
}

/// The kernel's notes about folders.
#[derive(Debug)]
pub struct Notes(Inotify);

impl AsRawFd for Notes {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl FileWatch {
    /// Needs a tokio runtime with I/O. The folder may not be there yet.
    pub fn open(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or(OsStr::new("")).to_owned();
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let mut watch = Self {
            inotify: Readable::new(Notes(inotify))?,
            folder,
            name,
            looks: false,
        };
        watch.look();
        Ok(watch)
    }

    /// Looks at the folder again if it was not there, or has gone.
    pub fn look(&mut self) {
        if !self.looks {
            let added = self.inotify.inner().0.add_watch(&self.folder, NEWS);
            self.looks = added.is_ok();
        }
    }

    /// Returns when something happened to the file. Dropping the future loses nothing.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            std::future::poll_fn(|cx| match self.inotify.poll_readable(cx) {
                Poll::Ready(ready) => Poll::Ready(ready),
                Poll::Pending => Poll::Pending,
            })
            .await?;
            match self.inotify.inner().0.read_events() {
                Ok(events) => {
                    let gone = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
                    self.looks &= !events.iter().any(|event| event.mask.intersects(gone));
                    let own = |name: &Option<OsString>| name.as_ref().is_none_or(|name| *name == self.name);
                    if events.iter().any(|event| own(&event.name)) {
                        return Ok(());
                    }
                }
                Err(Errno::EAGAIN) => self.inotify.found_empty(),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[test]
    fn written_replaced_and_removed() {
        let folder = std::env::temp_dir().join(format!("tandem-watch-{}", std::process::id()));
        fs::create_dir(&folder).expect("a temporary folder");
        let path = folder.join("number");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut watch = FileWatch::open(&path).expect("inotify is there");
            let soon = Duration::from_secs(10);
            let write = |name: &str| fs::write(folder.join(name), "5").expect("ours");
            let steps: [&dyn Fn(); 4] = [
                &|| write("number"),
                &|| write("number"),
                &|| {
                    write("new");
                    fs::rename(folder.join("new"), &path).expect("ours");
                },
                &|| fs::remove_file(&path).expect("ours"),
            ];
            for (place, step) in steps.iter().enumerate() {
                step();
                let changed = tokio::time::timeout(soon, watch.changed()).await;
                assert!(matches!(changed, Ok(Ok(()))), "step {place}: {changed:?}");
            }
            // Of another file nothing is told.
            write("other");
            let changed = tokio::time::timeout(Duration::from_millis(50), watch.changed()).await;
            assert!(changed.is_err());
        });
        fs::remove_dir_all(&folder).expect("ours");
    }
}
