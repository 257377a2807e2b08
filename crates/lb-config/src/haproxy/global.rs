//! The keywords of `global`.

use super::args::{Args, Outcome};
use super::keyword::Keyword;
use super::section::Sections;
use super::{base, bind, log, rules, state, tls};
use crate::plan::{Global, Level, SeverityOutput, SocketFile, StatsSocket};

const HERE: Sections = Sections::GLOBAL;

/// All that `global` understands.
pub(super) const TABLES: &[&[Keyword<Global>]] = &[KEYWORDS, LIMITS, base::OF_GLOBAL, state::OF_GLOBAL, tls::OF_GLOBAL];

pub(super) const KEYWORDS: &[Keyword<Global>] = &[
    Keyword {
        words: "log",
        sections: HERE,
        summary: "a target of log lines: address, format, facility, levels",
        parse: |global, args| {
            global.logs.push(log::target(args)?);
            Ok(())
        },
    },
    Keyword {
        words: "log-tag",
        sections: HERE,
        summary: "the program's name in syslog lines",
        parse: |global, args| text(args, &mut global.log_tag),
    },
    Keyword {
        words: "log-send-hostname",
        sections: HERE,
        summary: "put a host name into syslog lines; the system's if none is given",
        parse: |global, args| {
            global.log_hostname = Some(args.next().map(|word| word.text.clone()).unwrap_or_default());
            Ok(())
        },
    },
    Keyword {
        words: "maxconn",
        sections: HERE,
        summary: "the most client connections of the whole process; 0 is as the files allow",
        parse: |global, args| {
            global.maxconn = args.rate()?;
            Ok(())
        },
    },
    Keyword {
        words: "maxconnrate",
        sections: HERE,
        summary: "how many clients may come in a second; more wait in the backlog",
        parse: |global, args| {
            global.connection_rate = args.rate()?;
            Ok(())
        },
    },
    Keyword {
        words: "maxsessrate",
        sections: HERE,
        summary: "the same, without those whom rules refuse at the door",
        parse: |global, args| {
            global.session_rate = args.rate()?;
            Ok(())
        },
    },
    Keyword {
        words: "daemon",
        sections: HERE,
        summary: "go to the background",
        parse: |global, args| args.switch(&mut global.daemon),
    },
    Keyword {
        words: "nbthread",
        sections: HERE,
        summary: "how many worker threads; one for each usable CPU if not given",
        parse: |global, args| {
            global.threads = Some(args.number(1..=1024)?);
            Ok(())
        },
    },
    Keyword {
        words: "pidfile",
        sections: HERE,
        summary: "the file that gets the process id",
        parse: |global, args| {
            global.pidfile = Some(args.text("a path")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "user",
        sections: HERE,
        summary: "the user to become after start",
        parse: |global, args| text(args, &mut global.user),
    },
    Keyword {
        words: "group",
        sections: HERE,
        summary: "the group to become after start",
        parse: |global, args| text(args, &mut global.group),
    },
    Keyword {
        words: "uid",
        sections: HERE,
        summary: "like `user`, by number",
        parse: |global, args| id(args, &mut global.user),
    },
    Keyword {
        words: "gid",
        sections: HERE,
        summary: "like `group`, by number",
        parse: |global, args| id(args, &mut global.group),
    },
    Keyword {
        words: "chroot",
        sections: HERE,
        summary: "the directory to be locked into after start",
        parse: |global, args| {
            global.chroot = Some(args.text("a path")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "node",
        sections: HERE,
        summary: "this node's name on the statistics page",
        parse: |global, args| {
            let word = args.word("a name")?;
            // Blanks and the like would end a name in what scripts read.
            let is_odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
            if let Some(odd) = word.text.chars().find(|c| is_odd(*c)) {
                let message = format!("`{odd}` cannot be part of a node's name");
                return Err(
                    tandem_text::Diagnostic::error(crate::code::BAD_VALUE, word.span, message)
                        .help("write letters, digits and - _ . only"),
                );
            }
            global.node = Some(word.text.clone());
            Ok(())
        },
    },
    Keyword {
        words: "description",
        sections: HERE,
        summary: "a text for the statistics page",
        parse: |global, args| {
            global.description = Some(sentence(args)?);
            Ok(())
        },
    },
    Keyword {
        words: "hard-stop-after",
        sections: HERE,
        summary: "how long a soft stop waits for connections before it ends them",
        parse: |global, args| {
            global.hard_stop_after = args.limit()?;
            Ok(())
        },
    },
    Keyword {
        words: "close-spread-time",
        sections: HERE,
        summary: "over how long a soft stop closes the connections that are left",
        parse: |global, args| {
            // Nobody is hurried: as without it.
            global.close_spread_time = if args.accept("infinite") { None } else { args.limit()? };
            Ok(())
        },
    },
    Keyword {
        words: "external-check",
        sections: HERE,
        summary: "programs may be run as checks",
        parse: |global, _| {
            global.external_checks = true;
            Ok(())
        },
    },
    Keyword {
        words: "spread-checks",
        sections: HERE,
        summary: "percent of jitter on check intervals, 0 to 50",
        parse: |global, args| {
            global.spread_checks = args.number(0..=50)?;
            Ok(())
        },
    },
    Keyword {
        words: "max-spread-checks",
        sections: HERE,
        summary: "over how long the first checks are spread at most; over the shortest `inter` if not given, or 0",
        parse: |global, args| {
            global.first_checks_within = args.limit()?;
            Ok(())
        },
    },
    Keyword {
        words: "maxpipes",
        sections: HERE,
        summary: "how many pipes there may be to splice bytes through; 0 leaves that to us",
        parse: |global, args| {
            global.pipes = Some(args.number(0..=1_000_000)?).filter(|most| *most > 0);
            Ok(())
        },
    },
    Keyword {
        words: "nosplice",
        sections: HERE,
        summary: "copy everything; otherwise bulk is spliced, whether `option splice-*` asks for it or not",
        parse: |global, args| args.switch(&mut global.no_splice),
    },
    Keyword {
        words: "unix-bind",
        sections: HERE,
        summary: "of all unix sockets: [prefix TEXT] [mode M] [user U] [group G] [uid N] [gid N]",
        parse: |global, args| bind::unix_bind(&mut global.unix_bind, args),
    },
    Keyword {
        words: "set-var",
        sections: HERE,
        summary: "the first value of a variable of the process: proc.NAME EXPRESSION",
        parse: |global, args| {
            let assignment = rules::first_value(args, rules::Form::Expression)?;
            global.variables.push(assignment);
            Ok(())
        },
    },
    Keyword {
        words: "set-var-fmt",
        sections: HERE,
        summary: "the same of a text: proc.NAME \"TEXT %[EXPRESSION]\"",
        parse: |global, args| {
            let assignment = rules::first_value(args, rules::Form::Text)?;
            global.variables.push(assignment);
            Ok(())
        },
    },
    Keyword {
        words: "localpeer",
        sections: HERE,
        summary: "what this process is called among its peers; the host's name if not given",
        parse: |global, args| {
            global.local_peer = Some(args.text("a name")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "stats socket",
        sections: HERE,
        summary: "a listener of the runtime commands, with mode, user, group, level, severity-output",
        parse: |global, args| {
            global.stats_sockets.push(stats_socket(args)?);
            Ok(())
        },
    },
    Keyword {
        words: "stats timeout",
        sections: HERE,
        summary: "how long a silent command connection is kept",
        parse: |global, args| {
            global.stats_timeout = Some(args.positive_time()?);
            Ok(())
        },
    },
];

/// How much there may be of something, beside connections.
pub(super) const LIMITS: &[Keyword<Global>] = &[
    Keyword {
        words: "maxsslconn",
        sections: HERE,
        summary: "how many connections may speak TLS, with clients and servers; more are refused",
        parse: |global, args| {
            global.tls_connections = args.rate()?;
            Ok(())
        },
    },
    Keyword {
        words: "maxsslrate",
        sections: HERE,
        summary: "how many clients may begin to speak TLS in a second; more wait in the backlog",
        parse: |global, args| {
            global.tls_rate = args.rate()?;
            Ok(())
        },
    },
    Keyword {
        words: "fd-hard-limit",
        sections: HERE,
        summary: "how many files may be open, however many the system allows",
        parse: |global, args| {
            global.files = args.rate()?;
            Ok(())
        },
    },
    Keyword {
        words: "ulimit-n",
        sections: HERE,
        summary: "so many files have to be allowed at least, or it does not start; it may take more, as HAProxy",
        parse: |global, args| {
            global.open_files = args.rate()?;
            Ok(())
        },
    },
    Keyword {
        words: "strict-limits",
        sections: HERE,
        summary: "a limit that cannot be had ends the start, as it does anyway; with `no` it starts, and `maxconn` is what there are files for",
        parse: |global, args| {
            global.lenient_limits = args.negated();
            Ok(())
        },
    },
    Keyword {
        words: "tune.bufsize",
        sections: HERE,
        summary: "rules look at so many bytes that a side sends first, less `tune.maxrewrite`; 65,536 at most",
        parse: |global, args| {
            global.inspected.size = Some(args.number(1..=i32::MAX as u32)?);
            look_at_less(global, args);
            Ok(())
        },
    },
    Keyword {
        words: "tune.maxrewrite",
        sections: HERE,
        summary: "how many bytes of `tune.bufsize` rules do not look at",
        parse: |global, args| {
            global.inspected.reserve = Some(args.number(0..=i32::MAX as u32)?);
            Ok(())
        },
    },
    Keyword {
        words: "stats maxconn",
        sections: HERE,
        summary: "how many clients a stats socket serves at a time; 10 if not given",
        parse: |global, args| {
            global.stats_clients = Some(args.number(1..=u32::MAX)?);
            Ok(())
        },
    },
    Keyword {
        words: "tune.rcvbuf.client",
        sections: HERE,
        summary: "how many bytes the kernel keeps of what comes from a client; 0 leaves that to the system",
        parse: |global, args| {
            global.client_buffers.receive = bytes(args)?;
            Ok(())
        },
    },
    Keyword {
        words: "tune.sndbuf.client",
        sections: HERE,
        summary: "how many bytes the kernel keeps of what goes to a client; 0 leaves that to the system",
        parse: |global, args| {
            global.client_buffers.send = bytes(args)?;
            Ok(())
        },
    },
    Keyword {
        words: "tune.rcvbuf.server",
        sections: HERE,
        summary: "how many bytes the kernel keeps of what comes from a server; 0 leaves that to the system",
        parse: |global, args| {
            global.server_buffers.receive = bytes(args)?;
            Ok(())
        },
    },
    Keyword {
        words: "tune.sndbuf.server",
        sections: HERE,
        summary: "how many bytes the kernel keeps of what goes to a server; 0 leaves that to the system",
        parse: |global, args| {
            global.server_buffers.send = bytes(args)?;
            Ok(())
        },
    },
];

fn look_at_less(global: &Global, args: &mut Args<'_>) {
    if let (most, true) = global.inspected.bytes() {
        let message = format!("rules look at no more than the first {most} bytes that a side sends");
        let said = tandem_text::Diagnostic::warning(crate::code::IGNORED, args.last_span(), message);
        args.report(said.help("a smaller size says the same"));
    }
}

fn bytes(args: &mut Args<'_>) -> Result<Option<u32>, tandem_text::Diagnostic> {
    let most: u32 = args.number(0..=i32::MAX as u32)?;
    Ok(Some(most).filter(|most| *most > 0))
}

fn text(args: &mut Args<'_>, value: &mut Option<String>) -> Outcome {
    *value = Some(args.text("a value")?);
    Ok(())
}

fn id(args: &mut Args<'_>, value: &mut Option<String>) -> Outcome {
    let id: u32 = args.number(0..=u32::MAX)?;
    *value = Some(id.to_string());
    Ok(())
}

/// The rest of the line as one text.
pub(super) fn sentence(args: &mut Args<'_>) -> Result<String, tandem_text::Diagnostic> {
    let first = args.text("a text")?;
    let mut words = vec![first];
    while let Some(word) = args.next() {
        words.push(word.text.clone());
    }
    Ok(words.join(" "))
}

fn stats_socket(args: &mut Args<'_>) -> Result<StatsSocket, tandem_text::Diagnostic> {
    let origin = args.origin();
    let address = bind::one_address(args)?;
    let mut socket = StatsSocket {
        address,
        origin,
        level: Level::default(),
        severities: SeverityOutput::default(),
        file: SocketFile::default(),
        expose_listeners: false,
    };
    super::option::read(
        bind::SOCKET_TABLES,
        super::unsupported::SOCKET_OPTIONS,
        "stats socket",
        &mut socket,
        args,
    );
    Ok(socket)
}
