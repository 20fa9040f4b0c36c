//! Finds where two ranges differ, by reading both: the kernel says only that they do.
//! What is read may change at once. Nothing is shared because of it: the kernel compares again.

use crate::copy::buffer::Buffer;
use crate::copy::retry::Tries;
use crate::copy::table::{self, Operation};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::{Fd, Sys};

/// Two ranges that are read side by side. Offsets count from the beginning of both.
pub struct Difference<'s, S: Sys> {
    sys: &'s S,
    starts: [(Fd, u64); 2],
    buffers: [Buffer; 2],
    /// Where the bytes in the buffers begin, and how many there are.
    at: u64,
    length: u64,
}

impl<'s, S: Sys> Difference<'s, S> {
    /// Takes two files, each with the offset where its range begins. Reads nothing yet.
    pub fn new(sys: &'s S, src: (Fd, u64), dst: (Fd, u64)) -> Self {
        Self { sys, starts: [src, dst], buffers: Default::default(), at: 0, length: 0 }
    }

    /// The first byte in `from..end` that only one of them has, or that is not the same in both.
    pub fn first(&mut self, from: u64, end: u64) -> Result<Option<u64>> {
        let mut at = from;
        while at < end {
            let in_buffer = at.checked_sub(self.at).is_some_and(|within| within < self.length);
            if !in_buffer {
                let ended = self.read(at, end)?;
                if self.length == 0 {
                    return Ok((!ended).then_some(at));
                }
            }
            let until = self.at.saturating_add(self.length).min(end);
            if let Some(found) = self.in_buffers(at, until)? {
                return Ok(Some(found));
            }
            at = until;
        }
        Ok(None)
    }

    /// Fills the buffers from `at` on, with as much as both files have. Returns whether both had equally much.
    fn read(&mut self, at: u64, end: u64) -> Result<bool> {
        // Whole blocks, as a descriptor with O_DIRECT wants them.
        let want = end.saturating_sub(at).next_multiple_of(4096);
        let [(src, src_start), (dst, dst_start)] = self.starts;
        let [one, other] = &mut self.buffers;
        let (from, to) = (src_start.saturating_add(at), dst_start.saturating_add(at));
        let one = fill(self.sys, src, one.first(want)?, from, Side::Source)?;
        let other = fill(self.sys, dst, other.first(want)?, to, Side::Destination)?;
        (self.at, self.length) = (at, one.min(other) as u64);
        Ok(one == other)
    }

    /// The first byte in the buffers that differs.
    fn in_buffers(&mut self, from: u64, until: u64) -> Result<Option<u64>> {
        let [one, other] = &mut self.buffers;
        let (one, other) = (one.first(self.length)?, other.first(self.length)?);
        let within = |offset: u64| usize::try_from(offset.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let stretch = within(from)..within(until);
        let (one, other) = (one.get(stretch.clone()), other.get(stretch));
        if one == other {
            return Ok(None); // at the speed of memcmp
        }
        let pairs = one.unwrap_or_default().iter().zip(other.unwrap_or_default());
        let found = pairs.take_while(|(one, other)| one == other).count();
        Ok(Some(from.saturating_add(found as u64)))
    }
}

/// Reads until the buffer is full or the file ends, and returns how much that was.
fn fill<S: Sys>(sys: &S, fd: Fd, buffer: &mut [u8], offset: u64, side: Side) -> Result<usize> {
    let (mut filled, mut tries) = (0, Tries::default());
    while filled < buffer.len() {
        let window = buffer.get_mut(filled..).unwrap_or_default();
        let most = window.len();
        match sys.read_at(fd, window, offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(read) if read > most => return Err(Error::new(Step::Dedupe(side), Cause::Inconsistent)),
            Ok(read) => (filled, tries) = (filled.saturating_add(read), Tries::default()),
            Err(errno) if tries.another(table::verdict(Operation::ReadWrite, errno)) => {}
            Err(errno) => return Err(errno).at(Step::Dedupe(side)),
        }
    }
    Ok(filled)
}
