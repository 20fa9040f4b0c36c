//! Where a source has data and where it has holes, found by SEEK_DATA and SEEK_HOLE as the copy goes.
//! A hole is believed only on positive knowledge; whatever is odd is read as data.

use super::table;
use crate::error::{At, Result, Side, Step};
use crate::sys::{Fd, Handle, Stat, Sys};

/// A stretch of the source, up to the offset given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Bytes to copy.
    Data(u64),
    /// Nothing but zeros, unallocated.
    Hole(u64),
}

/// Up to here a range of a caller's file is short: 1 MiB.
const SHORT: u64 = 1 << 20;

/// No file system in use has larger blocks unless it says so: 4 KiB.
const SMALLEST: u64 = 4096;

/// What is known of a source's holes.
pub struct Holes<'s, S: Sys> {
    sys: &'s S,
    source: Fd,
    /// The source belongs to the caller, whose offset SEEK_DATA would move: a second description of
    /// the file is used instead.
    borrowed: bool,
    second: Option<Handle<'s, S>>,
    /// Everything counts as data from here on.
    dense: bool,
    data_until: u64,
    silent: bool,
    /// The descriptor's own offset was moved.
    sought: bool,
}

impl<'s, S: Sys> Holes<'s, S> {
    /// Nothing is known yet of `source`. `stat` says whether it is worth asking, for a stretch of `length` bytes.
    pub fn new(sys: &'s S, source: Fd, borrowed: bool, length: u64, stat: &Stat) -> Self {
        // A file of one block has no room for a hole beside its data (but what is called a block can
        // be a server's 1 MiB), and a size of 0 is procfs's way of saying "read me".
        let one_block = stat.size <= stat.block_size.min(SMALLEST) && stat.allocated >= stat.size;
        // A file with as many blocks as bytes can have a hole only where it has blocks beyond its end. For a short
        // range of it that is not worth a second description, nor tmpfs's SEEK_HOLE, which walks over
        // every page behind it; a file that is copied whole keeps its holes.
        let short =
            borrowed && length <= SHORT.min(stat.size.saturating_sub(1)) && stat.allocated >= stat.size;
        let dense = stat.size == 0 || one_block || short;
        Self { sys, source, borrowed, second: None, dense, data_until: 0, silent: false, sought: false }
    }

    /// Whether the source has fewer blocks than bytes, and the system would not say where the holes
    /// are: NFS before 4.2, FUSE, 9p, vfat and others report one stretch of data.
    pub fn hidden(&self, stat: &Stat) -> bool {
        self.silent && stat.allocated < stat.size
    }

    /// Whether the source's descriptor still stands where it was opened.
    pub fn never_sought(&self) -> bool {
        !self.sought
    }

    /// The copy goes back: what was found ahead is to be asked again.
    pub fn go_back(&mut self) {
        self.data_until = 0;
    }

    /// The stretch that starts at `position`, no longer than up to `end`.
    pub fn segment_at(&mut self, position: u64, end: u64, stat: &Stat) -> Result<Segment> {
        if position < self.data_until {
            return Ok(Segment::Data(self.data_until.min(end)));
        }
        if self.dense {
            return Ok(Segment::Data(end));
        }
        let Some(fd) = self.seekable() else { return Ok(self.all_data(end)) };
        // Most files have no hole: of these, one SEEK_HOLE tells all. Behind data that ended, a hole is known to begin.
        let at_hole = position == self.data_until && position > 0;
        if !at_hole {
            if let Some(data) = self.data_at(fd, position, end, stat)? {
                return Ok(data);
            }
        }
        let data = self.sys.seek_data(fd, position);
        self.sought |= data.is_ok();
        match data {
            Ok(data) if data > position => Ok(Segment::Hole(data.min(end))),
            Ok(data) if data == position && at_hole => {
                Ok(self.data_at(fd, position, end, stat)?.unwrap_or_else(|| self.all_data(end)))
            }
            Err(errno) if table::no_data_follows(errno) => self.no_data_after(position, end, stat),
            Err(errno) if !table::seek_unsupported(errno) => Err(errno).at(Step::Copy(Side::Source)),
            _ => Ok(self.all_data(end)),
        }
    }

    /// The data at `position`. `None`: there is a hole, or nothing.
    fn data_at(&mut self, fd: Fd, position: u64, end: u64, stat: &Stat) -> Result<Option<Segment>> {
        let hole = self.sys.seek_hole(fd, position);
        self.sought |= hole.is_ok();
        match hole {
            Ok(hole) if hole > position => {
                self.data_until = hole;
                self.silent = self.silent || (position == 0 && hole >= stat.size);
                Ok(Some(Segment::Data(hole.min(end))))
            }
            Ok(hole) if hole == position => Ok(None),
            Err(errno) if table::no_data_follows(errno) => Ok(None),
            Err(errno) if !table::seek_unsupported(errno) => Err(errno).at(Step::Copy(Side::Source)),
            _ => Ok(Some(self.all_data(end))),
        }
    }

    /// SEEK_DATA says that nothing but a hole follows.
    fn no_data_after(&mut self, position: u64, end: u64, before: &Stat) -> Result<Segment> {
        // Of a whole file with blocks this was how ZFS answered while the file was being written,
        // and copies came out as zeros (openzfs#15526). Preallocated, unwritten blocks answer so
        // too, and reading them is no harm.
        if position == 0 && before.allocated > 0 {
            return Ok(self.all_data(end));
        }
        // The hole ends where the file ends by now: it may have shrunk.
        let size = self.sys.stat(self.source).at(Step::Copy(Side::Source))?.size;
        if size <= position {
            return Ok(self.all_data(end));
        }
        Ok(Segment::Hole(size.min(end)))
    }

    fn all_data(&mut self, end: u64) -> Segment {
        self.dense = true;
        self.silent = true;
        Segment::Data(end)
    }

    /// The descriptor whose offset may be moved, if there is one.
    fn seekable(&mut self) -> Option<Fd> {
        if !self.borrowed {
            return Some(self.source);
        }
        if self.second.is_none() {
            let sys = self.sys;
            let reopened = Handle::new(sys, sys.reopen_source(self.source).ok()?);
            let same = sys.stat(reopened.fd()).ok()?.same_file(&sys.stat(self.source).ok()?);
            self.second = same.then_some(reopened);
        }
        self.second.as_ref().map(Handle::fd)
    }
}
