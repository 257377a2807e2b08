//! The configuration is read again while the node runs: who may come in and do what, the papers of TLS, and how full the
//! disk may be. All else needs a new start, and that is said. A file with a mistake changes nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::configuration::{Admin, Checked, Configuration, Listener};
use crate::users::Known;

pub(crate) struct Reload {
    path: PathBuf,
    /// What the node was started with.
    running: Configuration,
    users: watch::Sender<Arc<Known>>,
    /// How full the disk may be.
    disk_usage: watch::Sender<u8>,
    papers: Vec<(SocketAddr, watch::Sender<Arc<tandem_tls::Listener>>)>,
}

impl Reload {
    pub(crate) fn new(path: &Path, running: Configuration, users: watch::Sender<Arc<Known>>) -> Reload {
        Reload {
            path: path.to_owned(),
            disk_usage: watch::channel(running.max_disk_usage).0,
            running,
            users,
            papers: Vec::new(),
        }
    }

    pub(crate) fn disk_usage(&self) -> watch::Receiver<u8> {
        self.disk_usage.subscribe()
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.running.data_dir
    }

    pub(crate) fn admin(&self) -> Option<Admin> {
        self.running.admin
    }

    /// Where a listener finds its papers from now on.
    pub(crate) fn watch(
        &mut self,
        plan: &Listener,
        papers: Arc<tandem_tls::Listener>,
    ) -> watch::Receiver<Arc<tandem_tls::Listener>> {
        let (sender, receiver) = watch::channel(papers);
        self.papers.push((plan.address, sender));
        receiver
    }

    /// Answers in one line what came of it.
    pub(crate) fn again(&self) -> String {
        let name = self.path.display();
        match Checked::read(&self.path).map(|read| self.take(read)) {
            Ok(left) if left.is_empty() => {
                tracing::info!(
                    "{name} has been read again: users, rights, certificates and max-disk-usage are as it says"
                );
                "Ready.".to_owned()
            }
            Ok(left) => {
                let left = left.join(", ");
                tracing::warn!(
                    "{name} has been read again: users, rights, certificates and max-disk-usage are as it says; what it says of {left} \
                     needs a restart"
                );
                format!("Ready. What the file says of {left} needs a restart.")
            }
            Err(error) => {
                tracing::error!("{name} cannot be used, everything stays as it was: {error:#}");
                "Ready. The file could not be read again.".to_owned()
            }
        }
    }

    /// Takes what can be taken; answers what is different and cannot.
    fn take(&self, read: Checked) -> Vec<String> {
        let Checked {
            plan, known, papers, ..
        } = read;
        for (listener, papers) in plan.listeners.iter().zip(papers) {
            let seat = self.papers.iter().find(|(address, _)| *address == listener.address);
            if let (Some((_, sender)), Some(new)) = (seat, papers) {
                sender.send_replace(new);
            }
        }
        self.users.send_replace(Arc::new(known));
        self.disk_usage.send_replace(plan.max_disk_usage);
        self.left(&plan)
    }

    fn left(&self, read: &Configuration) -> Vec<String> {
        let mut left = Vec::new();
        if read.data_dir != self.running.data_dir {
            left.push("data-dir".to_owned());
        }
        if read.policies != self.running.policies {
            left.push("policies".to_owned());
        }
        if read.memory != self.running.memory {
            left.push("memory".to_owned());
        }
        if read.queue_idle_timeout != self.running.queue_idle_timeout {
            left.push("queue-idle-timeout".to_owned());
        }
        if read.admin != self.running.admin {
            left.push("admin".to_owned());
        }
        let find = |all: &[Listener], address| all.iter().find(|listener| listener.address == address).cloned();
        let addresses = self.running.listeners.iter().chain(&read.listeners);
        let mut addresses: Vec<SocketAddr> = addresses.map(|listener| listener.address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        for address in addresses {
            let both = (find(&self.running.listeners, address), find(&read.listeners, address));
            let is_same = match both {
                (Some(old), Some(new)) => old.is_the_same_socket(&new),
                _ => false,
            };
            if !is_same {
                left.push(format!("the listener {address}"));
            }
        }
        left
    }
}
