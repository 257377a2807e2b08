//! `tandem lab`: the pair on this machine, to try things out: a prompt, a small page, and the statistics pages of both
//! balancers, all on the machine's loopback.

mod page;
mod shared;
mod stage;

use std::io::{BufRead, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use tandem_lab::{Door, Ground};

use crate::pair::act::Side;
use crate::pair::files::PAGE_PORT;
use crate::pair::wishes::WishArgs;
use crate::say::say;
use shared::Shared;
use stage::{Line, Next, Stage};

#[derive(clap::Args)]
#[command(
    after_help = "At the prompt, in a script and on the page the words are the same; `help` says them.\n\
    Exit status: 0 it ended as told, 1 a line of the script could not be done, 2 the lab could not be built.\n\
    Examples:\n  tandem lab\n  tandem lab --script steps.txt"
)]
pub struct Args {
    /// Read what to do from this file and end with it; the first line that cannot be done ends it, too
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    #[command(flatten)]
    wishes: WishArgs,
}

/// The page's usual port; those of the statistics pages follow HAProxy's.
const PORT: u16 = 8400;
const STATISTICS: [u16; 2] = [8404, 8405];

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let script = args
        .script
        .as_ref()
        .map(|file| std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display())));
    let script = script.transpose()?;
    // A socket stays in the network it was opened in: these are the machine's own, so they come before the namespaces.
    let page = listen(PORT)?;
    let page_at = page.local_addr()?;
    let doors = [door(STATISTICS[0])?, door(STATISTICS[1])?];
    let ground = Ground::enter().map_err(|refusal| anyhow!("no network namespaces here: {refusal}"))?;
    let wishes = args.wishes.read();
    let stage = Stage::build(&ground, &wishes)?;
    say(&stage.describe())?;
    let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, PAGE_PORT));
    let mut passages = Vec::new();
    for (side, door) in Side::BOTH.into_iter().zip(doors) {
        say(&format!("statistics of {side}: http://{}/stats\n", door.address()?))?;
        passages.push(door.lead_to(stage.host(side), inside)?);
    }
    say(&format!("this lab: http://{page_at}/\n"))?;
    let stage = Shared::new(stage);
    page::serve(page, page_at, &stage);
    let outcome = match script {
        Some(script) => follow(&stage, script.lines()),
        None => converse(&stage),
    };
    // The doors first: their visitors' threads stand in the hosts.
    drop(passages);
    stage.end();
    outcome
}

fn follow<'a>(stage: &Shared<Stage>, lines: impl Iterator<Item = &'a str>) -> anyhow::Result<ExitCode> {
    for line in lines {
        say(&format!("> {line}\n"))?;
        match obey(stage, line) {
            Ok(Next::Say(words)) => say(&words)?,
            Ok(Next::End) => break,
            Err(error) => {
                say(&format!("{error:#}\n"))?;
                return Ok(ExitCode::from(1));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A mistake at the prompt is said, and the next line asked for. From a pipe it is the same without the prompt.
fn converse(stage: &Shared<Stage>) -> anyhow::Result<ExitCode> {
    let prompt = if std::io::stdin().is_terminal() { "lab> " } else { "" };
    say(prompt)?;
    for line in std::io::stdin().lock().lines() {
        match obey(stage, &line?) {
            Ok(Next::Say(words)) => say(&words)?,
            Ok(Next::End) => break,
            Err(error) => say(&format!("{error:#}\n"))?,
        }
        say(prompt)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn obey(stage: &Shared<Stage>, line: &str) -> anyhow::Result<Next> {
    match Line::read(line)? {
        // Whoever waits lets others work meanwhile.
        Line::Wait(time) => {
            std::thread::sleep(time);
            Ok(Next::Say(String::new()))
        }
        Line::Words(words) => stage.with(|stage| stage.obey(words)).context("the lab has ended")?,
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// On the usual port, or on another when somebody else has that one.
fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(local(port)).or_else(|_| TcpListener::bind(local(0)));
    listener.context("no free port on 127.0.0.1")
}

fn door(port: u16) -> anyhow::Result<Door> {
    Ok(Door::open(local(port)).or_else(|_| Door::open(local(0)))?)
}
