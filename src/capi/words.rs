//! Numbers in words, for programs that print them: what a code, a step and a side come to in one line, and the texts of each.
//! All take plain numbers, so that they serve every result. English in every locale; nothing is allocated.

use core::ffi::{CStr, c_char, c_int};
use core::mem::MaybeUninit;

use super::result::{
    REFLINK_AT_DESTINATION, REFLINK_AT_SOURCE, REFLINK_METHOD_CLONE, REFLINK_METHOD_COPY,
    REFLINK_METHOD_KERNEL_COPY, REFLINK_METHOD_MIXED, REFLINK_METHOD_NONE, REFLINK_REASON_CROSS_DEVICE,
    REFLINK_REASON_FAILURE, REFLINK_REASON_FILE, REFLINK_REASON_NONE, REFLINK_REASON_NOT_ASKED,
    REFLINK_REASON_PERMISSION, REFLINK_REASON_TRANSIENT, REFLINK_REASON_UNSUPPORTED, REFLINK_STEP_ARGUMENTS,
    REFLINK_STEP_CHECK, REFLINK_STEP_CLEANUP, REFLINK_STEP_CLONE, REFLINK_STEP_CLOSE, REFLINK_STEP_COPY,
    REFLINK_STEP_CREATE, REFLINK_STEP_DEDUPE, REFLINK_STEP_FILTER, REFLINK_STEP_MAP, REFLINK_STEP_METADATA,
    REFLINK_STEP_NONE, REFLINK_STEP_OPEN_SOURCE, REFLINK_STEP_PROGRESS, REFLINK_STEP_PUBLISH,
    REFLINK_STEP_SYNC, REFLINK_STEP_WALK,
};
use super::{codes, guard};
use crate::copy::table;
use crate::sys::Errno;

/// The methods: "disk.img: cloned".
const METHODS: &[(u32, &CStr)] = &[
    (REFLINK_METHOD_NONE, c"nothing copied"),
    (REFLINK_METHOD_CLONE, c"cloned"),
    (REFLINK_METHOD_MIXED, c"cloned in part"),
    (REFLINK_METHOD_KERNEL_COPY, c"copied by the kernel, which may have shared blocks"),
    (REFLINK_METHOD_COPY, c"copied"),
];

/// The reasons: "not cloned: this volume cannot clone", "not cloned because this volume cannot clone".
const REASONS: &[(u32, &CStr)] = &[
    (REFLINK_REASON_NONE, c"nothing prevented it"),
    (REFLINK_REASON_UNSUPPORTED, c"this volume cannot clone"),
    (REFLINK_REASON_CROSS_DEVICE, c"these are two file systems"),
    (REFLINK_REASON_FILE, c"this file, or this range of it, cannot be cloned"),
    (REFLINK_REASON_PERMISSION, c"it is forbidden"),
    (REFLINK_REASON_TRANSIENT, c"it is not possible at the moment"),
    (REFLINK_REASON_NOT_ASKED, c"a true copy was asked for"),
    (REFLINK_REASON_FAILURE, c"it failed"),
];

/// The steps: "making the file: No space left on device".
const STEPS: &[(u32, &CStr)] = &[
    (REFLINK_STEP_NONE, c"nothing failed"),
    (REFLINK_STEP_ARGUMENTS, c"reading the arguments"),
    (REFLINK_STEP_OPEN_SOURCE, c"opening the source"),
    (REFLINK_STEP_CHECK, c"checking the files"),
    (REFLINK_STEP_CREATE, c"making the file"),
    (REFLINK_STEP_CLONE, c"cloning"),
    (REFLINK_STEP_COPY, c"copying the data"),
    (REFLINK_STEP_METADATA, c"copying the metadata"),
    (REFLINK_STEP_SYNC, c"syncing to the device"),
    (REFLINK_STEP_PUBLISH, c"giving the file its name"),
    (REFLINK_STEP_CLOSE, c"closing the file"),
    (REFLINK_STEP_PROGRESS, c"asking whether to go on"),
    (REFLINK_STEP_WALK, c"reading a directory"),
    (REFLINK_STEP_FILTER, c"asking the filter"),
    (REFLINK_STEP_CLEANUP, c"removing what is no longer needed"),
    (REFLINK_STEP_MAP, c"looking where the bytes lie"),
    (REFLINK_STEP_DEDUPE, c"comparing and sharing the ranges"),
];

/// The steps that concern both files, where the side is known.
const STEPS_OF_A_SIDE: &[(u32, &CStr, &CStr)] = &[
    (REFLINK_STEP_CHECK, c"checking the source", c"checking the destination"),
    (REFLINK_STEP_COPY, c"reading the data", c"writing the data"),
    (REFLINK_STEP_METADATA, c"reading the metadata", c"setting the metadata"),
];

fn text_of(texts: &[(u32, &'static CStr)], number: u32) -> Option<&'static CStr> {
    texts.iter().find(|known| known.0 == number).map(|known| known.1)
}

/// Gives the errno for a code: for exceptions, exit codes and functions that know only errno.
///
/// A code of the library's own becomes the errno that the system has for the same thing: EINVAL for
/// REFLINK_ERR_NOT_REGULAR, REFLINK_ERR_SAME_FILE, REFLINK_ERR_OVERLAP and REFLINK_ERR_INTO_ITSELF, EEXIST for
/// REFLINK_ERR_NAME_CLASH, EBADF for REFLINK_ERR_APPEND, EIO for REFLINK_ERR_PANIC, REFLINK_ERR_INCONSISTENT and
/// unknown codes.
///
/// @param code  What a function of this library returned.
/// @return The errno, a positive number. 0 for 0. A positive number is returned as it is.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_errno(code: c_int) -> c_int {
    codes::errno(code)
}

/// Says whether a call failed only because a clone was refused: this volume, these two file systems, this file, a
/// policy or the moment does not allow one. A copy of the bytes (REFLINK_AUTO, REFLINK_NEVER) may still succeed.
///
/// Real failures (no space, an I/O error, a name that is taken) are no refusals. With REFLINK_ALWAYS this tells
/// "cannot be cloned here" from "failed".
///
/// @param code    What the function returned.
/// @param step    `step` of its result.
/// @param reason  `reason` of its result; 0 where there is none to ask.
/// @return 1: a clone was refused. 0: the call succeeded, or failed for another reason.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_clone_refused(code: c_int, step: u32, reason: u32) -> c_int {
    let went_wrong = matches!(reason, REFLINK_REASON_NOT_ASKED | REFLINK_REASON_FAILURE);
    let system = (-4095..0).contains(&code);
    let refused = system && step == REFLINK_STEP_CLONE && !went_wrong;
    (refused && table::refuses_clone(Errno(code.saturating_neg()))).into()
}

/// Names a method: "cloned", "copied".
///
/// @param method  REFLINK_METHOD_*: `method` of a result.
/// @return Static text, never NULL, not to be freed: "unknown method" for an unknown number.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_method_text(method: u32) -> *const c_char {
    text_of(METHODS, method).unwrap_or(c"unknown method").as_ptr()
}

/// Says why not everything was cloned: "this volume cannot clone".
///
/// @param reason  REFLINK_REASON_*: `reason` of a result, or of a struct reflink_capability.
/// @return Static text, never NULL, not to be freed: "unknown reason" for an unknown number.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_reason_text(reason: u32) -> *const c_char {
    text_of(REASONS, reason).unwrap_or(c"unknown reason").as_ptr()
}

/// Names a step: "making the file".
///
/// @param step  REFLINK_STEP_*: `step` of a result.
/// @return Static text, never NULL, not to be freed: "unknown step" for an unknown number.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_step_text(step: u32) -> *const c_char {
    text_of(STEPS, step).unwrap_or(c"unknown step").as_ptr()
}

/// Says in one line what failed, for people: "snapshot.img: making the file: No space left on device".
///
/// The line begins with the name of the file that the failing call was made on: `src` with REFLINK_AT_SOURCE, `dst`
/// with REFLINK_AT_DESTINATION, else both ("disk.img -> snapshot.img"). The step follows, where there is one, then the
/// text of reflink_strerror(). There is no newline at the end. The text is English in every locale. Of
/// reflink_remove_tree(), give the name as `dst`, and NULL as `src`.
///
/// The line is safe to print. Control characters of a name are written as "\ooo" (three octal digits for each byte),
/// and so are bytes that are not UTF-8, so that the text is UTF-8 whatever the names are. An empty name is written as "".
///
/// Like snprintf(3), writes what fits, always with a NUL at its end, and returns the length of the whole line. A
/// character that does not fit is left out whole: the text never ends inside a UTF-8 sequence or inside "\ooo".
///
/// @param code    What the function returned.
/// @param step    `step` of its result.
/// @param flags   `flags` of its result.
/// @param src     The source's name, or NULL: it is left out.
/// @param dst     The destination's name, or NULL: it is left out.
/// @param buffer  Receives the text. NULL with a size of 0 only measures.
/// @param size    The buffer's size in bytes, with room for the NUL.
/// @return The length of the whole line without NUL, never negative. At `size` and above, the text was cut.
///
/// Thread-safe. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reflink_describe(
    code: c_int,
    step: u32,
    flags: u32,
    src: *const c_char,
    dst: *const c_char,
    buffer: *mut c_char,
    size: usize,
) -> c_int {
    // SAFETY: the caller passes NULL or NUL-terminated strings, as the header says.
    let name = |name: *const c_char| (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) });
    guard(|| {
        let room: &mut [MaybeUninit<u8>] = if buffer.is_null() {
            &mut []
        } else {
            // SAFETY: the caller passes a buffer of this size, as the header says; no object is larger than isize::MAX.
            unsafe { core::slice::from_raw_parts_mut(buffer.cast(), size.min(isize::MAX.unsigned_abs())) }
        };
        let length = describe(code, (step, flags), (name(src), name(dst)), room);
        c_int::try_from(length).unwrap_or(c_int::MAX)
    })
    .max(0)
}

/// Writes the line into `room`, and returns its whole length.
fn describe(
    code: c_int,
    (step, flags): (u32, u32),
    (src, dst): (Option<&CStr>, Option<&CStr>),
    room: &mut [MaybeUninit<u8>],
) -> usize {
    let side = flags & (REFLINK_AT_SOURCE | REFLINK_AT_DESTINATION);
    let mut line = Line { room, written: 0, length: 0, cut: false };
    let src = src.filter(|_| side != REFLINK_AT_DESTINATION);
    let dst = dst.filter(|_| side != REFLINK_AT_SOURCE);
    for (name, behind) in [(src, if dst.is_some() { " -> " } else { ": " }), (dst, ": ")] {
        if let Some(name) = name {
            line.name(name.to_bytes());
            line.text(behind);
        }
    }
    if let Some(step) = step_of(step, side) {
        line.static_text(step);
        line.text(": ");
    }
    line.static_text(codes::text(code));
    line.finish()
}

/// A step in words, where something failed at one.
fn step_of(step: u32, side: u32) -> Option<&'static CStr> {
    let of_a_side = STEPS_OF_A_SIDE.iter().find(|known| known.0 == step);
    match (of_a_side, side) {
        (Some((_, at_source, _)), REFLINK_AT_SOURCE) => Some(at_source),
        (Some((_, _, at_destination)), REFLINK_AT_DESTINATION) => Some(at_destination),
        _ => text_of(STEPS, step).filter(|_| step != REFLINK_STEP_NONE),
    }
}

/// A line being written: as much of it as fits, and the length of all of it.
struct Line<'a> {
    room: &'a mut [MaybeUninit<u8>],
    written: usize,
    length: usize,
    /// Something did not fit: nothing may follow it.
    cut: bool,
}

impl Line<'_> {
    /// Writes bytes that stand together or not at all.
    fn whole(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len());
        let end = self.written.saturating_add(bytes.len());
        self.cut |= end >= self.room.len(); // the NUL needs one more
        if self.cut {
            return;
        }
        for (to, from) in self.room.iter_mut().skip(self.written).zip(bytes) {
            to.write(*from);
        }
        self.written = end;
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            self.whole(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn static_text(&mut self, text: &CStr) {
        self.text(text.to_str().unwrap_or_default());
    }

    /// Writes a file's name so that no terminal acts on what is in it.
    fn name(&mut self, name: &[u8]) {
        if name.is_empty() {
            self.text("\"\"");
        }
        for chunk in name.utf8_chunks() {
            for character in chunk.valid().chars() {
                let mut bytes = [0; 4];
                let bytes = character.encode_utf8(&mut bytes).as_bytes();
                if character.is_control() { self.octal(bytes) } else { self.whole(bytes) }
            }
            self.octal(chunk.invalid());
        }
    }

    fn octal(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let digit = |shift: u32| b'0' | (byte >> shift & 7);
            self.whole(&[b'\\', digit(6), digit(3), digit(0)]);
        }
    }

    fn finish(self) -> usize {
        if let Some(end) = self.room.get_mut(self.written) {
            end.write(0);
        }
        self.length
    }
}

#[cfg(test)]
mod tests;
