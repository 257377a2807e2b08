//! The lab itself: if it lies, every other test here lies.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tandem_lab::{Host, Lab, Link};
use tandem_netns_tests::{Bench, Test};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(10);

pub(crate) fn tests() -> Vec<Test> {
    let test = |name, run| Test {
        name,
        within: Duration::from_secs(60),
        run,
    };
    vec![
        test("lab::two_hosts_talk_over_tcp", two_hosts_talk_over_tcp),
        test("lab::a_program_runs_in_its_host", a_program_runs_in_its_host),
    ]
}

/// Two hosts on one switch.
struct Pair {
    lab: Lab,
    a: Host,
    b: Host,
    a_link: Link,
    b_link: Link,
}

impl Pair {
    fn new(bench: &Bench<'_>) -> Result<Self> {
        let lab = Lab::new(bench.ground)?;
        let lan = lab.switch("lan")?;
        let (a, b) = (lab.host("a")?, lab.host("b")?);
        let a_link = lab.link(&a, &lan, "10.9.0.1/24".parse()?)?;
        let b_link = lab.link(&b, &lan, "10.9.0.2/24".parse()?)?;
        Ok(Self {
            lab,
            a,
            b,
            a_link,
            b_link,
        })
    }
}

/// An echo server in a host, which ends with its process.
fn echo(host: &Host) -> Result<SocketAddr> {
    let listener = host.inside(|| TcpListener::bind("0.0.0.0:0"))??;
    let port = listener.local_addr()?.port();
    host.thread(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone()?, &mut stream));
        }
    })?;
    Ok(SocketAddr::from(([10, 9, 0, 2], port)))
}

fn exchange(host: &Host, to: SocketAddr, within: Duration) -> Result<()> {
    host.inside(|| {
        let mut stream = TcpStream::connect_timeout(&to, within)?;
        stream.set_read_timeout(Some(within))?;
        stream.write_all(b"hello")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        ensure!(&answer == b"hello", "another answer than was sent");
        Ok(())
    })?
}

fn two_hosts_talk_over_tcp(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let server = echo(&pair.b)?;
    exchange(&pair.a, server, LONG).context("a to b")?;
    bench.say(pair.lab.describe());
    Ok(())
}

fn a_program_runs_in_its_host(bench: &Bench<'_>) -> Result<()> {
    let pair = Pair::new(bench)?;
    let mut shell = pair
        .a
        .run(Command::new("sh").args(["-c", "hostname; ls /sys/class/net; echo ready; sleep 60"]))?;
    shell.wait_for_line("a", LONG)?;
    shell.wait_for_line("eth0", LONG)?;
    shell.wait_for_line("ready", LONG)?;
    ensure!(
        pair.a.processes()?.contains(&shell.pid()),
        "the program is not in its host"
    );
    ensure!(pair.b.processes()?.is_empty(), "a program is in another host");
    shell.kill()?;
    ensure!(pair.a.processes()?.is_empty(), "the program outlived its kill");
    Ok(())
}
