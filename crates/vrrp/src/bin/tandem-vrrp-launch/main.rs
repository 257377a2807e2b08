//! `tandem-vrrp-launch`: runs scripts as their users for a `tandem-vrrp` that may not change user.
//!
//! It serves one connection, on stdin, and ends with it. It runs nothing but what the configuration says, which it reads
//! itself, and as root nothing that others could change. Each run is a process group of its own, killed as a whole.

mod configuration;
mod job;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context, bail};
use clap::Parser;
use nix::sys::signal::Signal;
use nix::unistd::{Uid, User};
use tandem_ops::signals::{ROUTER, Signals};
use tandem_sys::process::signal_group;
use tandem_vrrp::wire::{Ask, LONGEST, Told};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use configuration::Configuration;
use job::Job;

#[derive(Parser)]
#[command(
    version,
    about = "Runs the scripts of a tandem-vrrp.conf as their users, for the one that asks on stdin"
)]
struct Args {
    /// The configuration that names them
    #[arg(
        short = 'f',
        long,
        value_name = "FILE",
        default_value = "/etc/keepalived/keepalived.conf"
    )]
    use_file: PathBuf,
    /// Lines that begin with @ID count if it is this one
    #[arg(short = 'i', long, value_name = "ID")]
    config_id: Option<String>,
}

fn main() -> ExitCode {
    match serve(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln(&format!("tandem-vrrp-launch: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A reader that is gone does not want it.
fn eprintln(text: &str) {
    use std::io::Write;
    writeln!(io::stderr().lock(), "{text}").ok();
}

fn serve(args: Args) -> anyhow::Result<()> {
    let stream = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.set_nonblocking(true)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Whoever asks ends last, and us with it.
        let _deaf = Signals::listen(ROUTER)?;
        let stream = UnixStream::from_std(stream).context("stdin is no socket")?;
        // Who they are says what a command without a user is run as.
        let asker = User::from_uid(Uid::from_raw(stream.peer_cred()?.uid()))?;
        let mut desk = Desk::new(args, asker.map(|user| user.name));
        let outcome = desk.serve(stream).await;
        // However it ended, nobody is left to want them.
        desk.kill_all();
        outcome
    })
}

struct Desk {
    configuration: Configuration,
    /// By the id of the one who asked; the leader of the process group.
    running: BTreeMap<u64, u32>,
}

impl Desk {
    fn new(args: Args, asker: Option<String>) -> Desk {
        Desk {
            configuration: Configuration::new(args, asker),
            running: BTreeMap::new(),
        }
    }

    async fn serve(&mut self, stream: UnixStream) -> anyhow::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut asks = read(reader);
        let (ends, mut ended) = mpsc::unbounded_channel();
        loop {
            tokio::select! {
                // First, so that no signal goes to a number that has been given up, and may be another's.
                biased;
                Some((id, status)) = ended.recv() => {
                    self.running.remove(&id);
                    tell(&mut writer, &ended_as(id, status)).await?;
                }
                ask = asks.recv() => {
                    let Some(ask) = ask else { return Ok(()) };
                    if let Some(told) = self.asked(ask, &ends) {
                        tell(&mut writer, &told).await?;
                    }
                }
            }
        }
    }

    fn kill_all(&self) {
        for leader in self.running.values() {
            // One that cannot be killed must not save the others.
            signal_group(*leader, Signal::SIGKILL).ok();
        }
    }

    fn asked(&mut self, ask: Ask, ends: &mpsc::UnboundedSender<(u64, io::Result<ExitStatus>)>) -> Option<Told> {
        match ask {
            Ask::Run { id, words, user, group } => {
                self.run(id, words, user, group, ends).err().map(|why| Told::Refused {
                    id,
                    why: format!("{why:#}"),
                })
            }
            Ask::Kill { id, hard } => {
                let signal = if hard { Signal::SIGKILL } else { Signal::SIGTERM };
                if let Some(leader) = self.running.get(&id) {
                    // One that is gone needs no signal; nothing else can go wrong with our own children.
                    signal_group(*leader, signal).ok();
                }
                None
            }
        }
    }

    fn run(
        &mut self,
        id: u64,
        words: Vec<String>,
        user: String,
        group: Option<String>,
        ends: &mpsc::UnboundedSender<(u64, io::Result<ExitStatus>)>,
    ) -> anyhow::Result<()> {
        if self.running.contains_key(&id) {
            bail!("there is a run {id} already");
        }
        if !self.configuration.allows(&words, &user, group.as_deref())? {
            bail!("the configuration does not say to run this as {user}");
        }
        let mut child = Job { words, user, group }.start()?;
        let leader = child.id().context("it ended at once")?;
        self.running.insert(id, leader);
        let ends = ends.clone();
        tokio::spawn(async move {
            let status = child.wait().await;
            // Nobody to tell means that we end.
            ends.send((id, status)).ok();
        });
        Ok(())
    }
}

/// Until the other end is gone, or says what is no question.
fn read(reader: OwnedReadHalf) -> mpsc::Receiver<Ask> {
    let (to, asks) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = String::new();
            let read = (&mut reader).take(LONGEST).read_line(&mut line).await;
            let whole = read.is_ok() && line.ends_with('\n');
            let Some(ask) = serde_json::from_str(&line).ok().filter(|_| whole) else {
                return;
            };
            if to.send(ask).await.is_err() {
                return;
            }
        }
    });
    asks
}

async fn tell(writer: &mut OwnedWriteHalf, told: &Told) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(told)?;
    line.push(b'\n');
    Ok(writer.write_all(&line).await?)
}

fn ended_as(id: u64, status: io::Result<ExitStatus>) -> Told {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => Told::Ended {
            id,
            code: status.code(),
            signal: status.signal(),
        },
        Err(error) => Told::Refused {
            id,
            why: error.to_string(),
        },
    }
}
