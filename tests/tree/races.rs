//! Others who move things about while a tree is copied: nothing outside is read into the copy, written or removed,
//! nothing hangs, and what a call reports is true.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::abi::{self, c_path};
use crate::calls::{self, MERGE, Options, Outcome};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::seed::{self, Random};
use crate::walker::{self, Tree};
use crate::{Attack, odd};

const PLACES: &[&str] = &["xfs-4k", "btrfs", "ext4", "tmpfs"];

pub const ALL: &[Attack] = &[
    Attack("entries_become_links_to_outside", PLACES, entries_become_links),
    Attack("directories_of_the_source_move", PLACES, directories_move),
    Attack("the_copy_is_swapped_for_links_to_outside", PLACES, the_copy_is_swapped),
    Attack("a_removal_follows_no_swapped_link", PLACES, a_removal_follows_no_swapped_link),
    Attack("what_stays_is_copied_while_names_come_and_go", PLACES, names_come_and_go),
    Attack("one_of_eight_copies_to_one_name_wins", PLACES, eight_copies_to_one_name),
];

/// Another process that does mischief until it is killed.
struct Mischief(libc::pid_t);

impl Mischief {
    fn begin(mut once: impl FnMut(&mut Random)) -> Self {
        let seed = seed::seed();
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let mut random = Random::new(seed, "mischief");
            loop {
                once(&mut random);
            }
        }
        Self(child)
    }
}

impl Drop for Mischief {
    fn drop(&mut self) {
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

pub fn exchange(one: &Path, other: &Path) {
    let (one, other) = (c_path(one), c_path(other));
    let at = libc::AT_FDCWD;
    unsafe {
        libc::syscall(libc::SYS_renameat2, at, one.as_ptr(), at, other.as_ptr(), libc::RENAME_EXCHANGE);
    }
}

const NAME_CLASH: i32 = -4104;

pub const CANARY: &[u8] = b"canary: nobody copies this, nobody writes here";

/// A directory outside of all trees, and what is in it, to see that nobody was there.
fn canary(room: &Room) -> (PathBuf, Tree) {
    let outside = odd::directory(&room.path("outside"));
    odd::directory(&outside.join("below"));
    for name in ["file-0", "file-1", "below/file-0"] {
        files::file(&outside.join(name), CANARY);
    }
    let tree = walker::walk(&outside);
    (outside, tree)
}

pub fn is_canary(node: &walker::Node) -> bool {
    node.size == CANARY.len() as u64
}

/// Copies again and again for a while; `after` judges each.
fn again_and_again(room: &Room, options: &Options, mut after: impl FnMut(i32, &Outcome)) {
    let (began, bound) = (Instant::now(), seed::time(2).min(Duration::from_secs(20)));
    let mut round = 0;
    while began.elapsed() < bound || round < 4 {
        let options = Options { threads: [0, 2, 4][round % 3], ..*options };
        let (code, outcome) = calls::copy(&room.path("src"), &room.path("dst"), &options);
        after(code, &outcome);
        if let Ok(there) = fs::symlink_metadata(room.path("dst")) {
            let is_link = there.file_type().is_symlink();
            assert!(!is_link, "the destination is a link");
        }
        clear(room);
        round += 1;
    }
    assert!(round >= 4);
}

/// Removes the copy and what was left beside it.
fn clear(room: &Room) {
    let known = ["src", "outside", "aside"];
    for name in room.names().iter().filter(|name| !known.contains(&name.as_str())) {
        let _ = std::process::Command::new("rm").arg("-rf").arg(room.path(name)).status();
    }
}

/// Files and directories of the source turn into links to the canary, and back.
fn entries_become_links(place: &Place) {
    let room = Room::new(&place.dir);
    let (outside, before) = canary(&room);
    let (src, aside) = (room.path("src"), odd::directory(&room.path("aside")));
    odd::plain(&src, 6, 40);
    for number in 0..6 {
        symlink(&outside, aside.join(format!("directory-{number}"))).unwrap();
        symlink(outside.join("file-0"), aside.join(format!("file-{number}"))).unwrap();
    }
    let source = walker::walk(&src);
    let mischief = Mischief::begin(|random| {
        let number = random.below(6);
        let directory = src.join(format!("directory-{number}"));
        if random.one_in(2) {
            exchange(&directory, &aside.join(format!("directory-{number}")));
        } else {
            let file = directory.join(format!("file-{}", random.below(40)));
            // Through a link this would swap names of the canary itself.
            if fs::symlink_metadata(&directory).is_ok_and(|there| there.is_dir()) {
                exchange(&file, &aside.join(format!("file-{number}")));
            }
        }
    });
    let mut fine = 0;
    again_and_again(&room, &Options::default(), |code, _| {
        if code == 0 {
            fine += 1;
            let copy = walker::walk(&room.path("dst"));
            let read = copy.iter().find(|(_, node)| node.kind == walker::Kind::File && is_canary(node));
            assert!(read.is_none(), "the canary was read: {read:?}");
            assert!(copy.len() <= source.len(), "{} entries", copy.len());
        }
    });
    drop(mischief);
    println!("{fine} went well");
    // Its names may have been swapped by the mischief itself, its content not.
    assert_eq!(walker::walk(&outside).len(), before.len());
}

/// Directories of the source move up, down and out while they are read.
fn directories_move(place: &Place) {
    let room = Room::new(&place.dir);
    let (outside, before) = canary(&room);
    let (src, aside) = (room.path("src"), odd::directory(&room.path("aside")));
    odd::plain(&src, 4, 30);
    // Deep enough that directories above are closed, and found again by "..".
    let mut deep = src.clone();
    for level in 0..60 {
        deep = odd::directory(&deep.join("deep"));
        fs::write(deep.join(format!("file-{level}")), b"deep").unwrap();
    }
    let names = walker::walk(&src).len();
    let mischief = Mischief::begin(|random| {
        let depth = random.below(50) as usize;
        let from = (0..=depth).fold(src.clone(), |path, _| path.join("deep"));
        let to = if random.one_in(2) { aside.join("moved") } else { src.join("directory-1/moved") };
        if fs::rename(&from, &to).is_ok() {
            std::thread::sleep(Duration::from_micros(random.below(500)));
            fs::rename(&to, &from).unwrap();
        }
    });
    again_and_again(&room, &Options::default(), |code, outcome| {
        if code == 0 {
            let copy = walker::walk(&room.path("dst"));
            assert!(!copy.values().any(is_canary), "the canary was read");
            // What moves while it is read may be met twice.
            assert!(copy.len() <= 2 * names, "{} of {names} entries: {outcome:?}", copy.len());
        } else {
            assert!(outcome.step != 0);
        }
    });
    drop(mischief);
    walker::assert_untouched(&before, &walker::walk(&outside));
}

/// Who may write in the destination's parent swaps what is in the private directory for links, and moves it away.
fn the_copy_is_swapped(place: &Place) {
    for if_exists in [0, MERGE] {
        let room = Room::new(&place.dir);
        let (outside, before) = canary(&room);
        let aside = odd::directory(&room.path("aside"));
        odd::plain(&room.path("src"), 6, 40);
        for number in 0..6 {
            symlink(&outside, aside.join(format!("directory-{number}"))).unwrap();
        }
        let directory = room.0.clone();
        let mischief = Mischief::begin(|random| {
            let Ok(entries) = fs::read_dir(&directory) else { return };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.starts_with(".reflink-") && name != "dst" {
                    continue;
                }
                let number = random.below(6);
                let inside = entry.path().join(format!("directory-{number}"));
                if random.one_in(8) {
                    let moved = aside.join("moved");
                    if fs::rename(entry.path(), &moved).is_ok() {
                        std::thread::sleep(Duration::from_micros(random.below(300)));
                        let _ = fs::rename(&moved, entry.path());
                    }
                } else if random.one_in(2) {
                    exchange(&inside, &aside.join(format!("directory-{number}")));
                } else if fs::rename(&inside, aside.join("taken")).is_ok() {
                    let _ = symlink(&outside, &inside);
                    let _ = std::process::Command::new("rm").arg("-rf").arg(aside.join("taken")).status();
                }
            }
        });
        again_and_again(&room, &Options { if_exists, ..Options::default() }, |_, _| {
            walker::assert_untouched(&before, &walker::walk(&outside));
        });
        drop(mischief);
        walker::assert_untouched(&before, &walker::walk(&outside));
    }
}

/// A tree that is removed turns into links to the canary.
fn a_removal_follows_no_swapped_link(place: &Place) {
    let room = Room::new(&place.dir);
    let (outside, before) = canary(&room);
    let aside = odd::directory(&room.path("aside"));
    let dst = room.path("dst");
    for number in 0..6 {
        symlink(&outside, aside.join(format!("directory-{number}"))).unwrap();
    }
    symlink(&outside, aside.join("root")).unwrap();
    let began = Instant::now();
    let bound = seed::time(2).min(Duration::from_secs(20));
    let mischief = Mischief::begin(|random| {
        let number = random.below(7);
        if number == 6 {
            exchange(&dst, &aside.join("root"));
            exchange(&dst, &aside.join("root"));
        } else {
            exchange(&dst.join(format!("directory-{number}")), &aside.join(format!("directory-{number}")));
        }
    });
    while began.elapsed() < bound {
        // Made elsewhere: a path through what is being swapped would lead this test itself to the canary.
        if fs::symlink_metadata(&dst).is_err() {
            odd::plain(&room.path("fresh"), 6, 20);
            let _ = fs::rename(room.path("fresh"), &dst);
        }
        let (_, outcome) = calls::remove(&dst, &Options::default());
        assert!(outcome.seen() < 10_000, "{outcome:?}");
        walker::assert_untouched(&before, &walker::walk(&outside));
        if fs::symlink_metadata(&dst).is_ok_and(|there| there.file_type().is_symlink()) {
            let _ = fs::remove_file(&dst);
        }
    }
    drop(mischief);
    walker::assert_untouched(&before, &walker::walk(&outside));
}

/// Files and directories are made and removed in the source without end: what is there all the time is copied.
fn names_come_and_go(place: &Place) {
    let room = Room::new(&place.dir);
    let src = room.path("src");
    odd::plain(&src, 4, 50);
    let source = walker::walk(&src);
    let mischief = Mischief::begin(|random| {
        let directory = src.join(format!("directory-{}", random.below(4)));
        // Of each name always the same kind: one that changes its kind while it is looked at may be told.
        let number = random.below(200);
        let name = directory.join(format!("passing-{number}"));
        match random.one_in(2).then_some(number % 3) {
            Some(0) => drop(fs::write(&name, b"passing")),
            Some(1) => drop(fs::create_dir(&name)),
            Some(_) => drop(symlink("passing", &name)),
            _ => {
                let _ = fs::remove_file(&name);
                let _ = fs::remove_dir(&name);
            }
        }
    });
    again_and_again(&room, &Options::default(), |code, outcome| {
        if code == NAME_CLASH {
            return; // XFS may list a name twice that was removed and made anew meanwhile: it clashes with itself
        }
        assert_eq!(code, 0, "{outcome:?}");
        let copy = walker::walk(&room.path("dst"));
        for (path, node) in &source {
            let there = copy.get(path).map(|there| (there.kind, there.hash));
            assert_eq!(there, Some((node.kind, node.hash)), "{:?}", String::from_utf8_lossy(path));
        }
        assert_eq!(copy.len() as u64 - 1 + outcome.vanished, outcome.seen(), "{outcome:?}");
    });
    drop(mischief);
}

/// One of them wins, the others report -EEXIST, and nothing else is left.
fn eight_copies_to_one_name(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 3, 20);
    let source = walker::walk(&room.path("src"));
    let (src, dst) = (c_path(&room.path("src")), c_path(&room.path("dst")));
    for (round, if_exists) in [0, 0, 0, abi::REPLACE, abi::REPLACE, MERGE].into_iter().enumerate() {
        let codes: Vec<i32> = std::thread::scope(|scope| {
            let one = |number: u32| {
                let options = Options { if_exists, threads: number % 3, ..Options::default() };
                let mut outcome = Outcome::unwritten();
                let code =
                    unsafe { (calls::library().copy)(src.as_ptr(), dst.as_ptr(), &options, &mut outcome) };
                calls::check(code, &outcome);
                code
            };
            let all: Vec<_> = (0..8).map(|number| scope.spawn(move || one(number))).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let fine = codes.iter().filter(|code| **code == 0).count();
        if if_exists == 0 {
            assert_eq!(fine, 1, "round {round}: {codes:?}");
            assert!(codes.iter().all(|code| [0, -libc::EEXIST].contains(code)), "{codes:?}");
        } else {
            assert!(fine >= 1, "round {round}: {codes:?}");
        }
        walker::assert_copy(&source, &walker::walk(&room.path("dst")), walker::Kept::of(&Options::default()));
        assert_eq!(room.names(), ["dst", "src"], "round {round}: {codes:?}");
        calls::removed(&room.path("dst"));
    }
}
