//! Permission bits, owner, times, extended attributes and ACLs of a copy.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::abi::{self, Options};
use crate::child::{self, Child};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Contract, Where, portable, skip};

pub const ALL: &[Contract] = &[
    Contract("permission_bits_follow_the_source", Where::Everywhere, permission_bits_follow_the_source),
    Contract("permissions_are_what_open_gives", Where::Everywhere, permissions_are_what_open_gives),
    Contract("special_bits_need_a_verified_owner", Where::Everywhere, special_bits_need_a_verified_owner),
    Contract(
        "an_owner_that_cannot_be_given_is_an_error",
        Where::Everywhere,
        an_owner_that_cannot_be_given_is_an_error,
    ),
    Contract("times_are_kept_when_asked", Where::Everywhere, times_are_kept_when_asked),
    Contract("attributes_are_kept_when_asked", Where::Everywhere, attributes_are_kept_when_asked),
    Contract("acls_are_kept_when_asked", Where::Everywhere, acls_are_kept_when_asked),
    Contract("group_bits_that_are_a_mask", Where::Everywhere, group_bits_that_are_a_mask),
    Contract("attributes_of_file_systems_stay", Where::Everywhere, attributes_of_file_systems_stay),
    Contract("owners_that_look_alike", Where::Everywhere, owners_that_look_alike),
    Contract(
        "descriptors_take_metadata_but_no_mode",
        Where::Everywhere,
        descriptors_take_metadata_but_no_mode,
    ),
];

pub const CHILDREN: &[Child] = &[
    ("modes-under-umask", modes_under_umask),
    ("permissions-under-umask", permissions_under_umask),
    ("owner-as-nobody", owner_as_nobody),
    ("unmapped", unmapped),
];

const NOBODY: u32 = 65534;

fn is_root() -> bool {
    unsafe { libc::geteuid() == 0 }
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn permission_bits_follow_the_source(place: &Place) {
    let room = Room::new(&place.dir);
    for umask in ["000", "022", "027", "077"] {
        child::run("modes-under-umask", &[room.0.to_str().unwrap(), umask]);
    }
}

fn modes_under_umask(arguments: &[String]) {
    let dir = PathBuf::from(&arguments[0]);
    let umask = u32::from_str_radix(&arguments[1], 8).unwrap();
    let src = files::file(&dir.join("src"), &files::bytes(20, 9000));
    unsafe { libc::umask(umask) };
    for mode in [0o644, 0o600, 0o755, 0o444, 0o400, 0o666, 0o777, 0o640, 0o4755, 0o2755, 0o1644, 0o711] {
        fs::set_permissions(&src, Permissions::from_mode(mode)).unwrap();
        for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
            for how in [abi::AUTO, abi::NEVER] {
                let dst = dir.join("dst");
                let _ = fs::remove_file(&dst);
                let options = Options { mode: how, durability, ..Options::default() };
                let (code, outcome) = abi::copy_file(&src, &dst, &options);
                assert_eq!(code, 0, "{mode:o}: {outcome:?}");
                assert_eq!(mode_of(&dst), mode & 0o777, "from {mode:o} under umask {umask:o}");
            }
        }
    }
    assert_eq!(unsafe { libc::umask(0) }, umask, "the umask was changed");
}

/// Under each umask, in an ordinary directory and in one with a default ACL, where no umask counts.
fn permissions_are_what_open_gives(place: &Place) {
    let room = Room::new(&place.dir);
    for name in ["plain", "listed"] {
        fs::create_dir(room.path(name)).unwrap();
    }
    let listed = set_acl(&room.path("listed"), "d:u:4321:rwx,d:g::r-x,d:o::r--");
    for umask in ["000", "022", "027", "077"] {
        for (dir, there) in [("plain", true), ("listed", listed)] {
            if there {
                child::run("permissions-under-umask", &[room.path(dir).to_str().unwrap(), umask]);
            }
        }
    }
    if !listed {
        skip(format!("no setfacl, or {} keeps no ACLs: default ACLs were not tried", place.name));
    }
}

fn permissions_under_umask(arguments: &[String]) {
    let dir = PathBuf::from(&arguments[0]);
    let umask = u32::from_str_radix(&arguments[1], 8).unwrap();
    unsafe { libc::umask(umask) };
    let (src, dst, opened) = (dir.join("../src"), dir.join("dst"), dir.join("opened"));
    files::file(&src, &files::bytes(36, 9000));
    let owner = if is_root() { 1234 } else { unsafe { libc::geteuid() } };
    chown(&src, Some(owner), None).unwrap();
    for mode in [0o644, 0o600, 0o755, 0o444, 0o666, 0o4755, 0o660] {
        fs::set_permissions(&src, Permissions::from_mode(mode)).unwrap();
        for permissions in [abi::PERMISSIONS_UMASK, abi::PERMISSIONS_NEW] {
            let asked = if permissions == abi::PERMISSIONS_NEW { 0o666 } else { mode & 0o777 };
            let _ = fs::remove_file(&opened);
            fs::OpenOptions::new().write(true).create_new(true).mode(asked).open(&opened).unwrap();
            for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
                // The stand-in for other Unixes has no attributes.
                let attributes = if portable::is_tested() { 0 } else { abi::XATTRS };
                for (preserve, if_exists) in [(0, 0), (abi::OWNER, 0), (attributes, 0), (0, abi::REPLACE)] {
                    let options =
                        Options { permissions, durability, preserve, if_exists, ..Options::default() };
                    let _ = fs::remove_file(&dst);
                    if if_exists != 0 {
                        fs::write(&dst, b"old").unwrap();
                    }
                    let (code, outcome) = abi::copy_file(&src, &dst, &options);
                    assert_eq!((code, outcome.flags), (0, abi::PUBLISHED), "{outcome:?}");
                    let keeps_special = preserve == abi::OWNER && permissions == abi::PERMISSIONS_UMASK;
                    let special = if keeps_special { mode & 0o7000 } else { 0 };
                    let case =
                        format!("{mode:o} under {umask:o}: {permissions:#x} {durability:#x} {preserve:#x}");
                    assert_eq!(mode_of(&dst), mode_of(&opened) | special, "{case}");
                    assert_eq!(files::get_xattr(&dst, ACL), files::get_xattr(&opened, ACL), "{case}");
                }
            }
        }
    }
    assert_eq!(unsafe { libc::umask(0) }, umask, "the umask was changed");
}

fn special_bits_need_a_verified_owner(place: &Place) {
    if !is_root() {
        skip("only root can make such a source");
    }
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(21, 9000));
    chown(&src, Some(1234), Some(4321)).unwrap();
    fs::set_permissions(&src, Permissions::from_mode(0o6751)).unwrap();
    for mode in [abi::AUTO, abi::NEVER] {
        for (preserve, owner, bits) in
            [(0, 0, 0o751), (abi::OWNER, 1234, 0o6751), (abi::OWNER | abi::TIMES, 1234, 0o6751)]
        {
            let dst = room.path("dst");
            let options = Options { mode, preserve, if_exists: abi::REPLACE, ..Options::default() };
            let (code, outcome) = abi::copy_file(&src, &dst, &options);
            assert_eq!(code, 0, "{outcome:?}");
            assert_eq!(
                (fs::metadata(&dst).unwrap().uid(), mode_of(&dst)),
                (owner, bits),
                "preserve {preserve}"
            );
        }
    }
}

fn an_owner_that_cannot_be_given_is_an_error(place: &Place) {
    if !is_root() {
        skip("needs root, to be somebody else than the owner");
    }
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(22, 9000));
    fs::set_permissions(&src, Permissions::from_mode(0o4755)).unwrap();
    fs::create_dir(room.path("theirs")).unwrap();
    chown(room.path("theirs"), Some(NOBODY), Some(NOBODY)).unwrap();
    child::run("owner-as-nobody", &[room.0.to_str().unwrap()]);
}

fn owner_as_nobody(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    // The build tree may be closed to others: load the library first.
    abi::library();
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setresgid(NOBODY, NOBODY, NOBODY), 0);
        assert_eq!(libc::setresuid(NOBODY, NOBODY, NOBODY), 0);
    }
    let dir = std::ffi::CString::new(room.join("theirs").to_str().unwrap()).unwrap();
    assert_eq!(unsafe { libc::chdir(dir.as_ptr()) }, 0);
    let src = unsafe { libc::open(c"../src".as_ptr(), libc::O_RDONLY) };
    assert!(src >= 0, "{}", std::io::Error::last_os_error());
    let dst = Path::new("dst");
    let preserve = abi::OWNER;
    let (code, outcome) =
        abi::copy_file(Path::new("../src"), dst, &Options { preserve, ..Options::default() });
    assert_eq!((code, outcome.step), (-libc::EPERM, 7), "{outcome:?}");
    assert!(!dst.exists());
    let flags = abi::BEST_EFFORT;
    let (code, outcome) =
        abi::copy_file(Path::new("../src"), dst, &Options { preserve, flags, ..Options::default() });
    assert_eq!((code, outcome.flags), (0, abi::METADATA_INCOMPLETE | abi::PUBLISHED), "{outcome:?}");
    assert_eq!(
        (fs::metadata(dst).unwrap().uid(), mode_of(dst)),
        (NOBODY, 0o755),
        "no set-id bit for the wrong owner"
    );
}

fn times_are_kept_when_asked(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(23, 300_000));
    let times = [(981_173_106, 123_456_789), (1_000_000_000, 987_654_321)]
        .map(|(tv_sec, tv_nsec)| libc::timespec { tv_sec, tv_nsec });
    let name = abi::c_path(&src);
    assert_eq!(unsafe { libc::utimensat(libc::AT_FDCWD, name.as_ptr(), times.as_ptr(), 0) }, 0);
    for mode in [abi::AUTO, abi::NEVER] {
        let dst = room.path("dst");
        let options = Options { mode, preserve: abi::TIMES, if_exists: abi::REPLACE, ..Options::default() };
        // The copy's own reading may move the source's atime, not what was read before it.
        let wanted = fs::metadata(&src).unwrap();
        assert_eq!(abi::copy_file(&src, &dst, &options).0, 0);
        let made = fs::metadata(&dst).unwrap();
        assert_eq!((made.mtime(), made.mtime_nsec()), (1_000_000_000, 987_654_321));
        assert_eq!((made.atime(), made.atime_nsec()), (wanted.atime(), wanted.atime_nsec()));
        let options = Options { preserve: 0, ..options };
        assert_eq!(abi::copy_file(&src, &dst, &options).0, 0);
        assert!(fs::metadata(&dst).unwrap().mtime() > 1_500_000_000, "a copy is new unless asked");
    }
}

fn attributes_are_kept_when_asked(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(24, 9000));
    if !files::set_xattr(&src, "user.empty", b"") {
        skip(format!("{} keeps no user attributes", place.name));
    }
    let large = files::bytes(25, 2000);
    assert!(files::set_xattr(&src, "user.large", &large));
    if is_root() {
        assert!(files::set_xattr(&src, "trusted.one", b"1"));
    }
    // Read-only for its owner, too: user attributes can only be set on what can be written.
    fs::set_permissions(&src, Permissions::from_mode(0o444)).unwrap();
    for mode in [abi::AUTO, abi::NEVER] {
        for (preserve, kept) in [(0, false), (abi::XATTRS, true)] {
            let dst = room.path("dst");
            let options = Options { mode, preserve, if_exists: abi::REPLACE, ..Options::default() };
            let (code, outcome) = abi::copy_file(&src, &dst, &options);
            assert_eq!(code, 0, "{outcome:?}");
            assert_eq!(files::get_xattr(&dst, "user.empty").is_some(), kept);
            assert_eq!(files::get_xattr(&dst, "user.large"), kept.then(|| large.clone()));
            assert_eq!(files::get_xattr(&dst, "trusted.one").is_some(), kept && is_root());
            assert_eq!(mode_of(&dst), 0o444);
        }
    }
}

const ACL: &str = "system.posix_acl_access";

fn set_acl(path: &Path, acl: &str) -> bool {
    Command::new("setfacl").args(["-m", acl]).arg(path).output().is_ok_and(|done| done.status.success())
}

/// They are not the group's own: it may do less. The ACL itself would let it in no further.
fn group_bits_that_are_a_mask(place: &Place) {
    use std::os::fd::AsRawFd;
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(29, 9000));
    fs::set_permissions(&src, Permissions::from_mode(0o604)).unwrap();
    if !set_acl(&src, "u:1234:rw-,g::r--,m::rw-") {
        skip(format!("no setfacl, or {} keeps no ACLs", place.name));
    }
    assert_eq!(mode_of(&src), 0o664, "the mask");
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
            for (preserve, bits, list) in
                [(0, 0o644, false), (abi::XATTRS, 0o644, false), (abi::ACL, 0o664, true)]
            {
                let dst = room.path("dst");
                let options = Options { mode, durability, preserve, ..Options::default() };
                let (code, outcome) = abi::copy_file(&src, &dst, &options);
                assert_eq!((code, mode_of(&dst)), (0, bits), "{preserve}: {outcome:?}");
                assert_eq!(files::get_xattr(&dst, ACL).is_some(), list, "{preserve}");
                fs::remove_file(&dst).unwrap();
            }
        }
    }
    // The other way round: the caller's file loses its ACL, and the mask with it.
    let plain = files::file(&room.path("plain"), b"plain");
    let (from, to) = (fs::File::open(&plain).unwrap(), fs::File::options().write(true).open(&src).unwrap());
    let options = Options { preserve: abi::ACL, ..Options::default() };
    let (code, outcome) = abi::copy_fd(from.as_raw_fd(), to.as_raw_fd(), &options);
    assert_eq!((code, files::get_xattr(&src, ACL), mode_of(&src)), (0, None, 0o644), "{outcome:?}");
}

fn attributes_of_file_systems_stay(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(30, 9000));
    let theirs = ["btrfs.compression", "trusted.overlay.origin", "user.overlay.origin", "trusted.SGI_DMI_X"];
    let set: Vec<&str> = theirs.into_iter().filter(|name| files::set_xattr(&src, name, b"zstd")).collect();
    if set.is_empty() || !files::set_xattr(&src, "user.mine", b"hello") {
        skip(format!("{} keeps no such attributes", place.name));
    }
    for mode in [abi::AUTO, abi::NEVER] {
        let options = Options { mode, preserve: abi::XATTRS, if_exists: abi::REPLACE, ..Options::default() };
        let (code, outcome) = abi::copy_file(&src, &room.path("dst"), &options);
        assert_eq!((code, outcome.flags), (0, abi::PUBLISHED), "{outcome:?}");
        assert_eq!(files::get_xattr(&room.path("dst"), "user.mine").unwrap(), b"hello");
        for name in &set {
            assert_eq!(files::get_xattr(&room.path("dst"), name), None, "{name}");
        }
    }
}

/// In a user namespace into which nobody is mapped, a stranger's file looks as if it were one's own.
fn owners_that_look_alike(place: &Place) {
    let unshared = Command::new("unshare").args(["--user", "true"]).output();
    if !is_root() || !unshared.is_ok_and(|output| output.status.success()) {
        skip("needs root, and user namespaces");
    }
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(31, 9000));
    chown(&src, Some(1234), Some(4321)).unwrap();
    fs::set_permissions(&src, Permissions::from_mode(0o6755)).unwrap();
    fs::create_dir(room.path("theirs")).unwrap();
    chown(room.path("theirs"), Some(5000), Some(5000)).unwrap();
    child::run("unmapped", &[room.0.to_str().unwrap()]);
    let made = fs::metadata(room.path("theirs/dst")).unwrap();
    assert_eq!((made.uid(), made.mode() & 0o7777), (5000, 0o755), "no set-id bit for the wrong owner");
}

fn unmapped(arguments: &[String]) {
    abi::library(); // the build tree may be closed to others
    std::env::set_current_dir(Path::new(&arguments[0]).join("theirs")).unwrap();
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setresgid(5000, 5000, 5000), 0);
        assert_eq!(libc::setresuid(5000, 5000, 5000), 0);
        assert_eq!(libc::unshare(libc::CLONE_NEWUSER), 0, "{}", std::io::Error::last_os_error());
    }
    let (src, dst) = (Path::new("../src"), Path::new("dst"));
    let options = Options { preserve: abi::OWNER, ..Options::default() };
    let (code, outcome) = abi::copy_file(src, dst, &options);
    assert_eq!((code, outcome.step, dst.exists()), (-libc::EPERM, 7, false), "{outcome:?}");
    let (code, outcome) = abi::copy_file(src, dst, &Options { flags: abi::BEST_EFFORT, ..options });
    assert_eq!((code, outcome.flags), (0, abi::METADATA_INCOMPLETE | abi::PUBLISHED), "{outcome:?}");
}

fn acls_are_kept_when_asked(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(26, 9000));
    if !set_acl(&src, "u:1234:rwx,g::---,m::rwx") {
        skip(format!("no setfacl, or {} keeps no ACLs", place.name));
    }
    let wanted = files::get_xattr(&src, ACL).unwrap();
    let plain = files::file(&room.path("plain"), b"plain");
    fs::set_permissions(&plain, Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(room.path("dir")).unwrap();
    assert!(set_acl(&room.path("dir"), "d:u:4321:rwx"));
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::UNSTAGED] {
            let dst = room.path("dir").join("dst");
            let options = Options { mode, durability, preserve: abi::ACL, ..Options::default() };
            assert_eq!(abi::copy_file(&src, &dst, &options).0, 0);
            assert_eq!(files::get_xattr(&dst, ACL).unwrap(), wanted);
            fs::remove_file(&dst).unwrap();
            // The source has none, and the directory would give one.
            assert_eq!(abi::copy_file(&plain, &dst, &options).0, 0);
            assert_eq!((files::get_xattr(&dst, ACL), mode_of(&dst)), (None, 0o640));
            fs::remove_file(&dst).unwrap();
            assert_eq!(abi::copy_file(&plain, &dst, &Options { preserve: 0, ..options }).0, 0);
            assert!(files::get_xattr(&dst, ACL).is_some(), "unasked, the directory's default holds");
            fs::remove_file(&dst).unwrap();
        }
    }
}

fn descriptors_take_metadata_but_no_mode(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(27, 9000));
    let dst = files::file(&room.path("dst"), &files::bytes(28, 20_000));
    fs::set_permissions(&src, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&dst, Permissions::from_mode(0o600)).unwrap();
    let (from, to) = (fs::File::open(&src).unwrap(), fs::File::options().write(true).open(&dst).unwrap());
    use std::os::fd::AsRawFd;
    let options = Options { preserve: abi::TIMES, ..Options::default() };
    let (code, outcome) = abi::copy_fd(from.as_raw_fd(), to.as_raw_fd(), &options);
    assert_eq!(code, 0, "{outcome:?}");
    files::assert_same(&src, &dst);
    assert_eq!(mode_of(&dst), 0o600);
    assert_eq!(
        fs::metadata(&dst).unwrap().modified().unwrap(),
        fs::metadata(&src).unwrap().modified().unwrap()
    );
}
