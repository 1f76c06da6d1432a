//! A text, as anybody may bring it as a policy.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| basphere_fuzz::policies(data));
