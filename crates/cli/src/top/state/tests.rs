use std::time::Instant;

use super::*;

const CSV: &str = "\
# pxname,svname,qcur,scur,smax,slim,stot,bin,bout,econ,status,weight,act,bck,lastchg,type,rate,check_status,check_duration,
fe,FRONTEND,,7,9,100,70,1000,2000,,OPEN,,,,,0,5,,,
be,a,0,5,6,,50,700,900,1,UP,3,1,0,100,2,3,L4OK,0,
be,b,2,0,1,,4,10,20,9,DOWN,1,0,1,7,2,0,L4CON,1,
be,c,0,2,2,,16,290,1080,0,UP,1,1,0,100,2,2,L4OK,0,
be,BACKEND,2,7,9,10,70,1000,2000,10,UP,4,2,1,100,1,5,,,
";

/// A frontend and a backend with three servers.
pub(in crate::top) fn example() -> State {
    let mut state = State::default();
    state.take(snapshot(CSV));
    state
}

fn snapshot(csv: &str) -> Snapshot {
    Snapshot::parse(csv, "Name: HAProxy\nnode: lb1\nUptime: 0d 0h01m00s\n", Instant::now()).expect("statistics")
}

fn names(state: &State) -> Vec<&str> {
    state.rows().iter().map(|row| row.name.as_str()).collect()
}

fn target(server: &str) -> Target {
    Target {
        backend: "be".to_owned(),
        server: server.to_owned(),
    }
}

fn press(state: &mut State, keys: &str) -> Vec<Wish> {
    keys.chars().filter_map(|c| state.handle(Key::Char(c))).collect()
}

#[test]
fn every_key_in_every_mode() {
    let confirm = Mode::Confirm(Order::Drain, target("a"));
    let done = Some(Wish::Do(Order::Drain, target("a")));
    let asks = |order| Mode::Confirm(order, target("a"));
    for (mode, key, wish, then) in [
        (Mode::Browse, Key::Char('q'), Some(Wish::Quit), Mode::Browse),
        (Mode::Browse, Key::Interrupt, Some(Wish::Quit), Mode::Browse),
        (Mode::Browse, Key::Char('/'), None, Mode::Filter),
        (Mode::Browse, Key::Char('d'), None, asks(Order::Drain)),
        (Mode::Browse, Key::Char('m'), None, asks(Order::Maint)),
        (Mode::Browse, Key::Char('r'), None, asks(Order::Ready)),
        (Mode::Browse, Key::Char('y'), None, Mode::Browse),
        (Mode::Browse, Key::Enter, None, Mode::Browse),
        (Mode::Browse, Key::Escape, None, Mode::Browse),
        (Mode::Filter, Key::Char('q'), None, Mode::Filter),
        (Mode::Filter, Key::Backspace, None, Mode::Filter),
        (Mode::Filter, Key::Enter, None, Mode::Browse),
        (Mode::Filter, Key::Escape, None, Mode::Browse),
        (Mode::Filter, Key::Interrupt, Some(Wish::Quit), Mode::Filter),
        (confirm.clone(), Key::Char('y'), done, Mode::Browse),
        (confirm.clone(), Key::Char('n'), None, Mode::Browse),
        (confirm.clone(), Key::Char('q'), None, Mode::Browse),
        (confirm.clone(), Key::Enter, None, Mode::Browse),
        (confirm.clone(), Key::Escape, None, Mode::Browse),
        (confirm.clone(), Key::Interrupt, Some(Wish::Quit), confirm),
    ] {
        let mut state = example();
        state.handle(Key::Down);
        state.mode = mode.clone();
        assert_eq!((state.handle(key), &state.mode), (wish, &then), "{mode:?} {key:?}");
    }
}

#[test]
fn the_selection_stays_within_and_with_its_server() {
    let mut state = example();
    assert_eq!(state.selected_row().map(|r| r.name.as_str()), Some("FRONTEND"));
    state.handle(Key::Up);
    assert_eq!(state.selected(), 0);
    for (key, place) in [
        (Key::PageDown, 4),
        (Key::Down, 4),
        (Key::First, 0),
        (Key::Last, 4),
        (Key::PageUp, 0),
    ] {
        state.handle(key);
        assert_eq!(state.selected(), place, "{key:?}");
    }
    press(&mut state, "jj");
    assert_eq!(state.selected_row().map(|r| r.name.as_str()), Some("b"));
    // A server before it has gone.
    state.take(snapshot(
        &CSV.lines()
            .filter(|l| !l.starts_with("be,a"))
            .fold(String::new(), |all, l| all + l + "\n"),
    ));
    assert_eq!((state.selected(), names(&state)[1]), (1, "b"));
    // All have gone, and come back.
    state.take(snapshot(CSV.lines().next().unwrap_or_default()));
    assert_eq!((state.selected(), state.rows().len()), (0, 0));
    state.handle(Key::Down);
    state.take(snapshot(CSV));
    assert_eq!(state.rows().len(), 5);
}

#[test]
fn only_a_server_can_be_changed() {
    let mut state = example();
    assert_eq!(press(&mut state, "dy"), []);
    assert_eq!(state.said(), None);
    press(&mut state, "d");
    assert_eq!(state.said(), Some("select a server first"));
    assert_eq!(press(&mut state, "jjmyjdnjry"), [Wish::Do(Order::Maint, target("b"))]);
}

#[test]
fn orders_of_rows() {
    let mut state = example();
    assert_eq!(names(&state), ["FRONTEND", "a", "b", "c", "BACKEND"]);
    for (sort, expect) in [
        (Sort::Name, ["a", "b", "c"]),
        (Sort::Status, ["b", "a", "c"]),
        (Sort::Sessions, ["a", "c", "b"]),
        (Sort::Rate, ["a", "c", "b"]),
        (Sort::Queue, ["b", "a", "c"]),
        (Sort::Errors, ["b", "a", "c"]),
    ] {
        state.order_by(sort);
        assert_eq!(names(&state), expect, "{sort:?}");
    }
    press(&mut state, "i");
    assert_eq!(names(&state), ["c", "a", "b"]);
    // Once around.
    let keys = ">".repeat(Sort::ALL.len());
    press(&mut state, &keys);
    assert_eq!(state.sort(), Sort::Errors);
    press(&mut state, "<");
    assert_eq!(state.sort(), Sort::Queue);
}

#[test]
fn a_filter_is_typed_and_taken_back() {
    let mut state = example();
    press(&mut state, "/FRO");
    assert_eq!((names(&state), state.filter()), (vec!["FRONTEND"], "FRO"));
    state.handle(Key::Backspace);
    state.handle(Key::Enter);
    assert_eq!((state.filter(), state.mode()), ("FR", &Mode::Browse));
    state.handle(Key::Escape);
    assert_eq!(state.rows().len(), 5);
    press(&mut state, &format!("/{}", "x".repeat(500)));
    assert_eq!((state.filter().len(), state.rows().len()), (LONGEST, 0));
    assert_eq!(press(&mut state, "d"), []);
}
