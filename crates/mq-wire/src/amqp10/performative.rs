//! What peers say to each other (part 2, section 2.7), what becomes of deliveries (3.4, 4.5), where they come from and go (3.5), and
//! how strangers introduce themselves (5.3.3): each as one table.

use bytes::Bytes;

use super::record::{Field, Plain, Record, descriptor, records};
use super::value::{Fields, Symbol, Value};
use crate::octets::Malformed;

records! {
    Open = 0x10 {
        container_id: Box<str>,
        hostname: Option<Box<str>>,
        max_frame_size: Option<u32>,
        channel_max: Option<u16>,
        idle_time_out: Option<u32>,
        outgoing_locales: Vec<Symbol>,
        incoming_locales: Vec<Symbol>,
        offered_capabilities: Vec<Symbol>,
        desired_capabilities: Vec<Symbol>,
        properties: Fields,
    }
    Begin = 0x11 {
        remote_channel: Option<u16>,
        next_outgoing_id: u32,
        incoming_window: u32,
        outgoing_window: u32,
        handle_max: Option<u32>,
        offered_capabilities: Vec<Symbol>,
        desired_capabilities: Vec<Symbol>,
        properties: Fields,
    }
    Attach = 0x12 {
        name: Box<str>,
        handle: u32,
        /// True for who receives.
        role: bool,
        snd_settle_mode: Option<u8>,
        rcv_settle_mode: Option<u8>,
        source: Option<Source>,
        target: Option<Terminus>,
        unsettled: Fields,
        incomplete_unsettled: Option<bool>,
        initial_delivery_count: Option<u32>,
        max_message_size: Option<u64>,
        offered_capabilities: Vec<Symbol>,
        desired_capabilities: Vec<Symbol>,
        properties: Fields,
    }
    Flow = 0x13 {
        next_incoming_id: Option<u32>,
        incoming_window: u32,
        next_outgoing_id: u32,
        outgoing_window: u32,
        handle: Option<u32>,
        delivery_count: Option<u32>,
        link_credit: Option<u32>,
        available: Option<u32>,
        drain: Option<bool>,
        echo: Option<bool>,
        properties: Fields,
    }
    Transfer = 0x14 {
        handle: u32,
        delivery_id: Option<u32>,
        delivery_tag: Option<Bytes>,
        message_format: Option<u32>,
        settled: Option<bool>,
        more: Option<bool>,
        rcv_settle_mode: Option<u8>,
        state: Option<State>,
        resume: Option<bool>,
        aborted: Option<bool>,
        batchable: Option<bool>,
    }
    Disposition = 0x15 {
        /// True when the receiver says it.
        role: bool,
        first: u32,
        last: Option<u32>,
        settled: Option<bool>,
        state: Option<State>,
        batchable: Option<bool>,
    }
    Detach = 0x16 {
        handle: u32,
        closed: Option<bool>,
        error: Option<Error>,
    }
    End = 0x17 {
        error: Option<Error>,
    }
    Close = 0x18 {
        error: Option<Error>,
    }
    /// Why something ends or is refused.
    Error = 0x1d {
        condition: Symbol,
        description: Option<Box<str>>,
        info: Fields,
    }
    Received = 0x23 {
        section_number: u32,
        section_offset: Option<u64>,
    }
    Accepted = 0x24 {}
    Rejected = 0x25 {
        error: Option<Error>,
    }
    Released = 0x26 {}
    Modified = 0x27 {
        delivery_failed: Option<bool>,
        undeliverable_here: Option<bool>,
        message_annotations: Fields,
    }
    Source = 0x28 {
        address: Option<Box<str>>,
        durable: Option<u32>,
        expiry_policy: Option<Symbol>,
        timeout: Option<u32>,
        dynamic: Option<bool>,
        dynamic_node_properties: Fields,
        distribution_mode: Option<Symbol>,
        filter: Fields,
        default_outcome: Option<State>,
        outcomes: Vec<Symbol>,
        capabilities: Vec<Symbol>,
    }
    Target = 0x29 {
        address: Option<Box<str>>,
        durable: Option<u32>,
        expiry_policy: Option<Symbol>,
        timeout: Option<u32>,
        dynamic: Option<bool>,
        dynamic_node_properties: Fields,
        capabilities: Vec<Symbol>,
    }
    /// Where transactions are made.
    Coordinator = 0x30 {
        capabilities: Vec<Symbol>,
    }
    Declare = 0x31 {
        global_id: Option<Value>,
    }
    Discharge = 0x32 {
        txn_id: Bytes,
        fail: Option<bool>,
    }
    Declared = 0x33 {
        txn_id: Bytes,
    }
    Transactional = 0x34 {
        txn_id: Bytes,
        outcome: Option<Box<State>>,
    }
    SaslMechanisms = 0x40 {
        mechanisms: Vec<Symbol>,
    }
    SaslInit = 0x41 {
        mechanism: Symbol,
        initial_response: Option<Bytes>,
        hostname: Option<Box<str>>,
    }
    SaslOutcome = 0x44 {
        code: u8,
        additional_data: Option<Bytes>,
    }
}

/// One of several records, by its descriptor.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq)]
            #[allow(clippy::large_enum_variant, reason = "an attach is large and rare")]
            pub enum $name {
                $($variant($variant),)*
            }

            impl $name {
                /// `None` when it is none of these.
                pub(super) fn read(value: Value) -> Result<Option<$name>, Malformed> {
                    let Value::Described(described) = value else {
                        return Ok(None);
                    };
                    let number = descriptor(&described.0);
                    $(if number == Some($variant::NUMBER) {
                        return <$variant as Record>::take(described.1).map(|read| Some($name::$variant(read)));
                    })*
                    Ok(None)
                }

                pub fn to_value(&self) -> Value {
                    match self {
                        $($name::$variant(record) => Record::give(record),)*
                    }
                }
            }

            $(impl From<$variant> for $name {
                fn from(record: $variant) -> $name {
                    $name::$variant(record)
                }
            })*
        )*
    };
}

choices! {
    /// The body of a frame.
    Performative { Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close, }
    /// What has become of a delivery.
    State { Received, Accepted, Rejected, Released, Modified, Declared, Transactional, }
    /// Where what is sent goes.
    Terminus { Target, Coordinator, }
    /// What a coordinator is told.
    Order { Declare, Discharge, }
}

impl Plain for State {
    fn take(value: Value) -> Option<Self> {
        State::read(value).ok().flatten()
    }

    fn give(&self) -> Value {
        self.to_value()
    }
}

impl Plain for Box<State> {
    fn take(value: Value) -> Option<Self> {
        <State as Plain>::take(value).map(Box::new)
    }

    fn give(&self) -> Value {
        self.to_value()
    }
}

impl Plain for Terminus {
    fn take(value: Value) -> Option<Self> {
        Terminus::read(value).ok().flatten()
    }

    fn give(&self) -> Value {
        self.to_value()
    }
}

/// Records that are fields of others.
macro_rules! as_fields {
    ($($name:ident,)*) => {
        $(impl Plain for $name {
            fn take(value: Value) -> Option<Self> {
                let Value::Described(described) = value else { return None };
                match descriptor(&described.0) == Some($name::NUMBER) {
                    true => <$name as Record>::take(described.1).ok(),
                    false => None,
                }
            }
            fn give(&self) -> Value {
                Record::give(self)
            }
        })*
    };
}

as_fields!(Error, Source,);

impl Order {
    /// From the value of a message to a coordinator.
    pub fn of(value: Value) -> Option<Order> {
        Order::read(value).ok().flatten()
    }
}

/// Conditions by the names that the specification gives them (2.8.15 to 2.8.18, 4.5.8).
macro_rules! conditions {
    ($($name:ident = $text:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Condition {
            $($name,)*
        }

        impl Condition {
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Condition::$name => $text,)*
                }
            }
        }
    };
}

conditions! {
    InternalError = "amqp:internal-error",
    NotFound = "amqp:not-found",
    UnauthorizedAccess = "amqp:unauthorized-access",
    DecodeError = "amqp:decode-error",
    ResourceLimitExceeded = "amqp:resource-limit-exceeded",
    NotAllowed = "amqp:not-allowed",
    InvalidField = "amqp:invalid-field",
    NotImplemented = "amqp:not-implemented",
    ResourceLocked = "amqp:resource-locked",
    PreconditionFailed = "amqp:precondition-failed",
    ResourceDeleted = "amqp:resource-deleted",
    IllegalState = "amqp:illegal-state",
    ConnectionForced = "amqp:connection:forced",
    FramingError = "amqp:connection:framing-error",
    WindowViolation = "amqp:session:window-violation",
    ErrantLink = "amqp:session:errant-link",
    HandleInUse = "amqp:session:handle-in-use",
    UnattachedHandle = "amqp:session:unattached-handle",
    TransferLimitExceeded = "amqp:link:transfer-limit-exceeded",
    MessageSizeExceeded = "amqp:link:message-size-exceeded",
    Stolen = "amqp:link:stolen",
    UnknownTransaction = "amqp:transaction:unknown-id",
    TransactionRollback = "amqp:transaction:rollback",
}

impl Error {
    pub fn new(condition: Condition, description: &str) -> Error {
        Error {
            condition: condition.as_str().into(),
            description: Some(description.into()),
            info: Fields::new(),
        }
    }
}
