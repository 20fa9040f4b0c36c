//! What containers do to a program: system calls that a filter refuses, rights that Landlock withholds, descriptors that are few,
//! no /proc. Each runs in a child that locks itself in; it must copy all the same, or refuse and leave nothing.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::abi::{self, Options};
use crate::child::{self, Child};
use crate::files::{self, Room};
use crate::filter::{self, ALLOW, ANY_BIT, EQUAL, ERRNO, LOAD, NO_FILTER, RETURN, install};
use crate::lab::Place;
use crate::{Attack, skip};

const PLACES: &[&str] = &["xfs-4k", "btrfs", "ext4", "tmpfs", "overlay-xfs"];

pub const ALL: &[Attack] = &[
    Attack("seccomp_refuses_one_call", PLACES, refused_calls),
    Attack("seccomp_refuses_duplicates", PLACES, refused_duplicates),
    Attack("landlock_withholds_rights", PLACES, landlock),
    Attack("few_descriptors", PLACES, few_descriptors),
    Attack("no_proc", PLACES, no_proc),
];

pub const CHILDREN: &[Child] = &[
    ("seccomp", in_seccomp),
    ("duplicates", without_duplicates),
    ("landlock", in_landlock),
    ("few-descriptors", with_few_descriptors),
    ("no-proc", without_proc),
];

const LENGTH: usize = 300_000;

/// Room for a child: a source with a hole, an old file. The child may have lost root.
fn room(place: &Place) -> Room {
    let room = Room::new(&place.dir);
    files::sparse(&room.path("src"), LENGTH as u64, &[(0, 50_000), (200_000, 100_000)]);
    files::file(&room.path("old"), b"precious");
    room
}

// ── seccomp ──

/// Where the lower half of an argument stands.
const fn argument(number: u32) -> u32 {
    16 + number * 8 + if cfg!(target_endian = "big") { 4 } else { 0 }
}

/// Answers EOPNOTSUPP to open with O_TMPFILE, as a file system does that has no files without a name.
pub fn refuse_unnamed() {
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let jump = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    let bit = (libc::O_TMPFILE & !libc::O_DIRECTORY) as u32;
    install(&mut [
        statement(LOAD, 0),
        jump(EQUAL, libc::SYS_openat as u32, 3),
        statement(LOAD, argument(2)),
        jump(ANY_BIT, bit, 1),
        statement(RETURN, ERRNO | libc::EOPNOTSUPP as u32),
        statement(RETURN, ALLOW),
    ]);
}

/// Answers EPERM to F_DUPFD_CLOEXEC.
fn refuse_duplicates() {
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let jump = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    install(&mut [
        statement(LOAD, 0),
        jump(EQUAL, FCNTL as u32, 3),
        statement(LOAD, argument(1)),
        jump(EQUAL, libc::F_DUPFD_CLOEXEC as u32, 1),
        statement(RETURN, ERRNO | libc::EPERM as u32),
        statement(RETURN, ALLOW),
    ]);
}

// Where offsets of 64 bits came later, these are the calls that take them.
#[cfg(target_pointer_width = "64")]
const LSEEK: libc::c_long = libc::SYS_lseek;
#[cfg(target_pointer_width = "64")]
const FSTATFS: libc::c_long = libc::SYS_fstatfs;
#[cfg(target_pointer_width = "64")]
const FCNTL: libc::c_long = libc::SYS_fcntl;
#[cfg(target_pointer_width = "32")]
const LSEEK: libc::c_long = libc::SYS__llseek;
#[cfg(target_pointer_width = "32")]
const FSTATFS: libc::c_long = libc::SYS_fstatfs64;
#[cfg(target_pointer_width = "32")]
const FCNTL: libc::c_long = libc::SYS_fcntl64;

/// What a filter refuses, by name.
const CALLS: &[(&str, &[libc::c_long])] = &[
    ("ioctl", &[libc::SYS_ioctl]),
    ("copy_file_range", &[libc::SYS_copy_file_range]),
    ("ioctl and copy_file_range", &[libc::SYS_ioctl, libc::SYS_copy_file_range]),
    ("statx", &[libc::SYS_statx]),
    ("renameat2", &[libc::SYS_renameat2]),
    ("getrandom", &[libc::SYS_getrandom]),
    ("fallocate", &[libc::SYS_fallocate]),
    ("lseek", &[LSEEK]),
    ("linkat", &[libc::SYS_linkat]),
    ("linkat and renameat2", &[libc::SYS_linkat, libc::SYS_renameat2]),
    ("prlimit64", &[libc::SYS_prlimit64]),
    ("uname", &[libc::SYS_uname]),
    ("fstatfs", &[FSTATFS]),
    ("fgetxattr", &[libc::SYS_fgetxattr]),
    (
        "all of these",
        &[
            libc::SYS_ioctl,
            libc::SYS_copy_file_range,
            libc::SYS_statx,
            libc::SYS_getrandom,
            libc::SYS_fallocate,
            libc::SYS_uname,
            FSTATFS,
            libc::SYS_fgetxattr,
        ],
    ),
];

fn refused_calls(place: &Place) {
    let room = room(place);
    for (number, (name, calls)) in CALLS.iter().enumerate() {
        for errno in [libc::EPERM, libc::ENOSYS] {
            // No sandbox forbids lseek; but one may not know what it is to find holes.
            if *name == "lseek" && errno == libc::EPERM {
                continue;
            }
            // On 32-bit systems glibc's own fstat64 is a statx, which only ENOSYS makes try the older call: no program works there.
            if cfg!(target_pointer_width = "32") && calls.contains(&libc::SYS_statx) && errno == libc::EPERM {
                continue;
            }
            let arguments = [room.0.to_str().unwrap(), &number.to_string(), &errno.to_string()];
            let output = child::command("seccomp", &arguments).output().unwrap();
            if output.status.code() == Some(NO_FILTER) {
                skip("no seccomp filters here");
            }
            child::check(&format!("seccomp {name} -> {errno}"), output);
            assert_eq!(room.names(), ["old", "src"], "{name}");
        }
    }
}

fn in_seccomp(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    let (what, calls) = CALLS[arguments[1].parse::<usize>().unwrap()];
    let errno: i32 = arguments[2].parse().unwrap();
    abi::library();
    let content = fs::read(room.join("src")).unwrap();
    filter::refuse(&calls.iter().map(|call| (*call, errno)).collect::<Vec<_>>());
    // Without linkat and renameat2 there is no safe way to give a new name, and without linkat alone there is none on a
    // file system where renameat2 does not know RENAME_NOREPLACE: all these do.
    let nameless = calls.contains(&libc::SYS_linkat) && calls.contains(&libc::SYS_renameat2);
    let no_clone = calls.contains(&libc::SYS_ioctl);
    for (mode, durability, if_exists) in ways() {
        let how = Options { mode, durability, if_exists, ..Options::default() };
        let dst = room.join("dst");
        if if_exists == abi::REPLACE {
            fs::write(&dst, b"old").unwrap();
        }
        let (code, outcome) = abi::copy_file(&room.join("src"), &dst, &how);
        let told =
            format!("{what} -> {errno}, {how:?}: {code} {outcome:?}", how = (mode, durability, if_exists));
        if nameless && if_exists == 0 && durability != abi::UNSTAGED {
            // "Not implemented" is reported as "not supported here"; a filter's EPERM as it is.
            let said = if errno == libc::ENOSYS { libc::EOPNOTSUPP } else { errno };
            assert_eq!((code, outcome.os_error), (-said, errno), "{told}");
            assert!(!dst.exists(), "{told}");
            continue;
        }
        assert_eq!(code, 0, "{told}");
        assert!(fs::read(&dst).unwrap() == content, "{told}");
        if no_clone && mode == abi::AUTO {
            let reason = if errno == libc::EPERM { abi::REASON_PERMISSION } else { abi::REASON_UNSUPPORTED };
            assert_eq!((outcome.cloned, outcome.clone_error, outcome.reason), (0, -errno, reason), "{told}");
        }
        fs::remove_file(&dst).unwrap();
    }
    descriptors_still_work(&room, &content);
    let (code, capability) = abi::probe(None, &room);
    assert_eq!(code, 0, "{what}: {capability:?}");
    assert!(!no_clone || capability.clone != 1, "{what}: {capability:?}");
}

fn refused_duplicates(place: &Place) {
    let room = room(place);
    let output = child::command("duplicates", &[room.0.to_str().unwrap()]).output().unwrap();
    if output.status.code() == Some(NO_FILTER) {
        skip("no seccomp filters here");
    }
    child::check("F_DUPFD_CLOEXEC", output);
}

/// The flush before publishing is the close of a duplicate; without one it is a sync.
fn without_duplicates(arguments: &[String]) {
    let room = Path::new(&arguments[0]);
    abi::library();
    let content = fs::read(room.join("src")).unwrap();
    refuse_duplicates();
    everything_still_works(room, &content);
}

fn ways() -> Vec<(u32, u32, u32)> {
    let mut all = Vec::new();
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
            for if_exists in [0, abi::REPLACE] {
                all.push((mode, durability, if_exists));
            }
        }
    }
    all
}

fn everything_still_works(room: &Path, content: &[u8]) {
    for (mode, durability, if_exists) in ways() {
        let how = Options { mode, durability, if_exists, ..Options::default() };
        let dst = room.join("dst");
        if if_exists == abi::REPLACE {
            fs::write(&dst, b"old").unwrap();
        }
        let (code, outcome) = abi::copy_file(&room.join("src"), &dst, &how);
        assert_eq!(code, 0, "{outcome:?}");
        assert!(fs::read(&dst).unwrap() == content);
        fs::remove_file(&dst).unwrap();
        assert_eq!(files::names(room), ["old", "src"]);
    }
    descriptors_still_work(room, content);
}

/// The calls on descriptors: whole, and a range with edges; the offsets stay.
fn descriptors_still_work(room: &Path, content: &[u8]) {
    use std::io::Seek;
    let mut from = File::open(room.join("src")).unwrap();
    // The position is asked for by lseek, which may be refused here.
    let positioned = from.seek(std::io::SeekFrom::Start(17)).is_ok();
    let path = room.join("fd");
    let to = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    for mode in [abi::AUTO, abi::NEVER] {
        let how = Options { mode, ..Options::default() };
        let (code, outcome) = abi::copy_fd(from.as_raw_fd(), to.as_raw_fd(), &how);
        assert_eq!(code, 0, "{outcome:?}");
        assert!(fs::read(&path).unwrap() == content);
        let (code, outcome) =
            abi::copy_range((from.as_raw_fd(), 77), (to.as_raw_fd(), 77), abi::TO_EOF, &how);
        assert_eq!((code, outcome.total()), (0, LENGTH as u64 - 77), "{outcome:?}");
        assert!(fs::read(&path).unwrap() == content);
    }
    if positioned {
        assert_eq!(from.stream_position().unwrap(), 17);
    }
    fs::remove_file(path).unwrap();
}

// ── Landlock ──

const WRITE_FILE: u64 = 1 << 1;
const READ_DIR: u64 = 1 << 3;
const REMOVE_FILE: u64 = 1 << 5;
const REFER: u64 = 1 << 13;
const IOCTL_DEV: u64 = 1 << 15;

/// Rights of linux/landlock.h that a copy may need.
const RIGHTS: &[(&str, u64)] = &[
    ("WRITE_FILE", WRITE_FILE),
    ("READ_FILE", 1 << 2),
    ("READ_DIR", READ_DIR),
    ("REMOVE_FILE", REMOVE_FILE),
    ("MAKE_REG", 1 << 8),
    ("REFER", REFER),
    ("TRUNCATE", 1 << 14),
    ("IOCTL_DEV", IOCTL_DEV),
];

fn landlock(place: &Place) {
    let room = room(place);
    let mut had = 0;
    for (name, right) in RIGHTS {
        let output =
            child::command("landlock", &[room.0.to_str().unwrap(), &right.to_string()]).output().unwrap();
        if output.status.code() == Some(77) {
            continue; // an older Landlock, or none
        }
        had += 1;
        child::check(&format!("Landlock without {name}"), output);
        if *right == REMOVE_FILE {
            remove_what_it_could_not(&room);
        }
        assert_eq!(room.names(), ["old", "src"], "{name}");
        assert_eq!(fs::read(room.path("old")).unwrap(), b"precious", "{name}");
    }
    if had == 0 {
        skip("no Landlock in this kernel");
    }
}

/// Who may make files and not remove them leaves the copies that came out well, and the private names of those that did
/// not: a file is replaced by a rename, which is a removal too.
fn remove_what_it_could_not(room: &Room) {
    for name in room.names().iter().filter(|name| *name != "old" && *name != "src") {
        assert!(name.starts_with("dst-") || name.starts_with(".reflink-"), "{name}");
        files::assert_same(&room.path("src"), &room.path(name));
        fs::remove_file(room.path(name)).unwrap();
    }
}

/// Takes one right away from this process, everywhere.
fn restrict(right: u64) {
    const CREATE_RULESET: libc::c_long = 444;
    const RESTRICT_SELF: libc::c_long = 446;
    unsafe {
        let handled = right;
        let rules = libc::syscall(CREATE_RULESET, &raw const handled, size_of::<u64>(), 0);
        if rules < 0 {
            println!("cannot: {}", std::io::Error::last_os_error());
            std::process::exit(77);
        }
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::syscall(RESTRICT_SELF, rules, 0), 0);
    }
}

fn in_landlock(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    let right: u64 = arguments[1].parse().unwrap();
    abi::library();
    let content = fs::read(room.join("src")).unwrap();
    // What was open before Landlock can still be looked at and written.
    let view = |name: &str| File::open(room.join(name));
    let old = view("old").unwrap();
    restrict(right);
    let mut worked = 0;
    for (mode, durability, if_exists) in ways() {
        let how = Options { mode, durability, if_exists, ..Options::default() };
        let dst = room.join(format!("dst-{mode}-{durability}-{if_exists}"));
        let (code, outcome) = abi::copy_file(&room.join("src"), &dst, &how);
        if code == 0 {
            worked += 1;
            // Without the right to read or to remove there is no looking at it or tidying up here.
            if let Ok(found) = fs::read(&dst) {
                assert!(found == content, "{right:#x}: {outcome:?}");
            }
            let _ = fs::remove_file(&dst);
            continue;
        }
        assert!([libc::EACCES, libc::EXDEV, libc::EPERM].contains(&-code), "{right:#x}: {code} {outcome:?}");
        // open(2) makes the file and only then asks Landlock whether it may be written: the kernel leaves an empty one,
        // of which the library cannot know that it is its own.
        let kernels_own = right == WRITE_FILE && durability == abi::UNSTAGED;
        let empty = fs::symlink_metadata(&dst).is_ok_and(|there| there.len() == 0);
        if kernels_own && empty {
            fs::remove_file(&dst).unwrap();
            continue;
        }
        assert!(
            fs::symlink_metadata(&dst).is_err(),
            "{how:?}: {right:#x}: {code} {outcome:?} left a file",
            how = (mode, durability, if_exists)
        );
        let over = Options { if_exists: abi::REPLACE, ..how };
        let code = abi::copy_file(&room.join("src"), &room.join("old"), &over).0;
        assert!([libc::EACCES, libc::EXDEV, libc::EPERM].contains(&-code), "{right:#x}: {code}");
        use std::os::unix::fs::FileExt;
        let mut found = [0; 8];
        old.read_exact_at(&mut found, 0).unwrap();
        assert_eq!(&found, b"precious");
    }
    match right {
        REFER | IOCTL_DEV => assert_eq!(worked, ways().len(), "{right:#x}"),
        // A directory that may not be read cannot be synced, and all else needs no reading of it.
        READ_DIR => assert_eq!(worked, ways().iter().filter(|way| way.1 != abi::DURABLE).count()),
        _ => {}
    }
}

// ── Descriptors ──

fn few_descriptors(place: &Place) {
    let room = room(place);
    for stdio in ["open", "closed"] {
        let child = child::command("few-descriptors", &[room.0.to_str().unwrap(), stdio]).output().unwrap();
        child::check(stdio, child);
        assert_eq!(room.names(), ["old", "src"], "stdio {stdio}");
    }
}

fn with_few_descriptors(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    abi::library();
    let content = fs::read(room.join("src")).unwrap();
    // The lowest number that is free now: a limit of it allows none, each one more allows one more.
    let free = File::open("/").unwrap().as_raw_fd() as u64;
    if arguments[1] == "closed" {
        // New files get these numbers first, and are moved to one above 2, or cannot be.
        for fd in 0..3 {
            unsafe { libc::close(fd) };
        }
    }
    let limit = |soft| {
        let raw = libc::rlimit64 { rlim_cur: soft, rlim_max: 1024 };
        assert_eq!(unsafe { libc::setrlimit64(libc::RLIMIT_NOFILE, &raw) }, 0);
    };
    let mut enough = 0;
    for more in 0..6 {
        for (mode, durability, if_exists) in ways() {
            let how = Options {
                mode,
                durability,
                if_exists,
                preserve: abi::ALL_METADATA,
                flags: abi::BEST_EFFORT,
                ..Options::default()
            };
            let dst = room.join("dst");
            if if_exists == abi::REPLACE {
                fs::write(&dst, b"precious").unwrap();
            }
            limit(free + more);
            let (code, outcome) = abi::copy_file(&room.join("src"), &dst, &how);
            limit(1024);
            if code == 0 {
                enough += 1;
                assert!(fs::read(&dst).unwrap() == content);
            } else {
                assert_eq!(code, -libc::EMFILE, "{more} more: {outcome:?}");
                assert_eq!(outcome.total(), 0, "told before the copy is made: {more} more: {outcome:?}");
                let found = fs::read(&dst).ok();
                let old = (if_exists == abi::REPLACE).then(|| b"precious".to_vec());
                assert!(found == old, "{more} more: {outcome:?}");
            }
            let _ = fs::remove_file(&dst);
            assert_eq!(files::names(&room), ["old", "src"], "{more} more: {outcome:?}");
        }
        limit(free + more);
        let (code, capability) = abi::probe(None, &room);
        limit(1024);
        assert!(code == 0 || code == -libc::EMFILE, "{code} {capability:?}");
        assert_eq!(files::names(&room), ["old", "src"]);
    }
    assert!(enough > 0, "six descriptors are not enough");
}

// ── No /proc ──

fn no_proc(place: &Place) {
    if unsafe { libc::geteuid() } != 0 {
        skip("needs root, to change the root directory");
    }
    let room = room(place);
    for who in ["root", "nobody"] {
        child::run("no-proc", &[room.0.to_str().unwrap(), who]);
        assert_eq!(room.names(), ["old", "src"], "{who}");
    }
}

fn without_proc(arguments: &[String]) {
    use std::os::unix::fs::PermissionsExt;
    abi::library();
    let content = fs::read(Path::new(&arguments[0]).join("src")).unwrap();
    fs::set_permissions(&arguments[0], fs::Permissions::from_mode(0o777)).unwrap();
    std::os::unix::fs::chroot(&arguments[0]).unwrap();
    std::env::set_current_dir("/").unwrap();
    assert!(!Path::new("/proc").exists());
    if arguments[1] == "nobody" {
        // Not allowed to link by AT_EMPTY_PATH before Linux 6.10, and now not by /proc either.
        assert_eq!(unsafe { libc::setgroups(0, std::ptr::null()) }, 0);
        assert_eq!(unsafe { libc::setresgid(65534, 65534, 65534) }, 0);
        assert_eq!(unsafe { libc::setresuid(65534, 65534, 65534) }, 0);
    }
    let room = Path::new("/");
    everything_still_works(room, &content);
    holes_are_found_by_reading(room);
}

/// A caller's position must not move, and no second description is to be had: also where the destination has data.
fn holes_are_found_by_reading(room: &Path) {
    let src = files::sparse(&room.join("holey"), 2 << 20, &[(128 << 10, 4096), (1 << 20, 8192)]);
    for old in [0, 2 << 20] {
        let dst = files::file(&room.join("filled"), &files::bytes(1, old));
        let (from, to) = (File::open(&src).unwrap(), OpenOptions::new().write(true).open(&dst).unwrap());
        let how = Options { mode: abi::NEVER, ..Options::default() };
        let (code, outcome) = abi::copy_fd(from.as_raw_fd(), to.as_raw_fd(), &how);
        assert_eq!(code, 0, "{outcome:?}");
        assert!(fs::read(&src).unwrap() == fs::read(&dst).unwrap());
        assert!(files::allocated(&dst) <= 512 << 10, "{} of {outcome:?}", files::allocated(&dst));
        fs::remove_file(dst).unwrap();
    }
    fs::remove_file(src).unwrap();
}
