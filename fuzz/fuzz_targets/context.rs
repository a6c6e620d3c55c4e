#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ft_host_fuzz::run("context", bytes));
