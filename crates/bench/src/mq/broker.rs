//! A broker at work: started in a folder of its own, and what the kernel says it costs.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::amqp::USER;
use crate::{ports, process};

const READY: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(5);

const ACTIVEMQ: &str = "/usr/share/activemq/bin/activemq.jar";
const JAVA: &str = "/usr/bin/java";
const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    RabbitMq,
    ActiveMq,
    Mosquitto,
    Ours,
}

impl Program {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Program::RabbitMq => "RabbitMQ",
            Program::ActiveMq => "ActiveMQ",
            Program::Mosquitto => "Mosquitto",
            Program::Ours => "tandem-mq",
        }
    }

    /// Where it lies; why not, when it does not.
    pub(super) fn find(self) -> Result<PathBuf> {
        let there = |path: &str| {
            let path = PathBuf::from(path);
            path.is_file().then_some(path).context("it is not installed")
        };
        match self {
            Program::RabbitMq => there(RABBITMQ),
            Program::ActiveMq => there(JAVA).and(there(ACTIVEMQ)),
            Program::Mosquitto => Ok(tandem_lab::programs::installed("mosquitto")?),
            Program::Ours => crate::program::ours("tandem-mq"),
        }
    }
}

/// Its processes are a group. Killed, with all that it wrote, when it is dropped.
pub(super) struct Broker {
    group: Vec<Child>,
    folder: PathBuf,
    pub(super) at: SocketAddr,
}

impl Broker {
    /// Started, but perhaps not ready yet.
    pub(super) fn start(program: Program, path: &Path) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("tandem-bench-mq-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut broker = Self {
            group: Vec::new(),
            folder,
            at: ports::free()?,
        };
        broker.begin(program, path)?;
        Ok(broker)
    }

    fn begin(&mut self, program: Program, path: &Path) -> Result<()> {
        match program {
            Program::RabbitMq => self.rabbitmq(path),
            Program::ActiveMq => self.activemq(path),
            Program::Mosquitto => {
                // What a subscriber has not taken yet is kept for it, as with ours.
                let text = format!(
                    "listener {} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 200\n",
                    self.at.port()
                );
                let file = self.write("conf", &text)?;
                self.spawn(Command::new(path).arg("-c").arg(file))
            }
            Program::Ours => {
                let file = self.ours(path)?;
                self.spawn(Command::new(path).arg("-f").arg(file))
            }
        }
    }

    /// Killed, and started again on what it has written.
    pub(super) fn start_again(&mut self, program: Program, path: &Path) -> Result<()> {
        self.end();
        self.begin(program, path)
    }

    fn ours(&self, path: &Path) -> Result<PathBuf> {
        let mut hash = Command::new(path)
            .arg("--hash-password")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = hash.stdin.take().context("no way to say a password")?;
        std::io::Write::write_all(&mut { input }, USER.as_bytes())?;
        let hash = String::from_utf8(hash.wait_with_output()?.stdout)?;
        let text = format!(
            "data-dir = \"{}\"\nanonymous = true\n[[user]]\nname = \"{USER}\"\npassword-hash = \"{}\"\n[[listen]]\naddress = \"{}\"\n[memory]\n\
             messages = 2147483648\nslow-subscribers = \"wait\"\n",
            self.folder.join("data").display(),
            hash.trim(),
            self.at
        );
        self.write("mq.toml", &text)
    }

    fn activemq(&mut self, path: &Path) -> Result<()> {
        let folder = self.folder.display().to_string();
        let mut command = Command::new(JAVA);
        command.arg("-Dactivemq.home=/usr/share/activemq");
        for name in ["base", "conf", "data"] {
            command.arg(format!("-Dactivemq.{name}={folder}/{name}"));
        }
        let at = format!(
            "broker:(stomp://{})?persistent=true&useJmx=false&dataDirectory={folder}/data",
            self.at
        );
        self.spawn(command.arg("-jar").arg(path).args(["start", &at]))
    }

    fn rabbitmq(&mut self, path: &Path) -> Result<()> {
        let (between, names) = (ports::free()?.port(), ports::free()?.port());
        self.write("rabbit.conf", &format!("listeners.tcp.1 = {}\n", self.at))?;
        let plugins = self.write("plugins", "[].\n")?;
        let environment = [
            ("ERL_EPMD_PORT", names.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ];
        self.spawn(Command::new("/usr/bin/epmd").envs(environment.clone()))?;
        let folder = self.folder.clone();
        let mut command = Command::new(path);
        command
            .envs(environment)
            .env("HOME", &folder)
            .env("RABBITMQ_NODENAME", format!("tandem{between}@localhost"))
            .env("RABBITMQ_DIST_PORT", between.to_string())
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbit"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", plugins)
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
        self.spawn(&mut command)
    }

    fn spawn(&mut self, command: &mut Command) -> Result<()> {
        let name = command.get_program().to_string_lossy().into_owned();
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.group.push(quiet.process_group(0).spawn().context(name)?);
        Ok(())
    }

    fn write(&self, file: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(file);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Asks until somebody is let in; what is said then.
    pub(super) async fn ready<T>(&mut self, ask: impl AsyncFn(SocketAddr) -> Result<T>) -> Result<T> {
        let deadline = Instant::now() + READY;
        loop {
            let why = match ask(self.at).await {
                Ok(said) => return Ok(said),
                Err(why) => why,
            };
            let broker = self.group.last_mut().context("nothing was started")?;
            if let Some(status) = broker.try_wait()? {
                bail!("it ended with {status}");
            }
            if Instant::now() > deadline {
                return Err(why.context("it does not get ready"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// In bytes.
    pub(super) fn memory(&self) -> Result<f64> {
        process::memory(&self.family()?)
    }

    pub(super) fn processor_time(&self) -> Result<Duration> {
        Ok(process::processor_time(&self.family()?))
    }

    /// All processes of the group of what was started last.
    fn family(&self) -> Result<Vec<u32>> {
        let leader = self.group.last().context("nothing was started")?.id().to_string();
        let all = fs::read_dir("/proc")?.flatten();
        let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let group = |process: &u32| {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // Behind the name, which may hold anything: state, parent, group.
            let group = stat
                .rsplit_once(')')
                .and_then(|(_, rest)| rest.split_whitespace().nth(2));
            group == Some(leader.as_str())
        };
        Ok(numbers.filter(group).collect())
    }

    /// The files that messages are in.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn end(&mut self) {
        for mut child in self.group.drain(..) {
            // It may have ended by itself.
            killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).ok();
            child.wait().ok();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end();
        fs::remove_dir_all(&self.folder).ok();
    }
}
