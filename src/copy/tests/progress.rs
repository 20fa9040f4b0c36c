//! The progress function: when it is called, what it is told, and what a cancel at each of its calls leaves.

use std::cell::Cell;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

use super::data::{assert_copied, file};
use super::{Api, Outcome, Scenario, Source, There};
use crate::copy::{COPY_STEP, Durability, IfExists, Mode, Options, STEP};
use crate::error::{Cause, Error, Step};
use crate::sys::model::Call;
use crate::sys::model::disk::Traits;
use crate::sys::model::fault::{Fault, Lasting, Odd, Place};

fn watched(scenario: Scenario) -> Scenario {
    Scenario { watched: true, ..scenario }
}

fn scenarios() -> Vec<Scenario> {
    let mut all = Vec::new();
    for mode in [Mode::Auto, Mode::Never] {
        for (from, to) in [
            (Traits::XFS, Traits::XFS),
            (Traits::EXT4, Traits::EXT4),
            (Traits::PROC, Traits::XFS),
            (Traits::REFS, Traits::REFS),
            (Traits::NTFS, Traits::NTFS),
            (Traits::APFS, Traits::APFS),
            (Traits::HFS, Traits::HFS),
            (Traits::ZFS, Traits::ZFS),
        ] {
            for source in [Source::Plain, Source::Empty, Source::Sparse] {
                let source = if from == Traits::PROC { Source::Pseudo } else { source };
                for durability in [Durability::Atomic, Durability::Durable, Durability::Unstaged] {
                    for there in [There::Nothing, There::File(3000)] {
                        let if_exists = IfExists::Replace;
                        let options = Options { mode, durability, if_exists, ..Options::default() };
                        all.push(watched(Scenario {
                            options,
                            from,
                            source,
                            there,
                            ..Scenario::new(Api::File, to)
                        }));
                    }
                }
            }
        }
    }
    let large = Traits { most: 1 << 31, ..Traits::EXT4 };
    for volume in [Traits::XFS, large] {
        all.push(watched(file(Mode::Auto, volume, Source::Huge)));
    }
    all
}

/// Begin and end, never backwards, a total that is never less than what is done.
fn assert_told(outcome: &Outcome, size: u64) {
    let told = &outcome.told;
    let (Some(first), Some(last)) = (told.first(), told.last()) else { panic!("nothing was told") };
    assert_eq!((first.0, *last), (0, (size, size)), "{told:?}");
    assert!(told.iter().all(|(done, total)| done <= total), "{told:?}");
    assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{told:?}");
}

#[test]
fn it_is_called_at_the_beginning_and_at_the_end_and_tells_the_truth() {
    for scenario in scenarios() {
        let (bench, outcome) = scenario.play();
        assert_copied(&bench, &outcome);
        assert_told(&outcome, bench.source_size());
        let knows_its_size = scenario.source != Source::Pseudo;
        let total = |total: u64| !knows_its_size || total == bench.source_size();
        assert!(outcome.told.iter().all(|told| total(told.1)), "{:?}", outcome.told);
    }
}

#[test]
fn steps_are_small_enough() {
    let (bench, outcome) = watched(file(Mode::Auto, Traits::XFS, Source::Huge)).play();
    assert_copied(&bench, &outcome);
    let world = bench.model.world();
    let clones: Vec<u64> = world
        .log
        .iter()
        .filter(|event| event.call == Call::CloneRange)
        .map(|event| event.numbers[2])
        .collect();
    assert_eq!(clones, [STEP, STEP, (5 << 29) + 100 - 2 * STEP]);
    assert!(outcome.told.windows(2).all(|pair| pair[1].0 - pair[0].0 <= STEP));
    drop(world);
    let (bench, _) = file(Mode::Auto, Traits::XFS, Source::Huge).play();
    assert_eq!(bench.model.count(Call::CloneFile), 1, "one call where nobody watches");

    let large = Traits { most: 1 << 31, tells_holes: false, clones: false, ..Traits::XFS };
    let scenario = watched(file(Mode::Auto, large, Source::Plain));
    let (bench, _) = scenario.play();
    let world = bench.model.world();
    let copies = world.log.iter().filter(|event| event.call == Call::KernelCopy);
    assert!(copies.map(|event| event.numbers[2]).all(|length| length <= COPY_STEP));
}

#[test]
fn a_cancel_at_any_call_leaves_the_old_state() {
    let mut cancelled = 0;
    for scenario in scenarios() {
        let calls = scenario.play().1.told.len();
        for nth in 1..=calls {
            let bench = scenario.set_up();
            let old = bench.there();
            let count = Cell::new(0);
            let outcome = scenario.run_telling(&bench, |_, _| {
                count.set(count.get() + 1);
                count.get() != nth
            });
            let error = outcome.result.unwrap_err();
            assert_eq!((error.step, error.cause), (Step::Progress, Cause::Cancelled));
            assert_eq!(outcome.told.len(), nth, "not called again");
            assert_eq!((bench.there(), bench.litter()), (old, vec![]));
            assert_eq!(bench.model.world().leaked(), vec![]);
            cancelled += 1;
        }
    }
    assert!(cancelled > 100, "{cancelled}");
}

/// A flag stops the copy before the next step, and after the last one before the copy gets its name.
#[test]
fn a_flag_cancels_between_the_steps() {
    for scenario in scenarios() {
        let calls = scenario.play().1.told.len();
        for nth in 0..=calls {
            let (bench, flag, told) = (scenario.set_up(), AtomicI32::new(0), Cell::new(0));
            flag.store(i32::from(nth == 0), Relaxed);
            let old = bench.there();
            let set = |_, _| {
                told.set(told.get() + 1);
                flag.store(i32::from(told.get() == nth), Relaxed);
                true
            };
            let outcome = scenario.run_cancellable(&bench, set, Some(&flag));
            assert_eq!(outcome.result, Err(Error::new(Step::Progress, Cause::Cancelled)), "{nth}");
            assert_eq!((outcome.told.len(), bench.there(), bench.litter()), (nth, old, vec![]));
            assert_eq!((bench.model.count(Call::Sync), bench.model.world().leaked()), (0, vec![]));
        }
    }
}

/// Nobody is told of the steps, but the flag is looked at between them.
#[test]
fn a_flag_alone_divides_the_work_too() {
    let flag = AtomicI32::new(0);
    let scenario = file(Mode::Auto, Traits::XFS, Source::Huge);
    let bench = scenario.set_up();
    let outcome = scenario.run_cancellable(&bench, |_, _| unreachable!(), Some(&flag));
    assert_copied(&bench, &outcome);
    assert_eq!(bench.model.count(Call::CloneRange), 3);
    flag.store(-1, Relaxed);
    let ranged = Api::Range { src_offset: 100, dst_offset: 1124, length: 3000 };
    for api in [Api::File, Api::Descriptor, ranged] {
        let there = if api == Api::File { There::Nothing } else { There::File(9000) };
        let scenario = Scenario { there, ..Scenario::new(api, Traits::XFS) };
        let bench = scenario.set_up();
        let outcome = scenario.run_cancellable(&bench, |_, _| true, Some(&flag));
        assert_eq!(outcome.result.map_err(|error| error.cause), Err(Cause::Cancelled));
        assert_eq!((outcome.report.total(), bench.litter()), (0, vec![]));
        assert!(!outcome.report.destination_changed);
    }
}

/// The data is copied once more: an unnamed file cannot get a name, or a clone came out short.
#[test]
fn a_second_pass_is_told_from_its_beginning_and_can_be_cancelled() {
    let linkless = Traits { links_unnamed: false, ..Traits::XFS };
    let short = Some(Fault::Odd(Odd::ShortClone));
    for (volume, mode, fault) in [
        (linkless, Mode::Never, None),
        (linkless, Mode::Auto, None),
        (Traits { links_unnamed: false, ..Traits::EXT4 }, Mode::Auto, None),
        (Traits::XFS, Mode::Auto, short),
    ] {
        let scenario = watched(file(mode, volume, Source::Plain));
        let run = |stop_at: usize| {
            let bench = scenario.set_up();
            if let Some(fault) = fault {
                bench.model.world_mut().faults.plan(Place::Of(Call::CloneFile, 1), fault, Lasting::Once);
            }
            let calls = Cell::new(0);
            let outcome = scenario.run_telling(&bench, |_, _| {
                calls.set(calls.get() + 1);
                calls.get() != stop_at
            });
            (bench, outcome)
        };
        let (bench, outcome) = run(usize::MAX);
        assert_copied(&bench, &outcome);
        assert_eq!(outcome.told, [(0, 5220), (5220, 5220), (0, 5220), (5220, 5220)], "{mode:?}");
        for stop_at in 1..=4 {
            let (bench, outcome) = run(stop_at);
            assert_eq!(outcome.result.map_err(|error| error.cause), Err(Cause::Cancelled));
            assert_eq!((bench.there(), bench.litter()), (None, vec![]));
        }
    }
}

#[test]
fn descriptors_and_ranges_are_told_too() {
    let ranged = Api::Range { src_offset: 100, dst_offset: 1124, length: 3000 };
    for (api, size) in [(Api::Descriptor, 5220), (ranged, 3000)] {
        for mode in [Mode::Auto, Mode::Never] {
            for volume in [Traits::XFS, Traits::EXT4] {
                let options = Options { mode, ..Options::default() };
                let base = Scenario::new(api, volume);
                let scenario = watched(Scenario { options, there: There::File(9000), ..base });
                let (bench, outcome) = scenario.play();
                assert_eq!(outcome.result, Ok(()));
                assert_told(&outcome, size);
                let stopped = scenario.run_telling(&scenario.set_up(), |_, _| false);
                assert_eq!(stopped.result.map_err(|error| error.cause), Err(Cause::Cancelled));
                drop(bench);
            }
        }
    }
}
