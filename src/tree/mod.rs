//! Copies a directory with all that is in it: builds the copy beside the destination, then publishes it in one step.
//! `copy` begins and ends it, `walk` goes from directory to directory, `file` and `entry` copy entries. `remove` removes a tree.

mod copy;
mod directory;
mod entry;
mod file;
mod folding;
mod groups;
mod into_itself;
mod links;
mod metadata;
mod names;
mod options;
mod own;
mod pace;
mod place;
mod pool;
mod publish;
pub mod remove;
mod report;
mod walk;
mod watch;

pub use copy::{Request, copy, copy_with_threads};
pub use options::{IfExists, Options};
pub use report::{Counts, Litter, Report};
pub use watch::{Entry, EntryKind, Phase, Progress, Silent, Take, Wants, Watch};

#[cfg(all(test, unix))]
#[path = "tests/calls.rs"]
mod calls;
#[cfg(all(test, unix))]
#[path = "tests/every_call.rs"]
mod every_call;
#[cfg(all(test, unix))]
#[path = "tests/resting.rs"]
mod resting;
