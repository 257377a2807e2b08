//! Whether others than root could change what a path leads to: what root runs or trusts must not be theirs.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where programs are looked for that are written without a folder.
const FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The file that a command runs.
pub fn program(word: &str) -> Option<PathBuf> {
    if word.contains('/') {
        return Some(PathBuf::from(word));
    }
    let mut there = FOLDERS.iter().map(|folder| Path::new(folder).join(word));
    there.find(|path| path.is_file())
}

/// Why it is not safe; links are followed first, as Keepalived does.
pub fn why_not(path: &Path) -> Option<String> {
    match first_unsafe(path) {
        Ok(None) => None,
        Ok(Some(place)) => Some(format!("{} can be changed by others than root", place.display())),
        Err(error) => Some(format!("{}: {error}", path.display())),
    }
}

fn first_unsafe(path: &Path) -> io::Result<Option<PathBuf>> {
    let path = fs::canonicalize(path)?;
    for place in path.ancestors() {
        let data = fs::metadata(place)?;
        let mode = data.permissions().mode();
        // In a folder like /tmp nobody can replace what is another's.
        let theirs = mode & 0o022 != 0 && !(data.is_dir() && mode & 0o1000 != 0);
        if data.uid() != 0 || theirs {
            return Ok(Some(place.to_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_brings_is_safe() {
        let sh = program("sh").expect("every system has one");
        assert_eq!(why_not(&sh), None);
        assert_eq!(program("no-such-program-at-all"), None);
        assert_eq!(program("/a/b"), Some("/a/b".into()));
        assert!(why_not(Path::new("/no/such/file")).is_some());
    }

    #[test]
    fn what_others_can_write_is_not() {
        let path = std::env::temp_dir().join(format!("tandem-safety-{}", std::process::id()));
        fs::write(&path, "").expect("a temporary file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("ours");
        let why = why_not(&path);
        fs::remove_file(&path).expect("ours");
        assert!(why.is_some_and(|why| why.contains("can be changed by others")));
    }
}
