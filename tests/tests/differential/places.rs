//! Where one listens and connects: ranges, unix sockets, templates, saved state.

use tandem_tests::{OnPurpose, Scenario};

pub const ALL: &[Scenario] = &[
    Scenario {
        name: "several listeners in a range",
        story: "three ports in one bind, another with a name, rules by listener, and servers behind at port + N",
        config: "frontend f\n bind 127.0.0.1:{0.port}-{2.port}\n bind {3} name own\n log-format \"%f %ft %fi %[so_id] %[so_name] %b/%s %ts\"\n \
                 use_backend own if { so_id 4 }\n default_backend one\nbackend one\n server s 127.0.0.1:+4\nbackend own\n server c {c}\n\
                 listen four\n bind {4}\n server a {a}\nlisten five\n bind {5}\n server b {b}\nlisten six\n bind {6}\n server d {d}\n",
        play: |s| (0..4).for_each(|listener| (1..=2).for_each(|from| s.pick(listener, from))),
        known: &[OnPurpose {
            theirs: "stat one/s addr=127.0.0.1:P",
            ours: "stat one/s addr=127.0.0.1:+4",
            why: "the port follows the client's",
        }],
        ..Scenario::EMPTY
    },
    Scenario {
        name: "unix sockets",
        story: "servers behind unix@, with PROXY headers through them, and checks",
        config: "listen l\n bind {0}\n balance roundrobin\n server u unix@{path}.in send-proxy\n server v unix@{path}.two send-proxy-v2\n \
                 server w unix@{path}.none check inter 40ms fall 1\n\
                 frontend inner\n bind unix@{path}.in accept-proxy\n bind unix@{path}.two accept-proxy\n default_backend b\n\
                 backend b\n balance source\n server a {a}\n server b {b}\n",
        play: |s| {
            s.until("l", "w", "status", "DOWN");
            (1..=4).for_each(|from| s.pick(0, from));
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "sockets that are no files",
        story: "a server behind abns@ with a PROXY header, a listener there, and another where nobody listens",
        config: "listen l\n bind {0}\n balance roundrobin\n server u abns@tandem.{0.port} send-proxy-v2\n \
                 server w abns@tandem.{0.port}.none check inter 40ms fall 1\n\
                 frontend inner\n bind abns@tandem.{0.port} accept-proxy\n default_backend b\n\
                 backend b\n balance source\n server a {a}\n server b {b}\n",
        play: |s| {
            s.until("l", "w", "status", "DOWN");
            (1..=4).for_each(|from| s.pick(0, from));
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "state from a file",
        story: "weights, maintenance, drain and addresses of servers that were changed before a restart",
        config: " load-server-state-from-file local\nlisten l\n bind {0}\n server-state-file-name {path}.file\n balance roundrobin\n \
                 server a {a} weight 10\n server b {b} weight 10\n server c {c}\n server d {dead}\n",
        file: "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change \
               srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord \
               srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n\
               2 l 1 a 127.0.0.1 2 0 3 10 100 1 0 0 0 0 0 0 - {a.port} - 0 0 - - 0\n\
               2 l 2 b 127.0.0.1 0 1 10 10 100 1 0 0 0 0 0 0 - {b.port} - 0 0 - - 0\n\
               2 l 3 c 127.0.0.1 2 8 1 1 100 1 0 0 0 0 0 0 - {c.port} - 0 0 - - 0\n\
               2 l 4 d 127.0.0.1 2 0 1 1 100 1 0 0 0 0 0 0 - {b.port} - 0 0 - - 0\n\
               2 l 5 gone 127.0.0.1 2 0 1 1 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0\n",
        play: |s| {
            s.shares(0, 4);
            s.order("set server l/b state ready");
            s.order("set server l/c state ready");
            s.shares(0, 15);
        },
        ..Scenario::EMPTY
    },
    Scenario {
        name: "defaults by name, conditions and sections that are off",
        story: "named defaults with from, .if, options taken back, a disabled listen and a renamed server",
        config: "defaults quiet\n mode tcp\n timeout client 3s\n timeout server 3s\n timeout connect 1s\n balance first\n no log\n\
                 defaults loud from quiet\n log global\n option tcplog\n balance roundrobin\n\
                 .if defined(NOT_THERE)\nlisten never\n bind {0}\n.else\nlisten l from quiet\n bind {0}\n server a {a}\n server b {b}\n.endif\n\
                 listen m from loud\n bind {1}\n server a {a}\n server b {b}\nlisten off from loud\n disabled\n bind {2}\n server a {a}\n\
                 frontend n from loud\n bind {3}\n maxconn 9\n default_backend r\nbackend r from quiet\n server a {a}\n server b {b}\n",
        play: |s| {
            for listener in [0, 1, 3] {
                (1..=3).for_each(|from| s.pick(listener, from));
            }
        },
        ..Scenario::EMPTY
    },
];
