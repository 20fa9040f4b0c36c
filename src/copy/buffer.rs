//! The one buffer of read and write.
//! It comes into being with the first byte that needs it, and a failure to get one is an error like any other.

use crate::error::{At, Result, Step};
use crate::sys::Errno;
use crate::sys::errno::ENOMEM;

/// 256 KiB, about where larger ones stop being faster (coreutils' ioblksize.h).
const SIZE: usize = 256 << 10;

/// A buffer that grows up to 256 KiB.
#[derive(Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// Its first `want` bytes, or all that it can have.
    pub fn first(&mut self, want: u64) -> Result<&mut [u8]> {
        let size = usize::try_from(want).unwrap_or(usize::MAX).min(SIZE);
        if self.0.len() < size {
            let more = size.saturating_sub(self.0.len());
            self.0.try_reserve_exact(more).map_err(|_| Errno(ENOMEM)).at(Step::Copy)?;
            self.0.resize(size, 0);
        }
        Ok(self.0.get_mut(..size).unwrap_or_default())
    }
}
