//! When a call is made again: after a signal, when the answer is "not yet", and where giving up would leave something behind.
//! Tries are counted, so that every loop ends.

use super::table::{self, Operation, Verdict};
use crate::sys::{Fd, Result, Sys};

/// How often a call that a signal interrupted is made again, and one that answers "not yet".
const AGAIN_AT_MOST: u32 = 8;
const LATER_AT_MOST: u32 = 3;

/// The tries of a call that got nowhere.
#[derive(Default)]
pub struct Tries {
    again: u32,
    later: u32,
}

impl Tries {
    /// Whether to make the call again that got this verdict.
    pub fn another(&mut self, verdict: Verdict) -> bool {
        let (tries, most) = match verdict {
            Verdict::Again => (&mut self.again, AGAIN_AT_MOST),
            Verdict::Later | Verdict::WaitIfOnlyMethod => (&mut self.later, LATER_AT_MOST),
            _ => return false,
        };
        *tries = tries.saturating_add(1);
        *tries <= most
    }
}

/// Makes a clone call, again where that helps. `only_method`: there is no copy to fall back to, so
/// that it is worth waiting for the blocks of `src`.
pub fn clone<S: Sys, T>(sys: &S, src: Fd, only_method: bool, call: impl Fn() -> Result<T>) -> Result<T> {
    let mut tries = Tries::default();
    loop {
        let outcome = call();
        let Err(errno) = outcome else { return outcome };
        let verdict = table::verdict(Operation::Clone, errno);
        let waits = verdict == Verdict::WaitIfOnlyMethod;
        if (waits && !only_method) || !tries.another(verdict) {
            return outcome;
        }
        if waits {
            let _ = sys.sync(src); // what counts is the next answer
        }
    }
}

/// How often a name is looked at and removed until it is gone, and how often that may fail for another reason than that
/// its file is still open.
const REMOVALS_AT_MOST: u32 = 8;
const FAILURES_AT_MOST: u32 = 2;

/// Removes a name until it is seen to be gone, and returns whether it is. `attempt` returns whether there was something to
/// remove; that there was nothing is believed once it was removed, or the second time.
pub fn removal(attempt: impl Fn() -> Result<bool>) -> bool {
    let (mut removed, mut failures) = (false, 0_u32);
    for _ in 0..REMOVALS_AT_MOST {
        let attempt = attempt();
        match attempt {
            Ok(true) => removed = true,
            Err(errno) if table::still_open(errno) => {}
            Ok(false) | Err(_) => failures = failures.saturating_add(1),
        }
        if failures == FAILURES_AT_MOST || (removed && failures > 0) {
            return removed || attempt == Ok(false);
        }
    }
    removed
}

/// Tries something a second time if it failed: what it was to remove would stay for good.
pub fn once_more<T>(call: impl Fn() -> Result<T>) -> Result<T> {
    call().or_else(|_| call())
}
