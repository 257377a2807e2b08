//! The fuzz program around [`check_amqp091`]. What is checked is also run over the corpus by every `cargo test`.
#![no_main]

mod check_amqp091;
mod one_client;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check_amqp091::check(data));
