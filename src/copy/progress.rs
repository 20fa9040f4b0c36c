//! How a copy tells its caller how far it is, and in which steps it goes so that it can.
//! The caller may cancel at each step.

use crate::error::{Cause, Error, Result, Step};

/// The largest stretch moved by one call that can be interrupted or that counts: 1 GiB.
///
/// It keeps clear of the kernel's own limit of 2 GiB - 4 KiB, of FUSE's 32-bit answers, and of
/// 32-bit `ssize_t`.
pub(crate) const STEP: u64 = 1 << 30;

/// The stretch copied between two calls of a progress function: 16 MiB, a second of a slow disk at
/// most.
pub(crate) const COPY_STEP: u64 = 16 << 20;

/// The caller's progress function: bytes done and bytes in all; `false` asks to stop.
pub type Progress<'p> = &'p mut dyn FnMut(u64, u64) -> bool;

/// Tells the caller how far the copy is, if the caller wants to know.
#[derive(Default)]
pub struct Meter<'p> {
    callback: Option<Progress<'p>>,
    told: Option<u64>,
}

impl<'p> Meter<'p> {
    /// A meter that reports to `callback`.
    pub fn new(callback: Option<Progress<'p>>) -> Self {
        Self { callback, told: None }
    }

    /// Whether anyone is listening: then the work is done in steps.
    pub fn listens(&self) -> bool {
        self.callback.is_some()
    }

    /// Reports `done` of `total` bytes if that is news: the first time, after a stretch, and at the
    /// end.
    pub fn tell(&mut self, done: u64, total: u64) -> Result<()> {
        let Some(callback) = self.callback.as_mut() else { return Ok(()) };
        let news = self
            .told
            .is_none_or(|told| done.saturating_sub(told) >= COPY_STEP || (done >= total && done != told));
        if !news {
            return Ok(());
        }
        self.told = Some(done);
        if callback(done, total.max(done)) {
            Ok(())
        } else {
            Err(Error::new(Step::Progress, Cause::Cancelled))
        }
    }
}
