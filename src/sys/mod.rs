//! The system calls, a folder for each system. `api.rs` says what the engine needs; docs/adding-a-system.md what a new system takes.
//! What a vendor's manual rules is compiled into the tests on every system, and run there over the model of file systems.

mod api;
mod cancel;
#[cfg(any(target_vendor = "apple", all(test, unix)))]
pub mod darwin;
pub mod directories;
pub mod errno;
#[cfg(any(target_os = "freebsd", all(test, unix)))]
pub mod freebsd;
#[cfg(all(reflink_linux, not(reflink_portable)))]
mod linux;
#[cfg(any(all(reflink_linux, not(reflink_portable)), test))]
mod linux_attributes;
pub mod maps;
#[cfg(all(test, unix))]
#[path = "tests/model/mod.rs"]
pub mod model;
#[cfg(unix)]
mod posix;
pub mod posix_acl;
#[cfg(unix)]
mod posix_directories;
mod read_whole;
#[cfg(any(all(reflink_linux, not(reflink_portable)), target_os = "freebsd", test))]
mod release;
mod signals;
mod threads;
#[cfg(any(reflink_unix, reflink_portable))]
mod unix;
#[cfg(any(windows, test))]
pub mod windows;

pub use api::{
    Access, Common, Dedupe, Errno, Extensions, Fd, Handle, Kind, Looks, Result, Seals, Stat, Sys, Time,
    Volume,
};
pub use cancel::Uncancelled;
pub use directories::{Directories, Entry, Listing};
#[cfg(unix)]
pub use posix::{CWD, Native, is_none, restore_thread_errno, thread_errno};
pub use read_whole::read_whole;
pub use signals::SignalsBlocked;
pub use threads::Thread;
#[cfg(windows)]
pub use windows::{CWD, Windows as Native, is_device, is_none, restore_thread_errno, thread_errno};
