//! The content of a file in blocks: holes are blocks that are not there, sharing is two files that hold the same one.
//! What blocks are shared can be asked for exactly, which no real file system tells so plainly.

use std::collections::BTreeMap;
use std::rc::Rc;

/// One allocated block; two files share it when both hold the same allocation.
type Block = Rc<[u8]>;

/// A file's size and its allocated blocks.
#[derive(Clone, Debug)]
pub struct Data {
    /// Bytes in one block.
    pub unit: u64,
    /// The size in bytes.
    pub size: u64,
    blocks: BTreeMap<u64, Block>,
}

/// How the bytes of one file relate to those of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sharing {
    /// Bytes in blocks that both hold.
    pub shared: u64,
    /// Bytes that are a hole in both.
    pub holes: u64,
    /// Bytes in blocks of the file's own.
    pub own: u64,
}

impl Data {
    /// An empty file.
    pub fn new(unit: u64) -> Self {
        Self { unit, size: 0, blocks: BTreeMap::new() }
    }

    /// Bytes allocated.
    pub fn allocated(&self) -> u64 {
        self.blocks.len() as u64 * self.unit
    }

    /// The allocated blocks: where each begins in the file, and an address that no other block has.
    pub fn addresses(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.blocks.iter().map(|(index, block)| (index * self.unit, block.as_ptr() as u64))
    }

    /// Reads at an offset, up to the end of the file.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let length = self.size.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let within = (at % self.unit) as usize;
            let step = (self.unit as usize - within).min(length - done);
            let to = &mut buffer[done..done + step];
            match self.blocks.get(&(at / self.unit)) {
                Some(block) => to.copy_from_slice(&block[within..within + step]),
                None => to.fill(0),
            }
            done += step;
        }
        length
    }

    /// A stretch of it, as bytes.
    pub fn bytes(&self, offset: u64, length: u64) -> Vec<u8> {
        let mut all = vec![0; length as usize];
        let read = self.read(offset, &mut all);
        all.truncate(read);
        all
    }

    /// All of it.
    pub fn all(&self) -> Vec<u8> {
        self.bytes(0, self.size)
    }

    /// Writes at an offset. What was shared is not any more.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let within = (at % self.unit) as usize;
            let step = (self.unit as usize - within).min(bytes.len() - done);
            self.change_block(at / self.unit, |block| {
                block[within..within + step].copy_from_slice(&bytes[done..done + step]);
            });
            done += step;
        }
        self.size = self.size.max(offset + bytes.len() as u64);
    }

    fn change_block(&mut self, index: u64, change: impl FnOnce(&mut [u8])) {
        let mut block =
            self.blocks.get(&index).map_or_else(|| vec![0; self.unit as usize], |old| old.to_vec());
        change(&mut block);
        self.blocks.insert(index, block.into());
    }

    /// Sets the size; what is cut off is gone, what is new reads as zeros.
    pub fn set_size(&mut self, size: u64) {
        if size < self.size {
            drop(self.blocks.split_off(&size.div_ceil(self.unit)));
            let within = (size % self.unit) as usize;
            let last = size / self.unit;
            if within > 0 && self.blocks.contains_key(&last) {
                self.change_block(last, |block| block[within..].fill(0));
            }
        }
        self.size = size;
    }

    /// Allocates every block of a range (file systems without holes).
    pub fn allocate(&mut self, offset: u64, end: u64) {
        assert!(end.saturating_sub(offset) <= 64 << 20, "a model holds no such file");
        for index in offset / self.unit..end.div_ceil(self.unit) {
            self.blocks.entry(index).or_insert_with(|| vec![0; self.unit as usize].into());
        }
    }

    /// Frees whole blocks of a range, and fills what is left of it with zeros.
    pub fn punch(&mut self, offset: u64, length: u64) {
        let end = (offset + length).min(self.size.next_multiple_of(self.unit));
        let mut at = offset;
        while at < end {
            let index = at / self.unit;
            let within = (at % self.unit) as usize;
            let step = (self.unit - within as u64).min(end - at) as usize;
            let whole = within == 0 && (step as u64 == self.unit || at + step as u64 >= self.size);
            if whole {
                self.blocks.remove(&index);
            } else if self.blocks.contains_key(&index) {
                self.change_block(index, |block| block[within..within + step].fill(0));
            }
            at += step as u64;
        }
    }

    /// Takes over the blocks of a range of `from`, both offsets on block boundaries.
    pub fn share(&mut self, from: &Self, src_offset: u64, dst_offset: u64, length: u64) {
        assert!(src_offset % self.unit == 0 && dst_offset % self.unit == 0 && from.unit == self.unit);
        let count = length.div_ceil(self.unit);
        let (first, base) = (src_offset / self.unit, dst_offset / self.unit);
        let holes: Vec<u64> = self.blocks.range(base..base + count).map(|(index, _)| *index).collect();
        for index in holes {
            self.blocks.remove(&index);
        }
        for (index, block) in from.blocks.range(first..first + count) {
            self.blocks.insert(index - first + base, block.clone());
        }
        self.size = self.size.max(dst_offset + length);
    }

    /// How many files hold the block of a range that most do, this one among them.
    pub fn most_references(&self, offset: u64, length: u64) -> usize {
        let blocks = self.blocks.range(offset / self.unit..(offset + length).div_ceil(self.unit));
        blocks.map(|(_, block)| Rc::strong_count(block)).max().unwrap_or(0)
    }

    /// Whether both hold the same bytes.
    pub fn same_bytes(&self, other: &Self) -> bool {
        self.size == other.size && self.same_stretch(0, other, 0, self.size)
    }

    /// Whether a stretch of this file holds the same bytes as one of another. Holes cost nothing.
    pub fn same_stretch(&self, offset: u64, other: &Self, other_offset: u64, length: u64) -> bool {
        if self.unit == other.unit && offset == other_offset && offset % self.unit == 0 {
            let blocks = offset / self.unit..(offset + length).div_ceil(self.unit);
            let mut indexes: Vec<u64> = self.blocks.range(blocks.clone()).map(|(index, _)| *index).collect();
            indexes.extend(other.blocks.range(blocks).map(|(index, _)| *index));
            return indexes.into_iter().all(|index| {
                let (one, two) = (self.blocks.get(&index), other.blocks.get(&index));
                if let (Some(one), Some(two)) = (one, two) {
                    if Rc::ptr_eq(one, two) {
                        return true;
                    }
                }
                let step = (offset + length - index * self.unit).min(self.unit);
                self.bytes(index * self.unit, step) == other.bytes(index * self.unit, step)
            });
        }
        self.bytes(offset, length) == other.bytes(other_offset, length)
    }

    /// How a stretch of this file relates to the stretch of another that it was copied from.
    pub fn sharing(&self, offset: u64, other: &Self, other_offset: u64, length: u64) -> Sharing {
        let mut found = Sharing::default();
        let mut at = 0;
        while at < length {
            let (mine, theirs) = (offset + at, other_offset + at);
            let mut step = (self.unit - mine % self.unit).min(length - at);
            let congruent = mine % self.unit == theirs % other.unit;
            let here = self.blocks.get(&(mine / self.unit));
            let there = other.blocks.get(&(theirs / other.unit)).filter(|_| congruent);
            match (here, there) {
                (Some(one), Some(two)) if Rc::ptr_eq(one, two) => found.shared += step,
                (None, None) if congruent => {
                    // Over a long hole in one step.
                    let gap = |data: &Self, from: u64| {
                        let next = data.blocks.range(from / data.unit..).next();
                        next.map_or(u64::MAX, |(index, _)| (index * data.unit).saturating_sub(from))
                    };
                    step = gap(self, mine).min(gap(other, theirs)).clamp(step, length - at);
                    found.holes += step;
                }
                (None, _) => found.holes += step,
                (Some(_), _) => found.own += step,
            }
            at += step;
        }
        found
    }

    /// The first byte of data at or after `offset`.
    pub fn next_data(&self, offset: u64) -> Option<u64> {
        let (index, _) = self.blocks.range(offset / self.unit..).next()?;
        Some((index * self.unit).max(offset)).filter(|found| *found < self.size)
    }

    /// The first byte of a hole at or after `offset`; the end of the file is one.
    pub fn next_hole(&self, offset: u64) -> u64 {
        let mut index = offset / self.unit;
        while self.blocks.contains_key(&index) {
            index += 1;
        }
        (index * self.unit).max(offset).min(self.size)
    }
}
