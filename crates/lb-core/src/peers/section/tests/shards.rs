//! What each process and each part of a table is taught.

use super::*;

#[test]
fn the_process_after_this_one_is_taught() {
    let now = Mono::from_millis(1);
    let mut world = World::new();
    world.nodes[1] = Node::new("a", now);
    world.nodes[0].section.handle(Input::Inherited, now);
    world.is_up = false;
    world.change(0, 1, 3);
    world.nodes[0].section.handle(Input::Leaving, world.now);
    world.carry_out(0);
    world.settle();
    world.assert_equal();
    assert!(
        world.nodes[0].events.contains(&Event::Taught),
        "{:?}",
        world.nodes[0].events
    );
    assert!(world.nodes[1].section.is_taught());
}

#[test]
fn each_shard_gets_its_part() {
    let seed = hash_seed("st");
    let shards: Vec<u32> = (0..50u8).map(|n| shard_of_key(n, seed)).collect();
    assert!((1..=3).all(|shard| shards.contains(&shard)) && shards.iter().all(|shard| (1..=3).contains(shard)));
    let mut world = World::new();
    let mut sharded = settings("a");
    (sharded.shards, sharded.peers[1].shard) = (3, 2);
    world.nodes[0].section.configure(sharded, world.now);
    world.pass(0);
    for key in 0..50 {
        world.change(0, 0, key);
    }
    world.settle();
    let there = &world.nodes[1].contents(world.now)[0];
    let part = (0..50u8).filter(|n| shard_of_key(n * 2, seed) == 2).count();
    assert_eq!(there.len(), part);
    assert!(part > 5);
}

#[test]
fn what_is_of_other_shards_needs_no_confirmation() {
    let mut world = World::new();
    let mut sharded = settings("a");
    (sharded.shards, sharded.peers[1].shard) = (3, 2);
    world.nodes[0].section.configure(sharded, world.now);
    world.pass(0);
    world.settle();
    (0..50).for_each(|key| world.change(0, 0, key));
    world.settle();
    let (last_own, _) = world.nodes[0].tables[0].last_change();
    assert_eq!(world.nodes[0].section.view()[1].tables[0].acked, last_own);
}

/// A second connection takes the place of the first, or the tables are others: what was confirmed stays confirmed.
#[test]
fn what_was_confirmed_is_kept() {
    let mut world = World::new();
    world.pass(0);
    world.settle();
    (0..9).for_each(|key| world.change(0, 1, key));
    world.settle();
    let acked = world.nodes[0].section.view()[1].tables[1].acked;
    assert!(acked > 0);
    let mut without = settings("a");
    without.tables.remove(0);
    world.nodes[0].section.configure(without, world.now);
    assert_eq!(world.nodes[0].section.peers[1].acked, [acked]);
    world.nodes[0].section.configure(settings("a"), world.now);
    world.carry_out(0);
    world.settle();
    let stranger = ConnId(10_000);
    world.tell(0, Input::Accepted(stranger));
    let bytes = b"HAProxyS 2.1\na\nb 1 1\n";
    let conn = stranger;
    world.tell(0, Input::Bytes { conn, bytes });
    assert_eq!(world.nodes[0].section.peers[1].conn, Some(stranger));
    assert_eq!(world.nodes[0].section.peers[1].acked[1], acked);
}

fn shard_of_key(last: u8, seed: u64) -> u32 {
    crate::peers::shard_of(&Key::V4([10, 0, 0, last].into()), seed, 3)
}
