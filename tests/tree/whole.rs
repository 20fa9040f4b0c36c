//! Whole trees: everything in the odd tree is in its copy, whoever copies it with whichever options, and the counts say so.

use std::fs;
use std::path::Path;

use crate::abi::{self, ALL_METADATA, TIMES};
use crate::calls::{self, Options, SKIP_SPECIAL, SPLIT_LINKS};
use crate::files::Room;
use crate::lab::Place;
use crate::walker::{self, Counts, Kept, Kind, Tree};
use crate::{Attack, KINDS, ONE, needs_root, odd};

pub const ALL: &[Attack] = &[
    Attack("the_odd_tree_as_root", KINDS, the_odd_tree),
    Attack("the_odd_tree_as_a_user", KINDS, the_odd_tree_as_a_user),
    Attack("a_tree_of_every_mode", ONE, a_tree_of_every_mode),
];

/// Gives up root for good. Does nothing for an ordinary user.
pub fn become_a_user() {
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setresgid(1000, 1000, 1000), 0);
        assert_eq!(libc::setresuid(1000, 1000, 1000), 0);
    }
}

/// Checks a copy, and what the call reported.
pub fn assert_copied(source: &Tree, dst: &Path, options: &Options, outcome: &calls::Outcome) {
    let kept = Kept::of(options);
    walker::assert_copy(source, &walker::walk(dst), kept);
    let mut wanted = Counts::of(source, kept.links);
    if options.flags & SKIP_SPECIAL != 0 {
        wanted.specials = 0;
    }
    assert_eq!(Counts::told(outcome), wanted, "{outcome:?}");
    assert_eq!(outcome.seen(), outcome.done(), "{outcome:?}");
}

fn the_odd_tree_as_a_user(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    the_odd_tree_in(place, &room);
    odd::mode(&room.path("src/closed"), 0o700);
    odd::mode(&room.path("src/closed/below"), 0o700);
}

fn the_odd_tree(place: &Place) {
    the_odd_tree_in(place, &Room::new(&place.dir));
}

fn the_odd_tree_in(place: &Place, room: &Room) {
    let (src, dst) = (room.path("src"), room.path("dst"));
    odd::make(&src);
    unsafe { libc::umask(0o027) };
    let source = walker::walk(&src);
    for (mode, preserve, flags, threads, durability) in [
        (abi::AUTO, 0, 0, 0, abi::ATOMIC),
        (abi::AUTO, ALL_METADATA, 0, 1, abi::ATOMIC),
        (abi::NEVER, TIMES, 0, 2, abi::UNSTAGED),
        (abi::AUTO, ALL_METADATA, SPLIT_LINKS, 4, abi::UNSTAGED),
        (abi::AUTO, ALL_METADATA, calls::FLUSH_SOURCE, 4, abi::DURABLE),
    ] {
        let options = Options { mode, preserve, flags, threads, durability, ..Options::default() };
        let outcome = calls::copied(&src, &dst, &options);
        assert_copied(&source, &dst, &options, &outcome);
        assert_eq!(room.names(), ["dst", "src"]);
        let cloned = if place.clones && mode == abi::AUTO { outcome.files - outcome.files_empty } else { 0 };
        assert_eq!(outcome.files_cloned, cloned, "{outcome:?}");
        replaced_and_removed(room, &source, &options);
    }
    walker::assert_untouched(&source, &walker::walk(&src));
    assert_eq!(room.names(), ["src"]);
}

/// The copy is replaced, merged into, and removed: all of it must be removed, also what forbids writing.
fn replaced_and_removed(room: &Room, source: &Tree, options: &Options) {
    let (src, dst) = (room.path("src"), room.path("dst"));
    let replacing = Options { if_exists: abi::REPLACE, ..*options };
    let (code, outcome) = calls::copy(&src, &dst, &replacing);
    // An overlay cannot exchange what is in its lower layer; what was just made is not.
    assert_eq!(code, 0, "{outcome:?}");
    assert_copied(source, &dst, &replacing, &outcome);
    assert_eq!(room.names(), ["dst", "src"]);
    let inside = walker::walk(&dst);
    let outcome = calls::removed(&dst);
    let wanted =
        |kind| inside.iter().filter(|(path, node)| !path.is_empty() && node.kind == kind).count() as u64;
    let told = [outcome.files, outcome.directories, outcome.symlinks, outcome.specials];
    assert_eq!(told, [Kind::File, Kind::Directory, Kind::Symlink, Kind::Special].map(wanted));
}

/// Modes of directories and files whatever the umask is, and the set-group bit that a parent hands down.
fn a_tree_of_every_mode(place: &Place) {
    needs_root(); // to read what nobody may
    let room = Room::new(&place.dir);
    for parent in [0o755, 0o2755] {
        odd::mode(&room.0, parent);
        unsafe { libc::umask(0) };
        let src = odd::directory(&room.path("src"));
        for mode in 0..0o1000 {
            let inside = odd::directory(&src.join(format!("directory-{mode:o}")));
            fs::write(inside.join("file"), b"x").unwrap();
            odd::mode(&inside.join("file"), mode);
            odd::mode(&inside, mode);
        }
        for umask in [0, 0o077, 0o777] {
            unsafe { libc::umask(umask) };
            let outcome = calls::copied(&src, &room.path("dst"), &Options::default());
            assert_eq!((outcome.files, outcome.directories), (512, 512));
            let copy = walker::walk(&room.path("dst"));
            for (path, node) in walker::walk(&src) {
                let inherited = if node.kind == Kind::Directory { parent & 0o2000 } else { 0 };
                assert_eq!(copy[&path].mode & 0o7777, node.mode & 0o777 | inherited, "{path:?}");
            }
            calls::removed(&room.path("dst"));
        }
        calls::removed(&src);
    }
}
