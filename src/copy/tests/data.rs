//! The data, one promise at a time: methods that stop halfway, ends that are none, holes, sources that change.
//! The numbers in the comments are rows of the list of failures seen in other programs that each test shows not to be here.

use super::{Api, Bench, Outcome, Scenario, Source, There};
use crate::copy::{Durability, Method, Mode, Options, Preserve, Reason, table};
use crate::error::{Cause, Side, Step};
use crate::sys::Errno;
use crate::sys::errno::*;
use crate::sys::model::disk::{KernelCopy, Traits};
use crate::sys::model::fault::{Fault, Lasting, Odd, Place};
use crate::sys::model::{Call, When};

/// Runs a scenario with one fault at the n-th call of a kind.
pub(super) fn with_fault(
    scenario: &Scenario,
    (call, nth): (Call, usize),
    fault: Fault,
    lasting: Lasting,
) -> (Bench, Outcome) {
    let bench = scenario.set_up();
    bench.model.world_mut().faults.plan(Place::Of(call, nth), fault, lasting);
    let outcome = scenario.run(&bench);
    assert!(bench.model.world().faults.fired > 0, "{call:?} was not made {nth} times");
    assert_eq!(bench.model.world().leaked(), vec![]);
    assert_eq!(bench.litter(), Vec::<String>::new());
    (bench, outcome)
}

pub(super) fn file(mode: Mode, volume: Traits, source: Source) -> Scenario {
    let options = Options { mode, ..Options::default() };
    Scenario { options, source, ..Scenario::new(Api::File, volume) }
}

/// It succeeded, and what stands under the name is the source's content.
pub(super) fn assert_copied(bench: &Bench, outcome: &Outcome) {
    assert_eq!(outcome.result, Ok(()));
    let ino = bench.there().expect("a copy");
    assert!(bench.is_copy(ino));
    assert_eq!(outcome.report.total(), bench.source_size());
}

/// Blocks that are taken by the copy and by the source.
fn allocated(bench: &Bench) -> (u64, u64) {
    let there = bench.there().expect("a copy");
    let world = bench.model.world();
    (world.disk.data(there).allocated(), world.disk.data(bench.source).allocated())
}

/// 22: the size of 0, the copy call's 0, and a size that is a page.
#[test]
fn a_file_of_procfs_or_sysfs_is_copied_with_its_content() {
    for source in [Source::Pseudo, Source::Sysfs] {
        for mode in [Mode::Auto, Mode::Never] {
            let scenario = Scenario { from: Traits::PROC, ..file(mode, Traits::XFS, source) };
            let (bench, outcome) = scenario.play();
            assert_copied(&bench, &outcome);
            assert_eq!(outcome.report.method(), Method::Copy);
        }
    }
}

/// 22, 23: a copy call that moves nothing and says so is no end of the file.
#[test]
fn a_copy_call_that_returns_0_is_not_the_end() {
    for nth in [1, 2] {
        let scenario = file(Mode::Auto, Traits::EXT4, Source::Plain);
        let zero = Fault::Odd(Odd::Zero);
        let (bench, outcome) = with_fault(&scenario, (Call::KernelCopy, nth), zero, Lasting::Kind);
        assert_copied(&bench, &outcome);
    }
}

/// 23: kernels before 5.3, whose copy call gave empty copies without an error (Linux backend: `trusted_release`).
#[test]
fn a_copy_call_that_cannot_be_trusted_is_not_made() {
    let scenario = file(Mode::Auto, Traits::EXT4, Source::Plain);
    let bench = scenario.set_up();
    bench.model.world_mut().kernel_copy_usable = false;
    let outcome = scenario.run(&bench);
    assert_copied(&bench, &outcome);
    assert_eq!(bench.model.count(Call::KernelCopy), 0);
}

/// 35: without procfs there is no second description whose offset may move: then holes are not
/// asked for, and the zeros that are read become them.
#[test]
fn the_callers_offset_is_not_moved_to_find_holes() {
    for procfs in [true, false] {
        let base = Scenario::new(Api::Descriptor, Traits::EXT4);
        let scenario = Scenario { source: Source::Sparse, there: There::File(0), ..base };
        let bench = scenario.set_up();
        bench.model.world_mut().procfs = procfs;
        let outcome = scenario.run(&bench);
        assert_copied(&bench, &outcome);
        assert_eq!(bench.model.count(Call::SeekData) > 0, procfs);
    }
}

/// Of most files one call tells that there is no hole. Where there are holes, each stretch of data and each hole costs one.
#[test]
fn holes_are_found_in_few_calls() {
    for (source, asked) in [(Source::Plain, [1, 0]), (Source::Sparse, [2, 2])] {
        let scenario = file(Mode::Never, Traits::EXT4, source);
        let (bench, outcome) = scenario.play();
        assert_copied(&bench, &outcome);
        assert_eq!([Call::SeekHole, Call::SeekData].map(|call| bench.model.count(call)), asked, "{source:?}");
    }
}

/// 24.
#[test]
fn a_source_that_shrinks_ends_the_copy_and_is_told() {
    for (mode, call) in [(Mode::Auto, Call::KernelCopy), (Mode::Never, Call::ReadAt)] {
        for left in [0, 1000, 2048, 3000] {
            let scenario = file(mode, Traits::EXT4, Source::Plain);
            let bench = scenario.set_up();
            let source = bench.source;
            bench.model.world_mut().watch.source_moves = true;
            bench
                .model
                .before(When::Of(call, 2), move |disk| disk.change(source, |data| data.set_size(left)));
            let outcome = scenario.run(&bench);
            assert_eq!(outcome.result, Ok(()));
            assert!(outcome.report.source_changed);
            let made = bench.model.world().disk.data(bench.there().unwrap()).size;
            assert_eq!(made, left.max(2048), "what had come before, and what was left");
            assert_eq!(outcome.report.total(), made);
        }
    }
}

/// 28, 29: the methods share one count.
#[test]
fn a_kernel_copy_that_stops_halfway_is_gone_on_from_there() {
    for errno in [EXDEV, EINVAL, EOPNOTSUPP, ENOSYS, EPERM, EACCES, ENOENT, EBADF, ETXTBSY, EOVERFLOW, EAGAIN]
    {
        let scenario = file(Mode::Auto, Traits::EXT4, Source::Plain);
        let (bench, outcome) =
            with_fault(&scenario, (Call::KernelCopy, 2), Fault::Errno(errno), Lasting::Kind);
        assert_copied(&bench, &outcome);
        assert_eq!((outcome.report.kernel_copied, outcome.report.copied), (2048, 3172), "errno {errno}");
    }
}

/// 31: what was read and not written is not there.
#[test]
fn what_counts_is_what_was_written() {
    for api in [Api::Descriptor, Api::Range { src_offset: 0, dst_offset: 0, length: 5000 }] {
        let options = Options { mode: Mode::Never, ..Options::default() };
        let scenario = Scenario { options, there: There::File(0), ..Scenario::new(api, Traits::EXT4) };
        let bench = scenario.set_up();
        let mut world = bench.model.world_mut();
        world.faults.plan(Place::Of(Call::WriteAt, 2), Fault::Odd(Odd::Short), Lasting::Once);
        world.faults.plan(Place::Of(Call::WriteAt, 3), Fault::Errno(ENOSPC), Lasting::Once);
        drop(world);
        let outcome = scenario.run(&bench);
        assert_eq!(outcome.result.map_err(|error| error.errno()), Err(ENOSPC));
        assert_eq!(outcome.report.copied, 2048 + 301);
        assert_eq!(bench.model.world().disk.data(bench.there().unwrap()).size, 2048 + 301);
    }
}

/// 32.
#[test]
fn a_write_of_nothing_is_an_error_and_not_a_loop() {
    let scenario = file(Mode::Never, Traits::EXT4, Source::Plain);
    let (bench, outcome) = with_fault(&scenario, (Call::WriteAt, 2), Fault::Odd(Odd::Zero), Lasting::Once);
    assert_copied(&bench, &outcome);
    let (bench, outcome) = with_fault(&scenario, (Call::WriteAt, 2), Fault::Odd(Odd::Zero), Lasting::Kind);
    assert_eq!(outcome.result.map_err(|error| error.errno()), Err(EIO));
    assert_eq!(bench.there(), None);
}

/// 33.
#[test]
fn a_short_read_is_not_the_end() {
    for (from, source) in [(Traits::PROC, Source::Pseudo), (Traits::EXT4, Source::Plain)] {
        let scenario = Scenario { from, ..file(Mode::Never, Traits::EXT4, source) };
        let (bench, outcome) =
            with_fault(&scenario, (Call::ReadAt, 1), Fault::Odd(Odd::Short), Lasting::Kind);
        assert_copied(&bench, &outcome);
    }
}

/// 34.
#[test]
fn an_interrupted_call_is_made_again() {
    let cases = [
        (Mode::Always, Traits::XFS, Call::CloneFile),
        (Mode::Auto, Traits::EXT4, Call::KernelCopy),
        (Mode::Never, Traits::EXT4, Call::ReadAt),
        (Mode::Never, Traits::EXT4, Call::WriteAt),
    ];
    for (mode, volume, call) in cases {
        let scenario = file(mode, volume, Source::Plain);
        let (bench, outcome) = with_fault(&scenario, (call, 1), Fault::Errno(EINTR), Lasting::Times(3));
        assert_copied(&bench, &outcome);
        let untouched = scenario.play().1;
        assert_eq!(outcome.report.method(), untouched.report.method(), "{call:?}: the same method");
    }
}

/// 3: ZFS, whose blocks are not on disk yet: only where it is the only way is it waited for.
#[test]
fn a_clone_that_is_not_possible_yet_is_waited_for_only_by_always() {
    let fault = Fault::Errno(EAGAIN);
    let scenario = file(Mode::Always, Traits::XFS, Source::Plain);
    let (bench, outcome) = with_fault(&scenario, (Call::CloneFile, 1), fault, Lasting::Once);
    assert_copied(&bench, &outcome);
    assert_eq!(bench.model.count(Call::Sync), 1, "the source is synced in between");
    let (bench, outcome) = with_fault(&scenario, (Call::CloneFile, 1), fault, Lasting::Kind);
    assert_eq!(outcome.result.map_err(|error| error.errno()), Err(EAGAIN));
    assert_eq!((bench.model.count(Call::CloneFile), bench.model.count(Call::Sync)), (4, 3));
    let scenario = file(Mode::Auto, Traits::XFS, Source::Plain);
    let (bench, outcome) = with_fault(&scenario, (Call::CloneFile, 1), fault, Lasting::Once);
    assert_copied(&bench, &outcome);
    assert_eq!(outcome.report.reason, Reason::Transient);
}

/// 36.
#[test]
fn a_clone_onto_a_longer_file_leaves_no_tail() {
    for (volume, mode) in [Traits::XFS, Traits::ZFS, Traits::REFS]
        .into_iter()
        .flat_map(|volume| [Mode::Auto, Mode::Always].map(|mode| (volume, mode)))
    {
        for source in [Source::Plain, Source::Aligned, Source::Tiny, Source::Empty] {
            if volume == Traits::REFS && source == Source::Tiny {
                continue; // less than a cluster
            }
            for watched in [false, true] {
                let options = Options { mode, ..Options::default() };
                let base = Scenario::new(Api::Descriptor, volume);
                let scenario = Scenario { options, source, there: There::File(9000), watched, ..base };
                let (bench, outcome) = scenario.play();
                assert_copied(&bench, &outcome);
                assert_eq!(outcome.report.method(), Method::Clone, "{source:?} {mode:?}");
            }
        }
    }
}

/// Onto a file of `there` bytes.
fn in_place(mode: Mode, there: u64, volume: Traits) -> Scenario {
    let options = Options { mode, ..Options::default() };
    Scenario { options, there: There::File(there), ..Scenario::new(Api::Descriptor, volume) }
}

/// The destination's size, and the sizes it was given.
fn sizes(bench: &Bench) -> (u64, Vec<u64>) {
    let world = bench.model.world();
    let set = world.log.iter().filter(|event| event.call == Call::SetSize).map(|event| event.numbers[0]);
    (world.disk.data(bench.there().unwrap()).size, set.collect())
}

/// What can be refused is refused before the first byte changes, and nothing is cut before the data is there.
#[test]
fn a_longer_destination_is_cut_only_when_the_whole_blocks_are_there() {
    let (bench, outcome) = in_place(Mode::Always, 9000, Traits::XFS).play();
    assert_copied(&bench, &outcome);
    let world = bench.model.world();
    let made = |event: &&crate::sys::model::Event| matches!(event.call, Call::CloneRange | Call::SetSize);
    let calls: Vec<_> = world.log.iter().filter(made).map(|event| (event.call, event.numbers)).collect();
    let expected = [
        (Call::CloneRange, [0, 0, 4096]),
        (Call::SetSize, [5220, 0, 0]),
        (Call::CloneRange, [4096, 4096, 1124]),
    ];
    assert_eq!(calls, expected);
    for errno in [EOPNOTSUPP, EXDEV, EINVAL, EPERM, ETXTBSY, 200] {
        let scenario = in_place(Mode::Always, 9000, Traits::XFS);
        let fault = Fault::Errno(errno);
        let (bench, outcome) = with_fault(&scenario, (Call::CloneRange, 1), fault, Lasting::Kind);
        assert_eq!(outcome.result.map_err(|error| error.os_error()), Err(errno));
        assert_eq!((outcome.report.method(), outcome.report.destination_changed), (Method::None, false));
        assert_eq!(bench.model.world().disk.inodes[bench.there().unwrap()].version, 0, "errno {errno}");
    }
}

/// What a system never carries is refused while the destination is what it was.
#[test]
fn metadata_that_cannot_be_carried_is_refused_before_a_byte_is_written() {
    for preserve in [
        Preserve { owner: true, ..Preserve::default() },
        Preserve { attributes: true, ..Preserve::default() },
    ] {
        let mut scenario = in_place(Mode::Auto, 9000, Traits::REFS);
        scenario.options.preserve = preserve;
        let (bench, outcome) = scenario.play();
        let error = outcome.result.unwrap_err();
        assert_eq!(
            (error.step, outcome.report.destination_changed),
            (Step::Metadata(Side::Destination), false)
        );
        assert_eq!(bench.model.world().disk.inodes[bench.there().unwrap()].version, 0);
    }
}

/// A file system that runs full in the middle: a part is there, nothing was cut, and the result says so.
#[test]
fn a_clone_in_place_that_breaks_off_is_told() {
    for errno in [ENOSPC, EDQUOT, EIO, EUCLEAN, EINVAL, EOPNOTSUPP, EMLINK] {
        for (there, watched) in [(9000, false), (9000, true), (5220, false), (5220, true), (700, false)] {
            let scenario = Scenario { watched, ..in_place(Mode::Always, there, Traits::XFS) };
            let call = if there == 9000 || watched { Call::CloneRange } else { Call::CloneFile };
            let dirty = Fault::Odd(Odd::DirtyClone(errno));
            let (bench, outcome) = with_fault(&scenario, (call, 1), dirty, Lasting::Once);
            let report = outcome.report;
            let error = outcome.result.unwrap_err();
            assert_eq!((error.step, error.os_error()), (Step::Clone(table::side(Errno(errno))), errno));
            assert_eq!((report.method(), report.total()), (Method::Mixed, 0), "{errno} {there}");
            assert!(report.destination_changed);
            assert_eq!(sizes(&bench), (there.max(1024), vec![]));
        }
    }
}

/// A file that was written an instant ago shows no newer time: a real failure counts as a change all the same.
#[test]
fn a_clone_in_place_that_fails_may_have_changed_the_file() {
    for (errno, changed) in
        [(ENOSPC, true), (EDQUOT, true), (EIO, true), (EUCLEAN, true), (EOPNOTSUPP, false)]
    {
        let scenario = in_place(Mode::Always, 700, Traits::XFS);
        let (_, outcome) = with_fault(&scenario, (Call::CloneFile, 1), Fault::Errno(errno), Lasting::Once);
        assert_eq!(outcome.report.destination_changed, changed, "errno {errno}");
    }
}

/// The last partial block can be refused when the rest is there: then it is copied, or told.
#[test]
fn a_last_block_that_is_refused_is_copied_or_told() {
    for errno in [EOPNOTSUPP, EINVAL, EMLINK, ENOSPC, EDQUOT] {
        let fault = Fault::Errno(errno);
        let always = in_place(Mode::Always, 9000, Traits::XFS);
        let (_, outcome) = with_fault(&always, (Call::CloneRange, 2), fault, Lasting::Kind);
        assert_eq!(outcome.result.map_err(|error| error.os_error()), Err(errno));
        let report = outcome.report;
        assert_eq!((report.method(), report.cloned), (Method::Mixed, 4096));
        assert!(report.destination_changed);
        let auto = in_place(Mode::Auto, 9000, Traits::XFS);
        let (bench, outcome) = with_fault(&auto, (Call::CloneRange, 2), fault, Lasting::Kind);
        if matches!(errno, ENOSPC | EDQUOT) {
            assert_eq!(outcome.result.map_err(|error| error.os_error()), Err(errno));
        } else {
            assert_copied(&bench, &outcome);
            let report = outcome.report;
            assert_eq!(
                (report.method(), report.cloned, report.destination_changed),
                (Method::Mixed, 4096, false)
            );
        }
    }
}

/// The clone that only asks whether clones are possible is no success, whatever comes after it.
#[test]
fn a_trial_is_no_clone() {
    for errno in [ENOSPC, EDQUOT, EOPNOTSUPP, EMLINK] {
        let scenario = Scenario { source: Source::Tiny, ..in_place(Mode::Always, 9000, Traits::XFS) };
        let (bench, outcome) =
            with_fault(&scenario, (Call::CloneRange, 2), Fault::Errno(errno), Lasting::Once);
        let report = outcome.report;
        assert_eq!(outcome.result.map_err(|error| error.os_error()), Err(errno));
        assert_eq!((report.cloned, report.clone_succeeded, report.destination_changed), (0, false, true));
        assert_eq!((report.method(), sizes(&bench).0), (Method::Mixed, 100));
    }
}

/// A longer destination takes two calls, between which the source may have moved: the size is what was counted.
#[test]
fn a_source_that_grows_while_a_longer_file_is_cloned_over_leaves_no_tail() {
    let scenario = Scenario { source: Source::Aligned, ..in_place(Mode::Auto, 9000, Traits::XFS) };
    let bench = scenario.set_up();
    let source = bench.source;
    bench.model.world_mut().watch.source_moves = true;
    bench
        .model
        .before(When::Of(Call::Stat, 3), move |disk| disk.change(source, |data| data.set_size(20_000)));
    let outcome = scenario.run(&bench);
    assert_eq!((outcome.result, outcome.report.source_changed), (Ok(()), true));
    assert_eq!(sizes(&bench).0, 4096);
}

/// Nothing to copy is no method; a clone of nothing is one, since ALWAYS asked for it.
#[test]
fn an_empty_file_is_cloned_or_needs_no_method() {
    for (volume, mode, method) in [
        (Traits::EXT4, Mode::Auto, Method::None),
        (Traits::XFS, Mode::Never, Method::None),
        (Traits::XFS, Mode::Auto, Method::Clone),
        (Traits::XFS, Mode::Always, Method::Clone),
    ] {
        let (bench, outcome) = file(mode, volume, Source::Empty).play();
        assert_copied(&bench, &outcome);
        assert_eq!(outcome.report.method(), method, "{} {mode:?}", volume.name);
    }
}

/// A range that fails at its first byte was not copied by any method.
#[test]
fn a_range_that_fails_at_once_has_no_method() {
    let api = Api::Range { src_offset: 0, dst_offset: 0, length: 2048 };
    for (volume, call) in [(Traits::XFS, Call::CloneRange), (Traits::EXT4, Call::KernelCopy)] {
        let scenario = Scenario { there: There::File(9000), ..Scenario::new(api, volume) };
        let (_, outcome) = with_fault(&scenario, (call, 1), Fault::Errno(EIO), Lasting::Once);
        assert!(outcome.result.is_err());
        assert_eq!(outcome.report.total(), 0);
        let method = outcome.report.method();
        assert_eq!(method, if call == Call::CloneRange { Method::Mixed } else { Method::None });
    }
}

/// A server that clones nothing and refuses data: the destination keeps its tail.
#[test]
fn always_leaves_a_longer_destination_whole_where_only_empty_clones_are_granted() {
    let smb = Traits { clones_only_nothing: true, ..Traits::XFS };
    let options = Options { mode: Mode::Always, ..Options::default() };
    let there = There::File(9000);
    let (bench, outcome) = Scenario { options, there, ..Scenario::new(Api::Descriptor, smb) }.play();
    assert_eq!(outcome.result.map_err(|error| error.errno()), Err(EOPNOTSUPP));
    let world = bench.model.world();
    assert!(
        world.disk.data(bench.there().unwrap()).same_bytes(&world.watch.callers.as_ref().unwrap().before)
    );
}

/// 40: the file is the engine's own, and what the clone left in it is cut off.
#[test]
fn what_a_failed_clone_left_is_cut_off() {
    let scenario = file(Mode::Auto, Traits::XFS, Source::Plain);
    let dirty = Fault::Odd(Odd::DirtyClone(EINVAL));
    let (bench, outcome) = with_fault(&scenario, (Call::CloneFile, 1), dirty, Lasting::Once);
    assert_copied(&bench, &outcome);
    let world = bench.model.world();
    let clone = world.log.iter().position(|event| event.call == Call::CloneFile).unwrap();
    let next = &world.log[clone + 1];
    assert_eq!((next.call, next.numbers[0]), (Call::SetSize, 0));
}

/// 41.
#[test]
fn a_clone_that_came_out_short_is_not_believed() {
    let short = Fault::Odd(Odd::ShortClone);
    for (api, there) in [(Api::File, There::Nothing), (Api::Descriptor, There::File(0))] {
        let auto = Scenario { there, ..Scenario::new(api, Traits::XFS) };
        let (bench, outcome) = with_fault(&auto, (Call::CloneFile, 1), short, Lasting::Once);
        assert_copied(&bench, &outcome);
        assert_eq!(outcome.report.reason, Reason::Failure);
        let options = Options { mode: Mode::Always, ..Options::default() };
        let always = Scenario { options, ..auto };
        let (_, outcome) = with_fault(&always, (Call::CloneFile, 1), short, Lasting::Once);
        assert_eq!(outcome.result.map_err(|error| error.cause), Err(Cause::Inconsistent));
    }
    // Of a range the tail that is copied behind it would hide the hole.
    let api = Api::Range { src_offset: 0, dst_offset: 0, length: 3000 };
    let range = Scenario { there: There::File(0), ..Scenario::new(api, Traits::XFS) };
    for mode in [Mode::Auto, Mode::Always] {
        let aligned =
            Api::Range { src_offset: 0, dst_offset: 0, length: if mode == Mode::Auto { 3000 } else { 2048 } };
        let options = Options { mode, ..Options::default() };
        let range = Scenario { options, api: aligned, ..range.clone() };
        let (_, outcome) = with_fault(&range, (Call::CloneRange, 1), short, Lasting::Once);
        let error = outcome.result.unwrap_err();
        assert_eq!((error.step, error.cause), (Step::Clone(Side::Destination), Cause::Inconsistent));
        assert_eq!((outcome.report.cloned, outcome.report.method()), (0, Method::Mixed));
        assert!(outcome.report.destination_changed);
    }
}

/// An end of file where there is none.
#[test]
fn a_source_that_ends_early_without_a_change_is_an_error() {
    let apis = [Api::File, Api::Descriptor, Api::Range { src_offset: 0, dst_offset: 0, length: 5000 }];
    for api in apis {
        for nth in [1, 2] {
            let options = Options { mode: Mode::Never, ..Options::default() };
            let there = if api == Api::File { There::Nothing } else { There::File(0) };
            let scenario = Scenario { options, there, ..Scenario::new(api, Traits::EXT4) };
            let (_, outcome) =
                with_fault(&scenario, (Call::ReadAt, nth), Fault::Odd(Odd::Zero), Lasting::Once);
            assert_eq!(
                outcome.result.map_err(|error| error.cause),
                Err(Cause::Inconsistent),
                "{api:?} {nth}"
            );
        }
    }
}

/// 26: more than was asked for.
#[test]
fn an_impossible_count_is_an_error() {
    let calls = [(Mode::Auto, Call::KernelCopy), (Mode::Never, Call::ReadAt), (Mode::Never, Call::WriteAt)];
    for (mode, call) in calls {
        for (api, there) in [
            (Api::File, There::Nothing),
            (Api::Range { src_offset: 0, dst_offset: 0, length: 3000 }, There::File(9000)),
        ] {
            let options = Options { mode, ..Options::default() };
            let scenario = Scenario { options, there, ..Scenario::new(api, Traits::EXT4) };
            let (bench, outcome) = with_fault(&scenario, (call, 2), Fault::Odd(Odd::TooMuch), Lasting::Once);
            assert_eq!(outcome.result.map_err(|error| error.cause), Err(Cause::Inconsistent), "{call:?}");
            assert_eq!(bench.there().is_some(), there != There::Nothing);
        }
    }
}

/// 53, 54: SEEK_DATA says "no data" of a file that has blocks.
#[test]
fn a_file_with_blocks_is_not_taken_for_a_hole() {
    for mode in [Mode::Auto, Mode::Never] {
        let arrange: fn(&Bench) = |bench| bench.disk(|disk| disk.inodes[bench.source].hides_data = true);
        let scenario = Scenario { arrange, ..file(mode, Traits::EXT4, Source::Plain) };
        let (bench, outcome) = scenario.play();
        assert_copied(&bench, &outcome);
        assert_eq!(outcome.report.holes, 0);
    }
}

/// 60, 61: also where the copy call would fill them, and where nobody says where they are.
#[test]
fn holes_stay_holes_and_the_last_one_counts() {
    let silent = Traits { tells_holes: false, most: 1024, ..Traits::EXT4 };
    for volume in [Traits::XFS, Traits::EXT4, silent] {
        for mode in [Mode::Auto, Mode::Never] {
            let (bench, outcome) = file(mode, volume, Source::Sparse).play();
            assert_copied(&bench, &outcome);
            let (copy, source) = allocated(&bench);
            assert_eq!(copy, source, "{} {mode:?}", volume.name);
        }
    }
    for mode in [Mode::Auto, Mode::Never] {
        let (bench, outcome) = file(mode, Traits::EXT4, Source::Hole).play();
        assert_copied(&bench, &outcome);
        assert_eq!((allocated(&bench).0, outcome.report.holes), (0, 3500));
    }
}

/// A server's preferred unit of I/O is no sign of a file without holes.
#[test]
fn holes_of_a_file_smaller_than_the_preferred_unit_are_kept() {
    for mode in [Mode::Auto, Mode::Never] {
        let (bench, outcome) =
            file(mode, Traits { preferred: 1 << 20, ..Traits::EXT4 }, Source::Sparse).play();
        assert_copied(&bench, &outcome);
        let (copy, source) = allocated(&bench);
        assert_eq!(copy, source);
    }
}

/// A hole over what the destination has: it is punched out, or written as zeros where that cannot be.
#[test]
fn a_hole_replaces_what_was_there() {
    for punches in [true, false] {
        for api in [Api::Descriptor, Api::Range { src_offset: 0, dst_offset: 0, length: 8000 }] {
            let volume = Traits { punches, ..Traits::EXT4 };
            let base = Scenario::new(api, volume);
            let (bench, outcome) =
                Scenario { source: Source::Sparse, there: There::File(9000), ..base }.play();
            assert_eq!(outcome.result, Ok(()));
            let world = bench.model.world();
            let (copy, source) = (world.disk.data(bench.there().unwrap()), world.disk.data(bench.source));
            assert!(copy.same_stretch(0, source, 0, 8000));
            assert_eq!(outcome.report.holes > 0, punches);
        }
    }
}

/// 96: neither the buffer nor a plan follows what a file prefers.
#[test]
fn an_absurd_block_size_costs_nothing() {
    let odd = Traits { preferred: 1 << 40, told_block: 1 << 40, most: 1 << 30, ..Traits::EXT4 };
    let arrange: fn(&Bench) =
        |bench| bench.disk(|disk| disk.change(bench.source, |data| data.write(0, &[7; 600 << 10])));
    let (bench, outcome) = Scenario { arrange, ..file(Mode::Never, odd, Source::Plain) }.play();
    assert_copied(&bench, &outcome);
    let world = bench.model.world();
    let largest = world.log.iter().filter(|event| event.call == Call::ReadAt).map(|event| event.numbers[1]);
    assert_eq!(largest.max(), Some(256 << 10));
    drop(world);
    let api = Api::Range { src_offset: 0, dst_offset: 1024, length: 3000 };
    let odd = Traits { preferred: 1 << 40, ..Traits::XFS };
    let (_, outcome) = Scenario { there: There::File(100), ..Scenario::new(api, odd) }.play();
    assert_eq!((outcome.result, outcome.report.cloned), (Ok(()), 2048));
}

/// 98.
#[test]
fn a_source_that_changes_is_told() {
    for change in [0, 1, 2] {
        let scenario = file(Mode::Never, Traits::EXT4, Source::Plain);
        let bench = scenario.set_up();
        let source = bench.source;
        bench.model.world_mut().watch.source_moves = true;
        bench.model.before(When::Of(Call::ReadAt, 2), move |disk| match change {
            0 => disk.change(source, |data| data.write(10, b"x")),
            1 => disk.change(source, |data| data.write(9000, b"x")),
            _ => disk.change_meta(source, |inode| inode.group = 7),
        });
        let outcome = scenario.run(&bench);
        assert_eq!(outcome.result, Ok(()));
        assert!(outcome.report.source_changed);
        let made = bench.model.world().disk.data(bench.there().unwrap()).size;
        assert_eq!(made, 5220, "no race with whoever makes it longer");
    }
    let (_, outcome) = file(Mode::Never, Traits::EXT4, Source::Plain).play();
    assert!(!outcome.report.source_changed);
}

/// 24: a file that was empty and is written meanwhile, faster than it is read.
#[test]
fn an_empty_file_that_grows_for_ever_ends() {
    let scenario = file(Mode::Never, Traits::EXT4, Source::Empty);
    let bench = scenario.set_up();
    let source = bench.source;
    bench.model.world_mut().watch.source_moves = true;
    for read in 1..400_u64 {
        bench.model.before(When::Of(Call::ReadAt, read as usize), move |disk| {
            disk.change(source, |data| data.write(read * 3000, b"more"))
        });
    }
    let outcome = scenario.run(&bench);
    assert_eq!(outcome.result, Ok(()));
    assert!(outcome.report.source_changed);
    let made = bench.model.world().disk.data(bench.there().unwrap()).size;
    assert!((64 << 10..300_000).contains(&made), "{made} bytes");
}

/// One clone call is of one instant, whatever the size was when the file was opened.
#[test]
fn a_clone_is_of_the_instant_it_is_made() {
    for size in [100, 3000, 9000] {
        let scenario = file(Mode::Auto, Traits::XFS, Source::Plain);
        let bench = scenario.set_up();
        let source = bench.source;
        bench.model.before(When::Of(Call::CloneFile, 1), move |disk| {
            disk.change(source, |data| data.set_size(size))
        });
        let outcome = scenario.run(&bench);
        assert_copied(&bench, &outcome);
        assert!(outcome.report.source_changed);
        assert_eq!(outcome.report.method(), Method::Clone);
    }
}

/// 98: of several calls, the source may have moved in between.
#[test]
fn a_clone_in_steps_tells_of_a_source_that_changed() {
    for changes in [false, true] {
        let scenario = Scenario { watched: true, ..file(Mode::Auto, Traits::XFS, Source::Huge) };
        let bench = scenario.set_up();
        let source = bench.source;
        bench.model.world_mut().watch.source_moves = true;
        if changes {
            bench.model.before(When::Of(Call::CloneRange, 2), move |disk| {
                disk.change(source, |data| data.write(10, b"x"))
            });
        }
        let outcome = scenario.run(&bench);
        assert_eq!(outcome.result, Ok(()));
        assert_eq!(outcome.report.source_changed, changes);
    }
}

/// 88: what close would say is asked for before the name is given, if there is data that it could be about.
#[test]
fn only_what_was_written_is_flushed() {
    for (mode, durability, flushes) in [
        (Mode::Auto, Durability::Atomic, 0),
        (Mode::Never, Durability::Atomic, 1),
        (Mode::Never, Durability::Unstaged, 0),
    ] {
        let options = Options { mode, durability, ..Options::default() };
        let (bench, outcome) = Scenario { options, ..Scenario::new(Api::File, Traits::XFS) }.play();
        assert_eq!((outcome.result, bench.model.count(Call::Flush)), (Ok(()), flushes), "{mode:?}");
    }
}

/// DURABLE syncs what was written, and nothing else does.
#[test]
fn a_range_and_a_descriptor_are_synced_when_asked() {
    for (durability, syncs) in [(Durability::Atomic, 0), (Durability::Durable, 1)] {
        for api in [Api::Descriptor, Api::Range { src_offset: 0, dst_offset: 0, length: 2048 }] {
            let options = Options { durability, ..Options::default() };
            let there = There::File(0);
            let (bench, outcome) = Scenario { options, there, ..Scenario::new(api, Traits::XFS) }.play();
            assert_eq!((outcome.result, bench.model.count(Call::Sync)), (Ok(()), syncs), "{api:?}");
        }
    }
}

/// Where the rename that does not replace is unknown (NFS), a link and an unlink do its work.
#[test]
fn a_private_name_becomes_the_final_one_by_link_where_there_is_no_such_rename() {
    let nfs = Traits { unnamed: false, rename_new: false, ..Traits::EXT4 };
    let (bench, outcome) = file(Mode::Auto, nfs, Source::Plain).play();
    assert_copied(&bench, &outcome);
    assert_eq!((bench.model.count(Call::Link), bench.litter()), (1, Vec::<String>::new()));
}

/// 1: none of these is hidden behind another method.
#[test]
fn a_real_failure_of_a_clone_stops_the_copy() {
    let damaged = [EUCLEAN, EBADMSG, EBADE, EILSEQ, ENOLINK, EHWPOISON, ENOTRECOVERABLE];
    for errno in [EIO, ENOSPC, EDQUOT, ENOMEM, EROFS].into_iter().chain(damaged) {
        let copied = file(Mode::Auto, Traits::EXT4, Source::Plain);
        let (_, outcome) = with_fault(&copied, (Call::KernelCopy, 1), Fault::Errno(errno), Lasting::Once);
        assert_eq!(outcome.result.map_err(|error| error.os_error()), Err(errno), "of the copy call");
        let scenario = file(Mode::Auto, Traits::XFS, Source::Plain);
        let (bench, outcome) =
            with_fault(&scenario, (Call::CloneFile, 1), Fault::Errno(errno), Lasting::Once);
        let error = outcome.result.unwrap_err();
        assert_eq!((error.step, error.errno()), (Step::Clone(table::side(Errno(errno))), errno));
        assert!(errno == EROFS || outcome.report.reason == Reason::Failure);
        assert_eq!(bench.there(), None);
    }
}

/// 17: an errno that no row names is a lack at the first call, and a failure once the call has worked.
#[test]
fn an_odd_errno_is_a_lack_first_and_a_failure_later() {
    const ODD: i32 = 200;
    let scenario = file(Mode::Auto, Traits::XFS, Source::Plain);
    let (_, outcome) = with_fault(&scenario, (Call::CloneFile, 1), Fault::Errno(ODD), Lasting::Once);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!((outcome.report.cloned, outcome.report.clone_error), (0, -ODD));
    let copied = file(Mode::Auto, Traits::EXT4, Source::Plain);
    let (_, first) = with_fault(&copied, (Call::KernelCopy, 1), Fault::Errno(ODD), Lasting::Once);
    assert_eq!((first.result, first.report.kernel_copied), (Ok(()), 0));
    let (_, later) = with_fault(&copied, (Call::KernelCopy, 2), Fault::Errno(ODD), Lasting::Once);
    let error = later.result.unwrap_err();
    assert_eq!((error.step, error.errno()), (Step::Copy(Side::Neither), ODD));
    // In steps, a clone that worked once is no lack at the second.
    let stepped = Scenario { watched: true, ..file(Mode::Auto, Traits::XFS, Source::Huge) };
    let (_, second) = with_fault(&stepped, (Call::CloneRange, 2), Fault::Errno(ODD), Lasting::Once);
    let error = second.result.unwrap_err();
    assert_eq!((error.step, error.errno()), (Step::Clone(Side::Neither), ODD));
}

/// Waiting for the source's blocks is for ALWAYS and EAGAIN: a refusal costs no fsync.
#[test]
fn a_refused_clone_syncs_nothing() {
    for mode in [Mode::Auto, Mode::Always] {
        let scenario = file(mode, Traits::EXT4, Source::Plain);
        let bench = scenario.set_up();
        scenario.run(&bench);
        assert_eq!(bench.model.count(Call::Sync), 0);
    }
}

/// A caller's file gets its size before its first hole; after an error it ends where the copy did.
#[test]
fn after_an_error_no_zeros_are_left_behind_what_was_copied() {
    let base = Scenario::new(Api::Descriptor, Traits::EXT4);
    let scenario = Scenario { source: Source::Sparse, there: There::File(0), ..base };
    let (bench, outcome) = with_fault(&scenario, (Call::KernelCopy, 2), Fault::Errno(ENOSPC), Lasting::Kind);
    assert!(outcome.result.is_err());
    let world = bench.model.world();
    let callers = world.watch.callers.as_ref().unwrap().ino;
    assert_eq!(world.disk.data(callers).size, outcome.report.total());
    assert!(outcome.report.holes > 0, "the hole was left before the error");
}

/// 21: up to the limit itself a file may grow.
#[test]
fn a_source_without_a_size_may_reach_the_limit() {
    let base = Scenario::new(Api::File, Traits::XFS);
    let scenario = Scenario { from: Traits::PROC, source: Source::Pseudo, ..base };
    let bench = scenario.set_up();
    bench.model.world_mut().limit = 1500;
    assert_eq!(scenario.run(&bench).result, Ok(()));
}

/// 7: a server's EIO of the copy call may be its lack of it; a disk's is not.
#[test]
fn an_eio_of_the_copy_call_is_believed_of_a_disk_only() {
    for remote in [false, true] {
        let scenario = file(Mode::Auto, Traits { remote, ..Traits::EXT4 }, Source::Plain);
        let (_, outcome) = with_fault(&scenario, (Call::KernelCopy, 1), Fault::Errno(EIO), Lasting::Kind);
        assert_eq!(outcome.result.is_ok(), remote);
    }
}

/// 9: the mark may come after the descriptor.
#[test]
fn nothing_is_written_to_a_file_marked_immutable() {
    for mode in [Mode::Auto, Mode::Always, Mode::Never] {
        let options = Options { mode, ..Options::default() };
        let base = Scenario::new(Api::Descriptor, Traits::XFS);
        let arrange: fn(&Bench) = |bench| {
            let copy = bench.there().unwrap();
            bench.disk(|disk| disk.inodes[copy].immutable = true);
        };
        let scenario = Scenario { options, there: There::File(700), arrange, ..base };
        let (_, outcome) = scenario.play();
        assert_eq!(
            outcome.result.map_err(|error| (error.step, error.errno())),
            Err((Step::Check(Side::Destination), EPERM))
        );
    }
    let bare = Traits { kernel_copy: KernelCopy::Refuses(EOPNOTSUPP), ..Traits::XFS };
    let copying = Traits { kernel_copy: KernelCopy::Shares, ..Traits::EXT4 };
    for (volume, call) in [(bare, Call::CloneFile), (copying, Call::KernelCopy)] {
        let scenario = Scenario { there: There::File(700), ..Scenario::new(Api::Descriptor, volume) };
        let bench = scenario.set_up();
        let copy = bench.there().unwrap();
        bench.model.before(When::Of(call, 1), move |disk| disk.inodes[copy].immutable = true);
        assert_eq!(scenario.run(&bench).result.map_err(|error| error.errno()), Err(EPERM));
    }
}

/// 8: the same errno from a sandbox only takes the clone away.
#[test]
fn a_filtered_clone_is_a_copy() {
    for errno in [EPERM, EACCES, ENOSYS] {
        let scenario = file(Mode::Auto, Traits::XFS, Source::Plain);
        let (bench, outcome) =
            with_fault(&scenario, (Call::CloneFile, 1), Fault::Errno(errno), Lasting::Kind);
        assert_copied(&bench, &outcome);
        assert_eq!(outcome.report.clone_error, -errno);
    }
}

/// 21, 92: the model fails the test where the kernel would have sent SIGXFSZ.
#[test]
fn a_limit_on_file_size_is_an_error_and_never_a_signal() {
    for (from, source) in [(Traits::XFS, Source::Plain), (Traits::PROC, Source::Pseudo)] {
        for mode in [Mode::Auto, Mode::Always, Mode::Never] {
            for (api, there) in [
                (Api::File, There::Nothing),
                (Api::Descriptor, There::File(0)),
                (Api::Range { src_offset: 0, dst_offset: 0, length: 3000 }, There::File(0)),
            ] {
                for limit in [0, 1, 1000, 1499] {
                    let options = Options { mode, ..Options::default() };
                    let base = Scenario::new(api, Traits::XFS);
                    let scenario = Scenario { options, from, source, there, ..base };
                    let bench = scenario.set_up();
                    bench.model.world_mut().limit = limit;
                    let outcome = scenario.run(&bench);
                    let refused =
                        if source == Source::Pseudo && mode == Mode::Always { EXDEV } else { EFBIG };
                    assert_eq!(
                        outcome.result.map_err(|error| error.errno()),
                        Err(refused),
                        "{api:?} {mode:?} {source:?} limit {limit}"
                    );
                }
            }
        }
    }
}

/// 21: a source that grows past the limit after it was measured.
#[test]
fn a_source_that_grows_past_the_limit_is_no_signal() {
    for (mode, volume) in [(Mode::Auto, Traits::XFS), (Mode::Auto, Traits::EXT4), (Mode::Never, Traits::XFS)]
    {
        let scenario = file(mode, volume, Source::Plain);
        let bench = scenario.set_up();
        let source = bench.source;
        let mut world = bench.model.world_mut();
        (world.limit, world.watch.source_moves) = (6000, true);
        drop(world);
        bench.model.before(When::Nth(4), move |disk| disk.change(source, |data| data.write(9000, b"x")));
        let outcome = scenario.run(&bench);
        assert_eq!(outcome.result, Ok(()));
        assert_eq!(bench.model.world().disk.data(bench.there().unwrap()).size, 5220);
    }
}

/// NEVER shares nothing, not even through the copy call.
#[test]
fn a_true_copy_shares_nothing() {
    assert_eq!(Traits::XFS.kernel_copy, KernelCopy::Shares);
    for source in [Source::Plain, Source::Aligned, Source::Sparse] {
        let (bench, outcome) = file(Mode::Never, Traits::XFS, source).play();
        assert_copied(&bench, &outcome);
        let world = bench.model.world();
        let (copy, from) = (world.disk.data(bench.there().unwrap()), world.disk.data(bench.source));
        assert_eq!(copy.sharing(0, from, 0, copy.size).shared, 0);
        assert_eq!((outcome.report.kernel_copied, outcome.report.reason), (0, Reason::NotAsked));
    }
}
