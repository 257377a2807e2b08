//! Who may come in and do what, and the other plugins.

use crate::row::Becomes::{As, Begins, Dropped, Head, Holds, NoEffect, Parts};
use crate::row::Rows;
use crate::takes::{policy, rights};

use super::why;

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "simpleAuthenticationPlugin",
        rows: &[
            (
                "",
                As("`[[user]]`; without a name nobody comes in", rights::named_users),
            ),
            ("anonymousAccessAllowed", As("`anonymous`", rights::anonymous)),
            ("anonymousGroup", As("`anonymous-groups`", rights::anonymous_group)),
            ("anonymousUser", NoEffect("who has no name has none")),
            (
                "userPasswords userGroups",
                Dropped("write users as elements: <authenticationUser>"),
            ),
        ],
    },
    Rows {
        of: "users",
        rows: &[("", Parts)],
    },
    Rows {
        of: "authenticationUser",
        rows: &[
            (
                "",
                Begins("`[[user]]` with the password's hash", rights::user, rights::user_ends),
            ),
            ("username password groups", Head),
        ],
    },
    Rows {
        of: "jaasAuthenticationPlugin",
        rows: &[(
            "",
            As(
                "nobody comes in until there is a `[[user]]`: its files are not read",
                rights::elsewhere,
            ),
        )],
    },
    Rows {
        of: "jaasCertificateAuthenticationPlugin",
        rows: &[(
            "",
            As(
                "nobody comes in until there is a `[[user]]`: its files are not read",
                rights::elsewhere,
            ),
        )],
    },
    Rows {
        of: "jaasDualAuthenticationPlugin",
        rows: &[(
            "",
            As(
                "nobody comes in until there is a `[[user]]`: its files are not read",
                rights::elsewhere,
            ),
        )],
    },
    Rows {
        of: "shiroPlugin",
        rows: &[(
            "",
            As(
                "nobody comes in until there is a `[[user]]`: its files are not read",
                rights::elsewhere,
            ),
        )],
    },
    Rows {
        of: "authorizationPlugin",
        rows: &[("", Parts)],
    },
    Rows {
        of: "authorizationPlugin/map",
        rows: &[("", Parts)],
    },
    Rows {
        of: "authorizationMap",
        rows: &[("", As("the rights of each `[[group]]`", rights::are_told))],
    },
    Rows {
        of: "authorizationEntries",
        rows: &[("", Parts)],
    },
    Rows {
        of: "authorizationEntry",
        rows: &[
            (
                "",
                Begins(
                    "`[[group]]`, for queues and topics of these names",
                    rights::entry,
                    rights::entry_ends,
                ),
            ),
            ("queue topic", Head),
            ("read", As("`[[group]] read`", rights::permit)),
            ("write", As("`[[group]] write`", rights::permit)),
            ("admin", As("`[[group]] configure`", rights::permit)),
            ("groupClass", NoEffect(why::INSIDE)),
        ],
    },
    Rows {
        of: "tempDestinationAuthorizationEntry",
        rows: &[
            ("", Parts),
            (
                "tempDestinationAuthorizationEntry",
                NoEffect("a queue for answers needs no right"),
            ),
        ],
    },
    Rows {
        of: "tempDestinationAuthorizationEntry/tempDestinationAuthorizationEntry",
        rows: &[("", NoEffect("a queue for answers needs no right"))],
    },
    Rows {
        of: "cachedLDAPAuthorizationMap",
        rows: &[("", Dropped("no directory is asked: write groups and users"))],
    },
    Rows {
        of: "redeliveryPlugin",
        rows: &[
            ("", Parts),
            (
                "fallbackToDeadLetter sendToDlqIfMaxRetriesExceeded",
                Holds("true", "what fails too often goes to dead-letter"),
            ),
        ],
    },
    Rows {
        of: "discardingDLQBrokerPlugin",
        rows: &[
            ("", Parts),
            (
                "dropAll",
                As(
                    "`dead-letter` and `expiry` that lead nowhere, in each policy",
                    policy::discard_all,
                ),
            ),
            (
                "dropOnly dropTemporaryQueues dropTemporaryTopics",
                Dropped("write a [[policy]] with dead-letter = \"\" for these names"),
            ),
            ("reportInterval", NoEffect("what is dropped is counted: /metrics")),
        ],
    },
    Rows {
        of: "loggingBrokerPlugin",
        rows: &[(
            "",
            NoEffect("the log is on standard error, and so in the journal of systemd"),
        )],
    },
    Rows {
        of: "runtimeConfigurationPlugin",
        rows: &[("", NoEffect("`kill -HUP` reads the file again"))],
    },
    Rows {
        of: "statisticsBrokerPlugin",
        rows: &[("", Dropped("statistics are at /metrics and /api/, not in messages"))],
    },
    Rows {
        of: "timeStampingBrokerPlugin",
        rows: &[
            ("", Dropped("messages keep the times that they come with")),
            (
                "zeroExpirationOverride ttlCeiling",
                Dropped("a [[policy]] with message-ttl limits how long a message waits"),
            ),
        ],
    },
    Rows {
        of: "forcePersistencyModeBrokerPlugin",
        rows: &[("", Dropped("whether a message is kept on disk is what it says itself"))],
    },
    Rows {
        of: "traceBrokerPathPlugin",
        rows: &[("", Dropped(why::NO_BRIDGES))],
    },
    Rows {
        of: "virtualSelectorCacheBrokerPlugin",
        rows: &[("", Dropped("there are no virtual topics"))],
    },
    Rows {
        of: "destinationDotFilePlugin",
        rows: &[("", Dropped("queues and connections are shown by the console"))],
    },
    Rows {
        of: "connectionDotFilePlugin",
        rows: &[("", Dropped("queues and connections are shown by the console"))],
    },
];
