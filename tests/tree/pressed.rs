//! Calls under pressure: few descriptors, a umask that takes everything, batches that fail in part, options together.
//! Compares what they report with the trees on disk.

use std::ffi::{CStr, c_int, c_void};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::abi::{self, DESTINATION_CHANGED, REPLACE, c_path};
use crate::calls::{self, Entry, MERGE, Options};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::large::limit_descriptors_as_promised;
use crate::walker::{self, Kind};
use crate::whole::{assert_copied, become_a_user};
use crate::{Attack, ONE, odd};

pub const ALL: &[Attack] = &[
    Attack("no_more_descriptors_than_promised", &["tmpfs", "ext4"], no_more_descriptors),
    Attack("links_to_a_file_under_way_hold_few_descriptors", &["tmpfs", "ext4"], links_to_a_file_under_way),
    Attack("a_batch_that_fails_in_part_is_counted", ONE, a_batch_that_fails_in_part),
    Attack("a_umask_that_takes_everything", &["xfs-4k", "btrfs", "tmpfs"], a_umask_that_takes_everything),
];

/// A file in each of many levels, so that each batch is of another directory.
fn no_more_descriptors(place: &Place) {
    let room = Room::new(&place.dir);
    let (src, levels) = (odd::directory(&room.path("src")), 150);
    let content = files::bytes(1, 3 << 20);
    let mut here = src.clone();
    for _ in 0..levels {
        here = odd::directory(&here.join("d"));
        fs::write(here.join("file"), &content).unwrap();
    }
    for threads in [64, 2] {
        let options = Options { threads, mode: abi::NEVER, ..Options::default() };
        limit_descriptors_as_promised(threads);
        let outcome = calls::copied(&src, &room.path("dst"), &options);
        assert_eq!((outcome.files, outcome.directories), (levels, levels), "{threads}: {outcome:?}");
        for (if_exists, durability) in [(MERGE, abi::DURABLE), (REPLACE, abi::DURABLE)] {
            if threads == 64 {
                continue; // enough of them is one
            }
            let options = Options { if_exists, durability, preserve: abi::ALL_METADATA, ..options };
            let outcome = calls::copied(&src, &room.path("dst"), &options);
            assert_eq!(outcome.files, levels, "{threads}: {outcome:?}");
        }
        calls::removed(&room.path("dst"));
    }
}

/// A large file that one thread copies while the walk meets a further name of it in each of many levels.
fn links_to_a_file_under_way(place: &Place) {
    let room = Room::new(&place.dir);
    let (src, levels) = (odd::directory(&room.path("src")), 150);
    let large = src.join("large");
    fs::write(&large, files::bytes(2, 200 << 20)).unwrap();
    let mut here = src.clone();
    for _ in 0..levels {
        here = odd::directory(&here.join("d"));
        fs::hard_link(&large, here.join("again")).unwrap();
    }
    limit_descriptors_as_promised(2);
    let under = c_path(&room.0);
    let (user, filter) = (under.as_ptr().cast_mut().cast(), Some(wait_for_the_large_file as _));
    let options = Options { threads: 2, mode: abi::NEVER, user, filter, ..Options::default() };
    let outcome = calls::copied(&src, &room.path("dst"), &options);
    assert_eq!((outcome.files, outcome.hard_links), (1, levels), "{outcome:?}");
}

/// Lets the walk go on only when the other thread has begun the file.
unsafe extern "C" fn wait_for_the_large_file(user: *mut c_void, entry: *const Entry) -> c_int {
    let room = unsafe { CStr::from_ptr(user.cast()) }.to_str().unwrap();
    let begun = || {
        let private = files::names(Path::new(room)).into_iter().find(|name| name.starts_with(".reflink-"));
        private.is_some_and(|private| Path::new(room).join(private).join("large").exists())
    };
    let began = Instant::now();
    while unsafe { (*entry).depth } == 2 && !begun() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    calls::TAKE
}

/// One file of a thread's batch fails: the others are still counted and reported.
fn a_batch_that_fails_in_part(place: &Place) {
    let room = Room::new(&place.dir);
    let (src, dst) = (odd::directory(&room.path("src")), room.path("dst"));
    for number in 0..600 {
        files::file(&src.join(format!("file-{number}")), b"new");
    }
    for (round, threads) in [2, 2, 4, 4, 64, 64].into_iter().enumerate() {
        odd::directory(&dst);
        // A directory has the name of one of the files, which may be anywhere in its batch.
        odd::directory(&dst.join(format!("file-{}", round * 37)));
        let options = Options { if_exists: MERGE, threads, on_error: Some(stop), ..Options::default() };
        let (code, outcome) = calls::copy(&src, &dst, &options);
        assert_eq!(code, -libc::EEXIST, "{outcome:?}");
        let there = walker::walk(&dst).values().filter(|node| node.kind == Kind::File).count() as u64;
        assert_eq!(outcome.files, there, "{threads}: {outcome:?}");
        assert_eq!(outcome.has(DESTINATION_CHANGED), there > 0, "{outcome:?}");
        calls::removed(&dst);
    }
}

unsafe extern "C" fn stop(_: *mut c_void, _: *const Entry) -> c_int {
    calls::STOP
}

/// Directories are made with no right at all, also for their owner.
fn a_umask_that_takes_everything(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    let src = room.path("src");
    odd::plain(&src, 2, 2);
    odd::directory(&src.join("directory-0/below"));
    let source = walker::walk(&src);
    for umask in [0o777, 0o300, 0o400, 0o200] {
        for (if_exists, durability, threads) in
            [(0, abi::ATOMIC, 0), (0, abi::UNSTAGED, 3), (REPLACE, abi::ATOMIC, 2), (MERGE, abi::ATOMIC, 2)]
        {
            let dst = room.path("dst");
            if if_exists != 0 {
                odd::directory(&dst);
            }
            unsafe { libc::umask(umask) };
            let options = Options { if_exists, durability, threads, ..Options::default() };
            let outcome = calls::copied(&src, &dst, &options);
            unsafe { libc::umask(0o022) };
            assert_copied(&source, &dst, &options, &outcome);
            calls::removed(&dst);
        }
    }
}
