//! The files of a configuration: the one that was named, and those that it includes, as its lexer asks for them.
//!
//! Whoever reads again while it serves must not run out of memory over a file that is no configuration.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use tandem_text::keepalived::Files;

/// All files of a configuration together. Far more than is ever written; understood, it can be a hundred times that.
const LARGEST: u64 = 16 << 20;

/// Lists of patterns and maps name whole registries of addresses.
const LARGEST_LISTS: u64 = 256 << 20;

/// The machine's own disk, for one configuration.
#[derive(Debug)]
pub struct Disk {
    most: u64,
    left: Cell<u64>,
}

impl Disk {
    pub fn new() -> Disk {
        Disk::within(LARGEST)
    }

    /// For the lists that a balancer's configuration names.
    pub fn for_lists() -> Disk {
        Disk::within(LARGEST_LISTS)
    }

    const fn within(most: u64) -> Disk {
        Disk {
            most,
            left: Cell::new(most),
        }
    }

    pub fn read_file(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        self.read_open(File::open(path)?)
    }

    pub fn read_open(&self, file: File) -> io::Result<Vec<u8>> {
        let left = self.left.get();
        if file.metadata()?.len() > left {
            return Err(self.too_large());
        }
        // What is no regular file has no length, and others grow.
        let mut bytes = Vec::new();
        let read = file.take(left + 1).read_to_end(&mut bytes)?;
        self.spend(read)?;
        Ok(bytes)
    }

    /// So much of it was read in another way.
    pub fn spend(&self, bytes: usize) -> io::Result<()> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.ok_or_else(|| self.too_large())?);
        Ok(())
    }

    fn too_large(&self) -> io::Error {
        let why = format!("a configuration has at most {} MiB", self.most >> 20);
        io::Error::new(ErrorKind::FileTooLarge, why)
    }
}

impl Default for Disk {
    fn default() -> Disk {
        Disk::new()
    }
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.read_file(path).map_err(|error| error.to_string())
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let names = || -> io::Result<Vec<String>> {
            let entries = fs::read_dir(if directory.is_empty() { "." } else { directory })?;
            let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
            entries.map(name).collect()
        };
        // What cannot be listed includes nothing; the pattern that names it is reported then.
        names().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_reads() {
        let folder = std::env::temp_dir().join(format!("tandem-disk-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        fs::write(folder.join("one.conf"), "x").expect("writable");
        let name = folder.to_string_lossy();
        let disk = Disk::new();
        assert_eq!(disk.list(&name), ["one.conf"]);
        assert_eq!(disk.read(&format!("{name}/one.conf")).as_deref(), Ok(&b"x"[..]));
        fs::remove_dir_all(&folder).expect("ours");
        assert!(disk.list(&name).is_empty());
        assert!(disk.read(&format!("{name}/one.conf")).is_err());
    }

    #[test]
    fn what_is_too_large_for_a_configuration_is_not_read() {
        let path = std::env::temp_dir().join(format!("tandem-disk-large-{}", std::process::id()));
        let file = File::create(&path).expect("the temporary folder is writable");
        file.set_len(LARGEST / 2).expect("holes cost nothing");
        let disk = Disk::new();
        let size = |read: io::Result<Vec<u8>>| read.map(|bytes| bytes.len()).map_err(|why| why.kind());
        let half = 8 << 20;
        assert_eq!(size(disk.read_file(&path)), Ok(half));
        assert_eq!(size(disk.read_file(&path)), Ok(half));
        assert_eq!(
            size(disk.read_file(&path)),
            Err(ErrorKind::FileTooLarge),
            "all together"
        );
        file.set_len(LARGEST << 10).expect("holes cost nothing");
        assert_eq!(size(Disk::new().read_file(&path)), Err(ErrorKind::FileTooLarge));
        assert_eq!(size(Disk::new().read_file("/dev/zero")), Err(ErrorKind::FileTooLarge));
        fs::remove_file(&path).expect("ours");
    }
}
