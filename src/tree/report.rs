//! What a tree copy, or a removal, reports: what became of each entry, and what was left where.
//! It is filled as the call goes, so that a failure can be explained too.

use core::ffi::CStr;

use super::file::Fate;
use crate::copy::{self, Method, Reason};

/// What became of the entries below the root. `seen` is the sum of all the others up to `not_reached`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Read from directories.
    pub seen: u64,
    /// Files, each counted under its first name.
    pub files: u64,
    /// Further names of what was copied already.
    pub hard_links: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// FIFOs, sockets and devices.
    pub specials: u64,
    /// The same, left out because the caller asked for that.
    pub specials_left_out: u64,
    /// Mount points that were not entered.
    pub mounts_left_empty: u64,
    /// Left out by the caller's filter.
    pub left_out: u64,
    /// Merge: existing entries that were not replaced.
    pub kept: u64,
    /// Failed, and the caller went on.
    pub failed: u64,
    /// No longer in the source when their turn came.
    pub vanished: u64,
    /// Read from a directory, and not done when the call ended.
    pub not_reached: u64,
    /// Of the files: those that were cloned.
    pub files_cloned: u64,
    /// Copied by the kernel.
    pub files_kernel_copied: u64,
    /// Copied by reading and writing.
    pub files_copied: u64,
    /// Cloned in part.
    pub files_mixed: u64,
    /// Empty.
    pub files_empty: u64,
    /// Files that changed while they were copied.
    pub files_changed: u64,
    /// Bytes that share their blocks with the source.
    pub bytes_cloned: u64,
    /// Bytes copied.
    pub bytes_copied: u64,
    /// Bytes left as holes.
    pub bytes_hole: u64,
}

impl Counts {
    /// Entries whose fate is known.
    pub fn done(&self) -> u64 {
        [
            self.files,
            self.hard_links,
            self.directories,
            self.symlinks,
            self.specials,
            self.specials_left_out,
            self.mounts_left_empty,
            self.left_out,
            self.kept,
            self.failed,
            self.vanished,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Bytes dealt with, in whichever way.
    pub fn bytes(&self) -> u64 {
        self.bytes_cloned.saturating_add(self.bytes_copied).saturating_add(self.bytes_hole)
    }

    /// Counts a file that was copied.
    fn file(&mut self, report: &copy::Report) {
        let method = match report.method() {
            // Also where the clone of nothing was made, to see whether one is possible.
            _ if report.total() == 0 => &mut self.files_empty,
            Method::None => &mut self.files_empty,
            Method::Clone => &mut self.files_cloned,
            Method::Mixed => &mut self.files_mixed,
            Method::KernelCopy => &mut self.files_kernel_copied,
            Method::Copy => &mut self.files_copied,
        };
        let add = |to: &mut u64, more: u64| *to = to.saturating_add(more);
        add(method, 1);
        add(&mut self.files, 1);
        add(&mut self.files_changed, report.source_changed.into());
        add(&mut self.bytes_cloned, report.cloned);
        add(&mut self.bytes_copied, report.copied_any());
        add(&mut self.bytes_hole, report.holes);
    }
}

/// The private name of what was left beside the destination, NUL-ended.
pub type Litter = [u8; 32];

/// What was done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What became of the entries.
    pub counts: Counts,
    /// Why the first file that was not cloned was not.
    pub reason: Reason,
    /// The errno that refused its clone, 0 if none did.
    pub clone_error: i32,
    /// Some metadata could not be set, and that was allowed.
    pub metadata_incomplete: bool,
    /// The destination's name holds the new tree. Merge: every entry is in place.
    pub published: bool,
    /// It failed, and what was there before was changed, or may have been.
    pub destination_changed: bool,
    /// This call made or replaced an entry of the destination.
    pub(super) touched: bool,
    /// What was left beside the destination.
    pub litter: Option<Litter>,
    /// The entry that stopped the call, relative to the root: empty for the root itself, or where none did.
    pub failed_path: Vec<u8>,
}

impl Report {
    /// Counts an entry. Notes why a file was not cloned, if it is the first such file.
    pub(super) fn count(&mut self, fate: Fate, file: &copy::Report) {
        // A directory may have existed before: whoever makes one sets this.
        self.touched |= fate.is_copied() && fate != Fate::Directory;
        let counts = &mut self.counts;
        let number = match fate {
            Fate::File => {
                counts.file(file);
                return self.note(file);
            }
            Fate::HardLink => &mut counts.hard_links,
            Fate::Directory => &mut counts.directories,
            Fate::Symlink => &mut counts.symlinks,
            Fate::Special => &mut counts.specials,
            Fate::SpecialLeftOut => &mut counts.specials_left_out,
            Fate::MountLeftEmpty => &mut counts.mounts_left_empty,
            Fate::LeftOut => &mut counts.left_out,
            Fate::Kept => &mut counts.kept,
            Fate::Failed => &mut counts.failed,
            Fate::Vanished => &mut counts.vanished,
        };
        *number = number.saturating_add(1);
        self.note(file);
    }

    /// Notes what is not a count.
    pub(super) fn note(&mut self, file: &copy::Report) {
        self.metadata_incomplete |= file.metadata_incomplete;
        self.touched |= file.published;
        if self.reason == Reason::None {
            (self.reason, self.clone_error) = (file.reason, file.clone_error);
        }
    }

    /// Notes what is left beside the destination. Keeps the first name: it may be that of the old tree, and a later one is
    /// only that of an unfinished copy.
    pub(super) fn leave(&mut self, name: &CStr) {
        if self.litter.is_some() {
            return;
        }
        let mut litter = Litter::default();
        for (to, from) in litter.iter_mut().zip(name.to_bytes_with_nul()) {
            *to = *from;
        }
        self.litter = Some(litter);
    }
}
