//! The installed HAProxy with a configuration of ours, on loopback.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Each has a file of its own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// The first line of `haproxy -v`, or nothing when it is not installed.
pub fn version() -> Option<String> {
    let out = Command::new("haproxy").arg("-v").output().ok()?;
    Some(String::from_utf8_lossy(&out.stdout).lines().next()?.to_owned())
}

pub fn say(line: &str) {
    // A test whose reader is gone has nobody to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Runs until dropped.
pub struct HaProxy {
    child: Child,
    config: PathBuf,
}

impl HaProxy {
    pub fn start(text: &str) -> HaProxy {
        let name = format!(
            "tandem-page-{}-{}.cfg",
            std::process::id(),
            STARTED.fetch_add(1, Relaxed)
        );
        let config = std::env::temp_dir().join(name);
        std::fs::write(&config, text).expect("the temporary folder is writable");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&config);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("HAProxy starts");
        HaProxy { child, config }
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_file(&self.config).ok();
    }
}
