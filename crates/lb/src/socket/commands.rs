//! The table of all commands: names, help in HAProxy's words, levels.

use tandem_ops::control::Level::{Admin, Operator, User};
use tandem_ops::control::{Call, Command, Level, Reply};

use super::{
    Room, counters, drain, dynamic, explain, frontends, process, reload, server, servers, sessions, stats, tables,
    upgrade, variables, wait,
};

type Run = fn(&Room, &Call) -> Reply;

const fn command(
    name: &'static str,
    usage: &'static str,
    level: Level,
    run: Run,
    about: &'static str,
) -> Command<Room> {
    Command {
        name,
        usage,
        about,
        level,
        run,
    }
}

#[rustfmt::skip]
pub(super) static COMMANDS: &[Command<Room>] = &[
    command("_getsocks", "", Admin, upgrade::listeners, ""),
    command("_handover", "", Admin, upgrade::everything, ""),
    command("add server", "add server <bk>/<srv>", Admin, dynamic::add, "create a new server"),
    command("clear counters", "clear counters [all]", Operator, counters::clear, "clear max statistics counters (or all counters)"),
    command("clear table", "clear table <table> [<filter>]*", Admin, tables::clear, "remove an entry from a table (filter: data/key)"),
    command("del server", "del server <bk>/<srv>", Admin, dynamic::delete, "remove a dynamically added server"),
    command("disable agent", "disable agent", Admin, server::disable_agent, "disable agent checks"),
    command("disable frontend", "disable frontend <frontend>", Admin, frontends::disable, "temporarily disable specific frontend"),
    command("disable health", "disable health", Admin, server::disable_health, "disable health checks"),
    command("disable server", "disable server (DEPRECATED)", Admin, server::disable, "disable a server for maintenance (use 'set server' instead)"),
    command("drain", "drain [over <time> [idlest|oldest]]", Admin, drain::begin, "stop softly, and close those who are left over this time"),
    command("dump stats-file", "dump stats-file", Admin, stats::dump, "dump stats for a stats-file"),
    command("enable agent", "enable agent", Admin, server::enable_agent, "enable agent checks"),
    command("enable frontend", "enable frontend <frontend>", Admin, frontends::enable, "re-enable specific frontend"),
    command("enable health", "enable health", Admin, server::enable_health, "enable health checks"),
    command("enable server", "enable server  (DEPRECATED)", Admin, server::enable, "enable a disabled server (use 'set server' instead)"),
    command("explain", "explain <addr>[:<port>] [<frontend>] [json]", Operator, explain::tell, "say which server a client would get and why"),
    command("get var", "get var <name>", User, variables::get, "retrieve contents of a process-wide variable"),
    command("get weight", "get weight <bk>/<srv>", User, server::get_weight, "report a server's current weight"),
    command("reload", "reload [dry-run] [json]", Admin, reload::reload, "read the configuration again and apply what has changed"),
    command("set maxconn frontend", "set maxconn frontend <frontend> <value>", Admin, frontends::set_maxconn, "change a frontend's maxconn setting"),
    command("set maxconn global", "set maxconn global <value>", Admin, frontends::set_maxconn_global, "change the per-process maxconn setting"),
    command("set maxconn server", "set maxconn server <bk>/<srv>", Admin, server::set_maxconn, "change a server's maxconn setting"),
    command("set rate-limit", "set rate-limit <setting> <value>", Admin, frontends::set_rate_limit, "change a rate limiting value"),
    command("set server", "set server <bk>/<srv> [opts]", Admin, server::set, "change a server's state, weight, address or ssl"),
    command("set table", "set table <table> key <k> [data.* <v>]*", Admin, tables::set, "update or create a table entry's data"),
    command("set var", "set var <name> [fmt|expr] {<fmt>|<expr>}", Admin, variables::set, "set variable from an expression or a format"),
    command("set weight", "set weight <bk>/<srv>  (DEPRECATED)", Admin, server::set_weight, "change a server's weight (use 'set server' instead)"),
    command("show activity", "show activity", User, process::activity, "show per-thread activity stats (for support/developers)"),
    command("show backend", "show backend", User, servers::backends, "list backends in the current running config"),
    command("show drain", "show drain", User, drain::show, "report how far a soft stop is"),
    command("show env", "show env [var]", Operator, process::environment, "dump environment variables known to the process"),
    command("show errors", "show errors [<px>] [request|response]", Operator, process::errors, "report last request and/or response errors for each proxy"),
    command("show events", "show events [<sink>] [-w] [-n]", User, process::events, "show event sink state"),
    command("show info", "show info [desc|json|typed|float]*", User, stats::info, "report information about the running process"),
    command("show peers", "show peers [dict|-] [section]", User, process::peers, "dump some information about all the peers or this peers section"),
    command("show resolvers", "show resolvers [id]", User, process::resolvers, "dumps counters from all resolvers section and associated name servers"),
    command("show schema json", "show schema json", User, stats::json_schema, "report schema used for stats"),
    command("show servers conn", "show servers conn [<backend>]", User, servers::connections, "dump server connections status (all or for a single backend)"),
    command("show servers state", "show servers state [<backend>]", User, servers::state, "dump volatile server information (all or for a single backend)"),
    command("show sess", "show sess [id]", Operator, sessions::show, "report the list of current sessions or dump this exact session"),
    command("show startup-logs", "show startup-logs", User, process::startup_logs, "report logs emitted during HAProxy startup"),
    command("show stat", "show stat [desc|json|no-maint|typed|up]*", User, stats::stat, "report counters for each proxy and server"),
    command("show table", "show table <table> [<filter>]*", User, tables::show, "report table usage stats or dump this table's contents (filter: data/key)"),
    command("show version", "show version", User, process::version, "show version of the current process"),
    command("shutdown frontend", "shutdown frontend <frontend>", Admin, frontends::shutdown, "stop a specific frontend"),
    command("shutdown session", "shutdown session [id]", Admin, sessions::shutdown, "kill a specific session"),
    command("shutdown sessions server", "shutdown sessions server <bk>/<srv>", Admin, sessions::shutdown_at_server, "kill sessions on a server"),
    command("wait", "", User, wait::wait, ""),
];
