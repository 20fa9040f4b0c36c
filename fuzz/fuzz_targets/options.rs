//! The structures of the C interface: any bytes, of any size, at the very end of their memory. The library must not
//! read or write beyond it (the sanitizer checks), and must return a code that the header names.

#![no_main]

include!("library.rs");

use capi::capability::{reflink_capability, reflink_probe_fd};
use capi::copies::{reflink_copy_fd, reflink_copy_file, reflink_copy_range};
use capi::options::reflink_options;
use capi::result::reflink_result;
use libfuzzer_sys::fuzz_target;

/// Larger sizes are refused without reading further, so they need no memory.
const NONSENSE: usize = 4096;

/// A structure as C has it: its size first, the rest as the fuzzer likes; the block ends where the structure does.
fn structure(size: usize, rest: &[u8]) -> Vec<u64> {
    let bytes = if size > NONSENSE { 8 } else { size.max(8) };
    // Whole words, so that it is aligned; a size that is no multiple of 8 leaves up to 7 bytes that are not watched.
    let mut words = vec![0_u64; bytes.div_ceil(8)];
    for (word, part) in words.iter_mut().skip(1).zip(rest.chunks(8)) {
        let mut whole = [0; 8];
        whole[..part.len()].copy_from_slice(part);
        *word = u64::from_ne_bytes(whole);
    }
    // The size has 4 bytes; the fuzzer's first ones are the member behind it.
    let second = rest.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    words[0] = size as u64 | u64::from(second) << 32;
    words
}

fn known(code: i32) -> bool {
    [0, -libc::EINVAL, -libc::E2BIG, -libc::ENOENT, -libc::EBADF].contains(&code)
}

fuzz_target!(|input: (u16, u16, u16, Vec<u8>, Vec<u8>)| {
    let (options_size, result_size, capability_size, options_bytes, result_bytes) = input;
    let options = structure(options_size.into(), &options_bytes);
    let mut result = structure(result_size.into(), &result_bytes);
    let before = result.clone();
    let mut capability = structure(capability_size.into(), &result_bytes);
    let (asked, to) =
        (options.as_ptr().cast::<reflink_options>(), result.as_mut_ptr().cast::<reflink_result>());
    // No call gets as far as to call the progress function: there is no source.
    let code = unsafe {
        reflink_copy_file(c"/nonexistent/source".as_ptr(), c"/nonexistent/copy".as_ptr(), asked, to)
    };
    assert!(known(code) && code != 0, "{code}");
    assert_eq!(result[0] as u32, before[0] as u32, "the size is the caller's");
    if usize::from(result_size) < size_of::<reflink_result>() || result_size > 4096 {
        assert_eq!(result, before, "what was refused was written");
    }
    let code = unsafe { reflink_copy_range(-1, 0, -1, 0, 1, asked, to) };
    assert!(known(code) && code != 0, "{code}");
    let code = unsafe { reflink_copy_fd(-1, -1, asked, to) };
    assert!(known(code) && code != 0, "{code}");
    let to = capability.as_mut_ptr().cast::<reflink_capability>();
    let code = unsafe { reflink_probe_fd(-1, -1, to) };
    assert!(known(code) && code != 0, "{code}");
    assert_eq!(capability[0] as u32, u32::from(capability_size));
});
