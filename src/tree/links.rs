//! Hard links: which files with several names were copied already, and where their copy is.
//! A file is forgotten when all its names were seen, so that memory does not grow with the tree.

use core::ffi::CStr;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::place::Place;
use crate::error::{At, Result, Step};
use crate::sys::{Fd, Handle, Kind, Looks, Stat, Sys};

/// A file of the source: its device and inode.
pub(super) type Key = (u64, u64);

/// Where the copy of a file is.
#[derive(Debug)]
pub(super) struct Made {
    /// The directory.
    pub(super) place: Arc<Place>,
    /// The name there.
    pub(super) name: CString,
    /// Its inode number, 0 if that is not known.
    pub(super) inode: u64,
    /// The length of a regular file, else 0.
    pub(super) length: u64,
}

/// How far the copy of a file with several names is.
#[derive(Debug)]
pub(super) enum State {
    /// There is no copy: whoever asks makes it.
    Absent,
    /// Its copy is being made.
    UnderWay,
    /// Its copy has this name.
    Made(Made),
}

/// Which name of a file with several names was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The first: it makes the copy. Then [`Links::made`] or [`Links::failed`] must follow.
    First,
    /// A further one: the copy is made, or being made.
    Further,
    /// Another file with the same number: bcachefs gives the files of a snapshot those of the originals.
    Stranger,
}

/// A file that has several names. It is kept small: if a name is outside of the tree, it is kept until the end.
#[derive(Debug)]
struct Link {
    /// What it was when its first name was seen.
    looks: Looks,
    /// The directory, the name and the inode number of its copy.
    made: Option<(Arc<Place>, CString, u64)>,
    /// How many names were not seen yet.
    left: u64,
}

/// All files with several names. The threads of one call share it. (A `HashMap` needs random numbers, panics without them, and
/// has thread-locals.)
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<Table>);

/// The links are boxed, since about half of the room in the nodes of such a map is empty.
type Table = BTreeMap<Key, Box<Link>>;

impl Links {
    /// Locks the table, also after a panic of another thread: that leaves nothing half done here.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of a file, if it has several names.
    pub(super) fn key(stat: &Stat) -> Option<Key> {
        (stat.links > 1).then_some((stat.device, stat.inode))
    }

    /// Begins a name of a file.
    pub(super) fn begin(&self, key: Key, stat: &Stat) -> Asker {
        match self.table().entry(key) {
            Entry::Vacant(place) => {
                let (looks, left) = (stat.looks(), stat.links.saturating_sub(1));
                place.insert(Box::new(Link { looks, made: None, left }));
                Asker::First
            }
            Entry::Occupied(link) if link.get().looks.can_be(&stat.looks()) => Asker::Further,
            Entry::Occupied(_) => Asker::Stranger,
        }
    }

    /// Notes where the copy is.
    pub(super) fn made(&self, key: Key, place: &Arc<Place>, name: &CStr, inode: u64) {
        let mut table = self.table();
        let Some(link) = table.get_mut(&key) else { return };
        link.made = Some((Arc::clone(place), name.into(), inode));
        if link.left == 0 {
            table.remove(&key);
        }
    }

    /// Notes that the copy failed: the next name makes one.
    pub(super) fn failed(&self, key: Key) {
        self.table().remove(&key);
    }

    /// How far the copy of the file is.
    pub(super) fn state(&self, key: Key) -> State {
        let table = self.table();
        let Some(link) = table.get(&key) else { return State::Absent };
        let Some((place, name, inode)) = &link.made else { return State::UnderWay };
        let length = if link.looks.kind == Kind::Regular { link.looks.size } else { 0 };
        State::Made(Made { place: Arc::clone(place), name: name.clone(), inode: *inode, length })
    }

    /// Notes that one more name was made.
    pub(super) fn used(&self, key: Key) {
        let mut table = self.table();
        let Some(link) = table.get_mut(&key) else { return };
        link.left = link.left.saturating_sub(1);
        if link.left == 0 {
            table.remove(&key);
        }
    }
}

/// The directory of the destination that has the file to link to. The last one stays open.
pub(super) struct LinkSource<'s, S: Sys> {
    place: Arc<Place>,
    handle: Handle<'s, S>,
}

impl<'s, S: Sys> LinkSource<'s, S> {
    /// Opens `place` from the root, unless it is `last`, the one opened before.
    pub(super) fn find(sys: &'s S, last: &mut Option<Self>, root: Fd, place: &Arc<Place>) -> Result<Fd> {
        if let Some(found) = last.as_ref().filter(|found| Arc::ptr_eq(&found.place, place)) {
            return Ok(found.handle.fd());
        }
        let handle = open_place(sys, root, place)?;
        let fd = handle.fd();
        *last = Some(Self { place: Arc::clone(place), handle });
        Ok(fd)
    }
}

/// The longest path that is opened with one call: below PATH_MAX.
const PIECE: usize = 4000;

/// Opens a directory by its names from the root, with as few calls as the length of a path allows.
fn open_place<'s, S: Sys>(sys: &'s S, root: Fd, place: &Place) -> Result<Handle<'s, S>> {
    let mut at: Option<Handle<'s, S>> = None;
    let mut path = Vec::new();
    let enter = |at: &Option<Handle<'s, S>>, path: &mut Vec<u8>| -> Result<Handle<'s, S>> {
        let whole = CString::new(core::mem::take(path)).unwrap_or_default();
        let from = at.as_ref().map_or(root, Handle::fd);
        Ok(Handle::new(sys, sys.enter_below(from, &whole).at(Step::Create)?))
    };
    for name in place.names() {
        if !path.is_empty() && path.len().saturating_add(name.to_bytes().len()) > PIECE {
            at = Some(enter(&at, &mut path)?);
        }
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
    }
    if path.is_empty() {
        path.push(b'.');
    }
    enter(&at, &mut path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sys::{CWD, Native};

    #[test]
    fn two_files_of_one_number_are_not_one_file() {
        let stat = Stat { links: 2, ..Native.stat_name(CWD, c"/").unwrap() };
        let changed = Stat { size: stat.size + 1, ..stat };
        let (links, key) = (Links::default(), (stat.device, stat.inode));
        let asked = [&stat, &stat, &changed].map(|stat| links.begin(key, stat));
        assert_eq!(asked, [Asker::First, Asker::Further, Asker::Stranger]);
    }

    #[test]
    fn a_file_is_forgotten_when_all_its_names_were_seen() {
        let stat = Stat { links: 3, ..Native.stat_name(CWD, c"/").unwrap() };
        let (links, key) = (Links::default(), (stat.device, stat.inode));
        assert_eq!(links.begin(key, &stat), Asker::First);
        assert!(matches!(links.state(key), State::UnderWay));
        links.made(key, &Place::root(), c"first", 0);
        assert!(matches!(links.state(key), State::Made(made) if made.name.as_c_str() == c"first"));
        links.used(key);
        assert!(matches!(links.state(key), State::Made(_)));
        links.used(key);
        assert!(matches!(links.state(key), State::Absent));
    }
}
