//! The probe over the model: what it finds on each kind of volume, and that no failure of any call makes it lie or leave anything.

use std::io::Write;

use super::*;
use crate::error::Cause;
use crate::sys::errno::*;
use crate::sys::model::apfs::UF_IMMUTABLE;
use crate::sys::model::disk::{Ino, KernelCopy, Traits, What};
use crate::sys::model::fault::{Fault, Lasting, Odd, Place};
use crate::sys::model::system::{Apple, FreeBsd, System, Windows};
use crate::sys::model::{CWD, Call, Model};

/// How the probe is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// By the directory's name alone.
    Here,
    /// By names, from a file.
    File,
    /// By names, from another directory.
    Directory,
    /// By descriptors, the directory alone.
    HereFd,
    /// By descriptors, from a file.
    FileFd,
    /// By descriptors, from another directory.
    DirectoryFd,
}

const ALL: [Asked; 6] =
    [Asked::Here, Asked::File, Asked::Directory, Asked::HereFd, Asked::FileFd, Asked::DirectoryFd];

struct Trial {
    model: Model,
    system: System,
    from: Ino,
    to: Ino,
    source: Ino,
    fds: [Fd; 3],
}

impl Trial {
    /// A file of `size` bytes in `from`, and an empty directory `to`.
    fn set_up(from: Traits, to: Traits, size: u64) -> Self {
        let same = from == to;
        let model = Model::new(if same { vec![from] } else { vec![from, to] });
        let system = to.system;
        let mut world = model.world_mut();
        world.kernel_copy_usable = to.kernel_copy != KernelCopy::Refuses(ENOSYS);
        let (from, to) =
            (world.disk.add_directory("from", 0), world.disk.add_directory("to", usize::from(!same)));
        let source = world.disk.add_file(from, "source", &[Some(&vec![7; size as usize])], 0o640);
        drop(world);
        let fds = [from, to, source].map(|ino| model.open_for_caller(ino, true, false, false));
        Self { model, system, from, to, source, fds }
    }

    fn ask(&self, asked: Asked) -> Result<Capability> {
        match self.system {
            System::Linux => self.ask_by(&self.model, asked),
            System::Windows => self.ask_by(&self.model.by::<Windows>(), asked),
            System::Apple { .. } => self.ask_by(&self.model.by::<Apple>(), asked),
            System::FreeBsd { .. } => self.ask_by(&self.model.by::<FreeBsd>(), asked),
        }
    }

    fn ask_by(&self, sys: &impl Sys, asked: Asked) -> Result<Capability> {
        let [from, to, source] = self.fds;
        match asked {
            Asked::Here => by_name(sys, CWD, None, c"to"),
            Asked::File => by_name(sys, CWD, Some(c"from/source"), c"to"),
            Asked::Directory => by_name(sys, CWD, Some(c"from"), c"to"),
            Asked::HereFd => by_descriptor(sys, None, to),
            Asked::FileFd => by_descriptor(sys, Some(source), to),
            Asked::DirectoryFd => by_descriptor(sys, Some(from), to),
        }
    }

    /// The directories are as they were, nothing is open, the source is untouched.
    fn assert_left_nothing(&self, litter_allowed: bool) {
        let world = self.model.world();
        assert_eq!(world.leaked(), vec![], "{}", world.story());
        let names = world.disk.names(self.to).len() + world.disk.names(self.from).len();
        assert!(names == 1 || litter_allowed, "a name was left\n{}", world.story());
        assert_eq!(world.disk.inodes[self.source].version, 0);
    }
}

fn probe(volume: Traits, asked: Asked) -> Capability {
    let trial = Trial::set_up(volume, volume, 9000);
    let found = trial.ask(asked).unwrap();
    trial.assert_left_nothing(false);
    found
}

#[test]
fn a_volume_that_can_is_told_so_with_its_granularity() {
    for asked in ALL {
        for unit in [1024, 4096, 8192] {
            let volume = Traits { clone_unit: unit, preferred: unit, most: 1 << 20, ..Traits::XFS };
            let found = probe(volume, asked);
            assert_eq!((found.clone, found.reason, found.error), (Some(true), Reason::None, 0), "{asked:?}");
            assert_eq!((found.range, found.granularity), (true, unit));
            assert!(found.kernel_copy && found.unnamed_files && found.sparse);
            assert_eq!((found.fs_name, found.exchange), ("xfs", Some(true)));
            assert_eq!((found.dedupe, found.dedupe_granularity), (Some(true), unit), "{asked:?}");
            assert_eq!(found.dedupe_error, 0);
        }
    }
}

#[test]
fn a_volume_that_cannot_is_told_so_with_the_reason() {
    for asked in ALL {
        let found = probe(Traits::EXT4, asked);
        assert_eq!((found.clone, found.reason), (Some(false), Reason::Unsupported));
        assert_eq!(found.error, -EOPNOTSUPP);
        assert!(!found.range && found.kernel_copy);
        assert_eq!((found.dedupe, found.dedupe_error), (Some(false), -EOPNOTSUPP));
    }
    let vfat = Traits {
        unnamed: false,
        has_holes: false,
        tells_holes: false,
        kernel_copy: KernelCopy::Refuses(EOPNOTSUPP),
        ..Traits::EXT4
    };
    for asked in ALL {
        let found = probe(vfat, asked);
        assert!(!found.unnamed_files && !found.sparse && !found.kernel_copy);
    }
}

#[test]
fn a_pair_of_volumes_is_asked_about_as_a_pair() {
    for asked in [Asked::File, Asked::Directory, Asked::FileFd, Asked::DirectoryFd] {
        let other = Traits { pool: 5, name: "other", ..Traits::XFS };
        let trial = Trial::set_up(Traits::XFS, other, 9000);
        let found = trial.ask(asked).unwrap();
        assert_eq!((found.clone, found.reason), (Some(false), Reason::CrossDevice));
        // Another device number is no sign of another file system (Btrfs subvolumes).
        let subvolume = Traits { name: "subvolume", ..Traits::XFS };
        let found = Trial::set_up(Traits::XFS, subvolume, 9000).ask(asked).unwrap();
        assert_eq!(found.clone, Some(true));
    }
}

#[test]
fn names_are_exchanged_where_that_is_possible() {
    for asked in ALL {
        assert_eq!(probe(Traits { exchanges: false, ..Traits::XFS }, asked).exchange, Some(false));
        assert_eq!(probe(Traits::EXT4, asked).exchange, Some(true));
        for (call, nth, errno) in
            [(Call::MakeDirectory, 1, EACCES), (Call::MakeDirectory, 2, ENOSPC), (Call::Exchange, 1, EIO)]
        {
            let trial = Trial::set_up(Traits::XFS, Traits::XFS, 9000);
            trial.model.world_mut().faults.plan(Place::Of(call, nth), Fault::Errno(errno), Lasting::Kind);
            let found = trial.ask(asked).unwrap();
            assert_eq!((found.exchange, found.clone), (None, Some(true)), "{call:?}");
            trial.assert_left_nothing(false);
        }
    }
}

/// A success of which nothing was compared proves nothing: of less than a block, of a kernel that shares whatever it is asked for.
#[test]
fn a_dedupe_counts_where_a_difference_prevents_it() {
    for asked in ALL {
        let volume = Traits { clone_unit: 4096, preferred: 4096, most: 1 << 20, ..Traits::XFS };
        let found = probe(volume, asked);
        assert_eq!((found.dedupe, found.dedupe_granularity), (Some(true), 4096), "{asked:?}");
        for (odd, dedupe) in [(Odd::SaysShared, false), (Odd::SaysDiffers, false), (Odd::Short, true)] {
            let trial = Trial::set_up(Traits::XFS, Traits::XFS, 9000);
            trial.model.world_mut().faults.plan(Place::Of(Call::Dedupe, 1), Fault::Odd(odd), Lasting::Kind);
            let found = trial.ask(asked).unwrap();
            let of_file = matches!(asked, Asked::File | Asked::FileFd);
            assert_eq!(
                found.dedupe,
                if dedupe || !of_file { Some(dedupe) } else { None },
                "{asked:?} {odd:?}"
            );
            trial.assert_left_nothing(false);
        }
    }
    for (size, granularity) in [(0, None), (100, Some(0)), (1024, Some(1024)), (1500, Some(1024))] {
        let found = Trial::set_up(Traits::XFS, Traits::XFS, size).ask(Asked::File).unwrap();
        let wanted = (granularity.map(|_| true), granularity.unwrap_or(0));
        assert_eq!((found.dedupe, found.dedupe_granularity), wanted, "{size}");
    }
}

/// The same, by the calls of other systems. A clone that is a file of its own has no alignment.
#[test]
fn a_volume_of_another_system_is_told_so_too() {
    for asked in ALL {
        for (volume, granularity) in [
            (Traits::REFS, 1024),
            (Traits { clone_unit: 65_536, preferred: 4096, most: 1 << 20, ..Traits::REFS }, 65_536),
            (Traits::ZFS, 1024),
            (Traits { clone_unit: 8192, preferred: 8192, ..Traits::ZFS }, 8192),
            (Traits::APFS, 0),
            (Traits::OLD_APFS, 0),
        ] {
            let trial = Trial::set_up(volume, volume, 200_000);
            let found = trial.ask(asked).unwrap();
            trial.assert_left_nothing(false);
            let case = format!("{} {asked:?}", volume.name);
            assert_eq!((found.clone, found.reason, found.error), (Some(true), Reason::None, 0), "{case}");
            assert_eq!((found.range, found.granularity), (granularity > 0, granularity), "{case}");
            assert!(!found.unnamed_files && found.dedupe == Some(false), "{case}");
            assert_eq!(found.kernel_copy, volume.name == "zfs", "{case}");
        }
        for volume in [Traits::NTFS, Traits::HFS, Traits::UFS, Traits::ZFS_14] {
            let found = probe(volume, asked);
            let case = format!("{} {asked:?}", volume.name);
            assert_eq!((found.clone, found.reason), (Some(false), Reason::Unsupported), "{case}");
            assert_eq!(found.error, -EOPNOTSUPP, "{case}");
        }
        let other = |volume| (volume, Traits { pool: 77, name: "other", ..volume });
        for (from, to) in [other(Traits::REFS), other(Traits::APFS), (Traits::UFS, Traits::ZFS)] {
            if !matches!(asked, Asked::Here | Asked::HereFd) {
                let found = Trial::set_up(from, to, 9000).ask(asked).unwrap();
                assert_eq!((found.clone, found.reason), (Some(false), Reason::CrossDevice), "{asked:?}");
            }
        }
    }
    for volume in [Traits::REFS, Traits::APFS, Traits::ZFS] {
        for (size, clone) in [(0, None), (100, (volume.name != "ReFS").then_some(true))] {
            let trial = Trial::set_up(volume, volume, size);
            let found = trial.ask(Asked::File).unwrap();
            // Of a file of less than a cluster ReFS shares nothing; others may do.
            let why = if clone.is_none() { Reason::File } else { Reason::None };
            assert_eq!((found.clone, found.reason), (clone, why), "{} {size}", volume.name);
        }
    }
}

/// Its clone is locked too, and would keep its name.
#[test]
fn a_locked_file_is_asked_about_without_leaving_its_clone() {
    for volume in [Traits::APFS, Traits::OLD_APFS] {
        for asked in [Asked::File, Asked::FileFd] {
            let trial = Trial::set_up(volume, volume, 9000);
            trial.model.world_mut().disk.inodes[trial.source].flags = UF_IMMUTABLE;
            assert_eq!(trial.ask(asked).unwrap().clone, Some(true));
            trial.assert_left_nothing(false);
        }
    }
}

/// An empty clone proves nothing (SMB on NTFS).
#[test]
fn only_a_clone_of_data_counts() {
    let smb = Traits { clones_only_nothing: true, ..Traits::XFS };
    for asked in ALL {
        assert_eq!(probe(smb, asked).clone, Some(false), "{asked:?}");
    }
    for asked in [Asked::File, Asked::FileFd] {
        let trial = Trial::set_up(smb, smb, 0);
        assert_eq!(trial.ask(asked).unwrap().clone, None);
        let trial = Trial::set_up(Traits::XFS, Traits::XFS, 100);
        assert_eq!(trial.ask(asked).unwrap().clone, Some(true), "a file of less than a block");
    }
}

/// ZFS keeps the block size of a file that is emptied, and refuses a clone between two sizes.
#[test]
fn a_clone_is_tried_onto_a_file_that_was_never_written() {
    for (size, clone) in [(4, Call::CloneFile), (100_000, Call::CloneRange)] {
        let trial = Trial::set_up(Traits::XFS, Traits::XFS, size);
        assert_eq!(trial.ask(Asked::File).map(|found| found.clone), Ok(Some(true)));
        let calls = trial.model.world().calls_made();
        let before = calls.iter().take_while(|call| **call != clone).collect::<Vec<_>>();
        assert!(before.len() < calls.len());
        assert!(!before.iter().any(|call| [Call::SetSize, Call::WriteAt].contains(call)), "{before:?}");
    }
}

#[test]
fn what_cannot_be_tried_is_unknown_and_says_why() {
    for (call, errno, reason) in [
        (Call::CreateScratch, EACCES, Reason::Permission),
        (Call::CreateScratch, ENOSPC, Reason::Failure),
        (Call::WriteAt, EDQUOT, Reason::Failure),
        (Call::CloneRange, EPERM, Reason::Permission),
        (Call::CloneRange, EIO, Reason::Failure),
        (Call::CloneRange, EAGAIN, Reason::Transient),
    ] {
        let trial = Trial::set_up(Traits::XFS, Traits::XFS, 9000);
        trial.model.world_mut().faults.plan(Place::Of(call, 1), Fault::Errno(errno), Lasting::Kind);
        let found = trial.ask(Asked::Here).unwrap();
        assert_eq!((found.clone, found.reason, found.error), (None, reason, -errno), "{call:?}");
        trial.assert_left_nothing(false);
    }
}

/// As in a copy: after a signal, and while ZFS has not written the source's blocks.
#[test]
fn a_clone_that_only_needs_another_try_is_made_again() {
    for (errno, syncs) in [(EINTR, 0), (EAGAIN, 3)] {
        for call in [Call::CloneRange, Call::CloneFile] {
            let trial = Trial::set_up(Traits::XFS, Traits::XFS, 9000);
            trial.model.world_mut().faults.plan(Place::Of(call, 1), Fault::Errno(errno), Lasting::Times(3));
            let found = trial.ask(Asked::Here).unwrap();
            assert_eq!((found.clone, found.error), (Some(true), 0), "{call:?} {errno}");
            assert_eq!(trial.model.count(Call::Sync), syncs);
        }
    }
}

#[test]
fn a_small_limit_on_file_size_is_no_signal() {
    for limit in [0, 1, HOLE, HOLE + 1] {
        for asked in ALL {
            let trial = Trial::set_up(Traits::XFS, Traits::XFS, 9000);
            trial.model.world_mut().limit = limit;
            let found = trial.ask(asked).unwrap();
            assert_eq!(found.clone.is_none(), limit <= HOLE);
        }
    }
}

#[test]
fn sources_that_are_no_files_are_refused() {
    let trial = Trial::set_up(Traits::XFS, Traits::XFS, 0);
    let from = trial.from;
    trial.model.world_mut().disk.add(from, "source", What::Fifo, 0o600);
    assert_eq!(trial.ask(Asked::File).map_err(|error| error.cause), Err(Cause::NotRegular));
    assert_eq!(trial.model.world().leaked(), vec![]);
    let trial = Trial::set_up(Traits::XFS, Traits::XFS, 9000);
    assert_eq!(by_descriptor(&trial.model, None, trial.fds[2]).map_err(|error| error.errno()), Err(ENOTDIR));
    assert_eq!(
        by_descriptor(&trial.model, Some(999), trial.fds[1]).map_err(|error| error.errno()),
        Err(EBADF)
    );
}

/// Every call fails in every way: nothing is left, and "yes" and "no" stay true.
#[test]
fn every_call_of_a_probe() {
    let fuse = Traits { unnamed: false, remote: true, ..Traits::EXT4 };
    let other = Traits { pool: 5, ..Traits::XFS };
    let mut cases = 0;
    for (from, to) in [
        (Traits::XFS, Traits::XFS),
        (Traits::EXT4, Traits::EXT4),
        (fuse, fuse),
        (Traits::XFS, other),
        (Traits::REFS, Traits::REFS),
        (Traits::NTFS, Traits::NTFS),
        (Traits::APFS, Traits::APFS),
        (Traits::OLD_APFS, Traits::OLD_APFS),
        (Traits::ZFS, Traits::ZFS),
        (Traits::ZFS_14, Traits::ZFS_14),
    ] {
        for asked in ALL {
            let untouched = Trial::set_up(from, to, 9000);
            let truth = untouched.ask(asked).unwrap();
            let calls = untouched.model.world().calls_made();
            for (nth, call) in calls.iter().enumerate().map(|(at, call)| (at + 1, *call)) {
                for fault in faults_of(call) {
                    for lasting in [Lasting::Once, Lasting::Kind, Lasting::All] {
                        let trial = Trial::set_up(from, to, 9000);
                        trial.model.world_mut().faults.plan(Place::Nth(nth), fault, lasting);
                        let found = trial.ask(asked);
                        judge(&trial, &truth, fault, lasting, found);
                        cases += 1;
                    }
                }
            }
        }
    }
    assert!(cases > 10_000, "only {cases} cases");
    let _ = writeln!(std::io::stderr(), "probe: {cases} cases");
}

/// A server that stores a file when it is closed, and one that does not remove an open one.
#[test]
fn no_name_comes_back_or_stays_at_the_close() {
    let server = Traits { unnamed: false, remote: true, ..Traits::EXT4 };
    for volume in [Traits { stores_at_close: true, ..server }, Traits { unlinks_open: false, ..server }] {
        for asked in [Asked::Here, Asked::File, Asked::Directory] {
            let trial = Trial::set_up(volume, volume, 9000);
            assert_eq!(trial.ask(asked).unwrap().clone, Some(false));
            trial.assert_left_nothing(false);
        }
    }
}

fn faults_of(call: Call) -> Vec<Fault> {
    let errnos = [
        EIO, ENOSPC, EDQUOT, EINTR, EAGAIN, EPERM, EACCES, EINVAL, EXDEV, EOPNOTSUPP, ENOSYS, EBADF, ENOMEM,
        ENOENT, EROFS, EMFILE, ETXTBSY, EFBIG, EEXIST, EUCLEAN,
    ];
    let oddities =
        [Odd::Short, Odd::Zero, Odd::TooMuch, Odd::DirtyClone(EINVAL), Odd::DirtyClone(EIO), Odd::Backwards];
    let mut faults: Vec<Fault> = errnos.map(Fault::Errno).into();
    faults.extend(oddities.into_iter().filter(|odd| odd.applies_to(call)).map(Fault::Odd));
    faults
}

fn judge(trial: &Trial, truth: &Capability, fault: Fault, lasting: Lasting, found: Result<Capability>) {
    let case = || format!("{fault:?} {lasting:?} {found:?}\n{}", trial.model.world().story());
    let removes = [Call::Unlink, Call::RemoveDirectory];
    let unlinked = |event: &crate::sys::model::Event| removes.contains(&event.call) && event.outcome.is_err();
    let stuck = lasting != Lasting::Once && trial.model.world().log.iter().any(unlinked);
    trial.assert_left_nothing(stuck);
    let Ok(found) = found else {
        let errno = found.as_ref().map_err(|error| error.errno()).unwrap_err();
        assert!(matches!(fault, Fault::Errno(mine) if mine == errno), "not what was put in: {}", case());
        return;
    };
    let no_exchange = matches!(fault, Fault::Errno(errno) if table::exchange_unsupported(Errno(errno)));
    let exchange_stays_true = found.exchange.is_none() || found.exchange == truth.exchange;
    assert!(exchange_stays_true || (no_exchange && found.exchange == Some(false)), "{}", case());
    match found.clone {
        // A clone of data succeeded.
        Some(true) => assert!(truth.clone == Some(true), "{}", case()),
        // Only an answer that is about the volumes may say so.
        Some(false) => {
            let about_volumes = matches!(found.reason, Reason::Unsupported | Reason::CrossDevice);
            assert!(about_volumes && found.error != 0, "{}", case());
            let real = matches!(
                fault,
                Fault::Errno(EIO | ENOSPC | EDQUOT | ENOMEM | EROFS | EPERM | EACCES | EAGAIN)
            );
            assert!(truth.clone == Some(false) || !real, "a passing failure became a \"no\": {}", case());
        }
        None => {
            assert!(found.error != 0 || found.reason != Reason::None, "unknown, and no word why: {}", case())
        }
    }
    match found.dedupe {
        Some(true) => assert!(truth.dedupe == Some(true) && found.dedupe_error == 0, "{}", case()),
        Some(false) => {
            let passing =
                matches!(fault, Fault::Errno(EIO | ENOSPC | EPERM | EACCES | EAGAIN | ENOMEM | EROFS));
            assert!(found.dedupe_error != 0 && (truth.dedupe == Some(false) || !passing), "{}", case());
        }
        None => assert!(found.dedupe_error != 0, "unknown, and no word why: {}", case()),
    }
    assert!(found.clone != Some(true) || (found.reason, found.error) == (Reason::None, 0), "{}", case());
    assert_eq!(found.range, found.granularity > 0, "{}", case());
}
