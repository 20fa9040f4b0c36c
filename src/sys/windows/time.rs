//! Times as Windows keeps them: steps of 100 nanoseconds since the beginning of 1601, UTC.
//! Plain arithmetic, tested on every system.

use crate::sys::api::{Errno, Result, Time};
use crate::sys::errno;

const STEPS_PER_SECOND: i64 = 10_000_000;

/// Seconds from 1601 to 1970: 369 years, 89 of them leap years.
const EPOCH: i64 = 11_644_473_600;

/// From Windows' time.
pub fn from_filetime(steps: i64) -> Time {
    Time {
        seconds: steps.div_euclid(STEPS_PER_SECOND).saturating_sub(EPOCH),
        nanoseconds: steps.rem_euclid(STEPS_PER_SECOND).saturating_mul(100),
    }
}

/// To Windows' time, cut to its steps. What lies before its beginning cannot be said: 0 and the negative numbers
/// mean "leave it" (FILE_BASIC_INFORMATION).
pub fn to_filetime(time: Time) -> Result<i64> {
    let beyond = Errno(errno::EOVERFLOW);
    let seconds = time.seconds.checked_add(EPOCH).ok_or(beyond)?;
    let steps = seconds
        .checked_mul(STEPS_PER_SECOND)
        .and_then(|steps| steps.checked_add(time.nanoseconds.checked_div(100)?))
        .ok_or(beyond)?;
    if steps > 0 { Ok(steps) } else { Err(beyond) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were_in_steps_of_100_nanoseconds() {
        for (seconds, nanoseconds) in
            [(0, 0), (1_700_000_000, 123_456_700), (-1, 999_999_900), (4_102_444_800, 0), (-EPOCH, 100)]
        {
            let time = Time { seconds, nanoseconds };
            assert_eq!(from_filetime(to_filetime(time).unwrap()), time);
        }
        let fine = Time { seconds: 5, nanoseconds: 199 };
        assert_eq!(from_filetime(to_filetime(fine).unwrap()), Time { seconds: 5, nanoseconds: 100 });
    }

    #[test]
    fn known_points() {
        assert_eq!(from_filetime(116_444_736_000_000_000), Time::default()); // the Unix epoch, as Microsoft gives it
        assert_eq!(from_filetime(0), Time { seconds: -EPOCH, nanoseconds: 0 });
    }

    #[test]
    fn what_windows_cannot_say_is_an_error() {
        for seconds in [-EPOCH, -EPOCH - 1, i64::MIN, i64::MAX, i64::MAX / STEPS_PER_SECOND] {
            assert_eq!(to_filetime(Time { seconds, nanoseconds: 0 }), Err(Errno(errno::EOVERFLOW)));
        }
    }
}
