//! pthread_cancel(3), put off while a call of the library runs. The calls of a copy are cancellation points: glibc would unwind this
//! library's frames there, which ends the whole process, musl would end the thread with half a file under its name.

/// Disables the thread's cancellation until it is dropped. A request made before then acts at the caller's next cancellation point.
pub struct Uncancelled {
    #[cfg(not(any(windows, target_os = "android")))]
    before: Option<core::ffi::c_int>,
}

/// Windows and bionic know no cancellation.
#[cfg(any(windows, target_os = "android"))]
impl Uncancelled {
    /// Nothing to disable.
    pub const fn begin() -> Self {
        Self {}
    }
}

#[cfg(not(any(windows, target_os = "android")))]
mod pthread {
    use core::ffi::c_int;
    use core::ptr;

    /// As each system's `<pthread.h>` has it; the crate libc does not, outside Apple's.
    const DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }

    impl super::Uncancelled {
        /// Disables cancellation from here on.
        pub fn begin() -> Self {
            let mut before = DISABLE;
            // SAFETY: the C library writes one int of our own.
            let done = unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
            Self { before: (done == 0).then_some(before) }
        }
    }

    impl Drop for super::Uncancelled {
        fn drop(&mut self) {
            let Some(before) = self.before else { return };
            let mut unused = before;
            // SAFETY: the state is the one that this thread had; the C library writes one int of our own.
            unsafe { pthread_setcancelstate(before, ptr::from_mut(&mut unused)) };
        }
    }
}
