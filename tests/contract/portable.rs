//! The stand-in for other Unixes, POSIX calls alone (tests/portable.sh): what it cannot promise on Linux, and what it says instead.
//! It clones nothing, so that the contracts of file systems that do not clone are what it is held to everywhere.

use std::fs;

use crate::abi::{self, Options};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::{Contract, Where};

pub const ALL: &[Contract] = &[
    Contract("what_cannot_be_carried_is_an_error", Where::Portable, what_cannot_be_carried_is_an_error),
    Contract("the_probe_of_posix_alone", Where::Portable, the_probe_of_posix_alone),
];

/// The contracts that are Linux's own, and why.
pub const OF_LINUX: &[(&str, &str)] = &[
    ("a_marked_destination_is_refused", "POSIX knows no immutable files"),
    ("attributes_are_kept_when_asked", "POSIX has no extended attributes"),
    ("seals_are_known_before_a_byte_is_written", "POSIX knows no seals"),
    ("a_lease_on_the_source_is_waited_for", "POSIX knows no leases"),
    ("group_bits_that_are_a_mask", "POSIX has no access control lists"),
    ("attributes_of_file_systems_stay", "POSIX has no extended attributes"),
    ("acls_are_kept_when_asked", "POSIX has no access control lists"),
    ("the_probe_tells_the_truth", "of unnamed files and copy_file_range, which POSIX has not"),
];

/// Whether the library under test is the stand-in.
pub fn is_tested() -> bool {
    std::env::var_os("REFLINK_TEST_PORTABLE").is_some()
}

/// Why a contract cannot hold of it.
pub fn excused(contract: &str) -> Option<&'static str> {
    OF_LINUX.iter().find(|(name, _)| is_tested() && *name == contract).map(|(_, why)| *why)
}

/// Not silently left behind: attributes and an ACL that were asked for.
fn what_cannot_be_carried_is_an_error(place: &Place) {
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(1, 9000));
    for preserve in [abi::XATTRS, abi::ACL, abi::XATTRS | abi::ACL | abi::TIMES] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
            let dst = room.path("dst");
            let how = Options { preserve, durability, ..Options::default() };
            let (code, outcome) = abi::copy_file(&src, &dst, &how);
            assert_eq!((code, outcome.step), (-libc::EOPNOTSUPP, 7), "{outcome:?}");
            assert_eq!(room.names(), ["src"]);
            let (code, outcome) = abi::copy_file(&src, &dst, &Options { flags: abi::BEST_EFFORT, ..how });
            assert_eq!((code, outcome.flags), (0, abi::METADATA_INCOMPLETE | abi::PUBLISHED), "{outcome:?}");
            files::assert_same(&src, &dst);
            fs::remove_file(dst).unwrap();
        }
    }
}

fn the_probe_of_posix_alone(place: &Place) {
    let room = Room::new(&place.dir);
    let (code, found) = abi::probe(None, &room.0);
    assert_eq!((code, found.clone, found.reason), (0, 0, abi::REASON_UNSUPPORTED), "{found:?}");
    assert_eq!(found.clone_error, -libc::EOPNOTSUPP);
    assert_eq!((found.clone_range, found.granularity, found.dedupe), (0, 0, 0), "{found:?}");
    assert_eq!((found.kernel_copy, found.unnamed_files, found.sparse), (0, 0, 1), "{found:?}");
    assert_eq!(found.fs_name(), "unknown");
    assert!(room.names().is_empty(), "{:?}", room.names());
}
