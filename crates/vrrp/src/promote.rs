//! `promote_secondaries`: when the first address of a network leaves an interface, the kernel keeps the others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tandem_vrrp_config::Plan;

/// Interfaces whose setting is ours, with what it was before.
#[derive(Debug)]
pub(crate) struct Promotion {
    root: PathBuf,
    before: BTreeMap<String, String>,
}

impl Default for Promotion {
    fn default() -> Self {
        Self {
            root: PathBuf::from("/proc/sys/net/ipv4/conf"),
            before: BTreeMap::new(),
        }
    }
}

impl Promotion {
    /// Sets what the plan wants and gives back what it wants no longer. Returns what could not be done.
    pub(crate) fn adjust(&mut self, plan: &Plan) -> Vec<String> {
        let pairs = plan.instances.iter().zip(&plan.router.instances);
        let wanted = pairs.filter(|(runtime, _)| runtime.promote_secondaries);
        let names = wanted.filter_map(|(_, settings)| settings.interface.as_deref());
        self.exchange(&names.map(str::to_owned).collect::<Vec<_>>())
    }

    /// At the end.
    pub(crate) fn give_back(&mut self) -> Vec<String> {
        self.exchange(&[])
    }

    fn exchange(&mut self, wanted: &[String]) -> Vec<String> {
        let mut troubles = Vec::new();
        let (kept, over) = std::mem::take(&mut self.before)
            .into_iter()
            .partition(|(name, _)| wanted.contains(name));
        self.before = kept;
        let over: BTreeMap<String, String> = over;
        for (name, value) in over {
            // An interface that is gone needs nothing back.
            fs::write(file(&self.root, &name), value).ok();
        }
        for name in wanted {
            if self.before.contains_key(name) {
                continue;
            }
            match set(&file(&self.root, name)) {
                Ok(before) => {
                    self.before.insert(name.clone(), before);
                }
                Err(error) => troubles.push(format!("promote_secondaries of {name}: {error}")),
            }
        }
        troubles
    }
}

fn file(root: &Path, interface: &str) -> PathBuf {
    root.join(interface).join("promote_secondaries")
}

fn set(file: &Path) -> std::io::Result<String> {
    let before = fs::read_to_string(file)?;
    fs::write(file, "1")?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_comes_back() {
        let root = std::env::temp_dir().join(format!("promote-{}", std::process::id()));
        let setting = |name: &str| file(&root, name);
        for name in ["eth0", "eth1"] {
            fs::create_dir_all(root.join(name)).expect("a folder");
            fs::write(setting(name), "0\n").expect("a file");
        }
        let read = |name: &str| fs::read_to_string(setting(name)).expect("it is there");
        let mut promotion = Promotion {
            root: root.clone(),
            ..Promotion::default()
        };
        let both = ["eth0".to_owned(), "eth1".to_owned()];
        assert_eq!(promotion.exchange(&both), [""; 0]);
        assert_eq!((read("eth0").as_str(), read("eth1").as_str()), ("1", "1"));
        assert_eq!(promotion.exchange(&both[..1]), [""; 0]);
        assert_eq!((read("eth0").as_str(), read("eth1").as_str()), ("1", "0\n"));
        assert_eq!(promotion.exchange(&["none".to_owned()]).len(), 1);
        promotion.give_back();
        assert_eq!(read("eth0"), "0\n");
        fs::remove_dir_all(root).expect("what was made");
    }
}
