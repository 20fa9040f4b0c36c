//! Compares the range planner with its rules, written a second time in 128 bits and without shortcuts. Input: six
//! numbers, and flags that make aligned numbers and ends of files likely.

#![no_main]

include!("library.rs");

use copy::alignment::{Plan, plan};
use libfuzzer_sys::fuzz_target;

/// Whether a clone of `[from, until)` (counted from the beginning of the range) may begin and end there.
fn may_be_cloned(from: u128, until: u128, unit: u128, files: [u128; 4]) -> bool {
    let [src_offset, dst_offset, src_size, dst_size] = files;
    let starts_aligned = (src_offset + from) % unit == 0 && (dst_offset + from) % unit == 0;
    let ends_aligned = (src_offset + until) % unit == 0;
    let ends_both = src_offset + until == src_size && dst_offset + until >= dst_size;
    starts_aligned && (ends_aligned || ends_both)
}

fuzz_target!(|input: ([u64; 6], u8)| {
    let ([mut src_offset, mut dst_offset, length, unit, mut src_size, mut dst_size], bend) = input;
    let unit = match bend & 3 {
        0 => unit,
        1 => 4096,
        2 => 1 << (unit % 24),
        _ => unit % 9,
    };
    if bend & 4 != 0 && unit > 0 {
        dst_offset = (dst_offset / unit * unit).saturating_add(src_offset % unit);
    }
    if bend & 8 != 0 {
        src_offset >>= 20;
        dst_offset >>= 20;
    }
    if bend & 16 != 0 {
        src_size = src_offset.saturating_add(length);
    }
    if bend & 32 != 0 {
        dst_size = dst_offset.saturating_add(length);
    }
    let found = plan(src_offset, dst_offset, length, unit, src_size, dst_size);
    let files = [src_offset, dst_offset, src_size, dst_size].map(u128::from);
    let (length, unit) = (u128::from(length), u128::from(unit));
    match found {
        Some(Plan { head, middle }) => {
            let (head, middle) = (u128::from(head), u128::from(middle));
            assert!(head < middle && middle <= length, "{input:?}: {found:?}");
            assert!(may_be_cloned(head, middle, unit, files), "{input:?}: {found:?}");
            // The largest: nothing before it, nothing after it.
            assert!(head < unit && length - middle < unit, "{input:?}: {found:?}");
            assert!(middle == length || !may_be_cloned(head, length, unit, files), "{input:?}: {found:?}");
        }
        None => {
            // Nothing is lost: there is no whole block, or there are no offsets that large.
            let beyond = files[0] + length > u128::from(u64::MAX) || files[1] + length > u128::from(u64::MAX);
            if unit == 0 || beyond || files[0] % unit != files[1] % unit {
                return;
            }
            let head = (unit - files[0] % unit) % unit;
            let last = (files[0] + length) / unit * unit;
            let whole = last.saturating_sub(files[0]);
            assert!(whole <= head, "{input:?}: {head} to {whole} could be cloned");
            assert!(length <= head || !may_be_cloned(head, length, unit, files), "{input:?}");
        }
    }
});
