//! Mistakes in the native form: each with its place, and the nearest key.

use crate::{complaints, errors, read};

#[test]
fn all_mistakes_of_shape_are_reported() {
    let text = "[global]\nmaxcon = 3\nthreads = \"many\"\nlog = 4\n\n[defaults]\ntimeout = { client = \"5x\", server = 7 }\n\n\
                [[frontend]]\nname = \"f\"\nbind = [{ address = \"*:x\" }]\ndefault-backend = \"b\"\n\n\
                [[backend]]\nname = \"b\"\nbalance = \"sorce\"\n\n[[backend.server]]\nname = \"s\"\nweight = 257\n";
    let loaded = read(text);
    assert!(loaded.plan.is_none());
    assert_eq!(
        errors(&loaded),
        [
            "t:2:1: error[LB0001]: unknown key `maxcon`",
            "t:3:11: error[LB0015]: `many` is not a number from 1 to 1024",
            "t:4:7: error[LB0015]: invalid type: integer `4`, expected a sequence",
            "t:7:22: error[LB0015]: `x` is not a unit of time; write one of us ms s m h d; without a unit it is milliseconds",
            "t:11:21: error[LB0015]: `x` is not a port; a port is a number from 1 to 65535",
            "t:16:11: error[LB0015]: `sorce` is not known; did you mean `source`?",
            "t:19:8: error[LB0009]: server `s` has no address",
            "t:20:10: error[LB0015]: `257` is not a number from 0 to 256",
        ]
    );
    assert_eq!(loaded.diagnostics[0].help.as_deref(), Some("did you mean `maxconn`?"));
}

#[test]
fn syntax_is_reported_at_its_place() {
    let found = errors(&read("[global]\nmaxconn = = 3\n"));
    assert_eq!(found, ["t:2:11: error[LB0015]: extra `=`, expected nothing"]);
}

#[test]
fn what_must_be_there_is_asked_for() {
    for (text, error) in [
        ("[[frontend]]\n", "t:1:1: error[LB0005]: `name` is missing here"),
        (
            "[[frontend]]\nname = \"f\"\nbind = [{}]\n",
            "t:3:9: error[LB0005]: `address` is missing here",
        ),
        (
            "[[global.log]]\nto = \"stdout\"\n",
            "t:1:1: error[LB0005]: `facility` is missing here",
        ),
        (
            "[[backend]]\nname = \"b\"\nstick = { type = \"ip\" }\n",
            "t:3:9: error[LB0005]: `size` is missing here",
        ),
        (
            "[[backend]]\nname = \"a b\"\n",
            "t:2:8: error[LB0007]: ` ` cannot be part of a name",
        ),
        (
            "[[frontend]]\nname = \"f\"\ndefault-backend = \"b\"\n",
            "t:3:19: error[LB0011]: there is no backend `b`",
        ),
    ] {
        assert_eq!(errors(&read(text)), [error], "{text}");
    }
}

#[test]
fn settings_of_the_other_side_are_not_silent() {
    let loaded = read("[[backend]]\nname = \"b\"\nmaxconn = 3\n");
    assert_eq!(
        complaints(&loaded),
        ["t:2:8: warning[LB0004]: maxconn has no effect in a backend and is ignored"]
    );
    assert!(loaded.plan.is_some());
}

#[test]
fn proxies_are_numbered_in_the_order_of_the_file() {
    let text = "[[backend]]\nname = \"a\"\n[[frontend]]\nname = \"f\"\nbind = [{ address = \"*:1\" }]\n\
                default-backend = \"b\"\n[[backend]]\nname = \"b\"\n";
    let plan = read(text).plan.expect("good");
    assert_eq!(
        (plan.backends[0].id, plan.frontends[0].id, plan.backends[1].id),
        (2, 3, 4)
    );
}
