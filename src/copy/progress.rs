//! How far a copy is: what was done so far, who wants to know, and in which steps it goes so that they can be told.
//! The caller may cancel at each step.

use core::sync::atomic::{AtomicI32, Ordering};

use super::report::Report;
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
pub type Callback<'p> = &'p mut dyn FnMut(u64, u64) -> bool;

/// How far a copy is. It goes along through the whole engine.
#[derive(Default)]
pub struct Progress<'p> {
    /// What was done so far.
    pub report: Report,
    callback: Option<Callback<'p>>,
    cancel: Option<&'p AtomicI32>,
    told: Option<u64>,
    /// A clone stays one call, and so of one instant.
    whole_clones: bool,
}

impl<'p> Progress<'p> {
    /// Nothing is done yet; `callback` is told of what will be.
    pub fn new(callback: Option<Callback<'p>>) -> Self {
        Self { callback, ..Self::default() }
    }

    /// The same, with each clone in one call.
    pub fn with_whole_clones(callback: Callback<'p>) -> Self {
        Self { callback: Some(callback), whole_clones: true, ..Self::default() }
    }

    /// The same for a caller whose flag, once it is not 0, asks to stop.
    pub fn cancelled_by(self, flag: Option<&'p AtomicI32>) -> Self {
        Self { cancel: flag, ..self }
    }

    /// Whether a large clone is done in steps.
    pub fn clones_in_steps(&self) -> bool {
        self.is_watched() && !self.whole_clones
    }

    /// Whether anyone watches, or may cancel: then the work is done in steps.
    pub fn is_watched(&self) -> bool {
        self.callback.is_some() || self.cancel.is_some()
    }

    /// Stops where the caller's flag asks for it.
    pub fn check(&self) -> Result<()> {
        match self.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) != 0 => Err(cancelled()),
            _ => Ok(()),
        }
    }

    /// Tells of `done` of `total` bytes if that is news: the first time, after a stretch, at the
    /// end, and when the copy begins again.
    pub fn tell(&mut self, done: u64, total: u64) -> Result<()> {
        self.check()?;
        let Some(callback) = self.callback.as_mut() else { return Ok(()) };
        let news = self.told.is_none_or(|told| {
            done < told || done.abs_diff(told) >= COPY_STEP || (done >= total && done != told)
        });
        if !news {
            return Ok(());
        }
        self.told = Some(done);
        if callback(done, total.max(done)) { Ok(()) } else { Err(cancelled()) }
    }
}

const fn cancelled() -> Error {
    Error::new(Step::Progress, Cause::Cancelled)
}
