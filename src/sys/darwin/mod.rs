//! macOS and iOS: the rules of APFS, which every system's tests run, and the calls themselves.
//! What these share with other Unixes is in `unix`.

pub mod apfs;
#[cfg(target_vendor = "apple")]
mod backend;
pub mod extents;
#[cfg(target_vendor = "apple")]
mod maps;
#[cfg(target_vendor = "apple")]
mod sync;

#[cfg(target_vendor = "apple")]
pub use sync::sync;
