//! Each value of `if_exists` and each flag: what it changes, and what it leaves alone.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::Path;

use crate::abi::{self, ALL_METADATA, DESTINATION_CHANGED, LITTER, PUBLISHED, REPLACE};
use crate::calls::{
    self, INTO_ITSELF, KEEP_EXISTING, KEEP_REPLACED, MERGE, NOFOLLOW, ONE_MOUNT, Options, SKIP_SPECIAL,
    SPLIT_LINKS, TWO_RENAMES,
};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::walker::{self, Kind, Tree};
use crate::whole::{assert_copied, become_a_user};
use crate::{Attack, KINDS, ONE, cannot, needs_root, odd};

pub const ALL: &[Attack] = &[
    Attack("what_is_there_stays_under_fail", KINDS, what_is_there_stays_under_fail),
    Attack("replacing_removes_or_keeps_the_old_tree", KINDS, replacing),
    Attack("replacing_as_a_user_removes_or_keeps_the_old_tree", KINDS, replacing_as_a_user),
    Attack("a_lower_layer_is_replaced_by_two_renames", &["tmpfs"], a_lower_layer),
    Attack("a_merge_keeps_what_only_the_destination_has", KINDS, merging),
    Attack("keep_existing_replaces_nothing", KINDS, merging_and_keeping),
    Attack("a_merge_that_fails_says_what_it_changed", ONE, a_merge_that_fails),
    Attack("split_links_makes_separate_files", KINDS, links_are_split),
    Attack("hard_links_to_outside_become_files", KINDS, links_to_outside),
    Attack("special_files_are_left_out_and_counted", KINDS, specials_are_skipped),
    Attack("mount_points_are_left_empty", KINDS, one_mount),
    Attack("mounts_at_the_destination", KINDS, mounts_at_the_destination),
    Attack("a_source_that_a_mount_hides_stays", KINDS, a_source_that_a_mount_hides_stays),
    Attack("a_copy_into_or_around_itself_is_refused", KINDS, into_itself),
    Attack("a_link_as_source_is_followed_unless_forbidden", ONE, links_as_source),
    Attack("nocow_directories_stay_nocow", &["btrfs"], nocow_directories),
    Attack("subvolumes_become_directories", &["btrfs"], subvolumes),
    Attack("inherited_modes", &["xfs-4k", "btrfs", "ext4", "tmpfs"], inherited_modes),
    Attack("anothers_destination_stays", KINDS, anothers_destination),
    Attack("inherited_acls", &["xfs-4k", "btrfs", "ext4", "tmpfs"], inherited_acls),
    Attack(
        "new_files_that_their_owner_may_not_write",
        &["xfs-4k", "btrfs", "ext4", "tmpfs"],
        closed_when_made,
    ),
    Attack("append_only_directories", &["xfs-4k", "btrfs", "ext4", "tmpfs"], append_only),
    Attack("attributes_of_what_is_not_opened", KINDS, attributes_of_what_is_not_opened),
];

fn with(if_exists: u32, flags: u64) -> Options {
    Options { if_exists, flags, ..Options::default() }
}

/// Makes one existing entry of each kind. Returns their names, and what they are, to see that they stay.
fn obstacles(room: &Room) -> Vec<(&'static str, Tree)> {
    odd::directory(&room.path("empty"));
    odd::plain(&room.path("full"), 2, 2);
    files::file(&room.path("file"), b"precious");
    symlink("full", room.path("link")).unwrap();
    symlink("nowhere", room.path("dangling")).unwrap();
    files::fifo(&room.path("fifo"));
    ["empty", "full", "file", "link", "dangling", "fifo"].map(|name| (name, of_name(&room.path(name)))).into()
}

/// Looks at what has a name, a tree or not.
fn of_name(path: &Path) -> Tree {
    let parent = path.parent().unwrap();
    let prefix = path.file_name().unwrap().as_encoded_bytes().to_vec();
    let inside = |name: &[u8]| name == prefix || name.starts_with(&[&prefix[..], b"/"].concat());
    let tree = walker::walk(parent);
    tree.into_iter().filter(|(name, _)| inside(name)).collect()
}

fn what_is_there_stays_under_fail(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 2, 3);
    let obstacles = obstacles(&room);
    let before = room.names();
    for (name, was) in &obstacles {
        for durability in [abi::ATOMIC, abi::UNSTAGED, abi::DURABLE] {
            let options = Options { durability, ..Options::default() };
            let (code, outcome) = calls::copy(&room.path("src"), &room.path(name), &options);
            assert_eq!((code, outcome.seen(), outcome.flags & PUBLISHED), (-libc::EEXIST, 0, 0), "{name}");
            walker::assert_untouched(was, &of_name(&room.path(name)));
            assert_eq!(room.names(), before);
        }
    }
}

fn replacing_as_a_user(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    replacing_in(&room);
}

fn replacing(place: &Place) {
    replacing_in(&Room::new(&place.dir));
}

fn replacing_in(room: &Room) {
    let src = room.path("src");
    odd::plain(&src, 2, 3);
    let source = walker::walk(&src);
    let obstacles = obstacles(room);
    let before = room.names();
    for (name, was) in &obstacles {
        let dst = room.path(name);
        let refused = ["file", "fifo"].contains(name);
        for flags in [KEEP_REPLACED, KEEP_REPLACED | TWO_RENAMES, 0] {
            for durability in [abi::UNSTAGED, abi::DURABLE, abi::ATOMIC] {
                let options = Options { durability, ..with(REPLACE, flags) };
                let (code, outcome) = calls::copy(&src, &dst, &options);
                if refused {
                    assert_eq!((code, outcome.flags & PUBLISHED), (-libc::ENOTDIR, 0), "{name}: {outcome:?}");
                    walker::assert_untouched(was, &of_name(&dst));
                    assert_eq!(room.names(), before);
                    continue;
                }
                assert_eq!(code, 0, "{name}: {outcome:?}");
                assert_copied(&source, &dst, &options, &outcome);
                if flags & KEEP_REPLACED == 0 {
                    assert_eq!((room.names(), outcome.flags & LITTER), (before.clone(), 0), "{outcome:?}");
                } else {
                    put_back(room, name, was, outcome.litter());
                    assert_eq!(room.names(), before);
                }
            }
        }
        // A target of a link is not what is replaced.
        assert!(room.path("full/directory-0").is_dir() || *name != "link", "{name}");
    }
    old_trees_that_resist(room, &source);
    an_old_tree_that_somebody_works_in(room, &source);
    // Nothing there: as under FAIL.
    let outcome = calls::copied(&src, &room.path("new"), &with(REPLACE, KEEP_REPLACED));
    assert_eq!(outcome.flags & LITTER, 0);
}

/// The replaced tree has the reported name and is unchanged; this gives it its old name back.
fn put_back(room: &Room, name: &str, was: &Tree, litter: &str) {
    assert!(litter.starts_with(".reflink-old-"), "{litter}");
    let dst = room.path(name);
    calls::removed(&dst);
    fs::rename(room.path(litter), &dst).unwrap();
    let (mut was, mut now) = (was.clone(), of_name(&dst));
    // Rename changes nothing but the directory's ".."; what is compared has no time of change.
    for tree in [&mut was, &mut now] {
        tree.values_mut().for_each(|node| node.accessed = (0, 0));
    }
    walker::assert_untouched(&was, &now);
}

/// Old trees that forbid everything to their owner are removed too.
fn old_trees_that_resist(room: &Room, source: &Tree) {
    for mode in [0o555, 0o111, 0o000, 0o222] {
        let old = odd::directory(&room.path("old"));
        for name in ["one", "two"] {
            let inside = odd::directory(&old.join(name));
            odd::plain(&inside.join("below"), 1, 2);
            odd::mode(&inside.join("below/directory-0"), mode);
            odd::mode(&inside.join("below"), mode);
            odd::mode(&inside, mode);
        }
        odd::mode(&old, mode);
        let options = with(REPLACE, 0);
        let (code, outcome) = calls::copy(&room.path("src"), &old, &options);
        assert_eq!((code, outcome.flags & LITTER), (0, 0), "{mode:o}: {outcome:?}");
        assert_copied(source, &old, &options, &outcome);
        calls::removed(&old);
        assert!(room.names().iter().all(|name| !name.starts_with('.')), "{:?}", room.names());
    }
}

/// It is another process's current directory, and open there.
fn an_old_tree_that_somebody_works_in(room: &Room, source: &Tree) {
    let old = room.path("old");
    odd::plain(&old, 1, 1);
    let mut worker =
        std::process::Command::new("sleep").arg("60").current_dir(old.join("directory-0")).spawn().unwrap();
    let outcome = calls::copied(&room.path("src"), &old, &with(REPLACE, 0));
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_copied(source, &old, &with(REPLACE, 0), &outcome);
    assert!(!outcome.has(LITTER), "{outcome:?}");
    calls::removed(&old);
}

/// An overlay of this test's own: what is in a lower layer cannot be exchanged.
fn a_lower_layer(place: &Place) {
    let room = Room::new(&place.dir);
    own_mounts();
    for name in ["lower", "upper", "work", "merged"] {
        odd::directory(&room.path(name));
    }
    odd::plain(&room.path("lower/dst"), 2, 2);
    odd::plain(&room.path("src"), 1, 3);
    let layers = format!(
        "lowerdir={},upperdir={},workdir={}",
        room.path("lower").display(),
        room.path("upper").display(),
        room.path("work").display()
    );
    mount(&["-t", "overlay", "-o", &format!("{layers},redirect_dir=off"), "test"], &room.path("merged"));
    let (src, dst) = (room.path("src"), room.path("merged/dst"));
    let was = walker::walk(&dst);
    let (code, outcome) = calls::copy(&src, &dst, &with(REPLACE, 0));
    assert_eq!((code, outcome.step), (-libc::EOPNOTSUPP, abi::STEP_PUBLISH), "{outcome:?}");
    walker::assert_untouched(&was, &walker::walk(&dst));
    assert_eq!(files::names(&room.path("merged")), ["dst"]);
    // A directory of the lower layer cannot be renamed away either: the name stays, and nothing is left.
    let (code, outcome) = calls::copy(&src, &dst, &with(REPLACE, TWO_RENAMES));
    assert!(code == 0 || code == -libc::EXDEV, "{outcome:?}");
    if code == 0 {
        assert_copied(&walker::walk(&src), &dst, &with(0, 0), &outcome);
    } else {
        walker::assert_untouched(&was, &walker::walk(&dst));
    }
    assert_eq!(files::names(&room.path("merged")), ["dst"]);
    unmount(&room.path("merged"));
}

// ── Merging ──

/// A tree to merge, and the tree that it is merged into.
fn two_trees(room: &Room) {
    let (src, dst) = (room.path("src"), room.path("dst"));
    for root in [&src, &dst] {
        odd::directory(root);
        for name in ["both", "both/deeper"] {
            odd::directory(&root.join(name));
        }
        files::file(&root.join("both/file"), root.as_os_str().as_encoded_bytes());
        files::file(&root.join("file"), root.as_os_str().as_encoded_bytes());
        symlink(root, root.join("link")).unwrap();
        files::fifo(&root.join("fifo"));
    }
    odd::directory(&src.join("new"));
    files::file(&src.join("new/file"), b"new");
    files::file(&src.join("new/linked"), b"linked");
    fs::hard_link(src.join("new/linked"), src.join("both/linked")).unwrap();
    files::file(&dst.join("both/linked"), b"of the destination");
    fs::hard_link(dst.join("both/linked"), dst.join("other-name")).unwrap();
    files::file(&dst.join("both/deeper/stays"), b"stays");
    files::file(&dst.join("stays"), b"stays");
    odd::directory(&dst.join("outside"));
    files::file(&dst.join("outside/canary"), b"canary");
    // A symbolic link where a file is to be, which leads elsewhere.
    files::file(&src.join("to-be-linked"), b"a file");
    symlink("outside/canary", dst.join("to-be-linked")).unwrap();
    // A FIFO where a file is to be, and the other way round.
    files::file(&src.join("was-a-fifo"), b"a file");
    files::fifo(&dst.join("was-a-fifo"));
    files::fifo(&src.join("was-a-file"));
    files::file(&dst.join("was-a-file"), b"a file");
    odd::mode(&dst.join("both"), 0o711);
    odd::times(&dst.join("both/deeper"), 1_000_000, 2_000_000);
}

fn merging(place: &Place) {
    for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
        for threads in [0, 3] {
            let room = Room::new(&place.dir);
            two_trees(&room);
            let (source, was) = (walker::walk(&room.path("src")), walker::walk(&room.path("dst")));
            let options = Options { durability, threads, preserve: ALL_METADATA, ..with(MERGE, 0) };
            let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
            assert_eq!((outcome.kept, outcome.seen()), (0, outcome.done()), "{outcome:?}");
            let now = walker::walk(&room.path("dst"));
            for (path, node) in &source {
                let there = &now[path];
                if was.get(path).is_some_and(|old| old.kind == Kind::Directory) {
                    // What is there keeps its mode and owner.
                    let kept = |node: &walker::Node| (node.mode, node.owner);
                    assert_eq!(kept(there), kept(&was[path]), "{path:?}");
                } else {
                    let what = |node: &walker::Node| (node.kind, node.hash, node.mode, node.modified);
                    assert_eq!(what(there), what(node), "{:?}", String::from_utf8_lossy(path));
                }
            }
            assert_eq!(now[&b"both/linked"[..]].inode, now[&b"new/linked"[..]].inode);
            for name in ["stays", "both/deeper/stays", "outside/canary", "other-name"] {
                assert_eq!(now[name.as_bytes()].inode, was[name.as_bytes()].inode, "{name}");
                assert_eq!(now[name.as_bytes()].hash, was[name.as_bytes()].hash, "{name}");
            }
            let names: std::collections::BTreeSet<_> = source.keys().chain(was.keys()).collect();
            assert!(names.iter().eq(&now.keys().collect::<Vec<_>>()), "{:?}", now.keys());
            assert_eq!(room.names(), ["dst", "src"]);
            // The same once more: everything is there.
            let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
            assert_eq!(outcome.seen(), source.len() as u64 - 1);
            a_directory_against_a_file(&room, &options);
        }
    }
}

/// Either way -EEXIST for that entry, which can be skipped.
fn a_directory_against_a_file(room: &Room, options: &Options) {
    let (src, dst) = (room.path("src"), room.path("dst"));
    odd::directory(&src.join("z-directory"));
    files::file(&src.join("z-directory/inside"), b"x");
    files::file(&dst.join("z-directory"), b"a file");
    let (code, outcome) = calls::copy(&src, &dst, options);
    assert_eq!(code, -libc::EEXIST, "{outcome:?}");
    assert!(outcome.has(DESTINATION_CHANGED), "{outcome:?}");
    fs::remove_file(dst.join("z-directory")).unwrap();
    symlink("outside", dst.join("z-directory")).unwrap();
    let (code, outcome) = calls::copy(&src, &dst, options);
    assert_eq!(code, -libc::EEXIST, "a link to a directory is not entered: {outcome:?}");
    assert!(!dst.join("outside/inside").exists());
    fs::remove_file(dst.join("z-directory")).unwrap();
    calls::removed(&src.join("z-directory"));
    files::file(&src.join("z-file"), b"x");
    odd::plain(&dst.join("z-file"), 1, 1);
    let (code, outcome) = calls::copy(&src, &dst, options);
    assert_eq!(code, -libc::EEXIST, "{outcome:?}");
    let skipping = Options { on_error: Some(skip_all), ..*options };
    let (code, outcome) = calls::copy(&src, &dst, &skipping);
    assert_eq!((code, outcome.failed), (0, 1), "{outcome:?}");
    assert!(outcome.has(calls::INCOMPLETE) && dst.join("z-file/directory-0").is_dir());
    // A FIFO and a link against a directory.
    fs::remove_file(src.join("z-file")).unwrap();
    for make in [|path: &Path| drop(files::fifo(path)), |path: &Path| symlink("x", path).unwrap()] {
        make(&src.join("z-file"));
        assert_eq!(calls::copy(&src, &dst, options).0, -libc::EEXIST);
        fs::remove_file(src.join("z-file")).unwrap();
    }
    for root in [&src, &dst] {
        assert!(files::names(root).iter().all(|name| !name.starts_with(".reflink")), "{root:?}");
    }
}

unsafe extern "C" fn skip_all(_: *mut std::ffi::c_void, _: *const calls::Entry) -> i32 {
    calls::SKIP
}

fn merging_and_keeping(place: &Place) {
    for threads in [0, 3] {
        let room = Room::new(&place.dir);
        two_trees(&room);
        let (source, was) = (walker::walk(&room.path("src")), walker::walk(&room.path("dst")));
        let options = Options { threads, ..with(MERGE, KEEP_EXISTING) };
        let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
        let now = walker::walk(&room.path("dst"));
        let directory = |node: &walker::Node| node.kind == Kind::Directory;
        let met = source.iter().filter(|(path, node)| !directory(node) && was.contains_key(*path)).count();
        assert_eq!((outcome.kept, outcome.seen()), (met as u64, outcome.done()), "{outcome:?}");
        for (path, node) in was.iter().filter(|(_, node)| !directory(node)) {
            assert_eq!((now[path].inode, now[path].hash), (node.inode, node.hash), "{path:?}");
        }
        for (path, node) in source.iter().filter(|(path, _)| !was.contains_key(*path)) {
            assert_eq!((now[path].hash, now[path].kind), (node.hash, node.kind), "{path:?}");
        }
        // Once more: nothing is left to do.
        let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
        assert_eq!((outcome.files, outcome.hard_links, outcome.symlinks, outcome.specials), (0, 0, 0, 0));
        walker::assert_untouched(&now, &walker::walk(&room.path("dst")));
    }
}

/// What stays after an error is reported.
fn a_merge_that_fails(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    let (src, dst) = (room.path("src"), room.path("dst"));
    odd::directory(&src);
    odd::directory(&src.join("new"));
    files::file(&src.join("new/file"), b"nobody reads this");
    odd::mode(&src.join("new/file"), 0);
    odd::directory(&dst);
    let was = walker::walk(&dst);
    let (code, outcome) = calls::copy(&src, &dst, &with(MERGE, 0));
    assert_eq!(code, -libc::EACCES, "{outcome:?}");
    let changed = walker::walk(&dst).len() != was.len();
    assert_eq!(outcome.has(DESTINATION_CHANGED), changed, "{outcome:?}");
    // One in which nothing could be done at all.
    let _ = fs::remove_dir_all(dst.join("new"));
    odd::mode(&dst, 0o555);
    let (code, outcome) = calls::copy(&src, &dst, &with(MERGE, 0));
    assert_eq!((code, outcome.flags & DESTINATION_CHANGED), (-libc::EACCES, 0), "{outcome:?}");
    odd::mode(&dst, 0o755);
}

// ── Flags ──

fn links_are_split(place: &Place) {
    let room = Room::new(&place.dir);
    odd::make(&room.path("src"));
    let source = walker::walk(&room.path("src"));
    for threads in [0, 4] {
        let options = Options { threads, ..with(0, SPLIT_LINKS) };
        let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
        assert_copied(&source, &room.path("dst"), &options, &outcome);
        assert_eq!(outcome.hard_links, 0);
        calls::removed(&room.path("dst"));
    }
}

/// A file with further names outside of the tree: its copy has none of them.
fn links_to_outside(place: &Place) {
    let room = Room::new(&place.dir);
    let src = odd::directory(&room.path("src"));
    odd::directory(&room.path("outside"));
    for number in 0..300 {
        let name = src.join(format!("file-{number}"));
        files::file(&name, &files::bytes(number, 100));
        fs::hard_link(&name, room.path(&format!("outside/file-{number}"))).unwrap();
    }
    odd::directory(&src.join("below"));
    for number in (0..300).step_by(3) {
        fs::hard_link(src.join(format!("file-{number}")), src.join(format!("below/file-{number}"))).unwrap();
    }
    let source = walker::walk(&src);
    for threads in [0, 2, 4] {
        let options = Options { threads, ..Options::default() };
        let outcome = calls::copied(&src, &room.path("dst"), &options);
        assert_copied(&source, &room.path("dst"), &options, &outcome);
        assert_eq!((outcome.files, outcome.hard_links), (300, 100));
        assert_eq!(fs::metadata(room.path("dst/file-0")).unwrap().nlink(), 2);
        calls::removed(&room.path("dst"));
    }
}

fn specials_are_skipped(place: &Place) {
    let room = Room::new(&place.dir);
    odd::make(&room.path("src"));
    let mut source = walker::walk(&room.path("src"));
    let options = with(0, SKIP_SPECIAL);
    let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
    let special = |node: &walker::Node| node.kind == Kind::Special;
    let specials = source.values().filter(|node| special(node)).count() as u64;
    source.retain(|_, node| !special(node));
    assert!(specials >= 3);
    assert_eq!(outcome.specials_left_out, specials, "{outcome:?}");
    assert_copied(&source, &room.path("dst"), &options, &outcome);
}

// ── Mounts ──

/// Gives this process mounts of its own, which no other process sees.
pub fn own_mounts() {
    if unsafe { libc::geteuid() } != 0 || unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
        cannot("needs root, to mount");
    }
    let program = std::process::Command::new("mount").args(["--make-rprivate", "/"]).status();
    assert!(program.unwrap().success());
}

pub fn mount(how: &[&str], at: &Path) {
    let status = std::process::Command::new("mount").args(how).arg(at).status().unwrap();
    assert!(status.success(), "mount {how:?} {}", at.display());
}

pub fn unmount(at: &Path) {
    assert!(std::process::Command::new("umount").arg(at).status().unwrap().success());
}

fn one_mount(place: &Place) {
    let room = Room::new(&place.dir);
    own_mounts();
    let src = odd::directory(&room.path("src"));
    for name in ["tmpfs", "bind", "plain", "plain/tmpfs"] {
        odd::directory(&src.join(name));
    }
    odd::plain(&room.path("elsewhere"), 1, 2);
    files::file(&src.join("mounted"), b"below");
    files::file(&room.path("file-elsewhere"), b"elsewhere");
    files::file(&src.join("plain/file"), b"plain");
    odd::mode(&src.join("bind"), 0o750);
    let elsewhere = |name: &str| room.path(name).to_string_lossy().into_owned();
    mount(&["-t", "tmpfs", "-o", "mode=0711", "test"], &src.join("tmpfs"));
    mount(&["-t", "tmpfs", "test"], &src.join("plain/tmpfs"));
    mount(&["--bind", &elsewhere("elsewhere")], &src.join("bind"));
    mount(&["--bind", &elsewhere("file-elsewhere")], &src.join("mounted"));
    files::file(&src.join("tmpfs/inside"), b"inside");
    let source = walker::walk(&src);
    for threads in [0, 2] {
        // Crossed, unless asked otherwise.
        let options = Options { threads, ..Options::default() };
        let outcome = calls::copied(&src, &room.path("dst"), &options);
        assert_copied(&source, &room.path("dst"), &options, &outcome);
        calls::removed(&room.path("dst"));
        for if_exists in [0, MERGE] {
            let options = Options { threads, if_exists, flags: ONE_MOUNT, ..Options::default() };
            let outcome = calls::copied(&src, &room.path("dst"), &options);
            assert_eq!(outcome.mounts_left_empty, 4, "{outcome:?}");
            assert_eq!((outcome.files, outcome.directories), (1, 1), "{outcome:?}");
            let copy = walker::walk(&room.path("dst"));
            for name in ["tmpfs", "bind", "plain/tmpfs"] {
                assert_eq!(copy[name.as_bytes()].kind, Kind::Directory);
                assert!(fs::read_dir(room.path("dst").join(name)).unwrap().next().is_none(), "{name}");
            }
            assert_eq!((copy[&b"mounted"[..]].kind, copy[&b"mounted"[..]].size), (Kind::File, 0));
        }
        a_mount_against_what_is_there(&src, &room.path("dst"), threads);
        calls::removed(&room.path("dst"));
    }
    // Where directories hand down their group.
    let shared = odd::directory(&room.path("shared"));
    odd::mode(&shared, 0o2755);
    calls::copied(&src, &shared.join("dst"), &with(0, ONE_MOUNT));
    let modes = ["tmpfs", "bind"].map(|name| fs::metadata(shared.join("dst").join(name)).unwrap().mode());
    assert_eq!(modes.map(|mode| mode & 0o7777), [0o2711, 0o2755]);
    // The source may itself be a mount.
    let options = with(0, ONE_MOUNT);
    let outcome = calls::copied(&src.join("bind"), &room.path("dst"), &options);
    assert_eq!((outcome.mounts_left_empty, outcome.files), (0, 2), "{outcome:?}");
    for name in ["tmpfs", "bind", "plain/tmpfs", "mounted"] {
        unmount(&src.join(name));
    }
}

/// In a merge, a mount point meets existing entries as a directory does, and a mounted file as a file.
fn a_mount_against_what_is_there(src: &Path, dst: &Path, threads: u32) {
    let merging = |flags| Options { threads, ..with(MERGE, ONE_MOUNT | flags) };
    let outcome = calls::copied(src, dst, &merging(KEEP_EXISTING));
    assert_eq!((outcome.kept, outcome.mounts_left_empty, outcome.files), (2, 3, 0), "{outcome:?}");
    for (name, is_directory) in [("bind", false), ("mounted", true)] {
        let there = dst.join(name);
        if is_directory {
            fs::remove_file(&there).unwrap();
            odd::directory(&there);
        } else {
            fs::remove_dir(&there).unwrap();
            files::file(&there, b"a file");
        }
        for flags in [0, KEEP_EXISTING] {
            let (code, outcome) = calls::copy(src, dst, &merging(flags));
            assert_eq!(code, -libc::EEXIST, "{name}: {outcome:?}");
        }
        if is_directory { fs::remove_dir(&there) } else { fs::remove_file(&there) }.unwrap();
    }
}

fn mounts_at_the_destination(place: &Place) {
    let room = Room::new(&place.dir);
    own_mounts();
    let src = room.path("src");
    odd::plain(&src, 1, 2);
    let source = walker::walk(&src);
    odd::directory(&room.path("dst"));
    odd::directory(&room.path("dst/inside"));
    files::file(&room.path("dst/file"), b"old");
    mount(&["-t", "tmpfs", "test"], &room.path("dst/inside"));
    files::file(&room.path("dst/inside/canary"), b"canary");
    // A removal does not enter what is mounted.
    let (code, outcome) = calls::remove(&room.path("dst"), &Options::default());
    assert_eq!(code, -libc::EBUSY, "{outcome:?}");
    assert!(room.path("dst/inside/canary").exists());
    // Nor does the removal of what was replaced: the new tree has its name by then, and the rest is told.
    let (code, outcome) = calls::copy(&src, &room.path("dst"), &with(REPLACE, 0));
    assert_eq!((code, outcome.step), (-libc::EBUSY, calls::STEP_CLEANUP), "{outcome:?}");
    assert!(outcome.has(PUBLISHED) && outcome.has(LITTER), "{outcome:?}");
    assert_copied(&source, &room.path("dst"), &with(0, 0), &outcome);
    let left = room.path(outcome.litter());
    assert_eq!(fs::read(left.join("inside/canary")).unwrap(), b"canary");
    unmount(&left.join("inside"));
    calls::removed(&left);
    // What is itself a mount cannot be replaced.
    mount(&["-t", "tmpfs", "test"], &room.path("dst"));
    files::file(&room.path("dst/canary"), b"canary");
    for flags in [0, TWO_RENAMES] {
        let (code, outcome) = calls::copy(&src, &room.path("dst"), &with(REPLACE, flags));
        assert_eq!((code, outcome.flags & PUBLISHED), (-libc::EBUSY, 0), "{flags:#x}: {outcome:?}");
        assert_eq!(room.names(), ["dst", "src"], "{outcome:?}");
        assert_eq!(fs::read(room.path("dst/canary")).unwrap(), b"canary");
    }
    assert_eq!(calls::remove(&room.path("dst"), &Options::default()).0, -libc::EBUSY);
    // It can be merged into.
    calls::copied(&src, &room.path("dst"), &with(MERGE, 0));
    unmount(&room.path("dst"));
}

/// The replaced tree has the source in it, by a bind mount, which ".." does not show.
fn a_source_that_a_mount_hides_stays(place: &Place) {
    let room = Room::new(&place.dir);
    own_mounts();
    odd::directory(&room.path("dst"));
    files::file(&room.path("dst/file"), b"old");
    odd::plain(&room.path("dst/src"), 1, 2);
    let view = odd::directory(&room.path("view"));
    mount(&["--bind", &room.path("dst/src").to_string_lossy()], &view);
    let source = walker::walk(&view);
    let (code, outcome) = calls::copy(&view, &room.path("dst"), &with(REPLACE, 0));
    assert_eq!((code, outcome.step), (INTO_ITSELF, calls::STEP_CLEANUP), "{outcome:?}");
    assert!(outcome.has(PUBLISHED) && outcome.has(LITTER), "{outcome:?}");
    assert_copied(&source, &room.path("dst"), &with(0, 0), &outcome);
    let left = room.path(outcome.litter());
    assert_copied(&source, &left.join("src"), &with(0, 0), &outcome);
    assert!(!left.join("file").exists());
    unmount(&view);
}

// ── Into itself ──

fn into_itself(place: &Place) {
    let room = Room::new(&place.dir);
    own_mounts();
    let at = |name: &str| room.path(name);
    odd::plain(&at("src"), 2, 2);
    odd::directory(&at("src/directory-0/deep"));
    symlink("src/directory-0", at("link")).unwrap();
    odd::directory(&at("bind"));
    mount(&["--bind", at("src/directory-0").to_str().unwrap()], &at("bind"));
    let before = walker::walk(&at("src"));
    let names = room.names();
    let refused = |src: &str, dst: &str, if_exists: u32, wanted: &[i32]| {
        for durability in [abi::ATOMIC, abi::UNSTAGED] {
            let options = Options { durability, if_exists, ..Options::default() };
            let (code, outcome) = calls::copy(&at(src), &at(dst), &options);
            assert!(wanted.contains(&code), "{src} to {dst}, {if_exists:#x}: {code} {outcome:?}");
            assert_eq!(outcome.seen(), 0, "{src} to {dst}");
            walker::assert_untouched(&before, &walker::walk(&at("src")));
            assert_eq!(room.names(), names);
        }
    };
    for if_exists in [0, REPLACE, MERGE] {
        refused("src", "src/new", if_exists, &[INTO_ITSELF]);
        refused("src", "src/directory-0/deep/new", if_exists, &[INTO_ITSELF]);
        refused("src", "link/new", if_exists, &[INTO_ITSELF]);
        refused("src/directory-0", "link/deep/new", if_exists, &[INTO_ITSELF]);
        let there = if if_exists == 0 { -libc::EEXIST } else { INTO_ITSELF };
        refused("src", "src/directory-0", if_exists, &[there, INTO_ITSELF]);
        refused("src", "src", if_exists, &[there, abi::ERR_SAME_FILE]);
        refused("link", "src/directory-0", if_exists, &[there, abi::ERR_SAME_FILE]);
        refused("src/directory-0", "bind", if_exists, &[there, abi::ERR_SAME_FILE, -libc::EBUSY]);
    }
    // Around itself: what would be replaced has the source in it.
    refused("src/directory-0", "src", REPLACE, &[INTO_ITSELF]);
    refused("src/directory-0/deep", "src", REPLACE, &[INTO_ITSELF]);
    // Up from a bind mount leads past the source: the copy is met in it then, and left out.
    let outcome = calls::copied(&at("src"), &at("bind/deep/new"), &Options::default());
    assert_eq!((outcome.left_out, outcome.files, outcome.directories), (1, 4, 3), "{outcome:?}");
    calls::removed(&at("bind/deep/new"));
    unmount(&at("bind"));
    // A sibling whose name begins alike is another tree, and so is one beside the source.
    calls::copied(&at("src"), &at("src-2"), &Options::default());
    calls::copied(&at("src/directory-0"), &at("src/directory-3"), &Options::default());
    calls::removed(&at("src-2"));
}

fn links_as_source(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 1, 1);
    symlink("src", room.path("link")).unwrap();
    let source = walker::walk(&room.path("src"));
    let outcome = calls::copied(&room.path("link"), &room.path("dst"), &Options::default());
    assert_copied(&source, &room.path("dst"), &Options::default(), &outcome);
    assert!(!fs::symlink_metadata(room.path("dst")).unwrap().file_type().is_fifo());
    calls::removed(&room.path("dst"));
    let (code, outcome) = calls::copy(&room.path("link"), &room.path("dst"), &with(0, NOFOLLOW));
    assert_eq!(code, -libc::ELOOP, "{outcome:?}");
    let (code, outcome) = calls::remove(&room.path("link"), &Options::default());
    assert_eq!(code, -libc::ENOTDIR, "a link is not what leads to a tree: {outcome:?}");
    calls::copied(&room.path("src"), &room.path("dst"), &with(0, NOFOLLOW));
}

// ── What a parent hands down ──

fn setfacl(what: &str, path: &Path) {
    let program = std::process::Command::new("setfacl").args(["-m", what]).arg(path).output();
    match program {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => cannot(&format!("setfacl: {error}")),
    }
}

fn inherited_acls(place: &Place) {
    let room = Room::new(&place.dir);
    let src = odd::directory(&room.path("src"));
    odd::plain(&src.join("with"), 1, 1);
    odd::plain(&src.join("without"), 1, 1);
    setfacl("d:u:1001:rwx", &src.join("with"));
    setfacl("u:1002:r", &src.join("with/directory-0/file-0"));
    setfacl("u:1002:rwx", &src.join("with/directory-0"));
    let parent = odd::directory(&room.path("parent"));
    setfacl("d:u:1003:rwx,d:g::rwx", &parent);
    let source = walker::walk(&src);
    let options = Options { preserve: ALL_METADATA, ..Options::default() };
    let outcome = calls::copied(&src, &parent.join("dst"), &options);
    assert_copied(&source, &parent.join("dst"), &options, &outcome);
    // Without: as any new file there, and no wider open than the source.
    calls::copied(&src, &parent.join("new"), &Options::default());
    let copy = walker::walk(&parent.join("new"));
    for (path, node) in &source {
        let extra = copy[path].mode & 0o007 & !node.mode;
        assert_eq!(extra, 0, "{:?}: {:o}", String::from_utf8_lossy(path), copy[path].mode);
    }
    // Merged into directories of which one hands a list down: a new entry has its source's list, or none.
    let merged = odd::directory(&room.path("merged"));
    setfacl("d:u:1003:rwx", &odd::directory(&merged.join("without")));
    calls::copied(&src, &merged, &Options { if_exists: MERGE, ..options });
    let of = |root: &Path| walker::walk(&root.join("without/directory-0"));
    walker::assert_copy(&of(&src), &of(&merged), walker::Kept::of(&options));
}

/// A umask, or a list that a directory hands down, can deny the owner of what is made there everything: attributes are copied
/// all the same, and directories keep the set-gid bit that they inherit.
fn closed_when_made(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    let src = odd::directory(&room.path("src"));
    odd::plain(&src.join("plain"), 1, 1);
    files::set_xattr(&files::file(&src.join("closed"), b"of its own"), "user.odd", b"value");
    odd::mode(&src.join("closed"), 0o444);
    let source = walker::walk(&src);
    let options = Options { preserve: abi::XATTRS | abi::TIMES, ..Options::default() };
    let (open, handing_down) = (odd::directory(&room.path("open")), odd::directory(&room.path("down")));
    setfacl("d:u::---,d:g::rwx,d:o::r-x", &handing_down);
    for (umask, parent) in [(0o777, &open), (0o022, &handing_down)] {
        unsafe { libc::umask(umask) };
        let outcome = calls::copied(&src, &parent.join("dst"), &options);
        let mut copy = walker::walk(&parent.join("dst"));
        for node in copy.values_mut() {
            node.attributes.retain(|name, _| name.starts_with(b"user.")); // the lists are those handed down
        }
        walker::assert_copy(&source, &copy, walker::Kept::of(&options));
        assert_eq!((outcome.files, outcome.directories), (2, 2));
        odd::mode(parent, 0o2755);
        let merged = Options { if_exists: MERGE, ..options };
        calls::copied(&src, parent, &merged);
        let made = fs::metadata(parent.join("plain/directory-0")).unwrap().mode();
        assert_eq!(made & 0o7777, 0o2755, "umask {umask:o}");
    }
}

/// Nothing can be renamed or removed in such a directory (chattr(1), "a"), so that a private name would stay for ever: what
/// takes one is refused before anything is made.
fn append_only(place: &Place) {
    needs_root();
    let room = Room::new(&place.dir);
    let dst = odd::directory(&room.path("dst"));
    files::file(&dst.join("there"), b"old");
    let src = |name: &str| odd::directory(&room.path(&format!("src-{name}"))).join(name);
    files::file(&src("new"), b"new");
    files::file(&src("there"), b"new");
    symlink("nowhere", src("link")).unwrap();
    files::fifo(&src("fifo"));
    odd::directory(&src("directory"));
    program("chattr", &["+a"], &dst);
    let copy = |name: &str| {
        let permissions = if name == "directory" { abi::PERMISSIONS_UMASK } else { 0 }; // seen on a scratch directory
        let options = Options { permissions, ..with(MERGE, 0) };
        calls::copy(&room.path(&format!("src-{name}")), &dst, &options)
    };
    for name in ["there", "link", "fifo"] {
        let (code, outcome) = copy(name);
        assert_eq!((code, outcome.flags & DESTINATION_CHANGED), (-libc::EPERM, 0), "{name}: {outcome:?}");
    }
    let (code, outcome) = calls::copy(&room.path("src-new"), &dst.join("tree"), &with(0, 0));
    assert_eq!((code, outcome.flags & LITTER), (-libc::EPERM, 0), "{outcome:?}");
    let unstaged = Options { durability: abi::UNSTAGED, ..with(MERGE, 0) };
    let (code, outcome) = calls::copy(&room.path("src-new"), &dst, &unstaged);
    assert_eq!(code, -libc::EPERM, "a file that fails must be removed: {outcome:?}");
    assert_eq!(files::names(&dst), ["there"]);
    for name in ["new", "directory"] {
        assert_eq!(copy(name).0, 0, "{name} takes no private name");
    }
    assert_eq!(files::names(&dst), ["directory", "new", "there"]);
    assert_eq!(fs::read(dst.join("there")).unwrap(), b"old");
    program("chattr", &["-a"], &dst);
}

/// What a directory hands down holds for what is made in it, also where two trees become one and each directory that is
/// there has its own: a new entry has the mode that this process would give it there by hand, but for what the source forbids.
fn inherited_modes(place: &Place) {
    let room = Room::new(&place.dir);
    let (src, dst) = (odd::directory(&room.path("src")), odd::directory(&room.path("dst")));
    for name in ["with", "without"] {
        odd::plain(&src.join(name), 1, 1);
        odd::mode(&src.join(name).join("directory-0"), 0o775);
        odd::directory(&dst.join(name));
    }
    for name in ["", "with"] {
        setfacl("d:u::rwx,d:g::rwx,d:o::r-x", &dst.join(name));
    }
    unsafe { libc::umask(0o077) };
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    for (permissions, threads) in [
        (abi::PERMISSIONS_UMASK, 0),
        (abi::PERMISSIONS_UMASK, 2),
        (abi::PERMISSIONS_NEW, 0),
        (abi::PERMISSIONS_NEW, 2),
    ] {
        calls::copied(&src, &dst, &Options { permissions, threads, ..with(MERGE, 0) });
        for name in ["with", "without"] {
            let made = dst.join(name).join("directory-0");
            let by_hand = dst.join(name).join("by-hand");
            fs::create_dir(&by_hand).unwrap();
            fs::write(by_hand.join("file"), b"").unwrap();
            let keeps = if permissions == abi::PERMISSIONS_UMASK { [0o775, 0o644] } else { [0o777; 2] };
            let wanted = [mode(&by_hand) & keeps[0], mode(&by_hand.join("file")) & keeps[1]];
            assert_eq!(
                [mode(&made), mode(&made.join("file-0"))],
                wanted,
                "{name}, {permissions:#x}, {threads}"
            );
            calls::removed(&by_hand);
            calls::removed(&made);
        }
    }
}

/// In a directory where only owners rename what is theirs, as /tmp is, another's tree is neither replaced nor moved away.
fn anothers_destination(place: &Place) {
    needs_root();
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 1, 2);
    odd::plain(&room.path("dst"), 1, 2);
    odd::mode(&room.0, 0o1777);
    become_a_user();
    let before = walker::walk(&room.path("dst"));
    for (if_exists, flags, said) in [
        (0, 0, libc::EEXIST),
        (REPLACE, 0, libc::EPERM),
        (REPLACE, TWO_RENAMES, libc::EPERM),
        (REPLACE, KEEP_REPLACED, libc::EPERM),
        (MERGE, 0, libc::EACCES),
    ] {
        let (code, outcome) = calls::copy(&room.path("src"), &room.path("dst"), &with(if_exists, flags));
        assert_eq!((code, outcome.flags & (PUBLISHED | LITTER)), (-said, 0), "{flags:#x}: {outcome:?}");
        walker::assert_untouched(&before, &walker::walk(&room.path("dst")));
        assert_eq!(room.names(), ["dst", "src"], "{outcome:?}");
    }
}

/// Links and special files have attributes and ACLs of their own. They are copied if those of files are; else nobody asks for
/// them.
fn attributes_of_what_is_not_opened(place: &Place) {
    needs_root();
    let room = Room::new(&place.dir);
    let src = odd::directory(&room.path("src"));
    files::file(&src.join("file"), b"led to");
    symlink("file", src.join("link")).unwrap();
    symlink("nowhere", src.join("dangling")).unwrap();
    files::fifo(&src.join("fifo"));
    files::fifo(&src.join("plain"));
    assert!(odd::node(&src.join("socket"), libc::S_IFSOCK, 0));
    assert!(odd::node(&src.join("device"), libc::S_IFCHR, libc::makedev(1, 3)));
    for name in ["link", "dangling", "fifo", "socket", "device"] {
        assert!(odd::attribute(&src.join(name), c"trusted.odd", name.as_bytes()), "{name}");
    }
    odd::mode(&src.join("fifo"), 0o640);
    setfacl("u:1002:rw", &src.join("fifo"));
    setfacl("u:1002:r,g:1003:rw", &src.join("socket"));
    let source = walker::walk(&src);
    let of = |tree: &Tree, name: &str| tree[name.as_bytes()].attributes.len();
    assert_eq!(["link", "fifo", "file"].map(|name| of(&source, name)), [1, 2, 0]);
    let all = Options { preserve: ALL_METADATA, ..Options::default() };
    let outcome = calls::copied(&src, &room.path("all"), &all);
    assert_copied(&source, &room.path("all"), &all, &outcome);
    // Each by itself; without the ACL the group has what its own entry says.
    let copy = |name: &str, preserve: u32| {
        calls::copied(&src, &room.path(name), &Options { preserve, ..Options::default() });
        walker::walk(&room.path(name))
    };
    for (name, preserve, link, fifo, mode) in
        [("none", 0, 0, 0, 0o640), ("xattrs", abi::XATTRS, 1, 1, 0o640), ("acl", abi::ACL, 0, 1, 0o660)]
    {
        let made = copy(name, preserve);
        let found = (of(&made, "link"), of(&made, "fifo"), made[&b"fifo"[..]].mode & 0o777);
        assert_eq!(found, (link, fifo, mode), "{name}");
    }
    // Merged into a directory that hands down an ACL: nothing of that one.
    let merged = odd::directory(&room.path("merged"));
    setfacl("d:u:1004:rwx", &merged);
    let outcome = calls::copied(&src, &merged, &Options { if_exists: MERGE, ..all });
    let mut made = walker::walk(&merged);
    made.insert(Vec::new(), walker::walk(&room.path("all"))[&b""[..]].clone()); // a root that is there stays as it is
    walker::assert_copy(&source, &made, walker::Kept::of(&all));
    assert_eq!((outcome.symlinks, outcome.specials), (2, 4));
}

// ── Btrfs ──

fn program(name: &str, arguments: &[&str], path: &Path) -> String {
    match std::process::Command::new(name).args(arguments).arg(path).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        other => cannot(&format!("{name} {arguments:?}: {other:?}")),
    }
}

fn is_nocow(path: &Path) -> bool {
    let said = program("lsattr", &["-d"], path);
    said.split_whitespace().next().unwrap().contains('C')
}

/// A NOCOW file clones only to a NOCOW file, which inherits that from its directory.
fn nocow_directories(place: &Place) {
    let room = Room::new(&place.dir);
    let (src, dst) = (odd::directory(&room.path("src")), room.path("dst"));
    for name in ["in-place", "in-place/below", "in-place/apart", "plain"] {
        odd::directory(&src.join(name));
    }
    program("chattr", &["+C"], &src.join("in-place"));
    program("chattr", &["+C"], &src.join("in-place/below"));
    for name in ["in-place/file", "in-place/below/file", "in-place/apart/file", "plain/file"] {
        files::file(&src.join(name), &files::bytes(1, 50_000));
    }
    let around = odd::directory(&room.path("around")); // hands its mark down to what is made in it
    program("chattr", &["+C"], &around);
    for dst in [&dst, &around.join("dst")] {
        let outcome = calls::copied(&src, dst, &Options { mode: abi::ALWAYS, ..Options::default() });
        assert_eq!((outcome.files, outcome.files_cloned), (4, 4), "{outcome:?}");
        let marked = ["", "in-place", "in-place/below", "in-place/apart", "plain"];
        assert_eq!(marked.map(|name| is_nocow(&dst.join(name))), [false, true, true, false, false]);
        calls::removed(dst);
    }
    // What is there keeps its flags, the root as well.
    odd::directory(&dst);
    odd::directory(&dst.join("below"));
    calls::copied(&src.join("in-place"), &dst, &with(MERGE, 0));
    assert_eq!(["", "below"].map(|name| is_nocow(&dst.join(name))), [false, false]);
}

/// A subvolume counts as a directory, also where mounts are not entered. Files of two subvolumes with one inode number are two.
fn subvolumes(place: &Place) {
    let room = Room::new(&place.dir);
    let src = room.path("src");
    program("btrfs", &["subvolume", "create"], &src);
    program("btrfs", &["subvolume", "create"], &src.join("inner"));
    for root in [&src, &src.join("inner")] {
        // The same inode numbers in both.
        files::file(&root.join("one"), root.as_os_str().as_encoded_bytes());
        fs::hard_link(root.join("one"), root.join("two")).unwrap();
    }
    let source = walker::walk(&src);
    for flags in [0, ONE_MOUNT] {
        let outcome = calls::copied(&src, &room.path("dst"), &with(0, flags));
        assert_copied(&source, &room.path("dst"), &with(0, 0), &outcome);
        assert_eq!((outcome.files, outcome.hard_links, outcome.mounts_left_empty), (2, 2, 0));
        assert_eq!(outcome.files_cloned, 2, "{outcome:?}");
        calls::removed(&room.path("dst"));
    }
    // In a snapshot, the inner one is an empty directory that has no flags.
    let (snapshot, copy) = (room.path("snapshot"), room.path("dst"));
    program("btrfs", &["subvolume", "snapshot", src.to_str().unwrap()], &snapshot);
    let outcome = calls::copied(&snapshot, &copy, &with(0, 0));
    assert_eq!((outcome.files, outcome.directories), (1, 1), "{outcome:?}");
    // A removal removes subvolumes like directories (possible since Linux 4.18).
    for root in [copy, snapshot, src] {
        calls::removed(&root);
    }
}
