//! Copies of real trees on the file system of the temporary directory (TMPDIR), compared by a walk of the test's own.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::copy::{Mode, Permissions};
use crate::sys::errno::{EEXIST, EINVAL};
use crate::sys::{CWD, Common, Directories, Native};
use crate::tree::remove::remove;
use crate::tree::{Entry, EntryKind, Silent, Take, Wants};

/// A directory that is removed after the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("reflink-tree-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn c(&self, name: &str) -> CString {
        CString::new(self.path(name).as_os_str().as_bytes()).unwrap()
    }

    /// Copies "source" to "copy".
    fn copy(&self, options: &Options, watch: &mut dyn Watch) -> (Result<()>, Report) {
        self.copy_to("copy", options, watch)
    }

    fn copy_to(&self, to: &str, options: &Options, watch: &mut dyn Watch) -> (Result<()>, Report) {
        let (src, dst) = (self.c("source"), self.c(to));
        let request = Request { src_dir: CWD, src: &src, dst_dir: CWD, dst: &dst, options };
        let mut report = Report::default();
        let outcome = copy_with_threads(&Native, &request, watch, &mut report);
        (outcome, report)
    }

    /// The names that are there.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::process::Command::new("chmod").args(["-R", "u+rwX"]).arg(&self.0).output();
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn set_time(path: &Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(seconds, 123_456_789);
    let times = fs::FileTimes::new().set_accessed(time).set_modified(time);
    fs::File::open(path).unwrap().set_times(times).unwrap();
}

fn make_node(dir: &Path, name: &str, kind: crate::sys::Kind) {
    let c = CString::new(dir.join(name).as_os_str().as_bytes()).unwrap();
    let like = Native.stat_name(CWD, c"/").unwrap();
    Native.make_special(CWD, &c, &Stat { kind, mode: 0o640, device_number: 0, ..like }).unwrap();
}

/// One of each kind of thing.
fn odd_tree(root: &Path) {
    use crate::sys::Kind;
    fs::create_dir(root).unwrap();
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    write(&root.join("a/file"), b"content", 0o644);
    write(&root.join("a/empty"), b"", 0o600);
    write(&root.join("a/large"), &vec![7; 300_000], 0o751);
    fs::hard_link(root.join("a/file"), root.join("a/b/link")).unwrap();
    fs::hard_link(root.join("a/file"), root.join("link")).unwrap();
    symlink("a/file", root.join("relative")).unwrap();
    symlink("nowhere/at all", root.join("a/dangling")).unwrap();
    symlink("/", root.join("absolute")).unwrap();
    symlink("../a", root.join("a/to-directory")).unwrap();
    fs::create_dir(root.join("locked")).unwrap();
    write(&root.join("locked/inside"), b"x", 0o444);
    make_node(&root.join("a"), "fifo", Kind::Fifo);
    make_node(&root.join("a"), "socket", Kind::Socket);
    make_node(root, "whiteout", Kind::CharacterDevice);
    write(&root.join(OsStr::from_bytes(b"not \xff text\n")), b"y", 0o640);
    fs::create_dir(root.join("sticky")).unwrap();
    fs::set_permissions(root.join("sticky"), fs::Permissions::from_mode(0o777)).unwrap();
    set_time(&root.join("a/large"), 1_000_000_000);
    set_time(&root.join("locked"), 1_100_000_000);
    set_time(&root.join("a/b/c"), 1_200_000_000);
    set_time(&root.join("a"), 1_300_000_000);
    fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    set_time(root, 1_400_000_000);
}

/// What there is to compare of an entry.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    mode: u32,
    /// The content of a file, the target of a link.
    content: Vec<u8>,
    times: Option<[i64; 2]>,
    /// The first path, in order, of the same inode.
    first: PathBuf,
}

/// All entries, the root among them, by their path. `times`: they count.
fn look(root: &Path, times: bool) -> BTreeMap<PathBuf, Seen> {
    let (mut all, mut firsts) = (BTreeMap::new(), BTreeMap::new());
    let mut rest = vec![PathBuf::new()];
    while let Some(relative) = rest.pop() {
        let path = root.join(&relative);
        let meta = fs::symlink_metadata(&path).unwrap();
        let kind = meta.file_type();
        let content = if kind.is_file() {
            fs::read(&path).unwrap()
        } else if kind.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().as_bytes().to_vec()
        } else {
            Vec::new()
        };
        if kind.is_dir() {
            let mut names: Vec<_> =
                fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            rest.extend(names.into_iter().rev().map(|name| relative.join(name)));
        }
        let first = firsts.entry((meta.dev(), meta.ino())).or_insert_with(|| relative.clone()).clone();
        let times = times.then_some([meta.mtime(), meta.mtime_nsec()]);
        all.insert(relative, Seen { mode: meta.mode(), content, times, first });
    }
    all
}

/// Both trees hold the same, and nothing is left beside them.
fn assert_same(scratch: &Scratch, times: bool) {
    let (source, copy) = (look(&scratch.path("source"), times), look(&scratch.path("copy"), times));
    for (path, seen) in &source {
        let there = copy.get(path).unwrap_or_else(|| panic!("{path:?} is missing"));
        assert_eq!(seen, there, "{path:?}");
    }
    assert_eq!(source.len(), copy.len());
    assert_eq!(scratch.names(), ["copy", "source"]);
}

fn assert_adds_up(report: &Report, root: &Path) {
    let counts = &report.counts;
    assert_eq!(counts.seen, counts.done() + counts.not_reached, "{counts:?}");
    assert_eq!(counts.seen, look(root, false).len() as u64 - 1, "{counts:?}");
    let files = [
        counts.files_cloned,
        counts.files_copied,
        counts.files_empty,
        counts.files_kernel_copied,
        counts.files_mixed,
    ];
    assert_eq!(counts.files, files.iter().sum::<u64>());
}

fn options() -> Options {
    let mut options = Options::default();
    options.files.preserve.times = true;
    options
}

#[test]
fn a_copy_has_all_that_is_in_the_source() {
    for threads in [0, 1, 2, 4] {
        let scratch = Scratch::new(&format!("all-{threads}"));
        odd_tree(&scratch.path("source"));
        let (outcome, report) = scratch.copy(&Options { threads, ..options() }, &mut Silent);
        outcome.unwrap();
        assert_same(&scratch, true);
        assert_adds_up(&report, &scratch.path("source"));
        let counts = report.counts;
        assert_eq!((counts.files, counts.hard_links, counts.directories), (5, 2, 5));
        assert_eq!((counts.symlinks, counts.specials, counts.files_empty), (4, 3, 1));
        assert!(report.published && report.litter.is_none());
    }
}

/// A chain of directories, each with a file in it.
fn chain(root: &Path, levels: usize) {
    fs::create_dir(root).unwrap();
    let c = CString::new(root.as_os_str().as_bytes()).unwrap();
    let mut at = Handle::new(&Native, Native.enter(CWD, &c).unwrap());
    let name = CString::new("d".repeat(20)).unwrap();
    for level in 0..levels {
        Native.make_directory(at.fd(), &name, 0o755).unwrap();
        let file = Handle::new(&Native, Native.create_new(at.fd(), c"file", 0o644).unwrap());
        Native.write_at(file.fd(), level.to_string().as_bytes(), 0).unwrap();
        at = Handle::new(&Native, Native.enter(at.fd(), &name).unwrap());
    }
}

#[test]
fn three_thousand_levels_are_copied_and_removed() {
    for threads in [1, 2] {
        let scratch = Scratch::new(&format!("deep-{threads}"));
        chain(&scratch.path("source"), 3000);
        let (outcome, report) = scratch.copy(&Options { threads, ..options() }, &mut Silent);
        outcome.unwrap();
        assert_eq!((report.counts.files, report.counts.directories), (3000, 3000));
        for name in ["source", "copy"] {
            remove(&Native, CWD, &scratch.c(name), &mut Silent, &mut Report::default()).unwrap();
        }
        assert!(scratch.names().is_empty());
    }
}

#[test]
fn an_existing_entry_stays_unless_it_may_be_replaced() {
    let scratch = Scratch::new("exists");
    odd_tree(&scratch.path("source"));
    fs::create_dir(scratch.path("copy")).unwrap();
    let (outcome, _) = scratch.copy(&options(), &mut Silent);
    assert_eq!(errno(outcome), EEXIST);
    assert_eq!(scratch.names(), ["copy", "source"]);
    write(&scratch.path("copy/old"), b"old", 0o600);
    fs::set_permissions(scratch.path("copy"), fs::Permissions::from_mode(0o555)).unwrap();
    let replace = Options { if_exists: IfExists::Replace, two_renames: true, ..options() };
    let (outcome, report) = scratch.copy(&replace, &mut Silent);
    outcome.unwrap();
    assert!(report.published);
    assert_same(&scratch, true);

    // Once more, with the old one kept.
    write(&scratch.path("copy/new"), b"new", 0o600);
    let keep = Options { keep_replaced: true, ..replace };
    let (outcome, report) = scratch.copy(&keep, &mut Silent);
    outcome.unwrap();
    let litter = CString::from_vec_with_nul(
        report.litter.unwrap().split_inclusive(|b| *b == 0).next().unwrap().to_vec(),
    );
    let litter = litter.unwrap().into_string().unwrap();
    assert!(litter.starts_with(".reflink-old-"), "{litter}");
    assert_eq!(fs::read(scratch.path(&litter).join("new")).unwrap(), b"new");
    assert!(!scratch.path("copy/new").exists());
    remove(&Native, CWD, &scratch.c(&litter), &mut Silent, &mut Report::default()).unwrap();
    assert_same(&scratch, true);

    fs::write(scratch.path("file"), "").unwrap();
    let (outcome, _) = scratch.copy_to("file", &replace, &mut Silent);
    assert_eq!(errno(outcome), ENOTDIR);
    symlink("source", scratch.path("link")).unwrap();
    scratch.copy_to("link", &replace, &mut Silent).0.unwrap();
    assert!(fs::symlink_metadata(scratch.path("link")).unwrap().is_dir());
}

#[test]
fn a_tree_is_merged_into_another() {
    for (keep_existing, durability) in
        [(false, Durability::Atomic), (true, Durability::Atomic), (false, Durability::Durable)]
    {
        let scratch = Scratch::new(&format!("merge-{keep_existing}-{durability:?}"));
        odd_tree(&scratch.path("source"));
        fs::create_dir_all(scratch.path("copy/a/b")).unwrap();
        fs::set_permissions(scratch.path("copy/a"), fs::Permissions::from_mode(0o750)).unwrap();
        write(&scratch.path("copy/a/file"), b"other", 0o600);
        write(&scratch.path("copy/a/only there"), b"there", 0o600);
        symlink("elsewhere", scratch.path("copy/relative")).unwrap();
        let mut merge = Options { if_exists: IfExists::Merge, keep_existing, ..options() };
        merge.files.durability = durability;
        let (outcome, report) = scratch.copy(&merge, &mut Silent);
        outcome.unwrap();
        assert_adds_up(&report, &scratch.path("source"));
        assert_eq!(report.counts.kept, if keep_existing { 2 } else { 0 });
        let (source, copy) = (look(&scratch.path("source"), true), look(&scratch.path("copy"), true));
        assert_eq!(copy.len(), source.len() + 1);
        for (path, seen) in &source {
            let there = &copy[path];
            match path.to_str() {
                Some("") | Some("a/b") => {}
                Some("a") => assert_eq!(there.mode & 0o777, 0o750),
                Some("a/file") if keep_existing => assert_eq!(there.content, b"other"),
                Some("relative") if keep_existing => assert_eq!(there.content, b"elsewhere"),
                _ if keep_existing => {
                    assert_eq!((&there.content, there.mode), (&seen.content, seen.mode), "{path:?}")
                }
                _ => assert_eq!(there, seen, "{path:?}"),
            }
        }
        assert_eq!(fs::read(scratch.path("copy/a/only there")).unwrap(), b"there");
        // Nothing changes when it is done again. (Nobody makes anything in a directory that is locked.)
        fs::set_permissions(scratch.path("copy/locked"), fs::Permissions::from_mode(0o755)).unwrap();
        scratch.copy(&merge, &mut Silent).0.unwrap();
        assert_eq!(look(&scratch.path("copy"), false).len(), copy.len());
    }
}

#[test]
fn a_directory_replaces_nothing_but_a_directory() {
    let scratch = Scratch::new("no-match");
    fs::create_dir_all(scratch.path("source/a")).unwrap();
    write(&scratch.path("source/b"), b"", 0o600);
    fs::create_dir_all(scratch.path("copy/b")).unwrap();
    symlink("/", scratch.path("copy/a")).unwrap();
    let merge = Options { if_exists: IfExists::Merge, ..options() };
    let mut caller = Caller { skips: true, ..Caller::default() };
    let (outcome, report) = scratch.copy(&merge, &mut caller);
    outcome.unwrap();
    caller.errors.sort();
    assert_eq!(caller.errors, [("a".into(), EEXIST), ("b".into(), EEXIST)]);
    assert_eq!(report.counts.failed, 2);
    assert_eq!(fs::read_link(scratch.path("copy/a")).unwrap(), Path::new("/"));
    let (outcome, report) = scratch.copy(&merge, &mut Silent);
    assert_eq!(errno(outcome), EEXIST);
    assert!(!report.published && [&b"a"[..], b"b"].contains(&report.failed_path.as_slice()));
}

#[test]
fn a_tree_is_not_copied_into_itself() {
    let scratch = Scratch::new("itself");
    fs::create_dir_all(scratch.path("source/a/b")).unwrap();
    for to in ["source/copy", "source/a/b/copy", "source/a/../a/copy"] {
        let (outcome, _) = scratch.copy_to(to, &options(), &mut Silent);
        assert_eq!(outcome.unwrap_err().cause, Cause::IntoItself, "{to}");
    }
    let before = look(&scratch.0, true);
    let replace = Options { if_exists: IfExists::Replace, ..options() };
    assert_eq!(scratch.copy_to("source", &replace, &mut Silent).0.unwrap_err().cause, Cause::SameFile);
    let (src, dst) = (scratch.c("source/a/b"), scratch.c("source"));
    let request = Request { src_dir: CWD, src: &src, dst_dir: CWD, dst: &dst, options: &replace };
    let outcome = copy(&Native, &request, &mut Silent, &mut Report::default());
    assert_eq!(outcome.unwrap_err().cause, Cause::IntoItself);
    assert_eq!(look(&scratch.0, true), before);
}

#[test]
fn nothing_is_left_if_the_first_file_cannot_be_cloned() {
    let scratch = Scratch::new("always");
    odd_tree(&scratch.path("source"));
    let mut always = options();
    always.files.mode = Mode::Always;
    let mut caller = Caller { skips: true, ..Caller::default() };
    let (outcome, report) = scratch.copy(&always, &mut caller);
    match outcome {
        Ok(()) => assert_eq!(report.counts.files_cloned + report.counts.files_empty, report.counts.files),
        Err(error) => {
            assert!(matches!(error.step, Step::Clone(_)), "{error:?}");
            assert!(
                report.reason != crate::copy::Reason::None
                    && report.clone_error < 0
                    && !report.failed_path.is_empty()
            );
            assert_eq!((caller.errors, scratch.names()), (vec![], vec!["source".into()]));
        }
    }
}

#[test]
fn a_caller_can_stop_it_at_each_entry() {
    for threads in [1, 3] {
        for at in 1..=19 {
            let scratch = Scratch::new(&format!("cancel-{threads}-{at}"));
            odd_tree(&scratch.path("source"));
            let mut caller = Caller { stops_after: at, ..Caller::default() };
            let (outcome, report) = scratch.copy(&Options { threads, ..options() }, &mut caller);
            assert_eq!(outcome.unwrap_err().cause, Cause::Cancelled);
            assert!(!report.published && report.litter.is_none());
            assert_eq!(scratch.names(), ["source"]);
            assert_eq!(report.counts.seen, report.counts.done() + report.counts.not_reached);
        }
    }
}

/// Who sets the flag once the last file is done.
#[derive(Default)]
struct Late(bool);

impl Watch for Late {
    fn wants(&self) -> Wants {
        Wants { done: true, ..Wants::default() }
    }

    fn on_done(&mut self, _: &Entry, _: u64, _: &crate::copy::Report) -> bool {
        self.0 = true;
        true
    }

    fn cancelled(&self) -> bool {
        self.0
    }
}

#[test]
fn a_flag_is_seen_after_the_last_file_too() {
    for (merges, threads) in [(false, 1), (true, 1), (false, 3), (true, 3)] {
        let scratch = Scratch::new(&format!("late-{merges}-{threads}"));
        fs::create_dir(scratch.path("source")).unwrap();
        write(&scratch.path("source/file"), b"whole", 0o644);
        let mut options = Options { threads, ..options() };
        if merges {
            fs::create_dir(scratch.path("copy")).unwrap();
            options.if_exists = IfExists::Merge;
        } else {
            options.files.durability = Durability::Unstaged;
        }
        let (outcome, report) = scratch.copy(&options, &mut Late::default());
        assert_eq!(outcome.unwrap_err().cause, Cause::Cancelled, "{merges} {threads}");
        assert_eq!(report.counts.files, 1);
    }
}

#[test]
fn a_filter_decides_before_anything_is_opened() {
    let scratch = Scratch::new("filter");
    odd_tree(&scratch.path("source"));
    let mut caller = Caller::default();
    caller.takes.insert("a/b".into(), Take::LeaveOut);
    caller.takes.insert("locked".into(), Take::Empty);
    caller.takes.insert("link".into(), Take::LeaveOut);
    let (outcome, report) = scratch.copy(&options(), &mut caller);
    outcome.unwrap();
    assert_eq!((report.counts.left_out, report.counts.directories), (2, 3));
    assert!(!scratch.path("copy/a/b").exists() && !scratch.path("copy/locked/inside").exists());
    assert_eq!(fs::metadata(scratch.path("copy/locked")).unwrap().mode() & 0o777, 0o555);
    assert_eq!(fs::metadata(scratch.path("copy/a/file")).unwrap().nlink(), 1);
    let done: Vec<_> = caller.done.iter().map(String::as_str).collect();
    assert!(done.contains(&"a/file") && done.contains(&"locked") && !done.contains(&"link"), "{done:?}");
    assert_eq!(done.len() as u64, report.counts.done() - report.counts.left_out);
}

#[test]
fn a_tree_can_be_made_under_its_own_name() {
    let scratch = Scratch::new("unstaged");
    odd_tree(&scratch.path("source"));
    let mut unstaged = options();
    unstaged.files.durability = Durability::Unstaged;
    let mut caller = Caller { stops_after: 5, ..Caller::default() };
    assert!(scratch.copy(&unstaged, &mut caller).0.is_err());
    assert_eq!(scratch.names(), ["source"]);
    scratch.copy(&unstaged, &mut Silent).0.unwrap();
    assert_same(&scratch, true);
}

#[test]
fn each_name_can_become_a_file_of_its_own_and_specials_be_left_out() {
    let scratch = Scratch::new("split");
    odd_tree(&scratch.path("source"));
    let split = Options { split_links: true, skip_special: true, ..options() };
    let (outcome, report) = scratch.copy(&split, &mut Silent);
    outcome.unwrap();
    let counts = report.counts;
    assert_eq!((counts.files, counts.hard_links, counts.specials, counts.specials_left_out), (7, 0, 0, 3));
    assert_eq!(fs::metadata(scratch.path("copy/link")).unwrap().nlink(), 1);
}

#[test]
fn directories_have_the_umask_where_it_counts() {
    let scratch = Scratch::new("umask");
    odd_tree(&scratch.path("source"));
    fs::set_permissions(scratch.path("source/sticky"), fs::Permissions::from_mode(0o2775)).unwrap();
    fs::create_dir(scratch.path("probe")).unwrap();
    fs::write(scratch.path("file"), "").unwrap();
    let mode = |name: &str| fs::symlink_metadata(scratch.path(name)).unwrap().mode() & 0o7777;
    for permissions in [Permissions::Umask, Permissions::New] {
        let mut options = options();
        options.files.permissions = permissions;
        scratch.copy(&options, &mut Silent).0.unwrap();
        let umask = permissions == Permissions::Umask;
        let expected = |source: u32, new: &str| {
            if umask { source & mode(if new == "probe" { new } else { "probe" }) } else { mode(new) }
        };
        assert_eq!(mode("copy/locked"), expected(0o555, "probe"));
        assert_eq!(mode("copy/sticky"), expected(0o775, "probe"));
        assert_eq!(mode("copy/a/large"), expected(0o751, "file"));
        remove(&Native, CWD, &scratch.c("copy"), &mut Silent, &mut Report::default()).unwrap();
    }
}

#[test]
fn a_set_gid_bit_that_is_inherited_stays() {
    let scratch = Scratch::new("set-gid");
    fs::create_dir_all(scratch.path("source/a")).unwrap();
    write(&scratch.path("source/a/file"), b"x", 0o644);
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o2755)).unwrap();
    scratch.copy(&options(), &mut Silent).0.unwrap();
    for name in ["copy", "copy/a"] {
        assert_eq!(fs::metadata(scratch.path(name)).unwrap().mode() & 0o7777, 0o2755, "{name}");
    }
}

#[test]
fn a_tree_is_merged_into_a_directory_that_is_called_dot() {
    let scratch = Scratch::new("dot");
    odd_tree(&scratch.path("source"));
    fs::create_dir(scratch.path("copy")).unwrap();
    let merge = Options { if_exists: IfExists::Merge, ..options() };
    scratch.copy_to("copy/.", &merge, &mut Silent).0.unwrap();
    assert_eq!(fs::read(scratch.path("copy/a/b/link")).unwrap(), b"content");
    for name in ["copy/.", "copy/..", "/"] {
        assert_eq!(errno(scratch.copy_to(name, &options(), &mut Silent).0), EEXIST, "{name}");
    }
    let replace = Options { if_exists: IfExists::Replace, ..options() };
    assert_eq!(errno(scratch.copy_to("copy/.", &replace, &mut Silent).0), EINVAL);
}

#[test]
fn a_root_that_was_not_just_made_is_refused() {
    let scratch = Scratch::new("owner");
    fs::create_dir(scratch.path("root")).unwrap();
    fs::set_permissions(scratch.path("root"), fs::Permissions::from_mode(0o700)).unwrap();
    let open = |name: &str| Handle::new(&Native, Native.enter(CWD, &scratch.c(name)).unwrap());
    let root = open("root");
    let stat = Native.stat(root.fd()).unwrap();
    let mut own = Own::default();
    let parent = open(".");
    let mut check = |root: &Handle<Native>, stat: &Stat| own.check(&Native, parent.fd(), root.fd(), stat);
    assert_eq!(check(&root, &stat), Ok(()));
    let another = Stat { device: stat.device + 1, ..stat };
    for other in [Stat { owner: stat.owner + 1, ..stat }, Stat { mode: 0o701, ..stat }, another] {
        assert_eq!(check(&root, &other).unwrap_err().cause, Cause::Inconsistent);
        assert_eq!(check(&root, &stat), Ok(()));
    }
    assert_eq!(fs::read_dir(scratch.path("root")).unwrap().count(), 0);
    fs::create_dir(scratch.path("root/entry")).unwrap();
    let is_local = Native.volume(root.fd()).unwrap().is_local(); // else some list snapshots in a new directory too
    assert_eq!(check(&open("root"), &stat).is_err_and(|error| error.cause == Cause::Inconsistent), is_local);
}

/// Somebody who may rename in the destination's parent.
struct Swapper(PathBuf);

impl Watch for Swapper {
    fn wants(&self) -> Wants {
        Wants { done: true, ..Wants::default() }
    }

    fn on_done(&mut self, _: &Entry, _: u64, _: &crate::copy::Report) -> bool {
        for entry in fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_name().to_str().unwrap().starts_with(".reflink-") {
                fs::rename(entry.path(), self.0.join("stolen")).unwrap();
                fs::create_dir_all(entry.path().join("theirs")).unwrap();
                return true;
            }
        }
        true
    }
}

#[test]
fn another_tree_under_the_private_name_is_neither_published_nor_removed() {
    let scratch = Scratch::new("swapped");
    fs::create_dir(scratch.path("source")).unwrap();
    write(&scratch.path("source/file"), b"x", 0o644);
    let (outcome, report) = scratch.copy(&options(), &mut Swapper(scratch.0.clone()));
    assert_eq!(outcome.unwrap_err().cause, Cause::Inconsistent);
    assert!(!report.published && !scratch.path("copy").exists());
    let names = scratch.names();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(scratch.path(&names[0]).join("theirs").exists());
}

/// What a failed call says.
fn errno(outcome: Result<()>) -> i32 {
    outcome.unwrap_err().errno()
}

/// A caller who remembers.
#[derive(Default)]
struct Caller {
    skips: bool,
    /// Cancels when so many entries are done; 0: never.
    stops_after: usize,
    takes: BTreeMap<String, Take>,
    done: Vec<String>,
    errors: Vec<(String, i32)>,
}

impl Watch for Caller {
    fn wants(&self) -> Wants {
        Wants { filter: true, errors: true, done: true, progress: true }
    }

    fn filter(&mut self, entry: &Entry, source_dir: crate::sys::Fd) -> Result<Take> {
        let there = Native.stat_name(source_dir, entry.name()).unwrap();
        assert_eq!(there.kind == crate::sys::Kind::Directory, entry.kind == EntryKind::Directory);
        Ok(entry.path.to_str().ok().and_then(|path| self.takes.get(path)).copied().unwrap_or(Take::Whole))
    }

    fn on_error(&mut self, entry: &Entry, error: &Error) -> bool {
        self.errors.push((entry.path.to_string_lossy().into(), error.errno()));
        self.skips
    }

    fn on_done(&mut self, entry: &Entry, _: u64, _: &crate::copy::Report) -> bool {
        self.done.push(entry.path.to_string_lossy().into());
        self.done.len() != self.stops_after
    }
}
