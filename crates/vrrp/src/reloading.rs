//! Around a reload: the files that say that it happens and how it went, and what it cannot change.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tandem_vrrp_config::Plan;

use crate::configuration::Configuration;
use crate::logs::Log;
use crate::start::PID_FOLDER;

/// `reload_check_config FILE`
pub(crate) fn write_log(plan: &Plan, configuration: &Configuration, log: &Log) {
    let Some(path) = &plan.global.reload.check_log else {
        return;
    };
    let text: String = configuration.lines.iter().map(|line| format!("{line}\n")).collect();
    if let Err(error) = std::fs::write(path, text) {
        log.error(&cannot("write", path, &error));
    }
}

/// Under the systemd unit most of the file system is read-only.
pub(crate) fn cannot(what: &str, path: &Path, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "; under systemd, ReadWritePaths= must name its folder (systemctl edit tandem-vrrp)"
        }
        _ => "",
    };
    format!("cannot {what} {}: {error}{remedy}", path.display())
}

/// What a process is for as long as it lives.
pub(crate) fn needs_restart(old: &Plan, new: &Plan) -> Vec<&'static str> {
    let (a, b) = (&old.global, &new.global);
    let all = [
        (a.net_namespace != b.net_namespace, "net_namespace"),
        (a.instance_name != b.instance_name, "instance"),
        (a.use_pid_dir != b.use_pid_dir, "use_pid_dir"),
        (a.process_name != b.process_name, "process_name"),
        (a.umask != b.umask, "umask"),
        (
            a.scheduling != b.scheduling,
            "the scheduling (vrrp_priority, vrrp_rt_priority and so on)",
        ),
        (a.delay_after_boot != b.delay_after_boot, "vrrp_delay_after_boot"),
    ];
    all.into_iter()
        .filter_map(|(differs, what)| differs.then_some(what))
        .collect()
}

/// `reload_file`: there while the files are read.
pub(crate) struct Marker(PathBuf);

impl Marker {
    pub(crate) fn set(plan: &Plan, log: &Log) -> Option<Marker> {
        let named = plan.global.reload.marker.as_ref()?;
        let folder = if plan.global.use_pid_dir || plan.global.instance_name.is_some() {
            PID_FOLDER
        } else {
            "/run"
        };
        let path = if named.as_os_str().is_empty() {
            Path::new(folder).join("keepalived.reload")
        } else {
            named.clone()
        };
        // Also when it is there: that it is empty says that we have begun.
        match File::create(&path) {
            Ok(_) => Some(Marker(path)),
            Err(error) => {
                log.error(&cannot("write", &path, &error));
                None
            }
        }
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        // Somebody else may have removed it.
        std::fs::remove_file(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_is_there_while_files_are_read() {
        let path = std::env::temp_dir().join(format!("tandem-reloading-{}", std::process::id()));
        let mut plan = Plan::default();
        assert!(Marker::set(&plan, &Log::default()).is_none());
        plan.global.reload.marker = Some(path.clone());
        std::fs::write(&path, "somebody is writing").expect("the temporary folder is writable");
        let marker = Marker::set(&plan, &Log::default());
        assert_eq!(std::fs::read(&path).expect("it is there"), b"");
        drop(marker);
        assert!(!path.exists());
    }

    #[test]
    fn who_may_not_write_there_is_told_what_to_do() {
        let said = |kind: io::ErrorKind| cannot("write", Path::new("/etc/x"), &kind.into());
        assert!(said(io::ErrorKind::ReadOnlyFilesystem).contains("ReadWritePaths="));
        assert_eq!(said(io::ErrorKind::NotFound), "cannot write /etc/x: entity not found");
    }

    #[test]
    fn what_waits_for_a_restart_is_named() {
        let old = Plan::default();
        let mut new = Plan::default();
        assert_eq!(needs_restart(&old, &new), [""; 0]);
        new.global.instance_name = Some("left".into());
        new.global.scheduling.rt_priority = Some(60);
        assert_eq!(needs_restart(&old, &new).len(), 2);
    }
}
