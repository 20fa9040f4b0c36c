//! FreeBSD: the rules of cloning by a flag and of extended attributes, which every system's tests run, and the calls themselves.
//! What it shares with other Unixes is in `unix`.

mod attributes;
#[cfg(target_os = "freebsd")]
mod backend;
pub mod clone_flag;
#[cfg(target_os = "freebsd")]
mod clone_unit;

#[cfg(target_os = "freebsd")]
pub use clone_unit::clone_unit;
