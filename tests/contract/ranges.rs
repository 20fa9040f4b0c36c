//! What reflink_copy_range shares, against what FIEMAP says of it; and ranges of /proc. (Offsets and lengths: tests/contract-c.)

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::abi::{self, Options, Outcome};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::whole::options;
use crate::{Contract, Where, skip};

pub const ALL: &[Contract] = &[
    Contract("whole_blocks_are_shared", Where::IfCloning, whole_blocks_are_shared),
    Contract("only_whole_blocks_are_shared", Where::IfCloning, only_whole_blocks_are_shared),
    Contract(
        "nothing_is_shared_where_nothing_can_be",
        Where::IfNotCloning,
        nothing_is_shared_where_nothing_can_be,
    ),
    Contract("the_last_partial_block_is_shared", Where::IfCloning, the_last_partial_block_is_shared),
    Contract("a_file_of_the_largest_size_is_shared", Where::IfCloning, a_file_of_the_largest_size_is_shared),
    Contract("a_range_of_a_pseudo_file", Where::Everywhere, a_range_of_a_pseudo_file),
];

struct Two {
    /// Removed with everything in it when this goes.
    _room: Room,
    dst: PathBuf,
    from: File,
    to: File,
}

/// A source and a destination of these sizes, and what is in them.
fn two(place: &Place, src_size: usize, dst_size: usize) -> (Two, Vec<u8>, Vec<u8>) {
    let room = Room::new(&place.dir);
    let (source, old) = (files::bytes(60, src_size), files::bytes(61, dst_size));
    let dst = files::file(&room.path("dst"), &old);
    let from = File::open(files::file(&room.path("src"), &source)).unwrap();
    let to = OpenOptions::new().read(true).write(true).open(&dst).unwrap();
    (Two { _room: room, dst, from, to }, source, old)
}

impl Two {
    fn copy(&self, src_offset: u64, dst_offset: u64, length: u64, options: &Options) -> (i32, Outcome) {
        abi::copy_range(
            (self.from.as_raw_fd(), src_offset),
            (self.to.as_raw_fd(), dst_offset),
            length,
            options,
        )
    }
}

/// What a range copy does, on vectors.
fn shadow(source: &[u8], target: &mut Vec<u8>, src_offset: usize, dst_offset: usize, length: usize) -> u64 {
    let end = source.len().min(src_offset.saturating_add(length));
    if src_offset >= end {
        return 0;
    }
    let part = source[src_offset..end].to_vec();
    if target.len() < dst_offset + part.len() {
        target.resize(dst_offset + part.len(), 0);
    }
    target[dst_offset..dst_offset + part.len()].copy_from_slice(&part);
    part.len() as u64
}

fn assert_content(path: &Path, wanted: &[u8], what: &str) {
    let found = fs::read(path).unwrap();
    assert_eq!(found.len(), wanted.len(), "{what}");
    let differs = found.iter().zip(wanted).position(|(one, other)| one != other);
    assert_eq!(differs, None, "{what}");
}

fn whole_blocks_are_shared(place: &Place) {
    let block = place.block;
    let blocks = 64;
    for (src_offset, dst_offset, length) in [
        (0, 0, 32 * block),
        (block, 5 * block, 20 * block),
        (100, 100, 32 * block),
        (block + 100, 3 * block + 100, 20 * block + 50),
        (block - 1, 2 * block - 1, 10 * block + 2),
    ] {
        let (two, source, mut target) = two(place, (blocks * block) as usize, (blocks * block) as usize);
        let (code, outcome) = two.copy(src_offset, dst_offset, length, &options(abi::AUTO));
        let what = format!("{length} bytes from {src_offset} to {dst_offset}: {outcome:?}");
        shadow(&source, &mut target, src_offset as usize, dst_offset as usize, length as usize);
        assert_eq!((code, outcome.total()), (0, length), "{what}");
        assert_content(&two.dst, &target, &what);
        let first = dst_offset.next_multiple_of(block);
        let last = (dst_offset + length) / block * block;
        assert_eq!(outcome.cloned, last - first, "{what}");
        let whole = last - first == length;
        assert_eq!(outcome.method, if whole { abi::METHOD_CLONE } else { abi::METHOD_MIXED }, "{what}");
        assert_eq!(outcome.reason, if whole { abi::REASON_NONE } else { abi::REASON_FILE }, "{what}");
        assert_eq!(outcome.clone_error, 0, "{what}");
        assert_eq!(files::all_extents(&two.dst).unwrap().shared, last - first, "{what}");
        assert_eq!(files::extents(&two.dst, first, last - first).unwrap().shared, last - first, "{what}");
    }
    // Not congruent: nothing can be shared.
    let (two, ..) = two(place, (blocks * block) as usize, 0);
    let (code, outcome) = two.copy(0, 1, 32 * block, &options(abi::AUTO));
    assert_eq!((code, outcome.cloned, outcome.reason), (0, 0, abi::REASON_FILE), "{outcome:?}");
    assert_eq!(files::all_extents(&two.dst).unwrap().shared, 0);
}

fn sharing(mode: u32) -> Options {
    Options { flags: abi::SHARE_ONLY, ..options(mode) }
}

/// SHARE_ONLY: every byte that is not shared is what it was.
fn only_whole_blocks_are_shared(place: &Place) {
    let block = place.block;
    let size = 64 * block + 77;
    for (src_offset, dst_offset, length, first, last) in [
        (0, 0, 32 * block, 0, 32 * block),
        (block + 100, 3 * block + 100, 20 * block + 50, block - 100, 20 * block - 100),
        (block - 1, 2 * block - 1, 10 * block + 2, 1, 10 * block + 1),
        (block, block, abi::TO_EOF, 0, size - block),
        (0, 1, 32 * block, 0, 0),
        (5, 5, block - 5, 0, 0),
    ] {
        for mode in [abi::AUTO, abi::ALWAYS] {
            let (two, source, mut target) = two(place, size as usize, size as usize);
            let (code, outcome) = two.copy(src_offset, dst_offset, length, &sharing(mode));
            let what = format!("{length} bytes from {src_offset} to {dst_offset}: {outcome:?}");
            let refused = mode == abi::ALWAYS && last == 0;
            assert_eq!(code, if refused { -libc::EINVAL } else { 0 }, "{what}");
            assert_eq!(
                (outcome.clone_offset, outcome.cloned, outcome.total()),
                (first, last - first, last - first),
                "{what}"
            );
            let whole = last - first == length.min(size - src_offset);
            assert_eq!(outcome.reason, if whole { abi::REASON_NONE } else { abi::REASON_FILE }, "{what}");
            assert_eq!(outcome.flags & abi::DESTINATION_CHANGED, 0, "{what}");
            let method = if whole { abi::METHOD_CLONE } else { abi::METHOD_MIXED };
            assert_eq!(outcome.method, if last > 0 { method } else { 0 }, "{what}");
            shadow(
                &source,
                &mut target,
                (src_offset + first) as usize,
                (dst_offset + first) as usize,
                (last - first) as usize,
            );
            assert_content(&two.dst, &target, &what);
            let (start, length) = (dst_offset + first, last - first);
            assert!(files::all_extents(&two.dst).unwrap().shared >= length, "{what}");
            assert_eq!(files::extents(&two.dst, start, length.max(1)).unwrap().shared, length, "{what}");
        }
    }
}

fn nothing_is_shared_where_nothing_can_be(place: &Place) {
    for mode in [abi::AUTO, abi::ALWAYS] {
        let (two, _, target) = two(place, 300_000, 300_000);
        let (code, outcome) = two.copy(0, 0, abi::TO_EOF, &sharing(mode));
        assert_eq!(code == 0, mode == abi::AUTO, "{code}: {outcome:?}");
        assert!(outcome.clone_error < 0 && outcome.reason != abi::REASON_NONE, "{outcome:?}");
        assert_eq!((outcome.total(), outcome.flags & abi::DESTINATION_CHANGED), (0, 0), "{outcome:?}");
        assert_content(&two.dst, &target, "nothing");
    }
}

fn the_last_partial_block_is_shared(place: &Place) {
    let block = place.block;
    let size = 10 * block + 77;
    for (dst_size, shared) in
        [(0, true), (size, true), (10 * block + 76, true), (size + 1, false), (20 * block, false)]
    {
        let (two, source, mut target) = two(place, size as usize, dst_size as usize);
        let (code, outcome) = two.copy(block, block, abi::TO_EOF, &options(abi::AUTO));
        shadow(&source, &mut target, block as usize, block as usize, usize::MAX);
        assert_eq!(code, 0, "{outcome:?}");
        assert_content(&two.dst, &target, &format!("{dst_size}: {outcome:?}"));
        let tail = if shared { 0 } else { 77 };
        assert_eq!((outcome.cloned, outcome.copied), (size - block - tail, tail), "{dst_size}: {outcome:?}");
        let last = files::extents(&two.dst, 10 * block, 77).unwrap();
        assert_eq!(last.shared > 0, shared, "{dst_size}: {last:?}");
    }
}

/// XFS reports EINVAL of such a length after it has cloned all of it.
fn a_file_of_the_largest_size_is_shared(place: &Place) {
    let room = Room::new(&place.dir);
    let open = |name: &str| {
        let mut how = OpenOptions::new();
        how.read(true).write(true).create(true).truncate(true).open(room.path(name)).unwrap()
    };
    let (size, from) = (i64::MAX as u64, open("src"));
    if from.set_len(size).is_err() {
        skip(format!("{} has no files of 2^63-1 bytes", place.name));
    }
    from.write_all_at(b"last", size - 4).unwrap();
    for length in [size, abi::TO_EOF] {
        for mode in [abi::AUTO, abi::ALWAYS] {
            let to = open("dst");
            let pair = ((from.as_raw_fd(), 0), (to.as_raw_fd(), 0));
            let (code, outcome) = abi::copy_range(pair.0, pair.1, length, &options(mode));
            let told = (code, outcome.method, outcome.cloned, outcome.flags);
            assert_eq!(told, (0, abi::METHOD_CLONE, size, 0), "{outcome:?}");
            let mut last = [0; 4];
            to.read_exact_at(&mut last, size - 4).unwrap();
            assert_eq!((to.metadata().unwrap().len(), &last), (size, b"last"));
        }
    }
}

fn a_range_of_a_pseudo_file(place: &Place) {
    let wanted = fs::read("/proc/version").unwrap();
    let (two, ..) = two(place, 1, 100);
    let from = File::open("/proc/version").unwrap();
    for (offset, length, expected) in
        [(0, abi::TO_EOF, &wanted[..]), (5, 7, &wanted[5..12]), (6, abi::TO_EOF, &wanted[6..])]
    {
        let to = OpenOptions::new().write(true).truncate(true).open(&two.dst).unwrap();
        let (code, outcome) =
            abi::copy_range((from.as_raw_fd(), offset), (to.as_raw_fd(), 0), length, &options(abi::AUTO));
        assert_eq!((code, outcome.copied), (0, expected.len() as u64), "{outcome:?}");
        let mut found = vec![0; expected.len()];
        File::open(&two.dst).unwrap().read_exact_at(&mut found, 0).unwrap();
        assert!(found == expected);
    }
}
