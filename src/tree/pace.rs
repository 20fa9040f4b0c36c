//! Decides whether helpers work or rest, by trying by turns how long files take with them and without.
//! Where threads mostly wait for each other, helpers rest. (Linux 6.18: on Btrfs two threads took 1.2 of the time of one, on
//! XFS with many extents in a file 3 to 5 times as long: docs/performance-large.md.) No file system's name decides.

use std::time::{Duration, Instant};

/// How long a trial lasts, and how many files it needs at least.
const TRIAL: Duration = Duration::from_millis(3);
const ENOUGH: u64 = 8;

/// For how many times that long the better way is kept before the other one is tried again: at first; at least, if it is
/// better by a fifth; at most, if it was better again and again; at most, if a trial meets large files.
const FIRST: u32 = 8;
const CLEAR: u32 = 128;
const MOST: u32 = 256;
const RARE: u32 = 2048;

/// If a file takes longer than `LARGE`, no thread is tried alone. A trial that meets such files ends after `TOO_LONG` more.
const LARGE: Duration = Duration::from_millis(10);
const TOO_LONG: Duration = Duration::from_millis(50);

/// Who copies files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// All threads.
    Together,
    /// The one that walks.
    Alone,
}

impl Way {
    const fn other(self) -> Self {
        match self {
            Self::Together => Self::Alone,
            Self::Alone => Self::Together,
        }
    }
}

/// What is known of both ways.
pub(super) struct Pace {
    way: Way,
    /// When the present way began, and how much was done by then. `None`: it begins when the helpers are at rest.
    since: Option<(Instant, u64)>,
    /// How long the present way is kept.
    lasts: Duration,
    /// In a trial: what the other way took for a file, in nanoseconds.
    other: Option<u128>,
    /// The better way by the last trial, and for how many trials' time it is kept.
    better: Way,
    kept: u32,
}

impl Pace {
    pub(super) const fn new() -> Self {
        let (way, better) = (Way::Together, Way::Together);
        Self { way, since: None, lasts: TRIAL, other: None, better, kept: FIRST }
    }

    /// Called after each file. Returns how to go on, if that is decided now. `done`: how much is done, in units that take about
    /// equally long. `rest`: whether the helpers are at rest.
    pub(super) fn look(&mut self, now: Instant, done: u64, rest: impl FnOnce() -> bool) -> Option<Way> {
        let Some((begun, before)) = self.since else {
            if self.way == Way::Together || rest() {
                self.since = Some((now, done));
            }
            return None;
        };
        let (time, count) = (now.saturating_duration_since(begun), done.saturating_sub(before));
        if time < self.lasts {
            return None;
        }
        if count < ENOUGH {
            let too_long = self.way == Way::Alone && time >= self.lasts.saturating_add(TOO_LONG);
            return too_long.then(|| self.keep_together());
        }
        let took = time.as_nanos().checked_div(count.into())?;
        Some(match self.other.take() {
            Some(other) => self.decide(took, other),
            None if self.way == Way::Together && took > LARGE.as_nanos() => self.keep_together(),
            None => {
                self.other = Some(took);
                self.go_on(self.way.other(), 1)
            }
        })
    }

    fn decide(&mut self, took: u128, other: u128) -> Way {
        let better = if took < other { self.way } else { self.way.other() };
        let is_clear = took.min(other).saturating_mul(5) <= took.max(other).saturating_mul(4);
        self.kept = if better == self.better { self.kept.saturating_mul(2).min(MOST) } else { FIRST };
        if is_clear {
            self.kept = self.kept.max(CLEAR);
        }
        self.better = better;
        self.go_on(better, self.kept)
    }

    fn keep_together(&mut self) -> Way {
        (self.other, self.better) = (None, Way::Together);
        self.kept = self.kept.saturating_mul(4).clamp(CLEAR, RARE);
        self.go_on(Way::Together, self.kept)
    }

    fn go_on(&mut self, way: Way, trials: u32) -> Way {
        (self.way, self.since, self.lasts) = (way, None, TRIAL.saturating_mul(trials));
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree where a file takes so many microseconds.
    struct Run {
        pace: Pace,
        begin: Instant,
        micros: u64,
        done: u64,
    }

    impl Run {
        fn new() -> Self {
            Self { pace: Pace::new(), begin: Instant::now(), micros: 0, done: 0 }
        }

        /// Goes on for so many milliseconds; returns how many of them were alone.
        fn alone(&mut self, milliseconds: u64, [together, alone]: [u64; 2]) -> u64 {
            let (end, mut spent) = (self.micros + milliseconds * 1000, 0);
            while self.micros < end {
                let is_alone = self.pace.way == Way::Alone;
                let took = if is_alone { alone } else { together };
                self.micros += took;
                self.done += 1;
                spent += if is_alone { took } else { 0 };
                self.pace.look(self.begin + Duration::from_micros(self.micros), self.done, || true);
            }
            spent / 1000
        }
    }

    #[test]
    fn threads_that_gain_much_rest_for_a_moment() {
        let spent = Run::new().alone(1000, [20, 35]);
        assert!((3..=10).contains(&spent), "{spent} ms");
    }

    #[test]
    fn threads_that_slow_each_other_down_rest() {
        let spent = Run::new().alone(1000, [24, 22]);
        assert!((950..990).contains(&spent), "{spent} ms");
    }

    #[test]
    fn what_changes_on_the_way_is_seen() {
        let mut run = Run::new();
        assert!(run.alone(2000, [60, 20]) > 1900);
        assert!(run.alone(4000, [20, 60]) < 800, "until the other way is tried again");
        assert!(run.alone(4000, [60, 20]) > 3200);
    }

    #[test]
    fn large_files_are_not_left_to_one_thread() {
        assert_eq!(Run::new().alone(10_000, [100_000, 200_000]), 0);
        let mut run = Run::new();
        run.alone(20, [100, 100]);
        let spent = run.alone(10_000, [9000, 60_000]);
        assert!(spent < 1000, "{spent} ms");
    }

    #[test]
    fn a_trial_begins_when_the_others_rest() {
        let (mut pace, begin) = (Pace::new(), Instant::now());
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        assert_eq!(pace.look(at(0), 0, || false), None);
        assert_eq!(pace.look(at(3), 100, || false), Some(Way::Alone));
        assert_eq!(pace.look(at(4), 150, || false), None);
        assert_eq!(pace.look(at(20), 900, || true), None, "it begins");
        assert_eq!(pace.look(at(22), 920, || true), None);
        assert_eq!(pace.look(at(23), 930, || true), Some(Way::Together), "30 in 3 ms against 100");
        // And a single large file ends it.
        let mut pace = Pace::new();
        assert_eq!(pace.look(at(0), 0, || true), None);
        assert_eq!(pace.look(at(3), 100, || true), Some(Way::Alone));
        assert_eq!(pace.look(at(4), 101, || true), None);
        assert_eq!(pace.look(at(30), 102, || true), None);
        assert_eq!(pace.look(at(70), 102, || true), Some(Way::Together));
    }
}
