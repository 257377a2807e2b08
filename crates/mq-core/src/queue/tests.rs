use super::*;
use crate::{Priority, Retain};

fn entry(id: u64, priority: u8) -> Entry {
    let message = Message {
        priority: Some(Priority::of(priority)),
        ..Message::default()
    };
    Entry::new(MessageId(id), Arc::new(message))
}

fn queue() -> Queue {
    Queue::new(QueueId(1), "q", "q", Kind::Anycast, true)
}

fn order(queue: &Queue) -> Vec<u64> {
    queue.waiting(None).map(|(_, entry)| entry.id.0).collect()
}

#[test]
fn higher_priorities_first_and_arrival_within_one() {
    let (mut queue, mut sums) = (queue(), Sums::default());
    for (id, priority) in [(1, 4), (2, 9), (3, 4), (4, 0), (5, 9)] {
        queue.push(entry(id, priority), &mut sums);
    }
    assert_eq!(order(&queue), [2, 5, 1, 3, 4]);
}

/// They are found without a look at all the others, which may be very many.
#[test]
fn what_was_kept_for_later_comers_is_known_apart() {
    let (mut queue, mut sums) = (queue(), Sums::default());
    let kept = |id| {
        let mut kept = entry(id, 4);
        Arc::make_mut(&mut kept.message).retain = Retain::Kept;
        kept
    };
    let seen = |queue: &Queue| queue.kept().map(|entry| entry.id.0).collect::<Vec<_>>();
    queue.push(entry(1, 4), &mut sums);
    let second = queue.push(kept(2), &mut sums).unwrap();
    queue.push(kept(3), &mut sums);
    assert_eq!(seen(&queue), [2, 3]);
    let taken = queue.take(second, &mut sums).unwrap();
    assert_eq!(seen(&queue), [3]);
    queue.put_back(second, taken, &mut sums);
    assert_eq!(seen(&queue), [2, 3]);
    queue.take_by_id(MessageId(3), &mut sums);
    assert_eq!(seen(&queue), [2]);
    queue.take_all(&mut sums);
    assert_eq!(seen(&queue), [] as [u64; 0]);
}

/// Whoever looks on does not begin again at the front.
#[test]
fn what_waits_is_seen_from_any_place_on() {
    let (mut queue, mut sums) = (queue(), Sums::default());
    let places: Vec<Place> = (1..=5).filter_map(|id| queue.push(entry(id, 4), &mut sums)).collect();
    queue.take(places[2], &mut sums);
    for (after, expect) in [(0, &[2, 4, 5][..]), (1, &[4, 5]), (2, &[4, 5]), (4, &[])] {
        let seen: Vec<u64> = queue.waiting(Some(places[after])).map(|(_, e)| e.id.0).collect();
        assert_eq!(seen, expect);
    }
}

#[test]
fn what_comes_back_takes_its_old_place() {
    let (mut queue, mut sums) = (queue(), Sums::default());
    let places: Vec<Place> = (1..=3).filter_map(|id| queue.push(entry(id, 4), &mut sums)).collect();
    let first = queue.take(places[0], &mut sums).unwrap();
    queue.push(entry(4, 4), &mut sums);
    queue.put_back(places[0], first, &mut sums);
    assert_eq!(order(&queue), [1, 2, 3, 4]);
    assert_eq!(queue.next().map(|(place, _)| place), Some(places[0]));
}

fn consumer(number: u64) -> ConsumerId {
    ConsumerId {
        session: SessionId(1),
        number,
    }
}

#[test]
fn consumers_take_turns_and_a_leaver_costs_nobody_his_turn() {
    let mut queue = queue();
    (1..=3).for_each(|n| queue.subscribe(consumer(n), false));
    let all = Able {
        wants: |_| true,
        may: |_| true,
    };
    let turn = |queue: &mut Queue| queue.choose(None, &all).map(|c| c.number);
    assert_eq!(turn(&mut queue), Some(1));
    assert_eq!(turn(&mut queue), Some(2));
    queue.unsubscribe(consumer(1));
    assert_eq!(turn(&mut queue), Some(3));
    assert_eq!(turn(&mut queue), Some(2));
    let none = Able {
        wants: |_| true,
        may: |c: ConsumerId| c.number == 9,
    };
    assert_eq!(queue.choose(None, &none), None);
    queue.unsubscribe(consumer(2));
    queue.unsubscribe(consumer(3));
    queue.unsubscribe(consumer(3));
    assert_eq!(turn(&mut queue), None);
}
