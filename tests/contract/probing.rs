//! reflink_probe: what it says of each file system, and that it leaves nothing behind.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::abi::{self, Capability, library};
use crate::child::{self, Child};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Contract, Where};

pub const ALL: &[Contract] = &[
    Contract("the_probe_tells_the_truth", Where::Everywhere, the_probe_tells_the_truth),
    Contract(
        "the_probe_takes_files_and_directories",
        Where::Everywhere,
        the_probe_takes_files_and_directories,
    ),
    Contract("the_probe_says_why_it_cannot_know", Where::Everywhere, the_probe_says_why_it_cannot_know),
    Contract(
        "the_probe_refuses_what_is_no_directory",
        Where::Everywhere,
        the_probe_refuses_what_is_no_directory,
    ),
];

pub const CHILDREN: &[Child] = &[("probe-as-nobody", probe_as_nobody)];

fn the_probe_tells_the_truth(place: &Place) {
    let room = Room::new(&place.dir);
    let (code, found) = abi::probe(None, &room.0);
    assert_eq!(code, 0);
    assert_eq!(found.clone, i32::from(place.clones), "{found:?}");
    if place.clones {
        assert_eq!((found.reason, found.error, found.range), (abi::REASON_NONE, 0, 1), "{found:?}");
        assert_eq!((found.granularity, found.dedupe), (place.block, 1), "{found:?}");
    } else {
        assert_eq!((found.reason, found.error), (abi::REASON_UNSUPPORTED, -libc::EOPNOTSUPP), "{found:?}");
        assert_eq!((found.range, found.granularity, found.dedupe), (0, 0, 0), "{found:?}");
    }
    assert_eq!((found.kernel_copy, found.unnamed_files, found.sparse), (1, 1, 1), "{found:?}");
    assert_eq!(found.fs_name(), place.fs_name);
    assert!(room.names().is_empty(), "{:?}", room.names());
    let dir = fs::File::open(&room.0).unwrap();
    let mut again = Capability::unwritten();
    assert_eq!(unsafe { (library().probe_fd)(-1, dir.as_raw_fd(), &mut again) }, 0);
    assert_eq!(again, found, "both calls give the same answer");
}

fn the_probe_takes_files_and_directories(place: &Place) {
    let room = Room::new(&place.dir);
    fs::create_dir(room.path("dir")).unwrap();
    let size = 3 * place.block as usize + 5;
    let content = files::bytes(70, size);
    let src = files::file(&room.path("src"), &content);
    let tiny = files::file(&room.path("tiny"), b"tiny");
    let empty = files::file(&room.path("empty"), b"");
    let directory = fs::File::open(room.path("dir")).unwrap();
    for source in [&src, &tiny, &room.path("dir")] {
        let (code, found) = abi::probe(Some(source), &room.path("dir"));
        assert_eq!((code, found.clone), (0, i32::from(place.clones)), "{source:?}: {found:?}");
        let file = fs::File::open(source).unwrap();
        let mut by_fd = Capability::unwritten();
        let code = unsafe { (library().probe_fd)(file.as_raw_fd(), directory.as_raw_fd(), &mut by_fd) };
        assert_eq!((code, by_fd), (0, found), "{source:?}");
    }
    let (code, found) = abi::probe(Some(&empty), &room.path("dir"));
    let wanted = if place.clones { (-1, abi::REASON_FILE) } else { (0, abi::REASON_UNSUPPORTED) };
    assert_eq!((code, (found.clone, found.reason)), (0, wanted), "an empty file proves nothing: {found:?}");
    assert!(files::names(&room.path("dir")).is_empty());
    assert!(fs::read(&src).unwrap() == content);
}

fn the_probe_says_why_it_cannot_know(place: &Place) {
    if unsafe { libc::geteuid() } != 0 {
        let (code, found) = abi::probe(None, Path::new("/"));
        assert_eq!((code, found.clone, found.reason), (0, -1, abi::REASON_PERMISSION), "{found:?}");
        return;
    }
    let room = Room::new(&place.dir);
    child::run("probe-as-nobody", &[room.0.to_str().unwrap()]);
    assert!(room.names().is_empty());
}

fn probe_as_nobody(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    abi::library();
    std::env::set_current_dir(&room).unwrap();
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setresgid(65534, 65534, 65534), 0);
        assert_eq!(libc::setresuid(65534, 65534, 65534), 0);
    }
    let (code, found) = abi::probe(None, Path::new("."));
    assert_eq!((code, found.clone), (0, -1), "{found:?}");
    assert_eq!((found.reason, found.error), (abi::REASON_PERMISSION, -libc::EACCES), "{found:?}");
    // The source may be as closed as it likes: a directory that may not be written to is unknown too.
    let (code, found) = abi::probe(Some(Path::new(".")), &std::env::temp_dir());
    assert_eq!((code, found.clone, found.reason), (0, -1, abi::REASON_PERMISSION), "{found:?}");
}

fn the_probe_refuses_what_is_no_directory(place: &Place) {
    let room = Room::new(&place.dir);
    let file = files::file(&room.path("file"), b"content");
    files::fifo(&room.path("fifo"));
    let before = Capability::unwritten();
    for (src, dir, wanted) in [
        (None, room.path("missing"), -libc::ENOENT),
        (None, file.clone(), -libc::ENOTDIR),
        (None, room.path("fifo"), -libc::ENOTDIR),
        (Some(room.path("missing")), room.0.clone(), -libc::ENOENT),
        (Some(room.path("fifo")), room.0.clone(), abi::ERR_NOT_REGULAR),
        (Some("/dev/null".into()), room.0.clone(), abi::ERR_NOT_REGULAR),
        (Some("".into()), room.0.clone(), -libc::ENOENT),
    ] {
        let (code, found) = abi::probe(src.as_deref(), &dir);
        assert_eq!((code, found), (wanted, before), "{src:?} {dir:?}: a failure changes nothing");
    }
    let handle = fs::File::open(&file).unwrap();
    let mut found = before;
    assert_eq!(unsafe { (library().probe_fd)(-1, handle.as_raw_fd(), &mut found) }, -libc::ENOTDIR);
    assert_eq!(room.names(), ["fifo", "file"]);
}
