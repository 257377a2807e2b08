//! Each keyword: what it sets, and how its mistakes are reported.

mod mistakes;

use std::fmt::Debug;
use std::sync::Arc;

use tandem_lb_config::{Backend, Frontend, Global, Service, keyword_docs};
use tandem_lb_core::log::format::Format;

use crate::{errors, read};

const GLOBAL: &str = "global\n ";
const FRONT: &str = "frontend f\n ";
const BACK: &str = "backend b\n ";
const SERVER: &str = "backend b\n server s 1.1.1.1:1 ";
const BIND: &str = "frontend f\n bind *:1 ";
const STATS: &str = "listen f\n mode http\n ";

fn show(value: impl Debug) -> String {
    format!("{value:?}")
}

fn format_of(format: &Option<Arc<Format>>) -> String {
    format.as_ref().map_or("-", |format| &format.written).to_owned()
}

fn global(words: &str, look: fn(&Global) -> String, want: &str) {
    let loaded = read(&format!("{GLOBAL}{words}\n"));
    let plan = loaded
        .plan
        .as_ref()
        .unwrap_or_else(|| panic!("{words}: {:?}", errors(&loaded)));
    assert_eq!(look(&plan.global), want, "{words}");
}

fn front(head: &str, words: &str, look: fn(&Frontend) -> String, want: &str) {
    let loaded = read(&format!("{head}{words}\n"));
    let plan = loaded
        .plan
        .as_ref()
        .unwrap_or_else(|| panic!("{words}: {:?}", errors(&loaded)));
    assert_eq!(look(&plan.frontends[0]), want, "{words}");
}

fn back(head: &str, words: &str, look: fn(&Backend) -> String, want: &str) {
    let loaded = read(&format!("{head}{words}\n"));
    let plan = loaded
        .plan
        .as_ref()
        .unwrap_or_else(|| panic!("{words}: {:?}", errors(&loaded)));
    assert_eq!(look(&plan.backends[0]), want, "{words}");
}

#[test]
fn of_global() {
    global(
        "log stdout local7",
        |g| show((&g.logs[0].to, g.logs[0].facility.0, g.logs[0].length)),
        "(Stdout, 23, 1024)",
    );
    global(
        "log 10.0.0.1 len 200 format rfc5424 daemon warning err",
        |g| {
            show((
                &g.logs[0].to,
                g.logs[0].length,
                g.logs[0].format,
                g.logs[0].max,
                g.logs[0].min,
            ))
        },
        "(Udp { host: Ip(10.0.0.1), port: 514 }, 200, Some(Rfc5424), Warning, Err)",
    );
    global("log-tag lb", |g| show(&g.log_tag), "Some(\"lb\")");
    global("log-send-hostname", |g| show(&g.log_hostname), "Some(\"\")");
    global("log-send-hostname h", |g| show(&g.log_hostname), "Some(\"h\")");
    global("maxconn 7", |g| show(g.maxconn), "Some(7)");
    global("maxconnrate 7", |g| show(g.connection_rate), "Some(7)");
    global("maxsessrate 0", |g| show(g.session_rate), "None");
    global("daemon", |g| show(g.daemon), "true");
    global("nbthread 4", |g| show(g.threads), "Some(4)");
    global("pidfile /p", |g| show(&g.pidfile), "Some(\"/p\")");
    global("user u", |g| show(&g.user), "Some(\"u\")");
    global("group g", |g| show(&g.group), "Some(\"g\")");
    global("uid 7", |g| show(&g.user), "Some(\"7\")");
    global("gid 8", |g| show(&g.group), "Some(\"8\")");
    global("chroot /c", |g| show(&g.chroot), "Some(\"/c\")");
    global("node n", |g| show(&g.node), "Some(\"n\")");
    global(
        "description some 'more  words'",
        |g| show(&g.description),
        "Some(\"some more  words\")",
    );
    global("hard-stop-after 1m", |g| show(g.hard_stop_after), "Some(60s)");
    global("close-spread-time 10m", |g| show(g.close_spread_time), "Some(600s)");
    global("maxpipes 7", |g| show(g.pipes), "Some(7)");
    global("maxpipes 0", |g| show(g.pipes), "None");
    global("nosplice", |g| show(g.no_splice), "true");
    global("spread-checks 50", |g| show(g.spread_checks), "50");
    global("max-spread-checks 50ms", |g| show(g.first_checks_within), "Some(50ms)");
    global("max-spread-checks 0", |g| show(g.first_checks_within), "None");
    global(
        "tandem-state-file /s every 3s",
        |g| show((&g.state.own, g.state.every)),
        "(Some(\"/s\"), Some(3s))",
    );
    global("server-state-file f", |g| show(&g.state.servers), "Some(\"f\")");
    global("server-state-base /b", |g| show(&g.state.servers_base), "Some(\"/b\")");
    global("stats-file f", |g| show(&g.state.stats), "Some(\"f\")");
    global("stats timeout 2m", |g| show(g.stats_timeout), "Some(120s)");
    global(
        "stats socket /s mode 600 user u group g level user severity-output string expose-fd listeners",
        |g| show(&g.stats_sockets[0]),
        "StatsSocket { address: Unix(\"/s\"), origin: \"t:2\", level: User, severities: Word, file: SocketFile { mode: Some(384), user: Some(\"u\"), group: Some(\"g\") }, expose_listeners: true }",
    );
    global(
        "stats socket ipv4@127.0.0.1:9 uid 1 gid 2",
        |g| {
            show((
                &g.stats_sockets[0].address,
                &g.stats_sockets[0].file.user,
                g.stats_sockets[0].level,
            ))
        },
        "(Ip { ip: 127.0.0.1, port: 9 }, Some(\"1\"), Operator)",
    );
}

#[test]
fn of_frontends() {
    front(FRONT, "id 44", |f| show(f.id), "44");
    front(FRONT, "disabled", |f| show(f.disabled), "true");
    front(
        "defaults\n disabled\nfrontend f\n ",
        "enabled",
        |f| show(f.disabled),
        "false",
    );
    front(FRONT, "log global", |f| show(f.logs.global), "true");
    front(
        FRONT,
        "log stderr user",
        |f| show((f.logs.global, f.logs.own.len())),
        "(false, 1)",
    );
    front(
        "defaults\n log global\nfrontend f\n ",
        "no log",
        |f| show(&f.logs),
        "ProxyLogs { global: false, own: [], tag: None }",
    );
    front(FRONT, "guid g", |f| show(&f.guid), "Some(\"g\")");
    front(FRONT, "option socket-stats", |f| show(f.socket_stats), "true");
    let forwarded = |f: &Frontend| show(f.forward.as_ref().map(|forward| forward.seed));
    front(
        "backend b\n balance source\n server s 10.8.0.1:1\nfrontend f\n bind 10.9.0.1:1\n default_backend b\n ",
        "tandem-forward seed 3",
        forwarded,
        "Some(3)",
    );
    front(FRONT, "maxconn 5", |f| show(f.maxconn), "Some(5)");
    front(FRONT, "rate-limit sessions 9", |f| show(f.session_rate), "Some(9)");
    front(FRONT, "backlog 6", |f| show(f.backlog), "Some(6)");
    front(FRONT, "timeout client 5s", |f| show(f.timeout_client), "Some(5s)");
    front(FRONT, "timeout client 0", |f| show(f.timeout_client), "None");
    front(
        FRONT,
        "timeout client-fin 6",
        |f| show(f.timeout_client_fin),
        "Some(6ms)",
    );
    front(FRONT, "option tcplog", |f| format_of(&f.log_rule.format), "tcplog");
    front(
        "defaults\n option tcplog\nfrontend f\n ",
        "log-format %ci",
        |f| format_of(&f.log_rule.format),
        "%ci",
    );
    front(
        "defaults\n log-format %ci\nfrontend f\n ",
        "option tcplog",
        |f| format_of(&f.log_rule.format),
        "tcplog",
    );
    front(
        FRONT,
        "log-format-sd \"[a@1 f=\\\"%f\\\"]\"",
        |f| format_of(&f.log_rule.structured),
        "[a@1 f=\"%f\"]",
    );
    front(
        FRONT,
        "unique-id-format %{+X}o%rt",
        |f| format_of(&f.log_rule.unique_id),
        "%{+X}o%rt",
    );
    front(FRONT, "log-tag brokers", |f| show(&f.logs.tag), "Some(\"brokers\")");
    front(
        FRONT,
        "log stderr sample 1,3-4:5 local0",
        |f| show(&f.logs.own[0].sample),
        "Some(Sample { ranges: [1..=1, 3..=4], of: 5 })",
    );
    front(FRONT, "option dontlognull", |f| show(f.log_rule.dontlognull), "true");
    front(
        FRONT,
        "option dontlog-normal",
        |f| show(f.log_rule.dontlog_normal),
        "true",
    );
    front(
        FRONT,
        "option log-separate-errors",
        |f| show(f.log_rule.log_separate_errors),
        "true",
    );
    front(FRONT, "option logasap", |f| show(f.log_rule.logasap), "true");
    front(FRONT, "option tcpka", |f| show(f.keepalive.is_some()), "true");
    front(FRONT, "option clitcpka", |f| show(f.keepalive.is_some()), "true");
    front(
        FRONT,
        "option clitcpka\n clitcpka-idle 9\n clitcpka-intvl 3000ms\n clitcpka-cnt 4",
        |f| show(f.keepalive),
        "Some(Keepalive { idle: Some(9s), interval: Some(3s), count: Some(4) })",
    );
    front(FRONT, "clitcpka-idle 9s", |f| show(f.keepalive), "None");
}

#[test]
fn of_bind_lines() {
    front(BIND, "name n", |f| show(&f.binds[0].name), "Some(\"n\")");
    front(
        BIND,
        "interface eth0",
        |f| show(&f.binds[0].interface),
        "Some(\"eth0\")",
    );
    front(BIND, "backlog 4", |f| show(f.binds[0].backlog), "Some(4)");
    front(BIND, "maxconn 5", |f| show(f.binds[0].maxconn), "Some(5)");
    front(BIND, "v6only", |f| show(f.binds[0].v6only), "Some(true)");
    front(BIND, "v4v6", |f| show(f.binds[0].v6only), "Some(false)");
    front(BIND, "transparent", |f| show(f.binds[0].transparent), "true");
    front(
        FRONT,
        "bind *:5-7,fd@3,/s name x",
        |f| show((f.binds.len(), &f.binds[4].address, &f.binds[4].name)),
        "(5, Unix(\"/s\"), Some(\"x\"))",
    );
    front(
        FRONT,
        "bind *:5\n bind *:6",
        |f| show((&f.binds[0].origin, &f.binds[1].origin)),
        "(\"t:2\", \"t:3\")",
    );
}

#[test]
fn of_backends() {
    back(BACK, "guid g", |b| show(&b.guid), "Some(\"g\")");
    back(
        BACK,
        "load-server-state-from-file global",
        |b| show(&b.server_states),
        "Global",
    );
    back(
        BACK,
        "load-server-state-from-file local\n server-state-file-name f",
        |b| show(&b.server_states),
        "Local(Some(\"f\"))",
    );
    back(BACK, "balance roundrobin", |b| show(b.policy.algorithm), "RoundRobin");
    back(BACK, "balance static-rr", |b| show(b.policy.algorithm), "StaticRr");
    back(BACK, "balance leastconn", |b| show(b.policy.algorithm), "LeastConn");
    back(BACK, "balance first", |b| show(b.policy.algorithm), "First");
    back(BACK, "balance source", |b| show(b.policy.algorithm), "Source");
    back(
        BACK,
        "balance random",
        |b| show(b.policy.algorithm),
        "Random { draws: 2 }",
    );
    back(
        BACK,
        "balance random(5)",
        |b| show(b.policy.algorithm),
        "Random { draws: 5 }",
    );
    back(BACK, "balance hash src", |b| show(b.policy.algorithm), "HashSrc");
    back(
        BACK,
        "hash-type map-based none",
        |b| show(b.policy.hash.function),
        "None",
    );
    back(
        BACK,
        "hash-type map-based crc32 avalanche",
        |b| show((b.policy.hash.method, b.policy.hash.avalanche)),
        "(MapBased, true)",
    );
    back(BACK, "retries 0", |b| show(b.retries), "0");
    back(BACK, "option redispatch", |b| show(b.redispatch), "FromLast(1)");
    back(BACK, "option redispatch 3", |b| show(b.redispatch), "Every(3)");
    back(BACK, "option redispatch -2", |b| show(b.redispatch), "FromLast(2)");
    back(BACK, "option redispatch 0", |b| show(b.redispatch), "Never");
    back(
        "defaults\n option redispatch\nbackend b\n ",
        "no option redispatch",
        |b| show(b.redispatch),
        "Never",
    );
    back(BACK, "option allbackups", |b| show(b.policy.all_backups), "true");
    back(BACK, "option log-health-checks", |b| show(b.log_health_checks), "true");
    back(
        BACK,
        "option srvtcpka\n srvtcpka-cnt 3\n srvtcpka-idle 1s\n srvtcpka-intvl 2s",
        |b| show(b.keepalive),
        "Some(Keepalive { idle: Some(1s), interval: Some(2s), count: Some(3) })",
    );
    back(BACK, "timeout connect 1", |b| show(b.timeout_connect), "Some(1ms)");
    back(BACK, "timeout server 2", |b| show(b.timeout_server), "Some(2ms)");
    back(
        BACK,
        "timeout server-fin 3",
        |b| show(b.timeout_server_fin),
        "Some(3ms)",
    );
    back(BACK, "timeout tunnel 4", |b| show(b.timeout_tunnel), "Some(4ms)");
    back(BACK, "timeout check 5", |b| show(b.timeout_check), "Some(5ms)");
    back(BACK, "timeout queue 6", |b| show(b.timeout_queue), "Some(6ms)");
    let rules = |b: &Backend| {
        let words = b
            .stick
            .iter()
            .map(|r| (r.matches, r.stores, &*r.table, r.when.is_some()));
        show(words.collect::<Vec<_>>())
    };
    back(
        BACK,
        "stick-table type ip size 1\n stick on src\n stick match src table b if TRUE\n stick store-response src",
        rules,
        r#"[(true, Request, "b", false), (true, Never, "b", true), (false, Response, "b", false)]"#,
    );
}

#[test]
fn of_tables() {
    let table = |words: &str| {
        let text = format!("{BACK}stick-table {words}\n stick on src\n");
        let loaded = read(&text);
        let plan = loaded
            .plan
            .as_ref()
            .unwrap_or_else(|| panic!("{words}: {:?}", errors(&loaded)));
        let settings = plan.tables[0].settings.clone();
        let stored = settings
            .store
            .iter()
            .map(|s| format!("{}:{}:{}", s.data.name(), s.count, s.period));
        let stored = stored.collect::<Vec<_>>().join(" ");
        format!(
            "{:?} {} {:?} {} {stored}",
            settings.key, settings.size, settings.expire, settings.nopurge
        )
    };
    let servers = "server_id:1:0 server_key:1:0";
    for (words, expected) in [
        ("type ip size 1k expire 5m nopurge", "Ipv4 1024 Some(300s) true "),
        ("type ipv6 size 9", "Ipv6 9 None false "),
        ("type integer size 1", "Integer 1 None false "),
        ("type string size 1", "Text { most: 31 } 1 None false "),
        (
            "type string len 12 size 1 srvkey name",
            "Text { most: 12 } 1 None false ",
        ),
        ("type binary len 4 size 1", "Binary { length: 4 } 1 None false "),
    ] {
        assert_eq!(table(words), format!("{expected}{servers}"), "{words}");
    }
    assert_eq!(
        table("type ip size 1 store conn_cur,conn_rate(1s) store gpc(2)"),
        "Ipv4 1 None false server_id:1:0 conn_rate:1:1000 conn_cur:1:0 server_key:1:0 gpc:2:0"
    );
}

#[test]
fn of_servers() {
    let check = |b: &Backend| {
        show(b.servers[0].check.as_ref().map(|c| {
            (
                c.settings.inter,
                c.settings.fastinter,
                c.settings.downinter,
                c.settings.rise,
                c.settings.fall,
            )
        }))
    };
    back(SERVER, "", check, "None");
    back(SERVER, "check", check, "Some((2s, None, None, 2, 3))");
    back(
        SERVER,
        "check inter 5s fastinter 1s downinter 9s rise 4 fall 5",
        check,
        "Some((5s, Some(1s), Some(9s), 4, 5))",
    );
    back(SERVER, "check no-check", check, "None");
    back(
        SERVER,
        "check port 7 addr 2.2.2.2",
        |b| show(b.servers[0].check.as_ref().map(|c| (&c.host, c.port))),
        "Some((Some(Ip(2.2.2.2)), Some(7)))",
    );
    back(SERVER, "weight 256", |b| show(b.servers[0].weight), "256");
    back(SERVER, "backup", |b| show(b.servers[0].backup), "true");
    back(SERVER, "backup no-backup", |b| show(b.servers[0].backup), "false");
    back(SERVER, "disabled", |b| show(b.servers[0].disabled), "true");
    back(SERVER, "disabled enabled", |b| show(b.servers[0].disabled), "false");
    back(SERVER, "maxconn 9", |b| show(b.servers[0].maxconn), "9");
    back(SERVER, "non-stick", |b| show(b.servers[0].non_stick), "true");
    back(SERVER, "non-stick stick", |b| show(b.servers[0].non_stick), "false");
    back(SERVER, "maxqueue 7", |b| show(b.servers[0].maxqueue), "7");
    let conduct = |b: &Backend| {
        let c = b.servers[0].conduct;
        show((c.slowstart, c.observe.map(|o| (o.limit, o.then)), c.init))
    };
    back(SERVER, "slowstart 1500", conduct, "(2s, None, Up)");
    back(
        SERVER,
        "check observe layer4",
        conduct,
        "(0ns, Some((10, FailCheck)), Up)",
    );
    back(
        SERVER,
        "check observe layer4 error-limit 3 on-error mark-down",
        conduct,
        "(0ns, Some((3, MarkDown)), Up)",
    );
    back(SERVER, "check init-state fully-down", conduct, "(0ns, None, FullyDown)");
    back(
        SERVER,
        "on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions",
        |b| {
            show((
                b.servers[0].conduct.ends_sessions,
                b.servers[0].conduct.ends_backup_sessions,
            ))
        },
        "(true, true)",
    );
    let header = |b: &Backend| {
        show(
            b.servers[0]
                .send_proxy
                .map(|w| (w.version, w.details.crc32c, w.details.ssl, w.details.common_name)),
        )
    };
    back(SERVER, "send-proxy", header, "Some((V1, false, false, false))");
    back(SERVER, "send-proxy no-send-proxy", header, "None");
    back(
        SERVER,
        "send-proxy send-proxy-v2",
        header,
        "Some((V2, false, false, false))",
    );
    back(
        SERVER,
        "send-proxy send-proxy-v2 no-send-proxy-v2",
        header,
        "Some((V1, false, false, false))",
    );
    back(SERVER, "send-proxy-v2-ssl-cn", header, "Some((V2, false, true, true))");
    back(SERVER, "send-proxy-v2-ssl no-send-proxy-v2-ssl", header, "None");
    back(
        SERVER,
        "send-proxy-v2 proxy-v2-options crc32c,cert-cn",
        header,
        "Some((V2, true, true, true))",
    );
    let of_check = |b: &Backend| {
        show(
            b.servers[0]
                .check
                .as_ref()
                .and_then(|c| c.send_proxy)
                .map(|w| w.version),
        )
    };
    back(SERVER, "check", of_check, "None");
    back(SERVER, "check send-proxy-v2", of_check, "Some(V2)");
    back(SERVER, "check send-proxy port 7", of_check, "None");
    back(SERVER, "check send-proxy port 7 check-send-proxy", of_check, "Some(V1)");
    back(SERVER, "check check-send-proxy", of_check, "Some(V1)");
    back(SERVER, "check check-send-proxy no-check-send-proxy", of_check, "None");
    back(SERVER, "id 5", |b| show(b.servers[0].id), "ServerId(5)");
    back(
        BACK,
        "default-server weight 5\n server s h.example:+1",
        |b| show((&b.servers[0].host, b.servers[0].port, b.servers[0].weight)),
        "(Name(HostName { name: \"h.example\", is_v4: None }), Offset(1), 5)",
    );
}

#[test]
fn of_the_statistics_page() {
    fn page(f: &Frontend) -> &tandem_lb_config::Stats {
        let Service::Stats(page) = &f.service else {
            panic!("no page: {f:?}")
        };
        page
    }
    front(
        STATS,
        "stats enable",
        |f| show((&page(f).uri, page(f).admin)),
        "(\"/haproxy?stats\", false)",
    );
    front(STATS, "stats uri /x", |f| show(&page(f).uri), "\"/x\"");
    front(STATS, "stats refresh 10", |f| show(page(f).refresh), "Some(10s)");
    front(STATS, "stats refresh 500ms", |f| show(page(f).refresh), "Some(500ms)");
    front(STATS, "stats realm a\\ b", |f| show(&page(f).realm), "Some(\"a b\")");
    front(
        STATS,
        "stats auth u:p:q\n stats auth v:",
        |f| show(&page(f).auth),
        "[(\"u\", \"p:q\"), (\"v\", \"\")]",
    );
    front(STATS, "stats admin if TRUE", |f| show(page(f).admin), "true");
    front(STATS, "stats admin unless TRUE", |f| show(page(f).admin), "false");
    front(STATS, "stats hide-version", |f| show(page(f).hide_version), "true");
    front(
        STATS,
        "stats hide-version\n stats show-version",
        |f| show(page(f).hide_version),
        "false",
    );
    front(
        STATS,
        "stats scope .\n stats scope b",
        |f| show(&page(f).scopes),
        "[\".\", \"b\"]",
    );
    front(STATS, "stats show-node", |f| show(&page(f).show_node), "Some(\"\")");
    front(
        STATS,
        "stats show-desc a b",
        |f| show(&page(f).show_desc),
        "Some(\"a b\")",
    );
    front(STATS, "stats show-legends", |f| show(page(f).show_legends), "true");
    front(
        STATS,
        "http-request use-service prometheus-exporter if { path /metrics }",
        |f| show((page(f).page, &page(f).metrics)),
        "(false, Some(\"/metrics\"))",
    );
    front(
        STATS,
        "stats enable\n http-request use-service prometheus-exporter",
        |f| show((page(f).page, &page(f).metrics)),
        "(true, Some(\"\"))",
    );
}

#[test]
fn every_keyword_is_described_once_for_each_place() {
    let docs = keyword_docs();
    assert!(docs.len() > 90, "{}", docs.len());
    for (at, doc) in docs.iter().enumerate() {
        assert!(!doc.summary.is_empty() && !doc.places.is_empty(), "{doc:?}");
        let again = docs[at + 1..]
            .iter()
            .any(|other| other.words == doc.words && other.places == doc.places);
        assert!(!again, "{doc:?}");
    }
}
