//! The table of all commands: names, help in HAProxy's words, levels.

use tandem_ops::control::Level::{Admin, Operator, User};
use tandem_ops::control::{Call, Command, Level, Reply};

use super::{
    Room, backends, certificates, counters, debug, drain, dynamic, explain, frontends, inside, lists, patterns, peers,
    process, reload, responses, router, server, servers, sessions, sni, stats, tables, tickets, upgrade, variables,
    wait,
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
    command("abort ssl ca-file", "abort ssl ca-file <cafile>", Admin, certificates::abort_ca, "abort a transaction for a CA file"),
    command("abort ssl cert", "abort ssl cert <certfile>", Admin, certificates::abort_cert, "abort a transaction for a certificate file"),
    command("abort ssl crl-file", "abort ssl crl-file <crlfile>", Admin, certificates::abort_crl, "abort a transaction for a CRL file"),
    command("add acl", "add acl [@<ver>] <acl> <pattern>", Operator, patterns::add_acl, "add an acl entry"),
    command("add backend", "add backend <bk> from <def> [mode tcp] [guid <guid>]", Admin, backends::add, "create a new backend by a defaults section"),
    command("add map", "add map [@<ver>] <map> <key> <val>", Operator, patterns::add_map, "add a map entry (payload supported instead of key/val)"),
    command("add server", "add server <bk>/<srv>", Admin, dynamic::add, "create a new server"),
    command("add ssl crt-list", "add ssl crt-list <list> <cert> [opts]*", Admin, lists::add, "add to crt-list file <list> a line <cert> or a payload"),
    command("clear acl", "clear acl [@<ver>] <acl>", Operator, patterns::clear_acl, "clear the contents of this acl"),
    command("clear counters", "clear counters [all|server <bk>/<srv>]", Operator, counters::clear, "clear max statistics counters (or all counters, or those of a server)"),
    command("clear map", "clear map [@<ver>] <map>", Operator, patterns::clear_map, "clear the contents of this map"),
    command("clear table", "clear table <table> [<filter>]*", Admin, tables::clear, "remove an entry from a table (filter: data/key/ptr)"),
    command("commit acl", "commit acl @<ver> <acl>", Operator, patterns::commit_acl, "commit the ACL at this version"),
    command("commit map", "commit map @<ver> <map>", Operator, patterns::commit_map, "commit the map at this version"),
    command("commit ssl ca-file", "commit ssl ca-file <cafile>", Admin, certificates::commit_ca, "commit a CA file"),
    command("commit ssl cert", "commit ssl cert <certfile>", Admin, certificates::commit_cert, "commit a certificate file"),
    command("commit ssl crl-file", "commit ssl crl-file <crlfile>", Admin, certificates::commit_crl, "commit a CRL file"),
    command("debug dev", "", Admin, inside::absent, ""),
    command("del acl", "del acl <acl> [<key>|#<ref>]", Operator, patterns::delete_acl, "delete acl entries matching <key>"),
    command("del backend", "del backend <bk>", Admin, backends::delete, "remove an unpublished backend without servers"),
    command("del map", "del map <map> [<key>|#<ref>]", Operator, patterns::delete_map, "delete map entries matching <key>"),
    command("del server", "del server <bk>/<srv>", Admin, dynamic::delete, "remove a dynamically added server"),
    command("del ssl ca-file", "del ssl ca-file <cafile>", Admin, certificates::del_ca, "delete an unused CA file"),
    command("del ssl cert", "del ssl cert <certfile>", Admin, certificates::del_cert, "delete an unused certificate file"),
    command("del ssl crl-file", "del ssl crl-file <crlfile>", Admin, certificates::del_crl, "delete an unused CRL file"),
    command("del ssl crt-list", "del ssl crt-list <list> <cert[:line]>", Admin, lists::delete, "delete a line <cert> from crt-list file <list>"),
    command("disable agent", "disable agent", Admin, server::disable_agent, "disable agent checks"),
    command("disable dynamic-cookie", "", User, inside::absent, ""),
    command("disable frontend", "disable frontend <frontend>", Admin, frontends::disable, "temporarily disable specific frontend"),
    command("disable health", "disable health", Admin, server::disable_health, "disable health checks"),
    command("disable server", "disable server (DEPRECATED)", Admin, server::disable, "disable a server for maintenance (use 'set server' instead)"),
    command("drain", "drain [over <time> [idlest|oldest]]", Admin, drain::begin, "stop softly, and close those who are left over this time"),
    command("dump stats-file", "dump stats-file", Admin, stats::dump, "dump stats for a stats-file"),
    command("enable agent", "enable agent", Admin, server::enable_agent, "enable agent checks"),
    command("enable dynamic-cookie", "", User, inside::absent, ""),
    command("enable frontend", "enable frontend <frontend>", Admin, frontends::enable, "re-enable specific frontend"),
    command("enable health", "enable health", Admin, server::enable_health, "enable health checks"),
    command("enable server", "enable server  (DEPRECATED)", Admin, server::enable, "enable a disabled server (use 'set server' instead)"),
    command("explain", "explain <addr>[:<port>] [<frontend>] [json]", Operator, explain::tell, "say which server a client would get and why"),
    command("get acl", "get acl <acl> <value>", User, patterns::look_up_acl, "report the patterns matching a sample for an ACL"),
    command("get map", "get map <acl> <value>", User, patterns::look_up_map, "report the keys and values matching a sample for a map"),
    command("get var", "get var <name>", User, variables::get, "retrieve contents of a process-wide variable"),
    command("get weight", "get weight <bk>/<srv>", User, server::get_weight, "report a server's current weight"),
    command("httpclient", "", User, inside::absent, ""),
    command("new ssl ca-file", "new ssl ca-file <cafile>", Admin, certificates::new_ca, "create a new CA file"),
    command("new ssl cert", "new ssl cert <certfile>", Admin, certificates::new_cert, "create a new certificate file"),
    command("new ssl crl-file", "new ssl crl-file <crlfile>", Admin, certificates::new_crl, "create a new CRL file"),
    command("prepare acl", "prepare acl <acl>", Operator, patterns::prepare_acl, "prepare a new version for atomic ACL replacement"),
    command("prepare map", "prepare map <acl>", Operator, patterns::prepare_map, "prepare a new version for atomic map replacement"),
    command("publish backend", "publish backend <bk>", Operator, backends::publish, "have rules lead clients to a backend"),
    command("reload", "reload [dry-run] [json]", Admin, reload::reload, "read the configuration again and apply what has changed"),
    command("set anon", "", User, inside::absent, ""),
    command("set dynamic-cookie-key", "", User, inside::absent, ""),
    command("set map", "set map <map> [<key>|#<ref>] <value>", Operator, patterns::set_map, "modify a map entry"),
    command("set maxconn frontend", "set maxconn frontend <frontend> <value>", Admin, frontends::set_maxconn, "change a frontend's maxconn setting"),
    command("set maxconn global", "set maxconn global <value>", Admin, frontends::set_maxconn_global, "change the per-process maxconn setting"),
    command("set maxconn server", "set maxconn server <bk>/<srv>", Admin, server::set_maxconn, "change a server's maxconn setting"),
    command("set profiling", "set profiling <what> {auto|on|off}", Admin, inside::set_profiling, "enable/disable resource profiling (tasks,memory)"),
    command("set rate-limit", "set rate-limit <setting> <value>", Admin, frontends::set_rate_limit, "change a rate limiting value"),
    command("set server", "set server <bk>/<srv> [opts]", Admin, server::set, "change a server's state, weight, address or ssl"),
    command("set ssl ca-file", "set ssl ca-file <cafile> <payload>", Admin, certificates::set_ca, "replace a CA file"),
    command("set ssl cert", "set ssl cert <certfile> <payload>", Admin, certificates::set_cert, "replace a certificate file"),
    command("set ssl crl-file", "set ssl crl-file <crlfile> <payload>", Admin, certificates::set_crl, "replace a CRL file"),
    command("set ssl ocsp-response", "set ssl ocsp-response <resp|payload>", Admin, responses::set, "update a certificate's OCSP Response from a base64-encode DER"),
    command("set ssl tls-key", "set ssl tls-key [id|file] <key>", Admin, tickets::set, "set the next TLS key for the <id> or <file> listener to <key>"),
    command("set table", "set table <table> key <k> [data.* <v>]*", Admin, tables::set, "update or create a table entry's data"),
    command("set var", "set var <name> [fmt|expr] {<fmt>|<expr>}", Admin, variables::set, "set variable from an expression or a format"),
    command("set weight", "set weight <bk>/<srv>  (DEPRECATED)", Admin, server::set_weight, "change a server's weight (use 'set server' instead)"),
    command("show acl", "show acl [@<ver>] <acl>]", User, patterns::show_acl, "report available acls or dump an acl's contents"),
    command("show activity", "show activity", User, process::activity, "show per-thread activity stats (for support/developers)"),
    command("show anon", "", User, inside::absent, ""),
    command("show backend", "show backend", User, servers::backends, "list backends in the current running config"),
    command("show cache", "show cache", User, inside::cache, "show cache status"),
    command("show dev", "show dev", Operator, inside::dev, "show debug info for developers"),
    command("show drain", "show drain", User, drain::show, "report how far a soft stop is"),
    command("show env", "show env [var]", Operator, process::environment, "dump environment variables known to the process"),
    command("show errors", "show errors [<px>] [request|response]", Operator, process::errors, "report last request and/or response errors for each proxy"),
    command("show events", "show events [<sink>] [-w] [-n]", User, debug::events, "show event sink state"),
    command("show fd", "show fd [num]", User, debug::descriptors, "dump list of file descriptors in use or a specific one"),
    command("show info", "show info [desc|json|typed|float]*", User, stats::info, "report information about the running process"),
    command("show libs", "show libs", Operator, inside::libraries, "show loaded object files and libraries"),
    command("show map", "show map [@ver] [map]", User, patterns::show_map, "report available maps or dump a map's contents"),
    command("show peers", "show peers [dict|-] [section]", User, peers::show, "dump some information about all the peers or this peers section"),
    command("show pools", "show pools", User, debug::pools, "report information about the memory pools usage"),
    command("show profiling", "show profiling [<what>|<#lines>|byaddr]*", User, inside::profiling, "show profiling state (all,status,tasks,memory)"),
    command("show resolvers", "show resolvers [id]", User, process::resolvers, "dumps counters from all resolvers section and associated name servers"),
    command("show router", "show router", User, router::show, "report the virtual routers of this host and who has their addresses"),
    command("show schema json", "show schema json", User, stats::json_schema, "report schema used for stats"),
    command("show servers conn", "show servers conn [<backend>]", User, servers::connections, "dump server connections status (all or for a single backend)"),
    command("show servers state", "show servers state [<backend>]", User, servers::state, "dump volatile server information (all or for a single backend)"),
    command("show sess", "show sess [id]", Operator, sessions::show, "report the list of current sessions or dump this exact session"),
    command("show ssl ca-file", "show ssl ca-file [<cafile>[:<index>]]", Operator, certificates::show_ca, "display the CA files used in memory, or the details of a file"),
    command("show ssl cert", "show ssl cert [<certfile>]", Operator, certificates::show_cert, "display the certificate files used in memory, or the details of a file"),
    command("show ssl crl-file", "show ssl crl-file [<crlfile[:<index>>]]", Operator, certificates::show_crl, "display the CRL files used in memory, or the details of a file"),
    command("show ssl crt-list", "show ssl crt-list [-n] [<list>]", Operator, lists::show, "show the list of crt-lists or the content of a crt-list file <list>"),
    command("show ssl ocsp-response", "show ssl ocsp-response [id]", Operator, responses::show, "display the IDs of the OCSP responses used in memory"),
    command("show ssl providers", "show ssl providers", Operator, inside::providers, "show loaded SSL providers"),
    command("show ssl sni", "show ssl sni [-f <frontend>]", Operator, sni::show, "dump the hosts that there are certificates for, by listener"),
    command("show startup-logs", "show startup-logs", User, process::startup_logs, "report logs emitted during HAProxy startup"),
    command("show stat", "show stat [desc|json|no-maint|typed|up]*", User, stats::stat, "report counters for each proxy and server"),
    command("show table", "show table <table> [<filter>]*", User, tables::show, "report table usage stats or dump this table's contents (filter: data/key/ptr)"),
    command("show tasks", "show tasks", User, inside::tasks, "show running tasks"),
    command("show threads", "show threads", User, debug::threads, "show some threads debugging information"),
    command("show tls-keys", "show tls-keys [id|*]", Admin, tickets::show, "show tls keys references or dump tls ticket keys when id specified"),
    command("show trace", "show trace [<module>]", User, inside::show_trace, "show live tracing state"),
    command("show version", "show version", User, process::version, "show version of the current process"),
    command("shutdown frontend", "shutdown frontend <frontend>", Admin, frontends::shutdown, "stop a specific frontend"),
    command("shutdown session", "shutdown session [id]", Admin, sessions::shutdown, "kill a specific session"),
    command("shutdown sessions server", "shutdown sessions server <bk>/<srv>", Admin, sessions::shutdown_at_server, "kill sessions on a server"),
    command("trace", "trace [<module>|0] [cmd [args...]]", User, inside::trace, "manage live tracing (empty to list, 0 to stop all)"),
    command("unpublish backend", "unpublish backend <bk>", Operator, backends::unpublish, "have rules pass a backend over; it is checked still"),
    command("wait", "", User, wait::wait, ""),
];

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::path::Path;

    use super::super::inside::ABSENT;
    use super::*;

    const HEAD: &str = "# The stats socket's commands\n\nMade from the table of commands by `TANDEM_RECORD=1 cargo test -p tandem-lb \
                        socket::commands`; a test compares.\nForms and answers are those of HAProxy 2.6, and `lb_socket::haproxy` asks both; \
                        `tandem ask --json` makes JSON of each. Beside these:\n`help`, `prompt`, `quit`, `echo`, `user`, `operator`, \
                        `expert-mode`, `experimental-mode`, `set severity-output`, `set timeout cli`, `show cli level`,\n`show cli \
                        sockets`. Changes of `acl` and `map` last until a reload reads the files again;\na successor goes on with them, where the files still say the same.\n\nBackends that come and go are HAProxy 3.4's: they \
                        begin with a named section `defaults` (in TOML with `defaults`, the only one), and\nno rule leads there before `publish \
                        backend`. `set server BK/SRV name N` is 3.5's, in words of our own. A successor goes on\nwith both. A reload follows the \
                        files: it removes what they do not name, says so, and ends no connection. What was\nunpublished and is in the files \
                        stays unpublished, as a server in maintenance stays there.\n\n`show sess` ends with whoever asks, as in \
                        2.6. What only exists inside of HAProxy is 0 in it or left out: `ts`, `epoch`, `calls`, `rate`, `cpu`,\n`lat`, `rc`, the \
                        flags of analysers and stream connectors, and the lines `req=` and `res=` of `show sess all`.\n`show ssl ocsp-response ID` \
                        ends before the signature. A response holds for certificates that had a file `.ocsp`, which may be empty; a reload reads that again.\n\
                        `set ssl cert FILE.key`, `.issuer` and `.ocsp` (in base 64) replace what is beside the certificate FILE, in its \
                        transaction. Each file has a transaction\nof its own, where HAProxy has one for all and takes the payload for another \
                        file into it. A response that cannot be read or is outdated is refused at once,\nwhere HAProxy leaves it out with a \
                        warning; a certificate alone goes with the key that is beside it. `.sctl` is refused: timestamps of logs are shown to \
                        nobody.\n`set ssl tls-key` lasts until a reload reads the file of keys again; a successor goes on with it, where the \
                        file still says the same.\n\n\
                        `show router` asks `tandem-vrrp` beside this process, as the page does, every two seconds: a row for each virtual router, and none where no router answers.\n\n\
                        Not of 2.6: `wait`, `show ssl sni`, `ptr` at tables, what `show sess` filters by, `clear counters server`, the words of \
                        rings in `show events`,\nand `prompt i|n|p|timed`. The descriptions behind `desc` and the schema of the JSON are in words \
                        of our own.\n\n\
                        `add server` takes an address, no name that would have to be looked up, and says in words of our own what is wrong with a line; while such a server is in\n\
                        maintenance, its `srv_check_state` says so. `show servers conn` counts sessions, HAProxy's counts its checks, too. `show ssl ca-file` has no `@system-ca`.\n\
                        Which commands are nearest to a word that is none is our own guess.\n";

    fn page() -> String {
        let mut text = HEAD.to_owned();
        text.push_str("\n| command | level | |\n|---|---|---|\n");
        for command in COMMANDS.iter().filter(|command| !command.usage.is_empty()) {
            let (usage, level) = (command.usage.replace('|', "\\|"), command.level.name());
            writeln!(text, "| `{usage}` | {level} | {} |", command.about).expect("a string takes it");
        }
        text.push_str(
            "\n## Known, and not here\n\nEach is answered by its line.\n\n| command | why not |\n|---|---|\n",
        );
        for (name, why) in ABSENT {
            writeln!(text, "| `{name}` | {why} |").expect("a string takes it");
        }
        text
    }

    #[test]
    fn the_page_of_commands() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/socket-commands.md");
        if std::env::var_os("TANDEM_RECORD").is_some() {
            std::fs::write(&path, page()).expect("the folder of the documents is writable");
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == page(),
            "record it anew: TANDEM_RECORD=1 cargo test -p tandem-lb socket::commands"
        );
    }

    #[test]
    fn names_are_in_order() {
        assert!(COMMANDS.is_sorted_by_key(|command| command.name));
    }
}
