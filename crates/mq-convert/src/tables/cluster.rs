//! Artemis's clusters: each option by its name, because each will have a place when nodes pass messages on.

use crate::row::Becomes::{As, Dropped, Head, NoEffect, Parts};
use crate::row::Rows;
use crate::takes::store;

use super::why;

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "connectors",
        rows: &[("", Parts)],
    },
    Rows {
        of: "connector",
        rows: &[
            (
                "",
                Dropped("nodes do not pass messages on to each other yet: no other one is called"),
            ),
            ("name", Head),
            (
                "text",
                Dropped("nodes do not pass messages on to each other yet: no other one is called"),
            ),
        ],
    },
    Rows {
        of: "cluster-connections",
        rows: &[("", Parts)],
    },
    Rows {
        of: "cluster-connection",
        rows: &[
            (
                "",
                As(
                    "nothing yet: nodes do not pass messages on to each other",
                    store::cluster,
                ),
            ),
            ("name", Head),
            (
                "address",
                Dropped("nodes do not pass messages on to each other yet: none of these names crosses"),
            ),
            (
                "connector-ref",
                Dropped("nodes do not pass messages on to each other yet: nobody has to know this one's name"),
            ),
            (
                "message-load-balancing forward-when-no-consumers",
                Dropped("nodes do not pass messages on to each other yet: all are for this node's consumers"),
            ),
            (
                "max-hops",
                Dropped("nodes do not pass messages on to each other yet: there are no hops to count"),
            ),
            (
                "use-duplicate-detection",
                Dropped("nodes do not pass messages on to each other yet: none can come twice"),
            ),
            (
                "confirmation-window-size producer-window-size min-large-message-size",
                Dropped(why::NO_BRIDGES),
            ),
            (
                "retry-interval retry-interval-multiplier max-retry-interval initial-connect-attempts reconnect-attempts",
                Dropped("nodes do not pass messages on to each other yet: nothing is tried again"),
            ),
            (
                "check-period connection-ttl call-timeout call-failover-timeout notification-interval notification-attempts scale-down-connector client-id topology-scanner-attempts",
                Dropped(why::NO_BRIDGES),
            ),
        ],
    },
    Rows {
        of: "static-connectors",
        rows: &[
            ("", Parts),
            (
                "connector-ref",
                Dropped("nodes do not pass messages on to each other yet: no other one is called"),
            ),
        ],
    },
    Rows {
        of: "discovery-group-ref",
        rows: &[("", Dropped("nodes do not look for each other yet"))],
    },
    Rows {
        of: "broadcast-groups",
        rows: &[("", Dropped("nodes do not announce themselves to each other yet"))],
    },
    Rows {
        of: "discovery-groups",
        rows: &[("", Dropped("nodes do not look for each other yet"))],
    },
    Rows {
        of: "ha-policy",
        rows: &[("", Parts), ("live-only", NoEffect("it stands alone"))],
    },
    Rows {
        of: "replication",
        rows: &[("", Dropped(why::NO_COPIES))],
    },
    Rows {
        of: "shared-store",
        rows: &[("", Dropped(why::NO_STANDBY))],
    },
    Rows {
        of: "live-only",
        rows: &[
            ("", NoEffect("it stands alone")),
            ("scale-down", Dropped(why::NO_BRIDGES)),
        ],
    },
    Rows {
        of: "primary-only",
        rows: &[
            ("", NoEffect("it stands alone")),
            ("scale-down", Dropped(why::NO_BRIDGES)),
        ],
    },
    Rows {
        of: "bridges",
        rows: &[("", Dropped(why::NO_BRIDGES))],
    },
    Rows {
        of: "diverts",
        rows: &[(
            "",
            Dropped("messages are not led elsewhere on their way: bindings of AMQP 0-9-1 do that"),
        )],
    },
    Rows {
        of: "federations",
        rows: &[("", Dropped(why::NO_BRIDGES))],
    },
    Rows {
        of: "broker-connections",
        rows: &[("", Dropped(why::NO_BRIDGES))],
    },
    Rows {
        of: "grouping-handler",
        rows: &[("", Dropped(why::NO_BRIDGES))],
    },
    Rows {
        of: "connection-routers",
        rows: &[("", Dropped("tandem-lb says who gets which node"))],
    },
];
