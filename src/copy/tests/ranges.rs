//! Ranges: the planner against a definition by trial of every byte, and what is cloned, copied and left alone.

use super::data::with_fault;
use super::{Api, Bench, Scenario, Source, There};
use crate::copy::alignment::{Plan, plan};
use crate::copy::range::LARGEST as TO_END;
use crate::copy::{Method, Mode, Options, Reason};
use crate::error::{Cause, Side, Step};
use crate::sys::errno::*;
use crate::sys::model::Call;
use crate::sys::model::disk::Traits;
use crate::sys::model::fault::{Fault, Lasting};

/// Whether the kernel would clone `[from, to)` of a range (fs/remap_range.c), said as plainly as can be.
fn clonable(range: (u64, u64), from: u64, to: u64, unit: u64, src_size: u64, dst_size: u64) -> bool {
    let (src, dst, length) = (range.0 + from, range.1 + from, to - from);
    let aligned = |offset: u64| offset % unit == 0;
    let whole_blocks = aligned(length);
    let becomes_the_end = src + length == src_size && dst + length >= dst_size;
    aligned(src)
        && aligned(dst)
        && length > 0
        && src + length <= src_size
        && (whole_blocks || becomes_the_end)
}

/// The longest stretch that would be cloned, the first of these.
fn longest(range: (u64, u64), length: u64, unit: u64, src_size: u64, dst_size: u64) -> Option<Plan> {
    let mut best: Option<Plan> = None;
    for head in 0..length {
        for middle in head + 1..=length {
            let longer = best.is_none_or(|best| middle - head > best.middle - best.head);
            if longer && clonable(range, head, middle, unit, src_size, dst_size) {
                best = Some(Plan { head, middle });
            }
        }
    }
    best
}

#[test]
fn the_planner_finds_the_longest_stretch_that_the_kernel_clones() {
    let (mut cases, mut plans) = (0, 0);
    for unit in [1, 2, 3, 4] {
        for src_size in 1..=10 {
            for src_offset in 0..src_size {
                for length in 0..=src_size - src_offset {
                    for dst_offset in 0..=9 {
                        for dst_size in [0, 1, 4, 7, 8, 10, 12, 20] {
                            let range = (src_offset, dst_offset);
                            let found = plan(src_offset, dst_offset, length, unit, src_size, dst_size);
                            let best = longest(range, length, unit, src_size, dst_size);
                            assert_eq!(
                                found, best,
                                "{src_offset}+{length} of {src_size} to {dst_offset} of {dst_size}, unit {unit}"
                            );
                            cases += 1;
                            plans += u32::from(found.is_some());
                        }
                    }
                }
            }
        }
    }
    assert!(cases > 50_000 && plans > 10_000, "{cases} cases, {plans} plans");
}

#[test]
fn the_planner_never_overflows() {
    let extremes = [0, 1, 4095, 4096, i64::MAX as u64 - 4096, i64::MAX as u64, u64::MAX - 1, u64::MAX];
    for src_offset in extremes {
        for dst_offset in extremes {
            for length in extremes {
                for unit in [0, 1, 512, 4096, 1 << 40, u64::MAX] {
                    for size in extremes {
                        let Some(plan) = plan(src_offset, dst_offset, length, unit, size, 0) else {
                            continue;
                        };
                        assert!(plan.head < plan.middle && plan.middle <= length && unit > 0);
                    }
                }
            }
        }
    }
}

fn range(src_offset: u64, dst_offset: u64, length: u64, there: u64, volume: Traits) -> Scenario {
    let api = Api::Range { src_offset, dst_offset, length };
    Scenario { there: There::File(there), ..Scenario::new(api, volume) }
}

/// 37: the kernel takes a length of 0 for "to the end".
#[test]
fn a_range_of_nothing_clones_nothing() {
    for (offset, length) in [(0, 0), (6000, 100), (5220, TO_END), (TO_END, TO_END)] {
        for mode in [Mode::Auto, Mode::Always, Mode::Never] {
            let mut scenario = range(offset, 0, length, 9000, Traits::XFS);
            scenario.options.mode = mode;
            let (bench, outcome) = scenario.play();
            assert_eq!((outcome.result, outcome.report.total()), (Ok(()), 0));
            for call in [Call::CloneFile, Call::CloneRange, Call::KernelCopy, Call::WriteAt, Call::SetSize] {
                assert_eq!(bench.model.count(call), 0, "{call:?}");
            }
        }
    }
}

/// 38: cloned, copied, for each way a range can fall on blocks. What lies outside is the watch's to see.
#[test]
fn the_middle_is_cloned_and_the_edges_are_copied() {
    for (src_offset, dst_offset, length, there, cloned, copied) in [
        (0, 0, 2048, 9000, 2048, 0),
        (0, 0, TO_END, 9000, 5120, 100), // the last partial block would land inside
        (0, 0, TO_END, 5220, 5220, 0),   // it becomes the destination's last
        (0, 0, TO_END, 100, 5220, 0),
        (1024, 3072, TO_END, 0, 4196, 0),
        (100, 1124, 3000, 9000, 2048, 952),
        (1000, 1000, 48, 9000, 0, 48),
        (100, 101, 3000, 9000, 0, 3000),
        (100, 100, TO_END, 0, 4196, 924),
    ] {
        for volume in [Traits::XFS, Traits::REFS, Traits::ZFS] {
            let (_, outcome) = range(src_offset, dst_offset, length, there, volume).play();
            assert_eq!(outcome.result, Ok(()));
            let report = outcome.report;
            assert_eq!(
                (report.cloned, report.copied_any()),
                (cloned, copied),
                "{} {src_offset} {dst_offset} {length}",
                volume.name
            );
            assert_eq!(report.reason, if copied > 0 { Reason::File } else { Reason::None });
        }
    }
}

/// 39: the file system's own answer is not its unit; EINVAL moves on to a larger one.
#[test]
fn a_larger_unit_is_found_where_the_first_is_refused() {
    let zfs = Traits { clone_unit: 4096, preferred: 4096, ..Traits::XFS };
    let (bench, outcome) = range(1024, 1024, TO_END, 2000, zfs).play();
    assert_eq!(outcome.result, Ok(()));
    assert_eq!((outcome.report.cloned, outcome.report.copied_any()), (1124, 3072));
    assert_eq!(bench.model.count(Call::CloneRange), 2);
}

/// A server's transfer size is no unit of clones (NFS says 1 MiB of both).
#[test]
fn a_large_answer_is_not_taken_for_the_unit() {
    let nfs = Traits { told_block: 1 << 20, preferred: 1 << 20, remote: true, ..Traits::XFS };
    let (_, outcome) = range(0, 0, 4096, 9000, nfs).play();
    assert_eq!((outcome.result, outcome.report.cloned), (Ok(()), 4096));
}

/// XFS says EINVAL of such a length after it has cloned all of it: it is asked for in two parts.
#[test]
fn a_source_of_the_largest_size_is_cloned() {
    for there in [0, 9000] {
        for length in [TO_END, i64::MAX as u64] {
            for mode in [Mode::Auto, Mode::Always] {
                let mut scenario =
                    Scenario { source: Source::Largest, ..range(0, 0, length, there, Traits::XFS) };
                scenario.options.mode = mode;
                let (bench, outcome) = scenario.play();
                assert_eq!((outcome.result, outcome.report.cloned), (Ok(()), i64::MAX as u64));
                assert_eq!(bench.model.count(Call::CloneRange), 2);
            }
        }
    }
}

/// ALWAYS: as it is, or not at all.
#[test]
fn an_unaligned_range_that_must_be_cloned_is_refused_before_anything_is_written() {
    for (src_offset, dst_offset, length, there) in
        [(100, 100, 1000, 0), (0, 0, 1000, 0), (0, 1, 1024, 0), (0, 0, TO_END, 9000), (1, 1, TO_END, 0)]
    {
        let mut scenario = range(src_offset, dst_offset, length, there, Traits::XFS);
        scenario.options.mode = Mode::Always;
        let (bench, outcome) = scenario.play();
        assert_eq!(outcome.result.map_err(|error| error.errno()), Err(EINVAL));
        assert_eq!(outcome.report.reason, Reason::File);
        assert_eq!(bench.model.count(Call::CloneRange), 0, "the kernel is not asked");
        assert_eq!(bench.model.world().disk.inodes[bench.there().unwrap()].version, 0);
    }
}

/// Refused before anything is written: access, appending, kinds, offsets beyond all files.
#[test]
fn descriptors_that_will_not_do_are_refused_first() {
    type Arrange = fn(&Bench) -> (i32, i32);
    let (src, dst) = (Side::Source, Side::Destination);
    let cases: [(Arrange, Result<i32, Cause>, Side); 6] = [
        (|bench| (bench.model.open_for_caller(bench.source, false, false, false), bench.dst), Ok(EBADF), src),
        (
            |bench| (bench.src, bench.model.open_for_caller(bench.there().unwrap(), true, false, false)),
            Ok(EBADF),
            dst,
        ),
        (
            |bench| (bench.src, bench.model.open_for_caller(bench.there().unwrap(), true, true, true)),
            Err(Cause::Append),
            dst,
        ),
        (
            |bench| (bench.src, bench.model.open_for_caller(bench.directory, true, true, false)),
            Ok(EISDIR),
            dst,
        ),
        (
            |bench| (bench.model.open_for_caller(bench.directory, true, false, false), bench.dst),
            Ok(EISDIR),
            src,
        ),
        (|bench| (999, bench.dst), Ok(EBADF), src),
    ];
    for (arrange, expected, side) in cases {
        for api in [Api::Descriptor, Api::Range { src_offset: 0, dst_offset: 0, length: 100 }] {
            let scenario = Scenario { there: There::File(700), ..Scenario::new(api, Traits::XFS) };
            let mut bench = scenario.set_up();
            (bench.src, bench.dst) = arrange(&bench);
            let error = scenario.run(&bench).result.unwrap_err();
            assert_eq!(error.step, Step::Check(side));
            match expected {
                Ok(errno) => assert_eq!(error.errno(), errno),
                Err(cause) => assert_eq!(error.cause, cause),
            }
            assert_eq!(bench.model.world().disk.inodes[bench.there().unwrap()].version, 0);
        }
    }
    for (src_offset, dst_offset, length, errno) in [
        (1 << 63, 0, 1, EINVAL),
        (0, 1 << 63, 1, EINVAL),
        (0, 0, 1 << 63, EINVAL),
        (0, (1 << 63) - 100, 200, EFBIG),
    ] {
        let (bench, outcome) = range(src_offset, dst_offset, length, 700, Traits::XFS).play();
        assert_eq!(outcome.result.map_err(|error| error.errno()), Err(errno));
        assert_eq!(bench.model.world().disk.inodes[bench.there().unwrap()].version, 0);
    }
}

/// After an error the report says how much was done from the beginning on, and that much is right.
#[test]
fn a_range_that_fails_says_how_far_it_came() {
    let options = Options { mode: Mode::Never, ..Options::default() };
    let scenario = Scenario { options, ..range(100, 300, 5000, 9000, Traits::EXT4) };
    let (bench, outcome) = with_fault(&scenario, (Call::WriteAt, 3), Fault::Errno(ENOSPC), Lasting::Once);
    assert_eq!(outcome.result.map_err(|error| error.errno()), Err(ENOSPC));
    assert_eq!(outcome.report.total(), 4096);
    let world = bench.model.world();
    let (copy, source) = (world.disk.data(bench.there().unwrap()), world.disk.data(bench.source));
    assert!(copy.same_stretch(300, source, 100, 4096));
}

/// A hole in the range becomes one, also where the range ends in it.
#[test]
fn holes_of_a_range_become_holes() {
    for volume in [Traits::XFS, Traits::EXT4] {
        let scenario = Scenario { source: Source::Sparse, ..range(100, 300, TO_END, 0, volume) };
        let (bench, outcome) = scenario.play();
        assert_eq!(outcome.result, Ok(()));
        let world = bench.model.world();
        let (copy, source) = (world.disk.data(bench.there().unwrap()), world.disk.data(bench.source));
        assert_eq!(copy.size, source.size + 200);
        assert!(copy.same_stretch(300, source, 100, source.size - 100));
        assert_eq!(outcome.report.holes, (2 + 3) * 1024);
    }
}

/// SEEK_HOLE walks over all that follows on tmpfs, and the caller's offset must not move: a short range of a file
/// that has a block for every byte asks for neither holes nor a second description. One with fewer blocks does.
#[test]
fn holes_are_not_looked_for_where_there_is_no_room_for_one() {
    for (source, asked) in [(Source::Plain, false), (Source::Sparse, true)] {
        let scenario = Scenario { source, ..range(100, 300, 3000, 0, Traits::EXT4) };
        let (bench, outcome) = scenario.play();
        assert_eq!((outcome.result, outcome.report.total()), (Ok(()), 3000));
        for call in [Call::ReopenSource, Call::SeekData] {
            assert_eq!(bench.model.count(call) > 0, asked, "{call:?} of {source:?}");
        }
    }
}

fn sharing(
    mode: Mode,
    src_offset: u64,
    dst_offset: u64,
    length: u64,
    there: u64,
    volume: Traits,
) -> Scenario {
    let options = Options { mode, share_only: true, ..Options::default() };
    Scenario { options, ..range(src_offset, dst_offset, length, there, volume) }
}

/// Where the shared bytes begin and how many they are, for each way a range can fall on blocks. What else is written is
/// the verdicts' and the watch's to see.
#[test]
fn whole_blocks_are_shared_and_nothing_else_is_written() {
    for (src_offset, dst_offset, length, there, offset, cloned, whole) in [
        (0, 0, 2048, 9000, 0, 2048, true),
        (0, 0, TO_END, 9000, 0, 5120, false), // the last partial block would land inside
        (0, 0, TO_END, 5220, 0, 5220, true),  // it becomes the destination's last
        (1024, 3072, TO_END, 0, 0, 4196, true),
        (100, 1124, 3000, 9000, 924, 2048, false),
        (100, 100, TO_END, 5220, 924, 4196, false),
        (1000, 1000, 48, 9000, 0, 0, false),
        (100, 101, 3000, 9000, 0, 0, false),
    ] {
        for volume in [Traits::XFS, Traits::REFS, Traits::ZFS] {
            for mode in [Mode::Auto, Mode::Always] {
                let (bench, outcome) = sharing(mode, src_offset, dst_offset, length, there, volume).play();
                let case = format!("{} {mode:?} {src_offset} {dst_offset} {length} {there}", volume.name);
                let refused = mode == Mode::Always && cloned == 0;
                let told = outcome.result.map_err(|error| (error.step, error.errno()));
                assert_eq!(
                    told,
                    if refused { Err((Step::Clone(Side::Neither), EINVAL)) } else { Ok(()) },
                    "{case}"
                );
                let report = outcome.report;
                assert_eq!(
                    (report.clone_offset, report.cloned, report.total()),
                    (offset, cloned, cloned),
                    "{case}"
                );
                let method = match (cloned, whole) {
                    (0, _) => Method::None,
                    (_, true) => Method::Clone,
                    _ => Method::Mixed,
                };
                let reason = if whole { Reason::None } else { Reason::File };
                assert_eq!((report.method(), report.reason), (method, reason), "{case}");
                for call in [Call::KernelCopy, Call::WriteAt, Call::PunchHole] {
                    assert_eq!(bench.model.count(call), 0, "{call:?} {case}");
                }
                if cloned == 0 {
                    let there = &bench.model.world().disk.inodes[bench.there().unwrap()];
                    assert_eq!((there.version, report.destination_changed), (0, false), "{case}");
                }
            }
        }
    }
}

/// Not possible there: AUTO says why and leaves the file alone, ALWAYS fails.
#[test]
fn a_volume_that_cannot_clone_shares_nothing() {
    for (mode, expected) in [(Mode::Auto, Ok(())), (Mode::Always, Err(EOPNOTSUPP))] {
        let (bench, outcome) = sharing(mode, 0, 0, 4096, 9000, Traits::EXT4).play();
        assert_eq!(outcome.result.map_err(|error| error.errno()), expected);
        let report = outcome.report;
        assert_eq!(
            (report.total(), report.reason, report.clone_error),
            (0, Reason::Unsupported, -EOPNOTSUPP)
        );
        assert_eq!(bench.model.world().disk.inodes[bench.there().unwrap()].version, 0);
    }
}

/// EINVAL moves on to a larger unit, also where only a clone will do; the head is then longer.
#[test]
fn sharing_finds_a_larger_unit_where_the_first_is_refused() {
    let zfs = Traits { clone_unit: 4096, preferred: 4096, ..Traits::XFS };
    for mode in [Mode::Auto, Mode::Always] {
        let (bench, outcome) = sharing(mode, 1024, 1024, TO_END, 2000, zfs).play();
        assert_eq!(outcome.result, Ok(()));
        assert_eq!((outcome.report.clone_offset, outcome.report.cloned), (3072, 1124));
        assert_eq!(bench.model.count(Call::CloneRange), 2);
        // No unit fits.
        let (_, outcome) = sharing(mode, 1024, 1024, 2048, 9000, zfs).play();
        let expected = if mode == Mode::Auto { Ok(()) } else { Err(EINVAL) };
        assert_eq!(outcome.result.map_err(|error| error.errno()), expected);
        assert_eq!((outcome.report.clone_offset, outcome.report.cloned), (0, 0));
        assert!(!outcome.report.destination_changed);
    }
}

/// /proc has no blocks to share, and an empty file none either.
#[test]
fn a_source_without_blocks_shares_nothing() {
    for (source, from, mode, expected) in [
        (Source::Empty, Traits::XFS, Mode::Auto, Ok(())),
        (Source::Empty, Traits::XFS, Mode::Always, Ok(())),
        (Source::Pseudo, Traits::PROC, Mode::Auto, Ok(())),
        (Source::Pseudo, Traits::PROC, Mode::Always, Err(EXDEV)),
    ] {
        let one = Scenario { source, from, ..sharing(mode, 0, 0, TO_END, 700, Traits::XFS) };
        let (bench, outcome) = one.play();
        assert_eq!(outcome.result.map_err(|error| error.errno()), expected, "{source:?} {mode:?}");
        assert_eq!(outcome.report.total(), 0);
        assert_eq!(bench.model.world().disk.inodes[bench.there().unwrap()].version, 0);
    }
}
