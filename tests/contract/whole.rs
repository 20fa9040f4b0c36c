//! Whole files by name: what is shared, what is copied, what stands under the destination's name before and after.

use std::ffi::c_void;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;

use crate::abi::{self, Options};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Contract, Where};

pub const ALL: &[Contract] = &[
    Contract("a_clone_shares_every_block", Where::IfCloning, a_clone_shares_every_block),
    Contract("a_write_parts_only_what_it_writes", Where::IfCloning, a_write_parts_only_what_it_writes),
    Contract("auto_copies_where_it_cannot_clone", Where::IfNotCloning, auto_copies_where_it_cannot_clone),
    Contract("always_fails_and_changes_nothing", Where::IfNotCloning, always_fails_and_changes_nothing),
    Contract("never_shares_nothing", Where::Everywhere, never_shares_nothing),
    Contract("every_size_in_every_mode", Where::Everywhere, every_size_in_every_mode),
    Contract("holes_are_kept_in_every_mode", Where::Everywhere, holes_are_kept_in_every_mode),
    Contract("five_gigabytes_of_hole_and_their_end", Where::Everywhere, five_gigabytes_of_hole_and_their_end),
    Contract("an_existing_name_is_not_touched", Where::Everywhere, an_existing_name_is_not_touched),
    Contract("replace_is_a_new_file", Where::Everywhere, replace_is_a_new_file),
    Contract("replace_refuses_what_is_no_file", Where::Everywhere, replace_refuses_what_is_no_file),
    Contract("one_file_by_any_route_is_refused", Where::Everywhere, one_file_by_any_route_is_refused),
    Contract("progress_counts_up_and_ends", Where::Everywhere, progress_counts_up_and_ends),
    Contract("cancel_leaves_nothing", Where::Everywhere, cancel_leaves_nothing),
    Contract("a_large_clone_goes_in_steps", Where::IfCloning, a_large_clone_goes_in_steps),
    Contract("pseudo_files_come_with_their_content", Where::Everywhere, pseudo_files_come_with_their_content),
    Contract("a_source_that_moves_ends_the_copy", Where::Everywhere, a_source_that_moves_ends_the_copy),
    Contract("a_hundred_threads_from_one_source", Where::Everywhere, a_hundred_threads_from_one_source),
];

pub fn options(mode: u32) -> Options {
    Options { mode, ..Options::default() }
}

fn replace(mode: u32) -> Options {
    Options { mode, if_exists: abi::REPLACE, ..Options::default() }
}

fn a_clone_shares_every_block(place: &Place) {
    let room = Room::new(&place.dir);
    let content = files::bytes(1, (1 << 20) + 12345);
    let src = files::file(&room.path("src"), &content);
    for (mode, name) in [(abi::AUTO, "auto"), (abi::ALWAYS, "always")] {
        let dst = room.path(name);
        let (code, outcome) = abi::copy_file(&src, &dst, &options(mode));
        assert_eq!(code, 0, "{outcome:?}");
        assert_eq!(
            (outcome.method, outcome.reason, outcome.clone_error),
            (abi::METHOD_CLONE, abi::REASON_NONE, 0)
        );
        assert_eq!((outcome.cloned, outcome.copied, outcome.holes), (content.len() as u64, 0, 0));
        files::assert_same(&src, &dst);
        let extents = files::all_extents(&dst).expect("FIEMAP");
        assert!(extents.mapped >= content.len() as u64 && extents.shared == extents.mapped, "{extents:?}");
    }
    assert_eq!(room.names(), ["always", "auto", "src"]);
}

fn a_write_parts_only_what_it_writes(place: &Place) {
    let room = Room::new(&place.dir);
    let content = files::bytes(2, 1 << 20);
    let (src, dst) = (files::file(&room.path("src"), &content), room.path("dst"));
    assert_eq!(abi::copy_file(&src, &dst, &options(abi::ALWAYS)).0, 0);
    let unit = place.block.max(4096);
    let file = OpenOptions::new().write(true).open(&dst).unwrap();
    file.write_all_at(&vec![0xab; unit as usize], 4 * unit).unwrap();
    file.sync_all().unwrap();
    assert!(fs::read(&src).unwrap() == content, "a write into the copy reached the source");
    let part = |offset, length| files::extents(&dst, offset, length).unwrap();
    assert_eq!(part(4 * unit, unit).shared, 0);
    assert_eq!(part(0, 4 * unit).shared, 4 * unit);
    assert_eq!(part(5 * unit, (1 << 20) - 5 * unit).shared, (1 << 20) - 5 * unit);
}

fn auto_copies_where_it_cannot_clone(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(3, 3_000_001));
    let (code, outcome) = abi::copy_file(&src, &room.path("dst"), &options(abi::AUTO));
    assert_eq!(code, 0, "{outcome:?}");
    assert!(matches!(outcome.method, abi::METHOD_KERNEL_COPY | abi::METHOD_COPY), "{outcome:?}");
    assert_eq!((outcome.reason, outcome.clone_error), (abi::REASON_UNSUPPORTED, -libc::EOPNOTSUPP));
    assert_eq!((outcome.cloned, outcome.copied, outcome.holes), (0, 3_000_001, 0));
    files::assert_same(&src, &room.path("dst"));
    if let Some(extents) = files::all_extents(&room.path("dst")) {
        assert_eq!(extents.shared, 0);
    }
}

fn always_fails_and_changes_nothing(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(4, 100_000));
    let old = files::file(&room.path("old"), b"precious");
    let inode = fs::metadata(&old).unwrap().ino();
    for durability in [abi::ATOMIC, abi::DURABLE, abi::DIRECT] {
        for (dst, options) in [(&old, replace(abi::ALWAYS)), (&room.path("new"), options(abi::ALWAYS))] {
            let (code, outcome) = abi::copy_file(&src, dst, &Options { durability, ..options });
            assert_eq!(code, -libc::EOPNOTSUPP, "{outcome:?}");
            assert_eq!((outcome.reason, outcome.clone_error), (abi::REASON_UNSUPPORTED, -libc::EOPNOTSUPP));
            assert_eq!((outcome.method, outcome.total()), (abi::METHOD_NONE, 0));
        }
    }
    assert_eq!((fs::read(&old).unwrap(), fs::metadata(&old).unwrap().ino()), (b"precious".to_vec(), inode));
    assert_eq!(room.names(), ["old", "src"]);
}

fn never_shares_nothing(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(5, 700_001));
    let (code, outcome) = abi::copy_file(&src, &room.path("dst"), &options(abi::NEVER));
    assert_eq!(code, 0, "{outcome:?}");
    assert_eq!((outcome.method, outcome.reason), (abi::METHOD_COPY, abi::REASON_NOT_ASKED));
    assert_eq!((outcome.cloned, outcome.copied, outcome.clone_error), (0, 700_001, 0));
    files::assert_same(&src, &room.path("dst"));
    if place.fiemap {
        assert_eq!(files::all_extents(&src).unwrap().shared, 0);
        assert_eq!(files::all_extents(&room.path("dst")).unwrap().shared, 0);
    }
}

fn every_size_in_every_mode(place: &Place) {
    let room = Room::new(&place.dir);
    let always = if place.clones { vec![abi::ALWAYS] } else { vec![] };
    for size in
        [0, 1, 511, 512, 1023, 1024, 4095, 4096, 4097, 65535, 65536, 65537, 262_144, 262_145, 1_048_577]
    {
        let src = files::file(&room.path("src"), &files::bytes(size as u64, size));
        for mode in [&always[..], &[abi::AUTO, abi::NEVER]].concat() {
            for durability in [abi::ATOMIC, abi::DURABLE, abi::DIRECT] {
                for if_exists in [0, abi::REPLACE, abi::REPLACE] {
                    let dst = room.path("dst");
                    if if_exists == 0 {
                        let _ = fs::remove_file(&dst);
                    }
                    let how = Options { mode, durability, if_exists, ..Options::default() };
                    let (code, outcome) = abi::copy_file(&src, &dst, &how);
                    assert_eq!(code, 0, "{size} bytes, mode {mode}, durability {durability}: {outcome:?}");
                    assert_eq!(outcome.total(), size as u64, "{outcome:?}");
                    files::assert_same(&src, &dst);
                }
            }
        }
    }
    assert_eq!(room.names(), ["dst", "src"]);
}

const MEGABYTE: u64 = 1 << 20;

/// A file's name, its size, and where its data is: (offset, length).
type Shape = (&'static str, u64, &'static [(u64, usize)]);

const SPARSE: &[Shape] = &[
    ("trailing", 8 * MEGABYTE, &[(0, 65536)]),
    ("leading", 8 * MEGABYTE, &[(8 * MEGABYTE - 65536, 65536)]),
    ("middle", 8 * MEGABYTE, &[(4 * MEGABYTE, 1)]),
    ("nothing", 8 * MEGABYTE + 17, &[]),
    ("many", 32 * MEGABYTE, &[(0, 1), (MEGABYTE, 65536), (9 * MEGABYTE + 5, 300_000), (20 * MEGABYTE, 1)]),
];

fn holes_are_kept_in_every_mode(place: &Place) {
    let room = Room::new(&place.dir);
    let modes: &[u32] =
        if place.clones { &[abi::AUTO, abi::ALWAYS, abi::NEVER] } else { &[abi::AUTO, abi::NEVER] };
    for (name, size, data) in SPARSE {
        let src = files::sparse(&room.path(name), *size, data);
        let there = files::allocated(&src);
        assert!(there < size / 2, "{name}: {} has no holes", place.name);
        for mode in modes {
            let dst = room.path("dst");
            let (code, outcome) = abi::copy_file(&src, &dst, &replace(*mode));
            assert_eq!((code, outcome.total()), (0, *size), "{name}, mode {mode}: {outcome:?}");
            files::assert_same(&src, &dst);
            // A block more for each stretch: file systems round differently.
            let most = there + 65536 * (data.len() as u64 + 1);
            let made = files::allocated(&dst);
            assert!(made <= most, "{name}, mode {mode}: {made} bytes allocated, the source has {there}");
            assert!(outcome.cloned > 0 || outcome.holes > size / 2, "{name}, mode {mode}: {outcome:?}");
        }
    }
}

fn five_gigabytes_of_hole_and_their_end(place: &Place) {
    let room = Room::new(&place.dir);
    let size = 5 << 30;
    let data = [(0, 4096), ((2 << 30) - 1000, 2000), ((4 << 30) + 5, 65536), (size - 1, 1)];
    let src = files::sparse(&room.path("src"), size, &data);
    for mode in [abi::AUTO, abi::NEVER] {
        let dst = room.path("dst");
        let (code, outcome) = abi::copy_file(&src, &dst, &replace(mode));
        assert_eq!((code, outcome.total()), (0, size), "{outcome:?}");
        assert_eq!(fs::metadata(&dst).unwrap().len(), size);
        assert!(files::allocated(&dst) < 4 << 20);
        let (from, to) = (fs::File::open(&src).unwrap(), fs::File::open(&dst).unwrap());
        for (offset, length) in data {
            let (mut one, mut other) = (vec![0; length], vec![0; length]);
            from.read_exact_at(&mut one, offset).unwrap();
            to.read_exact_at(&mut other, offset).unwrap();
            assert!(one == other, "at {offset}");
        }
    }
}

fn an_existing_name_is_not_touched(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(6, 10_000));
    let old = files::file(&room.path("old"), b"precious");
    symlink("nowhere", room.path("dangling")).unwrap();
    symlink("old", room.path("link")).unwrap();
    fs::create_dir(room.path("dir")).unwrap();
    files::fifo(&room.path("fifo"));
    let before = room.names();
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::DIRECT] {
            for name in ["old", "dangling", "link", "dir", "fifo", "src"] {
                let how = Options { mode, durability, ..Options::default() };
                let (code, outcome) = abi::copy_file(&src, &room.path(name), &how);
                assert_eq!(code, -libc::EEXIST, "{name}: {outcome:?}");
            }
        }
    }
    assert_eq!(fs::read(&old).unwrap(), b"precious");
    assert_eq!(room.names(), before);
}

fn replace_is_a_new_file(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(7, 10_000));
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::DIRECT] {
            let (old, other) = (files::file(&room.path("old"), b"precious"), room.path("other"));
            fs::hard_link(&old, &other).unwrap();
            symlink("other", room.path("link")).unwrap();
            for dst in [&old, &room.path("link")] {
                let (code, outcome) = abi::copy_file(&src, dst, &Options { durability, ..replace(mode) });
                assert_eq!(code, 0, "{outcome:?}");
                files::assert_same(&src, dst);
                assert!(fs::symlink_metadata(dst).unwrap().is_file(), "the link itself is replaced");
            }
            assert_eq!(fs::read(&other).unwrap(), b"precious", "what a link pointed to, or shared, stays");
            assert_eq!(room.names(), ["link", "old", "other", "src"]);
            for name in ["link", "old", "other"] {
                fs::remove_file(room.path(name)).unwrap();
            }
        }
    }
}

fn replace_refuses_what_is_no_file(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), b"content");
    fs::create_dir(room.path("dir")).unwrap();
    files::fifo(&room.path("fifo"));
    let socket = std::os::unix::net::UnixListener::bind(room.path("socket"));
    let mut cases = vec![("dir", -libc::EISDIR), ("fifo", abi::ERR_NOT_REGULAR)];
    if socket.is_ok() {
        cases.push(("socket", abi::ERR_NOT_REGULAR));
    }
    let before = room.names();
    for durability in [abi::ATOMIC, abi::DURABLE, abi::DIRECT] {
        for (name, wanted) in &cases {
            let how = Options { durability, ..replace(abi::AUTO) };
            let (code, outcome) = abi::copy_file(&src, &room.path(name), &how);
            assert_eq!((code, outcome.step), (*wanted, abi::STEP_CHECK), "{name}: {outcome:?}");
        }
    }
    assert_eq!(room.names(), before);
}

fn one_file_by_any_route_is_refused(place: &Place) {
    let room = Room::new(&place.dir);
    let content = files::bytes(8, 5000);
    let src = files::file(&room.path("src"), &content);
    fs::hard_link(&src, room.path("hard")).unwrap();
    symlink("src", room.path("soft")).unwrap();
    fs::create_dir(room.path("dir")).unwrap();
    let around = room.path("dir").join("..").join("src");
    for durability in [abi::ATOMIC, abi::DURABLE, abi::DIRECT] {
        let how = Options { durability, ..replace(abi::AUTO) };
        for (from, to) in [
            (&src, &src),
            (&src, &room.path("hard")),
            (&room.path("hard"), &src),
            (&room.path("soft"), &src),
            (&around, &src),
            (&src, &around),
        ] {
            let (code, outcome) = abi::copy_file(from, to, &how);
            assert_eq!((code, outcome.step), (abi::ERR_SAME_FILE, abi::STEP_CHECK), "{outcome:?}");
        }
    }
    // A symbolic link to the source is not the source: it is replaced by a copy, and nothing is lost.
    assert_eq!(abi::copy_file(&src, &room.path("soft"), &replace(abi::AUTO)).0, 0);
    assert!(fs::read(&src).unwrap() == content && fs::read(room.path("soft")).unwrap() == content);
    assert_eq!(room.names(), ["dir", "hard", "soft", "src"]);
}

/// What a progress function was told, and when it is to cancel.
#[derive(Default)]
pub struct Told {
    pub calls: Vec<(u64, u64)>,
    pub cancel_at: Option<usize>,
}

impl Told {
    pub fn options(&mut self, base: Options) -> Options {
        Options { progress: Some(told), progress_user: std::ptr::from_mut(self).cast(), ..base }
    }
}

unsafe extern "C" fn told(user: *mut c_void, progress: *const abi::Progress) -> i32 {
    let (told, progress) = unsafe { (&mut *user.cast::<Told>(), &*progress) };
    assert_eq!(progress.size, size_of::<abi::Progress>());
    told.calls.push((progress.bytes_done, progress.bytes_total));
    i32::from(told.cancel_at.is_some_and(|at| told.calls.len() > at))
}

fn progress_counts_up_and_ends(place: &Place) {
    let room = Room::new(&place.dir);
    let size = 40 << 20;
    let src = files::file(&room.path("src"), &files::bytes(9, size as usize));
    for mode in [abi::AUTO, abi::NEVER] {
        let mut told = Told::default();
        let (code, outcome) = abi::copy_file(&src, &room.path("dst"), &told.options(replace(mode)));
        assert_eq!(code, 0, "{outcome:?}");
        assert_eq!(told.calls.first(), Some(&(0, size)), "{:?}", told.calls);
        assert_eq!(told.calls.last(), Some(&(size, size)), "{:?}", told.calls);
        assert!(told.calls.windows(2).all(|two| two[0].0 < two[1].0), "{:?}", told.calls);
        assert!(
            outcome.cloned > 0 || told.calls.len() >= 3,
            "a copy of 40 MiB has a middle: {:?}",
            told.calls
        );
        files::assert_same(&src, &room.path("dst"));
    }
}

fn cancel_leaves_nothing(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(10, 40 << 20));
    let old = files::file(&room.path("old"), b"precious");
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::DIRECT] {
            for cancel_at in 0..3 {
                let mut told = Told { cancel_at: Some(cancel_at), ..Told::default() };
                let how = told.options(Options { durability, ..replace(mode) });
                let (code, outcome) = abi::copy_file(&src, &old, &how);
                if told.calls.len() <= cancel_at {
                    // A clone is only told of at its beginning and its end.
                    assert!(code == 0 && place.clones && mode == abi::AUTO, "{code} {outcome:?}");
                    files::file(&old, b"precious");
                    continue;
                }
                assert_eq!((code, outcome.step), (-libc::ECANCELED, abi::STEP_PROGRESS), "{outcome:?}");
                assert_eq!(fs::read(&old).unwrap(), b"precious");
                assert_eq!(room.names(), ["old", "src"]);
                let mut told = Told { cancel_at: Some(cancel_at), ..Told::default() };
                let how = told.options(Options { durability, mode, ..Options::default() });
                assert_eq!(abi::copy_file(&src, &room.path("new"), &how).0, -libc::ECANCELED);
                assert_eq!(room.names(), ["old", "src"]);
            }
        }
    }
}

fn a_large_clone_goes_in_steps(place: &Place) {
    let room = Room::new(&place.dir);
    let size = (2 << 30) + (512 << 20) + 7;
    let src = files::sparse(&room.path("src"), size, &[(0, 65536), (1 << 30, 65536), (size - 7, 7)]);
    let mut told = Told::default();
    let (code, outcome) = abi::copy_file(&src, &room.path("dst"), &told.options(options(abi::ALWAYS)));
    assert_eq!((code, outcome.method, outcome.cloned), (0, abi::METHOD_CLONE, size), "{outcome:?}");
    assert_eq!(told.calls, [(0, size), (1 << 30, size), (2 << 30, size), (size, size)]);
    assert_eq!(fs::metadata(room.path("dst")).unwrap().len(), size);
    let extents = files::all_extents(&room.path("dst")).unwrap();
    assert!(extents.mapped > 0 && extents.shared == extents.mapped, "{extents:?}");
    let mut told = Told { cancel_at: Some(2), ..Told::default() };
    let (code, _) = abi::copy_file(&src, &room.path("cancelled"), &told.options(options(abi::ALWAYS)));
    assert_eq!(code, -libc::ECANCELED);
    assert_eq!(room.names(), ["dst", "src"]);
}

fn pseudo_files_come_with_their_content(place: &Place) {
    let room = Room::new(&place.dir);
    for (name, pseudo) in
        ["/proc/version", "/proc/filesystems", "/sys/kernel/mm/transparent_hugepage/enabled"]
            .into_iter()
            .filter(|name| Path::new(name).exists())
            .enumerate()
    {
        for mode in [abi::AUTO, abi::NEVER] {
            let dst = room.path(&format!("dst-{name}"));
            let (code, outcome) = abi::copy_file(Path::new(pseudo), &dst, &replace(mode));
            assert_eq!(code, 0, "{pseudo}: {outcome:?}");
            let content = fs::read(pseudo).unwrap();
            assert!(!content.is_empty() && fs::read(&dst).unwrap() == content, "{pseudo}");
            assert_eq!((outcome.copied, outcome.method), (content.len() as u64, abi::METHOD_COPY));
        }
    }
}

/// A source that is cut short, grown and rewritten all the while: each copy ends, and what it says is what is there.
fn a_source_that_moves_ends_the_copy(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(11, 4 << 20));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = OpenOptions::new().write(true).open(&src).unwrap();
            let mut size = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                size = (size + 1_234_567) % (6 << 20);
                file.set_len(size).unwrap();
                file.write_all_at(b"end", size).unwrap();
            }
        });
        for turn in 0..60 {
            let mode = if turn % 2 == 0 { abi::AUTO } else { abi::NEVER };
            let dst = room.path("dst");
            let (code, outcome) = abi::copy_file(&src, &dst, &replace(mode));
            if code == 0 {
                assert_eq!(outcome.total(), fs::metadata(&dst).unwrap().len(), "{outcome:?}");
            }
            assert!(code == 0 || code == -4102, "{code} {outcome:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(room.names(), ["dst", "src"]);
}

fn a_hundred_threads_from_one_source(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(12, 300_000));
    std::thread::scope(|scope| {
        for thread in 0..100 {
            let (room, src) = (&room, &src);
            scope.spawn(move || {
                let mode = if thread % 2 == 0 { abi::AUTO } else { abi::NEVER };
                // Every second one to a name that all of them want.
                let name = if thread % 4 < 2 { "one".to_string() } else { format!("dst-{thread}") };
                let (code, outcome) = abi::copy_file(src, &room.path(&name), &replace(mode));
                assert_eq!(code, 0, "{outcome:?}");
                files::assert_same(src, &room.path(&name));
            });
        }
    });
    assert_eq!(room.names().len(), 52);
}
