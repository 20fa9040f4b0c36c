//! Power cuts: the process ends at a system call, and the file system with it, so that only what is on the device remains.
//! With REFLINK_DURABLE the name then holds what it held before or the complete new tree; after the return, the new one.

use std::path::Path;

use crate::abi::{self, REPLACE, TIMES, c_path};
use crate::calls::{self, KEEP_REPLACED, MERGE, Options};
use crate::faults::{make_old, same, small_tree};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::tracer::{self, Fault, Page};
use crate::volume::Volume;
use crate::walker::{self, Tree};
use crate::ways::own_mounts;
use crate::{Attack, ONE, cannot};

pub const ALL: &[Attack] = &[
    Attack("power_cuts", &["xfs-4k", "ext4", "btrfs"], power_cuts),
    Attack("syncs_come_in_order", ONE, syncs_come_in_order),
];

/// At how many of a copy's system calls the power is cut, in the short form.
const FEW: usize = 6;

fn power_cuts(place: &Place) {
    if !cfg!(target_arch = "x86_64") {
        cannot("the tracer knows x86-64 only");
    }
    own_mounts();
    let (kind, force) = match place.name {
        "ext4" => ("ext4", "-F"),
        "btrfs" => ("btrfs", "-f"),
        _ => ("xfs", "-f"),
    };
    let mut volume = Volume::new(kind, 400, &[force], "");
    small_tree(&volume.path("src"));
    make_old(&volume.path("dst"));
    let (source, old) = (walker::walk(&volume.path("src")), walker::walk(&volume.path("dst")));
    calls::removed(&volume.path("dst"));
    let (page, mut cuts) = (Page::new(), 0);
    for if_exists in [0, REPLACE, MERGE] {
        let calls = run(&page, &volume, if_exists, usize::MAX).0;
        let few = if std::env::var_os("REFLINK_TIME").is_some() { calls } else { FEW };
        // One more than the copy makes: after the return.
        for at in (0..few).map(|number| number * calls / few).chain([calls - 1, calls]) {
            prepare(&mut volume, if_exists);
            let ended = run(&page, &volume, if_exists, at).1;
            volume = cut(volume, kind);
            cuts += 1;
            let now = State::of(&volume.path("dst"), &source, &old);
            let fine = match (if_exists, ended) {
                (MERGE, true) => now.each_entry_is_new,
                (MERGE, false) => now.each_entry_is_old_or_new,
                (_, true) => now.is_new,
                (0, false) => now.is_new || now.is_absent,
                (_, false) => now.is_new || now.is_old,
            };
            assert!(fine, "{kind}, {if_exists:#x}, at call {at} of {calls}, returned {ended}: {now:?}");
            assert!(same(&source, &walker::walk(&volume.path("src"))), "the source");
        }
    }
    println!("{cuts} power cuts");
}

/// Btrfs has no shutdown before Linux 6.19: this copies the device as it is at that instant.
fn cut(mut volume: Volume, kind: &str) -> Volume {
    if kind == "btrfs" {
        return volume.after_power_cut();
    }
    volume.shut_down();
    volume.unmount();
    volume.mount();
    volume
}

/// Makes the source and an existing destination, and syncs both to the device.
fn prepare(volume: &mut Volume, if_exists: u32) {
    for name in
        files::names(&volume.dir).iter().filter(|name| name.starts_with(".reflink-") || *name == "dst")
    {
        calls::removed(&volume.path(name));
    }
    if if_exists != 0 {
        make_old(&volume.path("dst"));
    }
    volume.unmount();
    volume.mount();
}

/// Copies until the call number `at`: how many calls it makes, and whether it returned.
fn run(page: &Page, volume: &Volume, if_exists: u32, at: usize) -> (usize, bool) {
    let (src, dst) = (c_path(&volume.path("src")), c_path(&volume.path("dst")));
    let options = Options { if_exists, durability: abi::DURABLE, preserve: TIMES, ..Options::default() };
    let ran = tracer::run(page, at, Fault::Kill, |outcome| unsafe {
        (calls::library().copy)(src.as_ptr(), dst.as_ptr(), &options, outcome)
    });
    assert!(ran.said.ended == 0 || ran.said.code == 0, "{:?}", ran.said);
    (ran.calls.len(), ran.said.ended == 1)
}

/// What the name holds after a cut.
#[derive(Debug)]
#[expect(dead_code, reason = "the names are shown")]
struct State {
    is_absent: bool,
    is_old: bool,
    is_new: bool,
    each_entry_is_new: bool,
    each_entry_is_old_or_new: bool,
    names: Vec<String>,
}

impl State {
    fn of(dst: &Path, source: &Tree, old: &Tree) -> Self {
        let is_absent = dst.symlink_metadata().is_err();
        let now = if is_absent { Tree::new() } else { walker::walk(dst) };
        let is = |tree: &Tree, path: &Vec<u8>, node: &walker::Node| {
            tree.get(path).is_some_and(|wanted| (wanted.kind, wanted.hash) == (node.kind, node.hash))
        };
        let private =
            |path: &[u8]| path.split(|byte| *byte == b'/').any(|name| name.starts_with(b".reflink-"));
        Self {
            is_absent,
            is_old: same(old, &now),
            is_new: same(source, &now),
            each_entry_is_new: source.iter().all(|(path, node)| is(&now, path, node)),
            each_entry_is_old_or_new: !is_absent
                && now
                    .iter()
                    .all(|(path, node)| private(path) || is(source, path, node) || is(old, path, node)),
            names: now.keys().map(|path| String::from_utf8_lossy(path).into_owned()).collect(),
        }
    }
}

/// The calls by which names come, go and are made to last: S syncs a volume, s a file or a directory, r renames, l gives a
/// file without a name its name, u removes a name.
fn kept_of(calls: &[u64]) -> String {
    let kinds = [
        (libc::SYS_syncfs, 'S'),
        (libc::SYS_fsync, 's'),
        (libc::SYS_fdatasync, 's'),
        (libc::SYS_renameat, 'r'),
        (libc::SYS_renameat2, 'r'),
        (libc::SYS_linkat, 'l'),
        (libc::SYS_unlinkat, 'u'),
    ];
    calls
        .iter()
        .filter_map(|call| kinds.iter().find(|(number, _)| *number as u64 == *call))
        .map(|kind| kind.1)
        .collect()
}

/// First everything in the tree is synced, then the tree gets its name, then the directory with the name is synced. Only then
/// the replaced tree is removed.
fn syncs_come_in_order(place: &Place) {
    if !cfg!(target_arch = "x86_64") {
        cannot("the tracer knows x86-64 only");
    }
    let room = Room::new(&place.dir);
    let (src, dst) = (crate::odd::directory(&room.path("src")), room.path("dst"));
    files::file(&src.join("file"), b"new");
    let page = Page::new();
    for (if_exists, flags, wanted) in [
        (0, 0, "Srs"),
        // To the name that says "old", then both names change places. In the end the old file and its directory go.
        (REPLACE, 0, "Srrsuu"),
        (REPLACE, KEEP_REPLACED, "Srrs"),
        // The file, its private name, its name; its directory, and the one that this is in.
        (MERGE, 0, "slrss"),
    ] {
        if if_exists != 0 {
            crate::odd::directory(&dst);
            files::file(&dst.join("file"), b"old");
        }
        let options = Options { if_exists, flags, durability: abi::DURABLE, ..Options::default() };
        let (from, to) = (c_path(&src), c_path(&dst));
        let ran = tracer::run(&page, usize::MAX, Fault::Nothing, |outcome| unsafe {
            (calls::library().copy)(from.as_ptr(), to.as_ptr(), &options, outcome)
        });
        assert_eq!((ran.said.ended, ran.said.code), (1, 0), "{:?}", ran.said);
        assert_eq!(kept_of(&ran.calls), wanted, "{if_exists:#x} {flags:#x}");
        for name in room.names().iter().filter(|name| *name != "src") {
            calls::removed(&room.path(name));
        }
    }
}
