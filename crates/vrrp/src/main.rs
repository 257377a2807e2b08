//! `tandem-vrrp`: the VRRP daemon. This file only wires: arguments, configuration, start.

mod brain;
mod args;
mod snapshot;
mod track;

fn main() {}
