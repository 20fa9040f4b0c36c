//! A file's map as pieces that follow each other without gaps or overlaps, whatever the file system answers.
//! It is fetched batch by batch, so that it needs the same memory for every file.

use super::Span;
use crate::copy::table;
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::Sys;
use crate::sys::maps::{Batch, Content, Record, Said};

/// The pieces of a range of one file.
pub struct Pieces<'s, 'b, S: Sys> {
    sys: &'s S,
    span: Span,
    /// Where the next piece begins: all before has been given out.
    at: u64,
    end: u64,
    /// The file is written out before the map is fetched, or nothing waits to be written out.
    pub flush: bool,
    batch: &'b mut Batch,
    next: usize,
    /// The record after a hole that was given out.
    held: Option<Record>,
    /// Where the previous record of this batch ended.
    before: u64,
    asked_from: Option<u64>,
    ended: bool,
    /// How many calls it took so far.
    pub calls: u32,
    /// Records overlapped, went backwards or were empty: the map is not of one instant.
    pub disordered: bool,
    /// A record was marked as shared.
    pub says_shared: bool,
    /// Data had an address of its own.
    pub says_where: bool,
    /// A record was vague: see [`Record::vague`].
    pub is_vague: bool,
}

impl<'s, 'b, S: Sys> Pieces<'s, 'b, S> {
    /// The map of a range, fetched into `batch`. Without `flush` nothing is written out, and no piece has a place or counts as
    /// shared: a rewritten range shows its old blocks until it is written out (XFS, Btrfs).
    pub fn new(sys: &'s S, span: Span, flush: bool, batch: &'b mut Batch) -> Result<Self> {
        // If nothing waits, a flush writes nothing; it waits until Btrfs has noted where it has just written.
        let flush = flush || sys.all_written(span.fd, 0, 0);
        Ok(Self {
            sys,
            span,
            at: span.offset,
            end: span.end()?,
            flush,
            batch,
            next: 0,
            held: None,
            before: 0,
            asked_from: None,
            ended: false,
            calls: 0,
            disordered: false,
            says_shared: false,
            says_where: false,
            is_vague: false,
        })
    }

    /// The next piece, a hole among them.
    #[inline(always)]
    pub fn next_piece(&mut self) -> Result<Option<Record>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let record = match self.held.take() {
            None => self.fetch()?,
            held => held,
        };
        let piece = match record {
            Some(record) if record.offset > self.at => {
                self.held = Some(record);
                Record::hole(self.at, record.offset.saturating_sub(self.at))
            }
            Some(record) => record,
            None => Record::hole(self.at, self.end.saturating_sub(self.at)),
        };
        self.at = piece.end();
        Ok(Some(piece))
    }

    /// Returns the piece, or calls it pending if it is not certain. Without a flush, what was written to reserved blocks still reads as
    /// reserved (XFS, ext4, f2fs), and what was written to a hole may have no record (XFS beside a rewritten clone,
    /// bcachefs before Linux 6.14; SMB, whose map is the server's).
    pub fn certain(&self, piece: Record) -> Record {
        let is_certain = self.flush
            || match piece.content {
                Content::Preallocated => false,
                Content::Hole => self.is_hole_still(&piece),
                _ => true,
            };
        if is_certain { piece } else { Record { content: Content::Pending, ..piece } }
    }

    /// Whether a hole is certain without a flush: nothing in it waits to be written out, and a map that is fetched after this
    /// check has no record there either. (Bytes written out after the first map do not wait any more, and are no hole.)
    #[inline(never)]
    fn is_hole_still(&self, hole: &Record) -> bool {
        let (fd, mut batch) = (self.span.fd, Batch::default());
        self.sys.said(fd) != Said::Never
            && self.sys.all_written(fd, hole.offset, hole.length)
            && self.sys.map(fd, hole.offset, hole.length, false, &mut batch).is_ok()
            && batch.records().iter().all(|record| record.within(hole.offset, hole.end()).is_none())
    }

    /// The next record that reaches into what is still to be given out.
    #[inline(always)]
    fn fetch(&mut self) -> Result<Option<Record>> {
        loop {
            while let Some(record) = self.batch.records().get(self.next).copied() {
                self.next = self.next.saturating_add(1);
                if let Some(record) = self.accept(record) {
                    return Ok(Some(record));
                }
            }
            if self.ended {
                return Ok(None);
            }
            self.refill()?;
        }
    }

    /// The part of a record that is ahead and within the range. (Btrfs gives out whole records, XFS cuts them to what was asked.)
    #[inline(always)]
    fn accept(&mut self, record: Record) -> Option<Record> {
        self.disordered |= record.length == 0 || record.offset < self.before;
        self.before = record.end();
        self.says_shared |= record.shared;
        self.says_where |= record.content == Content::Data && !record.vague;
        self.is_vague |= record.vague;
        let mut part = record.within(self.at, self.end)?;
        if !self.flush || part.content != Content::Data {
            part.place = None;
        }
        if !self.flush && part.shared {
            (part.content, part.shared) = (Content::Pending, false);
        }
        Some(part)
    }

    /// Fetches the next batch of records.
    #[inline(never)]
    fn refill(&mut self) -> Result<()> {
        if self.asked_from == Some(self.at) {
            // The last batch had no record of what was asked for. The next one would be the same.
            return Err(Error::new(Step::Map(self.span.side), Cause::Inconsistent));
        }
        let (first, step) = (self.asked_from.is_none(), Step::Map(self.span.side));
        self.asked_from = Some(self.at);
        (self.next, self.before) = (0, 0);
        self.calls = self.calls.saturating_add(1);
        let length = self.end.saturating_sub(self.at);
        match self.sys.map(self.span.fd, self.at, length, self.flush && first, self.batch) {
            Err(errno) if table::map_ends(errno) => self.batch.clear(),
            outcome => outcome.at(step)?,
        }
        let is_last = |record: &Record| record.last || record.offset >= self.end;
        self.ended = self.batch.records().last().is_none_or(is_last);
        Ok(())
    }
}
