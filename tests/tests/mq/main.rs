//! The broker as a process: what clients see, what survives a crash, what strangers cannot do.

mod again;
mod amqp091;
mod amqp10;
mod checks;
mod clients;
mod console;
mod converted;
mod crash;
mod disk;
mod later;
mod life;
mod metrics;
mod mqtt;
mod mqtt_crash;
mod permissions;
mod strangers;
mod tls;
mod tool;
mod treated;

use std::io::Write;

/// To the terminal; whether somebody reads it does not matter.
fn say(text: &str) {
    writeln!(std::io::stdout().lock(), "{text}").ok();
}
