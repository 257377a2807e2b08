//! What becomes of a lab, seen from the machine it runs on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tandem_lab::{Door, Ground, Lab, Missing};
use tandem_netns_tests::{Helper, Options, Place, Test, process_tree};

const LONG: Duration = Duration::from_secs(10);

pub(crate) fn tests() -> Vec<Test> {
    let within = Duration::from_secs(60);
    let outside = |name, run| Test {
        name,
        within,
        within_long: None,
        place: Place::Outside(run),
    };
    let helper = |name, run| Test {
        name,
        within,
        within_long: None,
        place: Place::Helper(run),
    };
    vec![
        outside(
            "outside::kill_9_of_the_owner_leaves_nothing",
            kill_9_of_the_owner_leaves_nothing,
        ),
        outside(
            "outside::kill_9_of_any_process_of_it_leaves_nothing",
            kill_9_of_any_process_of_it_leaves_nothing,
        ),
        outside("outside::a_panic_leaves_nothing", a_panic_leaves_nothing),
        outside(
            "outside::a_signal_reaches_the_program_inside",
            a_signal_reaches_the_program_inside,
        ),
        outside("outside::a_door_leads_into_a_host", a_door_leads_into_a_host),
        helper("helper::busy_lab", busy_lab),
        helper("helper::panicking_lab", panicking_lab),
        helper("helper::patient_program", patient_program),
        helper("helper::lab_with_a_door", lab_with_a_door),
    ]
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn enter() -> Result<Ground> {
    Ok(Ground::enter().map_err(Missing::from)?)
}

/// A lab with programs of all kinds: one in the foreground, and a daemon in a session of its own.
fn populate(ground: &Ground) -> Result<(Lab, Vec<tandem_lab::Running>)> {
    let lab = Lab::new(ground)?;
    let lan = lab.switch("lan")?;
    let mut programs = Vec::new();
    for (name, address) in [("a", "10.9.0.1/24"), ("b", "10.9.0.2/24")] {
        let host = lab.host(name)?;
        lab.link(&host, &lan, address.parse()?)?;
        let script = "setsid sh -c 'trap \"\" TERM HUP INT; sleep 600; sleep 600' & echo up; exec sleep 600";
        let program = host.run(Command::new("sh").args(["-c", script]))?;
        program.wait_for_line("up", LONG)?;
        programs.push(program);
    }
    Ok((lab, programs))
}

fn busy_lab(_: &Options) -> Result<()> {
    let ground = enter()?;
    let _busy = populate(&ground)?;
    say("ready")?;
    std::thread::sleep(Duration::from_secs(600));
    Ok(())
}

fn panicking_lab(_: &Options) -> Result<()> {
    let ground = enter()?;
    let _busy = populate(&ground)?;
    say("ready")?;
    // Goes on when the test has looked around.
    std::io::stdin().read_line(&mut String::new())?;
    panic!("on purpose");
}

/// The interfaces and processes that exist before and must be all that exist after.
struct Before {
    interfaces: Vec<String>,
}

impl Before {
    fn look() -> Result<Self> {
        Ok(Self {
            interfaces: interfaces()?,
        })
    }

    /// Waits until the processes are gone, then compares the interfaces.
    fn compare(&self, processes: &[u32]) -> Result<()> {
        let deadline = Instant::now() + LONG;
        loop {
            let left: Vec<u32> = processes.iter().copied().filter(|pid| is_alive(*pid)).collect();
            if left.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                bail!("still running: {left:?} of {processes:?}");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let now = interfaces()?;
        ensure!(
            now == self.interfaces,
            "interfaces before {:?}, after {now:?}",
            self.interfaces
        );
        Ok(())
    }
}

fn interfaces() -> Result<Vec<String>> {
    let table = std::fs::read_to_string("/proc/net/dev")?;
    Ok(table
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_string()))
        .collect())
}

fn is_alive(pid: u32) -> bool {
    // A zombie has ended; only its status is left for its parent to read.
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty()
        && !status
            .lines()
            .any(|line| line.starts_with("State:") && line.contains('Z'))
}

fn busy(options: &Options) -> Result<(Before, Helper, Vec<u32>)> {
    let before = Before::look()?;
    let mut helper = Helper::start(options, "helper::busy_lab")?;
    ensure!(helper.line()? == "ready", "the helper is not ready");
    let tree = process_tree(helper.pid())?;
    // The one that waits, the one that entered, process 1 inside, the program, and two programs in each of two hosts with
    // what those started.
    ensure!(tree.len() >= 8, "too few processes to prove anything: {tree:?}");
    ensure!(
        interfaces()? == before.interfaces,
        "the lab shows in the machine's own network"
    );
    Ok((before, helper, tree))
}

fn kill_9_of_the_owner_leaves_nothing(options: &Options) -> Result<()> {
    let (before, mut helper, tree) = busy(options)?;
    helper.kill()?;
    before.compare(&tree)
}

fn kill_9_of_any_process_of_it_leaves_nothing(options: &Options) -> Result<()> {
    // 1: entered the namespaces; 2: process 1 inside; 3: the program.
    for generation in 1..=3 {
        let (before, mut helper, tree) = busy(options)?;
        let victim = *tree.get(generation).context("a missing generation")?;
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(victim.try_into()?),
            nix::sys::signal::Signal::SIGKILL,
        )?;
        before
            .compare(&tree)
            .with_context(|| format!("generation {generation}"))?;
        ensure!(
            helper.wait()? == Some(137),
            "the owner does not pass on how its program ended"
        );
    }
    Ok(())
}

fn a_panic_leaves_nothing(options: &Options) -> Result<()> {
    let before = Before::look()?;
    let mut helper = Helper::start(options, "helper::panicking_lab")?;
    ensure!(helper.line()? == "ready", "the helper is not ready");
    let tree = process_tree(helper.pid())?;
    helper.tell("go on")?;
    ensure!(
        helper.wait()? == Some(101),
        "the owner does not pass on that its program panicked"
    );
    before.compare(&tree)
}

fn patient_program(_: &Options) -> Result<()> {
    let _ground = enter()?;
    say("ready")?;
    std::thread::sleep(Duration::from_secs(600));
    Ok(())
}

fn a_signal_reaches_the_program_inside(options: &Options) -> Result<()> {
    let mut helper = Helper::start(options, "helper::patient_program")?;
    ensure!(helper.line()? == "ready", "the helper is not ready");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(helper.pid().try_into()?),
        nix::sys::signal::Signal::SIGTERM,
    )?;
    ensure!(
        helper.wait()? == Some(143),
        "another status than that of a program that SIGTERM ended"
    );
    Ok(())
}

fn lab_with_a_door(_: &Options) -> Result<()> {
    let door = Door::open(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = door.address()?;
    let ground = enter()?;
    let lab = Lab::new(&ground)?;
    let host = lab.host("a")?;
    let listener = host.inside(|| TcpListener::bind("127.0.0.1:0"))??;
    let _passage = door.lead_to(&host, listener.local_addr()?)?;
    say(&address.to_string())?;
    let (mut visitor, _) = listener.accept()?;
    let mut heard = String::new();
    visitor.read_to_string(&mut heard)?;
    visitor.write_all(format!("you said {heard}").as_bytes())?;
    drop(visitor);
    // Until the test has read it: what the door still holds ends with this process.
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn a_door_leads_into_a_host(options: &Options) -> Result<()> {
    let mut helper = Helper::start(options, "helper::lab_with_a_door")?;
    let address: SocketAddr = helper.line()?.parse()?;
    let mut stream = TcpStream::connect_timeout(&address, LONG)?;
    stream.set_read_timeout(Some(LONG))?;
    stream.write_all(b"hello")?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer == "you said hello", "another answer: {answer}");
    helper.tell("thanks")?;
    ensure!(helper.wait()? == Some(0), "the helper failed");
    Ok(())
}
