//! All tests that need hosts of their own.

mod apart;
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
    let alone = [
        yardstick::tests(),
        lab::tests(),
        netlink::tests(),
        raw::tests(),
        outside::tests(),
        keepalived::tests(),
        balancer::tests(),
        vrrp::tests(),
        interop::tests(),
    ];
    let beside = [apart::tests(), drill::tests(), units::tests(), forward::tests()];
    Suite {
        alone: alone.into_iter().flatten().collect(),
        beside: beside.into_iter().flatten().collect(),
    }
    .main()
}
