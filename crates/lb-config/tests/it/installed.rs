//! What we accept, the installed HAProxy accepts too; what we refuse as a mistake, it refuses.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::{errors, read};

/// `None` when there is no HAProxy to ask.
pub(crate) fn haproxy_accepts(text: &str) -> Option<bool> {
    let command = Command::new("haproxy")
        .args(["-q", "-c", "-f", "/dev/stdin"])
        .stdin(Stdio::piped())
        .spawn();
    let mut child = match command {
        Ok(child) => child,
        Err(error) => {
            let mut out = std::io::stderr().lock();
            writeln!(out, "SKIP comparison with HAProxy: {error}").expect("standard error is open");
            return None;
        }
    };
    let mut input = child.stdin.take().expect("its input is a pipe");
    input.write_all(text.as_bytes()).expect("it reads all of a short text");
    drop(input);
    Some(child.wait().expect("it is our child").success())
}

const HEAD: &str = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n";

#[test]
fn good_configurations_are_good_there_too() {
    let everything = format!(
        "global\n log 127.0.0.1 local0 info err\n log-tag x\n log-send-hostname h\n maxconn 100\n nbthread 2\n node n\n \
         description some words\n hard-stop-after 3s\n spread-checks 5\n stats timeout 5s\n{HEAD} retries 2\n maxconn 50\n \
         backlog 10\n option tcplog\n option dontlognull\n option dontlog-normal\n option logasap\n option clitcpka\n \
         no option dontlognull\n option redispatch 3\n option allbackups\n option log-health-checks\n \
         option log-separate-errors\n timeout client-fin 1s\n timeout server-fin 1s\n timeout tunnel 1h\n \
         timeout check 2s\n timeout queue 3s\n default-server inter 3s fastinter 1s downinter 9s\n\
         defaults named\n mode tcp\n timeout connect 3s\n timeout client 1m\n timeout server 1m\n\
         frontend f from named\n id 9\n bind 127.0.0.1:18101-18103,[::1]:18104 name x maxconn 10 backlog 5\n \
         bind /tmp/tandem-none.sock\n default_backend b\n\
         backend b from named\n balance random(3)\n hash-type consistent djb2 avalanche\n \
         stick-table type ipv6 size 1m expire 30m nopurge\n stick match src\n stick store-request src\n \
         server a 127.0.0.1:1 check port 99 addr 127.0.0.2 weight 0 backup\n \
         server b 127.0.0.1:+5 id 77 maxconn 5 disabled non-stick\n server c [::1]:3 check rise 1 fall 1\n\
         listen l\n bind :::18105 v4v6\n balance hash src\n server a 127.0.0.1:1\n"
    );
    let example = include_str!("../../../../etc/haproxy-example.cfg");
    for text in [example, everything.as_str()] {
        assert_eq!(errors(&read(text)), [""; 0]);
        let Some(accepts) = haproxy_accepts(text) else {
            return;
        };
        assert!(accepts, "{text}");
    }
}

#[test]
fn mistakes_are_mistakes_there_too() {
    let bad = [
        "backend b\n server s\n",
        "backend b\n server s 127.0.0.1:1 inter 0\n",
        "backend b\n server s 127.0.0.1:1 weight 257\n",
        "backend b\n server s 127.0.0.1:1 frobnicate\n",
        "backend b\n server s 127.0.0.1 check\n",
        "backend b\n server s 127.0.0.1:1\n server s 127.0.0.1:2\n",
        "backend b\n server s 127.0.0.1:1 id 4\n server t 127.0.0.1:2 id 4\n",
        "backend b\n server s! 127.0.0.1:1\n",
        "backend b\n balance frobnicate\n",
        "backend b\n balance random(0)\n",
        "backend b\n hash-type frobnicate\n",
        "backend b\n stick on src\n",
        "backend b\n stick-table type ip size 20x\n",
        "backend b\n timeout connect 30d\n",
        "backend b\n timeout connect 1s 2s\n",
        "backend b\n option nonesuch\n",
        "backend b\n\nbackend b\n",
        "listen b\n bind 127.0.0.1:18106\nbackend b\n",
        "backend b\n id 3\nbackend c\n id 3\n",
        "backend\n",
        "frontend f\n bind 127.0.0.1\n",
        "frontend f\n bind *:99999\n",
        "frontend f\n bind *:18106 frobnicate\n",
        "frontend f\n bind *:18106\n default_backend nowhere\n",
        "frontend f\n server s 127.0.0.1:1\n",
        "frontend f from nowhere\n bind *:18106\n",
        "defaults\n server s 127.0.0.1:1\n",
        "global\n log 127.0.0.1 nowhere\n",
        "global\n maxconn x\n",
        "global\n spread-checks 51\n",
        "global\n frobnicate\n",
        "global\n \"unclosed\n",
    ];
    for section in bad {
        let text = format!("{HEAD}{section}");
        assert_eq!(errors(&read(&text)).len(), 1, "{section} {:?}", errors(&read(&text)));
        let Some(accepts) = haproxy_accepts(&text) else {
            return;
        };
        assert!(!accepts, "{section}");
    }
}
