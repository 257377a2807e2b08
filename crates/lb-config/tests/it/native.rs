//! Mistakes in the native form: each with its place, and the nearest key.

use crate::{complaints, errors, read, without_origins};

#[test]
fn all_mistakes_of_shape_are_reported() {
    let text = "[global]\nmaxcon = 3\nthreads = \"many\"\nlog = 4\n\n[defaults]\ntimeout = { client = \"5x\", server = 7 }\n\n\
                [[frontend]]\nname = \"f\"\nbind = [{ address = \"*:x\" }]\ndefault-backend = \"b\"\n\n\
                [[backend]]\nname = \"b\"\nbalance = \"sorce\"\n\n[[backend.server]]\nname = \"s\"\nweight = 257\n";
    let loaded = read(text);
    assert!(loaded.plan.is_none());
    assert_eq!(
        errors(&loaded),
        [
            "t:2:1: error[LB0001]: unknown key `maxcon`",
            "t:3:11: error[LB0015]: `many` is not a number from 1 to 1024",
            "t:4:7: error[LB0015]: invalid type: integer `4`, expected a sequence",
            "t:7:22: error[LB0015]: `x` is not a unit of time; write one of us ms s m h d; without a unit it is milliseconds",
            "t:11:21: error[LB0015]: `x` is not a port; a port is a number from 1 to 65535",
            "t:16:11: error[LB0015]: `sorce` is not known; did you mean `source`?",
            "t:19:8: error[LB0009]: server `s` has no address",
            "t:20:10: error[LB0015]: `257` is not a number from 0 to 256",
        ]
    );
    assert_eq!(loaded.diagnostics[0].help.as_deref(), Some("did you mean `maxconn`?"));
}

#[test]
fn syntax_is_reported_at_its_place() {
    let found = errors(&read("[global]\nmaxconn = = 3\n"));
    assert_eq!(found, ["t:2:11: error[LB0015]: extra `=`, expected nothing"]);
}

#[test]
fn what_must_be_there_is_asked_for() {
    for (text, error) in [
        ("[[frontend]]\n", "t:1:1: error[LB0005]: `name` is missing here"),
        (
            "[[frontend]]\nname = \"f\"\nbind = [{}]\n",
            "t:3:9: error[LB0005]: `address` is missing here",
        ),
        (
            "[[global.log]]\nto = \"stdout\"\n",
            "t:1:1: error[LB0005]: `facility` is missing here",
        ),
        (
            "[[backend]]\nname = \"b\"\nstick = { type = \"ip\" }\n",
            "t:3:9: error[LB0005]: `size` is missing here",
        ),
        (
            "[[backend]]\nname = \"a b\"\n",
            "t:2:8: error[LB0007]: ` ` cannot be part of a name",
        ),
        (
            "[[frontend]]\nname = \"f\"\ndefault-backend = \"b\"\n",
            "t:3:19: error[LB0011]: there is no backend `b`",
        ),
        (
            "[[backend]]\nname = \"b\"\n[[backend.server]]\nname = \"s\"\naddress = \"1.1.1.1:1\"\nsend-proxy = \"v2\"\n\
             proxy-v2-values = [\"7 a\", \"0x07 b\"]\n",
            "t:7:27: error[LB0010]: the value 0x07 is told twice here",
        ),
    ] {
        assert_eq!(errors(&read(text)), [error], "{text}");
    }
}

/// What is wrong with the whole is told in the words of the file, too.
#[test]
fn whoever_writes_toml_is_told_what_to_write_in_toml() {
    let server = "[[backend]]\nname = \"b\"\n[[backend.server]]\nname = \"s\"\naddress = \"1.1.1.1\"\n";
    let front = "[[frontend]]\nname = \"f\"\nbind = [{ address = \"*:1\" }]\n";
    for (text, message, help) in [
        (
            format!("{server}check = true\n"),
            "has no port to check",
            "add a port to its address, or `check-port = N`",
        ),
        (
            format!("{server}proxy-v2-values = [\"7 a\"]\n"),
            "has values",
            "add `send-proxy = \"v2\"`, or leave `proxy-v2-values` out",
        ),
        (front.to_owned(), "leads nowhere", "add a `default-backend`"),
        (
            format!("{front}default-backend = \"b\"\n"),
            "there is no backend",
            "add a `[[backend]]` named `b`",
        ),
        (
            format!("{front}mode = \"http\"\n"),
            "`mode = \"http\"` is only supported for a statistics page",
            "write `mode = \"tcp\"`, or a table `stats` if this is the statistics page",
        ),
        (
            "[[backend]]\nname = \"b\"\nhealth-check = \"external-check\"\n".to_owned(),
            "does not allow",
            "add `external-checks = true` to `[global]`",
        ),
        (
            "[[backend]]\nname = \"b\"\nstick-table = \"type ip size 9\"\n".to_owned(),
            "no rule uses this table",
            "add `stick-rules = [\"on src\"]`",
        ),
    ] {
        let loaded = read(&text);
        let all = loaded.diagnostics.iter();
        let said: Vec<_> = all
            .filter(|d| d.message.contains(message))
            .map(|d| d.help.as_deref())
            .collect();
        assert_eq!(said, [Some(help)], "{text}{:?}", loaded.diagnostics);
    }
}

#[test]
fn settings_of_the_other_side_are_not_silent() {
    let loaded = read("[[backend]]\nname = \"b\"\nmaxconn = 3\n");
    assert_eq!(
        complaints(&loaded),
        ["t:2:8: warning[LB0004]: maxconn has no effect in a backend and is ignored"]
    );
    assert!(loaded.plan.is_some());
}

#[test]
fn proxies_are_numbered_in_the_order_of_the_file() {
    let text = "[[backend]]\nname = \"a\"\n[[frontend]]\nname = \"f\"\nbind = [{ address = \"*:1\" }]\n\
                default-backend = \"b\"\n[[backend]]\nname = \"b\"\n";
    let plan = read(text).plan.expect("good");
    assert_eq!(
        (plan.backends[0].id, plan.frontends[0].id, plan.backends[1].id),
        (1, 2, 3)
    );
}

/// Every key of the native form once, and what it is called in `haproxy.cfg`.
#[test]
fn every_key_means_what_its_keyword_means() {
    let native = r#"
[global]
maxconn = 100
connection-rate = 7
session-rate = 8
daemon = true
threads = 2
pidfile = "/p"
user = "u"
group = "g"
chroot = "/c"
node = "n"
description = "some words"
hard-stop-after = "3s"
spread-checks = 5
first-checks-within = "7s"
default-path = "/d"
log-tag = "x"
log-hostname = "h"
control-timeout = 5000
log = [{ to = "10.0.0.1", facility = "local0", format = "rfc5424", length = 200, max = "info", min = "err" }]
control = [{ address = "/s", level = "user", severity-output = "number", mode = "600", user = "u", group = "g", expose-listeners = true }]
[defaults]
mode = "tcp"
maxconn = 50
session-rate = 9
backlog = 10
default-backend = "b"
retries = 2
redispatch = 3
balance = "random(3)"
hash = { type = "consistent", function = "djb2" }
all-backups = true
server-defaults = { init-state = "none", inter = "3s", fastinter = "1s", downinter = "9s" }
[defaults.logging]
global = true
to = [{ to = "stdout", facility = "user" }]
tcplog = true
dontlognull = true
dontlog-normal = true
separate-errors = true
asap = true
health-checks = true
[defaults.timeout]
client = "1m"
client-fin = "2s"
client-hs = "8s"
connect = "3s"
server = "4m"
server-fin = "5s"
tunnel = "1h"
check = "6s"
queue = "7s"
[defaults.keepalive]
client = true
client-idle = "1s"
client-interval = "2s"
client-count = 3
server = true
server-idle = "4s"
server-interval = "5s"
server-count = 6
[[frontend]]
name = "f"
id = 9
bind = [{ address = "*:1-2", name = "x", maxconn = 3, backlog = 4, interface = "lo", v6only = false, transparent = true, accept-proxy = true }]
[[frontend]]
name = "off"
disabled = true
[[backend]]
name = "b"
id = 12
stick = { type = "ipv6", size = "1m", expire = "30m", nopurge = true, store = ["conn_cur,gpc(2)"], stores = false }
stick-rules = ["store-response res.payload(0,4) table t if TRUE"]
tcp-request = ["content track-sc0 src", "content sc-set-gpt0(0) 5 if { sc0_conn_cur gt 3 }"]
tcp-response = ["inspect-delay 3s", "content reject if { res.len gt 5 }"]
[[backend.server]]
name = "s"
address = "1.1.1.1:1"
id = 7
weight = 3
backup = true
disabled = true
maxconn = 4
non-stick = true
check = true
rise = 5
fall = 6
check-port = 8
check-address = "2.2.2.2"
send-proxy = "v2"
proxy-v2-options = ["crc32c", "ssl"]
proxy-v2-values = ["0xe0 %[src] here"]
check-send-proxy = true
maxqueue = 9
slowstart = "4s"
observe = true
error-limit = 5
on-error = "mark-down"
shutdown-sessions = true
shutdown-backup-sessions = true
init-state = "fully-up"
[[backend]]
name = "t"
stick-table = "type string len 9 size 10"
"#;
    let haproxy = "global\n maxconn 100\n maxconnrate 7\n maxsessrate 8\n daemon\n nbthread 2\n pidfile /p\n user u\n group g\n chroot /c\n node n\n \
        description some words\n hard-stop-after 3s\n spread-checks 5\n max-spread-checks 7s\n default-path origin /d\n log-tag x\n log-send-hostname h\n \
        stats timeout 5s\n log 10.0.0.1 len 200 format rfc5424 local0 info err\n \
        stats socket /s level user severity-output number mode 600 user u group g expose-fd listeners\n\
        defaults\n mode tcp\n maxconn 50\n rate-limit sessions 9\n backlog 10\n default_backend b\n retries 2\n option redispatch 3\n \
        balance random(3)\n hash-type consistent djb2\n option allbackups\n \
        default-server inter 3s fastinter 1s downinter 9s\n log global\n log stdout user\n option tcplog\n \
        option dontlognull\n option dontlog-normal\n option log-separate-errors\n option logasap\n \
        option log-health-checks\n timeout client 1m\n timeout client-fin 2s\n timeout client-hs 8s\n timeout connect 3s\n \
        timeout server 4m\n timeout server-fin 5s\n timeout tunnel 1h\n timeout check 6s\n timeout queue 7s\n \
        option tcpka\n clitcpka-idle 1s\n clitcpka-intvl 2s\n clitcpka-cnt 3\n srvtcpka-idle 4s\n srvtcpka-intvl 5s\n \
        srvtcpka-cnt 6\n\
        frontend f\n id 9\n bind *:1-2 name x maxconn 3 backlog 4 interface lo v4v6 transparent accept-proxy\n\
        frontend off\n disabled\n\
        backend b\n id 12\n stick-table type ipv6 size 1m expire 30m nopurge store conn_cur,gpc(2)\n stick match src\n \
        tcp-request content track-sc0 src\n \
        tcp-request content sc-set-gpt0(0) 5 if { sc0_conn_cur gt 3 }\n tcp-response inspect-delay 3s\n \
        tcp-response content reject if { res.len gt 5 }\n \
        stick store-response res.payload(0,4) table t if TRUE\n \
        server s 1.1.1.1:1 id 7 weight 3 backup disabled maxconn 4 non-stick check rise 5 fall 6 port 8 addr 2.2.2.2 \
         send-proxy-v2 proxy-v2-options crc32c,ssl set-proxy-v2-tlv-fmt(224) \"%[src] here\" check-send-proxy maxqueue 9 slowstart 4s observe layer4 \
         error-limit 5 on-error mark-down on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions init-state fully-up\n\
         backend t\n stick-table type string len 9 size 10\n";
    let plan = |text: &str| {
        let loaded = read(text);
        assert_eq!(complaints(&loaded), [""; 0]);
        without_origins(loaded.plan.expect("nothing was reported"))
    };
    assert_eq!(plan(native), plan(haproxy));
}

#[test]
fn names_that_are_looked_up_mean_the_same() {
    let native = "[[resolvers]]\nname = \"dns\"\nnameservers = [\"10.0.0.2\", \"10.0.0.3:5353\"]\npayload-size = 1400\n\
                  retries = 2\nresolve-interval = \"2s\"\nretry-interval = \"3s\"\nhold = { valid = \"5s\", obsolete = 0 }\n\n\
                  [[backend]]\nname = \"b\"\nserver-defaults = { init-state = \"none\" }\n\n\
                  [[backend.server]]\nname = \"s\"\naddress = \"x.test:1\"\ncount = 2\n\
                  lookup = { by = \"dns\", prefer-ipv4 = true, networks = [\"10.0.0.0/8\"], share-addresses = true, ignore-weight = true }\n\n\
                  [[backend.server]]\nname = \"t\"\naddress = \"y.test:1\"\nlookup = { by = \"dns\" }\ninit-address = [\"last\", \"none\"]\n";
    let haproxy = "resolvers dns\n nameserver 10.0.0.2 10.0.0.2\n nameserver 10.0.0.3 10.0.0.3:5353\n\
                   accepted_payload_size 1400\n resolve_retries 2\n timeout resolve 2s\n timeout retry 3s\n hold valid 5s\n hold obsolete 0\n\
                   backend b\n server-template s 2 x.test:1 resolvers dns resolve-prefer ipv4 resolve-net 10.0.0.0/8 \
                   resolve-opts allow-dup-ip,ignore-weight\n server t y.test:1 resolvers dns init-addr last,none\n";
    let plan = |text: &str| {
        let loaded = read(text);
        let errors = errors(&loaded);
        loaded.plan.unwrap_or_else(|| panic!("{errors:?}"))
    };
    let (native, haproxy) = (plan(native), plan(haproxy));
    assert_eq!(native.resolvers, haproxy.resolvers);
    let lookups = |plan: &tandem_lb_config::Plan| {
        let servers = plan.backends[0].servers.iter();
        servers
            .map(|server| (server.name.clone(), server.resolve.clone(), server.init_addr.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(lookups(&native), lookups(&haproxy));
    assert_eq!(native.backends[0].servers.len(), 3);
    let alone = "[[backend]]\nname = \"b\"\n[[backend.server]]\nname = \"s\"\naddress = \"10.0.0.1:1\"\ncount = 2\n";
    let template = "backend b\n server-template s 2 10.0.0.1:1\n";
    assert_eq!(
        without_origins(plan(alone)).backends[0].servers,
        without_origins(plan(template)).backends[0].servers
    );
}

/// What only files with both halves in one section, checks with lines, and files of states need.
#[test]
fn sections_with_both_halves_and_what_servers_are_asked() {
    let native = r#"
global = { server-state-file = "/s", server-state-base = "/d" }
[defaults]
server-states = "global"
health-check = "tcp-check"
tcp-check = ["connect port 3", "send 'PING it'", "expect string PONG"]
server-defaults = { init-state = "up" }
[[listen]]
name = "both"
bind = [{ address = "*:1" }]
tcp-check = ["expect rstring ^[+]OK"]
use-backend = ["b if { src 10.0.0.1 }"]
server-states = "local"
server-state-file = "of-both"
server = [{ name = "s", address = "10.0.0.1:1", check = true }]
[[backend]]
name = "b"
health-check = "httpchk GET /alive"
http-check = ["send hdr Host x", "expect status 200"]
server = [{ name = "s", address = "10.0.0.1:1", check = true }]
[[frontend]]
name = "metrics"
mode = "http"
bind = [{ address = "*:2" }]
stats = { page = false, metrics = "/m" }
[[resolvers]]
name = "dns"
nameservers = ["one 10.0.0.2", "10.0.0.3:54"]
"#;
    let haproxy = "global\n server-state-file /s\n server-state-base /d\n\
        defaults\n load-server-state-from-file global\n option tcp-check\n tcp-check connect port 3\n \
        tcp-check send 'PING it'\n tcp-check expect string PONG\n\
        listen both\n bind *:1\n tcp-check expect rstring ^[+]OK\n use_backend b if { src 10.0.0.1 }\n \
        load-server-state-from-file local\n server-state-file-name of-both\n server s 10.0.0.1:1 check\n\
        backend b\n option httpchk GET /alive\n http-check send hdr Host x\n http-check expect status 200\n server s 10.0.0.1:1 check\n\
        frontend metrics\n mode http\n bind *:2\n http-request use-service prometheus-exporter if { path /m }\n\
        resolvers dns\n nameserver one 10.0.0.2\n nameserver 10.0.0.3 10.0.0.3:54\n";
    let plan = |text: &str| {
        let loaded = read(text);
        assert_eq!(errors(&loaded), [""; 0]);
        without_origins(loaded.plan.expect("nothing was reported"))
    };
    let (native, haproxy) = (plan(native), plan(haproxy));
    assert_eq!(native, haproxy);
    assert_eq!(native.frontends[0].id, native.backends[0].id);
    assert_eq!(
        errors(&read("[[backend]]\nname = \"b\"\nhealth-check = \"tcplog\"\n")),
        ["t:3:16: error[LB0001]: unknown keyword `option tcplog` in `backend`"]
    );
}
