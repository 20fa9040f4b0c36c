//! Metadata: one policy on every platform, by descriptor only, in the order that keeps a file from being too open.
//! Owner first (a change of owner drops capabilities), then attributes and ACL, then the permission bits, the times last.

use core::ffi::CStr;

use super::{Options, Report, table};
use crate::error::{At, Error, Result, Step};
use crate::sys::errno::{ENODATA, ENOMEM, EOPNOTSUPP, EPERM, ERANGE};
use crate::sys::{Errno, Fd, Stat, Sys};

/// The bits every copy takes from its source. Set-id and sticky bits come only with a verified
/// owner.
pub(crate) const PERMISSIONS: u32 = 0o777;

const ACL: &CStr = c"system.posix_acl_access";
const CAPABILITY: &[u8] = b"security.capability";

/// The permission bits to make a file with. Never more than the result's for group and others;
/// where owner, attributes or ACL are still to come, none for them at all, and the owner's own
/// right to write, without which user attributes cannot be set.
pub fn mode_to_create(source: &Stat, options: &Options) -> u32 {
    let preserve = options.preserve;
    if preserve.owner || preserve.attributes || preserve.acl { 0o600 } else { source.mode & PERMISSIONS }
}

/// Whether a destination of the caller's, which has a mode of its own, gets the source's too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// A new file: yes.
    FollowSource,
    /// The caller's file: no.
    Keep,
}

/// Carries the metadata over that is asked for. `made` is what the destination is before.
pub struct Transfer<'a, S: Sys> {
    sys: &'a S,
    src: Fd,
    source: &'a Stat,
    dst: Fd,
    best_effort: bool,
    incomplete: bool,
}

impl<'a, S: Sys> Transfer<'a, S> {
    /// From `src`, which is `source`, to `dst`.
    pub fn new(sys: &'a S, (src, source): (Fd, &'a Stat), dst: Fd, options: &Options) -> Self {
        Self { sys, src, source, dst, best_effort: options.best_effort_metadata, incomplete: false }
    }

    /// Does it. `made` is the destination as it is now.
    pub fn apply(
        mut self,
        made: &Stat,
        permissions: Permissions,
        options: &Options,
        report: &mut Report,
    ) -> Result<()> {
        let preserve = options.preserve;
        let mut now = *made;
        if preserve.owner {
            self.owner(&now)?;
        }
        if preserve.attributes {
            self.attributes(preserve.owner)?;
        }
        let acl_set = preserve.acl && self.acl()?;
        if preserve.owner || preserve.acl {
            now = self.sys.stat(self.dst).at(Step::Metadata)?;
        }
        if permissions == Permissions::FollowSource {
            self.mode(&now, acl_set, preserve.owner)?;
        }
        if preserve.times {
            let times = self.sys.set_times(self.dst, self.source.accessed, self.source.modified);
            self.allow(times)?;
        }
        report.metadata_incomplete = report.metadata_incomplete || self.incomplete;
        Ok(())
    }

    /// Lets a failure pass where the caller said so, and remembers it.
    fn allow<T>(&mut self, outcome: crate::sys::Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(errno) if self.best_effort && table::metadata_refused(errno) => {
                self.incomplete = true;
                Ok(None)
            }
            Err(errno) => Err(errno).at(Step::Metadata),
        }
    }

    fn owner(&mut self, now: &Stat) -> Result<()> {
        if !S::CARRIES_OWNER {
            return self.allow(Err::<(), _>(Errno(EOPNOTSUPP))).map(drop); // not silently left behind
        }
        if now.owner == self.source.owner && now.group == self.source.group {
            return Ok(());
        }
        let both = self.sys.set_owner(self.dst, Some(self.source.owner), self.source.group);
        if self.allow(both)?.is_none() {
            // Only root gives files away, but a member may give one to the group.
            let _ = self.sys.set_owner(self.dst, None, self.source.group);
        }
        Ok(())
    }

    /// Sets the mode, unless it is right already: the bits of `rwx`, and the special ones where the
    /// owner came over.
    fn mode(&mut self, now: &Stat, acl_set: bool, owner_asked: bool) -> Result<()> {
        let owner_is_right = now.owner == self.source.owner && now.group == self.source.group;
        let special = if owner_asked && owner_is_right { self.source.mode & !PERMISSIONS } else { 0 };
        let wanted = (self.source.mode & PERMISSIONS) | special;
        if now.mode == wanted || (acl_set && special == 0 && now.mode & PERMISSIONS == wanted) {
            return Ok(());
        }
        // Not believed without a look: exFAT, ntfs-3g and SMB mounts say yes and leave the file as
        // open as their mount options make it (seen on Linux 6.1 and 6.12).
        if self.allow(self.sys.set_mode(self.dst, wanted))?.is_none() {
            return Ok(());
        }
        let now = self.sys.stat(self.dst).at(Step::Metadata)?;
        let held = if now.mode == wanted { Ok(()) } else { Err(Errno(EPERM)) };
        self.allow(held).map(drop)
    }

    /// Copies the ACL; where the source has none, removes one that the directory's default gave.
    /// Says whether one was set.
    fn acl(&mut self) -> Result<bool> {
        if let Some(outcome) = self.sys.copy_acl(self.src, self.dst) {
            return Ok(self.allow(outcome)?.is_some());
        }
        let value = match self.value_of(ACL) {
            Err(Error { cause: crate::error::Cause::System(errno), .. })
                if errno.is(ENODATA) || table::attributes_unsupported(errno) =>
            {
                return match self.sys.remove_attribute(self.dst, ACL) {
                    Err(errno) if !errno.is(ENODATA) && !table::attributes_unsupported(errno) => {
                        self.allow::<()>(Err(errno)).map(|_| false)
                    }
                    _ => Ok(false),
                };
            }
            value => value?,
        };
        let set = self.sys.set_attribute(self.dst, ACL, &value);
        Ok(self.allow(set)?.is_some())
    }

    /// Copies the extended attributes that are the user's own. `system.` ones have a meaning (the
    /// ACL has its own bit), and `security.` ones are given by policy; but a capability follows the
    /// owner, as a set-id bit does.
    fn attributes(&mut self, with_owner: bool) -> Result<()> {
        if !S::CARRIES_ATTRIBUTES {
            return self.allow(Err::<(), _>(Errno(EOPNOTSUPP))).map(drop); // not silently left behind
        }
        let names = match self.read_whole(|sys, src, buffer| sys.list_attributes(src, buffer)) {
            Err(Error { cause: crate::error::Cause::System(errno), .. })
                if table::attributes_unsupported(errno) =>
            {
                return Ok(());
            }
            names => names?,
        };
        for name in names.split_inclusive(|byte| *byte == 0) {
            let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
            let bytes = name.to_bytes();
            let capability = bytes == CAPABILITY;
            let foreign = bytes.starts_with(b"system.") || bytes.starts_with(b"security.");
            if (foreign && !capability) || (capability && !with_owner) {
                continue;
            }
            let value = match self.value_of(name) {
                Err(Error { cause: crate::error::Cause::System(errno), .. }) if errno.is(ENODATA) => continue, // removed meanwhile
                value => value?,
            };
            let set = self.sys.set_attribute(self.dst, name, &value);
            self.allow(set)?;
        }
        Ok(())
    }

    fn value_of(&self, name: &CStr) -> Result<Vec<u8>> {
        self.read_whole(|sys, src, buffer| sys.get_attribute(src, name, buffer))
    }

    /// Reads something whose length must be asked for first, and may change until it is read.
    fn read_whole(&self, read: impl Fn(&S, Fd, &mut [u8]) -> crate::sys::Result<usize>) -> Result<Vec<u8>> {
        const TRIES: usize = 8;
        let mut last = Errno(ERANGE);
        for _ in 0..TRIES {
            let length = read(self.sys, self.src, &mut []).at(Step::Metadata)?;
            let mut buffer = Vec::new();
            buffer.try_reserve_exact(length).map_err(|_| Errno(ENOMEM)).at(Step::Metadata)?;
            buffer.resize(length, 0);
            if length == 0 {
                return Ok(buffer);
            }
            match read(self.sys, self.src, &mut buffer) {
                Ok(got) => {
                    buffer.truncate(got);
                    return Ok(buffer);
                }
                Err(errno) if errno.is(ERANGE) => last = errno,
                Err(errno) => return Err(errno).at(Step::Metadata),
            }
        }
        Err(last).at(Step::Metadata)
    }
}
