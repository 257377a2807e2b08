//! The fuzz program around [`peer_bytes`]. What is checked is also run over the corpus by every `cargo test`.
#![no_main]

mod peer_bytes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| peer_bytes::check(data));
