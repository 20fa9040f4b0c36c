//! FreeBSD: a flag that older kernels do not know, clones in parts, and what a refusal is about.

use super::Pair;
use crate::sys::errno::*;
use crate::sys::freebsd::clone_flag::{CloneFlagCalls, clone_file, clone_nothing, clone_range};
use crate::sys::model::disk::Traits;
use crate::sys::model::fault::{Fault, Lasting, Odd, Place};
use crate::sys::model::system::FreeBsd;
use crate::sys::model::{Call, Model};
use crate::sys::{Errno, Result};

fn freebsd(pair: &Pair) -> Model<FreeBsd> {
    pair.model.by::<FreeBsd>()
}

fn clone(pair: &Pair) -> Result<()> {
    clone_file(&freebsd(pair), pair.src, pair.dst)
}

fn odd(pair: &Pair, nth: usize, odd: Odd) {
    pair.model.world_mut().faults.plan(Place::Of(Call::CloneByFlag, nth), Fault::Odd(odd), Lasting::Once);
}

#[test]
fn a_clone_in_parts_is_gone_on_with_to_its_end() {
    for (size, parts) in [(5220, 3), (4096, 2), (2048, 1), (100, 1)] {
        let pair = Pair::new(Traits::ZFS, size, 0);
        assert_eq!(clone(&pair), Ok(()));
        assert!(pair.is_cloned());
        let asked: Vec<[u64; 3]> = pair.made(Call::CloneByFlag).iter().map(|event| event.numbers).collect();
        assert_eq!(asked.len(), parts);
        assert!(asked.iter().all(|[from, to, length]| from == to && from + length == size));
    }
}

#[test]
fn no_call_is_asked_for_more_than_a_gibibyte() {
    let pair = Pair::new(Traits { most: 1 << 40, ..Traits::ZFS }, 100, 0);
    let size = (2 << 30) + 77;
    pair.model.world_mut().disk.change(pair.source, |data| data.set_size(size));
    assert_eq!(clone(&pair), Ok(()));
    assert!(pair.is_cloned());
    let asked: Vec<u64> = pair.made(Call::CloneByFlag).iter().map(|event| event.numbers[2]).collect();
    assert_eq!(asked, [1 << 30, 1 << 30, 77]);
}

/// FreeBSD 13 and 14: EINVAL of any flag. It is no matter of the file.
#[test]
fn a_kernel_that_does_not_know_the_flag_is_one_that_cannot_clone() {
    for size in [0, 2048] {
        let pair = Pair::new(Traits::ZFS_14, size, 0);
        assert_eq!(clone(&pair), Err(Errno(EOPNOTSUPP)));
        assert_eq!(clone_nothing(&freebsd(&pair), pair.src, pair.dst), Err(Errno(EOPNOTSUPP)));
        assert_eq!(pair.made(Call::CloneByFlag).last().unwrap().numbers[2], 0, "asked for nothing");
    }
}

#[test]
fn an_einval_of_a_kernel_that_knows_the_flag_is_about_the_range() {
    let pair = Pair::new(Traits::ZFS, 4096, 4096);
    let overlapping = clone_range(&freebsd(&pair), pair.dst, 0, 2048, pair.dst, 1024);
    assert_eq!(overlapping, Err(Errno(EINVAL)));
    // Where the question cannot be answered, its error is the answer.
    let pair = Pair::new(Traits::ZFS_14, 4096, 0);
    pair.fail(Call::CloneByFlag, 2, EIO, Lasting::Once);
    assert_eq!(clone(&pair), Err(Errno(EIO)));
}

#[test]
fn a_refusal_is_about_the_range_the_volume_or_the_pair() {
    let other = Traits { pool: 49, ..Traits::ZFS };
    for (from, to, range, told) in [
        (Traits::UFS, Traits::UFS, (0, 2048, 0), EOPNOTSUPP),
        (Traits::ZFS, Traits::UFS, (0, 2048, 0), EOPNOTSUPP),
        (Traits::UFS, Traits::ZFS, (0, 2048, 0), EXDEV),
        (Traits::ZFS, other, (0, 2048, 0), EOPNOTSUPP),
        (Traits::ZFS, Traits::ZFS, (1, 1024, 0), EINVAL),
        (Traits::ZFS, Traits::ZFS, (0, 1024, 1), EINVAL),
        (Traits::ZFS, Traits::ZFS, (0, 1000, 0), EINVAL),
        // To the source's end, but not to the destination's: all that is known is the refusal.
        (Traits::ZFS, Traits::ZFS, (4096, 1124, 0), EOPNOTSUPP),
    ] {
        let pair = Pair::across(from, to, 5220, 9000);
        let (src_offset, length, dst_offset) = range;
        let outcome = clone_range(&freebsd(&pair), pair.src, src_offset, length, pair.dst, dst_offset);
        assert_eq!(outcome, Err(Errno(told)), "{} {} {range:?}", from.name, to.name);
        assert_eq!(pair.there(), vec![9; 9000]);
    }
}

/// _PC_CLONE_BLKSIZE is the volume's largest; a file of smaller blocks is cloned by those.
#[test]
fn the_volumes_block_size_refuses_nothing_by_itself() {
    let large = Traits { preferred: 8192, ..Traits::ZFS };
    let pair = Pair::new(large, 5220, 9000);
    assert_eq!(freebsd(&pair).clone_block_size(pair.dst), 8192);
    assert_eq!(clone_range(&freebsd(&pair), pair.src, 1024, 1024, pair.dst, 2048), Ok(()));
    // Refused for another reason, it is the likeliest one.
    pair.fail(Call::CloneByFlag, 2, EOPNOTSUPP, Lasting::Once);
    let again = clone_range(&freebsd(&pair), pair.src, 1024, 1024, pair.dst, 2048);
    assert_eq!(again, Err(Errno(EINVAL)));
}

#[test]
fn only_these_two_errnos_are_looked_into() {
    for errno in [EIO, ENOSPC, EXDEV, EBADF, EINTR, EPERM] {
        let pair = Pair::new(Traits::ZFS, 2048, 0);
        pair.fail(Call::CloneByFlag, 1, errno, Lasting::Once);
        // A range that is not aligned, and yet not what the errno is about.
        let outcome = clone_range(&freebsd(&pair), pair.src, 100, 1000, pair.dst, 0);
        assert_eq!(outcome, Err(Errno(errno)));
        assert_eq!(pair.model.count(Call::CloneByFlag), 1);
    }
}

#[test]
fn a_range_that_is_not_there_is_not_asked_for() {
    for (src_offset, length) in [(0, 5221), (5220, 1), (u64::MAX, 2)] {
        let pair = Pair::new(Traits::ZFS, 5220, 0);
        let outcome = clone_range(&freebsd(&pair), pair.src, src_offset, length, pair.dst, 0);
        assert_eq!(outcome, Err(Errno(EINVAL)));
        assert!(pair.none_of(&[Call::CloneByFlag, Call::SetEndOfFile]));
    }
}

#[test]
fn a_count_of_nothing_or_of_too_much_is_no_progress() {
    for (fault, told) in [(Odd::Zero, EINVAL), (Odd::TooMuch, EIO)] {
        for nth in [1, 2] {
            let pair = Pair::new(Traits::ZFS, 5220, 0);
            odd(&pair, nth, fault);
            assert_eq!(clone(&pair), Err(Errno(told)));
            assert_eq!(pair.there(), Vec::<u8>::new(), "the size is put back");
        }
    }
}

#[test]
fn after_an_error_the_destination_has_its_old_size() {
    for there in [0, 700, 9000] {
        let pair = Pair::new(Traits::ZFS, 4096, there);
        pair.fail(Call::CloneByFlag, 2, ENOSPC, Lasting::Once);
        assert_eq!(clone(&pair), Err(Errno(ENOSPC)));
        assert_eq!(pair.there().len() as u64, there);
        assert_eq!(pair.none_of(&[Call::SetEndOfFile]), there > 4096, "only what grew is cut");
    }
    let pair = Pair::new(Traits::ZFS, 4096, 0);
    odd(&pair, 1, Odd::DirtyClone(EIO));
    assert_eq!(clone(&pair), Err(Errno(EIO)));
    assert_eq!(pair.there(), Vec::<u8>::new());
}

#[test]
fn a_size_that_cannot_be_put_back_is_a_failure() {
    for (lasting, told, left) in
        [(Lasting::Once, Errno(EPERM), 0), (Lasting::Kind, Errno::standing_for(EINVAL, EIO), 2048)]
    {
        let pair = Pair::new(Traits::ZFS, 4096, 0);
        pair.fail(Call::CloneByFlag, 2, EPERM, Lasting::Once);
        pair.fail(Call::SetEndOfFile, 1, EINVAL, lasting);
        assert_eq!(clone(&pair), Err(told));
        assert_eq!(pair.there().len(), left);
    }
}

#[test]
fn a_clone_of_nothing_needs_the_flag_and_two_volumes_that_clone() {
    for (from, to, told) in [
        (Traits::ZFS, Traits::ZFS, Ok(())),
        (Traits::ZFS, Traits::UFS, Err(Errno(EOPNOTSUPP))),
        (Traits::UFS, Traits::ZFS, Err(Errno(EXDEV))),
    ] {
        let pair = Pair::across(from, to, 0, 700);
        assert_eq!(clone_nothing(&freebsd(&pair), pair.src, pair.dst), told);
        assert_eq!(clone(&pair), told);
        assert_eq!(pair.there().len(), 700);
    }
    let pair = Pair::new(Traits::ZFS, 0, 0);
    pair.fail(Call::CloneByFlag, 1, EIO, Lasting::Once);
    assert_eq!(clone(&pair), Err(Errno(EIO)));
}
