//! The functions for trees as a caller sees them, written down by hand from include/libreflink.h.
//! After each call here it is checked what must hold of every call: of the result, and of the process.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::OnceLock;

use crate::abi::{self, c_path};

pub const MERGE: u32 = 0x40;
pub const SPLIT_LINKS: u64 = 1 << 40;
pub const SKIP_SPECIAL: u64 = 1 << 41;
pub const ONE_MOUNT: u64 = 1 << 42;
pub const TWO_RENAMES: u64 = 1 << 43;
pub const FLUSH_SOURCE: u64 = 1 << 44;
pub const KEEP_EXISTING: u64 = 1 << 45;
pub const KEEP_REPLACED: u64 = 1 << 47;
pub const NOFOLLOW: u64 = 1 << 32;

pub const INCOMPLETE: u32 = 0x10;

pub const INTO_ITSELF: c_int = -4103;

pub const STEP_ARGUMENTS: u32 = 1;
pub const STEP_FILTER: u32 = 13;
pub const STEP_CLEANUP: u32 = 14;

pub const TAKE: c_int = 0;
pub const LEAVE_OUT: c_int = 1;
pub const TAKE_EMPTY: c_int = 2;
pub const STOP: c_int = 0;
pub const SKIP: c_int = 1;

pub const PHASE_CLEANUP: u32 = 3;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub size: u32,
    pub kind: u32,
    pub depth: u32,
    pub step: u32,
    pub code: i32,
    pub os_error: i32,
    pub method: u32,
    pub flags: u32,
    pub bytes: u64,
    pub path: *const c_char,
    pub name: *const c_char,
    pub path_length: usize,
    pub source_dir: isize,
}

impl Entry {
    pub fn path(&self) -> String {
        let path = unsafe { CStr::from_ptr(self.path) }.to_bytes();
        let name = unsafe { CStr::from_ptr(self.name) }.to_bytes();
        assert_eq!(path.len(), self.path_length);
        assert_eq!(path.rsplit(|byte| *byte == b'/').next().unwrap(), name);
        assert_eq!(path.split(|byte| *byte == b'/').count() as u32, self.depth);
        assert_eq!(self.size as usize, size_of::<Self>());
        String::from_utf8_lossy(path).into_owned()
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub size: u32,
    pub phase: u32,
    pub done: u64,
    pub seen: u64,
    pub bytes: u64,
    pub open: u64,
}

type OnEntry = unsafe extern "C" fn(*mut c_void, *const Entry) -> c_int;
type OnProgress = unsafe extern "C" fn(*mut c_void, *const Progress) -> c_int;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Options {
    pub size: u32,
    pub mode: u32,
    pub if_exists: u32,
    pub durability: u32,
    pub permissions: u32,
    pub preserve: u32,
    pub flags: u64,
    pub progress: Option<OnProgress>,
    pub user: *mut c_void,
    pub cancel: *const c_int,
    pub filter: Option<OnEntry>,
    pub on_error: Option<OnEntry>,
    pub on_done: Option<OnEntry>,
    pub failed_path: *mut c_char,
    pub failed_path_size: usize,
    pub threads: u32,
    pub reserved: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            size: size_of::<Self>() as u32,
            mode: 0,
            if_exists: 0,
            durability: 0,
            permissions: 0,
            preserve: 0,
            flags: 0,
            progress: None,
            user: std::ptr::null_mut(),
            cancel: std::ptr::null(),
            filter: None,
            on_error: None,
            on_done: None,
            failed_path: std::ptr::null_mut(),
            failed_path_size: 0,
            threads: 0,
            reserved: 0,
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub size: u32,
    pub step: u32,
    pub reason: u32,
    pub flags: u32,
    pub os_error: i32,
    pub clone_error: i32,
    pub failed_path_length: u64,
    pub files: u64,
    pub hard_links: u64,
    pub directories: u64,
    pub symlinks: u64,
    pub specials: u64,
    pub specials_left_out: u64,
    pub mounts_left_empty: u64,
    pub left_out: u64,
    pub kept: u64,
    pub failed: u64,
    pub vanished: u64,
    pub not_reached: u64,
    pub files_cloned: u64,
    pub files_kernel_copied: u64,
    pub files_copied: u64,
    pub files_mixed: u64,
    pub files_empty: u64,
    pub files_changed: u64,
    pub cloned: u64,
    pub copied: u64,
    pub holes: u64,
    pub litter: [u8; 32],
}

impl Outcome {
    pub fn unwritten() -> Self {
        let mut outcome: Self = unsafe { std::mem::zeroed() };
        let whole = size_of::<Self>();
        unsafe { std::ptr::write_bytes((&raw mut outcome).cast::<u8>(), 0xa5, whole) };
        outcome.size = whole as u32;
        outcome
    }

    /// Entries that the call read, whatever became of them.
    pub fn seen(&self) -> u64 {
        self.done() + self.not_reached
    }

    pub fn done(&self) -> u64 {
        let copied = self.files + self.hard_links + self.directories + self.symlinks + self.specials;
        let not = self.specials_left_out + self.left_out + self.kept + self.failed + self.vanished;
        copied + not + self.mounts_left_empty
    }

    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    pub fn litter(&self) -> &str {
        CStr::from_bytes_until_nul(&self.litter).unwrap().to_str().unwrap()
    }
}

type CopyTree = unsafe extern "C" fn(*const c_char, *const c_char, *const Options, *mut Outcome) -> c_int;
type CopyTreeAt =
    unsafe extern "C" fn(c_int, *const c_char, c_int, *const c_char, *const Options, *mut Outcome) -> c_int;
type RemoveTree = unsafe extern "C" fn(*const c_char, *const Options, *mut Outcome) -> c_int;
type RemoveTreeAt = unsafe extern "C" fn(c_int, *const c_char, *const Options, *mut Outcome) -> c_int;

pub struct Library {
    pub copy: CopyTree,
    pub copy_at: CopyTreeAt,
    pub remove: RemoveTree,
    pub remove_at: RemoveTreeAt,
}

pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let file = c_path(&abi::path());
        let handle = unsafe { libc::dlopen(file.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        let symbol = |name: &CStr| {
            let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
            assert!(!found.is_null(), "{name:?} is not exported");
            found
        };
        unsafe {
            Library {
                copy: std::mem::transmute::<*mut c_void, CopyTree>(symbol(c"reflink_copy_tree")),
                copy_at: std::mem::transmute::<*mut c_void, CopyTreeAt>(symbol(c"reflink_copy_tree_at")),
                remove: std::mem::transmute::<*mut c_void, RemoveTree>(symbol(c"reflink_remove_tree")),
                remove_at: std::mem::transmute::<*mut c_void, RemoveTreeAt>(symbol(
                    c"reflink_remove_tree_at",
                )),
            }
        }
    })
}

// ── What belongs to the process ──

/// What a call must leave as it was.
#[derive(Debug, PartialEq)]
struct Process {
    descriptors: Vec<String>,
    threads: Vec<String>,
    status: Vec<String>,
    directory: std::path::PathBuf,
}

impl Process {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let kept = ["Umask:", "SigBlk:", "SigIgn:", "SigCgt:", "Uid:", "Gid:"];
        Self {
            descriptors: crate::files::names(Path::new("/proc/self/fd")),
            threads: threads(),
            status: status
                .lines()
                .filter(|line| kept.iter().any(|name| line.starts_with(name)))
                .map(without_libc_signals)
                .collect(),
            directory: std::env::current_dir().unwrap_or_default(),
        }
    }
}

/// The threads that still run something of this process. One that was waited for is shown for a moment more.
fn threads() -> Vec<String> {
    const EXITING: u64 = 0x4; // PF_EXITING of linux/sched.h, in the ninth number of proc_pid_stat(5)
    let runs = |name: &String| {
        let stat = std::fs::read_to_string(format!("/proc/self/task/{name}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(6).is_some_and(|flags| flags.parse::<u64>().unwrap() & EXITING == 0)
    };
    crate::files::names(Path::new("/proc/self/task")).into_iter().filter(runs).collect()
}

/// The C library's own two signals, of which it catches one when the first thread is made.
fn without_libc_signals(line: &str) -> String {
    let (name, value) = line.split_once('\t').unwrap();
    match u64::from_str_radix(value, 16) {
        Ok(mask) if name.starts_with("Sig") => format!("{name} {:x}", mask & !(3 << 31)),
        _ => line.to_owned(),
    }
}

fn watched(call: impl FnOnce() -> c_int) -> c_int {
    let before = Process::now();
    unsafe { *libc::__errno_location() = 4242 };
    let code = call();
    assert_eq!(unsafe { *libc::__errno_location() }, 4242, "errno was changed (code {code})");
    assert_eq!(Process::now(), before, "code {code}");
    code
}

// ── Calls ──

pub fn copy(src: &Path, dst: &Path, options: &Options) -> (c_int, Outcome) {
    copy_names(&c_path(src), &c_path(dst), options)
}

pub fn copy_names(src: &CStr, dst: &CStr, options: &Options) -> (c_int, Outcome) {
    let mut outcome = Outcome::unwritten();
    let call = || unsafe { (library().copy)(src.as_ptr(), dst.as_ptr(), options, &mut outcome) };
    let code = watched(call);
    check(code, &outcome);
    if code == 0 {
        assert!(outcome.has(abi::PUBLISHED), "{outcome:?}");
    }
    (code, outcome)
}

pub fn remove(name: &Path, options: &Options) -> (c_int, Outcome) {
    let name = c_path(name);
    let mut outcome = Outcome::unwritten();
    let code = watched(|| unsafe { (library().remove)(name.as_ptr(), options, &mut outcome) });
    check(code, &outcome);
    (code, outcome)
}

/// Copies and expects it to go well.
pub fn copied(src: &Path, dst: &Path, options: &Options) -> Outcome {
    let (code, outcome) = copy(src, dst, options);
    assert_eq!(code, 0, "{} to {}: {outcome:?}", src.display(), dst.display());
    outcome
}

/// Removes a tree of the test's own.
pub fn removed(name: &Path) -> Outcome {
    let (code, outcome) = remove(name, &Options::default());
    assert_eq!(code, 0, "{}: {outcome:?}", name.display());
    assert!(name.symlink_metadata().is_err(), "{} is still there", name.display());
    outcome
}

/// What must hold of every result, whatever happened.
pub fn check(code: c_int, outcome: &Outcome) {
    let told = || format!("{code} {outcome:?}");
    assert_eq!(outcome.size as usize, size_of::<Outcome>(), "{}", told());
    assert!(outcome.step <= STEP_CLEANUP && outcome.reason <= 7, "{}", told());
    assert_eq!(outcome.has(abi::LITTER), outcome.litter != [0; 32], "{}", told());
    assert!(outcome.clone_error <= 0 && outcome.os_error >= 0, "{}", told());
    let kinds = outcome.files_cloned
        + outcome.files_kernel_copied
        + outcome.files_copied
        + outcome.files_mixed
        + outcome.files_empty;
    // A removal counts names of files, and copies nothing.
    assert!(kinds == outcome.files || kinds == 0, "{}", told());
    assert!(outcome.files_changed <= outcome.files, "{}", told());
    assert_eq!(outcome.has(INCOMPLETE), outcome.failed > 0, "{}", told());
    if code == 0 {
        assert_eq!((outcome.step, outcome.os_error, outcome.not_reached), (0, 0, 0), "{}", told());
        assert_eq!(outcome.failed_path_length, 0, "{}", told());
    } else {
        assert!(code < 0 && outcome.step != 0, "{}", told());
        // No exchange, and something mounted: what the system says of them differs.
        let stands_for_another = [-libc::EOPNOTSUPP, -libc::EBUSY].contains(&code);
        assert!(stands_for_another || outcome.os_error == 0 || outcome.os_error == -code, "{}", told());
    }
    if outcome.has(abi::LITTER) {
        assert!(outcome.litter().starts_with(".reflink-"), "{}", told());
    }
}

/// A path that is not one of this file system's.
pub fn name(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap()
}
