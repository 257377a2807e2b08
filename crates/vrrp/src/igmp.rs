//! `disable_local_igmp`: the kernel does not say that this host listens to link-local groups such as VRRP's. Switches pass
//! those on to everybody in any case (RFC 4541 section 2.1.2).

use std::fs;
use std::path::PathBuf;

use tandem_vrrp_config::Plan;

#[derive(Debug)]
pub(crate) struct LocalIgmp {
    file: PathBuf,
    /// What was set before us.
    before: Option<String>,
}

impl Default for LocalIgmp {
    fn default() -> Self {
        Self {
            file: PathBuf::from("/proc/sys/net/ipv4/igmp_link_local_mcast_reports"),
            before: None,
        }
    }
}

impl LocalIgmp {
    /// Returns what could not be done.
    pub(crate) fn adjust(&mut self, plan: &Plan) -> Option<String> {
        if !plan.global.disable_local_igmp {
            self.give_back();
        } else if self.before.is_none() {
            let before = fs::read_to_string(&self.file);
            let done = before.and_then(|before| fs::write(&self.file, "0").map(|()| before));
            match done {
                Ok(before) => self.before = Some(before),
                Err(error) => return Some(format!("disable_local_igmp: {}: {error}", self.file.display())),
            }
        }
        None
    }

    /// At the end.
    pub(crate) fn give_back(&mut self) {
        if let Some(before) = self.before.take() {
            // What cannot be set back is the kernel's matter again.
            fs::write(&self.file, before).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_comes_back() {
        let file = std::env::temp_dir().join(format!("tandem-igmp-{}", std::process::id()));
        fs::write(&file, "1\n").expect("the temporary folder is writable");
        let mut igmp = LocalIgmp {
            file: file.clone(),
            before: None,
        };
        let read = || fs::read_to_string(&file).expect("it is there");
        let mut plan = Plan::default();
        assert_eq!((igmp.adjust(&plan), read().as_str()), (None, "1\n"));
        plan.global.disable_local_igmp = true;
        assert_eq!((igmp.adjust(&plan), read().as_str()), (None, "0"));
        assert_eq!((igmp.adjust(&plan), read().as_str()), (None, "0"));
        igmp.give_back();
        assert_eq!(read(), "1\n");
        fs::remove_file(&file).expect("ours");
        assert!(igmp.adjust(&plan).is_some());
    }
}
