//! The fuzz program around [`check`]: expressions and the bytes of a client.
#![no_main]

mod evaluate;

libfuzzer_sys::fuzz_target!(|data: &[u8]| evaluate::check(data));
