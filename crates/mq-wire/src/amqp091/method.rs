//! The methods of AMQP 0-9-1 with RabbitMQ's extensions, both ways: what each consists of, as one table.

use bytes::{BufMut, Bytes, BytesMut};

use super::field::{Table, write_long, write_short};
use super::read::Reader;
use crate::octets::Malformed;

/// An element of a method.
trait Element: Sized {
    fn read(from: &mut Reader) -> Result<Self, Malformed>;
    fn write(&self, out: &mut BytesMut);
}

macro_rules! elements {
    ($($type:ty: $($read:ident).+, |$value:ident, $out:ident| $write:expr;)*) => {
        $(impl Element for $type {
            fn read(from: &mut Reader) -> Result<Self, Malformed> {
                from.$($read).+()
            }
            fn write(&self, $out: &mut BytesMut) {
                let $value = self;
                $write
            }
        })*
    };
}

elements! {
    u8: data.byte, |value, out| out.put_u8(*value);
    u16: data.short, |value, out| out.put_u16(*value);
    u32: data.long, |value, out| out.put_u32(*value);
    u64: data.long_long, |value, out| out.put_u64(*value);
    Box<str>: short_text, |value, out| write_short(value, out);
    Bytes: long_bytes, |value, out| write_long(value, out);
    Table: table, |value, out| value.write(out);
}

/// Each method: its class and number, elements, flags (which share one octet), elements.
macro_rules! methods {
    ($($name:ident = $class:literal $number:literal
        ($($before:ident: $before_type:ty),*) [$($flag:ident),*] ($($after:ident: $after_type:ty),*);)*) => {
        #[derive(Clone, Debug, PartialEq)]
        pub enum Method {
            $($name { $($before: $before_type,)* $($flag: bool,)* $($after: $after_type,)* },)*
        }

        impl Method {
            /// Its class and its number in that.
            pub fn id(&self) -> (u16, u16) {
                match self {
                    $(Method::$name { .. } => ($class, $number),)*
                }
            }

            /// `None` when there is no such method.
            pub(crate) fn read(id: (u16, u16), from: &mut Reader) -> Result<Option<Method>, Malformed> {
                Ok(Some(match id {
                    $(($class, $number) => {
                        $(let $before = <$before_type as Element>::read(from)?;)*
                        let flags: &[&str] = &[$(stringify!($flag)),*];
                        #[allow(unused_mut, unused_variables)]
                        let mut bits = if flags.is_empty() { 0 } else { from.data.byte()? };
                        $(let $flag = bits & 1 != 0; #[allow(unused_assignments)] { bits >>= 1; })*
                        $(let $after = <$after_type as Element>::read(from)?;)*
                        Method::$name { $($before,)* $($flag,)* $($after,)* }
                    })*
                    _ => return Ok(None),
                }))
            }

            pub(crate) fn write(&self, out: &mut BytesMut) {
                match self {
                    $(Method::$name { $($before,)* $($flag,)* $($after,)* } => {
                        $($before.write(out);)*
                        let flags: &[bool] = &[$(*$flag),*];
                        if !flags.is_empty() {
                            out.put_u8(flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
                        }
                        $($after.write(out);)*
                    })*
                }
            }
        }
    };
}

methods! {
    Start = 10 10 (major: u8, minor: u8, properties: Table, mechanisms: Bytes, locales: Bytes) [] ();
    StartOk = 10 11 (properties: Table, mechanism: Box<str>, response: Bytes, locale: Box<str>) [] ();
    Secure = 10 20 (challenge: Bytes) [] ();
    SecureOk = 10 21 (response: Bytes) [] ();
    Tune = 10 30 (channel_max: u16, frame_max: u32, heartbeat: u16) [] ();
    TuneOk = 10 31 (channel_max: u16, frame_max: u32, heartbeat: u16) [] ();
    Open = 10 40 (vhost: Box<str>, capabilities: Box<str>) [insist] ();
    OpenOk = 10 41 (known_hosts: Box<str>) [] ();
    Close = 10 50 (code: u16, text: Box<str>, class: u16, method: u16) [] ();
    CloseOk = 10 51 () [] ();
    Blocked = 10 60 (reason: Box<str>) [] ();
    Unblocked = 10 61 () [] ();
    UpdateSecret = 10 70 (secret: Bytes, reason: Box<str>) [] ();
    UpdateSecretOk = 10 71 () [] ();
    ChannelOpen = 20 10 (out_of_band: Box<str>) [] ();
    ChannelOpenOk = 20 11 (channel_id: Bytes) [] ();
    Flow = 20 20 () [active] ();
    FlowOk = 20 21 () [active] ();
    ChannelClose = 20 40 (code: u16, text: Box<str>, class: u16, method: u16) [] ();
    ChannelCloseOk = 20 41 () [] ();
    ExchangeDeclare = 40 10 (ticket: u16, exchange: Box<str>, kind: Box<str>)
        [passive, durable, auto_delete, internal, nowait] (arguments: Table);
    ExchangeDeclareOk = 40 11 () [] ();
    ExchangeDelete = 40 20 (ticket: u16, exchange: Box<str>) [if_unused, nowait] ();
    ExchangeDeleteOk = 40 21 () [] ();
    ExchangeBind = 40 30 (ticket: u16, destination: Box<str>, source: Box<str>, key: Box<str>) [nowait] (arguments: Table);
    ExchangeBindOk = 40 31 () [] ();
    ExchangeUnbind = 40 40 (ticket: u16, destination: Box<str>, source: Box<str>, key: Box<str>) [nowait] (arguments: Table);
    ExchangeUnbindOk = 40 51 () [] ();
    QueueDeclare = 50 10 (ticket: u16, queue: Box<str>) [passive, durable, exclusive, auto_delete, nowait] (arguments: Table);
    QueueDeclareOk = 50 11 (queue: Box<str>, messages: u32, consumers: u32) [] ();
    QueueBind = 50 20 (ticket: u16, queue: Box<str>, exchange: Box<str>, key: Box<str>) [nowait] (arguments: Table);
    QueueBindOk = 50 21 () [] ();
    QueuePurge = 50 30 (ticket: u16, queue: Box<str>) [nowait] ();
    QueuePurgeOk = 50 31 (messages: u32) [] ();
    QueueDelete = 50 40 (ticket: u16, queue: Box<str>) [if_unused, if_empty, nowait] ();
    QueueDeleteOk = 50 41 (messages: u32) [] ();
    QueueUnbind = 50 50 (ticket: u16, queue: Box<str>, exchange: Box<str>, key: Box<str>, arguments: Table) [] ();
    QueueUnbindOk = 50 51 () [] ();
    Qos = 60 10 (size: u32, count: u16) [global] ();
    QosOk = 60 11 () [] ();
    Consume = 60 20 (ticket: u16, queue: Box<str>, tag: Box<str>) [no_local, no_ack, exclusive, nowait] (arguments: Table);
    ConsumeOk = 60 21 (tag: Box<str>) [] ();
    Cancel = 60 30 (tag: Box<str>) [nowait] ();
    CancelOk = 60 31 (tag: Box<str>) [] ();
    Publish = 60 40 (ticket: u16, exchange: Box<str>, key: Box<str>) [mandatory, immediate] ();
    Return = 60 50 (code: u16, text: Box<str>, exchange: Box<str>, key: Box<str>) [] ();
    Deliver = 60 60 (consumer: Box<str>, tag: u64) [redelivered] (exchange: Box<str>, key: Box<str>);
    Get = 60 70 (ticket: u16, queue: Box<str>) [no_ack] ();
    GetOk = 60 71 (tag: u64) [redelivered] (exchange: Box<str>, key: Box<str>, messages: u32);
    GetEmpty = 60 72 (cluster_id: Box<str>) [] ();
    Ack = 60 80 (tag: u64) [multiple] ();
    Reject = 60 90 (tag: u64) [requeue] ();
    RecoverAsync = 60 100 () [requeue] ();
    Recover = 60 110 () [requeue] ();
    RecoverOk = 60 111 () [] ();
    Nack = 60 120 (tag: u64) [multiple, requeue] ();
    ConfirmSelect = 85 10 () [nowait] ();
    ConfirmSelectOk = 85 11 () [] ();
    TxSelect = 90 10 () [] ();
    TxSelectOk = 90 11 () [] ();
    TxCommit = 90 20 () [] ();
    TxCommitOk = 90 21 () [] ();
    TxRollback = 90 30 () [] ();
    TxRollbackOk = 90 31 () [] ();
}
