//! Lines that are wrong, and what is said of each.

use super::*;

#[test]
fn mistakes_are_named() {
    for (head, words, error) in [
        (
            GLOBAL,
            "log",
            "t:2:2: error[LB0005]: a log target is missing after this",
        ),
        (
            GLOBAL,
            "log stdout",
            "t:2:6: error[LB0005]: a syslog facility is missing after this",
        ),
        (
            GLOBAL,
            "log stdout local8",
            "t:2:13: error[LB0007]: `local8` is not a syslog facility",
        ),
        (
            GLOBAL,
            "log stdout local0 infos",
            "t:2:20: error[LB0007]: `infos` is not a syslog level",
        ),
        (
            GLOBAL,
            "log stdout len 10 local0",
            "t:2:17: error[LB0007]: `10` is not a number from 80 to 65535",
        ),
        (
            GLOBAL,
            "log ring@x local0",
            "t:2:6: error[LB0011]: there is no ring `x`",
        ),
        (
            GLOBAL,
            "maxconn many",
            "t:2:10: error[LB0007]: `many` is not a number from 0 to 4294967295",
        ),
        (
            GLOBAL,
            "maxconn 5 6",
            "t:2:12: error[LB0006]: `6` is too much after `maxconn`",
        ),
        (
            GLOBAL,
            "no maxconn 5",
            "t:2:2: error[LB0004]: `no` cannot stand before `maxconn`",
        ),
        (
            GLOBAL,
            "maxconn \"\"",
            "t:2:10: error[LB0005]: a number is missing: this is empty",
        ),
        (
            GLOBAL,
            "spread-checks 60",
            "t:2:16: error[LB0007]: `60` is not a number from 0 to 50",
        ),
        (GLOBAL, "stats", "t:2:2: error[LB0005]: `stats` alone says nothing"),
        (
            GLOBAL,
            "stats sokket /x",
            "t:2:8: error[LB0001]: unknown keyword `stats sokket` in `global`",
        ),
        (
            GLOBAL,
            "stats socket /x mode 689",
            "t:2:23: error[LB0007]: `689` is not a file mode",
        ),
        (
            GLOBAL,
            "stats socket /x level root",
            "t:2:24: error[LB0007]: `root` is not a level",
        ),
        (
            GLOBAL,
            "stats timeout 0",
            "t:2:16: error[LB0007]: this time must be more than 0",
        ),
        (
            GLOBAL,
            "bind *:1",
            "t:2:2: error[LB0001]: unknown keyword `bind` in `global`",
        ),
        (
            FRONT,
            "bind",
            "t:2:2: error[LB0005]: an address to listen on is missing after this",
        ),
        (FRONT, "bind 1.1.1.1", "t:2:7: error[LB0008]: `1.1.1.1` names no port"),
        (
            FRONT,
            "bind *:1 frob",
            "t:2:11: error[LB0001]: unknown keyword `frob` on a `bind` line",
        ),
        (
            FRONT,
            "server s 1.1.1.1:1",
            "t:2:2: error[LB0004]: `server` cannot stand in `frontend`",
        ),
        (FRONT, "mode tpc", "t:2:7: error[LB0007]: `tpc` is not a mode"),
        (
            FRONT,
            "timeout clint 5s",
            "t:2:10: error[LB0001]: unknown keyword `timeout clint` in `frontend`",
        ),
        (
            FRONT,
            "timeout client",
            "t:2:10: error[LB0005]: a time is missing after this",
        ),
        (
            FRONT,
            "timeout client 30d",
            "t:2:17: error[LB0007]: `30d` is too large; the largest is 2147483647ms, about 24.8 days",
        ),
        (
            FRONT,
            "log globl",
            "t:2:6: error[LB0005]: a syslog facility is missing after this",
        ),
        (
            FRONT,
            "stats auth nobody",
            "t:2:13: error[LB0007]: this is not USER:PASSWORD",
        ),
        (
            FRONT,
            "stats admin if REQ_CONTENT",
            "t:2:2: error[LB0002]: the page knows nothing of this about who asks for it",
        ),
        (
            FRONT,
            "stats admin if { src,set-var(txn.a) -m found }",
            "t:2:2: error[LB0002]: the page knows nothing of this about who asks for it",
        ),
        (
            BACK,
            "tcp-check set-var(check.a) int(5),set-var(check.b)",
            "t:2:29: error[LB0002]: a check sets no variables by converters",
        ),
        (
            BACK,
            "tcp-check set-var-fmt(check.a) %[int(5),set-var(check.b)]",
            "t:2:33: error[LB0002]: a check sets no variables by converters",
        ),
        (
            FRONT,
            "stats admin if { src,nbsrv gt 0 }",
            "t:2:2: error[LB0002]: the page knows nothing of this about who asks for it",
        ),
        (
            FRONT,
            "stats admin if { int(1),add(proc.a) gt 0 }",
            "t:2:2: error[LB0002]: the page knows nothing of this about who asks for it",
        ),
        (
            FRONT,
            "stats admin if { str(a),aes_gcm_enc(128,AAAAAAAAAAAAAAAA,AAAAAAAAAAAAAAAAAAAAAA==,txn.t) -m found }",
            "t:2:2: error[LB0002]: the page knows nothing of this about who asks for it",
        ),
        (
            BACK,
            "tcp-check set-var(check.a) str(a),aes_gcm_enc(128,AAAAAAAAAAAAAAAA,AAAAAAAAAAAAAAAAAAAAAA==,check.t)",
            "t:2:29: error[LB0002]: a check sets no variables by converters",
        ),
        (
            BACK,
            "tcp-check set-var(check.a) str(b),nbsrv",
            "t:2:29: error[LB0002]: a check cannot tell this",
        ),
        (
            BACK,
            "tcp-check set-var(check.a) nbsrv(b)",
            "t:2:29: error[LB0002]: a check cannot tell this",
        ),
        (
            BACK,
            "tcp-check send-lf %[int(1),add(txn.a)]",
            "t:2:20: error[LB0002]: a check cannot tell this",
        ),
        (
            GLOBAL,
            "set-var proc.a str(b),nbsrv",
            "t:2:17: error[LB0013]: `str(b),nbsrv` asks about a connection, and there is none yet",
        ),
        (
            GLOBAL,
            "set-var proc.a int(5),set-var(txn.b)",
            "t:2:17: error[LB0013]: `int(5),set-var(txn.b)` asks about a connection, and there is none yet",
        ),
        (
            GLOBAL,
            "set-var-fmt proc.a %[int(1),add(txn.b)]",
            "t:2:21: error[LB0013]: `%[int(1),add(txn.b)]` asks about a connection, and there is none yet",
        ),
        (
            BACK,
            "tcp-check connect addr *:80",
            "t:2:25: error[LB0008]: `*:80` stands for any address, and a server needs one",
        ),
        (
            "defaults\n ",
            "stats admin if { src 10.0.0.0/8 }",
            "t:2:2: error[LB0004]: `stats admin` cannot stand in `defaults`",
        ),
        (
            FRONT,
            "clitcpka-cnt 0",
            "t:2:15: error[LB0007]: `0` is not a number from 1 to 127",
        ),
        (
            BACK,
            "balance sorce",
            "t:2:10: error[LB0007]: `sorce` is not a way to balance",
        ),
        (
            BACK,
            "balance uri",
            "t:2:10: error[LB0002]: `balance uri` is known to HAProxy, but not supported",
        ),
        (
            BACK,
            "balance random(0)",
            "t:2:10: error[LB0007]: `0` is not a number from 1 to 4294967295",
        ),
        (
            BACK,
            "balance random(2",
            "t:2:10: error[LB0007]: this parenthesis is not closed",
        ),
        (BACK, "balance hash dts", "t:2:15: error[LB0001]: `dts` is no fetch"),
        (
            BACK,
            "hash-type consistnt",
            "t:2:12: error[LB0007]: `consistnt` is not a hash type",
        ),
        (
            BACK,
            "option redispatch x",
            "t:2:20: error[LB0007]: `x` is not a whole number",
        ),
        (
            BACK,
            "stick-table size 1k",
            "t:2:2: error[LB0005]: this table has no `type`",
        ),
        (
            BACK,
            "stick-table type method size 1k",
            "t:2:19: error[LB0007]: `method` is not a type of keys",
        ),
        (
            BACK,
            "stick-table type ip size 0",
            "t:2:27: error[LB0007]: a table needs room for at least one entry",
        ),
        (
            BACK,
            "stick-table type ip size 1 store http_req_cnt",
            "t:2:35: error[LB0002]: `http_req_cnt` counts HTTP requests, and this relays TCP: it would stay 0",
        ),
        (
            BACK,
            "stick-table type ip size 1 store conn_count",
            "t:2:35: error[LB0001]: `conn_count` is nothing that a table can store",
        ),
        (
            BACK,
            "tcp-request content track-sc99 src",
            "t:2:22: error[LB0007]: `track-sc99` has no number from 0 to 11",
        ),
        (
            BACK,
            "stick on hdr(host)",
            "t:2:11: error[LB0002]: `hdr` is known to HAProxy, but not supported",
        ),
        (
            BACK,
            "stick on src table x",
            "t:2:21: error[LB0011]: there is no stick-table `x`",
        ),
        (
            BACK,
            "server",
            "t:2:2: error[LB0005]: the server's name is missing after this",
        ),
        (BACK, "server s", "t:2:9: error[LB0009]: server `s` has no address"),
        (
            BACK,
            "server s!x 1.1.1.1:1",
            "t:2:9: error[LB0007]: `!` cannot be part of a name",
        ),
        (
            BACK,
            "server s 1.1.1:1",
            "t:2:11: error[LB0008]: `1.1.1` is not an address",
        ),
        (
            BACK,
            "server s 127.0.0.1:1 check addr *",
            "t:2:34: error[LB0008]: `*` stands for any address, and a server needs one",
        ),
        (
            BACK,
            "default-server id 4",
            "t:2:20: error[LB0004]: an id cannot be the default of several servers",
        ),
        (SERVER, "inter", "t:2:21: error[LB0005]: a time is missing after this"),
        (
            SERVER,
            "inter 0",
            "t:2:27: error[LB0007]: this time must be more than 0",
        ),
        (
            SERVER,
            "fall 0",
            "t:2:26: error[LB0007]: `0` is not a number from 1 to 2147483647",
        ),
        (
            SERVER,
            "port 0",
            "t:2:26: error[LB0007]: `0` is not a number from 1 to 65535",
        ),
        (
            SERVER,
            "socks4 1.1.1.1:1",
            "t:2:21: error[LB0002]: `socks4` is known to HAProxy, but not supported",
        ),
    ] {
        assert_eq!(errors(&read(&format!("{head}{words}\n"))), [error], "{words}");
    }
}
