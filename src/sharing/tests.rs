//! Maps and comparisons over the model: honest ones against its own blocks, and maps that lie.

use super::compare::{Comparison, Relation, Verdict, compare};
use super::extents::{Account, Extent, extents};
use super::{LARGEST, Reported, Span};
use crate::error::{Cause, Error, Result, Side, Step};
use crate::sys::errno::*;
use crate::sys::maps::{Content, Record, Said};
use crate::sys::model::disk::{Ino, ROOT, Traits};
use crate::sys::model::fault::{Fault, Lasting, Place};
use crate::sys::model::{Call, Model, When};
use crate::sys::{Errno, Fd};

const UNIT: u64 = 1024;
const SIDE: Side = Side::Source;

/// Two files of eight blocks and 100 bytes: holes in the third block and the sixth, and nothing shared.
struct World {
    model: Model,
    inos: [Ino; 2],
    fds: [Fd; 2],
}

impl World {
    fn of(traits: Traits) -> Self {
        Self::on([traits; 1].to_vec())
    }

    /// Each file on a volume of its own, where there are two.
    fn on(volumes: Vec<Traits>) -> Self {
        let second = volumes.len() - 1;
        let model = Model::new(volumes);
        let [a, b] = [0, second].map(|volume| {
            let mut world = model.world_mut();
            let name = format!("directory {}", world.disk.inodes.len());
            let directory = world.disk.add_directory(&name, volume);
            let pieces: Vec<Option<&[u8]>> =
                vec![Some(&[1; 2048]), None, Some(&[2; 2048]), None, Some(&[3; 2048 + 100])];
            world.disk.add_file(directory, "file", &pieces, 0o644)
        });
        let fds = [a, b].map(|ino| model.open_for_caller(ino, true, true, false));
        Self { model, inos: [a, b], fds }
    }

    fn share(&self, from: u64, to: u64, length: u64) {
        let mut world = self.model.world_mut();
        let source = world.disk.data(self.inos[0]).clone();
        world.disk.change(self.inos[1], |data| data.share(&source, from, to, length));
    }

    fn lie(&self, file: usize, map: fn(u64) -> Vec<Record>) {
        self.model.world_mut().disk.inodes[self.inos[file]].map = Some(map);
    }

    fn account(&self, file: usize, offset: u64, length: u64) -> (Result<()>, Account, Vec<Extent>) {
        let (mut account, mut seen) = (Account::default(), Vec::new());
        let span = Span { fd: self.fds[file], side: SIDE, offset, length };
        let mut each = |extent: &Extent| {
            seen.push(*extent);
            true
        };
        let result = extents(&self.model, &span, true, Some(&mut each), &mut account);
        let sums = [
            account.shared,
            account.unshared,
            account.encoded,
            account.preallocated,
            account.holes,
            account.inline,
            account.pending,
        ];
        assert_eq!(sums.iter().sum::<u64>(), account.length, "{account:?}");
        assert!(account.encoded_shared <= account.encoded);
        assert!(account.preallocated_shared <= account.preallocated);
        (result, account, seen)
    }

    fn compare(&self, a_offset: u64, b_offset: u64, length: u64) -> Result<Comparison> {
        self.compare_flushing(a_offset, b_offset, length, true)
    }

    fn compare_flushing(&self, a_offset: u64, b_offset: u64, length: u64, flush: bool) -> Result<Comparison> {
        let span = |fd, offset| Span { fd, side: SIDE, offset, length };
        let found = compare(&self.model, &span(self.fds[0], a_offset), &span(self.fds[1], b_offset), flush)?;
        let sum = [found.same, found.apart, found.holes, found.unknown].iter().sum::<u64>();
        assert_eq!(sum, found.length, "{found:?}");
        assert_eq!(found.first_apart < found.length, found.apart > 0, "{found:?}");
        assert_eq!(found.first_unknown < found.length, found.unknown > 0, "{found:?}");
        Ok(found)
    }
}

fn data(offset: u64, length: u64, place: u64) -> Record {
    let content = Content::Data;
    Record { place: Some(place), content, shared: true, ..Record::hole(offset, length) }
}

fn last(record: Record) -> Record {
    Record { last: true, ..record }
}

// ── What a file is made of ──

#[test]
fn the_sums_and_the_pieces_are_those_of_the_blocks() {
    let world = World::of(Traits::XFS);
    world.share(0, 0, 2 * UNIT);
    let (result, account, seen) = world.account(1, 0, LARGEST);
    assert_eq!(result, Ok(()));
    assert_eq!((account.shared, account.unshared, account.holes), (2048, 4196, 2048));
    assert_eq!((account.reported, account.exclusive, account.extents), (Reported::Known, 4196, 7));
    assert_eq!((account.length, account.beyond, account.changed), (8292, 0, false));
    let mut at = 0;
    for extent in &seen {
        assert_eq!((extent.record.offset, extent.beyond), (at, false));
        assert_eq!(extent.record.place.is_some(), extent.record.content == Content::Data);
        at = extent.record.end();
    }
    assert_eq!(at, 8292);
    assert!(world.model.count(Call::Map) > 2, "more than one batch");
}

#[test]
fn a_range_is_cut_at_both_ends() {
    let world = World::of(Traits::XFS);
    for (offset, length, unshared, holes) in [
        (100, 1000, 1000, 0),
        (2000, 2000, 48 + 928, 1024),
        (8000, 9999, 292, 0),
        (9000, 10, 0, 0),
        (5, 0, 0, 0),
    ] {
        let (result, account, _) = world.account(0, offset, length);
        assert_eq!((result, account.unshared, account.holes), (Ok(()), unshared, holes), "{offset}+{length}");
    }
    for (offset, length) in [(1 << 63, 0), (0, 1 << 63), (u64::MAX, u64::MAX)] {
        assert_eq!(world.account(0, offset, length).0.unwrap_err().errno(), EINVAL);
    }
}

#[test]
fn a_file_system_that_does_not_say_what_is_shared_is_reported_so() {
    for (said, reported, exclusive) in [
        (Said::Always, Reported::Known, 6244),
        (Said::AsItsMaps, Reported::Known, 6244),
        (Said::Never, Reported::Unreported, 0),
    ] {
        let world = World::of(Traits { said, ..Traits::XFS });
        let (_, account, _) = world.account(0, 0, LARGEST);
        assert_eq!((account.reported, account.exclusive), (reported, exclusive));
    }
    for errno in [EOPNOTSUPP, ENOTTY, ENOSYS, EINVAL, EPERM, EACCES] {
        let world = World::of(Traits { no_maps: errno, ..Traits::XFS });
        let (result, account, seen) = world.account(0, 0, LARGEST);
        assert_eq!((result, account.reported, account.length), (Ok(()), Reported::Unknown, 0));
        assert_eq!((account.refused, seen.len()), (Some(Errno(errno)), 0));
        let found = world.compare(0, 0, LARGEST).unwrap();
        assert_eq!((found.unknown, found.verdict()), (8292, Verdict::Unknown));
        assert_eq!((found.reported, found.refused), (Reported::Unknown, Some(Errno(errno))));
    }
}

#[test]
fn an_overlay_over_addresses_that_are_offsets_says_nothing() {
    let world = World::of(Traits { said: Said::AsItsMaps, ..Traits::XFS });
    world.lie(0, |_| {
        let record = data(0, 8292, 0);
        vec![last(Record { shared: false, vague: true, ..record })]
    });
    assert_eq!(world.account(0, 0, LARGEST).1.reported, Reported::Unreported);
}

#[test]
fn one_vague_record_makes_a_file_unreported_where_each_is_believed() {
    let world = World::of(Traits { said: Said::ByRecord, ..Traits::XFS });
    world.lie(0, |_| {
        vec![data(0, 4096, 1 << 20), last(Record { vague: true, shared: false, ..data(4096, 4096, 0) })]
    });
    world.lie(1, |_| vec![data(0, 4096, 1 << 20), last(Record { shared: false, ..data(4096, 4096, 0) })]);
    let [vague, clear] = [0, 1].map(|file| world.account(file, 0, LARGEST).1);
    assert_eq!((vague.reported, vague.shared, vague.exclusive), (Reported::Unreported, 4096, 0));
    assert_eq!((clear.reported, clear.shared, clear.exclusive), (Reported::Known, 4096, 4096));
    let found = world.compare(0, 0, LARGEST).unwrap();
    assert_eq!((found.reported, found.same, found.unknown), (Reported::Unreported, 4096, 4096));
}

#[test]
fn the_number_of_the_file_system_is_exact_for_a_whole_file_that_was_flushed() {
    for (said, reported) in [(Said::Always, Reported::Known), (Said::Never, Reported::Unreported)] {
        let world = World::of(Traits { said, exclusive: Some(12345), ..Traits::XFS });
        let (_, account, _) = world.account(0, 0, LARGEST);
        assert_eq!((account.reported, account.exclusive, account.exact), (reported, 12345, true));
        for (offset, length) in [(1, LARGEST), (0, 8292)] {
            let (_, account, _) = world.account(0, offset, length);
            assert!(!account.exact && account.exclusive < 12345, "{offset}+{length}");
        }
        let (mut account, span) =
            (Account::default(), Span { fd: world.fds[0], side: SIDE, offset: 0, length: LARGEST });
        assert_eq!(extents(&world.model, &span, false, None, &mut account), Ok(()));
        assert!(!account.exact && account.exclusive < 12345);
        world.lie(0, |_| vec![data(4096, 4096, 0), last(data(0, 4096, 0))]);
        let (_, account, _) = world.account(0, 0, LARGEST);
        assert!(account.changed && !account.exact);
    }
    assert!(!World::of(Traits::XFS).account(0, 0, LARGEST).1.exact);
}

#[test]
fn without_a_flush_no_record_proves_a_hole() {
    let world = World::of(Traits::XFS);
    world.lie(0, |_| vec![last(Record::hole(0, 8292))]);
    world.lie(1, |_| vec![last(Record::hole(0, 8292))]);
    assert_eq!(world.compare(0, 0, LARGEST).unwrap().verdict(), Verdict::All);
    for ino in world.inos {
        let unflushed = world.model.world_mut().disk.data(ino).clone();
        world.model.world_mut().disk.inodes[ino].unflushed = Some(unflushed);
    }
    let found = world.compare_flushing(0, 0, LARGEST, false).unwrap();
    assert_eq!((found.unknown, found.verdict()), (8292, Verdict::Unknown));
}

/// SMB: bytes that only the client has in memory have no record in the server's map.
#[test]
fn without_a_flush_a_servers_map_proves_no_hole() {
    for (said, pending) in [(Said::Never, 8292), (Said::Always, 8292)] {
        let world = World::of(Traits { said, ..Traits::XFS });
        for (file, ino) in world.inos.into_iter().enumerate() {
            world.lie(file, |_| Vec::new());
            let unflushed = world.model.world().disk.data(ino).clone();
            world.model.world_mut().disk.inodes[ino].unflushed = Some(unflushed);
        }
        let span = Span { fd: world.fds[0], side: SIDE, offset: 0, length: LARGEST };
        let mut account = Account::default();
        extents(&world.model, &span, false, None, &mut account).unwrap();
        assert_eq!((account.pending, account.holes), (pending, 8292 - pending), "{said:?}");
        let found = world.compare_flushing(0, 0, LARGEST, false).unwrap();
        assert_eq!(found.unknown, pending, "{said:?}");
    }
}

/// Windows: changes that another program made through a mapping may be in its memory only.
#[test]
fn an_incomplete_flush_proves_only_that_files_are_apart() {
    let world = World::of(Traits { misses_mappings: true, ..Traits::XFS });
    world.share(0, 0, 4 * UNIT);
    let found = world.compare(0, 0, LARGEST).unwrap();
    assert_eq!((found.same, found.holes, found.verdict()), (0, 0, Verdict::Unknown));
    assert_eq!((found.apart, found.unknown), (8292 - 5 * UNIT, 5 * UNIT));
    assert_eq!(world.account(1, 0, LARGEST).1.shared, 3 * UNIT);
    let span = Span { fd: world.fds[0], side: SIDE, offset: 0, length: LARGEST };
    let found = compare(&world.model, &span, &span, true).unwrap();
    assert_eq!(found.verdict(), Verdict::All, "one file with itself");
}

#[test]
fn a_real_failure_is_an_error() {
    for errno in [EIO, ENOSPC, ENOMEM, EBADF, ESTALE] {
        let world = World::of(Traits { no_maps: errno, ..Traits::XFS });
        let failure = Err(Error::new(Step::Map(SIDE), Cause::System(Errno(errno))));
        assert_eq!(world.account(0, 0, LARGEST).0, failure);
        assert_eq!(world.compare(0, 0, LARGEST), failure.map(|()| Comparison::default()));
    }
}

/// Beyond what a file can have there is nothing: ext4 says EFBIG from 16 TiB on.
#[test]
fn a_map_beyond_the_largest_size_is_empty() {
    let world = World::of(Traits { no_maps: EFBIG, ..Traits::XFS });
    let (result, account, _) = world.account(0, 0, LARGEST);
    assert_eq!((result, account.holes, account.reported), (Ok(()), 8292, Reported::Known));
}

#[test]
fn each_content_has_its_sum() {
    let world = World::of(Traits::XFS);
    world.lie(0, |_| {
        let contents = [Content::Encoded, Content::Preallocated, Content::Inline, Content::Pending];
        let mut records: Vec<Record> = (0..8)
            .map(|at| Record {
                content: contents[at as usize % 4],
                shared: at < 4,
                ..data(at * 1000, 1000, 1 << 20)
            })
            .collect();
        // What is held behind the end: the rest of the last block is not.
        records.push(Record { content: Content::Preallocated, shared: false, ..data(8000, 1000, 1 << 30) });
        records.push(last(Record { shared: false, ..data(9500, 500, 1 << 31) }));
        records
    });
    world.model.world_mut().map_batch = 100;
    let (result, account, seen) = world.account(0, 0, LARGEST);
    assert_eq!(result, Ok(()));
    assert_eq!((account.encoded, account.encoded_shared), (2000, 1000));
    assert_eq!((account.preallocated, account.preallocated_shared), (2292, 1000));
    assert_eq!((account.inline, account.pending, account.beyond), (2000, 2000, 1208));
    assert_eq!(account.exclusive, 1000 + 292 + 708 + 500);
    assert!(seen.iter().all(|extent| extent.record.place.is_none() || extent.beyond));
    assert_eq!(seen.iter().filter(|extent| extent.beyond).count(), 2);
    // The rest of the last block of data.
    world.lie(0, |_| vec![last(data(0, 10_000, 1 << 20))]);
    let (_, account, seen) = world.account(0, 0, LARGEST);
    assert_eq!((account.beyond, account.shared, seen.len()), (0, 8292, 1));
}

#[test]
fn a_caller_can_cancel_at_each_piece() {
    let world = World::of(Traits::XFS);
    let mut account = Account::default();
    let mut left = 3;
    let mut each = |_: &Extent| {
        left -= 1;
        left > 0
    };
    let span = Span { fd: world.fds[0], side: SIDE, offset: 0, length: LARGEST };
    let result = extents(&world.model, &span, true, Some(&mut each), &mut account);
    assert_eq!((result, left), (Err(Error::new(Step::Progress, Cause::Cancelled)), 0));
    // What was told until then counts.
    assert_eq!((account.length, account.reported, account.exclusive), (3072, Reported::Known, 2048));
    let silent = World::of(Traits { said: Said::Never, ..Traits::XFS });
    let span = Span { fd: silent.fds[0], ..span };
    let mut account = Account::default();
    assert!(extents(&silent.model, &span, true, Some(&mut |_| false), &mut account).is_err());
    assert_eq!((account.length, account.reported, account.exclusive), (1024, Reported::Unreported, 0));
}

#[test]
fn places_are_given_out_only_where_they_can_be_compared() {
    let world = World::of(Traits { places: false, ..Traits::XFS });
    let (_, account, seen) = world.account(0, 0, LARGEST);
    assert!(account.unshared > 0 && seen.iter().all(|extent| extent.record.place.is_none()));
}

#[test]
fn a_change_between_two_batches_is_seen() {
    let world = World::of(Traits::XFS);
    let ino = world.inos[0];
    world.model.before(When::Of(Call::Map, 2), move |disk| disk.change(ino, |data| data.write(0, b"new")));
    assert!(world.account(0, 0, LARGEST).1.changed);
}

// ── Maps that lie ──

#[test]
fn no_map_makes_the_sums_wrong_or_the_walk_endless() {
    let lies: [fn(u64) -> Vec<Record>; 11] = [
        |_| Vec::new(),
        |from| vec![data(from, 100, 5)], // never ends
        |_| vec![data(0, 100, 5)],       // always the same
        |_| vec![data(0, 3000, 5), data(1000, 3000, 9), last(data(1500, 9000, 7))], // overlaps
        |_| vec![data(5000, 100, 5), data(2000, 100, 9), last(data(0, 100, 7))], // backwards
        |from| vec![data(from, 0, 5)],   // of nothing
        |_| vec![last(data(0, 0, 5)), data(0, 0, 5)],
        |_| vec![last(data(0, u64::MAX, u64::MAX - 10))], // larger than files
        |_| vec![data(u64::MAX - 5, u64::MAX, 1), last(data(100, u64::MAX, 1))],
        |_| vec![last(data(1 << 62, 1 << 62, 1 << 62)), data(3, 3, 3)],
        |from| vec![data(from + 10, 99, 5), data(from + 300, 99, 5), data(from + 200, 99, 5)],
    ];
    for (nth, lie) in lies.into_iter().enumerate() {
        for (offset, length) in [(0, 8292), (100, 2000), (4096, 1)] {
            let world = World::of(Traits::XFS);
            world.lie(0, lie);
            world.lie(1, lie);
            let (result, account, seen) = world.account(0, offset, length);
            let wanted = (offset + length).min(8292) - offset;
            match result {
                Ok(()) => assert_eq!(account.length, wanted, "lie {nth}"),
                Err(error) => {
                    assert_eq!(error, Error::new(Step::Map(SIDE), Cause::Inconsistent), "lie {nth}")
                }
            }
            let mut at = offset;
            for extent in seen {
                assert_eq!((extent.record.offset, extent.record.length > 0), (at, true), "lie {nth}");
                at = extent.record.end();
            }
            let _ = world.compare(offset, offset + 1, length);
        }
    }
}

#[test]
fn a_map_that_goes_nowhere_is_an_error() {
    let world = World::of(Traits::XFS);
    world.lie(0, |_| vec![data(0, 100, 5)]);
    assert_eq!(world.account(0, 0, 8292).0, Err(Error::new(Step::Map(SIDE), Cause::Inconsistent)));
}

#[test]
fn a_file_system_that_gives_more_than_it_was_asked_for_does_no_harm() {
    let world = World::of(Traits::XFS);
    world.lie(0, |_| vec![data(6144, 2148, 5)]);
    let (result, account, _) = world.account(0, 1024, 2048);
    assert_eq!((result, account.holes, account.length), (Ok(()), 2048, 2048));
}

/// Cut or grown between the look at its size and the map, which is fetched with one call.
#[test]
fn a_map_that_does_not_fit_the_size_is_of_a_changed_file() {
    for size in [0, 100, 4096, 90_000] {
        let world = World::of(Traits::XFS);
        world.model.world_mut().map_batch = 100;
        assert!(!world.account(0, 0, LARGEST).1.changed);
        let ino = world.inos[0];
        world.model.before(When::Of(Call::Map, 2), move |disk| {
            disk.change(ino, |data| {
                data.set_size(size);
                data.write(size.saturating_sub(1), b"!");
            });
        });
        let account = world.account(0, 0, LARGEST).1;
        assert!(account.changed, "{size}: {account:?}");
        assert_eq!(world.model.count(Call::Map), 2);
    }
}

#[test]
fn a_map_that_is_refused_in_the_middle_is_no_map() {
    let world = World::of(Traits::XFS);
    let fault = Fault::Errno(EOPNOTSUPP);
    world.model.world_mut().faults.plan(Place::Of(Call::Map, 2), fault, Lasting::Kind);
    let (result, account, _) = world.account(0, 0, LARGEST);
    let none = Account { refused: Some(Errno(EOPNOTSUPP)), ..Account::default() };
    assert_eq!((result, account), (Ok(()), none));
}

#[test]
fn a_disordered_map_proves_nothing() {
    let world = World::of(Traits::XFS);
    let overlapping = |_| vec![data(0, 3000, 1 << 20), last(data(2000, 9000, (1 << 20) + 2000))];
    world.lie(0, overlapping);
    world.lie(1, |_| vec![last(data(0, 9000, 1 << 20))]);
    let found = world.compare(0, 0, LARGEST).unwrap();
    assert_eq!((found.unknown, found.changed, found.verdict()), (8292, true, Verdict::Unknown));
    assert!(world.account(0, 0, LARGEST).1.changed);
}

// ── Two files ──

#[test]
fn only_what_was_cloned_lies_at_one_place() {
    let world = World::of(Traits::XFS);
    let found = world.compare(0, 0, LARGEST).unwrap();
    assert_eq!((found.same, found.apart, found.holes, found.verdict()), (0, 6244, 2048, Verdict::None));
    world.share(0, 0, 3 * UNIT);
    let found = world.compare(0, 0, LARGEST).unwrap();
    assert_eq!((found.same, found.holes, found.apart), (2048, 2048, 4196));
    assert_eq!((found.first_apart, found.verdict(), found.first_unknown), (3072, Verdict::Part, 8292));
    world.share(3 * UNIT, 3 * UNIT, 5 * UNIT + 100);
    let found = world.compare(0, 0, LARGEST).unwrap();
    assert_eq!((found.same, found.holes, found.verdict()), (6244, 2048, Verdict::All));
    assert_eq!((found.first_apart, found.reported), (8292, Reported::Known));
}

#[test]
fn a_clone_to_another_offset_is_found_there() {
    let world = World::of(Traits::XFS);
    world.share(0, 5 * UNIT, 2 * UNIT);
    let found = world.compare(0, 5 * UNIT, 2 * UNIT).unwrap();
    assert_eq!((found.same, found.verdict()), (2048, Verdict::All));
    let found = world.compare(100, 5 * UNIT + 100, UNIT).unwrap();
    assert_eq!((found.same, found.verdict()), (1024, Verdict::All));
    let found = world.compare(0, 5 * UNIT + 1, UNIT).unwrap();
    assert_eq!((found.apart, found.verdict()), (1024, Verdict::None));
}

#[test]
fn bytes_that_only_one_file_has_are_apart() {
    let world = World::of(Traits::XFS);
    world.share(0, 0, 8292);
    world.model.world_mut().disk.change(world.inos[1], |data| data.set_size(4096));
    let found = world.compare(0, 0, LARGEST).unwrap();
    assert_eq!((found.length, found.same, found.apart, found.first_apart), (8292, 3072, 4196, 4096));
    assert_eq!(found.verdict(), Verdict::Part);
    assert_eq!(world.compare(0, 0, 4096).unwrap().verdict(), Verdict::All);
    assert_eq!(world.compare(0, 9000, 100).unwrap().apart, 100);
    assert_eq!(world.compare(9000, 9000, 100).unwrap().length, 0);
}

#[test]
fn a_range_is_the_same_as_itself() {
    let mut world = World::of(Traits::XFS);
    let again = world.model.open_for_caller(world.inos[0], false, true, false);
    for fd in [again, world.fds[0]] {
        world.fds[1] = fd;
        let found = world.compare(0, 0, LARGEST).unwrap();
        assert_eq!((found.same, found.verdict()), (8292, Verdict::All));
        assert_eq!(world.model.count(Call::Map), 0);
    }
    let found = world.compare(0, 1024, LARGEST).unwrap();
    assert_eq!((found.same, found.verdict()), (0, Verdict::None));
}

/// bcachefs repeats inode numbers in snapshots; some FUSE servers give all files the same.
#[test]
fn equal_inode_numbers_do_not_prove_one_file() {
    let one_number = Traits { one_number: true, ..Traits::XFS };
    let world = World::of(one_number);
    let now = crate::sys::Time { seconds: 1, nanoseconds: 1 };
    for ino in world.inos {
        let inode = &mut world.model.world_mut().disk.inodes[ino];
        (inode.modified, inode.changed) = (now, now);
    }
    assert_eq!(world.compare(0, 0, LARGEST).unwrap().verdict(), Verdict::None);
}

/// With all conditions the ranges are the same; if any one is missing, they are not.
#[test]
fn each_condition_for_same_is_needed() {
    fn place(_: u64) -> Vec<Record> {
        vec![last(data(0, 8292, 1 << 20))]
    }
    fn with(change: fn(&mut Record)) -> fn(u64) -> Vec<Record> {
        // Of function pointers only those without a context can be put into the world.
        CHANGE.set(Some(change));
        |_| {
            let mut record = last(data(0, 8292, 1 << 20));
            CHANGE.get().expect("it is set")(&mut record);
            vec![record]
        }
    }
    thread_local! {
        static CHANGE: std::cell::Cell<Option<fn(&mut Record)>> = const { std::cell::Cell::new(None) };
    }
    let of = |traits: Vec<Traits>, maps: [fn(u64) -> Vec<Record>; 2]| {
        let world = World::on(traits);
        world.lie(0, maps[0]);
        world.lie(1, maps[1]);
        world.compare(0, 0, LARGEST).unwrap()
    };
    assert_eq!(of(vec![Traits::XFS], [place, place]).verdict(), Verdict::All);
    type Change = (fn(&mut Record), Relation);
    let changes: [Change; 7] = [
        (|record| record.shared = false, Relation::Unknown),
        (|record| record.place = None, Relation::Unknown),
        (|record| record.place = Some((1 << 20) + 4096), Relation::Apart),
        (|record| record.content = Content::Encoded, Relation::Apart),
        (|record| record.content = Content::Preallocated, Relation::Unknown),
        (|record| record.content = Content::Inline, Relation::Apart),
        (|record| record.content = Content::Pending, Relation::Unknown),
    ];
    for (nth, (change, relation)) in changes.into_iter().enumerate() {
        for maps in [[place, with(change)], [with(change), place]] {
            let found = of(vec![Traits::XFS], maps);
            let apart = if relation == Relation::Apart { 8292 } else { 0 };
            assert_eq!((found.same, found.apart), (0, apart), "change {nth}");
        }
    }
    for content in [
        |record: &mut Record| record.content = Content::Encoded,
        |record: &mut Record| record.content = Content::Inline,
        |record: &mut Record| record.content = Content::Preallocated,
    ] {
        assert_eq!(of(vec![Traits::XFS], [with(content), with(content)]).unknown, 8292);
    }
    let no_places = Traits { places: false, ..Traits::XFS };
    assert_eq!(of(vec![no_places], [place, place]).unknown, 8292);
    assert_eq!(of(vec![Traits::XFS, no_places], [place, place]).unknown, 8292);
    let other = Traits { pool: 9, ..Traits::XFS };
    assert_eq!(of(vec![Traits::XFS, other], [place, place]).apart, 8292);
    assert_eq!(of(vec![Traits::XFS, Traits::XFS], [place, place]).verdict(), Verdict::All); // two subvolumes
}

#[test]
fn a_change_during_the_call_leaves_everything_unknown() {
    for file in [0, 1] {
        for nth in [1, 2, 3] {
            let world = World::of(Traits::XFS);
            world.share(0, 0, 8292);
            let ino = world.inos[file];
            world.model.before(When::Of(Call::Map, nth), move |disk| disk.change(ino, |_| {}));
            let found = world.compare(0, 0, LARGEST).unwrap();
            assert_eq!((found.unknown, found.changed, found.verdict()), (8292, true, Verdict::Unknown));
        }
    }
}

#[test]
fn what_is_not_written_out_is_flushed_or_unknown() {
    for file in [0, 1] {
        let world = World::of(Traits::XFS);
        world.share(0, 0, 8292);
        let old = world.model.world().disk.data(world.inos[file]).clone();
        world.model.world_mut().disk.change(world.inos[file], |data| data.write(0, &[9; 1024]));
        world.model.world_mut().disk.inodes[world.inos[file]].unflushed = Some(old);
        let found = world.compare_flushing(0, 0, LARGEST, false).unwrap();
        assert_eq!((found.same, found.unknown, found.holes), (0, 8292, 0));
        let found = world.compare(0, 0, LARGEST).unwrap();
        assert_eq!((found.same, found.apart, found.first_apart), (5220, 1024, 0));
        // Nothing waits any more, so that it can be told without a flush too.
        assert_eq!(world.compare_flushing(0, 0, LARGEST, false).unwrap(), found);
    }
}

#[test]
fn without_a_flush_nothing_is_shared_and_nothing_has_a_place() {
    let world = World::of(Traits::XFS);
    world.share(0, 0, 2 * UNIT);
    let old = world.model.world().disk.data(world.inos[1]).clone();
    world.model.world_mut().disk.inodes[world.inos[1]].unflushed = Some(old);
    let (mut account, mut seen) = (Account::default(), Vec::new());
    let span = Span { fd: world.fds[1], side: SIDE, offset: 0, length: LARGEST };
    let mut each = |extent: &Extent| {
        seen.push(extent.record);
        true
    };
    extents(&world.model, &span, false, Some(&mut each), &mut account).unwrap();
    assert_eq!((account.pending, account.shared, account.unshared), (4096, 0, 4196));
    assert!(seen.iter().all(|record| record.place.is_none() && !record.shared), "{seen:?}");
}

/// XFS, ext4 and f2fs show reserved blocks until what was written to them is on the device.
#[test]
fn without_a_flush_reserved_blocks_may_hold_data() {
    let reserved = |_| {
        let record = last(data(0, 9000, 5));
        vec![Record { content: Content::Preallocated, shared: false, ..record }]
    };
    for (flush, preallocated, exclusive) in [(false, 0, 708), (true, 8292, 9000)] {
        let world = World::of(Traits::XFS);
        world.lie(0, reserved);
        let old = world.model.world().disk.data(world.inos[0]).clone();
        world.model.world_mut().disk.inodes[world.inos[0]].unflushed = Some(old);
        let span = Span { fd: world.fds[0], side: SIDE, offset: 0, length: LARGEST };
        let mut account = Account::default();
        extents(&world.model, &span, flush, None, &mut account).unwrap();
        assert_eq!((account.preallocated, account.pending), (preallocated, 8292 - preallocated));
        assert_eq!((account.beyond, account.exclusive), (708, exclusive), "{account:?}");
    }
}

/// XFS next to a rewritten clone, bcachefs before Linux 6.14: bytes that are only in memory have no record yet.
#[test]
fn without_a_flush_holes_are_certain_only_where_nothing_waits() {
    for (waits, holes) in [(&[][..], 8292), (&[0][..], 0), (&[1][..], 0), (&[0, 1][..], 0)] {
        let world = World::of(Traits::XFS);
        for ino in waits.iter().map(|file: &usize| world.inos[*file]) {
            let data = world.model.world().disk.data(ino).clone();
            world.model.world_mut().disk.inodes[ino].unflushed = Some(data);
        }
        [0, 1].into_iter().for_each(|file| world.lie(file, |_| Vec::new()));
        let found = world.compare_flushing(0, 0, LARGEST, false).unwrap();
        assert_eq!((found.holes, found.unknown), (holes, 8292 - holes), "{waits:?}");
        let span = Span { fd: world.fds[0], side: SIDE, offset: 0, length: LARGEST };
        let mut account = Account::default();
        extents(&world.model, &span, false, None, &mut account).unwrap();
        let pending = if waits.contains(&0) { 8292 } else { 0 };
        assert_eq!((account.pending, account.holes, account.beyond), (pending, 8292 - pending, 0));
        assert_eq!(world.compare(0, 0, LARGEST).unwrap().holes, 8292);
    }
}

/// Bytes are written out between the map and the question whether any wait: the first map left them out.
#[test]
fn without_a_flush_bytes_written_out_during_the_call_are_no_hole() {
    let world = || {
        let world = World::of(Traits::XFS);
        for ino in world.inos {
            let mut hole = world.model.world().disk.data(ino).clone();
            hole.punch(0, 9000);
            world.model.world_mut().disk.inodes[ino].unflushed = Some(hole);
        }
        world
    };
    let write_out = |world: &World, file: usize, nth| {
        let ino = world.inos[file];
        world.model.before(When::Of(Call::AllWritten, nth), move |disk| disk.inodes[ino].unflushed = None);
    };
    let both = world();
    write_out(&both, 0, 3);
    write_out(&both, 1, 4);
    let found = both.compare_flushing(0, 0, LARGEST, false).unwrap();
    assert_eq!((found.holes, found.unknown, found.verdict()), (0, 8292, Verdict::Unknown));
    let one = world();
    write_out(&one, 0, 2);
    let (mut account, span) =
        (Account::default(), Span { fd: one.fds[0], side: SIDE, offset: 0, length: LARGEST });
    extents(&one.model, &span, false, None, &mut account).unwrap();
    assert_eq!((account.holes, account.pending), (0, 8292));
}

#[test]
fn one_file_that_changes_between_the_looks_is_not_trusted() {
    let mut world = World::of(Traits::XFS);
    world.fds[1] = world.model.open_for_caller(world.inos[0], true, false, false);
    let ino = world.inos[0];
    world.model.before(When::Of(Call::Stat, 2), move |disk| disk.change(ino, |_| {}));
    assert_eq!(world.compare(0, 0, LARGEST).unwrap().verdict(), Verdict::Unknown);
}

#[test]
fn only_the_first_call_of_a_map_flushes() {
    let world = World::of(Traits::XFS);
    world.compare(0, 0, LARGEST).unwrap();
    let model = world.model.world();
    let maps: Vec<_> = model.log.iter().filter(|event| event.call == Call::Map).collect();
    let flushes = maps.iter().filter(|event| event.numbers[2] == 1).count();
    assert_eq!((flushes, maps.len() > 4), (2, true));
}

#[test]
fn a_failed_call_is_never_taken_for_an_answer() {
    for errno in [EIO, ENOMEM, EINTR, EAGAIN] {
        let mut nth = 0;
        loop {
            nth += 1;
            let world = World::of(Traits::XFS);
            world.share(0, 0, 8292);
            world.model.world_mut().faults.plan(Place::Nth(nth), Fault::Errno(errno), Lasting::Once);
            let found = world.compare(0, 0, LARGEST);
            if world.model.world().faults.fired == 0 {
                break;
            }
            assert_eq!(found.unwrap_err().errno(), errno, "call {nth}");
        }
        assert!(nth > 6);
    }
}

#[test]
fn directories_pipes_and_closed_descriptors_are_refused() {
    let world = World::of(Traits::XFS);
    let mut disk = world.model.world_mut();
    let fifo = disk.disk.add(ROOT, "fifo", crate::sys::model::disk::What::Fifo, 0o644);
    drop(disk);
    let [directory, fifo] = [ROOT, fifo].map(|ino| world.model.open_for_caller(ino, true, false, false));
    let path_only = world.model.open_for_caller(world.inos[0], false, false, false);
    let span = |fd| Span { fd, side: SIDE, offset: 0, length: LARGEST };
    let of = |fd| extents(&world.model, &span(fd), true, None, &mut Account::default());
    assert_eq!(of(directory).unwrap_err().errno(), EISDIR);
    assert_eq!(of(fifo), Err(Error::new(Step::Check(SIDE), Cause::NotRegular)));
    assert_eq!(of(9999).unwrap_err().errno(), EBADF);
    for fd in [directory, fifo, path_only, 9999] {
        for (a, b) in [(fd, world.fds[0]), (world.fds[0], fd), (fd, fd)] {
            assert!(compare(&world.model, &span(a), &span(b), true).is_err());
        }
    }
}

/// A pseudo-random number below `below` (xorshift).
fn random(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

#[test]
fn random_files_share_what_their_blocks_say() {
    let (mut state, mut shared) = (0x9e37_79b9_7f4a_7c15, 0);
    for round in 0..300 {
        let world = World::of(Traits::XFS);
        for _ in 0..6 {
            let mut pick = |below| random(&mut state, below);
            let (from, to, count) = (pick(6) * UNIT, pick(6) * UNIT, 1 + pick(3));
            let (file, at, byte) = (world.inos[pick(2) as usize], pick(8292), pick(255) as u8);
            match pick(4) {
                0 => world.model.world_mut().disk.change(file, |data| data.write(at, &[byte; 700])),
                1 => world.model.world_mut().disk.change(file, |data| data.set_size(at)),
                _ if from + count * UNIT <= world.model.world().disk.data(world.inos[0]).size => {
                    world.share(from, to, count * UNIT);
                }
                _ => {}
            }
        }
        let mut pick = |below| random(&mut state, below);
        let (a_offset, shift) = (pick(5000), pick(3) * UNIT);
        let (b_offset, length) = (a_offset + shift, 1 + pick(9000));
        let found = world.compare(a_offset, b_offset, length).unwrap();
        let model = world.model.world();
        let [a, b] = world.inos.map(|ino| model.disk.data(ino));
        let both = a.size.saturating_sub(a_offset).min(b.size.saturating_sub(b_offset)).min(length);
        let truth = b.sharing(b_offset, a, a_offset, both);
        assert_eq!(found.same, truth.shared, "round {round}");
        assert!(found.unknown == 0 || found.changed, "round {round}");
        shared += found.same;
    }
    assert!(shared > 20_000, "{shared} bytes are no test");
}
