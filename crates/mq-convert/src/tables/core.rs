//! `<configuration>` and `<core>`: an Artemis broker as a whole.

use crate::row::Becomes::{As, Dropped, Holds, Key, NoEffect, Open, Parts};
use crate::row::{Rows, Table};
use crate::takes::{console, policy, rights, store};
use crate::unit::Unit;

use super::why;

const ONE_JOURNAL: &str = "all is in the journal, in data-dir";
const BUILT_OTHERWISE: &str = "the journal is built otherwise: synced in groups, in files of one size made ahead";

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "configuration",
        rows: &[("", Parts)],
    },
    Rows {
        of: "core",
        rows: &[
            ("", Parts),
            ("name", NoEffect("a node has no name: it stands alone")),
            (
                "persistence-enabled",
                Holds("true", "whether a message is kept on disk is what it says itself"),
            ),
            (
                "security-enabled",
                As(
                    "`anonymous = true` if it is false; else nobody comes in until there is a `[[user]]`",
                    rights::security_enabled,
                ),
            ),
            (
                "journal-directory",
                Open("`data-dir`, in a folder `tandem-mq` there", store::folder),
            ),
            (
                "bindings-directory paging-directory large-messages-directory node-manager-lock-directory",
                NoEffect(ONE_JOURNAL),
            ),
            (
                "journal-retention-directory",
                Dropped("parts of the journal that nobody needs any more are removed"),
            ),
            ("max-disk-usage", Key(Table::Top, "max-disk-usage", Unit::Hundredths)),
            (
                "min-disk-free",
                Dropped("the disk is watched in hundredths: max-disk-usage"),
            ),
            ("disk-scan-period", NoEffect("the disk is looked at each second")),
            ("global-max-size", Key(Table::Memory, "messages", Unit::Bytes)),
            ("global-max-messages", Holds("-1", why::MEMORY)),
            (
                "journal-type",
                NoEffect("ASYNCIO, NIO and MAPPED are hints: the journal is synced in groups"),
            ),
            (
                "journal-datasync journal-sync-transactional journal-sync-non-transactional",
                Holds("true", why::CONFIRMED),
            ),
            (
                "journal-pool-files journal-min-files",
                NoEffect("the files of the journal that are needed next are made ahead"),
            ),
            (
                "journal-file-size journal-buffer-size journal-buffer-timeout journal-max-io journal-device-block-size \
              journal-compact-min-files journal-compact-percentage journal-file-open-timeout journal-lock-acquisition-timeout \
              log-journal-write-rate perf-blast-pages journal-max-atticate-files create-journal-dir create-bindings-dir \
              large-message-sync page-max-concurrent-io page-sync-timeout read-whole-page max-redelivery-records",
                NoEffect(BUILT_OTHERWISE),
            ),
            (
                "critical-analyzer critical-analyzer-timeout critical-analyzer-check-period critical-analyzer-policy",
                NoEffect("a disk that fails or hangs stops the node"),
            ),
            (
                "id-cache-size",
                As("`[[policy]] id-cache-size`, for all names", policy::ids),
            ),
            (
                "persist-id-cache",
                Holds("true", "ids of persistent messages survive a restart"),
            ),
            (
                "message-expiry-scan-period message-expiry-thread-priority",
                NoEffect("what is late goes at once"),
            ),
            (
                "security-invalidation-interval authentication-cache-size authorization-cache-size",
                NoEffect("a password that was right is known for a minute; rights count at once"),
            ),
            (
                "jmx-management-enabled jmx-domain jmx-use-broker-name management-address management-notification-address \
              message-counter-enabled message-counter-sample-period message-counter-max-day-history \
              management-message-attribute-size-limit suppress-session-notifications",
                NoEffect(why::NO_JMX),
            ),
            (
                "thread-pool-max-size scheduled-thread-pool-max-size async-connection-execution-enabled server-dump-interval \
              memory-warning-threshold memory-measure-interval transaction-timeout-scan-period address-queue-scan-period \
              connection-ttl-check-interval configuration-file-refresh-period persist-delivery-count-before-delivery \
              journal-performance mirror-page-transaction amqp-use-core-subscription-naming temporary-queue-namespace \
              graceful-shutdown-enabled graceful-shutdown-timeout internal-naming-prefix resolve-protocols \
              literal-match-markers wild-card-routing-enabled",
                NoEffect(why::INSIDE),
            ),
            (
                "connection-ttl-override",
                Holds("-1", "heart-beats of each protocol say who is gone: heart-beat"),
            ),
            ("transaction-timeout", Dropped("a transaction ends with its connection")),
            (
                "populate-validated-user reject-empty-validated-user",
                Holds("false", "messages do not say who sent them"),
            ),
            ("cluster-user cluster-password", Dropped(why::NO_BRIDGES)),
            (
                "mask-password password-codec",
                NoEffect("no password is kept, only its hash"),
            ),
            (
                "network-check-period network-check-timeout network-check-list network-check-URL-list network-check-NIC \
              network-check-ping-command network-check-ping6-command",
                Dropped("a node alone serves whoever reaches it"),
            ),
        ],
    },
    Rows {
        of: "store",
        rows: &[("", Parts)],
    },
    Rows {
        of: "database-store",
        rows: &[("", Dropped(why::OWN_JOURNAL))],
    },
    Rows {
        of: "file-store",
        rows: &[("", Parts)],
    },
    Rows {
        of: "include",
        rows: &[("", Dropped("other files are not opened: write here what it says"))],
    },
    Rows {
        of: "jms",
        rows: &[(
            "",
            Dropped("write queues of the older kind as <addresses>; they are made by their first use"),
        )],
    },
    Rows {
        of: "queues",
        rows: &[("", NoEffect("a queue is made by its first use"))],
    },
    Rows {
        of: "wildcard-addresses",
        rows: &[
            ("", Parts),
            ("enabled routing-enabled", Holds("true", "names may have holes")),
            ("delimiter", Holds(".", "words are divided by dots")),
            ("any-words", Holds("#", "any number of words is #")),
            ("single-word", Holds("*", "one word is *")),
        ],
    },
    Rows {
        of: "metrics",
        rows: &[("", NoEffect("/metrics is always there"))],
    },
    Rows {
        of: "metrics-plugin",
        rows: &[("", NoEffect("/metrics is always there"))],
    },
    Rows {
        of: "broker-plugins",
        rows: &[("", Dropped("there are no programs inside the broker"))],
    },
    Rows {
        of: "resource-limit-settings",
        rows: &[("", Dropped("listeners have limits, users have none: max-connections"))],
    },
    Rows {
        of: "broker",
        rows: &[("", Parts)],
    },
    Rows {
        of: "server",
        rows: &[("", Parts), ("configuration", NoEffect("give broker.xml itself"))],
    },
    Rows {
        of: "jaas-security",
        rows: &[("", Dropped("its files are not read: write [[user]]"))],
    },
    Rows {
        of: "web",
        rows: &[
            ("", Parts),
            ("bind", As("`[admin] address`", console::bind)),
            (
                "path rootRedirectLocation webContentEnabled customizer",
                NoEffect(why::ONE_CONSOLE),
            ),
        ],
    },
    Rows {
        of: "binding",
        rows: &[
            ("", Parts),
            ("uri name", As("`[admin] address`", console::bind)),
            (
                "keyStorePath keyStorePassword trustStorePath trustStorePassword clientAuth",
                Dropped("the console does not speak TLS: tandem-lb can, before it"),
            ),
        ],
    },
    Rows {
        of: "app",
        rows: &[("", NoEffect(why::ONE_CONSOLE))],
    },
];
