//! What becomes of each name that ActiveMQ, Jetty and Artemis know: the tables that `docs/convert-brokers.md` shows.
//!
//! A feature that `tandem-mq` gets later is a row that changes from `Dropped` to a key.

mod addresses;
mod broker;
mod cluster;
mod connectors;
mod core;
mod jetty;
mod networks;
mod plugins;
mod policies;
mod stores;

use crate::row::Rows;

/// `activemq.xml` and `jetty.xml`, which are of one kind and often name each other.
pub(crate) const ACTIVEMQ: &[&[Rows]] = &[
    broker::ROWS,
    connectors::ROWS,
    stores::ROWS,
    networks::ROWS,
    policies::ROWS,
    plugins::ROWS,
    jetty::ROWS,
];

/// `broker.xml`, and of `bootstrap.xml` what says where the console is.
pub(crate) const ARTEMIS: &[&[Rows]] = &[core::ROWS, connectors::ACCEPTORS, addresses::ROWS, cluster::ROWS];

/// Why things are dropped that have one reason in common.
mod why {
    pub(super) const NO_BRIDGES: &str = "nodes do not pass messages on to each other yet";
    pub(super) const NO_COPIES: &str = "nodes do not keep copies for each other yet";
    pub(super) const NO_STANDBY: &str = "one process has the journal, and a second one does not wait for it yet";
    pub(super) const NO_ADVISORIES: &str = "there are no advisory topics: see /metrics and the log";
    pub(super) const EXACT_DELAY: &str = "what comes again comes after its delay, not somewhat earlier or later";
    pub(super) const BY_ID: &str = "messages count once by _AMQ_DUPL_ID, which clients write";
    pub(super) const ONE_DEAD_QUEUE: &str = "a policy leads to one queue, whatever the queue a message was in";
    pub(super) const OWN_JOURNAL: &str = "messages are in the node's own journal, not in a database";
    pub(super) const INSIDE: &str = "how the broker does it inside; that is built otherwise here";
    pub(super) const NO_JMX: &str = "there is no JMX: /metrics, /api/ and the console say and do that";
    pub(super) const OPENWIRE: &str = "it is about OpenWire, which is not spoken";
    pub(super) const CONFIRMED: &str = "what is confirmed is on disk, always";
    pub(super) const ONE_CONSOLE: &str = "the console is built in, and asks for the broker's users";
    pub(super) const MEMORY: &str = "memory is counted for all messages together: [memory] messages";
    pub(super) const CLIENTS_SAY: &str = "clients say how much they take ahead";
    pub(super) const PEM: &str = "Java's key stores are not read: write the certificate and its key as PEM";
}
