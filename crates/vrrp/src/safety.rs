//! Whether others than root could change what a path leads to: what root runs or trusts must not be theirs. And how it is
//! run.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

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

/// How every program of the configuration is run, whoever runs it: alone in its process group, with nothing to read or
/// to write to, and without what changes how a program reads its own words.
pub fn apart(command: &mut Command) -> &mut Command {
    for variable in ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"] {
        command.env_remove(variable);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
}

/// Why it is not safe. Each link on the way counts like what it leads to: whoever may turn it after we have looked decides
/// what is run.
pub fn why_not(path: &Path) -> Option<String> {
    match first_unsafe(path) {
        Ok(None) => None,
        Ok(Some(place)) => Some(format!("{} can be changed by others than root", place.display())),
        Err(error) => Some(format!("{}: {error}", path.display())),
    }
}

/// As many links as the kernel follows.
const LINKS: usize = 40;

fn first_unsafe(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = std::path::absolute(path)?;
    for _ in 0..LINKS {
        match walk(&path)? {
            Walk::Safe => return Ok(None),
            Walk::Unsafe(place) => return Ok(Some(place)),
            Walk::Leads(to) => path = to,
        }
    }
    Err(io::Error::other("too many links"))
}

enum Walk {
    Safe,
    Unsafe(PathBuf),
    /// By a link that is root's own.
    Leads(PathBuf),
}

/// To the end of a path, or to the first link.
fn walk(path: &Path) -> io::Result<Walk> {
    let mut walked = PathBuf::new();
    let mut parts = path.components();
    while let Some(part) = parts.next() {
        let folder = walked.clone();
        walked.push(part);
        let data = fs::symlink_metadata(&walked)?;
        if is_theirs(&data) {
            return Ok(Walk::Unsafe(walked));
        }
        if data.is_symlink() {
            let mut to = folder.join(fs::read_link(&walked)?);
            to.extend(parts);
            return Ok(Walk::Leads(to));
        }
    }
    Ok(Walk::Safe)
}

/// Everybody may write to a link, which means nothing; in a folder like /tmp nobody can replace what is another's.
fn is_theirs(data: &Metadata) -> bool {
    let mode = data.permissions().mode();
    let is_kept = data.is_symlink() || data.is_dir() && mode & 0o1000 != 0;
    data.uid() != 0 || mode & 0o022 != 0 && !is_kept
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
    fn a_link_that_others_could_turn_is_not() {
        let folder = std::env::temp_dir().join(format!("tandem-safety-links-{}", std::process::id()));
        fs::create_dir(&folder).expect("a temporary folder");
        let (link, second, through) = (folder.join("link"), folder.join("second"), folder.join("../../bin/sh"));
        std::os::unix::fs::symlink("/bin/sh", &link).expect("ours");
        std::os::unix::fs::symlink("link", &second).expect("ours");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("ours");
        let safe = program("sh").expect("every system has one");
        let why = [&link, &second, &through, &safe].map(|path| why_not(path));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("ours");
        fs::remove_file(&second).expect("ours");
        std::os::unix::fs::symlink(&second, &second).expect("ours");
        let circle = why_not(&second);
        fs::remove_dir_all(&folder).expect("ours");
        assert_eq!(why[3], None);
        for why in &why[..3] {
            let said = why.as_ref().is_some_and(|why| why.contains("can be changed by others"));
            assert!(said, "{why:?}");
        }
        assert!(circle.is_some());
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
