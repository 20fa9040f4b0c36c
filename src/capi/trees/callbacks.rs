//! The caller's functions, as the engine knows them: what it tells them, and what their answers mean.
//! The engine calls them in the thread that called the library.

use core::ffi::{CStr, c_int, c_void};

use super::options::{
    REFLINK_ENTRY_BLOCK_DEVICE, REFLINK_ENTRY_CHARACTER_DEVICE, REFLINK_ENTRY_DIRECTORY, REFLINK_ENTRY_FIFO,
    REFLINK_ENTRY_FILE, REFLINK_ENTRY_SOCKET, REFLINK_ENTRY_SYMLINK, REFLINK_ENTRY_WHITEOUT,
    REFLINK_LEAVE_OUT, REFLINK_PHASE_CLEANUP, REFLINK_PHASE_COPY, REFLINK_PHASE_SYNC, REFLINK_SKIP,
    REFLINK_TAKE, REFLINK_TAKE_EMPTY, reflink_tree_entry, reflink_tree_options, reflink_tree_progress,
};
use crate::capi::codes;
use crate::capi::result::{method_number, report_flags, side_flag, step_number};
use crate::copy;
use crate::error::{Cause, Error, Result, Step};
use crate::sys::errno::EINVAL;
use crate::sys::{Errno, Fd};
use crate::tree::{Entry, EntryKind, Phase, Progress, Take, Wants, Watch};

type OnEntry = unsafe extern "C" fn(*mut c_void, *const reflink_tree_entry) -> c_int;

/// The functions that the caller gave.
pub struct Callbacks {
    progress: Option<unsafe extern "C" fn(*mut c_void, *const reflink_tree_progress) -> c_int>,
    filter: Option<OnEntry>,
    on_error: Option<OnEntry>,
    on_done: Option<OnEntry>,
    user: *mut c_void,
    cancel: *const c_int,
}

// Written out, since Rust 1.85 has no default for a pointer.
impl Default for Callbacks {
    fn default() -> Self {
        Self {
            progress: None,
            filter: None,
            on_error: None,
            on_done: None,
            user: core::ptr::null_mut(),
            cancel: core::ptr::null(),
        }
    }
}

impl Callbacks {
    /// The functions of the caller's options.
    pub fn of(raw: &reflink_tree_options) -> Self {
        Self {
            progress: raw.progress,
            filter: raw.filter,
            on_error: raw.on_error,
            on_done: raw.on_done,
            user: raw.user,
            cancel: raw.cancel,
        }
    }

    /// Calls one of the functions for an entry. Returns `otherwise` if the caller did not give it.
    fn call(&self, function: Option<OnEntry>, entry: &reflink_tree_entry, otherwise: c_int) -> c_int {
        // SAFETY: the caller gave this function and this pointer to be called with each other, during this call.
        function.map_or(otherwise, |function| unsafe { function(self.user, entry) })
    }
}

const fn kind_number(kind: EntryKind) -> u32 {
    match kind {
        EntryKind::File => REFLINK_ENTRY_FILE,
        EntryKind::Directory => REFLINK_ENTRY_DIRECTORY,
        EntryKind::Symlink => REFLINK_ENTRY_SYMLINK,
        EntryKind::Fifo => REFLINK_ENTRY_FIFO,
        EntryKind::Socket => REFLINK_ENTRY_SOCKET,
        EntryKind::CharacterDevice => REFLINK_ENTRY_CHARACTER_DEVICE,
        EntryKind::BlockDevice => REFLINK_ENTRY_BLOCK_DEVICE,
        EntryKind::Whiteout => REFLINK_ENTRY_WHITEOUT,
    }
}

const fn phase_number(phase: Phase) -> u32 {
    match phase {
        Phase::Copy => REFLINK_PHASE_COPY,
        Phase::Sync => REFLINK_PHASE_SYNC,
        Phase::Cleanup => REFLINK_PHASE_CLEANUP,
    }
}

/// The members that every function gets.
fn described(entry: &Entry) -> reflink_tree_entry {
    let path: &CStr = entry.path;
    reflink_tree_entry {
        size: size_of::<reflink_tree_entry>() as u32,
        kind: kind_number(entry.kind),
        depth: entry.depth,
        step: 0,
        code: 0,
        os_error: 0,
        method: 0,
        flags: 0,
        bytes: 0,
        path: path.as_ptr(),
        name: entry.name().as_ptr(),
        path_length: path.count_bytes(),
        source_dir: -1,
    }
}

/// What `filter` answered.
fn taken(answer: c_int) -> Result<Take> {
    let stopped = |cause| Err(Error::new(Step::Filter, cause));
    match answer {
        REFLINK_TAKE => Ok(Take::Whole),
        REFLINK_LEAVE_OUT => Ok(Take::LeaveOut),
        REFLINK_TAKE_EMPTY => Ok(Take::Empty),
        -4095..0 => stopped(Cause::System(Errno::own(answer.saturating_neg()))),
        ..-4095 => stopped(Cause::Cancelled),
        _ => stopped(Cause::System(Errno::own(EINVAL))),
    }
}

impl Watch for Callbacks {
    fn wants(&self) -> Wants {
        Wants {
            filter: self.filter.is_some(),
            errors: self.on_error.is_some(),
            done: self.on_done.is_some(),
            progress: self.progress.is_some(),
        }
    }

    fn filter(&mut self, entry: &Entry, source_dir: Fd) -> Result<Take> {
        let told = reflink_tree_entry { source_dir: source_dir as isize, ..described(entry) };
        taken(self.call(self.filter, &told, REFLINK_TAKE))
    }

    fn on_error(&mut self, entry: &Entry, error: &Error) -> bool {
        let told = reflink_tree_entry {
            step: step_number(error.step),
            code: codes::of(error),
            os_error: error.os_error(),
            flags: side_flag(error.step),
            ..described(entry)
        };
        self.call(self.on_error, &told, 0) == REFLINK_SKIP
    }

    fn on_done(&mut self, entry: &Entry, length: u64, report: &copy::Report) -> bool {
        let told = reflink_tree_entry {
            method: method_number(report.method()),
            flags: report_flags(report),
            bytes: length,
            ..described(entry)
        };
        self.call(self.on_done, &told, 0) == 0
    }

    fn progress(&mut self, progress: &Progress) -> bool {
        let Some(function) = self.progress else { return true };
        let told = reflink_tree_progress {
            size: size_of::<reflink_tree_progress>() as u32,
            phase: phase_number(progress.phase),
            entries_done: progress.entries_done,
            entries_seen: progress.entries_seen,
            bytes_done: progress.bytes_done,
            directories_open: progress.directories_open,
        };
        // SAFETY: the caller gave this function and this pointer to be called with each other, during this call.
        unsafe { function(self.user, &raw const told) == 0 }
    }

    fn cancelled(&self) -> bool {
        // SAFETY: NULL, or the caller's flag, which lives during the call; others may set it at any time.
        !self.cancel.is_null() && unsafe { self.cancel.read_volatile() } != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_filter_is_a_choice_or_ends_the_call() {
        let code = |answer| taken(answer).map_err(|error| codes::of(&error));
        assert_eq!([code(0), code(1), code(2)], [Ok(Take::Whole), Ok(Take::LeaveOut), Ok(Take::Empty)]);
        assert_eq!([code(3), code(c_int::MAX)], [Err(-EINVAL); 2]);
        assert_eq!([code(-1), code(-5), code(-4095)], [Err(-1), Err(-5), Err(-4095)]);
        let cancelled = -crate::sys::errno::ECANCELED;
        assert_eq!([code(-4096), code(c_int::MIN)], [Err(cancelled); 2]);
    }
}
