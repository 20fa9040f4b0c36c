//! Looks at a tree and tells what is in it, to compare two: written for the tests, with nothing of the library in it.
//! One directory after another through /proc/self/fd, so that a tree may be deeper than a path may be long.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::abi::c_path;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    File,
    Directory,
    Symlink,
    Special,
}

/// Everything of an entry that a copy may keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub kind: Kind,
    /// With its type: FIFO, socket and device are told apart by it.
    pub mode: u32,
    pub owner: (u32, u32),
    pub modified: (i64, i64),
    pub accessed: (i64, i64),
    pub size: u64,
    /// Of the content, or of a link's text.
    pub hash: u64,
    pub device: u64,
    /// The first path of the same inode: names of one file have the same.
    pub first: Vec<u8>,
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    pub allocated: u64,
    /// How many bytes of a file are in no hole.
    pub data: u64,
    pub inode: (u64, u64),
}

/// By path relative to the root, which is the empty path.
pub type Tree = BTreeMap<Vec<u8>, Node>;

fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn attributes(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let path = c_path(path);
    let mut list = vec![0_u8; 65536];
    let got = unsafe { libc::llistxattr(path.as_ptr(), list.as_mut_ptr().cast(), list.len()) };
    let Ok(got) = usize::try_from(got) else { return BTreeMap::new() };
    // On XFS root also sees access control lists under these names (attr(5) of xfsprogs).
    let twice = |name: &&[u8]| !name.starts_with(b"trusted.SGI_ACL_");
    let names = list[..got].split_inclusive(|byte| *byte == 0).filter(twice);
    names
        .map(|name| {
            let mut value = vec![0_u8; 65536];
            let got = unsafe {
                libc::lgetxattr(path.as_ptr(), name.as_ptr().cast(), value.as_mut_ptr().cast(), value.len())
            };
            value.truncate(usize::try_from(got).unwrap_or(0));
            (name[..name.len() - 1].to_vec(), value)
        })
        .collect()
}

/// How many bytes of a file are in no hole (SEEK_DATA of lseek(2)).
fn data(path: &Path) -> u64 {
    let Ok(file) = File::open(path) else { return 0 };
    let seek = |at: i64, what| unsafe { libc::lseek64(file.as_raw_fd(), at, what) };
    let (mut at, mut data) = (0, 0);
    loop {
        let begin = seek(at, libc::SEEK_DATA);
        if begin < 0 {
            return data;
        }
        at = seek(begin, libc::SEEK_HOLE);
        data += (at - begin) as u64;
    }
}

fn node(path: &Path, relative: &[u8], firsts: &mut HashMap<(u64, u64), Vec<u8>>) -> Node {
    let stat = fs::symlink_metadata(path).unwrap();
    let (kind, text) = match stat.file_type() {
        of if of.is_dir() => (Kind::Directory, Vec::new()),
        of if of.is_symlink() => (Kind::Symlink, fs::read_link(path).unwrap().into_os_string().into_vec()),
        of if of.is_file() => (Kind::File, fs::read(path).unwrap_or_else(|_| b"unreadable".to_vec())),
        of => {
            assert!(of.is_fifo() || of.is_socket() || of.is_char_device() || of.is_block_device());
            (Kind::Special, Vec::new())
        }
    };
    let inode = (stat.dev(), stat.ino());
    let first = firsts.entry(inode).or_insert_with(|| relative.to_vec()).clone();
    Node {
        kind,
        mode: stat.mode(),
        owner: (stat.uid(), stat.gid()),
        modified: (stat.mtime(), stat.mtime_nsec()),
        accessed: (stat.atime(), stat.atime_nsec()),
        size: if kind == Kind::Directory { 0 } else { stat.len() },
        hash: hash(&text),
        device: if kind == Kind::Special { stat.rdev() } else { 0 },
        first,
        attributes: attributes(path),
        allocated: if kind == Kind::Directory { 0 } else { stat.blocks() * 512 },
        data: if kind == Kind::File { data(path) } else { 0 },
        inode,
    }
}

fn open_directory(path: &Path) -> File {
    let how = libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_NOATIME;
    let open = |flags| fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    open(how).or_else(|_| open(how & !libc::O_NOATIME)).unwrap()
}

fn through(directory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

/// Looks at the whole tree, or at a single file. Directories that wait are held open, so the limit of descriptors must be high for a deep one.
pub fn walk(root: &Path) -> Tree {
    let (mut tree, mut firsts) = (Tree::new(), HashMap::new());
    let first = node(root, b"", &mut firsts);
    let mut waiting = Vec::new();
    if first.kind == Kind::Directory {
        waiting.push((Vec::new(), open_directory(root)));
    }
    tree.insert(Vec::new(), first);
    while let Some((path, directory)) = waiting.pop() {
        let mut names: Vec<OsString> =
            fs::read_dir(through(&directory)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            let mut relative = path.clone();
            if !relative.is_empty() {
                relative.push(b'/');
            }
            relative.extend_from_slice(name.as_bytes());
            let at = through(&directory).join(&name);
            let node = node(&at, &relative, &mut firsts);
            if node.kind == Kind::Directory {
                waiting.push((relative.clone(), open_directory(&at)));
            }
            tree.insert(relative, node);
        }
    }
    // Which name of an inode is met first depends on the order of the walk, not on the tree.
    let mut least: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
    for (path, node) in &tree {
        least.entry(node.inode).or_insert_with(|| path.clone());
    }
    for node in tree.values_mut() {
        node.first = least[&node.inode].clone();
    }
    tree
}

/// What a copy is to have kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub times: bool,
    pub owner: bool,
    pub attributes: bool,
    pub acl: bool,
    pub links: bool,
}

impl Kept {
    pub fn of(options: &crate::calls::Options) -> Self {
        use crate::abi::{ACL, OWNER, TIMES, XATTRS};
        Self {
            times: options.preserve & TIMES != 0,
            owner: options.preserve & OWNER != 0,
            attributes: options.preserve & XATTRS != 0,
            acl: options.preserve & ACL != 0,
            links: options.flags & crate::calls::SPLIT_LINKS == 0,
        }
    }
}

fn is_acl(name: &[u8]) -> bool {
    name.starts_with(b"system.posix_acl_")
}

/// What is expected of the copy of `source`, as far as it is promised.
fn expected(path: &[u8], source: &Node, kept: Kept, mine: (u32, u32)) -> Node {
    let mut wanted = source.clone();
    wanted.inode = (0, 0);
    (wanted.allocated, wanted.data) = (0, 0);
    wanted.accessed = if kept.times { source.accessed } else { (0, 0) };
    if !kept.times {
        wanted.modified = (0, 0);
    }
    if !kept.owner {
        wanted.owner = mine;
        if source.kind != Kind::Symlink {
            wanted.mode &= !0o7000;
        }
    }
    wanted.attributes.retain(|name, _| if is_acl(name) { kept.acl } else { kept.attributes });
    if !kept.links {
        wanted.first = path.to_vec();
    }
    wanted
}

/// Of the copy, what is compared.
fn found(node: &Node, kept: Kept) -> Node {
    let mut found = node.clone();
    found.inode = (0, 0);
    (found.allocated, found.data) = (0, 0);
    if !kept.times {
        (found.modified, found.accessed) = ((0, 0), (0, 0));
    }
    found
}

/// Compares a tree with its copy, and reports each difference.
pub fn assert_copy(source: &Tree, copy: &Tree, kept: Kept) {
    let mine = unsafe { (libc::geteuid(), libc::getegid()) };
    let mut wrong = Vec::new();
    for (path, node) in source {
        let shown = String::from_utf8_lossy(path);
        let Some(there) = copy.get(path) else {
            wrong.push(format!("{shown:?} is missing"));
            continue;
        };
        let (wanted, got) = (expected(path, node, kept, mine), found(there, kept));
        let mut told = String::new();
        // Reading it is what changes a time of access: only the one of what is never read is compared.
        let same_access = node.kind != Kind::Special || wanted.accessed == got.accessed;
        let (wanted, got) = (Node { accessed: (0, 0), ..wanted }, Node { accessed: (0, 0), ..got });
        if wanted != got {
            told = format!("{shown:?}:\n  {wanted:?}\n  {got:?}");
        } else if !same_access {
            told = format!("{shown:?}: time of access");
        } else if there.allocated > node.allocated + 65536 {
            told = format!("{shown:?}: {} bytes for {}", there.allocated, node.allocated);
        } else if there.data > node.data {
            told = format!("{shown:?}: {} bytes of data for {}", there.data, node.data);
        }
        if !told.is_empty() {
            wrong.push(told);
        }
    }
    for path in copy.keys().filter(|path| !source.contains_key(*path)) {
        wrong.push(format!("{:?} is more than there was", String::from_utf8_lossy(path)));
    }
    let shown = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} differences:\n{shown}", wrong.len());
}

/// The same tree, untouched: all but times of access, and when its blocks are written.
pub fn assert_untouched(before: &Tree, after: &Tree) {
    let bare = |node: &Node| Node { accessed: (0, 0), allocated: 0, data: 0, ..node.clone() };
    for (path, node) in before {
        let now = after.get(path).map(bare);
        assert_eq!(now, Some(bare(node)), "{:?} was changed", String::from_utf8_lossy(path));
    }
    assert_eq!(before.len(), after.len(), "the tree was changed");
}

/// The counts that the library must report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub files: u64,
    pub hard_links: u64,
    pub directories: u64,
    pub symlinks: u64,
    pub specials: u64,
    pub empty: u64,
    pub bytes: u64,
}

impl Counts {
    /// What is in the tree, below its root.
    pub fn of(tree: &Tree, links: bool) -> Self {
        let mut counts = Self::default();
        for (path, node) in tree.iter().filter(|(path, _)| !path.is_empty()) {
            if links && node.first != *path {
                counts.hard_links += 1;
                continue;
            }
            match node.kind {
                Kind::File => {
                    counts.files += 1;
                    counts.bytes += node.size;
                    counts.empty += u64::from(node.size == 0);
                }
                Kind::Directory => counts.directories += 1,
                Kind::Symlink => counts.symlinks += 1,
                Kind::Special => counts.specials += 1,
            }
        }
        counts
    }

    pub fn told(outcome: &crate::calls::Outcome) -> Self {
        Self {
            files: outcome.files,
            hard_links: outcome.hard_links,
            directories: outcome.directories,
            symlinks: outcome.symlinks,
            specials: outcome.specials,
            empty: outcome.files_empty,
            bytes: outcome.cloned + outcome.copied + outcome.holes,
        }
    }
}
