//! Bytes, as anybody may send them, to an answer.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|data: &[u8]| basphere_fuzz::reviews(data));
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    basphere_fuzz::mutate(data, size, max_size, seed)
});
