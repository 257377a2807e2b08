//! A small file that a crash cannot break: at any moment there is the last one that was written, or the one before.
//!
//! What is written goes to a file of another name first, to the disk, and then takes the name over. The folder is opened
//! once, so it is found again after `chroot`. A file that cannot be used is not deleted but set aside, for people to see.
//!
//! Two processes may want the same file for a while, when one takes over from the other. One has it, and holds a lock on a
//! file beside it for as long as it lives or until it lets go; the kernel takes the lock from whoever dies.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::fsync;

/// One file and the folder it is in.
#[derive(Debug)]
pub struct SafeFile {
    folder: OwnedFd,
    path: PathBuf,
    name: OsString,
    /// Held from the first time that we wrote it.
    ours: Option<File>,
    /// What is under the name is of no use and could not be moved: it must not take the place of the one before.
    spoiled: bool,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<T> {
    pub value: Option<T>,
    pub unusable: Vec<Unusable>,
}

/// A file that could not be used, where it is now.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable {
    pub path: PathBuf,
    pub why: String,
}

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Done,
    /// Another process has this file; it was not touched.
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
            ours: None,
            spoiled: false,
        })
    }

    /// The last file that can be used, or the one before. `read` says what a file means, or why nothing.
    pub fn load<T, E: ToString>(&mut self, read: impl Fn(&[u8]) -> Result<T, E>) -> Found<T> {
        let mut unusable = Vec::new();
        for name in [self.name.clone(), self.other(".old")] {
            match self.bytes(&name) {
                Ok(None) => {}
                Ok(Some(bytes)) => match read(&bytes) {
                    Ok(value) => {
                        let value = Some(value);
                        return Found { value, unusable };
                    }
                    Err(why) => unusable.push(self.set_aside(&name, &why.to_string())),
                },
                Err(error) => unusable.push(self.left(&name, format!("cannot be read: {error}"))),
            }
        }
        Found { value: None, unusable }
    }

    /// Writes the file; the one that is there becomes the one before.
    pub fn store(&mut self, bytes: &[u8]) -> io::Result<Stored> {
        if !self.is_ours()? {
            return Ok(Stored::NotOurs);
        }
        let fresh = self.other(".new");
        let mut file = self.create(&fresh, OFlag::O_TRUNC)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if !self.spoiled {
            self.keep_as_before()?;
        }
        self.rename(&fresh, &self.name)?;
        self.spoiled = false;
        fsync(&self.folder)?;
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

    /// The first time there is none.
    fn keep_as_before(&self) -> io::Result<()> {
        match self.rename(&self.name, &self.other(".old")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn set_aside(&mut self, name: &OsStr, why: &str) -> Unusable {
        let mut bad = name.to_owned();
        bad.push(".bad");
        match self.rename(name, &bad) {
            Ok(()) => Unusable {
                path: self.path.with_file_name(bad),
                why: format!("{why}: set aside under this name"),
            },
            Err(error) => self.left(name, format!("{why}, and cannot be set aside: {error}")),
        }
    }

    fn left(&mut self, name: &OsStr, why: String) -> Unusable {
        self.spoiled |= *name == *self.name;
        let path = self.path.with_file_name(name);
        Unusable { path, why }
    }

    /// Whether we have it, or can have it now.
    fn is_ours(&mut self) -> io::Result<bool> {
        if self.ours.is_some() {
            return Ok(true);
        }
        let lock = self.create(&self.other(".lock"), OFlag::empty())?;
        match lock.try_lock() {
            Ok(()) => self.ours = Some(lock),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(true)
    }

    fn create(&self, name: &OsStr, more: OFlag) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | more;
        let mode = Mode::from_bits_truncate(0o600);
        Ok(File::from(openat(&self.folder, name, flags, mode)?))
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

        fn put_folder(&self, name: &str) {
            std::fs::create_dir(self.0.join(name)).expect("ours");
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

    fn value(file: &mut SafeFile) -> Option<String> {
        file.load(read).value
    }

    #[test]
    fn the_last_counts_and_the_one_before_stays() {
        let folder = Folder::new("last");
        let mut file = folder.file();
        assert_eq!(value(&mut file), None);
        for text in ["+1", "+2", "+3"] {
            assert_eq!(file.store(text.as_bytes()).expect("it can be written"), Stored::Done);
            assert_eq!(value(&mut file).as_deref(), Some(text));
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
        assert_eq!(value(&mut file).as_deref(), Some("+2"));
        std::fs::remove_file(folder.0.join("state")).expect("ours");
        assert_eq!(value(&mut file).as_deref(), Some("+1"));
        // With the process its hold on the file has gone.
        drop(file);
        assert_eq!(folder.file().store(b"+3").expect("it can be written"), Stored::Done);
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let folder = Folder::new("broken");
        folder.put("state", "-1");
        folder.put("state.old", "+0");
        let found = folder.file().load(read);
        let aside = Unusable {
            path: folder.0.join("state.bad"),
            why: "no plus: set aside under this name".to_owned(),
        };
        assert_eq!((found.value.as_deref(), found.unusable), (Some("+0"), vec![aside]));
        assert!(folder.0.join("state.bad").exists() && !folder.0.join("state").exists());
    }

    /// What cannot be moved, or not even be read, costs neither the one before nor, at the next writing, its place.
    #[test]
    fn a_broken_file_that_stays_where_it_is() {
        for case in ["unmovable", "unreadable"] {
            let folder = Folder::new(case);
            folder.put("state.old", "+0");
            let at = folder.0.join("state");
            match case {
                "unmovable" => {
                    folder.put("state", "-1");
                    folder.put_folder("state.bad");
                }
                // A link that leads to itself cannot be opened, by root neither.
                _ => std::os::unix::fs::symlink("state", &at).expect("ours"),
            }
            let mut file = folder.file();
            let found = file.load(read);
            assert_eq!(found.value.as_deref(), Some("+0"), "{case}");
            assert_eq!(found.unusable.len(), 1, "{case}");
            assert_eq!(found.unusable[0].path, at, "{case}");
            assert_eq!(file.store(b"+1").expect("it can be written"), Stored::Done);
            let before = std::fs::read_to_string(folder.0.join("state.old")).expect("it is there");
            assert_eq!(
                (value(&mut file).as_deref(), before.as_str()),
                (Some("+1"), "+0"),
                "{case}"
            );
        }
    }

    #[test]
    fn who_has_it_keeps_it_until_it_lets_go() {
        let folder = Folder::new("two");
        let (mut old, mut new) = (folder.file(), folder.file());
        assert_eq!(old.store(b"+old").expect("it can be written"), Stored::Done);
        assert_eq!(new.store(b"+new").expect("no error"), Stored::NotOurs);
        assert_eq!(old.store(b"+again").expect("it can be written"), Stored::Done);
        assert_eq!(value(&mut new).as_deref(), Some("+again"));
        drop(old);
        assert_eq!(new.store(b"+new").expect("it can be written"), Stored::Done);
        assert_eq!(value(&mut new).as_deref(), Some("+new"));
    }

    /// One process writes, lets go at some moment, and another that has wanted it all the time goes on.
    #[test]
    fn two_that_want_it_at_once_break_nothing() {
        const SIZE: usize = 64 * 1024;
        let folder = Folder::new("race");
        let text = |letter: char| format!("+{}", letter.to_string().repeat(SIZE));
        for round in 0..20 {
            let (mut old, mut new) = (folder.file(), folder.file());
            assert_eq!(old.store(text('o').as_bytes()).expect("no error"), Stored::Done);
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    for _ in 0..round % 7 {
                        assert_eq!(old.store(text('o').as_bytes()).expect("no error"), Stored::Done);
                    }
                });
                let mut written = 0;
                while written < 5 {
                    let stored = new.store(text('n').as_bytes()).expect("no error");
                    let now = value(&mut new).expect("it is whole");
                    if stored == Stored::Done {
                        written += 1;
                        assert!(now == text('n'), "round {round}: {:?}", now.get(1..2));
                    }
                    assert!(
                        now == text('n') || now == text('o'),
                        "round {round}: {} bytes",
                        now.len()
                    );
                }
            });
        }
    }

    #[test]
    fn a_folder_that_is_not_there() {
        assert!(SafeFile::at(Path::new("/nonexistent/state")).is_err());
        assert!(SafeFile::at(Path::new("/")).is_err());
    }
}
