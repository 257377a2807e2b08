//! Files as operators' guides have them, with what becomes of them beside each: `receipts.txt` and `mq.toml`, recorded by
//! `TANDEM_RECORD=1 cargo test -p tandem-mq-convert guides`. That the results start is shown in `tests/tests/mq/converted.rs`.

use std::path::PathBuf;

use super::*;
use crate::row::{Becomes, find};
use crate::tables;

const GUIDES: &[(&str, &[&str], &str)] = &[
    ("artemis-pair", &["broker.xml"], ""),
    ("six-brokers", &["activemq.xml", "jetty.xml"], ""),
    ("zookeeper", &["activemq.xml"], ""),
    ("zookeeper", &["jdbc.xml"], "jdbc-"),
    ("options", &["activemq.xml"], ""),
];

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/corpus/brokers")
        .join(name)
}

fn receipts(made: &Converted) -> String {
    let mut text = String::new();
    for receipt in &made.receipts {
        text.push_str(&format!(
            "{}:{}: {}\n    {}\n",
            receipt.file, receipt.line, receipt.text, receipt.fate
        ));
        receipt
            .notes
            .iter()
            .for_each(|note| text.push_str(&format!("    note: {note}\n")));
    }
    text
}

#[test]
fn each_file_becomes_what_is_recorded() {
    for (name, files, mark) in GUIDES {
        let files: Vec<File> = files
            .iter()
            .map(|file| File {
                name: (*file).into(),
                bytes: std::fs::read(folder(name).join(file)).expect("it is in the repository"),
            })
            .collect();
        let made = convert(&files, WORLD).unwrap_or_else(|refused| panic!("{name}: {:?}", refused.diagnostic));
        for (file, text) in [("receipts.txt", receipts(&made)), ("mq.toml", made.toml.clone())] {
            let path = folder(name).join(format!("{mark}{file}"));
            if std::env::var_os("TANDEM_RECORD").is_some() {
                std::fs::write(&path, &text).expect("a checkout is writable");
            }
            let written = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                written,
                text,
                "{}: if that is right, record it again: TANDEM_RECORD=1",
                path.display()
            );
        }
        let text = format!("{}{}", receipts(&made), made.toml);
        assert!(!text.contains("not to be repeated"), "{name}");
        for receipt in &made.receipts {
            let detail = receipt.fate.detail().unwrap_or_default();
            assert!(!detail.contains("not known here"), "{name}: {}: {detail}", receipt.text);
        }
    }
}

/// Elements and what is said of them that the guides are about.
const NAMED: &[(bool, &str, &str)] = &[
    (
        true,
        "acceptors/acceptor",
        "text ?protocols ?tcpSendBufferSize ?tcpReceiveBufferSize ?tcpKeepAlive ?useEpoll",
    ),
    (true, "connectors/connector", "text"),
    (
        true,
        "core",
        "journal-pool-files journal-type id-cache-size max-disk-usage security-enabled",
    ),
    (
        true,
        "address-setting",
        "max-delivery-attempts redelivery-delay dead-letter-address redistribution-delay",
    ),
    (
        true,
        "cluster-connections/cluster-connection",
        "address connector-ref message-load-balancing max-hops use-duplicate-detection confirmation-window-size retry-interval",
    ),
    (true, "cluster-connection/static-connectors", "connector-ref"),
    (false, "broker", "brokerName dataDirectory"),
    (false, "persistenceAdapter/kahaDB", "directory lockKeepAlivePeriod"),
    (
        false,
        "persistenceAdapter/jdbcPersistenceAdapter",
        "dataSource dataDirectory",
    ),
    (
        false,
        "persistenceAdapter/replicatedLevelDB",
        "directory replicas bind zkAddress zkPassword zkPath hostname weight",
    ),
    (
        false,
        "transportConnectors/transportConnector",
        "name uri discoveryUri ?maximumConnections ?wireFormat.maxFrameSize",
    ),
    (
        false,
        "networkConnectors/networkConnector",
        "name uri userName password duplex dynamicOnly decreaseNetworkConsumerPriority networkTTL messageTTL consumerTTL \
         conduitSubscriptions staticBridge useVirtualDestSubs prefetchSize suppressDuplicateQueueSubscriptions \
         bridgeTempDestinations alwaysSyncSend ?initialReconnectDelay ?maxReconnectDelay ?useExponentialBackOff \
         ?reconnectDelayExponent ?maxReconnectAttempts ?startupMaxReconnectAttempts ?warnAfterReconnectAttempts ?randomize \
         ?backup ?timeout ?trackMessages ?maxCacheSize ?updateURIsSupported ?updateURIsURL ?reconnectSupported",
    ),
    (false, "networkConnector/excludedDestinations", ""),
    (false, "networkConnector/dynamicallyIncludedDestinations", ""),
    (false, "networkConnector/staticallyIncludedDestinations", ""),
    (
        false,
        "policyEntries/policyEntry",
        "queue enableAudit memoryLimit producerFlowControl",
    ),
    (
        false,
        "networkBridgeFilterFactory/conditionalNetworkBridgeFilterFactory",
        "replayWhenNoConsumers",
    ),
    (false, "memoryUsage/memoryUsage", "limit percentOfJvmHeap"),
    (false, "storeUsage/storeUsage", "limit percentLimit"),
    (false, "beans/WebConsolePort", "host port"),
];

#[test]
fn what_guides_are_about_has_a_row_each() {
    for (is_artemis, path, names) in NAMED {
        let parts = if *is_artemis { tables::ARTEMIS } else { tables::ACTIVEMQ };
        let rows: Vec<_> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let path: Vec<_> = path.split('/').map(|name| (name, None)).collect();
        for name in std::iter::once("").chain(names.split_whitespace()) {
            let row: Option<Becomes> = find(&rows, &path, name);
            assert!(row.is_some(), "{path:?} {name:?}");
        }
    }
}
