//! Structures that start with their size and only ever grow at their end.
//! So a program and a library of different ages understand each other.

use core::ffi::c_int;
use core::mem::MaybeUninit;

use crate::sys::errno;

/// Larger sizes are rejected as garbage, before the memory behind them is read.
const NONSENSE: usize = 4096;

/// A structure that starts with its size and may be shorter or longer than the one known here.
///
/// # Safety
/// Plain data in C's layout, for which all zeros is a value, with a `u32` of its own size as the
/// first member.
pub unsafe trait Extensible {
    /// The size in the first release.
    const FIRST: usize;
}

/// A size, a flag or a value that is not valid.
pub(super) const INVALID: c_int = -errno::EINVAL;
const TOO_BIG: c_int = -errno::E2BIG;

/// Checks the size of the structure at `from`: not below the first release's, and nothing in the
/// part that is not known here.
///
/// # Safety
/// `from` points to a structure that is as large as its first member says.
unsafe fn check_size<T: Extensible>(from: *const T) -> Result<usize, c_int> {
    // SAFETY: the caller of this function vouches for it; it need not be aligned.
    let size = unsafe { from.cast::<u32>().read_unaligned() } as usize;
    if size < T::FIRST {
        return Err(INVALID);
    }
    if size > NONSENSE {
        return Err(TOO_BIG);
    }
    for at in size_of::<T>()..size {
        // SAFETY: within the size that the caller vouches for.
        if unsafe { from.cast::<u8>().add(at).read() } != 0 {
            return Err(TOO_BIG);
        }
    }
    Ok(size)
}

/// Checks that a structure can be written to later. NULL can: nothing will be.
///
/// # Safety
/// As [`check_size`], or NULL.
pub unsafe fn check_writable<T: Extensible>(to: *const T) -> Result<(), c_int> {
    if to.is_null() {
        return Ok(());
    }
    // SAFETY: not NULL, and the caller of this function vouches for the rest.
    unsafe { check_size(to) }.map(drop)
}

/// Reads a structure as if it were extended with zeros.
///
/// # Safety
/// As [`check_size`].
pub unsafe fn read<T: Extensible>(from: *const T) -> Result<T, c_int> {
    // SAFETY: the caller of this function vouches for it.
    let size = unsafe { check_size(from) }?;
    let mut known = MaybeUninit::<T>::zeroed();
    // SAFETY: both are at least this long, and cannot overlap: one of them is new.
    unsafe {
        from.cast::<u8>().copy_to_nonoverlapping(known.as_mut_ptr().cast::<u8>(), size.min(size_of::<T>()))
    };
    // SAFETY: all zeros is a value, and what was copied came from the same type.
    Ok(unsafe { known.assume_init() })
}

/// Writes as much of a structure as the caller has room for; its size stays what the caller said.
///
/// # Safety
/// `to` was checked by [`check_writable`] and is not NULL.
pub unsafe fn write<T: Extensible>(to: *mut T, value: &T) {
    // SAFETY: checked, as the caller of this function vouches.
    let size = unsafe { to.cast::<u32>().read_unaligned() } as usize;
    let size = size.min(size_of::<T>());
    let skip = size_of::<u32>();
    // SAFETY: `value` is one whole T, and `to` has `size` bytes at least. They cannot overlap: one
    // is the library's.
    unsafe {
        let from = core::ptr::from_ref(value).cast::<u8>().add(skip);
        from.copy_to_nonoverlapping(to.cast::<u8>().add(skip), size.saturating_sub(skip));
    }
}
