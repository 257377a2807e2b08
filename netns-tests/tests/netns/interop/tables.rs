//! The scenarios that are rows. Priorities are 150 on A and 100 on B; the master down interval of B is 3.609 s at one
//! second, 0.361 s at a tenth and 36 ms at a hundredth.

use std::time::Duration;

use anyhow::Result;
use tandem_netns_tests::Bench;

use super::row::Step::*;
use super::row::{Row, Step, play};
use super::stage::Config;
use super::stage::Side::{A, B};

const DOWN_V2: Duration = Duration::from_micros(3_609_375);
const DOWN_V3: Duration = Duration::from_micros(360_937);
const SKEW_V2: Duration = Duration::from_micros(609_375);
/// B's, and A's, at a tenth of a second.
const SKEW_B: Duration = Duration::from_micros(60_937);
const SKEW_A: Duration = Duration::from_micros(41_406);
/// What A waits for at the start, at a second and at a tenth.
const DOWN_A_V2: Duration = Duration::from_micros(3_414_062);
const DOWN_A_V3: Duration = Duration::from_micros(341_406);
const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);
/// From the signal to the goodbye.
const AT_ONCE: Duration = Duration::from_millis(5);

fn row(name: &'static str, a: Config, b: Config, steps: impl IntoIterator<Item = Step>) -> Row {
    let steps = steps.into_iter().collect();
    Row { name, a, b, steps }
}

/// Of equal priorities the higher address stays, whoever was master before.
pub(super) const EQUAL: [Step; 10] = [
    Start(A),
    Holds(A),
    Start(B),
    Ready(B),
    Part,
    Adverts(B, 2),
    Join,
    Adverts(B, 3),
    Now,
    Alone(B, 5),
];

const ELECT: [Step; 3] = [Start(A), Start(B), Holds(A)];

fn elected(then: &[Step]) -> Vec<Step> {
    ELECT.iter().chain(then).copied().collect()
}

const PEER_OF_A: &str = "unicast_src_ip 10.9.0.1\n unicast_peer {\n 10.9.0.2\n }\n \
                         authentication {\n auth_type PASS\n auth_pass abcdefgh\n }";
const PEER_OF_B: &str = "unicast_src_ip 10.9.0.2\n unicast_peer {\n 10.9.0.1\n }\n \
                         authentication {\n auth_type PASS\n auth_pass abcdefgh\n }";
const PEER6_OF_A: &str = "unicast_src_ip fe80::a\n unicast_peer {\n fe80::b\n }";
const PEER6_OF_B: &str = "unicast_src_ip fe80::b\n unicast_peer {\n fe80::a\n }";

/// Scenarios 1 to 5, 9, and 20 in the ways that have no test of their own.
pub(super) fn faults(bench: &Bench<'_>) -> Result<()> {
    let fault = |leave, back, down| {
        elected(&[
            Adverts(A, 2),
            leave,
            Says(A, "Entering FAULT STATE"),
            Holds(B),
            Detects(B, down),
            back,
            Holds(A),
        ])
    };
    // Both begin, the higher one serves, and leaves in order.
    let begun = |adverts, down_a, skew| {
        [
            Start(A),
            Start(B),
            Ready(A),
            Now,
            Takes(A, Duration::ZERO, down_a),
            Holds(A),
            Now,
            Adverts(A, adverts),
            Silent(B),
            Stop(A),
            Leaves(A, AT_ONCE),
            Follows(B, skew),
            Holds(B),
        ]
    };
    // Started again after its death, the higher one has its address and finds a rival: one of them keeps it. Having it is
    // no sign that this is over, its second advert is.
    let moves = |adverts, [down_a, interval, skew, down]: [Duration; 4]| {
        let returns = [
            Start(A),
            Holds(A),
            Kill(A),
            Detects(B, down),
            Start(A),
            Adverts(A, 2),
            Holds(A),
            Yields(B, interval),
            Now,
            Adverts(A, 2),
            Silent(B),
        ];
        [&begun(adverts, down_a, skew)[..], &returns].concat()
    };
    // On a network that lets no other through, and over IPv6 from one link's own address to another.
    let peers = |down_a, skew| {
        let own = [Own(A, "fe80::a/64"), Own(B, "fe80::b/64")];
        [&own[..], &begun(2, down_a, skew), &[Unicast]].concat()
    };
    let returns = |interval, down| {
        [
            Start(A),
            Adverts(A, 2),
            Holds(A),
            Yields(B, interval),
            Kill(A),
            Detects(B, down),
            Unicast,
        ]
    };
    let six = [&peers(DOWN_A_V3, SKEW_B)[..], &returns(TENTH, DOWN_V3)].concat();
    // The backup, which would wait for less, waits for what the master promised.
    let adopts = [
        Start(A),
        Holds(A),
        Start(B),
        Adverts(A, 3),
        Holds(A),
        Kill(A),
        Detects(B, DOWN_V2),
    ];
    play(
        bench,
        &[
            row(
                "4 link down",
                Config::v2(150),
                Config::v2(100),
                fault(Down(A), Up(A), DOWN_V2),
            ),
            row(
                "4 carrier off",
                Config::v2(150),
                Config::v2(100),
                fault(Cut(A), Heal(A), DOWN_V2),
            ),
            row(
                "5 link down",
                Config::v3(150),
                Config::v3(100),
                fault(Down(A), Up(A), DOWN_V3),
            ),
            row(
                "5 carrier off",
                Config::v3(150),
                Config::v3(100),
                fault(Cut(A), Heal(A), DOWN_V3),
            ),
            row(
                "1 to 3 start, stop, kill",
                Config::v2(150),
                Config::v2(100),
                moves(2, [DOWN_A_V2, SECOND, SKEW_V2, DOWN_V2]),
            ),
            row(
                "5 start, stop, kill",
                Config::v3(150),
                Config::v3(100),
                moves(8, [DOWN_A_V3, TENTH, SKEW_B, DOWN_V3]),
            ),
            row(
                "20 unicast, version 2",
                Config::v2(150).with(PEER_OF_A),
                Config::v2(100).with(PEER_OF_B),
                peers(DOWN_A_V2, SKEW_V2),
            ),
            row(
                "20 unicast, IPv6",
                Config::v6(150).with(PEER6_OF_A),
                Config::v6(100).with(PEER6_OF_B),
                six,
            ),
            row(
                "9 adopts the interval",
                Config::v3(150).each("1"),
                Config::v3(100),
                adopts,
            ),
        ],
    )
}

const SECRET: &str = "authentication {\n auth_type PASS\n auth_pass abcdefgh\n }";
const LONG_SECRET: &str = "authentication {\n auth_type PASS\n auth_pass abcdefghijkl\n }";
const OTHER_SECRET: &str = "authentication {\n auth_type PASS\n auth_pass abcdefgX\n }";

/// Scenarios 7, 8, 10 and, as far as Keepalived 2.2.7 can play it, 11: neither hears the other, and both say why.
pub(super) fn refusals(bench: &Bench<'_>) -> Result<()> {
    let v2 = Config::v2;
    let together = elected(&[Now, Adverts(A, 2), Silent(B)]);
    let apart = |reasons: [Step; 2]| [&[Start(A), Start(B), TwoMasters][..], &reasons].concat();
    let counted = |name| apart([A, B].map(|side| Counts(side, "Authentication Errors", name)));
    // Keepalived 2.2.7 knows only one form, and not this keyword.
    let without = |priority| Config::v3(priority).with("checksum without");
    let without_steps = apart([Drops("checksum"), Now]);
    let said = |words| apart([A, B].map(|side| Says(side, words)));
    let versions = [&said("version")[..], &[Drops("version")]].concat();
    play(
        bench,
        &[
            row("7 equal", v2(150).with(SECRET), v2(100).with(LONG_SECRET), together),
            row(
                "7 different",
                v2(150).with(SECRET),
                v2(100).with(OTHER_SECRET),
                counted("Failure"),
            ),
            row("7 one side", v2(150).with(SECRET), v2(100), counted("Type Mismatch")),
            row("8 interval", v2(150), v2(100).each("2"), said("interval mismatch")),
            row("10 version", v2(150), Config::v3(100), versions),
            row("11 without beside with", without(150), without(100), without_steps),
        ],
    )
}

const CHECK_WEIGHT: &str = "vrrp_script chk {\n script \"/usr/bin/test ! -e {dir}/bad\"\n interval 1\n weight -60\n}";
const CHECK_FAULT: &str = "vrrp_script chk {\n script \"/usr/bin/test ! -e {dir}/bad\"\n interval 1\n}";
const TRACK: &str = "track_script {\n chk\n }";

/// Scenarios 12 to 16.
pub(super) fn policy(bench: &Bench<'_>) -> Result<()> {
    let (a, b) = (|| Config::v3(150), || Config::v3(100));
    let nopreempt = [
        Start(A),
        Holds(A),
        Start(B),
        Ready(B),
        Stop(A),
        Holds(B),
        Start(A),
        Ready(A),
        Adverts(B, 8),
        Silent(A),
        Stop(B),
        Follows(A, SKEW_A),
        Holds(A),
    ];
    // From the first advert that it hears; and then it waits as for any lesser master.
    let (delay, text) = match bench.options.long {
        true => (Duration::from_secs(5), "preempt_delay 5"),
        false => (Duration::from_secs(2), "preempt_delay 2"),
    };
    let takes = Takes(A, delay, delay + TENTH + DOWN_A_V3);
    let delayed = [Start(B), Holds(B), Start(A), Ready(A), Now, takes, Holds(A)];
    let weight = elected(&[
        Break,
        Says(A, "Changing effective priority from 150 to 90"),
        Preempts(B, DOWN_V3),
        Holds(B),
        Mend,
        Says(A, "Changing effective priority from 90 to 150"),
        Now,
        Takes(A, Duration::ZERO, DOWN_A_V3),
        Holds(A),
    ]);
    let fault = elected(&[
        Break,
        Says(A, "Entering FAULT STATE"),
        Follows(B, SKEW_B),
        Holds(B),
        Mend,
        Holds(A),
    ]);
    play(
        bench,
        &[
            row("12 equal", b(), b(), EQUAL),
            row("13 nopreempt", a().with("nopreempt"), b(), nopreempt),
            row("14 preempt_delay", a().with(text), b(), delayed),
            row("15 weight -60", a().with(TRACK).after(CHECK_WEIGHT), b(), weight),
            row("16 weight 0", a().with(TRACK).after(CHECK_FAULT), b(), fault),
        ],
    )
}
