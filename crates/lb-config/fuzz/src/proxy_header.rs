//! The fuzz program around [`header`]. What is checked is also run over the corpus by every `cargo test`.
#![no_main]

mod header;

libfuzzer_sys::fuzz_target!(|data: &[u8]| header::check(data));
