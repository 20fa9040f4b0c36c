//! Names, permissions, and what is left behind, one promise at a time.
//! The numbers in the comments are rows of the list of failures seen in other programs that each test shows not to be here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::data::{assert_copied, file, with_fault};
use super::{Api, Bench, Scenario, Source, There};
use crate::copy::{Durability, IfExists, Mode, Options, Preserve};
use crate::error::{Cause, Side, Step};
use crate::sys::errno::*;
use crate::sys::model::disk::{Disk, Ino, Traits, What};
use crate::sys::model::fault::{Fault, Lasting, Place};
use crate::sys::model::{Call, When};

/// A volume on which an unfinished copy has a private name.
const NAMED: Traits = Traits { unnamed: false, ..Traits::EXT4 };

/// The first private name of the model's random numbers.
const PRIVATE: &str = ".reflink-0000000000000001";

const DURABILITIES: [Durability; 3] = [Durability::Atomic, Durability::Durable, Durability::Unstaged];

fn replacing(volume: Traits) -> Scenario {
    let options = Options { if_exists: IfExists::Replace, ..Options::default() };
    Scenario { options, ..Scenario::new(Api::File, volume) }
}

fn mode_of(bench: &Bench) -> u32 {
    bench.model.world().disk.inodes[bench.there().expect("a copy")].mode
}

/// The caller can tell whether the name is there, also where something failed after it was given, or in the call that gave it.
#[test]
fn a_name_that_was_given_is_told_with_every_error() {
    let nfs = Traits { rename_new: false, ..NAMED };
    let once = Lasting::Once;
    for (volume, durability, (call, nth), fault, lasting, published) in [
        (Traits::EXT4, Durability::Durable, (Call::Sync, 1), Fault::Errno(EIO), once, false),
        (Traits::EXT4, Durability::Durable, (Call::Sync, 2), Fault::Errno(EIO), once, true),
        (Traits::EXT4, Durability::Atomic, (Call::LinkUnnamed, 1), Fault::DoneThen(EIO), once, true),
        (Traits::EXT4, Durability::Atomic, (Call::LinkUnnamed, 1), Fault::Errno(EIO), once, false),
        (Traits::EXT4, Durability::Atomic, (Call::Flush, 1), Fault::Errno(EIO), once, false),
        (Traits::EXT4, Durability::Atomic, (Call::Close, 1), Fault::Errno(EIO), once, true),
        (NAMED, Durability::Atomic, (Call::RenameNew, 1), Fault::DoneThen(EIO), once, true),
        (nfs, Durability::Atomic, (Call::Link, 1), Fault::DoneThen(EEXIST), once, true),
        (Traits::EXT4, Durability::Unstaged, (Call::KernelCopy, 1), Fault::Errno(EIO), once, false),
    ] {
        let options = Options { durability, ..Options::default() };
        let scenario = Scenario { options, ..Scenario::new(Api::File, volume) };
        let case = format!("{durability:?} {call:?} {nth}");
        let (bench, outcome) = with_fault(&scenario, (call, nth), fault, lasting);
        assert!(outcome.result.is_err(), "{case}");
        assert_eq!((outcome.report.published, bench.there().is_some()), (published, published), "{case}");
    }
}

/// The directory that is opened to give the name belongs to publishing: all bytes are there by then.
#[test]
fn a_directory_that_cannot_be_opened_for_the_name_is_an_error_of_publishing() {
    let scenario = replacing(Traits::EXT4);
    let bench = scenario.set_up();
    let to = bench.directory;
    bench.model.before(When::Of(Call::LinkUnnamed, 1), move |disk| {
        disk.add_file(to, "copy", &[Some(b"came meanwhile")], 0o600);
    });
    bench.model.world_mut().faults.plan(
        Place::Of(Call::OpenDirectory, 1),
        Fault::Errno(EMFILE),
        Lasting::Once,
    );
    let outcome = scenario.run(&bench);
    let told = outcome.result.map_err(|error| (error.step, error.os_error()));
    assert_eq!((told, outcome.report.published), (Err((Step::Publish, EMFILE)), false));
}

/// A file under its own name from the start is taken away again when its close fails; where it stays, it is told.
#[test]
fn a_close_that_fails_takes_the_name_back_or_tells_of_it() {
    for stays in [false, true] {
        let options = Options { durability: Durability::Unstaged, ..Options::default() };
        let scenario = Scenario { options, ..Scenario::new(Api::File, Traits::EXT4) };
        let bench = scenario.set_up();
        let mut world = bench.model.world_mut();
        world.faults.plan(Place::Of(Call::Close, 1), Fault::Errno(EIO), Lasting::Once);
        if stays {
            world.faults.plan(Place::Of(Call::Unlink, 1), Fault::Errno(EACCES), Lasting::Kind);
        }
        drop(world);
        let outcome = scenario.run(&bench);
        assert_eq!(outcome.result.map_err(|error| error.step), Err(Step::Close));
        assert_eq!((outcome.report.published, bench.there().is_some()), (stays, stays));
    }
}

/// 66: by name, by hard link.
#[test]
fn a_file_is_never_copied_onto_itself() {
    for (if_exists, code) in
        [(IfExists::Replace, crate::capi::codes::REFLINK_ERR_SAME_FILE), (IfExists::Fail, -EEXIST)]
    {
        for durability in DURABILITIES {
            for mode in [Mode::Auto, Mode::Always, Mode::Never] {
                let arrange: fn(&Bench) = |bench| {
                    let (to, source) = (bench.directory, bench.source);
                    bench.disk(|disk| {
                        disk.names_mut(to).insert(b"copy".to_vec(), source);
                    });
                };
                let options = Options { mode, if_exists, durability, ..Options::default() };
                let (bench, outcome) = Scenario { options, arrange, ..Scenario::file() }.play();
                assert_eq!(outcome.result.map_err(|error| crate::capi::codes::of(&error)), Err(code));
                assert_eq!(bench.source_size(), 5220);
                assert_eq!(bench.litter(), Vec::<String>::new());
            }
        }
    }
}

/// 45: before any call that would move a byte.
#[test]
fn one_file_on_both_sides_is_checked_first() {
    let options = |mode| Options { mode, ..Options::default() };
    for mode in [Mode::Auto, Mode::Always, Mode::Never] {
        let base = Scenario { there: There::Source, options: options(mode), ..Scenario::file() };
        let (bench, outcome) = Scenario { api: Api::Descriptor, ..base.clone() }.play();
        assert_eq!(outcome.result.map_err(|error| error.cause), Err(Cause::SameFile));
        assert_eq!(bench.model.count(Call::CloneFile), 0);
        for (src_offset, dst_offset, length, apart) in [
            (0, 1024, 1025, false),
            (1024, 0, 2048, false),
            (0, 0, 1, false),
            (0, 1024, 1024, true),
            (0, 9, 9, true),
        ] {
            let api = Api::Range { src_offset, dst_offset, length };
            let (bench, outcome) = Scenario { api, ..base.clone() }.play();
            let overlap = outcome.result.is_err_and(|error| error.cause == Cause::Overlap);
            assert_eq!(overlap, !apart, "{api:?} {mode:?}");
            let world = bench.model.world();
            let before = &world.watch.callers.as_ref().unwrap().before;
            if !apart {
                assert!(world.disk.data(bench.source).same_bytes(before));
            } else if outcome.result.is_ok() {
                assert!(world.disk.data(bench.source).same_stretch(dst_offset, before, src_offset, length));
            }
        }
    }
}

/// 67: the link is replaced, or refused; what it points to is not touched.
#[test]
fn a_symlink_at_the_destination_is_never_followed() {
    for durability in DURABILITIES {
        for if_exists in [IfExists::Fail, IfExists::Replace] {
            let arrange: fn(&Bench) = |bench| {
                let to = bench.directory;
                bench.disk(|disk| {
                    disk.add_file(to, "elsewhere", &[Some(b"precious")], 0o600);
                });
            };
            let options = Options { if_exists, durability, ..Options::default() };
            let scenario = Scenario { options, there: There::Symlink, arrange, ..Scenario::file() };
            let (bench, outcome) = scenario.play();
            let world = bench.model.world();
            let elsewhere = world.disk.lookup(bench.directory, b"elsewhere").unwrap();
            assert_eq!(world.disk.data(elsewhere).all(), b"precious");
            drop(world);
            match if_exists {
                IfExists::Replace => assert_copied(&bench, &outcome),
                _ => assert_eq!(outcome.result.map_err(|error| error.errno()), Err(EEXIST)),
            }
        }
    }
}

/// Puts something under the destination's name.
fn appears(kind: &str, disk: &mut Disk, directory: Ino) {
    let what = match kind {
        "symlink" => What::Symlink(b"../from/source".to_vec()),
        "fifo" => What::Fifo,
        "directory" => What::Directory(Default::default()),
        _ => {
            disk.add_file(directory, "copy", &[Some(b"precious")], 0o600);
            return;
        }
    };
    disk.add(directory, "copy", what, 0o700);
}

/// Something comes under the destination's name at each call: what came is kept, or replaced where
/// that is asked for and it is a file or a link.
#[test]
fn what_appears_meanwhile_is_not_lost() {
    let no_new = Traits { rename_new: false, ..NAMED };
    for volume in [Traits::XFS, NAMED, no_new, Traits::REFS, Traits::APFS, Traits::ZFS, Traits::UFS] {
        for (if_exists, kinds) in [
            (IfExists::Fail, ["file", "symlink", "fifo", "directory"].as_slice()),
            (IfExists::Replace, ["file", "symlink", "directory"].as_slice()),
        ] {
            for kind in kinds.iter().copied() {
                let options = Options { if_exists, ..Options::default() };
                let scenario = Scenario { options, ..Scenario::new(Api::File, volume) };
                let calls = scenario.play().0.model.world().calls_made();
                let last = calls.iter().rposition(|call| {
                    matches!(call, Call::LinkUnnamed | Call::RenameNew | Call::RenameOver | Call::Link)
                });
                for nth in 1..=last.unwrap() + 1 {
                    let bench = scenario.set_up();
                    let to = bench.directory;
                    bench.model.before(When::Nth(nth), move |disk| appears(kind, disk, to));
                    let outcome = scenario.run(&bench);
                    let may_go = if_exists == IfExists::Replace && kind != "directory";
                    assert_eq!(outcome.result.is_ok(), may_go, "{kind} at call {nth}: {:?}", outcome.result);
                    assert_eq!(bench.litter(), Vec::<String>::new());
                    if may_go {
                        assert_copied(&bench, &outcome);
                    }
                }
            }
        }
    }
}

/// What is to be replaced is looked at again right before the rename.
#[test]
fn what_came_in_the_place_of_the_old_file_is_looked_at() {
    for volume in [Traits::XFS, NAMED] {
        let scenario = Scenario { there: There::File(10), ..replacing(volume) };
        let bench = scenario.set_up();
        let to = bench.directory;
        bench.model.before(When::Of(Call::StatName, 2), move |disk| {
            disk.names_mut(to).remove(b"copy".as_slice());
            appears("fifo", disk, to);
        });
        let outcome = scenario.run(&bench);
        assert_eq!(outcome.result.map_err(|error| error.cause), Err(Cause::NotRegular));
        assert_eq!(bench.litter(), Vec::<String>::new());
    }
}

/// 68: all that is decided is decided of the file that was opened.
#[test]
fn a_source_whose_name_moves_is_copied_as_it_was_opened() {
    let scenario = Scenario::file();
    let bench = scenario.set_up();
    let from = bench.from_directory;
    bench.model.before(When::Of(Call::Stat, 1), move |disk| {
        disk.names_mut(from).remove(b"source".as_slice());
        disk.add_file(from, "source", &[Some(b"secret")], 0o600);
    });
    let outcome = scenario.run(&bench);
    assert_copied(&bench, &outcome);
}

/// 70: the model's watch looks at every instant; here the result, under every umask.
#[test]
fn the_copy_has_the_sources_bits_and_never_more() {
    for volume in [Traits::XFS, NAMED, Traits::APFS, Traits::HFS, Traits::ZFS] {
        for durability in DURABILITIES {
            for umask in [0, 0o022, 0o077, 0o777] {
                for mode in [0o600, 0o644, 0o777, 0o400, 0o444, 0o4755, 0o1666, 0] {
                    let options = Options { durability, ..Options::default() };
                    let scenario = Scenario { options, ..Scenario::new(Api::File, volume) };
                    let bench = scenario.set_up();
                    bench.model.world_mut().umask = umask;
                    bench.disk(|disk| disk.inodes[bench.source].mode = mode);
                    let outcome = scenario.run(&bench);
                    assert_copied(&bench, &outcome);
                    assert_eq!(mode_of(&bench), mode & 0o777, "umask {umask:o}");
                }
            }
        }
    }
}

fn owned(bench: &Bench) {
    bench.disk(|disk| disk.inodes[bench.source].mode = 0o6751);
}

/// 71.
#[test]
fn special_bits_come_only_with_a_verified_owner() {
    let preserve = Preserve { owner: true, ..Preserve::default() };
    let options = Options { preserve, best_effort_metadata: true, ..Options::default() };
    let scenario = Scenario { options, arrange: owned, ..Scenario::file() };
    let (bench, outcome) = scenario.play();
    assert_copied(&bench, &outcome);
    assert_eq!(mode_of(&bench), 0o6751);
    let (bench, outcome) = with_fault(&scenario, (Call::SetOwner, 1), Fault::Errno(EPERM), Lasting::Kind);
    assert_copied(&bench, &outcome);
    assert_eq!(mode_of(&bench), 0o751);
    assert!(outcome.report.metadata_incomplete);
    // The group alone is not the owner.
    let (bench, _) = with_fault(&scenario, (Call::SetOwner, 1), Fault::Errno(EPERM), Lasting::Once);
    assert_eq!(mode_of(&bench), 0o751);
    let strict = Options { preserve, ..Options::default() };
    let scenario = Scenario { options: strict, arrange: owned, ..Scenario::file() };
    let (bench, outcome) = with_fault(&scenario, (Call::SetOwner, 1), Fault::Errno(EPERM), Lasting::Kind);
    assert_eq!(
        outcome.result.map_err(|error| (error.step, error.errno())),
        Err((Step::Metadata(Side::Destination), EPERM))
    );
    assert_eq!(bench.there(), None);
}

/// 72, 73: neither is read or written.
#[test]
fn only_regular_files_are_copied_or_replaced() {
    let directory = Cause::System(crate::sys::Errno::own(EISDIR));
    for (what, cause) in [
        (What::Fifo, Cause::NotRegular),
        (What::Directory(Default::default()), directory),
        (What::Symlink(b"/to".to_vec()), directory),
    ] {
        let scenario = Scenario::file();
        let bench = scenario.set_up();
        let from = bench.from_directory;
        bench.disk(|disk| {
            disk.add(from, "source", what.clone(), 0o644);
        });
        let outcome = scenario.run(&bench);
        assert_eq!(outcome.result.map_err(|error| (error.step, error.cause)), Err((Step::OpenSource, cause)));
        let world = bench.model.world();
        assert!(
            world.calls_made().iter().all(|call| matches!(call, Call::OpenSource | Call::Stat | Call::Close))
        );
        drop(world);
        for durability in DURABILITIES {
            let mut scenario = replacing(Traits::XFS);
            scenario.options.durability = durability;
            let bench = scenario.set_up();
            let to = bench.directory;
            let there = if matches!(what, What::Symlink(_)) { What::Fifo } else { what.clone() };
            bench.model.before(When::Nth(1), move |disk| {
                disk.add(to, "copy", there, 0o644);
            });
            let outcome = scenario.run(&bench);
            assert!(
                outcome.result.is_err_and(|error| error.step == Step::Check(Side::Destination)),
                "{:?}",
                outcome.result
            );
        }
    }
}

/// 74: what cannot be written again must be writable while it is made (NFS, SMB).
#[test]
fn a_read_only_source_gives_a_read_only_copy() {
    let arrange: fn(&Bench) = |bench| bench.disk(|disk| disk.inodes[bench.source].mode = 0o444);
    let (bench, outcome) = Scenario { arrange, ..Scenario::new(Api::File, NAMED) }.play();
    assert_copied(&bench, &outcome);
    assert_eq!(mode_of(&bench), 0o444);
    let world = bench.model.world();
    let created = world.log.iter().find(|event| event.call == Call::CreateNew).unwrap();
    assert_eq!(created.numbers[0], 0o600);
}

/// Landlock lets a file be made, and then refuses to open it.
#[test]
fn a_private_file_that_was_made_and_refused_leaves_no_name() {
    let scenario = Scenario::new(Api::File, NAMED);
    let bench = scenario.set_up();
    let made = Place::Of(Call::CreateNew, 1);
    bench.model.world_mut().faults.plan(made, Fault::DoneThen(EACCES), Lasting::Once);
    let told = scenario.run(&bench).result.map_err(|error| (error.step, error.errno()));
    assert_eq!((told, bench.model.count(Call::Unlink)), (Err((Step::Create, EACCES)), 1));
    assert_eq!(bench.model.world().disk.names(bench.directory).len(), 0);
}

/// 74, 82: on a volume that keeps no modes, whether it says so or not.
#[test]
fn a_file_whose_mode_cannot_be_set_gets_no_name() {
    let refused = Err((Step::Metadata(Side::Destination), EPERM));
    for says_no_modes in [true, false] {
        for (best_effort_metadata, expected) in [(false, refused), (true, Ok(()))] {
            for durability in DURABILITIES {
                let vfat = Traits { modes: false, says_no_modes, ..NAMED };
                let options = Options { best_effort_metadata, durability, ..Options::default() };
                let (bench, outcome) = Scenario { options, ..Scenario::new(Api::File, vfat) }.play();
                assert_eq!(outcome.result.map_err(|error| (error.step, error.errno())), expected);
                assert_eq!(outcome.report.metadata_incomplete, best_effort_metadata);
                assert_eq!(bench.there().is_some(), best_effort_metadata);
                assert_eq!(bench.litter(), Vec::<String>::new());
            }
        }
    }
}

/// 78.
#[test]
fn a_clone_that_is_not_possible_leaves_nothing() {
    for durability in DURABILITIES {
        for volume in [Traits::EXT4, NAMED] {
            let mut scenario = file(Mode::Always, volume, Source::Plain);
            scenario.options.durability = durability;
            let (bench, outcome) = scenario.play();
            assert_eq!(outcome.result.map_err(|error| error.errno()), Err(EOPNOTSUPP));
            assert_eq!((bench.there(), bench.litter()), (None, vec![]));
        }
    }
}

/// 79, 80: the file that stood there, byte for byte.
#[test]
fn a_failed_copy_leaves_the_old_file() {
    for durability in DURABILITIES {
        for if_exists in [IfExists::Fail, IfExists::Replace] {
            let options = Options { if_exists, durability, ..Options::default() };
            let there = There::File(3000);
            let scenario = Scenario { options, there, ..Scenario::new(Api::File, Traits::EXT4) };
            let bench = scenario.set_up();
            let old = bench.there();
            bench.model.world_mut().faults.plan(
                Place::Of(Call::KernelCopy, 2),
                Fault::Errno(EIO),
                Lasting::All,
            );
            let error = scenario.run(&bench).result.unwrap_err();
            assert_eq!(error.errno(), if if_exists == IfExists::Fail { EEXIST } else { EIO });
            assert_eq!(bench.there(), old);
            let world = bench.model.world();
            assert_eq!(world.disk.data(old.unwrap()).all(), super::bench::noise(3000, 9));
        }
    }
}

/// 81: the private name, and the final one where the file grows under it.
#[test]
fn cleaning_up_spares_somebody_elses_file() {
    for (durability, name) in [(Durability::Atomic, PRIVATE), (Durability::Unstaged, "copy")] {
        let options = Options { mode: Mode::Never, durability, ..Options::default() };
        let scenario = Scenario { options, ..Scenario::new(Api::File, NAMED) };
        let bench = scenario.set_up();
        let to = bench.directory;
        bench.model.before(When::Of(Call::WriteAt, 1), move |disk| {
            assert!(disk.names_mut(to).remove(name.as_bytes()).is_some());
            disk.add_file(to, name, &[Some(b"precious")], 0o600);
        });
        bench.model.world_mut().faults.plan(Place::Of(Call::WriteAt, 1), Fault::Errno(ENOSPC), Lasting::Once);
        let outcome = scenario.run(&bench);
        assert_eq!(outcome.result.map_err(|error| error.errno()), Err(ENOSPC));
        let world = bench.model.world();
        let theirs = world.disk.lookup(to, name.as_bytes()).expect("their file");
        assert_eq!(world.disk.data(theirs).all(), b"precious");
        assert_eq!(world.leaked(), vec![]);
    }
}

/// The private name is gone when it is needed: an error, and nothing published.
#[test]
fn a_private_name_that_was_removed_is_an_error() {
    for scenario in [Scenario::new(Api::File, NAMED), Scenario { there: There::File(10), ..replacing(NAMED) }]
    {
        let bench = scenario.set_up();
        let to = bench.directory;
        bench.model.before(When::Of(Call::Flush, 1), move |disk| {
            disk.names_mut(to).remove(PRIVATE.as_bytes());
        });
        let error = scenario.run(&bench).result.unwrap_err();
        assert_eq!((error.step, error.errno()), (Step::Publish, ENOENT));
    }
}

/// A private name that is taken: another is tried, and the one that has it keeps it.
#[test]
fn a_private_name_that_is_taken_is_left_alone() {
    for volume in [NAMED, Traits::XFS] {
        let scenario = Scenario { there: There::File(10), ..replacing(volume) };
        let bench = scenario.set_up();
        bench.model.world_mut().random = vec![5, 5, 6];
        let to = bench.directory;
        let theirs = ".reflink-0000000000000005";
        bench.disk(|disk| {
            disk.add_file(to, theirs, &[Some(b"precious")], 0o600);
        });
        let outcome = scenario.run(&bench);
        assert_copied(&bench, &outcome);
        let world = bench.model.world();
        let kept = world.disk.lookup(to, theirs.as_bytes()).unwrap();
        assert_eq!(world.disk.data(kept).all(), b"precious");
        assert_eq!(world.disk.names(to).len(), 2);
    }
}

/// 88: what the close has to say comes before the name; a close that fails all the same is told.
#[test]
fn errors_of_a_close_come_out() {
    for volume in [Traits::EXT4, NAMED] {
        let scenario = Scenario::new(Api::File, volume);
        let (bench, outcome) = with_fault(&scenario, (Call::Flush, 1), Fault::Errno(EDQUOT), Lasting::Once);
        assert_eq!(outcome.result.map_err(|error| (error.step, error.errno())), Err((Step::Close, EDQUOT)));
        assert_eq!(bench.there(), None);
    }
    for durability in DURABILITIES {
        let options = Options { durability, ..Options::default() };
        let scenario = Scenario { options, ..Scenario::new(Api::File, Traits::EXT4) };
        let bench = scenario.set_up();
        bench.model.world_mut().faults.plan(Place::Of(Call::Close, 1), Fault::Errno(EIO), Lasting::Once);
        let outcome = scenario.run(&bench);
        let first = bench.model.world().log.iter().find(|event| event.injected).unwrap().of_copy;
        assert!(first.is_some(), "the copy is closed first");
        assert_eq!(outcome.result.map_err(|error| (error.step, error.errno())), Err((Step::Close, EIO)));
    }
}

/// Each call more is seen in the time of a small clone (docs/performance.md). What is here keeps a promise.
#[test]
fn a_small_clone_makes_no_other_call() {
    use Call::*;
    let expected = [
        (
            Durability::Unstaged,
            vec![OpenSource, Stat, GetAttribute, CreateNew, CloneFile, Stat, Close, Close],
        ),
        (
            Durability::Atomic,
            vec![OpenSource, Stat, GetAttribute, CreateUnnamed, CloneFile, Stat, LinkUnnamed, Close, Close],
        ),
    ];
    for (durability, calls) in expected {
        let options = Options { durability, ..Options::default() };
        let (bench, outcome) = Scenario { options, ..Scenario::new(Api::File, Traits::XFS) }.play();
        assert_copied(&bench, &outcome);
        assert_eq!(bench.model.world().calls_made(), calls, "{durability:?}");
    }
}

/// The source's close comes last, and what it says is nothing to the copy.
#[test]
fn a_copy_is_not_worse_for_what_its_sources_close_says() {
    for volume in [Traits::XFS, Traits::EXT4] {
        let scenario = Scenario::new(Api::File, volume);
        let (bench, outcome) = with_fault(&scenario, (Call::Close, 2), Fault::Errno(EIO), Lasting::Once);
        assert_eq!((outcome.result, bench.there().is_some()), (Ok(()), true));
    }
}

/// 95: a defect of the library costs no descriptor and no destination, whichever call it meets.
#[test]
fn a_panic_at_any_call_leaves_the_name_and_no_descriptor() {
    let scenarios = [
        Scenario::file(),
        Scenario::new(Api::File, NAMED),
        Scenario { there: There::File(3000), ..replacing(Traits::EXT4) },
        Scenario { there: There::File(3000), ..Scenario::new(Api::Descriptor, Traits::EXT4) },
        Scenario::new(Api::File, Traits::REFS),
        Scenario::new(Api::File, Traits::APFS),
        Scenario { there: There::File(3000), ..replacing(Traits::APFS) },
        Scenario::new(Api::File, Traits::ZFS),
    ];
    let mut cases = 0;
    let mut wrong = Vec::new();
    for scenario in scenarios {
        let calls = scenario.play().0.model.world().calls_made();
        for nth in 1..=calls.len() {
            let bench = scenario.set_up();
            bench.model.world_mut().faults.plan(Place::Nth(nth), Fault::Panics, Lasting::Once);
            let panicked = catch_unwind(AssertUnwindSafe(|| scenario.run(&bench))).is_err();
            let closing = calls[nth - 1] == Call::Close;
            let leaked = bench.model.world().leaked().len();
            let whole = scenario.api != Api::File || {
                let world = bench.model.world();
                let old = world.watch.name_is_old(&world.disk);
                drop(world);
                old || bench.is_copy(bench.there().unwrap())
            };
            // A close that panics has not closed.
            if !panicked || leaked > if closing { 2 } else { 0 } || !whole {
                wrong.push((nth, panicked, leaked, whole));
            }
            cases += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(cases > 30);
}

/// 86: the file, then its name, then the directory; and one that cannot be synced is taken at its word.
#[test]
fn a_durable_copy_is_synced_in_order() {
    for syncs_directories in [true, false] {
        let options = Options { durability: Durability::Durable, ..Options::default() };
        for volume in [Traits::XFS, NAMED, Traits::REFS, Traits::APFS, Traits::ZFS] {
            let volume = Traits { syncs_directories, ..volume };
            let (bench, outcome) = Scenario { options, ..Scenario::new(Api::File, volume) }.play();
            assert_copied(&bench, &outcome);
            let calls = bench.model.world().calls_made();
            // Where no rename spares a file, a link gives the name.
            let named = |call: &Call| matches!(call, Call::LinkUnnamed | Call::RenameNew | Call::Link);
            let name = calls.iter().position(named).unwrap();
            let syncs: Vec<usize> = (0..calls.len()).filter(|at| calls[*at] == Call::Sync).collect();
            assert!(matches!(syncs.as_slice(), [file, directory] if *file < name && name < *directory));
        }
    }
}

/// What is asked to be preserved arrives, and what is not meant stays behind.
#[test]
fn metadata_arrives_as_documented() {
    let preserve = Preserve { times: true, owner: true, attributes: true, acl: true };
    for volume in [Traits::XFS, NAMED] {
        let options = Options { preserve, ..Options::default() };
        let arrange: fn(&Bench) = |bench| {
            let (source, to) = (bench.source, bench.directory);
            bench.disk(|disk| {
                let inode = &mut disk.inodes[source];
                inode.acl = Some(vec![(7, 5)]);
                for name in ["user.a", "trusted.b", "security.selinux", "security.capability"] {
                    inode.attributes.insert(name.into(), name.into());
                }
                disk.inodes[to].default_acl = Some(vec![(9, 7)]);
            });
        };
        let (bench, outcome) = Scenario { options, arrange, ..Scenario::new(Api::File, volume) }.play();
        assert_copied(&bench, &outcome);
        let world = bench.model.world();
        let (copy, source) = (&world.disk.inodes[bench.there().unwrap()], &world.disk.inodes[bench.source]);
        assert_eq!((copy.accessed, copy.modified), (source.accessed, source.modified));
        assert_eq!((copy.owner, copy.group, copy.mode), (1000, 100, 0o640));
        assert_eq!(copy.acl, Some(vec![(7, 5)]));
        let names: Vec<&[u8]> = copy.attributes.keys().map(Vec::as_slice).collect();
        assert_eq!(names, [b"security.capability".as_slice(), b"trusted.b", b"user.a"]);
    }
}

fn overwriting(there: There, follow_destination: bool) -> Scenario {
    let options = Options { if_exists: IfExists::Overwrite, follow_destination, ..Options::default() };
    Scenario { options, there, ..Scenario::file() }
}

/// The inode stays, and with it mode, owner and hard links; where there is none, a new file is made.
#[test]
fn what_is_overwritten_stays_the_same_file() {
    for there in [There::File(0), There::File(700), There::File(9000), There::LinkTo(9000)] {
        let one = overwriting(there, true);
        let bench = one.set_up();
        let ino = bench.overwritten().unwrap();
        assert_eq!(one.run(&bench).result, Ok(()));
        let world = bench.model.world();
        let inode = &world.disk.inodes[ino];
        assert!(inode.data().same_bytes(world.disk.data(bench.source)) && !inode.engines);
        assert_eq!((inode.mode, inode.owner), (0o606, 0), "{there:?}");
    }
    let (bench, outcome) = overwriting(There::Nothing, false).play();
    assert_copied(&bench, &outcome);
    assert_eq!(mode_of(&bench), 0o640, "the source's");
}

/// 67: nor is anything made through a link that leads nowhere.
#[test]
fn a_link_is_overwritten_only_where_that_is_asked() {
    for (there, follow, errno) in
        [(There::LinkTo(700), false, ELOOP), (There::Symlink, false, ELOOP), (There::Symlink, true, ENOENT)]
    {
        let (bench, outcome) = overwriting(there, follow).play();
        let told = outcome.result.map_err(|error| (error.step, error.errno()));
        assert_eq!(told, Err((Step::Check(Side::Destination), errno)), "{there:?} {follow}");
        assert_eq!(bench.model.count(Call::CreateUnnamed), 0);
        assert!(!outcome.report.destination_changed && !outcome.report.published);
    }
}

/// 66: also through a link, and where the file could not be opened for writing anyway.
#[test]
fn the_source_is_never_overwritten_by_itself() {
    let by_link: fn(&Bench) = |bench| {
        let what = What::Symlink(b"/from/source".to_vec());
        bench.disk(|disk| _ = disk.add(bench.directory, "copy", what, 0o777));
    };
    let by_name: fn(&Bench) = |bench| {
        bench.disk(|disk| _ = disk.names_mut(bench.directory).insert(b"copy".to_vec(), bench.source));
    };
    for arrange in [by_link, by_name] {
        for mode in [0o640, 0o440] {
            let one = Scenario { arrange, ..overwriting(There::Nothing, true) };
            let bench = one.set_up();
            bench.disk(|disk| disk.inodes[bench.source].mode = mode);
            let outcome = one.run(&bench);
            assert_eq!(outcome.result.map_err(|error| error.cause), Err(Cause::SameFile), "{mode:o}");
            assert_eq!(bench.source_size(), 5220);
        }
    }
}

/// What is no regular file is neither opened nor written to.
#[test]
fn only_a_regular_file_is_overwritten() {
    let fifo: fn(&Bench) = |bench| bench.disk(|disk| appears("fifo", disk, bench.directory));
    let directory: fn(&Bench) = |bench| bench.disk(|disk| appears("directory", disk, bench.directory));
    for (arrange, code) in [(fifo, crate::capi::codes::REFLINK_ERR_NOT_REGULAR), (directory, -EISDIR)] {
        let (bench, outcome) = Scenario { arrange, ..overwriting(There::Nothing, false) }.play();
        let told = outcome.result.map_err(|error| (error.step, crate::capi::codes::of(&error)));
        assert_eq!(told, Err((Step::Check(Side::Destination), code)));
        assert_eq!(bench.model.count(Call::CloneFile), 0);
    }
}

/// Errors of what was written come out at the close, and what was there before is lost by then.
#[test]
fn a_close_that_fails_is_told_of_an_overwritten_file() {
    let one = Scenario { from: Traits::EXT4, to: Traits::EXT4, ..overwriting(There::File(700), false) };
    // One that looks for holes is closed first.
    let (_, outcome) = with_fault(&one, (Call::Close, 2), Fault::Errno(EIO), Lasting::Once);
    assert_eq!(outcome.result.map_err(|error| (error.step, error.errno())), Err((Step::Close, EIO)));
    assert!(outcome.report.destination_changed && !outcome.report.published);
}

/// Servers that give a file the time of its flush, which comes with the close.
#[test]
fn times_of_an_overwritten_file_are_set_after_the_flush() {
    let volume = Traits { stamps_at_flush: true, ..Traits::EXT4 };
    let mut one = Scenario { from: volume, to: volume, ..overwriting(There::File(700), false) };
    one.options.preserve.times = true;
    one.arrange = |bench| {
        bench.disk(|disk| disk.inodes[bench.source].modified.seconds = 5_000_000_000);
    };
    let (bench, outcome) = one.play();
    assert_eq!(outcome.result, Ok(()));
    let there = bench.overwritten().unwrap();
    assert_eq!(bench.model.world().disk.inodes[there].modified.seconds, 5_000_000_000);
}
