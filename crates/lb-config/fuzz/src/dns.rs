//! The fuzz program around [`name_server`]. What is checked is also run over the corpus by every `cargo test`.
#![no_main]

mod name_server;

libfuzzer_sys::fuzz_target!(|data: &[u8]| name_server::check(data));
