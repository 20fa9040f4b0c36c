//! Signals kept away from the threads that a call makes: the host's handlers run on the host's own threads only.
//! A new thread has the mask of the one that makes it, so that thread blocks them for that moment.

/// All signals of this thread are blocked until it is dropped, or [`SignalsBlocked::end`].
pub struct SignalsBlocked {
    #[cfg(unix)]
    before: Option<libc::sigset_t>,
}

impl SignalsBlocked {
    /// The thread's mask is again what it was.
    pub fn end(self) {}
}

/// Windows has no signals that reach a thread.
#[cfg(windows)]
impl SignalsBlocked {
    /// Nothing to block.
    pub const fn begin() -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl SignalsBlocked {
    /// Blocks them from here on. Where that fails they stay as they are.
    pub fn begin() -> Self {
        use core::mem::MaybeUninit;
        let (mut all, mut before) = (MaybeUninit::zeroed(), MaybeUninit::zeroed());
        // SAFETY: the C library fills both sets, which are ours.
        let failed = unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr())
        };
        // SAFETY: filled above when the call succeeded.
        Self { before: (failed == 0).then(|| unsafe { before.assume_init() }) }
    }
}

#[cfg(unix)]
impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        let Some(before) = &self.before else { return };
        // SAFETY: the mask is the one that this thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, core::ptr::null_mut()) };
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn is_blocked(signal: i32) -> bool {
        let mut now = core::mem::MaybeUninit::zeroed();
        // SAFETY: no new mask: the old one is only told.
        unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, core::ptr::null(), now.as_mut_ptr());
            libc::sigismember(now.as_ptr(), signal) == 1
        }
    }

    #[test]
    fn threads_made_meanwhile_take_no_signals() {
        let seen = || [libc::SIGINT, libc::SIGUSR1, libc::SIGALRM].map(is_blocked);
        let before = seen();
        let blocked = SignalsBlocked::begin();
        assert_eq!(std::thread::spawn(seen).join().unwrap(), [true; 3]);
        drop(blocked);
        assert_eq!(seen(), before);
    }
}
