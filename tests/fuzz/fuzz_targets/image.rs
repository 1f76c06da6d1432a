//! A text, as anybody may write it for an image.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| basphere_fuzz::references(data));
