//! Hands libFuzzer's bytes to `d2o_fuzz::targets::anchors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| d2o_fuzz::targets::anchors(data));
