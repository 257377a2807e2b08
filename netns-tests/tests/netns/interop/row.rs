//! A scenario as a row: two configurations, and steps that do something or expect something. Every row is played twice,
//! with the programs swapped.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail, ensure};
use tandem_lab::{Advert, Cidr};
use tandem_netns_tests::Bench;

use super::stage::{Config, LONG, Program, Side, Stage};

/// How much later than the arithmetic says a busy machine may be.
const SLACK: Duration = Duration::from_millis(250);
/// And one that does nothing else, as `--long` asks for.
const LITTLE_SLACK: Duration = Duration::from_millis(10);
const PROMPT: &str = "global_defs {\n vrrp_rt_priority 50\n vrrp_rlimit_rttime 5000000\n}\n";
/// What FRR's arithmetic leaves away of ours.
const ROUNDED: Duration = Duration::from_millis(10);
/// How much earlier: what the clocks of the cable and of the daemon may differ by.
const EARLY: Duration = Duration::from_millis(5);

pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) a: Config,
    pub(super) b: Config,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    // These do something; what is expected later is expected since then.
    Start(Side),
    Stop(Side),
    /// All processes of the daemon at once.
    Kill(Side),
    Cut(Side),
    Heal(Side),
    Down(Side),
    Up(Side),
    /// Nothing gets from A to B or back.
    Part,
    Join,
    /// The check script that looks for `{dir}/bad` fails from now on.
    Break,
    Mend,

    /// The host has this address, too.
    Own(Side, &'static str),

    /// Nothing but the time from which on something is expected.
    Now,

    // These wait for something.
    /// One side alone has the address.
    Holds(Side),
    /// It follows a master.
    Ready(Side),
    /// Both advertise.
    TwoMasters,
    Says(Side, &'static str),
    Adverts(Side, usize),
    /// This side alone advertises, so often in a row.
    Alone(Side, usize),
    /// This side advertises so long after the other's last advert.
    Detects(Side, Duration),
    /// This side advertises so long after the other's priority 0.
    Follows(Side, Duration),
    /// This side advertises between these times after the last thing that was done.
    Takes(Side, Duration, Duration),
    /// This side's priority 0 comes so soon after the last thing that was done.
    Leaves(Side, Duration),
    /// This side advertises so soon after the other's first advert with a lower priority.
    Preempts(Side, Duration),

    // These look.
    /// This side has not advertised.
    Silent(Side),
    /// This side's last advert was no later than so long after the other's first one.
    Yields(Side, Duration),
    /// No advert went to everybody.
    Unicast,
    /// Section and name in the statistics: it is above zero.
    Counts(Side, &'static str, &'static str),
    /// Ours has dropped packets for this reason.
    Drops(&'static str),
}

/// All rows in both roles: at the same time, or where every millisecond counts one after the other.
pub(super) fn play(bench: &Bench<'_>, rows: &[Row]) -> Result<()> {
    play_beside(bench, Program::Keepalived, rows)
}

pub(super) fn play_beside(bench: &Bench<'_>, other: Program, rows: &[Row]) -> Result<()> {
    let scenarios = rows.iter().flat_map(|row| {
        other
            .roles()
            .map(|programs| (format!("{}, {programs:?}", row.name), move || one(bench, row, programs)))
    });
    if bench.options.long {
        return all(scenarios.map(|(name, run)| (name, run())));
    }
    all_at_once(scenarios)
}

/// A scenario that is more than a row.
pub(super) fn in_both_roles(
    bench: &Bench<'_>,
    run: impl Fn(&Bench<'_>, [Program; 2]) -> Result<()> + Sync,
) -> Result<()> {
    beside(bench, Program::Keepalived, run)
}

pub(super) fn beside(
    bench: &Bench<'_>,
    other: Program,
    run: impl Fn(&Bench<'_>, [Program; 2]) -> Result<()> + Sync,
) -> Result<()> {
    let run = &run;
    all_at_once(
        other
            .roles()
            .map(|programs| (format!("{programs:?}"), move || run(bench, programs))),
    )
}

/// Each on a thread of its own; all that fail are reported, the first as the error that it is, so that what is missing
/// here is still known as missing.
pub(super) fn all_at_once<F>(scenarios: impl IntoIterator<Item = (String, F)>) -> Result<()>
where
    F: FnOnce() -> Result<()> + Send,
{
    std::thread::scope(|scope| {
        let running: Vec<_> = scenarios
            .into_iter()
            .map(|(name, run)| (name, scope.spawn(run)))
            .collect();
        let running = running.into_iter();
        all(running.map(|(name, thread)| (name, thread.join().map_err(|_| anyhow!("it panicked")).flatten())))
    })
}

fn all(scenarios: impl Iterator<Item = (String, Result<()>)>) -> Result<()> {
    let mut outcome: Result<()> = Ok(());
    for (name, ended) in scenarios {
        outcome = match (outcome, ended.context(name)) {
            (Err(first), Err(other)) => Err(first.context(format!("{other:?}\n\nand"))),
            (first, other) => first.and(other),
        };
    }
    outcome
}

/// Whether Keepalived can run a script here. It changes user even to be who it is, which one mapped id does not allow, and
/// takes what it could not run for a success.
pub(crate) fn runs_scripts(bench: &Bench<'_>, program: Program) -> bool {
    program != Program::Keepalived || !bench.ground.is_unprivileged()
}

fn one(bench: &Bench<'_>, row: &Row, programs: [Program; 2]) -> Result<()> {
    let scripted = row.steps.iter().any(|step| matches!(step, Step::Break));
    if scripted && !runs_scripts(bench, programs[0]) {
        bench.say(format!(
            "{}, {programs:?}: SKIP Keepalived's scripts: not root",
            row.name
        ));
        return Ok(());
    }
    let mut stage = Stage::new(bench, programs)?;
    if row.a.extra.contains("unicast_peer") {
        stage.wire = stage.lab.capture(&stage.router(Side::B).link)?;
    }
    let mut scene = Scene {
        row,
        stage,
        slack: if bench.options.long { LITTLE_SLACK } else { SLACK },
        done: SystemTime::now(),
        figures: Vec::new(),
    };
    for (number, step) in row.steps.iter().enumerate() {
        scene
            .step(*step)
            .with_context(|| format!("step {}, {step:?}\n{}", number + 1, scene.stage.logs()))?;
    }
    bench.say(format!("{}, {programs:?}: good{}", row.name, scene.figures.concat()));
    Ok(())
}

struct Scene<'a> {
    row: &'a Row,
    stage: Stage,
    slack: Duration,
    /// When the last thing was done.
    done: SystemTime,
    figures: Vec<String>,
}

impl Scene<'_> {
    fn step(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Holds(side) => self.stage.wait_for_holder(side, self.vip()?),
            Step::Ready(side) => self.stage.wait_for_backup(side),
            Step::TwoMasters => self.two_masters(),
            Step::Says(side, words) => self.stage.says(side, words).map(drop),
            Step::Adverts(side, count) => self.stage.wait_for_adverts(side, self.done, count),
            Step::Alone(side, count) => self.stage.wait_until_alone(side, self.done, count),
            Step::Detects(side, after) => self.detects(side, after),
            Step::Follows(side, after) => self.follows(side, after),
            Step::Takes(side, earliest, latest) => {
                let first = self.stage.wait_for_advert(side, self.done, |_| true)?;
                self.measure((side, "took over"), self.done, first.at, earliest..=latest)
            }
            Step::Leaves(side, within) => self.leaves(side, within),
            Step::Preempts(side, within) => self.preempts(side, within),
            Step::Yields(side, within) => self.yields(side, within),
            Step::Unicast => {
                let everybody = self
                    .stage
                    .adverts()
                    .into_iter()
                    .find(|advert| advert.destination.is_multicast());
                ensure!(everybody.is_none(), "an advert went to everybody: {everybody:?}");
                Ok(())
            }
            Step::Silent(side) => {
                let heard = self.stage.adverts_of(side, self.done);
                ensure!(heard.is_empty(), "it advertised: {heard:?}");
                Ok(())
            }
            Step::Counts(side, section, name) => {
                let count = self.stage.router(side).counter(section, name)?;
                ensure!(count > 0, "{section} {name} is {count}");
                Ok(())
            }
            Step::Drops(reason) => {
                let dropped = self.stage.router(self.ours()?).dropped(reason)?;
                ensure!(dropped > 0, "nothing was dropped for {reason}");
                Ok(())
            }
            action => {
                self.done = SystemTime::now();
                self.act(action)
            }
        }
    }

    /// The last of its addresses: over IPv6 the first is the link's own.
    fn vip(&self) -> Result<IpAddr> {
        let last = self.row.a.addresses.split_whitespace().last();
        let cidr: Cidr = last.context("a row without addresses")?.parse()?;
        Ok(cidr.ip())
    }

    /// Where milliseconds count Keepalived gets the priority that ours takes by itself.
    fn config(&self, side: Side) -> Config {
        let config = [&self.row.a, &self.row.b][side as usize].clone();
        if self.slack == SLACK {
            return config;
        }
        let before = format!("{PROMPT}{}", config.before);
        config.after(before)
    }

    fn act(&mut self, step: Step) -> Result<()> {
        let Stage {
            routers, lab, folder, ..
        } = &mut self.stage;
        match step {
            Step::Start(side) => {
                let config = self.config(side);
                self.stage.start(side, &config)?;
            }
            Step::Stop(side) => routers[side as usize].stop()?,
            Step::Kill(side) => routers[side as usize].kill()?,
            Step::Cut(side) => lab.cut(&routers[side as usize].link)?,
            Step::Heal(side) => lab.heal(&routers[side as usize].link)?,
            Step::Down(side) => routers[side as usize].host.set_down("eth0")?,
            Step::Up(side) => routers[side as usize].host.set_up("eth0")?,
            Step::Break => std::fs::write(folder.join("bad"), "")?,
            Step::Mend => std::fs::remove_file(folder.join("bad"))?,
            Step::Part => drop(lab.drop_between(&routers[0].host, &routers[1].host)?),
            Step::Join => lab.mend_all()?,
            Step::Own(side, address) => routers[side as usize].host.add_address("eth0", address.parse()?)?,
            Step::Now => {}
            expectation => bail!("{expectation:?} does nothing"),
        }
        Ok(())
    }

    /// Each has advertised and has the address, and goes on so while ours advertises. Keepalived 2.2.7 is nearly silent
    /// then: every advert that it refuses starts its own timer anew.
    fn two_masters(&self) -> Result<()> {
        for side in [Side::A, Side::B] {
            self.stage.wait_for_adverts(side, self.done, 1)?;
            self.stage.router(side).host.wait_for_address(self.vip()?, true, LONG)?;
        }
        self.stage.wait_for_adverts(self.ours()?, SystemTime::now(), 2)?;
        for router in &self.stage.routers {
            ensure!(router.host.holds(self.vip()?)?, "{} gave up", router.host.name());
        }
        Ok(())
    }

    fn ours(&self) -> Result<Side> {
        let sides = [Side::A, Side::B].into_iter();
        let mut ours = sides.filter(|side| self.stage.router(*side).program == Program::Ours);
        ours.next().context("none of ours")
    }

    fn detects(&mut self, side: Side, after: Duration) -> Result<()> {
        let first = self.stage.wait_for_advert(side, self.done, |_| true)?;
        let heard = self.stage.adverts_of(side.other(), SystemTime::UNIX_EPOCH);
        let last = heard.iter().rfind(|advert| advert.at < first.at);
        let last = last.context("the other never advertised")?;
        self.measure((side, "detected"), last.at, first.at, after..=after)
    }

    fn follows(&mut self, side: Side, after: Duration) -> Result<()> {
        let zero = self
            .stage
            .wait_for_advert(side.other(), self.done, |advert| advert.priority == 0)?;
        let first = self.stage.wait_for_advert(side, zero.at, |_| true)?;
        self.measure((side, "followed"), zero.at, first.at, after..=after)
    }

    /// A signal and a packet: a machine that does nothing else needs no slack for that.
    fn leaves(&mut self, side: Side, within: Duration) -> Result<()> {
        let goodbye = self
            .stage
            .wait_for_advert(side, self.done, |advert| advert.priority == 0)?;
        let took = goodbye.at.duration_since(self.done)?;
        let most = if self.slack == SLACK { within + SLACK } else { within };
        ensure!(took <= most, "left after {took:?}, and not within {most:?}");
        self.note("left", took);
        Ok(())
    }

    fn preempts(&mut self, side: Side, within: Duration) -> Result<()> {
        let own = [&self.row.a, &self.row.b][side as usize].priority;
        let is_lower = |advert: &Advert| advert.priority < own;
        let lower = self.stage.wait_for_advert(side.other(), self.done, is_lower)?;
        let first = self.stage.wait_for_advert(side, lower.at, |_| true)?;
        self.measure((side, "preempted"), lower.at, first.at, Duration::ZERO..=within)
    }

    /// To be asked when this side has become silent.
    fn yields(&mut self, side: Side, within: Duration) -> Result<()> {
        let first = self.stage.wait_for_advert(side.other(), self.done, |_| true)?;
        match self.stage.adverts_of(side, first.at).last() {
            Some(last) => self.measure((side, "yielded"), first.at, last.at, Duration::ZERO..=within),
            None => Ok(()),
        }
    }

    /// Of what this side does. FRR's two daemons wait for each other, longer than any arithmetic says; beside it the
    /// figures are its, which are rounded.
    fn slack(&self, side: Side) -> Duration {
        let is_frr = |side| self.stage.router(side).program == Program::Frr;
        match (is_frr(side), is_frr(side.other())) {
            (true, _) => SLACK,
            (false, true) => self.slack + ROUNDED,
            (false, false) => self.slack,
        }
    }

    fn measure(
        &mut self,
        (side, what): (Side, &str),
        from: SystemTime,
        to: SystemTime,
        wanted: RangeInclusive<Duration>,
    ) -> Result<()> {
        let (took, slack) = (to.duration_since(from)?, self.slack(side));
        ensure!(
            took + EARLY >= *wanted.start() && took <= *wanted.end() + slack,
            "{what} after {took:?}, the arithmetic says {wanted:?} and at most {slack:?} more"
        );
        self.note(what, took);
        Ok(())
    }

    fn note(&mut self, what: &str, took: Duration) {
        self.figures
            .push(format!(", {what} after {:.1} ms", took.as_secs_f64() * 1000.0));
    }
}
