//! The master socket (`-S`), as HAProxy's tools expect it (reference 4.3).
//!
//! There is one process here: it reloads by itself, and a new binary takes its connections over. So it is its own worker,
//! and what is sent to the worker (`@1 show info`) is answered like on the stats socket.

use std::cell::Cell;
use std::fs;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use tandem_lb_config::{self as config, AddressError, Level as Allowed, SeverityOutput, SocketFile, StatsSocket};
use tandem_ops::clock::Clock;
use tandem_ops::control::{Call, Command, Console, Level, Reply};
use tandem_time::Mono;
use thiserror::Error;
use tokio::io::AsyncWriteExt;

use crate::reload::Reloader;
use crate::socket::Room;
use crate::stats::VERSION;

/// What commands of the master socket work on.
pub(crate) struct Master {
    worker: Rc<Console<Room>>,
    reloader: Rc<Reloader>,
    elder: Rc<Elder>,
    clock: Clock,
    began: Mono,
}

/// The process before this one, for as long as it serves those who stayed there.
#[derive(Debug)]
pub(crate) struct Elder {
    pid: Option<u32>,
    serves: Cell<bool>,
}

/// Where the socket is to be, as on the command line: `PATH[,mode,600][,level,operator][,user,NAME][,group,NAME]`
/// or `,severity-output,number`; or `ADDRESS:PORT` in place of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MasterSocket(StatsSocket);

#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum MasterSocketError {
    #[error("the master socket has no place: {0}; {help}", help = .0.help())]
    Address(#[from] AddressError),
    #[error(
        "'{0}' is no option of a master socket: it knows mode, level, severity-output, user and group, each with a value"
    )]
    Option(String),
}

impl Master {
    pub(crate) fn new(worker: Rc<Console<Room>>, reloader: Rc<Reloader>, elder: Rc<Elder>, clock: Clock) -> Master {
        let began = clock.now();
        Master {
            worker,
            reloader,
            elder,
            clock,
            began,
        }
    }
}

impl Elder {
    pub(crate) fn new(pid: Option<u32>) -> Rc<Elder> {
        Rc::new(Elder {
            pid,
            serves: Cell::default(),
        })
    }

    pub(crate) fn serves(&self, does: bool) {
        self.serves.set(does);
    }

    /// Which it is, and for how long it has run. It is shown also where it is not ours to know how long.
    fn present(&self) -> Option<(u32, Duration)> {
        let pid = self.pid.filter(|_| self.serves.get())?;
        let read = |path: String| fs::read_to_string(path).ok();
        let told = read(format!("/proc/{pid}/stat")).zip(read("/proc/uptime".to_owned()));
        let age = told.and_then(|(stat, uptime)| age(&stat, &uptime));
        Some((pid, age.unwrap_or_default()))
    }
}

/// How long a process has run, by its line in `/proc/PID/stat` and that in `/proc/uptime` (proc(5)). What the file system
/// says of the folder is when somebody first looked there.
fn age(stat: &str, uptime: &str) -> Option<Duration> {
    /// The kernel's unit for programs, whatever its own is.
    const TICK: Duration = Duration::from_millis(10);
    const BEGAN: usize = 22;
    // The second field is the name, in which there may be anything.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let ticks = behind_name.split_whitespace().nth(BEGAN - 3)?;
    let began = TICK.checked_mul(ticks.parse().ok()?)?;
    let now = uptime.split_whitespace().next()?.parse().ok()?;
    Some(Duration::try_from_secs_f64(now).ok()?.saturating_sub(began))
}

impl MasterSocket {
    pub(crate) fn configured(&self) -> &StatsSocket {
        &self.0
    }
}

impl FromStr for MasterSocket {
    type Err = MasterSocketError;

    fn from_str(text: &str) -> Result<MasterSocket, MasterSocketError> {
        let mut words = text.split(',');
        let mut socket = StatsSocket {
            address: config::listener(words.next().unwrap_or_default())?,
            origin: "-S".into(),
            level: Allowed::Admin,
            severities: SeverityOutput::None,
            file: SocketFile::default(),
            expose_listeners: false,
        };
        while let Some(option) = words.next() {
            let wrong = || MasterSocketError::Option(option.to_owned());
            let value = words.next().ok_or_else(wrong)?;
            match option {
                "mode" => socket.file.mode = Some(u32::from_str_radix(value, 8).map_err(|_| wrong())?),
                "level" => socket.level = Allowed::named(value).ok_or_else(wrong)?,
                "severity-output" => socket.severities = SeverityOutput::named(value).ok_or_else(wrong)?,
                "user" => socket.file.user = Some(value.to_owned()),
                "group" => socket.file.group = Some(value.to_owned()),
                _ => return Err(wrong()),
            }
        }
        Ok(MasterSocket(socket))
    }
}

#[rustfmt::skip]
pub(crate) static COMMANDS: &[Command<Master>] = &[
    Command { name: "@", usage: "@<relative pid>", level: Level::User, run: at, about: "send a command to the <relative pid> process" },
    Command { name: "@!<pid>", usage: "@!<pid>", level: Level::User, run: at, about: "send a command to the <pid> process" },
    Command { name: "@master", usage: "@master", level: Level::User, run: at, about: "send a command to the master process" },
    Command { name: "reload", usage: "reload", level: Level::Admin, run: reload, about: "reload haproxy" },
    Command { name: "show proc", usage: "show proc", level: Level::User, run: processes, about: "show processes status" },
    Command { name: "show startup-logs", usage: "show startup-logs", level: Level::User, run: startup, about: "report logs emitted during the start" },
    Command { name: "show version", usage: "show version", level: Level::User, run: |_, _| Reply::info(VERSION), about: "show version of the current process" },
];

/// Whoever looks sees that the last reload was refused.
pub(crate) fn prompt(master: &Master) -> &'static str {
    if master.reloader.counts().1 > 0 {
        "master[ReloadFailed]> "
    } else {
        "master> "
    }
}

/// `@1` and `@!PID` are this process.
fn at(master: &Master, call: &Call) -> Reply {
    let (target, rest) = (call.arg(0), call.args().get(1..).unwrap_or_default());
    let me = format!("@!{}", std::process::id());
    match target {
        target if target == "@1" || target == me => match rest {
            // All that follows is for the worker.
            [] => Reply::Done,
            rest => master.worker.forward(rest, call),
        },
        target => Reply::error(format!("Can't find the target PID matching the prefix '{target}'")),
    }
}

/// Answers when it is done, and closes, as HAProxy does since 2.7.
fn reload(master: &Master, _: &Call) -> Reply {
    let reloader = master.reloader.clone();
    Reply::Becomes(Box::new(|mut stream, _place| {
        Box::pin(async move {
            let (is_done, text) = match reloader.reload().await {
                Ok(difference) => (true, difference.to_string()),
                Err(refused) => (false, refused.to_string()),
            };
            let answer = format!("Success={}\n--\n{}\n", u8::from(is_done), text.trim_end());
            // Whoever asked may be gone, and then nobody misses it.
            stream.write_all(answer.as_bytes()).await.ok();
            stream.shutdown().await.ok();
        })
    }))
}

fn processes(master: &Master, _: &Call) -> Reply {
    let uptime = uptime(master.clock.now() - master.began);
    let (all, failed) = master.reloader.counts();
    let reloads = format!("{all} [failed: {failed}]");
    let row = |cells: [&str; 5]| {
        let [pid, kind, reloads, uptime, version] = cells;
        format!("{pid:<15} {kind:<15} {reloads:<15} {uptime:<15} {version}\n")
    };
    let pid = std::process::id().to_string();
    let title = row(["#<PID>", "<type>", "<reloads>", "<uptime>", "<version>      "]);
    let own = row([&pid, "master", &reloads, &uptime, VERSION]);
    let worker = row([&pid, "worker", "0", &uptime, VERSION]);
    // Of which version it is it has not said.
    let elder = |(pid, since): (u32, Duration)| {
        let row = row([&pid.to_string(), "worker", "1", &self::uptime(since), "-"]);
        format!("# old workers\n{row}")
    };
    let elder = master.elder.present().map(elder).unwrap_or_default();
    Reply::Output(format!("{title}{own}# workers\n{worker}{elder}# programs\n"))
}

/// The worker's start is the master's: there is one process.
fn startup(master: &Master, call: &Call) -> Reply {
    let words = ["show", "startup-logs"].map(str::to_owned);
    master.worker.forward(&words, call)
}

fn uptime(since: Duration) -> String {
    let seconds = since.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    format!(
        "{}d{:02}h{:02}m{:02}s",
        hours / 24,
        hours % 24,
        minutes % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use tandem_lb_config::BindAddress;

    use super::*;

    #[test]
    fn how_long_a_process_has_run() {
        let stat =
            |name: &str| format!("7 ({name}) S 1 7 7 0 -1 4194560 9 0 1 0 2 3 0 0 20 0 4 0 12345 1000 50 99 1\n");
        for name in ["tandem-lb", "a b", "x) S 1 (", ""] {
            let ran = age(&stat(name), "1000.25 3000.00\n");
            assert_eq!(ran, Some(Duration::from_millis(1_000_250 - 123_450)), "{name}");
        }
        assert_eq!(age(&stat("x"), "1.00 1.00\n"), Some(Duration::ZERO));
        assert_eq!((age("7 (x) S 1", "1000.25 1"), age(&stat("x"), "")), (None, None));
    }

    #[test]
    fn where_it_is_and_who_may() {
        let read = |text: &str| text.parse::<MasterSocket>().map(|socket| socket.0);
        let plain = read("/run/m").expect("a path");
        assert_eq!(plain.address, BindAddress::Unix("/run/m".into()));
        assert_eq!((plain.level, plain.file.mode), (Allowed::Admin, None));
        let full = read("unix@/run/m,mode,660,level,operator,user,u,group,g").expect("all options");
        assert_eq!((full.level, full.file.mode), (Allowed::Operator, Some(0o660)));
        assert_eq!(
            (full.file.user.as_deref(), full.file.group.as_deref()),
            (Some("u"), Some("g"))
        );
        for (text, ip) in [
            ("127.0.0.1:9", "127.0.0.1"),
            ("ipv4@127.0.0.1:9", "127.0.0.1"),
            (":9", "0.0.0.0"),
            ("*:9", "0.0.0.0"),
            ("ipv6@[::1]:9", "::1"),
            ("::1:9", "::1"),
            ("ipv6@:9", "::"),
            ("ipv6@*:9", "::"),
            ("tcp@127.0.0.1:9", "127.0.0.1"),
        ] {
            let ip = ip.parse().expect("an address");
            let address = read(text).map(|socket| socket.address);
            assert_eq!(address, Ok(BindAddress::Ip { ip, port: 9 }), "{text}");
        }
        for text in [
            "",
            "m",
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:70000",
            "127.0.0.1:+9",
            "127.0.0.1:9-10",
            "host:9",
            "ipv6@127.0.0.1:9",
            "ipv4@[::1]:9",
            "[[::1:9",
        ] {
            assert!(matches!(read(text), Err(MasterSocketError::Address(_))), "{text}");
        }
        let hidden = read("abns@x").map(|socket| socket.address);
        assert_eq!(hidden, Ok(BindAddress::Abstract("x".to_owned())));
        let told = read("/m,severity-output,string").expect("an option");
        assert_eq!(told.severities, SeverityOutput::Word);
        for wrong in ["mode", "mode,9", "level,king", "severity-output,loud", "accept-proxy,1"] {
            let option = wrong.split(',').next().unwrap_or_default().to_owned();
            assert_eq!(
                read(&format!("/m,{wrong}")),
                Err(MasterSocketError::Option(option)),
                "{wrong}"
            );
        }
    }

    #[test]
    fn uptimes() {
        assert_eq!(uptime(Duration::from_secs(37)), "0d00h00m37s");
        assert_eq!(uptime(Duration::from_secs(90_061)), "1d01h01m01s");
    }
}
