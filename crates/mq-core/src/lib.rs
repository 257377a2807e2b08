//! Everything the broker decides.
//!
//! ```text
//!   frames ─▶ a protocol's session ─▶ Input ─▶ Broker ─▶ Output ─▶ session ─▶ frames
//!                                               │  ▲
//!                                        Record ▼  │ Stored: on disk up to here
//!                                              journal
//! ```
//!
//! The model is Artemis's: a message goes to an address; an address feeds queues, either one of them (anycast) or each
//! (multicast). A subscription is a queue. All protocols are mapped onto that.
#![forbid(unsafe_code)]

pub mod amqp091;
pub mod amqp10;
pub mod broker;
mod destination;
pub mod dialect;
mod doubles;
mod ids;
mod message;
pub mod mqtt;
mod pattern;
mod queue;
mod record;
mod rights;
mod schedule;
mod selector;
pub mod stomp;
mod tree;

pub use dialect::{Dialect, Heard};
pub use doubles::{Doubles, MOST_IDS, MessageKey};
pub use ids::{ConsumerId, DeliveryId, Lsn, MessageId, QueueId, SessionId, Token, TransactionId};
pub use message::{Message, Priority, Qos, Retain, Routed, Value, WallMillis};
pub use pattern::Pattern;
pub use queue::{Counts, Kind, Place};
pub use record::{
    BindingRecord, ClientRecord, Destination, DoublesRecord, ExchangeRecord, PacketStep, PolicyRecord, QueueRecord,
    Record,
};
pub use rights::{Right, Rights};
pub use schedule::{Asked, BadSchedule, Cron, Schedule};
pub use selector::{Selector, SelectorError};
