//! Tests that find out for themselves that they cannot be made here: they count as ignored, never as passed.
//! Whatever calls `skip` must run in a `trial`.

use libtest_mimic::{Completion, Trial};

/// Why a test could not be made here, on its way out of it.
struct Skipped(String);

/// Ends a test that needs what is not here: it counts as ignored, with the reason.
pub fn skip(why: impl Into<String>) -> ! {
    std::panic::resume_unwind(Box::new(Skipped(why.into())))
}

/// A test that may find out that it cannot be made here.
pub fn trial(name: String, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::ignorable_test(name.clone(), move || {
        let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test)) else {
            return Ok(Completion::Completed);
        };
        match payload.downcast::<Skipped>() {
            Ok(skipped) => {
                println!("SKIPPED: {name}: {}", skipped.0);
                Ok(Completion::ignored_with(skipped.0))
            }
            Err(failure) => std::panic::resume_unwind(failure),
        }
    })
}
