//! Names, codes: any path is split into a directory and a last component that put together again are the path,
//! and every number has a text and a name.

#![no_main]

include!("library.rs");

use std::ffi::{CStr, CString};

use copy::name::Destination;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, i32)| {
    let (mut path, code) = input;
    for text in [capi::codes::reflink_strerror(code), capi::codes::reflink_err_name(code)] {
        assert!(!unsafe { CStr::from_ptr(text) }.is_empty(), "{code}");
    }
    path.retain(|byte| *byte != 0);
    let path = CString::new(path).unwrap();
    let Ok(split) = Destination::new(-100, &path) else { return };
    let (parent, leaf) = (split.with_parent(|parent| parent.to_bytes().to_vec()), split.leaf.to_bytes());
    assert!(!leaf.is_empty() && !leaf.contains(&b'/') && leaf != b"." && leaf != b"..", "{path:?}");
    let whole = [&parent[..], leaf].concat();
    let relative = [b"./", leaf].concat();
    assert!(
        whole == path.to_bytes() || (parent == b"." && relative == [b"./", path.to_bytes()].concat()),
        "{path:?}"
    );
});
