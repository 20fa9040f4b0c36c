//! Removal by the running system's own calls, on the file system of the temporary directory.
//! What an ordinary user may not do is tried as one, which as root only the thread of the test becomes.

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::sys::errno::{EBUSY, EEXIST, ENOENT, ENOTDIR, ENOTEMPTY};
use crate::sys::{CWD, Common, Directories, Native};
use crate::tree::Wants;

type Meanwhile = Box<dyn FnMut(&str)>;

/// What the caller's functions answer, and what they were told.
#[derive(Default)]
struct Caller {
    /// Cancels at this entry that is done, from 1.
    cancels_done_at: usize,
    /// Cancels at this report of progress, from 1.
    cancels_progress_at: usize,
    cancelled: bool,
    done: Vec<(String, EntryKind, u32)>,
    progress: Vec<Progress>,
    /// Is called at each entry that is done.
    meanwhile: Option<Meanwhile>,
}

impl Watch for Caller {
    fn wants(&self) -> Wants {
        Wants { filter: false, errors: false, done: true, progress: true }
    }

    fn on_done(&mut self, entry: &Entry, _: u64, _: &copy::Report) -> bool {
        let path = entry.path.to_str().unwrap();
        self.done.push((path.into(), entry.kind, entry.depth));
        if let Some(meanwhile) = &mut self.meanwhile {
            meanwhile(path);
        }
        self.done.len() != self.cancels_done_at
    }

    fn progress(&mut self, progress: &Progress) -> bool {
        self.progress.push(*progress);
        self.progress.len() != self.cancels_progress_at
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

/// A directory for one test, with a canary beside what is removed.
struct Scene(PathBuf);

impl Scene {
    fn new(name: &str) -> Self {
        let scene = Self(std::env::temp_dir().join(format!("reflink-removal-{}-{name}", std::process::id())));
        fs::create_dir_all(scene.tree()).unwrap();
        fs::create_dir(scene.canary()).unwrap();
        fs::write(scene.canary().join("sings"), "").unwrap();
        scene
    }

    fn tree(&self) -> PathBuf {
        self.0.join("tree")
    }

    fn canary(&self) -> PathBuf {
        self.0.join("canary")
    }

    fn remove(&self, caller: &mut Caller) -> (Result<()>, Report) {
        remove_at(&self.tree(), caller)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let sings = self.canary().join("sings").exists();
        let _ = std::process::Command::new("rm").arg("-rf").arg(&self.0).status();
        assert!(sings || std::thread::panicking(), "something outside the tree was touched");
    }
}

fn remove_at(path: &Path, caller: &mut Caller) -> (Result<()>, Report) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    let mut report = Report::default();
    let outcome = remove(&Native, CWD, &path, caller, &mut report);
    let counts = &report.counts;
    assert_eq!(counts.seen, counts.done() + counts.not_reached, "{counts:?}");
    (outcome, report)
}

/// Runs `act` as an ordinary user.
fn as_user<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        if is_root() {
            become_user();
        }
        act()
    });
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[allow(unsafe_code)]
fn is_root() -> bool {
    // SAFETY: plain system call.
    unsafe { libc::geteuid() == 0 }
}

/// The raw call changes this thread alone.
#[allow(unsafe_code)]
fn become_user() {
    // SAFETY: plain system call.
    assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, -1, 1000, -1) }, 0);
}

/// Gives all of a tree to the user of [`as_user`].
fn give(path: &Path) {
    if is_root() {
        let all = std::process::Command::new("chown").args(["-R", "1000:1000"]).arg(path).status();
        assert!(all.unwrap().success());
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn errno(outcome: Result<()>) -> i32 {
    outcome.unwrap_err().errno()
}

#[test]
fn all_kinds_of_entries_are_removed_and_counted() {
    let scene = Scene::new("kinds");
    let tree = scene.tree();
    fs::create_dir_all(tree.join("a/b")).unwrap();
    fs::create_dir(tree.join("empty")).unwrap();
    for file in ["file", "a/one", "a/b/two", "a/b/\n"] {
        fs::write(tree.join(file), "text").unwrap();
    }
    fs::hard_link(tree.join("file"), tree.join("a/link")).unwrap();
    symlink(scene.canary(), tree.join("to-canary")).unwrap();
    symlink("nothing", tree.join("a/dangling")).unwrap();
    let directory = Handle::new(&Native, Native.open_directory(CWD, &c_path(&tree), false).unwrap());
    let like = Stat { kind: Kind::Fifo, ..Native.stat(directory.fd()).unwrap() };
    Native.make_special(directory.fd(), c"fifo", &like).unwrap();
    Native.make_special(directory.fd(), c"socket", &Stat { kind: Kind::Socket, ..like }).unwrap();
    let mut caller = Caller::default();
    let (outcome, report) = scene.remove(&mut caller);
    outcome.unwrap();
    assert!(fs::symlink_metadata(&tree).is_err());
    let wanted = Counts { seen: 12, files: 5, directories: 3, symlinks: 2, specials: 2, ..Counts::default() };
    assert_eq!(report, Report { counts: wanted, ..Report::default() });
    caller.done.sort_by(|one, other| one.0.cmp(&other.0));
    let told = |path: &str, kind, depth| (path.to_string(), kind, depth);
    let wanted = [
        told("a", EntryKind::Directory, 1),
        told("a/b", EntryKind::Directory, 2),
        told("a/b/\n", EntryKind::File, 3),
        told("a/b/two", EntryKind::File, 3),
        told("a/dangling", EntryKind::Symlink, 2),
        told("a/link", EntryKind::File, 2),
        told("a/one", EntryKind::File, 2),
        told("empty", EntryKind::Directory, 1),
        told("fifo", EntryKind::Fifo, 1),
        told("file", EntryKind::File, 1),
        told("socket", EntryKind::Socket, 1),
        told("to-canary", EntryKind::Symlink, 1),
    ];
    assert_eq!(caller.done, wanted);
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

#[test]
fn what_is_no_directory_is_refused() {
    let scene = Scene::new("refused");
    fs::write(scene.0.join("file"), "").unwrap();
    symlink(scene.canary(), scene.0.join("link")).unwrap();
    let remove = |path: &Path| {
        let outcome = remove_at(path, &mut Caller::default()).0;
        outcome.map_err(|error| match error.cause {
            Cause::System(errno) => (errno.number(), error.step),
            other => panic!("{other:?}"),
        })
    };
    for name in ["file", "link", "link/"] {
        assert_eq!(remove(&scene.0.join(name)), Err((ENOTDIR, WALK)), "{name}");
    }
    assert_eq!(remove(&scene.0.join("missing")), Err((ENOENT, WALK)));
    assert_eq!(remove(&scene.0.join("missing/tree")), Err((ENOENT, WALK)));
    assert_eq!(remove(Path::new("")), Err((ENOENT, Step::Arguments(Side::Destination))));
    for path in ["/", "//", ".", "..", "tree/.", "tree/..", "tree/../", "./"] {
        assert_eq!(remove(Path::new(path)), Err((EINVAL, Step::Arguments(Side::Destination))), "{path}");
    }
    assert_eq!(remove(Path::new("/proc")), Err((EBUSY, WALK)), "a mount");
    assert_eq!(remove(&scene.0.join("canary/../tree//")), Ok(()));
    assert!(!scene.tree().exists());
}

#[test]
fn directories_that_their_owner_locked_are_removed_by_their_owner() {
    let scene = Scene::new("locked");
    let tree = scene.tree();
    for (name, bits) in [("none", 0), ("search", 0o111), ("read", 0o444), ("both", 0o555), ("write", 0o600)] {
        fs::create_dir_all(tree.join(name).join("sub")).unwrap();
        fs::write(tree.join(name).join("file"), "").unwrap();
        fs::write(tree.join(name).join("sub/file"), "").unwrap();
        mode(&tree.join(name).join("sub"), bits);
        mode(&tree.join(name), bits);
    }
    mode(&tree, 0o555);
    give(&scene.0);
    let (outcome, report) = as_user(move || remove_at(&tree, &mut Caller::default()));
    outcome.unwrap();
    assert!(!scene.tree().exists());
    assert_eq!((report.counts.files, report.counts.directories), (10, 10));
}

#[test]
fn the_caller_can_cancel_by_each_function_and_the_flag() {
    let build = |name: &str| {
        let scene = Scene::new(name);
        fs::create_dir(scene.tree().join("sub")).unwrap();
        for number in 0..200 {
            fs::write(scene.tree().join(format!("{number}")), "").unwrap();
            fs::write(scene.tree().join("sub").join(format!("{number}")), "").unwrap();
        }
        scene
    };
    let cancelled = |name: &str, mut caller: Caller, done: u64| {
        let scene = build(name);
        let (outcome, report) = scene.remove(&mut caller);
        assert_eq!(outcome, Err(Error::new(Step::Progress, Cause::Cancelled)));
        assert_eq!(report.counts.done(), done);
        let left = fs::read_dir(scene.tree()).unwrap().count() as u64;
        assert_eq!(left, 201 - done.min(200));
    };
    cancelled("flag", Caller { cancelled: true, ..Caller::default() }, 0);
    cancelled("done", Caller { cancels_done_at: 3, ..Caller::default() }, 3);
    cancelled("progress", Caller { cancels_progress_at: 2, ..Caller::default() }, 128);
    let scene = build("whole");
    let mut caller = Caller::default();
    scene.remove(&mut caller).0.unwrap();
    let done: Vec<u64> = caller.progress.iter().map(|progress| progress.entries_done).collect();
    assert_eq!(done, [64, 128, 192, 256, 320, 384]);
    let last = caller.progress.last().unwrap();
    assert_eq!((last.phase, last.entries_seen, last.directories_open), (Phase::Copy, 401, 2));
}

#[test]
fn entries_that_vanish_are_no_error_and_new_ones_are_removed() {
    let scene = Scene::new("meanwhile");
    let tree = scene.tree();
    for name in ["a", "b"] {
        fs::create_dir(tree.join(name)).unwrap();
        fs::write(tree.join(name).join("file"), "").unwrap();
    }
    let there = tree.clone();
    let meanwhile = move |path: &str| match path {
        "a/file" => fs::write(there.join("a/new"), "").unwrap(),
        "b/file" => fs::remove_dir(there.join("b")).unwrap(),
        _ => {}
    };
    let mut caller = Caller { meanwhile: Some(Box::new(meanwhile)), ..Caller::default() };
    let (outcome, report) = scene.remove(&mut caller);
    outcome.unwrap();
    assert!(!tree.exists());
    assert_eq!((report.counts.files, report.counts.directories, report.counts.vanished), (3, 1, 1));
}

#[test]
fn a_directory_that_is_filled_again_and_again_is_given_up() {
    for inside in ["sub", "."] {
        let scene = Scene::new(&format!("filled-{}", inside.len()));
        fs::create_dir(scene.tree().join("sub")).unwrap();
        fs::write(scene.tree().join(inside).join("0"), "").unwrap();
        let (there, mut count) = (scene.tree().join(inside), 0);
        let meanwhile = move |_: &str| {
            count += 1;
            let _ = fs::write(there.join(format!("{count}")), "");
        };
        let mut caller = Caller { meanwhile: Some(Box::new(meanwhile)), ..Caller::default() };
        let said = errno(scene.remove(&mut caller).0);
        assert!(said == ENOTEMPTY || said == EEXIST, "{said}");
    }
}

#[test]
fn a_chain_deeper_than_any_path_is_removed() {
    let scene = Scene::new("deep");
    const LEVELS: u64 = 300; // 6,300 bytes: beyond PATH_MAX, and beyond HELD
    let name = c"twenty-letters-long-";
    let mut at = Handle::new(&Native, Native.open_directory(CWD, &c_path(&scene.tree()), true).unwrap());
    for _ in 0..LEVELS {
        Native.make_directory(at.fd(), name, 0o700).unwrap();
        drop(Handle::new(&Native, Native.create_new(at.fd(), c"file", 0o600).unwrap()));
        at = Handle::new(&Native, Native.enter(at.fd(), name).unwrap());
    }
    drop(at);
    let mut report = Report::default();
    let path = c_path(&scene.tree());
    remove(&Native, CWD, &path, &mut crate::tree::Silent, &mut report).unwrap();
    assert_eq!((report.counts.files, report.counts.directories), (LEVELS, LEVELS));
    assert!(!scene.tree().exists());
}
