//! All tests that need hosts of their own.

mod balancer;
mod drill;
mod forward;
mod interop;
mod keepalived;
mod lab;
mod netlink;
mod outside;
mod pair;
mod raw;
mod units;
mod vrrp;
mod yardstick;

use tandem_netns_tests::Suite;

fn main() {
    let mut tests = Vec::new();
    tests.extend(yardstick::tests());
    tests.extend(lab::tests());
    tests.extend(netlink::tests());
    tests.extend(raw::tests());
    tests.extend(outside::tests());
    tests.extend(keepalived::tests());
    tests.extend(balancer::tests());
    tests.extend(forward::tests());
    tests.extend(vrrp::tests());
    tests.extend(interop::tests());
    tests.extend(drill::tests());
    tests.extend(units::tests());
    Suite { tests }.main()
}
