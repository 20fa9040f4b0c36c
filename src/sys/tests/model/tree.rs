//! What must hold of trees: at every instant the destination's name shows what it showed before, or the complete new tree.
//! And how two trees are compared, by a walk that knows nothing of the engine's.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::disk::{Disk, Ino, What};

/// What is watched of a tree that is copied.
#[derive(Clone, Debug, Default)]
pub struct TreeWatch {
    /// The directory that the destination is in, and its name there.
    pub parent: Ino,
    pub name: Vec<u8>,
    /// It grows under its own name, or into a directory that is there: not watched at every instant.
    pub open: bool,
    old: Option<(Ino, String)>,
    new: Option<(Ino, String)>,
}

impl TreeWatch {
    pub fn new(parent: Ino, name: &[u8], open: bool) -> Self {
        Self { parent, name: name.to_vec(), open, ..Self::default() }
    }

    pub(super) fn start(&mut self, disk: &Disk) {
        self.old = self.there(disk);
    }

    fn there(&self, disk: &Disk) -> Option<(Ino, String)> {
        disk.lookup(self.parent, &self.name).map(|ino| (ino, snapshot(disk, ino, View::ALL)))
    }

    /// Whether the name shows what it showed at the start.
    pub fn is_old(&self, disk: &Disk) -> bool {
        self.there(disk) == self.old
    }

    /// What stood under the name at the start.
    pub fn old(&self) -> Option<&(Ino, String)> {
        self.old.as_ref()
    }

    pub(super) fn broken(&mut self, disk: &Disk) -> Option<String> {
        if self.open {
            return None;
        }
        let there = self.there(disk);
        if self.new.is_none() && there == self.old {
            return None;
        }
        match (&self.new, &there) {
            (Some(_), None) => Some("the destination's name is gone".into()),
            (Some(new), Some(there)) => {
                (new != there).then(|| "the tree was changed after it got its name".into())
            }
            (None, None) => Some("the old tree lost its name, and no other has it".into()),
            (None, Some((ino, _))) => {
                let changed = self.old.as_ref().is_some_and(|old| old.0 == *ino);
                self.new = there;
                changed.then(|| "the tree that was there was changed".into())
            }
        }
    }
}

/// What of a tree is looked at.
#[derive(Clone, Copy)]
pub struct View {
    /// These permission bits.
    pub modes: u32,
    /// Which names are of one file.
    pub links: bool,
}

impl View {
    pub const ALL: Self = Self { modes: 0o7777, links: true };
}

/// All that can be seen of a tree, times aside; files by their content, further names of a file by the first.
pub fn snapshot(disk: &Disk, root: Ino, view: View) -> String {
    let mut told = String::new();
    let mut first_names: BTreeMap<Ino, String> = BTreeMap::new();
    let mut waiting = vec![(String::from("."), root)];
    while let Some((path, ino)) = waiting.pop() {
        let inode = &disk.inodes[ino];
        if let Some(first) = first_names.get(&ino).filter(|_| view.links) {
            let _ = writeln!(told, "{path} = {first}");
            continue;
        }
        first_names.insert(ino, path.clone());
        let what = match &inode.what {
            What::File(data) => format!("file {:?}", data.all()),
            What::Pseudo { content, .. } => format!("file {content:?}"),
            What::Symlink(to) => format!("link {to:?}"),
            What::Fifo => "fifo".into(),
            What::Special(kind, number) => format!("{kind:?} {number}"),
            What::Directory(names) => {
                let below = names.iter().rev();
                waiting.extend(
                    below.map(|(name, ino)| (format!("{path}/{}", String::from_utf8_lossy(name)), *ino)),
                );
                "directory".into()
            }
        };
        let _ = writeln!(told, "{path} {:o} {what}", inode.mode & view.modes);
    }
    told
}

/// The times of last change of everything in a tree.
pub fn times(disk: &Disk, root: Ino) -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![(String::from("."), root)];
    while let Some((path, ino)) = waiting.pop() {
        all.insert(path.clone(), disk.inodes[ino].modified.seconds);
        if let What::Directory(names) = &disk.inodes[ino].what {
            waiting.extend(
                names.iter().map(|(name, ino)| (format!("{path}/{}", String::from_utf8_lossy(name)), *ino)),
            );
        }
    }
    all
}
