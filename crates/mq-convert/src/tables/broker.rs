//! `<beans>`, `<broker>` and what a broker is as a whole.

use crate::row::Becomes::{As, Begins, Dropped, Head, Holds, Key, NoEffect, Open, Parts};
use crate::row::{Rows, Table};
use crate::takes::{console, policy, store};
use crate::unit::Unit;

use super::why;

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "beans",
        rows: &[("", Parts)],
    },
    Rows {
        of: "import",
        rows: &[
            ("", Parts),
            (
                "resource",
                Open(
                    "`[admin]`, for `jetty.xml`; other files are not opened: give them too",
                    console::import,
                ),
            ),
        ],
    },
    Rows {
        of: "PlaceholderConfigurer",
        rows: &[
            (
                "",
                NoEffect("names such as ${activemq.data} get their values from the environment (ACTIVEMQ_DATA)"),
            ),
            (
                "location locations",
                Dropped("the files it names are not read: set what they say in the environment"),
            ),
        ],
    },
    Rows {
        of: "jasypt",
        rows: &[(
            "",
            Dropped("encrypted values are not read: set them in the environment"),
        )],
    },
    Rows {
        of: "Log4jLogQuery",
        rows: &[(
            "",
            NoEffect("the log is on standard error, and so in the journal of systemd"),
        )],
    },
    Rows {
        of: "broker",
        rows: &[
            ("", Parts),
            (
                "brokerName brokerId useLocalHostBrokerName",
                NoEffect("a node has no name: it stands alone"),
            ),
            (
                "dataDirectory dataDirectoryFile",
                Open("`data-dir`, where the store says none", store::broker_folder),
            ),
            (
                "persistent",
                Holds("true", "whether a message is kept on disk is what it says itself"),
            ),
            (
                "schedulerSupport",
                Holds("true", "messages that wait for their time are always taken"),
            ),
            (
                "schedulerDirectory schedulerDirectoryFile jobSchedulerStore",
                NoEffect("what waits for its time is in the journal"),
            ),
            (
                "advisorySupport anonymousProducerAdvisorySupport",
                Holds("false", why::NO_ADVISORIES),
            ),
            (
                "useJmx populateUserNameInMBeans mbeanInvocationTimeout adminView brokerObjectName",
                NoEffect(why::NO_JMX),
            ),
            (
                "deleteAllMessagesOnStartup",
                Holds(
                    "false",
                    "messages stay: stop the node and remove data-dir, or purge queues",
                ),
            ),
            (
                "populateJMSXUserID useAuthenticatedPrincipalForJMSXUserID",
                Holds("false", "messages do not say who sent them"),
            ),
            (
                "useVirtualTopics useMirroredQueues useTempMirroredQueues useVirtualDestSubs useVirtualDestSubsOnCreation",
                Holds(
                    "false",
                    "there are no virtual topics: a durable subscription of its own for each reader does that",
                ),
            ),
            (
                "allowTempAutoCreationOnSend",
                Holds("false", "a queue for answers belongs to the connection that made it"),
            ),
            (
                "schedulePeriodForDestinationPurge maxPurgedDestinationsPerSweep",
                NoEffect("queues that nobody uses go by themselves: queue-idle-timeout"),
            ),
            (
                "offlineDurableSubscriberTimeout offlineDurableSubscriberTaskSchedule",
                Holds(
                    "-1",
                    "durable subscriptions of STOMP and AMQP 1.0 stay until they are ended; those of MQTT have their own time",
                ),
            ),
            ("rejectDurableConsumers", Holds("false", "rights say who may subscribe")),
            (
                "keepDurableSubsActive",
                Holds("true", "a durable subscription collects while its client is away"),
            ),
            (
                "networkConnectorStartAsync passiveSlave shutdownOnMasterFailure shutdownOnSlaveFailure waitForSlave waitForSlaveTimeout",
                Dropped(why::NO_STANDBY),
            ),
            (
                "start startAsync restartAllowed useShutdownHook useLoggingForShutdownErrors systemExitOnShutdown \
              systemExitOnShutdownExitCode dedicatedTaskRunner taskRunnerPriority persistenceThreadPriority \
              cacheTempDestinations timeBeforePurgeTempDestinations enableStatistics monitorConnectionSplits \
              rollbackOnlyOnAsyncException storeOpenWireVersion vmConnectorURI tmpDataDirectory \
              maxSchedulerRepeatAllowed adjustUsageLimits schedulePeriodForDiskUsageCheck diskUsageCheckRegrowThreshold \
              enableMessageExpirationOnActiveDurableSubs",
                NoEffect(why::INSIDE),
            ),
            (
                "splitSystemUsageForProducersConsumers consumerSystemUsagePortion producerSystemUsagePortion",
                Holds("false", why::MEMORY),
            ),
        ],
    },
    Rows {
        of: "managementContext",
        rows: &[("", NoEffect(why::NO_JMX))],
    },
    Rows {
        of: "shutdownHooks",
        rows: &[("", NoEffect(why::INSIDE))],
    },
    Rows {
        of: "destinations",
        rows: &[("", NoEffect("a queue is made by its first use"))],
    },
    Rows {
        of: "destinationInterceptors",
        rows: &[(
            "",
            Dropped("messages are not led elsewhere on their way: bindings of AMQP 0-9-1 do that"),
        )],
    },
    Rows {
        of: "jmsBridgeConnectors",
        rows: &[("", Dropped(why::NO_BRIDGES))],
    },
    Rows {
        of: "proxyConnectors",
        rows: &[("", Dropped("tandem-lb passes connections on"))],
    },
    Rows {
        of: "ioExceptionHandler",
        rows: &[(
            "",
            NoEffect("a disk that fails stops the node, and nothing that was confirmed is lost"),
        )],
    },
    Rows {
        of: "taskRunnerFactory",
        rows: &[("", NoEffect(why::INSIDE))],
    },
    Rows {
        of: "services",
        rows: &[("", Dropped("there are no programs inside the broker"))],
    },
    Rows {
        of: "commandAgent",
        rows: &[("", Dropped("commands come over /api/ and `tandem mq`"))],
    },
    Rows {
        of: "camelContext",
        rows: &[("", Dropped("there are no programs inside the broker"))],
    },
    Rows {
        of: "systemUsage",
        rows: &[
            ("", Parts),
            (
                "sendFailIfNoSpace",
                Holds("false", "who sends waits until there is room"),
            ),
            (
                "sendFailIfNoSpaceAfterTimeout",
                Holds("0", "who sends waits until there is room"),
            ),
            ("name checkLimitsLogLevel", NoEffect(why::INSIDE)),
        ],
    },
    Rows {
        of: "memoryUsage",
        rows: &[
            ("", Parts),
            ("limit", Key(Table::Memory, "messages", Unit::Bytes)),
            (
                "percentOfJvmHeap",
                Open(
                    "`[memory] messages`, of what `-Xmx` in ACTIVEMQ_OPTS_MEMORY says, or of 1 GiB",
                    store::heap,
                ),
            ),
            (
                "portion usagePortion percentUsageMinDelta pollingTime name",
                NoEffect(why::INSIDE),
            ),
        ],
    },
    Rows {
        of: "storeUsage",
        rows: &[
            ("", Parts),
            ("percentLimit", Key(Table::Top, "max-disk-usage", Unit::Hundredths)),
            ("limit", Dropped("the disk is watched as a whole: max-disk-usage")),
            ("total percentUsageMinDelta pollingTime name", NoEffect(why::INSIDE)),
        ],
    },
    Rows {
        of: "tempUsage",
        rows: &[
            ("", Parts),
            (
                "limit percentLimit",
                NoEffect("messages that need not survive are in memory alone"),
            ),
            ("total percentUsageMinDelta pollingTime name", NoEffect(why::INSIDE)),
        ],
    },
    Rows {
        of: "jobSchedulerUsage",
        rows: &[(
            "",
            NoEffect("what waits for its time may take half of [memory] messages"),
        )],
    },
    Rows {
        of: "destinationPolicy",
        rows: &[("", Parts)],
    },
    Rows {
        of: "policyMap",
        rows: &[("", Parts)],
    },
    Rows {
        of: "defaultEntry",
        rows: &[("", Parts)],
    },
    Rows {
        of: "policyEntries",
        rows: &[("", Parts)],
    },
    Rows {
        of: "sslContext",
        rows: &[("", Dropped(why::PEM))],
    },
    Rows {
        of: "plugins",
        rows: &[("", Parts)],
    },
    Rows {
        of: "redeliveryPolicyMap",
        rows: &[("", Parts)],
    },
    Rows {
        of: "redeliveryPolicyEntries",
        rows: &[("", Parts)],
    },
    Rows {
        of: "redeliveryPolicy",
        rows: &[
            (
                "",
                Begins(
                    "`[[policy]]`; seven attempts, a second apart, where it does not say it, as there",
                    policy::redelivery,
                    policy::redelivery_ends,
                ),
            ),
            ("queue topic", Head),
            (
                "maximumRedeliveries",
                Key(Table::Redelivery, "max-delivery-attempts", Unit::Retries),
            ),
            (
                "redeliveryDelay",
                Key(Table::Redelivery, "redelivery-delay", Unit::Delay),
            ),
            (
                "initialRedeliveryDelay",
                As(
                    "`redelivery-delay`, if there is no redeliveryDelay",
                    policy::first_delay,
                ),
            ),
            (
                "maximumRedeliveryDelay",
                Key(Table::Redelivery, "max-redelivery-delay", Unit::Delay),
            ),
            (
                "useExponentialBackOff backOffMultiplier",
                As(
                    "`redelivery-delay-multiplier`, 5 if only the former is said",
                    policy::back_off,
                ),
            ),
            ("useCollisionAvoidance", Holds("false", why::EXACT_DELAY)),
            ("collisionAvoidancePercent", NoEffect(why::EXACT_DELAY)),
            ("preDispatchCheck", NoEffect(why::INSIDE)),
        ],
    },
];
