//! A small file that a crash cannot break: at any moment there is the last one that was written, or the one before.
//!
//! What is written goes to a file of another name first, to the disk, and then takes the name over. The folder is opened
//! once, so it is found again after `chroot`. A file that cannot be used is not deleted but set aside, for people to see.
//!
//! Two processes may have the same file for a while, when one takes over from the other. They write in turn, under a lock
//! on a file beside it, and who finds that another has written since leaves the file to that one.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::fsync;

/// One file and the folder it is in.
#[derive(Debug)]
pub struct SafeFile {
    folder: OwnedFd,
    path: PathBuf,
    name: OsString,
    /// What we wrote last, to see whether somebody else has written since. It stays open, so that no other file can get
    /// its number.
    written: Option<File>,
}

/// Who writes takes a moment; who takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<T> {
    pub value: Option<T>,
    pub set_aside: Vec<SetAside>,
}

/// A file that could not be used, under its new name.
#[derive(Debug, PartialEq, Eq)]
pub struct SetAside {
    pub path: PathBuf,
    pub why: String,
}

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Done,
    /// Another process writes this file now; it was not touched.
    NotOurs,
}

impl SafeFile {
    /// The folder must be there; the file need not.
    pub fn at(path: &Path) -> io::Result<SafeFile> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(SafeFile {
            folder: open(folder.unwrap_or(Path::new(".")), flags, Mode::empty())?,
            path: path.to_owned(),
            name,
            written: None,
        })
    }

    /// The last file that can be used, or the one before. `read` says what a file means, or why nothing.
    pub fn load<T, E: ToString>(&self, read: impl Fn(&[u8]) -> Result<T, E>) -> io::Result<Found<T>> {
        let mut set_aside = Vec::new();
        for name in [self.name.clone(), self.other(".old")] {
            let Some(bytes) = self.bytes(&name)? else { continue };
            match read(&bytes) {
                Ok(value) => {
                    let value = Some(value);
                    return Ok(Found { value, set_aside });
                }
                Err(why) => set_aside.push(SetAside {
                    path: self.set_aside(&name)?,
                    why: why.to_string(),
                }),
            }
        }
        Ok(Found { value: None, set_aside })
    }

    /// Writes the file; the one that is there becomes the one before.
    pub fn store(&mut self, bytes: &[u8]) -> io::Result<Stored> {
        let _turn = self.turn(PATIENCE)?;
        if self.is_anothers()? {
            return Ok(Stored::NotOurs);
        }
        let fresh = self.other(".new");
        let mut file = self.create(&fresh, OFlag::O_TRUNC)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match self.rename(&self.name, &self.other(".old")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // The first time there is none before.
            _ => {}
        }
        self.rename(&fresh, &self.name)?;
        fsync(&self.folder)?;
        self.written = Some(file);
        Ok(Stored::Done)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn bytes(&self, name: &OsStr) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let file = match openat(&self.folder, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(nix::Error::ENOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        File::from(file).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn set_aside(&self, name: &OsStr) -> io::Result<PathBuf> {
        let mut bad = name.to_owned();
        bad.push(".bad");
        self.rename(name, &bad)?;
        Ok(self.path.with_file_name(bad))
    }

    /// Nobody else writes until this is dropped, or its process dies.
    fn turn(&self, patience: Duration) -> io::Result<File> {
        const LOOK: Duration = Duration::from_millis(5);
        let lock = self.create(&self.other(".lock"), OFlag::empty())?;
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if began.elapsed() > patience => {
                    let text = "another process has been writing it for too long";
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            }
        }
    }

    fn create(&self, name: &OsStr, more: OFlag) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | more;
        let mode = Mode::from_bits_truncate(0o600);
        Ok(File::from(openat(&self.folder, name, flags, mode)?))
    }

    /// Whether somebody has written since we did. A file that is gone nobody has written.
    fn is_anothers(&self) -> io::Result<bool> {
        let Some(written) = &self.written else {
            return Ok(false);
        };
        match fstatat(&self.folder, &*self.name, AtFlags::empty()) {
            Ok(stat) => Ok(identity(&stat) != identity(&fstat(written)?)),
            Err(nix::Error::ENOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.folder, from, &self.folder, to)?)
    }

    fn other(&self, ending: &str) -> OsString {
        let mut name = self.name.clone();
        name.push(ending);
        name
    }
}

fn identity(stat: &FileStat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path = std::env::temp_dir().join(format!("tandem-safe-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("the temporary folder is writable");
            Folder(path)
        }

        fn file(&self) -> SafeFile {
            SafeFile::at(&self.0.join("state")).expect("the folder is there")
        }

        fn put(&self, name: &str, text: &str) {
            std::fs::write(self.0.join(name), text).expect("ours");
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    /// Good files begin with `+`.
    fn read(bytes: &[u8]) -> Result<String, &'static str> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if text.starts_with('+') {
            Ok(text)
        } else {
            Err("no plus")
        }
    }

    fn value(file: &SafeFile) -> Option<String> {
        file.load(read).expect("it can be read").value
    }

    #[test]
    fn the_last_counts_and_the_one_before_stays() {
        let folder = Folder::new("last");
        let mut file = folder.file();
        assert_eq!(value(&file), None);
        for text in ["+1", "+2", "+3"] {
            assert_eq!(file.store(text.as_bytes()).expect("it can be written"), Stored::Done);
            assert_eq!(value(&file).as_deref(), Some(text));
        }
        let before = std::fs::read_to_string(folder.0.join("state.old"));
        assert_eq!(before.ok().as_deref(), Some("+2"));
    }

    #[test]
    fn what_a_crash_may_leave() {
        let folder = Folder::new("crash");
        let mut file = folder.file();
        for text in ["+1", "+2"] {
            file.store(text.as_bytes()).expect("it can be written");
        }
        // Died while writing, and died between the two renames.
        folder.put("state.new", "+");
        assert_eq!(value(&file).as_deref(), Some("+2"));
        std::fs::remove_file(folder.0.join("state")).expect("ours");
        assert_eq!(value(&file).as_deref(), Some("+1"));
        assert_eq!(folder.file().store(b"+3").expect("it can be written"), Stored::Done);
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let folder = Folder::new("broken");
        folder.put("state", "-1");
        folder.put("state.old", "+0");
        let found = folder.file().load(read).expect("it can be read");
        let aside = SetAside {
            path: folder.0.join("state.bad"),
            why: "no plus".to_owned(),
        };
        assert_eq!((found.value.as_deref(), found.set_aside), (Some("+0"), vec![aside]));
        assert!(folder.0.join("state.bad").exists() && !folder.0.join("state").exists());
    }

    #[test]
    fn who_comes_later_has_the_file() {
        let folder = Folder::new("two");
        let (mut old, mut new) = (folder.file(), folder.file());
        old.store(b"+old").expect("it can be written");
        new.store(b"+new").expect("it can be written");
        assert_eq!(old.store(b"+old").expect("no error"), Stored::NotOurs);
        assert_eq!(new.store(b"+again").expect("it can be written"), Stored::Done);
        assert_eq!(value(&new).as_deref(), Some("+again"));
    }

    /// One process writes while another comes and takes the file over.
    #[test]
    fn two_that_write_at_once_break_nothing_and_the_later_one_keeps_it() {
        const SIZE: usize = 64 * 1024;
        let folder = Folder::new("race");
        let text = |letter: char| format!("+{}", letter.to_string().repeat(SIZE));
        for round in 0..20 {
            let (mut old, mut new) = (folder.file(), folder.file());
            old.store(text('o').as_bytes()).expect("it can be written");
            std::thread::scope(|scope| {
                let old =
                    scope.spawn(move || while old.store(text('o').as_bytes()).expect("a lock") == Stored::Done {});
                for _ in 0..10 {
                    assert_eq!(
                        new.store(text('n').as_bytes()).expect("a lock"),
                        Stored::Done,
                        "{round}"
                    );
                    let now = value(&new).expect("it is whole");
                    assert!(
                        now == text('n'),
                        "round {round}: {} bytes of {:?}",
                        now.len(),
                        now.get(1..2)
                    );
                }
                old.join().expect("it leaves the file");
            });
        }
    }

    #[test]
    fn who_hangs_while_it_writes_does_not_hang_the_other() {
        let folder = Folder::new("hang");
        let (hanging, mut other) = (folder.file(), folder.file());
        let turn = hanging.turn(Duration::ZERO).expect("nobody writes");
        let refused = other.turn(Duration::from_millis(20)).expect_err("it is locked");
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        drop(turn);
        assert_eq!(other.store(b"+x").expect("nobody writes"), Stored::Done);
    }

    #[test]
    fn a_folder_that_is_not_there() {
        assert!(SafeFile::at(Path::new("/nonexistent/state")).is_err());
        assert!(SafeFile::at(Path::new("/")).is_err());
    }
}
