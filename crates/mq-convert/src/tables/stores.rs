//! Where ActiveMQ keeps messages.

use crate::row::Becomes::{Dropped, Holds, NoEffect, Open, Parts};
use crate::row::Rows;
use crate::takes::store;

use super::why;

const FOLDER: &str = "`data-dir`, in a folder `tandem-mq` there";

pub(super) const ROWS: &[Rows] = &[
    Rows {
        of: "persistenceAdapter",
        rows: &[("", Parts)],
    },
    Rows {
        of: "persistenceFactory",
        rows: &[("", Parts)],
    },
    Rows {
        of: "kahaDB",
        rows: &[
            ("", Parts),
            ("directory", Open(FOLDER, store::folder)),
            (
                "enableJournalDiskSyncs",
                Holds(
                    "true",
                    "what is confirmed is on disk, always: messages that need not be are sent as not persistent",
                ),
            ),
            (
                "journalDiskSyncStrategy",
                Holds(
                    "always",
                    "what is confirmed is on disk, always: messages that need not be are sent as not persistent",
                ),
            ),
            (
                "journalDiskSyncInterval concurrentStoreAndDispatchQueues concurrentStoreAndDispatchTopics",
                NoEffect(why::CONFIRMED),
            ),
            (
                "checksumJournalFiles",
                Holds("true", "each record of the journal has a checksum"),
            ),
            (
                "ignoreMissingJournalfiles checkForCorruptJournalFiles forceRecoverIndex archiveCorruptedIndex",
                Holds(
                    "false",
                    "a journal with a hole is refused and named; there is no index that could break",
                ),
            ),
            (
                "archiveDataLogs directoryArchive",
                Holds("false", "parts of the journal that nobody needs any more are removed"),
            ),
            ("indexDirectory", NoEffect("there is no index on disk")),
            (
                "lockKeepAlivePeriod useLock databaseLockedWaitDelay failIfDatabaseIsLocked",
                Dropped(why::NO_STANDBY),
            ),
            (
                "brokerName cleanupInterval cleanupOnStop checkpointInterval compactAcksAfterNoGC compactAcksIgnoresStoreGrowth \
              enableAckCompaction enableIndexDiskSyncs enableIndexPageCaching enableIndexRecoveryFile enableIndexWriteAsync \
              enableSubscriptionStatistics failoverProducersAuditDepth maxFailoverProducersToTrack indexCacheSize \
              indexLFUEvictionFactor indexWriteBatchSize journalMaxFileLength journalMaxWriteBatchSize maxAsyncJobs \
              preallocationScope preallocationStrategy purgeRecoveredXATransactionStrategy stopOnError useIndexLFRUEviction \
              transactionIdTransformer",
                NoEffect(
                    "the journal is built otherwise: one for all, synced in groups, in files of one size made ahead",
                ),
            ),
        ],
    },
    Rows {
        of: "mKahaDB",
        rows: &[
            ("", Parts),
            ("directory", Open(FOLDER, store::folder)),
            ("lockKeepAlivePeriod useLock", Dropped(why::NO_STANDBY)),
            (
                "transactionStore journalMaxFileLength journalWriteBatchSize journalCleanupInterval checkForCorruption stopOnError",
                NoEffect(why::INSIDE),
            ),
        ],
    },
    Rows {
        of: "filteredPersistenceAdapters",
        rows: &[("", NoEffect("all queues are in one journal"))],
    },
    Rows {
        of: "locker",
        rows: &[("", Parts)],
    },
    Rows {
        of: "shared-file-locker",
        rows: &[("", Dropped(why::NO_STANDBY))],
    },
    Rows {
        of: "database-locker",
        rows: &[("", Dropped(why::NO_STANDBY))],
    },
    Rows {
        of: "lease-database-locker",
        rows: &[("", Dropped(why::NO_STANDBY))],
    },
    Rows {
        of: "jdbcPersistenceAdapter",
        rows: &[
            ("", Dropped(why::OWN_JOURNAL)),
            ("dataDirectory dataDirectoryFile directory", Open(FOLDER, store::folder)),
            ("dataSource lockDataSource ds", Dropped(why::OWN_JOURNAL)),
            (
                "useDatabaseLock useLock lockKeepAlivePeriod lockAcquireSleepInterval databaseLocker",
                Dropped(why::NO_STANDBY),
            ),
            ("createTablesOnStartup", NoEffect("there are no tables")),
        ],
    },
    Rows {
        of: "journalPersistenceAdapterFactory",
        rows: &[
            ("", Parts),
            (
                "dataDirectory dataDirectoryFile journalArchiveDirectory",
                Open(FOLDER, store::folder),
            ),
            ("dataSource", Dropped(why::OWN_JOURNAL)),
            (
                "journalLogFiles journalLogFileSize journalThreadPriority useJournal useQuickJournal checkpointInterval \
              createTablesOnStartup useDedicatedTaskRunner",
                NoEffect(why::INSIDE),
            ),
        ],
    },
    Rows {
        of: "journaledJDBC",
        rows: &[
            ("", Parts),
            ("dataDirectory", Open(FOLDER, store::folder)),
            ("dataSource", Dropped(why::OWN_JOURNAL)),
            (
                "journalLogFiles useQuickJournal createTablesOnStartup",
                NoEffect(why::INSIDE),
            ),
        ],
    },
    Rows {
        of: "DataSource",
        rows: &[("", Dropped(why::OWN_JOURNAL))],
    },
    Rows {
        of: "amqPersistenceAdapter",
        rows: &[("", Parts), ("directory", Open(FOLDER, store::folder))],
    },
    Rows {
        of: "memoryPersistenceAdapter",
        rows: &[("", Dropped("whether a message is kept on disk is what it says itself"))],
    },
    Rows {
        of: "levelDB",
        rows: &[
            ("", Parts),
            ("directory", Open(FOLDER, store::folder)),
            (
                "logSize logDirectory indexFactory verifyChecksums paranoidChecks indexMaxOpenFiles indexBlockRestartInterval \
              indexWriteBufferSize indexBlockSize indexCacheSize indexCompression logCompression flushDelay sync",
                NoEffect(why::INSIDE),
            ),
        ],
    },
    Rows {
        of: "replicatedLevelDB",
        rows: &[
            ("", Parts),
            ("directory", Open(FOLDER, store::folder)),
            (
                "replicas",
                Dropped("nodes do not keep copies for each other yet: this one has the only copy"),
            ),
            (
                "sync",
                Dropped("nodes do not keep copies for each other yet: what is confirmed is on this node's disk"),
            ),
            (
                "bind",
                Dropped("nodes do not keep copies for each other yet: there is nothing to listen for"),
            ),
            (
                "hostname",
                Dropped("nodes do not keep copies for each other yet: nobody has to know this one's name"),
            ),
            (
                "weight",
                Dropped("nodes do not keep copies for each other yet: there is no election to prefer one in"),
            ),
            (
                "zkAddress",
                Dropped(
                    "no ZooKeeper is asked: nodes will agree among themselves, once they keep copies for each other",
                ),
            ),
            (
                "zkPath zkPassword zkSessionTimeout zkSessionTmeout",
                Dropped("no ZooKeeper is asked"),
            ),
            ("securityToken", Dropped(why::NO_COPIES)),
            (
                "logSize logDirectory indexFactory verifyChecksums paranoidChecks indexMaxOpenFiles indexBlockRestartInterval \
              indexWriteBufferSize indexBlockSize indexCacheSize indexCompression logCompression flushDelay",
                NoEffect(why::INSIDE),
            ),
        ],
    },
    Rows {
        of: "tempDataStore",
        rows: &[("", NoEffect("messages that need not survive are in memory alone"))],
    },
];
