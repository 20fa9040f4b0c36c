//! Maps of the model's files: a record for each block, with the block's own address. A test can put others in its place.
//! A file that is not written out shows its old blocks, as XFS and Btrfs do, until a map is asked for with a flush.

use super::system::Cloning;
use super::{About, Call, Errno, Model, Result, World};
use crate::sys::maps::{Base, Batch, Content, Maps, Record, Said};
use crate::sys::model::disk::{Ino, What};
use crate::sys::{Fd, Stat};

impl World {
    fn map_of(&self, ino: Ino, from: u64, to: u64) -> Vec<Record> {
        let inode = &self.disk.inodes[ino];
        if let Some(instead) = inode.map {
            return instead(from);
        }
        let What::File(data) = &inode.what else { return Vec::new() };
        let data = inode.unflushed.as_ref().unwrap_or(data);
        let references = |wanted: u64| {
            let files = self.disk.inodes.iter().filter_map(|inode| match &inode.what {
                What::File(data) => Some(data),
                _ => None,
            });
            files.flat_map(|data| data.addresses()).filter(|(_, address)| *address == wanted).count()
        };
        let last = data.addresses().last().map(|(offset, _)| offset);
        let of_range = data.addresses().filter(|(offset, _)| offset + data.unit > from && *offset < to);
        of_range
            .map(|(offset, address)| Record {
                offset,
                length: data.unit,
                place: Some(address),
                content: Content::Data,
                shared: self.disk.traits(ino).said == Said::Always && references(address) > 1,
                vague: self.disk.traits(ino).said == Said::Never,
                last: Some(offset) == last,
            })
            .collect()
    }
}

#[deny(clippy::missing_trait_methods)] // the tests must see every call
impl<K: Cloning> Maps for Model<K> {
    fn map(&self, fd: Fd, offset: u64, length: u64, flush: bool, batch: &mut Batch) -> Result<()> {
        batch.clear();
        let about = About::fd(fd).numbers(offset, length, flush.into());
        self.call(Call::Map, about, |world, _| {
            let ino = world.open_file(fd)?.ino;
            if world.disk.traits(ino).no_maps != 0 {
                return Err(Errno(world.disk.traits(ino).no_maps));
            }
            if length == 0 {
                world.violated("a map of nothing, which is EINVAL");
            }
            if flush {
                world.disk.inodes[ino].unflushed = None;
            }
            let records = world.map_of(ino, offset, offset.saturating_add(length));
            records.into_iter().take(world.map_batch).for_each(|record| batch.push(record));
            Ok(())
        })
    }

    /// Of the whole file: the model knows no more.
    fn all_written(&self, fd: Fd, offset: u64, length: u64) -> bool {
        let about = About::fd(fd).numbers(offset, length, 0);
        let written = self.call(Call::AllWritten, about, |world, _| {
            let ino = world.open_file(fd)?.ino;
            Ok(u64::from(world.disk.inodes[ino].unflushed.is_none()))
        });
        written == Ok(1)
    }

    fn said(&self, fd: Fd) -> Said {
        let world = self.world();
        world.open_file(fd).map_or(Said::Never, |open| world.disk.traits(open.ino).said)
    }

    fn base(&self, fd: Fd, _stat: &Stat) -> Option<Base> {
        let world = self.world();
        let traits = world.open_file(fd).map(|open| *world.disk.traits(open.ino)).ok()?;
        traits.places.then_some(Base::Device(traits.pool.into()))
    }

    fn flush_is_complete(&self) -> bool {
        !self.world().disk.volumes.iter().any(|volume| volume.misses_mappings)
    }

    fn exclusive(&self, fd: Fd) -> Option<u64> {
        let world = self.world();
        world.open_file(fd).ok().and_then(|open| world.disk.traits(open.ino).exclusive)
    }

    fn numbers_tell(&self, fd: Fd) -> bool {
        let world = self.world();
        world.open_file(fd).is_ok_and(|open| !world.disk.traits(open.ino).one_number)
    }
}
