//! Where the bytes of a file lie, as far as its file system says: the trait [`Maps`], and the records that maps are made of.
//! The bodies here are the answers of a system that says nothing; the model of the tests must have its own for each.

use core::mem::MaybeUninit;

use super::api::{Fd, Result, Stat, unsupported};

/// What a stretch of a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes as they are, in blocks of their own or shared ones.
    Data,
    /// Compressed or encrypted: an address says which extent they are in, and not where in it.
    Encoded,
    /// Blocks that are reserved, and read as zeros.
    Preallocated,
    /// In the metadata: no blocks.
    Inline,
    /// Not written out yet, or in a place that is not known.
    Pending,
    /// Nothing, which reads as zeros. FIEMAP has no record of it: it is what lies between two.
    Hole,
}

/// One record of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length in bytes, which may go beyond the end of the file.
    pub length: u64,
    /// Its address, where equal addresses on one volume mean the same bytes.
    pub place: Option<u64>,
    /// What it is made of.
    pub content: Content,
    /// Something else refers to it too: another file, or another place of this one.
    pub shared: bool,
    /// The record does not say whether it is shared. On Linux: its address only repeats the offset in the file, as all
    /// addresses of SMB do.
    pub vague: bool,
    /// Nothing follows in this file.
    pub last: bool,
}

impl Record {
    /// A hole. A system whose maps have records of holes uses it where it found no place after a flush.
    pub const fn hole(offset: u64, length: u64) -> Self {
        let content = Content::Hole;
        Self { offset, length, place: None, content, shared: false, vague: false, last: false }
    }

    /// Where it ends in the file.
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// The part of it between two offsets, if there is one.
    #[inline]
    pub fn within(&self, from: u64, to: u64) -> Option<Self> {
        let (offset, end) = (self.offset.max(from), self.end().min(to));
        let place = self.place.and_then(|place| place.checked_add(offset.saturating_sub(self.offset)));
        let length = end.checked_sub(offset).filter(|length| *length > 0)?;
        Some(Self { offset, length, place, ..*self })
    }
}

/// How many records are fetched with one call: two batches and what FIEMAP needs are less than 32 KiB together, and a
/// call's own time is less than 1 % of theirs.
pub const BATCH: usize = 224;

/// The records of one call. They are not initialised first: that took a quarter of the time of a small file's map.
pub struct Batch {
    records: [MaybeUninit<Record>; BATCH],
    count: usize,
}

impl Default for Batch {
    fn default() -> Self {
        Self { records: [const { MaybeUninit::uninit() }; BATCH], count: 0 }
    }
}

impl Batch {
    /// Empties it.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds a record, if there is room.
    #[inline]
    pub fn push(&mut self, record: Record) {
        if let Some(free) = self.records.get_mut(self.count) {
            free.write(record);
            self.count = self.count.saturating_add(1);
        }
    }

    /// The records.
    pub fn records(&self) -> &[Record] {
        let written = self.records.get(..self.count).unwrap_or_default();
        // SAFETY: `push` wrote each of the first `count`; MaybeUninit<Record> is laid out as Record.
        unsafe { &*(core::ptr::from_ref(written) as *const [Record]) }
    }
}

/// How much a file system says about sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// What is shared is marked, or nothing can be.
    Always,
    /// As its maps say: an overlay's layer may be of any kind.
    AsItsMaps,
    /// As each record says: nothing is known of a file with a vague one.
    ByRecord,
    /// Nothing is ever marked, though it may be shared; or the file system is not known.
    Never,
}

/// What the addresses of a file are relative to: equal bases mean one volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The device of this number.
    Device(u64),
    /// The volume of this identity, whose subvolumes have device numbers of their own.
    Volume([u8; 16]),
}

/// Where the bytes of a file lie.
pub trait Maps {
    /// Fetches as many records of a range as there is room for, from its beginning on. `flush`: writes the whole file out
    /// first.
    fn map(&self, _fd: Fd, _offset: u64, _length: u64, _flush: bool, _batch: &mut Batch) -> Result<()> {
        unsupported()
    }
    /// Whether it is certain that nothing of a range waits to be written out; a length of 0 is "to the end".
    fn all_written(&self, _fd: Fd, _offset: u64, _length: u64) -> bool {
        false
    }
    /// How much the file system says about sharing.
    fn said(&self, _fd: Fd) -> Said {
        Said::Never
    }
    /// What the file's addresses are relative to; `None`: they cannot be compared with another file's.
    fn base(&self, _fd: Fd, _stat: &Stat) -> Option<Base> {
        None
    }
    /// Whether a map that was fetched with a flush shows all that programs changed, also through mappings. If that is not
    /// certain, the map proves neither that two files hold the same bytes nor that a range holds none.
    fn flush_is_complete(&self) -> bool {
        false
    }
    /// How many bytes of a whole file nothing else uses, where the file system itself keeps that number.
    fn exclusive(&self, _fd: Fd) -> Option<u64> {
        None
    }
    /// Whether device and inode number tell the files of its file system apart.
    fn numbers_tell(&self, _fd: Fd) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_takes_what_fits_and_gives_it_back() {
        let mut batch = Batch::default();
        assert!(batch.records().is_empty());
        for at in 0..BATCH as u64 + 7 {
            batch.push(Record::hole(at, 1));
        }
        assert!(batch.records().iter().map(|record| record.offset).eq(0..BATCH as u64));
        batch.clear();
        assert!(batch.records().is_empty());
    }

    #[test]
    fn a_part_of_a_record_has_its_own_place() {
        let record = Record { place: Some(1000), content: Content::Data, ..Record::hole(100, 50) };
        let part = record.within(120, 130).expect("it is inside");
        assert_eq!((part.offset, part.length, part.place), (120, 10, Some(1020)));
        assert_eq!(record.within(0, u64::MAX), Some(record));
        assert_eq!(record.within(150, 160), None);
        assert_eq!(record.within(0, 100), None);
        let endless = Record { place: Some(u64::MAX), length: u64::MAX, ..record };
        let part = endless.within(101, u64::MAX).expect("it is inside");
        assert_eq!((part.end(), part.place), (u64::MAX, None));
    }
}
