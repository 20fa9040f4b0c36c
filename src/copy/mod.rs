//! The engine: what a copy is asked to do, and what it reports. Safe Rust, generic over the system calls.
//! `file` walks from names to a published file; `descriptor` and `range` serve callers that hold open files; all end in `data`.

pub mod alignment;
pub(crate) mod buffer;
mod check;
mod clone_as_new;
pub mod data;
pub mod descriptor;
mod draft;
pub mod file;
pub mod holes;
mod job;
pub mod metadata;
pub mod name;
pub mod node;
mod options;
mod overwrite;
mod pair;
mod progress;
pub mod range;
mod report;
pub(crate) mod retry;
pub(crate) mod source;
pub mod table;
#[cfg(all(test, unix))]
pub(crate) mod tests;

pub(crate) use check::{check_regular, is_source};
pub use options::{Durability, IfExists, Mode, Options, Permissions, Preserve};
#[cfg(all(test, unix))]
pub(crate) use progress::{COPY_STEP, STEP};
pub use progress::{Callback, Progress};
pub use report::{Method, Report};

pub use crate::error::Reason;
