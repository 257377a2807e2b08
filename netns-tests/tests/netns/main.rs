//! All tests that need hosts of their own.

mod lab;

use tandem_netns_tests::Suite;

fn main() {
    let mut tests = Vec::new();
    tests.extend(lab::tests());
    Suite { tests }.main()
}
