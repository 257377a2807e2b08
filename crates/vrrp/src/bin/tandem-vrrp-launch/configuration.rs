//! What may be run: what the configuration says, as long as nobody but root could have written it.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::unistd::geteuid;
use tandem_ops::disk::Disk;
use tandem_text::keepalived::{self, Files};
use tandem_vrrp::allowed::{self, Allowed};
use tandem_vrrp::{host, safety};
use tandem_vrrp_config::{Machine, load};

use super::Args;

/// What was read, as it was then.
type Sources = Vec<(PathBuf, Option<Stamp>)>;

/// Read again when one of its files has changed.
pub(crate) struct Configuration {
    args: Args,
    /// Whom a command without a user is for.
    asker: Option<String>,
    /// The files and folders that it was read from, as they were then. None: it is to be read.
    read: Sources,
    allowed: Vec<Allowed>,
}

/// The disk, and what of it that was included others could have written.
#[derive(Default)]
struct Watched {
    disk: Disk,
    /// The first such file, and why.
    distrusted: RefCell<Option<String>>,
    /// As they were before they were read, so that no change is missed.
    read: RefCell<Sources>,
}

/// A file that is written to, replaced or renamed has another one; so has a folder whose files come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Configuration {
    pub(crate) fn new(args: Args, asker: Option<String>) -> Configuration {
        Configuration {
            args,
            asker,
            read: Vec::new(),
            allowed: Vec::new(),
        }
    }

    pub(crate) fn allows(&mut self, words: &[String], user: &str, group: Option<&str>) -> anyhow::Result<bool> {
        let asker = self.asker.clone();
        let covers = |all: &[Allowed]| all.iter().any(|one| one.covers(words, user, group, asker.as_deref()));
        let path = self.args.use_file.clone();
        let mut read = self.read.iter();
        let is_fresh = !self.read.is_empty() && read.all(|(path, then)| Stamp::of(path) == *then);
        // A pattern may find more than it did.
        if !is_fresh || !covers(&self.allowed) {
            self.read.clear();
            (self.allowed, self.read) = self.load(&path)?;
        }
        Ok(covers(&self.allowed))
    }

    fn load(&self, path: &Path) -> anyhow::Result<(Vec<Allowed>, Sources)> {
        let files = Watched::default();
        files.remember(path);
        files.look(path);
        let bytes = files.disk.read_file(path).with_context(|| path.display().to_string())?;
        let id = self.args.config_id.clone().unwrap_or_else(host::short_name);
        let machine = Machine::new(keepalived::Context {
            files: &files,
            env: &|name| std::env::var(name).ok(),
            config_id: &id,
            seed: 0,
        });
        let loaded = load(&path.display().to_string(), bytes, &machine, None);
        if let Some(why) = files.distrusted.into_inner() {
            bail!("the configuration is not trusted: {why}");
        }
        let plan = loaded.plan.context("nothing can be made of the configuration")?;
        Ok((allowed::all(&plan), files.read.into_inner()))
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

    fn remember(&self, path: &Path) {
        self.read.borrow_mut().push((path.to_owned(), Stamp::of(path)));
    }
}

impl Stamp {
    /// `None` when it is not there.
    fn of(path: &Path) -> Option<Stamp> {
        let data = fs::metadata(path).ok()?;
        Some(Stamp {
            inode: data.ino(),
            size: data.size(),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    }
}

impl Files for Watched {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.remember(Path::new(path));
        let bytes = self.disk.read(path)?;
        self.look(&PathBuf::from(path));
        Ok(bytes)
    }

    fn list(&self, directory: &str) -> Vec<String> {
        self.remember(Path::new(if directory.is_empty() { "." } else { directory }));
        self.disk.list(directory)
    }
}
