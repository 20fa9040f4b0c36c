//! The calls into C for trees: options, the caller's functions and their panics, and the result.
//! After a function stopped the call, none is called again, while the library removes what was made.

use std::any::Any;
use std::ffi::{CStr, CString, c_int, c_void};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};

use libreflink_sys as sys;

use crate::error::{Outcome, checked, checked_tree};
use crate::native::{errno, handle, looked, name, text_of};
use crate::tree::{Entry, Functions, Tree, TreeProgress, TreeReport};

/// Room for the path of the entry that failed. A longer one is cut.
const PATH_ROOM: usize = 1 << 16;

const CANCEL: c_int = 1;
/// The same from a filter: any code below the errnos.
const CANCEL_FILTER: c_int = -4096;

pub fn copy(how: &mut Tree<'_>, src: &Path, dst: &Path) -> io::Result<TreeReport> {
    let (src, dst) = (name(src)?, name(dst)?);
    run(how, [Some(&src), Some(&dst)], |options, result| {
        // SAFETY: names and structures are valid, and outlive the call.
        unsafe { sys::reflink_copy_tree(src.as_ptr(), dst.as_ptr(), options, result) }
    })
}

pub fn copy_at(how: &mut Tree<'_>, src: (&File, &Path), dst: (&File, &Path)) -> io::Result<TreeReport> {
    let (from, to) = (name(src.1)?, name(dst.1)?);
    let (src_dir, dst_dir) = (handle(src.0), handle(dst.0));
    run(how, [Some(&from), Some(&to)], |options, result| {
        // SAFETY: the directories stay open, and names and structures valid, for the whole call.
        unsafe { sys::reflink_copy_tree_at(src_dir, from.as_ptr(), dst_dir, to.as_ptr(), options, result) }
    })
}

pub fn remove(how: &mut Tree<'_>, path: &Path) -> io::Result<TreeReport> {
    let path = name(path)?;
    run(how, [None, Some(&path)], |options, result| {
        // SAFETY: name and structures are valid, and outlive the call.
        unsafe { sys::reflink_remove_tree(path.as_ptr(), options, result) }
    })
}

pub fn remove_at(how: &mut Tree<'_>, dir: &File, path: &Path) -> io::Result<TreeReport> {
    let path = name(path)?;
    run(how, [None, Some(&path)], |options, result| {
        // SAFETY: the directory stays open, and name and structures valid, for the whole call.
        unsafe { sys::reflink_remove_tree_at(handle(dir), path.as_ptr(), options, result) }
    })
}

fn run(
    how: &mut Tree<'_>,
    names: [Option<&CString>; 2],
    call: impl FnOnce(*const sys::reflink_tree_options, *mut sys::reflink_tree_result) -> c_int,
) -> io::Result<TreeReport> {
    let mut failed_path = vec![0; PATH_ROOM];
    let functions = &how.functions;
    let mut options = sys::reflink_tree_options {
        mode: how.mode as u32,
        if_exists: how.if_exists as u32,
        durability: how.durability as u32,
        permissions: how.permissions as u32,
        preserve: how.preserve,
        flags: how.flags,
        threads: how.threads,
        cancel: how.cancel.map_or(std::ptr::null(), |flag| flag.as_ptr().cast_const()),
        failed_path: failed_path.as_mut_ptr().cast(),
        failed_path_size: PATH_ROOM,
        filter: functions.filter.is_some().then_some(filter as _),
        on_error: functions.on_error.is_some().then_some(on_error as _),
        on_done: functions.on_done.is_some().then_some(on_done as _),
        progress: functions.progress.is_some().then_some(progress as _),
        ..Default::default()
    };
    let cancel = how.cancel;
    let mut watcher = Watcher { functions: &mut how.functions, names, cancel, stopped: false, panic: None };
    options.user = (&raw mut watcher).cast();
    let mut raw = sys::reflink_tree_result::default();
    let code = call(&raw const options, &raw mut raw);
    if let Some(panic) = watcher.panic {
        resume_unwind(panic);
    }
    let mut outcome = looked(raw.step, raw.flags, raw.os_error);
    outcome.report.reason = raw.reason.into();
    outcome.report.clone_error = errno(raw.clone_error);
    outcome.refused = sys::reflink_clone_refused(code, raw.step, raw.reason) == 1;
    let failed = CStr::from_bytes_until_nul(&failed_path).unwrap_or_default();
    let names = below(names, failed);
    outcome.names = [names[0].as_deref(), names[1].as_deref()];
    checked_tree(code, outcome, report(&raw, path_of(failed).to_path_buf()))
}

/// The names of an entry in both trees: the trees' own where the path is empty.
fn below(roots: [Option<&CString>; 2], path: &CStr) -> [Option<CString>; 2] {
    let separator: &[u8] = if path.is_empty() { b"" } else { b"/" };
    roots.map(|root| CString::new([root?.as_bytes(), separator, path.to_bytes()].concat()).ok())
}

/// The caller's functions and flag, whether one of the functions has stopped the call, and its panic.
struct Watcher<'a, 'b> {
    functions: &'a mut Functions<'b>,
    /// Those of both trees.
    names: [Option<&'a CString>; 2],
    cancel: Option<&'b AtomicI32>,
    stopped: bool,
    panic: Option<Box<dyn Any + Send>>,
}

impl<'b> Watcher<'_, 'b> {
    /// Calls a function; `stop` where it panics or answers with a break.
    fn call(
        &mut self,
        stop: c_int,
        function: impl FnOnce(&mut Functions<'b>) -> ControlFlow<(), c_int>,
    ) -> c_int {
        match catch_unwind(AssertUnwindSafe(|| function(self.functions))) {
            Ok(ControlFlow::Continue(answer)) => return answer,
            Ok(ControlFlow::Break(())) => {}
            Err(panic) => self.panic = Some(panic),
        }
        self.stopped = true;
        stop
    }
}

/// The watcher behind `user`.
unsafe fn watcher<'a, 'b, 'c>(user: *mut c_void) -> &'a mut Watcher<'b, 'c> {
    // SAFETY: `run` gave the library a pointer to its watcher, which nothing else uses during the call.
    unsafe { &mut *user.cast() }
}

unsafe extern "C" fn filter(user: *mut c_void, raw: *const sys::reflink_tree_entry) -> c_int {
    // SAFETY: `user` is what `run` gave; the entry is the library's, valid until this function returns.
    let (watcher, entry) = unsafe { (watcher(user), entry(&*raw)) };
    watcher.call(CANCEL_FILTER, |functions| match &mut functions.filter {
        Some(filter) => match filter(&entry) {
            ControlFlow::Continue(take) => ControlFlow::Continue(take as c_int),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        },
        None => ControlFlow::Continue(sys::REFLINK_TAKE),
    })
}

unsafe extern "C" fn on_error(user: *mut c_void, raw: *const sys::reflink_tree_entry) -> c_int {
    // SAFETY: as in `filter`.
    let (watcher, raw) = unsafe { (watcher(user), &*raw) };
    // SAFETY: as in `filter`.
    let entry = unsafe { entry(raw) };
    // SAFETY: as in `entry`.
    let names = below(watcher.names, unsafe { CStr::from_ptr(raw.path) });
    let names = [names[0].as_deref(), names[1].as_deref()];
    let outcome = Outcome { names, ..looked(raw.step, raw.flags, raw.os_error) };
    watcher.call(sys::REFLINK_STOP, |functions| {
        let error = checked(raw.code, outcome, ()).err();
        let answer = functions.on_error.as_mut().zip(error).map(|(on_error, error)| on_error(&entry, &error));
        ControlFlow::Continue(answer.map_or(sys::REFLINK_STOP, |answer| answer as c_int))
    })
}

unsafe extern "C" fn on_done(user: *mut c_void, raw: *const sys::reflink_tree_entry) -> c_int {
    // SAFETY: as in `filter`.
    let (watcher, entry) = unsafe { (watcher(user), entry(&*raw)) };
    watcher.call(CANCEL, |functions| match functions.on_done.as_mut().map(|on_done| on_done(&entry)) {
        Some(ControlFlow::Break(())) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(0),
    })
}

unsafe extern "C" fn progress(user: *mut c_void, raw: *const sys::reflink_tree_progress) -> c_int {
    // SAFETY: as in `filter`.
    let (watcher, now) = unsafe { (watcher(user), &*raw) };
    let cancelled = watcher.cancel.is_some_and(|flag| flag.load(Ordering::Relaxed) != 0);
    if watcher.stopped || (cancelled && now.phase == sys::REFLINK_PHASE_CLEANUP) {
        return 0; // the library cleans up, which must not be stopped too
    }
    let now = TreeProgress {
        phase: now.phase.into(),
        entries_done: now.entries_done,
        entries_seen: now.entries_seen,
        bytes_done: now.bytes_done,
        directories_open: now.directories_open,
    };
    watcher.call(CANCEL, |functions| match functions.progress.as_mut().map(|progress| progress(now)) {
        Some(ControlFlow::Break(())) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(0),
    })
}

/// What the caller is told of an entry.
///
/// # Safety
/// The entry's path and its directory must be valid as long as the structure is borrowed.
unsafe fn entry(raw: &sys::reflink_tree_entry) -> Entry<'_> {
    // SAFETY: the library's paths end in NUL, and are valid for as long as `raw` is.
    let path = unsafe { CStr::from_ptr(raw.path) };
    Entry {
        kind: raw.kind.into(),
        path: path_of(path),
        depth: raw.depth,
        method: raw.method.into(),
        length: raw.bytes,
        source_changed: raw.flags & sys::REFLINK_SOURCE_CHANGED != 0,
        metadata_incomplete: raw.flags & sys::REFLINK_METADATA_INCOMPLETE != 0,
        #[cfg(unix)]
        source_dir: (raw.source_dir != -1)
            // SAFETY: the library's descriptor stays open until the caller's function returns.
            .then(|| unsafe { std::os::fd::BorrowedFd::borrow_raw(raw.source_dir as c_int) }),
    }
}

#[cfg(unix)]
fn path_of(path: &CStr) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()))
}

/// The library's names are UTF-8 there.
#[cfg(windows)]
fn path_of(path: &CStr) -> &Path {
    Path::new(path.to_str().unwrap_or_default())
}

fn report(raw: &sys::reflink_tree_result, failed_path: PathBuf) -> TreeReport {
    let is = |flag| raw.flags & flag != 0;
    TreeReport {
        step: raw.step.into(),
        reason: raw.reason.into(),
        clone_error: errno(raw.clone_error),
        os_error: Some(raw.os_error).filter(|error| *error != 0),
        failed_path,
        published: is(sys::REFLINK_PUBLISHED),
        incomplete: is(sys::REFLINK_TREE_INCOMPLETE),
        metadata_incomplete: is(sys::REFLINK_METADATA_INCOMPLETE),
        destination_changed: is(sys::REFLINK_DESTINATION_CHANGED),
        litter: is(sys::REFLINK_LITTER).then(|| text_of(&raw.litter)),
        files: raw.files,
        hard_links: raw.hard_links,
        directories: raw.directories,
        symlinks: raw.symlinks,
        specials: raw.specials,
        specials_left_out: raw.specials_left_out,
        mounts_left_empty: raw.mounts_left_empty,
        entries_left_out: raw.entries_left_out,
        entries_kept: raw.entries_kept,
        entries_failed: raw.entries_failed,
        entries_vanished: raw.entries_vanished,
        entries_not_reached: raw.entries_not_reached,
        files_cloned: raw.files_cloned,
        files_kernel_copied: raw.files_kernel_copied,
        files_copied: raw.files_copied,
        files_mixed: raw.files_mixed,
        files_empty: raw.files_empty,
        files_changed: raw.files_changed,
        bytes_cloned: raw.bytes_cloned,
        bytes_copied: raw.bytes_copied,
        bytes_hole: raw.bytes_hole,
    }
}
