//! The calls into C, and nothing else: names, structures and the progress function cross here, and all `unsafe` is here.
//! A panic never crosses the library: it is kept, and continues when the library has cleaned up.

use std::any::Any;
use std::ffi::{CStr, CString, c_int, c_void};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::ptr::null;

use libreflink_sys as sys;

use crate::error::checked;
use crate::options::CopyOptions;
use crate::report::{Capability, Progress, Report};

type Callback<'a> = &'a mut dyn FnMut(Progress) -> ControlFlow<()>;

pub fn copy(how: &CopyOptions, src: &Path, dst: &Path, progress: Option<Callback<'_>>) -> io::Result<Report> {
    let (src, dst) = (name(src)?, name(dst)?);
    run(how, progress, |options, result| {
        // SAFETY: names and structures are valid, and outlive the call.
        unsafe { sys::reflink_copy_file(src.as_ptr(), dst.as_ptr(), options, result) }
    })
}

pub fn copy_content(how: &CopyOptions, src: &File, dst: &File) -> io::Result<Report> {
    run(how, None, |options, result| {
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
    run(how, None, |options, result| {
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
    checked(code, report(&sys::reflink_result::default()), capability(&found))
}

/// What a code means, in English.
pub fn text(code: c_int) -> &'static str {
    // SAFETY: the library returns static text, never NULL.
    unsafe { CStr::from_ptr(sys::reflink_strerror(code)) }.to_str().unwrap_or_default()
}

pub fn version() -> &'static str {
    // SAFETY: as above.
    unsafe { CStr::from_ptr(sys::reflink_version_string()) }.to_str().unwrap_or_default()
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
    progress: Option<Callback<'_>>,
    call: impl FnOnce(*const sys::reflink_options, *mut sys::reflink_result) -> c_int,
) -> io::Result<Report> {
    let mut watcher = progress.map(|progress| Watcher { progress, panic: None });
    let mut options = sys::reflink_options {
        mode: how.mode as u32,
        if_exists: how.if_exists as u32,
        durability: how.durability as u32,
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
    checked(code, report.clone(), report)
}

fn report(raw: &sys::reflink_result) -> Report {
    Report {
        method: raw.method.into(),
        reason: raw.reason.into(),
        step: raw.step.into(),
        clone_error: errno(raw.clone_error),
        os_error: Some(raw.os_error).filter(|error| *error != 0),
        bytes_cloned: raw.bytes_cloned,
        bytes_copied: raw.bytes_copied,
        bytes_hole: raw.bytes_hole,
        source_changed: raw.flags & sys::REFLINK_SOURCE_CHANGED != 0,
        metadata_incomplete: raw.flags & sys::REFLINK_METADATA_INCOMPLETE != 0,
        published: raw.flags & sys::REFLINK_PUBLISHED != 0,
        destination_changed: raw.flags & sys::REFLINK_DESTINATION_CHANGED != 0,
        at_source: raw.flags & sys::REFLINK_AT_SOURCE != 0,
        at_destination: raw.flags & sys::REFLINK_AT_DESTINATION != 0,
    }
}

fn capability(raw: &sys::reflink_capability) -> Capability {
    // A C character is signed on one processor and unsigned on another.
    let name = raw.fs_name.iter().take_while(|byte| **byte != 0).flat_map(|byte| byte.to_ne_bytes());
    Capability {
        clone: match raw.clone {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        reason: raw.reason.into(),
        error: errno(raw.clone_error),
        range: raw.clone_range == 1,
        kernel_copy: raw.kernel_copy == 1,
        dedupe: raw.dedupe == 1,
        unnamed_files: raw.unnamed_files == 1,
        sparse: raw.sparse == 1,
        granularity: raw.granularity,
        fs_name: String::from_utf8_lossy(&name.collect::<Vec<u8>>()).into_owned(),
    }
}

/// A -errno that may be 0.
fn errno(code: i32) -> Option<i32> {
    (code != 0).then(|| code.saturating_neg())
}

/// A name as C takes it. A NUL in it would silently end it there.
#[cfg(unix)]
fn name(path: &Path) -> io::Result<CString> {
    use std::os::unix::ffi::OsStrExt;
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

#[cfg(windows)]
fn name(path: &Path) -> io::Result<CString> {
    let text = path
        .to_str()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the name is not Unicode"))?;
    Ok(CString::new(text)?)
}

#[cfg(unix)]
fn handle(file: &File) -> sys::reflink_handle {
    std::os::fd::AsRawFd::as_raw_fd(file)
}

#[cfg(windows)]
fn handle(file: &File) -> sys::reflink_handle {
    std::os::windows::io::AsRawHandle::as_raw_handle(file)
}
