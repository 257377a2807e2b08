//! What may be run: what the configuration says, as long as nobody but root could have written it.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail};
use nix::unistd::geteuid;
use tandem_ops::disk::Disk;
use tandem_text::keepalived::{self, Files};
use tandem_vrrp::allowed::{self, Allowed};
use tandem_vrrp::{host, safety};
use tandem_vrrp_config::{Machine, load};

use super::Args;

/// Read again when the file has changed.
pub(crate) struct Configuration {
    args: Args,
    /// Whom a command without a user is for.
    asker: Option<String>,
    read: Option<SystemTime>,
    allowed: Vec<Allowed>,
}

/// The disk, and what of it that was included others could have written.
#[derive(Default)]
struct Watched {
    /// The first such file, and why.
    distrusted: RefCell<Option<String>>,
}

impl Configuration {
    pub(crate) fn new(args: Args, asker: Option<String>) -> Configuration {
        Configuration {
            args,
            asker,
            read: None,
            allowed: Vec::new(),
        }
    }

    pub(crate) fn allows(&mut self, words: &[String], user: &str, group: Option<&str>) -> anyhow::Result<bool> {
        let asker = self.asker.clone();
        let covers = |all: &[Allowed]| all.iter().any(|one| one.covers(words, user, group, asker.as_deref()));
        let path = self.args.use_file.clone();
        let changed = fs::metadata(&path).and_then(|data| data.modified());
        let changed = changed.with_context(|| path.display().to_string())?;
        // What it includes may have changed although it has not.
        if self.read != Some(changed) || !covers(&self.allowed) {
            self.allowed = self.load(&path)?;
            self.read = Some(changed);
        }
        Ok(covers(&self.allowed))
    }

    fn load(&self, path: &Path) -> anyhow::Result<Vec<Allowed>> {
        let files = Watched::default();
        files.look(path);
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let id = self.args.config_id.clone().unwrap_or_else(host::short_name);
        let machine = Machine::new(keepalived::Context {
            files: &files,
            env: &|name| std::env::var(name).ok(),
            config_id: &id,
            seed: 0,
        });
        let loaded = load(&path.display().to_string(), text, &machine, None);
        if let Some(why) = files.distrusted.into_inner() {
            bail!("the configuration is not trusted: {why}");
        }
        let plan = loaded.plan.context("nothing can be made of the configuration")?;
        Ok(allowed::all(&plan))
    }
}

impl Watched {
    /// Root runs what these files say, so they must be root's alone.
    fn look(&self, path: &Path) {
        if geteuid().is_root()
            && let Some(why) = safety::why_not(path)
        {
            self.distrusted.borrow_mut().get_or_insert(why);
        }
    }
}

impl Files for Watched {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let bytes = Disk.read(path)?;
        self.look(&PathBuf::from(path));
        Ok(bytes)
    }

    fn list(&self, directory: &str) -> Vec<String> {
        Disk.list(directory)
    }
}
