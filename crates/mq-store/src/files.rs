//! The few things that the journal does with files, so that a test can stand in for a disk that fails.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};

/// A folder of numbered files.
pub trait Files {
    type File: fmt::Debug;

    /// The numbers of the files that are there, in order.
    fn list(&mut self) -> io::Result<Vec<u64>>;
    fn read(&mut self, number: u64) -> io::Result<Vec<u8>>;
    /// A file of zeros that has its room already, also after a crash; one of zeros that is there is made larger. When that
    /// cannot be done all is as it was.
    fn create(&mut self, number: u64, size: u64) -> io::Result<Self::File>;
    fn open(&mut self, number: u64) -> io::Result<Self::File>;
    fn write(&mut self, file: &mut Self::File, at: u64, data: &[u8]) -> io::Result<()>;
    /// What was written is on disk.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;
    fn remove(&mut self, number: u64) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    itself: File,
}

impl Folder {
    /// Makes the folder if it is not there.
    pub fn open(path: &Path) -> io::Result<Folder> {
        fs::create_dir_all(path)?;
        let itself = File::open(path)?;
        Ok(Folder {
            path: path.to_owned(),
            itself,
        })
    }

    fn allocate(&self, path: &Path, size: u64) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let length = i64::try_from(size).map_err(io::Error::other)?;
        fallocate(file.as_fd(), FallocateFlags::empty(), 0, length)?;
        file.sync_all()?;
        // The name of a new file is on disk only when its folder is.
        self.itself.sync_all()?;
        Ok(file)
    }

    fn file(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:010}.log"))
    }
}

impl Files for Folder {
    type File = File;

    fn list(&mut self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".log"));
            numbers.extend(stem.and_then(|stem| stem.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read(&mut self, number: u64) -> io::Result<Vec<u8>> {
        fs::read(self.file(number))
    }

    fn create(&mut self, number: u64, size: u64) -> io::Result<File> {
        let path = self.file(number);
        let before = match fs::metadata(&path) {
            Ok(there) => Some(there.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let made = self.allocate(&path, size);
        if made.is_err() {
            // What is left of it has no meaning, and takes room where there is too little.
            match before {
                None => drop(fs::remove_file(&path)),
                Some(size) => drop(
                    OpenOptions::new()
                        .write(true)
                        .open(&path)
                        .map(|file| file.set_len(size)),
                ),
            }
        }
        made
    }

    fn open(&mut self, number: u64) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(self.file(number))
    }

    fn write(&mut self, file: &mut File, at: u64, data: &[u8]) -> io::Result<()> {
        file.write_all_at(data, at)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }

    fn remove(&mut self, number: u64) -> io::Result<()> {
        fs::remove_file(self.file(number))?;
        self.itself.sync_all()
    }
}
