//! What containers and old kernels do to a process that copies trees: calls that a filter refuses, no /proc, a user namespace,
//! no capabilities, no stdin. The library copies there too, or reports why not and leaves nothing.

use std::ffi::{c_int, c_void};
use std::fs;
use std::os::unix::fs::chown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::abi::{self, ALL_METADATA, BEST_EFFORT, METADATA_INCOMPLETE, OWNER, PUBLISHED, REPLACE, c_path};
use crate::calls::{self, Entry, KEEP_REPLACED, MERGE, ONE_MOUNT, Options, Outcome, TWO_RENAMES};
use crate::files::{self, Room};
use crate::filter::{self, NO_FILTER};
use crate::lab::Place;
use crate::walker::{self, Kept, Tree};
use crate::ways::{mount, own_mounts, unmount};
use crate::whole::become_a_user;
use crate::{Attack, KINDS, ONE, cannot, needs_root, odd};

pub const ALL: &[Attack] = &[
    Attack("a_filter_refuses_calls", KINDS, refused_calls),
    Attack("a_filter_refuses_calls_of_a_user", &["xfs-4k", "tmpfs"], refused_calls_of_a_user),
    Attack("a_filter_refuses_what_tells_mounts", ONE, refused_looks_at_mounts),
    Attack("no_procfs", &["xfs-4k", "btrfs", "tmpfs"], no_procfs),
    Attack("a_user_namespace", &["xfs-4k", "tmpfs"], user_namespace),
    Attack("root_without_capabilities", &["xfs-4k", "tmpfs"], no_capabilities),
    Attack("no_stdin", ONE, no_stdin),
];

/// Runs `act` in a process of its own, which may give up rights that this one still needs.
fn apart(what: &str, act: impl FnOnce()) {
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let fine = catch_unwind(AssertUnwindSafe(act)).is_ok();
        unsafe { libc::_exit(c_int::from(!fine)) };
    }
    let mut status = 0;
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == NO_FILTER {
        cannot("no seccomp filters here");
    }
    assert_eq!(status, 0, "{what}");
}

/// Makes the call without the checks of `calls`, which need /proc.
fn copy(src: &Path, dst: &Path, options: &Options) -> (c_int, Outcome) {
    let (src, dst, mut outcome) = (c_path(src), c_path(dst), Outcome::unwritten());
    let code = unsafe { (calls::library().copy)(src.as_ptr(), dst.as_ptr(), options, &mut outcome) };
    calls::check(code, &outcome);
    (code, outcome)
}

fn copied(src: &Path, dst: &Path, options: &Options) -> Outcome {
    let (code, outcome) = copy(src, dst, options);
    assert_eq!(code, 0, "{}: {outcome:?}", dst.display());
    outcome
}

fn removed(name: &Path) {
    let (name, mut outcome) = (c_path(name), Outcome::unwritten());
    let code = unsafe { (calls::library().remove)(name.as_ptr(), std::ptr::null(), &mut outcome) };
    assert_eq!(code, 0, "{name:?}: {outcome:?}");
}

// ── Filters ──

/// Counted from openat2's number, as newer calls have one on all architectures.
const fn newer(number: libc::c_long) -> libc::c_long {
    libc::SYS_openat2 + (number - 437)
}

const FCHMODAT2: libc::c_long = newer(452);
const ATTRIBUTES_BY_NAME: [libc::c_long; 4] = [newer(463), newer(464), newer(465), newer(466)];

/// Calls that a filter refuses, by name, and what is then impossible: further names, the exchange of two names.
struct Refused(&'static str, &'static [libc::c_long], [bool; 2]);

const REFUSED: &[Refused] = &[
    Refused("openat2", &[libc::SYS_openat2], [false, false]),
    Refused("statx", &[libc::SYS_statx], [false, false]),
    Refused("renameat2", &[libc::SYS_renameat2], [false, true]),
    Refused("linkat", &[libc::SYS_linkat], [true, false]),
    Refused("copy_file_range", &[libc::SYS_copy_file_range], [false, false]),
    Refused("clone3", &[libc::SYS_clone3], [false, false]),
    Refused("getrandom", &[libc::SYS_getrandom], [false, false]),
    Refused("fchmodat2", &[FCHMODAT2], [false, false]),
    Refused("attributes by name", &ATTRIBUTES_BY_NAME, [false, false]),
    Refused("ioctl", &[libc::SYS_ioctl], [false, false]),
    // Linux 3.10: all that is newer and that anything here asks for.
    Refused(
        "all that is new",
        &[
            libc::SYS_openat2,
            libc::SYS_statx,
            libc::SYS_renameat2,
            libc::SYS_copy_file_range,
            libc::SYS_clone3,
            libc::SYS_getrandom,
            FCHMODAT2,
            newer(463),
            newer(464),
            newer(465),
            newer(466),
        ],
        [false, true],
    ),
];

fn refused_calls_of_a_user(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    refused_calls_in(&room);
    odd::mode(&room.path("src/closed"), 0o700);
    odd::mode(&room.path("src/closed/below"), 0o700);
}

fn refused_calls(place: &Place) {
    refused_calls_in(&Room::new(&place.dir));
}

fn refused_calls_in(room: &Room) {
    let src = room.path("src");
    odd::make(&src);
    let source = walker::walk(&src);
    for Refused(name, refused, lacks) in REFUSED {
        for errno in [libc::EPERM, libc::ENOSYS] {
            // Only ENOSYS has the C library try the older call (pthread_create(3)): else there is one thread.
            let told = format!("{name} -> {errno}");
            for old in ["replaced", "kept", "merged", "refused"] {
                odd::directory(&room.path(old));
            }
            odd::plain(&room.path("shut"), 2, 1);
            for (at, mode) in [("shut/directory-0", 0), ("shut/directory-1", 0o311), ("shut", 0o500)] {
                odd::mode(&room.path(at), mode);
            }
            apart(&told, || {
                filter::refuse(&refused.iter().map(|call| (*call, errno)).collect::<Vec<_>>());
                in_each_way(room, errno, *lacks);
            });
            check_each(room, &source, !lacks[0], &told);
        }
    }
}

fn in_each_way(room: &Room, errno: i32, [_, no_exchange]: [bool; 2]) {
    let src = room.path("src");
    let all = Options { preserve: ALL_METADATA, ..Options::default() };
    for (name, threads, if_exists, flags) in [
        ("new", 0, 0, 0),
        ("threads", 3, 0, 0),
        ("replaced", 0, REPLACE, TWO_RENAMES),
        ("kept", 0, REPLACE, TWO_RENAMES | KEEP_REPLACED),
        ("merged", 3, MERGE, 0),
    ] {
        let outcome = copied(&src, &room.path(name), &Options { threads, if_exists, flags, ..all });
        if flags & KEEP_REPLACED != 0 {
            fs::remove_dir(room.path(outcome.litter())).unwrap();
        }
    }
    let (code, outcome) = copy(&src, &room.path("refused"), &Options { if_exists: REPLACE, ..all });
    // "Not implemented" is reported as "not supported here"; a filter's EPERM as it is.
    let said = match (no_exchange, errno) {
        (false, _) => 0,
        (true, libc::EPERM) => -libc::EPERM,
        (true, _) => -libc::EOPNOTSUPP,
    };
    assert_eq!((code, outcome.has(PUBLISHED)), (said, code == 0), "{outcome:?}");
    removed(&room.path("shut"));
}

/// Looks, without the filter, at what was made under it.
fn check_each(room: &Room, source: &Tree, links: bool, told: &str) {
    println!("{told}");
    let kept = Kept { links, ..Kept::of(&Options { preserve: ALL_METADATA, ..Options::default() }) };
    let made = ["new", "threads", "replaced", "kept", "merged"];
    let root = walker::walk(&room.path("new"))[&b""[..]].clone();
    for name in made {
        let mut copy = walker::walk(&room.path(name));
        if name == "merged" {
            copy.insert(Vec::new(), root.clone()); // a directory that is there stays as it is
        }
        walker::assert_copy(source, &copy, kept);
    }
    let mut all = [&made[..], &["refused", "src"]].concat();
    all.sort();
    assert_eq!(room.names(), all, "{told}");
    for name in all.iter().filter(|name| **name != "src") {
        calls::removed(&room.path(name));
    }
}

/// Mounts are found by another call, and left empty as before.
fn refused_looks_at_mounts(place: &Place) {
    let room = Room::new(&place.dir);
    own_mounts();
    let (src, dst) = (odd::directory(&room.path("src")), room.path("dst"));
    odd::plain(&src.join("plain"), 1, 1);
    odd::plain(&room.path("elsewhere"), 1, 1);
    for (name, what) in [("bind", "elsewhere"), ("bind-file", "elsewhere/directory-0/file-0")] {
        let is_file = name == "bind-file";
        if is_file {
            drop(files::file(&src.join(name), b"below"))
        } else {
            drop(odd::directory(&src.join(name)))
        }
        mount(&["--bind", &room.path(what).to_string_lossy()], &src.join(name));
    }
    for refused in [&[libc::SYS_openat2][..], &[libc::SYS_statx], &[libc::SYS_openat2, libc::SYS_statx]] {
        for errno in [libc::EPERM, libc::ENOSYS] {
            apart(&format!("{refused:?} -> {errno}"), || {
                filter::refuse(&refused.iter().map(|call| (*call, errno)).collect::<Vec<_>>());
                let outcome = copied(&src, &dst, &Options { flags: ONE_MOUNT, ..Options::default() });
                assert_eq!((outcome.mounts_left_empty, outcome.files), (2, 1), "{outcome:?}");
                removed(&dst);
                // A removal does not enter a mount either.
                let (name, mut outcome) = (c_path(&src), Outcome::unwritten());
                let skipping = Options { on_error: Some(skip), ..Options::default() };
                let code = unsafe { (calls::library().remove)(name.as_ptr(), &skipping, &mut outcome) };
                assert_eq!((code, outcome.failed), (0, 2), "{outcome:?}");
            });
            assert_eq!(walker::walk(&room.path("elsewhere")).len(), 3);
            odd::plain(&src.join("plain"), 1, 1);
        }
    }
    for name in ["bind", "bind-file"] {
        unmount(&src.join(name));
    }
}

unsafe extern "C" fn skip(_: *mut c_void, entry: *const Entry) -> c_int {
    let entry = unsafe { &*entry };
    println!("skipped: {} {} at {}", entry.path(), entry.code, entry.step);
    calls::SKIP
}

// ── No /proc ──

/// A chroot, as root and as a user, with and without the calls of new kernels.
fn no_procfs(place: &Place) {
    needs_root();
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    let src = odd::directory(&room.path("src"));
    odd::plain(&src.join("plain"), 2, 3);
    fs::hard_link(src.join("plain/directory-0/file-0"), src.join("linked")).unwrap();
    std::os::unix::fs::symlink("plain", src.join("link")).unwrap();
    assert!(odd::node(&src.join("fifo"), libc::S_IFIFO, 0));
    odd::mode(&src.join("fifo"), 0o600); // where nobody can ask for its ACL, the group gets nothing
    odd::mode(&src.join("plain/directory-1"), 0o555);
    let source = walker::walk(&src);
    for old_kernel in [false, true] {
        for user in [false, true] {
            let told = format!("old kernel: {old_kernel}, user: {user}");
            apart(&told, || {
                unsafe { libc::umask(0o022) };
                std::os::unix::fs::chroot(&room.0).unwrap();
                std::env::set_current_dir("/").unwrap();
                assert!(!Path::new("/proc").exists());
                if user {
                    become_a_user();
                }
                if old_kernel {
                    let Refused(_, calls, _) = REFUSED.last().unwrap();
                    filter::refuse(&calls.iter().map(|call| (*call, libc::ENOSYS)).collect::<Vec<_>>());
                }
                fs::create_dir("/merged").unwrap();
                for (dst, threads, if_exists, flags) in
                    [("/dst", 0, 0, 0), ("/dst", 3, REPLACE, TWO_RENAMES), ("/merged", 3, MERGE, 0)]
                {
                    let preserve = abi::TIMES;
                    let options = Options { threads, if_exists, flags, preserve, ..Options::default() };
                    copied(Path::new("/src"), Path::new(dst), &options);
                }
                removed(Path::new("/merged"));
            });
            let mut copy = walker::walk(&room.path("dst"));
            let mine = unsafe { (libc::geteuid(), libc::getegid()) };
            copy.values_mut().for_each(|node| node.owner = mine);
            walker::assert_copy(
                &source,
                &copy,
                Kept::of(&Options { preserve: abi::TIMES, ..Options::default() }),
            );
            calls::removed(&room.path("dst"));
            assert_eq!(room.names(), ["src"], "{told}");
        }
    }
}

// ── Identity ──

/// Owners without a number in this namespace: a caller who asks for them gets an error; without that, everything is copied.
fn user_namespace(place: &Place) {
    needs_root();
    let room = Room::new(&place.dir);
    let src = odd::directory(&room.path("src"));
    odd::plain(&src.join("plain"), 2, 2);
    fs::hard_link(src.join("plain/directory-0/file-0"), src.join("linked")).unwrap();
    odd::node(&src.join("whiteout"), libc::S_IFCHR, 0);
    files::fifo(&src.join("fifo"));
    chown(src.join("plain/directory-1/file-1"), Some(1234), Some(4321)).unwrap();
    odd::mode(&src.join("plain/directory-1/file-1"), 0o6755);
    odd::mode(&src.join("plain/directory-0"), 0o2755);
    odd::plain(&room.path("foreign"), 1, 1); // without set-id bits, which tell too
    let theirs = odd::directory(&room.path("theirs"));
    chown(&theirs, Some(1000), Some(1000)).unwrap();
    let source = walker::walk(&src);
    for mapped in [false, true] {
        apart(&format!("mapped: {mapped}"), || {
            become_a_user();
            if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
                unsafe { libc::_exit(NO_FILTER) };
            }
            unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
            if mapped {
                fs::write("/proc/self/setgroups", "deny").unwrap();
                fs::write("/proc/self/uid_map", "0 1000 1").unwrap();
                fs::write("/proc/self/gid_map", "0 1000 1").unwrap();
            }
            for threads in [0, 3] {
                let options = Options { threads, preserve: OWNER, ..Options::default() };
                for from in [&src, &room.path("foreign")] {
                    let (code, outcome) = copy(from, &theirs.join("dst"), &options);
                    let said = [-libc::EPERM, -libc::EINVAL].contains(&code);
                    assert!(
                        said && outcome.step == 7 && outcome.flags & PUBLISHED == 0,
                        "{code} {outcome:?}"
                    );
                    assert!(files::names(&theirs).is_empty(), "{outcome:?}");
                }
                let outcome = copied(&src, &theirs.join("dst"), &Options { flags: BEST_EFFORT, ..options });
                assert!(outcome.has(METADATA_INCOMPLETE), "{outcome:?}");
                for if_exists in [REPLACE, MERGE, REPLACE] {
                    let options = Options { threads, if_exists, ..Options::default() };
                    copied(&src, &theirs.join("dst"), &options);
                }
                removed(&theirs.join("dst"));
            }
            copied(&src, &theirs.join("dst"), &Options::default());
        });
        let mut copy = walker::walk(&theirs.join("dst"));
        assert!(copy.values().all(|node| node.owner == (1000, 1000)));
        copy.values_mut().for_each(|node| node.owner = (0, 0));
        walker::assert_copy(&source, &copy, Kept::of(&Options::default()));
        calls::removed(&theirs.join("dst"));
        assert!(files::names(&theirs).is_empty());
    }
}

/// Root with no more rights than any owner: it can neither read what is forbidden, nor make devices, nor give files away.
fn no_capabilities(place: &Place) {
    needs_root();
    let room = Room::new(&place.dir);
    odd::make(&room.path("src"));
    let devices = ["device"].map(|name| room.path("src").join(name)).iter().filter(|at| at.exists()).count();
    apart("no capabilities", || {
        // struct __user_cap_header_struct and two times __user_cap_data_struct (linux/capability.h)
        let (header, none) = ([0x2008_0522_u32, 0], [0_u32; 6]);
        assert_eq!(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) }, 0);
        assert!(fs::read(room.path("src/forbidden")).is_err(), "it still may");
        let options = Options { preserve: ALL_METADATA, flags: BEST_EFFORT, ..Options::default() };
        let (code, outcome) = copy(&room.path("src"), &room.path("dst"), &options);
        assert!(code == -libc::EACCES || code == -libc::EPERM, "{outcome:?}");
        assert_eq!(room.names(), ["src"]);
        for (threads, if_exists) in [(0, 0), (3, REPLACE), (3, MERGE)] {
            let options = Options { threads, if_exists, on_error: Some(skip), ..options };
            let outcome = copied(&room.path("src"), &room.path("dst"), &options);
            let closed = if if_exists == MERGE { 2 } else { 0 }; // into a directory that is there, and forbids it
            assert_eq!(outcome.failed, 1 + closed + devices as u64, "{outcome:?}");
            assert_eq!(room.names(), ["dst", "src"]);
        }
        removed(&room.path("dst"));
    });
    assert_eq!(room.names(), ["src"]);
}

// ── Descriptors ──

/// A host without stdin, stdout and stderr: none of the call's files takes their numbers.
fn no_stdin(place: &Place) {
    let room = Room::new(&place.dir);
    odd::make(&room.path("src"));
    apart("no stdin", || {
        (0..3).for_each(|fd| assert_eq!(unsafe { libc::close(fd) }, 0));
        for (threads, if_exists, durability) in [
            (0, 0, abi::ATOMIC),
            (3, REPLACE, abi::DURABLE),
            (3, MERGE, abi::DURABLE),
            (0, REPLACE, abi::UNSTAGED),
        ] {
            // A thread's new file may have such a number until it is moved.
            let filter = (threads == 0).then_some(no_number_of_stdio as _);
            let options = Options {
                threads,
                if_exists,
                durability,
                preserve: ALL_METADATA,
                filter,
                ..Options::default()
            };
            copied(&room.path("src"), &room.path("dst"), &options);
            assert!((0..3).all(|fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0));
        }
        removed(&room.path("dst"));
    });
    assert_eq!(room.names(), ["src"]);
}

/// Looks at each entry.
unsafe extern "C" fn no_number_of_stdio(_: *mut c_void, entry: *const Entry) -> c_int {
    assert!(unsafe { (*entry).source_dir } > 2);
    let open = (0..3).any(|fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0);
    if open { -libc::ENOTRECOVERABLE } else { calls::TAKE }
}
