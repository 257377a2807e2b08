//! PROXY headers, byte by byte, and chains of them.

use tandem_tests::{OnPurpose, Scenario};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, command, family and length.
const FIXED: usize = 16;

/// Without the ports, which the kernel chose.
fn shown(bytes: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(SIGNATURE)) {
        // The addresses without the two ports.
        let addresses = match bytes[at + 13] >> 4 {
            1 => 8,
            2 => 32,
            _ => 0,
        };
        if addresses > 0 {
            bytes[at + FIXED + addresses..at + FIXED + addresses + 4].fill(b'P');
            // The checksum is also over the ports.
            if bytes.get(at + FIXED + addresses + 4) == Some(&0x03) {
                bytes[at + FIXED + addresses + 7..at + FIXED + addresses + 11].fill(b'C');
            }
        }
        at += FIXED + usize::from(u16::from_be_bytes([bytes[at + 14], bytes[at + 15]]));
    }
    let text = bytes.escape_ascii().to_string();
    let words = text.split(' ').map(|word| match word.split_once("\\r") {
        Some((port, rest)) if port.parse::<u16>().is_ok() => format!("P\\r{rest}"),
        _ if word.parse::<u16>().is_ok() => "P".to_owned(),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

macro_rules! to_ear {
    ($($listener:literal $options:literal),* $(,)?) => {
        concat!($("listen l", $listener, "\n bind {", $listener, "}\n server s {ear} ", $options, "\n"),*)
    };
}

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "what each kind of send-proxy writes",
        story: "version 1 and 2, with checksum, authority and TLS details of a client without TLS",
        config: to_ear!(
            0 "send-proxy",
            1 "send-proxy-v2",
            2 "send-proxy-v2 proxy-v2-options crc32c",
            3 "send-proxy-v2 proxy-v2-options authority",
            4 "send-proxy-v2 proxy-v2-options ssl",
            5 "send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c",
            6 "send-proxy-v2-ssl",
            7 "send-proxy-v2-ssl-cn",
        ),
        play: |s| {
            for listener in 0..8 {
                s.talk(listener, 3, b"hello");
                s.ear(shown);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "a chain of PROXY headers",
        story: "version 1 in, version 2 on, version 2 in with details, version 1 out; the log lines name the client of the header",
        config: "listen first\n bind {0} accept-proxy\n server s {1} send-proxy-v2 proxy-v2-options crc32c\n\
                 listen second\n bind {1} accept-proxy\n server s {2} send-proxy\n\
                 listen third\n bind {2} accept-proxy\n balance source\n server s {ear} send-proxy-v2\n",
        play: |s| {
            for client in ["TCP4 1.2.3.4 5.6.7.8 1111 2222", "TCP6 2001:db8::1 ::2 5 6", "UNKNOWN"] {
                s.talk(0, 3, format!("PROXY {client}\r\nhello").as_bytes());
                s.ear(shown);
            }
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "stickiness, limits and rules by the client of the header",
        story: "expect-proxy for some, a table and a reject by the address in the header",
        config: "listen l\n bind {0}\n balance roundrobin\n tcp-request connection expect-proxy layer4 if { src 127.0.0.1 }\n \
                 tcp-request session track-sc0 src table t\n tcp-request session reject if { src 10.0.0.66 }\n \
                 stick on src table t\n server a {a}\n server b {b}\n\
                 backend t\n stick-table type ip size 1k expire 1h store sess_cnt,conn_cnt\n",
        play: |s| {
            for client in ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.66"] {
                s.talk(0, 1, format!("PROXY TCP4 {client} 127.0.0.1 1 2\r\n").as_bytes());
            }
            s.talk(0, 2, b"x");
        },
        known: &[OnPurpose {
            theirs: "log 10.0.0.66:1 [T] l/1: Success",
            ours: "",
            why: "a client that a rule refuses is no failed handshake",
        }],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "why a client was turned away",
        story: "what a format of one's own for such lines tells, for each fault of a header",
        config: " error-log-format \"why=%[fc_err],%[fc_err_str] from=%ci,%[src] at=%fi,%[dst],%[dst_port,bool] by=%[fe_name],%[so_id],%[fe_client_timeout],%[fe_defbe],%[stopping] \
                 bc=%[bc_err] tls=%[ssl_fc]\"\n\
                 frontend f\n bind {0} accept-proxy\n default_backend b\nbackend b\n server s {a}\n",
        play: |s| {
            s.talk(0, 3, b"GET / HTTP/1.0\r\n\r\n");
            s.talk(0, 4, b"PROXY TCP4 127.0.0.1 x 1 2\r\n");
            s.talk(0, 5, b"PROXY TCP9 127.0.0.1 127.0.0.2 1 2\r\n");
            s.talk(0, 6, b"PROXY TCP4 127.0.0.1 127");
        },
        known: &[
            OnPurpose {
                theirs: "stat f/FRONTEND ereq=0",
                ours: "stat f/FRONTEND ereq=4",
                why: "who has not the header that he should have is counted",
            },
            OnPurpose {
                theirs: "stat f/FRONTEND smax=1",
                ours: "stat f/FRONTEND smax=0",
                why: "who was turned away was no session",
            },
        ],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "unique ids",
        story: "one is made, told to the server, heard by it, and stands in the lines of both",
        config: " log-format \"%b %ts id=%ID heard=%[fc_pp_unique_id]\"\n unique-id-format \"%ci-%fi-%[src,ipmask(8)]-%ft\"\n\
                 listen first\n bind {0}\n server s {1} send-proxy-v2 proxy-v2-options unique-id\n\
                 listen second\n bind {1} accept-proxy\n server s {2} send-proxy-v2 proxy-v2-options crc32c,unique-id,authority\n\
                 listen third\n bind {2} accept-proxy\n server s {ear} send-proxy-v2 proxy-v2-options unique-id\n",
        play: |s| {
            s.talk(0, 3, b"hello");
            s.ear(shown);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "checks with a PROXY header",
        story: "what a check writes before its own words",
        config: "backend one\n option tcp-check\n tcp-check send ping\n server s {ear} check inter 60s send-proxy check-send-proxy\n\
                 listen l\n bind {0}\n server s {a}\n",
        play: |s| {
            s.until("one", "s", "check_status", "L7OK");
            s.ear(shown);
        },
        ..Scenario::EMPTY
    },
];
