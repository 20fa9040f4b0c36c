//! On real file systems, which bindings/with-filesystems.sh mounts and names: a tree is copied, cloned where that is possible.
//! Without them these tests show as ignored; `--include-ignored` runs them.

use std::fs::{self, File};
use std::ops::ControlFlow::{Break, Continue};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use libreflink_fs::{CopyError, CopyOptions, Method, Mode, Progress, Reason, Step, Tree};

mod scratch;
use scratch::Scratch;

/// The directory of a file system, from the environment.
fn mounted(name: &str) -> PathBuf {
    std::env::var_os(format!("REFLINK_TEST_{name}")).unwrap_or_else(|| panic!("no {name} here")).into()
}

#[path = "../examples/copy_tree.rs"]
#[allow(dead_code)]
mod example;

const BLOCK: u64 = 4096;
const DATA: u64 = 64 * BLOCK;

/// A tree with what a copy may lose: modes, times, holes, empty files, links, and a name with odd bytes.
fn plant(root: &Path) {
    fs::create_dir_all(root.join("inner/deep")).unwrap();
    for name in ["data", "inner/program", "inner/deep/odd \n name"] {
        fs::write(root.join(name), vec![7; DATA as usize]).unwrap();
    }
    fs::set_permissions(root.join("inner/program"), PermissionsExt::from_mode(0o751)).unwrap();
    fs::write(root.join("inner/empty"), "").unwrap();
    symlink("../data", root.join("inner/link")).unwrap();
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    sparse.write_all_at(b"x", 32 << 20).unwrap();
}

fn same(src: &Path, dst: &Path) {
    let names = |dir: &Path| {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(src), names(dst));
    for name in names(src) {
        let (src, dst) = (src.join(&name), dst.join(&name));
        let (wanted, found) = (src.symlink_metadata().unwrap(), dst.symlink_metadata().unwrap());
        assert_eq!((wanted.mode(), wanted.len()), (found.mode(), found.len()), "{dst:?}");
        if wanted.is_dir() {
            same(&src, &dst);
        } else if wanted.is_symlink() {
            assert_eq!(fs::read_link(src).unwrap(), fs::read_link(dst).unwrap());
        } else {
            assert_eq!(wanted.mtime_nsec(), found.mtime_nsec(), "{dst:?}");
            assert!(fs::read(&src).unwrap() == fs::read(&dst).unwrap(), "{dst:?}");
            assert!(found.blocks() <= wanted.blocks() + 2 * BLOCK / 512, "{dst:?} has lost its holes");
        }
    }
}

/// Copies a tree, and returns how many bytes are shared, and whether that is proven.
fn tree(name: &str) -> (u64, bool) {
    let dir = Scratch::new(&mounted(name), "tree");
    let (src, dst) = (dir.join("src"), dir.join("dst"));
    plant(&src);
    let report = Tree::new().preserve_times(true).copy(&src, &dst).unwrap();
    same(&src, &dst);
    (report.bytes_cloned, example::proven(&src, &dst).unwrap())
}

#[test]
#[ignore = "needs REFLINK_TEST_XFS: bindings/with-filesystems.sh"]
fn a_tree_is_cloned_on_xfs() {
    let (shared, proven) = tree("XFS");
    assert!(shared >= 3 * DATA + BLOCK && proven);
}

#[test]
#[ignore = "needs REFLINK_TEST_BTRFS: bindings/with-filesystems.sh"]
fn a_tree_is_cloned_on_btrfs() {
    let (shared, proven) = tree("BTRFS");
    assert!(shared >= 3 * DATA + BLOCK && proven);
}

#[test]
#[ignore = "needs REFLINK_TEST_EXT4: bindings/with-filesystems.sh"]
fn a_tree_is_copied_on_ext4() {
    assert_eq!(tree("EXT4"), (0, false));
}

#[test]
#[ignore = "needs REFLINK_TEST_TMPFS: bindings/with-filesystems.sh"]
fn a_tree_is_copied_on_tmpfs() {
    assert_eq!(tree("TMPFS"), (0, false));
}

#[test]
#[ignore = "needs REFLINK_TEST_XFS: bindings/with-filesystems.sh"]
fn always_clones_files_and_ranges() {
    let dir = Scratch::new(&mounted("XFS"), "always");
    let src = dir.file("src", &vec![7; DATA as usize]);
    let options = CopyOptions::new().mode(Mode::Always);
    let report = options.copy(&src, dir.join("dst")).unwrap();
    assert_eq!((report.method, report.bytes_cloned, report.reason), (Method::Clone, DATA, Reason::None));
    let (from, to) = (File::open(&src).unwrap(), File::create(dir.join("range")).unwrap());
    let report = options.copy_range(&from, BLOCK, &to, 0, Some(2 * BLOCK)).unwrap();
    assert_eq!(report.bytes_cloned, 2 * BLOCK);
    // Not at the same place within a block: refused, and nothing written.
    let error = options.copy_range(&from, 1, &to, 0, Some(BLOCK)).unwrap_err();
    let refused = CopyError::of(&error).unwrap();
    assert!(refused.is_clone_refused(), "{refused:?}");
    assert_eq!(refused.report().reason, Reason::File);
}

#[test]
#[ignore = "needs REFLINK_TEST_XFS and _XFS2, _EXT4: bindings/with-filesystems.sh"]
fn a_refusal_to_clone_is_told_from_a_failure() {
    let options = CopyOptions::new().mode(Mode::Always);
    for (src, dst, reason) in [("EXT4", "EXT4", Reason::Unsupported), ("XFS", "XFS2", Reason::CrossDevice)] {
        let (from, to) = (Scratch::new(&mounted(src), "from"), Scratch::new(&mounted(dst), "to"));
        let source = from.file("src", &vec![7; DATA as usize]);
        let error = options.copy(&source, to.join("dst")).unwrap_err();
        let refused = CopyError::of(&error).unwrap();
        assert!(refused.is_clone_refused(), "{refused:?}");
        assert_eq!(refused.report().reason, reason);
        assert!(refused.report().clone_error.is_some() && to.names().is_empty());
        let failed = options.copy(&source, to.join("none/dst")).unwrap_err();
        assert!(!CopyError::of(&failed).unwrap().is_clone_refused());
        assert!(
            !CopyError::of(&options.copy(from.join("none"), to.join("dst")).unwrap_err())
                .unwrap()
                .is_clone_refused()
        );
    }
}

#[test]
#[ignore = "needs REFLINK_TEST_EXT4: bindings/with-filesystems.sh"]
fn what_fails_after_a_refused_clone_is_no_refusal() {
    let dir = Scratch::new(&mounted("EXT4"), "later");
    let src = dir.file("src", &vec![7; DATA as usize]);
    let stop = |now: Progress| if now.bytes_done > 0 { Break(()) } else { Continue(()) };
    let error = CopyOptions::new().copy_with_progress(&src, dir.join("dst"), stop).unwrap_err();
    let cancelled = CopyError::of(&error).unwrap();
    assert_eq!((cancelled.report().step, cancelled.report().reason), (Step::Progress, Reason::Unsupported));
    assert!(!cancelled.is_clone_refused());
}

#[test]
#[ignore = "needs REFLINK_TEST_XFS, and root: bindings/with-filesystems.sh"]
fn the_owner_is_preserved_on_request() {
    let dir = Scratch::new(&mounted("XFS"), "owner");
    let src = dir.file("src", b"text");
    chown(&src, Some(1234), Some(4321)).unwrap();
    CopyOptions::new().copy(&src, dir.join("mine")).unwrap();
    CopyOptions::new().preserve_owner(true).copy(&src, dir.join("theirs")).unwrap();
    let owner = |name: &str| dir.join(name).metadata().map(|found| (found.uid(), found.gid())).unwrap();
    assert_eq!(owner("theirs"), (1234, 4321));
    assert_ne!(owner("mine"), (1234, 4321));
}

#[test]
#[ignore = "needs REFLINK_TEST_XFS and _EXT4, _XFS2: bindings/with-filesystems.sh"]
fn a_probe_tells_what_a_directory_can_do() {
    let xfs = libreflink_fs::probe(mounted("XFS")).unwrap();
    assert_eq!((xfs.clone, xfs.range, xfs.fs_name.as_str()), (Some(true), true, "xfs"));
    assert_eq!((xfs.granularity, xfs.error, xfs.exchange), (BLOCK, None, Some(true)));
    let ext4 = libreflink_fs::probe(mounted("EXT4")).unwrap();
    assert_eq!((ext4.clone, ext4.reason), (Some(false), Reason::Unsupported));
    let between = libreflink_fs::probe_from(mounted("XFS"), mounted("XFS2")).unwrap();
    assert_eq!((between.clone, between.reason), (Some(false), Reason::CrossDevice));
}
