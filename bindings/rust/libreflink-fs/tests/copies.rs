//! The safe crate against the library, in the system's temporary directory: what is copied, and what each failure becomes.
//! What needs a file system that clones is in clones.rs.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use libreflink_fs::{CopyError, CopyOptions, Durability, IfExists, Method, Mode, Permissions, Reason, Step};

mod scratch;
use scratch::Scratch;

const TEXT: &[u8] = b"some text, and more of it";

fn here(name: &str) -> Scratch {
    Scratch::new(&std::env::temp_dir(), name)
}

#[test]
fn a_copy_has_content_and_permissions() {
    let dir = here("plain");
    let src = dir.file("src", TEXT);
    fs::set_permissions(&src, PermissionsExt::from_mode(0o750)).unwrap();
    let report = libreflink_fs::copy(&src, dir.join("dst")).unwrap();
    assert_eq!(fs::read(dir.join("dst")).unwrap(), TEXT);
    assert_eq!(fs::metadata(dir.join("dst")).unwrap().permissions().mode() & 0o7777, 0o750);
    assert_eq!((report.length(), report.step), (TEXT.len() as u64, Step::None));
    assert!(!report.source_changed && !report.metadata_incomplete && !report.destination_changed);
    assert!(report.published && report.os_error.is_none());
}

#[test]
fn never_shares_nothing_and_says_why() {
    let dir = here("never");
    let report = CopyOptions::new().mode(Mode::Never).copy(dir.file("src", TEXT), dir.join("dst")).unwrap();
    assert_eq!((report.method, report.reason), (Method::Copy, Reason::NotAsked));
    assert_eq!((report.bytes_copied, report.bytes_cloned), (TEXT.len() as u64, 0));
}

#[test]
fn an_existing_name_is_kept_or_replaced() {
    let dir = here("exists");
    let (src, dst) = (dir.file("src", TEXT), dir.file("dst", b"old"));
    let error = libreflink_fs::copy(&src, &dst).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(CopyError::of(&error).unwrap().errno(), 17);
    assert_eq!(fs::read(&dst).unwrap(), b"old");
    let replace = CopyOptions::new().if_exists(IfExists::Replace).durability(Durability::Durable);
    replace.copy(&src, &dst).unwrap();
    assert_eq!(fs::read(&dst).unwrap(), TEXT);
}

#[test]
fn errors_have_the_kind_of_std_and_the_report() {
    let dir = here("errors");
    let src = dir.file("src", TEXT);
    let kind = |error: std::io::Error| (error.kind(), CopyError::of(&error).unwrap().report().step);
    let copy = |from: &str, to: &str| kind(libreflink_fs::copy(dir.join(from), dir.join(to)).unwrap_err());
    assert_eq!(copy("none", "dst"), (ErrorKind::NotFound, Step::OpenSource));
    assert_eq!(copy("src/x", "dst"), (ErrorKind::NotADirectory, Step::OpenSource));
    assert_eq!(copy(".", "dst").0, ErrorKind::IsADirectory);
    assert_eq!(copy("src", "none/dst"), (ErrorKind::NotFound, Step::Create));
    let same = CopyOptions::new().if_exists(IfExists::Replace).copy(&src, &src).unwrap_err();
    assert_eq!(same.kind(), ErrorKind::InvalidInput);
    let inside = CopyError::of(&same).unwrap();
    assert_eq!((inside.errno(), inside.code()), (22, libreflink_sys::REFLINK_ERR_SAME_FILE));
    let none = dir.join("none");
    assert_eq!(
        libreflink_fs::copy(&none, "x").unwrap_err().to_string(),
        format!("{}: opening the source: No such file or directory", none.display())
    );
}

#[test]
fn a_name_with_a_nul_is_refused() {
    let dir = here("nul");
    let src = dir.file("src", TEXT);
    let error = libreflink_fs::copy(&src, dir.join("dst\0more")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(CopyError::of(&error).is_none() && !dir.join("dst").exists());
    assert_eq!(libreflink_fs::probe("/\0").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_name_need_not_be_unicode() {
    let dir = here("bytes");
    let dst = dir.join(std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    libreflink_fs::copy(dir.file("src", TEXT), &dst).unwrap();
    assert_eq!(fs::read(dst).unwrap(), TEXT);
}

#[test]
fn a_link_is_followed_unless_told() {
    let dir = here("link");
    dir.file("src", TEXT);
    symlink("src", dir.join("link")).unwrap();
    let options = CopyOptions::new().nofollow(true);
    let error = options.copy(dir.join("link"), dir.join("dst")).unwrap_err();
    assert_eq!(CopyError::of(&error).unwrap().report().step, Step::OpenSource);
    options.nofollow(false).copy(dir.join("link"), dir.join("dst")).unwrap();
    assert_eq!(fs::read(dir.join("dst")).unwrap(), TEXT);
}

#[test]
fn times_are_preserved_on_request() {
    let dir = here("times");
    let src = dir.file("src", TEXT);
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    OpenOptions::new().write(true).open(&src).unwrap().set_modified(then).unwrap();
    libreflink_fs::copy(&src, dir.join("new")).unwrap();
    CopyOptions::new().preserve_times(true).copy(&src, dir.join("old")).unwrap();
    assert_ne!(fs::metadata(dir.join("new")).unwrap().modified().unwrap(), then);
    assert_eq!(fs::metadata(dir.join("old")).unwrap().modified().unwrap(), then);
}

#[test]
fn every_option_reaches_the_library() {
    let dir = here("options");
    let src = dir.file("src", TEXT);
    let all = CopyOptions::new()
        .durability(Durability::Unstaged)
        .preserve_times(true)
        .preserve_owner(true)
        .preserve_xattrs(true)
        .preserve_acl(true)
        .best_effort_metadata(true);
    all.copy(&src, dir.join("dst")).unwrap();
    assert_eq!(fs::read(dir.join("dst")).unwrap(), TEXT);
}

#[test]
fn progress_is_called_and_cancels() {
    let dir = here("progress");
    let src = dir.file("src", TEXT);
    let mut last = 0;
    let copied = CopyOptions::new().copy_with_progress(&src, dir.join("dst"), |now| {
        assert!(now.bytes_done <= now.bytes_total);
        last = now.bytes_done;
        ControlFlow::Continue(())
    });
    assert_eq!(last, copied.unwrap().length());
    let cancelled = CopyOptions::new().copy_with_progress(&src, dir.join("none"), |_| ControlFlow::Break(()));
    let error = cancelled.unwrap_err();
    let report = CopyError::of(&error).unwrap().report();
    assert_eq!((report.step, report.published), (Step::Progress, false));
    assert_eq!(dir.names(), ["dst", "src"]);
}

#[test]
fn a_panic_in_progress_goes_on_after_the_copy_is_cleaned_up() {
    let dir = here("panic");
    let src = dir.file("src", TEXT);
    let copy = || CopyOptions::new().copy_with_progress(&src, dir.join("dst"), |_| panic!("of the caller"));
    let panic = catch_unwind(AssertUnwindSafe(copy)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"of the caller"));
    assert_eq!(dir.names(), ["src"]);
}

#[test]
fn open_files_keep_their_positions() {
    let dir = here("content");
    let mut src = File::open(dir.file("src", TEXT)).unwrap();
    let mut dst =
        OpenOptions::new().read(true).write(true).open(dir.file("dst", b"a longer text than the other one"));
    let dst = dst.as_mut().unwrap();
    let options = CopyOptions::new();
    assert_eq!(options.copy_content(&src, dst).unwrap().length(), TEXT.len() as u64);
    let mut content = Vec::new();
    dst.read_to_end(&mut content).unwrap();
    assert_eq!(content, TEXT);
    let report = options.copy_range(&src, 5, dst, 0, Some(4)).unwrap();
    assert_eq!((report.length(), src.stream_position().unwrap()), (4, 0));
    assert_eq!(&fs::read(dir.join("dst")).unwrap()[..9], b"text text");
    let report = options.copy_range(&src, 20, dst, 0, None).unwrap();
    assert_eq!(report.length(), TEXT.len() as u64 - 20);
    src.read_exact(&mut [0]).unwrap();
}

#[test]
fn appending_and_overlapping_are_refused() {
    let dir = here("refused");
    let path = dir.file("dst", TEXT);
    let src = File::open(dir.file("src", TEXT)).unwrap();
    let append = OpenOptions::new().append(true).open(&path).unwrap();
    let code = |copied: std::io::Result<_>| CopyError::of(&copied.unwrap_err()).unwrap().code();
    let options = CopyOptions::new();
    assert_eq!(code(options.copy_content(&src, &append)), libreflink_sys::REFLINK_ERR_APPEND);
    let both = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    assert_eq!(code(options.copy_range(&both, 0, &both, 1, Some(5))), libreflink_sys::REFLINK_ERR_OVERLAP);
}

#[test]
fn a_fifo_is_refused_and_does_not_hang() {
    let dir = here("fifo");
    let fifo = dir.join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let error = libreflink_fs::copy(&fifo, dir.join("dst")).unwrap_err();
    assert_eq!(CopyError::of(&error).unwrap().code(), libreflink_sys::REFLINK_ERR_NOT_REGULAR);
    OpenOptions::new().read(true).write(true).custom_flags(0).open(&fifo).unwrap().write_all(b"x").unwrap();
}

#[test]
fn many_threads_copy_at_once() {
    let dir = here("threads");
    let src = dir.file("src", TEXT);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (src, dir) = (&src, &dir);
            scope.spawn(move || libreflink_fs::copy(src, dir.join(number.to_string())).unwrap());
        }
    });
    assert_eq!(dir.names().len(), 9);
}

#[test]
fn a_number_of_a_newer_library_has_a_text() {
    assert_eq!(Step::from(99), Step::Unknown(99));
    assert_eq!(Reason::from(99).to_string(), "a reason unknown here (99)");
    assert_eq!(Reason::from(2), Reason::CrossDevice);
    assert_eq!(Step::Sync.to_string(), "syncing to the device");
}

#[test]
fn the_versions_agree() {
    let number = libreflink_sys::reflink_version_number();
    let text = format!("{}.{}.{}", number >> 16, number >> 8 & 0xff, number & 0xff);
    assert_eq!(libreflink_fs::library_version(), text);
    assert_eq!(number >> 16, libreflink_sys::REFLINK_VERSION_MAJOR);
}

#[test]
fn a_file_that_is_there_is_overwritten() {
    let dir = here("overwrite");
    let (src, dst) = (dir.file("src", TEXT), dir.file("dst", b"old"));
    fs::hard_link(&dst, dir.join("other")).unwrap();
    symlink("dst", dir.join("link")).unwrap();
    let overwrite = CopyOptions::new().if_exists(IfExists::Overwrite);
    let error = overwrite.copy(&src, dir.join("link")).unwrap_err();
    assert_eq!(CopyError::of(&error).unwrap().errno(), 40, "ELOOP");
    let report = overwrite.follow_destination(true).copy(&src, dir.join("link")).unwrap();
    assert!(report.published);
    assert_eq!(fs::read(dir.join("other")).unwrap(), TEXT);
    assert!(fs::symlink_metadata(dir.join("link")).unwrap().is_symlink());
}

/// Without a look at the umask, which other tests share: as a new file is, and never more than the source is.
#[test]
fn permissions_are_the_callers_choice() {
    let dir = here("permissions");
    let src = dir.file("src", TEXT);
    fs::set_permissions(&src, PermissionsExt::from_mode(0o707)).unwrap();
    let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o7777;
    dir.file("new", b"");
    let copied = |permissions, name: &str| {
        CopyOptions::new().permissions(permissions).copy(&src, dir.join(name)).unwrap();
        mode(name)
    };
    let umask = !mode("new") & 0o066;
    assert_eq!(copied(Permissions::New, "as new"), mode("new"));
    assert_eq!(copied(Permissions::Umask, "as cp") & 0o666, 0o606 & !umask);
    assert_eq!(copied(Permissions::Source, "as src"), 0o707);
}

#[test]
fn sharing_only_writes_nothing_else() {
    let dir = here("share-only");
    let (src, dst) = (dir.file("src", TEXT), dir.file("dst", b"old"));
    let (from, to) = (File::open(src).unwrap(), OpenOptions::new().write(true).open(&dst).unwrap());
    let report = CopyOptions::new().share_only(true).copy_range(&from, 1, &to, 0, None).unwrap();
    assert_eq!((report.length(), report.clone_offset, report.method), (0, 0, Method::None));
    assert_ne!(report.reason, Reason::None);
    assert_eq!(fs::read(&dst).unwrap(), b"old");
}
