//! Servers that follow others, beside HAProxy.

use std::net::TcpListener;

use tandem_tests::{Room, both, until};

/// An order, the states of `t`, `u` (which follows `t`) and `m` then, and what the log says of them.
type Turn = (&'static str, [&'static str; 3], &'static [&'static str]);

const TURNS: &[Turn] = &[
    (
        "set server b/t state maint",
        ["MAINT", "MAINT (via b/t)", "no check"],
        &[
            "Server b/t is going DOWN for maintenance. 2 active",
            "Server b/u is going DOWN for maintenance via b/t. 1 active",
        ],
    ),
    (
        "set server a/s state maint",
        ["MAINT (via a/s)", "MAINT (via b/t)", "no check"],
        &[],
    ),
    (
        "set server b/t state ready",
        ["MAINT (via a/s)", "MAINT (via b/t)", "no check"],
        &["Server b/t is leaving forced maintenance but remains in maintenance via a/s."],
    ),
    (
        "set server a/s state ready",
        ["UP", "UP", "no check"],
        &[
            "Server b/t is UP/READY (leaving maintenance).",
            "Server b/u is UP/READY (leaving maintenance).",
        ],
    ),
    (
        "set server a/s state drain",
        ["DRAIN", "DRAIN", "no check"],
        &[
            "Server b/t enters drain state via a/s. 2 active",
            "Server b/u enters drain state via b/t. 1 active",
        ],
    ),
    (
        "set server b/t state drain",
        ["DRAIN", "DRAIN", "no check"],
        &["Server b/t remains in forced drain mode."],
    ),
    (
        "set server b/t state ready",
        ["DRAIN", "DRAIN", "no check"],
        &["Server b/t is leaving forced drain but remains in drain mode via a/s."],
    ),
    (
        "set server a/s state ready",
        ["UP", "UP", "no check"],
        &[
            "Server b/t is UP (leaving forced drain).",
            "Server b/u is UP (leaving forced drain).",
        ],
    ),
    ("set server b/t health up", ["UP", "UP", "no check"], &[]),
    (
        "set server a/n agent down",
        ["UP", "UP", "DOWN (agent)"],
        &["Server b/m is DOWN via a/n. 2 active"],
    ),
    (
        "set server a/n agent up",
        ["UP", "UP", "no check"],
        &["Server b/m is UP via a/n. 3 active"],
    ),
    ("disable health a/s", ["no check", "no check", "no check"], &[]),
    ("enable health a/s", ["UP", "UP", "no check"], &[]),
];

#[test]
fn whoever_follows_is_as_the_one_it_follows() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = server.local_addr().expect("it is bound");
    let config = |room: &Room| {
        format!(
            "{}backend a\n server s {at} check inter 100 fall 1 rise 1\n server n {at} agent-check agent-port 1 \
             agent-inter 1h\nbackend b\n server t 127.0.0.1:1 track a/s\n server u 127.0.0.1:1 track t\n \
             server m 127.0.0.1:1 track a/n\n server v 127.0.0.1:1 track w\n server w {at} check disabled\n\
             listen l\n bind {}\n",
            room.head(),
            room.at(0)
        )
    };
    let open = std::cell::RefCell::new(Some(server));
    both(1, config, |room| {
        let again = || {
            open.borrow_mut()
                .get_or_insert_with(|| TcpListener::bind(at).expect("the same port"))
                .local_addr()
        };
        again().expect("it is bound");
        let states = || ["t", "u", "m"].map(|server| room.cell("b", server, "status"));
        until("the first checks", || {
            (states() == ["UP", "UP", "no check"]).then_some(())
        });
        assert_eq!(room.cell("b", "v", "status"), "MAINT (via b/w)", "{}", room.name);
        assert_eq!(room.cell("b", "u", "tracked"), "b/t", "{}", room.name);
        let said = |before: usize| {
            let lines = room.lines().split_off(before).into_iter();
            lines.filter(|line| line.starts_with("Server b/")).collect::<Vec<_>>()
        };
        for (order, wanted, lines) in TURNS {
            let before = room.lines().len();
            let answer = room.order(order);
            assert_eq!(
                answer.trim(),
                if order.ends_with("health up") {
                    "cannot change health on a tracking server."
                } else {
                    ""
                },
                "{}: {order}",
                room.name
            );
            until(&format!("{}: {order}: {wanted:?}", room.name), || {
                (states() == *wanted).then_some(())
            });
            until(&format!("{}: {order}: {lines:?}", room.name), || {
                (said(before).len() >= lines.len()).then_some(())
            });
            let said = said(before);
            assert_eq!(said.len(), lines.len(), "{}: {order}\n{said:#?}", room.name);
            for (line, wanted) in said.iter().zip(*lines) {
                assert!(line.starts_with(wanted), "{}: {order}\n{said:#?}", room.name);
            }
        }
        let before = room.lines().len();
        *open.borrow_mut() = None;
        until("all are down", || {
            (states() == ["DOWN", "DOWN", "no check"]).then_some(())
        });
        until("the last line", || (said(before).len() == 2).then_some(()));
        let said = said(before);
        assert!(
            said[0].starts_with("Server b/t is DOWN via a/s. 2 active and 0 backup servers left."),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("Server b/u is DOWN via b/t. 1 active and 0 backup servers left."),
            "{said:?}"
        );
        let rows = room.order("show servers state b");
        let words = |name: &str| {
            let row = rows.lines().find(|row| row.split(' ').nth(3) == Some(name));
            row.unwrap_or_default()
                .split(' ')
                .skip(5)
                .take(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (words("t"), words("v")),
            (vec!["0".into(), "0".into()], vec!["0".into(), "2".into()]),
            "{}",
            room.name
        );
    });
}
