//! The fuzz program around [`hello`]. What is checked is also run over the corpus by every `cargo test`.
#![no_main]

mod hello;

libfuzzer_sys::fuzz_target!(|data: &[u8]| hello::check(data));
