//! Copies files by sharing their blocks where the file system can, and copies them correctly where it cannot, in the
//! manner of [`std::fs`]. The C library [libreflink](https://libreflink.invalid) does the work and defines all behaviour.
//!
//! ```
//! use libreflink_fs::{CopyError, CopyOptions, Durability, IfExists, Method, Mode};
//!
//! # fn main() -> std::io::Result<()> {
//! # let dir = std::env::temp_dir().join(format!("libreflink-fs-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir)?;
//! # let (image, snapshot) = (dir.join("disk.img"), dir.join("snapshot.img"));
//! # std::fs::write(&image, "data")?;
//! // Clones, else copies. Fails if the name exists.
//! let report = libreflink_fs::copy(&image, &snapshot)?;
//! if report.method == Method::Clone {
//!     println!("{} bytes shared", report.bytes_cloned);
//! }
//!
//! // Replaces the old snapshot in one step, and survives a power loss.
//! CopyOptions::new().if_exists(IfExists::Replace).durability(Durability::Durable).copy(&image, &snapshot)?;
//!
//! // Clones, or changes nothing and says why no clone is possible.
//! let always = CopyOptions::new().mode(Mode::Always).if_exists(IfExists::Replace).copy(&image, &snapshot);
//! if let Err(error) = always {
//!     match CopyError::of(&error) {
//!         Some(refused) if refused.is_clone_refused() => println!("not shared: {}", refused.report().reason),
//!         _ => return Err(error),
//!     }
//! }
//!
//! // Makes equal files share their blocks, and looks at what is shared.
//! use std::fs::File;
//! let (one, other) = (File::open(&image)?, File::open(&snapshot)?);
//! match libreflink_fs::Dedupe::new().run(&one, &other) {
//!     Ok(done) if done.is_all() => assert!(libreflink_fs::Look::new().shared(&one, &other)?.is_all()),
//!     Ok(_) => println!("they differ"),
//!     Err(error) => println!("{error}"), // say, "Not supported by this file system"
//! }
//! println!("{} bytes of no other file", libreflink_fs::Look::new().extents(&one)?.bytes_exclusive);
//!
//! // Copies a directory, which is there as a whole or not at all, and removes it.
//! let copy = dir.with_extension("copy");
//! assert_eq!(libreflink_fs::Tree::new().threads(2).copy(&dir, &copy)?.files, 2);
//! libreflink_fs::Tree::new().remove(&copy)?;
//! # std::fs::remove_dir_all(&dir)
//! # }
//! ```

#![deny(unsafe_code)]
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

mod dedupe;
mod error;
#[allow(unsafe_code)]
mod native;
#[allow(unsafe_code)]
mod native_tree;
mod options;
mod report;
mod sharing;
mod tree;

use std::io;
use std::path::Path;

pub use dedupe::{Dedupe, DedupeReport};
pub use error::CopyError;
pub use options::{CopyOptions, Durability, IfExists, Mode, Permissions};
pub use report::{Capability, Method, Progress, Reason, Report, Step};
pub use sharing::{Comparison, Extent, ExtentKind, Extents, Look, Sharing, Verdict};
pub use tree::{Entry, EntryKind, OnError, Phase, Take, Tree, TreeIfExists, TreeProgress, TreeReport};

/// Copies a file under a new name with the default options: clones if possible, else copies, and fails if the name exists.
///
/// # Errors
/// An [`io::Error`] with a [`CopyError`] in it, as of all functions here. Unless [`Report::published`] is set, the name then
/// holds what it held before.
pub fn copy(src: impl AsRef<Path>, dst: impl AsRef<Path>) -> io::Result<Report> {
    CopyOptions::new().copy(src, dst)
}

/// Finds out whether files in a directory can be cloned among themselves, by cloning a scratch file.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// match libreflink_fs::probe(std::env::temp_dir())?.clone {
///     Some(true) => println!("copies there share their blocks"),
///     Some(false) => println!("copies there take space"),
///     None => println!("could not be tried"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The system refuses the name. That the trial is not possible is no error: then `clone` is `None`.
pub fn probe(dir: impl AsRef<Path>) -> io::Result<Capability> {
    native::probe(None, dir.as_ref())
}

/// Finds out whether `src`, a file or the files of a directory, can be cloned into `dir`.
///
/// # Errors
/// As [`probe`].
pub fn probe_from(src: impl AsRef<Path>, dir: impl AsRef<Path>) -> io::Result<Capability> {
    native::probe(Some(src.as_ref()), dir.as_ref())
}

/// The version of the library that is loaded: "0.1.0".
#[must_use]
pub fn library_version() -> &'static str {
    native::version()
}

/// What the README shows is compiled, too.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
