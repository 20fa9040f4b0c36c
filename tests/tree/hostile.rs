//! Somebody who acts right before each system call of the library, where the names of its directories are theirs to change:
//! what is not theirs is neither changed nor removed nor read, wherever they put it. Linux on x86-64 only (tracer.rs).

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{MetadataExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::abi::{self, ALL_METADATA, REPLACE, c_path};
use crate::calls::{self, MERGE, Options, Outcome};
use crate::faults::{make_old, small_tree};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::races::{CANARY, exchange, is_canary};
use crate::seed::{self, Random};
use crate::tracer::{self, Fault, Page, Ran};
use crate::walker::{self, Kind, Node, Tree};
use crate::ways::own_mounts;
use crate::{Attack, cannot, needs_root, odd};

const PLACES: &[&str] = &["xfs-4k", "btrfs", "ext4", "tmpfs"];

pub const ALL: &[Attack] = &[
    Attack("the_owner_of_the_parent_swaps_what_is_made", PLACES, what_is_made_is_swapped),
    Attack("the_owner_of_the_source_swaps_its_entries", PLACES, entries_are_swapped),
    Attack("the_owner_of_what_is_removed_swaps_its_entries", PLACES, a_removal_is_led_astray),
];

/// Whose the directories are that are swapped in.
const THEM: u32 = 1000;

/// What is put in the place of something that the library made.
const SUBSTITUTES: &[&str] = &["empty", "secret", "open", "theirs", "link", "fifo", "secret-file"];

/// Those of which nothing may be lost.
const TREASURES: &[&str] = &["secret", "open", "theirs", "secret-file"];

/// A directory of somebody else, with a few things in it that are root's.
fn their_directory(path: &Path, outside: &Path) {
    odd::directory(path);
    for (name, mode) in [("secret", 0o700), ("open", 0o755), ("theirs", 0o777)] {
        let inside = odd::directory(&path.join(name));
        odd::directory(&inside.join("kept"));
        for file in ["kept/canary", "canary"] {
            files::file(&inside.join(file), CANARY);
        }
        files::set_xattr(&inside, "user.canary", b"1");
        odd::mode(&inside, mode);
    }
    odd::mode(&odd::directory(&path.join("empty")), 0o777);
    for name in ["theirs", "empty"] {
        lchown(path.join(name), Some(THEM), Some(THEM)).unwrap();
    }
    files::file(&path.join("secret-file"), CANARY);
    odd::mode(&path.join("secret-file"), 0o600);
    files::fifo(&path.join("fifo"));
    symlink(outside, path.join("link")).unwrap();
    odd::mode(path, 0o777);
    lchown(path, Some(THEM), Some(THEM)).unwrap();
}

/// What is in a directory, wherever that is now. Nothing, if it is not there any more.
fn find(below: &Path, inode: u64) -> Option<PathBuf> {
    let mut rest = vec![below.to_path_buf()];
    while let Some(path) = rest.pop() {
        let Ok(stat) = fs::symlink_metadata(&path) else { continue };
        if stat.ino() == inode {
            return Some(path);
        }
        if stat.is_dir() {
            rest.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    None
}

/// Something of root's, and what it was.
struct Treasure(u64, Tree);

impl Treasure {
    fn at(path: &Path) -> Self {
        Self(fs::symlink_metadata(path).unwrap().ino(), walker::walk(path))
    }

    /// Says what became of it. `merged`: entries may be made in it, which changes its times.
    fn lost(&self, below: &Path, merged: bool) -> Option<String> {
        let Some(path) = find(below, self.0) else { return Some("is gone".into()) };
        let now = walker::walk(&path);
        for (name, node) in &self.1 {
            let bare = |node: &Node| {
                let modified = if merged && node.kind == Kind::Directory { (0, 0) } else { node.modified };
                Node { accessed: (0, 0), allocated: 0, data: 0, modified, ..node.clone() }
            };
            let there = now.get(name).map(bare);
            if there.as_ref() != Some(&bare(node)) {
                return Some(format!("{:?}: {node:?}\n   now {there:?}", String::from_utf8_lossy(name)));
            }
        }
        (!merged && now.len() != self.1.len()).then(|| format!("has {} entries", now.len()))
    }
}

#[derive(Clone, Copy, Debug)]
struct Way {
    if_exists: u32,
    durability: u32,
    preserve: u32,
    permissions: u32,
    threads: u32,
}

const fn way(if_exists: u32, durability: u32, preserve: u32, permissions: u32, threads: u32) -> Way {
    Way { if_exists, durability, preserve, permissions, threads }
}

const WAYS: &[Way] = &[
    way(0, abi::ATOMIC, 0, 0, 0),
    way(0, abi::ATOMIC, abi::TIMES, abi::PERMISSIONS_UMASK, 2),
    way(0, abi::UNSTAGED, ALL_METADATA, 0, 0),
    way(REPLACE, abi::ATOMIC, 0, 0, 2),
    way(REPLACE, abi::DURABLE, ALL_METADATA, 0, 0),
    way(MERGE, abi::ATOMIC, 0, abi::PERMISSIONS_NEW, 0),
    way(MERGE, abi::ATOMIC, 0, 0, 2),
    way(MERGE, abi::DURABLE, ALL_METADATA, 0, 0),
];

/// The source, a directory of theirs that the destination is in, and one that nobody shall touch.
struct Bench {
    room: Room,
    page: Page,
    src: PathBuf,
    public: PathBuf,
    outside: PathBuf,
    untouched: Tree,
}

impl Bench {
    fn new(place: &Place) -> Self {
        needs_root();
        if !cfg!(target_arch = "x86_64") {
            cannot("the tracer knows x86-64 only");
        }
        let room = Room::new(&place.dir);
        let (src, public, outside) = (room.path("src"), room.path("public"), room.path("outside"));
        odd::directory(&outside);
        odd::directory(&outside.join("below"));
        for (name, mode) in [("canary", 0o640), ("below/linked", 0o600)] {
            files::file(&outside.join(name), CANARY);
            odd::mode(&outside.join(name), mode);
        }
        let untouched = walker::walk(&outside);
        // So that each access would be seen, also where the mount has "relatime".
        for name in untouched.keys().rev() {
            odd::times(&outside.join(String::from_utf8_lossy(name).as_ref()), 1000, 2000);
        }
        let untouched = untouched
            .into_iter()
            .map(|(name, node)| (name, Node { modified: (2000, 222_000_000), ..node }))
            .collect();
        Self { room, page: Page::new(), src, public, outside, untouched }
    }

    /// Makes one call, and has somebody act before its system call of that number.
    fn run(&self, way: Way, nth: usize, act: &dyn Fn()) -> Ran {
        let (src, dst) = (c_path(&self.src), c_path(&self.public.join("dst")));
        let Way { if_exists, durability, preserve, permissions, threads } = way;
        let options = Options { if_exists, durability, preserve, permissions, threads, ..Options::default() };
        self.run_call(nth, act, |outcome| unsafe {
            (calls::library().copy)(src.as_ptr(), dst.as_ptr(), &options, outcome)
        })
    }

    fn run_call(&self, nth: usize, act: &dyn Fn(), call: impl FnOnce(&mut Outcome) -> i32) -> Ran {
        let mut others = |at| {
            if at == nth {
                act();
            }
        };
        tracer::run_among(&self.page, (usize::MAX, Fault::Nothing), &mut others, call)
    }

    /// Removes what earlier calls left. (Also what is in directories that the library never removes.)
    fn clear(&self) {
        for name in self.room.names().iter().filter(|name| *name != "outside") {
            let gone = std::process::Command::new("rm").arg("-rf").arg(self.room.path(name)).status();
            assert!(gone.unwrap().success(), "{name}");
        }
    }

    /// What is wrong with what nobody shall touch.
    fn touched(&self) -> Option<String> {
        for name in self.untouched.keys() {
            let stat = fs::symlink_metadata(self.outside.join(String::from_utf8_lossy(name).as_ref()));
            if stat.ok().is_none_or(|stat| (stat.atime(), stat.mtime()) != (1000, 2000)) {
                return Some(format!("{:?} was read or changed", String::from_utf8_lossy(name)));
            }
        }
        None
    }

    /// What holds after each call: it came back, and nobody was outside.
    fn wrong(&self, ran: &Ran) -> Option<String> {
        if ran.said.ended != 1 || ran.said.leaked != 0 {
            return Some(format!("it died, or has descriptors open: {:?}", ran.said));
        }
        let litter = self.room.names().into_iter().find(|name| name.starts_with(".reflink-"));
        self.touched().or(litter)
    }

    /// At the end, when reading it does no harm.
    fn finish(&self) {
        walker::assert_untouched(&self.untouched, &walker::walk(&self.outside));
    }
}

/// Tries the cases in any order, for a while; those that are `first` before the others. `one` tells what is wrong.
fn try_all<T: Copy + std::fmt::Debug>(
    place: &Place,
    mut cases: Vec<T>,
    first: impl Fn(&T) -> bool,
    mut one: impl FnMut(T) -> Option<String>,
) {
    Random::new(seed::seed(), place.name).shuffle(&mut cases);
    cases.sort_by_key(|case| !first(case));
    let (began, bound, mut ran, mut wrong) = (Instant::now(), seed::time(10), 0, Vec::new());
    for case in &cases {
        if began.elapsed() > bound {
            break;
        }
        ran += 1;
        wrong.extend(one(*case).map(|why| format!("{case:?}: {why}")));
    }
    println!("seed {}: {ran} of {} cases, {} wrong", seed::seed(), cases.len(), wrong.len());
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {ran} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// Exception: what a merge makes and does not open is theirs to change (docs/limits.md), and what a replacement removes is
/// what the name had last, whoever gave it that.
fn is_made(way: Way, path: &Path, name: &str) -> bool {
    let private = name.starts_with(".reflink-") && !name.starts_with(".reflink-old-");
    if way.if_exists == MERGE {
        return name == "below" || (private && path.is_dir());
    }
    private || (way.durability == abi::UNSTAGED && name == "dst")
}

fn what_is_made_is_swapped(place: &Place) {
    let bench = Bench::new(place);
    let prepare = |way: Way| {
        bench.clear();
        small_tree(&bench.src);
        their_directory(&bench.public, &bench.outside);
        let dst = bench.public.join("dst");
        match way.if_exists {
            MERGE => their_directory(&dst, &bench.outside),
            REPLACE => make_old(&dst),
            _ => {}
        }
    };
    let mut cases = Vec::new();
    for way in WAYS {
        prepare(*way);
        let plain = bench.run(*way, usize::MAX, &|| {});
        assert_eq!((plain.said.ended, plain.said.code), (1, 0), "{way:?}: {:?}", plain.said);
        let after = [&[0], plain.calls.as_slice()].concat();
        for (nth, before) in after.iter().enumerate() {
            let is_made = *before == libc::SYS_mkdirat as u64;
            cases.extend(SUBSTITUTES.iter().map(|substitute| (*way, nth, *substitute, is_made)));
        }
    }
    let right_after_making = |case: &(Way, usize, &str, bool)| case.3;
    try_all(place, cases, right_after_making, |(way, nth, substitute, _)| {
        prepare(way);
        let merges = way.if_exists == MERGE;
        let theirs = if merges { bench.public.join("dst") } else { bench.public.clone() };
        let treasure = |name: &&'static str| (*name, Treasure::at(&theirs.join(name)));
        let treasures: Vec<_> = TREASURES.iter().map(treasure).collect();
        let swapped = RefCell::new(String::new());
        let ran = bench.run(way, nth, &|| {
            for name in files::names(&theirs).iter().filter(|name| is_made(way, &theirs.join(name), name)) {
                exchange(&theirs.join(name), &theirs.join(substitute));
                *swapped.borrow_mut() += name;
            }
        });
        let lost = |(name, treasure): &(&str, Treasure)| {
            let why = treasure.lost(&bench.public, merges)?;
            Some(format!("{name} {why}"))
        };
        let is_open = |name: &String| {
            let made = fs::symlink_metadata(theirs.join(name)).unwrap();
            made.uid() == 0 && made.is_dir() && made.mode() & 0o022 != 0
        };
        let open = files::names(&theirs).into_iter().find(is_open);
        let open = open.map(|name| format!("others may write in {name}"));
        let why = bench.wrong(&ran).or_else(|| treasures.iter().find_map(lost)).or(open)?;
        Some(format!("{:?} was {why}: {} at {}", swapped.borrow(), ran.said.code, ran.said.outcome.step))
    });
    bench.finish();
}

/// Those whose tree it is put links and FIFOs in the place of entries, and move directories.
#[derive(Clone, Copy, Debug)]
enum Mischief {
    Exchange(&'static str, &'static str),
    Move(&'static str),
    Mount(&'static str),
}

const ENTRIES: &[&str] = &["file", "link", "below", "closed", "below/linked", "below/fifo", "closed/linked"];

fn mischiefs() -> Vec<Mischief> {
    let mut all = vec![Mischief::Move("public"), Mischief::Move("src")];
    for entry in ENTRIES {
        all.push(Mischief::Move(entry));
        let substitutes = ["link-to-directory", "link-to-file", "fifo", "directory"];
        all.extend(substitutes.map(|substitute| Mischief::Exchange(entry, substitute)));
    }
    all
}

/// What is put in the place of entries.
fn set_aside(bench: &Bench) -> PathBuf {
    let aside = odd::directory(&bench.room.path("aside"));
    symlink(&bench.outside, aside.join("link-to-directory")).unwrap();
    symlink(bench.outside.join("canary"), aside.join("link-to-file")).unwrap();
    files::fifo(&aside.join("fifo"));
    small_tree(&aside.join("directory"));
    aside
}

fn do_mischief(bench: &Bench, tree: &Path, aside: &Path, mischief: Mischief) {
    match mischief {
        Mischief::Exchange(entry, substitute) => exchange(&tree.join(entry), &aside.join(substitute)),
        Mischief::Move(name @ ("public" | "src")) => {
            let _ = fs::rename(bench.room.path(name), aside.join("moved"));
        }
        Mischief::Move(entry) => drop(fs::rename(tree.join(entry), aside.join("moved"))),
        Mischief::Mount(entry) => {
            let (from, to) = (c_path(&bench.outside), c_path(&tree.join(entry)));
            let none = std::ptr::null();
            unsafe { libc::mount(from.as_ptr(), to.as_ptr(), none, libc::MS_BIND, none.cast()) };
        }
    }
}

fn entries_are_swapped(place: &Place) {
    let bench = Bench::new(place);
    let prepare = |way: Way| {
        bench.clear();
        small_tree(&bench.src);
        odd::directory(&bench.public);
        if way.if_exists != 0 {
            make_old(&bench.public.join("dst"));
        }
        set_aside(&bench)
    };
    let mut cases = Vec::new();
    for way in WAYS {
        prepare(*way);
        let calls = bench.run(*way, usize::MAX, &|| {}).calls.len();
        cases.extend((0..calls).flat_map(|nth| mischiefs().into_iter().map(move |what| (*way, nth, what))));
    }
    try_all(
        place,
        cases,
        |_| true,
        |(way, nth, mischief)| {
            let aside = prepare(way);
            let ran = bench.run(way, nth, &|| do_mischief(&bench, &bench.src, &aside, mischief));
            let public = Some(bench.public.clone()).filter(|path| path.exists());
            let public = public.unwrap_or(aside.join("moved"));
            let litter = files::names(&public).into_iter().find(|name| name != "dst");
            let read = walker::walk(&public).values().any(is_canary);
            let read = read.then(|| "the canary was read".to_string());
            bench
                .wrong(&ran)
                .or(litter)
                .or(read)
                .map(|why| format!("{why}: {} {:?}", ran.said.code, ran.said.outcome))
        },
    );
    bench.finish();
}

fn a_removal_is_led_astray(place: &Place) {
    let bench = Bench::new(place);
    own_mounts();
    let tree = bench.public.join("dst");
    let prepare = || {
        bench.clear();
        odd::directory(&bench.public);
        small_tree(&tree);
        set_aside(&bench)
    };
    let run = |nth, act: &dyn Fn()| {
        let name = c_path(&tree);
        bench.run_call(nth, act, |outcome| unsafe {
            (calls::library().remove)(name.as_ptr(), std::ptr::null(), outcome)
        })
    };
    let mut all = mischiefs();
    all.extend(["below", "closed", ""].map(Mischief::Mount));
    prepare();
    let calls = run(usize::MAX, &|| {}).calls.len();
    let cases = (0..calls).flat_map(|nth| all.iter().map(move |what| (nth, *what))).collect();
    try_all(
        place,
        cases,
        |_| true,
        |(nth, mischief)| {
            let aside = prepare();
            let ran = run(nth, &|| do_mischief(&bench, &tree, &aside, mischief));
            for path in ["", "below", "closed"] {
                unsafe { libc::umount2(c_path(&tree.join(path)).as_ptr(), libc::MNT_DETACH) };
            }
            bench.wrong(&ran).map(|why| format!("{why}: {} {:?}", ran.said.code, ran.said.outcome))
        },
    );
    bench.finish();
}
