//! The calls into C, and nothing else: names, structures and the progress function cross here. `native_tree.rs` has those of trees.
//! A panic never crosses the library: it is kept, and continues when the library has cleaned up.

use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::ptr::{null, null_mut};

use libreflink_sys as sys;

use crate::dedupe::{Dedupe, DedupeReport};
use crate::error::{Outcome, checked};
use crate::options::CopyOptions;
use crate::report::{Capability, Progress, Report};
use crate::sharing::{Comparison, Extent, Extents, Look};

type Callback<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

pub fn copy(how: &CopyOptions, src: &Path, dst: &Path, progress: Option<Callback<'_>>) -> io::Result<Report> {
    let (src, dst) = (name(src)?, name(dst)?);
    run(how, [Some(&src), Some(&dst)], progress, |options, result| {
        // SAFETY: names and structures are valid, and outlive the call.
        unsafe { sys::reflink_copy_file(src.as_ptr(), dst.as_ptr(), options, result) }
    })
}

pub fn copy_at(how: &CopyOptions, src: (&File, &Path), dst: (&File, &Path)) -> io::Result<Report> {
    let (from, to) = (name(src.1)?, name(dst.1)?);
    let (src_dir, dst_dir) = (handle(src.0), handle(dst.0));
    run(how, [Some(&from), Some(&to)], None, |options, result| {
        // SAFETY: the directories stay open, and names and structures valid, for the whole call.
        unsafe { sys::reflink_copy_file_at(src_dir, from.as_ptr(), dst_dir, to.as_ptr(), options, result) }
    })
}

pub fn copy_content(how: &CopyOptions, src: &File, dst: &File) -> io::Result<Report> {
    run(how, [None; 2], None, |options, result| {
        // SAFETY: the files stay open, and the structures valid, for the whole call.
        unsafe { sys::reflink_copy_fd(handle(src), handle(dst), options, result) }
    })
}

pub fn copy_range(
    how: &CopyOptions,
    src: (&File, u64),
    dst: (&File, u64),
    length: Option<u64>,
) -> io::Result<Report> {
    let length = length.unwrap_or(sys::REFLINK_TO_EOF);
    run(how, [None; 2], None, |options, result| {
        // SAFETY: the files stay open, and the structures valid, for the whole call.
        unsafe {
            sys::reflink_copy_range(handle(src.0), src.1, handle(dst.0), dst.1, length, options, result)
        }
    })
}

pub fn probe(src: Option<&Path>, dir: &Path) -> io::Result<Capability> {
    let (src, dir) = (src.map(name).transpose()?, name(dir)?);
    let mut found = sys::reflink_capability::default();
    let from = src.as_ref().map_or(null(), |src| src.as_ptr());
    // SAFETY: names and structure are valid, and outlive the call.
    let code = unsafe { sys::reflink_probe(from, dir.as_ptr(), &raw mut found) };
    let outcome = Outcome { names: [src.as_deref(), Some(&dir)], ..looked(0, 0, 0) };
    checked(code, outcome, capability(&found))
}

type Each<'a> = &'a mut dyn FnMut(Extent) -> ControlFlow<()>;

/// The function for extents, and its panic.
struct Receiver<'a> {
    each: Each<'a>,
    panic: Option<Box<dyn Any + Send>>,
}

/// What the library calls; `user` is a `Receiver`.
unsafe extern "C" fn receive(user: *mut c_void, extents: *const sys::reflink_extent, count: usize) -> c_int {
    // SAFETY: `extents` gave the library a pointer to its receiver, which nothing else uses during the call; the array is
    // the library's, valid until this function returns.
    let (receiver, extents) =
        unsafe { (&mut *user.cast::<Receiver<'_>>(), std::slice::from_raw_parts(extents, count)) };
    let stops = || extents.iter().any(|raw| (receiver.each)(Extent::new(raw)).is_break());
    catch_unwind(AssertUnwindSafe(stops)).map_or_else(
        |panic| {
            receiver.panic = Some(panic);
            1
        },
        c_int::from,
    )
}

pub fn extents(look: &Look, file: &File, each: Option<Each<'_>>) -> io::Result<Extents> {
    let mut receiver = each.map(|each| Receiver { each, panic: None });
    let mut raw = sys::reflink_extents_result::default();
    let (offset, length) = (look.offsets[0], look.length.unwrap_or(sys::REFLINK_TO_EOF));
    let function = receiver.is_some().then_some(receive as _);
    let user = receiver.as_mut().map_or(null_mut(), |receiver| (&raw mut *receiver).cast());
    // SAFETY: the file stays open, and structure and receiver valid, for the whole call.
    let code = unsafe {
        sys::reflink_extents(handle(file), offset, length, look.flags, &raw mut raw, function, user)
    };
    if let Some(panic) = receiver.and_then(|receiver| receiver.panic) {
        resume_unwind(panic);
    }
    checked(
        code,
        looked(raw.step, raw.flags, raw.os_error),
        Extents {
            reported: raw.reported.into(),
            reason: raw.reason.into(),
            os_error: Some(raw.os_error).filter(|error| *error != 0),
            changed: raw.flags & sys::REFLINK_MAP_CHANGED != 0,
            exact: raw.flags & sys::REFLINK_EXACT != 0,
            length: raw.length,
            bytes_shared: raw.bytes_shared,
            bytes_unshared: raw.bytes_unshared,
            bytes_encoded: raw.bytes_encoded,
            bytes_preallocated: raw.bytes_preallocated,
            bytes_hole: raw.bytes_hole,
            bytes_inline: raw.bytes_inline,
            bytes_pending: raw.bytes_pending,
            bytes_encoded_shared: raw.bytes_encoded_shared,
            bytes_preallocated_shared: raw.bytes_preallocated_shared,
            bytes_beyond_eof: raw.bytes_beyond_eof,
            bytes_exclusive: raw.bytes_exclusive,
            extents: raw.extents,
        },
    )
}

pub fn shared(look: &Look, a: &File, b: &File) -> io::Result<Comparison> {
    let mut raw = sys::reflink_shared_result::default();
    let ([a_offset, b_offset], length) = (look.offsets, look.length.unwrap_or(sys::REFLINK_TO_EOF));
    let (a, b) = (handle(a), handle(b));
    // SAFETY: the files stay open, and the structure valid, for the whole call.
    let code = unsafe { sys::reflink_shared(a, a_offset, b, b_offset, length, look.flags, &raw mut raw) };
    checked(
        code,
        looked(raw.step, raw.flags, raw.os_error),
        Comparison {
            verdict: raw.verdict.into(),
            reported: raw.reported.into(),
            reason: raw.reason.into(),
            os_error: Some(raw.os_error).filter(|error| *error != 0),
            changed: raw.flags & sys::REFLINK_MAP_CHANGED != 0,
            length: raw.length,
            bytes_same: raw.bytes_same,
            bytes_apart: raw.bytes_apart,
            bytes_hole: raw.bytes_hole,
            bytes_unknown: raw.bytes_unknown,
            first_apart: (raw.bytes_apart > 0).then_some(raw.first_apart),
            first_unknown: (raw.bytes_unknown > 0).then_some(raw.first_unknown),
        },
    )
}

/// The outcome of a look, which refuses no clone and has no names.
pub fn looked(step: u32, flags: u32, os_error: i32) -> Outcome<'static> {
    let report = report(&sys::reflink_result { step, flags, os_error, ..Default::default() });
    Outcome { report, refused: false, step, flags, names: [None; 2] }
}

/// One line that says what failed, in English.
pub fn describe(code: c_int, outcome: &Outcome<'_>) -> String {
    let [src, dst] = outcome.names.map(|name| name.map_or(null(), CStr::as_ptr));
    let write = |line: &mut [u8]| {
        let (buffer, size) = (line.as_mut_ptr().cast(), line.len());
        // SAFETY: the names end in NUL, and the buffer has the size given; of a size of 0 nothing is written.
        unsafe { sys::reflink_describe(code, outcome.step, outcome.flags, src, dst, buffer, size) }
    };
    let length = usize::try_from(write(&mut [])).unwrap_or_default();
    let mut line = vec![0; length.saturating_add(1)]; // with the NUL
    write(&mut line);
    line.truncate(length);
    String::from_utf8_lossy(&line).into_owned()
}

pub fn version() -> &'static str {
    // SAFETY: the library returns static text, never NULL.
    unsafe { CStr::from_ptr(sys::reflink_version_string()) }.to_str().unwrap_or_default()
}

pub fn dedupe(
    how: &Dedupe,
    src: &File,
    dst: &File,
    progress: Option<Callback<'_>>,
) -> io::Result<DedupeReport> {
    let mut watcher = progress.map(|progress| Watcher { progress, panic: None });
    let mut options =
        sys::reflink_dedupe_options { durability: how.durability, flags: how.flags, ..Default::default() };
    if let Some(watcher) = &mut watcher {
        options.progress = Some(watch);
        options.user = (&raw mut *watcher).cast();
    }
    let mut raw = sys::reflink_dedupe_result::default();
    let [src_offset, dst_offset] = how.offsets;
    let length = how.length.unwrap_or(sys::REFLINK_TO_EOF);
    // SAFETY: the files stay open, and the structures valid, for the whole call.
    let code = unsafe {
        sys::reflink_dedupe_range(
            handle(src),
            src_offset,
            handle(dst),
            dst_offset,
            length,
            &raw const options,
            &raw mut raw,
        )
    };
    if let Some(panic) = watcher.and_then(|watcher| watcher.panic) {
        resume_unwind(panic);
    }
    checked(code, looked(raw.step, raw.flags, raw.os_error), DedupeReport::new(&raw))
}

/// The progress function, and its panic.
struct Watcher<'a> {
    progress: Callback<'a>,
    panic: Option<Box<dyn Any + Send>>,
}

/// What the library calls; `user` is a `Watcher`.
unsafe extern "C" fn watch(user: *mut c_void, now: *const sys::reflink_progress) -> c_int {
    // SAFETY: `run` gave the library a pointer to its watcher, which nothing else uses during the call; the other one is
    // the library's, valid until this function returns.
    let (watcher, now) = unsafe { (&mut *user.cast::<Watcher<'_>>(), &*now) };
    let now = Progress { bytes_done: now.bytes_done, bytes_total: now.bytes_total };
    match catch_unwind(AssertUnwindSafe(|| (watcher.progress)(now))) {
        Ok(ControlFlow::Continue(())) => 0,
        Ok(ControlFlow::Break(())) => 1,
        Err(panic) => {
            watcher.panic = Some(panic);
            1
        }
    }
}

fn run(
    how: &CopyOptions,
    names: [Option<&CString>; 2],
    progress: Option<Callback<'_>>,
    call: impl FnOnce(*const sys::reflink_options, *mut sys::reflink_result) -> c_int,
) -> io::Result<Report> {
    let mut watcher = progress.map(|progress| Watcher { progress, panic: None });
    let mut options = sys::reflink_options {
        mode: how.mode as u32,
        if_exists: how.if_exists as u32,
        durability: how.durability as u32,
        permissions: how.permissions as u32,
        preserve: how.preserve,
        flags: how.flags,
        ..Default::default()
    };
    if let Some(watcher) = &mut watcher {
        options.progress = Some(watch);
        options.user = (&raw mut *watcher).cast();
    }
    let mut result = sys::reflink_result::default();
    let code = call(&raw const options, &raw mut result);
    if let Some(panic) = watcher.and_then(|watcher| watcher.panic) {
        resume_unwind(panic);
    }
    let report = report(&result);
    let refused = sys::reflink_clone_refused(code, result.step, result.reason) == 1;
    let names = names.map(|name| name.map(CString::as_c_str));
    let (step, flags) = (result.step, result.flags);
    checked(code, Outcome { report: report.clone(), refused, step, flags, names }, report)
}

fn report(raw: &sys::reflink_result) -> Report {
    Report {
        method: raw.method.into(),
        reason: raw.reason.into(),
        step: raw.step.into(),
        clone_error: errno(raw.clone_error),
        os_error: Some(raw.os_error).filter(|error| *error != 0),
        bytes_cloned: raw.bytes_cloned,
        clone_offset: raw.clone_offset,
        bytes_copied: raw.bytes_copied,
        bytes_hole: raw.bytes_hole,
        source_changed: raw.flags & sys::REFLINK_SOURCE_CHANGED != 0,
        metadata_incomplete: raw.flags & sys::REFLINK_METADATA_INCOMPLETE != 0,
        published: raw.flags & sys::REFLINK_PUBLISHED != 0,
        destination_changed: raw.flags & sys::REFLINK_DESTINATION_CHANGED != 0,
        at_source: raw.flags & sys::REFLINK_AT_SOURCE != 0,
        at_destination: raw.flags & sys::REFLINK_AT_DESTINATION != 0,
        litter: (raw.flags & sys::REFLINK_LITTER != 0).then(|| text_of(&raw.litter)),
    }
}

fn capability(raw: &sys::reflink_capability) -> Capability {
    Capability {
        clone: answer(raw.clone),
        reason: raw.reason.into(),
        error: errno(raw.clone_error),
        range: raw.clone_range == 1,
        kernel_copy: raw.kernel_copy == 1,
        dedupe: answer(raw.dedupe),
        dedupe_error: errno(raw.dedupe_error),
        dedupe_granularity: raw.dedupe_granularity,
        exchange: answer(raw.exchange),
        unnamed_files: raw.unnamed_files == 1,
        sparse: raw.sparse == 1,
        granularity: raw.granularity,
        fs_name: text_of(&raw.fs_name),
    }
}

/// A text in a structure. A C character is signed on one processor and unsigned on another.
pub fn text_of(characters: &[c_char]) -> String {
    let bytes = characters.iter().take_while(|byte| **byte != 0).flat_map(|byte| byte.to_ne_bytes());
    String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
}

fn answer(number: i32) -> Option<bool> {
    match number {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// A -errno that may be 0.
pub fn errno(code: i32) -> Option<i32> {
    (code != 0).then(|| code.saturating_neg())
}

/// A name as C takes it. A NUL in it would silently end it there.
#[cfg(unix)]
pub fn name(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

#[cfg(windows)]
pub fn name(path: &Path) -> io::Result<CString> {
    let text = path
        .to_str()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the name is not Unicode"))?;
    Ok(CString::new(text)?)
}

#[cfg(unix)]
pub fn handle(file: &File) -> sys::reflink_handle {
    std::os::fd::AsRawFd::as_raw_fd(file)
}

#[cfg(windows)]
pub fn handle(file: &File) -> sys::reflink_handle {
    std::os::windows::io::AsRawHandle::as_raw_handle(file)
}
