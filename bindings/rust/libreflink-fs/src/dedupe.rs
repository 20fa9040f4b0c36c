//! Equal files that come to share their blocks: a builder, and what was compared and shared.
//! The system compares under a lock, so that nothing that a file shows ever changes.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use libreflink_sys as sys;

use crate::native;
use crate::report::{Progress, Reason};

/// What was compared and shared. The sums from `bytes_deduped` to `bytes_not_reached` add up to `length`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DedupeReport {
    /// Why bytes were skipped. A difference has no reason.
    pub reason: Reason,
    /// The errno that refused to share.
    pub dedupe_error: Option<i32>,
    /// Bytes of the range, up to the end of the longer file.
    pub length: u64,
    /// Bytes that the system compared, found to be the same, and shared.
    pub bytes_deduped: u64,
    /// Bytes that were shared before.
    pub bytes_already: u64,
    /// Bytes of the blocks in which something differs, and bytes that only one file has.
    pub bytes_different: u64,
    /// Bytes that could not be asked for.
    pub bytes_skipped: u64,
    /// Bytes behind the difference that ended the call.
    pub bytes_not_reached: u64,
    /// With [`Dedupe::verify`]: bytes of the first two that the maps show to be shared.
    pub bytes_verified: u64,
    /// The first byte that was found to differ, from the beginning of the range.
    pub first_difference: Option<u64>,
}

impl DedupeReport {
    pub(crate) fn new(raw: &sys::reflink_dedupe_result) -> Self {
        Self {
            reason: raw.reason.into(),
            dedupe_error: Some(raw.dedupe_error.saturating_neg()).filter(|errno| *errno != 0),
            length: raw.length,
            bytes_deduped: raw.bytes_deduped,
            bytes_already: raw.bytes_already,
            bytes_different: raw.bytes_different,
            bytes_skipped: raw.bytes_skipped,
            bytes_not_reached: raw.bytes_not_reached,
            bytes_verified: raw.bytes_verified,
            first_difference: Some(raw.first_difference).filter(|first| *first < raw.length),
        }
    }

    /// Everything is shared now.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.bytes_deduped.saturating_add(self.bytes_already) == self.length
    }
}

/// How to make two open files share. As it is made, it takes all of both, and stops at the first difference.
///
/// ```no_run
/// use std::fs::File;
/// # fn main() -> std::io::Result<()> {
/// let (one, copy) = (File::open("one.img")?, File::open("copy.img")?);
/// let done = libreflink_fs::Dedupe::new().run(&one, &copy)?;
/// if let Some(at) = done.first_difference {
///     println!("they differ at byte {at}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Dedupe {
    pub(crate) offsets: [u64; 2],
    pub(crate) length: Option<u64>,
    pub(crate) durability: u32,
    pub(crate) flags: u64,
}

impl Dedupe {
    /// Of whole files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the range begins in each file.
    pub const fn offsets(mut self, src: u64, dst: u64) -> Self {
        self.offsets = [src, dst];
        self
    }

    /// The range's length.
    pub const fn length(mut self, length: u64) -> Self {
        self.length = Some(length);
        self
    }

    /// Goes on behind a difference.
    pub const fn past_differences(self, on: bool) -> Self {
        self.flag(sys::REFLINK_DEDUPE_CONTINUE, on)
    }

    /// Asks for what the maps of both files show to be shared, too.
    pub const fn no_look(self, on: bool) -> Self {
        self.flag(sys::REFLINK_DEDUPE_NO_LOOK, on)
    }

    /// Looks at the maps afterwards: [`DedupeReport::bytes_verified`].
    pub const fn verify(self, on: bool) -> Self {
        self.flag(sys::REFLINK_DEDUPE_VERIFY, on)
    }

    /// Syncs the destination at the end.
    pub const fn durable(mut self, on: bool) -> Self {
        self.durability = if on { sys::REFLINK_DURABLE } else { sys::REFLINK_ATOMIC };
        self
    }

    const fn flag(mut self, bit: u64, on: bool) -> Self {
        self.flags = if on { self.flags | bit } else { self.flags & !bit };
        self
    }

    /// Makes `dst` share the blocks of `src` where both hold the same bytes. `dst` need not be open for writing.
    ///
    /// # Errors
    /// The system's, with a [`CopyError`](crate::CopyError) inside. A difference is none.
    pub fn run(&self, src: &File, dst: &File) -> io::Result<DedupeReport> {
        native::dedupe(self, src, dst, None)
    }

    /// The same, and calls `progress` between steps of at most 16 MiB. `Break` cancels.
    ///
    /// # Errors
    /// As [`run`](Self::run); and the errno is ECANCELED after a break.
    pub fn run_with_progress(
        &self,
        src: &File,
        dst: &File,
        mut progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> io::Result<DedupeReport> {
        native::dedupe(self, src, dst, Some(&mut progress))
    }
}
