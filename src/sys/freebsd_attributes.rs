//! Extended attributes of FreeBSD, of its namespace "user", shown to the engine as Linux names them: "user.NAME".
//! extattr(2) differs in two ways: a list holds lengths instead of NULs, and a buffer that is too small gets a part, without an error.

use core::ffi::{CStr, c_char, c_int, c_void};

use super::unix::{count, failure};
use super::{Errno, Fd, Result, errno};

const SPACE: c_int = libc::EXTATTR_NAMESPACE_USER;
const PREFIX: &[u8] = b"user.";

/// How often a list is read again that grows while it is read.
const TRIES: u32 = 8;

/// The name as the system takes it. Other namespaces are not this library's to carry.
fn own_name(name: &CStr) -> Result<*const c_char> {
    let bytes = name.to_bytes_with_nul();
    let rest = bytes.strip_prefix(PREFIX).ok_or(Errno(errno::EOPNOTSUPP))?;
    Ok(rest.as_ptr().cast::<c_char>())
}

/// Lists the names, each ended by a NUL; the length needed where `buffer` is empty.
pub fn list(fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    let listed = read_list(fd)?;
    let mut needed = 0_usize;
    let mut rest = buffer;
    let asked = rest.is_empty();
    for name in names(&listed) {
        let length = PREFIX.len().saturating_add(name.len()).saturating_add(1);
        needed = needed.saturating_add(length);
        if asked {
            continue;
        }
        let (room, after) = rest.split_at_mut_checked(length).ok_or(Errno(errno::ERANGE))?;
        for (to, from) in room.iter_mut().zip(PREFIX.iter().chain(name).chain(b"\0")) {
            *to = *from;
        }
        rest = after;
    }
    Ok(needed)
}

/// The names in a list of the system's: one byte of length, then the name. A name with a NUL in it
/// could not be asked for again.
fn names(mut listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (length, rest) = listed.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        listed = rest;
        Some(name)
    })
    .filter(|name| !name.is_empty() && !name.contains(&0))
}

/// The system's list, whole: one that fills its buffer may be a part.
fn read_list(fd: Fd) -> Result<Vec<u8>> {
    let mut listed = Vec::new();
    for _ in 0..TRIES {
        // SAFETY: no buffer, which asks for the length.
        let length = count(unsafe { libc::extattr_list_fd(fd, SPACE, core::ptr::null_mut(), 0) })?;
        let room = length.saturating_add(1);
        listed.clear();
        listed.try_reserve_exact(room).map_err(|_| Errno(errno::ENOMEM))?;
        listed.resize(room, 0);
        // SAFETY: the system writes at most `room` bytes into a buffer of that length.
        let got =
            count(unsafe { libc::extattr_list_fd(fd, SPACE, listed.as_mut_ptr().cast::<c_void>(), room) })?;
        if got < room {
            listed.truncate(got);
            return Ok(listed);
        }
    }
    Err(Errno(errno::ERANGE))
}

/// Reads a value; the length needed where `buffer` is empty.
pub fn get(fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
    let name = own_name(name)?;
    if buffer.is_empty() {
        return length_of(fd, name);
    }
    // SAFETY: `name` is NUL-terminated; the system writes at most `len` bytes into a buffer of that length.
    let got = count(unsafe {
        libc::extattr_get_fd(fd, SPACE, name, buffer.as_mut_ptr().cast::<c_void>(), buffer.len())
    })?;
    if got == buffer.len() && length_of(fd, name)? > got {
        return Err(Errno(errno::ERANGE)); // it grew, and this is a part
    }
    Ok(got)
}

fn length_of(fd: Fd, name: *const c_char) -> Result<usize> {
    // SAFETY: `name` is NUL-terminated; no buffer, which asks for the length.
    count(unsafe { libc::extattr_get_fd(fd, SPACE, name, core::ptr::null_mut(), 0) })
}

/// Sets a value.
pub fn set(fd: Fd, name: &CStr, value: &[u8]) -> Result<()> {
    let name = own_name(name)?;
    // SAFETY: `name` is NUL-terminated; the system reads `len` bytes of `value`.
    let written = count(unsafe {
        libc::extattr_set_fd(fd, SPACE, name, value.as_ptr().cast::<c_void>(), value.len())
    })?;
    if written == value.len() { Ok(()) } else { Err(Errno(errno::EIO)) }
}

/// Removes an attribute.
pub fn remove(fd: Fd, name: &CStr) -> Result<()> {
    let name = own_name(name)?;
    // SAFETY: `name` is NUL-terminated.
    if unsafe { libc::extattr_delete_fd(fd, SPACE, name) } == 0 { Ok(()) } else { Err(failure()) }
}
