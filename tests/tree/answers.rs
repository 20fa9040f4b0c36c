//! Arguments that mean nothing: each is refused with the code that the header names, and nothing is made.

use std::ffi::CStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::abi::{self, c_path};
use crate::calls::{self, Options, Outcome};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Attack, ONE, odd};

pub const ALL: &[Attack] = &[
    Attack("options_that_mean_nothing", ONE, options_that_mean_nothing),
    Attack("structures_of_other_sizes", ONE, structures_of_other_sizes),
    Attack("names_that_mean_nothing", ONE, names_that_mean_nothing),
    Attack("a_failed_path_is_emptied", ONE, a_failed_path_is_emptied),
    Attack("a_fifo_as_source_is_not_opened", ONE, a_fifo_as_source_is_not_opened),
];

type Member = (&'static str, &'static [u64], fn(&mut Options, u64));

/// The values that mean something to a copy of a tree. (Permissions are 0 or one of two.)
const MEMBERS: &[Member] = &[
    ("mode", &[0, 1, 2], |options, value| options.mode = value as u32),
    ("if_exists", &[0, 0x10, 0x40], |options, value| options.if_exists = value as u32),
    ("durability", &[0, 0x100, 0x200], |options, value| options.durability = value as u32),
    ("permissions", &[0, 0x1000, 0x2000], |options, value| options.permissions = value as u32),
    ("preserve", &[0, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000], |options, value| {
        options.preserve = value as u32;
    }),
    (
        "flags",
        &[0, 1 << 32, 1 << 33, 1 << 40, 1 << 41, 1 << 42, 1 << 43, 1 << 44, 1 << 45, 1 << 47],
        |options, value| options.flags = value,
    ),
    ("reserved", &[0], |options, value| options.reserved = value as u32),
];

/// Flags that mean something only with a value of `if_exists`.
const BELONGS_TO: &[(u64, u32)] = &[
    (calls::TWO_RENAMES, abi::REPLACE),
    (calls::KEEP_REPLACED, abi::REPLACE),
    (calls::KEEP_EXISTING, calls::MERGE),
];

fn options_that_mean_nothing(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 1, 1);
    let (src, dst) = (room.path("src"), room.path("dst"));
    for (member, valid, set) in MEMBERS {
        let bits = if *member == "flags" { 64 } else { 32 };
        // Each bit alone, and each two values at once.
        let mut values: Vec<u64> = (0..bits).map(|bit| 1 << bit).collect();
        if !matches!(*member, "flags" | "preserve") {
            values.extend(valid.windows(2).map(|two| two[0] | two[1]).filter(|both| !valid.contains(both)));
        }
        values.push(if bits == 64 { u64::MAX } else { u64::from(u32::MAX) });
        for value in values {
            let mut options = Options::default();
            set(&mut options, value);
            let belongs = BELONGS_TO.iter().find(|(flag, _)| *flag == value && *member == "flags");
            if valid.contains(&value) && belongs.is_none() {
                // Nothing is cloned on a tmpfs, and what permissions do other tests say.
                if *member == "mode" && value == u64::from(abi::ALWAYS) {
                    assert_eq!(calls::copy(&src, &dst, &options).0, -libc::EOPNOTSUPP);
                } else if *member != "permissions" {
                    calls::copied(&src, &dst, &options);
                    calls::removed(&dst);
                }
            } else {
                refused(&room, &options, &format!("{member} {value:#x}"));
                if let Some((_, if_exists)) = belongs {
                    calls::copied(&src, &dst, &Options { if_exists: *if_exists, ..options });
                    calls::removed(&dst);
                }
            }
            nothing_removed(&room, &options, &format!("{member} {value:#x}"));
        }
    }
    pairs(&room);
}

/// Values that mean something alone, and not together.
fn pairs(room: &Room) {
    for (flag, with) in BELONGS_TO {
        for if_exists in [0, abi::REPLACE, calls::MERGE] {
            let options = Options { flags: *flag, if_exists, ..Options::default() };
            if if_exists != *with {
                refused(room, &options, &format!("{flag:#x} with {if_exists:#x}"));
            }
        }
    }
    for permissions in [0x1000, 0x2000] {
        let options = Options { permissions, preserve: abi::ACL, ..Options::default() };
        refused(room, &options, "permissions of a new file, and its ACL from the source");
    }
    let options = Options { failed_path_size: 1, ..Options::default() };
    refused(room, &options, "a size without room");
    let options = Options { filter: Some(never_called), ..Options::default() };
    nothing_removed(room, &options, "filter");
}

unsafe extern "C" fn never_called(_: *mut std::ffi::c_void, _: *const calls::Entry) -> i32 {
    panic!("called")
}

/// After a failure a program never reads the text of an earlier call there.
fn a_failed_path_is_emptied(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 1, 1);
    let mut path = *b"old";
    let (failed_path, failed_path_size) = (path.as_mut_ptr().cast(), path.len());
    refused(&room, &Options { failed_path, failed_path_size, reserved: 1, ..Options::default() }, "reserved");
    assert_eq!(path, *b"\0ld");
}

fn is_refusal((code, outcome): (i32, Outcome), what: &str) {
    assert_eq!(code, -libc::EINVAL, "{what}");
    assert_eq!(
        (outcome.step, outcome.seen(), outcome.flags),
        (calls::STEP_ARGUMENTS, 0, 0),
        "{what}: {outcome:?}"
    );
}

fn refused(room: &Room, options: &Options, what: &str) {
    is_refusal(calls::copy(&room.path("src"), &room.path("dst"), options), what);
    assert_eq!(room.names(), ["src"], "{what}");
}

/// To a removal none of them means anything.
fn nothing_removed(room: &Room, options: &Options, what: &str) {
    is_refusal(calls::remove(&room.path("src"), options), what);
    assert_eq!(room.names(), ["src"], "{what}");
}

/// What an older or a newer program hands over.
fn structures_of_other_sizes(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 1, 1);
    let (src, dst) = (c_path(&room.path("src")), c_path(&room.path("dst")));
    let call = |options: *const Options, outcome: *mut Outcome| unsafe {
        (calls::library().copy)(src.as_ptr(), dst.as_ptr(), options, outcome)
    };
    let whole = size_of::<Options>();
    for size in [0, 4, whole - 1, whole + 8, 4096, 4097, usize::MAX] {
        let mut room_for = vec![0_u64; 513];
        room_for[0] = 0;
        let options = Options { size: size as u32, ..Options::default() };
        unsafe { room_for.as_mut_ptr().cast::<Options>().write(options) };
        let code = call(room_for.as_ptr().cast(), std::ptr::null_mut());
        let wanted = if size < whole {
            -libc::EINVAL
        } else if size > 4096 {
            -libc::E2BIG
        } else {
            0
        };
        assert_eq!(code, wanted, "{size}");
        if code == 0 {
            calls::removed(&room.path("dst"));
            let last = size / 8 - 1;
            room_for[last] = 1 << 63;
            assert_eq!(call(room_for.as_ptr().cast(), std::ptr::null_mut()), -libc::E2BIG, "{size}");
        }
        assert_eq!(room.names(), ["src"], "{size}");
    }
    let small = size_of::<Outcome>() - 1;
    let mut outcome = Outcome { size: small as u32, ..Outcome::unwritten() };
    let before = outcome;
    assert_eq!(call(std::ptr::null(), &mut outcome), -libc::EINVAL);
    assert_eq!(outcome, before, "what is too small is not written");
    assert_eq!(room.names(), ["src"]);
    // NULL is all defaults, and nobody who wants to know.
    assert_eq!(call(std::ptr::null(), std::ptr::null_mut()), 0);
    assert_eq!(unsafe { (calls::library().remove)(dst.as_ptr(), std::ptr::null(), std::ptr::null_mut()) }, 0);
}

fn names_that_mean_nothing(place: &Place) {
    let room = Room::new(&place.dir);
    std::env::set_current_dir(&room.0).unwrap();
    odd::plain(Path::new("src"), 1, 1);
    files::file(Path::new("file"), b"x");
    symlink("src", "link").unwrap();
    symlink("nowhere", "dangling").unwrap();
    symlink("loop", "loop").unwrap();
    let long = [b'x'; 256];
    let too_long = b"x/".repeat(3000);
    let names: &[(&[u8], i32, i32)] = &[
        // As source, as destination.
        (b"", libc::ENOENT, libc::ENOENT),
        (b"nowhere", libc::ENOENT, 0),
        (b"nowhere/x", libc::ENOENT, libc::ENOENT),
        (b"file", libc::ENOTDIR, libc::EEXIST),
        (b"file/", libc::ENOTDIR, libc::EEXIST),
        (b"file/x", libc::ENOTDIR, libc::ENOTDIR),
        (b"dangling", libc::ENOENT, libc::EEXIST),
        (b"loop", libc::ELOOP, libc::EEXIST),
        (b"loop/x", libc::ELOOP, libc::ELOOP),
        (b"/dev/null", libc::ENOTDIR, libc::EEXIST),
        (&long, libc::ENAMETOOLONG, libc::ENAMETOOLONG),
        (&too_long, libc::ENAMETOOLONG, libc::ENAMETOOLONG),
        (b".", 0, libc::EEXIST),
        (b"..", 0, libc::EEXIST),
        (b"src/.", 0, libc::EEXIST),
        (b"src/..", 0, libc::EEXIST),
        (b"/", 0, libc::EEXIST),
        (b"///", 0, libc::EEXIST),
        (b"new/", libc::ENOENT, 0),
        (b"new///", libc::ENOENT, 0),
        (b"src/", 0, libc::EEXIST),
        (b"link", 0, libc::EEXIST),
        (b"link/", 0, libc::EEXIST),
    ];
    let before = files::names(&room.0);
    for (name, as_source, as_destination) in names {
        let c_name = calls::name(name);
        let shown = String::from_utf8_lossy(&name[..name.len().min(20)]).into_owned();
        if *as_source != 0 {
            let (code, outcome) = calls::copy_names(&c_name, c"dst", &Options::default());
            assert_eq!(code, -as_source, "{shown:?} as source: {outcome:?}");
        }
        let (code, outcome) = calls::copy_names(c"src", &c_name, &Options::default());
        assert_eq!(code, -as_destination, "{shown:?} as destination: {outcome:?}");
        if code == 0 {
            calls::removed(Path::new(shown.trim_end_matches('/')));
        }
        let removed = calls::remove(Path::new(&shown), &Options::default());
        let mine = matches!(*name, b"src/" | b"x/x/");
        if !mine && name.len() < 20 {
            assert!(removed.0 < 0, "{shown:?} removed: {:?}", removed.1);
        }
        if *name == b"src/" {
            assert_eq!(removed.0, 0);
            odd::plain(Path::new("src"), 1, 1);
        }
        assert_eq!(files::names(&room.0), before, "{shown:?}");
    }
    null_names();
    descriptors_that_are_none(&room);
}

fn null_names() {
    let (library, none) = (calls::library(), std::ptr::null());
    let options = Options::default();
    let mut outcome = Outcome::unwritten();
    let given: &CStr = c"src";
    for (src, dst) in [(none, given.as_ptr()), (given.as_ptr(), none), (none, none)] {
        assert_eq!(unsafe { (library.copy)(src, dst, &options, &mut outcome) }, -libc::EINVAL);
        calls::check(-libc::EINVAL, &outcome);
        let at = libc::AT_FDCWD;
        assert_eq!(unsafe { (library.copy_at)(at, src, at, dst, &options, &mut outcome) }, -libc::EINVAL);
        calls::check(-libc::EINVAL, &outcome);
    }
    assert_eq!(unsafe { (library.remove)(none, &options, &mut outcome) }, -libc::EINVAL);
    assert_eq!(unsafe { (library.remove_at)(libc::AT_FDCWD, none, &options, &mut outcome) }, -libc::EINVAL);
    calls::check(-libc::EINVAL, &outcome);
}

fn descriptors_that_are_none(room: &Room) {
    use std::os::fd::AsRawFd;
    let file = fs::File::open(room.path("file")).unwrap();
    let directory = fs::File::open(&room.0).unwrap();
    let library = calls::library();
    for (fd, wanted) in [(-1, libc::EBADF), (9999, libc::EBADF), (file.as_raw_fd(), libc::ENOTDIR)] {
        let mut outcome = Outcome::unwritten();
        let (good, options) = (directory.as_raw_fd(), Options::default());
        let code =
            unsafe { (library.copy_at)(fd, c"src".as_ptr(), good, c"dst".as_ptr(), &options, &mut outcome) };
        assert_eq!(code, -wanted, "{outcome:?}");
        calls::check(code, &outcome);
        let code =
            unsafe { (library.copy_at)(good, c"src".as_ptr(), fd, c"dst".as_ptr(), &options, &mut outcome) };
        assert_eq!(code, -wanted, "{outcome:?}");
        calls::check(code, &outcome);
        let code = unsafe { (library.remove_at)(fd, c"src".as_ptr(), &options, &mut outcome) };
        assert_eq!(code, -wanted, "{outcome:?}");
        calls::check(code, &outcome);
    }
    // An absolute name needs no directory.
    let name = c_path(&room.path("src"));
    let to = c_path(&room.path("dst"));
    let code = unsafe {
        (library.copy_at)(-1, name.as_ptr(), -1, to.as_ptr(), std::ptr::null(), std::ptr::null_mut())
    };
    assert_eq!(code, 0);
    calls::removed(&room.path("dst"));
}

/// Opening it would wake a writer that waits for a reader; SIGPIPE would kill that writer after the close.
fn a_fifo_as_source_is_not_opened(place: &Place) {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    let room = Room::new(&place.dir);
    let fifo = files::fifo(&room.path("fifo"));
    symlink("fifo", room.path("link")).unwrap();
    let reached = std::sync::Arc::new(AtomicBool::new(false));
    let (seen, name) = (std::sync::Arc::clone(&reached), fifo.clone());
    let writer = std::thread::spawn(move || {
        drop(fs::OpenOptions::new().write(true).open(name).unwrap());
        seen.store(true, Ordering::SeqCst);
    });
    std::thread::sleep(Duration::from_millis(200));
    for source in ["fifo", "link"] {
        let (code, outcome) = calls::copy(&room.path(source), &room.path("dst"), &Options::default());
        assert_eq!(code, -libc::ENOTDIR, "{outcome:?}");
    }
    assert_eq!(calls::remove(&fifo, &Options::default()).0, -libc::ENOTDIR);
    std::thread::sleep(Duration::from_millis(200));
    assert!(!reached.load(Ordering::SeqCst), "the FIFO had a reader for an instant");
    drop(fs::File::open(&fifo).unwrap());
    writer.join().unwrap();
    assert_eq!(room.names(), ["fifo", "link"]);
}
