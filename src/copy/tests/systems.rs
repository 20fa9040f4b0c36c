//! Copies on other systems: how each clones, what is said where it cannot, and clones that are files of their own (macOS).
//! Every call of these is failed in every way by `every_call`; here is one promise at a time.

use super::data::{assert_copied, file, with_fault};
use super::{Api, Bench, Outcome, Scenario, Source, There};
use crate::copy::{Durability, IfExists, Method, Mode, Options, Preserve, Reason, table};
use crate::error::{Cause, Side, Step};
use crate::sys::Errno;
use crate::sys::errno::*;
use crate::sys::model::disk::{Inode, Traits};
use crate::sys::model::fault::{Fault, Lasting, Odd, Place};
use crate::sys::model::{Call, When};
use crate::sys::windows::errors::errno_of;

/// The private name that a clone gets first.
const PRIVATE: &str = ".reflink-0000000000000001";

const DURABILITIES: [Durability; 3] = [Durability::Atomic, Durability::Durable, Durability::Unstaged];

fn replacing(volume: Traits, durability: Durability) -> Scenario {
    let options = Options { if_exists: IfExists::Replace, durability, ..Options::default() };
    Scenario { options, there: There::File(3000), ..Scenario::new(Api::File, volume) }
}

fn made(bench: &Bench) -> Inode {
    bench.model.world().disk.inodes[bench.there().expect("a copy")].clone()
}

#[test]
fn each_system_clones_in_its_own_way_or_copies_and_says_why() {
    let full = Traits { references: 1, ..Traits::REFS };
    let other = Traits { pool: 77, name: "other", ..Traits::APFS };
    for (from, to, source, method, reason) in [
        (Traits::REFS, Traits::REFS, Source::Plain, Method::Clone, Reason::None),
        (Traits::REFS, Traits::REFS, Source::Sparse, Method::Clone, Reason::None),
        (Traits::REFS, Traits::REFS, Source::Tiny, Method::Copy, Reason::File),
        (Traits::REFS, Traits::REFS, Source::Empty, Method::Clone, Reason::None),
        (full, full, Source::Plain, Method::Copy, Reason::File),
        (Traits::NTFS, Traits::NTFS, Source::Plain, Method::Copy, Reason::Unsupported),
        (Traits::NTFS, Traits::NTFS, Source::Empty, Method::None, Reason::Unsupported),
        (Traits::NTFS, Traits::REFS, Source::Plain, Method::Copy, Reason::CrossDevice),
        (Traits::APFS, Traits::APFS, Source::Plain, Method::Clone, Reason::None),
        (Traits::APFS, Traits::APFS, Source::Sparse, Method::Clone, Reason::None),
        (Traits::APFS, Traits::APFS, Source::Empty, Method::Clone, Reason::None),
        (Traits::APFS, other, Source::Plain, Method::Copy, Reason::CrossDevice),
        (Traits::HFS, Traits::HFS, Source::Plain, Method::Copy, Reason::Unsupported),
        (Traits::ZFS, Traits::ZFS, Source::Plain, Method::Clone, Reason::None),
        (Traits::ZFS, Traits::ZFS, Source::Tiny, Method::Clone, Reason::None),
        (Traits::ZFS_14, Traits::ZFS_14, Source::Plain, Method::KernelCopy, Reason::Unsupported),
        (Traits::UFS, Traits::UFS, Source::Plain, Method::KernelCopy, Reason::Unsupported),
    ] {
        for durability in DURABILITIES {
            let mut scenario = Scenario { from, ..file(Mode::Auto, to, source) };
            scenario.options.durability = durability;
            let (bench, outcome) = scenario.play();
            assert_copied(&bench, &outcome);
            let (report, case) = (outcome.report, format!("{} {source:?} {durability:?}", to.name));
            assert_eq!((report.method(), report.reason), (method, reason), "{case}");
            assert_eq!(report.clone_error != 0, reason != Reason::None, "{case}");
            assert_eq!(bench.litter(), Vec::<String>::new());
            scenario.options.mode = Mode::Always;
            let (bench, outcome) = scenario.play();
            assert_eq!(outcome.result.is_ok(), method == Method::Clone, "{case}");
            assert_eq!(bench.there().is_some(), outcome.result.is_ok());
            assert_eq!(outcome.report.reason, reason);
            scenario.options.mode = Mode::Never;
            let (bench, outcome) = scenario.play();
            assert_copied(&bench, &outcome);
            assert_eq!((outcome.report.reason, outcome.report.cloned), (Reason::NotAsked, 0));
        }
    }
}

/// What the Win32 codes of a refused clone come to: a copy, or a stop (the raw code is what is told).
#[test]
fn each_win32_code_of_a_clone_is_a_copy_or_a_stop() {
    for (code, reason, copied) in [
        (1, Reason::Unsupported, true),
        (17, Reason::CrossDevice, true),
        (50, Reason::File, true),
        (87, Reason::File, true),
        (347, Reason::File, true),
        (534, Reason::File, true),
        (5, Reason::Permission, true),
        (112, Reason::Failure, false),
        (39, Reason::Failure, false),
        (32, Reason::Transient, false),
        (33, Reason::Transient, false),
        (1117, Reason::Failure, false),
    ] {
        let fault = Fault::Errno(errno_of(code).0);
        let scenario = file(Mode::Auto, Traits::REFS, Source::Plain);
        let (bench, outcome) = with_fault(&scenario, (Call::DuplicateExtents, 1), fault, Lasting::Once);
        assert_eq!(outcome.report.reason, reason, "{code}");
        if copied {
            assert_copied(&bench, &outcome);
        } else {
            let told = outcome.result.map_err(|error| (error.step, error.errno()));
            let step = Step::Clone(table::side(errno_of(code)));
            assert_eq!((told, bench.there()), (Err((step, code as i32)), None));
        }
    }
}

/// A file that grew for a clone that failed is as long as before when it is copied, or not.
#[test]
fn a_callers_file_is_put_back_before_it_is_copied() {
    for (there, mode) in [(0, Mode::Always), (700, Mode::Always), (0, Mode::Auto), (700, Mode::Auto)] {
        for (volume, call) in [(Traits::REFS, Call::DuplicateExtents), (Traits::ZFS, Call::CloneByFlag)] {
            let options = Options { mode, ..Options::default() };
            let base = Scenario::new(Api::Descriptor, volume);
            let scenario = Scenario { options, there: There::File(there), ..base };
            let bench = scenario.set_up();
            let fault = Fault::Odd(Odd::DirtyClone(EOPNOTSUPP));
            bench.model.world_mut().faults.plan(Place::Of(call, 1), fault, Lasting::Once);
            let outcome = scenario.run(&bench);
            if mode == Mode::Auto {
                assert_copied(&bench, &outcome);
            } else {
                assert!(outcome.result.is_err());
                let size = bench.model.world().disk.data(bench.there().unwrap()).size;
                assert_eq!(size, there, "{}", volume.name);
            }
        }
    }
}

/// In steps of 1 GiB where somebody watches; a clone by name is one call all the same.
#[test]
fn a_large_file_is_cloned_in_steps_where_it_can_be() {
    for (volume, watched, call, times) in [
        (Traits::REFS, false, Call::DuplicateExtents, 3),
        (Traits::REFS, true, Call::DuplicateExtents, 3),
        (Traits { most: 1 << 40, ..Traits::ZFS }, true, Call::CloneByFlag, 3),
        (Traits::APFS, true, Call::CloneNew, 2), // and once to learn what the system knows
    ] {
        let scenario = Scenario { watched, ..file(Mode::Always, volume, Source::Huge) };
        let (bench, outcome) = scenario.play();
        assert_copied(&bench, &outcome);
        assert_eq!(outcome.report.method(), Method::Clone);
        assert_eq!(bench.model.count(call), times, "{}", volume.name);
    }
}

fn with_everything(bench: &Bench) {
    let (source, to) = (bench.source, bench.directory);
    bench.disk(|disk| {
        let inode = &mut disk.inodes[source];
        (inode.mode, inode.flags) = (0o4751, 0x8000);
        inode.acl = Some(vec![(7, 5)]);
        for name in ["user.a", "com.apple.FinderInfo", "com.apple.quarantine"] {
            inode.attributes.insert(name.into(), name.into());
        }
        disk.inodes[to].default_acl = Some(vec![(9, 4)]);
        disk.inodes[to].group = disk.inodes[source].group;
    });
}

/// 47: a clone has the metadata that a copy would have, whatever came with it; but for the labels.
#[test]
fn a_clone_and_a_copy_end_with_the_same_metadata() {
    let none = Preserve::default();
    for volume in [Traits::APFS, Traits::OLD_APFS] {
        for preserve in [
            none,
            Preserve { times: true, ..none },
            Preserve { owner: true, ..none },
            Preserve { attributes: true, ..none },
            Preserve { acl: true, ..none },
            Preserve { times: true, owner: true, attributes: true, acl: true },
        ] {
            let [clone, copy] = [Mode::Always, Mode::Never].map(|mode| {
                let options = Options { mode, preserve, ..Options::default() };
                let base = Scenario::new(Api::File, volume);
                let (bench, outcome) = Scenario { options, arrange: with_everything, ..base }.play();
                assert_copied(&bench, &outcome);
                let mut inode = made(&bench);
                let carried = bench.model.count(Call::SetAttribute) > 0;
                assert!(!carried || mode == Mode::Never, "they came with the clone");
                if !preserve.attributes {
                    let label = inode.attributes.remove(b"com.apple.quarantine".as_slice());
                    assert_eq!(label.is_some(), mode == Mode::Always);
                }
                let times = {
                    let world = bench.model.world();
                    let source = &world.disk.inodes[bench.source];
                    (inode.accessed, inode.modified) == (source.accessed, source.modified)
                };
                let lists = match volume.system {
                    // Before macOS 12 the source's list is only to be had off by taking the directory's off too.
                    _ if volume == Traits::OLD_APFS && !preserve.acl => None,
                    _ => Some(inode.acl),
                };
                (inode.mode, inode.owner, inode.group, inode.flags, inode.attributes, lists, times)
            });
            assert_eq!(clone, copy, "{} {preserve:?}", volume.name);
            assert_eq!(clone.6, preserve.times);
            assert_eq!(clone.0, if preserve.owner { 0o4751 } else { 0o751 });
        }
    }
}

#[test]
fn a_clone_never_lets_anybody_in_whom_the_source_does_not() {
    let (bench, outcome) =
        Scenario { arrange: with_everything, ..Scenario::new(Api::File, Traits::OLD_APFS) }.play();
    assert_copied(&bench, &outcome);
    assert_eq!(made(&bench).acl, None, "it came along, and was not asked for");
}

/// CloseHandle says nothing of what a server did with the data: it is asked before, also under the final name.
#[test]
fn what_closing_does_not_tell_is_asked_for() {
    for (volume, durability, asked) in [
        (Traits::NTFS, Durability::Unstaged, 1),
        (Traits::NTFS, Durability::Atomic, 1),
        (Traits::EXT4, Durability::Unstaged, 0),
        (Traits::EXT4, Durability::Atomic, 1),
    ] {
        let options = Options { durability, ..Options::default() };
        let (bench, outcome) = Scenario { options, ..Scenario::new(Api::File, volume) }.play();
        assert_copied(&bench, &outcome);
        assert_eq!(bench.model.count(Call::Flush), asked, "{} {durability:?}", volume.name);
    }
}

/// An owner that a system does not have is not left behind in silence.
#[test]
fn an_owner_that_cannot_be_carried_is_an_error() {
    for (best_effort_metadata, expected) in
        [(false, Err((Step::Metadata(Side::Destination), EOPNOTSUPP))), (true, Ok(()))]
    {
        let preserve = Preserve { owner: true, ..Preserve::default() };
        let options = Options { preserve, best_effort_metadata, ..Options::default() };
        let (bench, outcome) = Scenario { options, ..Scenario::new(Api::File, Traits::REFS) }.play();
        assert_eq!(outcome.result.map_err(|error| (error.step, error.errno())), expected);
        assert_eq!(outcome.report.metadata_incomplete, best_effort_metadata);
        assert_eq!(bench.litter(), Vec::<String>::new());
    }
}

/// 102: its group is the directory's at first.
#[test]
fn a_clone_never_lets_another_group_in() {
    let owner = Preserve { owner: true, ..Preserve::default() };
    for (mode, group, preserve, cloned) in [
        (0o640, 7, owner, false),
        (0o750, 7, owner, false),
        (0o644, 7, owner, true),
        (0o640, 100, owner, true),
        (0o640, 7, Preserve::default(), true), // the result is the directory's group's too
    ] {
        let arranged = |asked| {
            let options = Options { mode: asked, preserve, ..Options::default() };
            let scenario = Scenario { options, ..Scenario::new(Api::File, Traits::APFS) };
            let bench = scenario.set_up();
            bench.disk(|disk| {
                disk.inodes[bench.source].mode = mode;
                disk.inodes[bench.directory].group = group;
            });
            let outcome = scenario.run(&bench);
            (bench, outcome)
        };
        let (bench, outcome) = arranged(Mode::Auto);
        assert_copied(&bench, &outcome);
        let reason = if cloned { Reason::None } else { Reason::Permission };
        assert_eq!(
            (bench.model.count(Call::CloneNew) > 0, outcome.report.reason),
            (cloned, reason),
            "{mode:o}"
        );
        let (bench, outcome) = arranged(Mode::Always);
        let told = outcome.result.map_err(|error| (error.step, error.errno()));
        assert_eq!(told, if cloned { Ok(()) } else { Err((Step::Clone(Side::Neither), EPERM)) });
        assert_eq!(bench.litter(), Vec::<String>::new());
    }
}

#[test]
fn a_clone_by_name_takes_its_name_in_one_step() {
    for durability in DURABILITIES {
        let (bench, outcome) = replacing(Traits::APFS, durability).play();
        assert_copied(&bench, &outcome);
        assert_eq!((outcome.report.method(), bench.litter()), (Method::Clone, vec![]));
        assert_eq!(bench.model.count(Call::RenameOver), 1);
        let options = Options { durability, ..Options::default() };
        let base = Scenario::new(Api::File, Traits::APFS);
        let (bench, outcome) = Scenario { options, ..base.clone() }.play();
        assert_copied(&bench, &outcome);
        assert_eq!(bench.model.count(Call::RenameNew), usize::from(durability != Durability::Unstaged));
        let syncs = if durability == Durability::Durable { 2 } else { 0 };
        assert_eq!(bench.model.count(Call::Sync), syncs, "the file, the directory");
        let (bench, outcome) = Scenario { options, there: There::File(10), ..base }.play();
        let step = if durability == Durability::Unstaged { Step::Create } else { Step::Publish };
        let told = outcome.result.map_err(|error| (error.step, error.errno()));
        assert_eq!(told, Err((step, EEXIST)));
        assert_eq!((bench.is_copy(bench.there().unwrap()), bench.litter()), (false, vec![]));
    }
}

/// A kill leaves what the name shows at that instant: never less than all of the data, also with UNSTAGED.
#[test]
fn a_kill_leaves_the_old_state_or_all_of_the_data() {
    for scenario in [
        replacing(Traits::APFS, Durability::Atomic),
        Scenario {
            options: Options { durability: Durability::Unstaged, ..Options::default() },
            ..Scenario::new(Api::File, Traits::APFS)
        },
    ] {
        let calls = scenario.play().0.model.world().calls_made().len();
        let bench = scenario.set_up();
        let (to, source, old) = (bench.directory, bench.source, bench.there());
        for nth in 1..=calls {
            bench.model.before(When::Nth(nth), move |disk| {
                let there = disk.lookup(to, b"copy");
                let whole = there.is_some_and(|ino| disk.data(ino).same_bytes(disk.data(source)));
                assert!(there == old || whole, "killed at call {nth}");
            });
        }
        assert_copied(&bench, &scenario.run(&bench));
    }
}

#[test]
fn a_cancel_in_the_middle_of_a_clone_by_name_leaves_nothing() {
    for scenario in [
        replacing(Traits::APFS, Durability::Atomic),
        replacing(Traits::HFS, Durability::Atomic),
        Scenario {
            options: Options { durability: Durability::Unstaged, ..Options::default() },
            ..Scenario::new(Api::File, Traits::APFS)
        },
    ] {
        let scenario = Scenario { watched: true, ..scenario };
        let (_, whole) = scenario.play();
        assert_eq!((whole.told.first(), whole.told.last()), (Some(&(0, 5220)), Some(&(5220, 5220))));
        for nth in 1..=whole.told.len() {
            let bench = scenario.set_up();
            let (old, count) = (bench.there(), std::cell::Cell::new(0));
            let outcome = scenario.run_telling(&bench, |_, _| {
                count.set(count.get() + 1);
                count.get() != nth
            });
            let cancelled = outcome.result.map_err(|error| (error.step, error.cause));
            assert_eq!(cancelled, Err((Step::Progress, Cause::Cancelled)));
            assert_eq!((outcome.told.len(), bench.there(), bench.litter()), (nth, old, vec![]));
            assert_eq!(bench.model.world().leaked(), vec![]);
        }
    }
}

/// Every errno that a row of the table names, and one that none does, from fclonefileat.
#[test]
fn each_errno_of_a_clone_by_name_is_a_copy_or_a_stop() {
    for errno in (1..=133).filter(|errno| ![EEXIST, EINTR].contains(errno)) {
        let fault = Fault::Errno(errno);
        for durability in [Durability::Atomic, Durability::Unstaged] {
            let mut scenario = file(Mode::Auto, Traits::APFS, Source::Plain);
            scenario.options.durability = durability;
            let (bench, outcome) = with_fault(&scenario, (Call::CloneNew, 1), fault, Lasting::Kind);
            let stops = table::verdict(table::Operation::Clone, Errno(errno)) == table::Verdict::Stop;
            let name = durability == Durability::Unstaged && table::name_refused(Errno(errno));
            if stops || name {
                let step = if name { Step::Create } else { Step::Clone(table::side(Errno(errno))) };
                let told = outcome.result.map_err(|error| (error.step, error.errno()));
                assert_eq!((told, bench.there()), (Err((step, errno)), None));
            } else {
                assert_copied(&bench, &outcome);
            }
            let told = if name { (Reason::None, 0) } else { (table::reason(Errno(errno)), -errno) };
            assert_eq!((outcome.report.reason, outcome.report.clone_error), told);
            scenario.options.mode = Mode::Always;
            let (bench, outcome) = with_fault(&scenario, (Call::CloneNew, 1), fault, Lasting::Kind);
            assert_eq!(outcome.result.map_err(|error| error.errno()), Err(errno));
            assert_eq!(bench.there(), None);
        }
    }
}

#[test]
fn an_interrupted_clone_by_name_is_made_again_but_not_for_ever() {
    let scenario = file(Mode::Auto, Traits::APFS, Source::Plain);
    let fault = Fault::Errno(EINTR);
    for (lasting, method) in [(Lasting::Times(8), Method::Clone), (Lasting::Kind, Method::Copy)] {
        let (bench, outcome) = with_fault(&scenario, (Call::CloneNew, 1), fault, lasting);
        assert_copied(&bench, &outcome);
        assert_eq!(outcome.report.method(), method);
    }
}

/// As with the other ways to clone: only who has no other method waits.
#[test]
fn a_clone_by_name_that_is_not_possible_yet_is_waited_for_only_by_always() {
    let fault = Fault::Errno(EAGAIN);
    let always = file(Mode::Always, Traits::APFS, Source::Plain);
    let (bench, outcome) = with_fault(&always, (Call::CloneNew, 1), fault, Lasting::Times(3));
    assert_copied(&bench, &outcome);
    assert_eq!(bench.model.count(Call::Sync), 3);
    let (_, outcome) = with_fault(&always, (Call::CloneNew, 1), fault, Lasting::Kind);
    assert_eq!(outcome.result.map_err(|error| error.errno()), Err(EAGAIN));
    let auto = file(Mode::Auto, Traits::APFS, Source::Plain);
    let (bench, outcome) = with_fault(&auto, (Call::CloneNew, 1), fault, Lasting::Once);
    assert_copied(&bench, &outcome);
    assert_eq!((outcome.report.reason, bench.model.count(Call::Sync)), (Reason::Transient, 0));
}

#[test]
fn a_clone_by_name_that_came_out_short_is_not_believed() {
    let short = Fault::Odd(Odd::ShortClone);
    for durability in DURABILITIES {
        let mut scenario = file(Mode::Auto, Traits::APFS, Source::Plain);
        scenario.options.durability = durability;
        let (bench, outcome) = with_fault(&scenario, (Call::CloneNew, 1), short, Lasting::Once);
        assert_copied(&bench, &outcome);
        assert_eq!((outcome.report.cloned, outcome.report.reason), (0, Reason::Failure));
        scenario.options.mode = Mode::Always;
        let (bench, outcome) = with_fault(&scenario, (Call::CloneNew, 1), short, Lasting::Once);
        assert_eq!(outcome.result.map_err(|error| error.cause), Err(Cause::Inconsistent));
        assert_eq!(bench.there(), None);
    }
}

/// Of a source that moved, the clone is of the instant at which it was made.
#[test]
fn a_clone_by_name_is_of_the_instant_it_is_made() {
    for size in [100, 3000, 9000] {
        let scenario = file(Mode::Auto, Traits::APFS, Source::Plain);
        let bench = scenario.set_up();
        let source = bench.source;
        bench
            .model
            .before(When::Of(Call::CloneNew, 1), move |disk| disk.change(source, |data| data.set_size(size)));
        let outcome = scenario.run(&bench);
        assert_copied(&bench, &outcome);
        assert!(outcome.report.source_changed);
        assert_eq!(outcome.report.method(), Method::Clone);
    }
}

/// What came along and cannot be taken off is no clone: a copy comes without. A real failure is one, and best effort
/// lets the rest pass.
#[test]
fn a_clone_that_cannot_be_stripped_is_copied() {
    let base = Scenario { arrange: with_everything, ..Scenario::new(Api::File, Traits::APFS) };
    let play = |errno, mode, best_effort_metadata| -> (Bench, Outcome) {
        let options = Options { mode, best_effort_metadata, ..Options::default() };
        let scenario = Scenario { options, ..base.clone() };
        with_fault(&scenario, (Call::RemoveAttribute, 1), Fault::Errno(errno), Lasting::Kind)
    };
    let (bench, outcome) = play(EPERM, Mode::Auto, false);
    assert_copied(&bench, &outcome);
    assert_eq!((outcome.report.method(), outcome.report.reason), (Method::Copy, Reason::Permission));
    assert_eq!((outcome.report.clone_error, made(&bench).attributes.len()), (-EPERM, 0));
    let (bench, outcome) = play(EPERM, Mode::Always, false);
    let told = outcome.result.map_err(|error| (error.step, error.errno()));
    assert_eq!((told, bench.there()), (Err((Step::Metadata(Side::Destination), EPERM)), None));
    assert_eq!(outcome.report.cloned, 0);
    let (bench, outcome) = play(EPERM, Mode::Auto, true);
    assert_copied(&bench, &outcome);
    assert_eq!(outcome.report.method(), Method::Clone);
    assert!(outcome.report.metadata_incomplete);
    for (errno, best_effort) in [(EIO, false), (EIO, true), (ENOSPC, false)] {
        let (bench, outcome) = play(errno, Mode::Auto, best_effort);
        let told = outcome.result.map_err(|error| (error.step, error.errno()));
        assert_eq!((told, bench.there()), (Err((Step::Metadata(Side::Destination), errno)), None));
    }
}

/// 81: whoever may write to the directory may put something in the place of the private name.
#[test]
fn a_clone_that_was_swapped_is_neither_published_nor_removed() {
    for durability in [Durability::Atomic, Durability::Durable] {
        let scenario = replacing(Traits::APFS, durability);
        let bench = scenario.set_up();
        let (to, old) = (bench.directory, bench.there());
        bench.model.before(When::Of(Call::SetTimesToNow, 1), move |disk| {
            assert!(disk.names_mut(to).remove(PRIVATE.as_bytes()).is_some());
            disk.add_file(to, PRIVATE, &[Some(b"precious")], 0o600);
        });
        let outcome = scenario.run(&bench);
        let told = outcome.result.map_err(|error| (error.step, error.cause));
        assert_eq!(told, Err((Step::Publish, Cause::Inconsistent)));
        let world = bench.model.world();
        let theirs = world.disk.lookup(to, PRIVATE.as_bytes()).expect("their file");
        assert_eq!(world.disk.data(theirs).all(), b"precious");
        assert_eq!(world.disk.lookup(to, b"copy"), old);
        assert_eq!(world.leaked(), vec![]);
    }
}

#[test]
fn a_private_name_that_is_taken_is_another_ones() {
    let scenario = file(Mode::Always, Traits::APFS, Source::Plain);
    let bench = scenario.set_up();
    bench.model.world_mut().random = vec![5, 6];
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
    // None is free.
    drop(world);
    let (_, outcome) = with_fault(&scenario, (Call::CloneNew, 1), Fault::Errno(EEXIST), Lasting::Kind);
    let told = outcome.result.map_err(|error| (error.step, error.errno()));
    assert_eq!((told, outcome.report.reason), (Err((Step::Create, EEXIST)), Reason::None));
}

/// A name that came meanwhile is told before a long copy; a clone is quick, and hears it when it is published.
#[test]
fn a_name_that_is_taken_is_told_before_a_long_copy() {
    for (volume, step_calls) in [(Traits::APFS, 0), (Traits::HFS, 0)] {
        let scenario = file(Mode::Auto, volume, Source::Plain);
        let bench = scenario.set_up();
        let to = bench.directory;
        bench.model.before(When::Of(Call::CloneNew, 1), move |disk| {
            disk.add_file(to, "copy", &[Some(b"precious")], 0o600);
        });
        let outcome = scenario.run(&bench);
        let told = outcome.result.map_err(|error| (error.step, error.errno()));
        assert_eq!(told, Err((Step::Publish, EEXIST)), "{}", volume.name);
        assert_eq!((bench.model.count(Call::ReadAt), bench.litter()), (step_calls, vec![]));
        let world = bench.model.world();
        assert_eq!(world.disk.data(world.disk.lookup(to, b"copy").unwrap()).all(), b"precious");
    }
}

/// Windows: of a mode, only whether the file is read-only.
#[test]
fn a_read_only_file_is_copied_read_only_on_windows() {
    for volume in [Traits::REFS, Traits::NTFS] {
        for durability in DURABILITIES {
            let options = Options { durability, ..Options::default() };
            let arrange: fn(&Bench) = |bench| bench.disk(|disk| disk.inodes[bench.source].mode = 0o444);
            let (bench, outcome) = Scenario { options, arrange, ..Scenario::new(Api::File, volume) }.play();
            assert_copied(&bench, &outcome);
            assert_eq!(made(&bench).mode, 0o444);
        }
    }
    let preserve = Preserve { attributes: true, ..Preserve::default() };
    let options = Options { preserve, ..Options::default() };
    let (_, outcome) = Scenario { options, ..Scenario::new(Api::File, Traits::REFS) }.play();
    let told = outcome.result.map_err(|error| (error.step, error.errno()));
    assert_eq!(told, Err((Step::Metadata(Side::Destination), EOPNOTSUPP)), "not silently left behind");
}
