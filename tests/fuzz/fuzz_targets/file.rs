//! The content of a file, as anybody may write it into a control plane.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| basphere_fuzz::files(data));
