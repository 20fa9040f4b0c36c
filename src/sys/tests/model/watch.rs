//! The promises that must hold at every instant, checked after every call and at every change of a file.
//! A test says what is being copied where; what breaks a promise is told as a sentence.

use std::ops::Range;

use super::data::Data;
use super::disk::{Disk, Ino};
use crate::copy::Permissions;

/// A destination that is the caller's own open file.
#[derive(Clone, Debug)]
pub struct Callers {
    pub ino: Ino,
    /// What may be written of it.
    pub range: Range<u64>,
    /// It may become shorter (the copy of a whole file).
    pub may_shrink: bool,
    /// What it was.
    pub before: Data,
    pub mode: u32,
}

/// What is watched.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The source: never changed, and the measure of permissions.
    pub source: Option<Ino>,
    /// The destination's directory and name.
    pub name: Option<(Ino, Vec<u8>)>,
    /// The file grows under its own name.
    pub unstaged: bool,
    /// Which permission bits are asked for, and what the system takes away from those of a new file.
    pub permissions: Permissions,
    pub umask: u32,
    /// The source's owner, special bits and ACL are asked for.
    pub with_owner: bool,
    pub with_acl: bool,
    /// A file said that there are no ACLs, which may not be so: what is denied cannot be respected.
    pub acl_denied: bool,
    /// Nobody would say whether there is an ACL: the group may get less than at the source.
    pub acl_hidden: bool,
    /// The ACL is asked for: with it come the group bits that are its mask.
    pub acl_asked: bool,
    /// The volume cannot keep the permission bits, and that is allowed.
    pub modes_differ: bool,
    /// fclonefileat brings the sticky bit along, which means nothing to a file: it goes before the end.
    pub sticky_comes: bool,
    /// Metadata that cannot be set is let pass: the mode may have stayed narrower.
    pub best_effort: bool,
    /// A destination that is an open file of the caller's.
    pub callers: Option<Callers>,
    /// The source changes while it is copied: what is published is not compared with it.
    pub source_moves: bool,
    /// A tree that is copied, in the place of the file.
    pub tree: Option<super::tree::TreeWatch>,
    /// What the name stood for when the copy began, with its versions.
    old: Option<(Ino, u64, u64)>,
    /// What was published, as it was when first seen.
    published: Option<(Ino, u64)>,
    started: bool,
    /// The version of the caller's file that was looked at last.
    seen: u64,
}

impl Watch {
    /// From now on the promises hold.
    pub fn start(&mut self, disk: &Disk) {
        self.started = true;
        if let Some(tree) = &mut self.tree {
            tree.start(disk);
        }
        self.remember_old(disk);
    }

    /// A hook changed the world: what stands under the name now is the state to keep.
    pub(super) fn world_changed(&mut self, disk: &Disk) {
        let there = self.there(disk);
        let published = there.is_some() && there == self.published.map(|(ino, _)| ino);
        if !published && !there.is_some_and(|ino| disk.inodes[ino].engines) {
            self.remember_old(disk);
        }
    }

    fn there(&self, disk: &Disk) -> Option<Ino> {
        self.name.as_ref().and_then(|(directory, name)| disk.lookup(*directory, name))
    }

    fn remember_old(&mut self, disk: &Disk) {
        self.old = self.there(disk).map(|ino| (ino, disk.inodes[ino].version, disk.inodes[ino].meta_version));
    }

    /// Whether the name still holds what it held.
    pub fn name_is_old(&self, disk: &Disk) -> bool {
        self.there(disk) == self.old.map(|(ino, ..)| ino)
    }

    /// The permission bits that the copy is to have, of a source with these.
    fn asked_of(&self, mode: u32) -> u32 {
        match self.permissions {
            Permissions::Source => mode,
            Permissions::Umask => mode & !self.umask,
            Permissions::New => 0o666 & !self.umask,
        }
    }

    /// Says which promise the world as it is breaks.
    pub(super) fn broken(&mut self, disk: &Disk) -> Option<String> {
        if !self.started {
            return None;
        }
        let tree = self.tree.as_mut().and_then(|tree| tree.broken(disk));
        tree.or_else(|| self.name_broken(disk))
            .or_else(|| self.permissions_broken(disk))
            .or_else(|| self.callers_broken(disk))
    }

    fn name_broken(&mut self, disk: &Disk) -> Option<String> {
        let there = self.there(disk);
        if let (Some(ino), Some((old, version, meta))) = (there, self.old) {
            if ino == old {
                let inode = &disk.inodes[ino];
                let touched = inode.version != version || inode.meta_version != meta;
                return touched.then(|| "the file under the destination's name was changed in place".into());
            }
        }
        let Some(ino) = there else {
            let gone = self.old.is_some() || (self.published.is_some() && !self.unstaged);
            return gone.then(|| "the destination's name is gone".into());
        };
        if self.unstaged && self.old.is_none() {
            return None;
        }
        self.published_broken(disk, ino)
    }

    /// What stands there is new: it must be all there, and stay as it is.
    fn published_broken(&mut self, disk: &Disk, ino: Ino) -> Option<String> {
        let inode = &disk.inodes[ino];
        if !inode.engines {
            return Some("the destination's name shows a file that nobody made".into());
        }
        if let Some((published, version)) = self.published {
            let same = published == ino && version == inode.version;
            return (!same).then(|| "the file was changed after it got its name".into());
        }
        self.published = Some((ino, inode.version));
        let source = self.source?;
        let as_it_is = self.acl_asked && inode.acl.is_some();
        let mode = if as_it_is { disk.inodes[source].mode } else { disk.mode_without_acl(source) };
        let mode = self.asked_of(mode);
        let must_hold = if self.acl_hidden { 0o707 } else { 0o777 };
        let free = self.modes_differ || self.best_effort || self.acl_denied;
        if !free && (inode.mode ^ mode) & must_hold != 0 {
            return Some(format!("published with mode {:o} for {mode:o}", inode.mode));
        }
        if !self.source_moves && !same_as_source(disk, source, ino) {
            return Some("a file that is not a complete copy was published".into());
        }
        None
    }

    fn permissions_broken(&self, disk: &Disk) -> Option<String> {
        let source = &disk.inodes[self.source?];
        let (may, may_group) =
            (self.asked_of(source.mode), self.asked_of(disk.mode_without_acl(self.source?)));
        for (ino, made) in disk.inodes.iter().enumerate().filter(|(_, inode)| inode.engines) {
            if self.callers.is_some() || self.modes_differ {
                break;
            }
            let wider = made.mode & 0o077 & !may;
            if wider != 0 {
                return Some(format!("mode {:o} is wider than the result's {may:o}", made.mode));
            }
            let group = disk.mode_without_acl(ino) & 0o070 & !may_group;
            if group != 0 && !self.acl_denied {
                return Some(format!("the owning group is let in by {group:o}, and not at the source"));
            }
            let owner_came = self.with_owner && made.owner == source.owner && made.group == source.group;
            let special = made.mode & if self.sticky_comes { 0o6000 } else { 0o7000 };
            if special & !source.mode != 0 || (special != 0 && !owner_came) {
                return Some(format!("special bits in mode {:o} without the owner", made.mode));
            }
            let allowed = source.named_permissions();
            let entry_of = |id: u8| allowed.iter().find(|entry| entry.0 == id).map_or(0, |entry| entry.1);
            if self.with_acl
                && !self.best_effort
                && made.named_permissions().iter().any(|(id, bits)| bits & !entry_of(*id) != 0)
            {
                return Some("the ACL lets somebody in whom the source's does not".into());
            }
        }
        None
    }

    fn callers_broken(&mut self, disk: &Disk) -> Option<String> {
        let callers = self.callers.as_ref()?;
        let inode = &disk.inodes[callers.ino];
        let (now, before) = (inode.data(), &callers.before);
        if inode.mode != callers.mode && !self.with_acl {
            return Some("the mode of the caller's file was changed".into());
        }
        if inode.version == self.seen || callers.may_shrink {
            return None;
        }
        self.seen = inode.version;
        if now.size < before.size || now.size > before.size.max(callers.range.end) {
            return Some(format!("the caller's file has {} bytes now", now.size));
        }
        let head = callers.range.start.min(before.size);
        let tail = callers.range.end.min(before.size);
        let kept =
            now.same_stretch(0, before, 0, head) && now.same_stretch(tail, before, tail, before.size - tail);
        (!kept).then(|| "bytes outside the range were changed".into())
    }
}

/// Whether `ino` holds exactly what the source does.
pub fn same_as_source(disk: &Disk, source: Ino, ino: Ino) -> bool {
    match &disk.inodes[source].what {
        super::disk::What::Pseudo { content, .. } => disk.data(ino).all() == *content,
        _ => disk.data(ino).same_bytes(disk.data(source)),
    }
}
