//! The first byte says what is asked for and how much of the answer is genuine, the rest is what a name server sends. Any
//! datagram is an answer or is counted as something else: never both, never neither, and what is found is bounded.

use std::time::Duration;

use tandem_lb_core::dns::{Counters, Found, Hold, Input, Kind, Name, Output, Resolver, Settings, Status, Way};
use tandem_time::{Mono, Seed};

/// The header of a message without its number (RFC 1035 section 4.1.1).
const HEADER_REST: usize = 10;
/// More than this of anything is left out of an answer.
const MOST: usize = 256;

pub fn check(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else {
        return;
    };
    let (name, first) = match mode & 3 {
        0 => ("a.example", Kind::V4),
        1 => ("a.example", Kind::V6),
        _ => ("_amqp._tcp.example", Kind::Service),
    };
    let mut resolver = Resolver::new(
        Settings {
            nameservers: vec![Way::Datagram],
            payload: 4096,
            tries: 2,
            resolve: Duration::from_secs(1),
            retry: Duration::from_secs(1),
            hold: Hold::default(),
        },
        Seed::new(7),
    );
    let now = Mono::from_millis(1000);
    let name = Name::parse(name).expect("a name");
    resolver.handle(Input::Ask { name, first }, now);
    let Some(Output::Send { bytes: question, .. }) = resolver.poll_output() else {
        panic!("nothing was asked");
    };
    let bytes = answer(*mode, &question, data);
    let before = outcomes(&resolver.counters()[0]);
    resolver.handle(
        Input::Heard {
            nameserver: 0,
            way: if mode & 16 == 0 { Way::Datagram } else { Way::Stream },
            bytes: &bytes,
        },
        now,
    );
    let after = outcomes(&resolver.counters()[0]);
    assert_eq!(after, before + 1, "each message is counted once");
    while let Some(output) = resolver.poll_output() {
        if let Output::Answer {
            status: Status::Valid { found, .. },
            ..
        } = output
        {
            assert!(bounded(&found), "{found:?}");
        }
    }
    assert!(
        resolver.poll_deadline().is_some_and(|due| due > now),
        "it goes on asking"
    );
}

/// From nothing genuine at all to the right number and question, with arbitrary records behind them.
fn answer(mode: u8, question: &[u8], data: &[u8]) -> Vec<u8> {
    let (id, asked) = (&question[..2], &question[2 + HEADER_REST..]);
    match (mode >> 2 & 3, data.split_at_checked(HEADER_REST)) {
        (0, _) | (_, None) => data.to_vec(),
        (1, _) => [id, data].concat(),
        (_, Some((header, records))) => [id, header, asked_only(asked), records].concat(),
    }
}

/// The question without what stands behind it: labels, type and class.
fn asked_only(section: &[u8]) -> &[u8] {
    let end = section
        .iter()
        .position(|byte| *byte == 0)
        .map_or(section.len(), |zero| zero + 5);
    &section[..end]
}

fn outcomes(seen: &Counters) -> u64 {
    let Counters {
        valid,
        no_name,
        refused,
        other,
        invalid,
        too_big,
        truncated,
        outdated,
        ..
    } = *seen;
    valid + no_name + refused + other + invalid + too_big + truncated + outdated
}

fn bounded(found: &Found) -> bool {
    match found {
        Found::Addresses(all) => all.len() <= MOST,
        Found::Services(all) => all.len() <= MOST && all.iter().all(|one| one.addresses.len() <= MOST),
    }
}
