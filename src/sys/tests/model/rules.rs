//! The rules of cloning on other systems (`refs`, `apfs`, `clone_flag`), line by line, over the models of what they are rules of.
//! The engine's own scenarios run on the same volumes; here is what only the raw calls show.

mod apfs;
mod clone_flag;
mod refs;

use super::disk::{Ino, ROOT, Traits};
use super::fault::{Fault, Lasting, Place};
use super::{Call, Event, Model};
use crate::sys::Fd;

/// Two files of one volume or of two, open as a copy has them.
struct Pair {
    model: Model,
    source: Ino,
    target: Ino,
    src: Fd,
    dst: Fd,
}

impl Pair {
    /// A source of `size` bytes, a destination of `there` bytes.
    fn new(volume: Traits, size: u64, there: u64) -> Self {
        Self::across(volume, volume, size, there)
    }

    fn across(from: Traits, to: Traits, size: u64, there: u64) -> Self {
        let model = Model::new(vec![from, to]);
        let mut world = model.world_mut();
        let directory = world.disk.add_directory("to", 1);
        let bytes: Vec<u8> = (0..size).map(|at| (at / 251 + at) as u8 | 1).collect();
        let source = world.disk.add_file(ROOT, "source", &[Some(&bytes)], 0o640);
        let target = world.disk.add_file(directory, "target", &[Some(&vec![9; there as usize])], 0o600);
        world.disk.inodes[target].engines = true;
        drop(world);
        let src = model.open_for_caller(source, true, false, false);
        let dst = model.open_for_caller(target, true, true, false);
        Self { model, source, target, src, dst }
    }

    /// The destination's bytes.
    fn there(&self) -> Vec<u8> {
        self.model.world().disk.data(self.target).all()
    }

    fn is_cloned(&self) -> bool {
        let world = self.model.world();
        let (source, target) = (world.disk.data(self.source), world.disk.data(self.target));
        let found = target.sharing(0, source, 0, source.size);
        target.same_bytes(source) && found.shared + found.holes == source.size
    }

    fn fail(&self, call: Call, nth: usize, errno: i32, lasting: Lasting) {
        self.model.world_mut().faults.plan(Place::Of(call, nth), Fault::Errno(errno), lasting);
    }

    /// The calls of a kind.
    fn made(&self, call: Call) -> Vec<Event> {
        self.model.world().log.iter().filter(|event| event.call == call).cloned().collect()
    }

    /// Whether none of these was made.
    fn none_of(&self, calls: &[Call]) -> bool {
        calls.iter().all(|call| self.model.count(*call) == 0)
    }
}
