//! Power cuts: what each level of durability leaves when a file system stops right after a copy. DURABLE must keep all of it.
//! What the other levels kept is told, not asserted, but for one thing: what is not promised must not become a third state.

use std::ffi::{c_int, c_void};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Mutex;

use crate::abi::{self, Options};
use crate::files;
use crate::looks::{EVERYTHING, shared_of};
use crate::volume::{Volume, run};

const LENGTH: usize = 3_000_000;
const OLD: &[u8] = b"precious, and on the disk long since";

/// How the power goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    /// The file system is told to stop, its log not written (XFS_IOC_GOINGDOWN).
    ShutDown,
    /// The device as it is at that instant.
    Image,
}

impl Cut {
    /// The volume after the crash.
    fn strike(self, mut volume: Volume) -> Volume {
        if self == Self::Image {
            return volume.after_power_cut();
        }
        volume.shut_down();
        volume.unmount();
        volume.mount();
        volume
    }
}

/// What was seen under a name after the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    New,
    Old,
    Absent,
    Empty,
    /// Neither: so many bytes.
    Broken(usize),
}

impl Seen {
    fn at(path: &Path, content: &[u8]) -> Self {
        match fs::read(path) {
            Err(_) => Self::Absent,
            Ok(found) if found == content => Self::New,
            Ok(found) if found == OLD => Self::Old,
            Ok(found) if found.is_empty() => Self::Empty,
            Ok(found) => Self::Broken(found.len()),
        }
    }

    fn word(self) -> String {
        match self {
            Self::New => "new, complete".into(),
            Self::Old => "old".into(),
            Self::Absent => "no file".into(),
            Self::Empty => "EMPTY".into(),
            Self::Broken(length) => format!("BROKEN ({length} of {LENGTH} bytes)"),
        }
    }
}

/// One line of the table: a copy, and what came before the crash.
#[derive(Clone, Copy)]
struct Turn {
    mode: u32,
    durability: u32,
    replace: bool,
    /// Another program syncs a file of its own in between, which writes the log out.
    neighbour: bool,
}

fn level(durability: u32) -> &'static str {
    match durability {
        abi::ATOMIC => "ATOMIC",
        abi::DURABLE => "DURABLE",
        _ => "UNSTAGED",
    }
}

impl Turn {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for mode in [abi::AUTO, abi::NEVER] {
            for durability in [abi::UNSTAGED, abi::ATOMIC, abi::DURABLE] {
                for replace in [false, true] {
                    for neighbour in [false, true] {
                        all.push(Self { mode, durability, replace, neighbour });
                    }
                }
            }
        }
        all
    }

    fn name(&self) -> String {
        let method = if self.mode == abi::NEVER { "copy" } else { "auto" };
        let level = level(self.durability);
        let what = if self.replace { "replace" } else { "new" };
        format!("{method}-{level}-{what}{}", if self.neighbour { "-neighbour" } else { "" })
    }

    /// Does it, on a volume where everything before is on disk, and returns it after the crash.
    fn crash(&self, mut volume: Volume, cut: Cut) -> (Volume, u32) {
        let dst = volume.path(&self.name());
        if self.replace {
            files::file(&dst, OLD);
        }
        // A clean slate: unmounting writes everything.
        volume.unmount();
        volume.mount();
        let how = Options {
            mode: self.mode,
            durability: self.durability,
            if_exists: if self.replace { abi::REPLACE } else { 0 },
            ..Options::default()
        };
        let (code, outcome) = abi::copy_file(&volume.path("src"), &dst, &how);
        assert_eq!(code, 0, "{}: {outcome:?}", self.name());
        if self.neighbour {
            files::file(&volume.path("neighbour"), b"of another program");
        }
        (cut.strike(volume), outcome.method)
    }
}

/// The table's lines, for docs/reliability.md.
static TABLE: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn crash(kind: &str, cut: Cut, mut make: impl FnMut() -> Volume) {
    let content = files::bytes(77, LENGTH);
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    let mut volume = make();
    for turn in Turn::all() {
        if cut == Cut::Image {
            volume = make();
        }
        let src = volume.path("src");
        if !src.exists() {
            files::file(&src, &content);
        }
        let dst = turn.name();
        let method;
        (volume, method) = turn.crash(volume, cut);
        assert_eq!(Seen::at(&volume.path("src"), &content), Seen::New, "the source, which was synced");
        let seen = Seen::at(&volume.path(&dst), &content);
        let litter: Vec<String> =
            files::names(&volume.dir).into_iter().filter(|name| name.starts_with(".reflink-")).collect();
        let method = ["none", "clone", "mixed", "kernel copy", "copy"][method as usize];
        let extra = if litter.is_empty() { "" } else { ", and the private name" };
        lines.push((turn, format!("{kind}: {method}, {dst}: {}{extra}", seen.word()), method, seen, extra));
        if turn.durability == abi::DURABLE && (seen != Seen::New || !litter.is_empty()) {
            wrong.push(format!("{dst}: {}{extra}", seen.word()));
        }
        for name in litter {
            fs::remove_file(volume.path(&name)).unwrap();
        }
    }
    let mut table = TABLE.lock().unwrap();
    for (turn, _, method, seen, extra) in &lines {
        if turn.neighbour {
            continue;
        }
        let other = lines.iter().find(|line| {
            line.0.neighbour
                && (line.0.mode, line.0.durability, line.0.replace)
                    == (turn.mode, turn.durability, turn.replace)
        });
        let other = other.unwrap();
        let level = level(turn.durability);
        let what = if turn.replace { "replace" } else { "new" };
        table.push(format!(
            "| {kind} | {method} | {level} | {what} | {}{extra} | {}{} |",
            seen.word(),
            other.3.word(),
            other.4
        ));
    }
    println!("crash on {kind}: {} power cuts, DURABLE lost {}", lines.len(), wrong.len());
    for line in table.iter().filter(|line| line.starts_with(&format!("| {kind} "))) {
        println!("{line}");
    }
    assert!(wrong.is_empty(), "DURABLE lost:\n{}", wrong.join("\n"));
}

pub fn xfs() {
    crash("XFS, shutdown", Cut::ShutDown, || Volume::new("xfs", 400, &["-f"], ""));
}

pub fn ext4() {
    crash("ext4, shutdown", Cut::ShutDown, || Volume::new("ext4", 300, &["-F"], ""));
}

/// Btrfs has no shutdown before Linux 6.19: the device is copied as it lies there.
pub fn btrfs() {
    crash("Btrfs, device copied", Cut::Image, || {
        let _ = run("btrfs", &["device", "scan", "--forget"]);
        Volume::new("btrfs", 256, &["-f"], "")
    });
}

/// `struct reflink_dedupe_options`, with no function and no flag to look at.
#[repr(C)]
struct DedupeOptions {
    size: u32,
    durability: u32,
    flags: u64,
    pointers: [usize; 4],
}

type Dedupe = unsafe extern "C" fn(c_int, c_int, *const DedupeOptions, *mut c_void) -> c_int;

/// A dedupe changes nothing that a file shows, whenever the power goes. DURABLE keeps what came to be shared.
fn dedupe(cut: Cut, make: impl Fn() -> Volume) {
    let content = files::bytes(78, LENGTH);
    let call =
        unsafe { std::mem::transmute::<*mut c_void, Dedupe>((abi::library().symbol)(c"reflink_dedupe_fd")) };
    // The second call finds everything shared already.
    for calls in [&[abi::ATOMIC][..], &[abi::DURABLE], &[abi::ATOMIC, abi::DURABLE]] {
        let mut volume = make();
        for name in ["one", "other"] {
            files::file(&volume.path(name), &content);
        }
        volume.unmount();
        volume.mount();
        let open = |volume: &Volume| ["one", "other"].map(|name| File::open(volume.path(name)).unwrap());
        let [one, other] = open(&volume);
        let size = size_of::<DedupeOptions>() as u32;
        for durability in calls.iter().copied() {
            let how = DedupeOptions { size, durability, flags: 0, pointers: [0; 4] };
            let fds = (one.as_raw_fd(), other.as_raw_fd());
            assert_eq!(unsafe { call(fds.0, fds.1, &raw const how, std::ptr::null_mut()) }, 0);
        }
        drop((one, other));
        let volume = cut.strike(volume);
        for name in ["one", "other"] {
            assert_eq!(Seen::at(&volume.path(name), &content), Seen::New, "{name} {calls:?}");
        }
        let [one, other] = open(&volume);
        let (code, found) = shared_of((one.as_raw_fd(), 0), (other.as_raw_fd(), 0), abi::TO_EOF, 0);
        println!(
            "{} bytes shared after a power cut, {}",
            found.same,
            calls.iter().map(|one| level(*one)).collect::<Vec<_>>().join(" and ")
        );
        let kept = found.same == LENGTH as u64 && found.verdict == EVERYTHING;
        assert!(code == 0 && (kept || !calls.contains(&abi::DURABLE)), "{found:?}");
    }
}

pub fn dedupe_xfs() {
    dedupe(Cut::ShutDown, || Volume::new("xfs", 400, &["-f"], ""));
}

pub fn dedupe_btrfs() {
    dedupe(Cut::Image, || {
        let _ = run("btrfs", &["device", "scan", "--forget"]);
        Volume::new("btrfs", 256, &["-f"], "")
    });
}
