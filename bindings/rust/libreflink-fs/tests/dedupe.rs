//! Equal files come to share, on the file systems that bindings/with-filesystems.sh mounts and names.
//! Without them these tests show as ignored; `--include-ignored` runs them.

use std::fs::{self, File};
use std::ops::ControlFlow::Break;
use std::path::PathBuf;

use libreflink_fs::{CopyError, Dedupe, Look};

const SIZE: u64 = 64 << 10;

fn pair(file_system: &str, name: &str, change: Option<usize>) -> (PathBuf, File, File) {
    let root = std::env::var_os(format!("REFLINK_TEST_{file_system}"));
    let dir = PathBuf::from(root.unwrap_or_else(|| panic!("no {file_system} here"))).join(name);
    fs::create_dir_all(&dir).unwrap();
    let mut content: Vec<u8> = (0..SIZE).map(|at| (at / 251 + at) as u8).collect();
    fs::write(dir.join("from"), &content).unwrap();
    if let Some(at) = change {
        content[at] ^= 1;
    }
    fs::write(dir.join("to"), &content).unwrap();
    (dir.clone(), File::open(dir.join("from")).unwrap(), File::open(dir.join("to")).unwrap())
}

#[test]
#[ignore = "run by bindings/run-tests.sh, as root"]
fn equal_files_come_to_share() {
    for file_system in ["XFS", "BTRFS"] {
        let (dir, a, b) = pair(file_system, "rust-dedupe", None);
        let done = Dedupe::new().verify(true).durable(true).run(&a, &b).unwrap();
        assert!(done.is_all() && done.bytes_verified == SIZE && done.first_difference.is_none(), "{done:?}");
        assert!(Look::new().shared(&a, &b).unwrap().is_all());
        assert_eq!(Dedupe::new().run(&a, &b).unwrap().bytes_already, SIZE);
        assert_eq!(Dedupe::new().no_look(true).run(&a, &b).unwrap().bytes_deduped, SIZE);
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
#[ignore = "run by bindings/run-tests.sh, as root"]
fn a_difference_is_an_answer_and_a_break_ends_it() {
    let (dir, a, b) = pair("XFS", "rust-differs", Some(20_000));
    let done = Dedupe::new().run(&a, &b).unwrap();
    assert_eq!((done.first_difference, done.is_all()), (Some(20_000), false));
    let done = Dedupe::new().past_differences(true).offsets(0, 0).length(SIZE).run(&a, &b).unwrap();
    assert_eq!(
        (done.bytes_not_reached, done.bytes_deduped + done.bytes_already + done.bytes_different),
        (0, SIZE)
    );
    let error = Dedupe::new().run_with_progress(&a, &b, |_| Break(())).unwrap_err();
    assert!(CopyError::of(&error).is_some(), "{error}");
    fs::remove_dir_all(dir).unwrap();
}
