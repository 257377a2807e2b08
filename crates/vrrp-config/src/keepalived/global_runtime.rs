//! `global_defs`: names, files, scripts and scheduling.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tandem_text::Diagnostic;

use super::args::{Args, Outcome, number};
use super::global::{LONGEST_SCRIPT, SCRIPT_TIMEOUT};
use super::keyword::{Keyword, Kind, keyword};
use super::{command, pair_link};
use crate::code;
use crate::draft::Draft;
use crate::plan::{Command, Fifo, OnceScript};
use crate::units;

fn text(args: &mut Args<'_>, target: &mut Option<Arc<str>>) -> Outcome {
    *target = Some(args.text("a value")?);
    Ok(())
}

fn path(args: &mut Args<'_>) -> Result<PathBuf, Diagnostic> {
    Ok(PathBuf::from(&*args.text("a path")?))
}

/// Where Keepalived's exporters are asked, too.
const METRICS: u16 = 9650;

/// Takes a switch that is not acted on otherwise.
fn on(args: &mut Args<'_>, target: &mut bool) -> Outcome {
    *target = args.switch()?;
    Ok(())
}

pub(super) const KEYWORDS: &[Keyword<Draft>] = &[
    keyword(
        "router_id",
        Kind::Words,
        "this machine's name in messages",
        |draft, args| text(args, &mut draft.global.router_id),
    ),
    keyword(
        "default_interface",
        Kind::Words,
        "where addresses without `dev` go; eth0",
        |draft, args| text(args, &mut draft.global.default_interface),
    ),
    keyword(
        "log_unknown_vrids",
        Kind::Flag,
        "say so when a router id is nobody's",
        |draft, _| {
            draft.global.log_unknown_vrids = true;
            Ok(())
        },
    ),
    keyword(
        "dynamic_interfaces",
        Kind::Words,
        "interfaces may come later; they always may here",
        |draft, args| {
            args.accept("allow_if_changes");
            draft.global.dynamic_interfaces = true;
            Ok(())
        },
    ),
    keyword(
        "net_namespace",
        Kind::Words,
        "the network namespace to run in",
        |draft, args| text(args, &mut draft.global.net_namespace),
    ),
    keyword(
        "instance",
        Kind::Words,
        "this daemon's name in pid and dump files",
        |draft, args| text(args, &mut draft.global.instance_name),
    ),
    keyword(
        "use_pid_dir",
        Kind::Flag,
        "put pid files into a directory of their own",
        |draft, _| {
            draft.global.use_pid_dir = true;
            Ok(())
        },
    ),
    keyword("process_name", Kind::Words, "the daemon's name in ps", |draft, args| {
        text(args, &mut draft.global.process_name)
    }),
    keyword(
        "vrrp_process_name",
        Kind::Words,
        "the same, where `process_name` says nothing",
        |draft, args| {
            let name = args.text("a name")?;
            draft.global.process_name.get_or_insert(name);
            Ok(())
        },
    ),
    keyword("umask", Kind::Words, "what files are created without", |draft, args| {
        draft.global.umask = Some(umask(args)?);
        Ok(())
    }),
    keyword(
        "vmac_prefix",
        Kind::Words,
        "how the names of macvlans begin; vrrp",
        |draft, args| text(args, &mut draft.global.vmac_prefix),
    ),
    keyword(
        "vmac_addr_prefix",
        Kind::Words,
        "the same on other interfaces",
        |draft, args| text(args, &mut draft.global.vmac_addr_prefix),
    ),
    keyword(
        "disable_local_igmp",
        Kind::Flag,
        "do not report link-local groups",
        |draft, _| {
            draft.global.disable_local_igmp = true;
            Ok(())
        },
    ),
    keyword("random_seed", Kind::Words, "where ${_RANDOM} starts", |draft, args| {
        draft.global.random_seed = Some(args.number(0..=i64::from(u32::MAX))?);
        Ok(())
    }),
    keyword(
        "nftables",
        Kind::Words,
        "the table for the packet filter; tandem_vrrp",
        |draft, args| {
            if args.peek().is_some() {
                draft.global.firewall.table = Some(args.text("a name")?);
            }
            Ok(())
        },
    ),
    keyword(
        "nftables_priority",
        Kind::Words,
        "where in the order of filters it stands; -1",
        |draft, args| {
            draft.global.firewall.priority = args.number(i64::from(i32::MIN)..=i64::from(i32::MAX))?;
            Ok(())
        },
    ),
    keyword("nftables_counters", Kind::Flag, "count what is filtered", |draft, _| {
        draft.global.firewall.counters = true;
        Ok(())
    }),
    keyword(
        "reload_check_config",
        Kind::Words,
        "check files before a reload; always done",
        |draft, args| {
            if args.peek().is_some() {
                draft.global.reload.check_log = Some(path(args)?);
            }
            Ok(())
        },
    ),
    keyword(
        "reload_time_file",
        Kind::Words,
        "a file that says when to reload",
        |draft, args| {
            draft.global.reload.time_file = Some(path(args)?);
            Ok(())
        },
    ),
    keyword(
        "reload_repeat",
        Kind::Flag,
        "reload at that time every day",
        |draft, _| {
            draft.global.reload.repeat = true;
            Ok(())
        },
    ),
    keyword(
        "reload_file",
        Kind::Words,
        "a file that is there while files are read",
        |draft, args| {
            let marker = if args.peek().is_some() {
                path(args)?
            } else {
                PathBuf::new()
            };
            draft.global.reload.marker = Some(marker);
            Ok(())
        },
    ),
    keyword(
        "config_save_dir",
        Kind::Words,
        "a folder for each configuration, and for the state around each reload",
        |draft, args| {
            draft.global.reload.save = Some(path(args)?);
            Ok(())
        },
    ),
    keyword(
        "data_use_instance",
        Kind::Words,
        "put the instance's name into the names of dumps",
        |draft, args| on(args, &mut draft.global.dumps.use_instance),
    ),
    keyword(
        "state_dump_file",
        Kind::Words,
        "where the state is dumped",
        |draft, args| {
            draft.global.dumps.data = path(args)?;
            Ok(())
        },
    ),
    keyword(
        "stats_dump_file",
        Kind::Words,
        "where the counters are dumped",
        |draft, args| {
            draft.global.dumps.stats = path(args)?;
            Ok(())
        },
    ),
    keyword(
        "json_dump_file",
        Kind::Words,
        "where both are dumped as JSON",
        |draft, args| {
            draft.global.dumps.json = path(args)?;
            Ok(())
        },
    ),
    keyword(
        "metrics",
        Kind::Words,
        "where Prometheus asks, over HTTP: ADDRESS [PORT]; 9650",
        |draft, args| {
            draft.global.metrics = Some(pair_link::socket(args, METRICS)?);
            Ok(())
        },
    ),
    keyword("json_version", Kind::Words, "1 or 2", |draft, args| {
        draft.global.dumps.json_version = args.number(1..=2)?;
        Ok(())
    }),
];

pub(super) const SCRIPTS: &[Keyword<Draft>] = &[
    keyword(
        "script_user",
        Kind::Words,
        "the user and group that scripts run as",
        |draft, args| {
            if args.peek().is_none() {
                return args.word("a user").map(|_| ());
            }
            let words = args.rest();
            args.skip_words();
            draft.global.scripts.user = command::user_of(words)?;
            Ok(())
        },
    ),
    keyword(
        "enable_script_security",
        Kind::Flag,
        "run nothing as root that others may change",
        |draft, _| {
            draft.global.scripts.security = true;
            Ok(())
        },
    ),
    keyword(
        "startup_script",
        Kind::Command,
        "run once before anything else",
        |draft, args| {
            let timeout = draft
                .global
                .scripts
                .startup
                .as_ref()
                .map_or(SCRIPT_TIMEOUT, |script| script.timeout);
            let command = command::with_user(args)?;
            draft.global.scripts.startup = Some(OnceScript { command, timeout });
            Ok(())
        },
    ),
    keyword(
        "startup_script_timeout",
        Kind::Words,
        "seconds it may take; 10",
        |draft, args| once_timeout(args, &mut draft.global.scripts.startup),
    ),
    keyword(
        "shutdown_script",
        Kind::Command,
        "run once after everything else",
        |draft, args| {
            let timeout = draft
                .global
                .scripts
                .shutdown
                .as_ref()
                .map_or(SCRIPT_TIMEOUT, |script| script.timeout);
            let command = command::with_user(args)?;
            draft.global.scripts.shutdown = Some(OnceScript { command, timeout });
            Ok(())
        },
    ),
    keyword(
        "shutdown_script_timeout",
        Kind::Words,
        "seconds it may take; 10",
        |draft, args| once_timeout(args, &mut draft.global.scripts.shutdown),
    ),
    keyword(
        "notify_fifo",
        Kind::Words,
        "a pipe that is told every change: PATH [USER [GROUP]]",
        |draft, args| {
            draft.global.scripts.notify_fifo = Some(fifo(args)?);
            Ok(())
        },
    ),
    keyword(
        "notify_fifo_script",
        Kind::Command,
        "run at start to read that pipe",
        |draft, args| {
            draft.global.scripts.notify_fifo_script = Some(command::with_user(args)?);
            Ok(())
        },
    ),
    keyword(
        "vrrp_notify_fifo",
        Kind::Words,
        "the same for VRRP alone",
        |draft, args| {
            draft.global.scripts.vrrp_notify_fifo = Some(fifo(args)?);
            Ok(())
        },
    ),
    keyword(
        "vrrp_notify_fifo_script",
        Kind::Command,
        "run at start to read that pipe",
        |draft, args| {
            draft.global.scripts.vrrp_notify_fifo_script = Some(command::with_user(args)?);
            Ok(())
        },
    ),
    keyword(
        "fifo_write_vrrp_states_on_reload",
        Kind::Flag,
        "tell the pipes all states after a reload",
        |draft, _| {
            draft.global.scripts.fifo_states_on_reload = true;
            Ok(())
        },
    ),
];

pub(super) const SCHEDULING: &[Keyword<Draft>] = &[
    keyword(
        "vrrp_priority",
        Kind::Words,
        "the nice value, -20 to 19",
        |draft, args| {
            draft.global.scheduling.priority = Some(args.number(-20..=19)?);
            Ok(())
        },
    ),
    keyword(
        "vrrp_rt_priority",
        Kind::Words,
        "the real-time priority, 1 to 99",
        |draft, args| {
            draft.global.scheduling.rt_priority = Some(args.number(1..=99)?);
            Ok(())
        },
    ),
    keyword(
        "vrrp_no_swap",
        Kind::Flag,
        "lock the memory; always done where permitted",
        |draft, _| {
            draft.global.scheduling.no_swap = true;
            Ok(())
        },
    ),
    keyword(
        "vrrp_cpu_affinity",
        Kind::Words,
        "the processors to run on",
        |draft, args| {
            let mut processors = vec![args.number(0..=4095)?];
            while let Some(word) = args.next() {
                processors.push(number(word, 0..=4095)?);
            }
            draft.global.scheduling.cpu_affinity = processors;
            Ok(())
        },
    ),
    keyword(
        "vrrp_rlimit_rttime",
        Kind::Words,
        "microseconds of real time without a pause",
        real_time,
    ),
    keyword(
        "vrrp_rlimit_rtime",
        Kind::Words,
        "the old name of `vrrp_rlimit_rttime`",
        real_time,
    ),
    keyword(
        "max_auto_priority",
        Kind::Words,
        "how far to raise the priority after a late timer",
        |draft, args| {
            let most = if args.peek().is_some() {
                args.number(-1..=99)?
            } else {
                99
            };
            draft.global.scheduling.auto.max = most;
            Ok(())
        },
    ),
    keyword(
        "min_auto_priority_delay",
        Kind::Words,
        "microseconds that are late; 1000000",
        |draft, args| {
            draft.global.scheduling.auto.delay = Duration::from_micros(args.number(1..=10_000_000)?);
            Ok(())
        },
    ),
];

fn real_time(draft: &mut Draft, args: &mut Args<'_>) -> Outcome {
    draft.global.scheduling.rlimit_rttime = Some(Duration::from_micros(args.number(2..=i64::from(u32::MAX))?));
    Ok(())
}

fn once_timeout(args: &mut Args<'_>, script: &mut Option<OnceScript>) -> Outcome {
    let timeout = Duration::from_secs(args.number(LONGEST_SCRIPT)?);
    let nothing = || OnceScript {
        command: Command {
            words: Vec::new(),
            user: None,
        },
        timeout,
    };
    script.get_or_insert_with(nothing).timeout = timeout;
    Ok(())
}

/// `PATH [USER [GROUP]]`
fn fifo(args: &mut Args<'_>) -> Result<Fifo, Diagnostic> {
    let path = path(args)?;
    let owner = args.rest();
    args.skip_words();
    Ok(Fifo {
        path,
        owner: command::user_of(owner)?,
    })
}

/// A number in any base, or names such as `IWGRP|IWOTH`.
fn umask(args: &mut Args<'_>) -> Result<u32, Diagnostic> {
    const BITS: [(&str, u32); 12] = [
        ("IRUSR", 0o400),
        ("IWUSR", 0o200),
        ("IXUSR", 0o100),
        ("IRGRP", 0o040),
        ("IWGRP", 0o020),
        ("IXGRP", 0o010),
        ("IROTH", 0o004),
        ("IWOTH", 0o002),
        ("IXOTH", 0o001),
        ("IRWXU", 0o700),
        ("IRWXG", 0o070),
        ("IRWXO", 0o007),
    ];
    let word = args.word("a mask")?;
    let mut text = word.text.clone();
    while let Some(more) = args.next() {
        text.push_str(&more.text);
    }
    let octal = text
        .strip_prefix('0')
        .filter(|rest| !rest.is_empty() && !rest.starts_with(['x', 'X']));
    let number = match octal {
        Some(digits) => u32::from_str_radix(digits, 8).ok(),
        None => units::number(&text).and_then(|number| u32::try_from(number).ok()),
    };
    let named = || {
        text.split('|')
            .map(|bit| BITS.iter().find(|(name, _)| *name == bit.trim()).map(|(_, bit)| *bit))
    };
    let mask = number.or_else(|| named().try_fold(0, |mask, bit| Some(mask | bit?)));
    mask.filter(|mask| *mask <= 0o777).ok_or_else(|| {
        Diagnostic::warning(code::BAD_VALUE, word.span, format!("`{text}` is not a file mask"))
            .help("write it in octal, such as 0022, or as names, such as IWGRP|IWOTH")
    })
}
