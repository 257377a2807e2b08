//! The inputs that the fuzz program found interesting, on every run, and as many that nobody has found interesting yet.

#[path = "../fuzz/src/check.rs"]
mod check;
#[path = "../../fuzz-corpus.rs"]
mod corpus;

use corpus::every_input_holds;
use proptest::prelude::*;

#[test]
fn whatever_lies_in_the_folder_of_a_journal_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "journal", check::check);
}

/// Records that are nearly right get further than bytes that are not.
fn step() -> impl Strategy<Value = Vec<u8>> {
    let records = prop::sample::select(vec![
        b"\x05\0\0\0\0".to_vec(),
        [&[6][..], &[3; 16]].concat(),
        [&[4][..], &[1, 0, 0, 0, 0, 0, 0, 0], &[2, 0, 0, 0, 0, 0, 0, 0]].concat(),
        [&[1][..], &[1, 0, 0, 0, 0, 0, 0, 0], b"\x01\0\0\0q\x01\0\0\0q\x01\0"].concat(),
        [&[2][..], &[1, 0, 0, 0, 0, 0, 0, 0]].concat(),
        b"\x14\x01\0\0\0p".to_vec(),
    ]);
    let say = |kind: u8, bytes: Vec<u8>| [&[kind, u8::try_from(bytes.len()).unwrap_or(0)][..], &bytes].concat();
    prop_oneof![
        12 => (records, any::<prop::sample::Index>(), 0u8..20).prop_map(move |(mut record, at, change)| {
            if change == 0 {
                let at = at.index(record.len());
                record[at] ^= 0x11;
            }
            say(4, record)
        }),
        4 => Just(say(3, Vec::new())),
        2 => Just(say(1, Vec::new())),
        1 => Just(say(2, Vec::new())),
        1 => (4u8..5, prop::collection::vec(any::<u8>(), 0..20)).prop_map(move |(kind, bytes)| say(kind, bytes)),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(move |bytes| say(0, bytes)),
    ]
}

proptest! {
    #[test]
    fn journals_that_are_nearly_right_hold(version in any::<u8>(), steps in prop::collection::vec(step(), 0..40)) {
        check::check(&[vec![version], steps.concat()].concat());
    }
}
