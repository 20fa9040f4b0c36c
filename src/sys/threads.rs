//! Threads that have ended, which Linux counts among the process's for a moment more.
//! pthread_join(3) returns when the kernel has cleared the thread's number in memory, before it takes the thread off the list.

/// A thread of this process.
pub struct Thread {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    number: libc::c_long,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Thread {
    /// The one that asks.
    pub fn current() -> Self {
        // SAFETY: it takes nothing, and cannot fail. (The function gettid() is younger than some C libraries.)
        Self { number: unsafe { libc::syscall(libc::SYS_gettid) } }
    }

    /// Waits for a thread that was joined until the process has it no more. Until then unshare(CLONE_NEWUSER) and setns(2)
    /// refuse the caller, as a process of several threads. Tries are counted, since the number may be another thread's.
    pub fn wait_until_gone(self) {
        const TRIES: u32 = 10_000;
        for _ in 0..TRIES {
            // SAFETY: signal 0 is none: only the thread is looked for.
            let found = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.number, 0) };
            if found != 0 {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// Nothing to wait for is known of other systems.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Thread {
    /// The one that asks.
    pub const fn current() -> Self {
        Self {}
    }

    /// Does nothing.
    pub const fn wait_until_gone(self) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_was_waited_for_is_gone() {
        for round in 0..3000 {
            let ended = std::thread::spawn(Thread::current).join().unwrap();
            let listed = format!("/proc/self/task/{}", ended.number);
            ended.wait_until_gone();
            assert!(!std::path::Path::new(&listed).exists(), "round {round}");
        }
    }
}
