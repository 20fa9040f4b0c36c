//! The model's world: volumes with their traits, inodes, names in directories. Nothing here knows of descriptors.
//! Tests build and change it directly; the engine reaches it through the calls only.

use std::collections::BTreeMap;

use super::data::Data;
use super::system::System;
use crate::sys::errno::{EEXIST, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, EXDEV};
use crate::sys::maps::{Record, Said};
use crate::sys::windows::refs::Integrity;
use crate::sys::{Errno, Kind, Result, Seals, Stat, Time};

/// An inode's number: its place in the table.
pub type Ino = usize;

/// The directory that names without one are relative to.
pub const ROOT: Ino = 0;

/// What the system's own copy call does on a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelCopy {
    /// It is refused with this errno.
    Refuses(i32),
    /// It copies bytes, holes as zeros (ext4, tmpfs).
    Fills,
    /// It shares whole blocks and keeps holes (XFS, Btrfs).
    Shares,
}

/// What a volume can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Its name, for people.
    pub name: &'static str,
    /// The system that it is mounted on.
    pub system: System,
    /// The unit of allocation.
    pub block: u64,
    /// What statfs calls the block size.
    pub told_block: u64,
    /// What fstat calls the preferred unit of I/O.
    pub preferred: u64,
    /// Volumes of one pool clone among themselves (Btrfs subvolumes have device numbers of their own).
    pub pool: u32,
    /// It can clone.
    pub clones: bool,
    /// What a clone must be aligned to: `block` or a multiple.
    pub clone_unit: u64,
    /// How many files' blocks may be one (ReFS).
    pub references: usize,
    /// It clones nothing but empty stretches, and says so only when there is data (SMB on NTFS).
    pub clones_only_nothing: bool,
    /// Its copy call.
    pub kernel_copy: KernelCopy,
    /// It has files without names.
    pub unnamed: bool,
    /// Its directories do not tell upper and lower case apart.
    pub folds: bool,
    /// It knows RENAME_NOREPLACE.
    pub rename_new: bool,
    /// It knows RENAME_EXCHANGE.
    pub exchanges: bool,
    /// Its directories say what kind of file a name stands for.
    pub tells_kinds: bool,
    /// It has hard links.
    pub links: bool,
    /// It can give an unnamed file a name.
    pub links_unnamed: bool,
    /// SEEK_DATA and SEEK_HOLE know where the holes are.
    pub tells_holes: bool,
    /// It has holes at all.
    pub has_holes: bool,
    /// It can punch holes.
    pub punches: bool,
    /// It keeps extended attributes and ACLs.
    pub attributes: bool,
    /// It keeps permission bits.
    pub modes: bool,
    /// It says that it cannot keep them (vfat), instead of keeping its own and saying yes (exFAT, SMB).
    pub says_no_modes: bool,
    /// A server answers behind it.
    pub remote: bool,
    /// The largest read, write or kernel copy in one call.
    pub most: u64,
    /// Directories can be synced.
    pub syncs_directories: bool,
    /// It keeps owners, instead of its mount's own and a yes.
    pub owners: bool,
    /// The step in which times are kept, in nanoseconds.
    pub time_step: i64,
    /// The last second that they can name.
    pub last_second: i64,
    /// Written data makes a file as old as its flush (FUSE servers).
    pub stamps_at_flush: bool,
    /// Files can be read and written at an offset (not those of FUSE's FOPEN_NONSEEKABLE).
    pub positions: bool,
    /// What it says to making a file longer without writing, 0 if it does so.
    pub no_extend: i32,
    /// What it says to a write elsewhere than behind the last one, 0 if it takes them in any order.
    pub in_order: i32,
    /// What it says to a hard link where it has none.
    pub no_link: i32,
    /// A name that it does not take.
    pub no_name: &'static [u8],
    /// It says so only when something of that name is made (vfat).
    pub no_name_when_made: bool,
    /// A file is stored under its last name when it is closed, whatever became of the name (rclone).
    pub stores_at_close: bool,
    /// Files that are open for writing can be unlinked.
    pub unlinks_open: bool,
    /// All files have one inode number.
    pub one_number: bool,
    /// The number of a directory changes with its name (mergerfs).
    pub numbers_names: bool,
    /// A file that is open shows one name, unless the server is asked (SMB).
    pub hides_links: bool,
    /// What it says to any question about attributes, 0 if it knows them.
    pub no_attributes: i32,
    /// What it says to a question for a map, 0 if it has maps.
    pub no_maps: i32,
    /// How much its maps say of sharing.
    pub said: Said,
    /// The addresses in its maps can be compared.
    pub places: bool,
    /// What it says of each file, that nothing else uses so many bytes.
    pub exclusive: Option<u64>,
    /// Its system does not write out what was changed through mappings.
    pub misses_mappings: bool,
}

impl Traits {
    /// Whether a look at a name tells that it cannot be.
    fn finds_fault_with(&self, name: &[u8]) -> bool {
        !self.no_name_when_made && name == self.no_name
    }

    /// A volume that can do everything, as XFS, with small blocks.
    pub const XFS: Self = Self {
        name: "xfs",
        system: System::Linux,
        block: 1024,
        told_block: 1024,
        preferred: 1024,
        pool: 1,
        clones: true,
        clone_unit: 1024,
        references: usize::MAX,
        clones_only_nothing: false,
        kernel_copy: KernelCopy::Shares,
        unnamed: true,
        rename_new: true,
        exchanges: true,
        tells_kinds: true,
        links: true,
        links_unnamed: true,
        tells_holes: true,
        has_holes: true,
        punches: true,
        attributes: true,
        modes: true,
        says_no_modes: true,
        remote: false,
        most: 2048,
        syncs_directories: true,
        owners: true,
        time_step: 1,
        last_second: i64::MAX,
        stamps_at_flush: false,
        folds: false,
        positions: true,
        no_extend: 0,
        in_order: 0,
        no_link: EPERM,
        no_name: b"",
        no_name_when_made: false,
        stores_at_close: false,
        unlinks_open: true,
        one_number: false,
        numbers_names: false,
        hides_links: false,
        no_attributes: 0,
        no_maps: 0,
        said: Said::Always,
        places: true,
        exclusive: None,
        misses_mappings: false,
    };

    /// One that has everything but clones.
    pub const EXT4: Self =
        Self { name: "ext4", clones: false, kernel_copy: KernelCopy::Fills, pool: 2, ..Self::XFS };

    /// procfs: nothing but reading works.
    pub const PROC: Self = Self {
        name: "proc",
        clones: false,
        pool: 3,
        unnamed: false,
        links: false,
        attributes: false,
        tells_holes: false,
        most: 700,
        ..Self::XFS
    };
}

impl Traits {
    /// What becomes of a time that is set, without a word (timestamp_truncate of the kernel).
    pub fn kept(&self, time: Time) -> Time {
        if time.seconds > self.last_second {
            return Time { seconds: self.last_second, nanoseconds: 0 };
        }
        let nanoseconds = time.nanoseconds - time.nanoseconds % self.time_step;
        Time { nanoseconds, ..time }
    }
}

/// What an inode is.
#[derive(Clone, Debug)]
pub enum What {
    /// A regular file.
    File(Data),
    /// A file that makes its content when it is read: procfs has size 0, sysfs says a page.
    Pseudo {
        /// What reading gives.
        content: Vec<u8>,
        /// What fstat says.
        size: u64,
    },
    /// A directory.
    Directory(BTreeMap<Vec<u8>, Ino>),
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// A FIFO.
    Fifo,
    /// A socket or a device, with its number.
    Special(Kind, u64),
}

/// One inode.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Its volume's number.
    pub volume: usize,
    /// What it is.
    pub what: What,
    /// Permission and special bits.
    pub mode: u32,
    /// Owner.
    pub owner: u32,
    /// Group.
    pub group: u32,
    /// Last access.
    pub accessed: Time,
    /// Last change of the content.
    pub modified: Time,
    /// Last change of anything.
    pub changed: Time,
    /// Extended attributes, the ACL apart.
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Named entries of the ACL, id and permissions; the mask is the mode's group bits.
    pub acl: Option<Vec<(u8, u8)>>,
    /// What the ACL, where there is one, has for the owning group.
    pub group_entry: u32,
    /// A directory's default for the same.
    pub default_acl: Option<Vec<(u8, u8)>>,
    /// Marked immutable.
    pub immutable: bool,
    /// Another mount begins here.
    pub mounted: bool,
    /// What the seals of a memfd forbid.
    pub seals: Seals,
    /// Where the last write ended.
    pub written_to: u64,
    /// The name that a server stores it under.
    pub stored_as: Option<(Ino, Vec<u8>)>,
    /// An active swap file.
    pub swap: bool,
    /// Btrfs's NOCOW: clones only with its like.
    pub nocow: bool,
    /// ReFS's integrity streams: clones only with its like.
    pub integrity: Integrity,
    /// FILE_ATTRIBUTE_SPARSE_FILE.
    pub sparse: bool,
    /// `st_flags` of the BSDs and of macOS.
    pub flags: u32,
    /// Preallocated, unwritten: SEEK_DATA does not see it, or it lies (ZFS).
    pub hides_data: bool,
    /// The engine made it.
    pub engines: bool,
    /// Written to, and not flushed.
    pub dirty: bool,
    /// What its map still shows until it is written out.
    pub unflushed: Option<Data>,
    /// What is said of its map instead, from an offset on.
    pub map: Option<fn(u64) -> Vec<Record>>,
    /// Moves with each change of the content.
    pub version: u64,
    /// Moves with each change of the metadata.
    pub meta_version: u64,
}

impl Inode {
    /// The content of a regular file.
    pub fn data(&self) -> &Data {
        match &self.what {
            What::File(data) => data,
            _ => panic!("not a regular file"),
        }
    }

    /// The effective permissions of an ACL's named entries: no more than the mask.
    pub fn named_permissions(&self) -> Vec<(u8, u8)> {
        let mask = (self.mode >> 3 & 7) as u8;
        self.acl.iter().flatten().map(|(id, bits)| (*id, bits & mask)).collect()
    }
}

/// All volumes and inodes.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The volumes; device numbers are their places in it, plus 10.
    pub volumes: Vec<Traits>,
    /// The inodes.
    pub inodes: Vec<Inode>,
    /// Owner and group of new files.
    pub maker: (u32, u32),
    clock: i64,
}

/// What a path led to.
pub struct Found {
    /// The directory of the last component.
    pub directory: Ino,
    /// The last component.
    pub leaf: Vec<u8>,
    /// What stands there.
    pub ino: Option<Ino>,
}

impl Disk {
    /// A world with an empty root directory on the first volume.
    pub fn new(volumes: Vec<Traits>) -> Self {
        let mut disk = Self { volumes, inodes: Vec::new(), maker: (0, 0), clock: 1000 };
        disk.new_inode(0, What::Directory(BTreeMap::new()), 0o755);
        disk
    }

    /// The next instant.
    pub fn tick(&mut self) -> Time {
        self.clock += 1;
        Time { seconds: self.clock, nanoseconds: 7 }
    }

    /// A new inode without a name.
    pub fn new_inode(&mut self, volume: usize, what: What, mode: u32) -> Ino {
        let now = self.tick();
        self.inodes.push(Inode {
            volume,
            what,
            mode,
            owner: self.maker.0,
            group: self.maker.1,
            accessed: now,
            modified: now,
            changed: now,
            attributes: BTreeMap::new(),
            acl: None,
            group_entry: 7,
            default_acl: None,
            immutable: false,
            mounted: false,
            seals: Seals::default(),
            written_to: 0,
            stored_as: None,
            swap: false,
            nocow: false,
            integrity: Integrity::default(),
            sparse: false,
            flags: 0,
            hides_data: false,
            engines: false,
            dirty: false,
            unflushed: None,
            map: None,
            version: 0,
            meta_version: 0,
        });
        self.inodes.len() - 1
    }

    /// A directory in the root.
    pub fn add_directory(&mut self, name: &str, volume: usize) -> Ino {
        let ino = self.new_inode(volume, What::Directory(BTreeMap::new()), 0o755);
        self.names_mut(ROOT).insert(name.into(), ino);
        ino
    }

    /// A file of the given kind under a name.
    pub fn add(&mut self, directory: Ino, name: &str, what: What, mode: u32) -> Ino {
        let volume = self.inodes[directory].volume;
        let ino = self.new_inode(volume, what, mode);
        self.names_mut(directory).insert(name.into(), ino);
        ino
    }

    /// A regular file under a name: `content` in order, a `None` being a block-sized hole.
    pub fn add_file(&mut self, directory: Ino, name: &str, content: &[Option<&[u8]>], mode: u32) -> Ino {
        let mut data = Data::new(self.traits(directory).block);
        for piece in content {
            match piece {
                Some(bytes) => data.write(data.size, bytes),
                None => data.set_size(data.size + data.unit),
            }
        }
        self.add(directory, name, What::File(data), mode)
    }

    /// The mode without an ACL: its group bits are a mask where the ACL is POSIX's.
    pub fn mode_without_acl(&self, ino: Ino) -> u32 {
        let inode = &self.inodes[ino];
        let has_mask = matches!(self.traits(ino).system, System::Linux | System::FreeBsd { .. });
        let entry = if has_mask && inode.acl.is_some() { inode.group_entry } else { 7 };
        inode.mode & !(0o70 & !(entry << 3))
    }

    /// The traits of an inode's volume.
    pub fn traits(&self, ino: Ino) -> &Traits {
        &self.volumes[self.inodes[ino].volume]
    }

    /// The names in a directory.
    pub fn names(&self, directory: Ino) -> &BTreeMap<Vec<u8>, Ino> {
        match &self.inodes[directory].what {
            What::Directory(names) => names,
            _ => panic!("not a directory"),
        }
    }

    /// The same, to change them.
    pub fn names_mut(&mut self, directory: Ino) -> &mut BTreeMap<Vec<u8>, Ino> {
        match &mut self.inodes[directory].what {
            What::Directory(names) => names,
            _ => panic!("not a directory"),
        }
    }

    /// What stands under a name.
    pub fn lookup(&self, directory: Ino, name: &[u8]) -> Option<Ino> {
        self.names(directory).get(self.listed(directory, name)?).copied()
    }

    /// How a directory lists a name that is there.
    fn listed<'d>(&'d self, directory: Ino, name: &[u8]) -> Option<&'d [u8]> {
        let folds = self.traits(directory).folds;
        let is_it = |there: &&Vec<u8>| there[..] == *name || folds && there.eq_ignore_ascii_case(name);
        self.names(directory).keys().find(is_it).map(Vec::as_slice)
    }

    /// The content of a regular file.
    pub fn data(&self, ino: Ino) -> &Data {
        self.inodes[ino].data()
    }

    /// Changes the content of a regular file, and its times.
    pub fn change(&mut self, ino: Ino, change: impl FnOnce(&mut Data)) {
        let now = self.tick();
        let inode = &mut self.inodes[ino];
        inode.version += 1;
        (inode.modified, inode.changed, inode.dirty) = (now, now, true);
        match &mut inode.what {
            What::File(data) => change(data),
            _ => panic!("not a regular file"),
        }
    }

    /// Changes where the content of a regular file lies, and nothing that anybody sees of it.
    pub fn share_equal(&mut self, ino: Ino, share: impl FnOnce(&mut Data)) {
        let What::File(data) = &mut self.inodes[ino].what else { panic!("not a regular file") };
        let before = data.clone();
        share(data);
        assert!(data.same_bytes(&before), "what a file shows was changed");
    }

    /// Changes the metadata, and the time of that.
    pub fn change_meta(&mut self, ino: Ino, change: impl FnOnce(&mut Inode)) {
        let now = self.tick();
        let inode = &mut self.inodes[ino];
        inode.meta_version += 1;
        inode.changed = now;
        change(inode);
    }

    /// How many names an inode has.
    pub fn links(&self, ino: Ino) -> usize {
        let directories = self.inodes.iter().filter_map(|inode| match &inode.what {
            What::Directory(names) => Some(names),
            _ => None,
        });
        directories.flat_map(|names| names.values()).filter(|named| **named == ino).count()
    }

    /// Every name in every directory.
    pub fn all_names(&self) -> Vec<(Ino, Vec<u8>, Ino)> {
        let mut all = Vec::new();
        for (directory, inode) in self.inodes.iter().enumerate() {
            if let What::Directory(names) = &inode.what {
                all.extend(names.iter().map(|(name, ino)| (directory, name.clone(), *ino)));
            }
        }
        all
    }

    /// Follows a path to its last component, and that one too where it is a symbolic link and
    /// `follow` is set.
    pub fn walk(&self, from: Ino, path: &[u8], follow: bool) -> Result<Found> {
        self.walk_links(from, path, follow, 0)
    }

    fn walk_links(&self, from: Ino, path: &[u8], follow: bool, depth: u32) -> Result<Found> {
        if path.is_empty() {
            return Err(Errno(ENOENT));
        }
        if depth > 8 {
            return Err(Errno(ELOOP));
        }
        let mut directory = if path.starts_with(b"/") { ROOT } else { from };
        let parts: Vec<&[u8]> =
            path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
        let Some((leaf, parents)) = parts.split_last() else {
            return Ok(Found { directory, leaf: b".".to_vec(), ino: Some(directory) });
        };
        for part in parents {
            let next = self.lookup_checked(directory, part)?.ok_or(Errno(ENOENT))?;
            directory = match &self.inodes[next].what {
                What::Symlink(to) => {
                    self.walk_links(directory, to, true, depth + 1)?.ino.ok_or(Errno(ENOENT))?
                }
                _ => next,
            };
        }
        let ino = self.lookup_checked(directory, leaf)?;
        if let (true, Some(What::Symlink(to))) = (follow, ino.map(|ino| &self.inodes[ino].what)) {
            return self.walk_links(directory, to, true, depth + 1);
        }
        Ok(Found { directory, leaf: leaf.to_vec(), ino })
    }

    fn lookup_checked(&self, directory: Ino, name: &[u8]) -> Result<Option<Ino>> {
        match &self.inodes[directory].what {
            What::Directory(_) if name == b".." => Ok(self.parent(directory)),
            What::Directory(_) if self.traits(directory).finds_fault_with(name) => Err(Errno(ENAMETOOLONG)),
            What::Directory(_) => Ok(self.lookup(directory, name)),
            _ => Err(Errno(ENOTDIR)),
        }
    }

    /// Whether a name that is to be made can be.
    pub fn name_to_make(&self, found: &Found) -> Result<()> {
        let traits = self.traits(found.directory);
        let cannot = traits.no_name_when_made && found.leaf == traits.no_name;
        if cannot { Err(Errno(EINVAL)) } else { Ok(()) }
    }

    /// Has a name stand for something else, or for nothing: a change of the directory.
    pub fn set_name(&mut self, directory: Ino, name: &[u8], ino: Option<Ino>) {
        let listed = self.listed(directory, name).unwrap_or(name).to_vec();
        let names = self.names_mut(directory);
        match ino {
            Some(ino) => drop(names.insert(listed, ino)),
            None => drop(names.remove(&listed)),
        }
        let now = self.tick();
        let inode = &mut self.inodes[directory];
        inode.version += 1;
        (inode.modified, inode.changed) = (now, now);
    }

    /// The directory that has a directory in it; the root is in itself.
    pub fn parent(&self, ino: Ino) -> Option<Ino> {
        let holds = |(directory, _, named): (Ino, Vec<u8>, Ino)| (named == ino).then_some(directory);
        if ino == ROOT { Some(ROOT) } else { self.all_names().into_iter().find_map(holds) }
    }

    /// Whether a directory is another one, or somewhere below it.
    pub fn is_below(&self, mut ino: Ino, above: Ino) -> bool {
        while ino != above && ino != ROOT {
            let Some(parent) = self.parent(ino) else { return false };
            ino = parent;
        }
        ino == above
    }

    /// Gives an inode another name, which must be free.
    pub fn add_name(&mut self, ino: Ino, found: &Found) -> Result<()> {
        if found.ino.is_some() {
            return Err(Errno(EEXIST));
        }
        if self.inodes[ino].volume != self.inodes[found.directory].volume {
            return Err(Errno(EXDEV));
        }
        if matches!(self.inodes[ino].what, What::Directory(_)) {
            return Err(Errno(EISDIR));
        }
        self.set_name(found.directory, &found.leaf, Some(ino));
        self.inodes[ino].stored_as = Some((found.directory, found.leaf.clone()));
        self.inodes[ino].changed = self.tick();
        Ok(())
    }

    fn number(&self, ino: Ino) -> u64 {
        let (inode, traits) = (&self.inodes[ino], self.traits(ino));
        match inode.what {
            _ if traits.one_number => 1,
            What::Directory(_) if traits.numbers_names => {
                let mut all = self.inodes.iter().filter_map(|inode| match &inode.what {
                    What::Directory(names) => Some(names),
                    _ => None,
                });
                let name = all.find_map(|names| names.iter().find(|(_, named)| **named == ino));
                let sum = name.map_or(0, |(name, _)| {
                    name.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()))
                });
                (u64::from(sum) << 32) + ino as u64
            }
            _ => ino as u64,
        }
    }

    /// What fstat says.
    pub fn stat(&self, ino: Ino) -> Stat {
        let inode = &self.inodes[ino];
        let (kind, size, allocated) = match &inode.what {
            What::File(data) => (Kind::Regular, data.size, data.allocated()),
            What::Pseudo { size, .. } => (Kind::Regular, *size, 0),
            What::Directory(_) => (Kind::Directory, 0, 0),
            What::Symlink(to) => (Kind::Symlink, to.len() as u64, 0),
            What::Fifo => (Kind::Fifo, 0, 0),
            What::Special(kind, _) => (*kind, 0, 0),
        };
        Stat {
            device: inode.volume as u64 + 10,
            inode: self.number(ino),
            kind,
            links: if self.traits(ino).hides_links { 1 } else { self.links(ino) as u64 },
            device_number: if let What::Special(_, number) = inode.what { number } else { 0 },
            mode: inode.mode,
            owner: inode.owner,
            group: inode.group,
            size,
            allocated,
            block_size: self.volumes[inode.volume].preferred,
            accessed: inode.accessed,
            modified: inode.modified,
            changed: inode.changed,
        }
    }
}
