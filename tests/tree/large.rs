//! Trees that are deep or wide beyond all use: few descriptors, constant memory, no limit of a path's length.

use std::ffi::CStr;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use crate::calls::{self, Options, Outcome};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::volume::Volume;
use crate::ways::{mount, own_mounts, unmount};
use crate::{Attack, ONE, odd};

pub const ALL: &[Attack] = &[
    Attack("ten_thousand_levels", &["xfs-4k", "btrfs", "ext4", "tmpfs"], ten_thousand_levels),
    Attack("very_many_files_in_one_directory", WIDE, very_many_files),
    Attack("very_many_directories_in_one", WIDE, very_many_directories),
    Attack("very_many_files_with_names_outside", ONE, names_outside),
    Attack("seventy_thousand_names_of_one_file", &["ext4", "btrfs"], seventy_thousand_names),
];

fn limit_descriptors(soft: u64) {
    let raw = libc::rlimit64 { rlim_cur: soft, rlim_max: 4096 };
    assert_eq!(unsafe { libc::setrlimit64(libc::RLIMIT_NOFILE, &raw) }, 0);
}

/// Lets this process open as many more files as the header promises for so many threads.
pub fn limit_descriptors_as_promised(threads: u32) {
    let open = files::names(Path::new("/proc/self/fd")).len() as u64 - 1; // one is that of the listing
    limit_descriptors(open + 64 + 4 * u64::from(threads.max(1)));
}

/// The most memory that this process had so far, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn ten_thousand_levels(place: &Place) {
    const LEVELS: usize = 10_000;
    let room = Room::new(&place.dir);
    let (src, dst) = (room.path("src"), room.path("dst"));
    odd::chain(&src, LEVELS);
    limit_descriptors(100);
    let before = peak();
    for threads in [0, 2] {
        let outcome = calls::copied(&src, &dst, &Options { threads, ..Options::default() });
        assert_eq!((outcome.directories, outcome.files), (LEVELS as u64, LEVELS as u64), "{outcome:?}");
        assert_eq!(chain_length(&dst), LEVELS);
        let outcome = calls::removed(&dst);
        assert_eq!((outcome.directories, outcome.files), (LEVELS as u64, LEVELS as u64), "{outcome:?}");
    }
    assert!(peak() < before + (32 << 10), "{before} KiB, then {}", peak());
    calls::removed(&src);
}

/// How many levels a chain has with its file in each.
fn chain_length(root: &Path) -> usize {
    let mut here = File::open(root).unwrap();
    let open = |here: &File, name: &CStr, how| unsafe { libc::openat(here.as_raw_fd(), name.as_ptr(), how) };
    let mut levels = 0;
    loop {
        let below = open(&here, c"twenty-letters-long-", libc::O_DIRECTORY | libc::O_RDONLY);
        if below < 0 {
            return levels;
        }
        let file = open(&here, c"file", libc::O_RDONLY);
        assert!(file >= 0, "level {levels} has no file");
        let file = unsafe { File::from_raw_fd(file) };
        assert_eq!(file.metadata().unwrap().len(), 7);
        here = unsafe { File::from_raw_fd(below) };
        levels += 1;
    }
}

/// In memory, and on a volume that has room for them.
const WIDE: &[&str] = &["tmpfs", "xfs-4k"];

/// So many in the long form, else a twentieth.
fn long(many: usize) -> usize {
    if std::env::var_os("REFLINK_TIME").is_some() { many } else { many / 20 }
}

/// Copies and removes a wide directory in constant memory, with as few descriptors as promised.
fn wide(place: &Place, many: usize, make: fn(&Path), count: fn(&Outcome) -> u64, kibibytes: u64) {
    let room = Room::new(&place.dir);
    let mut at = room.0.clone();
    let volume = (place.name != "tmpfs").then(|| {
        own_mounts();
        Volume::new("xfs", 16 << 10, &["-f"], "")
    });
    if let Some(volume) = &volume {
        at.clone_from(&volume.dir);
    }
    let (src, dst) = (odd::directory(&at.join("src")), at.join("dst"));
    for number in 0..many {
        make(&src.join(format!("entry-{number}")));
    }
    let before = peak();
    for threads in [0, 2] {
        limit_descriptors_as_promised(threads);
        let began = Instant::now();
        let outcome = calls::copied(&src, &dst, &Options { threads, ..Options::default() });
        let copied = began.elapsed();
        assert_eq!((count(&outcome), outcome.seen()), (many as u64, many as u64));
        assert_eq!(count(&calls::removed(&dst)), many as u64);
        let all = began.elapsed();
        println!("{many} on {}, threads {threads}: {copied:?}, removed after {all:?}", place.name);
    }
    println!("{} KiB more", peak() - before);
    assert!(peak() < before + kibibytes, "{before} KiB, then {}", peak());
    calls::removed(&src);
}

fn very_many_files(place: &Place) {
    let make = |path: &Path| drop(File::create(path).unwrap());
    wide(place, long(1_000_000), make, |outcome| outcome.files, 4 << 10);
}

/// As in node_modules of pnpm: each file has a further name elsewhere, which the walk never meets, so that what is known of
/// the file is kept to the end.
fn names_outside(place: &Place) {
    const FILES: u64 = 50_000;
    let room = Room::new(&place.dir);
    let (src, dst) = (odd::directory(&room.path("src")), room.path("dst"));
    odd::directory(&room.path("store"));
    for number in 0..FILES {
        let inside = src.join(format!("package-{}", number / 100));
        if number % 100 == 0 {
            odd::directory(&inside);
        }
        let (name, stored) = (inside.join(format!("file-{number}")), room.path(&format!("store/{number}")));
        File::create(&stored).unwrap();
        fs::hard_link(&stored, &name).unwrap();
    }
    let before = peak();
    for threads in [0, 2] {
        let outcome = calls::copied(&src, &dst, &Options { threads, ..Options::default() });
        assert_eq!((outcome.files, outcome.hard_links), (FILES, 0), "{outcome:?}");
        calls::removed(&dst);
    }
    let each = (peak() - before) * 1024 / FILES;
    println!("{each} bytes for each");
    assert!(each < 256, "{each} bytes for each");
}

/// Only their names are kept in memory.
fn very_many_directories(place: &Place) {
    let make = |path: &Path| fs::create_dir(path).unwrap();
    wide(place, long(100_000), make, |outcome| outcome.directories, 16 << 10);
}

/// More names than ext4 (65,000) and Btrfs (65,535 in one directory) allow: the copy has a second file then.
fn seventy_thousand_names(place: &Place) {
    const NAMES: u64 = 70_000;
    let room = Room::new(&place.dir);
    own_mounts();
    let src = odd::directory(&room.path("src"));
    mount(&["-t", "tmpfs", "test"], &src);
    files::file(&src.join("first"), b"the one");
    for number in 1..NAMES {
        fs::hard_link(src.join("first"), src.join(format!("name-{number}"))).unwrap();
    }
    for threads in [0, 2] {
        let outcome = calls::copied(&src, &room.path("dst"), &Options { threads, ..Options::default() });
        assert_eq!((outcome.files, outcome.hard_links), (2, NAMES - 2), "{outcome:?}");
        let mut names_of = std::collections::BTreeMap::<u64, u64>::new();
        for name in fs::read_dir(room.path("dst")).unwrap() {
            let stat = name.unwrap().metadata().unwrap();
            assert_eq!(stat.len(), 7);
            *names_of.entry(stat.ino()).or_default() += 1;
        }
        assert_eq!((names_of.len(), names_of.values().sum()), (2, NAMES));
        calls::removed(&room.path("dst"));
    }
    unmount(&src);
}
