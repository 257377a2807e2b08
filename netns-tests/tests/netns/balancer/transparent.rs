//! `usesrc client`: a server in another network sees the client's own address and port, and what it answers comes back
//! through the balancer, which takes it although it is addressed to the client.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tandem_lab::{Host, Lab};
use tandem_netns_tests::{Bench, Options};

use super::stage::program;

const LONG: Duration = Duration::from_secs(10);
const FRONT: &str = "10.9.0.1:61616";
const SERVER: &str = "10.9.1.21:61616";
/// What belongs to a socket of the balancer's is for the balancer, whoever it is addressed to.
const RULES: &str = "table ip ours { chain in { type filter hook prerouting priority -150; \
                     meta l4proto tcp socket transparent 1 meta mark set 1; }; }";

pub(crate) fn the_server_sees_the_client(bench: &Bench<'_>) -> Result<()> {
    let lab = Lab::new(bench.ground)?;
    let (outside, inside) = (lab.switch("outside")?, lab.switch("inside")?);
    let client = lab.host("client")?;
    lab.link(&client, &outside, "10.9.0.10/24".parse()?)?;
    let balancer = lab.host("balancer")?;
    lab.link(&balancer, &outside, "10.9.0.1/24".parse()?)?;
    lab.link(&balancer, &inside, "10.9.1.1/24".parse()?)?;
    let server = lab.host("server")?;
    lab.link(&server, &inside, "10.9.1.21/24".parse()?)?;
    server.add_default_route("10.9.1.1".parse()?)?;
    balancer.nft(RULES)?;
    balancer.sysctl("net.ipv4.conf.all.rp_filter", "0")?;
    for words in [
        "rule add fwmark 1 lookup 100",
        "route add local 0.0.0.0/0 dev lo table 100",
    ] {
        let mut routing = balancer.run(Command::new("ip").args(words.split(' ')))?;
        ensure!(routing.wait(LONG)?.success(), "ip {words}: {}", routing.output());
    }

    let mut mirror = Command::new(std::env::current_exe()?);
    let mirror = server.run(mirror.args(["--run", "helper::mirror"]))?;
    mirror.wait_for_line("listening", LONG)?;
    let config = lab.folder()?.join("transparent.cfg");
    let text = format!(
        "defaults\n timeout connect 2s\n timeout client 9s\n timeout server 9s\nlisten l\n bind {FRONT}\n \
         server s {SERVER} source 0.0.0.0 usesrc client\n"
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new(program(bench.options.peer)?);
    let mut running = balancer.run(command.arg("-f").arg(&config).arg("-db"))?;
    let deadline = Instant::now() + LONG;
    loop {
        match seen(&client) {
            Ok((own, seen)) => {
                bench.say(format!("the client at {own} was seen at {seen}"));
                ensure!(own == seen, "the server has seen somebody else");
                return Ok(());
            }
            Err(why) if Instant::now() > deadline || !running.is_running()? => {
                bail!("the balancer does not serve: {why:#}\n{}", running.output());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Where the client is, and where the server says that it is.
fn seen(client: &Host) -> Result<(SocketAddr, SocketAddr)> {
    client.inside(|| -> Result<(SocketAddr, SocketAddr)> {
        let stream = TcpStream::connect(FRONT)?;
        stream.set_read_timeout(Some(LONG))?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        let seen = line
            .trim()
            .parse()
            .with_context(|| format!("the server said {line:?}"))?;
        Ok((stream.local_addr()?, seen))
    })?
}

/// Tells each client where it seems to be.
pub(crate) fn mirror(_: &Options) -> Result<()> {
    let listener = TcpListener::bind(SERVER)?;
    writeln!(std::io::stdout(), "listening")?;
    loop {
        let (mut stream, from) = listener.accept()?;
        writeln!(stream, "{from}").ok();
    }
}
