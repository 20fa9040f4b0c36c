//! Chance that can be had again: one seed for a run, printed, and a time to spend, both from the environment.
//! REFLINK_SEED=n repeats a run; REFLINK_OPS=n ends the model's after so many steps; REFLINK_TIME=n is the long form, in seconds.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is not a number")))
}

/// The seed of this run.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64 & 0xffff_ffff;
        number("REFLINK_SEED").unwrap_or_else(now)
    })
}

/// How many steps the model is to do, where that and not time is the bound.
pub fn operations() -> Option<u64> {
    number("REFLINK_OPS")
}

/// The time that one of the tests that could go on for ever may spend: `short` seconds in the default run; in the long one
/// what is its part of REFLINK_TIME, given that as many run at once as there are processors.
pub fn time(short: u64) -> Duration {
    /// The model on its file systems, the faults on theirs, the comparisons and the removals on theirs.
    const SHARERS: f64 = 17.0;
    match number("REFLINK_TIME") {
        Some(all) => {
            let at_once = std::thread::available_parallelism().map_or(1.0, |number| number.get() as f64);
            Duration::from_secs_f64(all as f64 * (at_once / SHARERS).min(0.9))
        }
        None => Duration::from_secs(short),
    }
}

/// splitmix64: small, and good enough to choose with.
pub struct Random(u64);

impl Random {
    /// The same for the same seed and name.
    pub fn new(seed: u64, name: &str) -> Self {
        let mixed = name.bytes().fold(seed ^ 0x51_7c_c1_b7, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(mixed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end` - 1.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len() as u64) as usize]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
