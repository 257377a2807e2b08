//! Telling others of changes: commands, pipes that carry the same as lines, and mail.
//!
//! Commands are started and not waited for, as Keepalived does; only the pipes keep the order.

mod fifo;
mod words;

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tandem_vrrp::allowed::default_user;
use tandem_vrrp_config::{Command, Fifo, Notify, OnceScript, Plan, User};
use tandem_vrrp_core::settings::InstanceId;
use tandem_vrrp_core::{Notice, Subject};
use tokio::task::{AbortHandle, JoinSet};

use crate::launcher::{Ending, Launcher};
use crate::logs::Log;
use crate::mail::Post;
use crate::runner::{Bond, Runner};
use crate::snapshot::Snapshot;

use fifo::Pipe;
pub(crate) use words::News;

/// How far it had come nobody knows, so it is not run again.
const LOST: &str = "its launcher ended, and it with that";

/// Everybody who is told.
pub(crate) struct Heralds {
    log: Rc<Log>,
    launcher: Rc<Launcher>,
    default_user: Option<User>,
    pipes: Vec<Outlet>,
    subjects: Vec<Told>,
    priority_changes: bool,
    post: Post,
    running: RefCell<JoinSet<()>>,
}

/// A pipe, and the program that reads it.
#[derive(Debug)]
struct Outlet {
    fifo: Fifo,
    reader: Option<Command>,
    pipe: Pipe,
    /// Ends the program.
    running: Option<AbortHandle>,
}

/// What a subject of the plan has its programs told.
#[derive(Clone, Debug)]
struct Told {
    subject: Subject,
    name: Arc<str>,
    notify: Notify,
}

impl Heralds {
    pub(crate) fn new(plan: &Plan, log: Rc<Log>, launcher: Rc<Launcher>) -> Heralds {
        launcher.set_careful(plan.global.scripts.security);
        let mut heralds = Heralds {
            post: Post::new(plan, log.clone()),
            log,
            launcher,
            default_user: default_user(plan),
            pipes: Vec::new(),
            subjects: told(plan),
            priority_changes: plan.global.scripts.priority_changes,
            running: RefCell::default(),
        };
        heralds.exchange_pipes(plan);
        heralds
    }

    /// What stays the same goes on, with its reader.
    fn exchange_pipes(&mut self, plan: &Plan) {
        let scripts = &plan.global.scripts;
        let wanted = [
            (&scripts.notify_fifo, &scripts.notify_fifo_script),
            (&scripts.vrrp_notify_fifo, &scripts.vrrp_notify_fifo_script),
        ];
        let mut before = std::mem::take(&mut self.pipes);
        for (fifo, reader) in wanted {
            let Some(fifo) = fifo else { continue };
            let same = before.iter().position(|old| old.fifo == *fifo && old.reader == *reader);
            let outlet = same.map(|place| before.swap_remove(place));
            let outlet = outlet.or_else(|| self.open(fifo, reader.as_ref()));
            self.pipes.extend(outlet);
        }
        before
            .iter()
            .filter_map(|old| old.running.as_ref())
            .for_each(AbortHandle::abort);
    }

    fn open(&self, fifo: &Fifo, reader: Option<&Command>) -> Option<Outlet> {
        let pipe = Pipe::open(fifo)
            .inspect_err(|error| {
                let path = fifo.path.display();
                self.log.error(&format!("cannot open the pipe {path}: {error}"));
            })
            .ok()?;
        let path = fifo.path.to_string_lossy().into_owned();
        Some(Outlet {
            fifo: fifo.clone(),
            reader: reader.cloned(),
            pipe,
            running: reader.and_then(|reader| self.run(reader, &[path])),
        })
    }

    /// After a reload. What the old plan had is kept as long as its last news may come.
    pub(crate) fn adjust(&mut self, plan: &Plan) {
        let mut subjects = told(plan);
        let gone = |old: &Told| !subjects.iter().any(|new| new.subject == old.subject);
        let kept: Vec<Told> = self.subjects.iter().filter(|old| gone(old)).cloned().collect();
        subjects.extend(kept);
        self.subjects = subjects;
        self.launcher.set_careful(plan.global.scripts.security);
        self.default_user = default_user(plan);
        self.priority_changes = plan.global.scripts.priority_changes;
        self.post.adjust(plan);
        self.exchange_pipes(plan);
    }

    /// All states, to the pipes (`fifo_write_vrrp_states_on_reload`).
    pub(crate) fn repeat(&self, snapshot: &Snapshot) {
        let instance = |id: InstanceId| snapshot.instances.iter().find(|i| i.settings.id == id);
        for told in &self.subjects {
            let now = match told.subject {
                Subject::Instance(id) => instance(id).map(|i| (i.state, i.effective.value())),
                Subject::Group(id) => {
                    let group = snapshot.groups.iter().find(|(group, _)| *group == id);
                    // Which has no priority of its own.
                    group.map(|(_, state)| (*state, 0))
                }
            };
            let Some((notice, priority)) = now.and_then(|(state, priority)| Some((words::of(state)?, priority))) else {
                continue;
            };
            let news = News {
                is_group: matches!(told.subject, Subject::Group(_)),
                name: told.name.clone(),
                notice,
                priority,
            };
            self.write(&news);
        }
    }

    fn write(&self, news: &News) {
        let line = news.line();
        self.pipes.iter().for_each(|outlet| outlet.pipe.write(&line, &self.log));
    }

    pub(crate) fn tell(&mut self, subject: Subject, notice: Notice, priority: u8) {
        let Some(told) = self.subjects.iter().find(|told| told.subject == subject).cloned() else {
            return;
        };
        if notice == Notice::Deleted {
            self.subjects.retain(|other| other.subject != subject);
        }
        let news = News {
            is_group: matches!(subject, Subject::Group(_)),
            name: told.name,
            notice: words::shown(notice, told.notify.says_deleted),
            priority,
        };
        let about_priority = matches!(notice, Notice::MasterPriority | Notice::BackupPriority);
        if !about_priority {
            self.run_all(&told.notify, notice, &news);
            if told.notify.smtp_alert {
                self.post.tell(&news);
            }
        }
        // A word that readers of Keepalived's pipes do not know.
        let is_known = notice != Notice::SplitBrain;
        if is_known && (!about_priority || told.notify.priority_changes || self.priority_changes) {
            self.write(&news);
        }
    }

    /// A command that everything else waits for, for so long.
    pub(crate) async fn once(&self, script: &OnceScript) {
        let ended = match self.runner(&script.command, &[]).start(&self.launcher) {
            Ok(mut run) => tokio::time::timeout(script.timeout, async move { run.wait().await }).await,
            Err(error) => return self.cannot(&script.command, &error),
        };
        let name = script.command.words.join(" ");
        match ended {
            Ok(Ending::Status(0)) => {}
            Ok(Ending::Status(status)) => self.log.warning(&format!("{name} exited with status {status}")),
            Ok(Ending::Signal(signal)) => self.log.warning(&format!("{name} was ended by signal {signal}")),
            Ok(Ending::Refused(why)) => self.cannot(&script.command, &why),
            Ok(Ending::Lost) => self.log.warning(&format!("{name}: {LOST}")),
            Err(_) => self
                .log
                .warning(&format!("{name} took longer than {:?} and was ended", script.timeout)),
        }
    }

    /// Waits for commands that still run and for mail, for so long; then they are ended.
    pub(crate) async fn finish(&mut self, within: Duration) {
        let running = self.running.get_mut();
        let commands = async { while running.join_next().await.is_some() {} };
        let all = async { tokio::join!(commands, self.post.empty()) };
        tokio::time::timeout(within, all).await.ok();
    }

    fn run_all(&self, notify: &Notify, notice: Notice, news: &News) {
        let own = match notice {
            Notice::Master => &notify.master,
            Notice::Backup => &notify.backup,
            Notice::Fault => &notify.fault,
            Notice::Stop => &notify.stop,
            Notice::Deleted => &notify.deleted,
            Notice::MasterRxLowerPriority => &notify.master_rx_lower,
            Notice::SplitBrain => &notify.split_brain,
            Notice::MasterPriority | Notice::BackupPriority => &None,
        };
        // Nobody ends them but they themselves.
        own.iter().for_each(|command| drop(self.run(command, &[])));
        if !matches!(notice, Notice::MasterRxLowerPriority | Notice::SplitBrain) {
            let any = notify.any.iter();
            any.for_each(|command| drop(self.run(command, &news.arguments())));
        }
    }

    fn runner(&self, command: &Command, arguments: &[String]) -> Runner {
        let user = command.user.as_ref().or(self.default_user.as_ref());
        let mut words = command.words.clone();
        words.extend(arguments.iter().map(|word| Arc::from(word.as_str())));
        Runner {
            words,
            user: user.map(|u| u.name.clone()),
            group: user.and_then(|u| u.group.clone()),
            bond: Bond::ItsOwn,
        }
    }

    fn run(&self, command: &Command, arguments: &[String]) -> Option<AbortHandle> {
        match self.runner(command, arguments).start(&self.launcher) {
            Ok(mut run) => {
                let mut running = self.running.borrow_mut();
                // Those that have ended are forgotten when the next one starts.
                while running.try_join_next().is_some() {}
                let (log, name) = (self.log.clone(), command.words.join(" "));
                Some(running.spawn_local(async move {
                    match run.wait().await {
                        Ending::Refused(why) => log.error(&format!("cannot run {name}: {why}")),
                        Ending::Lost => log.error(&format!("{name}: {LOST}")),
                        Ending::Status(_) | Ending::Signal(_) => {}
                    }
                }))
            }
            Err(error) => {
                self.cannot(command, &error);
                None
            }
        }
    }

    fn cannot(&self, command: &Command, error: &dyn Display) {
        self.log
            .error(&format!("cannot run {}: {error}", command.words.join(" ")));
    }
}

fn told(plan: &Plan) -> Vec<Told> {
    let name_of = |id: InstanceId| plan.router.instance(id).map(|i| i.name.clone());
    let instances = plan.instances.iter().filter_map(|instance| {
        Some(Told {
            subject: Subject::Instance(instance.id),
            name: name_of(instance.id)?,
            notify: instance.notify.clone(),
        })
    });
    let groups = plan
        .groups
        .iter()
        .zip(&plan.router.groups)
        .map(|(group, settings)| Told {
            subject: Subject::Group(group.id),
            name: settings.name.clone(),
            notify: group.notify.clone(),
        });
    instances.chain(groups).collect()
}
