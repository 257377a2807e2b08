//! The control runtime: what may take its time. Signals, tracking, notifications, logs, the journal, the end.
//!
//! ```text
//!   signals ──▶ Desk ──▶ Orders ──▶ brain ──▶ Reports ──▶ Desk ──▶ log, commands, pipes, journal
//!   trackers ─────────────▲
//! ```

mod glance;
mod keeping;
mod life;
mod partner;
mod questions;
mod reload;
mod returning;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use tandem_ops::clock::Wall;
use tandem_ops::notify::{self, Notifier};
use tandem_ops::signals::{Dump, Intention, Received, Signals};
use tandem_vrrp_config::Plan;
use tandem_vrrp_core::settings::{InstanceId, InstanceSettings, RouterSettings};
use tandem_vrrp_core::{DropReason, Event, Notice, Release, State, Subject, Who};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use crate::args::Args;
use crate::around::Around;
use crate::bfd::{self, Sessions};
use crate::brain::{Order, Report};
use crate::dump;
use crate::exporter::Exporter;
use crate::firewall::Firewall;
use crate::handback::Handback;
use crate::igmp::LocalIgmp;
use crate::journal::{BEAT, Journal};
use crate::launcher::Launcher;
use crate::logs::Log;
use crate::notify::Heralds;
use crate::pair::Pair;
use crate::promote::Promotion;
use crate::recorder::Recorder;
use crate::refused;
use crate::reload_time::ReloadTime;
use crate::snapshot::Snapshot;
use crate::socket::Asked;
use crate::track::Trackers;
use crate::urgency::Urgency;
use crate::wall::WallWatch;
use crate::witness;

use glance::Glance;
use keeping::{LOOK, Stay};
use life::Life;
use reload::tracked;
use returning::Comeback;

/// What commands run by `notify_stop` get before the process is gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Beyond what a successor has; then the kernel's state is what it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// What comes before and after that at the end: the other host is asked, and rules leave the packet filter, which may have
/// much to do.
const AROUND: Duration = Duration::from_secs(70);

/// What the control runtime is started with.
pub(crate) struct Control {
    pub(crate) args: Args,
    pub(crate) plan: Plan,
    pub(crate) log: Rc<Log>,
    pub(crate) journal: Journal,
    /// What the journal of the process before named, and who owned its addresses then.
    pub(crate) held: BTreeSet<InstanceId>,
    pub(crate) owners: BTreeSet<InstanceId>,
    pub(crate) heralds: Heralds,
    pub(crate) launcher: Rc<Launcher>,
    pub(crate) firewall: Firewall,
    /// Both ends of the way that questions take.
    pub(crate) ask: mpsc::Sender<Asked>,
    pub(crate) questions: mpsc::Receiver<Asked>,
    /// Where this process came from, if it entered another network.
    pub(crate) first_network: Option<File>,
    pub(crate) notifier: Rc<Notifier>,
    pub(crate) signals: Signals,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) reports: mpsc::Receiver<Report>,
}

/// Starts everything that runs beside the brain. Nothing of it can fail: the brain may be master already.
pub(crate) fn start(control: Control) -> Running {
    let Control {
        args,
        plan,
        log,
        journal,
        held,
        mut owners,
        heralds,
        launcher,
        firewall,
        ask,
        questions,
        first_network,
        notifier,
        signals,
        orders,
        reports,
    } = control;
    let mut exporter = Exporter::new(ask, log.clone());
    exporter.adjust(plan.global.metrics);
    let mut trackers = Trackers::new(orders.clone(), log.clone(), launcher, first_network);
    trackers.adjust(&tracked(&plan));
    let bfd = Sessions::new(orders.clone(), Urgency::of(&plan));
    let mut reload_time = ReloadTime::default();
    reload_time.adjust(&plan.global.reload);
    let mut pair = Pair::new(log.clone(), orders.clone());
    pair.know(&plan.router);
    pair.adjust(plan.global.pair.as_ref());
    owners.extend(owners_of(&plan));
    let desk = Desk {
        life: Life::new(notifier.clone(), orders.clone()),
        notifier,
        args,
        plan,
        log,
        journal,
        orders,
        heralds,
        firewall,
        trackers,
        pair,
        handback: Handback::default(),
        stays: BTreeMap::new(),
        wanted_back: BTreeSet::new(),
        comeback: Comeback::default(),
        glance: Glance::default(),
        asked_back: BTreeMap::new(),
        bfd,
        promotion: Promotion::default(),
        igmp: LocalIgmp::default(),
        recorder: Recorder::default(),
        held,
        owners,
        unreleased: BTreeSet::new(),
        wall: WallWatch::default(),
        journal_trouble: None,
        reloads: 0,
        reload_time,
        exporter,
    };
    Running {
        desk,
        signals,
        questions,
        reports,
    }
}

fn owners_of(plan: &Plan) -> impl Iterator<Item = InstanceId> {
    let instances = plan.router.instances.iter();
    instances.filter(|i| i.priority.is_owner()).map(|i| i.id)
}

/// A router at work.
pub(crate) struct Running {
    desk: Desk,
    signals: Signals,
    questions: mpsc::Receiver<Asked>,
    reports: mpsc::Receiver<Report>,
}

impl Running {
    /// Until the end. Whoever could not say that it is ready serves all the same by now, so it ends as if it were told to.
    pub(crate) async fn work(self, ready: anyhow::Result<()>) -> anyhow::Result<()> {
        match ready {
            Ok(()) => self.until_the_end().await,
            Err(error) => self.end().await.and(Err(error)),
        }
    }

    /// Obeys signals until one of them ends the process, and lets the addresses go in good order.
    async fn until_the_end(mut self) -> anyhow::Result<()> {
        let plan = self.desk.plan.clone();
        self.desk.watch_neighbours(&plan).await;
        self.desk.promote(&plan);
        if self.desk.args.dump_conf {
            self.desk.show_configuration().await;
        }
        self.desk.sweep().await;
        let mut beat = tokio::time::interval(BEAT);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                report = self.reports.recv() => match report {
                    Some(report) => {
                        self.desk.take(report);
                        self.desk.come_back().await;
                    }
                    // The brain has ended by itself; its thread says why.
                    None => return Ok(()),
                },
                received = self.signals.next() => {
                    if self.desk.obey(received?).await {
                        return self.end().await;
                    }
                }
                news = self.desk.bfd.news() => self.desk.told_by_bfd(news),
                news = self.desk.pair.news() => {
                    self.desk.told_by_pair(news).await;
                    self.desk.leave_as_wanted().await;
                }
                key = self.desk.handback.over() => {
                    self.desk.hand_back_no_more(key).await;
                }
                _ = look.tick(), if !(self.desk.stays.is_empty() && self.desk.comeback.is_empty()) => {
                    self.desk.look_at_stays();
                    self.desk.come_back().await;
                }
                counted = self.desk.glance.seen() => self.desk.look_after_stays(&counted).await,
                Some((question, to)) = self.questions.recv() => {
                    // Whoever asked may have gone.
                    to.send(self.desk.answer(question).await).ok();
                }
                passed = self.desk.reload_time.come() => {
                    self.desk.complain(passed);
                    self.desk.log.info("It is the time of reload_time_file");
                    self.desk.reload().await;
                }
                _ = beat.tick() => self.desk.beat().await,
                () = self.desk.life.due() => self.desk.life.give().await,
            }
        }
    }

    async fn end(mut self) -> anyhow::Result<()> {
        self.desk.log.info("Stopping");
        // Who adverts seldom hands over slowly, and nobody is to be killed over it.
        let instances = self.desk.plan.router.instances.iter();
        let patience = PATIENCE + instances.map(InstanceSettings::cap).max().unwrap_or_default();
        let script = self.desk.plan.global.scripts.shutdown.as_ref();
        let all = patience + AROUND + script.map(|script| script.timeout).unwrap_or_default();
        self.desk.notifier.send(&[notify::State::Extend(all)]).ok();
        if self.desk.args.dont_release_vrrp {
            // Addresses, and the interfaces that they are on.
            self.desk.order(Order::Leave).await;
            return Ok(());
        }
        self.desk.look_once_more().await;
        self.desk.keep_connections(Who::All, None, None).await;
        self.desk.unreleased = self.desk.plan.router.instances.iter().map(|i| i.id).collect();
        let release = Order::Release {
            who: Who::All,
            why: Release::Stop,
        };
        self.desk.order(release).await;
        if tokio::time::timeout(patience, self.released()).await.is_err() {
            self.desk.log.error("the addresses could not be released in time");
        }
        self.desk.bfd.finish();
        self.desk.order(Order::End).await;
        self.desk.promotion.give_back();
        self.desk.igmp.give_back();
        let opened = self.desk.firewall.open().await;
        self.desk.complain(opened);
        let ended = self.desk.handback.end_all().await;
        self.desk.complain(ended);
        self.desk.heralds.finish(LAST_WORDS).await;
        if let Some(script) = &self.desk.plan.global.scripts.shutdown {
            self.desk.heralds.once(script).await;
        }
        Ok(self.desk.journal.close(self.desk.among(&self.desk.owners))?)
    }

    async fn released(&mut self) {
        while !self.desk.unreleased.is_empty() {
            match self.reports.recv().await {
                Some(report) => self.desk.take(report),
                None => return,
            }
        }
        // What was said last is behind the last release, and before the answer to this.
        self.desk.show().await;
        while let Ok(report) = self.reports.try_recv() {
            self.desk.take(report);
        }
    }
}

/// Who hears of everything and passes it on.
struct Desk {
    life: Life,
    notifier: Rc<Notifier>,
    args: Args,
    plan: Plan,
    log: Rc<Log>,
    journal: Journal,
    orders: mpsc::Sender<Order>,
    heralds: Heralds,
    firewall: Firewall,
    trackers: Trackers,
    pair: Pair,
    /// What is handed back to the other host.
    handback: Handback,
    /// What the other host hands back to us.
    stays: BTreeMap<InstanceId, Stay>,
    /// The other host would be master of these again.
    wanted_back: BTreeSet<InstanceId>,
    comeback: Comeback,
    glance: Glance,
    /// When we last would have been master of these again.
    asked_back: BTreeMap<InstanceId, Instant>,
    bfd: Sessions,
    promotion: Promotion,
    igmp: LocalIgmp,
    recorder: Recorder,
    /// Whose addresses a process after a crash may find: of masters, and of those that listen after one.
    held: BTreeSet<InstanceId>,
    /// Those whose addresses may be their host's: whoever owns them, or has since its first start.
    owners: BTreeSet<InstanceId>,
    unreleased: BTreeSet<InstanceId>,
    wall: WallWatch,
    journal_trouble: Option<String>,
    reloads: u32,
    reload_time: ReloadTime,
    exporter: Exporter,
}

impl Desk {
    fn take(&mut self, report: Report) {
        match report {
            Report::Event { instance, event } => self.event(instance, &event),
            Report::Drop {
                instance,
                source,
                vrid,
                reason,
            } => self.dropped(instance, source, vrid, reason),
            Report::Notify {
                subject,
                notice,
                priority,
            } => self.notify(subject, notice, priority),
            Report::Detail(text) => self.log.info(&text),
            Report::Trouble(text) => {
                self.recorder.record(None, &text);
                self.log.error(&text);
            }
            Report::Released { instance } => self.released(instance),
            Report::Kept { instance } => self.take_on(instance),
            Report::AskWitnesses { instance } => self.ask_witnesses(instance),
            Report::NameSuccessor { instance, successor } => self.name_successor(instance, successor),
        }
    }

    fn event(&mut self, instance: Option<InstanceId>, event: &Event) {
        let text = event.to_string();
        self.recorder.record(instance, &text);
        self.log.info(&text);
        if let (Some(instance), Event::Entering { state, .. }) = (instance, event) {
            self.entered(instance, *state);
        }
    }

    fn entered(&mut self, instance: InstanceId, state: State) {
        self.pair.changed();
        if state == State::Master {
            self.comeback.is_master(instance);
        }
        let changed = match state {
            State::Master => self.held.insert(instance),
            _ => self.held.remove(&instance),
        };
        if changed {
            self.write_journal();
        }
    }

    fn write_journal(&mut self) {
        let written = self.journal.write(self.among(&self.held), self.among(&self.owners));
        self.journalled(written);
    }

    fn among<'a>(&'a self, some: &'a BTreeSet<InstanceId>) -> impl Iterator<Item = &'a InstanceSettings> {
        let instances = self.plan.router.instances.iter();
        instances.filter(|i| some.contains(&i.id))
    }

    fn dropped(&mut self, instance: Option<InstanceId>, source: IpAddr, vrid: Option<u8>, reason: DropReason) {
        let text = refused::line(instance.map(|id| self.name(id)), reason, vrid, source);
        self.recorder.record(instance, &text);
        // What is so until something else changes, and what is none of our business unless the operator says so.
        let is_usual = match reason {
            DropReason::NotListening => true,
            DropReason::UnknownVrid => !self.plan.global.log_unknown_vrids,
            _ => false,
        };
        if is_usual {
            self.log.info(&text);
        } else {
            self.log.warning(&text);
        }
    }

    fn notify(&mut self, subject: Subject, notice: Notice, priority: u8) {
        self.heralds.tell(subject, notice, priority);
    }

    fn promote(&mut self, plan: &Plan) {
        for trouble in self.promotion.adjust(plan).into_iter().chain(self.igmp.adjust(plan)) {
            self.log.error(&trouble);
        }
    }

    async fn watch_neighbours(&mut self, plan: &Plan) {
        if let Err(error) = self.bfd.adjust(&plan.bfd).await {
            self.log.error(&format!("no BFD: {error}"));
        }
    }

    fn told_by_bfd(&mut self, news: bfd::News) {
        let text = match news {
            bfd::News::Up { name } => format!("BFD_Instance({name}) Entering UP state"),
            bfd::News::Down { name, why } => {
                format!("BFD_Instance({name}) Entering DOWN state: {}", bfd::words(why))
            }
            bfd::News::Trouble(text) => return self.log.error(&text),
        };
        self.recorder.record(None, &text);
        self.log.info(&text);
    }

    fn ask_witnesses(&self, instance: InstanceId) {
        let settings = self.plan.router.instance(instance);
        let Some((quorum, family)) = settings.and_then(|i| Some((i.quorum.clone()?, i.family))) else {
            return;
        };
        let orders = self.orders.clone();
        tokio::task::spawn_local(async move {
            let mut witnesses = quorum.witnesses;
            if quorum.gateway {
                witnesses.extend(witness::gateway(family).await);
            }
            let reachable = witness::reachable(&witnesses, quorum.need).await;
            orders.send(Order::Witnesses { instance, reachable }).await.ok();
        });
    }

    /// Whether it was the order to stop.
    async fn obey(&mut self, received: Received) -> bool {
        match received.intention {
            Intention::Stop | Intention::Drain => return true,
            Intention::Reload => self.reload().await,
            Intention::Dump(what) => self.dump(what).await,
            Intention::ClearStatistics => self.order(Order::ClearStatistics).await,
            Intention::Nothing => self.log.info(&format!("Nothing is done on {}", received.signal)),
            Intention::Pause | Intention::Resume => {}
        }
        false
    }

    fn complain(&self, outcome: Result<(), String>) {
        if let Err(trouble) = outcome {
            self.log.error(&trouble);
        }
    }

    async fn show(&self) -> Option<Snapshot> {
        let (to, answer) = oneshot::channel();
        self.order(Order::Show(to)).await;
        answer.await.ok()
    }

    async fn around(&self) -> Around {
        let (to, answer) = oneshot::channel();
        self.order(Order::ShowAround(to)).await;
        answer.await.unwrap_or_default()
    }

    async fn show_configuration(&self) {
        if let Some(snapshot) = self.show().await {
            let text = self.data(&snapshot, &self.around().await);
            text.lines().for_each(|line| self.log.info(line));
        }
    }

    /// What `keepalived.data` is made of.
    fn data(&self, snapshot: &Snapshot, around: &Around) -> String {
        let data = dump::Data {
            snapshot,
            around,
            plan: &self.plan,
            taken: Wall::now(),
            stage: &|tracker| self.trackers.stage(tracker),
        };
        data.to_string()
    }

    async fn dump(&mut self, what: Dump) {
        let Some(snapshot) = self.show().await else { return };
        let around = match what {
            Dump::Data => self.around().await,
            Dump::Statistics | Dump::Json => Around::default(),
        };
        if let Err(error) = self.write_dump(what, &snapshot, &around) {
            self.log.error(&format!("cannot write the dump: {error}"));
        }
    }

    fn write_dump(&self, what: Dump, snapshot: &Snapshot, around: &Around) -> io::Result<()> {
        let dumps = &self.plan.global.dumps;
        let now = Wall::now();
        match what {
            Dump::Data => {
                let path = dump::data_path(&self.plan, self.args.namespace.as_deref());
                dump::write(&dump::parent_path(&path), &dump::parent(&self.plan))?;
                dump::write(&path, &self.data(snapshot, around))
            }
            Dump::Statistics => dump::write(&dumps.stats, &dump::statistics(snapshot)),
            Dump::Json => dump::write(&dumps.json, &dump::json(snapshot, &self.plan, now)?),
        }
    }

    async fn beat(&mut self) {
        if self.wall.was_stepped() {
            let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            self.order(Order::WallClock { unix }).await;
        }
        if !self.held.is_empty() {
            let beaten = self.journal.beat();
            self.journalled(beaten);
        }
    }

    /// Says it once when it begins to fail, and again when it fails otherwise.
    fn journalled(&mut self, outcome: io::Result<()>) {
        let trouble = outcome.err().map(|error| error.to_string());
        if trouble != self.journal_trouble {
            if let Some(error) = &trouble {
                self.log.error(&format!(
                    "a crash could not be resumed: the journal is not written: {error}"
                ));
            }
            self.journal_trouble = trouble;
        }
    }

    /// Waits while the brain has much to do. When it has ended there is nobody to order about.
    async fn order(&self, order: Order) {
        self.orders.send(order).await.ok();
    }

    fn name(&self, id: InstanceId) -> &str {
        let of = |settings: &RouterSettings| settings.instances.iter().position(|i| i.id == id);
        of(&self.plan.router).map_or("?", |place| &self.plan.router.instances[place].name)
    }
}
