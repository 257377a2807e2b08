//! `jetty.xml`: where ActiveMQ's console is. Its page, its rules and its server are beans; ours is built in.

use crate::row::Becomes::{As, Dropped, NoEffect, Open, Parts};
use crate::row::Rows;
use crate::takes::console;

use super::why;

const ADDRESS: &str = "`[admin] address`";

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "WebConsolePort",
        rows: &[
            ("", Parts),
            ("host", As(ADDRESS, console::host)),
            ("port", As(ADDRESS, console::port)),
        ],
    },
    Rows {
        of: "ServerConnector",
        rows: &[
            ("", Parts),
            ("host", Open(ADDRESS, console::connector_host)),
            ("port", Open(ADDRESS, console::connector_port)),
        ],
    },
    Rows {
        of: "SelectChannelConnector",
        rows: &[
            ("", Parts),
            ("host", Open(ADDRESS, console::connector_host)),
            ("port", Open(ADDRESS, console::connector_port)),
        ],
    },
    Rows {
        of: "NetworkTrafficServerConnector",
        rows: &[
            ("", Parts),
            ("host", Open(ADDRESS, console::connector_host)),
            ("port", Open(ADDRESS, console::connector_port)),
        ],
    },
    Rows {
        of: "SslSelectChannelConnector",
        rows: &[("", Dropped("the console does not speak TLS: tandem-lb can, before it"))],
    },
    Rows {
        of: "SslContextFactory",
        rows: &[("", Dropped("the console does not speak TLS: tandem-lb can, before it"))],
    },
    Rows {
        of: "SslContextFactory$Server",
        rows: &[("", Dropped("the console does not speak TLS: tandem-lb can, before it"))],
    },
    Rows {
        of: "Constraint",
        rows: &[
            ("", Parts),
            (
                "authenticate",
                As(
                    "the console asks for the broker's users, unless `anonymous = true`",
                    console::login,
                ),
            ),
            ("name roles", NoEffect(why::ONE_CONSOLE)),
        ],
    },
    Rows {
        of: "HashLoginService",
        rows: &[
            (
                "",
                Dropped("the console asks for the broker's users: the file of its own is not read"),
            ),
            ("name", NoEffect(why::ONE_CONSOLE)),
            (
                "config",
                Dropped("the console asks for the broker's users: the file of its own is not read"),
            ),
        ],
    },
    Rows {
        of: "JAASLoginService",
        rows: &[("", Dropped("the console asks for the broker's users"))],
    },
    Rows {
        of: "MethodInvokingFactoryBean",
        rows: &[("", NoEffect(why::ONE_CONSOLE))],
    },
    // Whatever else is Jetty's.
    Rows {
        of: "jetty",
        rows: &[("", NoEffect("the console is built in: there is no Jetty"))],
    },
];
