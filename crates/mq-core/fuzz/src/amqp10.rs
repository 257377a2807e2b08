//! The fuzz program around [`check_amqp10`]. What is checked is also run over the corpus by every `cargo test`.
#![no_main]

mod check_amqp10;
mod one_client;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check_amqp10::check(data));
