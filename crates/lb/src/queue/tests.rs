use super::*;

const A: ServerIdx = ServerIdx(0);
const B: ServerIdx = ServerIdx(1);

fn polled(place: &mut Place) -> Poll<()> {
    place.poll_called(&mut Context::from_waker(Waker::noop()))
}

/// Places that stand in the queue, in this order.
fn standing<const N: usize>(queue: &Arc<Queue>, lines: [Option<ServerIdx>; N]) -> [Place; N] {
    lines.map(|line| {
        let mut place = Place::of(queue, line, Priority::default(), Mono::ZERO);
        assert_eq!(
            (polled(&mut place), polled(&mut place)),
            (Poll::Ready(()), Poll::Pending)
        );
        place
    })
}

/// Whoever comes from another process has waited there.
#[test]
fn who_came_first_is_called_first_whenever_he_stands_here() {
    let queue = Arc::default();
    let stand = |came| {
        let mut place = Place::of(&queue, None, Priority::default(), Mono::from_millis(came));
        assert_eq!(
            (polled(&mut place), polled(&mut place)),
            (Poll::Ready(()), Poll::Pending)
        );
        place
    };
    let (mut late, mut early) = (stand(7), stand(5));
    assert_eq!(early.came(), Mono::from_millis(5));
    queue.freed(A);
    assert_eq!(
        (polled(&mut early), polled(&mut late)),
        (Poll::Ready(()), Poll::Pending)
    );
}

#[test]
fn the_longest_waiting_of_those_whom_it_serves() {
    let queue = Arc::default();
    let [mut a, mut any, mut b, mut a_again] = standing(&queue, [Some(A), None, Some(B), Some(A)]);
    queue.freed(B);
    assert_eq!((polled(&mut any), polled(&mut b)), (Poll::Ready(()), Poll::Pending));
    drop(any);
    queue.freed(B);
    assert_eq!((polled(&mut a), polled(&mut b)), (Poll::Pending, Poll::Ready(())));
    drop(b);
    queue.freed(B);
    queue.freed(A);
    assert_eq!((polled(&mut a), polled(&mut a_again)), (Poll::Ready(()), Poll::Pending));
}

#[test]
fn the_lower_class_first_and_then_whoever_came_first() {
    let queue = Arc::default();
    // Class, offset and when it came; who is called in which turn.
    let comers = [
        (0, 0, 10, 2),
        (0, -5, 14, 1),
        (1, -500, 0, 4),
        (-1, 900, 20, 0),
        (0, 3, 11, 3),
    ];
    let mut places = comers.map(|(class, offset, came, its_turn)| {
        let priority = Priority { class, offset };
        let mut place = Place::of(&queue, None, priority, Mono::from_millis(came));
        assert_eq!(polled(&mut place), Poll::Ready(()));
        (its_turn, place)
    });
    places.sort_by_key(|(_, place)| std::cmp::Reverse(place.rank));
    let mut places = Vec::from(places);
    queue.freed(A);
    for turn in 0..comers.len() {
        for (its_turn, place) in &mut places {
            let heard = polled(place);
            assert_eq!(heard.is_ready(), *its_turn == turn, "turn {turn}, {its_turn}");
        }
        // Whoever leaves passes the call on.
        places.retain(|(its_turn, _)| *its_turn != turn);
    }
}

/// Two places are free, and one was called for both: the next would be faster, and take the place of the one before.
#[test]
fn nobody_is_called_past_one_who_has_not_asked_yet() {
    let queue = Arc::default();
    let [mut first, mut second, mut bound] = standing(&queue, [None, None, Some(B)]);
    queue.freed(A);
    queue.freed(B);
    assert_eq!(
        (polled(&mut second), polled(&mut bound)),
        (Poll::Pending, Poll::Pending)
    );
    assert_eq!(polled(&mut first), Poll::Ready(()));
    first.end(Some(A));
    assert_eq!(
        (polled(&mut second), polled(&mut bound)),
        (Poll::Ready(()), Poll::Ready(()))
    );
}

#[test]
fn who_comes_too_late_keeps_the_old_place() {
    let queue = Arc::default();
    let [mut first, mut second] = standing(&queue, [None, None]);
    queue.freed(A);
    assert_eq!(
        (polled(&mut first), polled(&mut first)),
        (Poll::Ready(()), Poll::Pending)
    );
    queue.freed(A);
    assert_eq!(
        (polled(&mut second), polled(&mut first)),
        (Poll::Pending, Poll::Ready(()))
    );
}

#[test]
fn a_call_that_nobody_heard_is_passed_on() {
    let queue = Arc::default();
    let [first, mut second] = standing(&queue, [None, Some(A)]);
    queue.freed(A);
    drop(first);
    assert_eq!(polled(&mut second), Poll::Ready(()));
}

#[test]
fn who_leaves_uncalled_disturbs_nobody() {
    let queue = Arc::default();
    let [first, mut second] = standing(&queue, [None, None]);
    drop(first);
    assert_eq!(polled(&mut second), Poll::Pending);
}

#[test]
fn who_waits_for_one_server_counts_there() {
    let queue = Arc::default();
    let [mut mover, any] = standing(&queue, [Some(A), None]);
    assert_eq!((queue.bound_to(A), queue.bound_to(B)), (1, 0));
    assert_eq!(queue.standing(), BTreeMap::from([(None, 1), (Some(A), 1)]));
    mover.wait_for(Some(B));
    assert_eq!((polled(&mut mover), queue.bound_to(B)), (Poll::Ready(()), 1));
    drop((mover, any));
    assert_eq!((queue.bound_to(B), queue.bound.load(Relaxed)), (0, 0));
}

#[test]
fn another_line_from_the_old_place() {
    let queue = Arc::default();
    let [mut mover, mut any] = standing(&queue, [Some(A), None]);
    mover.wait_for(Some(B));
    assert_eq!(
        (polled(&mut mover), polled(&mut mover)),
        (Poll::Ready(()), Poll::Pending)
    );
    queue.freed(B);
    assert_eq!((polled(&mut any), polled(&mut mover)), (Poll::Pending, Poll::Ready(())));
}

#[test]
fn when_the_servers_change_who_would_take_any_is_called_in_turn() {
    let queue = Arc::default();
    let [mut a, mut any, mut later, mut b] = standing(&queue, [Some(A), None, None, Some(B)]);
    queue.servers_changed();
    assert_eq!(
        [&mut a, &mut any, &mut later, &mut b].map(polled),
        [Poll::Ready(()), Poll::Ready(()), Poll::Pending, Poll::Ready(())]
    );
    any.end(Some(A));
    assert_eq!(polled(&mut later), Poll::Ready(()));
}

#[test]
fn more_places_than_calls() {
    let queue = Arc::default();
    let [mut first, mut second, mut third, mut fourth] = standing(&queue, [None; 4]);
    queue.freed(A);
    assert_eq!(polled(&mut first), Poll::Ready(()));
    first.end(Some(A));
    assert_eq!(polled(&mut second), Poll::Ready(()));
    second.end(Some(A));
    assert_eq!(polled(&mut third), Poll::Ready(()));
    third.wait_for(None);
    drop(third);
    assert_eq!(
        polled(&mut fourth),
        Poll::Pending,
        "who heard that all is full calls nobody"
    );
}

#[test]
fn who_is_called_and_goes_to_another_line_passes_the_call_on() {
    let queue = Arc::default();
    let [mut mover, mut any, mut b] = standing(&queue, [None, None, Some(B)]);
    queue.freed(B);
    assert_eq!(polled(&mut mover), Poll::Ready(()));
    mover.wait_for(Some(A));
    assert_eq!((polled(&mut any), polled(&mut b)), (Poll::Ready(()), Poll::Ready(())));
}

#[test]
fn who_has_just_come_is_called_by_who_leaves() {
    let queue = Arc::default();
    let [mut called] = standing(&queue, [None]);
    queue.freed(A);
    let mut newcomer = Place::of(&queue, None, Priority::default(), Mono::ZERO);
    assert_eq!(polled(&mut newcomer), Poll::Ready(()));
    assert!(newcomer.has_others_before());
    newcomer.wait_for(None);
    assert_eq!(
        (polled(&mut newcomer), polled(&mut called)),
        (Poll::Pending, Poll::Ready(()))
    );
    called.end(Some(A));
    assert_eq!(polled(&mut newcomer), Poll::Ready(()));
    assert!(!newcomer.has_others_before());
}

/// A server that somebody insists on has room for nobody else.
#[test]
fn who_is_called_in_vain_calls_those_who_insist() {
    let queue = Arc::default();
    let [mut any, mut a] = standing(&queue, [None, Some(A)]);
    queue.freed(A);
    assert_eq!((polled(&mut any), polled(&mut a)), (Poll::Ready(()), Poll::Pending));
    any.wait_for(None);
    assert_eq!((polled(&mut any), polled(&mut a)), (Poll::Pending, Poll::Ready(())));
}

#[test]
fn who_is_called_while_asking_passes_it_on() {
    let queue = Arc::default();
    let [mut first, mut second] = standing(&queue, [None, None]);
    queue.freed(A);
    assert_eq!(polled(&mut first), Poll::Ready(()));
    first.wait_for(None);
    queue.freed(B);
    drop(first);
    assert_eq!(polled(&mut second), Poll::Ready(()));
}

#[test]
fn positions_count_who_was_served_before() {
    let queue = Arc::default();
    let [mut first, gone, mut second] = standing(&queue, [Some(A); 3]);
    for _ in 0..2 {
        queue.freed(A);
        assert_eq!(polled(&mut first), Poll::Ready(()));
        first.wait_for(Some(A));
    }
    drop(gone);
    assert_eq!(first.end(Some(A)), Position { server: 1, backend: 0 });
    queue.freed(A);
    assert_eq!(polled(&mut second), Poll::Ready(()));
    assert_eq!(second.end(Some(A)), Position { server: 2, backend: 0 });
}
