//! What a POSIX access control list grants the owning group, which the mode does not say: its group bits are the list's mask then (acl(5)).
//! The layout is that of linux/posix_acl_xattr.h: a version of four bytes, then entries of tag, permissions (16 bits each) and id (32 bits).

use core::ffi::CStr;

/// The attribute that Linux shows the list as.
pub const NAME: &CStr = c"system.posix_acl_access";

/// The permissions of the owning group's own entry. A list without one grants it nothing.
pub fn group_entry(list: &[u8]) -> u32 {
    let entries = list.get(4..).unwrap_or_default();
    let of_group = |entry: &[u8]| match entry {
        [0x04, 0, permissions, ..] => Some(u32::from(*permissions) & 0o7), // ACL_GROUP_OBJ
        _ => None,
    };
    entries.chunks_exact(8).find_map(of_group).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owning_groups_own_entry() {
        // As Linux 6.18 gives it for "u::rw-,u:1234:rw-,g::r--,g:4:rwx,m::rw-,o::---".
        let list = [
            2, 0, 0, 0, // version
            1, 0, 6, 0, 255, 255, 255, 255, // owner
            2, 0, 6, 0, 210, 4, 0, 0, // user 1234
            4, 0, 4, 0, 255, 255, 255, 255, // owning group
            8, 0, 7, 0, 4, 0, 0, 0, // group 4
            16, 0, 6, 0, 255, 255, 255, 255, // mask
            32, 0, 0, 0, 255, 255, 255, 255, // others
        ];
        assert_eq!(group_entry(&list), 0o4);
        assert_eq!(group_entry(&list[..20]), 0, "no such entry");
        assert_eq!(group_entry(&list[..22]), 0, "cut short");
        assert_eq!(group_entry(&[2, 0]), 0);
    }
}
