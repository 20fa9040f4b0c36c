//! libreflink: copy-on-write copies of files, with a correct fallback, behind a C ABI.
//! This file is the map of the crate; `include/libreflink.h` is the manual for its users.
//!
//! The path of a copy is one straight walk:
//!
//! 1. [`capi`]: the C functions. NULL, sizes and unknown values are dealt with here, and panics end here.
//! 2. [`copy::file`] (names and publishing), [`copy::descriptor`] and [`copy::range`] (the caller's own descriptors). A
//!    [`copy::Progress`] goes along: what was done, and who is told of it.
//! 3. [`copy::data`]: the chain of methods; [`copy::table`]: the one table of what each errno means.
//! 4. [`sharing`]: what files are made of, what they share, and how equal ones are made to.
//! 5. [`sys`]: the system calls, behind one trait, one folder per system.
//!
//! Trees ([`tree`]) go from directory to directory, and send each file the same way from step 2 on.
//!
//! `unsafe` lives in `capi` and `sys` and nowhere else.

#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(not(any(reflink_linux, reflink_unix, windows)))]
compile_error!("build.rs knows no backend for this system: docs/adding-a-system.md says what one needs");

#[allow(unsafe_code)]
pub mod capi;
pub mod copy;
pub mod error;
pub mod probe;
pub mod sharing;
#[allow(unsafe_code)]
pub mod sys;
pub mod tree;
