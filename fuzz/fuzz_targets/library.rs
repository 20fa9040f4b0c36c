// The library's own sources, part of each target: it is no Rust library that could be linked, and so the fuzzer sees
// its branches too.

#[path = "../../src/capi/mod.rs"]
#[allow(dead_code)]
pub mod capi;
#[path = "../../src/copy/mod.rs"]
#[allow(dead_code)]
pub mod copy;
#[path = "../../src/error.rs"]
#[allow(dead_code)]
pub mod error;
#[path = "../../src/probe.rs"]
#[allow(dead_code)]
pub mod probe;
#[path = "../../src/sys/mod.rs"]
#[allow(dead_code, unused_imports)]
pub mod sys;
