//! How many processes there are of a kind.
//!
//! The kernel's process connector says when one comes or goes. Where it says nothing, /proc is read five times a second;
//! where it does, now and then, in case something was missed.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::time::Duration;

use tandem_sys::proc_events::{ProcEvent, ProcEvents};
use tandem_vrrp_core::Observation;
use tandem_vrrp_core::settings::ProcessSettings;

use super::Teller;
use super::process;

/// Without the connector.
const OFTEN: Duration = Duration::from_millis(200);
/// Beside it.
const SELDOM: Duration = Duration::from_secs(10);

struct Count {
    settings: ProcessSettings,
    tell: Teller,
    /// The processes that count.
    found: BTreeSet<u32>,
    told: Option<usize>,
}

pub(super) async fn track(settings: ProcessSettings, tell: Teller) {
    let opened = match &tell.first_network {
        Some(network) => ProcEvents::open_in(network.as_fd()).await,
        None => ProcEvents::open().await,
    };
    let mut events = opened
        .inspect_err(|error| {
            let name = settings.command.first().map_or("", |word| word);
            tell.log.info(&format!(
                "Processes {name} are counted every {OFTEN:?}, as the kernel does not tell of them: {error}"
            ));
        })
        .ok();
    let mut count = Count {
        settings,
        tell,
        found: BTreeSet::new(),
        told: None,
    };
    loop {
        count.list();
        count.tell().await;
        match &mut events {
            None => tokio::time::sleep(OFTEN).await,
            // Until it is time for a fresh list.
            Some(telling) => {
                let failed = tokio::time::timeout(SELDOM, count.follow(telling)).await;
                if let Ok(Err(error)) = failed {
                    count
                        .tell
                        .log
                        .warning(&format!("the kernel tells of processes no more: {error}"));
                    events = None;
                }
            }
        }
    }
}

impl Count {
    fn list(&mut self) {
        // /proc that cannot be read says nothing new.
        if let Ok(all) = process::list() {
            let meant = all.iter().filter(|process| process.is_meant(&self.settings));
            self.found = meant.map(|process| process.pid).collect();
        }
    }

    async fn tell(&mut self) {
        let count = self.found.len();
        if self.told != Some(count) {
            let processes = u32::try_from(count).unwrap_or(u32::MAX);
            self.tell.observed(Observation::Processes(processes)).await;
            self.told = Some(count);
        }
    }

    /// Until some events are lost, or there are no more.
    async fn follow(&mut self, events: &mut ProcEvents) -> std::io::Result<()> {
        loop {
            let event = events.next().await?;
            if event == ProcEvent::Lost {
                return Ok(());
            }
            self.take(event);
            self.tell().await;
        }
    }

    fn take(&mut self, event: ProcEvent) {
        match event {
            // Until it runs another program it is what its parent is.
            ProcEvent::Fork { parent, child } => {
                if self.found.contains(&parent) {
                    self.found.insert(child);
                }
            }
            ProcEvent::Changed(pid) => {
                if process::read(pid).is_some_and(|process| process.is_meant(&self.settings)) {
                    self.found.insert(pid);
                } else {
                    self.found.remove(&pid);
                }
            }
            ProcEvent::Exit(pid) => {
                self.found.remove(&pid);
            }
            ProcEvent::Lost => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;
    use std::rc::Rc;

    use tandem_vrrp_core::settings::{ParameterMatch, TrackerId};
    use tokio::runtime::{Builder, LocalOptions};
    use tokio::sync::mpsc;

    use super::*;
    use crate::args::Args;
    use crate::brain::Order;
    use crate::launcher::Launcher;
    use crate::logs::Log;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// By the connector or without it: the same counts.
    #[test]
    fn one_comes_and_goes() {
        // The kernel calls a process what it was started as, and keeps 15 bytes of it.
        let name = format!("cnt{}", std::process::id());
        let program = std::env::temp_dir().join(&name);
        symlink("/bin/sleep", &program).expect("a temporary folder");
        let settings = ProcessSettings {
            command: vec![name.as_str().into()],
            parameters: ParameterMatch::Ignored,
            full_command: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .expect("a runtime");
        let (orders, mut heard) = mpsc::channel(8);
        runtime.block_on(async {
            let tell = Teller {
                tracker: TrackerId(0),
                orders,
                log: Rc::new(Log::default()),
                launcher: Launcher::new(&Args::read(["tandem-vrrp".into()]).expect("no arguments are needed")),
                first_network: None,
                stage: Rc::default(),
            };
            let task = tokio::task::spawn_local(track(settings, tell));
            let mut child = None;
            for expected in [0, 1, 0] {
                let order = tokio::time::timeout(PATIENCE, heard.recv()).await.expect("in time");
                assert!(
                    matches!(order, Some(Order::Observed { observation: Observation::Processes(n), .. }) if n == expected),
                    "{order:?} and not {expected}"
                );
                child = match child {
                    None => Some(Command::new(&program).arg("60").spawn().expect("it is there")),
                    Some(mut running) => {
                        running.kill().expect("ours");
                        running.wait().expect("ours");
                        Some(running)
                    }
                };
            }
            task.abort();
        });
        std::fs::remove_file(&program).expect("ours");
    }
}
