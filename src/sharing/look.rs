//! Finds in the maps what two ranges share already, which need not be compared again. The kernel would read all of it: on XFS
//! from the device, since a dedupe there drops what it shared from the cache.

use super::Span;
use super::compare::{Pair, Relation};
use super::extents::no_map;
use super::files::Files;
use crate::copy::range::Range;
use crate::error::{Result, Side};
use crate::sys::Sys;
use crate::sys::maps::Batch;

/// What the maps say of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing proves that it is shared.
    Nothing,
    /// It lies at one place in both, or is a hole in both.
    Shared,
    /// It lies in the metadata of one of both files, where nothing can be shared.
    Inline,
}

/// A walk over both maps. Offsets count from the beginning of the range.
pub struct Look<'s, 'b, S: Sys> {
    pair: Option<Pair<'s, 'b, S>>,
    /// Where the current stretch ends.
    end: u64,
    known: Known,
}

impl<'s, 'b, S: Sys> Look<'s, 'b, S> {
    /// Without maps: nothing is known of anything.
    pub const fn none() -> Self {
        Self { pair: None, end: u64::MAX, known: Known::Nothing }
    }

    /// Looks at `from..end` of a range.
    pub fn new(
        sys: &'s S,
        range: &Range,
        files: &Files<S>,
        (from, end): (u64, u64),
        batches: &'b mut [Batch; 2],
    ) -> Result<Self> {
        let span = |fd, side, offset: u64| {
            let (offset, length) = (offset.saturating_add(from), end.saturating_sub(from));
            Span { fd, side, offset, length }
        };
        let src = span(range.src, Side::Source, range.src_offset);
        let dst = span(range.dst, Side::Destination, range.dst_offset);
        let pair = Pair::new(sys, [(src, &files.src_stat), (dst, &files.dst_stat)], true, batches)?;
        Ok(Self { pair: Some(pair), end: from, known: Known::Nothing })
    }

    /// What is known of the bytes from `at` on, and up to where. While nothing is known, looks no further than `near`.
    pub fn stretch(&mut self, at: u64, near: u64) -> Result<(u64, Known)> {
        while self.end <= at {
            self.advance()?;
        }
        let known = self.known;
        let far = if known == Known::Nothing { near } else { u64::MAX };
        let mut end = self.end;
        while end < far {
            self.advance()?;
            if self.known != known {
                break;
            }
            end = self.end;
        }
        Ok((end, known))
    }

    fn advance(&mut self) -> Result<()> {
        let mut stretch = None;
        if let Some(pair) = &mut self.pair {
            // Where there is no map, nothing is known.
            no_map(pair.next_stretch().map(|found| stretch = found))?;
            let inline = pair.inline;
            if let Some((length, relation)) = stretch {
                self.end = self.end.saturating_add(length);
                self.known = match relation {
                    Relation::Same | Relation::Hole => Known::Shared,
                    _ if inline => Known::Inline,
                    _ => Known::Nothing,
                };
            }
        }
        if stretch.is_none() {
            (self.end, self.known) = (u64::MAX, Known::Nothing);
        }
        Ok(())
    }

    /// Whether the maps were seen not to be of one instant.
    pub fn disordered(&self) -> bool {
        self.pair.as_ref().is_some_and(Pair::disordered)
    }
}
