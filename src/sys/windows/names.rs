//! Names on their way to the system: UTF-8 to UTF-16, and to what NtCreateFile takes, which knows no limit of 260 characters.
//! A name below an open directory stays relative to its handle, so that renaming that directory meanwhile does no harm.

use core::ffi::CStr;
use core::ptr;

use windows_sys::Win32::Storage::FileSystem::{GetFinalPathNameByHandleW, GetFullPathNameW, VOLUME_NAME_DOS};

use super::calls::{Name, last_error};
use super::paths::{self, Full};
use crate::sys::api::{Errno, Fd, Result};
use crate::sys::errno;

/// What the system calls a name (UNICODE_STRING) has this many units at most.
const LONGEST: usize = 32_767;

impl Name {
    /// Understands a name relative to `dir`, or to the current directory where that is none.
    pub fn new(dir: Fd, name: &CStr) -> Result<Self> {
        let text = utf16(name)?;
        if text.is_empty() {
            return Err(Errno(errno::ENOENT));
        }
        if let Some(rest) = paths::literal(&text) {
            return Self::complete(paths::full_literal(rest));
        }
        if super::is_none(dir) && !dir.is_null() {
            return Err(Errno(errno::EBADF)); // INVALID_HANDLE_VALUE is also this process's pseudo handle
        }
        if dir.is_null() || paths::is_anchored(&text) {
            return Self::complete(paths::full(&full_path(&text)?));
        }
        Self::relative(dir, &text)
    }

    /// An entry of an open directory, or ".", the directory itself: one name and no path, so that it leads nowhere else.
    pub fn entry(dir: Fd, name: &CStr) -> Result<Self> {
        let units = utf16(name)?;
        if units == [u16::from(b'.')] {
            return Ok(Self::again(dir));
        }
        if paths::is_entry(&units) {
            Ok(Self { root: dir, units, is_directory: false })
        } else {
            Err(Errno(errno::EINVAL))
        }
    }

    /// The file behind a handle once more.
    pub fn again(fd: Fd) -> Self {
        Self { root: fd, units: Vec::new(), is_directory: false }
    }

    /// This name alone, where it stands in the same directory as another one.
    pub fn leaf_beside(&self, other: &Self) -> Option<Self> {
        let is_leaf = |name: &Self| !name.root.is_null() && !name.units.contains(&u16::from(b'\\'));
        let together = self.root == other.root && is_leaf(self) && is_leaf(other);
        together.then(|| Self { root: ptr::null_mut(), units: self.units.clone(), is_directory: false })
    }

    fn complete(full: Full) -> Result<Self> {
        // ENXIO: what the engine takes for "not a regular file".
        let Full::File(prefix, rest) = full else { return Err(Errno(errno::ENXIO)) };
        if paths::names_stream(rest) {
            return Err(Errno(errno::EINVAL));
        }
        // A separator at the end stays: without it, a volume's root would be the volume itself.
        let is_directory = paths::means_directory(rest);
        let mut units = room(prefix.len().saturating_add(rest.len()))?;
        units.extend(paths::ascii(prefix));
        units.extend_from_slice(rest);
        Ok(Self { root: ptr::null_mut(), units, is_directory })
    }

    fn relative(dir: Fd, text: &[u16]) -> Result<Self> {
        let Some(way) = paths::below(text) else { return Self::beside(dir, text) };
        if text.contains(&u16::from(b':')) {
            return Err(Errno(errno::EINVAL)); // a stream
        }
        let mut units = room(text.len())?;
        for part in way {
            if !units.is_empty() {
                units.push(u16::from(b'\\'));
            }
            units.extend_from_slice(part);
        }
        Ok(Self { root: dir, units, is_directory: paths::means_directory(text) })
    }

    /// A way that leads out of the directory, for which the system has no relative names: through the directory's
    /// own path, which is another one if somebody renames it meanwhile.
    fn beside(dir: Fd, text: &[u16]) -> Result<Self> {
        let mut path = path_of(dir)?;
        path.try_reserve(text.len().saturating_add(1)).map_err(|_| Errno(errno::ENOMEM))?;
        path.push(u16::from(b'\\'));
        path.extend_from_slice(text);
        Self::complete(paths::full(&full_path(&path)?))
    }
}

/// Whether Windows takes a path for a device (`\\.\pipe\x`, `NUL`, on some versions `NUL.txt`).
pub fn is_device(path: &CStr) -> bool {
    let Ok(text) = utf16(path) else { return false };
    match paths::literal(&text) {
        Some(rest) => paths::full_literal(rest) == Full::Device,
        None => full_path(&text).is_ok_and(|full| paths::full(&full) == Full::Device),
    }
}

fn room(units: usize) -> Result<Vec<u16>> {
    if units > LONGEST {
        return Err(Errno(errno::ENAMETOOLONG));
    }
    let mut room = Vec::new();
    room.try_reserve_exact(units).map_err(|_| Errno(errno::ENOMEM))?;
    Ok(room)
}

/// A name in UTF-16. (Names that Windows holds and UTF-8 cannot say, with half a surrogate pair, cannot be given.)
fn utf16(name: &CStr) -> Result<Vec<u16>> {
    let text = name.to_str().map_err(|_| Errno(errno::EILSEQ))?;
    let mut units = room(text.encode_utf16().count())?;
    units.extend(text.encode_utf16());
    Ok(units)
}

/// GetFullPathNameW: the current directory put before, `.` and `..` worked out, dots and spaces at the end left out,
/// devices told: all as CreateFileW does with a name.
fn full_path(text: &[u16]) -> Result<Vec<u16>> {
    let mut ended = room(text.len().saturating_add(1))?;
    ended.extend_from_slice(text);
    ended.push(0);
    filled(|into, room| {
        // SAFETY: the name is ended by a 0, and the system writes at most `room` units.
        unsafe { GetFullPathNameW(ended.as_ptr(), room, into, ptr::null_mut()) }
    })
}

/// The path of an open directory, without `\\?\`, so that it can be worked on.
fn path_of(dir: Fd) -> Result<Vec<u16>> {
    let path = filled(|into, room| {
        // SAFETY: the system writes at most `room` units.
        unsafe { GetFinalPathNameByHandleW(dir, into, room, VOLUME_NAME_DOS) }
    })?;
    let Some(rest) = paths::literal(&path) else { return Ok(path) };
    let (prefix, rest): (&[u8], _) =
        match rest.strip_prefix(paths::ascii(br"UNC\").collect::<Vec<_>>().as_slice()) {
            Some(share) => (br"\\", share),
            None => (b"", rest),
        };
    let mut units = room(prefix.len().saturating_add(rest.len()))?;
    units.extend(paths::ascii(prefix));
    units.extend_from_slice(rest);
    Ok(units)
}

/// A text that the system writes: it returns the length, or, where the room is too small, how much is needed.
fn filled(mut write: impl FnMut(*mut u16, u32) -> u32) -> Result<Vec<u16>> {
    let mut units = room(0)?;
    let mut needed = 260_usize;
    // Another thread may change the current directory between two calls.
    for _ in 0..8 {
        units.try_reserve_exact(needed).map_err(|_| Errno(errno::ENOMEM))?;
        units.resize(needed, 0);
        let length = write(units.as_mut_ptr(), u32::try_from(needed).unwrap_or(u32::MAX)) as usize;
        match length {
            0 => return Err(last_error()),
            length if length < needed => {
                units.truncate(length);
                return Ok(units);
            }
            length => needed = length.saturating_add(1),
        }
        units.clear();
    }
    Err(Errno(errno::ENAMETOOLONG))
}
