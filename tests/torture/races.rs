//! What others do to the files while they are copied. The progress function is where they do it, so that each race is lost
//! in the same place every time; each copy has a bound on its time, and what was not the library's must be as it was.

use std::ffi::{c_int, c_void};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::abi::{self, Options, Outcome};
use crate::child::{self, Child};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::seed::{self, Random};
use crate::{Attack, sandbox};

const PLACES: &[&str] = &["xfs-4k", "btrfs", "ext4", "tmpfs"];

pub const ALL: &[Attack] = &[
    Attack("the_source_moves", PLACES, the_source_moves),
    Attack("the_destination_is_swapped", PLACES, the_destination_is_swapped),
    Attack("the_parent_is_renamed", PLACES, the_parent_is_renamed),
    Attack("the_private_name_is_swapped", PLACES, the_private_name_is_swapped),
    Attack("names_change_all_the_time", PLACES, names_change_all_the_time),
    Attack("many_copies_to_one_name", PLACES, many_copies_to_one_name),
];

pub const CHILDREN: &[Child] = &[("private-name", private_name)];

/// More than one stretch between two calls of the progress function (16 MiB).
const LENGTH: usize = 20 << 20;
const HALF: u64 = 16 << 20;
const HOLE: std::ops::Range<usize> = 1 << 20..3 << 20;
const SOURCE_CHANGED: u32 = 1;
const CANCEL: bool = true;

/// Nothing that a race does may make a copy wait longer.
const BOUND: Duration = Duration::from_secs(120);

/// Something done once, in the middle of a copy.
struct Deed<'d> {
    /// When so many bytes are done.
    at: u64,
    act: &'d mut dyn FnMut() -> bool,
    done: bool,
}

unsafe extern "C" fn strike(user: *mut c_void, progress: *const abi::Progress) -> c_int {
    let deed = unsafe { &mut *user.cast::<Deed>() };
    if deed.done || unsafe { &*progress }.bytes_done < deed.at {
        return 0;
    }
    deed.done = true;
    c_int::from((deed.act)() == CANCEL)
}

/// Copies, and does `act` when `at` bytes are done; the copy is cancelled if it says so.
fn copy_while(
    src: &Path,
    dst: &Path,
    how: Options,
    at: u64,
    mut act: impl FnMut() -> bool,
) -> (c_int, Outcome) {
    let mut deed = Deed { at, act: &mut act, done: false };
    let how = Options { progress: Some(strike), user: (&raw mut deed).cast(), ..how };
    let outcome = abi::copy_file(src, dst, &how);
    assert!(deed.done, "nothing was done meanwhile");
    outcome
}

/// Runs a test with a bound on its time.
fn in_time(name: String, test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    match receiver.recv_timeout(BOUND) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}: still waiting after {BOUND:?}"),
        _ => thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload)),
    }
}

fn levels() -> Vec<(u32, u32, u32)> {
    let mut all = Vec::new();
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::UNSTAGED] {
            for if_exists in [0, abi::REPLACE] {
                all.push((mode, durability, if_exists));
            }
        }
    }
    all
}

// ── The source ──

#[derive(Clone, Copy, Debug, PartialEq)]
enum Move {
    Shrink,
    Empty,
    Grow,
    Rewrite,
    Replace,
    Delete,
}

fn the_source_moves(place: &Place) {
    let place = place.clone();
    in_time(format!("{}: the source moves", place.name), move || {
        let room = Room::new(&place.dir);
        let (mut old, new) = (files::bytes(1, LENGTH), files::bytes(2, LENGTH + (1 << 20)));
        old[HOLE].fill(0);
        for (mode, durability, if_exists) in levels() {
            for what in [Move::Shrink, Move::Empty, Move::Grow, Move::Rewrite, Move::Replace, Move::Delete] {
                let how = Options { mode, durability, if_exists, ..Options::default() };
                one_moving_source(&room, &old, &new, how, what);
            }
        }
    });
}

/// A copy gives its file the whole size when it comes to a hole: it must give it back if the source turns out shorter.
fn write_with_hole(path: &Path, content: &[u8]) {
    let file = fs::File::create(path).unwrap();
    file.write_all_at(&content[..HOLE.start], 0).unwrap();
    file.write_all_at(&content[HOLE.end..], HOLE.end as u64).unwrap();
}

/// Whether each byte is what the source held there at one time or the other.
fn is_of_either(found: &[u8], old: &[u8], new: &[u8]) -> bool {
    const PIECE: usize = 4096;
    found.chunks(PIECE).enumerate().all(|(number, piece)| {
        let of = |content: &[u8]| content.get(number * PIECE..number * PIECE + piece.len()) == Some(piece);
        let byte = |(at, byte): (usize, &u8)| {
            let at = number * PIECE + at;
            old.get(at) == Some(byte) || new.get(at) == Some(byte)
        };
        of(old) || of(new) || piece.iter().enumerate().all(byte)
    })
}

fn one_moving_source(room: &Room, old: &[u8], new: &[u8], how: Options, what: Move) {
    let (src, dst) = (room.path("src"), room.path("dst"));
    write_with_hole(&src, old);
    if how.if_exists == abi::REPLACE {
        fs::write(&dst, b"precious").unwrap();
    }
    let act = || {
        let file = fs::OpenOptions::new().write(true).open(&src).unwrap();
        match what {
            Move::Shrink => file.set_len(HALF + 4097).unwrap(),
            Move::Empty => file.set_len(0).unwrap(),
            Move::Grow => file.write_all_at(&new[LENGTH..], LENGTH as u64).unwrap(),
            Move::Rewrite => file.write_all_at(&new[..LENGTH], 0).unwrap(),
            Move::Replace => {
                fs::write(room.path("other"), &new[..100]).unwrap();
                fs::rename(room.path("other"), &src).unwrap();
            }
            Move::Delete => fs::remove_file(&src).unwrap(),
        }
        !CANCEL
    };
    let (code, outcome) = copy_while(&src, &dst, how, HALF, act);
    let told = format!("{what:?}, {:?}: {code} {outcome:?}", (how.mode, how.durability, how.if_exists));
    if code == 0 {
        let found = fs::read(&dst).unwrap();
        assert_eq!(found.len() as u64, outcome.total(), "{told}");
        assert!(is_of_either(&found, old, new), "{told}: bytes from nowhere");
        assert!(found.len() as u64 >= HALF, "{told}");
        let cloned_at_once = outcome.method == abi::METHOD_CLONE;
        if matches!(what, Move::Replace | Move::Delete) || cloned_at_once {
            assert!(found == old, "{told}: the open file was whole");
        }
        let must_tell = !cloned_at_once && !matches!(what, Move::Replace | Move::Delete);
        assert!(!must_tell || outcome.flags & SOURCE_CHANGED != 0, "{told}: not told");
    } else {
        let found = fs::read(&dst).ok();
        let before = (how.if_exists == abi::REPLACE).then(|| b"precious".to_vec());
        assert!(found == before, "{told}");
    }
    let _ = (fs::remove_file(&src), fs::remove_file(&dst));
    assert!(room.names().is_empty(), "{told}: {:?}", room.names());
}

// ── Names ──

/// What an attacker puts in a name's place.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Thing {
    File,
    Link,
    DanglingLink,
    Fifo,
    Directory,
    Nothing,
}

const THINGS: [Thing; 6] =
    [Thing::File, Thing::Link, Thing::DanglingLink, Thing::Fifo, Thing::Directory, Thing::Nothing];

impl Thing {
    fn put(self, at: &Path, victim: &Path) {
        match self {
            Thing::File => fs::write(at, b"foreign").unwrap(),
            Thing::Link => symlink(victim, at).unwrap(),
            Thing::DanglingLink => symlink(victim.with_file_name("nowhere"), at).unwrap(),
            Thing::Fifo => drop(files::fifo(at)),
            Thing::Directory => fs::create_dir(at).unwrap(),
            Thing::Nothing => {}
        }
    }

    fn remove(at: &Path) {
        let _ = fs::remove_file(at).or_else(|_| fs::remove_dir(at));
    }
}

fn identity(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|there| there.ino())
}

fn the_destination_is_swapped(place: &Place) {
    let place = place.clone();
    in_time(format!("{}: the destination is swapped", place.name), move || {
        let room = Room::new(&place.dir);
        let content = files::bytes(3, 100_000);
        files::file(&room.path("src"), &content);
        files::file(&room.path("victim"), b"precious");
        for (mode, durability, if_exists) in levels() {
            for thing in THINGS {
                for cancel in [false, true] {
                    let how = Options { mode, durability, if_exists, ..Options::default() };
                    one_swapped_destination(&room, &content, how, thing, cancel);
                }
            }
        }
    });
}

fn one_swapped_destination(room: &Room, content: &[u8], how: Options, thing: Thing, cancel: bool) {
    let (src, dst, aside) = (room.path("src"), room.path("dst"), room.path("aside"));
    let replace = how.if_exists == abi::REPLACE;
    if replace {
        fs::write(&dst, b"old").unwrap();
    }
    let mut foreign = None;
    let act = || {
        // Whatever stands there goes out of the way, as an attacker would do it.
        let _ = fs::rename(&dst, &aside);
        thing.put(&dst, &room.path("victim"));
        foreign = identity(&dst);
        cancel
    };
    let (code, outcome) = copy_while(&src, &dst, how, 0, act);
    let told = format!(
        "{thing:?}, {:?}{}: {code} {outcome:?}",
        (how.mode, how.durability, how.if_exists),
        if cancel { ", cancelled" } else { "" }
    );
    assert_eq!(fs::read(room.path("victim")).unwrap(), b"precious", "{told}");
    assert!(!room.path("nowhere").exists(), "{told}: written through a dangling link");
    let stays = || assert_eq!(identity(&dst), foreign, "{told}: what stood there is gone");
    let unstaged = how.durability == abi::UNSTAGED && !replace;
    match (thing, code) {
        _ if cancel => {
            assert_eq!(code, -libc::ECANCELED, "{told}");
            stays();
        }
        // The file under its own name was carried away by someone: that one is complete, and what stands in its place
        // stays.
        _ if unstaged => {
            assert_eq!(code, 0, "{told}");
            stays();
            assert!(fs::read(&aside).unwrap() == content, "{told}");
        }
        (Thing::Nothing, _) => assert_eq!(code, 0, "{told}"),
        (_, _) if !replace => {
            assert_eq!(code, -libc::EEXIST, "{told}");
            stays();
        }
        (Thing::Fifo, _) => {
            assert_eq!(code, abi::ERR_NOT_REGULAR, "{told}");
            stays();
        }
        (Thing::Directory, _) => {
            assert_eq!(code, -libc::EISDIR, "{told}");
            stays();
        }
        _ => assert_eq!(code, 0, "{told}"),
    }
    if code == 0 && !unstaged {
        assert!(
            fs::symlink_metadata(&dst).unwrap().is_file() && fs::read(&dst).unwrap() == content,
            "{told}"
        );
    }
    Thing::remove(&dst);
    Thing::remove(&aside);
    assert_eq!(room.names(), ["src", "victim"], "{told}");
}

fn the_parent_is_renamed(place: &Place) {
    let place = place.clone();
    in_time(format!("{}: the parent is renamed", place.name), move || {
        let room = Room::new(&place.dir);
        let content = files::bytes(4, 100_000);
        let src = files::file(&room.path("src"), &content);
        let (parent, moved) = (room.path("parent"), room.path("moved"));
        for (mode, durability, if_exists) in levels() {
            for durability in [durability, abi::DURABLE] {
                for another in [false, true] {
                    fs::create_dir(&parent).unwrap();
                    let dst = parent.join("dst");
                    if if_exists == abi::REPLACE {
                        fs::write(&dst, b"old").unwrap();
                    }
                    let how = Options { mode, durability, if_exists, ..Options::default() };
                    let (code, outcome) = copy_while(&src, &dst, how, 0, || {
                        fs::rename(&parent, &moved).unwrap();
                        if another {
                            fs::create_dir(&parent).unwrap();
                        }
                        !CANCEL
                    });
                    let told = format!("{:?}, {another}: {code} {outcome:?}", (mode, durability, if_exists));
                    let whole = [&parent, &moved]
                        .map(|dir| fs::read(dir.join("dst")).is_ok_and(|found| found == content));
                    assert_eq!(
                        whole.iter().filter(|whole| **whole).count(),
                        usize::from(code == 0),
                        "{told}"
                    );
                    assert!(code == 0 || code == -libc::ENOENT, "{told}");
                    for dir in [&parent, &moved].into_iter().filter(|dir| dir.exists()) {
                        assert!(
                            files::names(dir).iter().all(|name| name == "dst"),
                            "{told}: {:?}",
                            files::names(dir)
                        );
                        let found = fs::read(dir.join("dst"));
                        assert!(
                            found.is_err() || found.is_ok_and(|found| found == content || found == b"old"),
                            "{told}"
                        );
                        fs::remove_dir_all(dir).unwrap();
                    }
                }
            }
        }
    });
}

// ── The private name ──

fn the_private_name_is_swapped(place: &Place) {
    let room = Room::new(&place.dir);
    files::file(&room.path("src"), &files::bytes(5, LENGTH));
    files::file(&room.path("victim"), b"precious");
    child::run("private-name", &[room.0.to_str().unwrap()]);
    assert_eq!(room.names(), ["src", "victim"]);
}

/// Where there are no files without a name, a copy stands under a private one while it is made, and whoever may write to the
/// directory can put something else there.
fn private_name(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    abi::library();
    let content = fs::read(room.join("src")).unwrap();
    sandbox::refuse_unnamed();
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE] {
            for if_exists in [0, abi::REPLACE] {
                for thing in THINGS {
                    for cancel in [false, true] {
                        let how = Options { mode, durability, if_exists, ..Options::default() };
                        one_swapped_private_name(&room, &content, how, thing, cancel);
                    }
                }
            }
        }
    }
}

fn one_swapped_private_name(room: &Path, content: &[u8], how: Options, thing: Thing, cancel: bool) {
    let (dst, aside) = (room.join("dst"), room.join("aside"));
    if how.if_exists == abi::REPLACE {
        fs::write(&dst, b"old").unwrap();
    }
    let (mut private, mut foreign) = (PathBuf::new(), None);
    let act = || {
        let name = files::names(room).into_iter().find(|name| name.starts_with(".reflink-"));
        private = room.join(name.expect("a private name"));
        fs::rename(&private, &aside).unwrap();
        thing.put(&private, &room.join("victim"));
        foreign = identity(&private);
        cancel
    };
    let (code, outcome) = copy_while(&room.join("src"), &dst, how, 0, act);
    let told = format!(
        "{thing:?}, {:?}{}: {code} {outcome:?}",
        (how.mode, how.durability, how.if_exists),
        if cancel { ", cancelled" } else { "" }
    );
    assert_eq!(fs::read(room.join("victim")).unwrap(), b"precious", "{told}");
    assert!(!room.join("nowhere").exists(), "{told}: written through a dangling link");
    // Success is every byte, whoever else was there; and what is not the library's is neither published nor removed.
    assert!(code != 0, "{told}: success, and the copy is not there");
    assert_eq!(identity(&private), foreign, "{told}: what stood under the private name is gone");
    let found = fs::read(&dst).ok();
    let before = (how.if_exists == abi::REPLACE).then(|| b"old".to_vec());
    assert!(found == before, "{told}: the destination changed");
    assert!(cancel || fs::read(&aside).unwrap() == content, "{told}");
    for path in [&dst, &aside, &private] {
        Thing::remove(path);
    }
}

// ── Without a place that is known ──

/// Someone puts one thing after another under both names, as fast as it goes, while copies are made: no race is lost in a
/// place that is known, and each may be lost.
fn names_change_all_the_time(place: &Place) {
    let place = place.clone();
    in_time(format!("{}: names change all the time", place.name), move || {
        let room = Room::new(&place.dir);
        let contents = [files::bytes(6, 150_000), files::bytes(7, 80_000)];
        for (name, content) in ["one", "other"].iter().zip(&contents) {
            files::file(&room.path(name), content);
        }
        files::file(&room.path("victim"), b"precious");
        let over = AtomicBool::new(false);
        let (mut copied, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| swap_for_ever(&room, &over));
            let until = Instant::now() + Duration::from_secs(3);
            let mut random = Random::new(seed::seed(), place.name);
            while Instant::now() < until {
                let how = Options {
                    mode: *random.pick(&[abi::AUTO, abi::NEVER]),
                    durability: *random.pick(&[abi::ATOMIC, abi::UNSTAGED]),
                    if_exists: *random.pick(&[0, abi::REPLACE]),
                    ..Options::default()
                };
                let (code, outcome) = abi::copy_file(&room.path("src"), &room.path("dst"), &how);
                let known = [0, -libc::EEXIST, -libc::ENOENT, -libc::EISDIR, abi::ERR_NOT_REGULAR];
                assert!(known.contains(&code), "{code} {outcome:?}");
                copied += u32::from(code == 0);
                refused += u32::from(code != 0);
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(copied > 0 && refused > 0, "{copied} copies, {refused} refusals: no race");
        assert_eq!(fs::read(room.path("victim")).unwrap(), b"precious");
        for (name, content) in ["one", "other"].iter().zip(&contents) {
            assert!(fs::read(room.path(name)).unwrap() == *content, "{name} was written");
        }
        // What was carried away whole is one of both, or foreign, and nothing has a private name.
        for name in room.names() {
            assert!(["dst", "one", "other", "src", "victim"].contains(&name.as_str()), "litter: {name}");
        }
    });
}

fn swap_for_ever(room: &Room, over: &AtomicBool) {
    let mut random = Random::new(seed::seed(), "swap");
    let next = room.path("next");
    while !over.load(Ordering::Relaxed) {
        let name = room.path(["src", "dst", "dst"][random.below(3) as usize]);
        Thing::remove(&next);
        if name.ends_with("src") && !random.one_in(3) {
            let _ = fs::hard_link(room.path(["one", "other"][random.below(2) as usize]), &next);
        } else {
            random.pick(&THINGS).put(&next, &room.path("victim"));
        }
        // Over it where that is possible, else after it is out of the way.
        if fs::rename(&next, &name).is_err() {
            Thing::remove(&name);
            let _ = fs::rename(&next, &name);
        }
    }
    Thing::remove(&next);
}

// ── Many at once ──

fn many_copies_to_one_name(place: &Place) {
    let place = place.clone();
    in_time(format!("{}: many copies to one name", place.name), move || {
        let room = Room::new(&place.dir);
        let contents: Vec<Vec<u8>> = (0..8).map(|number| files::bytes(number + 10, 500_000)).collect();
        for (number, content) in contents.iter().enumerate() {
            files::file(&room.path(&format!("src-{number}")), content);
        }
        for (mode, durability, if_exists) in levels() {
            let how = Options { mode, durability, if_exists, ..Options::default() };
            // Two that make a file under its own name at once show it while it is made: that is what UNSTAGED is.
            let watched = durability != abi::UNSTAGED;
            many_at_once(&room, &contents, how, watched);
        }
    });
}

fn many_at_once(room: &Room, contents: &[Vec<u8>], how: Options, watched: bool) {
    let dst = room.path("dst");
    let (over, won, seen) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let is_one = |found: &[u8]| contents.iter().any(|content| content == found);
    // The pointers in it are NULL: no progress function.
    let numbers = (how.mode, how.durability, how.if_exists);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if let Ok(found) = fs::read(&dst) {
                    assert!(!watched || is_one(&found), "{} bytes of no source were seen", found.len());
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let copiers: Vec<_> = (0..contents.len())
            .map(|number| {
                let (dst, won) = (&dst, &won);
                let src = room.path(&format!("src-{number}"));
                scope.spawn(move || {
                    let (mode, durability, if_exists) = numbers;
                    let how = Options { mode, durability, if_exists, ..Options::default() };
                    for _ in 0..4 {
                        let (code, outcome) = abi::copy_file(&src, dst, &how);
                        assert!(code == 0 || (if_exists == 0 && code == -libc::EEXIST), "{code} {outcome:?}");
                        won.fetch_add(usize::from(code == 0), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for copier in copiers {
            copier.join().unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    let expected = if how.if_exists == 0 { 1 } else { contents.len() * 4 };
    assert_eq!(won.into_inner(), expected, "{numbers:?}");
    assert!(is_one(&fs::read(&dst).unwrap()), "{numbers:?}");
    fs::remove_file(&dst).unwrap();
    assert_eq!(room.names().len(), contents.len(), "{:?}", room.names());
}
