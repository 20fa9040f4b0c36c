//! The Rust that bindgen writes, against the library. usage: PROGRAM LAYOUT SRC DST

#![allow(non_camel_case_types, dead_code)]

mod reflink {
    include!(concat!(env!("OUT"), "/reflink.rs"));
}
use core::ffi::{CStr, c_int, c_void};
use core::mem::{offset_of, size_of, zeroed};
use reflink::*;

unsafe extern "C" fn count(user: *mut c_void, now: *const reflink_progress) -> c_int {
    // SAFETY: main passes a pointer to a u64, and the library one to a progress.
    unsafe { *user.cast::<u64>() = (*now).bytes_done };
    0
}

fn layout() -> String {
    [
        ("reflink_progress", size_of::<reflink_progress>()),
        ("reflink_options", size_of::<reflink_options>()),
        ("reflink_result", size_of::<reflink_result>()),
        ("reflink_capability", size_of::<reflink_capability>()),
        ("reflink_options.flags", offset_of!(reflink_options, flags)),
        ("reflink_options.progress", offset_of!(reflink_options, progress)),
        ("reflink_options.user", offset_of!(reflink_options, user)),
        ("reflink_result.clone_error", offset_of!(reflink_result, clone_error)),
        ("reflink_result.bytes_hole", offset_of!(reflink_result, bytes_hole)),
        ("reflink_capability.granularity", offset_of!(reflink_capability, granularity)),
        ("reflink_capability.fs_name", offset_of!(reflink_capability, fs_name)),
    ]
    .iter()
    .map(|(name, number)| format!("{name} {number}\n"))
    .collect()
}

fn main() {
    let arguments: Vec<_> = std::env::args().map(|text| std::ffi::CString::new(text).unwrap()).collect();
    assert_eq!(layout(), std::fs::read_to_string(arguments[1].to_str().unwrap()).unwrap());
    assert_eq!((REFLINK_NOFOLLOW, REFLINK_TO_EOF), (1_u64 << 32, i64::MAX as u64));
    let mut done = 0_u64;
    // SAFETY: both are plain data, for which zero is the default; names and structures outlive the calls.
    unsafe {
        let mut options: reflink_options = zeroed();
        options.size = size_of::<reflink_options>() as u32;
        options.if_exists = REFLINK_REPLACE;
        options.progress = Some(count);
        options.user = (&raw mut done).cast();
        let mut result: reflink_result = zeroed();
        result.size = size_of::<reflink_result>() as u32;
        let (src, dst) = (arguments[2].as_ptr(), arguments[3].as_ptr());
        assert_eq!(reflink_copy_file(src, dst, &options, &mut result), 0);
        assert_eq!(result.bytes_cloned + result.bytes_copied + result.bytes_hole, done);
        assert!(done > 0);
        options.if_exists = REFLINK_FAIL;
        let code = reflink_copy_file(src, dst, &options, &mut result);
        assert_eq!(CStr::from_ptr(reflink_err_name(code)), c"EEXIST");
        assert_eq!(CStr::from_ptr(reflink_err_name(REFLINK_ERR_PANIC)), c"REFLINK_ERR_PANIC");
        assert_eq!(reflink_version_number() >> 16, REFLINK_VERSION_MAJOR);
    }
}
