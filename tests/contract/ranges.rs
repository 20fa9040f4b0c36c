//! reflink_copy_range against a model in memory, and what it shares against what FIEMAP says.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::abi::{self, Options, Outcome};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::portable;
use crate::whole::options;
use crate::{Contract, Where};

pub const ALL: &[Contract] = &[
    Contract("any_offsets_and_lengths", Where::Everywhere, any_offsets_and_lengths),
    Contract("whole_blocks_are_shared", Where::IfCloning, whole_blocks_are_shared),
    Contract("the_last_partial_block_is_shared", Where::IfCloning, the_last_partial_block_is_shared),
    Contract("always_wants_alignment", Where::IfCloning, always_wants_alignment),
    Contract("ranges_within_one_file", Where::Everywhere, ranges_within_one_file),
    Contract("extreme_offsets_are_refused", Where::Everywhere, extreme_offsets_are_refused),
    Contract("a_hole_replaces_what_was_there", Where::Everywhere, a_hole_replaces_what_was_there),
    Contract("a_range_ends_where_the_source_ends", Where::Everywhere, a_range_ends_where_the_source_ends),
    Contract("a_range_of_a_pseudo_file", Where::Everywhere, a_range_of_a_pseudo_file),
];

struct Two {
    room: Room,
    src: PathBuf,
    dst: PathBuf,
    from: File,
    to: File,
}

/// A source and a destination of these sizes, and what is in them.
fn two(place: &Place, src_size: usize, dst_size: usize) -> (Two, Vec<u8>, Vec<u8>) {
    let room = Room::new(&place.dir);
    let (source, old) = (files::bytes(60, src_size), files::bytes(61, dst_size));
    let (src, dst) = (files::file(&room.path("src"), &source), files::file(&room.path("dst"), &old));
    let from = File::open(&src).unwrap();
    let to = OpenOptions::new().read(true).write(true).open(&dst).unwrap();
    (Two { room, src, dst, from, to }, source, old)
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

fn any_offsets_and_lengths(place: &Place) {
    let block = place.block;
    let offsets = [0, 1, block - 1, block, block + 1, 3 * block, 3 * block + 100];
    let lengths = [0, 1, 100, block - 1, block, block + 1, 5 * block, 5 * block + 3, abi::TO_EOF];
    let size = (9 * block + 777) as usize;
    for mode in [abi::AUTO, abi::NEVER] {
        let (two, source, mut target) = two(place, size, (7 * block) as usize);
        for src_offset in offsets {
            for dst_offset in offsets {
                for length in lengths {
                    let (code, outcome) = two.copy(src_offset, dst_offset, length, &options(mode));
                    let what =
                        format!("{length} bytes from {src_offset} to {dst_offset}, mode {mode}: {outcome:?}");
                    assert_eq!(code, 0, "{what}");
                    let bytes = usize::try_from(length).unwrap_or(usize::MAX);
                    let moved = shadow(&source, &mut target, src_offset as usize, dst_offset as usize, bytes);
                    assert_eq!(outcome.total(), moved, "{what}");
                    assert!(mode != abi::NEVER || outcome.cloned == 0, "{what}");
                    assert_content(&two.dst, &target, &what);
                }
            }
        }
    }
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

fn always_wants_alignment(place: &Place) {
    let block = place.block;
    let (two, source, target) = two(place, (8 * block + 5) as usize, (20 * block) as usize);
    for (src_offset, dst_offset, length) in [
        (1, 0, block),
        (0, 1, block),
        (0, 0, block + 1),
        (1, 1, block),
        (block, block, 1),
        (0, 0, abi::TO_EOF), // the source's last block would land inside the destination
    ] {
        let (code, outcome) = two.copy(src_offset, dst_offset, length, &options(abi::ALWAYS));
        assert_eq!((code, outcome.reason), (-libc::EINVAL, abi::REASON_FILE), "{outcome:?}");
        assert_eq!((outcome.total(), outcome.method), (0, abi::METHOD_NONE), "{outcome:?}");
        assert_content(&two.dst, &target, "nothing is written");
    }
    let mut target = target;
    for (src_offset, dst_offset, length) in
        [(block, 3 * block, 4 * block), (0, 20 * block, abi::TO_EOF), (3 * block, 0, 0)]
    {
        let (code, outcome) = two.copy(src_offset, dst_offset, length, &options(abi::ALWAYS));
        let moved = shadow(
            &source,
            &mut target,
            src_offset as usize,
            dst_offset as usize,
            usize::try_from(length).unwrap_or(usize::MAX),
        );
        assert_eq!((code, outcome.cloned, outcome.copied), (0, moved, 0), "{outcome:?}");
        assert_content(&two.dst, &target, "aligned");
    }
}

fn ranges_within_one_file(place: &Place) {
    let block = place.block;
    let (two, _, mut content) = two(place, 1, (16 * block) as usize);
    let fd = two.to.as_raw_fd();
    for mode in [abi::AUTO, abi::NEVER] {
        for (from, to, length) in [
            (0, 8 * block, 4 * block),
            (100, 9 * block + 100, 4 * block),
            (9 * block, 3, 5 * block),
            (0, block, block),
            (2 * block, 2 * block - 10, 10),
            (0, 16 * block, 4 * block),
        ] {
            let (code, outcome) = abi::copy_range((fd, from), (fd, to), length, &options(mode));
            let before = content.clone();
            shadow(&before, &mut content, from as usize, to as usize, length as usize);
            assert_eq!((code, outcome.total()), (0, length), "{outcome:?}");
            assert_content(&two.dst, &content, &format!("{length} bytes from {from} to {to}"));
        }
        for (from, to, length) in
            [(0, 0, 1), (0, 1, 2), (block, 0, 2 * block), (0, block, 2 * block), (5, 0, abi::TO_EOF)]
        {
            let (code, outcome) = abi::copy_range((fd, from), (fd, to), length, &options(mode));
            assert_eq!((code, outcome.total()), (abi::ERR_OVERLAP, 0), "{from} {to} {length}");
        }
        assert_content(&two.dst, &content, "a refused overlap writes nothing");
    }
}

fn extreme_offsets_are_refused(place: &Place) {
    let (two, source, target) = two(place, 10_000, 5_000);
    let largest = i64::MAX as u64;
    for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
        for (src_offset, dst_offset, length, wanted) in [
            (largest + 1, 0, 1, -libc::EINVAL),
            (u64::MAX, 0, 1, -libc::EINVAL),
            (0, largest + 1, 1, -libc::EINVAL),
            (0, u64::MAX, abi::TO_EOF, -libc::EINVAL),
            (0, 0, largest + 1, -libc::EINVAL),
            (0, 0, u64::MAX - 1, -libc::EINVAL),
            (0, largest, 4096, -libc::EFBIG),
            (0, largest - 4095, 8192, -libc::EFBIG),
            (largest, 0, 4096, 0),
            (10_000, 0, abi::TO_EOF, 0),
            (10_000, largest, largest, 0),
            (0, largest, 0, 0),
        ] {
            let (code, outcome) = two.copy(src_offset, dst_offset, length, &options(mode));
            assert_eq!((code, outcome.total()), (wanted, 0), "{length} from {src_offset} to {dst_offset}");
        }
    }
    assert_content(&two.dst, &target, "nothing is written");
    assert_content(&two.src, &source, "nothing is written");
    assert_eq!(two.room.names(), ["dst", "src"]);
    let preserve = Options { preserve: abi::TIMES, ..Options::default() };
    assert_eq!(two.copy(0, 0, 1, &preserve).0, -libc::EINVAL);
}

fn a_hole_replaces_what_was_there(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::sparse(&room.path("src"), 4 << 20, &[(1 << 20, 65536)]);
    let source = fs::read(&src).unwrap();
    for mode in [abi::AUTO, abi::NEVER] {
        for shift in [0_u64, 4096, 100] {
            let mut target = files::bytes(62, 3 << 20);
            let dst = files::file(&room.path("dst"), &target);
            let to = OpenOptions::new().write(true).open(&dst).unwrap();
            let from = File::open(&src).unwrap();
            let (code, outcome) =
                abi::copy_range((from.as_raw_fd(), 0), (to.as_raw_fd(), shift), abi::TO_EOF, &options(mode));
            shadow(&source, &mut target, 0, shift as usize, usize::MAX);
            assert_eq!((code, outcome.total()), (0, 4 << 20), "{outcome:?}");
            assert_content(&dst, &target, &format!("shifted by {shift}, mode {mode}"));
            let kept = files::allocated(&dst);
            assert!(kept < 1 << 20 || portable::is_tested(), "{kept} bytes: {outcome:?}");
        }
    }
}

fn a_range_ends_where_the_source_ends(place: &Place) {
    for mode in [abi::AUTO, abi::NEVER] {
        let (two, source, mut target) = two(place, 10_000, 0);
        for (from, length, moved) in
            [(9_000, 5_000, 1_000), (9_999, abi::TO_EOF, 1), (10_000, 1, 0), (99_999, 1, 0)]
        {
            let (code, outcome) = two.copy(from, 0, length, &options(mode));
            assert_eq!((code, outcome.total()), (0, moved), "{outcome:?}");
            shadow(&source, &mut target, from as usize, 0, usize::try_from(length).unwrap_or(usize::MAX));
        }
        assert_content(&two.dst, &target, "as a read would have ended");
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
