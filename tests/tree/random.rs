//! Random trees and options. The walker, which has no code of the library, compares the copies.
//! To repeat a failure, set REFLINK_SEED to its seed: a run begins with that one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use crate::abi::{self, ACL, OWNER, REPLACE, TIMES, XATTRS, c_path};
use crate::calls::{self, FLUSH_SOURCE, KEEP_EXISTING, MERGE, Options, SKIP_SPECIAL, SPLIT_LINKS};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::seed::{self, Random};
use crate::walker::{self, Kind, Tree};
use crate::whole::{assert_copied, become_a_user};
use crate::{Attack, KINDS, needs_root, odd};

pub const ALL: &[Attack] = &[
    Attack("random_trees_as_root", KINDS, as_root),
    Attack("random_trees_as_a_user", &["xfs-4k", "btrfs", "tmpfs"], as_a_user),
];

/// How many trees the long form copies.
const MANY: u64 = 200;

fn as_root(place: &Place) {
    needs_root();
    let room = Room::new(&place.dir);
    run(place, &room, true);
}

fn as_a_user(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    run(place, &room, false);
}

fn run(place: &Place, room: &Room, root: bool) {
    let many = if std::env::var_os("REFLINK_TIME").is_some() { MANY } else { 3 };
    for seed in (0..many).map(|number| seed::seed() + number) {
        println!("seed {seed}");
        let mut random = Random::new(seed, place.name);
        one(place, room, root, &mut random);
    }
}

fn one(place: &Place, room: &Room, root: bool, random: &mut Random) {
    let (src, dst) = (room.path("src"), room.path("dst"));
    let options = options(place, random);
    Maker { random, root, acl: options.preserve & ACL != 0, prefix: "" }.tree(&src);
    let mut source = walker::walk(&src);
    if options.flags & SKIP_SPECIAL != 0 {
        source.retain(|_, node| node.kind != Kind::Special);
    }
    let mut first = None;
    for threads in [1, 4] {
        let options = Options { threads, ..options };
        match options.if_exists {
            MERGE => merged(room, root, random, &source, &options),
            if_exists => {
                if if_exists == REPLACE {
                    Maker { random, root, acl: false, prefix: "" }.tree(&dst);
                }
                let outcome = calls::copied(&src, &dst, &options);
                assert_copied(&source, &dst, &options, &outcome);
                let outcome = calls::Outcome { litter: [0; 32], ..outcome };
                assert_eq!(*first.get_or_insert(outcome), outcome, "{threads} threads");
            }
        }
        assert_eq!(room.names(), ["dst", "src"]);
        calls::removed(&dst);
    }
    source.retain(|_, node| node.kind != Kind::Special);
    let mut after = walker::walk(&src);
    after.retain(|_, node| node.kind != Kind::Special);
    walker::assert_untouched(&source, &after);
    calls::removed(&src);
}

fn options(place: &Place, random: &mut Random) -> Options {
    let mut some = |all: &[u64]| all.iter().filter(|_| random.one_in(2)).fold(0, |bits, bit| bits | bit);
    let preserve = some(&[TIMES, OWNER, XATTRS, ACL].map(u64::from)) as u32;
    let flags = some(&[SPLIT_LINKS, SKIP_SPECIAL, FLUSH_SOURCE]);
    let modes: &[u32] =
        if place.clones { &[abi::AUTO, abi::ALWAYS, abi::NEVER] } else { &[abi::AUTO, abi::NEVER] };
    Options {
        mode: *random.pick(modes),
        if_exists: *random.pick(&[0, 0, REPLACE, MERGE]),
        durability: *random.pick(&[abi::ATOMIC, abi::ATOMIC, abi::UNSTAGED, abi::DURABLE]),
        preserve,
        flags,
        ..Options::default()
    }
}

/// Merges into a tree of other names, twice: the second time every entry exists, and is replaced or kept.
fn merged(room: &Room, root: bool, random: &mut Random, source: &Tree, options: &Options) {
    let (src, dst) = (room.path("src"), room.path("dst"));
    Maker { random, root, acl: false, prefix: "there-" }.tree(&dst);
    odd::mode(&dst, 0o755);
    let was = walker::walk(&dst);
    let inside = |tree: &Tree| -> Tree {
        let mine = |path: &[u8]| !path.is_empty() && source.contains_key(path);
        tree.iter().filter(|(path, _)| mine(path)).map(|(path, node)| (path.clone(), node.clone())).collect()
    };
    let below = inside(source);
    // Without root, the second merge cannot write where the first one left a directory that forbids it.
    for again in [false, true].into_iter().take(1 + usize::from(root)) {
        let outcome = calls::copied(&src, &dst, options);
        let mut now = walker::walk(&dst);
        if again {
            // A merge sets no times of an existing directory, and each replacement changes them.
            for (path, node) in now.iter_mut().filter(|(_, node)| node.kind == Kind::Directory) {
                node.modified = below.get(path).map_or(node.modified, |source| source.modified);
            }
        }
        walker::assert_copy(&below, &inside(&now), walker::Kept::of(options));
        assert_eq!(outcome.done(), outcome.seen(), "again: {again}: {outcome:?}");
        for (path, node) in was.iter().filter(|(path, _)| !path.is_empty()) {
            assert_eq!(now.get(path).map(|there| (there.inode, there.hash)), Some((node.inode, node.hash)));
        }
        assert_eq!(now.len(), below.len() + was.len());
    }
    let before = walker::walk(&dst);
    let keeping = Options { flags: options.flags | KEEP_EXISTING, ..*options };
    let outcome = calls::copied(&src, &dst, &keeping);
    assert_eq!((outcome.files, outcome.hard_links, outcome.symlinks, outcome.specials), (0, 0, 0, 0));
    walker::assert_untouched(&before, &walker::walk(&dst));
}

/// Makes a tree.
struct Maker<'r> {
    random: &'r mut Random,
    /// Owners, devices, and modes that forbid their owner everything.
    root: bool,
    acl: bool,
    prefix: &'static str,
}

impl Maker<'_> {
    fn tree(&mut self, root: &Path) {
        odd::directory(root);
        let (mut directories, mut leaves) = (vec![root.to_path_buf()], Vec::<PathBuf>::new());
        for _ in 0..self.random.below(60) {
            let parent = self.random.pick(&directories).clone();
            let path = parent.join(self.name());
            if fs::symlink_metadata(&path).is_ok() {
                continue;
            }
            match self.random.below(12) {
                0..3 => directories.push(odd::directory(&path)),
                3..5 if !leaves.is_empty() => {
                    fs::hard_link(self.random.pick(&leaves), &path).unwrap();
                }
                5 => symlink(self.text(), &path).unwrap(),
                6 => {
                    let kind = *self.random.pick(&[libc::S_IFIFO, libc::S_IFSOCK, libc::S_IFCHR]);
                    let device = if self.root && kind == libc::S_IFCHR { libc::makedev(1, 3) } else { 0 };
                    if kind == libc::S_IFCHR && !self.root || !odd::node(&path, kind, device) {
                        continue;
                    }
                }
                _ => self.file(&path),
            }
            if !directories.contains(&path) {
                leaves.push(path);
            }
        }
        let _ = File::open(root).unwrap().sync_all();
        unsafe { libc::sync() };
        // Modes that forbid something are set last, from the leaves up.
        for path in leaves.iter().chain(directories.iter().rev()) {
            self.dress(path);
        }
    }

    /// Any bytes; few are frequent, so that names are alike.
    fn name(&mut self) -> OsString {
        let most = *self.random.pick(&[3, 20, 255 - self.prefix.len() as u64]);
        let length = 1 + self.random.below(most);
        let mut byte = || match self.random.below(4) {
            0 => 1 + self.random.below(255) as u8,
            _ => b"ab.-\n"[self.random.below(5) as usize],
        };
        let mut name: Vec<u8> = (0..length).map(|_| byte()).filter(|byte| *byte != b'/').collect();
        if [&b""[..], b".", b".."].contains(&&name[..]) {
            name = b"dots".into();
        }
        OsString::from_vec([self.prefix.as_bytes(), &name].concat())
    }

    fn text(&mut self) -> OsString {
        let length = 1 + self.random.below(400);
        OsString::from_vec((0..length).map(|_| 1 + self.random.below(255) as u8).collect())
    }

    fn file(&mut self, path: &Path) {
        let file = File::create_new(path).unwrap();
        let size = match self.random.below(4) {
            0 => 0,
            1 => self.random.below(5000),
            2 => 4096 * self.random.below(20),
            _ => self.random.below(3 << 20),
        };
        file.set_len(size).unwrap();
        let mut at = if self.random.one_in(2) { self.random.below(size) } else { 0 };
        while at < size {
            let length = (1 + self.random.below(100_000)).min(size - at);
            file.write_all_at(&files::bytes(self.random.next(), length as usize), at).unwrap();
            at += length + if self.random.one_in(2) { self.random.below(400_000) } else { 0 };
        }
    }

    fn dress(&mut self, path: &Path) {
        let stat = fs::symlink_metadata(path).unwrap();
        let name = c_path(path);
        if self.root && self.random.one_in(2) {
            let (owner, group) = (self.random.below(3000) as u32, self.random.below(3000) as u32);
            assert_eq!(unsafe { libc::lchown(name.as_ptr(), owner, group) }, 0);
        }
        if self.root && !stat.is_file() && !stat.is_dir() && self.random.one_in(2) {
            let value = files::bytes(self.random.next(), 20);
            let attribute = c"trusted.random".as_ptr();
            // Not every file system has attributes of these.
            unsafe { libc::lsetxattr(name.as_ptr(), attribute, value.as_ptr().cast(), value.len(), 0) };
        }
        if !stat.is_symlink() {
            if stat.is_file() || stat.is_dir() {
                for number in 0..self.random.below(3) {
                    let value = files::bytes(self.random.next(), self.random.below(200) as usize);
                    files::set_xattr(path, &format!("user.random-{number}"), &value);
                }
                self.lists(path, stat.is_dir());
            }
            let needed = if self.root { 0 } else { 0o500 };
            let mode = match self.random.below(3) {
                0 => self.random.below(0o10000) as u32,
                _ => *self.random.pick(&[0o644, 0o755, 0o555, 0o600]),
            };
            odd::mode(path, mode | needed);
        }
        let mut seconds = || self.random.below(4_000_000_000) as i64 - 1_000_000_000;
        odd::times(path, seconds(), seconds());
    }

    /// Access control lists, where they are copied.
    fn lists(&mut self, path: &Path, directory: bool) {
        let names = ["system.posix_acl_access", "system.posix_acl_default"];
        for name in &names[..1 + usize::from(directory)] {
            if self.acl && self.random.one_in(3) {
                let list = self.list();
                let set = unsafe {
                    let name = std::ffi::CString::new(*name).unwrap();
                    libc::setxattr(c_path(path).as_ptr(), name.as_ptr(), list.as_ptr().cast(), list.len(), 0)
                };
                assert_eq!(set, 0, "{name} of {}", path.display());
            }
        }
    }

    /// As linux/posix_acl_xattr.h has it: the owner, a user, the group, the mask, others.
    fn list(&mut self) -> Vec<u8> {
        let mut list = 2_u32.to_le_bytes().to_vec();
        let anybody = u32::MAX;
        for (tag, id) in [(1_u16, anybody), (2, 1234), (4, anybody), (0x10, anybody), (0x20, anybody)] {
            let rights = if tag == 1 { 7 } else { self.random.below(8) as u16 };
            list.extend(tag.to_le_bytes());
            list.extend(rights.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        list
    }
}
