//! One table, and one process that keeps it: whoever starts, ends or crashes beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use tandem_lab::{Host, Lab, Running, programs};
use tandem_netns_tests::{Bench, wait};

use super::crowd::{Busy, visit};
use super::stage::{LONG, Stage, VIP, ask, nft};

const TABLES: &[&str] = &["list", "tables"];
const COUNTERS: &[&str] = &["list", "counters", "table", "inet", "tandem_forward"];

pub(super) fn a_table_has_one_owner(bench: &Bench<'_>) -> Result<()> {
    let house = House::new(bench)?;
    let mut first = house.start("one", &forwarded(1), &[])?;
    house.is_owned_by(&first)?;

    let (status, said) = house.run("two", &forwarded(2), &[])?.finish(LONG)?;
    ensure!(!status.success(), "two processes have one table");
    let why = format!("it belongs to process {}, which lives", first.pid());
    ensure!(said.contains(&why), "{why}? {said}");
    house.is_owned_by(&first)?;
    ensure!(house.table()?.contains("to_10.9.0.1_5672_nobody"), "its lanes are gone");

    // Nothing of a process that has crashed is in anybody's way, and its table is the next one's.
    first.kill()?;
    let mut second = house.start("two", &forwarded(2), &[])?;
    house.is_owned_by(&second)?;
    ensure!(!house.table()?.contains("to_10.9.0.1_5672"), "a dead one's lanes stand");

    // The one that is told to end finds that its table is another's.
    let pid = second.pid().to_string();
    let mut third = house.start("three", &forwarded(3), &["-sf", &pid])?;
    ensure!(second.wait(LONG)?.success(), "{}", second.output());
    house.is_owned_by(&third)?;
    ensure!(
        house.table()?.contains("to_10.9.0.3_5672_nobody"),
        "the lanes went with the old process"
    );

    // Taken out by hand, it is built again; and it goes with its owner.
    house.nft(&["delete", "table", "inet", "tandem_forward"])?;
    wait("the table is built again", || Ok(house.is_owned_by(&third).is_ok()))?;
    third.stop(LONG)?;
    ensure!(house.nft(TABLES)?.is_empty(), "a clean stop leaves no table");
    bench.say("one owner at a time: a crash, a stop, -sf without -x, somebody with nft");
    Ok(())
}

/// Somebody asks for the listeners, as HAProxy's next process does, and never serves.
pub(super) fn who_only_asks_for_listeners_keeps_no_table(bench: &Bench<'_>) -> Result<()> {
    let house = House::new(bench)?;
    let mut balancer = house.start("one", &forwarded(1), &[])?;
    let mut beside = house.run("beside", &served(1), &["-x", &house.socket("one")])?;
    wait("the other one has the listeners", || Ok(house.ask("beside").is_ok()))?;
    balancer.stop(LONG)?;
    ensure!(house.nft(TABLES)?.is_empty(), "nobody keeps the table, and it stands");
    beside.stop(LONG)?;
    Ok(())
}

/// A reload that the kernel would refuse is refused, and what is served goes on.
pub(super) fn a_reload_that_cannot_forward_is_refused(bench: &Bench<'_>) -> Result<()> {
    let house = House::new(bench)?;
    house.write("one", &served(1))?;
    let mut without = Command::new("setpriv");
    without.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin"]);
    without
        .arg(programs::built("tandem-lb")?)
        .arg("-db")
        .arg("-f")
        .arg(house.file("one"));
    let mut balancer = house.host.run(&mut without)?;
    balancer_answers(&house, "one", &balancer)?;

    house.write("one", &format!("{}{}", served(2), forwarded(1)))?;
    balancer.signal(Signal::SIGHUP)?;
    balancer.wait_for_line("reload: nothing was changed", LONG)?;
    let why = balancer.wait_for_line("forwarding needs CAP_NET_ADMIN", LONG)?;
    bench.say(why);
    let stat = house.ask("one")?;
    ensure!(stat.contains("\nserved1,") && !stat.contains("\nserved2,"), "{stat}");
    ensure!(house.nft(TABLES)?.is_empty(), "there is a table");
    balancer.stop(LONG)?;

    // As is one where another process has the table; and it leaves that as it was.
    let mut other = house.start("other", &forwarded(2), &[])?;
    let mut balancer = house.start("one", &served(1), &[])?;
    house.write("one", &format!("{}{}", served(1), forwarded(1)))?;
    balancer.signal(Signal::SIGHUP)?;
    balancer.wait_for_line(&format!("it belongs to process {}", other.pid()), LONG)?;
    house.is_owned_by(&other)?;
    other.stop(LONG)?;
    ensure!(house.nft(TABLES)?.is_empty(), "there is a table");

    // And one that fails for another reason leaves nothing in the kernel.
    house.write(
        "one",
        &format!(
            "{}{}frontend f\n bind 10.99.0.1:1\n default_backend nodes1\n",
            served(1),
            forwarded(1)
        ),
    )?;
    balancer.signal(Signal::SIGHUP)?;
    balancer.wait_for_line("reload: nothing was changed", LONG)?;
    wait("the kernel knows nothing of it", || Ok(house.nft(TABLES)?.is_empty()))?;

    house.write("one", &format!("{}{}", served(1), forwarded(1)))?;
    balancer.signal(Signal::SIGHUP)?;
    wait("it forwards at last", || Ok(house.is_owned_by(&balancer).is_ok()))?;
    wait("its lanes lead to the server", || {
        Ok(house.table()?.contains("nodes1/s"))
    })?;
    house.write("one", &served(1))?;
    balancer.signal(Signal::SIGHUP)?;
    wait("nothing is forwarded any more", || Ok(house.nft(TABLES)?.is_empty()))?;
    balancer.stop(LONG)?;
    Ok(())
}

/// The program is replaced while everybody talks: the successor has the table when its predecessor has gone.
pub(super) fn an_upgrade_takes_the_table_along(bench: &Bench<'_>) -> Result<()> {
    let mut stage = Stage::new(bench)?;
    let busy = Busy::start(&stage.client, VIP, 32)?;
    busy.moves_on()?;
    let owner = |stage: &Stage| stage.nft(0, COUNTERS).map(|counters| owners(&counters));
    let old = stage.balancers[0].pid();
    ensure!(
        owner(&stage)? == [old.to_string()],
        "{:?} and not {old}",
        owner(&stage)?
    );

    let pins = |stage: &Stage| -> Result<usize> {
        let map = "to_10.9.0.100_5672_pins_65536";
        let listed = stage.nft(0, &["list", "map", "inet", "tandem_forward", map])?;
        Ok(listed.matches("expires").count())
    };
    ensure!(pins(&stage)? >= 32, "who talks is pinned");
    let mut predecessor = stage.replace_balancer(0)?;
    busy.moves_on()?;
    ensure!(predecessor.wait(LONG)?.success(), "{}", predecessor.output());
    let new = stage.balancers[0].pid();
    ensure!(
        owner(&stage)? == [new.to_string()],
        "{:?} and not {new}",
        owner(&stage)?
    );
    ensure!(pins(&stage)? >= 32, "the pins are gone");
    busy.moves_on()?;
    visit(&stage.client, VIP).context("nobody new is let in")?;

    // It leads: what it is told, the kernel does.
    stage.tell(0, "set server nodes/s1 state drain")?;
    wait("new clients go elsewhere", || {
        Ok((0..10).all(|_| visit(&stage.client, VIP).is_ok_and(|server| server == "s2")))
    })?;
    busy.moves_on()?;
    let told = busy.finish()?;
    bench.say(format!("{told}; process {new} has replaced {old}"));
    ensure!(told.lost == 0, "{} connections were lost: {:?}", told.lost, told.why);

    stage.stop_router(0)?;
    stage.balancers[0].stop(LONG)?;
    ensure!(stage.tables(0)?.is_empty(), "the last one takes the table out");
    Ok(())
}

/// A host for balancers that only have to start.
struct House {
    host: Host,
    folder: PathBuf,
    _lab: Lab,
}

impl House {
    fn new(bench: &Bench<'_>) -> Result<House> {
        let lab = Lab::new(bench.ground)?;
        Ok(House {
            host: lab.host("a")?,
            folder: lab.folder()?,
            _lab: lab,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.cfg"))
    }

    fn socket(&self, name: &str) -> String {
        self.folder.join(format!("{name}.sock")).display().to_string()
    }

    fn write(&self, name: &str, sections: &str) -> Result<()> {
        let text = format!(
            "global\n stats socket {} level admin expose-fd listeners\ndefaults\n mode tcp\n timeout connect 1s\n \
             timeout client 9s\n timeout server 9s\n{sections}",
            self.socket(name)
        );
        Ok(std::fs::write(self.file(name), text)?)
    }

    fn run(&self, name: &str, sections: &str, more: &[&str]) -> Result<Running> {
        self.write(name, sections)?;
        let mut command = Command::new(programs::built("tandem-lb")?);
        Ok(self
            .host
            .run(command.arg("-db").arg("-f").arg(self.file(name)).args(more))?)
    }

    fn start(&self, name: &str, sections: &str, more: &[&str]) -> Result<Running> {
        let running = self.run(name, sections, more)?;
        balancer_answers(self, name, &running)?;
        Ok(running)
    }

    fn ask(&self, name: &str) -> Result<String> {
        ask(Path::new(&self.socket(name)), "show stat")
    }

    fn nft(&self, args: &[&str]) -> Result<String> {
        nft(&self.host, args)
    }

    fn table(&self) -> Result<String> {
        self.nft(&["list", "table", "inet", "tandem_forward"])
    }

    fn is_owned_by(&self, balancer: &Running) -> Result<()> {
        let (owners, pid) = (owners(&self.nft(COUNTERS)?), balancer.pid());
        ensure!(owners == [pid.to_string()], "{owners:?} have the table, and not {pid}");
        Ok(())
    }
}

fn balancer_answers(house: &House, name: &str, balancer: &Running) -> Result<()> {
    wait("the balancer answers", || Ok(house.ask(name).is_ok())).with_context(|| balancer.output())
}

/// Processes that the table names as its owners.
fn owners(counters: &str) -> Vec<String> {
    let named = counters
        .lines()
        .filter_map(|line| line.trim().strip_prefix("counter owner_"));
    named
        .filter_map(|name| Some(name.split_once('_')?.0.to_owned()))
        .collect()
}

fn forwarded(n: u8) -> String {
    format!(
        "frontend forwarded{n}\n bind 10.9.0.{n}:5672\n tandem-forward\n default_backend nodes{n}\nbackend nodes{n}\n \
         balance source\n server s 10.8.0.2{n}:1883\n"
    )
}

fn served(n: u8) -> String {
    format!("listen served{n}\n bind 127.0.0.1:100{n}\n server s 127.0.0.1:9\n")
}
