//! Copies the metadata: one policy on every platform, by descriptor (`node`: of what may be opened), never too open meanwhile.
//! Owner first (a change of owner drops capabilities), then attributes and ACL, then the permission bits, the times last.

use core::ffi::CStr;
use core::sync::atomic::{AtomicBool, Ordering};

use super::node::Node;
use super::{Options, Permissions, Report, table};
use crate::error::{At, Result, Side, Step};
use crate::sys::errno::{EOPNOTSUPP, EPERM};
use crate::sys::posix_acl::{self, NAME as ACL};
use crate::sys::{Errno, Fd, Kind, Stat, Sys, Time, read_whole};

/// The bits that every copy gets. Set-id and sticky bits come only with a verified owner.
pub(crate) const PERMISSIONS: u32 = 0o777;

/// The set-gid bit.
pub(crate) const SET_GID: u32 = 0o2000;

/// The right of a file's owner to write.
const OWNER_WRITES: u32 = 0o200;

/// What open(2) is given for a new file, before the umask.
pub(crate) const NEW_FILE: u32 = 0o666;

/// The number that the kernel shows for an owner without one in this user namespace, unless the administrator chose another one
/// (user_namespaces(7)). It is also the real number of "nobody".
const UNMAPPED: u32 = 65534;

const CAPABILITY: &[u8] = b"security.capability";

/// How far a time may be from the source's, in nanoseconds: NTFS and SMB keep times in steps of 100 ns.
const TIME_TOLERANCE: u64 = 1000;

/// Fails where metadata is asked for that this system never carries, which is known before a byte is written.
pub fn check_carried<S: Sys>(options: &Options) -> Result<()> {
    let owner = options.preserve.owner && !S::CARRIES_OWNER;
    let attributes = options.preserve.attributes && !S::CARRIES_ATTRIBUTES;
    let refused = (owner || attributes) && !options.best_effort_metadata;
    if refused { Err(Errno::own(EOPNOTSUPP)).at(Step::Metadata(Side::Destination)) } else { Ok(()) }
}

/// The mode of a copy that does not get the source's ACL. Where there is a POSIX ACL, the group bits of the
/// mode are its mask (acl(5)): with them, the owning group could do what the ACL allows only to others.
pub fn mode_without_acl<S: Sys>(
    sys: &S,
    (src, source): (Node, &Stat),
    options: &Options,
    report: &mut Report,
) -> Result<u32> {
    let mode = source.mode;
    if mode & 0o070 == 0 {
        return Ok(mode); // nothing to take from the group
    }
    match group_entry(sys, src) {
        Ok(None) => Ok(mode),
        Ok(Some(entry)) => Ok(limit_group(mode, entry)),
        Err(errno)
            if table::acl_hidden(errno)
                || (options.best_effort_metadata && table::metadata_refused(errno)) =>
        {
            // There may be an ACL: the group gets no more than everybody does.
            report.metadata_incomplete = true;
            Ok(limit_group(mode, mode))
        }
        Err(errno) => Err(errno).at(Step::Metadata(Side::Source)),
    }
}

/// `mode` with no more for the group than `entry`.
const fn limit_group(mode: u32, entry: u32) -> u32 {
    mode & (!0o070 | (entry & 0o7) << 3)
}

/// The rights of the owning group, where the group bits of the mode are a mask.
fn group_entry<S: Sys>(sys: &S, node: Node) -> crate::sys::Result<Option<u32>> {
    if let Node::Open(fd) = node {
        if let Some(told) = sys.group_entry(fd) {
            return told;
        }
    }
    match read_whole(|buffer| node.get_attribute(sys, ACL, buffer)) {
        Ok(list) if list.is_empty() => Ok(None), // ntfs-3g under Linux 6.1, where there is none
        Ok(list) => Ok(Some(posix_acl::group_entry(&list))),
        Err(errno) if table::acl_missing(errno) || lacks_attributes(sys, node, errno) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Whether `errno` is a server's way of saying that it has no attributes at all: it says the same of any other.
fn lacks_attributes<S: Sys>(sys: &S, node: Node, errno: Errno) -> bool {
    table::server_may_lack(errno)
        && sys.volume(node.fd()).is_ok_and(|volume| volume.remote)
        && node.get_attribute(sys, c"user.reflink", &mut []) == Err(errno)
}

/// The permission bits that are asked for, which the system may still limit.
pub fn mode_asked(source: &Stat, options: &Options) -> u32 {
    if options.permissions == Permissions::New { NEW_FILE } else { source.mode & PERMISSIONS }
}

/// The permission bits to make a file with. Never more than the result's for group and others; where owner or ACL are
/// still to come, none for them at all. The owner may write where attributes are still to come, which
/// cannot be set otherwise, or where the file has a private name (`named`): network file systems look at the mode again
/// at each write. Where the umask counts, the system must apply it here: no later call does.
/// Exception: in a tree that nobody else can enter yet (`private`) the file is made as it will be.
pub fn mode_to_create(source: &Stat, options: &Options, named: bool, private: bool) -> u32 {
    let (preserve, asked) = (options.preserve, mode_asked(source, options));
    if !(preserve.owner || preserve.attributes || preserve.acl || named) {
        asked
    } else if !private && (preserve.owner || options.permissions == Permissions::Source) {
        0o600
    } else {
        asked | 0o600
    }
}

/// Whose file the destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A new one.
    New {
        /// The bits that the system gives a new file there, where this one was made with others.
        given: Option<u32>,
    },
    /// The caller's, whose permission bits stay.
    Callers,
}

/// What a tree copy knows of the files that it makes. A single file's copy knows nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct InTree<'a> {
    /// Nobody else can enter the tree yet. Where ACLs are copied, what is made in it inherits none.
    pub private: bool,
    /// Two trees become one: a FIFO, a socket or a device that stands there is replaced too.
    pub merges: bool,
    /// Whether times need a look.
    pub times: Option<&'a TimesKept>,
}

impl InTree<'_> {
    /// Whether no server is behind `device`, as far as known.
    pub fn is_local(&self, device: u64) -> bool {
        self.times.is_some_and(|times| times.device == device)
    }
}

/// Whether the destination's file system was seen to keep times.
pub(crate) struct TimesKept {
    device: u64,
    seen: AtomicBool,
}

impl TimesKept {
    /// On `device`, where `dir` is. `None`: a server is behind it, which may treat each file differently.
    pub fn new<S: Sys>(sys: &S, dir: Fd, device: u64) -> Option<Self> {
        let local = sys.volume(dir).is_ok_and(|volume| volume.is_local());
        local.then(|| Self { device, seen: AtomicBool::new(false) })
    }

    /// Whether a file there keeps these times for sure. From 1970 to January 2038 all file systems that keep fractions of
    /// seconds keep them; beyond, one time says nothing of another.
    fn covers(&self, device: u64, times: [Time; 2]) -> bool {
        device == self.device
            && times.iter().all(|time| (0..=i64::from(i32::MAX)).contains(&time.seconds))
            && self.seen.load(Ordering::Relaxed)
    }

    /// Notes that a file there kept these times. They tell something only where any coarser step, 10 microseconds or more,
    /// would have moved them too far, rounded down or up: a time of whole seconds is kept everywhere.
    fn saw(&self, device: u64, times: [Time; 2]) {
        let is_fine = |time: &Time| (1000..=9000).contains(&time.nanoseconds.rem_euclid(10_000));
        if device == self.device && times.iter().all(is_fine) {
            self.seen.store(true, Ordering::Relaxed);
        }
    }
}

/// What was done with the source's ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acl {
    /// The source has none.
    Absent,
    /// The destination has it.
    Set,
    /// The destination does not have it, which best effort let pass.
    Refused,
}

/// Copies the metadata that is asked for.
pub struct Transfer<'a, S: Sys> {
    sys: &'a S,
    src: Node<'a>,
    source: &'a Stat,
    dst: Node<'a>,
    options: &'a Options,
    report: &'a mut Report,
    tree: InTree<'a>,
}

impl<'a, S: Sys> Transfer<'a, S> {
    /// From `src`, which is `source`, to `dst`.
    pub fn new(
        sys: &'a S,
        (src, source): (Fd, &'a Stat),
        dst: Fd,
        options: &'a Options,
        report: &'a mut Report,
    ) -> Self {
        Self::between(sys, (Node::Open(src), source), Node::Open(dst), options, report)
    }

    /// The same of files that need not be open.
    pub fn between(
        sys: &'a S,
        (src, source): (Node<'a>, &'a Stat),
        dst: Node<'a>,
        options: &'a Options,
        report: &'a mut Report,
    ) -> Self {
        Self { sys, src, source, dst, options, report, tree: InTree::default() }
    }

    /// The same in a tree.
    pub(crate) fn in_tree(mut self, tree: InTree<'a>) -> Self {
        self.tree = tree;
        self
    }

    /// Does it. `made` is the destination as it is now.
    pub fn apply(mut self, made: &Stat, target: Target) -> Result<()> {
        let preserve = self.options.preserve;
        let mut now = *made;
        if preserve.owner {
            now = self.owner(&now)?;
        }
        if preserve.attributes {
            now = self.let_owner_write(&now, target)?;
            self.attributes(&now)?;
        }
        let mut wanted = self.source.mode;
        let mut acl = Acl::Absent;
        // A symbolic link has neither: who may do what is up to the file that it leads to.
        let has_mode = self.source.kind != Kind::Symlink;
        if preserve.acl && has_mode {
            acl = self.acl(&now, target)?;
            if acl != Acl::Absent || !self.tree.private {
                now = self.dst.stat(self.sys).at(Step::Metadata(Side::Destination))?;
            }
        }
        if let (Target::New { given }, true) = (target, has_mode) {
            if acl == Acl::Refused {
                let from = (self.src, self.source);
                wanted = mode_without_acl(self.sys, from, self.options, self.report)?;
            }
            self.mode(&now, wanted, given.unwrap_or(made.mode))?;
        }
        if preserve.times { self.times(made.device) } else { Ok(()) }
    }

    /// Lets a failure on one side pass under best effort, and notes it.
    fn allow<T>(&mut self, side: Side, outcome: crate::sys::Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(errno) if self.options.best_effort_metadata && table::metadata_refused(errno) => {
                self.report.metadata_incomplete = true;
                Ok(None)
            }
            Err(errno) => Err(errno).at(Step::Metadata(side)),
        }
    }

    /// Sets the source's owner and group. Returns what the file is then.
    fn owner(&mut self, now: &Stat) -> Result<Stat> {
        if !S::CARRIES_OWNER {
            self.allow::<()>(Side::Destination, Err(Errno::own(EOPNOTSUPP)))?; // not silently left behind
            return Ok(*now);
        }
        // Owners without a number in this namespace all look the same. The system then says whether it knows the source's.
        let is_alike = self.has_owner(now);
        if is_alike && now.owner != UNMAPPED && now.group != UNMAPPED {
            return Ok(*now);
        }
        let both = self.dst.set_owner(self.sys, Some(self.source.owner), self.source.group);
        let both = if is_alike { both.map_err(table::no_such_owner) } else { both };
        let set = self.allow(Side::Destination, both)?.is_some();
        if !set {
            // Only root gives files away, but a member may give one to the group.
            let _ = self.dst.set_owner(self.sys, None, self.source.group);
        }
        let now = self.dst.stat(self.sys).at(Step::Metadata(Side::Destination))?;
        if set && !self.has_owner(&now) {
            self.allow::<()>(Side::Destination, Err(Errno::own(EPERM)))?; // a mount whose options say whose all files are
        }
        Ok(now)
    }

    /// Whether the ids are the source's.
    fn has_owner(&self, now: &Stat) -> bool {
        now.owner == self.source.owner && now.group == self.source.group
    }

    /// Whether the owner was checked to be the source's. Ids without a mapping in this user namespace, or in
    /// this mount, all look alike (user_namespaces(7)): for them the answer is no.
    fn owner_is_sure(&self, now: &Stat) -> bool {
        let [owner, group] = self.sys.overflow_ids();
        self.options.preserve.owner && self.has_owner(now) && now.owner != owner && now.group != group
    }

    /// Sets the mode, unless it is right already: the bits of `rwx`, and the special ones where the
    /// owner was set. `given`: the bits that the system gave the file when it was made.
    fn mode(&mut self, now: &Stat, source: u32, given: u32) -> Result<()> {
        let permissions = self.options.permissions;
        let takes_special = self.options.preserve.owner && permissions != Permissions::New;
        let mut special = if takes_special { source & !PERMISSIONS } else { 0 };
        if special != 0 && !self.owner_is_sure(now) {
            self.allow::<()>(Side::Destination, Err(Errno::own(EPERM)))?;
            special = 0;
        }
        let bits = match permissions {
            Permissions::Source => source,
            Permissions::Umask => source & given,
            Permissions::New => given,
        };
        // A new directory has the set-gid bit of the one that it is in, and keeps it unless the source's bit counts.
        let in_directory = self.source.kind == Kind::Directory && !takes_special;
        let inherited = if in_directory { now.mode & SET_GID } else { 0 };
        let wanted = (bits & PERMISSIONS) | special | inherited;
        if now.mode == wanted {
            return Ok(());
        }
        // Checked: exFAT, ntfs-3g and SMB mounts report success and leave the file as open as their
        // mount options make it (seen on Linux 6.1 and 6.12).
        if self.allow(Side::Destination, self.dst.set_mode(self.sys, wanted))?.is_none() {
            return Ok(());
        }
        let now = self.dst.stat(self.sys).at(Step::Metadata(Side::Destination))?;
        // The kernel drops the set-gid bit where the caller is not in the group (chmod(2)).
        let held = if now.mode | inherited == wanted { Ok(()) } else { Err(Errno::own(EPERM)) };
        self.allow(Side::Destination, held).map(drop)
    }

    /// Sets the times, and checks them: file systems limit them to what they can keep (whole seconds, the
    /// years 1901 to 2038) and report success. In a tree, until one file on `device` has kept such times.
    fn times(&mut self, device: u64) -> Result<()> {
        let (accessed, modified) = (self.source.accessed, self.source.modified);
        if self.allow(Side::Destination, self.dst.set_times(self.sys, accessed, modified))?.is_none() {
            return Ok(());
        }
        if self.tree.times.is_some_and(|times| times.covers(device, [accessed, modified])) {
            return Ok(());
        }
        let now = self.dst.times(self.sys).at(Step::Metadata(Side::Destination))?;
        let kept = is_near(now.0, accessed) && is_near(now.1, modified);
        if let Some(times) = self.tree.times.filter(|_| kept) {
            times.saw(device, [accessed, modified]);
        }
        self.allow(Side::Destination, if kept { Ok(()) } else { Err(Errno::own(EOPNOTSUPP)) }).map(drop)
    }

    /// Copies the ACL; where the source has none, removes the destination's.
    fn acl(&mut self, now: &Stat, target: Target) -> Result<Acl> {
        let done = |set: Option<()>| if set.is_some() { Acl::Set } else { Acl::Refused };
        if let (Node::Open(src), Node::Open(dst)) = (self.src, self.dst) {
            if let Some(outcome) = self.sys.copy_acl(src, dst) {
                let side = outcome.err().map_or(Side::Neither, table::side);
                return self.allow(side, outcome).map(done);
            }
        }
        let value = match read_whole(|buffer| self.src.get_attribute(self.sys, ACL, buffer)) {
            Err(errno) if table::acl_missing(errno) => {
                if !self.tree.private && (target != Target::Callers || self.leave_no_mask(now)?) {
                    self.remove_acl()?;
                }
                return Ok(Acl::Absent);
            }
            value => value,
        };
        let Some(value) = self.allow(Side::Source, value)? else { return Ok(Acl::Refused) };
        let set = self.dst.set_attribute(self.sys, ACL, &value);
        self.allow(Side::Destination, set).map(done)
    }

    /// Limits the group bits of a file whose ACL will be removed: the mask would stay as the group's own rights.
    /// Done before the ACL is removed, so that the group has these rights at no time. Returns whether to remove it.
    fn leave_no_mask(&mut self, now: &Stat) -> Result<bool> {
        let entry = group_entry(self.sys, self.dst);
        let Some(Some(entry)) = self.allow(Side::Destination, entry)? else { return Ok(false) };
        let mode = limit_group(now.mode, entry);
        if mode == now.mode {
            return Ok(true);
        }
        let set = self.dst.set_mode(self.sys, mode);
        Ok(self.allow(Side::Destination, set)?.is_some())
    }

    fn remove_acl(&mut self) -> Result<()> {
        match self.dst.remove_attribute(self.sys, ACL) {
            Err(errno) if !table::acl_missing(errno) => {
                self.allow::<()>(Side::Destination, Err(errno)).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Copies the extended attributes that are the user's own. `system.` ones have a meaning (the
    /// ACL has its own bit), and `security.` ones are given by policy; but a capability follows the
    /// owner, as a set-id bit does.
    fn attributes(&mut self, now: &Stat) -> Result<()> {
        if !S::CARRIES_ATTRIBUTES {
            return self.allow::<()>(Side::Destination, Err(Errno::own(EOPNOTSUPP))).map(drop); // not silently left behind
        }
        let names = match read_whole(|buffer| self.src.list_attributes(self.sys, buffer)) {
            Err(errno) if table::attributes_unsupported(errno) => return Ok(()),
            names => names,
        };
        let Some(names) = self.allow(Side::Source, names)? else { return Ok(()) };
        for name in names.split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
            if name.to_bytes() == CAPABILITY {
                self.capability(now, name)?;
            } else if S::is_users(name) {
                self.attribute(name)?;
            }
        }
        Ok(())
    }

    /// Gives the owner of a new file the right to write, which setting attributes takes (xattr(7)): umask or default ACL may have
    /// taken it away. [`Self::mode`] sets what is wanted.
    fn let_owner_write(&self, now: &Stat, target: Target) -> Result<Stat> {
        let is_new = matches!(target, Target::New { .. });
        if !is_new || self.source.kind != Kind::Regular || now.mode & OWNER_WRITES != 0 {
            return Ok(*now);
        }
        // A file system that keeps no modes may refuse that: what is not possible shows when an attribute is set.
        let _ = self.dst.set_mode(self.sys, now.mode | OWNER_WRITES);
        self.dst.stat(self.sys).at(Step::Metadata(Side::Destination))
    }

    fn capability(&mut self, now: &Stat, name: &CStr) -> Result<()> {
        if !self.options.preserve.owner {
            return Ok(());
        }
        if self.owner_is_sure(now) {
            self.attribute(name)
        } else {
            self.allow::<()>(Side::Destination, Err(Errno::own(EPERM))).map(drop)
        }
    }

    fn attribute(&mut self, name: &CStr) -> Result<()> {
        let value = match read_whole(|buffer| self.src.get_attribute(self.sys, name, buffer)) {
            Err(errno) if table::attribute_missing(errno) => return Ok(()), // removed meanwhile
            value => value,
        };
        let Some(value) = self.allow(Side::Source, value)? else { return Ok(()) };
        let set = self.dst.set_attribute(self.sys, name, &value);
        self.allow(Side::Destination, set).map(drop)
    }
}

/// Whether a time came out as it was set.
fn is_near(now: Time, wanted: Time) -> bool {
    let nanoseconds = |time: Time| {
        i128::from(time.seconds).saturating_mul(1_000_000_000).saturating_add(time.nanoseconds.into())
    };
    nanoseconds(now).abs_diff(nanoseconds(wanted)) < TIME_TOLERANCE.into()
}
