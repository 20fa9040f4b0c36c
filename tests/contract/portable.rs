//! The stand-in for other Unixes, POSIX calls alone (tests/portable.sh): what it cannot promise on Linux, and what it says instead.
//! It clones nothing, so that the contracts of file systems that do not clone are what it is held to everywhere.

use std::fs::{self, File};
use std::os::fd::AsRawFd;

use crate::abi::{self, Options};
use crate::dedupe::{How, dedupe};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::looks::{extents_of, shared_of};
use crate::{Contract, Where};

pub const ALL: &[Contract] = &[
    Contract("what_cannot_be_carried_is_an_error", Where::Portable, what_cannot_be_carried_is_an_error),
    Contract("the_probe_of_posix_alone", Where::Portable, the_probe_of_posix_alone),
    Contract("sharing_of_posix_alone", Where::Portable, sharing_of_posix_alone),
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
    ("the_sums_are_the_tools", "POSIX has no maps of files"),
    ("a_copy_is_apart", "POSIX has no maps of files"),
    ("what_is_exclusive_is_freed", "POSIX has no maps of files"),
    ("no_flush_writes_nothing", "POSIX has no maps of files"),
    ("no_flush_still_sees_holes", "POSIX has no maps of files"),
    ("maps_longer_than_one_batch", "POSIX has no maps of files"),
    ("bad_requests_are_refused", "of maps and of descriptors with O_PATH, which POSIX has not"),
    ("dedupe::dedupe_across_overlay_layers", "POSIX has no dedupe"),
    ("dedupe::dedupe_is_refused_where_nothing_can", "by the kernel, file by file; POSIX has no dedupe"),
    ("dedupe::inline_files_are_skipped", "POSIX has no dedupe"),
    ("dedupe::nocow_files_do_not_share_with_others", "POSIX has no dedupe"),
    ("dedupe::read_only_snapshots_can_be_shared_into", "POSIX has no dedupe"),
    ("truth::small_files_have_no_place", "POSIX has no maps of files"),
    ("truth::a_new_file_in_a_snapshotted_subvolume", "POSIX has no maps of files"),
    ("truth::defragmenting_unshares", "POSIX has no maps of files"),
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

/// "Nobody says", and a refusal that says why: not "nothing is shared".
fn sharing_of_posix_alone(place: &Place) {
    let room = Room::new(&place.dir);
    let content = files::bytes(2, 300_000);
    let (one, other) = (files::file(&room.path("one"), &content), files::file(&room.path("other"), &content));
    let (one, other) =
        (File::open(one).unwrap(), File::options().read(true).write(true).open(other).unwrap());
    let (code, sums, pieces) = extents_of(one.as_raw_fd(), 0, abi::TO_EOF, 0);
    assert_eq!((code, sums.reported, sums.length, pieces.len()), (0, 0, 0, 0), "{sums:?}");
    assert_eq!(sums.os_error, libc::EOPNOTSUPP);
    let (code, found) = shared_of((one.as_raw_fd(), 0), (other.as_raw_fd(), 0), abi::TO_EOF, 0);
    assert_eq!((code, found.reported, found.verdict), (0, 0, 0), "{found:?}");
    assert_eq!((found.length, found.unknown), (300_000, 300_000), "{found:?}");
    let (code, done) = dedupe((&one, 0), (&other, 0), abi::TO_EOF, &How::default());
    assert_eq!((code, done.deduped, done.skipped), (-libc::EOPNOTSUPP, 0, 300_000), "{done:?}");
    for fd in [-1, 1 << 20] {
        assert_eq!(extents_of(fd, 0, abi::TO_EOF, 0).0, -libc::EBADF);
        assert_eq!(shared_of((one.as_raw_fd(), 0), (fd, 0), abi::TO_EOF, 0).0, -libc::EBADF);
    }
}
