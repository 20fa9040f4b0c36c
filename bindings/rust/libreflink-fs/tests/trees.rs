//! Whole trees, in the directory for temporary files, and on the file systems that bindings/with-filesystems.sh mounts.
//! Without these, their tests show as ignored; `--include-ignored` runs them.

#![cfg(unix)]

mod scratch;

use std::fs;
use std::io::ErrorKind;
use std::ops::ControlFlow::{self, Break, Continue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};

use libreflink_fs::{
    CopyError, CopyOptions, Entry, EntryKind, Method, Mode, OnError, Phase, Reason, Step, Take, Tree,
    TreeIfExists, TreeReport,
};
use scratch::Scratch;

const FILES: u64 = 200;
const ECANCELED: i32 = 125; // on Linux

fn plant(dir: &Scratch) -> PathBuf {
    let root = dir.join("tree");
    fs::create_dir_all(root.join("many")).unwrap();
    for number in 0..FILES {
        fs::write(root.join(format!("many/{number}")), vec![7; 8192]).unwrap();
    }
    fs::write(root.join("file"), "here").unwrap();
    fs::hard_link(root.join("file"), root.join("second")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("link")).unwrap();
    root
}

fn mounted(file_system: &str, name: &str) -> Scratch {
    let root = std::env::var_os(format!("REFLINK_TEST_{file_system}"));
    Scratch::new(Path::new(&root.unwrap_or_else(|| panic!("no {file_system} here"))), name)
}

fn tree_of(error: &std::io::Error) -> &TreeReport {
    CopyError::of(error).unwrap().tree().unwrap()
}

#[test]
fn a_copied_tree_is_complete() {
    let dir = Scratch::new(&std::env::temp_dir(), "tree-complete");
    let (root, copy) = (plant(&dir), dir.join("copy"));
    let mut done = Vec::new();
    let report = Tree::new()
        .threads(2)
        .preserve_times(true)
        .on_done(|entry| {
            done.push((entry.path.to_path_buf(), entry.kind, entry.length, entry.method));
            Continue(())
        })
        .copy(&root, &copy)
        .unwrap();
    assert_eq!((report.files, report.hard_links, report.directories, report.symlinks), (FILES + 1, 1, 1, 1));
    assert!(report.published && report.litter.is_none() && report.step == Step::None, "{report:?}");
    assert_eq!(done.len() as u64, FILES + 4);
    let seven = done.iter().find(|entry| entry.0 == Path::new("many/7")).unwrap();
    assert!(seven.1 == EntryKind::File && seven.2 == 8192 && seven.3 != Method::None, "{seven:?}");
    assert_eq!(fs::read(copy.join("second")).unwrap(), b"here");
    assert_eq!(fs::read_link(copy.join("link")).unwrap(), Path::new("nowhere"));
    let removed = Tree::new().remove(&copy).unwrap();
    assert_eq!((removed.files, removed.directories), (FILES + 2, 1));
    assert_eq!(dir.names(), ["tree"]);
}

#[test]
fn a_filter_chooses_with_the_open_directory() {
    let dir = Scratch::new(&std::env::temp_dir(), "tree-filter");
    let (root, copy) = (plant(&dir), dir.join("copy"));
    let report = Tree::new()
        .filter(|entry| {
            assert!(entry.source_dir.unwrap().try_clone_to_owned().is_ok());
            Continue(match entry.path.to_str().unwrap() {
                "many" => Take::Empty,
                "link" => Take::LeaveOut,
                _ => Take::Whole,
            })
        })
        .copy(&root, &copy)
        .unwrap();
    assert_eq!((report.entries_left_out, report.files), (1, 1));
    assert_eq!(fs::read_dir(copy.join("many")).unwrap().count(), 0);
}

#[test]
fn a_failed_entry_is_skipped_only_when_asked_for() {
    let dir = Scratch::new(&std::env::temp_dir(), "tree-failed");
    let (root, copy) = (plant(&dir), dir.join("copy"));
    fs::create_dir_all(copy.join("many/7")).unwrap();
    assert_eq!(Tree::new().copy(&root, &copy).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let mut says = String::new();
    let error = Tree::new()
        .if_exists(TreeIfExists::Merge)
        .on_error(|entry, error| {
            says = error.to_string();
            assert!(entry.path == Path::new("many/7") && error.kind() == ErrorKind::AlreadyExists);
            OnError::Stop
        })
        .copy(&root, &copy)
        .unwrap_err();
    assert_eq!(tree_of(&error).failed_path, Path::new("many/7"));
    let line = format!("{}/many/7: checking the destination: File exists", copy.display());
    assert_eq!((error.to_string(), says), (line.clone(), line));
    let mut merge = Tree::new().if_exists(TreeIfExists::Merge).on_error(|_, _| OnError::Skip);
    let report = merge.copy(&root, &copy).unwrap();
    assert_eq!((report.entries_failed, report.incomplete), (1, true));
}

/// Trees with one function each that answers with `stop`: not at once, so that the library has many entries to remove then, and
/// reports progress on that, which must not stop it again.
fn each_function<'a>(stop: &'a dyn Fn() -> ControlFlow<()>) -> [Tree<'a>; 3] {
    let late = || {
        let mut calls = 0;
        move || {
            calls += 1;
            if calls > FILES / 2 { stop() } else { Continue(()) }
        }
    };
    let (mut filter, mut done) = (late(), late());
    [
        Tree::new().filter(move |_| if filter().is_break() { Break(()) } else { Continue(Take::Whole) }),
        Tree::new().on_done(move |_| done()),
        Tree::new().progress(move |now| {
            if now.phase != Phase::Copy || now.entries_done > FILES / 2 { stop() } else { Continue(()) }
        }),
    ]
}

#[test]
fn a_break_or_a_panic_leaves_nothing() {
    let dir = Scratch::new(&std::env::temp_dir(), "tree-break");
    let (root, copy) = (plant(&dir), dir.join("copy"));
    for mut tree in each_function(&|| Break(())) {
        let error = tree.copy(&root, &copy).unwrap_err();
        assert_eq!(CopyError::of(&error).unwrap().errno(), ECANCELED, "{error}");
        assert_eq!(dir.names(), ["tree"]);
    }
    for mut tree in each_function(&|| panic!("mine")) {
        let panic = catch_unwind(AssertUnwindSafe(|| tree.copy(&root, &copy))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"mine"));
        assert_eq!(dir.names(), ["tree"]);
    }
}

#[test]
fn a_flag_cancels() {
    let dir = Scratch::new(&std::env::temp_dir(), "tree-cancel");
    let (root, copy, flag) = (plant(&dir), dir.join("copy"), AtomicI32::new(0));
    let mut done = 0;
    let set_late = |_: &Entry<'_>| {
        done += 1;
        flag.store((done > FILES / 2).into(), Ordering::Relaxed);
        Continue(())
    };
    // That progress answers by the same flag must not stop the removal.
    let go_on = |_| if flag.load(Ordering::Relaxed) == 0 { Continue(()) } else { Break(()) };
    let error = Tree::new().cancel(&flag).on_done(set_late).progress(go_on).copy(&root, &copy).unwrap_err();
    assert_eq!(CopyError::of(&error).unwrap().errno(), ECANCELED, "{error}");
    assert_eq!(dir.names(), ["tree"]);
    assert!(done <= FILES / 2 + 64);
}

#[test]
fn names_are_relative_to_open_directories() {
    let dir = Scratch::new(&std::env::temp_dir(), "tree-at");
    let root = plant(&dir);
    fs::create_dir(dir.join("into")).unwrap();
    let (from, to) = (fs::File::open(dir.join(".")).unwrap(), fs::File::open(dir.join("into")).unwrap());
    assert_eq!(Tree::new().copy_at(&from, "tree", &to, "copy").unwrap().files, FILES + 1);
    assert!(dir.join("into/copy/many/7").exists());
    CopyOptions::new().copy_at(&from, "tree/file", &to, "file").unwrap();
    let error = Tree::new().copy_at(&from, "nothing", &to, "x").unwrap_err();
    assert_eq!(error.to_string(), "nothing: opening the source: No such file or directory");
    assert_eq!(Tree::new().remove_at(&to, "copy").unwrap().files, FILES + 2);
    let error = Tree::new().remove_at(&to, "file").unwrap_err();
    assert_eq!(error.to_string(), "file: reading a directory: Not a directory");
    assert_eq!(fs::read_dir(dir.join("into")).unwrap().count(), 1);
    assert!(root.exists());
}

#[test]
fn a_tree_that_cannot_be_is_refused() {
    let dir = Scratch::new(&std::env::temp_dir(), "tree-refused");
    let root = plant(&dir);
    let error = Tree::new().copy(&root, root.join("many/copy")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        Tree::new().copy(root.join("file"), dir.join("copy")).unwrap_err().kind(),
        ErrorKind::NotADirectory
    );
    assert_eq!(Tree::new().remove(root.join("link")).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert!(Tree::new().copy(&root, "a\0b").is_err());
    assert_eq!(dir.names(), ["tree"]);
}

#[test]
#[ignore = "run by bindings/run-tests.sh, as root"]
fn always_clones_or_says_why_not() {
    for file_system in ["XFS", "BTRFS"] {
        let dir = mounted(file_system, "tree-clones");
        let report = Tree::new().mode(Mode::Always).copy(plant(&dir), dir.join("copy")).unwrap();
        assert_eq!(report.files_cloned, report.files, "{report:?}");
    }
    for file_system in ["EXT4", "TMPFS"] {
        let dir = mounted(file_system, "tree-copies");
        let error = Tree::new().mode(Mode::Always).copy(plant(&dir), dir.join("copy")).unwrap_err();
        assert!(CopyError::of(&error).unwrap().is_clone_refused(), "{error}");
        assert_eq!(tree_of(&error).reason, Reason::Unsupported);
        assert_eq!(dir.names(), ["tree"]);
    }
}

#[test]
#[ignore = "run by bindings/run-tests.sh, as root"]
fn a_replaced_tree_can_be_kept() {
    let dir = mounted("XFS", "tree-kept");
    let (root, copy) = (plant(&dir), dir.join("copy"));
    fs::create_dir_all(copy.join("old")).unwrap();
    let report = Tree::new().if_exists(TreeIfExists::Replace).keep_replaced(true).copy(&root, &copy).unwrap();
    let litter = dir.join(report.litter.unwrap());
    assert!(litter.join("old").exists() && !copy.join("old").exists());
    Tree::new().remove(&litter).unwrap();
}
