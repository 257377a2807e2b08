//! Files that carry state from one process to the next: HAProxy's that are read at the start, and our own.

use super::args::{Args, Outcome};
use super::keyword::Keyword;
use super::section::Sections;
use crate::draft::Proxy;
use crate::plan::{Global, ServerStates};

pub(super) const OF_GLOBAL: &[Keyword<Global>] = &[
    Keyword {
        words: "tandem-state-file",
        sections: Sections::GLOBAL,
        summary: "what was set and counted while running, written `every` so often and read at the start",
        parse: own,
    },
    Keyword {
        words: "server-state-file",
        sections: Sections::GLOBAL,
        summary: "states of servers to begin with, as `show servers state` prints them",
        parse: |global, args| {
            global.state.servers = Some(args.text("a path")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "server-state-base",
        sections: Sections::GLOBAL,
        summary: "the directory of server state files whose names begin with no `/`",
        parse: |global, args| {
            global.state.servers_base = Some(args.text("a path")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "stats-file",
        sections: Sections::GLOBAL,
        summary: "counters to begin with, as `dump stats-file` prints them",
        parse: |global, args| {
            global.state.stats = Some(args.text("a path")?.into());
            Ok(())
        },
    },
];

pub(super) const OF_PROXIES: &[Keyword<Proxy>] = &[
    Keyword {
        words: "load-server-state-from-file",
        sections: Sections::BACK.and_defaults(),
        summary: "where the states of its servers are read at the start: `global`, `local` or `none`",
        parse: |proxy, args| {
            let places = ["global", "local", "none"].map(|word| (word, word));
            proxy.settings.server_states = match args.choice("a place", &places)? {
                "global" => ServerStates::Global,
                "local" => ServerStates::Local(None),
                _ => ServerStates::None,
            };
            Ok(())
        },
    },
    Keyword {
        words: "server-state-file-name",
        sections: Sections::BACK.and_defaults(),
        summary: "its file of server states; `use-backend-name` is the usual",
        parse: |proxy, args| {
            let name = args.next().map_or("use-backend-name", |word| word.text.as_str());
            proxy.settings.server_state_file = Some(name).filter(|n| *n != "use-backend-name").map(Into::into);
            Ok(())
        },
    },
    Keyword {
        words: "guid",
        sections: Sections::PROXIES,
        summary: "the name under which a `stats-file` knows it",
        parse: |proxy, args| {
            proxy.guid = Some(args.text("a name")?.into());
            Ok(())
        },
    },
    Keyword {
        words: "option socket-stats",
        sections: Sections::FRONT.and_defaults(),
        summary: "each listener counts for itself",
        parse: |proxy, args| args.switch(&mut proxy.settings.socket_stats),
    },
];

fn own(global: &mut Global, args: &mut Args<'_>) -> Outcome {
    global.state.own = Some(args.text("a path")?.into());
    if args.accept("every") {
        global.state.every = Some(args.positive_time()?);
    }
    Ok(())
}
