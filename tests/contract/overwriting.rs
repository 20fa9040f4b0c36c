//! OVERWRITE, as far as it takes Linux to see it: what is shared, FIFOs and devices, programs that run, leases, real failures.
//! (That the file stays the same one, links, and the source itself: tests/contract-c.)

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use crate::abi::{self, Options};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Contract, Where, skip};

pub const ALL: &[Contract] = &[
    Contract("an_overwritten_file_shares", Where::IfCloning, an_overwritten_file_shares),
    Contract("an_overwritten_file_keeps_what_is_its_own", Where::Everywhere, it_keeps_what_is_its_own),
    Contract("no_fifo_or_device_is_overwritten", Where::Everywhere, no_fifo_or_device_is_overwritten),
    Contract(
        "a_program_that_runs_is_not_overwritten",
        Where::Everywhere,
        a_program_that_runs_is_not_overwritten,
    ),
    Contract("a_marked_file_is_not_overwritten", Where::Everywhere, a_marked_file_is_not_overwritten),
    Contract("no_space_to_overwrite_is_told", Where::Only("tmpfs"), no_space_to_overwrite_is_told),
];

fn overwriting(mode: u32) -> Options {
    Options { mode, if_exists: abi::OVERWRITE, ..Options::default() }
}

fn an_overwritten_file_shares(place: &Place) {
    let room = Room::new(&place.dir);
    let size = 40 * place.block + 77;
    let src = files::file(&room.path("src"), &files::bytes(140, size as usize));
    for old in [0, 1000, size, size + 1, 90 * place.block] {
        for mode in [abi::AUTO, abi::ALWAYS] {
            let dst = files::file(&room.path("dst"), &files::bytes(141, old as usize));
            let inode = fs::metadata(&dst).unwrap().ino();
            let (code, outcome) = abi::copy_file(&src, &dst, &overwriting(mode));
            assert_eq!(
                (code, outcome.method, outcome.cloned),
                (0, abi::METHOD_CLONE, size),
                "{old}: {outcome:?}"
            );
            files::assert_same(&src, &dst);
            assert_eq!(fs::metadata(&dst).unwrap().ino(), inode);
            let found = files::all_extents(&dst).unwrap();
            assert_eq!(found.shared, found.mapped, "{old}: {found:?}");
        }
    }
}

fn it_keeps_what_is_its_own(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(142, 9000));
    let dst = files::file(&room.path("dst"), &files::bytes(143, 20_000));
    fs::hard_link(&dst, room.path("other")).unwrap();
    fs::set_permissions(&dst, fs::Permissions::from_mode(0o604)).unwrap();
    let root = unsafe { libc::geteuid() } == 0;
    if root {
        chown(&dst, Some(1234), Some(4321)).unwrap();
    }
    let has_attributes = files::set_xattr(&dst, "user.own", b"1");
    let before = fs::metadata(&dst).unwrap();
    for mode in [abi::AUTO, abi::NEVER] {
        let (code, outcome) = abi::copy_file(&src, &dst, &overwriting(mode));
        assert_eq!((code, outcome.flags), (0, abi::PUBLISHED), "{outcome:?}");
        files::assert_same(&src, &room.path("other"));
        let now = fs::metadata(&dst).unwrap();
        let own = |of: &fs::Metadata| (of.ino(), of.mode(), of.uid(), of.gid(), of.nlink());
        assert_eq!(own(&now), own(&before));
        assert_eq!(files::get_xattr(&dst, "user.own").is_some(), has_attributes);
    }
    assert_eq!(room.names(), ["dst", "other", "src"]);
}

/// A writer that opens a FIFO for an instant would end its reader.
fn no_fifo_or_device_is_overwritten(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), b"content");
    let fifo = files::fifo(&room.path("fifo"));
    // With a reader, an open would succeed.
    let reader = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&fifo).unwrap();
    std::os::unix::fs::symlink(&fifo, room.path("link")).unwrap();
    std::os::unix::fs::symlink("/dev/null", room.path("null")).unwrap();
    for (name, flags) in [
        ("fifo", 0),
        ("fifo", abi::FOLLOW_DESTINATION),
        ("link", abi::FOLLOW_DESTINATION),
        ("null", abi::FOLLOW_DESTINATION),
    ] {
        let options = Options { flags, ..overwriting(abi::AUTO) };
        let (code, outcome) = abi::copy_file(&src, &room.path(name), &options);
        assert_eq!((code, outcome.step), (abi::ERR_NOT_REGULAR, abi::STEP_CHECK), "{name}: {outcome:?}");
        assert!(outcome.flags & abi::DESTINATION_CHANGED == 0, "{outcome:?}");
    }
    // A reader whose FIFO had a writer once is told of its going (POLLHUP).
    let mut poll =
        libc::pollfd { fd: std::os::fd::AsRawFd::as_raw_fd(&reader), events: libc::POLLIN, revents: 0 };
    assert_eq!(unsafe { libc::poll(&raw mut poll, 1, 0) }, 0, "the FIFO had a writer: {:#x}", poll.revents);
}

/// A process that is started and stopped again when this goes.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn a_program_that_runs_is_not_overwritten(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), b"content");
    let program = room.path("program");
    // By a process of its own: a child that another test starts meanwhile would hold it open for writing.
    assert!(std::process::Command::new("cp").arg("/bin/sleep").arg(&program).status().unwrap().success());
    let running = match std::process::Command::new(&program).arg("60").spawn() {
        Ok(child) => Running(child),
        Err(why) => skip(format!("no program runs here: {why}")),
    };
    let before = fs::metadata(&program).unwrap();
    let (code, outcome) = abi::copy_file(&src, &program, &overwriting(abi::AUTO));
    assert_eq!((code, outcome.step), (-libc::ETXTBSY, abi::STEP_CHECK), "{outcome:?}");
    let now = fs::metadata(&program).unwrap();
    assert_eq!((now.len(), now.mtime_nsec()), (before.len(), before.mtime_nsec()));
    drop(running);
}

fn mark(path: &Path, mark: &str) -> bool {
    std::process::Command::new("chattr").arg(mark).arg(path).output().is_ok_and(|done| done.status.success())
}

fn a_marked_file_is_not_overwritten(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), b"content");
    let dst = files::file(&room.path("dst"), b"precious");
    for (set, unset) in [("+i", "-i"), ("+a", "-a")] {
        if !mark(&dst, set) {
            skip(format!("{} has no such marks, or they take root", place.name));
        }
        let (code, outcome) = abi::copy_file(&src, &dst, &overwriting(abi::AUTO));
        let content = fs::read(&dst).unwrap();
        assert!(mark(&dst, unset));
        assert_eq!((code, outcome.step), (-libc::EPERM, abi::STEP_CHECK), "{set}: {outcome:?}");
        assert_eq!((content.as_slice(), outcome.flags & abi::DESTINATION_CHANGED), (&b"precious"[..], 0));
    }
}

fn no_space_to_overwrite_is_told(place: &Place) {
    let room = Room::new(&place.dir);
    let small = room.path("small");
    fs::create_dir(&small).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "reflink-test"])
        .arg(&small)
        .output();
    if !mounted.is_ok_and(|done| done.status.success()) {
        skip("needs a tmpfs of its own");
    }
    let src = files::file(&room.path("src"), &files::bytes(144, 4 << 20));
    let dst = files::file(&small.join("dst"), &files::bytes(145, 300_000));
    let (code, outcome) = abi::copy_file(&src, &dst, &overwriting(abi::AUTO));
    let size = File::open(&dst).unwrap().metadata().unwrap().len();
    assert!(std::process::Command::new("umount").arg(&small).status().unwrap().success());
    assert_eq!((code, outcome.step), (-libc::ENOSPC, 6), "{outcome:?}");
    assert!(
        outcome.flags & abi::DESTINATION_CHANGED != 0 && outcome.flags & abi::PUBLISHED == 0,
        "{outcome:?}"
    );
    assert!(size >= outcome.total() && outcome.total() > 0, "{size} {outcome:?}");
}
