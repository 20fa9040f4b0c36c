//! From one file system to another, and the corners of Btrfs: subvolumes, snapshots, NOCOW on one side.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;

use crate::abi::{self, Options};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::portable;
use crate::trial;
use crate::whole::options;

/// Every file system to the next one in the list, and the tests of single file systems by name.
pub fn trials(places: &[Place]) -> Vec<Trial> {
    let there: Vec<&Place> = places.iter().filter(|place| place.missing.is_none()).collect();
    let mut trials = Vec::new();
    for (at, one) in there.iter().enumerate() {
        let other = there[(at + 1) % there.len()];
        if one.dir == other.dir {
            continue;
        }
        let (one, other) = ((*one).clone(), other.clone());
        trials
            .push(trial(format!("{}::copies_to_{}", one.name, other.name), move || copies_to(&one, &other)));
    }
    // All of these are about clones.
    for (name, place, test) in SPECIAL.iter().filter(|_| !portable::is_tested()) {
        let Some(place) = places.iter().find(|known| known.name == *place).cloned() else { continue };
        let ignored = place.missing.is_some();
        trials.push(trial(name.to_string(), move || test(&place)).with_ignored_flag(ignored));
    }
    trials
}

type Special = (&'static str, &'static str, fn(&Place));

const SPECIAL: &[Special] = &[
    ("btrfs::clones_between_subvolumes", "btrfs", clones_between_subvolumes),
    ("btrfs::nocow_on_one_side_is_copied", "btrfs", nocow_on_one_side_is_copied),
    ("overlay-xfs::clones_up_from_the_lower_layer", "overlay-xfs", clones_up_from_the_lower_layer),
    ("xfs-4k::clones_between_bind_mounts", "xfs-4k", clones_between_bind_mounts),
];

fn copies_to(one: &Place, other: &Place) {
    let (from, to) = (Room::new(&one.dir), Room::new(&other.dir));
    let src = files::sparse(&from.path("src"), 3 << 20, &[(0, 100_000), (2 << 20, 300_001)]);
    let (code, found) = abi::probe(Some(&src), &to.0);
    // An overlay and its own upper file system are two, for the kernel.
    let (errno, reason) = if portable::is_tested() {
        (libc::EOPNOTSUPP, abi::REASON_UNSUPPORTED)
    } else {
        (libc::EXDEV, abi::REASON_CROSS_DEVICE)
    };
    assert_eq!((code, found.clone, found.reason), (0, 0, reason), "{found:?}");
    let (code, found) = abi::probe(Some(&from.0), &to.0);
    assert_eq!((code, found.clone, found.reason), (0, 0, reason), "{found:?}");
    let (code, outcome) = abi::copy_file(&src, &to.path("dst"), &options(abi::ALWAYS));
    assert_eq!((code, outcome.reason), (-errno, reason), "{outcome:?}");
    assert!(to.names().is_empty());
    for mode in [abi::AUTO, abi::NEVER] {
        let how = Options { if_exists: abi::REPLACE, ..options(mode) };
        let (code, outcome) = abi::copy_file(&src, &to.path("dst"), &how);
        assert_eq!((code, outcome.total(), outcome.cloned), (0, 3 << 20, 0), "{outcome:?}");
        assert!(outcome.holes >= 1 << 20, "{outcome:?}");
        files::assert_same(&src, &to.path("dst"));
    }
}

fn btrfs(arguments: &[&str], paths: &[&Path]) {
    let output = Command::new("btrfs").args(arguments).args(paths).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// st_dev differs between subvolumes, and they clone all the same: it is no criterion.
fn clones_between_subvolumes(place: &Place) {
    let room = Room::new(&place.dir);
    let (one, two, snapshot) = (room.path("one"), room.path("two"), room.path("snapshot"));
    btrfs(&["subvolume", "create"], &[&one]);
    btrfs(&["subvolume", "create"], &[&two]);
    let src = files::file(&one.join("src"), &files::bytes(80, 500_000));
    btrfs(&["subvolume", "snapshot", "-r"], &[&one, &snapshot]);
    assert_ne!(fs::metadata(&one).unwrap().dev(), fs::metadata(&two).unwrap().dev());
    for (name, source) in [("from-subvolume", &src), ("from-snapshot", &snapshot.join("src"))] {
        assert_eq!(abi::probe(Some(source), &two).1.clone, 1);
        let (code, outcome) = abi::copy_file(source, &two.join(name), &options(abi::ALWAYS));
        assert_eq!((code, outcome.method), (0, abi::METHOD_CLONE), "{outcome:?}");
        files::assert_same(source, &two.join(name));
        let extents = files::all_extents(&two.join(name)).unwrap();
        assert!(extents.mapped > 0 && extents.shared == extents.mapped);
    }
    let (code, _) = abi::copy_file(&src, &snapshot.join("dst"), &options(abi::AUTO));
    assert_eq!(code, -libc::EROFS);
    let (code, found) = abi::probe(None, &snapshot);
    assert_eq!((code, found.clone, found.reason), (0, -1, abi::REASON_PERMISSION), "{found:?}");
    assert_eq!(found.clone_error, -libc::EROFS);
    for subvolume in [&snapshot, &one, &two] {
        btrfs(&["subvolume", "delete"], &[subvolume]);
    }
}

fn nocow_on_one_side_is_copied(place: &Place) {
    let room = Room::new(&place.dir);
    let nocow = room.path("nocow");
    fs::create_dir(&nocow).unwrap();
    let marked = Command::new("chattr").arg("+C").arg(&nocow).status().unwrap();
    assert!(marked.success());
    let src = files::file(&room.path("src"), &files::bytes(81, 500_000));
    let dst = nocow.join("dst");
    let (code, outcome) = abi::copy_file(&src, &dst, &options(abi::ALWAYS));
    assert_eq!((code, outcome.reason, outcome.clone_error), (-libc::EINVAL, abi::REASON_FILE, -libc::EINVAL));
    let (code, outcome) = abi::copy_file(&src, &dst, &options(abi::AUTO));
    assert_eq!((code, outcome.reason, outcome.cloned), (0, abi::REASON_FILE, 0), "{outcome:?}");
    files::assert_same(&src, &dst);
    // Both NOCOW: they share again.
    let (code, outcome) = abi::copy_file(&dst, &nocow.join("again"), &options(abi::ALWAYS));
    assert_eq!((code, outcome.method), (0, abi::METHOD_CLONE), "{outcome:?}");
}

fn clones_up_from_the_lower_layer(place: &Place) {
    // lab.rs keeps the lower layer beside the upper one.
    let lower = place.dir.with_file_name("xfs-4k").join("overlay-lower");
    files::file(&lower.join("below"), &files::bytes(82, 500_000));
    let (src, dst) = (place.dir.join("below"), place.dir.join("above"));
    let (code, outcome) = abi::copy_file(&src, &dst, &options(abi::ALWAYS));
    assert_eq!((code, outcome.method), (0, abi::METHOD_CLONE), "{outcome:?}");
    files::assert_same(&src, &dst);
    assert!(files::all_extents(&dst).unwrap().shared >= 500_000);
    fs::remove_file(dst).unwrap();
    fs::remove_file(lower.join("below")).unwrap();
}

fn clones_between_bind_mounts(place: &Place) {
    let room = Room::new(&place.dir);
    let (one, two) = (room.path("one"), room.path("two"));
    fs::create_dir(&one).unwrap();
    fs::create_dir(&two).unwrap();
    let mounted = Command::new("mount").arg("--bind").arg(&one).arg(&two).status().unwrap();
    assert!(mounted.success());
    let src = files::file(&room.path("src"), &files::bytes(83, 500_000));
    let (code, outcome) = abi::copy_file(&src, &two.join("dst"), &options(abi::AUTO));
    let shared = files::all_extents(&two.join("dst")).map(|extents| extents.shared);
    let names = files::names(&one);
    assert!(Command::new("umount").arg(&two).status().unwrap().success());
    // FICLONE compared mounts until Linux 5.17, superblocks since.
    assert_eq!((code, outcome.method), (0, abi::METHOD_CLONE), "{outcome:?}");
    assert!(shared.unwrap() >= 500_000 && names == ["dst"]);
}
