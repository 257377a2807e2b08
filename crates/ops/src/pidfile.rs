//! The file that says which process to signal.

use std::fs;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
#[error("cannot write the pid file {}: {why}", path.display())]
pub struct PidFileError {
    path: PathBuf,
    why: io::Error,
}

/// Holds the process's id from when it is written until it is dropped.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    pid: u32,
}

impl PidFile {
    /// Written under another name first, so that nobody reads half a number.
    pub fn write(path: impl Into<PathBuf>) -> Result<PidFile, PidFileError> {
        let (path, pid) = (path.into(), std::process::id());
        let mut beside = path.clone().into_os_string();
        beside.push(format!(".{pid}"));
        let written = fs::write(&beside, format!("{pid}\n")).and_then(|()| fs::rename(&beside, &path));
        match written {
            Ok(()) => Ok(PidFile { path, pid }),
            Err(why) => Err(PidFileError { path, why }),
        }
    }
}

impl Drop for PidFile {
    /// Removed only while it is still ours: a successor may have written its own. A failure is left to the successor,
    /// who overwrites it.
    fn drop(&mut self) {
        let ours = fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == self.pid.to_string());
        if ours {
            fs::remove_file(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("tandem-{name}-{}.pid", std::process::id()))
    }

    #[test]
    fn lives_as_long_as_its_owner() {
        let path = place("own");
        let file = PidFile::write(&path).expect("the temporary folder is writable");
        assert_eq!(
            fs::read_to_string(&path).expect("written"),
            format!("{}\n", std::process::id())
        );
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_successors_file_stays() {
        let path = place("successor");
        let file = PidFile::write(&path).expect("the temporary folder is writable");
        fs::write(&path, "1\n").expect("the temporary folder is writable");
        drop(file);
        assert_eq!(fs::read_to_string(&path).expect("kept"), "1\n");
        fs::remove_file(&path).expect("ours");
    }

    #[test]
    fn the_error_names_the_file() {
        let error = PidFile::write("/nonexistent/x.pid").expect_err("no such folder");
        assert!(
            error
                .to_string()
                .starts_with("cannot write the pid file /nonexistent/x.pid: "),
            "{error}"
        );
    }
}
