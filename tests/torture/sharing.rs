//! What is reported as shared, compared with where each byte lies by another interface than FIEMAP: the tree itself on Btrfs
//! (as root), GETBMAPX on XFS. The one failure that counts is a byte that is reported as shared and is not.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::abi::{self, Options, TO_EOF};
use crate::files;
use crate::looks::{EVERYTHING, NONE, PART, extents_of, shared_of};
use crate::seed::{self, Random};
use crate::skip;
use crate::volume::{Volume, run};

pub const OWN: &[(&str, fn())] = &[
    ("sharing::xfs", xfs),
    ("sharing::xfs_by_its_reverse_map", xfs_by_its_reverse_map),
    ("sharing::btrfs", btrfs),
    ("sharing::btrfs_zstd", btrfs_zstd),
    ("sharing::two_halves_of_one_compressed_extent", two_halves_of_one_compressed_extent),
    ("sharing::snapshots_have_other_device_numbers", snapshots_have_other_device_numbers),
    ("sharing::one_device_number_for_two_file_systems", one_device_number_for_two_file_systems),
    ("sharing::a_rewritten_block_is_never_shared_again", a_rewritten_block_is_never_shared_again),
    ("sharing::a_copied_image_is_another_volume", a_copied_image_is_another_volume),
    ("sharing::what_is_written_out_meanwhile_is_no_hole", what_is_written_out_meanwhile_is_no_hole),
];

// ── The truth ──

/// A stretch of a file, and where it lies: which extent, and where in it.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    offset: u64,
    pub length: u64,
    pub extent: u64,
    pub within: u64,
    /// What the extent takes on the disk.
    pub whole: u64,
}

type Truth = fn(&File) -> Vec<Stretch>;

/// `struct getbmapx` (xfs_fs.h), in sectors of 512 bytes.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Bmap {
    offset: i64,
    block: i64,
    length: i64,
    count: i32,
    entries: i32,
    iflags: i32,
    oflags: i32,
    unused: [i32; 2],
}

pub fn by_bmap(file: &File) -> Vec<Stretch> {
    const ROOM: usize = 1024;
    let mut map = vec![Bmap::default(); ROOM];
    // BMV_IF_PREALLOC: say which are not written.
    (map[0].length, map[0].count, map[0].iflags) = (-1, ROOM as i32, 4);
    // _IOWR('X', 56, struct getbmap), which is the header without flags
    let number = libc::_IOWR::<[u64; 4]>(u32::from(b'X'), 56);
    assert_eq!(unsafe { libc::ioctl(file.as_raw_fd(), number, map.as_mut_ptr()) }, 0);
    let entries = &map[1..=map[0].entries as usize];
    assert!(entries.len() + 1 < ROOM, "the map does not fit");
    // Holes are block -1, delayed blocks -2, and BMV_OF_PREALLOC is 1.
    let written = entries.iter().filter(|entry| entry.block >= 0 && entry.oflags & 1 == 0);
    written
        .map(|entry| Stretch {
            offset: entry.offset as u64 * 512,
            length: entry.length as u64 * 512,
            extent: 0,
            within: entry.block as u64 * 512,
            whole: entry.length as u64 * 512,
        })
        .collect()
}

/// By the tree that says for each block of the device whose it is (as root, with rmapbt).
fn by_reverse_map(file: &File) -> Vec<Stretch> {
    let inode = file.metadata().unwrap().ino().to_string();
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let text = run("xfs_io", &["-r", "-c", "fsmap -v", &path]).unwrap_or_else(|why| skip(why));
    // 8: 7:5 [192..2151]: 131 0..1959 0 (192..2151) 1960 0100000
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // A block of the file's own map is its own too, and holds none of its bytes.
    let is_range = |word: Option<&&str>| word.is_some_and(|word| word.contains(".."));
    let own = words.filter(|words| words.get(3) == Some(&inode.as_str()) && is_range(words.get(4)));
    // 0010000: reserved, and not written to.
    let written = own.filter(|words| words.get(8).is_none_or(|flags| !flags.contains("001")));
    let sectors = |range: &str| {
        let (from, to) = range.trim_matches(['[', ']', ':']).split_once("..").unwrap();
        (from.parse::<u64>().unwrap() * 512, (to.parse::<u64>().unwrap() + 1) * 512)
    };
    written
        .map(|words| {
            let ((within, _), (offset, end)) = (sectors(words[2]), sectors(words[4]));
            Stretch { offset, length: end - offset, extent: 0, within, whole: end - offset }
        })
        .collect()
}

/// `struct btrfs_ioctl_search_args_v2`, with room for what is found.
#[repr(C)]
struct Search {
    tree: u64,
    min_object: u64,
    max_object: u64,
    min_offset: u64,
    max_offset: u64,
    min_transaction: u64,
    max_transaction: u64,
    min_type: u32,
    max_type: u32,
    items: u32,
    unused: u32,
    more_unused: [u64; 4],
    size: u64,
    found: [u8; 1 << 18],
}

fn data_by_tree(file: &File) -> Vec<Stretch> {
    by_tree(file, false)
}

/// `reserved`: with what is preallocated.
pub fn by_tree(file: &File, reserved: bool) -> Vec<Stretch> {
    const EXTENT_DATA: u32 = 108;
    let inode = file.metadata().unwrap().ino();
    let mut search: Box<Search> = unsafe { Box::new(std::mem::zeroed()) };
    (search.min_object, search.max_object, search.items) = (inode, inode, u32::MAX);
    (search.max_offset, search.max_transaction, search.size) = (u64::MAX, u64::MAX, 1 << 18);
    (search.min_type, search.max_type) = (EXTENT_DATA, EXTENT_DATA);
    // _IOWR(0x94, 17, struct btrfs_ioctl_search_args_v2), whose room does not count
    let number = libc::_IOWR::<[u64; 14]>(0x94, 17);
    assert_eq!(unsafe { libc::ioctl(file.as_raw_fd(), number, &raw mut *search) }, 0);
    let (mut at, mut all) = (0, Vec::new());
    let number = |at: usize| u64::from_le_bytes(search.found[at..at + 8].try_into().unwrap());
    for _ in 0..search.items {
        let (offset, length) = (number(at + 16), (number(at + 24) >> 32) as usize);
        let item = at + 32;
        // A regular extent with a place: its address, its length on the disk, the offset in it, and the length in the file.
        let kind = search.found[item + 20];
        if (kind == 1 || (reserved && kind == 2)) && number(item + 21) != 0 {
            let [extent, whole, within, length] = [21, 29, 37, 45].map(|member| number(item + member));
            all.push(Stretch { offset, length, extent, within, whole });
        }
        at = item + length;
    }
    all
}

/// How many bytes of two ranges lie at one place.
fn truly_same(a: (&[Stretch], u64), b: (&[Stretch], u64), length: u64) -> u64 {
    let mut same = 0;
    for one in a.0 {
        for other in b.0.iter().filter(|other| other.extent == one.extent) {
            // Both as distances from their ranges' beginnings.
            let begin = |stretch: &Stretch, range: u64| stretch.offset as i128 - i128::from(range);
            let (at, there) = (begin(one, a.1), begin(other, b.1));
            if i128::from(one.within) - at != i128::from(other.within) - there {
                continue;
            }
            let end = (at + i128::from(one.length)).min(there + i128::from(other.length)).min(length.into());
            same += (end - at.max(there).max(0)).max(0) as u64;
        }
    }
    same
}

// ── Chance ──

fn xfs() {
    fuzz("xfs", &Volume::new("xfs", 600, &["-b", "size=1024"], "loop"), by_bmap, 1024, true);
}

fn xfs_by_its_reverse_map() {
    let volume = Volume::new("xfs", 600, &["-m", "rmapbt=1"], "loop");
    fuzz("xfs by its reverse map", &volume, by_reverse_map, 4096, true);
}

fn btrfs() {
    fuzz("btrfs", &Volume::new("btrfs", 600, &[], "loop"), data_by_tree, 4096, true);
}

fn btrfs_zstd() {
    let volume = Volume::new("btrfs", 600, &[], "loop,compress-force=zstd");
    fuzz("btrfs-zstd", &volume, data_by_tree, 4096, false);
}

const SIZE: u64 = 1 << 20;

/// Random changes of a few files, and after each some comparisons. `exact`: nothing is compressed, so that all can be told.
fn fuzz(name: &str, volume: &Volume, truth: Truth, block: u64, exact: bool) {
    let mut random = Random::new(seed::seed(), &format!("sharing {name}"));
    let open = |number: u64| {
        let path = files::file(&volume.path(&format!("file {number}")), &files::bytes(number, 300_000));
        OpenOptions::new().read(true).write(true).open(path).unwrap()
    };
    let all: Vec<File> = (0..4).map(open).collect();
    let (until, most) = (Instant::now() + seed::time(2), seed::operations().unwrap_or(u64::MAX));
    let (mut comparisons, mut same_bytes, mut unknown) = (0_u64, 0, 0);
    for step in 0..most {
        if Instant::now() >= until {
            break;
        }
        let what = change(&mut random, &all, block);
        for _ in 0..4 {
            let (a, b) = (random.below(4) as usize, random.below(4) as usize);
            let aligned = |random: &mut Random| random.below(40) * block;
            let (mut from, mut to) = (aligned(&mut random), aligned(&mut random));
            if random.one_in(2) {
                to = from;
            }
            if random.one_in(4) {
                let odd = random.below(block);
                (from, to) = (from + odd, to + odd);
            }
            let length = *random.pick(&[1, block, 3 * block, 40 * block, TO_EOF]);
            let (code, found) = shared_of((all[a].as_raw_fd(), from), (all[b].as_raw_fd(), to), length, 0);
            let context =
                format!("seed {} step {step}: {what}, then {a}@{from} {b}@{to}+{length}", seed::seed());
            assert_eq!(code, 0, "{context}");
            let [one, other] = [a, b].map(|file| truth(&all[file]));
            let ends =
                [(a, from), (b, to)].map(|(file, at)| all[file].metadata().unwrap().len().saturating_sub(at));
            let common = ends[0].min(ends[1]).min(length);
            let wanted = match a == b && from == to {
                true => common,
                false => truly_same((&one, from), (&other, to), common),
            };
            assert!(
                found.same <= wanted,
                "A FALSE YES: {wanted} are the same: {found:?}\n{context}\n{one:?}\n{other:?}"
            );
            assert!(
                wanted <= found.same + found.unknown,
                "a false no: {wanted}: {found:?}\n{context}\n{one:?}\n{other:?}"
            );
            let inline = common < 2 * block; // Btrfs keeps small files in its tree
            assert!(!exact || inline || found.same == wanted, "{wanted} are the same: {found:?}\n{context}");
            comparisons += 1;
            same_bytes += found.same;
            unknown += found.unknown;
        }
    }
    println!(
        "sharing on {name}: {comparisons} comparisons, {same_bytes} bytes the same, {unknown} unknown, none false"
    );
    assert!(comparisons < 200 || same_bytes > 0, "nothing was ever shared: no test");
}

/// Changes one of the files, in one of the ways that users and programs do, and says how.
pub fn change(random: &mut Random, all: &[File], block: u64) -> String {
    let (from, to) = (random.pick(all), random.pick(all));
    let [at, other] = [random.below(64) * block, random.below(64) * block];
    let length = (1 + random.below(32)) * block;
    let what = random.below(9);
    match what {
        0 | 1 => {
            let (at, length) = (random.below(SIZE / 3), 1 + random.below(100_000) as usize);
            // Half of it can be compressed.
            let content = if random.one_in(2) { files::bytes(at, length) } else { vec![at as u8; length] };
            to.write_all_at(&content, at).unwrap();
        }
        2..=4 => {
            let how = Options { mode: abi::ALWAYS, ..Options::default() };
            let _ = abi::copy_range((from.as_raw_fd(), at), (to.as_raw_fd(), other), length, &how);
        }
        5 => {
            // Equal first, then shared by a deduplicating tool.
            let mut content = vec![0; length as usize];
            let read = from.read_at(&mut content, at).unwrap();
            if read == content.len() {
                to.write_all_at(&content, other).unwrap();
                let _ = crate::dedupe::ranges((from.as_raw_fd(), at), (to.as_raw_fd(), other), length);
            }
        }
        6 => to.set_len(random.below(SIZE / 2)).unwrap(),
        7 => {
            let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            unsafe { libc::fallocate64(to.as_raw_fd(), mode, at as i64, length as i64) };
        }
        _ => {
            unsafe { libc::fallocate64(to.as_raw_fd(), 0, at as i64, length as i64) };
        }
    }
    format!("change {what} at {at} and {other}, {length} bytes")
}

// ── Traps ──

fn fd(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

fn clone_of(src: &Path, dst: &Path) {
    let how = Options { mode: abi::ALWAYS, ..Options::default() };
    assert_eq!(abi::copy_file(src, dst, &how).0, 0);
}

/// FIEMAP gives both the address of the extent's beginning, and they have not one byte in common.
fn two_halves_of_one_compressed_extent() {
    let volume = Volume::new("btrfs", 600, &[], "loop,compress-force=zstd");
    let halves: Vec<u8> =
        (0..131_072_u32).map(|at| if at < 65_536 { (at / 512) as u8 } else { !(at / 512) as u8 }).collect();
    let whole = fd(&files::file(&volume.path("whole"), &halves));
    let second = fd(&files::file(&volume.path("second"), b""));
    let how = Options { mode: abi::ALWAYS, ..Options::default() };
    assert_eq!(abi::copy_range((whole.as_raw_fd(), 65_536), (second.as_raw_fd(), 0), 65_536, &how).0, 0);
    let (code, found) = shared_of((whole.as_raw_fd(), 0), (second.as_raw_fd(), 0), 65_536, 0);
    let (one, other) = (data_by_tree(&whole), data_by_tree(&second));
    assert!(one[0].extent == other[0].extent && one[0].within != other[0].within, "{one:?} {other:?}");
    assert_eq!((code, found.same, found.unknown, found.verdict), (0, 0, 65_536, 0), "{found:?}");
    let (_, sums, _) = extents_of(second.as_raw_fd(), 0, TO_EOF, 0);
    assert_eq!((sums.encoded, sums.encoded_shared, sums.shared), (65_536, 65_536, 0), "{sums:?}");
}

fn snapshots_have_other_device_numbers() {
    let volume = Volume::new("btrfs", 600, &[], "loop");
    let original = files::file(&volume.path("file"), &files::bytes(1, 200_000));
    let (from, to) = (volume.dir.to_str().unwrap(), volume.path("snapshot"));
    File::open(&original).unwrap().sync_all().unwrap();
    run("btrfs", &["subvolume", "snapshot", from, to.to_str().unwrap()]).unwrap_or_else(|why| skip(why));
    let (a, b) = (fd(&original), fd(&to.join("file")));
    assert_ne!(a.metadata().unwrap().dev(), b.metadata().unwrap().dev());
    let found = shared_of((a.as_raw_fd(), 0), (b.as_raw_fd(), 0), TO_EOF, 0).1;
    assert_eq!((found.verdict, found.same), (EVERYTHING, 200_000), "{found:?}");
    b.write_all_at(b"new", 8192).unwrap();
    let found = shared_of((a.as_raw_fd(), 0), (b.as_raw_fd(), 0), TO_EOF, 0).1;
    assert_eq!((found.verdict, found.apart), (PART, 4096), "{found:?}");
    // Another Btrfs, made in the same way: the same addresses on another volume.
    let other = Volume::new("btrfs", 600, &[], "loop");
    let twin = files::file(&other.path("file"), &files::bytes(2, 200_000));
    clone_of(&twin, &other.path("clone"));
    let found = shared_of((a.as_raw_fd(), 0), (fd(&twin).as_raw_fd(), 0), TO_EOF, 0).1;
    assert_eq!((found.same, found.verdict), (0, NONE), "{found:?}");
}

/// An overlay with xino=on: two files on two disks with one device number, equal addresses, both shared, other content.
fn one_device_number_for_two_file_systems() {
    let make = |seed| {
        let volume = Volume::new("xfs", 600, &["-m", "reflink=1"], "loop");
        for name in ["tree", "work"] {
            fs::create_dir(volume.path(name)).unwrap();
        }
        let file = files::file(&volume.path(&format!("tree/file {seed}")), &files::bytes(seed, 1 << 20));
        clone_of(&file, &volume.path("clone"));
        volume
    };
    let (lower, upper) = (make(1), make(2));
    let places = [(&lower, 1), (&upper, 2)].map(|(volume, seed)| {
        extents_of(fd(&volume.path(&format!("tree/file {seed}"))).as_raw_fd(), 0, TO_EOF, 0).2[0].place
    });
    assert_eq!(places[0], places[1], "two disks that were filled alike");
    let over = upper.path("over");
    fs::create_dir(&over).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (low, up, work) = (text(&lower.path("tree")), text(&upper.path("tree")), text(&upper.path("work")));
    let layers = format!("xino=on,lowerdir={low},upperdir={up},workdir={work}");
    run("mount", &["-t", "overlay", "-o", &layers, "test", &text(&over)]).unwrap_or_else(|why| skip(why));
    let [a, b] = [1, 2].map(|seed| File::open(over.join(format!("file {seed}"))).unwrap());
    assert_eq!(a.metadata().unwrap().dev(), b.metadata().unwrap().dev());
    let found = shared_of((a.as_raw_fd(), 0), (b.as_raw_fd(), 0), TO_EOF, 0).1;
    let pieces = extents_of(a.as_raw_fd(), 0, TO_EOF, 0).2;
    drop((a, b));
    run("umount", &[&text(&over)]).unwrap();
    assert_eq!((found.same, found.unknown, found.verdict), (0, 1 << 20, 0), "{found:?}");
    assert!(pieces.iter().all(|piece| piece.flags & 4 == 0), "a place of an overlay: {pieces:?}");
    // The disks themselves are told apart.
    let [a, b] = [lower.path("tree/file 1"), upper.path("tree/file 2")].map(|path| fd(&path));
    assert_eq!(shared_of((a.as_raw_fd(), 0), (b.as_raw_fd(), 0), TO_EOF, 0).1.verdict, NONE);
}

/// Rewritten by write(2) and through a mapping, with and without a flush by the library.
fn a_rewritten_block_is_never_shared_again() {
    const BLOCKS: u64 = 64;
    const BLOCK: u64 = 4096;
    for kind in ["xfs", "btrfs"] {
        let volume = Volume::new(kind, 600, &[], "loop");
        let src = files::file(&volume.path("src"), &files::bytes(3, (BLOCKS * BLOCK) as usize));
        clone_of(&src, &volume.path("dst"));
        let (a, b) = (fd(&src), fd(&volume.path("dst")));
        let length = (BLOCKS * BLOCK) as usize;
        let mapped = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), length, access, libc::MAP_SHARED, b.as_raw_fd(), 0)
        };
        assert_ne!(mapped, libc::MAP_FAILED);
        // Every other block is rewritten, by one way or the other, before anybody asks, and again and again meanwhile.
        let (mapped, done) = (mapped as usize, AtomicBool::new(false));
        let rewrite = |round: u64| {
            for block in (1..BLOCKS).step_by(2) {
                if block % 4 == 1 {
                    b.write_all_at(&round.to_le_bytes(), block * BLOCK).unwrap();
                } else {
                    unsafe { ((mapped as u64 + block * BLOCK) as *mut u64).write_volatile(round) };
                }
            }
        };
        rewrite(0);
        let (mut asked, mut same) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| (1..).take_while(|_| !done.load(Ordering::Relaxed)).for_each(rewrite));
            let until = Instant::now() + std::time::Duration::from_secs(1);
            while Instant::now() < until {
                for flags in [0, 1 << 60] {
                    let (code, found) = shared_of((a.as_raw_fd(), 0), (b.as_raw_fd(), 0), TO_EOF, flags);
                    assert_eq!(code, 0);
                    assert!(found.same <= BLOCKS / 2 * BLOCK, "{kind}: {found:?}");
                    same += found.same;
                    let odd = (1 + 2 * (asked % (BLOCKS / 2))) * BLOCK;
                    let (_, one) = shared_of((a.as_raw_fd(), odd), (b.as_raw_fd(), odd), BLOCK, flags);
                    assert_eq!(one.same, 0, "{kind}: block at {odd}: {one:?}");
                    asked += 1;
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        unsafe { libc::munmap(mapped as *mut _, length) };
        let found = shared_of((a.as_raw_fd(), 0), (b.as_raw_fd(), 0), TO_EOF, 0).1;
        assert_eq!((found.same, found.apart), (BLOCKS / 2 * BLOCK, BLOCKS / 2 * BLOCK), "{kind}");
        println!("{kind}: asked {asked} times beside a writer, {same} bytes the same");
    }
}

/// XFS shows no place for bytes that wait next to a rewritten clone, and may write them out between the map and the next call.
fn what_is_written_out_meanwhile_is_no_hole() {
    const BEGIN: u64 = 64 << 10;
    const SIZE: u64 = 1 << 20;
    const NO_FLUSH: u64 = 1 << 60;
    let volume = Volume::new("xfs", 400, &[], "loop");
    let src = files::sparse(&volume.path("src"), SIZE, &[(0, BEGIN as usize)]);
    let a = fd(&src);
    let until = Instant::now() + seed::time(3);
    let (mut asked, mut rounds) = (0, 0);
    while Instant::now() < until {
        let path = volume.path(&format!("clone {rounds}"));
        clone_of(&src, &path);
        let b = fd(&path);
        b.write_all_at(&[1; 4096], BEGIN - 4096).unwrap();
        b.write_all_at(&[2; 4096], BEGIN).unwrap();
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| b.sync_data().unwrap());
            loop {
                let last = writing.is_finished();
                let (code, found) =
                    shared_of((a.as_raw_fd(), BEGIN), (b.as_raw_fd(), BEGIN), TO_EOF, NO_FLUSH);
                assert!(code == 0 && found.hole <= SIZE - BEGIN - 4096, "round {rounds}: {found:?}");
                asked += 1;
                if last {
                    break;
                }
            }
        });
        drop(b);
        fs::remove_file(path).unwrap();
        rounds += 1;
    }
    println!("asked {asked} times beside {rounds} writes to the device, and no byte was taken for a hole");
}

/// Two volumes of one identity, mounted at once: equal addresses, both shared, and what is written to one is not in the other.
fn a_copied_image_is_another_volume() {
    for (kind, options) in [("xfs", "nouuid"), ("btrfs", "")] {
        let volume = Volume::new(kind, 400, &[], "loop");
        let original = files::file(&volume.path("file"), &files::bytes(4, 200_000));
        clone_of(&original, &volume.path("clone"));
        // Linux 6.7 gives the second Btrfs an identity of its own; before, it refuses the mount.
        let twin = volume.twin(options);
        let (a, b) = (fd(&original), fd(&twin.path("file")));
        let places = [&a, &b].map(|file| extents_of(file.as_raw_fd(), 0, TO_EOF, 0).2[0].place);
        assert!(places[0] == places[1] && places[0] != 0, "{kind}: an image that was copied");
        let (code, found) = shared_of((a.as_raw_fd(), 0), (b.as_raw_fd(), 0), TO_EOF, 0);
        let told = (code, found.verdict, found.apart, found.reason);
        assert_eq!(told, (0, NONE, 200_000, abi::REASON_CROSS_DEVICE), "{kind}: {found:?}");
        // Within the copy all is as it was.
        let found = shared_of((b.as_raw_fd(), 0), (fd(&twin.path("clone")).as_raw_fd(), 0), TO_EOF, 0).1;
        assert_eq!((found.verdict, found.same), (EVERYTHING, 200_000), "{kind}: {found:?}");
    }
}
