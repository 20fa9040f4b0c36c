//! A file system in memory that behaves as its system's manual says, in the place of the system calls; for tests only.
//! It counts the calls, fails any of them on demand, and checks after each one that a copy's promises hold.

#![allow(missing_docs, clippy::missing_panics_doc)]

pub mod apfs;
mod calls;
mod clone;
pub mod data;
mod directories;
pub mod disk;
pub mod fault;
mod freebsd;
mod maps;
mod refs;
mod rules;
pub mod system;
mod tests;
pub mod tree;
pub mod watch;

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::rc::Rc;

use self::disk::{Disk, Ino, ROOT};
use self::fault::{Fault, Faults, Odd};
use self::system::Linux;
use self::watch::Watch;
use crate::error::Side;
use crate::sys::errno::{EACCES, EINVAL, ENOSYS, EOPNOTSUPP, EPERM};
use crate::sys::{Errno, Fd, Result};

/// What names without a directory are relative to (AT_FDCWD).
pub const CWD: Fd = -100;

/// More calls than any copy of the tests needs: beyond, a loop does not end.
const CALLS_AT_MOST: usize = 4000;

/// Every method of the trait that is a system call, and so can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    OpenSource,
    OpenToOverwrite,
    ReopenSource,
    OpenDirectory,
    CreateUnnamed,
    CreateNew,
    CreateScratch,
    Close,
    Flush,
    Stat,
    StatName,
    Access,
    Protected,
    Volume,
    CloneFile,
    CloneRange,
    CloneNothing,
    Dedupe,
    KernelCopy,
    ReadAt,
    WriteAt,
    ReadNext,
    WriteNext,
    SeekData,
    SeekHole,
    PunchHole,
    SetSize,
    Sync,
    SetMode,
    SetOwner,
    SetTimes,
    ListAttributes,
    GetAttribute,
    SetAttribute,
    RemoveAttribute,
    LinkUnnamed,
    RenameNew,
    RenameOver,
    Link,
    Unlink,
    CopyAcl,
    GroupEntry,
    // What trees need.
    Enter,
    EnterSameMount,
    EnterToRemove,
    EnterParent,
    EnterBelow,
    OpenListed,
    IsMountPoint,
    ReadEntries,
    ReadSymlink,
    GetNameAttribute,
    ListNameAttributes,
    SetNameAttribute,
    RemoveNameAttribute,
    MakeDirectory,
    MakeSymlink,
    MakeSpecial,
    RemoveDirectory,
    Exchange,
    SetNameMode,
    SetNameOwner,
    SetNameTimes,
    NoCow,
    SetNoCow,
    SyncVolume,
    // What the rules of ReFS (`refs`) are made of.
    VolumeOf,
    SameVolume,
    Integrity,
    SetIntegrity,
    IsSparse,
    SetSparse,
    EndOfFile,
    SetEndOfFile,
    DuplicateExtents,
    // Of APFS (`apfs`).
    CloneNew,
    OpenClone,
    RemoveAcl,
    Flags,
    SetFlags,
    SetTimesToNow,
    // Of FreeBSD (`clone_flag`): copy_file_range with the flag.
    CloneByFlag,
    // Of maps.
    Map,
    AllWritten,
}

/// One call that was made.
#[derive(Clone, Debug)]
pub struct Event {
    pub call: Call,
    /// The descriptors and numbers it was given.
    pub fds: [Fd; 2],
    pub numbers: [u64; 3],
    pub name: Vec<u8>,
    /// What it gave back, if that is a number.
    pub outcome: core::result::Result<u64, i32>,
    /// A fault was put in.
    pub injected: bool,
    /// The file that the engine made, or the caller's destination, where a descriptor stands for one.
    pub of_copy: Option<Ino>,
    /// The file that it was made on; neither where it is made on both.
    pub side: Side,
}

/// An open file description; each has one descriptor here.
#[derive(Clone, Debug)]
struct Open {
    ino: Ino,
    read: bool,
    write: bool,
    append: bool,
    /// Where it stands.
    offset: u64,
    /// Opened by a call of the engine, not handed over by the test.
    engines: bool,
}

/// A change of the world right before a call is made.
type Hook = Box<dyn FnOnce(&mut Disk)>;

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the n-th call, from 1.
    Nth(usize),
    /// Before the n-th call of a kind, from 1.
    Of(Call, usize),
}

/// The state behind the calls.
pub struct World {
    pub disk: Disk,
    pub faults: Faults,
    pub watch: Watch,
    /// RLIMIT_FSIZE.
    pub limit: u64,
    pub umask: u32,
    /// The calls made so far.
    pub log: Vec<Event>,
    /// What the log is of, for messages.
    pub label: String,
    /// The numbers that `random` gives first; then it counts.
    pub random: Vec<u64>,
    /// The kernel's copy call is one that can be trusted.
    pub kernel_copy_usable: bool,
    /// A whole file system can be synced.
    pub syncs_volumes: bool,
    /// procfs is there, for `reopen_source`.
    pub procfs: bool,
    /// How many records of a map come with one call.
    pub map_batch: usize,
    /// Permission bits of directories count: an ordinary user runs the engine, and owns what it sees.
    pub ordinary_user: bool,
    /// So many names come from a directory in one call.
    pub names_at_once: usize,
    /// Directories are read from the last name to the first.
    pub backwards: bool,
    /// The most descriptors that the engine ever had open.
    pub most_open: usize,
    open: BTreeMap<Fd, Open>,
    /// The last name that was read from a directory.
    listed: BTreeMap<Fd, Vec<u8>>,
    closed: BTreeSet<Fd>,
    drawn: u64,
    next_fd: Fd,
    counts: BTreeMap<Call, usize>,
    hooks: Vec<(When, Hook)>,
}

/// The model: everything is behind one cell, since calls take `&self`. `K` is the system whose calls
/// are made; the world is the same for all.
pub struct Model<K = Linux> {
    world: Rc<RefCell<World>>,
    kind: PhantomData<K>,
}

impl Model {
    /// A world of these volumes, the root directory on the first.
    pub fn new(volumes: Vec<disk::Traits>) -> Self {
        let world = Rc::new(RefCell::new(World {
            disk: Disk::new(volumes),
            faults: Faults::default(),
            watch: Watch::default(),
            limit: u64::MAX,
            umask: 0o022,
            log: Vec::new(),
            label: String::new(),
            random: Vec::new(),
            kernel_copy_usable: true,
            syncs_volumes: true,
            procfs: true,
            ordinary_user: false,
            names_at_once: 3,
            backwards: false,
            most_open: 0,
            listed: BTreeMap::new(),
            map_batch: 3,
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
            drawn: 0,
            next_fd: 3,
            counts: BTreeMap::new(),
            hooks: Vec::new(),
        }));
        Self { world, kind: PhantomData }
    }
}

impl<K> Model<K> {
    /// The same world, by the calls of another system.
    pub fn by<J>(&self) -> Model<J> {
        Model { world: Rc::clone(&self.world), kind: PhantomData }
    }

    pub fn world(&self) -> Ref<'_, World> {
        self.world.borrow()
    }

    pub fn world_mut(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// Opens an inode for the test: a descriptor of the caller's.
    pub fn open_for_caller(&self, ino: Ino, read: bool, write: bool, append: bool) -> Fd {
        self.world_mut().open_ino(Open { ino, read, write, append, offset: 0, engines: false })
    }

    /// Closes one of the caller's.
    pub fn close_for_caller(&self, fd: Fd) {
        self.world_mut().open.remove(&fd);
    }

    /// Runs `hook` right before the call that `when` names.
    pub fn before(&self, when: When, hook: impl FnOnce(&mut Disk) + 'static) {
        self.world_mut().hooks.push((when, Box::new(hook)));
    }

    /// How often a call was made.
    pub fn count(&self, call: Call) -> usize {
        self.world().counts.get(&call).copied().unwrap_or(0)
    }
}

impl World {
    /// Opens for the engine what is not written to; without `read` only to find names in it (O_PATH).
    fn open_to_read(&mut self, ino: Ino, read: bool) -> Fd {
        self.open_ino(Open { ino, read, write: false, append: false, offset: 0, engines: true })
    }

    fn open_ino(&mut self, open: Open) -> Fd {
        let fd = self.next_fd;
        self.next_fd += 1; // never the same twice, so that a call on a closed one is seen
        self.open.insert(fd, open);
        self.most_open = self.most_open.max(self.leaked().len());
        fd
    }

    /// The descriptors that the engine opened and did not close.
    pub fn leaked(&self) -> Vec<Fd> {
        self.open.iter().filter(|(_, open)| open.engines).map(|(fd, _)| *fd).collect()
    }

    /// The kinds of all calls made so far.
    pub fn calls_made(&self) -> Vec<Call> {
        self.log.iter().map(|event| event.call).collect()
    }

    /// A promise is broken: the test fails here and now, with the calls that led to it.
    fn violated(&self, what: &str) {
        if !std::thread::panicking() {
            panic!("{what}\n{}\n{}", self.label, self.story());
        }
    }

    /// The log, one call in a line.
    pub fn story(&self) -> String {
        let from = self.log.len().saturating_sub(80);
        let line = |(at, event): (usize, &Event)| {
            let name = String::from_utf8_lossy(&event.name).into_owned();
            let mark = if event.injected { " <- fault" } else { "" };
            let (call, fds, numbers) = (event.call, event.fds, event.numbers);
            format!("{:4} {call:?} {fds:?} {numbers:?} {name} = {:?}{mark}\n", at + 1, event.outcome)
        };
        self.log.iter().enumerate().skip(from).map(line).collect()
    }

    fn copy_behind(&self, fd: Fd) -> Option<Ino> {
        let callers = self.watch.callers.as_ref().map(|callers| callers.ino);
        let ino = self.open.get(&fd)?.ino;
        (self.disk.inodes[ino].engines || callers == Some(ino)).then_some(ino)
    }

    /// The file that a call is made on: all that is not the source's belongs to the destination.
    fn side_of(&self, call: Call, fds: [Fd; 2]) -> Side {
        let of_source = |fd| self.open.get(&fd).is_some_and(|open| Some(open.ino) == self.watch.source);
        match fds.map(of_source) {
            [false, false] if call == Call::OpenSource => Side::Source,
            [false, false] => Side::Destination,
            [true, false] if fds[1] != -1 => Side::Neither,
            _ => Side::Source,
        }
    }

    fn open_file(&self, fd: Fd) -> Result<&Open> {
        self.open.get(&fd).ok_or(Errno(crate::sys::errno::EBADF))
    }

    /// The directory that a name is relative to.
    fn directory(&self, fd: Fd) -> Result<Ino> {
        if fd == CWD { Ok(ROOT) } else { self.open_file(fd).map(|open| open.ino) }
    }

    /// The bookkeeping before a call: count, bound, hooks, descriptors.
    fn begin(&mut self, call: Call, fds: [Fd; 2]) {
        if self.log.len() >= CALLS_AT_MOST {
            self.violated("a loop that does not end");
        }
        let count = self.counts.entry(call).or_default();
        *count += 1;
        let (nth, of_kind) = (self.log.len() + 1, *count);
        let due = |when: &When| *when == When::Nth(nth) || *when == When::Of(call, of_kind);
        let (now, later) = std::mem::take(&mut self.hooks).into_iter().partition(|(when, _)| due(when));
        self.hooks = later;
        let now: Vec<(When, Hook)> = now;
        for (_, hook) in now {
            hook(&mut self.disk);
            self.watch.world_changed(&self.disk);
        }
        for fd in fds {
            if self.closed.contains(&fd) {
                self.violated(&format!("{call:?} on descriptor {fd}, which is closed"));
            }
        }
    }
}

/// What a call is about, for the log.
struct About {
    fds: [Fd; 2],
    numbers: [u64; 3],
    name: Vec<u8>,
}

impl About {
    fn fd(fd: Fd) -> Self {
        Self::fds(fd, -1)
    }

    fn fds(one: Fd, other: Fd) -> Self {
        Self { fds: [one, other], numbers: [0; 3], name: Vec::new() }
    }

    fn name(dir: Fd, name: &core::ffi::CStr) -> Self {
        Self { name: name.to_bytes().to_vec(), ..Self::fd(dir) }
    }

    fn numbers(mut self, one: u64, two: u64, three: u64) -> Self {
        self.numbers = [one, two, three];
        self
    }
}

impl<K> Model<K> {
    /// One call: what leads to it, the fault if there is one, what it does, what it leaves.
    fn call<T: Shown>(
        &self,
        call: Call,
        about: About,
        act: impl FnOnce(&mut World, Option<Odd>) -> Result<T>,
    ) -> Result<T> {
        let mut guard = self.world.borrow_mut();
        let world = &mut *guard;
        world.begin(call, about.fds);
        let of_copy = about.fds.iter().find_map(|fd| world.copy_behind(*fd));
        let side = world.side_of(call, about.fds);
        let fault = world.faults.due(call, world.log.len() + 1, world.counts[&call]);
        let closes = call == Call::Close;
        let outcome = match fault {
            // A descriptor is closed whatever close says (close(2)).
            Some(Fault::Errno(errno)) if closes => act(world, None).and(Err(Errno(errno))),
            Some(Fault::Errno(errno)) => Err(Errno(errno)),
            Some(Fault::DoneThen(errno)) => act(world, None).and(Err(Errno(errno))),
            Some(Fault::Odd(odd)) => act(world, Some(odd)),
            Some(Fault::Panics) => Err(Errno(0)),
            None => act(world, None),
        };
        world.log.push(Event {
            call,
            fds: about.fds,
            numbers: about.numbers,
            name: about.name,
            outcome: outcome.as_ref().map(Shown::shown).map_err(|errno| errno.0),
            injected: fault.is_some(),
            of_copy,
            side,
        });
        match (call, fault) {
            (Call::GetAttribute, Some(Fault::Errno(EOPNOTSUPP | EINVAL))) => world.watch.acl_denied = true,
            (Call::GetAttribute | Call::GroupEntry, Some(Fault::Errno(ENOSYS | EPERM | EACCES))) => {
                world.watch.acl_hidden = true;
            }
            _ => {}
        }
        if fault == Some(Fault::Panics) {
            std::panic::resume_unwind(Box::new("a panic put in")); // past the hook, which would print it
        }
        if let Some(broken) = world.watch.broken(&world.disk) {
            world.violated(&broken);
        }
        outcome
    }
}

/// What a call gives back, as a number for the log.
trait Shown {
    fn shown(&self) -> u64 {
        0
    }
}

impl Shown for () {}
impl Shown for super::Access {}
impl Shown for super::Volume {}
impl Shown for super::Dedupe {
    fn shown(&self) -> u64 {
        match self {
            Self::Shared(bytes) => *bytes,
            Self::Differs => u64::MAX,
        }
    }
}
impl Shown for crate::sys::windows::refs::RefsVolume {}
impl Shown for crate::sys::windows::refs::Integrity {}
impl Shown for super::Stat {
    fn shown(&self) -> u64 {
        self.size
    }
}
impl Shown for bool {
    fn shown(&self) -> u64 {
        u64::from(*self)
    }
}
impl Shown for std::ffi::CString {
    fn shown(&self) -> u64 {
        self.as_bytes().len() as u64
    }
}
impl Shown for Option<bool> {}
impl Shown for Option<u32> {
    fn shown(&self) -> u64 {
        self.map_or(8, u64::from)
    }
}
impl Shown for u64 {
    fn shown(&self) -> u64 {
        *self
    }
}
impl Shown for usize {
    fn shown(&self) -> u64 {
        *self as u64
    }
}
impl Shown for u32 {
    fn shown(&self) -> u64 {
        (*self).into()
    }
}
impl Shown for Fd {
    fn shown(&self) -> u64 {
        self.unsigned_abs().into()
    }
}
