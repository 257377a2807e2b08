//! The fuzz program around [`check`]. What is checked is also run over the corpus by every `cargo test`.
#![no_main]

mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
