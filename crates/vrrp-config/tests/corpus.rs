//! The inputs that fuzz programs found interesting, on every run.

#[path = "../fuzz/src/check.rs"]
mod check;
#[path = "../../fuzz-corpus.rs"]
mod corpus;

use corpus::every_input_holds;

#[test]
fn every_configuration_holds() {
    every_input_holds(env!("CARGO_MANIFEST_DIR"), "keepalived", check::check);
}
