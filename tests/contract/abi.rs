//! The C interface as a caller sees it, written down by hand from include/libreflink.h and loaded from the built library.
//! Nothing here comes from the crate's own sources: a change of the ABI that nobody meant breaks these tests.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub const AUTO: u32 = 0;
pub const ALWAYS: u32 = 0x1;
pub const NEVER: u32 = 0x2;
pub const REPLACE: u32 = 0x10;
pub const OVERWRITE: u32 = 0x20;
pub const ATOMIC: u32 = 0;
pub const DURABLE: u32 = 0x100;
pub const UNSTAGED: u32 = 0x200;
pub const PERMISSIONS_UMASK: u32 = 0x1000;
pub const PERMISSIONS_NEW: u32 = 0x2000;
pub const TIMES: u32 = 0x1_0000;
pub const OWNER: u32 = 0x2_0000;
pub const XATTRS: u32 = 0x4_0000;
pub const ACL: u32 = 0x8_0000;
pub const ALL_METADATA: u32 = TIMES | OWNER | XATTRS | ACL;
pub const BEST_EFFORT: u64 = 0x2_0000_0000;
pub const SHARE_ONLY: u64 = 0x4_0000_0000;
pub const FOLLOW_DESTINATION: u64 = 0x8_0000_0000;
pub const TO_EOF: u64 = i64::MAX as u64;

pub const METHOD_CLONE: u32 = 1;
pub const METHOD_MIXED: u32 = 2;
/// Of the tortures.
#[allow(dead_code)]
pub const METHOD_KERNEL_COPY: u32 = 3;
pub const METHOD_COPY: u32 = 4;

pub const REASON_NONE: u32 = 0;
pub const REASON_UNSUPPORTED: u32 = 1;
pub const REASON_CROSS_DEVICE: u32 = 2;
pub const REASON_FILE: u32 = 3;
pub const REASON_PERMISSION: u32 = 4;

pub const STEP_OPEN_SOURCE: u32 = 2;
pub const STEP_CHECK: u32 = 3;
pub const STEP_CREATE: u32 = 4;
pub const STEP_SYNC: u32 = 8;
pub const STEP_PUBLISH: u32 = 9;
pub const STEP_CLOSE: u32 = 10;
pub const STEP_PROGRESS: u32 = 11;

pub const METADATA_INCOMPLETE: u32 = 2;
pub const PUBLISHED: u32 = 4;
pub const DESTINATION_CHANGED: u32 = 8;
pub const LITTER: u32 = 0x20;
pub const AT_SOURCE: u32 = 0x100;
pub const AT_DESTINATION: u32 = 0x200;

pub const ERR_NOT_REGULAR: c_int = -4098;
pub const ERR_SAME_FILE: c_int = -4099;
pub const ERR_OVERLAP: c_int = -4100;
pub const ERR_APPEND: c_int = -4101;

pub type ProgressFn = unsafe extern "C" fn(*mut c_void, *const Progress) -> c_int;

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
    pub progress: Option<ProgressFn>,
    pub user: *mut c_void,
    pub cancel: *const c_int,
    pub reserved: *mut c_void,
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
            reserved: std::ptr::null_mut(),
        }
    }
}

#[repr(C)]
pub struct Progress {
    pub size: u32,
    pub reserved: u32,
    pub bytes_done: u64,
    pub bytes_total: u64,
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
    pub method: u32,
    pub reserved: u32,
    pub cloned: u64,
    pub copied: u64,
    pub holes: u64,
    pub clone_offset: u64,
    pub litter: [u8; 32],
}

impl Outcome {
    /// Full of rubbish, so that a member that is not written is seen.
    pub fn unwritten() -> Self {
        let rubbish = 0xdead_beef_u32;
        Self {
            size: size_of::<Self>() as u32,
            step: rubbish,
            reason: rubbish,
            flags: rubbish,
            os_error: 77,
            clone_error: 77,
            method: rubbish,
            reserved: rubbish,
            cloned: 1 << 60,
            copied: 1 << 60,
            holes: 1 << 60,
            clone_offset: 1 << 60,
            litter: [b'!'; 32],
        }
    }

    /// The private name that was left. Of the tortures.
    #[allow(dead_code)]
    pub fn litter(&self) -> &str {
        CStr::from_bytes_until_nul(&self.litter).unwrap().to_str().unwrap()
    }

    pub fn total(&self) -> u64 {
        self.cloned + self.copied + self.holes
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    pub size: u32,
    pub reason: u32,
    pub clone: i32,
    pub clone_error: i32,
    pub clone_range: i32,
    pub kernel_copy: i32,
    pub dedupe: i32,
    pub dedupe_error: i32,
    pub exchange: i32,
    pub unnamed_files: i32,
    pub sparse: i32,
    pub reserved: i32,
    pub granularity: u64,
    pub dedupe_granularity: u64,
    pub fs_name: [u8; 32],
}

impl Capability {
    pub fn unwritten() -> Self {
        Self {
            size: size_of::<Self>() as u32,
            reason: 9,
            clone: 9,
            clone_error: 9,
            clone_range: 9,
            kernel_copy: 9,
            dedupe: 9,
            dedupe_error: 9,
            exchange: 9,
            unnamed_files: 9,
            sparse: 9,
            reserved: 9,
            granularity: 9,
            dedupe_granularity: 9,
            fs_name: [b'!'; 32],
        }
    }

    pub fn fs_name(&self) -> &str {
        CStr::from_bytes_until_nul(&self.fs_name).unwrap().to_str().unwrap()
    }
}

type CopyFile = unsafe extern "C" fn(*const c_char, *const c_char, *const Options, *mut Outcome) -> c_int;
type CopyFd = unsafe extern "C" fn(c_int, c_int, *const Options, *mut Outcome) -> c_int;
type CopyRange = unsafe extern "C" fn(c_int, u64, c_int, u64, u64, *const Options, *mut Outcome) -> c_int;
type Probe = unsafe extern "C" fn(*const c_char, *const c_char, *mut Capability) -> c_int;
type ProbeFd = unsafe extern "C" fn(c_int, c_int, *mut Capability) -> c_int;

pub struct Library {
    /// A function by its name, for those whose types stand with their tests.
    pub symbol: fn(&CStr) -> *mut c_void,
    pub copy_file: CopyFile,
    pub copy_fd: CopyFd,
    pub copy_range: CopyRange,
    pub probe: Probe,
    pub probe_fd: ProbeFd,
    pub version_number: unsafe extern "C" fn() -> u32,
    pub version_string: unsafe extern "C" fn() -> *const c_char,
}

/// Where the library under test is: REFLINK_LIBRARY, or the one that `cargo build --release` makes.
pub fn path() -> PathBuf {
    std::env::var_os("REFLINK_LIBRARY").map(PathBuf::from).unwrap_or_else(|| {
        // CARGO_TARGET_TMPDIR is TARGET/tmp, wherever TARGET is.
        Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("release").join("libreflink.so")
    })
}

/// Makes sure that the library under test is the one that the sources say.
pub fn build() {
    if std::env::var_os("REFLINK_LIBRARY").is_some() {
        return;
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["build", "--release", "--quiet", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .status()
        .expect("cargo");
    assert!(status.success(), "the library does not build");
}

/// A function of the library under test. Loaded again, it is the same one.
fn symbol(name: &CStr) -> *mut c_void {
    let file = CString::new(path().as_os_str().as_bytes()).unwrap();
    let handle = unsafe { libc::dlopen(file.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "{} cannot be loaded", path().display());
    let found = unsafe { libc::dlsym(handle, name.as_ptr()) };
    assert!(!found.is_null(), "{name:?} is not exported");
    found
}

pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| unsafe {
        Library {
            symbol,
            copy_file: std::mem::transmute::<*mut c_void, CopyFile>(symbol(c"reflink_copy_file")),
            copy_fd: std::mem::transmute::<*mut c_void, CopyFd>(symbol(c"reflink_copy_fd")),
            copy_range: std::mem::transmute::<*mut c_void, CopyRange>(symbol(c"reflink_copy_range")),
            probe: std::mem::transmute::<*mut c_void, Probe>(symbol(c"reflink_probe")),
            probe_fd: std::mem::transmute::<*mut c_void, ProbeFd>(symbol(c"reflink_probe_fd")),
            version_number: std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> u32>(symbol(
                c"reflink_version_number",
            )),
            version_string: std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *const c_char>(
                symbol(c"reflink_version_string"),
            ),
        }
    })
}

pub fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

/// Runs a call with errno set to a mark, and checks that it is still there.
pub fn with_errno_watched(call: impl FnOnce() -> c_int) -> c_int {
    unsafe { *libc::__errno_location() = 4242 };
    let code = call();
    assert_eq!(unsafe { *libc::__errno_location() }, 4242, "errno was changed (code {code})");
    code
}

pub fn copy_file(src: &Path, dst: &Path, options: &Options) -> (c_int, Outcome) {
    let (src, dst) = (c_path(src), c_path(dst));
    let mut outcome = Outcome::unwritten();
    let code = with_errno_watched(|| unsafe {
        (library().copy_file)(src.as_ptr(), dst.as_ptr(), options, &mut outcome)
    });
    let in_place = options.if_exists == OVERWRITE;
    check(code, &outcome, Called { by_name: true, in_place, share_only: false });
    (code, outcome)
}

pub fn copy_fd(src: c_int, dst: c_int, options: &Options) -> (c_int, Outcome) {
    let mut outcome = Outcome::unwritten();
    let code = with_errno_watched(|| unsafe { (library().copy_fd)(src, dst, options, &mut outcome) });
    check(code, &outcome, Called { by_name: false, in_place: true, share_only: false });
    (code, outcome)
}

pub fn copy_range(src: (c_int, u64), dst: (c_int, u64), length: u64, options: &Options) -> (c_int, Outcome) {
    let mut outcome = Outcome::unwritten();
    let code = with_errno_watched(|| unsafe {
        (library().copy_range)(src.0, src.1, dst.0, dst.1, length, options, &mut outcome)
    });
    let share_only = options.flags & SHARE_ONLY != 0;
    check(code, &outcome, Called { by_name: false, in_place: true, share_only });
    (code, outcome)
}

pub fn probe(src: Option<&Path>, dst_dir: &Path) -> (c_int, Capability) {
    let (src, dst_dir) = (src.map(c_path), c_path(dst_dir));
    let mut capability = Capability::unwritten();
    let src = src.as_ref().map_or(std::ptr::null(), |src| src.as_ptr());
    let code = with_errno_watched(|| unsafe { (library().probe)(src, dst_dir.as_ptr(), &mut capability) });
    (code, capability)
}

/// On which side the call was that failed: as the step says, where it says so.
fn check_side(outcome: &Outcome) {
    let side = outcome.flags & (AT_SOURCE | AT_DESTINATION);
    let expected: &[u32] = match outcome.step {
        0 | STEP_PROGRESS => &[0],
        STEP_OPEN_SOURCE => &[AT_SOURCE],
        STEP_CREATE | STEP_SYNC | STEP_PUBLISH | STEP_CLOSE => &[AT_DESTINATION],
        _ => &[0, AT_SOURCE, AT_DESTINATION],
    };
    assert!(expected.contains(&side), "{outcome:?}");
}

/// What was called.
#[derive(Clone, Copy)]
struct Called {
    /// It gives the copy a name.
    by_name: bool,
    /// It may write to a file that is there.
    in_place: bool,
    /// It shares whole blocks alone.
    share_only: bool,
}

/// What must hold of every result, whatever happened.
fn check(code: c_int, outcome: &Outcome, Called { by_name, in_place, share_only }: Called) {
    assert_eq!(outcome.size as usize, size_of::<Outcome>());
    assert_eq!(outcome.reserved, 0, "{outcome:?}");
    assert!(outcome.clone_offset == 0 || (!by_name && outcome.cloned > 0), "{outcome:?}");
    assert!(
        outcome.method <= METHOD_COPY && outcome.reason <= 7 && outcome.step <= STEP_PROGRESS,
        "{outcome:?}"
    );
    assert_eq!(outcome.flags & LITTER != 0, outcome.litter != [0; 32], "{outcome:?}");
    assert!(outcome.clone_error <= 0 && outcome.os_error >= 0, "{outcome:?}");
    assert!(
        [outcome.cloned, outcome.copied, outcome.holes].iter().all(|bytes| *bytes != 1 << 60),
        "{outcome:?}"
    );
    check_side(outcome);
    let (published, changed) = (outcome.flags & PUBLISHED != 0, outcome.flags & DESTINATION_CHANGED != 0);
    assert!(by_name || !published, "{outcome:?}");
    assert!(in_place || !changed, "{outcome:?}");
    if code == 0 {
        assert_eq!((published, changed), (by_name, false), "{outcome:?}");
        assert_eq!((outcome.step, outcome.os_error), (0, 0), "{outcome:?}");
        assert!(!(outcome.method == METHOD_CLONE && outcome.copied + outcome.holes > 0), "{outcome:?}");
        assert!(
            outcome.method != METHOD_MIXED
                || (outcome.cloned > 0 && (share_only || outcome.copied + outcome.holes > 0))
        );
        assert!(!(outcome.method == METHOD_COPY && outcome.cloned > 0), "{outcome:?}");
    } else {
        assert!(code < 0, "{code}");
        assert!(by_name || outcome.total() == 0 || changed, "{outcome:?}");
        assert_ne!(outcome.step, 0, "a failure names its step: {code} {outcome:?}");
        // Where there is no safe way to publish, the code says so, and os_error what the last way said.
        let no_way = outcome.step == STEP_PUBLISH && code == -libc::EOPNOTSUPP;
        assert!(no_way || outcome.os_error == 0 || outcome.os_error == -code, "{code} {outcome:?}");
    }
}
