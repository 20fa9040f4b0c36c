//! What is shared, as the library reports it, on the file systems that bindings/with-filesystems.sh mounts and names.
//! Without them these tests show as ignored; `--include-ignored` runs them.

use std::fs::{self, File};
use std::ops::ControlFlow::{Break, Continue};
use std::path::PathBuf;

use libreflink_fs::{CopyError, CopyOptions, Extent, ExtentKind, Look, Mode, Sharing, Step, Verdict};

const SIZE: u64 = 64 << 10;

fn twice(file_system: &str, name: &str, mode: Mode) -> (PathBuf, File, File) {
    let root = std::env::var_os(format!("REFLINK_TEST_{file_system}"));
    let dir = PathBuf::from(root.unwrap_or_else(|| panic!("no {file_system} here"))).join(name);
    fs::create_dir_all(&dir).unwrap();
    let (from, to) = (dir.join("from"), dir.join("to"));
    fs::write(&from, vec![7; SIZE as usize]).unwrap();
    CopyOptions::new().mode(mode).copy(&from, &to).unwrap();
    (dir, File::open(from).unwrap(), File::open(to).unwrap())
}

#[test]
#[ignore = "run by bindings/run-tests.sh, as root"]
fn a_clone_is_shared_and_a_copy_is_not() {
    for file_system in ["XFS", "BTRFS"] {
        for (mode, verdict) in [(Mode::Always, Verdict::All), (Mode::Never, Verdict::None)] {
            let (dir, a, b) = twice(file_system, "rust-shared", mode);
            let found = Look::new().shared(&a, &b).unwrap();
            assert_eq!((found.verdict, found.reported), (verdict, Sharing::Known));
            assert_eq!(
                (found.is_all(), found.first_apart.is_none()),
                (verdict == Verdict::All, found.is_all())
            );
            let part = Look::new().offset(4096).length(100).shared(&a, &b).unwrap();
            assert_eq!((part.verdict, part.length), (verdict, 100));
            let sums = Look::new().extents(&b).unwrap();
            assert_eq!((sums.length, sums.bytes_shared == SIZE), (SIZE, found.is_all()));
            assert_eq!(sums.bytes_shared + sums.bytes_exclusive, SIZE);
            fs::remove_dir_all(dir).unwrap();
        }
    }
}

#[test]
#[ignore = "run by bindings/run-tests.sh, as root"]
fn each_extent_is_given_out_until_a_break() {
    let (dir, a, _) = twice("XFS", "rust-each", Mode::Always);
    fs::OpenOptions::new().write(true).open(dir.join("from")).unwrap().set_len(2 * SIZE).unwrap();
    let mut seen: Vec<Extent> = Vec::new();
    let sums = Look::new().each_extent(&a, |extent| {
        seen.push(extent);
        Continue(())
    });
    assert_eq!(sums.unwrap().bytes_hole, seen.last().unwrap().length);
    assert!(seen[0].shared && seen[0].place.is_some() && seen.last().unwrap().kind == ExtentKind::Hole);
    let stopped = Look::new().each_extent(&a, |_| Break(())).unwrap_err();
    assert_eq!(CopyError::of(&stopped).unwrap().report().step, Step::Progress);
    let panic = std::panic::catch_unwind(|| Look::new().each_extent(&a, |_| panic!("mine")));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"mine"));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
#[ignore = "run by bindings/run-tests.sh, as root"]
fn that_nobody_says_is_an_answer() {
    let (dir, a, b) = twice("TMPFS", "rust-unknown", Mode::Auto);
    let sums = Look::new().no_flush().extents(&a).unwrap();
    assert_eq!((sums.reported, sums.length, sums.os_error), (Sharing::Unknown, 0, Some(95)));
    let found = Look::new().no_flush().shared(&a, &b).unwrap();
    assert_eq!((found.verdict, found.first_unknown), (Verdict::Unknown, Some(0)));
    fs::remove_dir_all(dir).unwrap();
}
