//! Which extended attributes of Linux are the user's own. The others are a file system's: they say where and how it keeps this
//! very file (its layout, its compression, its part in a cluster), and mean nothing, or something wrong, on another.

/// Namespaces in which users keep attributes: "osx." and "os2." are those of HFS+ and JFS. Every further one (btrfs, bcachefs,
/// lustre, afs, ceph, gpfs, glusterfs, …) is its file system's own; "system." and "security." are the kernel's.
const OF_USERS: [&[u8]; 4] = [b"user.", b"trusted.", b"osx.", b"os2."];

/// Attributes that file systems keep for themselves in these namespaces: XFS and its ancestor, overlayfs and fuse-overlayfs, GlusterFS.
const OF_FILE_SYSTEMS: [&[u8]; 11] = [
    b"trusted.SGI_",
    b"trusted.overlay.",
    b"user.overlay.",
    b"user.fuseoverlayfs.",
    b"trusted.glusterfs.",
    b"trusted.gfid",
    b"trusted.pgfid",
    b"trusted.afr.",
    b"trusted.ec.",
    b"trusted.bit-rot.",
    b"trusted.lfsck_",
];

/// The same of Lustre (lustre_idl.h), whose names are whole.
const OF_LUSTRE: [&[u8]; 9] = [
    b"trusted.lov",
    b"trusted.lma",
    b"trusted.lmv",
    b"trusted.dmv",
    b"trusted.link",
    b"trusted.fid",
    b"trusted.version",
    b"trusted.hsm",
    b"trusted.som",
];

/// Whether the attribute of that name is its user's.
pub fn is_users(name: &[u8]) -> bool {
    let starts_with = |beginning: &&[u8]| name.starts_with(beginning);
    OF_USERS.iter().any(starts_with) && !OF_FILE_SYSTEMS.iter().any(starts_with) && !OF_LUSTRE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_users_and_what_is_a_file_systems() {
        for users in
            ["user.mine", "user.btrfs.x", "trusted.mine", "trusted.links", "osx.com.apple.FinderInfo"]
        {
            assert!(is_users(users.as_bytes()), "{users}");
        }
        for other in [
            "system.posix_acl_access",
            "system.nfs4_acl",
            "system.cifs_acl",
            "security.selinux",
            "btrfs.compression",
            "bcachefs.compression",
            "bcachefs_effective.compression",
            "lustre.lov",
            "trusted.lov",
            "trusted.link",
            "afs.acl",
            "ceph.file.layout",
            "trusted.overlay.metacopy",
            "user.overlay.metacopy",
            "user.fuseoverlayfs.opaque",
            "trusted.gfid2path.0123",
            "trusted.SGI_ACL_FILE",
            "trusted.SGI_ACL_DEFAULT",
            "",
        ] {
            assert!(!is_users(other.as_bytes()), "{other}");
        }
    }
}
