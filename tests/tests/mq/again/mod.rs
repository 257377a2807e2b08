//! The balancer cuts the connections of clients that others wrote (`shutdown sessions`), and each comes again in its own way. What
//! it had not acknowledged comes again and says so, what it had not committed has not happened, what was confirmed is there.

use super::clients::{node, python};

#[track_caller]
fn found(said: Option<String>, expected: &str) {
    // Where the package cannot be had it has been said.
    if let Some(said) = said {
        assert_eq!(said, expected);
    }
}

#[test]
fn stomp_py_comes_again() {
    found(
        python("stomp.py==9.0.0", include_str!("stomp.py")),
        include_str!("stomp.txt"),
    );
}

#[test]
fn paho_comes_again() {
    found(
        python("paho-mqtt==2.1.0", include_str!("paho.py")),
        include_str!("paho.txt"),
    );
}

#[test]
fn pika_comes_again() {
    found(python("pika==1.3.2", include_str!("pika.py")), include_str!("pika.txt"));
}

#[test]
fn proton_comes_again() {
    let said = python("python-qpid-proton==0.40.0", include_str!("proton.py"));
    found(said, include_str!("proton.txt"));
}

#[test]
fn mqtt_js_comes_again() {
    found(node("mqtt@5.16.0", include_str!("mqtt.cjs")), include_str!("mqtt.txt"));
}

#[test]
fn amqplib_comes_again() {
    found(
        node("amqplib@0.10.9", include_str!("amqplib.cjs")),
        include_str!("amqplib.txt"),
    );
}

#[test]
fn rhea_comes_again() {
    found(node("rhea@3.0.5", include_str!("rhea.cjs")), include_str!("rhea.txt"));
}
