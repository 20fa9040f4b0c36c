//! reflink_dedupe_range and reflink_dedupe_fd: what they share, compared with FIEMAP; that no file's content changes, whoever
//! writes at the same time; and who may share what.

use std::ffi::{CString, c_int, c_void};
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::abi::{self, ProgressFn};
use crate::child::{self, Child};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::looks::{EVERYTHING, extents_of, shared_of};
use crate::{Contract, Where, skip};

pub const ALL: &[Contract] = &[
    Contract("dedupe::equal_files_come_to_share", Where::IfCloning, equal_files_come_to_share),
    Contract("dedupe::a_difference_is_an_answer", Where::IfCloning, a_difference_is_an_answer),
    Contract(
        "dedupe::partial_blocks_are_not_counted_as_shared",
        Where::IfCloning,
        partial_blocks_are_not_counted_as_shared,
    ),
    Contract(
        "dedupe::ranges_are_shared_by_whole_blocks",
        Where::IfCloning,
        ranges_are_shared_by_whole_blocks,
    ),
    Contract("dedupe::holes_and_zeros_are_equal", Where::IfCloning, holes_and_zeros_are_equal),
    Contract("dedupe::dedupe_within_one_file", Where::IfCloning, dedupe_within_one_file),
    Contract("dedupe::dedupe_and_a_size_limit", Where::IfCloning, dedupe_and_a_size_limit),
    Contract("dedupe::who_may_dedupe", Where::IfCloning, who_may_dedupe),
    Contract("dedupe::a_running_program_can_be_shared", Where::IfCloning, a_running_program_can_be_shared),
    Contract("dedupe::any_open_descriptor_will_do", Where::IfCloning, any_open_descriptor_will_do),
    Contract("dedupe::marks_and_dedupe", Where::IfCloning, marks_and_dedupe),
    Contract("dedupe::dedupe_on_a_read_only_mount", Where::IfCloning, dedupe_on_a_read_only_mount),
    Contract("dedupe::dedupe_between_file_systems", Where::IfCloning, dedupe_between_file_systems),
    Contract("dedupe::read_only_snapshots_can_be_shared_into", Where::Only("btrfs"), read_only_snapshots),
    Contract("dedupe::inline_files_are_skipped", Where::Only("btrfs"), inline_files_are_skipped),
    Contract("dedupe::pending_writes_are_seen_by_the_look", Where::IfCloning, pending_writes_are_seen),
    Contract("dedupe::nocow_files_do_not_share_with_others", Where::Only("btrfs"), nocow_files),
    Contract(
        "dedupe::dedupe_across_overlay_layers",
        Where::Only("overlay-xfs"),
        dedupe_across_overlay_layers,
    ),
    Contract(
        "dedupe::dedupe_across_overlay_layers",
        Where::Only("overlay-btrfs"),
        dedupe_across_overlay_layers,
    ),
    Contract("dedupe::dedupe_beside_writers", Where::IfCloning, dedupe_beside_writers),
    Contract("dedupe::dedupe_of_files_that_shrink_and_grow", Where::IfCloning, files_that_shrink_and_grow),
    Contract("dedupe::filtered_ioctls_are_answers", Where::IfCloning, filtered_ioctls_are_answers),
    Contract("dedupe::signals_end_no_dedupe_and_no_look", Where::IfCloning, signals_end_nothing),
    Contract("dedupe::a_killed_dedupe_leaves_the_files", Where::IfCloning, a_killed_dedupe_leaves_the_files),
    Contract("dedupe::a_dedupe_can_be_cancelled", Where::IfCloning, a_dedupe_can_be_cancelled),
    Contract(
        "dedupe::dedupe_is_refused_where_nothing_can",
        Where::IfNotCloning,
        dedupe_is_refused_where_nothing_can,
    ),
    Contract(
        "dedupe::wrong_descriptors_are_not_deduped",
        Where::Everywhere,
        wrong_descriptors_are_not_deduped,
    ),
];

pub const CHILDREN: &[Child] = &[
    ("dedupe-limited", limited),
    ("dedupe-as-nobody", as_nobody),
    ("dedupe-forever", forever),
    ("dedupe-and-look", dedupe_and_look),
    ("dedupe-filtered", filtered),
    ("dedupe-sleep", sleep),
];

const CONTINUE: u64 = 1 << 56;
const NO_LOOK: u64 = 1 << 57;
const VERIFY: u64 = 1 << 58;
const STEP_DEDUPE: u32 = 16;
const NONE: u64 = u64::MAX;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct How {
    pub size: u32,
    pub durability: u32,
    pub flags: u64,
    pub progress: Option<ProgressFn>,
    pub user: *mut c_void,
    pub cancel: *const c_int,
    pub reserved: *mut c_void,
}

impl Default for How {
    fn default() -> Self {
        Self { size: size_of::<Self>() as u32, ..unsafe { std::mem::zeroed() } }
    }
}

const GO_ON: fn() -> How = || How { flags: CONTINUE, ..How::default() };

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub size: u32,
    pub step: u32,
    pub reason: u32,
    pub flags: u32,
    pub os_error: i32,
    pub dedupe_error: i32,
    pub length: u64,
    pub deduped: u64,
    pub already: u64,
    pub different: u64,
    pub skipped: u64,
    pub not_reached: u64,
    pub verified: u64,
    pub first_difference: u64,
}

type DedupeRange = unsafe extern "C" fn(c_int, u64, c_int, u64, u64, *const How, *mut Done) -> c_int;
type DedupeFd = unsafe extern "C" fn(c_int, c_int, *const How, *mut Done) -> c_int;

fn library() -> (DedupeRange, DedupeFd) {
    static LIBRARY: OnceLock<(DedupeRange, DedupeFd)> = OnceLock::new();
    *LIBRARY.get_or_init(|| {
        let file = CString::new(abi::path().as_os_str().as_bytes()).unwrap();
        unsafe {
            let handle = libc::dlopen(file.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            let range = libc::dlsym(handle, c"reflink_dedupe_range".as_ptr());
            let whole = libc::dlsym(handle, c"reflink_dedupe_fd".as_ptr());
            assert!(!range.is_null() && !whole.is_null());
            (
                std::mem::transmute::<*mut c_void, DedupeRange>(range),
                std::mem::transmute::<*mut c_void, DedupeFd>(whole),
            )
        }
    })
}

/// The call, and what holds of every result.
pub fn dedupe(src: (&File, u64), dst: (&File, u64), length: u64, how: &How) -> (c_int, Done) {
    let mut done: Done = unsafe { std::mem::zeroed() };
    (done.size, done.length, done.deduped) = (size_of::<Done>() as u32, 1 << 60, 1 << 60);
    let code = unsafe {
        (library().0)(src.0.as_raw_fd(), src.1, dst.0.as_raw_fd(), dst.1, length, how, &raw mut done)
    };
    let sum = done.deduped + done.already + done.different + done.skipped + done.not_reached;
    assert_eq!(sum, done.length, "{code} {done:?}");
    assert!(done.verified <= done.deduped + done.already, "{done:?}");
    assert!(done.first_difference <= done.length, "{done:?}");
    assert_eq!(done.first_difference < done.length, done.different > 0, "{done:?}");
    assert_eq!(code < 0, done.step != 0, "{code} {done:?}");
    assert!(code <= 0 && done.dedupe_error <= 0 && done.os_error >= 0, "{code} {done:?}");
    (code, done)
}

/// Two files, and what must not change about them.
struct Pair {
    room: Room,
    one: File,
    other: File,
    shown: Vec<String>,
}

impl Pair {
    fn new(place: &Place, one: &[u8], other: &[u8]) -> Self {
        let room = Room::new(&place.dir);
        let open = |name: &str, content: &[u8]| {
            let path = files::file(&room.path(name), content);
            OpenOptions::new().read(true).write(true).open(path).unwrap()
        };
        let (one, other) = (open("one", one), open("other", other));
        let mut pair = Self { room, one, other, shown: Vec::new() };
        pair.shown = pair.look();
        pair
    }

    fn equal(place: &Place, length: u64) -> Self {
        let content = files::bytes(7, length as usize);
        Self::new(place, &content, &content)
    }

    fn look(&self) -> Vec<String> {
        let look = |file: &File| {
            let meta = file.metadata().unwrap();
            let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
            let mut content = vec![0; meta.len() as usize];
            file.read_exact_at(&mut content, 0).unwrap();
            format!("{} {:o} {} {times:?} {}", meta.len(), meta.mode(), meta.uid(), sum(&content))
        };
        vec![look(&self.one), look(&self.other)]
    }

    fn dedupe(&self, src_offset: u64, dst_offset: u64, length: u64, how: &How) -> (c_int, Done) {
        let done = dedupe((&self.one, src_offset), (&self.other, dst_offset), length, how);
        assert_eq!(self.look(), self.shown, "a file shows another thing now: {done:?}");
        done
    }

    /// Bytes of a range of the destination that are marked as shared, and lie where the source's do.
    fn shared(&self, src_offset: u64, dst_offset: u64, length: u64) -> u64 {
        let [from, to] = [(&self.one, src_offset), (&self.other, dst_offset)]
            .map(|(file, offset)| places(file, offset, length));
        let same = from.iter().zip(&to).filter(|(from, to)| from.is_some() && from == to).count();
        same as u64 * UNIT
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(7, |sum, bytes| {
        bytes.iter().fold(sum, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
    })
}

/// The unit in which places are compared: smaller than any block.
const UNIT: u64 = 512;

/// Where each 512 bytes of a range lie, `None` where they are not marked as shared.
fn places(file: &File, start: u64, length: u64) -> Vec<Option<u64>> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let mut all = vec![None; length.div_ceil(UNIT) as usize];
    for extent in files::extent_list(Path::new(&path), start, length).unwrap_or_default() {
        const SHARED: u32 = 0x2000;
        const NO_PLACE: u32 = 0x2 | 0x8 | 0x200 | 0x800;
        if extent.flags & SHARED == 0 || extent.flags & NO_PLACE != 0 {
            continue;
        }
        for (nth, place) in all.iter_mut().enumerate() {
            let at = start + nth as u64 * UNIT;
            if (extent.logical..extent.logical + extent.length).contains(&at) {
                *place = Some(extent.physical + (at - extent.logical));
            }
        }
    }
    all
}

/// Of two files of an overlay no map proves that they lie on one volume.
fn maps_prove(place: &Place) -> bool {
    !place.name.starts_with("overlay-")
}

fn equal_files_come_to_share(place: &Place) {
    for size in [0, 5000, 4 * place.block, 300_077, 20 * place.block + 1] {
        let pair = Pair::equal(place, size);
        let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &How { flags: VERIFY, ..How::default() });
        assert_eq!((code, done.length, done.deduped), (0, size, size), "{done:?}");
        assert_eq!(done.verified, if maps_prove(place) { size } else { 0 }, "{done:?}");
        assert_eq!((done.reason, done.dedupe_error, done.first_difference), (0, 0, size), "{done:?}");
        assert!(pair.shared(0, 0, size) >= size, "{size}: {}", pair.shared(0, 0, size));
        let durable = How { durability: abi::DURABLE, ..How::default() };
        let mut again: Done = done;
        let fds = (pair.one.as_raw_fd(), pair.other.as_raw_fd());
        assert_eq!(unsafe { (library().1)(fds.0, fds.1, &raw const durable, &raw mut again) }, 0);
        let already = if maps_prove(place) { size } else { 0 };
        assert_eq!((again.already, again.deduped), (already, size - already), "the whole of both, once more");
        let all = How { flags: NO_LOOK, ..How::default() };
        assert_eq!(pair.dedupe(0, 0, abi::TO_EOF, &all).1.deduped, size);
        assert_eq!(unsafe { (library().1)(fds.0, fds.1, std::ptr::null(), std::ptr::null_mut()) }, 0);
    }
}

fn a_difference_is_an_answer(place: &Place) {
    let block = place.block;
    let size = 40 * block + 77;
    let one = files::bytes(9, size as usize);
    for differences in
        [vec![0], vec![5 * block + 3], vec![7 * block - 1, 7 * block, 20 * block + 9], vec![size - 1]]
    {
        let mut other = one.clone();
        for at in &differences {
            other[*at as usize] ^= 1;
        }
        let pair = Pair::new(place, &one, &other);
        let first = differences[0];
        let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &How::default());
        assert_eq!((code, done.first_difference), (0, first), "{done:?}");
        assert_eq!(done.deduped, first / block * block, "{done:?}");
        assert_eq!(done.different, block.min(size - done.deduped), "{done:?}");
        assert_eq!(pair.shared(0, 0, size), done.deduped, "{done:?}");
        let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &GO_ON());
        let mut blocks: Vec<u64> = differences.iter().map(|at| at / block).collect();
        blocks.dedup();
        let different: u64 = blocks.iter().map(|nth| block.min(size - nth * block)).sum();
        assert_eq!((code, done.different, done.not_reached), (0, different, 0), "{done:?}");
        assert_eq!(done.deduped + done.already, size - different, "{done:?}");
        let found = pair.shared(0, 0, size);
        assert!(found >= size - different && found < size - different + block, "{found} {done:?}");
    }
    // Bytes that only one of both files has are different.
    let pair = Pair::new(place, &one, &one[..(30 * block) as usize + 5]);
    let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &How::default());
    assert_eq!((code, done.length, done.deduped, done.skipped), (0, size, 30 * block, 5), "{done:?}");
    assert_eq!(done.first_difference, 30 * block + 5);
}

/// The kernel says SAME of what it neither compared nor shared: a length that is no whole block, except at the end of both.
fn partial_blocks_are_not_counted_as_shared(place: &Place) {
    let block = place.block as usize;
    let long = files::bytes(3, 20 * block);
    let mut behind = long.clone();
    behind[block + 404] ^= 1;
    for (other, length, deduped) in [(&behind, block + 904, block), (&behind, 50, 0), (&long, 100, 0)] {
        let pair = Pair::new(place, &long, other);
        let (code, done) = pair.dedupe(0, 0, length as u64, &How::default());
        let told = (code, done.deduped as usize, done.skipped as usize, done.reason);
        assert_eq!(told, (0, deduped, length - deduped, abi::REASON_FILE), "{done:?}");
        assert_eq!(pair.shared(0, 0, 20 * place.block), deduped as u64);
    }
    // The source's end, laid into the middle of a longer file.
    let pair = Pair::new(place, &long[..block + 99], &long);
    let (code, done) = pair.dedupe(0, 0, place.block + 99, &How::default());
    assert_eq!((code, done.deduped, done.skipped), (0, place.block, 99), "{done:?}");
}

fn ranges_are_shared_by_whole_blocks(place: &Place) {
    let block = place.block;
    let content = files::bytes(5, 64 * block as usize);
    for (src_offset, shift, length) in [
        (0, 0, 20 * block),
        (3 * block, 2 * block, 20 * block),
        (100, 0, 9 * block),
        (block - 1, 4 * block, 6 * block + 2),
        (0, 1, 20 * block),
    ] {
        let mut other = files::bytes(6, shift as usize);
        other.extend(&content);
        let pair = Pair::new(place, &content, &other);
        let dst_offset = src_offset + shift;
        let (code, done) = pair.dedupe(src_offset, dst_offset, length, &GO_ON());
        let whole = if shift % block == 0 {
            (src_offset + length) / block * block - src_offset.next_multiple_of(block)
        } else {
            0
        };
        assert_eq!((code, done.deduped, done.skipped), (0, whole, length - whole), "{shift} {done:?}");
        assert_eq!(done.reason, if whole == length { abi::REASON_NONE } else { abi::REASON_FILE });
        assert_eq!(pair.shared(0, shift, 64 * block), whole, "{shift} {done:?}");
    }
}

fn holes_and_zeros_are_equal(place: &Place) {
    let size = 64 * place.block;
    let pair = Pair::new(place, &[], &vec![0; size as usize]);
    pair.one.set_len(size).unwrap();
    let pair = Pair { shown: pair.look(), ..pair };
    let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &How::default());
    assert_eq!((code, done.deduped), (0, size), "{done:?}");
    let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &How::default());
    assert_eq!((code, done.already + done.deduped), (0, size), "{done:?}");
}

fn dedupe_within_one_file(place: &Place) {
    let block = place.block;
    let half = files::bytes(4, 8 * block as usize);
    let pair = Pair::new(place, &[half.clone(), half].concat(), &[]);
    let same = |from, to, length| dedupe((&pair.one, from), (&pair.one, to), length, &How::default());
    let (code, done) = same(5, 5, 1000);
    assert_eq!((code, done.already, done.length), (0, 1000, 1000), "{done:?}");
    assert_eq!(same(0, block, 2 * block).0, abi::ERR_OVERLAP);
    let (code, done) = same(0, 8 * block, 8 * block);
    assert_eq!((code, done.deduped), (0, 8 * block), "{done:?}");
    let places = places(&pair.one, 0, 16 * block);
    assert!(places[0].is_some() && places[..places.len() / 2] == places[places.len() / 2..]);
    assert_eq!(pair.look(), pair.shown);
}

/// The kernel sends SIGXFSZ to a process that asks beyond the limit, and reports SAME for bytes beyond it.
fn dedupe_and_a_size_limit(place: &Place) {
    let content = files::bytes(2, 2 << 20);
    let mut other = content.clone();
    other[3 << 19] ^= 1;
    let pair = Pair::new(place, &content, &other);
    child::run("dedupe-limited", &[pair.room.0.to_str().unwrap(), "1048576", "1048576"]);
    child::run("dedupe-limited", &[pair.room.0.to_str().unwrap(), "0", "0"]);
    assert_eq!(pair.look(), pair.shown);
    assert_eq!(pair.shared(0, 0, 2 << 20), 1 << 20);
}

fn limited(arguments: &[String]) {
    let (room, limit) = (PathBuf::from(&arguments[0]), arguments[1].parse::<u64>().unwrap());
    let raw = libc::rlimit64 { rlim_cur: limit, rlim_max: limit };
    assert_eq!(unsafe { libc::setrlimit64(libc::RLIMIT_FSIZE, &raw) }, 0);
    let [one, other] = ["one", "other"].map(|name| File::open(room.join(name)).unwrap());
    let (code, done) = dedupe((&one, 0), (&other, 0), abi::TO_EOF, &GO_ON());
    assert_eq!((code, done.deduped.to_string()), (0, arguments[2].clone()), "{done:?}");
    assert_eq!((done.skipped, done.dedupe_error), ((2 << 20) - limit, -libc::EFBIG), "{done:?}");
}

fn who_may_dedupe(place: &Place) {
    if unsafe { libc::geteuid() } != 0 {
        skip("needs root, to be somebody else");
    }
    let content = files::bytes(1, 100_000);
    for (owner, mode, opened, wanted) in [
        (0, 0o644, "read", -libc::EPERM),
        (0, 0o666, "read", 0),
        (65534, 0o444, "read", 0),
        (0, 0o604, "read", -libc::EPERM),
        (65534, 0o200, "write", 0),
        (0, 0o602, "write", 0),
    ] {
        let pair = Pair::new(place, &content, &content);
        let other = pair.room.path("other");
        fs::set_permissions(&pair.room.0, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(&other, Some(owner), Some(0)).unwrap();
        child::run("dedupe-as-nobody", &[pair.room.0.to_str().unwrap(), &wanted.to_string(), opened]);
        assert_eq!(pair.shared(0, 0, 100_000) > 0, wanted == 0, "{owner} {mode:o}");
    }
}

fn as_nobody(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    library();
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setresgid(65534, 65534, 65534), 0);
        assert_eq!(libc::setresuid(65534, 65534, 65534), 0);
    }
    let one = File::open(room.join("one")).unwrap();
    let reads = arguments[2] == "read";
    let other = OpenOptions::new().read(reads).write(!reads).open(room.join("other")).unwrap();
    let (code, done) = dedupe((&one, 0), (&other, 0), abi::TO_EOF, &How::default());
    assert_eq!(code.to_string(), arguments[1], "{done:?}");
    let refused = (abi::REASON_PERMISSION, STEP_DEDUPE, 100_000, code);
    let told = (done.reason, done.step, done.skipped, done.dedupe_error);
    assert!(code == 0 || told == refused, "{done:?}");
}

/// It cannot even be opened for writing (ETXTBSY).
fn a_running_program_can_be_shared(place: &Place) {
    let room = Room::new(&place.dir);
    let program = fs::read(&*child::PROGRAM).unwrap();
    let (one, other) = (files::file(&room.path("one"), &program), files::file(&room.path("other"), &program));
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
    let mut program_of = Command::new(&other);
    program_of.env("REFLINK_TEST_CHILD", "dedupe-sleep");
    // A test beside this one may fork while the file is still open for writing here: ETXTBSY until its child execs.
    let started = (0..500)
        .find_map(|_| program_of.spawn().inspect_err(|_| std::thread::sleep(Duration::from_millis(10))).ok());
    let mut running = started.unwrap();
    let busy = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        OpenOptions::new().write(true).open(&other).is_err()
    });
    let done = dedupe(
        (&File::open(&one).unwrap(), 0),
        (&File::open(&other).unwrap(), 0),
        abi::TO_EOF,
        &How::default(),
    );
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(busy, "it did not run");
    assert_eq!((done.0, done.1.deduped), (0, program.len() as u64), "{done:?}");
    files::assert_same(&one, &other);
}

fn sleep(_: &[String]) {
    std::thread::sleep(Duration::from_secs(600));
}

fn any_open_descriptor_will_do(place: &Place) {
    let whole = 8 * place.block.max(4096);
    let how = [
        libc::O_RDONLY,
        libc::O_WRONLY,
        libc::O_RDWR,
        libc::O_WRONLY | libc::O_APPEND,
        libc::O_RDONLY | libc::O_DIRECT,
    ];
    for (flags, size) in how.into_iter().flat_map(|flags| [(flags, whole), (flags, whole + 77)]) {
        let mut content = files::bytes(8, size as usize);
        let one = content.clone();
        content[size as usize - 9] ^= 1;
        let pair = Pair::new(place, &one, &content);
        let path = abi::c_path(&pair.room.path("other"));
        let fd = unsafe { libc::open(path.as_ptr(), flags) };
        assert!(fd >= 0, "{flags:o}: {}", std::io::Error::last_os_error());
        let other = unsafe { <File as std::os::fd::FromRawFd>::from_raw_fd(fd) };
        let (code, done) = dedupe((&pair.one, 0), (&other, 0), abi::TO_EOF, &How::default());
        assert_eq!((code, done.first_difference), (0, size - 9), "{flags:o}: {done:?}");
        assert_eq!(done.deduped, (size - 1) / place.block * place.block, "{flags:o}: {done:?}");
        assert_eq!(pair.look(), pair.shown);
    }
}

fn marks_and_dedupe(place: &Place) {
    const IMMUTABLE: i32 = 0x10;
    const APPEND: i32 = 0x20;
    for (marked, mark, wanted) in
        [("other", IMMUTABLE, -libc::EPERM), ("other", APPEND, 0), ("one", IMMUTABLE, 0)]
    {
        let pair = Pair::equal(place, 50_000);
        let file = if marked == "one" { &pair.one } else { &pair.other };
        if !set_flags(file, mark) {
            skip("no such marks here");
        }
        let done = dedupe((&pair.one, 0), (&pair.other, 0), abi::TO_EOF, &How::default());
        assert!(set_flags(file, 0));
        // An overlay does not look at the mark of the file below.
        let wanted = if place.name.starts_with("overlay-") { 0 } else { wanted };
        assert_eq!(done.0, wanted, "{marked} {mark:x}: {:?}", done.1);
        assert_eq!(pair.shared(0, 0, 50_000) > 0, wanted == 0);
    }
}

/// FS_IOC_SETFLAGS.
fn set_flags(file: &File, flags: i32) -> bool {
    let set = libc::_IOW::<libc::c_long>(u32::from(b'f'), 2);
    unsafe { libc::ioctl(file.as_raw_fd(), set, &raw const flags) == 0 }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn dedupe_on_a_read_only_mount(place: &Place) {
    let pair = Pair::equal(place, 50_000);
    let (from, to) = (pair.room.path("seen"), pair.room.0.to_str().unwrap().to_owned());
    fs::create_dir(&from).unwrap();
    let seen = from.to_str().unwrap();
    if !run("mount", &["--bind", &to, seen]) || !run("mount", &["-o", "remount,ro,bind", seen]) {
        skip("no bind mounts here");
    }
    let other = File::open(from.join("other")).unwrap();
    let (code, done) = dedupe((&pair.one, 0), (&other, 0), abi::TO_EOF, &How::default());
    drop(other);
    assert!(run("umount", &[seen]));
    assert_eq!((code, done.skipped, done.reason), (-libc::EROFS, 50_000, abi::REASON_PERMISSION), "{done:?}");
}

fn dedupe_between_file_systems(place: &Place) {
    let pair = Pair::equal(place, 50_000);
    let elsewhere = Room::new(Path::new("/dev/shm"));
    let other = File::open(files::file(&elsewhere.path("other"), &files::bytes(7, 50_000))).unwrap();
    let (code, done) = dedupe((&pair.one, 0), (&other, 0), abi::TO_EOF, &How::default());
    let told = (code, done.reason, done.dedupe_error, done.skipped);
    assert_eq!(told, (-libc::EXDEV, abi::REASON_CROSS_DEVICE, -libc::EXDEV, 50_000), "{done:?}");
}

fn read_only_snapshots(place: &Place) {
    let room = Room::new(&place.dir);
    let path = |name: &str| room.path(name).to_str().unwrap().to_owned();
    if !run("btrfs", &["subvolume", "create", &path("volume")]) {
        skip("no btrfs-progs here");
    }
    let content = files::bytes(7, 50_000);
    files::file(&room.path("volume/other"), &content);
    assert!(run("btrfs", &["subvolume", "snapshot", "-r", &path("volume"), &path("snapshot")]));
    let one = File::open(files::file(&room.path("one"), &content)).unwrap();
    let other = File::open(room.path("snapshot/other")).unwrap();
    let (code, done) = dedupe((&one, 0), (&other, 0), abi::TO_EOF, &How::default());
    drop(other);
    for volume in ["snapshot", "volume"] {
        assert!(run("btrfs", &["subvolume", "delete", &path(volume)]));
    }
    assert_eq!((code, done.deduped), (0, 50_000), "{done:?}");
}

/// Btrfs keeps them in its metadata, where the kernel says that they are shared, and nothing is.
fn inline_files_are_skipped(place: &Place) {
    let pair = Pair::equal(place, 100);
    let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &How::default());
    assert_eq!((code, done.skipped, done.reason), (0, 100, abi::REASON_FILE), "{done:?}");
}

/// A block that was written again is still shown at the shared place until it is on the device.
fn pending_writes_are_seen(place: &Place) {
    let size = 16 * place.block;
    let pair = Pair::equal(place, size);
    assert_eq!(pair.dedupe(0, 0, abi::TO_EOF, &How::default()).1.deduped, size);
    pair.other.write_all_at(b"!", 5 * place.block + 9).unwrap();
    let pair = Pair { shown: pair.look(), ..pair };
    let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &GO_ON());
    assert_eq!(
        (code, done.first_difference, done.different),
        (0, 5 * place.block + 9, place.block),
        "{done:?}"
    );
    let already = if maps_prove(place) { size - place.block } else { 0 };
    assert_eq!((done.already, done.deduped), (already, size - place.block - already), "{done:?}");
}

fn nocow_files(place: &Place) {
    const NOCOW: i32 = 0x0080_0000;
    let pair = Pair::new(place, &files::bytes(7, 50_000), &[]);
    assert!(set_flags(&pair.other, NOCOW));
    pair.other.write_all_at(&files::bytes(7, 50_000), 0).unwrap();
    pair.other.sync_all().unwrap();
    let (code, done) = dedupe((&pair.one, 0), (&pair.other, 0), abi::TO_EOF, &How::default());
    let told = (code, done.skipped, done.reason, done.dedupe_error);
    assert_eq!(told, (0, 50_000, abi::REASON_FILE, -libc::EINVAL), "{done:?}");
}

/// EPERM as soon as one of both lies in a lower layer: even on one file system, and for root.
fn dedupe_across_overlay_layers(place: &Place) {
    let pair = Pair::equal(place, 50_000);
    let below = place.dir.with_file_name(place.name.trim_start_matches("overlay-").replace("xfs", "xfs-4k"));
    let lower = below.join("overlay-lower").join(pair.room.0.file_name().unwrap());
    files::file(&lower.with_extension("low"), &files::bytes(7, 50_000));
    let seen = pair.room.0.with_extension("low");
    let other = File::open(&seen).unwrap();
    let (code, done) = dedupe((&pair.one, 0), (&other, 0), abi::TO_EOF, &How::default());
    assert_eq!((code, done.reason), (-libc::EPERM, abi::REASON_PERMISSION), "{done:?}");
    assert_eq!(pair.dedupe(0, 0, abi::TO_EOF, &How::default()).1.deduped, 50_000);
    let _ = fs::remove_file(seen);
}

/// A thread for each file writes to it, by write(2) and through a mapping, and knows what it must hold.
fn dedupe_beside_writers(place: &Place) {
    let blocks = 64;
    let size = blocks * place.block.max(4096);
    let pair = Pair::equal(place, size);
    let stop = AtomicBool::new(false);
    let writer = |file: &File, seed: u64| {
        let mut shadow = files::bytes(7, size as usize);
        let pages = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(std::ptr::null_mut(), size as usize, access, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        assert_ne!(pages, libc::MAP_FAILED);
        let mut state = seed;
        while !stop.load(Ordering::Relaxed) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Few values, so that blocks are often equal.
            let (at, value) = ((state >> 20) % (size / 512) * 512, (state >> 60) as u8 & 1);
            let (place, bytes) = (at as usize, [value; 512]);
            if state >> 40 & 1 == 0 {
                file.write_all_at(&bytes, at).unwrap();
            } else {
                unsafe { pages.cast::<u8>().add(place).copy_from(bytes.as_ptr(), 512) };
            }
            shadow[place..place + 512].copy_from_slice(&bytes);
        }
        unsafe { libc::munmap(pages, size as usize) };
        shadow
    };
    let (mut shared, mut different) = (0, 0);
    let shadows = std::thread::scope(|scope| {
        let writers = [(&pair.one, 1), (&pair.other, 2)].map(|(file, seed)| {
            let writer = &writer;
            scope.spawn(move || writer(file, seed))
        });
        let end = Instant::now() + Duration::from_millis(1500);
        while Instant::now() < end || (shared == 0 && different == 0) {
            let (code, done) = dedupe((&pair.one, 0), (&pair.other, 0), abi::TO_EOF, &GO_ON());
            assert_eq!(code, 0, "{done:?}");
            (shared, different) = (shared + done.deduped, different + done.different);
        }
        stop.store(true, Ordering::Relaxed);
        writers.map(|writer| writer.join().unwrap())
    });
    for (file, shadow) in [&pair.one, &pair.other].into_iter().zip(shadows) {
        let mut found = vec![0; size as usize];
        file.read_exact_at(&mut found, 0).unwrap();
        let wrong = found.iter().zip(&shadow).position(|(found, wanted)| found != wanted);
        assert_eq!(wrong, None, "a byte was lost; {shared} shared, {different} different");
    }
    assert!(different > 0, "the writers wrote nothing; {shared} shared");
}

/// Whatever size a file has at the moment, it holds that much of one content.
fn files_that_shrink_and_grow(place: &Place) {
    let size = 64 * place.block.max(4096);
    let content = files::bytes(7, size as usize + 1000);
    let pair = Pair::new(place, &content, &content);
    let stop = AtomicBool::new(false);
    let resize = |file: &File, seed: u64| {
        let mut state = seed;
        while !stop.load(Ordering::Relaxed) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let cut = (state >> 20) % content.len() as u64;
            file.set_len(cut).unwrap();
            file.write_all_at(&content[cut as usize..], cut).unwrap();
        }
    };
    let mut shared = 0;
    std::thread::scope(|scope| {
        let resizers = [(&pair.one, 1), (&pair.other, 2)].map(|(file, seed)| {
            let resize = &resize;
            scope.spawn(move || resize(file, seed))
        });
        let (end, mut calls) = (Instant::now() + Duration::from_millis(1500), 0);
        while Instant::now() < end || (shared == 0 && calls < 5000) {
            for flags in [CONTINUE, CONTINUE | VERIFY, NO_LOOK] {
                let how = How { flags, ..How::default() };
                let (code, done) = dedupe((&pair.one, 0), (&pair.other, 0), abi::TO_EOF, &how);
                assert_eq!(code, 0, "{done:?}");
                shared += done.deduped;
            }
            calls += 1;
        }
        stop.store(true, Ordering::Relaxed);
        resizers.into_iter().for_each(|resizer| resizer.join().unwrap());
    });
    for file in [&pair.one, &pair.other] {
        let mut found = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut found, 0).unwrap();
        assert!(found == content, "it shows what was never written");
    }
    assert!(shared > 0, "nothing was ever shared: no test");
}

/// Each second ioctl is interrupted, and made again.
fn signals_end_nothing(place: &Place) {
    let pair = Pair::equal(place, 8 << 20);
    with_ioctls(&pair, "error=EINTR:when=1+2", "dedupe-and-look", &maps_prove(place).to_string());
}

/// A filter that knows nothing of clones and maps forbids every ioctl: nothing is known, and nothing is shared.
fn filtered_ioctls_are_answers(place: &Place) {
    for (name, errno) in [("EPERM", libc::EPERM), ("ENOSYS", libc::ENOSYS)] {
        let pair = Pair::equal(place, 8 << 20);
        with_ioctls(&pair, &format!("error={name}"), "dedupe-filtered", &errno.to_string());
        assert_eq!(pair.shared(0, 0, 8 << 20), 0);
    }
}

/// Runs a child on both files, with ioctls that strace has failed.
fn with_ioctls(pair: &Pair, how: &str, what: &str, argument: &str) {
    crate::limits::need_strace();
    let child = child::command(what, &[pair.room.0.to_str().unwrap(), argument]);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject=ioctl:{how}")]);
    strace.arg(child.get_program()).args(child.get_args());
    strace.envs(child.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    child::check(what, strace.output().unwrap());
    assert_eq!(pair.look(), pair.shown);
}

fn filtered(arguments: &[String]) {
    let (room, errno) = (PathBuf::from(&arguments[0]), arguments[1].parse::<c_int>().unwrap());
    let [one, other] = ["one", "other"].map(|name| File::open(room.join(name)).unwrap());
    let reason = if errno == libc::EPERM { abi::REASON_PERMISSION } else { abi::REASON_UNSUPPORTED };
    let (code, sums, _) = extents_of(one.as_raw_fd(), 0, abi::TO_EOF, 0);
    let told = (code, sums.reported, sums.length, sums.reason, sums.os_error);
    assert_eq!(told, (0, 0, 0, reason, errno), "{sums:?}");
    let (code, found) = shared_of((one.as_raw_fd(), 0), (other.as_raw_fd(), 0), abi::TO_EOF, 0);
    let told = (code, found.reported, found.verdict, found.unknown, found.reason, found.os_error);
    assert_eq!(told, (0, 0, 0, 8 << 20, reason, errno), "{found:?}");
    let (code, done) = dedupe((&one, 0), (&other, 0), abi::TO_EOF, &How::default());
    let told = (code, done.dedupe_error, done.reason, done.skipped);
    assert_eq!(told, (-errno, -errno, reason, 8 << 20), "{done:?}");
}

fn dedupe_and_look(arguments: &[String]) {
    let (room, size) = (PathBuf::from(&arguments[0]), 8 << 20);
    let [one, other] = ["one", "other"].map(|name| File::open(room.join(name)).unwrap());
    for flags in [NO_LOOK, NO_LOOK | VERIFY, CONTINUE] {
        let how = How { flags, ..How::default() };
        let (code, done) = dedupe((&one, 0), (&other, 0), abi::TO_EOF, &how);
        assert_eq!((code, done.deduped + done.already), (0, size), "{done:?}");
    }
    let (code, found) = shared_of((one.as_raw_fd(), 0), (other.as_raw_fd(), 0), abi::TO_EOF, 0);
    let proven = arguments[1] == "true";
    assert_eq!((code, found.verdict == EVERYTHING), (0, proven), "{found:?}");
    let (code, sums, _) = extents_of(one.as_raw_fd(), 0, abi::TO_EOF, 0);
    assert_eq!((code, sums.shared), (0, size), "{sums:?}");
}

fn a_killed_dedupe_leaves_the_files(place: &Place) {
    let pair = Pair::equal(place, 24 << 20);
    for delay in [1, 3, 9, 20, 40] {
        let mut child = child::command("dedupe-forever", &[pair.room.0.to_str().unwrap()]);
        let mut child = child.spawn().unwrap();
        let started = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            pair.room.path("started").exists()
        });
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(started);
        fs::remove_file(pair.room.path("started")).unwrap();
        assert_eq!(pair.look(), pair.shown);
    }
}

fn forever(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    let [one, other] = ["one", "other"].map(|name| File::open(room.join(name)).unwrap());
    library();
    fs::write(room.join("started"), "").unwrap();
    loop {
        assert_eq!(dedupe((&one, 0), (&other, 0), abi::TO_EOF, &How::default()).0, 0);
    }
}

unsafe extern "C" fn stop_at(user: *mut c_void, now: *const abi::Progress) -> c_int {
    let (limit, now) = unsafe { (*user.cast::<u64>(), &*now) };
    c_int::from(now.bytes_done >= limit)
}

fn a_dedupe_can_be_cancelled(place: &Place) {
    let size = (32 << 20) + 5 * place.block;
    let pair = Pair::equal(place, size);
    for mut limit in [0_u64, 1, 17 << 20] {
        let user = (&raw mut limit).cast();
        let how = How { progress: Some(stop_at), user, ..How::default() };
        let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &how);
        let reached = limit.next_multiple_of(16 << 20);
        let told = (code, done.step, done.deduped + done.already, done.not_reached);
        assert_eq!(told, (-libc::ECANCELED, abi::STEP_PROGRESS, reached, size - reached), "{done:?}");
    }
    let stop: c_int = 1;
    let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &How { cancel: &raw const stop, ..How::default() });
    assert_eq!((code, done.not_reached), (-libc::ECANCELED, size), "{done:?}");
}

fn dedupe_is_refused_where_nothing_can(place: &Place) {
    let pair = Pair::equal(place, 50_000);
    let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &How::default());
    assert_eq!((done.skipped, done.deduped), (50_000, 0), "{done:?}");
    // Linux's overlay says EINVAL for the layer below.
    let overlay = place.name.starts_with("overlay-");
    let wanted = if overlay {
        (0, abi::REASON_FILE, -libc::EINVAL)
    } else {
        (-libc::EOPNOTSUPP, abi::REASON_UNSUPPORTED, -libc::EOPNOTSUPP)
    };
    assert!(
        (code, done.reason, done.dedupe_error) == wanted || !overlay && code == -libc::EOPNOTSUPP,
        "{code} {done:?}"
    );
}

fn wrong_descriptors_are_not_deduped(place: &Place) {
    let pair = Pair::equal(place, 10_000);
    files::fifo(&pair.room.path("fifo"));
    let open = |name: &str, flags: i32| {
        OpenOptions::new()
            .read(true)
            .custom_flags(flags | libc::O_NONBLOCK)
            .open(pair.room.path(name))
            .unwrap()
    };
    let (directory, fifo) = (open("", 0), open("fifo", 0));
    let path = open("one", libc::O_PATH);
    let writes = OpenOptions::new().write(true).open(pair.room.path("one")).unwrap();
    let ask = |src: &File, dst: &File| dedupe((src, 0), (dst, 0), abi::TO_EOF, &How::default()).0;
    assert_eq!(
        [ask(&path, &pair.other), ask(&pair.one, &path), ask(&writes, &pair.other)],
        [-libc::EBADF; 3]
    );
    assert_eq!([ask(&directory, &pair.other), ask(&pair.one, &directory)], [-libc::EISDIR; 2]);
    assert_eq!([ask(&fifo, &pair.other), ask(&pair.one, &fifo)], [abi::ERR_NOT_REGULAR; 2]);
    for range in [(1 << 63, 0, 1), (0, 1 << 63, 1), (0, 0, 1 << 63), (0, 0, NONE)] {
        let (from, to) = ((&pair.one, range.0), (&pair.other, range.1));
        assert_eq!(dedupe(from, to, range.2, &How::default()).0, -libc::EINVAL);
    }
    for how in [
        How { flags: 1, ..How::default() },
        How { flags: 1 << 63, ..How::default() },
        How { durability: 0x200, ..How::default() },
        How { durability: 1, ..How::default() },
        How { reserved: (&raw const pair).cast_mut().cast(), ..How::default() },
        How { size: 8, ..How::default() },
    ] {
        let (code, done) = pair.dedupe(0, 0, abi::TO_EOF, &how);
        assert_eq!((code, done.step), (-libc::EINVAL, 1), "{done:?}");
    }
    let fds = (pair.one.as_raw_fd(), pair.other.as_raw_fd());
    for size in [0, 8, size_of::<Done>() as u32 - 1, 5000] {
        let mut done: Done = unsafe { std::mem::zeroed() };
        done.size = size;
        let code = unsafe { (library().1)(fds.0, fds.1, std::ptr::null(), &raw mut done) };
        assert_eq!(code, if size == 5000 { -libc::E2BIG } else { -libc::EINVAL });
        assert_eq!(unsafe { (library().1)(-1, fds.1, std::ptr::null(), std::ptr::null_mut()) }, -libc::EBADF);
    }
    assert_eq!(pair.shared(0, 0, if place.fiemap { 10_000 } else { 0 }), 0);
}
