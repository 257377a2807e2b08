//! A broker on a host of its own, and its disk.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tandem_lab::{Host, Link, programs};

use super::site::BrokerSite;
use super::slot::Slot;
use super::{PATIENCE, files};

pub struct Broker {
    pub host: Host,
    pub cable: Link,
    pub running: Option<Slot>,
    folder: PathBuf,
    site: BrokerSite,
}

impl Broker {
    pub fn new(host: Host, cable: Link, folder: PathBuf, site: BrokerSite) -> Broker {
        Broker {
            host,
            cable,
            running: None,
            folder,
            site,
        }
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.running.as_ref().is_some_and(Slot::runs) {
            bail!("it runs already");
        }
        let file = self.folder.join("mq.toml");
        // A drill fills the disk to 90 per cent, and nobody shall notice anything then.
        let text = files::broker(Path::new("/run/tandem-mq"), &self.site.listens(), 95);
        std::fs::write(&file, text)?;
        let program = programs::built("tandem-mq")?;
        let mut running = self.host.run(Command::new(program).arg("-f").arg(&file))?;
        let deadline = Instant::now() + PATIENCE;
        for address in self.site.listens() {
            while self.host.inside(|| TcpStream::connect(address).is_err())? {
                if Instant::now() > deadline || !running.is_running()? {
                    bail!("the broker does not serve:\n{}", running.output());
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        self.running = Some(Slot::new(running));
        Ok(())
    }

    /// So many per cent of its disk are in use afterwards.
    pub fn fill(&self, percent: u8) -> anyhow::Result<()> {
        let disk = self.disk()?;
        let look = nix::sys::statvfs::statvfs(&disk)?;
        let total = look.blocks() * look.fragment_size();
        let free = look.blocks_free() * look.fragment_size();
        let keep_free = total * u64::from(100 - percent.min(100)) / 100;
        let ballast = std::fs::File::create(disk.join("ballast"))?;
        let length = i64::try_from(free.saturating_sub(keep_free))?;
        if length > 0 {
            nix::fcntl::fallocate(&ballast, nix::fcntl::FallocateFlags::empty(), 0, length)?;
        }
        Ok(())
    }

    pub fn empty(&self) -> anyhow::Result<()> {
        std::fs::remove_file(self.disk()?.join("ballast")).context("nothing was filled")
    }

    /// The host's own `/run`, which only processes in the host see, through one of them.
    fn disk(&self) -> anyhow::Result<PathBuf> {
        let slot = self.running.as_ref().filter(|slot| slot.runs());
        let slot = slot.context("the disk is reached through the broker, and that does not run")?;
        Ok(PathBuf::from(format!("/proc/{}/root/run", slot.pid())))
    }
}
