//! The one buffer of read and write, which begins at a page. malloc puts a large block 16 bytes into one, and on AMD processors with
//! FSRM the kernel's copy into such an address takes five times as long (256 KiB: 211 us, and 41 us into an aligned buffer).

use crate::error::{At, Result, Side, Step};
use crate::sys::Errno;
use crate::sys::errno::ENOMEM;

/// 256 KiB, about where larger ones stop being faster (coreutils' ioblksize.h).
const SIZE: usize = 256 << 10;

/// The smallest page of any system.
const PAGE: usize = 4096;

/// A buffer that grows up to 256 KiB. It comes into being with the first byte that needs it, and a failure to get one is an
/// error like any other.
#[derive(Default)]
pub struct Buffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    /// Its first `want` bytes, or all that it can have.
    pub fn first(&mut self, want: u64) -> Result<&mut [u8]> {
        let length = usize::try_from(want).unwrap_or(usize::MAX).min(SIZE);
        if self.length < length {
            *self = Self::with_room(length).at(Step::Copy(Side::Neither))?;
        }
        let end = self.start.saturating_add(length);
        Ok(self.memory.get_mut(self.start..end).unwrap_or_default())
    }

    fn with_room(length: usize) -> crate::sys::Result<Self> {
        let mut memory = Vec::new();
        let size = length.saturating_add(PAGE);
        memory.try_reserve_exact(size).map_err(|_| Errno::own(ENOMEM))?;
        memory.resize(size, 0);
        // A way to the next page, and so less than one; the limit is for what align_offset may say at build time.
        let start = memory.as_ptr().align_offset(PAGE).min(PAGE);
        Ok(Self { memory, start, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_page_and_is_as_large_as_asked_for() {
        for wants in [[1, 4096], [5000, 100], [4097, 256 << 10], [u64::MAX, 64 << 10]] {
            let mut buffer = Buffer::default();
            for want in wants {
                let window = buffer.first(want).unwrap();
                let at_most = usize::try_from(want).unwrap_or(usize::MAX).min(SIZE);
                assert_eq!((window.len(), window.as_ptr().addr() % PAGE), (at_most, 0));
                window.fill(1);
            }
        }
    }
}
