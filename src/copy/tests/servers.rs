//! File systems behind servers, which take less than POSIX says: no holes, no offsets, no links, names stored at close.
//! What is not possible there is done in another way, or refused before data is copied; nothing unfinished is left.

use super::data::{assert_copied, file, with_fault};
use super::{Api, Bench, Outcome, Scenario, Source, There};
use crate::copy::{Durability, IfExists, Mode, Options, Report};
use crate::error::{Cause, Side, Step};
use crate::sys::Seals;
use crate::sys::errno::*;
use crate::sys::model::disk::{KernelCopy, Traits};
use crate::sys::model::fault::{Fault, Lasting};
use crate::sys::model::{Call, When};

/// What most servers behind FUSE have in common.
const SERVER: Traits = Traits {
    name: "server",
    unnamed: false,
    tells_holes: false,
    remote: true,
    kernel_copy: KernelCopy::Refuses(EXDEV),
    pool: 31,
    ..Traits::EXT4
};

const DURABILITIES: [Durability; 3] = [Durability::Atomic, Durability::Durable, Durability::Unstaged];

fn told(outcome: &Outcome) -> Result<(), (Step, i32)> {
    outcome.result.map_err(|error| (error.step, error.errno()))
}

/// From a disk whose holes are known.
fn onto(to: Traits, options: Options, source: Source) -> Scenario {
    Scenario { from: Traits::XFS, to, options, source, ..Scenario::file() }
}

/// No byte was written.
fn assert_no_data(bench: &Bench) {
    let moved = [Call::WriteAt, Call::WriteNext, Call::KernelCopy].map(|call| bench.model.count(call));
    assert_eq!((moved, bench.litter()), ([0; 3], vec![]));
}

#[test]
fn a_hole_that_cannot_be_left_is_written_as_zeros() {
    let refusals = [EPERM, ENOSYS, EOPNOTSUPP].map(|no_extend| Traits { no_extend, ..SERVER });
    let orders = [ESPIPE, EOPNOTSUPP, EINVAL].map(|in_order| Traits { in_order, ..SERVER });
    let unseen = Traits { tells_holes: false, ..Traits::EXT4 };
    for to in refusals.into_iter().chain(orders) {
        for from in [Traits::XFS, unseen] {
            for source in [Source::Sparse, Source::Hole] {
                for mode in [Mode::Auto, Mode::Never] {
                    let arrange: fn(&Bench) = |bench| {
                        let source = bench.source;
                        bench.disk(|disk| disk.change(source, |data| data.punch(0, 1024)));
                    };
                    let scenario = Scenario { from, to, arrange, ..file(mode, to, source) };
                    let (bench, outcome) = scenario.play();
                    assert_copied(&bench, &outcome);
                    let zeros = to.no_extend != 0 || source == Source::Sparse;
                    assert_eq!(outcome.report.holes == 0, zeros, "{outcome:?}");
                }
            }
        }
    }
}

#[test]
fn a_hole_in_a_callers_file_is_written_as_zeros_too() {
    let to = Traits { no_extend: EPERM, ..SERVER };
    let there = There::File(10);
    let base =
        Scenario { from: Traits::XFS, source: Source::Sparse, there, ..Scenario::new(Api::Descriptor, to) };
    let (bench, outcome) = base.play();
    assert_eq!(outcome.result, Ok(()));
    assert!(bench.is_copy(bench.there().unwrap()));
}

#[test]
fn files_that_cannot_be_positioned_are_read_and_written_in_order() {
    let unpositioned = Traits { positions: false, ..SERVER };
    for (from, to) in [
        (Traits::XFS, unpositioned),
        (unpositioned, Traits::XFS),
        (unpositioned, Traits { pool: 32, ..unpositioned }),
        (unpositioned, Traits { in_order: EINVAL, ..SERVER }),
    ] {
        for source in [Source::Plain, Source::Sparse, Source::Empty] {
            for mode in [Mode::Auto, Mode::Never] {
                let (bench, outcome) = Scenario { from, ..file(mode, to, source) }.play();
                assert_copied(&bench, &outcome);
            }
        }
        // The offset of a caller's descriptor stays.
        let base = Scenario { from, there: There::File(10), ..Scenario::new(Api::Descriptor, to) };
        let positions = from.positions && to.positions;
        let side = if from.positions { Side::Destination } else { Side::Source };
        let expected = if positions { Ok(()) } else { Err((Step::Copy(side), ESPIPE)) };
        assert_eq!(told(&base.play().1), expected);
    }
    // What was moved by another call is not gone over again from an offset that is not there.
    let kernel_copy = KernelCopy::Fills;
    let from = Traits { kernel_copy, ..unpositioned };
    for to in [from, Traits { positions: true, ..from }] {
        let scenario = Scenario { from, ..file(Mode::Auto, to, Source::Plain) };
        let (_, outcome) = with_fault(&scenario, (Call::KernelCopy, 2), Fault::Errno(EINVAL), Lasting::Kind);
        assert_eq!(told(&outcome), Err((Step::Copy(Side::Source), ESPIPE)));
    }
}

#[test]
fn an_unfinished_file_is_removed_where_a_close_stores_it_or_an_open_one_stays() {
    let at_close = Traits { stores_at_close: true, ..SERVER };
    let open_ones_stay = Traits { unlinks_open: false, ..SERVER };
    for to in [at_close, open_ones_stay] {
        for durability in DURABILITIES {
            let options = Options { mode: Mode::Never, durability, ..Options::default() };
            let scenario = Scenario { options, ..Scenario::new(Api::File, to) };
            let (bench, outcome) =
                with_fault(&scenario, (Call::WriteAt, 2), Fault::Errno(ENOSPC), Lasting::Kind);
            assert_eq!((told(&outcome), bench.there()), (Err((Step::Copy(Side::Destination), ENOSPC)), None));
            let (bench, outcome) = scenario.play();
            assert_copied(&bench, &outcome);
        }
    }
}

/// What a server stores at the close can be another inode; under the private name it is still the copy's.
#[test]
fn what_a_close_stores_anew_under_a_private_name_is_removed() {
    let options = Options { mode: Mode::Never, ..Options::default() };
    let scenario = Scenario { options, ..Scenario::new(Api::File, SERVER) };
    let bench = scenario.set_up();
    let to = bench.directory;
    bench.model.before(When::Of(Call::StatName, 3), move |disk| {
        let stored = disk.add_file(to, ".reflink-0000000000000001", &[Some(b"a part")], 0o600);
        disk.inodes[stored].engines = true;
    });
    let place = crate::sys::model::fault::Place::Of(Call::WriteAt, 2);
    bench.model.world_mut().faults.plan(place, Fault::Errno(ENOSPC), Lasting::Once);
    assert_eq!(told(&scenario.run(&bench)), Err((Step::Copy(Side::Destination), ENOSPC)));
    assert_eq!((bench.model.count(Call::StatName) > 3, bench.litter()), (true, vec![]));
}

/// A server may close a file a moment after close(2).
#[test]
fn a_name_is_removed_once_its_file_is_no_longer_open() {
    for (refusals, left) in [(1, false), (5, false), (100, true)] {
        let options = Options { mode: Mode::Never, durability: Durability::Unstaged, ..Options::default() };
        let scenario = Scenario { options, ..Scenario::new(Api::File, SERVER) };
        let bench = scenario.set_up();
        let faults = |world: &mut crate::sys::model::World| {
            let place = |call| crate::sys::model::fault::Place::Of(call, 1);
            world.faults.plan(place(Call::WriteAt), Fault::Errno(ENOSPC), Lasting::Kind);
            world.faults.plan(place(Call::Unlink), Fault::Errno(EBUSY), Lasting::Times(refusals));
        };
        faults(&mut bench.model.world_mut());
        assert_eq!(told(&scenario.run(&bench)), Err((Step::Copy(Side::Destination), ENOSPC)));
        assert_eq!(bench.there().is_some(), left);
    }
}

#[test]
fn a_name_that_cannot_be_is_reported_before_data_is_copied() {
    for volume in [Traits::EXT4, SERVER] {
        let volume = Traits { no_name: b"copy", ..volume };
        for mode in [Mode::Auto, Mode::Always, Mode::Never] {
            for source in [Source::Plain, Source::Huge, Source::Pseudo] {
                for if_exists in [IfExists::Fail, IfExists::Replace] {
                    for durability in DURABILITIES {
                        let options = Options { mode, if_exists, durability, ..Options::default() };
                        let (bench, outcome) = Scenario { options, ..file(mode, volume, source) }.play();
                        assert_eq!(outcome.result.unwrap_err().errno(), ENAMETOOLONG);
                        assert_no_data(&bench);
                    }
                }
            }
        }
    }
}

/// Where only what is made tells it, a private directory does, and nothing of it stays.
#[test]
fn a_name_that_cannot_be_made_is_reported_before_data_is_copied() {
    let vfat = Traits { unnamed: false, links: false, modes: false, ..Traits::EXT4 };
    for volume in [vfat, SERVER] {
        let volume = Traits { no_name: b"copy", no_name_when_made: true, ..volume };
        for mode in [Mode::Auto, Mode::Never] {
            for if_exists in [IfExists::Fail, IfExists::Replace] {
                for durability in DURABILITIES {
                    let options = Options { mode, if_exists, durability, ..Options::default() };
                    let scenario = Scenario { options, ..file(mode, volume, Source::Huge) };
                    let (bench, outcome) = scenario.play();
                    assert_eq!(outcome.result.unwrap_err().errno(), EINVAL);
                    assert_no_data(&bench);
                    assert_eq!(bench.model.world().disk.names(bench.directory).len(), 0);
                }
            }
        }
    }
}

#[test]
fn a_name_that_is_taken_is_reported_and_not_that_no_clone_is_possible() {
    let elsewhere = Traits { pool: 33, ..Traits::XFS };
    for (from, to) in [(Traits::XFS, Traits::XFS), (Traits::EXT4, Traits::EXT4), (Traits::XFS, elsewhere)] {
        for mode in [Mode::Auto, Mode::Always, Mode::Never] {
            for source in [Source::Plain, Source::Huge] {
                for durability in DURABILITIES {
                    let options = Options { mode, durability, ..Options::default() };
                    let scenario =
                        Scenario { from, options, there: There::File(10), ..file(mode, to, source) };
                    let (bench, outcome) = Scenario { options, ..scenario }.play();
                    assert_eq!(outcome.result.unwrap_err().errno(), EEXIST, "{outcome:?}");
                    assert_no_data(&bench);
                    if source == Source::Huge {
                        assert_eq!(bench.model.count(Call::CloneFile), 0, "it may take long");
                    }
                    if mode == Mode::Always && from != to {
                        assert_eq!(outcome.report, Report::default());
                    }
                }
            }
        }
    }
    let (_, outcome) = file(Mode::Always, Traits::EXT4, Source::Plain).play();
    assert_eq!(told(&outcome), Err((Step::Clone(Side::Neither), EOPNOTSUPP)));
}

/// Publishing tells what that look would have told.
#[test]
fn a_filter_that_forbids_the_look_does_not_forbid_the_copy() {
    for errno in [ENOSYS, EPERM, EIO] {
        for (mode, source) in [(Mode::Auto, Source::Huge), (Mode::Never, Source::Plain)] {
            let one = file(mode, Traits::XFS, source);
            let (bench, outcome) = with_fault(&one, (Call::StatName, 1), Fault::Errno(errno), Lasting::Kind);
            if errno == EIO {
                assert_eq!(told(&outcome), Err((Step::Check(Side::Destination), EIO)));
            } else {
                assert_copied(&bench, &outcome);
            }
        }
    }
}

/// Each call is counted in a small clone: the one that gives the name tells what a look would.
#[test]
fn a_small_clone_does_without_the_look() {
    for (source, looks) in [(Source::Plain, 0), (Source::Huge, 1)] {
        let (bench, outcome) = file(Mode::Auto, Traits::XFS, source).play();
        assert_copied(&bench, &outcome);
        assert_eq!(bench.model.count(Call::StatName), looks);
    }
}

#[test]
fn without_links_and_such_a_rename_a_new_name_is_refused() {
    for (no_link, code) in [(EPERM, EPERM), (EIO, EOPNOTSUPP), (ENOSYS, EOPNOTSUPP), (EOPNOTSUPP, EOPNOTSUPP)]
    {
        let to = Traits { no_link, links: false, rename_new: false, ..SERVER };
        for source in [Source::Plain, Source::Huge] {
            let (bench, outcome) = onto(to, Options::default(), source).play();
            let error = outcome.result.unwrap_err();
            let Cause::System(errno) = error.cause else { panic!("{error}") };
            assert_eq!((error.step, errno.number(), errno.raw()), (Step::Publish, code, no_link));
            assert_eq!((bench.there(), bench.litter()), (None, vec![]));
            if source == Source::Huge {
                assert_no_data(&bench);
            }
            // The two ways that the header names.
            for (if_exists, durability) in
                [(IfExists::Replace, Durability::Atomic), (IfExists::Fail, Durability::Unstaged)]
            {
                let options = Options { if_exists, durability, ..Options::default() };
                let (bench, outcome) = onto(to, options, source).play();
                assert_copied(&bench, &outcome);
            }
        }
    }
}

/// What is tried before a long copy leaves the file as it was, under one private name.
#[test]
fn a_long_copy_is_published_by_rename_or_link() {
    for (rename_new, links) in [(true, false), (false, true)] {
        let to = Traits { rename_new, links, ..SERVER };
        let (bench, outcome) = onto(to, Options::default(), Source::Huge).play();
        assert_copied(&bench, &outcome);
        assert_eq!(bench.litter(), Vec::<String>::new());
    }
}

#[test]
fn a_file_that_shares_its_inode_number_is_not_the_source() {
    let volume = Traits { one_number: true, ..SERVER };
    let options = Options { if_exists: IfExists::Replace, ..Options::default() };
    let other = Scenario { options, there: There::File(3000), ..Scenario::new(Api::File, volume) };
    let (bench, outcome) = other.play();
    assert_copied(&bench, &outcome);
    let descriptors = Scenario { api: Api::Descriptor, ..other.clone() };
    assert_eq!(descriptors.play().1.result, Ok(()));

    let itself: fn(&Bench) = |bench| {
        let (to, source) = (bench.directory, bench.source);
        bench.disk(|disk| {
            disk.names_mut(to).insert(b"copy".to_vec(), source);
        });
    };
    let base = Scenario { there: There::Nothing, arrange: itself, ..other.clone() };
    assert_eq!(base.play().1.result.map_err(|error| error.cause), Err(Cause::SameFile));
    let base = Scenario { there: There::Source, ..descriptors };
    assert_eq!(base.play().1.result.map_err(|error| error.cause), Err(Cause::SameFile));

    // The source changes between the looks: what differs may be that.
    let bench = other.set_up();
    let source = bench.source;
    bench
        .model
        .before(When::Of(Call::StatName, 2), move |disk| disk.change(source, |data| data.write(0, b"x")));
    assert_eq!(other.run(&bench).result.map_err(|error| error.cause), Err(Cause::SameFile));
}

/// fcntl(2), F_ADD_SEALS.
#[test]
fn what_seals_forbid_is_refused_before_anything_is_written() {
    let none = Seals::default();
    let range = |dst_offset, length| Api::Range { src_offset: 0, dst_offset, length };
    /// What is called, the size of what is there, and whether it may be.
    type Case = (Api, u64, bool);
    let cases: [(Seals, &[Case]); 3] = [
        (
            Seals { write: true, ..none },
            &[(Api::Descriptor, 5220, false), (Api::Descriptor, 10, false), (range(0, 100), 5220, false)],
        ),
        (
            Seals { grow: true, ..none },
            &[
                (Api::Descriptor, 5219, false),
                (Api::Descriptor, 5220, true),
                (Api::Descriptor, 5221, true),
                (range(1000, 1001), 2000, false),
                (range(1000, 1000), 2000, true),
            ],
        ),
        (
            Seals { shrink: true, ..none },
            &[
                (Api::Descriptor, 5219, true),
                (Api::Descriptor, 5220, true),
                (Api::Descriptor, 5221, false),
                (range(0, 100), 5220, true),
            ],
        ),
    ];
    for (seals, calls) in cases {
        for (api, size, allowed) in calls {
            for mode in [Mode::Auto, Mode::Never] {
                let options = Options { mode, ..Options::default() };
                let there = There::File(*size);
                let scenario = Scenario { options, there, ..Scenario::new(*api, Traits::EXT4) };
                let bench = scenario.set_up();
                let sealed = bench.there().unwrap();
                bench.disk(|disk| disk.inodes[sealed].seals = seals);
                let outcome = scenario.run(&bench);
                assert_eq!(
                    told(&outcome),
                    if *allowed { Ok(()) } else { Err((Step::Check(Side::Destination), EPERM)) }
                );
                if !allowed {
                    assert_no_data(&bench);
                }
            }
        }
    }
}

/// rclone says EIO to every question that it does not know.
#[test]
fn a_server_that_knows_no_attributes_is_copied_from() {
    for (from, result) in [
        (Traits { no_attributes: EIO, ..SERVER }, Ok(())),
        (Traits { no_attributes: EIO, ..Traits::EXT4 }, Err((Step::Metadata(Side::Source), EIO))),
    ] {
        let (_, outcome) = Scenario { from, ..file(Mode::Auto, Traits::XFS, Source::Plain) }.play();
        assert_eq!(told(&outcome), result);
    }
    // One that failed once knows them.
    let scenario = Scenario { from: SERVER, ..file(Mode::Auto, Traits::XFS, Source::Plain) };
    let (_, outcome) = with_fault(&scenario, (Call::GetAttribute, 1), Fault::Errno(EIO), Lasting::Once);
    assert_eq!(told(&outcome), Err((Step::Metadata(Side::Source), EIO)));
}
