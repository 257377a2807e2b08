//! The control runtime: what may take its time. Signals, tracking, notifications, logs, the journal, the end.
//!
//! ```text
//!   signals ──▶ Desk ──▶ Orders ──▶ brain ──▶ Reports ──▶ Desk ──▶ log, commands, pipes, journal
//!   trackers ─────────────▲
//! ```

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tandem_ops::clock::Wall;
use tandem_ops::notify::{self, Notifier};
use tandem_ops::pair::{Key, News};
use tandem_ops::signals::{Dump, Intention, ROUTER, Received, Signals};
use tandem_ops::watchdog::Watchdog;
use tandem_vrrp::allowed::default_user;
use tandem_vrrp_config::Plan;
use tandem_vrrp_core::settings::{InstanceId, InstanceSettings, RouterSettings, Tracker, TrackerKind};
use tandem_vrrp_core::{DropReason, Event, Notice, Release, State, Subject, Who};
use tokio::sync::{mpsc, oneshot};

use crate::answers;
use crate::args::Args;
use crate::bfd::{self, Sessions};
use crate::brain::{Assignment, Order, Report};
use crate::configuration::{self, Configuration};
use crate::dump;
use crate::exporter::Exporter;
use crate::firewall::Firewall;
use crate::igmp::LocalIgmp;
use crate::journal::{BEAT, Journal};
use crate::launcher::Launcher;
use crate::logs::Log;
use crate::metrics;
use crate::notify::Heralds;
use crate::pair::{self, Pair};
use crate::promote::Promotion;
use crate::recorder::Recorder;
use crate::reload_time::ReloadTime;
use crate::reloading;
use crate::snapshot::{Instance, Snapshot};
use crate::socket::{self, Asked, Door, Question};
use crate::track::Trackers;
use crate::urgency::Urgency;
use crate::wall::WallWatch;
use crate::witness;

/// What commands run by `notify_stop` get before the process is gone.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Longer than any handover takes; then the kernel's state is what it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the control runtime is started with.
pub(crate) struct Control {
    pub(crate) args: Args,
    pub(crate) plan: Plan,
    pub(crate) log: Rc<Log>,
    pub(crate) journal: Journal,
    pub(crate) heralds: Heralds,
    pub(crate) launcher: Rc<Launcher>,
    pub(crate) firewall: Firewall,
    pub(crate) door: Door,
    /// Where this process came from, if it entered another network.
    pub(crate) first_network: Option<File>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) reports: mpsc::Receiver<Report>,
}

/// Starts everything that runs beside the brain. Signals are listened to when this returns.
pub(crate) fn start(control: Control) -> io::Result<Running> {
    let Control {
        args,
        plan,
        log,
        journal,
        heralds,
        launcher,
        firewall,
        door,
        first_network,
        orders,
        reports,
    } = control;
    let signals = Signals::listen(ROUTER)?;
    let (ask, questions) = socket::questions();
    socket::serve(door, ask.clone())?;
    let mut exporter = Exporter::new(ask, log.clone());
    exporter.adjust(plan.global.metrics);
    let mut trackers = Trackers::new(orders.clone(), log.clone(), launcher, first_network);
    trackers.adjust(&tracked(&plan));
    let bfd = Sessions::new(orders.clone(), Urgency::of(&plan));
    let mut reload_time = ReloadTime::default();
    reload_time.adjust(&plan.global.reload);
    let mut pair = Pair::new(log.clone());
    pair.adjust(plan.global.pair.as_ref());
    let desk = Desk {
        args,
        plan,
        log,
        journal,
        orders,
        heralds,
        firewall,
        trackers,
        pair,
        bfd,
        promotion: Promotion::default(),
        igmp: LocalIgmp::default(),
        recorder: Recorder::default(),
        masters: BTreeSet::new(),
        changed: true,
        unreleased: BTreeSet::new(),
        wall: WallWatch::default(),
        journal_trouble: None,
        reload_time,
        exporter,
    };
    Ok(Running {
        desk,
        signals,
        questions,
        reports,
    })
}

/// A router at work.
pub(crate) struct Running {
    desk: Desk,
    signals: Signals,
    questions: mpsc::Receiver<Asked>,
    reports: mpsc::Receiver<Report>,
}

impl Running {
    /// Obeys signals until one of them ends the process, and lets the addresses go in good order.
    pub(crate) async fn until_the_end(mut self, notifier: &Notifier) -> anyhow::Result<()> {
        let plan = self.desk.plan.clone();
        self.desk.watch_neighbours(&plan).await;
        self.desk.promote(&plan);
        let mut watchdog = Watchdog::from_environment();
        if self.desk.args.dump_conf {
            self.desk.show_configuration().await;
        }
        let mut beat = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                report = self.reports.recv() => match report {
                    Some(report) => {
                        self.desk.take(report);
                        // When many move at once, all of them together.
                        if self.reports.is_empty() {
                            self.desk.tell_pair().await;
                        }
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
                news = self.desk.pair.news() => self.desk.told_by_pair(news).await,
                Some((question, to)) = self.questions.recv() => {
                    // Whoever asked may have gone.
                    to.send(self.desk.answer(question).await).ok();
                }
                () = self.desk.reload_time.come() => {
                    self.desk.log.info("It is the time of reload_time_file");
                    self.desk.reload().await;
                }
                _ = beat.tick() => self.desk.beat().await,
                // The brain's answer, by way of this loop: both are at work.
                () = watchdog.due() => if self.desk.show().await.is_some() {
                    notifier.send(&[notify::State::Watchdog]).ok();
                },
            }
        }
    }

    async fn end(mut self) -> anyhow::Result<()> {
        self.desk.log.info("Stopping");
        if self.desk.args.dont_release_vrrp {
            // Addresses, and the interfaces that they are on.
            self.desk.order(Order::Leave).await;
            return Ok(());
        }
        self.desk.unreleased = self.desk.plan.router.instances.iter().map(|i| i.id).collect();
        let release = Order::Release {
            who: Who::All,
            why: Release::Stop,
        };
        self.desk.order(release).await;
        if tokio::time::timeout(PATIENCE, self.released()).await.is_err() {
            self.desk.log.error("the addresses could not be released in time");
        }
        self.desk.bfd.finish();
        self.desk.order(Order::End).await;
        self.desk.promotion.give_back();
        self.desk.igmp.give_back();
        let opened = self.desk.firewall.open().await;
        self.desk.complain(opened);
        self.desk.heralds.finish(LAST_WORDS).await;
        if let Some(script) = &self.desk.plan.global.scripts.shutdown {
            self.desk.heralds.once(script).await;
        }
        Ok(self.desk.journal.close()?)
    }

    async fn released(&mut self) {
        while !self.desk.unreleased.is_empty() {
            match self.reports.recv().await {
                Some(report) => self.desk.take(report),
                None => return,
            }
        }
        // What was said last is behind the last release.
        while let Ok(report) = self.reports.try_recv() {
            self.desk.take(report);
        }
    }
}

/// Who hears of everything and passes it on.
struct Desk {
    args: Args,
    plan: Plan,
    log: Rc<Log>,
    journal: Journal,
    orders: mpsc::Sender<Order>,
    heralds: Heralds,
    firewall: Firewall,
    trackers: Trackers,
    pair: Pair,
    bfd: Sessions,
    promotion: Promotion,
    igmp: LocalIgmp,
    recorder: Recorder,
    masters: BTreeSet<InstanceId>,
    /// Something that the other host of the pair wants to know.
    changed: bool,
    unreleased: BTreeSet<InstanceId>,
    wall: WallWatch,
    journal_trouble: Option<String>,
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
                reason,
            } => self.dropped(instance, source, reason),
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
            Report::Released { instance } => {
                self.unreleased.remove(&instance);
            }
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
        self.changed = true;
        let changed = match state {
            State::Master => self.masters.insert(instance),
            _ => self.masters.remove(&instance),
        };
        if changed {
            self.write_journal();
        }
    }

    fn write_journal(&mut self) {
        let instances = self.plan.router.instances.iter();
        let held = instances.filter(|i| self.masters.contains(&i.id));
        let written = self.journal.write(held);
        self.journalled(written);
    }

    fn dropped(&mut self, instance: Option<InstanceId>, source: IpAddr, reason: DropReason) {
        let whose = instance.map_or_else(String::new, |id| format!("({}) ", self.name(id)));
        let text = format!("{whose}{reason} from {source}: {}", reason.remedy());
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

    fn name_successor(&self, instance: InstanceId, successor: Option<IpAddr>) {
        let Some(settings) = self.plan.router.instance(instance) else {
            return;
        };
        if self.pair.is_configured() {
            self.pair.name_successor(settings, successor);
        } else if let Some(successor) = successor {
            let name = &settings.name;
            self.log.info(&format!(
                "({name}) there is no `pair_link` to name {successor} over; it takes over by its timer"
            ));
        }
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

    async fn told_by_pair(&mut self, news: News) {
        match news {
            News::Up => {
                self.log.info("The pair link is up");
                self.changed = true;
                self.tell_pair().await;
            }
            News::Down => self
                .log
                .warning("The pair link is down: nothing was heard for a second"),
            News::Refused(why) => self
                .log
                .warning(&format!("The pair link does not believe what it heard: {why}")),
            News::Named { key, outcome } => {
                let name = self.known(&key).map_or("?", |settings| &settings.name);
                self.log.info(&format!("({name}) {}", pair::words(outcome)));
            }
            News::TakeOver { key, ticket } => {
                let willing = self.take_over(&key).await;
                self.pair.answer(ticket, willing);
            }
        }
    }

    /// What the router makes of it: one that is drained or at fault does not.
    async fn take_over(&self, key: &Key) -> bool {
        let Some(instance) = self.known(key).map(|settings| settings.id) else {
            return false;
        };
        let (willing, decided) = oneshot::channel();
        self.order(Order::TakeOver { instance, willing }).await;
        decided.await.unwrap_or(false)
    }

    fn known(&self, key: &Key) -> Option<&InstanceSettings> {
        let mut instances = self.plan.router.instances.iter();
        instances.find(|settings| pair::key(settings).as_ref() == Some(key))
    }

    /// How we are, when that has changed.
    async fn tell_pair(&mut self) {
        if std::mem::take(&mut self.changed)
            && self.pair.is_configured()
            && let Some(snapshot) = self.show().await
        {
            self.pair.tell(&snapshot);
        }
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
            let reachable = witness::reachable(&witnesses).await;
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
            Intention::Pause | Intention::Resume => {}
        }
        false
    }

    async fn reload(&mut self) {
        self.log.info("Reloading");
        let marker = reloading::Marker::set(&self.plan, &self.log);
        let read = configuration::read(&self.args);
        drop(marker);
        if let Ok(configuration) = &read {
            reloading::write_log(&self.plan, configuration, &self.log);
        }
        match read {
            Ok(Configuration {
                plan: Some(plan),
                lines,
                ..
            }) => {
                lines.iter().for_each(|line| self.log.warning(line));
                self.adopt(plan).await;
                self.log.info("Reload finished");
            }
            Ok(Configuration { lines, .. }) => {
                lines.iter().for_each(|line| self.log.error(line));
                self.log.error("Reload refused: everything stays as it was");
            }
            Err(error) => self.log.error(&format!("Reload refused: {error:#}")),
        }
    }

    async fn adopt(&mut self, mut plan: Plan) {
        plan.adopt_ids(&self.plan);
        self.heralds.adjust(&plan);
        // What is new is closed before it is there.
        let adjusted = self.firewall.adjust(&plan).await;
        self.complain(adjusted);
        self.order(Order::Assign(Box::new(Assignment::of(&plan)))).await;
        self.trackers.adjust(&tracked(&plan));
        self.pair.adjust(plan.global.pair.as_ref());
        self.watch_neighbours(&plan).await;
        self.promote(&plan);
        self.masters.retain(|id| plan.router.instance(*id).is_some());
        self.reload_time.adjust(&plan.global.reload);
        self.exporter.adjust(plan.global.metrics);
        for what in reloading::needs_restart(&self.plan, &plan) {
            self.log
                .warning(&format!("{what} has changed, which counts after a restart"));
        }
        self.plan = plan;
        // It names instances by what a reload may change.
        self.write_journal();
        if self.plan.global.scripts.fifo_states_on_reload
            && let Some(snapshot) = self.show().await
        {
            self.heralds.repeat(&snapshot);
        }
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

    async fn answer(&mut self, question: Question) -> Result<Value, String> {
        let order = match question {
            Question::State | Question::Metrics | Question::Why { .. } => return self.describe(question).await,
            Question::Pair => return Ok(self.pair.describe().await),
            Question::Handover { instance, successor } => Order::Release {
                who: self.who(instance)?,
                why: Release::Handover { successor },
            },
            Question::Drain { instance } => Order::Release {
                who: self.who(instance)?,
                why: Release::Drain,
            },
            Question::Resume { instance } => Order::Resume {
                who: self.who(instance)?,
            },
        };
        self.order(order).await;
        Ok(Value::Null)
    }

    async fn describe(&self, question: Question) -> Result<Value, String> {
        let snapshot = self.show().await.ok_or("the router is ending")?;
        match question {
            Question::Metrics => Ok(metrics::text(&snapshot).into()),
            Question::Why { instance: Some(name) } => {
                let who = snapshot.instances.iter().find(|i| *i.settings.name == *name);
                let who = who.ok_or_else(|| format!("there is no instance {name}"))?;
                Ok(answers::why(&snapshot, who, self.recorder.about(who.settings.id)))
            }
            Question::Why { instance: None } => {
                let about = |i: &Instance| answers::why(&snapshot, i, self.recorder.about(i.settings.id));
                Ok(snapshot.instances.iter().map(about).collect())
            }
            _ => Ok(answers::state(&snapshot)),
        }
    }

    fn who(&self, instance: Option<String>) -> Result<Who, String> {
        let Some(name) = instance else { return Ok(Who::All) };
        let known = self.plan.router.instances.iter().find(|i| *i.name == *name);
        known
            .map(|i| Who::One(i.id))
            .ok_or_else(|| format!("there is no instance {name}"))
    }

    async fn show_configuration(&self) {
        if let Some(snapshot) = self.show().await {
            let text = dump::data(&snapshot, &self.plan, Wall::now());
            text.lines().for_each(|line| self.log.info(line));
        }
    }

    async fn dump(&mut self, what: Dump) {
        let Some(snapshot) = self.show().await else { return };
        if let Err(error) = self.write_dump(what, &snapshot) {
            self.log.error(&format!("cannot write the dump: {error}"));
        }
    }

    fn write_dump(&self, what: Dump, snapshot: &Snapshot) -> io::Result<()> {
        let dumps = &self.plan.global.dumps;
        let now = Wall::now();
        match what {
            Dump::Data => {
                let path = dump::data_path(&self.plan, self.args.namespace.as_deref());
                dump::write(&dump::parent_path(&path), &dump::parent(&self.plan))?;
                dump::write(&path, &dump::data(snapshot, &self.plan, now))
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
        self.changed = true;
        self.tell_pair().await;
        if !self.masters.is_empty() {
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

/// Those that an instance or group looks at; others are not run. Scripts without a user get the usual one.
fn tracked(plan: &Plan) -> Vec<Tracker> {
    let settings = &plan.router;
    let of_instances = settings.instances.iter().flat_map(|i| &i.track);
    let of_groups = settings.groups.iter().flat_map(|g| &g.track);
    let used: BTreeSet<_> = of_instances.chain(of_groups).map(|usage| usage.tracker).collect();
    let usual = default_user(plan);
    let mut trackers: Vec<Tracker> = settings
        .trackers
        .iter()
        .filter(|t| used.contains(&t.id))
        .cloned()
        .collect();
    for tracker in &mut trackers {
        if let (TrackerKind::Script(script), Some(usual)) = (&mut tracker.kind, &usual)
            && script.user.is_none()
        {
            (script.user, script.group) = (Some(usual.name.clone()), usual.group.clone());
        }
    }
    trackers
}
