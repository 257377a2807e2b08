//! The inputs that fuzz programs found interesting, on every run.

#[path = "../fuzz/src/bfd_check.rs"]
mod bfd;
#[path = "../../fuzz-corpus.rs"]
mod corpus;
#[path = "../fuzz/src/check.rs"]
mod packet;

use corpus::every_input_holds;

#[test]
fn every_packet_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "packet", packet::check);
}

#[test]
fn every_bfd_session_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "bfd", bfd::check);
}
