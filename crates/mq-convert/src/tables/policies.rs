//! `<policyEntry>`: how messages of a pattern are treated.

use crate::row::Becomes::{As, Begins, Dropped, Head, Holds, Key, NoEffect, Parts};
use crate::row::{Rows, Table};
use crate::takes::policy;
use crate::unit::Unit;

use super::why;

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "policyEntry",
        rows: &[
            (
                "",
                Begins(
                    "`[[policy]]`; of several that match the one that says most of the name counts, as there",
                    policy::entry,
                    policy::entry_ends,
                ),
            ),
            ("queue topic tempQueue tempTopic", Head),
            (
                "gcInactiveDestinations",
                NoEffect("queues that nobody uses go by themselves: queue-idle-timeout"),
            ),
            (
                "inactiveTimoutBeforeGC inactiveTimeoutBeforeGC",
                As("`queue-idle-timeout`, for all queues alike", policy::idle),
            ),
            ("gcWithNetworkConsumers", NoEffect(why::NO_BRIDGES)),
            (
                "producerFlowControl",
                Holds(
                    "true",
                    "producers are always held back when memory is full: what slow subscribers lose says slow-subscribers",
                ),
            ),
            ("memoryLimit", Dropped(why::MEMORY)),
            (
                "cursorMemoryHighWaterMark storeUsageHighWaterMark",
                NoEffect(why::MEMORY),
            ),
            (
                "sendFailIfNoSpace",
                Holds("false", "who sends waits until there is room"),
            ),
            (
                "sendFailIfNoSpaceAfterTimeout",
                Holds("0", "who sends waits until there is room"),
            ),
            (
                "blockedProducerWarningInterval",
                NoEffect("that producers are held back is in the log and in /metrics"),
            ),
            (
                "queuePrefetch topicPrefetch",
                As("`prefetch`, for consumers that do not say it", policy::prefetch),
            ),
            (
                "durableTopicPrefetch queueBrowserPrefetch usePrefetchExtension",
                Dropped(why::CLIENTS_SAY),
            ),
            (
                "prioritizedMessages",
                Holds("true", "messages have priorities, and higher ones come first"),
            ),
            ("expireMessagesPeriod", NoEffect("what is late goes at once")),
            ("maxExpirePageSize maxPageSize maxBrowsePageSize", NoEffect(why::INSIDE)),
            ("strictOrderDispatch", Holds("true", "a queue keeps its order")),
            (
                "allConsumersExclusiveByDefault",
                Holds(
                    "false",
                    "a consumer says that it wants all for itself: activemq.exclusive:true",
                ),
            ),
            ("useConsumerPriority", Holds("false", "all consumers are alike")),
            (
                "timeBeforeDispatchStarts consumersBeforeDispatchStarts",
                Holds("0", "the first consumer does not wait for others"),
            ),
            (
                "lazyDispatch",
                Holds("false", "a message goes out as soon as somebody takes it"),
            ),
            (
                "alwaysRetroactive",
                Holds("false", "who subscribes to a topic gets what comes from then on"),
            ),
            (
                "persistJMSRedelivered",
                Holds("true", "what comes again says so, after a restart too"),
            ),
            ("enableAudit", Holds("false", why::BY_ID)),
            (
                "maxAuditDepth maxProducersToAudit maxQueueAuditDepth sendDuplicateFromStoreToDLQ",
                NoEffect(why::BY_ID),
            ),
            (
                "advisoryForConsumed advisoryForDelivery advisoryForDiscardingMessages advisoryForFastProducers \
              advisoryForSlowConsumers advisoryWhenFull includeBodyForAdvisory sendAdvisoryIfNoConsumers",
                Holds("false", why::NO_ADVISORIES),
            ),
            ("advisoryForDispatched", Holds("false", why::NO_ADVISORIES)),
            (
                "optimizedDispatch useCache reduceMemoryFootprint doOptimzeMessageStorage optimizeMessageStoreInFlightLimit \
              minimumMessageSize useTopicSubscriptionInflightStats messageGroupMapFactoryType",
                NoEffect(why::INSIDE),
            ),
            (
                "maxDestinations",
                Dropped("there are at most 100,000 queues and subscriptions, whatever their names"),
            ),
            (
                "deadLetterStrategy slowConsumerStrategy",
                Dropped("write it as an element in the entry"),
            ),
        ],
    },
    Rows {
        of: "deadLetterStrategy",
        rows: &[("", Parts)],
    },
    Rows {
        of: "sharedDeadLetterStrategy",
        rows: &[
            ("", As("`dead-letter` and `expiry`", policy::shared)),
            ("deadLetterQueue", As("`dead-letter` and `expiry`", policy::dead_queue)),
            (
                "processExpired",
                As("`expiry`, nowhere if it is false", policy::expired),
            ),
            (
                "processNonPersistent",
                Holds("true", "what need not survive goes there too"),
            ),
            (
                "expiration",
                Dropped("what is dead stays until somebody takes it: a policy for that queue has a message-ttl"),
            ),
            ("enableAudit maxAuditDepth maxProducersToAudit", NoEffect(why::INSIDE)),
        ],
    },
    Rows {
        of: "sharedDeadLetterStrategy/deadLetterQueue",
        rows: &[("", Parts)],
    },
    Rows {
        of: "deadLetterQueue/queue",
        rows: &[
            ("", Parts),
            ("physicalName", As("`dead-letter` and `expiry`", policy::dead_queue)),
        ],
    },
    Rows {
        of: "individualDeadLetterStrategy",
        rows: &[
            (
                "",
                As(
                    "`dead-letter` and `expiry`, for an entry of one queue",
                    policy::individual,
                ),
            ),
            (
                "queuePrefix queueSuffix",
                As("a part of that name", policy::said_with_element),
            ),
            (
                "topicPrefix topicSuffix useQueueForTopicMessages destinationPerDurableSubscriber",
                Dropped(why::ONE_DEAD_QUEUE),
            ),
            ("useQueueForQueueMessages", Holds("true", "what is dead is in a queue")),
            (
                "processExpired",
                As("`expiry`, nowhere if it is false", policy::expired),
            ),
            (
                "processNonPersistent",
                Holds("true", "what need not survive goes there too"),
            ),
            (
                "expiration",
                Dropped("what is dead stays until somebody takes it: a policy for that queue has a message-ttl"),
            ),
            ("enableAudit maxAuditDepth maxProducersToAudit", NoEffect(why::INSIDE)),
        ],
    },
    Rows {
        of: "discarding",
        rows: &[
            (
                "",
                As("`dead-letter` and `expiry` that lead nowhere", policy::discarding),
            ),
            (
                "processExpired processNonPersistent enableAudit expiration maxAuditDepth maxProducersToAudit",
                NoEffect("nothing is kept"),
            ),
        ],
    },
    Rows {
        of: "pendingMessageLimitStrategy",
        rows: &[("", Parts)],
    },
    Rows {
        of: "constantPendingMessageLimitStrategy",
        rows: &[
            ("", Parts),
            (
                "limit",
                As(
                    "`[memory] slow-subscribers`: `wait` below zero, else `drop`",
                    policy::pending,
                ),
            ),
        ],
    },
    Rows {
        of: "prefetchRatePendingMessageLimitStrategy",
        rows: &[
            (
                "",
                Dropped("how much waits for who listens to a topic is limited by its weight"),
            ),
            (
                "multiplier",
                Dropped("how much waits for who listens to a topic is limited by its weight"),
            ),
        ],
    },
    Rows {
        of: "messageEvictionStrategy",
        rows: &[("", Parts)],
    },
    Rows {
        of: "oldestMessageEvictionStrategy",
        rows: &[("", NoEffect("the oldest go"))],
    },
    Rows {
        of: "oldestMessageWithLowestPriorityEvictionStrategy",
        rows: &[("", Dropped("the oldest go, whatever their priorities"))],
    },
    Rows {
        of: "uniquePropertyMessageEvictionStrategy",
        rows: &[("", Dropped("the oldest go"))],
    },
    Rows {
        of: "slowConsumerStrategy",
        rows: &[("", Parts)],
    },
    Rows {
        of: "abortSlowConsumerStrategy",
        rows: &[
            ("", As("`[memory] slow-subscribers = \"disconnect\"`", policy::abort)),
            (
                "maxSlowCount maxSlowDuration checkPeriod abortConnection ignoreIdleConsumers ignoreNetworkConsumers",
                NoEffect("who is slow is known by what waits for it"),
            ),
        ],
    },
    Rows {
        of: "abortSlowAckConsumerStrategy",
        rows: &[("", Dropped("who does not acknowledge keeps what it has until it goes"))],
    },
    Rows {
        of: "pendingQueuePolicy",
        rows: &[("", NoEffect(why::INSIDE))],
    },
    Rows {
        of: "pendingSubscriberPolicy",
        rows: &[("", NoEffect(why::INSIDE))],
    },
    Rows {
        of: "pendingDurableSubscriberPolicy",
        rows: &[("", NoEffect(why::INSIDE))],
    },
    Rows {
        of: "dispatchPolicy",
        rows: &[("", Parts)],
    },
    Rows {
        of: "roundRobinDispatchPolicy",
        rows: &[("", NoEffect("consumers take turns"))],
    },
    Rows {
        of: "strictOrderDispatchPolicy",
        rows: &[("", NoEffect("all who listen to a topic see one order"))],
    },
    Rows {
        of: "simpleDispatchPolicy",
        rows: &[("", NoEffect(why::INSIDE))],
    },
    Rows {
        of: "priorityDispatchPolicy",
        rows: &[("", Dropped("all consumers are alike"))],
    },
    Rows {
        of: "subscriptionRecoveryPolicy",
        rows: &[("", Parts)],
    },
    Rows {
        of: "noSubscriptionRecoveryPolicy",
        rows: &[("", NoEffect("who subscribes to a topic gets what comes from then on"))],
    },
    Rows {
        of: "lastImageSubscriptionRecoveryPolicy",
        rows: &[(
            "",
            Dropped("only what MQTT sends with RETAIN is there for those who come later"),
        )],
    },
    Rows {
        of: "fixedCountSubscriptionRecoveryPolicy",
        rows: &[("", Dropped("who subscribes to a topic gets what comes from then on"))],
    },
    Rows {
        of: "fixedSizedSubscriptionRecoveryPolicy",
        rows: &[("", Dropped("who subscribes to a topic gets what comes from then on"))],
    },
    Rows {
        of: "timedSubscriptionRecoveryPolicy",
        rows: &[("", Dropped("who subscribes to a topic gets what comes from then on"))],
    },
    Rows {
        of: "messageGroupMapFactory",
        rows: &[("", Parts)],
    },
    Rows {
        of: "messageGroupHashBucketFactory",
        rows: &[
            ("", Parts),
            ("bucketCount", Key(Table::Policy, "group-buckets", Unit::Buckets)),
            ("cacheSize", NoEffect(why::INSIDE)),
        ],
    },
    Rows {
        of: "simpleMessageGroupMapFactory",
        rows: &[(
            "",
            NoEffect("groups are told from each other by buckets: group-buckets"),
        )],
    },
    Rows {
        of: "cachedMessageGroupMapFactory",
        rows: &[(
            "",
            NoEffect("groups are told from each other by buckets: group-buckets"),
        )],
    },
];
