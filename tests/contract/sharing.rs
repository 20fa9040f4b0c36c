//! reflink_extents and reflink_shared, compared with what the file systems' own tools report.
//! Makes each state that a clone can get into, and looks for a false "shared" in each.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::abi::{self, TO_EOF};
use crate::dedupe::{How, dedupe};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::looks::{
    EVERYTHING, KNOWN, NO_FLUSH, NONE, PART, Piece, Shared, Sums, extents, extents_of, functions, shared_of,
    stop,
};
use crate::whole::options;
use crate::{Contract, Where, skip};

pub const ALL: &[Contract] = &[
    Contract("the_sums_are_the_tools", Where::Everywhere, the_sums_are_the_tools),
    Contract(
        "a_clone_is_shared_until_it_is_written",
        Where::IfCloning,
        a_clone_is_shared_until_it_is_written,
    ),
    Contract("a_copy_is_apart", Where::Everywhere, a_copy_is_apart),
    Contract("a_clone_at_another_offset", Where::IfCloning, a_clone_at_another_offset),
    Contract("a_range_is_the_same_as_itself", Where::Everywhere, a_range_is_the_same_as_itself),
    Contract("ends_and_holes", Where::IfCloning, ends_and_holes),
    Contract("what_is_exclusive_is_freed", Where::Everywhere, what_is_exclusive_is_freed),
    Contract("no_flush_writes_nothing", Where::Everywhere, no_flush_writes_nothing),
    Contract(
        "no_flush_shows_no_hole_where_bytes_wait",
        Where::IfCloning,
        no_flush_shows_no_hole_where_bytes_wait,
    ),
    Contract("no_flush_still_sees_holes", Where::Everywhere, no_flush_still_sees_holes),
    Contract("maps_longer_than_one_batch", Where::Everywhere, maps_longer_than_one_batch),
    Contract("a_bind_mount_is_the_same_volume", Where::IfCloning, a_bind_mount_is_the_same_volume),
    Contract("files_without_a_map", Where::Everywhere, files_without_a_map),
    Contract("any_open_descriptor_will_do", Where::Everywhere, any_open_descriptor_will_do),
    Contract("bad_requests_are_refused", Where::Everywhere, bad_requests_are_refused),
    Contract("the_pieces_add_up_to_the_sums", Where::Everywhere, the_pieces_add_up_to_the_sums),
];

fn shared_at(a: (&Path, u64), b: (&Path, u64), length: u64) -> Shared {
    let (one, other) = (File::open(a.0).unwrap(), File::open(b.0).unwrap());
    let (code, found) = shared_of((one.as_raw_fd(), a.1), (other.as_raw_fd(), b.1), length, 0);
    let (back, reverse) = shared_of((other.as_raw_fd(), b.1), (one.as_raw_fd(), a.1), length, 0);
    assert_eq!((code, back, reverse), (0, 0, found), "the other way round");
    found
}

pub fn shared(a: &Path, b: &Path) -> Shared {
    shared_at((a, 0), (b, 0), TO_EOF)
}

pub fn clone_of(src: &Path, dst: PathBuf) -> PathBuf {
    assert_eq!(abi::copy_file(src, &dst, &options(abi::ALWAYS)).0, 0);
    dst
}

/// Where places can be compared: an overlay's are those of any layer.
pub fn compares(place: &Place) -> bool {
    place.fiemap && place.fs_name != "overlay"
}

pub fn overwrite(path: &Path, offset: u64, length: usize) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&files::bytes(99, length), offset).unwrap();
}

pub fn tool(program: &str, arguments: &[&str]) -> String {
    let output = match Command::new(program).args(arguments).output() {
        Ok(output) => output,
        Err(error) => skip(format!("{program}: {error}")),
    };
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

// ── What a file is made of ──

/// One file of each kind.
fn zoo(place: &Place, room: &Room) -> Vec<PathBuf> {
    let mut all = vec![
        files::file(&room.path("empty"), b""),
        files::file(&room.path("tiny"), &files::bytes(1, 100)),
        files::file(&room.path("tail"), &files::bytes(2, 10_000)),
        files::file(&room.path("plain"), &files::bytes(3, 1 << 20)),
        files::sparse(&room.path("sparse"), 4 << 20, &[(0, 70_000), (1 << 20, 1), (3 << 20, 200_000)]),
        files::sparse(&room.path("hole"), 1 << 20, &[]),
    ];
    let reserved = files::file(&room.path("reserved"), &files::bytes(4, 1 << 20));
    let file = OpenOptions::new().write(true).open(&reserved).unwrap();
    let (keep, from, more) = (libc::FALLOC_FL_KEEP_SIZE, 512 << 10, 2 << 20);
    if unsafe { libc::fallocate64(file.as_raw_fd(), keep, from, more) } == 0 {
        unsafe { libc::fallocate64(file.as_raw_fd(), 0, 4 << 20, 1 << 20) };
    }
    all.push(reserved);
    if place.clones {
        let source = files::file(&room.path("source"), &files::bytes(5, 1 << 20));
        let half = clone_of(&source, room.path("half"));
        overwrite(&half, 256 << 10, 300_000);
        all.push(clone_of(&all[6], room.path("reserved clone")));
        all.extend([clone_of(&all[1], room.path("tiny clone")), clone_of(&all[2], room.path("tail clone"))]);
        all.extend([clone_of(&all[4], room.path("sparse clone")), source, half]);
    }
    all
}

/// What `filefrag` says, which prints each record's flags: bytes before the end of the file that are shared, unwritten, inline
/// and plain; and those beyond it.
fn by_filefrag(path: &Path) -> [u64; 5] {
    let size = fs::metadata(path).unwrap().len();
    let text = tool("filefrag", &["-s", "-v", "-b1", path.to_str().unwrap()]);
    let mut sums = [0; 5];
    for line in
        text.lines().filter(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit()))
    {
        let fields: Vec<&str> = line.split(':').map(str::trim).collect();
        let number = |text: &str| text.trim_end_matches('.').trim().parse::<u64>().unwrap();
        let (from, to) = fields[1].split_once("..").unwrap();
        let (from, end) = (number(from), number(to) + 1);
        let flags = fields.last().unwrap();
        let unwritten = flags.contains("unwritten");
        let at = match () {
            () if flags.contains("inline") => 2,
            () if unwritten => 1,
            () if flags.contains("shared") => 0,
            () => 3,
        };
        sums[at] += end.min(size).saturating_sub(from.min(size));
        if unwritten || from >= size {
            sums[4] += end.saturating_sub(from.max(size));
        }
    }
    sums
}

fn the_sums_are_the_tools(place: &Place) {
    let room = Room::new(&place.dir);
    for path in zoo(place, &room) {
        let (sums, _) = extents(&path);
        let size = fs::metadata(&path).unwrap().len();
        let name = path.file_name().unwrap().to_owned();
        if !place.fiemap {
            assert_eq!(
                (sums.reported, sums.length, sums.reason),
                (0, 0, abi::REASON_UNSUPPORTED),
                "{name:?}"
            );
            assert_eq!(sums.os_error, libc::EOPNOTSUPP);
            continue;
        }
        assert_eq!(
            (sums.reported, sums.length),
            (if size == 0 { sums.reported } else { KNOWN }, size),
            "{name:?}"
        );
        let found = [sums.shared, sums.preallocated, sums.inline, sums.unshared, sums.beyond_eof];
        assert_eq!(found, by_filefrag(&path), "{name:?}: {sums:?}");
        match place.fs_name {
            "xfs" => assert_eq!(sums.shared, by_xfs_bmap(&path, size), "{name:?}"),
            "btrfs" => check_with_btrfs(&path, &sums),
            "ext4" => assert_eq!(sums.shared, 0),
            _ => {}
        }
    }
}

/// Shared bytes by another call than FIEMAP (XFS_IOC_GETBMAPX).
fn by_xfs_bmap(path: &Path, size: u64) -> u64 {
    const SECTOR: u64 = 512;
    let text = tool("xfs_bmap", &["-vvp", path.to_str().unwrap()]);
    let mut shared = 0;
    for line in text.lines().filter(|line| line.contains("..") && !line.contains("hole")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let range = words.iter().find(|word| word.starts_with('[')).unwrap();
        let range = range.trim_start_matches('[').trim_end_matches([':', ']']);
        let (from, to) = range.split_once("..").unwrap();
        let [from, to] = [from, to].map(|text| text.parse::<u64>().unwrap() * SECTOR);
        let flags = u32::from_str_radix(words.last().unwrap(), 8).unwrap_or(0);
        if flags & 0o100_000 != 0 {
            shared += (to + SECTOR).min(size).saturating_sub(from);
        }
    }
    shared
}

/// `btrfs filesystem du` asks FIEMAP too, and counts records whole.
fn check_with_btrfs(path: &Path, sums: &Sums) {
    let text = tool("btrfs", &["filesystem", "du", "--raw", "-s", path.to_str().unwrap()]);
    let words: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    let [total, exclusive] = [words[0], words[1]].map(|word| word.parse::<u64>().unwrap());
    let shared = sums.shared + sums.preallocated_shared;
    assert_eq!((total - exclusive).div_ceil(4096), shared.div_ceil(4096), "{text} {sums:?}");
}

fn the_pieces_add_up_to_the_sums(place: &Place) {
    let room = Room::new(&place.dir);
    for path in zoo(place, &room) {
        let file = File::open(&path).unwrap();
        let (sums, all) = extents(&path);
        let (inside, beyond): (Vec<Piece>, Vec<Piece>) = all.iter().partition(|piece| piece.flags & 8 == 0);
        let mut at = 0;
        for piece in &inside {
            assert_eq!(piece.offset, at);
            at += piece.length;
        }
        assert_eq!(at, sums.length);
        assert_eq!(beyond.iter().map(|piece| piece.length).sum::<u64>(), sums.beyond_eof);
        let of = |kind, flags| {
            let those = inside.iter().filter(|piece| piece.kind == kind && piece.flags & 3 == flags);
            those.map(|piece| piece.length).sum::<u64>()
        };
        assert_eq!(
            [of(1, 1), of(1, 0), of(2, 0), of(4, 0)],
            [sums.shared, sums.unshared, sums.hole, sums.inline]
        );
        assert_eq!(sums.extents, all.iter().filter(|piece| piece.kind != 2).count() as u64);
        let placed = all.iter().all(|piece| (piece.flags & 4 != 0) == (piece.place != 0));
        assert!(placed && (compares(place) || all.iter().all(|piece| piece.place == 0)), "{all:?}");
        // A part of the file reports what the whole file does about that part.
        for (offset, length) in [(0, 5000), (4095, 70_000), (1 << 20, 1), (sums.length, 10), (123, 1 << 20)] {
            let (code, part, pieces) = extents_of(file.as_raw_fd(), offset, length, 0);
            let end = (offset + length).min(sums.length);
            assert_eq!((code, part.length), (0, end.saturating_sub(offset)));
            for piece in pieces.iter().filter(|piece| piece.flags & 8 == 0) {
                let whole = inside.iter().find(|whole| whole.offset + whole.length > piece.offset).unwrap();
                assert_eq!((piece.kind, piece.flags), (whole.kind, whole.flags), "{path:?}");
                if piece.place != 0 {
                    assert_eq!(piece.place - whole.place, piece.offset - whole.offset);
                }
            }
        }
    }
}

// ── What two files share ──

fn a_clone_is_shared_until_it_is_written(place: &Place) {
    let room = Room::new(&place.dir);
    let size = 32 * place.block;
    let src = files::file(&room.path("src"), &files::bytes(6, size as usize));
    let dst = clone_of(&src, room.path("dst"));
    let found = shared(&src, &dst);
    if !compares(place) {
        assert_eq!((found.verdict, found.unknown), (0, size), "{found:?}");
        return;
    }
    assert_eq!((found.verdict, found.same, found.reported), (EVERYTHING, size, KNOWN), "{found:?}");
    // Not written out yet: the old map would show it as shared.
    overwrite(&dst, 4 * place.block + 1, 10);
    let found = shared(&src, &dst);
    assert_eq!((found.verdict, found.apart), (PART, place.block), "{found:?}");
    assert_eq!(found.first_apart, 4 * place.block);
    let part = shared_at((&src, 5 * place.block), (&dst, 5 * place.block), 3 * place.block + 17);
    assert_eq!((part.verdict, part.same), (EVERYTHING, 3 * place.block + 17));
    overwrite(&dst, 0, size as usize);
    assert_eq!(shared(&src, &dst).verdict, NONE);
}

fn a_copy_is_apart(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(7, 300_000));
    let dst = room.path("dst");
    assert_eq!(abi::copy_file(&src, &dst, &options(abi::NEVER)).0, 0);
    let found = shared(&src, &dst);
    let wanted = if compares(place) { (NONE, 300_000, 0) } else { (0, 0, 300_000) };
    assert_eq!((found.verdict, found.apart, found.unknown), wanted, "{found:?}");
}

fn a_clone_at_another_offset(place: &Place) {
    if !compares(place) {
        return;
    }
    let (room, block) = (Room::new(&place.dir), place.block);
    let src = files::file(&room.path("src"), &files::bytes(8, 32 * block as usize));
    let dst = files::file(&room.path("dst"), b"");
    let (from, to) = (File::open(&src).unwrap(), OpenOptions::new().write(true).open(&dst).unwrap());
    let ends = ((from.as_raw_fd(), 8 * block), (to.as_raw_fd(), 2 * block));
    assert_eq!(abi::copy_range(ends.0, ends.1, 8 * block, &options(abi::ALWAYS)).0, 0);
    let found = shared_at((&src, 8 * block), (&dst, 2 * block), 8 * block);
    assert_eq!((found.verdict, found.same), (EVERYTHING, 8 * block), "{found:?}");
    for (offset, other) in
        [(8 * block, 0), (0, 2 * block), (8 * block, 2 * block + 1), (9 * block, 2 * block)]
    {
        let found = shared_at((&src, offset), (&dst, other), 2 * block);
        assert_eq!((found.verdict, found.same), (NONE, 0), "{offset} and {other}: {found:?}");
    }
    // Within one file.
    let own = OpenOptions::new().read(true).write(true).open(&src).unwrap();
    let fd = own.as_raw_fd();
    assert_eq!(abi::copy_range((fd, 0), (fd, 20 * block), 4 * block, &options(abi::ALWAYS)).0, 0);
    let found = shared_at((&src, 0), (&src, 20 * block), 5 * block);
    assert_eq!((found.same, found.apart, found.first_apart), (4 * block, block, 4 * block), "{found:?}");
}

fn a_range_is_the_same_as_itself(place: &Place) {
    let room = Room::new(&place.dir);
    let path = files::file(&room.path("one"), &files::bytes(9, 20_000));
    let other = room.path("other name");
    fs::hard_link(&path, &other).unwrap();
    for name in [&path, &other] {
        let found = shared(&path, name);
        assert_eq!((found.verdict, found.same), (EVERYTHING, 20_000), "{found:?}");
    }
    let found = shared_at((&path, 0), (&other, 4096), TO_EOF);
    assert_eq!(found.same, 0, "{found:?}");
}

fn ends_and_holes(place: &Place) {
    if !compares(place) {
        return;
    }
    let (room, block) = (Room::new(&place.dir), place.block);
    let src =
        files::sparse(&room.path("src"), 20 * block + 100, &[(0, 1), (8 * block, 1), (20 * block, 100)]);
    let dst = clone_of(&src, room.path("dst"));
    let found = shared(&src, &dst);
    assert_eq!((found.verdict, found.same), (EVERYTHING, 2 * block + 100), "{found:?}");
    assert_eq!(found.hole, 18 * block);
    OpenOptions::new().write(true).open(&dst).unwrap().set_len(9 * block).unwrap();
    let found = shared(&src, &dst);
    assert_eq!((found.verdict, found.length), (PART, 20 * block + 100), "{found:?}");
    assert_eq!((found.apart, found.first_apart), (11 * block + 100, 9 * block));
    assert_eq!(shared_at((&src, 0), (&dst, 0), 9 * block).verdict, EVERYTHING);
    // A hole and data are not the same, though nothing lies where the hole is.
    overwrite(&dst, block, 10);
    assert_eq!(shared_at((&src, block), (&dst, block), block).verdict, NONE);
    let beyond = shared_at((&src, 30 * block), (&dst, 30 * block), block);
    assert_eq!((beyond.length, beyond.verdict), (0, EVERYTHING));
}

/// Free bytes, of a file system that has written everything out.
fn free(dir: &Path) -> u64 {
    let file = File::open(dir).unwrap();
    unsafe { libc::syncfs(file.as_raw_fd()) };
    let mut raw = std::mem::MaybeUninit::<libc::statfs64>::zeroed();
    unsafe {
        libc::fstatfs64(file.as_raw_fd(), raw.as_mut_ptr());
        let raw = raw.assume_init();
        raw.f_bfree * raw.f_bsize as u64
    }
}

/// At least as many bytes become free as were said to be of no other file. Others use the file system at the same time, so
/// that the best of a few tries counts.
fn what_is_exclusive_is_freed(place: &Place) {
    if !place.fiemap {
        return;
    }
    let room = Room::new(&place.dir);
    let mut seen = Vec::new();
    // Other tests take space of the same volume meanwhile, and XFS frees in the background.
    for _ in 0..30 {
        let src = files::file(&room.path("src"), &files::bytes(10, 8 << 20));
        if place.clones {
            let part = clone_of(&src, room.path("part"));
            overwrite(&part, 0, 5 << 20);
            fs::rename(&part, &src).unwrap();
        }
        let exclusive = extents(&src).0.exclusive;
        let before = free(&place.dir);
        fs::remove_file(&src).unwrap();
        let freed = || free(&place.dir).saturating_sub(before);
        let soon = (0..20).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            freed() >= exclusive
        });
        if exclusive > 0 && soon {
            return;
        }
        seen.push((exclusive, freed()));
    }
    panic!("{seen:?}");
}

fn no_flush_writes_nothing(place: &Place) {
    let room = Room::new(&place.dir);
    let path = room.path("fresh");
    let waits = || place.fiemap && tool("filefrag", &["-v", path.to_str().unwrap()]).contains("delalloc");
    // The kernel may write it out by itself meanwhile, but not each time.
    let left_alone = (0..20).any(|seed| {
        let _ = fs::remove_file(&path); // a file that was cut is written out as soon as it is closed
        fs::write(&path, files::bytes(seed, 1 << 20)).unwrap();
        let file = File::open(&path).unwrap();
        let waited = waits();
        let (code, sums, _) = extents_of(file.as_raw_fd(), 0, TO_EOF, NO_FLUSH);
        assert_eq!((code, sums.hole), (0, 0), "{sums:?}");
        !place.fiemap || (waited && sums.pending == 1 << 20 && waits())
    });
    assert!(left_alone, "it was written out");
    let file = File::open(&path).unwrap();
    let (code, sums, _) = extents_of(file.as_raw_fd(), 0, TO_EOF, 0);
    assert_eq!((code, sums.pending), (0, 0));
    // A rewritten clone that is not written out: the map shows the old blocks.
    if compares(place) && place.clones {
        let clone = clone_of(&path, room.path("clone"));
        overwrite(&clone, 0, 1 << 20);
        let other = File::open(&clone).unwrap();
        let found = shared_of((file.as_raw_fd(), 0), (other.as_raw_fd(), 0), TO_EOF, NO_FLUSH).1;
        assert_eq!(found.same, 0, "{found:?}");
        assert_eq!(shared(&path, &clone).verdict, NONE);
    }
}

/// XFS keeps a write next to a rewritten clone in its CoW fork, which no map shows until it is written out.
fn no_flush_shows_no_hole_where_bytes_wait(place: &Place) {
    if !place.fiemap {
        skip("no maps");
    }
    let room = Room::new(&place.dir);
    let (begin, rest) = (64 << 10, 960 << 10);
    let path = room.path("sparse");
    fs::write(&path, files::bytes(1, begin as usize)).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(begin + rest).unwrap();
    let clone = clone_of(&path, room.path("clone"));
    overwrite(&clone, begin - 4096, 4096);
    overwrite(&clone, begin, 4096);
    let (file, other) = (File::open(&clone).unwrap(), File::open(&path).unwrap());
    let (code, sums, pieces) = extents_of(file.as_raw_fd(), begin, TO_EOF, NO_FLUSH);
    assert!(code == 0 && sums.hole <= rest - 4096, "{sums:?} {pieces:?}");
    let found = shared_of((file.as_raw_fd(), begin), (other.as_raw_fd(), begin), TO_EOF, NO_FLUSH).1;
    assert!(found.hole <= rest - 4096 && found.verdict != EVERYTHING, "{found:?}");
    assert!((1..=rest - 4096).contains(&extents_of(file.as_raw_fd(), begin, TO_EOF, 0).1.hole));
}

/// What waits elsewhere in the file takes no hole away.
fn no_flush_still_sees_holes(place: &Place) {
    // Linux 6.5 says what of a range waits; of an overlay's file nobody does.
    let asked = unsafe { libc::syscall(451, -1, std::ptr::null::<u8>(), std::ptr::null::<u8>(), 0) };
    let no_call = asked == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS);
    if no_call || !compares(place) {
        skip("nobody says what waits");
    }
    let room = Room::new(&place.dir);
    let part = 128 << 10;
    let data = [(0, part as usize), (4 * part, part as usize)];
    let path = files::sparse(&room.path("sparse"), 8 * part, &data);
    overwrite(&path, 0, 4096);
    let file = File::open(&path).unwrap();
    let (code, sums, _) = extents_of(file.as_raw_fd(), 0, TO_EOF, NO_FLUSH);
    assert_eq!((code, sums.hole), (0, 6 * part), "{sums:?}");
    let other = File::open(files::sparse(&room.path("hole"), 8 * part, &[])).unwrap();
    let found = shared_of((file.as_raw_fd(), 0), (other.as_raw_fd(), 0), TO_EOF, NO_FLUSH).1;
    assert_eq!((found.hole, found.same), (6 * part, 0), "{found:?}");
}

/// Around the 224 records that one call fetches, and twice as many: none is left out at the edge, none comes twice.
fn maps_longer_than_one_batch(place: &Place) {
    if !place.fiemap {
        skip("no maps");
    }
    let room = Room::new(&place.dir);
    let block = place.block.max(4096);
    let data: Vec<(u64, usize)> = (0..449).map(|nth| (2 * nth * block, block as usize)).collect();
    let path = files::sparse(&room.path("many"), 897 * block, &data);
    let clone = place.clones.then(|| clone_of(&path, room.path("clone")));
    for count in [449, 448, 447, 225, 224, 223] {
        let size = (2 * count - 1) * block;
        for path in clone.iter().chain([&path]) {
            OpenOptions::new().write(true).open(path).unwrap().set_len(size).unwrap();
        }
        let (sums, pieces) = extents(&path);
        let data = sums.shared + sums.unshared;
        assert_eq!((sums.extents, data, sums.hole), (count, count * block, (count - 1) * block), "{sums:?}");
        assert_eq!(pieces.len() as u64, 2 * count - 1);
        for (nth, piece) in pieces.iter().enumerate() {
            let wanted = (nth as u64 * block, block, 1 + nth as u32 % 2);
            assert_eq!((piece.offset, piece.length, piece.kind), wanted, "{count}: {nth}");
        }
        let raw = files::extent_list(&path, 0, size).unwrap();
        let places = pieces.iter().filter(|piece| piece.kind == 1).map(|piece| piece.place);
        assert!(!compares(place) || places.eq(raw.iter().map(|record| record.physical)), "{count}");
        if let Some(clone) = clone.as_ref().filter(|_| compares(place)) {
            let found = shared(&path, clone);
            assert_eq!((found.verdict, found.same), (EVERYTHING, count * block), "{count}: {found:?}");
            // From the middle of a record near the edge on.
            let from = 2 * (count - 2) * block + 100;
            let found = shared_at((&path, from), (clone, from), TO_EOF);
            assert_eq!((found.same, found.hole), (2 * block - 100, block), "{count}: {found:?}");
        }
    }
}

/// By either name of a directory it is one device, and a file of it one file.
fn a_bind_mount_is_the_same_volume(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(14, 100_000));
    let clone = clone_of(&src, room.path("clone"));
    let other = room.path("bind");
    fs::create_dir(&other).unwrap();
    tool("mount", &["--bind", room.0.to_str().unwrap(), other.to_str().unwrap()]);
    let [itself, shared] = [(&src, "src"), (&clone, "src")].map(|(path, name)| {
        let (one, other) = (File::open(path).unwrap(), File::open(other.join(name)).unwrap());
        shared_of((one.as_raw_fd(), 0), (other.as_raw_fd(), 0), TO_EOF, 0).1
    });
    tool("umount", &[other.to_str().unwrap()]);
    assert_eq!((itself.verdict, itself.same), (EVERYTHING, 100_000), "{itself:?}");
    let same = if compares(place) { 100_000 } else { 0 };
    assert_eq!((shared.same, shared.unknown), (same, 100_000 - same), "{shared:?}");
}

/// Regular files that no disk has: of memory, and of the kernel's.
fn files_without_a_map(place: &Place) {
    let room = Room::new(&place.dir);
    let size = 100_000;
    let other = File::open(files::file(&room.path("other"), &files::bytes(15, size))).unwrap();
    let [memory, twin] = [1, 2].map(|_| unsafe {
        let file = File::from_raw_fd(libc::memfd_create(c"reflink-test".as_ptr(), 0));
        file.write_all_at(&files::bytes(15, size), 0).unwrap();
        file
    });
    let size = size as u64;
    for file in [&memory, &File::open("/proc/self/status").unwrap()] {
        let (code, sums, _) = extents_of(file.as_raw_fd(), 0, TO_EOF, 0);
        let told = (code, sums.reported, sums.length, sums.reason, sums.os_error);
        assert_eq!(told, (0, 0, 0, abi::REASON_UNSUPPORTED, libc::EOPNOTSUPP), "{sums:?}");
    }
    for (one, other) in [(&memory, &twin), (&memory, &other), (&other, &memory)] {
        let (code, found) = shared_of((one.as_raw_fd(), 0), (other.as_raw_fd(), 0), TO_EOF, 0);
        assert_eq!((code, found.unknown, found.verdict), (0, size, 0), "{found:?}");
    }
    let again = memory.try_clone().unwrap();
    let found = shared_of((memory.as_raw_fd(), 0), (again.as_raw_fd(), 0), TO_EOF, 0).1;
    assert_eq!((found.same, found.verdict), (size, EVERYTHING), "one file: {found:?}");
    for (one, other) in [(&memory, &twin), (&memory, &other), (&other, &memory)] {
        let (code, done) = dedupe((one, 0), (other, 0), TO_EOF, &How::default());
        let one_volume = [-libc::EOPNOTSUPP, -libc::EXDEV];
        assert!(one_volume.contains(&code) && done.skipped == size, "{code} {done:?}");
    }
}

// ── Requests ──

fn any_open_descriptor_will_do(place: &Place) {
    let room = Room::new(&place.dir);
    let path = files::file(&room.path("file"), &files::bytes(12, 100_000));
    let wanted = extents(&path).0;
    for flags in
        [libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR | libc::O_APPEND, libc::O_RDONLY | libc::O_DIRECT]
    {
        let name = abi::c_path(&path);
        let fd = unsafe { libc::open(name.as_ptr(), flags) };
        if fd < 0 && flags & libc::O_DIRECT != 0 {
            continue;
        }
        let file = unsafe { File::from_raw_fd(fd) };
        unsafe { libc::lseek(fd, 77, libc::SEEK_SET) };
        let (code, sums, _) = extents_of(fd, 0, TO_EOF, 0);
        assert_eq!((code, sums), (0, wanted), "{flags:#x}");
        assert_eq!(shared_of((fd, 0), (fd, 0), TO_EOF, 0).1.verdict, EVERYTHING);
        assert_eq!(unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) }, 77);
        drop(file);
    }
}

/// One of this machine's, which need not let itself be opened.
fn block_device() -> Option<File> {
    let devices = fs::read_dir("/sys/class/block").ok()?;
    let mut names = devices.flatten().map(|device| Path::new("/dev").join(device.file_name()));
    names.find_map(|name| OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(name).ok())
}

fn bad_requests_are_refused(place: &Place) {
    let room = Room::new(&place.dir);
    let path = files::file(&room.path("file"), &files::bytes(13, 10_000));
    let good = File::open(&path).unwrap();
    let directory = File::open(&room.0).unwrap();
    let fifo =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(files::fifo(&room.path("fifo")));
    let (fifo, null) = (fifo.unwrap(), File::open("/dev/null").unwrap());
    let path_only = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(&path).unwrap();
    let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let nameless = unsafe { File::from_raw_fd(libc::epoll_create1(libc::O_CLOEXEC)) };
    let fine = good.as_raw_fd();
    for (fd, wanted) in [
        (-1, -libc::EBADF),
        (1 << 20, -libc::EBADF),
        (path_only.as_raw_fd(), -libc::EBADF),
        (directory.as_raw_fd(), -libc::EISDIR),
        (fifo.as_raw_fd(), abi::ERR_NOT_REGULAR),
        (null.as_raw_fd(), abi::ERR_NOT_REGULAR),
        (socket.as_raw_fd(), abi::ERR_NOT_REGULAR),
        (nameless.as_raw_fd(), abi::ERR_NOT_REGULAR),
        (block_device().as_ref().map_or(null.as_raw_fd(), File::as_raw_fd), abi::ERR_NOT_REGULAR),
    ] {
        let (code, sums, _) = extents_of(fd, 0, TO_EOF, 0);
        assert_eq!((code, sums.flags), (wanted, abi::AT_SOURCE), "{sums:?}");
        let (code, found) = shared_of((fd, 0), (fine, 0), TO_EOF, 0);
        assert_eq!((code, found.flags, found.verdict), (wanted, abi::AT_SOURCE, 0), "{found:?}");
        let (code, found) = shared_of((fine, 0), (fd, 0), TO_EOF, 0);
        assert_eq!((code, found.flags), (wanted, abi::AT_DESTINATION), "{found:?}");
    }
    for (offset, length, flags) in [
        (1 << 63, 0, 0),
        (0, 1 << 63, 0),
        (u64::MAX, u64::MAX, 0),
        (0, 1, 1),
        (0, 1, NO_FLUSH | 1 << 32),
        (0, 1, 1 << 63),
    ] {
        let (code, sums, _) = extents_of(fine, offset, length, flags);
        assert_eq!((code, sums.step, sums.os_error), (-libc::EINVAL, 1, 0), "{offset} {length} {flags:#x}");
        assert_eq!(shared_of((fine, offset), (fine, 0), length, flags).0, -libc::EINVAL);
        assert_eq!(shared_of((fine, 0), (fine, offset), length, flags).0, -libc::EINVAL);
    }
    for (offset, length) in [(TO_EOF, TO_EOF), (TO_EOF, 0), (0, 0), (1 << 50, 10)] {
        let (code, sums, seen) = extents_of(fine, offset, length, 0);
        assert_eq!((code, sums.length, seen.len()), (0, 0, 0), "{offset} {length}");
    }
    let stopped = unsafe {
        (functions().0)(fine, 0, TO_EOF, 0, std::ptr::null_mut(), Some(stop), std::ptr::null_mut())
    };
    assert_eq!(stopped, if place.fiemap { -libc::ECANCELED } else { 0 });
    let mut sums = Sums { size: size_of::<Sums>() as u32, ..Sums::default() };
    let code =
        unsafe { (functions().0)(fine, 0, TO_EOF, 0, &raw mut sums, Some(stop), std::ptr::null_mut()) };
    let told = if place.fiemap { (KNOWN, 10_000) } else { (0, 0) };
    assert_eq!((code, sums.reported, sums.length), (stopped, told.0, told.1), "{sums:?}");
    for (size, wanted) in [(0, -libc::EINVAL), (127, -libc::EINVAL), (128, 0), (4096 + 1, -libc::E2BIG)] {
        let mut sums = Sums { size, ..Sums::default() };
        let code = unsafe { (functions().0)(fine, 0, 1, 0, &raw mut sums, None, std::ptr::null_mut()) };
        assert_eq!((code, sums.size), (wanted, size));
    }
    for (size, wanted) in [(0, -libc::EINVAL), (87, -libc::EINVAL), (88, 0), (4096 + 1, -libc::E2BIG)] {
        let mut found = Shared { size, ..Shared::default() };
        let code = unsafe { (functions().1)(fine, 0, fine, 0, 1, 0, &raw mut found) };
        assert_eq!((code, found.size), (wanted, size));
    }
    assert_eq!(unsafe { (functions().1)(fine, 0, fine, 0, 1, 0, std::ptr::null_mut()) }, 0);
}
