//! The files that a configuration includes, as its lexer asks for them.

use std::fs;
use std::io;

use tandem_text::keepalived::Files;

/// The machine's own disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        fs::read(path).map_err(|error| error.to_string())
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
        assert_eq!(Disk.list(&name), ["one.conf"]);
        assert_eq!(Disk.read(&format!("{name}/one.conf")).as_deref(), Ok(&b"x"[..]));
        fs::remove_dir_all(&folder).expect("ours");
        assert!(Disk.list(&name).is_empty());
        assert!(Disk.read(&format!("{name}/one.conf")).is_err());
    }
}
