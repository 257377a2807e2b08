//! The fuzz program around [`check_stomp`]. What is checked is also run over the corpus by every `cargo test`.
#![no_main]

mod check_stomp;
mod one_client;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check_stomp::check(data));
