#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exeat_tests::fuzz::tree(bytes));
