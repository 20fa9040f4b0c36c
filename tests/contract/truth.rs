//! What becomes of shared files: each row of it made, and what the library says held against the file systems' own tools and
//! their counts of blocks.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::abi::{self, TO_EOF};
use crate::dedupe::{How, dedupe};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::looks::{EVERYTHING, KNOWN, NONE, Sums, extents};
use crate::sharing::{clone_of, compares, overwrite, shared, tool};
use crate::{Contract, Where, skip};

pub const ALL: &[Contract] = &[
    Contract("truth::only_what_is_used_twice_is_shared", Where::IfCloning, only_what_is_used_twice_is_shared),
    Contract("truth::what_is_alone_again_is_not_shared", Where::IfCloning, what_is_alone_again_is_not_shared),
    Contract("truth::a_third_file_keeps_its_blocks", Where::IfCloning, a_third_file_keeps_its_blocks),
    Contract("truth::holes_and_zeros_take_what_is_told", Where::IfCloning, holes_and_zeros),
    Contract("truth::reserved_blocks_hold_nothing_to_share", Where::IfCloning, reserved_blocks),
    Contract("truth::a_swap_file_is_not_shared", Where::IfCloning, a_swap_file_is_not_shared),
    Contract("truth::small_files_have_no_place", Where::Only("btrfs"), small_files_have_no_place),
    Contract("truth::a_new_file_in_a_snapshotted_subvolume", Where::Only("btrfs"), snapshots),
    Contract("truth::defragmenting_unshares", Where::Only("btrfs"), defragmenting_unshares),
];

fn sums(path: &Path) -> Sums {
    extents(path).0
}

/// A file in one extent. A busy machine may write it out in two parts.
fn of_one_extent(path: PathBuf, content: &[u8]) -> PathBuf {
    let made = (0..50).any(|_| sums(&files::file(&path, content)).extents == 1);
    assert!(made, "{path:?} is never in one piece");
    path
}

/// XFS frees in the background what was removed, and its marks stay until then.
fn until(what: &str, right: impl Fn() -> bool) {
    let soon = (0..100).any(|_| {
        right() || {
            std::thread::sleep(Duration::from_millis(50));
            false
        }
    });
    assert!(soon, "never: {what}");
}

/// Blocks used twice by one file: XFS marks these and no others, Btrfs the whole extent that has them.
fn only_what_is_used_twice_is_shared(place: &Place) {
    if !place.fiemap {
        return;
    }
    let (room, block) = (Room::new(&place.dir), place.block);
    let (size, part) = (32 * block, 8 * block);
    let within = of_one_extent(room.path("within"), &files::bytes(20, size as usize));
    let file = OpenOptions::new().read(true).write(true).open(&within).unwrap();
    let fd = file.as_raw_fd();
    let share = crate::whole::options(abi::ALWAYS);
    assert_eq!(abi::copy_range((fd, 0), (fd, 20 * block), part, &share).0, 0);
    let found = sums(&within);
    // On Btrfs the file has a first part and a last part of the old extent, and both are marked.
    let marked = if place.name.contains("btrfs") { size } else { 2 * part };
    assert_eq!((found.shared, found.unshared), (marked, size - marked), "{found:?}");
    // A part of another file's: the rest is alone on XFS.
    let half = files::file(&room.path("half"), b"");
    let to = OpenOptions::new().write(true).open(&half).unwrap();
    let source = of_one_extent(room.path("source"), &files::bytes(21, size as usize));
    let from = File::open(&source).unwrap();
    assert_eq!(abi::copy_range((from.as_raw_fd(), part), (to.as_raw_fd(), 0), part, &share).0, 0);
    let marked = if place.name.contains("btrfs") { size } else { part };
    assert_eq!((sums(&source).shared, sums(&half).shared), (marked, part));
}

/// The other file was rewritten, cut, or removed.
fn what_is_alone_again_is_not_shared(place: &Place) {
    if !place.fiemap {
        return;
    }
    type End = fn(&Path);
    let ends: [End; 3] = [
        |path| overwrite(path, 0, 300_000),
        |path| OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap(),
        |path| fs::remove_file(path).unwrap(),
    ];
    for end in ends {
        let room = Room::new(&place.dir);
        let src = files::file(&room.path("src"), &files::bytes(22, 300_000));
        let peer = clone_of(&src, room.path("peer"));
        let found = sums(&src);
        assert_eq!((found.shared, found.exclusive, found.reported), (300_000, 0, KNOWN), "{found:?}");
        end(&peer);
        if peer.exists() {
            File::open(&peer).unwrap().sync_all().unwrap();
        }
        until("it is alone", || {
            let found = sums(&src);
            (found.shared, found.unshared, found.exclusive) == (0, 300_000, 300_000)
        });
    }
}

/// Who takes another file's blocks leaves those that it shared before to others.
fn a_third_file_keeps_its_blocks(place: &Place) {
    let room = Room::new(&place.dir);
    let size = 16 * place.block;
    let content = files::bytes(23, size as usize);
    let (one, other) = (files::file(&room.path("one"), &content), files::file(&room.path("other"), &content));
    let third = clone_of(&other, room.path("third"));
    let [from, to] = [&one, &other].map(|path| File::open(path).unwrap());
    let (code, done) = dedupe((&from, 0), (&to, 0), TO_EOF, &How::default());
    assert_eq!((code, done.deduped), (0, size), "{done:?}");
    if !compares(place) {
        return;
    }
    assert_eq!((shared(&one, &other).verdict, shared(&other, &third).verdict), (EVERYTHING, NONE));
    assert_eq!((sums(&one).shared, sums(&other).shared), (size, size));
    let found = sums(&third);
    assert_eq!((found.shared, found.exclusive), (0, size), "{found:?}");
}

/// Blocks of a file, of a file system that has written everything out.
fn blocks(file: &File) -> u64 {
    unsafe { libc::syncfs(file.as_raw_fd()) };
    file.metadata().unwrap().blocks()
}

/// A hole is shared onto zeros and the zeros' blocks are given up; zeros onto a hole take blocks, which are shared.
fn holes_and_zeros(place: &Place) {
    let size = 64 * place.block;
    for zeros_first in [false, true] {
        let room = Room::new(&place.dir);
        let hole = files::sparse(&room.path("hole"), size, &[]);
        let zeros = files::file(&room.path("zeros"), &vec![0; size as usize]);
        let (src, dst) = if zeros_first { (&zeros, &hole) } else { (&hole, &zeros) };
        let [from, to] = [src, dst].map(|path| File::open(path).unwrap());
        let before = blocks(&to);
        assert_eq!(before > 0, !zeros_first);
        let (code, done) = dedupe((&from, 0), (&to, 0), TO_EOF, &How::default());
        assert_eq!((code, done.deduped), (0, size), "{done:?}");
        assert_eq!(blocks(&to), blocks(&from), "{zeros_first}");
        if compares(place) {
            let found = shared(src, dst);
            let wanted = if zeros_first { (size, 0) } else { (0, size) };
            assert_eq!((found.verdict, (found.same, found.hole)), (EVERYTHING, wanted), "{found:?}");
        }
    }
}

/// XFS leaves reserved blocks out of a clone; Btrfs marks them as shared in both, and a write to them goes elsewhere.
fn reserved_blocks(place: &Place) {
    if !place.fiemap {
        return;
    }
    let room = Room::new(&place.dir);
    let (data, reserved) = (16 * place.block, 16 * place.block);
    let src = files::file(&room.path("src"), &files::bytes(24, data as usize));
    let file = OpenOptions::new().read(true).write(true).open(&src).unwrap();
    if unsafe { libc::fallocate64(file.as_raw_fd(), 0, data as i64, reserved as i64) } != 0 {
        skip("no fallocate here");
    }
    let dst = clone_of(&src, room.path("dst"));
    let [one, other] = [&src, &dst].map(|path| sums(path));
    let marked = if place.name.contains("btrfs") { reserved } else { 0 };
    assert_eq!((one.shared, one.preallocated, one.preallocated_shared), (data, reserved, marked), "{one:?}");
    assert_eq!(one.exclusive, reserved - marked, "{one:?}");
    let found = (other.shared, other.preallocated, other.hole);
    assert_eq!(found, (data, marked, reserved - marked), "{other:?}");
    if compares(place) {
        let found = shared(&src, &dst);
        assert_eq!(found.same, data, "reserved blocks are no proof: {found:?}");
    }
}

/// Ends the use of a swap file, whatever becomes of the test.
struct Swap<'p>(&'p str);

impl Drop for Swap<'_> {
    fn drop(&mut self) {
        let _ = Command::new("swapoff").arg(self.0).status();
    }
}

/// The kernel writes to its blocks without asking the file system.
fn a_swap_file_is_not_shared(place: &Place) {
    let room = Room::new(&place.dir);
    let (size, path) = (1 << 20, room.path("swap"));
    files::file(&path, b"");
    let name = path.to_str().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    run("chattr", &["+C", name]); // Btrfs wants it
    let text = fs::metadata(&path).map(|_| vec![0; size]).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &text, 0).unwrap();
    file.sync_all().unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    if !run("mkswap", &[name]) || !run("swapon", &["-p", "0", name]) {
        skip("nothing can be swapped to here");
    }
    let swap = Swap(name);
    let found = sums(&path);
    assert_eq!((found.unshared, found.shared), if place.fiemap { (size as u64, 0) } else { (0, 0) });
    let mut content = vec![0; size];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut content, 0).unwrap();
    let equal = File::open(files::file(&room.path("equal"), &content)).unwrap();
    for (src, dst) in [(&equal, &file), (&file, &equal)] {
        let (code, done) = dedupe((src, 0), (dst, 0), TO_EOF, &How::default());
        let told = (code, done.skipped, done.reason);
        assert_eq!(told, (0, size as u64, abi::REASON_FILE), "{done:?}");
        assert!([-libc::ETXTBSY, -libc::EINVAL].contains(&done.dedupe_error), "{done:?}");
    }
    drop(swap);
}

/// Two records in the metadata have one address, 0: it is none.
fn small_files_have_no_place(place: &Place) {
    let room = Room::new(&place.dir);
    let one = files::file(&room.path("one"), &files::bytes(25, 100));
    let [clone, other] = [clone_of(&one, room.path("clone")), files::file(&room.path("other"), b"other")];
    for path in [&clone, &other] {
        let found = shared(&one, path);
        assert_eq!((found.same, found.verdict != EVERYTHING), (0, true), "{found:?}");
    }
    let found = sums(&clone);
    assert_eq!((found.inline, found.shared, found.exclusive), (100, 0, 0), "{found:?}");
}

/// What a snapshot keeps is shared with it; what came later is not; without the snapshot nothing is.
fn snapshots(place: &Place) {
    let room = Room::new(&place.dir);
    let name = |name: &str| room.path(name).to_str().unwrap().to_owned();
    tool("btrfs", &["subvolume", "create", &name("volume")]);
    let old = files::file(&room.path("volume/old"), &files::bytes(26, 200_000));
    tool("btrfs", &["filesystem", "sync", &name("volume")]);
    tool("btrfs", &["subvolume", "snapshot", &name("volume"), &name("snapshot")]);
    let new = files::file(&room.path("volume/new"), &files::bytes(27, 200_000));
    let kept = room.path("snapshot/old");
    let told = (sums(&old).shared, sums(&kept).shared, sums(&new).shared, shared(&old, &kept).verdict);
    tool("btrfs", &["subvolume", "delete", "-c", &name("snapshot")]);
    let alone = || (sums(&old).shared, sums(&old).exclusive) == (0, 200_000);
    let cleared = (0..200).any(|_| {
        alone() || {
            std::thread::sleep(Duration::from_millis(50));
            false
        }
    });
    tool("btrfs", &["subvolume", "delete", &name("volume")]);
    assert_eq!(told, (200_000, 200_000, 0, EVERYTHING));
    assert!(cleared, "the snapshot is gone, and its file is still shared");
}

/// A file of one extent is left as it is, unless it is to be compressed.
fn defragmenting_unshares(place: &Place) {
    let room = Room::new(&place.dir);
    let text = "a text that can be compressed\n".repeat(20_000);
    let one = of_one_extent(room.path("one"), text.as_bytes());
    let size = text.len() as u64;
    let other = clone_of(&one, room.path("other"));
    tool("btrfs", &["filesystem", "defragment", "-f", one.to_str().unwrap()]);
    assert_eq!((shared(&one, &other).verdict, sums(&one).shared), (EVERYTHING, size));
    tool("btrfs", &["filesystem", "defragment", "-f", "-czstd", one.to_str().unwrap()]);
    let found = sums(&one);
    assert_eq!((found.encoded, found.encoded_shared, found.shared), (size, 0, 0), "{found:?}");
    assert_eq!((shared(&one, &other).verdict, sums(&other).shared), (NONE, 0));
    // A compressed one again: all that can be told is that it is shared by somebody.
    let again = clone_of(&one, room.path("again"));
    let found = sums(&again);
    assert_eq!((found.encoded_shared, shared(&one, &again).unknown), (size, size), "{found:?}");
}
