//! APFS: which flags a clone is made with, that none is left behind, and what it must not keep.

use super::Pair;
use crate::sys::darwin::apfs::{
    ApfsCalls, CLONE_ACL, CLONE_NOFOLLOW, CLONE_NOOWNERCOPY, UF_COMPRESSED, attribute_stays, clone_new,
    flags_that_stay, forget_source,
};
use crate::sys::errno::*;
use crate::sys::model::apfs::UF_IMMUTABLE;
use crate::sys::model::disk::{Ino, ROOT, Traits, What};
use crate::sys::model::fault::Lasting;
use crate::sys::model::system::Apple;
use crate::sys::model::{CWD, Call, Model, When};
use crate::sys::{Errno, Fd, Result, Sys};

const USUAL: u64 = (CLONE_NOFOLLOW | CLONE_NOOWNERCOPY) as u64;
const WITH_ACL: u64 = USUAL | CLONE_ACL as u64;

const UF_HIDDEN: u32 = 0x8000;
const SF_ARCHIVED: u32 = 0x1_0000;
const SF_DATALESS: u32 = 0x4000_0000;

fn apple(pair: &Pair) -> Model<Apple> {
    pair.model.by::<Apple>()
}

fn clone(pair: &Pair, acl: bool) -> Result<Fd> {
    clone_new(&apple(pair), pair.src, CWD, c"clone", acl)
}

fn clone_ino(pair: &Pair) -> Option<Ino> {
    pair.model.world().disk.lookup(ROOT, b"clone")
}

/// A source with an ACL, in a world whose root directory gives one.
fn with_acls(volume: Traits) -> Pair {
    let pair = Pair::new(volume, 5220, 0);
    pair.model.world_mut().disk.inodes[pair.source].acl = Some(vec![(7, 5)]);
    pair.model.world_mut().disk.inodes[ROOT].default_acl = Some(vec![(9, 4)]);
    pair
}

#[test]
fn a_clone_follows_no_link_and_is_not_given_away() {
    for (volume, acl, flags, list) in [
        // What an empty name says is whether CLONE_ACL is known.
        (Traits::APFS, false, vec![USUAL, CLONE_ACL.into()], Some(vec![(9, 4)])),
        (Traits::APFS, true, vec![WITH_ACL], Some(vec![(7, 5), (9, 4)])),
        (Traits::OLD_APFS, false, vec![USUAL, CLONE_ACL.into()], None),
        (Traits::OLD_APFS, true, vec![WITH_ACL, USUAL], Some(vec![(7, 5), (9, 4)])),
    ] {
        let pair = with_acls(volume);
        let fd = clone(&pair, acl).unwrap();
        let made: Vec<u64> = pair.made(Call::CloneNew).iter().map(|event| event.numbers[0]).collect();
        assert_eq!(made, flags);
        let world = pair.model.world();
        let ino = world.disk.lookup(ROOT, b"clone").unwrap();
        assert_eq!(world.disk.inodes[ino].acl, list, "{:?} {acl}", volume.system);
        assert_eq!(world.disk.inodes[ino].mode, 0o640);
        assert!(world.disk.data(ino).same_bytes(world.disk.data(pair.source)));
        assert_eq!(world.leaked(), vec![fd]);
    }
}

/// The flag is dropped once, and only if it is there to be dropped.
#[test]
fn an_einval_is_asked_about_again_only_without_the_acl_flag() {
    for (acl, calls) in [(false, 1), (true, 2)] {
        let pair = Pair::new(Traits::APFS, 5220, 0);
        pair.fail(Call::CloneNew, 1, EINVAL, Lasting::Kind);
        assert_eq!(clone(&pair, acl), Err(Errno(EINVAL)));
        assert_eq!((pair.model.count(Call::CloneNew), clone_ino(&pair)), (calls, None));
    }
    for errno in [EEXIST, EXDEV, EOPNOTSUPP, EIO, ENOSPC] {
        let pair = Pair::new(Traits::APFS, 5220, 0);
        pair.fail(Call::CloneNew, 1, errno, Lasting::Once);
        assert_eq!(clone(&pair, true), Err(Errno(errno)));
        assert_eq!(pair.model.count(Call::CloneNew), 1);
    }
}

/// The manual's own errors, from the model.
#[test]
fn a_clone_needs_a_free_name_on_the_same_volume_which_can() {
    let other = Traits { pool: 39, ..Traits::APFS };
    for (from, to, name, told) in [
        (Traits::APFS, Traits::APFS, c"to/target", EEXIST),
        (Traits::APFS, other, c"to/clone", EXDEV),
        (Traits::APFS, Traits::HFS, c"to/clone", EXDEV),
        (Traits::HFS, Traits::HFS, c"to/clone", EOPNOTSUPP),
    ] {
        let pair = Pair::across(from, to, 100, 700);
        assert_eq!(clone_new(&apple(&pair), pair.src, CWD, name, false), Err(Errno(told)));
        assert_eq!(pair.there(), vec![9; 700]);
    }
}

#[test]
fn a_clone_that_cannot_be_opened_or_made_right_is_removed() {
    for (volume, call) in [(Traits::APFS, Call::OpenClone), (Traits::OLD_APFS, Call::RemoveAcl)] {
        for stubborn in [false, true] {
            let pair = with_acls(volume);
            pair.fail(call, 1, EIO, Lasting::Once);
            if stubborn {
                pair.fail(Call::Unlink, 1, EINTR, Lasting::Once);
            }
            assert_eq!(clone(&pair, false), Err(Errno(EIO)), "{call:?}");
            assert_eq!(clone_ino(&pair), None);
            assert_eq!(pair.model.world().leaked(), vec![]);
        }
    }
}

/// A file that the Finder calls locked: its clone takes no other change and keeps its name, until it is unlocked.
#[test]
fn a_clone_of_a_locked_file_is_unlocked_before_all_else() {
    for volume in [Traits::APFS, Traits::OLD_APFS] {
        for fails in [None, Some(Call::Flags), Some(Call::SetFlags), Some(Call::RemoveAcl)] {
            let pair = with_acls(volume);
            pair.model.world_mut().disk.inodes[pair.source].flags = UF_IMMUTABLE | UF_HIDDEN;
            if let Some(call) = fails {
                pair.fail(call, 1, EIO, Lasting::Once);
            }
            let made = clone(&pair, false);
            let failed = fails.is_some_and(|call| pair.model.count(call) > 0);
            assert_eq!(made.err(), failed.then_some(Errno(EIO)), "{fails:?}");
            let left = clone_ino(&pair).map(|ino| pair.model.world().disk.inodes[ino].flags);
            assert_eq!(left, (!failed).then_some(0), "{fails:?}");
        }
    }
}

/// Whoever may write to the directory may put something in its place: a link to another file.
#[test]
fn what_was_put_in_the_place_of_the_clone_is_not_touched() {
    let pair = Pair::new(Traits::APFS, 5220, 700);
    let target = pair.target;
    pair.model.before(When::Of(Call::OpenClone, 1), move |disk| {
        disk.names_mut(ROOT).insert(b"clone".to_vec(), target);
    });
    assert_eq!(clone(&pair, false), Err(Errno(ELOOP)));
    assert_eq!(clone_ino(&pair), Some(target), "theirs stays");
    let pair = Pair::new(Traits::APFS, 5220, 0);
    pair.model.before(When::Of(Call::OpenClone, 1), move |disk| {
        let link = disk.new_inode(0, What::Symlink(b"to/target".to_vec()), 0o777);
        disk.names_mut(ROOT).insert(b"clone".to_vec(), link);
    });
    assert_eq!(clone(&pair, false), Err(Errno(ELOOP)));
}

#[test]
fn of_the_flags_only_compression_and_what_nobody_can_set_stays() {
    for (flags, all, owners) in [
        (0, 0, 0),
        (UF_HIDDEN | UF_IMMUTABLE, 0, 0),
        (UF_COMPRESSED | UF_HIDDEN, UF_COMPRESSED, UF_COMPRESSED),
        (SF_ARCHIVED | UF_HIDDEN, 0, SF_ARCHIVED),
        (SF_DATALESS | UF_HIDDEN, SF_DATALESS, SF_DATALESS),
    ] {
        assert_eq!(flags_that_stay(flags), [all, owners], "{flags:#x}");
    }
}

/// A clone to strip: what was set, in the order in which it was, and what is left.
fn forget(
    flags: u32,
    attributes: &[&str],
    (times, keep_attributes): (bool, bool),
    arrange: impl Fn(&Pair),
) -> (Result<()>, Pair) {
    let pair = Pair::new(Traits::APFS, 100, 100);
    let mut world = pair.model.world_mut();
    let inode = &mut world.disk.inodes[pair.target];
    inode.flags = flags;
    for name in attributes {
        inode.attributes.insert((*name).into(), b"value".to_vec());
    }
    drop(world);
    arrange(&pair);
    let outcome = forget_source(&apple(&pair), pair.dst, times, keep_attributes);
    (outcome, pair)
}

fn left(pair: &Pair) -> (u32, Vec<String>) {
    let world = pair.model.world();
    let inode = &world.disk.inodes[pair.target];
    let names = inode.attributes.keys().map(|name| String::from_utf8(name.clone()).unwrap());
    (inode.flags, names.collect())
}

#[test]
fn flags_go_first_and_are_not_set_where_nothing_changes() {
    let (outcome, pair) = forget(UF_IMMUTABLE, &["user.a"], (false, false), |_| {});
    assert_eq!((outcome, left(&pair)), (Ok(()), (0, vec![])));
    let calls = pair.model.world().calls_made();
    let at = |call| calls.iter().position(|made| *made == call).unwrap();
    assert!(at(Call::SetFlags) < at(Call::RemoveAttribute));
    assert!(at(Call::RemoveAttribute) < at(Call::SetTimesToNow));
    for flags in [0, UF_COMPRESSED] {
        let (outcome, pair) = forget(flags, &[], (true, true), |_| {});
        assert_eq!((outcome, left(&pair).0), (Ok(()), flags));
        assert!(pair.none_of(&[Call::SetFlags, Call::SetTimesToNow, Call::ListAttributes]));
    }
}

#[test]
fn the_flags_of_root_stay_where_they_cannot_be_changed() {
    let refused = |pair: &Pair| pair.fail(Call::SetFlags, 1, EPERM, Lasting::Once);
    let (outcome, pair) = forget(SF_ARCHIVED | UF_HIDDEN, &[], (true, true), refused);
    assert_eq!((outcome, left(&pair).0), (Ok(()), SF_ARCHIVED));
    let (outcome, pair) = forget(SF_ARCHIVED, &[], (true, true), refused);
    assert_eq!((outcome, left(&pair).0), (Ok(()), SF_ARCHIVED));
    assert_eq!(pair.model.count(Call::SetFlags), 1, "nothing is left to set");
    let (outcome, pair) = forget(UF_HIDDEN, &[], (true, true), refused);
    assert_eq!((outcome, pair.model.count(Call::SetFlags)), (Err(Errno(EPERM)), 1));
    let failed = |pair: &Pair| pair.fail(Call::SetFlags, 1, EIO, Lasting::Once);
    let (outcome, _) = forget(SF_ARCHIVED | UF_HIDDEN, &[], (true, true), failed);
    assert_eq!(outcome, Err(Errno(EIO)));
}

const LABELS: [&str; 3] = ["com.apple.macl", "com.apple.provenance", "com.apple.quarantine"];

#[test]
fn labels_and_compressed_data_stay_and_other_attributes_go() {
    for name in LABELS.iter().chain(&["com.apple.decmpfs"]) {
        assert!(attribute_stays(name.as_bytes(), false) && attribute_stays(name.as_bytes(), true), "{name}");
    }
    for compressed in [false, true] {
        assert_eq!(attribute_stays(b"com.apple.ResourceFork", compressed), compressed);
        for name in ["com.apple.FinderInfo", "user.a", "com.apple.quarantined", ""] {
            assert!(!attribute_stays(name.as_bytes(), compressed), "{name}");
        }
    }
    let all = ["com.apple.ResourceFork", "user.a", LABELS[0], LABELS[1], LABELS[2]];
    let (outcome, pair) = forget(0, &all, (true, false), |_| {});
    assert_eq!((outcome, left(&pair).1), (Ok(()), LABELS.map(String::from).to_vec()));
    let (_, pair) = forget(UF_COMPRESSED | UF_HIDDEN, &all, (true, false), |_| {});
    assert_eq!((left(&pair).0, left(&pair).1.len()), (UF_COMPRESSED, 4));
    let (_, pair) = forget(0, &all, (true, true), |_| {});
    assert_eq!(left(&pair).1.len(), 5, "asked to be kept");
}

#[test]
fn an_attribute_that_is_gone_is_gone_and_one_that_stays_is_an_error() {
    for (errno, told) in [(ENODATA, Ok(())), (EIO, Err(Errno(EIO))), (EPERM, Err(Errno(EPERM)))] {
        let (outcome, _) = forget(0, &["user.a", "user.b"], (true, false), |pair| {
            pair.fail(Call::RemoveAttribute, 1, errno, Lasting::Once);
        });
        assert_eq!(outcome, told);
    }
}

#[test]
fn a_list_that_changes_while_it_is_read_is_read_again_but_not_for_ever() {
    let (outcome, pair) = forget(0, &["user.a"], (true, false), |pair| {
        let target = pair.target;
        pair.model.before(When::Of(Call::ListAttributes, 2), move |disk| {
            disk.inodes[target].attributes.insert(b"user.b".to_vec(), vec![]);
        });
    });
    assert_eq!((outcome, left(&pair).1), (Ok(()), vec![]));
    // One that shrinks ends sooner.
    let (outcome, pair) = forget(0, &["user.a", "user.b"], (true, false), |pair| {
        let target = pair.target;
        pair.model.before(When::Of(Call::ListAttributes, 2), move |disk| {
            disk.inodes[target].attributes.remove(b"user.a".as_slice());
        });
    });
    assert_eq!((outcome, left(&pair).1), (Ok(()), vec![]));
    assert_eq!(pair.made(Call::RemoveAttribute).len(), 1);
    let (outcome, _) = forget(0, &["user.a"], (true, false), |pair| {
        let target = pair.target;
        for nth in 1..40 {
            pair.model.before(When::Of(Call::ListAttributes, nth), move |disk| {
                disk.inodes[target].attributes.insert(format!("user.{nth}").into(), vec![]);
            });
        }
    });
    assert_eq!(outcome, Err(Errno(ERANGE)));
}

#[test]
fn times_become_now_unless_they_are_kept() {
    for keep in [false, true] {
        let (outcome, pair) = forget(0, &[], (keep, true), |_| {});
        assert_eq!((outcome, pair.model.count(Call::SetTimesToNow)), (Ok(()), usize::from(!keep)));
    }
}

/// The raw calls that the rules are told to make: what the manual forbids is an error of the model's.
#[test]
fn the_model_knows_the_flags_of_its_system() {
    for (volume, told) in [(Traits::APFS, Err(Errno(EBADF))), (Traits::OLD_APFS, Err(Errno(EINVAL)))] {
        let pair = Pair::new(volume, 100, 0);
        assert_eq!(apple(&pair).fclonefileat(-1, -1, c"", CLONE_ACL), told);
        assert_eq!(apple(&pair).fclonefileat(pair.src, CWD, c"clone", 8), Err(Errno(EINVAL)));
        assert_eq!(apple(&pair).stat_name(CWD, c"clone").map(drop), Err(Errno(ENOENT)));
    }
}
