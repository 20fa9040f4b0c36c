//! Where a sparse file has data and where it has holes, from Windows' lists of allocated ranges.
//! The lists come from a closure, so that the arithmetic is tested on every system.

use crate::sys::api::{Errno, Result};
use crate::sys::errno;

/// A stretch that is allocated: where it begins and how long it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// The first byte.
    pub offset: u64,
    /// The length in bytes.
    pub length: u64,
}

/// How many neighbours are joined before the rest counts as data too: a bound, so that no loop is endless.
const JOINED_AT_MOST: u32 = 1 << 20;

/// The first byte of data at or after `offset` in a file of `size` bytes. `first` gives the first range that is
/// allocated at or after an offset. ENXIO: there is none.
pub fn data(offset: u64, size: u64, mut first: impl FnMut(u64) -> Result<Option<Allocated>>) -> Result<u64> {
    if offset >= size {
        return Err(Errno(errno::ENXIO));
    }
    match first(offset)? {
        Some(range) if range.offset.max(offset) < size => Ok(range.offset.max(offset)),
        _ => Err(Errno(errno::ENXIO)),
    }
}

/// The first byte of a hole at or after `offset`, which at the latest is the end of the file. Ranges that touch each
/// other are one.
pub fn hole(offset: u64, size: u64, mut first: impl FnMut(u64) -> Result<Option<Allocated>>) -> Result<u64> {
    if offset >= size {
        return Err(Errno(errno::ENXIO));
    }
    let mut at = offset;
    for _ in 0..JOINED_AT_MOST {
        match first(at)? {
            Some(range) if range.offset <= at => {
                let end = range.offset.saturating_add(range.length);
                if end <= at {
                    return Ok(size); // a range that leads nowhere: take the rest for data
                }
                if end >= size {
                    return Ok(size);
                }
                at = end;
            }
            _ => return Ok(at),
        }
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &[(u64, u64)] = &[(64, 64), (128, 64), (256, 64)];

    fn first(map: &[(u64, u64)], at: u64) -> Result<Option<Allocated>> {
        // As FSCTL_QUERY_ALLOCATED_RANGES does: what begins before the offset is cut to it.
        Ok(map.iter().find(|(offset, length)| offset + length > at).map(|(offset, length)| {
            let start = (*offset).max(at);
            Allocated { offset: start, length: offset + length - start }
        }))
    }

    #[test]
    fn data_and_holes_are_found_from_any_offset() {
        let of = |at| (data(at, 400, |from| first(MAP, from)), hole(at, 400, |from| first(MAP, from)));
        assert_eq!(of(0), (Ok(64), Ok(0)));
        assert_eq!(of(64), (Ok(64), Ok(192))); // two ranges that touch
        assert_eq!(of(100), (Ok(100), Ok(192)));
        assert_eq!(of(192), (Ok(256), Ok(192)));
        assert_eq!(of(319), (Ok(319), Ok(320)));
        assert_eq!(of(320), (Err(Errno(errno::ENXIO)), Ok(320)));
        assert_eq!(of(400), (Err(Errno(errno::ENXIO)), Err(Errno(errno::ENXIO))));
    }

    #[test]
    fn the_end_of_the_file_ends_data() {
        assert_eq!(hole(0, 100, |_| Ok(Some(Allocated { offset: 0, length: 4096 }))), Ok(100));
        assert_eq!(
            data(0, 100, |_| Ok(Some(Allocated { offset: 128, length: 64 }))),
            Err(Errno(errno::ENXIO))
        );
        assert_eq!(data(0, 100, |_| Ok(None)), Err(Errno(errno::ENXIO)));
    }

    #[test]
    fn an_odd_answer_is_data_and_an_error_stays_one() {
        assert_eq!(hole(10, 100, |_| Ok(Some(Allocated { offset: 5, length: 0 }))), Ok(100));
        assert_eq!(hole(10, 100, |_| Err(Errno(errno::EIO))), Err(Errno(errno::EIO)));
        assert_eq!(data(10, 100, |_| Err(Errno(errno::EIO))), Err(Errno(errno::EIO)));
    }

    #[test]
    fn a_range_from_before_the_offset_is_data_at_it() {
        assert_eq!(data(10, 100, |_| Ok(Some(Allocated { offset: 0, length: 50 }))), Ok(10));
        assert_eq!(hole(10, 100, |at| first(&[(0, 50)], at)), Ok(50));
    }
}
