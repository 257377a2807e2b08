//! What a line of `server` or `default-server` may say behind the address.

use tandem_text::{Diagnostic, Spanned};

use super::Target;
use super::header;
use crate::code;
use crate::haproxy::option::WordOption;
use crate::haproxy::{proxy, source};
use crate::names::{HASH_KEYS, INIT_STATES, ON_ERROR};

pub(super) const OPTIONS: &[WordOption<Target>] = &[
    WordOption {
        word: "check",
        summary: "check the server's health",
        parse: |target, _| {
            target.options.check = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-check",
        summary: "no health check although the defaults say so",
        parse: |target, _| {
            target.options.check = false;
            Ok(())
        },
    },
    WordOption {
        word: "inter",
        summary: "time between two checks; 2s if not given",
        parse: |target, args| {
            target.options.inter = args.positive_time()?;
            Ok(())
        },
    },
    WordOption {
        word: "fastinter",
        summary: "time between two checks while the state changes",
        parse: |target, args| {
            target.options.fastinter = Some(args.positive_time()?);
            Ok(())
        },
    },
    WordOption {
        word: "downinter",
        summary: "time between two checks while the server is down",
        parse: |target, args| {
            target.options.downinter = Some(args.positive_time()?);
            Ok(())
        },
    },
    WordOption {
        word: "rise",
        summary: "good checks before the server is up again; 2 if not given",
        parse: |target, args| {
            target.options.rise = args.number(1..=i32::MAX as u32)?;
            Ok(())
        },
    },
    WordOption {
        word: "fall",
        summary: "bad checks before the server is down; 3 if not given",
        parse: |target, args| {
            target.options.fall = args.number(1..=i32::MAX as u32)?;
            Ok(())
        },
    },
    WordOption {
        word: "port",
        summary: "the port to check, and that of its agent, instead of the server's",
        parse: |target, args| {
            target.options.check_port = Some(args.number(1..=65535)?);
            Ok(())
        },
    },
    WordOption {
        word: "addr",
        summary: "the address to check, and where its agent is, instead of the server's",
        parse: |target, args| {
            target.options.check_host = Some(proxy::host(args)?);
            Ok(())
        },
    },
    WordOption {
        word: "weight",
        summary: "the server's share of the load, 0 to 256; 1 if not given",
        parse: |target, args| {
            target.options.weight = args.number(0..=256)?;
            Ok(())
        },
    },
    WordOption {
        word: "backup",
        summary: "used only when all others are down",
        parse: |target, _| {
            target.options.backup = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-backup",
        summary: "not a backup although the defaults say so",
        parse: |target, _| {
            target.options.backup = false;
            Ok(())
        },
    },
    WordOption {
        word: "disabled",
        summary: "starts in maintenance",
        parse: |target, _| {
            target.options.disabled = true;
            Ok(())
        },
    },
    WordOption {
        word: "enabled",
        summary: "does not start in maintenance although the defaults say so",
        parse: |target, _| {
            target.options.disabled = false;
            Ok(())
        },
    },
    WordOption {
        word: "maxconn",
        summary: "the most connections at once; more wait in the queue; 0 is no limit",
        parse: |target, args| {
            target.options.maxconn = args.number(0..=u32::MAX)?;
            Ok(())
        },
    },
    WordOption {
        word: "agent-check",
        summary: "an agent on the server is asked how it is",
        parse: |target, _| {
            target.options.agent = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-agent-check",
        summary: "no agent is asked although the defaults say so",
        parse: |target, _| {
            target.options.agent = false;
            Ok(())
        },
    },
    WordOption {
        word: "agent-port",
        summary: "the agent's port",
        parse: |target, args| {
            target.options.agent_port = Some(args.number(1..=65535)?);
            Ok(())
        },
    },
    WordOption {
        word: "agent-addr",
        summary: "the agent's address, when it is not the server's",
        parse: |target, args| {
            let word = args.word("an address")?;
            target.options.agent_ip = Some(word.text.parse().map_err(|_| {
                let message = format!("`{}` is no address; names are not looked up for agents", word.text);
                Diagnostic::error(code::BAD_ADDRESS, word.span, message)
            })?);
            Ok(())
        },
    },
    WordOption {
        word: "agent-inter",
        summary: "time between two questions to the agent; 2s if not given",
        parse: |target, args| {
            target.options.agent_inter = Some(args.positive_time()?);
            Ok(())
        },
    },
    WordOption {
        word: "agent-send",
        summary: "what is said to the agent first",
        parse: |target, args| {
            target.options.agent_send = Some(args.text("what to send")?.into());
            Ok(())
        },
    },
    WordOption {
        word: "source",
        summary: "where connections to it come from: an address, ports, `usesrc` whom they seem to come from, `interface`",
        parse: |target, args| {
            target.options.source = source::read(args)?;
            Ok(())
        },
    },
    WordOption {
        word: "tcp-ut",
        summary: "how long what was sent may stay unacknowledged before the connection ends; 0 is as the system has it",
        parse: |target, args| {
            target.options.user_timeout = args.limit()?;
            Ok(())
        },
    },
    WordOption {
        word: "track",
        summary: "it is as another server is: one of this backend, or BACKEND/SERVER",
        parse: |target, args| {
            let whom = args.word("a server, or BACKEND/SERVER")?;
            target.options.track = Some(Spanned::new(whom.text.clone(), whom.span));
            Ok(())
        },
    },
    WordOption {
        word: "hash-key",
        summary: "what places it among hashes: id, id32, guid, addr or addr-port; as in HAProxy 3.0",
        parse: |target, args| {
            target.options.hash_key = args.choice("id, id32, guid, addr or addr-port", HASH_KEYS)?;
            Ok(())
        },
    },
    WordOption {
        word: "minconn",
        summary: "the limit of connections while the backend has little to do; it grows to `maxconn` with the load",
        parse: |target, args| {
            target.options.minconn = args.number(0..=u32::MAX)?;
            Ok(())
        },
    },
    WordOption {
        word: "maxqueue",
        summary: "the most connections that may wait for this server alone; 0 is no limit",
        parse: |target, args| {
            target.options.maxqueue = args.number(0..=u32::MAX)?;
            Ok(())
        },
    },
    WordOption {
        word: "slowstart",
        summary: "how long it takes to the full share of a server that has come back",
        parse: |target, args| {
            target.options.slowstart = args.time()?;
            Ok(())
        },
    },
    WordOption {
        word: "observe",
        summary: "`layer4`: connections that fail count against its health",
        parse: |target, args| {
            target.options.observe = args.choice("`layer4`", OBSERVE)?;
            if !target.options.observe {
                let message = "`layer7` is about answers of HTTP, and this relays TCP";
                return Err(Diagnostic::error(code::UNSUPPORTED, args.last_span(), message).help("write `layer4`"));
            }
            Ok(())
        },
    },
    WordOption {
        word: "error-limit",
        summary: "how many connections in a row must fail to count; 10 if not given",
        parse: |target, args| {
            target.options.error_limit = args.number(1..=i32::MAX as u32)?;
            Ok(())
        },
    },
    WordOption {
        word: "on-error",
        summary: "what they count as: fastinter, fail-check, sudden-death or mark-down",
        parse: |target, args| {
            target.options.on_error = args.choice("what errors count as", ON_ERROR)?;
            Ok(())
        },
    },
    WordOption {
        word: "on-marked-down",
        summary: "`shutdown-sessions`: its connections end when it goes down",
        parse: |target, args| {
            target.options.ends_sessions = args.choice("`shutdown-sessions`", &[("shutdown-sessions", true)])?;
            Ok(())
        },
    },
    WordOption {
        word: "on-marked-up",
        summary: "`shutdown-backup-sessions`: those of the backups end when it comes up",
        parse: |target, args| {
            let choices = &[("shutdown-backup-sessions", true)];
            target.options.ends_backup_sessions = args.choice("`shutdown-backup-sessions`", choices)?;
            Ok(())
        },
    },
    WordOption {
        word: "init-state",
        summary: "what it is taken for before its first check: none, up, fully-up, down or fully-down",
        parse: |target, args| {
            target.options.init = args.choice("a state", INIT_STATES)?;
            Ok(())
        },
    },
    WordOption {
        word: "non-stick",
        summary: "never remembered in a stick-table",
        parse: |target, _| {
            target.options.non_stick = true;
            Ok(())
        },
    },
    WordOption {
        word: "stick",
        summary: "remembered in a stick-table although the defaults say `non-stick`",
        parse: |target, _| {
            target.options.non_stick = false;
            Ok(())
        },
    },
    WordOption {
        word: "send-proxy",
        summary: "each connection begins with a PROXY header of version 1",
        parse: |target, _| {
            target.options.send_proxy.v1 = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-send-proxy",
        summary: "no PROXY header of version 1 although the defaults say so",
        parse: |target, _| {
            target.options.send_proxy.v1 = false;
            Ok(())
        },
    },
    WordOption {
        word: "send-proxy-v2",
        summary: "each connection begins with a PROXY header of version 2",
        parse: |target, _| {
            target.options.send_proxy.v2 = true;
            Ok(())
        },
    },
    WordOption {
        word: "no-send-proxy-v2",
        summary: "no PROXY header of version 2 although the defaults say so",
        parse: |target, _| {
            target.options.send_proxy.v2 = false;
            Ok(())
        },
    },
    WordOption {
        word: "send-proxy-v2-ssl",
        summary: "as `send-proxy-v2`, and whether the client came by TLS",
        parse: |target, _| header::with_tls(target, true),
    },
    WordOption {
        word: "no-send-proxy-v2-ssl",
        summary: "no such header although the defaults say so",
        parse: |target, _| header::with_tls(target, false),
    },
    WordOption {
        word: "send-proxy-v2-ssl-cn",
        summary: "as `send-proxy-v2-ssl`, with the name in the client's certificate",
        parse: |target, _| header::with_common_name(target, true),
    },
    WordOption {
        word: "no-send-proxy-v2-ssl-cn",
        summary: "no such header although the defaults say so",
        parse: |target, _| header::with_common_name(target, false),
    },
    WordOption {
        word: "proxy-v2-options",
        summary: "what a header of version 2 says beside addresses: authority, crc32c, ssl, cert-cn, …",
        parse: header::options,
    },
    WordOption {
        word: "check-send-proxy",
        summary: "checks begin with a PROXY header too, wherever they go",
        parse: |target, _| {
            target.options.check_send_proxy = true;
            Ok(())
        },
    },
    WordOption {
        word: "set-proxy-v2-tlv-fmt",
        summary: "a value that a header of version 2 says under a number: `set-proxy-v2-tlv-fmt(0xE0) FORMAT`",
        parse: header::say,
    },
    WordOption {
        word: "no-check-send-proxy",
        summary: "no such header although the defaults say so",
        parse: |target, _| {
            target.options.check_send_proxy = false;
            Ok(())
        },
    },
    WordOption {
        word: "id",
        summary: "the number in statistics and hashes, instead of the position",
        parse: |target, args| {
            let id = args.number(1..=i32::MAX as u32)?;
            target.id = Some(Spanned::new(id, args.last_span()));
            Ok(())
        },
    },
    WordOption {
        word: "guid",
        summary: "the name under which a `stats-file` knows it",
        parse: |target, args| {
            target.guid = Some(args.text("a name")?.into());
            Ok(())
        },
    },
];

const OBSERVE: &[(&str, bool)] = &[("layer4", true), ("layer7", false)];
