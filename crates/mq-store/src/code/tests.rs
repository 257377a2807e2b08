use proptest::prelude::*;

use super::*;
use tandem_mq_core::broker::{Declared, ExchangeKind, Expiry, Listening, Will};
use tandem_mq_core::{BindingRecord, ClientRecord, Destination, ExchangeRecord, PacketStep, PolicyRecord};

pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    let text = || prop::option::of("[ -~é]{0,8}".prop_map(|t| Box::<str>::from(t.as_str())));
    let value = prop_oneof![
        "[a-z]{0,5}".prop_map(|t| Value::Text(t.into())),
        any::<i64>().prop_map(Value::Int),
        (-1e9f64..1e9).prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(|b| Value::Bytes(b.into())),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(|b| Value::Other(b.into())),
    ];
    let properties = prop::collection::vec(("[a-z]{0,5}".prop_map(|t| Box::<str>::from(t.as_str())), value), 0..3);
    let body = prop::collection::vec(any::<u8>(), 0..40);
    (
        ("[a-z.]{0,5}", any::<bool>(), 0u8..4, 0u8..3),
        prop::option::of(0u8..10),
        any::<u64>(),
        any::<u64>(),
        text(),
        text(),
        text(),
        properties,
        body,
    )
        .prop_map(
            |(
                (address, durable, qos, retain),
                priority,
                expires,
                sent,
                content_type,
                correlation_id,
                reply_to,
                properties,
                body,
            )| Message {
                body: body.into(),
                address: address.into(),
                routed: None,
                durable,
                qos: Qos::of(qos),
                retain: [Retain::No, Retain::Asked, Retain::Kept][usize::from(retain)],
                priority: priority.map(Priority::of),
                expires: Some(WallMillis(expires)).filter(|at| at.0 > 0),
                sent: WallMillis(sent),
                schedule: None,
                content_type,
                correlation_id,
                reply_to,
                properties,
            },
        )
}

fn single() -> impl Strategy<Value = Record> {
    prop_oneof![
        (any::<u64>(), "[a-z.#]{1,9}", "[a-z.#]{1,9}", any::<bool>()).prop_map(|(id, name, address, one)| {
            Record::QueueMade(QueueRecord {
                id: QueueId(id),
                name: name.into(),
                address: address.into(),
                kind: if one { Kind::Anycast } else { Kind::Multicast },
                filter: one.then(|| "a = 1".into()),
                declared: None,
            })
        }),
        any::<u64>().prop_map(|id| Record::QueueGone(QueueId(id))),
        (
            any::<u64>(),
            prop::collection::vec(any::<u64>(), 0..4),
            any_message(),
            0..4u8
        )
            .prop_map(|(id, queues, message, kind)| {
                let schedule = (kind >= 2).then(|| {
                    let asked = Asked {
                        delay: 1,
                        period: id,
                        repeat: -1,
                        cron: (kind == 3).then(|| Cron::parse("*/5 * * * 1").expect("it is one")),
                    };
                    let at = WallMillis(7);
                    Box::new(Schedule { at, asked })
                });
                let routed = (kind == 1).then(|| {
                    Box::new(Routed {
                        exchange: "x".into(),
                        key: "k".into(),
                    })
                });
                Record::Put {
                    id: MessageId(id),
                    queues: queues.into_iter().map(QueueId).collect(),
                    message: Arc::new(Message {
                        routed,
                        schedule,
                        ..message
                    }),
                }
            }),
        (any::<u64>(), any::<u64>()).prop_map(|(queue, id)| Record::Gone {
            queue: QueueId(queue),
            id: MessageId(id)
        }),
        (any::<u64>(), any::<u64>(), any::<u32>(), any::<u64>()).prop_map(|(queue, id, attempts, until)| {
            Record::Tried {
                queue: QueueId(queue),
                id: MessageId(id),
                attempts,
                until: WallMillis(until),
            }
        }),
        ("[a-z/]{0,9}", any::<u32>(), prop::collection::vec(any::<u128>(), 0..4)).prop_map(|(address, most, keys)| {
            Record::Doubles(DoublesRecord {
                address: address.into(),
                most,
                keys: keys.into_iter().map(MessageKey).collect(),
            })
        }),
        (any::<u64>(), any::<u64>()).prop_map(|(message, queue)| Record::Numbers {
            message: MessageId(message),
            queue: QueueId(queue)
        }),
        of_client(),
        of_topology(),
    ]
}

fn of_topology() -> impl Strategy<Value = Record> {
    let name = || "[a-z]{0,5}".prop_map(|name| Box::<str>::from(name.as_str()));
    let flags = || any::<(bool, bool, bool)>();
    let arguments = || prop::collection::vec((name(), any::<i64>().prop_map(Value::Int)), 0..3);
    let kinds = [
        ExchangeKind::Direct,
        ExchangeKind::Fanout,
        ExchangeKind::Topic,
        ExchangeKind::Headers,
    ];
    let to = prop_oneof![
        any::<u64>().prop_map(|id| Destination::Queue(QueueId(id))),
        name().prop_map(Destination::Exchange),
    ];
    prop_oneof![
        (any::<u64>(), name(), flags(), arguments()).prop_map(
            |(id, name, (durable, exclusive, auto_delete), arguments)| Record::QueueMade(QueueRecord {
                id: QueueId(id),
                address: name.clone(),
                name,
                kind: Kind::Anycast,
                filter: None,
                declared: Some(Declared {
                    durable,
                    exclusive,
                    auto_delete,
                    arguments,
                }),
            })
        ),
        (name(), prop::sample::select(kinds.to_vec()), flags(), arguments()).prop_map(
            |(name, kind, (durable, auto_delete, internal), arguments)| Record::ExchangeMade(ExchangeRecord {
                name,
                kind,
                durable,
                auto_delete,
                internal,
                arguments,
            })
        ),
        policy().prop_map(Record::PolicyMade),
        name().prop_map(Record::PolicyGone),
        name().prop_map(Record::ExchangeGone),
        (name(), to, name(), arguments(), any::<bool>()).prop_map(|(source, destination, key, arguments, bound)| {
            let binding = BindingRecord {
                source,
                destination,
                key,
                arguments,
            };
            match bound {
                true => Record::Bound(binding),
                false => Record::Unbound(binding),
            }
        }),
    ]
}

fn policy() -> impl Strategy<Value = PolicyRecord> {
    let place = || prop::option::of("[a-z.]{0,5}".prop_map(|text| Box::<str>::from(text.as_str())));
    let number = || prop::option::of(any::<u64>());
    let small = || prop::option::of(any::<u32>());
    (
        (
            "[a-z]{1,5}",
            "[a-z.#]{1,5}",
            any::<u32>(),
            prop::option::of(any::<u32>()),
        ),
        (place(), place()),
        (number(), number(), number()),
        (number(), small(), number()),
        (place(), small(), small(), small()),
    )
        .prop_map(
            |(said, (dead_letter, expiry), (ttl, max_length, max_bytes), redelivery, more)| {
                let (last_value_key, group_buckets, prefetch, id_cache_size) = more;
                let (name, pattern, priority, max_attempts) = said;
                let (redelivery_delay, redelivery_multiplier, max_redelivery_delay) = redelivery;
                PolicyRecord {
                    name: name.into(),
                    pattern: pattern.into(),
                    priority,
                    max_attempts,
                    dead_letter,
                    expiry,
                    ttl,
                    max_length,
                    max_bytes,
                    redelivery_delay,
                    redelivery_multiplier,
                    max_redelivery_delay,
                    last_value_key,
                    group_buckets,
                    prefetch,
                    id_cache_size,
                }
            },
        )
}

fn of_client() -> impl Strategy<Value = Record> {
    let expiry = || prop_oneof![Just(Expiry::Never), any::<u32>().prop_map(Expiry::Seconds)];
    let will = (any::<u32>(), any_message()).prop_map(|(delay, message)| Will {
        address: "a".into(),
        message,
        delay,
    });
    let step = prop_oneof![
        Just(PacketStep::Received),
        Just(PacketStep::Finished),
        Just(PacketStep::Released),
        Just(PacketStep::Freed),
        (any::<u64>(), any::<u64>()).prop_map(|(queue, id)| PacketStep::Named {
            queue: QueueId(queue),
            id: MessageId(id)
        }),
    ];
    let name = || "[a-z]{0,5}".prop_map(|name| Box::<str>::from(name.as_str()));
    prop_oneof![
        (name(), expiry(), prop::option::of(any::<u64>()), prop::option::of(will)).prop_map(
            |(name, expiry, left, will)| Record::Client(ClientRecord {
                name,
                expiry,
                left: left.map(WallMillis),
                will
            })
        ),
        name().prop_map(Record::ClientGone),
        (name(), name(), any::<u64>(), 0u8..3, prop::option::of(1u32..)).prop_map(
            |(client, filter, queue, qos, identifier)| Record::Listens {
                client,
                filter,
                queue: QueueId(queue),
                options: Listening {
                    qos: Qos::of(qos).unwrap(),
                    no_local: qos == 1,
                    retain_as_published: qos == 2,
                    identifier
                },
            }
        ),
        (name(), name()).prop_map(|(client, filter)| Record::ListensNot { client, filter }),
        (name(), any::<u16>(), step).prop_map(|(client, packet, step)| Record::Packet { client, packet, step }),
    ]
}

pub(crate) fn any_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        4 => single(),
        1 => prop::collection::vec(single(), 0..4).prop_map(Record::All),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(record in any_record()) {
        let mut bytes = Vec::new();
        encode(&record, &mut bytes);
        prop_assert_eq!(decode(&bytes), Ok(record));
    }

    #[test]
    fn what_is_cut_is_no_record(record in any_record(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        encode(&record, &mut bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert_eq!(decode(&bytes), Err(Malformed));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = decode(&[&[kind::ALL, 255, 255, 255, 255][..], &bytes].concat());
    }
}
