//! All tests that need hosts of their own.

mod balancer;
mod lab;
mod outside;

use tandem_netns_tests::Suite;

fn main() {
    let mut tests = Vec::new();
    tests.extend(lab::tests());
    tests.extend(outside::tests());
    tests.extend(balancer::tests());
    Suite { tests }.main()
}
