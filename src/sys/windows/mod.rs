//! Windows: the rules of ReFS, of errors, listings, paths, ranges, reparse points and times, which every system's tests run, and the calls themselves.
//! The rules need nothing of the system and are safe Rust.

#[cfg(windows)]
mod backend;
#[cfg(windows)]
mod calls;
#[cfg(windows)]
mod clones;
#[cfg(windows)]
mod directories;
pub mod errors;
mod extents;
mod listing;
#[cfg(windows)]
mod maps;
#[cfg(windows)]
mod names;
mod paths;
mod ranges;
pub mod refs;
mod reparse;
#[cfg(windows)]
mod status;
mod time;
#[cfg(windows)]
mod volumes;

#[cfg(windows)]
pub use backend::{CWD, Windows, is_none, restore_thread_errno, thread_errno};
#[cfg(windows)]
pub use directories::Link;
#[cfg(windows)]
pub use names::is_device;
