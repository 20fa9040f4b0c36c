//! reflink_probe: what it says of each file system, and that it leaves nothing behind.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::abi::{self, Capability, library};
use crate::child::{self, Child};
use crate::files::Room;
use crate::lab::Place;
use crate::{Contract, Where};

pub const ALL: &[Contract] = &[
    Contract("the_probe_tells_the_truth", Where::Everywhere, the_probe_tells_the_truth),
    Contract("the_probe_says_why_it_cannot_know", Where::Everywhere, the_probe_says_why_it_cannot_know),
];

pub const CHILDREN: &[Child] = &[("probe-as-nobody", probe_as_nobody)];

fn the_probe_tells_the_truth(place: &Place) {
    let room = Room::new(&place.dir);
    let (code, found) = abi::probe(None, &room.0);
    assert_eq!(code, 0);
    assert_eq!(found.clone, i32::from(place.clones), "{found:?}");
    if place.clones {
        assert_eq!(
            (found.reason, found.clone_error, found.clone_range),
            (abi::REASON_NONE, 0, 1),
            "{found:?}"
        );
        assert_eq!((found.granularity, found.dedupe), (place.block, 1), "{found:?}");
        assert_eq!((found.dedupe_granularity, found.dedupe_error), (place.block, 0), "{found:?}");
    } else {
        assert_eq!(
            (found.reason, found.clone_error),
            (abi::REASON_UNSUPPORTED, -libc::EOPNOTSUPP),
            "{found:?}"
        );
        assert_eq!((found.clone_range, found.granularity, found.dedupe), (0, 0, 0), "{found:?}");
        assert!([-libc::EOPNOTSUPP, -libc::EINVAL].contains(&found.dedupe_error), "{found:?}");
    }
    // A file of the caller's is asked about as it is.
    let source = crate::files::file(&room.path("source"), &crate::files::bytes(1, 300_000));
    let (code, of_file) = abi::probe(Some(&source), &room.0);
    let alike = (of_file.clone, of_file.dedupe_granularity) == (found.clone, found.dedupe_granularity);
    assert!(code == 0 && alike && of_file.dedupe.max(0) == found.dedupe, "{of_file:?}");
    assert!(fs::read(&source).unwrap() == crate::files::bytes(1, 300_000));
    fs::remove_file(source).unwrap();
    assert_eq!((found.kernel_copy, found.unnamed_files, found.sparse), (1, 1, 1), "{found:?}");
    assert_eq!(found.exchange, 1, "{found:?}");
    assert_eq!(found.fs_name(), place.fs_name);
    assert!(room.names().is_empty(), "{:?}", room.names());
    let dir = fs::File::open(&room.0).unwrap();
    let mut again = Capability::unwritten();
    assert_eq!(unsafe { (library().probe_fd)(-1, dir.as_raw_fd(), &mut again) }, 0);
    assert_eq!(again, found, "both calls give the same answer");
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
    assert_eq!((code, found.clone, found.exchange), (0, -1, -1), "{found:?}");
    assert_eq!((found.reason, found.clone_error), (abi::REASON_PERMISSION, -libc::EACCES), "{found:?}");
    // The source may be as closed as it likes: a directory that may not be written to is unknown too.
    let (code, found) = abi::probe(Some(Path::new(".")), &std::env::temp_dir());
    assert_eq!((code, found.clone, found.reason), (0, -1, abi::REASON_PERMISSION), "{found:?}");
}
