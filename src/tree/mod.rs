//! Trees: a directory with all that is in it, copied beside the destination and published in one step; and its removal.
//! This file has what a tree copy is asked to do, what it reports, and who is told of it while it runs.

mod options;
pub mod remove;
mod report;
mod watch;

pub use options::{IfExists, Options};
pub use report::{Counts, Litter, Report};
pub use watch::{Entry, EntryKind, Phase, Progress, Silent, Take, Wants, Watch};
