//! AMQP 0-9-1 as a process: RabbitMQ's own answers are what is expected, real clients ask.

use tandem_tests::Mq;

use super::clients::{node, python, python_at};

/// What RabbitMQ 3.10.8 makes this script print.
const EXPECTED: &str = include_str!("amqp091_with_pika.txt");
const SCRIPT: &str = include_str!("amqp091_with_pika.py");
const PIKA: &str = "pika==1.3.2";

#[test]
fn pika_finds_what_it_finds_at_rabbitmq() {
    if let Some(said) = python(PIKA, SCRIPT) {
        assert_eq!(said, EXPECTED, "through the balancer");
    }
    let mq = Mq::start("anonymous = true");
    if let Some(said) = python_at(PIKA, SCRIPT, &[mq.address()]) {
        assert_eq!(said, EXPECTED, "directly");
    }
}

#[test]
fn amqplib() {
    if let Some(said) = node("amqplib@0.10.9", include_str!("amqp091_with_js.cjs")) {
        assert_eq!(said, include_str!("amqp091_with_js.txt"));
    }
}
