//! Networks of ActiveMQ brokers: each option by its name, because each will have a place when nodes pass messages on.

use crate::row::Becomes::{Dropped, Head, NoEffect, Parts};
use crate::row::Rows;

use super::why;

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "networkConnectors",
        rows: &[("", Parts)],
    },
    Rows {
        of: "networkConnector",
        rows: &[
            ("", Dropped(why::NO_BRIDGES)),
            ("name", Head),
            (
                "uri discoveryURI discoveryAgent brokerURL localUri",
                Dropped("nodes do not pass messages on to each other yet: no other one is called"),
            ),
            (
                "userName password remoteUserName remotePassword",
                Dropped("nodes do not pass messages on to each other yet: nobody logs in elsewhere"),
            ),
            (
                "duplex",
                Dropped("nodes do not pass messages on to each other yet, in either direction"),
            ),
            (
                "networkTTL messageTTL consumerTTL",
                Dropped("nodes do not pass messages on to each other yet: there are no hops to count"),
            ),
            ("dynamicOnly", Dropped(why::NO_BRIDGES)),
            (
                "decreaseNetworkConsumerPriority consumerPriorityBase",
                Dropped("nodes do not pass messages on to each other yet: all consumers are this node's own"),
            ),
            (
                "conduitSubscriptions conduitNetworkQueueSubscriptions",
                Dropped(why::NO_BRIDGES),
            ),
            (
                "suppressDuplicateQueueSubscriptions suppressDuplicateTopicSubscriptions checkDuplicateMessagesOnDuplex",
                Dropped(why::NO_BRIDGES),
            ),
            (
                "staticBridge useVirtualDestSubs bridgeTempDestinations syncDurableSubs",
                Dropped(why::NO_BRIDGES),
            ),
            ("alwaysSyncSend dispatchAsync useCompression", Dropped(why::NO_BRIDGES)),
            (
                "prefetchSize advisoryPrefetchSize advisoryAckPercentage",
                Dropped("nodes do not pass messages on to each other yet: nothing is taken ahead"),
            ),
            (
                "destinationFilter connectionFilter advisoryForFailedForward",
                Dropped(why::NO_BRIDGES),
            ),
            (
                "gcDestinationViews gcSweepTime clientIdToken objectName useBrokerNameAsIdSees bridgeFactory brokerName",
                NoEffect(why::INSIDE),
            ),
            (
                "?initialReconnectDelay ?maxReconnectDelay ?useExponentialBackOff ?backOffMultiplier ?reconnectDelayExponent \
              ?maxReconnectAttempts ?startupMaxReconnectAttempts ?minConnectTime ?group ?randomize ?backup ?timeout \
              ?warnAfterReconnectAttempts ?trackMessages ?maxCacheSize ?updateURIsSupported ?updateURIsURL ?reconnectSupported \
              ?priorityBackup ?nested.wireFormat.maxInactivityDuration",
                Dropped("nodes do not pass messages on to each other yet: nothing is tried again"),
            ),
        ],
    },
    Rows {
        of: "excludedDestinations",
        rows: &[(
            "",
            Dropped("nodes do not pass messages on to each other yet: nothing crosses"),
        )],
    },
    Rows {
        of: "dynamicallyIncludedDestinations",
        rows: &[(
            "",
            Dropped("nodes do not pass messages on to each other yet: nothing crosses"),
        )],
    },
    Rows {
        of: "staticallyIncludedDestinations",
        rows: &[(
            "",
            Dropped("nodes do not pass messages on to each other yet: nothing crosses"),
        )],
    },
    Rows {
        of: "durableDestinations",
        rows: &[(
            "",
            Dropped("nodes do not pass messages on to each other yet: nothing crosses"),
        )],
    },
    Rows {
        of: "networkBridgeFilterFactory",
        rows: &[("", Parts)],
    },
    Rows {
        of: "conditionalNetworkBridgeFilterFactory",
        rows: &[
            ("", Dropped(why::NO_BRIDGES)),
            (
                "replayWhenNoConsumers",
                Dropped("nodes do not pass messages on to each other yet: none is stranded elsewhere"),
            ),
            (
                "replayDelay rateLimit rateDuration selectorAware",
                Dropped(why::NO_BRIDGES),
            ),
        ],
    },
];
