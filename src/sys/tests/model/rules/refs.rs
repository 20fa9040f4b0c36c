//! ReFS: what is asked of the system, in which order, and what is put back.

use super::Pair;
use crate::sys::errno::*;
use crate::sys::model::disk::{Ino, Inode, Traits};
use crate::sys::model::fault::{Fault, Lasting, Odd, Place};
use crate::sys::model::system::Windows;
use crate::sys::model::{Call, Model};
use crate::sys::windows::errors::errno_of;
use crate::sys::windows::refs::{
    Integrity, RefsCalls, RefsVolume, STEP, clone_file, clone_nothing, clone_range,
};
use crate::sys::{Errno, Fd, Result};

/// The requests that change something.
const CHANGES: [Call; 4] = [Call::SetIntegrity, Call::SetSparse, Call::SetEndOfFile, Call::DuplicateExtents];

const CHECKSUMS: Integrity = Integrity { algorithm: 2, flags: 0 };

fn windows(pair: &Pair) -> Model<Windows> {
    pair.model.by::<Windows>()
}

fn clone(pair: &Pair) -> Result<()> {
    clone_file(&windows(pair), pair.src, pair.dst)
}

/// What the rules may change besides the bytes.
fn settings(pair: &Pair) -> (u64, bool, Integrity) {
    let world = pair.model.world();
    let inode = &world.disk.inodes[pair.target];
    (inode.data().size, inode.sparse, inode.integrity)
}

#[test]
fn the_end_of_the_file_is_set_before_whole_clusters_are_asked_for() {
    for (size, clusters) in [(5220, 6144), (4096, 4096), (1024, 1024), (1025, 2048)] {
        let pair = Pair::new(Traits::REFS, size, 0);
        assert_eq!(clone(&pair), Ok(()));
        assert!(pair.is_cloned());
        let [grown, cloned] = [Call::SetEndOfFile, Call::DuplicateExtents].map(|call| pair.made(call));
        assert_eq!(grown.iter().map(|event| event.numbers[0]).collect::<Vec<u64>>(), [size]);
        assert_eq!(cloned.iter().map(|event| event.numbers).collect::<Vec<[u64; 3]>>(), [[0, 0, clusters]]);
    }
}

#[test]
fn no_request_reaches_four_gibibytes() {
    let pair = Pair::new(Traits::REFS, 100, 0);
    let size = (4 << 30) + (3 << 20) + 77;
    let mut world = pair.model.world_mut();
    world.disk.change(pair.source, |data| data.set_size(size));
    world.disk.inodes[pair.source].sparse = true;
    drop(world);
    assert_eq!(clone(&pair), Ok(()));
    assert!(pair.is_cloned());
    let steps: Vec<[u64; 3]> = pair.made(Call::DuplicateExtents).iter().map(|event| event.numbers).collect();
    assert!(steps.iter().all(|[from, to, length]| from == to && *length <= STEP && *length < 4 << 30));
    assert_eq!(steps.iter().map(|step| step[2]).sum::<u64>(), size.next_multiple_of(1024));
    assert_eq!(steps.len(), 5);
}

/// The model's own rules are ones that bite, each by itself.
#[test]
fn the_model_refuses_what_the_manual_forbids() {
    let asked = |pair: &Pair, src_offset, dst_offset, length| {
        windows(pair).duplicate_extents(pair.src, src_offset, pair.dst, dst_offset, length)
    };
    for (src_offset, dst_offset, length, told) in [
        (0, 0, 2048, Ok(())),
        (4096, 2048, 2048, Ok(())), // rounded up to the last cluster of both
        (512, 0, 1024, Err(errno_of(87))),
        (0, 512, 1024, Err(errno_of(87))),
        (0, 0, 1000, Err(errno_of(87))),
        (0, 0, 4 << 30, Err(errno_of(534))),
        (4096, 0, 3072, Err(errno_of(50))), // beyond what the source has
        (0, 3072, 2048, Err(errno_of(87))), // beyond the destination's end
        (0, 0, 0, Ok(())),
    ] {
        let pair = Pair::new(Traits::REFS, 5220, 4000);
        assert_eq!(asked(&pair, src_offset, dst_offset, length), told, "{src_offset} {dst_offset} {length}");
        assert_eq!(pair.there().len(), 4000);
    }
    let arranged = |arrange: &dyn Fn(&Pair)| {
        let pair = Pair::new(Traits::REFS, 5220, 4000);
        arrange(&pair);
        asked(&pair, 0, 0, 1024)
    };
    let inode = |pair: &Pair, ino: Ino, change: &dyn Fn(&mut Inode)| {
        change(&mut pair.model.world_mut().disk.inodes[ino]);
    };
    let sparse = arranged(&|pair| inode(pair, pair.source, &|inode| inode.sparse = true));
    assert_eq!(sparse, Err(errno_of(50)));
    let integrity = arranged(&|pair| inode(pair, pair.target, &|inode| inode.integrity = CHECKSUMS));
    assert_eq!(integrity, Err(errno_of(87)));
    let other = Traits { pool: 29, ..Traits::REFS };
    assert_eq!(asked(&Pair::across(Traits::REFS, other, 2048, 2048), 0, 0, 1024), Err(errno_of(87)));
    assert_eq!(asked(&Pair::new(Traits::NTFS, 2048, 2048), 0, 0, 1024), Err(errno_of(1)));
    let pair = Pair::new(Traits::REFS, 0, 100);
    assert_eq!(windows(&pair).set_integrity(pair.dst, CHECKSUMS), Err(errno_of(87)), "it has data");
    assert_eq!(
        windows(&pair).set_integrity(pair.dst, Integrity { algorithm: 0, flags: 1 }),
        Err(errno_of(87))
    );
}

/// A file that is not sparse has no holes: growing, and the end of being sparse, allocate.
#[test]
fn the_models_files_without_the_attribute_have_no_holes() {
    let allocated = |pair: &Pair| pair.model.world().disk.data(pair.target).allocated();
    for (sparse, grown) in [(false, 8192), (true, 0)] {
        let pair = Pair::new(Traits::REFS, 0, 0);
        windows(&pair).set_sparse(pair.dst, sparse).unwrap();
        windows(&pair).set_end_of_file(pair.dst, 8000).unwrap();
        assert_eq!(allocated(&pair), grown);
        windows(&pair).set_sparse(pair.dst, false).unwrap();
        assert_eq!(allocated(&pair), 8192);
    }
}

#[test]
fn what_does_not_fall_on_clusters_is_refused_before_anything_changes() {
    let far = i64::MAX as u64 / 1024 * 1024;
    for (src_offset, length, dst_offset, there) in [
        (1, 1024, 0, 9000),
        (0, 1024, 1, 9000),
        (0, 1000, 0, 9000),       // not to the source's end
        (0, 1000, 0, 0),          // nor there, though the destination ends sooner
        (4096, 1124, 0, 9000),    // to the source's end, not to the destination's
        (4096, 1124, 4096, 5221), // a byte short of it
        (4096, 2048, 4096, 0),    // past the source's end
        (8192, 1024, 0, 0),       // beyond it
        (u64::MAX - 1023, 1024, 0, 0),
        (0, 1024, u64::MAX - 1023, 0),
        (0, 1024, far, 0),
        (0, u64::MAX, 0, 0),
    ] {
        let pair = Pair::new(Traits::REFS, 5220, there);
        let outcome = clone_range(&windows(&pair), pair.src, src_offset, length, pair.dst, dst_offset);
        assert_eq!(outcome, Err(errno_of(87)), "{src_offset} {length} {dst_offset} {there}");
        assert!(pair.none_of(&CHANGES));
        assert!(outcome.is_err_and(|errno| errno.is(EINVAL)));
    }
}

/// The last cluster of the largest file there is would end beyond the last offset.
#[test]
fn no_region_ends_beyond_the_last_offset() {
    let (largest, last) = (i64::MAX as u64, i64::MAX as u64 / 1024 * 1024);
    let pair = Pair::new(Traits::REFS, 1024, 0);
    pair.model.world_mut().disk.change(pair.source, |data| data.set_size(largest));
    for (src_offset, length, dst_offset) in [(last, 1023, 0), (0, 1024, last)] {
        let outcome = clone_range(&windows(&pair), pair.src, src_offset, length, pair.dst, dst_offset);
        assert_eq!(outcome, Err(errno_of(87)));
        assert!(pair.none_of(&CHANGES));
    }
}

#[test]
fn the_last_cluster_goes_from_end_to_end() {
    for there in [0, 100, 4096, 5220] {
        let pair = Pair::new(Traits::REFS, 5220, there);
        assert_eq!(clone_range(&windows(&pair), pair.src, 4096, 1124, pair.dst, 4096), Ok(()));
        assert_eq!(pair.there().len(), 5220);
        let world = pair.model.world();
        let found = world.disk.data(pair.target).sharing(4096, world.disk.data(pair.source), 4096, 1124);
        assert_eq!(found.shared, 1124);
    }
}

#[test]
fn a_file_of_less_than_a_cluster_is_a_matter_of_the_file() {
    for (size, cloned) in [(1, false), (1023, false), (1024, true)] {
        let pair = Pair::new(Traits::REFS, size, 0);
        assert_eq!(clone(&pair), if cloned { Ok(()) } else { Err(errno_of(87)) });
        assert_eq!(pair.none_of(&CHANGES), !cloned);
    }
}

#[test]
fn a_cluster_size_that_no_step_is_a_multiple_of_is_refused() {
    for cluster in [0, 3 << 10, 1 << 31] {
        struct Odd(Model<Windows>, u64);
        impl RefsCalls for Odd {
            fn volume_of(&self, _: Fd) -> Result<RefsVolume> {
                Ok(RefsVolume { cluster: self.1, clones: true })
            }
            fn same_volume(&self, one: Fd, other: Fd) -> Result<bool> {
                self.0.same_volume(one, other)
            }
            fn integrity(&self, fd: Fd) -> Result<Integrity> {
                self.0.integrity(fd)
            }
            fn set_integrity(&self, _: Fd, _: Integrity) -> Result<()> {
                panic!("nothing may change")
            }
            fn is_sparse(&self, fd: Fd) -> Result<bool> {
                self.0.is_sparse(fd)
            }
            fn set_sparse(&self, _: Fd, _: bool) -> Result<()> {
                panic!("nothing may change")
            }
            fn end_of_file(&self, _: Fd) -> Result<u64> {
                Ok(3 << 31)
            }
            fn set_end_of_file(&self, _: Fd, _: u64) -> Result<()> {
                panic!("nothing may change")
            }
            fn duplicate_extents(&self, _: Fd, _: u64, _: Fd, _: u64, _: u64) -> Result<()> {
                panic!("nothing may change")
            }
        }
        let pair = Pair::new(Traits::REFS, 1024, 0);
        let calls = Odd(windows(&pair), cluster);
        assert_eq!(clone_range(&calls, pair.src, 0, 3 << 31, pair.dst, 0), Err(errno_of(87)), "{cluster}");
    }
}

#[test]
fn an_empty_destination_takes_the_sources_integrity() {
    for (theirs, own) in [
        (CHECKSUMS, Integrity::default()),
        (Integrity::default(), CHECKSUMS),
        (Integrity { flags: 1, ..CHECKSUMS }, CHECKSUMS),
    ] {
        let pair = Pair::new(Traits::REFS, 2048, 0);
        pair.model.world_mut().disk.inodes[pair.source].integrity = theirs;
        pair.model.world_mut().disk.inodes[pair.target].integrity = own;
        assert_eq!(clone(&pair), Ok(()));
        assert_eq!(settings(&pair), (2048, false, theirs));
    }
    let pair = Pair::new(Traits::REFS, 2048, 0);
    assert_eq!(clone(&pair), Ok(()));
    assert!(pair.none_of(&[Call::SetIntegrity]), "nothing to set");
}

/// Samba's, say: asked about integrity it does not know the request.
#[test]
fn a_volume_without_integrity_streams_is_cloned_on_too() {
    for (code, cloned) in [(1, true), (50, true), (5, false), (1117, false)] {
        let pair = Pair::new(Traits::REFS, 2048, 0);
        pair.fail(Call::Integrity, 1, errno_of(code).0, Lasting::Kind);
        assert_eq!(clone(&pair), if cloned { Ok(()) } else { Err(errno_of(code)) });
        assert!(pair.none_of(&[Call::SetIntegrity]));
    }
}

#[test]
fn a_destination_with_data_keeps_its_integrity() {
    for (theirs, cloned) in [(CHECKSUMS, false), (Integrity::default(), true)] {
        let pair = Pair::new(Traits::REFS, 2048, 700);
        pair.model.world_mut().disk.inodes[pair.source].integrity = theirs;
        assert_eq!(clone(&pair), if cloned { Ok(()) } else { Err(errno_of(87)) });
        assert_eq!(pair.none_of(&CHANGES), !cloned);
        assert_eq!(settings(&pair).2, Integrity::default());
    }
    // Whether a wrong checksum stops a reader is not what must be equal.
    let pair = Pair::new(Traits::REFS, 2048, 700);
    pair.model.world_mut().disk.inodes[pair.source].integrity = Integrity { flags: 1, ..CHECKSUMS };
    pair.model.world_mut().disk.inodes[pair.target].integrity = CHECKSUMS;
    assert_eq!(clone(&pair), Ok(()));
    assert_eq!(settings(&pair).2, CHECKSUMS);
}

#[test]
fn a_destination_is_sparse_while_it_grows_and_stays_so_with_its_source() {
    for sparse in [false, true] {
        for there in [0, 700] {
            let pair = Pair::new(Traits::REFS, 5220, there);
            pair.model.world_mut().disk.inodes[pair.source].sparse = sparse;
            let refused = sparse && there > 0;
            assert_eq!(clone(&pair), if refused { Err(errno_of(87)) } else { Ok(()) });
            assert_eq!(pair.none_of(&CHANGES), refused);
            let set: Vec<u64> = pair.made(Call::SetSparse).iter().map(|event| event.numbers[0]).collect();
            let expected: &[u64] = match (refused, sparse) {
                (true, _) => &[],
                (_, true) => &[1],
                _ => &[1, 0],
            };
            assert_eq!(set, expected, "sparse {sparse}, {there} bytes there");
            assert_eq!(settings(&pair).1, sparse && !refused);
        }
    }
}

#[test]
fn a_destination_that_does_not_grow_or_is_sparse_is_left_as_it_is() {
    for (there, sparse) in [(9216, false), (9216, true), (700, true)] {
        let pair = Pair::new(Traits::REFS, 2048, there);
        pair.model.world_mut().disk.inodes[pair.source].sparse = sparse;
        pair.model.world_mut().disk.inodes[pair.target].sparse = sparse;
        assert_eq!(clone(&pair), Ok(()));
        assert!(pair.none_of(&[Call::SetSparse]));
        assert_eq!(settings(&pair), (there.max(2048), sparse, Integrity::default()));
        assert_eq!(pair.none_of(&[Call::SetEndOfFile]), there > 2048);
    }
}

/// An attribute that cannot be taken off again takes nothing from the clone.
#[test]
fn a_clone_that_stays_sparse_is_a_clone() {
    for (lasting, sparse) in [(Lasting::Once, false), (Lasting::Kind, true)] {
        let pair = Pair::new(Traits::REFS, 2048, 0);
        pair.fail(Call::SetSparse, 2, EIO, lasting);
        assert_eq!(clone(&pair), Ok(()));
        assert!(pair.is_cloned());
        assert_eq!(settings(&pair).1, sparse);
    }
}

/// Whatever fails, and however far it had come.
#[test]
fn after_an_error_the_destination_is_as_it_was() {
    for (call, nth) in [
        (Call::VolumeOf, 1),
        (Call::SameVolume, 1),
        (Call::EndOfFile, 1),
        (Call::EndOfFile, 2),
        (Call::EndOfFile, 3),
        (Call::Integrity, 1),
        (Call::Integrity, 2),
        (Call::SetIntegrity, 1),
        (Call::IsSparse, 1),
        (Call::IsSparse, 2),
        (Call::SetSparse, 1),
        (Call::SetEndOfFile, 1),
        (Call::DuplicateExtents, 1),
    ] {
        for errno in [EIO, ENOSPC, EACCES, errno_of(33).0] {
            let pair = Pair::new(Traits::REFS, 5220, 0);
            pair.model.world_mut().disk.inodes[pair.source].integrity = CHECKSUMS;
            let before = settings(&pair);
            pair.fail(call, nth, errno, Lasting::Once);
            assert_eq!(clone(&pair), Err(Errno(errno)), "{call:?}");
            assert_eq!(settings(&pair), before, "{call:?}");
        }
    }
    // A part was cloned before it failed.
    let pair = Pair::new(Traits::REFS, 5220, 0);
    let dirty = Fault::Odd(Odd::DirtyClone(EIO));
    pair.model.world_mut().faults.plan(Place::Of(Call::DuplicateExtents, 1), dirty, Lasting::Once);
    assert_eq!(clone(&pair), Err(Errno(EIO)));
    assert_eq!(settings(&pair), (0, false, Integrity::default()));
}

#[test]
fn what_cannot_be_put_back_at_once_is_tried_again_and_is_then_a_failure() {
    for (call, nth) in [(Call::SetEndOfFile, 2), (Call::SetSparse, 2), (Call::SetIntegrity, 2)] {
        for (lasting, told) in
            [(Lasting::Once, Errno(ENOSPC)), (Lasting::Kind, Errno::standing_for(EINVAL, EIO))]
        {
            let pair = Pair::new(Traits::REFS, 5220, 0);
            pair.model.world_mut().disk.inodes[pair.source].integrity = CHECKSUMS;
            pair.fail(Call::DuplicateExtents, 1, ENOSPC, Lasting::Once);
            pair.fail(call, nth, EINVAL, lasting);
            assert_eq!(clone(&pair), Err(told), "{call:?} {lasting:?}");
            let restored = settings(&pair) == (0, false, Integrity::default());
            assert_eq!(restored, lasting == Lasting::Once, "{call:?} {lasting:?}");
            // The others are put back all the same, as far as a file that is not empty allows it.
            assert_eq!(settings(&pair).1, call == Call::SetSparse && lasting == Lasting::Kind);
        }
    }
}

#[test]
fn volumes_are_asked_first_and_nothing_is_tried_on_one_that_cannot() {
    let other = Traits { pool: 29, ..Traits::REFS };
    for (from, to, told, number) in [
        (Traits::NTFS, Traits::NTFS, errno_of(50), EOPNOTSUPP),
        (Traits::REFS, Traits::NTFS, errno_of(50), EOPNOTSUPP),
        (Traits::NTFS, Traits::REFS, errno_of(17), EXDEV),
        (Traits::REFS, other, errno_of(17), EXDEV),
    ] {
        for size in [0, 2048] {
            let pair = Pair::across(from, to, size, 0);
            assert_eq!(clone(&pair), Err(told));
            assert_eq!(clone_nothing(&windows(&pair), pair.src, pair.dst), Err(told));
            assert_eq!(told.number(), number);
            assert!(pair.none_of(&CHANGES));
        }
    }
}

/// The request for nothing succeeds on any volume, and so says nothing.
#[test]
fn a_clone_of_nothing_is_not_asked_of_the_system() {
    let pair = Pair::new(Traits::NTFS, 0, 0);
    assert_eq!(windows(&pair).duplicate_extents(pair.src, 0, pair.dst, 0, 0), Ok(()));
    let pair = Pair::new(Traits::REFS, 0, 700);
    assert_eq!(clone(&pair), Ok(()));
    assert_eq!(clone_nothing(&windows(&pair), pair.src, pair.dst), Ok(()));
    assert_eq!(clone_range(&windows(&pair), pair.src, 0, 0, pair.dst, 0), Ok(()));
    assert!(pair.none_of(&CHANGES));
    assert_eq!(pair.there().len(), 700);
}

#[test]
fn not_supported_is_about_the_file_where_the_volume_can() {
    for (code, told) in
        [(50, Errno::standing_for(50, EINVAL)), (1, errno_of(1)), (87, errno_of(87)), (112, errno_of(112))]
    {
        let pair = Pair::new(Traits::REFS, 2048, 0);
        pair.fail(Call::DuplicateExtents, 1, errno_of(code).0, Lasting::Once);
        assert_eq!(clone(&pair), Err(told));
    }
    // Overlapping ranges of one file are one such case.
    let pair = Pair::new(Traits::REFS, 4096, 4096);
    assert_eq!(
        clone_range(&windows(&pair), pair.dst, 0, 2048, pair.dst, 1024),
        Err(Errno::standing_for(50, EINVAL))
    );
}

#[test]
fn the_8176th_reference_is_one_too_many() {
    let pair = Pair::new(Traits::REFS, 1024, 0);
    pair.model.world_mut().disk.inodes[pair.target].sparse = true; // it spares the time of making it so
    let windows = windows(&pair);
    let clone_to = |nth: u64| clone_range(&windows, pair.src, 0, 1024, pair.dst, nth * 1024);
    for nth in 0..8174 {
        pair.model.world_mut().log.clear();
        assert_eq!(clone_to(nth), Ok(()), "{nth}");
    }
    let errno = clone_to(8174).unwrap_err();
    assert_eq!((errno.raw(), errno.number()), (347, EMLINK));
    assert_eq!(settings(&pair).0, 8174 * 1024, "as long as before");
}
