//! What each peer is told, and in which dialect.

use super::*;

/// The dialects that the next adverts are said in.
fn spoken(rig: &mut Rig) -> Vec<Vec<Dialect>> {
    rig.out.outputs.clear();
    rig.wait();
    let ends = Endpoints {
        source: OWN.into(),
        destination: GROUP.into(),
    };
    let said = rig.out.outputs.drain(..).filter_map(|o| match o {
        Output::SendAdvert { message, .. } => Some(message),
        _ => None,
    });
    said.map(|m| View::new(&m, Family::V4).expect("a header").dialects(ends).collect())
        .collect()
}

fn hear_dialect(rig: &mut Rig, from: Ipv4Addr, priority: u8, dialect: Dialect) {
    let interval = Centis::ONE_SECOND;
    rig.hear_dialect(from, priority, Form::V3 { interval }, dialect);
}

#[test]
fn a_peer_is_answered_in_its_dialect_and_both_in_both() {
    const WITH: [Dialect; 2] = [Dialect::With, Dialect::WithGroup];
    let mut rig = Rig::master(with(|s| s.protocol = v3(100)));
    assert_eq!(
        spoken(&mut rig),
        [WITH.to_vec()],
        "Keepalived's, before anybody was heard"
    );
    hear_dialect(&mut rig, ABOVE, 100, Dialect::Without);
    assert_eq!(spoken(&mut rig), [vec![Dialect::Without]]);
    hear_dialect(&mut rig, BELOW, 100, Dialect::With);
    assert_eq!(spoken(&mut rig), [WITH.to_vec(), vec![Dialect::Without]]);
}

#[test]
fn whoever_makes_up_peers_does_not_fill_the_log() {
    let mut rig = Rig::master(with(|s| s.protocol = v3(100)));
    hear_dialect(&mut rig, ABOVE, 200, Dialect::Without);
    rig.out.outputs.clear();
    for last in 1..=200 {
        hear_dialect(&mut rig, Ipv4Addr::new(10, 9, 1, last), 200, Dialect::Without);
    }
    let is_found = |o: &&Output| {
        matches!(
            o,
            Output::Log {
                event: Event::DialectFound { .. },
                ..
            }
        )
    };
    assert_eq!(rig.out.outputs.iter().filter(is_found).count(), 16);
}

#[test]
fn a_fixed_dialect_is_the_only_one_heard_and_said() {
    let checksum = ChecksumPolicy::Without;
    let mut rig = Rig::master(with(|s| {
        s.protocol = Protocol::V3 {
            interval: Centis::ONE_SECOND,
            checksum,
        }
    }));
    hear_dialect(&mut rig, ABOVE, 200, Dialect::With);
    assert_eq!((rig.phase(), rig.did().as_str()), ("master", "checksum"));
    assert_eq!(spoken(&mut rig), [vec![Dialect::Without]]);
}

#[test]
fn unicast_goes_to_every_peer() {
    let peer = |a: Ipv4Addr| Peer {
        address: IpAddr::V4(a),
        ttl: None,
    };
    let peers = vec![peer(ABOVE), peer(BELOW)];
    let mut rig = Rig::started(with(|s| {
        s.transport = Transport::Unicast {
            peers,
            check_source: false,
            ttl: None,
        }
    }));
    rig.wait();
    assert_eq!(rig.did(), "say150 say150 add garp MASTER");
}
