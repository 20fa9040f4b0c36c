//! What a tree copy asks of the system for each file, over the model: a call more for each of a million files is seen.
//! And what it must still ask, though an earlier file was fine.

use super::*;
use crate::copy::{self, Durability, Preserve};
use crate::error::Result;
use crate::sys::Time;
use crate::sys::model::disk::{Traits, What};
use crate::sys::model::{CWD, Call, Model};

const TIMES: Preserve = Preserve { times: true, owner: false, attributes: false, acl: false };
const ALL: Preserve = Preserve { times: true, owner: true, attributes: true, acl: true };

/// Times that no coarse step keeps.
const FINE: Time = Time { seconds: 1_000_000_000, nanoseconds: 123_456_789 };

/// Files of these sizes, modes and times, in the order of their names.
fn source(volume: Traits, files: &[(&[u8], u32, Time)]) -> Model {
    let model = Model::new(vec![volume]);
    let mut world = model.world_mut();
    let disk = &mut world.disk;
    let root = disk.add_directory("from", 0);
    (disk.inodes[root].accessed, disk.inodes[root].modified) = (Time::default(), Time::default());
    for ((content, mode, time), name) in files.iter().zip(["a", "b", "c"]) {
        let pieces: &[Option<&[u8]>] = if content.is_empty() { &[] } else { &[Some(content)] };
        let file = disk.add_file(root, name, pieces, *mode);
        (disk.inodes[file].accessed, disk.inodes[file].modified) = (*time, *time);
    }
    drop(world);
    model
}

fn copy(model: &Model, preserve: Preserve, change: impl FnOnce(&mut Options)) -> (Result<()>, Report) {
    let mut options =
        Options { files: copy::Options { preserve, ..copy::Options::default() }, ..Options::default() };
    change(&mut options);
    let request = Request { src_dir: CWD, src: c"from", dst_dir: CWD, dst: c"copy", options: &options };
    let mut report = Report::default();
    (super::copy(model, &request, &mut Silent, &mut report), report)
}

/// The calls for the last file: from where it is opened to where it and its copy are closed.
fn of_last_file(model: &Model) -> Vec<Call> {
    let calls = model.world().calls_made();
    let begin = calls.iter().rposition(|call| *call == Call::OpenListed).unwrap();
    let closes = calls[begin..].iter().enumerate().filter(|(_, call)| **call == Call::Close);
    let end = closes.map(|(at, _)| at).nth(1).unwrap();
    calls[begin..=begin + end].to_vec()
}

fn calls_for(preserve: Preserve, content: &[u8], mode: u32) -> Vec<Call> {
    let model = source(Traits::XFS, &[(b"text", 0o644, FINE), (content, mode, FINE)]);
    assert_eq!(copy(&model, preserve, |_| {}).0, Ok(()));
    of_last_file(&model)
}

#[test]
fn a_file_costs_no_call_too_many() {
    use Call::*;
    let bare = [OpenListed, Stat, CreateNew, CloneFile, Stat, Close, Close];
    assert_eq!(calls_for(Preserve::default(), b"more", 0o600), bare);
    let empty = [OpenListed, Stat, CreateNew, Stat, Close, Close];
    assert_eq!(calls_for(Preserve::default(), b"", 0o600), empty);
    let timed = [OpenListed, Stat, CreateNew, CloneFile, Stat, SetTimes, Close, Close];
    assert_eq!(calls_for(TIMES, b"more", 0o600), timed);
    // Group bits may be the mask of an ACL.
    let shared = [OpenListed, Stat, GetAttribute, CreateNew, CloneFile, Stat, SetTimes, Close, Close];
    assert_eq!(calls_for(TIMES, b"more", 0o644), shared);
    let all =
        [OpenListed, Stat, CreateNew, CloneFile, Stat, ListAttributes, GetAttribute, SetTimes, Close, Close];
    assert_eq!(calls_for(ALL, b"more", 0o644), all);
}

/// Where nothing is cloned. A server may stamp a file when its data is flushed, so that comes before the times.
#[test]
fn a_file_that_is_copied_costs_no_call_too_many() {
    use Call::*;
    let local: &[Call] = &[OpenListed, Stat, CreateNew, KernelCopy, Stat, Stat, SetTimes, Close, Close];
    let server: &[Call] =
        &[OpenListed, Stat, CreateNew, KernelCopy, Stat, Stat, Flush, SetTimes, Stat, Close, Close];
    let unknown = Traits { name: "unknown", ..Traits::EXT4 };
    for (volume, expected) in
        [(Traits::EXT4, local), (Traits { remote: true, ..Traits::EXT4 }, server), (unknown, server)]
    {
        let files: [(&[u8], u32, Time); 2] = [(b"text", 0o600, FINE), (b"more", 0o600, FINE)];
        let model = source(volume, &files);
        assert_eq!(copy(&model, TIMES, |_| {}).0, Ok(()));
        assert_eq!(of_last_file(&model), expected, "{} {}", volume.name, volume.remote);
    }
}

/// SMB shows one name for an open file, so the library asks. Where stat(2) shows all names, it does not ask.
#[test]
fn names_that_only_the_server_knows_of_stay_one_file() {
    for hides_links in [false, true] {
        let model = source(Traits { hides_links, ..Traits::XFS }, &[(b"text", 0o644, FINE)]);
        {
            let disk = &mut model.world_mut().disk;
            let from = disk.lookup(0, b"from").unwrap();
            let file = disk.lookup(from, b"a").unwrap();
            disk.names_mut(from).insert(b"further".to_vec(), file);
        }
        let (outcome, report) = copy(&model, Preserve::default(), |_| {});
        assert_eq!((outcome, report.counts.files, report.counts.hard_links), (Ok(()), 1, 1), "{hides_links}");
        let disk = &model.world().disk;
        let copy = disk.lookup(0, b"copy").unwrap();
        assert_eq!(disk.lookup(copy, b"a"), disk.lookup(copy, b"further"), "{hides_links}");
    }
}

/// If the system cannot sync a whole file system, each file and directory is synced before the tree gets its name.
#[test]
fn a_durable_tree_is_synced_piece_by_piece_where_no_volume_can_be() {
    let model = source(Traits::XFS, &[(b"text", 0o644, FINE), (b"", 0o600, FINE)]);
    {
        let mut world = model.world_mut();
        world.syncs_volumes = false;
        let from = world.disk.lookup(0, b"from").unwrap();
        world.disk.add(from, "sub", What::Directory(Default::default()), 0o755);
    }
    let durable = |options: &mut Options| options.files.durability = Durability::Durable;
    assert_eq!(copy(&model, Preserve::default(), durable).0, Ok(()));
    let calls = model.world().calls_made();
    let published = calls.iter().rposition(|call| *call == Call::RenameNew).unwrap();
    let syncs = |calls: &[Call]| calls.iter().filter(|call| **call == Call::Sync).count();
    assert_eq!((syncs(&calls[..published]), syncs(&calls[published..])), (4, 1));
    assert!(!calls.contains(&Call::SyncVolume));
}

/// That one file kept its times proves nothing for coarser times, years beyond 2038, and servers.
#[test]
fn times_that_are_not_sure_to_be_kept_are_looked_at() {
    let late = Time { seconds: 5_000_000_000, ..FINE };
    let whole = Time { nanoseconds: 0, ..FINE };
    let steps = |time_step| Traits { time_step, ..Traits::XFS };
    let until_2038 = Traits { last_second: i32::MAX.into(), ..Traits::XFS };
    let tenths = Time { nanoseconds: 100_000_000, ..FINE };
    for (volume, second) in [
        (steps(1_000_000_000), whole),
        (steps(10_000), tenths),
        (steps(10_000), Time { nanoseconds: 999, ..FINE }),
    ] {
        let model = source(volume, &[(b"text", 0o644, second), (b"more", 0o644, FINE)]);
        let outcome = copy(&model, TIMES, |_| {}).0;
        assert!(outcome.is_err(), "{second:?}: the first file's times say nothing");
    }
    let model = source(until_2038, &[(b"text", 0o644, FINE), (b"more", 0o644, late)]);
    assert!(copy(&model, TIMES, |_| {}).0.is_err(), "the first file's times are early");
    let server = Traits { remote: true, ..Traits::XFS };
    let model = source(server, &[(b"text", 0o644, FINE), (b"more", 0o600, FINE)]);
    assert_eq!(copy(&model, TIMES, |_| {}).0, Ok(()));
    assert_eq!(of_last_file(&model).iter().filter(|call| **call == Call::Stat).count(), 3);
}

/// A tree that others can enter: files are made for their maker alone, and what they inherit is removed.
#[test]
fn a_file_in_a_tree_that_others_see_is_made_for_its_maker_alone() {
    let model = source(Traits::XFS, &[(b"text", 0o644, FINE)]);
    {
        let mut world = model.world_mut();
        let there = world.disk.add_directory("copy", 0);
        world.disk.inodes[there].mode = 0o755;
    }
    let merge = |options: &mut Options| options.if_exists = IfExists::Merge;
    assert_eq!(copy(&model, ALL, merge).0, Ok(()));
    let calls = of_last_file(&model);
    for call in [Call::RemoveAttribute, Call::SetMode] {
        assert!(calls.contains(&call), "{call:?} in {calls:?}");
    }
}

/// Nothing is removed from each file, since the root inherits nothing from the destination's parent.
#[test]
fn an_acl_that_the_parent_gives_is_on_no_file_of_a_copy_that_has_its_own() {
    let model = source(Traits::XFS, &[(b"text", 0o644, FINE)]);
    model.world_mut().disk.inodes[0].default_acl = Some(vec![(7, 6)]);
    assert_eq!(copy(&model, ALL, |_| {}).0, Ok(()));
    let disk = &model.world().disk;
    let file = disk.lookup(disk.lookup(0, b"copy").unwrap(), b"a").unwrap();
    assert_eq!((disk.inodes[file].acl.is_none(), disk.inodes[file].mode), (true, 0o644));
}

/// The group bits of a FIFO with an ACL are the ACL's mask, and the ACL is not copied.
#[test]
fn a_special_file_is_not_opened_to_its_group() {
    for (acl, wanted) in [(None, 0o660), (Some(vec![(7, 6)]), 0o600)] {
        let model = source(Traits::XFS, &[]);
        {
            let disk = &mut model.world_mut().disk;
            let from = disk.lookup(0, b"from").unwrap();
            let fifo = disk.add(from, "fifo", What::Fifo, 0o660);
            (disk.inodes[fifo].acl, disk.inodes[fifo].group_entry) = (acl, 0);
        }
        assert_eq!(copy(&model, Preserve::default(), |_| {}).0, Ok(()));
        let disk = &model.world().disk;
        let fifo = disk.lookup(disk.lookup(0, b"copy").unwrap(), b"fifo").unwrap();
        assert_eq!(disk.inodes[fifo].mode, wanted);
    }
}
