//! Artemis's addresses: how messages are treated, who may do what.

use crate::row::Becomes::{As, Begins, Dropped, Head, Holds, Key, NoEffect, Parts};
use crate::row::{Rows, Table};
use crate::takes::{policy, rights};
use crate::unit::Unit;

use super::why;

const BY_FIRST_USE: &str = "a queue is made by its first use, where its user may configure it, and goes when nobody uses it: queue-idle-timeout";

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "address-settings",
        rows: &[("", Parts)],
    },
    Rows {
        of: "address-setting",
        rows: &[
            (
                "",
                Begins(
                    "`[[policy]]`; what it does not say it has from those that stand for more names, as there",
                    policy::setting,
                    policy::setting_ends,
                ),
            ),
            ("match", Head),
            ("dead-letter-address", Key(Table::Policy, "dead-letter", Unit::Name)),
            ("expiry-address", Key(Table::Policy, "expiry", Unit::Name)),
            (
                "max-delivery-attempts",
                Key(Table::Policy, "max-delivery-attempts", Unit::Attempts),
            ),
            (
                "expiry-delay",
                As(
                    "`message-ttl`, also of those with a longer life of their own",
                    policy::expiry_delay,
                ),
            ),
            (
                "min-expiry-delay max-expiry-delay no-expiry",
                Dropped("message-ttl is all that a policy says of it"),
            ),
            ("redelivery-delay", Key(Table::Policy, "redelivery-delay", Unit::Delay)),
            (
                "redelivery-delay-multiplier redelivery-multiplier",
                Key(Table::Policy, "redelivery-delay-multiplier", Unit::Factor),
            ),
            ("redelivery-collision-avoidance-factor", Holds("0.0", why::EXACT_DELAY)),
            (
                "max-redelivery-delay",
                Key(Table::Policy, "max-redelivery-delay", Unit::Delay),
            ),
            (
                "address-full-policy",
                As("`max-length` and `max-length-bytes`, if it is DROP", policy::full),
            ),
            (
                "max-size-bytes",
                As("`max-length-bytes`, if the policy is DROP", policy::most_bytes),
            ),
            (
                "max-size-messages",
                As("`max-length`, if the policy is DROP", policy::most_messages),
            ),
            (
                "max-size-bytes-reject-threshold",
                Holds("-1", "who sends waits until there is room"),
            ),
            (
                "page-size-bytes page-max-cache-size page-limit-bytes page-limit-messages page-full-policy max-read-page-bytes \
              max-read-page-messages prefetch-page-bytes prefetch-page-messages page-store-name",
                NoEffect("messages are in memory and in the journal, not in pages"),
            ),
            ("redistribution-delay", Holds("-1", why::NO_BRIDGES)),
            (
                "auto-create-queues auto-create-addresses auto-create-jms-queues auto-create-jms-topics auto-delete-queues \
              auto-delete-addresses auto-delete-jms-queues auto-delete-jms-topics",
                Holds("true", BY_FIRST_USE),
            ),
            (
                "auto-delete-created-queues auto-delete-queues-delay auto-delete-addresses-delay auto-delete-queues-message-count \
              auto-delete-queues-skip-usage-check auto-delete-addresses-skip-usage-check config-delete-queues \
              config-delete-addresses config-delete-diverts",
                NoEffect(BY_FIRST_USE),
            ),
            (
                "default-last-value-queue last-value-queue",
                As(
                    "`last-value-key = \"_AMQ_LVQ_NAME\"`, unless another is said",
                    policy::last_value,
                ),
            ),
            (
                "default-last-value-key",
                Key(Table::Policy, "last-value-key", Unit::Name),
            ),
            (
                "default-non-destructive",
                Holds("false", "what is acknowledged is gone; a browser leaves it"),
            ),
            (
                "default-exclusive-queue",
                Holds(
                    "false",
                    "a consumer says that it wants all for itself, or a declared queue: x-single-active-consumer",
                ),
            ),
            (
                "default-group-buckets",
                Key(Table::Policy, "group-buckets", Unit::Buckets),
            ),
            (
                "default-group-rebalance default-group-rebalance-pause-dispatch",
                Holds("false", "a group stays with its consumer until that goes"),
            ),
            (
                "default-group-first-key",
                Dropped("the first message of a group says no more than others"),
            ),
            (
                "default-max-consumers",
                Holds("-1", "how many consumers a queue has is not limited"),
            ),
            (
                "default-purge-on-no-consumers",
                Holds("false", "messages wait for consumers"),
            ),
            (
                "default-consumers-before-dispatch",
                Holds("0", "the first consumer does not wait for others"),
            ),
            (
                "default-delay-before-dispatch",
                Holds("-1", "the first consumer does not wait for others"),
            ),
            (
                "default-queue-routing-type default-address-routing-type",
                NoEffect("the client says which kind it means: docs/mapping.md"),
            ),
            ("default-consumer-window-size", Dropped(why::CLIENTS_SAY)),
            ("id-cache-size", Key(Table::Policy, "id-cache-size", Unit::Ids)),
            ("default-ring-size", As("`max-length`", policy::ring)),
            (
                "retroactive-message-count",
                Holds("0", "who subscribes to a topic gets what comes from then on"),
            ),
            (
                "send-to-dla-on-no-route",
                Holds("false", "what nobody listens to is gone"),
            ),
            (
                "slow-consumer-threshold slow-consumer-check-period slow-consumer-threshold-measurement-unit",
                NoEffect("who is slow is known by what waits for it: slow-subscribers"),
            ),
            (
                "slow-consumer-policy",
                As(
                    "`[memory] slow-subscribers = \"disconnect\"`, if it is KILL",
                    policy::slow,
                ),
            ),
            (
                "auto-create-dead-letter-resources auto-create-expiry-resources",
                Holds("false", why::ONE_DEAD_QUEUE),
            ),
            (
                "dead-letter-queue-prefix dead-letter-queue-suffix expiry-queue-prefix expiry-queue-suffix",
                Dropped(why::ONE_DEAD_QUEUE),
            ),
            (
                "message-counter-history-day-limit",
                NoEffect("counters are at /metrics"),
            ),
            (
                "management-browse-page-size management-message-attribute-size-limit enable-metrics enable-ingress-timestamp initial-queue-buffer-size",
                NoEffect(why::INSIDE),
            ),
        ],
    },
    Rows {
        of: "addresses",
        rows: &[("", Parts)],
    },
    Rows {
        of: "addresses/address",
        rows: &[
            (
                "",
                Begins(
                    "nothing: a queue is made by its first use",
                    policy::address,
                    policy::address_ends,
                ),
            ),
            ("name", Head),
        ],
    },
    Rows {
        of: "address/anycast",
        rows: &[("", Parts)],
    },
    Rows {
        of: "address/multicast",
        rows: &[("", Parts)],
    },
    Rows {
        of: "anycast/queue",
        rows: &[
            (
                "",
                As(
                    "nothing: a queue is made by its first use, if it is called as its address",
                    policy::made_by_use,
                ),
            ),
            ("name", Head),
            (
                "durable",
                Holds("true", "a queue that a client uses survives a restart"),
            ),
            ("filter", Dropped("a consumer says what it selects")),
            (
                "max-consumers purge-on-no-consumers exclusive ring-size last-value last-value-key",
                Dropped("a queue that needs more is declared by a client of AMQP 0-9-1"),
            ),
        ],
    },
    Rows {
        of: "multicast/queue",
        rows: &[
            ("", Dropped("who subscribes by a durable name makes its own queue")),
            ("name", Head),
        ],
    },
    Rows {
        of: "security-settings",
        rows: &[("", Parts)],
    },
    Rows {
        of: "security-setting",
        rows: &[
            ("", Begins("`[[group]]`", rights::setting, rights::entry_ends)),
            ("match", Head),
        ],
    },
    Rows {
        of: "permission",
        rows: &[
            (
                "",
                As(
                    "`[[group]]`: `send` is `write`, `consume` and `browse` are `read`, what makes and removes is `configure`",
                    rights::permission,
                ),
            ),
            ("type roles", Head),
        ],
    },
    Rows {
        of: "role-mapping",
        rows: &[("", Dropped("write the groups themselves"))],
    },
    Rows {
        of: "security-setting-plugin",
        rows: &[("", Dropped("no directory is asked: write groups and users"))],
    },
];
