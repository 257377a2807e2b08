//! AMQP 1.0 as a process: real clients, through the balancer, and what enters by one protocol and leaves by another.

use tandem_tests::Mq;

use super::clients::{node, python, python_at};

const PROTON: &str = "python-qpid-proton==0.40.0";

#[test]
fn proton() {
    let script = include_str!("amqp10_with_proton.py");
    let expected = include_str!("amqp10_with_proton.txt");
    if let Some(said) = python(PROTON, script) {
        assert_eq!(said, expected, "through the balancer");
    }
    let mq = Mq::start("anonymous = true");
    if let Some(said) = python_at(PROTON, script, &[mq.address()]) {
        assert_eq!(said, expected, "directly");
    }
}

#[test]
fn rhea() {
    if let Some(said) = node("rhea@3.0.5", include_str!("amqp10_with_js.cjs")) {
        assert_eq!(said, include_str!("amqp10_with_js.txt"));
    }
}
