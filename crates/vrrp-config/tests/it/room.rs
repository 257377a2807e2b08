//! `has_room`: overload of the balancer, in either dialect.

use super::{complaints, plan, read, with_instance};
use tandem_vrrp_core::settings::{LbCondition, TrackerKind};

const INSTANCE: &str = "[[instance]]\nname = \"V\"\ninterface = \"eth0\"\nvirtual-router-id = 9\n\
    virtual-ipaddress = [\"10.9.0.50/24\"]\ntrack-lb = [\"l\"]\n";

fn native(bounds: &str) -> String {
    format!("[[track-lb]]\nname = \"l\"\nsocket = \"/s\"\nweight = -60\nhas-room = {bounds}\n{INSTANCE}")
}

fn keepalived(lines: &str, track: &str) -> String {
    let instance = with_instance(&format!("track_lb {{ l {track} }}"));
    format!("track_lb l {{\n socket /s\n {lines}\n}}\n{instance}")
}

fn condition(text: &str) -> LbCondition {
    match plan(text).router.trackers.remove(0).kind {
        TrackerKind::Lb(lb) => lb.condition,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_second_bound_is_ten_less_unless_it_is_said() {
    for (words, full, again) in [
        ("90 60", 90, 60),
        ("95", 95, 85),
        ("100 99", 100, 99),
        ("5", 5, 1),
        ("2", 2, 1),
    ] {
        let text = keepalived(&format!("has_room {words}\n weight -60"), "");
        assert_eq!(condition(&text), LbCondition::HasRoom { full, again }, "{words}");
        assert_eq!(complaints(&read(&text)), Vec::<String>::new(), "{words}");
    }
    for (words, full, again) in [("\"90 70\"", 90, 70), ("[90, 70]", 90, 70), ("90", 90, 80)] {
        let text = native(words);
        assert_eq!(condition(&text), LbCondition::HasRoom { full, again }, "{words}");
        assert_eq!(complaints(&read(&text)), Vec::<String>::new(), "{words}");
    }
}

#[test]
fn mistakes() {
    for (words, expected) in [
        ("", "t:3:2: warning[VR0004]: a number is missing after this"),
        ("1", "t:3:11: warning[VR0006]: `1` is not a number from 2 to 100"),
        ("101", "t:3:11: warning[VR0006]: `101` is not a number from 2 to 100"),
        ("90%", "t:3:11: warning[VR0006]: `90%` is not a number from 2 to 100"),
        ("90 90", "t:3:14: warning[VR0006]: `90` is not a number from 1 to 89"),
        ("90 0", "t:3:14: warning[VR0006]: `0` is not a number from 1 to 89"),
        ("90 60 5", "t:3:17: warning[VR0005]: `5` is too much after `has_room`"),
    ] {
        let said = complaints(&read(&keepalived(&format!("has_room {words}\n weight -60"), "")));
        assert_eq!(said, [expected], "{words}");
    }
    let two = "frontend_open a\n has_room 90\n weight -60";
    assert_eq!(
        complaints(&read(&keepalived(two, ""))),
        ["t:4:2: error[VR0008]: `track_lb l` has a condition already"]
    );
    for (bounds, expected) in [
        ("1", "error[VR0006]: `1` is not a number from 2 to 100"),
        ("\"70 90\"", "error[VR0006]: `90` is not a number from 1 to 69"),
    ] {
        let said = complaints(&read(&native(bounds)));
        assert!(said.iter().any(|line| line.ends_with(expected)), "{bounds}: {said:?}");
    }
}

/// Two hosts that are both full would leave the addresses to nobody.
#[test]
fn overload_as_a_fault_is_doubted() {
    let is_doubted = |lines: &str, track: &str| {
        let said = complaints(&read(&keepalived(lines, track)));
        said.iter()
            .any(|line| line.contains("warning[VR0016]: `l` has no weight"))
    };
    assert!(is_doubted("has_room 90", ""));
    assert!(is_doubted("has_room 90\n weight -60", "weight 0"));
    assert!(!is_doubted("has_room 90\n weight -60", ""));
    assert!(!is_doubted("has_room 90", "weight -60"));
    assert!(!is_doubted("frontend_open a", ""));
}
