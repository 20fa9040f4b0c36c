//! Owner, ACL, attributes and times where a file system, a namespace or a server has its own idea of them.
//! What must hold: nobody is let in whom the source keeps out, and what did not come over is told.

use super::data::{assert_copied, with_fault};
use super::{Api, Bench, Outcome, Scenario, There};
use crate::copy::metadata::mode_to_create;
use crate::copy::{Durability, IfExists, Mode, Options, Permissions, Preserve};
use crate::error::{Side, Step};
use crate::sys::errno::*;
use crate::sys::model::Call;
use crate::sys::model::disk::{Inode, Traits};
use crate::sys::model::fault::{Fault, Lasting};
use crate::sys::{Sys, Time};

const NONE: Preserve = Preserve { times: false, owner: false, attributes: false, acl: false };

/// What is shown for ids that are not mapped.
const NOBODY: u32 = 65534;

fn scenario(to: Traits, preserve: Preserve, best_effort_metadata: bool, arrange: fn(&Bench)) -> Scenario {
    let options = Options { preserve, best_effort_metadata, ..Options::default() };
    Scenario { options, to, arrange, ..Scenario::file() }
}

fn source(bench: &Bench, change: impl FnOnce(&mut Inode)) {
    bench.disk(|disk| change(&mut disk.inodes[bench.source]));
}

fn copy(bench: &Bench) -> Inode {
    bench.model.world().disk.inodes[bench.there().expect("a copy")].clone()
}

fn told(outcome: &Outcome) -> Result<(), (Step, i32)> {
    outcome.result.map_err(|error| (error.step, error.errno()))
}

/// An error at METADATA, and under best effort the flag. Returns the copy of the second.
fn assert_told(scenario: &Scenario, errno: i32) -> Inode {
    let strict = Options { best_effort_metadata: false, ..scenario.options };
    let (bench, outcome) = Scenario { options: strict, ..scenario.clone() }.play();
    assert_eq!((told(&outcome), bench.there()), (Err((Step::Metadata(Side::Destination), errno)), None));
    let lenient = Options { best_effort_metadata: true, ..scenario.options };
    let (bench, outcome) = Scenario { options: lenient, ..scenario.clone() }.play();
    assert_copied(&bench, &outcome);
    assert!(outcome.report.metadata_incomplete);
    copy(&bench)
}

/// A source whose group bits are a mask, and whose owning group may only read.
fn with_mask(bench: &Bench) {
    source(bench, |inode| {
        (inode.mode, inode.acl, inode.group_entry) = (0o664, Some(vec![(7, 6)]), 4);
    });
}

#[test]
fn group_bits_that_are_a_mask_do_not_open_the_copy() {
    for volume in [Traits::XFS, Traits::EXT4, Traits::ZFS] {
        for durability in [Durability::Atomic, Durability::Durable, Durability::Unstaged] {
            let options = Options { durability, ..Options::default() };
            let base = Scenario::new(Api::File, volume);
            let (bench, outcome) = Scenario { options, arrange: with_mask, ..base }.play();
            assert_copied(&bench, &outcome);
            assert_eq!(copy(&bench).mode, 0o644, "{} {durability:?}", volume.name);
        }
    }
    // The ACL comes along, and its mask with it.
    let acl = Preserve { acl: true, ..NONE };
    let (bench, outcome) = scenario(Traits::XFS, acl, false, with_mask).play();
    assert_copied(&bench, &outcome);
    let made = copy(&bench);
    assert_eq!((made.mode, made.acl, made.group_entry), (0o664, Some(vec![(7, 6)]), 4));
    assert_eq!(bench.model.count(Call::SetMode), 0, "the ACL set the mode");
    // It cannot come along.
    let plain = Traits { attributes: false, ..Traits::EXT4 };
    assert_eq!(assert_told(&scenario(plain, acl, true, with_mask), EOPNOTSUPP).mode, 0o644);
}

#[test]
fn a_mode_without_group_bits_asks_for_no_acl() {
    for (mode, asked) in [(0o604, 0), (0o644, 1)] {
        let bench = Scenario::file().set_up();
        source(&bench, |inode| inode.mode = mode);
        assert_copied(&bench, &Scenario::file().run(&bench));
        assert_eq!(bench.model.count(Call::GetAttribute), asked);
    }
}

#[test]
fn a_group_whose_rights_nobody_tells_gets_no_more_than_everybody() {
    let refused = |errno, best_effort| {
        let one = scenario(Traits::XFS, NONE, best_effort, |_| {});
        with_fault(&one, (Call::GetAttribute, 1), Fault::Errno(errno), Lasting::Once)
    };
    for best_effort in [false, true] {
        assert_eq!(told(&refused(EIO, best_effort).1), Err((Step::Metadata(Side::Source), EIO)));
        for errno in [EACCES, EPERM, ENOSYS] {
            let (bench, outcome) = refused(errno, best_effort);
            assert_copied(&bench, &outcome);
            assert_eq!((copy(&bench).mode, outcome.report.metadata_incomplete), (0o600, true));
        }
    }
    for errno in [EOPNOTSUPP, EINVAL, ENODATA] {
        let (bench, outcome) = refused(errno, false);
        assert_copied(&bench, &outcome);
        assert_eq!((copy(&bench).mode, outcome.report.metadata_incomplete), (0o640, false), "no ACLs there");
    }
}

/// Its mask would stay behind as the group bits.
#[test]
fn an_acl_taken_off_a_callers_file_lets_no_group_in() {
    let options = Options { preserve: Preserve { acl: true, ..NONE }, ..Options::default() };
    let base = Scenario::new(Api::Descriptor, Traits::XFS);
    let one = Scenario { options, there: There::File(10), ..base };
    let bench = one.set_up();
    let ino = bench.there().unwrap();
    bench.disk(|disk| {
        let inode = &mut disk.inodes[ino];
        (inode.mode, inode.acl, inode.group_entry) = (0o664, Some(vec![(7, 6)]), 4);
    });
    assert_eq!(one.run(&bench).result, Ok(()));
    let made = copy(&bench);
    assert_eq!((made.mode, made.acl), (0o644, None));
    let calls = bench.model.world().calls_made();
    let at = |call| calls.iter().position(|made| *made == call);
    assert!(at(Call::SetMode) < at(Call::RemoveAttribute), "nobody gets in meanwhile");
}

/// A caller's file with an ACL, and a call on it refused: its ACL and its mask stay together.
#[test]
fn an_acl_whose_mask_cannot_be_limited_stays() {
    let preserve = Preserve { acl: true, ..NONE };
    for (call, number) in [(Call::GetAttribute, 2), (Call::SetMode, 1), (Call::RemoveAttribute, 1)] {
        for best_effort_metadata in [false, true] {
            let options = Options { preserve, best_effort_metadata, ..Options::default() };
            let arrange: fn(&Bench) = |bench| {
                let ino = bench.there().unwrap();
                bench.disk(|disk| {
                    let inode = &mut disk.inodes[ino];
                    (inode.mode, inode.acl, inode.group_entry) = (0o664, Some(vec![(7, 6)]), 4);
                });
            };
            let base = Scenario::new(Api::Descriptor, Traits::XFS);
            let one = Scenario { options, there: There::File(10), arrange, ..base };
            let (bench, outcome) = with_fault(&one, (call, number), Fault::Errno(EACCES), Lasting::Once);
            let wanted =
                if best_effort_metadata { Ok(()) } else { Err((Step::Metadata(Side::Destination), EACCES)) };
            assert_eq!((told(&outcome), outcome.report.metadata_incomplete), (wanted, best_effort_metadata));
            assert!(copy(&bench).acl.is_some(), "{call:?}");
        }
    }
}

#[test]
fn a_source_without_metadata_of_a_kind_is_no_error() {
    let preserve = Preserve { attributes: true, acl: true, ..NONE };
    let plain = Traits { attributes: false, ..Traits::EXT4 };
    for volume in [Traits::XFS, plain] {
        let (bench, outcome) = scenario(volume, preserve, false, |_| {}).play();
        assert_copied(&bench, &outcome);
        let same = Scenario { from: volume, ..scenario(volume, preserve, false, |_| {}) };
        let (bench, outcome) = same.play();
        assert_copied(&bench, &outcome);
        assert!(!outcome.report.metadata_incomplete, "{}", volume.name);
    }
}

/// Until owner, attributes and ACL are set, nobody but the maker reads the copy.
#[test]
fn a_copy_is_made_for_its_maker_alone_until_it_is_complete() {
    let bench = Scenario::file().set_up();
    source(&bench, |inode| inode.mode = 0o4755);
    let stat = bench.model.stat(bench.src).unwrap();
    let made =
        |preserve, named| mode_to_create(&stat, &Options { preserve, ..Options::default() }, named, false);
    assert_eq!([made(NONE, false), made(Preserve { times: true, ..NONE }, false)], [0o755; 2]);
    assert_eq!(made(NONE, true), 0o600, "a private name");
    for preserve in [
        Preserve { owner: true, ..NONE },
        Preserve { attributes: true, ..NONE },
        Preserve { acl: true, ..NONE },
    ] {
        assert_eq!(made(preserve, false), 0o600, "{preserve:?}");
        let options = Options { preserve, ..Options::default() };
        assert_eq!(mode_to_create(&stat, &options, false, true), 0o755, "nobody else can enter the tree");
    }
}

/// It cannot be opened wider later, as a copy with the source's permissions is.
#[test]
fn a_copy_under_the_umask_is_made_with_all_that_its_owner_needs() {
    let bench = Scenario::file().set_up();
    source(&bench, |inode| inode.mode = 0o444);
    let stat = bench.model.stat(bench.src).unwrap();
    let made = |preserve, named| {
        let options = Options { preserve, permissions: Permissions::Umask, ..Options::default() };
        mode_to_create(&stat, &options, named, false)
    };
    assert_eq!(made(NONE, false), 0o444);
    assert_eq!([made(NONE, true), made(Preserve { attributes: true, ..NONE }, false)], [0o644; 2]);
    assert_eq!(made(Preserve { owner: true, ..NONE }, false), 0o600, "its group is not the result's yet");
}

/// The umask applies when the file is made, whatever way it is made; what the kernel took away never comes back.
#[test]
fn permissions_are_what_the_umask_leaves() {
    let staged = Traits { unnamed: false, ..Traits::EXT4 };
    let no_links = Traits { links_unnamed: false, ..Traits::XFS };
    for volume in [Traits::XFS, staged, no_links, Traits::APFS, Traits::OLD_APFS, Traits::HFS, Traits::ZFS] {
        for durability in [Durability::Atomic, Durability::Durable, Durability::Unstaged] {
            for (permissions, source_mode, umask, expected) in [
                (Permissions::Umask, 0o666, 0o027, 0o640),
                (Permissions::Umask, 0o4755, 0o022, 0o755),
                (Permissions::Umask, 0o444, 0o077, 0o400),
                (Permissions::Umask, 0o600, 0o022, 0o600),
                (Permissions::New, 0o755, 0o027, 0o640),
                (Permissions::New, 0o600, 0o022, 0o644),
                (Permissions::New, 0o6444, 0o000, 0o666),
                (Permissions::Source, 0o666, 0o077, 0o666),
            ] {
                for preserve in
                    [NONE, Preserve { owner: true, ..NONE }, Preserve { attributes: true, ..NONE }]
                {
                    for if_exists in [IfExists::Fail, IfExists::Replace] {
                        let options =
                            Options { permissions, preserve, durability, if_exists, ..Options::default() };
                        let one = Scenario { options, ..Scenario::new(Api::File, volume) };
                        let bench = one.set_up();
                        source(&bench, |inode| inode.mode = source_mode);
                        bench.model.world_mut().umask = umask;
                        bench.model.world_mut().watch.umask = umask;
                        assert_copied(&bench, &one.run(&bench));
                        let special = if preserve.owner && permissions != Permissions::New {
                            source_mode & 0o7000
                        } else {
                            0
                        };
                        let case = (volume.name, options, source_mode, umask);
                        assert_eq!(copy(&bench).mode, expected | special, "{case:?}");
                        assert_eq!(bench.litter(), Vec::<String>::new());
                    }
                }
            }
        }
    }
}

/// A new file's mode is the system's business: nothing is asked of the source, and nothing set.
#[test]
fn a_new_files_permissions_cost_no_call() {
    for volume in [Traits::XFS, Traits { unnamed: false, ..Traits::EXT4 }] {
        let options = Options { permissions: Permissions::New, ..Options::default() };
        let (bench, outcome) = Scenario { options, ..Scenario::new(Api::File, volume) }.play();
        assert_copied(&bench, &outcome);
        for call in [Call::SetMode, Call::GetAttribute] {
            assert_eq!(bench.model.count(call), 0, "{call:?}");
        }
    }
}

/// The umask does not count where the directory has a default ACL (open(2)), whose mask stays.
#[test]
fn a_default_acl_counts_instead_of_the_umask() {
    let with_default: fn(&Bench) = |bench| {
        source(bench, |inode| inode.mode = 0o664);
        bench.disk(|disk| disk.inodes[bench.directory].default_acl = Some(vec![(9, 7)]));
        bench.model.world_mut().umask = 0o077;
    };
    for volume in [Traits::XFS, Traits { unnamed: false, ..Traits::EXT4 }] {
        for (permissions, expected) in [(Permissions::Umask, 0o664), (Permissions::New, 0o666)] {
            for owner in [false, true] {
                let preserve = Preserve { owner, ..NONE };
                let options = Options { permissions, preserve, ..Options::default() };
                let base = Scenario { options, ..Scenario::new(Api::File, volume) };
                let (bench, outcome) = Scenario { arrange: with_default, ..base }.play();
                assert_copied(&bench, &outcome);
                let made = copy(&bench);
                assert_eq!((made.mode, made.acl), (expected, Some(vec![(9, 7)])), "{permissions:?} {owner}");
            }
        }
    }
}

/// A mask is no right of the group's own, with the umask neither.
#[test]
fn a_mask_does_not_open_a_copy_under_the_umask() {
    let options = Options { permissions: Permissions::Umask, ..Options::default() };
    let (bench, outcome) = Scenario { options, arrange: with_mask, ..Scenario::file() }.play();
    assert_copied(&bench, &outcome);
    assert_eq!(copy(&bench).mode, 0o644);
}

/// vfat gives all files the mode of its mount options: more than the source's is an error, as without the umask.
#[test]
fn more_than_the_sources_permissions_is_told() {
    for says_no_modes in [true, false] {
        let fat = Traits { modes: false, says_no_modes, ..Traits::EXT4 };
        let one = scenario(fat, NONE, false, |_| {});
        let options = Options { permissions: Permissions::Umask, ..one.options };
        assert_eq!(assert_told(&Scenario { options, ..one.clone() }, EPERM).mode, 0o755);
        let options = Options { permissions: Permissions::New, ..one.options };
        let (bench, outcome) = Scenario { options, ..one }.play();
        assert_copied(&bench, &outcome);
        assert!(!outcome.report.metadata_incomplete, "as any new file there");
    }
}

/// fclonefileat gives the source's mode first: where the umask allows less, the bytes are copied.
#[test]
fn no_clone_is_ever_more_open_than_the_umask_lets_it_be() {
    for (umask, mode, cloned) in
        [(0o022, Mode::Auto, true), (0o077, Mode::Auto, false), (0o077, Mode::Always, false)]
    {
        let options = Options { permissions: Permissions::New, mode, ..Options::default() };
        let one = Scenario { options, ..Scenario::new(Api::File, Traits::APFS) };
        let bench = one.set_up();
        source(&bench, |inode| inode.mode = 0o644);
        bench.model.world_mut().umask = umask;
        bench.model.world_mut().watch.umask = umask;
        let outcome = one.run(&bench);
        let wanted =
            if cloned || mode == Mode::Auto { Ok(()) } else { Err((Step::Clone(Side::Neither), EPERM)) };
        assert_eq!((told(&outcome), outcome.report.cloned > 0), (wanted, cloned), "{umask:o} {mode:?}");
    }
}

/// Only root gives files away, but a member may give one to the group.
#[test]
fn the_group_is_set_where_the_owner_cannot_be() {
    let preserve = Preserve { owner: true, ..NONE };
    let one = scenario(Traits::XFS, preserve, true, |_| {});
    let (bench, outcome) = with_fault(&one, (Call::SetOwner, 1), Fault::Errno(EPERM), Lasting::Once);
    assert_copied(&bench, &outcome);
    let made = copy(&bench);
    assert_eq!((made.owner, made.group, outcome.report.metadata_incomplete), (0, 100, true));
}

/// Ids that are not mapped into this user namespace all look alike.
#[test]
fn rights_of_an_owner_do_not_come_where_owners_look_alike() {
    let arrange: [fn(&Bench); 3] = [
        |bench| {
            source(bench, |inode| (inode.owner, inode.group, inode.mode) = (NOBODY, 100, 0o4755));
            bench.disk(|disk| disk.maker = (NOBODY, 100));
        },
        |bench| {
            source(bench, |inode| (inode.owner, inode.group, inode.mode) = (1000, NOBODY, 0o2755));
            bench.disk(|disk| disk.maker = (1000, NOBODY));
        },
        |bench| {
            source(bench, |inode| {
                (inode.owner, inode.group, inode.mode) = (NOBODY, NOBODY, 0o755);
                inode.attributes.insert("security.capability".into(), "all".into());
            });
            bench.disk(|disk| disk.maker = (NOBODY, NOBODY));
        },
    ];
    for arrange in arrange {
        let preserve = Preserve { owner: true, attributes: true, ..NONE };
        let made = assert_told(&scenario(Traits::XFS, preserve, true, arrange), EPERM);
        assert_eq!((made.mode, made.attributes.len()), (0o755, 0));
    }
}

#[test]
fn a_capability_does_not_come_without_its_owner() {
    let arrange: fn(&Bench) = |bench| {
        source(bench, |inode| {
            inode.attributes.insert("security.capability".into(), "all".into());
        });
    };
    let preserve = Preserve { owner: true, attributes: true, ..NONE };
    let one = scenario(Traits::XFS, preserve, true, arrange);
    let (bench, outcome) = with_fault(&one, (Call::SetOwner, 1), Fault::Errno(EPERM), Lasting::Kind);
    assert_copied(&bench, &outcome);
    assert!(copy(&bench).attributes.is_empty() && outcome.report.metadata_incomplete);
    let (bench, outcome) = one.play();
    assert_copied(&bench, &outcome);
    assert_eq!(copy(&bench).attributes.len(), 1, "with it it does");
    let (bench, outcome) =
        scenario(Traits::XFS, Preserve { attributes: true, ..NONE }, false, arrange).play();
    assert_copied(&bench, &outcome);
    assert_eq!(
        (copy(&bench).attributes.len(), outcome.report.metadata_incomplete),
        (0, false),
        "not asked for"
    );
}

/// Mounts whose options say whose all files are (vfat, SMB).
#[test]
fn an_owner_that_is_not_taken_is_told() {
    let owners = Traits { owners: false, ..Traits::EXT4 };
    let preserve = Preserve { owner: true, ..NONE };
    assert_eq!(assert_told(&scenario(owners, preserve, true, |_| {}), EPERM).owner, 0);
}

fn half_past(bench: &Bench) {
    let time = Time { seconds: 5_000_000_000, nanoseconds: 500_000_789 };
    source(bench, |inode| (inode.accessed, inode.modified) = (time, time));
}

#[test]
fn times_that_a_file_system_cuts_are_told() {
    let preserve = Preserve { times: true, ..NONE };
    let whole_seconds = Traits { time_step: 1_000_000_000, ..Traits::EXT4 };
    let until_2038 = Traits { last_second: i32::MAX.into(), ..Traits::EXT4 };
    for volume in [whole_seconds, until_2038] {
        assert_told(&scenario(volume, preserve, true, half_past), EOPNOTSUPP);
    }
    let far: [fn(&Bench); 2] = [
        |bench| source(bench, |inode| inode.accessed = Time { seconds: 5_000_000_000, nanoseconds: 0 }),
        |bench| source(bench, |inode| inode.modified = Time { seconds: 5_000_000_000, nanoseconds: 0 }),
    ];
    for one_time in far {
        assert_told(&scenario(until_2038, preserve, true, one_time), EOPNOTSUPP);
    }
    // The steps of NTFS and SMB are fine enough.
    let windows = Traits { time_step: 100, ..Traits::EXT4 };
    let (bench, outcome) = scenario(windows, preserve, false, half_past).play();
    assert_copied(&bench, &outcome);
    assert_eq!((copy(&bench).modified.nanoseconds, outcome.report.metadata_incomplete), (500_000_700, false));
}

/// Servers that give a file the time of its flush.
#[test]
fn times_are_set_after_the_flush() {
    for durability in [Durability::Atomic, Durability::Durable, Durability::Unstaged] {
        for unnamed in [true, false] {
            let volume = Traits { stamps_at_flush: true, unnamed, ..Traits::EXT4 };
            let mut one = scenario(volume, Preserve { times: true, ..NONE }, false, half_past);
            one.options.durability = durability;
            let (bench, outcome) = one.play();
            assert_copied(&bench, &outcome);
            assert_eq!(copy(&bench).modified.seconds, 5_000_000_000, "{durability:?}");
        }
    }
}

#[test]
fn attributes_of_file_systems_stay_behind() {
    let arrange: fn(&Bench) = |bench| {
        source(bench, |inode| {
            for name in ["user.mine", "btrfs.compression", "trusted.SGI_ACL_FILE", "system.nfs4_acl"] {
                inode.attributes.insert(name.into(), name.into());
            }
        });
    };
    let (bench, outcome) =
        scenario(Traits::EXT4, Preserve { attributes: true, ..NONE }, false, arrange).play();
    assert_copied(&bench, &outcome);
    assert!(!outcome.report.metadata_incomplete);
    let names: Vec<Vec<u8>> = copy(&bench).attributes.into_keys().collect();
    assert_eq!(names, [b"user.mine"]);
}

#[test]
fn an_attribute_removed_during_the_copy_is_no_error() {
    let arrange: fn(&Bench) = |bench| {
        source(bench, |inode| {
            inode.mode = 0o600;
            for name in ["user.a", "user.b"] {
                inode.attributes.insert(name.into(), name.into());
            }
        });
    };
    let one = scenario(Traits::XFS, Preserve { attributes: true, ..NONE }, false, arrange);
    let (bench, outcome) = with_fault(&one, (Call::GetAttribute, 1), Fault::Errno(ENODATA), Lasting::Once);
    assert_copied(&bench, &outcome);
    assert_eq!((copy(&bench).attributes.len(), outcome.report.metadata_incomplete), (1, false));
}

/// A capability of another user namespace (EOVERFLOW), more than a list can hold (E2BIG), a policy.
#[test]
fn best_effort_is_for_reading_attributes_too() {
    let arrange: fn(&Bench) = |bench| {
        source(bench, |inode| {
            inode.mode = 0o600;
            for name in ["user.a", "user.b"] {
                inode.attributes.insert(name.into(), name.into());
            }
        });
    };
    for (call, left) in [(Call::ListAttributes, 0), (Call::GetAttribute, 1)] {
        for errno in [EOVERFLOW, EPERM, E2BIG, EACCES, EIO] {
            for best_effort in [false, true] {
                let one = scenario(Traits::XFS, Preserve { attributes: true, ..NONE }, best_effort, arrange);
                let (bench, outcome) = with_fault(&one, (call, 1), Fault::Errno(errno), Lasting::Once);
                if !best_effort || errno == EIO {
                    assert_eq!(told(&outcome), Err((Step::Metadata(Side::Source), errno)));
                    continue;
                }
                assert_copied(&bench, &outcome);
                assert!(outcome.report.metadata_incomplete);
                assert_eq!(copy(&bench).attributes.len(), left);
            }
        }
    }
}
