//! What files share on disk, and how equal ones are made to share. Safe Rust, generic over the system calls.
//! `dedupe` asks the kernel to compare and share; `difference` finds where two ranges differ.

pub mod dedupe;
mod difference;
mod files;
