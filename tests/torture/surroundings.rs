//! File systems in a bad state, and files with marks: read-only, shut down, over quota, full; immutable, append-only, in use as swap.
//! In each a copy does what it says or refuses with the system's own error, leaves nothing, and never waits for ever.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::abi::{self, Options};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::looks::extents_of;
use crate::volume::{Volume, run};
use crate::{Attack, skip};

const MARKABLE: &[&str] = &["xfs-4k", "btrfs", "ext4", "tmpfs"];

pub const ALL: &[Attack] = &[
    Attack("marked_files", MARKABLE, marked_files),
    Attack("marked_directories", MARKABLE, marked_directories),
];

pub const OWN: &[(&str, fn())] = &[
    ("surroundings::read_only_remount", read_only_remount),
    ("surroundings::shut_down_xfs", || shut_down("xfs", 400, "-f")),
    ("surroundings::shut_down_ext4", || shut_down("ext4", 100, "-F")),
    ("surroundings::swap_files_xfs", || swap_files("xfs", 400, "-f")),
    ("surroundings::swap_files_ext4", || swap_files("ext4", 100, "-F")),
    ("surroundings::swap_files_btrfs", || swap_files("btrfs", 256, "-f")),
    ("surroundings::btrfs_quota", btrfs_quota),
    ("surroundings::full_xfs", || full("xfs", 400, &["-f"])),
    ("surroundings::full_btrfs", || full("btrfs", 120, &["-f", "-M"])),
    ("surroundings::full_while_cloning_in_place", full_while_cloning_in_place),
    ("surroundings::full_ext4", || full("ext4", 60, &["-F"])),
];

const LEVELS: [u32; 3] = [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED];
const PRECIOUS: &[u8] = b"precious";

fn how(mode: u32, durability: u32, if_exists: u32) -> Options {
    Options { mode, durability, if_exists, ..Options::default() }
}

/// Each way of copying with AUTO and NEVER.
fn each_way(mut try_it: impl FnMut(&Options)) {
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in LEVELS {
            for if_exists in [0, abi::REPLACE] {
                try_it(&how(mode, durability, if_exists));
            }
        }
    }
}

// ── Marks ──

const IMMUTABLE: i32 = 0x10;
const APPEND: i32 = 0x20;

/// `chattr +i` or `+a`, taken back when the test ends, however it ends.
struct Mark(File, i32);

impl Mark {
    fn set(path: &Path, mark: i32) -> Self {
        let file = File::open(path).unwrap();
        let before = flags(&file);
        if set_flags(&file, before | mark) != 0 {
            skip(format!("no such marks here: {}", std::io::Error::last_os_error()));
        }
        Self(file, before)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        set_flags(&self.0, self.1);
    }
}

/// The others stay: ext4 takes a mark without its own "has extents" for a wish to lose them.
fn flags(file: &File) -> i32 {
    let mut flags = 0;
    // _IOR('f', 1, long), though the kernel writes an int
    unsafe { libc::ioctl(file.as_raw_fd(), libc::_IOR::<libc::c_long>(u32::from(b'f'), 1), &raw mut flags) };
    flags
}

fn set_flags(file: &File, mut flags: i32) -> i32 {
    // _IOW('f', 2, long), though the kernel reads an int
    unsafe { libc::ioctl(file.as_raw_fd(), libc::_IOW::<libc::c_long>(u32::from(b'f'), 2), &raw mut flags) }
}

fn marked_files(place: &Place) {
    let room = Room::new(&place.dir);
    let content = files::bytes(60, 100_000);
    let (src, old) = (files::file(&room.path("src"), &content), files::file(&room.path("old"), PRECIOUS));
    for mark in [IMMUTABLE, APPEND] {
        {
            let _mark = Mark::set(&src, mark);
            each_way(|how| {
                let dst = room.path("dst");
                assert_eq!(abi::copy_file(&src, &dst, how).0, 0, "from a marked source");
                assert!(fs::read(&dst).unwrap() == content);
                // The mark is not part of a copy.
                fs::remove_file(&dst).unwrap();
            });
        }
        let _mark = Mark::set(&old, mark);
        each_way(|how| {
            let expected = if how.if_exists == abi::REPLACE { -libc::EPERM } else { -libc::EEXIST };
            let (code, outcome) = abi::copy_file(&src, &old, how);
            assert_eq!(code, expected, "over a marked file: {outcome:?}");
            assert_eq!(fs::read(&old).unwrap(), PRECIOUS);
            assert_eq!(room.names(), ["old", "src"]);
        });
    }
}

fn marked_directories(place: &Place) {
    let room = Room::new(&place.dir);
    let content = files::bytes(61, 100_000);
    let src = files::file(&room.path("src"), &content);
    let dir = room.path("dir");
    fs::create_dir(&dir).unwrap();
    let old = files::file(&dir.join("old"), PRECIOUS);
    {
        let _mark = Mark::set(&dir, IMMUTABLE);
        each_way(|how| {
            for name in ["new", "old"] {
                let (code, outcome) = abi::copy_file(&src, &dir.join(name), how);
                let taken = name == "old" && how.if_exists == 0;
                let fine = code == -libc::EPERM || code == -libc::EACCES || (taken && code == -libc::EEXIST);
                assert!(fine, "{code} {outcome:?}");
            }
            assert_eq!(fs::read(&old).unwrap(), PRECIOUS);
            assert_eq!(files::names(&dir), ["old"]);
        });
    }
    // Names can be made in an append-only directory, but neither renamed nor removed.
    let mut number = 0;
    let mut litter = 0;
    each_way(|how| {
        number += 1;
        let mark = Mark::set(&dir, APPEND);
        let new = dir.join(format!("new-{number}"));
        let (code, outcome) = abi::copy_file(&src, &new, how);
        assert_eq!(code, 0, "{outcome:?}");
        assert!(fs::read(&new).unwrap() == content);
        let (code, outcome) = abi::copy_file(&src, &old, how);
        let expected = if how.if_exists == abi::REPLACE { -libc::EPERM } else { -libc::EEXIST };
        assert_eq!(code, expected, "{outcome:?}");
        assert_eq!(fs::read(&old).unwrap(), PRECIOUS);
        drop(mark);
        for name in files::names(&dir).iter().filter(|name| *name != "old") {
            if name.starts_with(".reflink-") {
                litter += 1;
                assert_eq!(outcome.litter(), name, "{outcome:?}");
            }
            fs::remove_file(dir.join(name)).unwrap();
        }
    });
    // The private name that a replacement needs cannot be removed again there: the mark says so.
    assert!((1..=6).contains(&litter), "{litter} private names");
}

// ── States of a file system ──

fn read_only_remount() {
    let volume = Volume::new("xfs", 400, &["-f"], "");
    let content = files::bytes(62, 200_000);
    let src = files::file(&volume.path("src"), &content);
    files::file(&volume.path("old"), PRECIOUS);
    volume.remount("ro").unwrap();
    each_way(|how| {
        for name in ["new", "old"] {
            let (code, outcome) = abi::copy_file(&src, &volume.path(name), how);
            let taken = name == "old" && how.if_exists == 0;
            assert!(code == -libc::EROFS || (taken && code == -libc::EEXIST), "{code} {outcome:?}");
        }
    });
    nothing_can_be_tried(&volume.dir, -libc::EROFS);
    // Reading from it goes on, and looking.
    let (code, sums, _) = extents_of(File::open(&src).unwrap().as_raw_fd(), 0, abi::TO_EOF, 0);
    assert_eq!((code, sums.unshared), (0, 200_000), "{sums:?}");
    let elsewhere = Room::new(&std::env::temp_dir());
    assert_eq!(abi::copy_file(&src, &elsewhere.path("copy"), &Options::default()).0, 0);
    assert!(fs::read(elsewhere.path("copy")).unwrap() == content);
    volume.remount("rw").unwrap();
    assert_eq!(files::names(&volume.dir).iter().filter(|name| name.starts_with('.')).count(), 0);
    assert_eq!(fs::read(volume.path("old")).unwrap(), PRECIOUS);
}

/// The probe says that it does not know, of clones and of dedupe, and which error keeps it from trying.
fn nothing_can_be_tried(dir: &Path, why: i32) {
    let (code, found) = abi::probe(None, dir);
    let told = (code, found.clone, found.clone_error, found.dedupe, found.dedupe_error);
    assert_eq!(told, (0, -1, why, -1, why), "{found:?}");
    assert_eq!((found.granularity, found.dedupe_granularity), (0, 0), "{found:?}");
}

fn shut_down(kind: &str, megabytes: u64, force: &str) {
    let mut volume = Volume::new(kind, megabytes, &[force], "");
    let content = files::bytes(63, 2_000_000);
    let src = files::file(&volume.path("src"), &content);
    files::file(&volume.path("old"), PRECIOUS);
    let elsewhere = Room::new(&std::env::temp_dir());
    let healthy = files::file(&elsewhere.path("src"), &content);
    // Nothing of the source is in memory, so that reading it must ask the device.
    volume.unmount();
    volume.mount();
    let from = File::open(&src).unwrap();
    let to = OpenOptions::new().write(true).open(volume.path("old")).unwrap();
    volume.shut_down();
    each_way(|how| {
        for from in [&src, &healthy] {
            let (code, outcome) = abi::copy_file(from, &volume.path("new"), how);
            assert!([-libc::EIO, -libc::EROFS].contains(&code), "{code} {outcome:?}");
        }
        let outside = elsewhere.path("copy");
        let (code, outcome) = abi::copy_file(&src, &outside, how);
        assert!([-libc::EIO, -libc::EROFS].contains(&code), "from it: {code} {outcome:?}");
        assert_eq!(elsewhere.names(), ["src"]);
    });
    for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
        let (code, outcome) = abi::copy_fd(from.as_raw_fd(), to.as_raw_fd(), &how(mode, 0, 0));
        let cannot = mode == abi::ALWAYS && code == -libc::EOPNOTSUPP;
        assert!([-libc::EIO, -libc::EROFS].contains(&code) || cannot, "{code} {outcome:?}");
    }
    let (code, capability) = abi::probe(None, &volume.dir);
    let unknown = capability.clone == -1 && capability.dedupe == -1 && capability.dedupe_error < 0;
    assert!(code < 0 || unknown, "{code} {capability:?}");
    // Whatever is still in memory: an error or the truth.
    let (code, sums, _) = extents_of(from.as_raw_fd(), 0, abi::TO_EOF, 0);
    let fine = code == 0 && (sums.length, sums.unshared) == (2_000_000, 2_000_000);
    assert!(code == -libc::EIO || fine, "{code} {sums:?}");
    drop((from, to));
    volume.unmount();
    volume.mount();
    assert!(fs::read(volume.path("src")).unwrap() == content);
    assert_eq!(fs::read(volume.path("old")).unwrap(), PRECIOUS);
    let names: Vec<String> =
        files::names(&volume.dir).into_iter().filter(|name| name != "lost+found").collect();
    assert_eq!(names, ["old", "src"]);
}

// ── Swap ──

/// A swap file in use; never longer than the test.
struct Swap(PathBuf);

impl Swap {
    fn on(path: &Path) -> Self {
        let file = File::create(path).unwrap();
        // Btrfs wants it without copy-on-write, which must be said while it is empty.
        const NOCOW: i32 = 0x0080_0000;
        set_flags(&file, flags(&file) | NOCOW);
        use std::os::unix::fs::{FileExt, PermissionsExt};
        file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
        file.write_all_at(&vec![0; 4 << 20], 0).unwrap();
        file.sync_all().unwrap();
        let made = run("mkswap", &[path.to_str().unwrap()])
            .and_then(|_| run("swapon", &["-p", "0", path.to_str().unwrap()]));
        if let Err(why) = made {
            skip(why);
        }
        Self(path.to_path_buf())
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        let off = run("swapoff", &[self.0.to_str().unwrap()]);
        if let Err(why) = off {
            eprintln!("{why}");
        }
    }
}

fn swap_files(kind: &str, megabytes: u64, force: &str) {
    let volume = Volume::new(kind, megabytes, &[force], "");
    let src = files::file(&volume.path("src"), &files::bytes(64, 4 << 20));
    let swap = Swap::on(&volume.path("swap"));
    let clones = kind != "ext4";
    // From it: not by a clone; what is in it can be read.
    let dst = volume.path("dst");
    let (code, outcome) = abi::copy_file(&swap.0, &dst, &how(abi::ALWAYS, 0, 0));
    let expected = if clones { [-libc::ETXTBSY, -libc::EINVAL] } else { [-libc::EOPNOTSUPP; 2] };
    assert!(expected.contains(&code), "{code} {outcome:?}");
    assert!(!dst.exists());
    for mode in [abi::AUTO, abi::NEVER] {
        let (code, outcome) = abi::copy_file(&swap.0, &dst, &how(mode, 0, 0));
        assert_eq!((code, outcome.total()), (0, 4 << 20), "{outcome:?}");
        assert_eq!(outcome.cloned, 0);
        if clones && mode == abi::AUTO {
            assert_eq!(outcome.reason, abi::REASON_FILE, "{outcome:?}");
        }
        fs::remove_file(&dst).unwrap();
    }
    // Over its name, and into it: never.
    let header = |path: &Path| fs::read(path).unwrap()[..4096].to_vec();
    let before = header(&swap.0);
    for durability in LEVELS {
        let (code, outcome) = abi::copy_file(&src, &swap.0, &how(abi::AUTO, durability, abi::REPLACE));
        assert_eq!(code, -libc::EPERM, "{outcome:?}");
    }
    let from = File::open(&src).unwrap();
    if let Ok(to) = OpenOptions::new().write(true).open(&swap.0) {
        for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
            let (code, outcome) = abi::copy_fd(from.as_raw_fd(), to.as_raw_fd(), &how(mode, 0, 0));
            assert!(code < 0, "{code} {outcome:?}");
            let (from, to) = ((from.as_raw_fd(), 0), (to.as_raw_fd(), 0));
            let (code, outcome) = abi::copy_range(from, to, 1 << 20, &how(mode, 0, 0));
            assert!(code < 0, "{code} {outcome:?}");
        }
    }
    assert!(header(&swap.0) == before, "the swap file was written");
    let names: Vec<String> =
        files::names(&volume.dir).into_iter().filter(|name| name != "lost+found").collect();
    assert_eq!(names, ["src", "swap"]);
}

// ── No more room ──

fn btrfs_quota() {
    let volume = Volume::new("btrfs", 300, &["-f"], "");
    let limited = volume.path("limited");
    let limit = || {
        run("btrfs", &["quota", "enable", volume.dir.to_str().unwrap()])?;
        run("btrfs", &["-q", "subvolume", "create", limited.to_str().unwrap()])?;
        run("btrfs", &["qgroup", "limit", "6M", limited.to_str().unwrap()])
    };
    if let Err(why) = limit() {
        skip(why);
    }
    let src = files::file(&volume.path("src"), &files::bytes(65, 8 << 20));
    let old = files::file(&limited.join("old"), PRECIOUS);
    each_way(|how| {
        for name in ["new", "old"] {
            let (code, outcome) = abi::copy_file(&src, &limited.join(name), how);
            let taken = name == "old" && how.if_exists == 0;
            // A clone is counted later: the limit may let one through, and then it is whole.
            if code == 0 && how.mode == abi::AUTO {
                files::assert_same(&src, &limited.join(name));
                fs::remove_file(limited.join(name)).unwrap();
                let _ = run("sync", &[]);
            } else {
                assert!(code == -libc::EDQUOT || (taken && code == -libc::EEXIST), "{code} {outcome:?}");
            }
            if !old.exists() {
                files::file(&old, PRECIOUS);
            }
            assert_eq!(fs::read(&old).unwrap(), PRECIOUS);
            assert_eq!(files::names(&limited), ["old"]);
        }
    });
    // What was removed may count until it is written out, so that there is no room for this file either.
    if let Ok(mut filler) = File::create(limited.join("fill")) {
        while std::io::Write::write_all(&mut filler, &[1; 65536]).and_then(|()| filler.sync_all()).is_ok() {}
    }
    nothing_can_be_tried(&limited, -libc::EDQUOT);
}

/// Takes what room there is, in ever smaller pieces.
fn fill(dir: &Path) {
    let file = File::create(dir.join("fill")).unwrap();
    let mut at = 0_i64;
    for piece in [64_i64 << 20, 8 << 20, 1 << 20, 64 << 10, 4 << 10] {
        while unsafe { libc::fallocate64(file.as_raw_fd(), 0, at, piece) } == 0 {
            at += piece;
        }
    }
    file.sync_all().unwrap();
}

/// The clone of a file in very many pieces stops in the middle: nothing is cut, and the result says what may have changed.
fn full_while_cloning_in_place() {
    use std::os::unix::fs::FileExt;
    const PIECES: u64 = 12_000;
    let volume = Volume::new("xfs", 400, &["-f"], "");
    let from = File::create_new(volume.path("src")).unwrap();
    for piece in 0..PIECES {
        from.write_all_at(&[7; 4096], piece * 8192).unwrap();
    }
    from.sync_all().unwrap();
    let from = File::open(volume.path("src")).unwrap();
    let size = from.metadata().unwrap().len();
    for (mode, longer) in [(abi::ALWAYS, 8192), (abi::AUTO, 0)] {
        let old = files::file(&volume.path("old"), PRECIOUS);
        let to = OpenOptions::new().read(true).write(true).open(&old).unwrap();
        to.write_all_at(b"the end", size + longer - 7).unwrap();
        to.sync_all().unwrap();
        fill(&volume.dir);
        let (code, outcome) = abi::copy_fd(from.as_raw_fd(), to.as_raw_fd(), &how(mode, 0, 0));
        let told = (code, outcome.method, outcome.flags, outcome.total());
        let flags = abi::DESTINATION_CHANGED | abi::AT_DESTINATION;
        assert_eq!(told, (-libc::ENOSPC, abi::METHOD_MIXED, flags, 0), "{outcome:?}");
        let (mut head, mut end) = ([0; 8], [0; 7]);
        to.read_exact_at(&mut head, 0).unwrap();
        to.read_exact_at(&mut end, size + longer - 7).unwrap();
        assert_eq!((&head, &end), (&[7; 8], b"the end"), "it was to fail in the middle");
        assert_eq!(to.metadata().unwrap().len(), size + longer);
        drop(to);
        fs::remove_file(old).unwrap();
        fs::remove_file(volume.path("fill")).unwrap();
    }
}

fn full(kind: &str, megabytes: u64, mkfs: &[&str]) {
    let volume = Volume::new(kind, megabytes, mkfs, "");
    let src = files::file(&volume.path("src"), &files::bytes(66, 4 << 20));
    let old = files::file(&volume.path("old"), PRECIOUS);
    fill(&volume.dir);
    let listed = files::names(&volume.dir);
    nothing_can_be_tried(&volume.dir, -libc::ENOSPC);
    let mut refused = 0;
    each_way(|how| {
        for name in ["new", "old"] {
            let (code, outcome) = abi::copy_file(&src, &volume.path(name), how);
            let taken = name == "old" && how.if_exists == 0;
            if code == 0 {
                // A clone takes no room for data: XFS makes it.
                assert!(outcome.cloned > 0 || outcome.method == abi::METHOD_KERNEL_COPY, "{outcome:?}");
                files::assert_same(&src, &volume.path(name));
                fs::remove_file(volume.path(name)).unwrap();
            } else {
                refused += u32::from(code == -libc::ENOSPC);
                assert!(code == -libc::ENOSPC || (taken && code == -libc::EEXIST), "{code} {outcome:?}");
            }
            if !old.exists() {
                // The room that it took may be needed by the file system itself by now.
                if fs::write(&old, PRECIOUS).is_err() {
                    let _ = fs::remove_file(&old);
                    fs::remove_file(volume.path("fill")).unwrap();
                    files::file(&old, PRECIOUS);
                    fill(&volume.dir);
                }
            }
            assert_eq!(fs::read(&old).unwrap(), PRECIOUS);
            assert_eq!(files::names(&volume.dir), listed);
        }
    });
    assert!(refused > 0, "it was not full");
}
