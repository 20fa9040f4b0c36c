//! Every call of every scenario fails in every way: the n-th call, for n = 1, 2, ... to the last, with each errno and
//! with each odd result, once, for good in its kind, and for good in all that follows (the method of SQLite's tests).

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::verdicts::{Injected, Judged};
use super::{Api, Scenario, Source, There};
use crate::copy::range::LARGEST as TO_END;
use crate::copy::{Durability, IfExists, Mode, Options, Permissions, Preserve};
use crate::sys::errno::*;
use crate::sys::model::Call;
use crate::sys::model::disk::{KernelCopy, Traits};
use crate::sys::model::fault::{Fault, Lasting, Odd, Place};

/// What the n-th call fails with; the last one is an oddity that no table knows.
const ERRNOS: [i32; 20] = [
    EIO, ENOSPC, EDQUOT, EINTR, EAGAIN, EPERM, EACCES, EINVAL, EXDEV, EOPNOTSUPP, ENOSYS, EBADF, ENOMEM,
    ENOENT, EROFS, EMFILE, ETXTBSY, EFBIG, EUCLEAN, 200,
];

const ODDITIES: [Odd; 10] = [
    Odd::Short,
    Odd::Zero,
    Odd::TooMuch,
    Odd::ShortClone,
    Odd::DirtyClone(EINVAL),
    Odd::DirtyClone(EIO),
    Odd::DirtyClone(ENOSPC),
    Odd::DirtyClone(EMLINK),
    Odd::DirtyClone(EINTR),
    Odd::Backwards,
];

const LASTING: [Lasting; 4] = [Lasting::Once, Lasting::Times(3), Lasting::Kind, Lasting::All];

fn faults_of(call: Call) -> Vec<Fault> {
    let mut faults: Vec<Fault> = ERRNOS.into_iter().map(Fault::Errno).collect();
    faults.extend(ODDITIES.into_iter().filter(|odd| odd.applies_to(call)).map(Fault::Odd));
    // A server did it and its reply was lost: the error, or what the second try says.
    let lost: &[i32] = match call {
        Call::RenameNew | Call::RenameOver => &[EIO, EINTR, ENOENT],
        Call::Link => &[EIO, EINTR, EEXIST],
        _ => &[],
    };
    faults.extend(lost.iter().copied().map(Fault::DoneThen));
    faults
}

/// Not every pair says something new: a reply is lost once; a few failures are enough where
/// everything fails; only what is tried again is worth failing three times.
fn worth_a_case(fault: Fault, lasting: Lasting) -> bool {
    match lasting {
        Lasting::Once => true,
        Lasting::Times(_) => matches!(fault, Fault::Errno(EINTR | EAGAIN | EIO) | Fault::Odd(_)),
        Lasting::Kind => !matches!(fault, Fault::DoneThen(_)),
        Lasting::All => matches!(fault, Fault::Errno(EIO | ENOSPC | EPERM | EINTR | EOPNOTSUPP | EUCLEAN)),
    }
}

/// What broke: the first line of the message with the number of cases, and one of them whole.
#[derive(Default)]
pub(crate) struct Findings(BTreeMap<String, (usize, String)>);

impl Findings {
    fn note(&mut self, call: Call, message: String) {
        let line = format!("{call:?}: {}", message.lines().next().unwrap_or_default());
        self.0.entry(line).or_insert((0, message)).0 += 1;
    }
}

/// Attacks each call of one scenario, and returns how many cases that were.
fn attack(scenario: &Scenario, findings: &mut Findings) -> usize {
    let (bench, untouched) = scenario.play();
    let judged =
        Judged { scenario, bench: &bench, outcome: &untouched, untouched: &untouched, injected: None };
    assert_eq!(judged.broken(), None, "with nothing put in");
    let calls = bench.model.world().calls_made();
    let mut cases = 0;
    for (nth, call) in calls.into_iter().enumerate().map(|(at, call)| (at + 1, call)) {
        for fault in faults_of(call) {
            for lasting in LASTING {
                if !worth_a_case(fault, lasting) {
                    continue;
                }
                let attacked = || attack_once(scenario, &untouched, nth, Injected { fault, lasting });
                let broken = catch_unwind(AssertUnwindSafe(attacked)).unwrap_or_else(|panic| {
                    Some(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into()))
                });
                if let Some(message) = broken {
                    let case = format!("call {nth}: {fault:?}, {lasting:?} in {scenario:?}");
                    findings.note(call, format!("{message}\n{case}"));
                }
                cases += 1;
            }
        }
    }
    cases
}

fn attack_once(
    scenario: &Scenario,
    untouched: &super::Outcome,
    nth: usize,
    injected: Injected,
) -> Option<String> {
    let bench = scenario.set_up();
    let mut world = bench.model.world_mut();
    world.faults.plan(Place::Nth(nth), injected.fault, injected.lasting);
    // Where nothing but reading tells the end, an end that is none cannot be known for one.
    let ends_by_reading = matches!(scenario.source, Source::Pseudo | Source::Sysfs | Source::Hole);
    world.watch.source_moves = ends_by_reading && injected.fault == Fault::Odd(Odd::Zero);
    drop(world);
    let outcome = scenario.run(&bench);
    assert!(bench.model.world().faults.fired > 0, "the fault was never due");
    Judged { scenario, bench: &bench, outcome: &outcome, untouched, injected: Some(injected) }.broken()
}

/// Attacks many, and says how many cases ran (past the harness, which would keep it).
fn attack_all(what: &str, scenarios: &[Scenario]) {
    let mut findings = Findings::default();
    let cases: usize = scenarios.iter().map(|scenario| attack(scenario, &mut findings)).sum();
    assert!(cases > 1000, "{what}: only {cases} cases");
    let _ = writeln!(std::io::stderr(), "{what}: {} scenarios, {cases} cases", scenarios.len());
    let broken: usize = findings.0.values().map(|(count, _)| count).sum();
    let told: String = findings
        .0
        .iter()
        .map(|(line, (count, one))| format!("\n== {what}: {count} x {line}\n{one}"))
        .collect();
    assert!(broken == 0, "{what}: {broken} of {cases} cases broke a promise{told}");
}

/// The volumes of the issue: what is cloned from, and what to.
fn volumes() -> Vec<(Traits, Traits, Source)> {
    let xfs = Traits::XFS;
    let ext4 = Traits::EXT4;
    let nfs3 = Traits {
        name: "nfs",
        unnamed: false,
        rename_new: false,
        tells_holes: false,
        kernel_copy: KernelCopy::Refuses(EOPNOTSUPP),
        remote: true,
        ..ext4
    };
    let vfat = Traits {
        name: "vfat",
        unnamed: false,
        rename_new: false,
        links: false,
        has_holes: false,
        tells_holes: false,
        punches: false,
        attributes: false,
        kernel_copy: KernelCopy::Refuses(EXDEV),
        pool: 9,
        ..ext4
    };
    let fuse = Traits { name: "fuse", unnamed: false, links: false, remote: true, pool: 8, ..ext4 };
    let no_link_by_descriptor = Traits { links_unnamed: false, ..xfs };
    vec![
        (xfs, xfs, Source::Plain),
        (xfs, xfs, Source::Empty),
        (xfs, xfs, Source::Tiny),
        (xfs, xfs, Source::Sparse),
        (ext4, ext4, Source::Plain),
        (ext4, ext4, Source::Sparse),
        (ext4, ext4, Source::Empty),
        (xfs, ext4, Source::Hole),
        (nfs3, nfs3, Source::Sparse),
        (xfs, vfat, Source::Sparse),
        (xfs, fuse, Source::Aligned),
        (xfs, no_link_by_descriptor, Source::Plain),
        (Traits::PROC, xfs, Source::Pseudo),
        (Traits::PROC, ext4, Source::Sysfs),
    ]
}

/// The volumes of the other systems, by their own calls.
fn foreign_volumes() -> Vec<(Traits, Traits, Source)> {
    let other_refs = Traits { name: "other", pool: 29, ..Traits::REFS };
    let full_refs = Traits { name: "full", references: 1, ..Traits::REFS };
    let exfat = Traits { name: "exfat", rename_new: false, links: false, ..Traits::HFS };
    vec![
        (Traits::REFS, Traits::REFS, Source::Plain),
        (Traits::REFS, Traits::REFS, Source::Sparse),
        (Traits::REFS, Traits::REFS, Source::Tiny),
        (Traits::REFS, Traits::REFS, Source::Empty),
        (Traits::REFS, other_refs, Source::Plain),
        (full_refs, full_refs, Source::Plain),
        (Traits::NTFS, Traits::NTFS, Source::Plain),
        (Traits::APFS, Traits::APFS, Source::Plain),
        (Traits::APFS, Traits::APFS, Source::Empty),
        (Traits::OLD_APFS, Traits::OLD_APFS, Source::Sparse),
        (Traits::HFS, Traits::HFS, Source::Plain),
        (Traits::APFS, exfat, Source::Plain),
        (Traits::ZFS, Traits::ZFS, Source::Plain),
        (Traits::ZFS, Traits::ZFS, Source::Empty),
        (Traits::ZFS_14, Traits::ZFS_14, Source::Plain),
        (Traits::UFS, Traits::ZFS, Source::Sparse),
    ]
}

fn file_scenarios(mode: Mode) -> Vec<Scenario> {
    file_scenarios_on(mode, volumes())
}

fn file_scenarios_on(mode: Mode, volumes: Vec<(Traits, Traits, Source)>) -> Vec<Scenario> {
    let mut all = Vec::new();
    for (from, to, source) in volumes {
        for durability in [Durability::Atomic, Durability::Durable, Durability::Unstaged] {
            for (if_exists, there) in [
                (IfExists::Fail, There::Nothing),
                (IfExists::Replace, There::Nothing),
                (IfExists::Replace, There::File(3000)),
                (IfExists::Replace, There::Symlink),
                (IfExists::Fail, There::File(10)),
            ] {
                let odd = matches!(there, There::Symlink | There::File(10));
                if odd && durability != Durability::Atomic {
                    continue; // these go no other way
                }
                let options = Options { mode, if_exists, durability, ..Options::default() };
                all.push(Scenario { options, from, to, source, there, ..Scenario::file() });
            }
        }
    }
    all
}

#[test]
fn every_call_of_a_file_copy_that_may_clone() {
    attack_all("file, AUTO", &file_scenarios(Mode::Auto));
}

#[test]
fn every_call_of_a_file_copy_that_must_clone() {
    attack_all("file, ALWAYS", &file_scenarios(Mode::Always));
}

#[test]
fn every_call_of_a_file_copy_that_must_not_clone() {
    attack_all("file, NEVER", &file_scenarios(Mode::Never));
}

#[test]
fn every_call_of_a_file_copy_on_another_system() {
    attack_all("file, other systems, AUTO", &file_scenarios_on(Mode::Auto, foreign_volumes()));
}

#[test]
fn every_call_of_a_file_copy_that_must_clone_on_another_system() {
    let scenarios = file_scenarios_on(Mode::Always, foreign_volumes()).into_iter();
    let some = scenarios.filter(|one| one.options.durability != Durability::Durable); // AUTO has it
    attack_all("file, other systems, ALWAYS", &some.collect::<Vec<Scenario>>());
}

#[test]
fn every_call_of_a_file_copy_that_must_not_clone_on_another_system() {
    let scenarios = file_scenarios_on(Mode::Never, foreign_volumes()).into_iter();
    let some = scenarios
        .filter(|one| one.options.durability != Durability::Durable)
        .filter(|one| one.there == There::Nothing && one.source != Source::Empty);
    attack_all("file, other systems, NEVER", &some.collect::<Vec<Scenario>>());
}

#[test]
fn every_call_of_a_watched_file_copy_on_another_system() {
    let scenarios = file_scenarios_on(Mode::Auto, foreign_volumes()).into_iter();
    let some =
        scenarios.filter(|one| one.options.durability == Durability::Atomic && one.there != There::Nothing);
    let mut all: Vec<Scenario> = some.map(|one| Scenario { watched: true, ..one }).collect();
    all.push(Scenario { source: Source::Huge, watched: true, ..Scenario::new(Api::File, Traits::REFS) });
    attack_all("file, other systems, AUTO, watched", &all);
}

#[test]
fn every_call_of_a_watched_file_copy() {
    let scenarios = file_scenarios(Mode::Auto).into_iter().filter(|one| one.there == There::Nothing);
    let mut all: Vec<Scenario> = scenarios.map(|one| Scenario { watched: true, ..one }).collect();
    all.push(Scenario { source: Source::Huge, watched: true, ..Scenario::file() });
    attack_all("file, AUTO, watched", &all);
}

/// Source and directory with everything that can be preserved.
fn rich(bench: &super::Bench) {
    let (source, directory) = (bench.source, bench.directory);
    bench.disk(|disk| {
        let inode = &mut disk.inodes[source];
        inode.mode = 0o4750;
        inode.flags = 0x8020; // hidden and compressed
        (inode.acl, inode.group_entry) = (Some(vec![(7, 5), (8, 4)]), 4);
        for name in ["user.one", "user.two", "trusted.three", "security.selinux", "security.capability"] {
            inode.attributes.insert(name.into(), name.to_uppercase().into());
        }
        let keeps = disk.traits(directory).attributes;
        disk.inodes[directory].default_acl = keeps.then(|| vec![(9, 7)]);
    });
}

#[test]
fn every_call_of_each_preserve_bit() {
    let none = Preserve::default();
    let bits = [
        Preserve { times: true, ..none },
        Preserve { owner: true, ..none },
        Preserve { attributes: true, ..none },
        Preserve { acl: true, ..none },
        Preserve { times: true, owner: true, attributes: true, acl: true },
    ];
    let mut all = Vec::new();
    let plain = Traits { attributes: false, ..Traits::EXT4 };
    for preserve in bits {
        for to in [Traits::XFS, Traits { unnamed: false, ..Traits::EXT4 }, plain] {
            for best_effort_metadata in [false, true] {
                for durability in [Durability::Atomic, Durability::Unstaged] {
                    let options =
                        Options { preserve, best_effort_metadata, durability, ..Options::default() };
                    all.push(Scenario {
                        options,
                        to,
                        source: Source::Tiny,
                        arrange: rich,
                        ..Scenario::file()
                    });
                }
            }
        }
        let options = Options { preserve, ..Options::default() };
        let there = There::File(10);
        let descriptor = Scenario::new(Api::Descriptor, Traits::XFS);
        all.push(Scenario { options, there, source: Source::Tiny, arrange: rich, ..descriptor });
    }
    attack_all("preserved metadata", &all);
}

#[test]
fn every_call_of_a_copy_into_the_file_that_is_there() {
    let mut all = Vec::new();
    for (from, to, source) in volumes().into_iter().chain(foreign_volumes()) {
        for mode in [Mode::Auto, Mode::Always] {
            for (there, follow_destination) in [
                (There::Nothing, false),
                (There::File(700), false),
                (There::File(9000), false),
                (There::LinkTo(700), true),
                (There::LinkTo(700), false),
                (There::Symlink, true),
            ] {
                let preserve = Preserve { times: there == There::File(700), ..Preserve::default() };
                let if_exists = IfExists::Overwrite;
                let options = Options { mode, if_exists, follow_destination, preserve, ..Options::default() };
                all.push(Scenario { options, from, source, there, ..Scenario::new(Api::File, to) });
            }
        }
    }
    attack_all("overwriting", &all);
}

#[test]
fn every_call_of_each_choice_of_permissions() {
    let none = Preserve::default();
    let wide: fn(&super::Bench) = |bench| {
        bench.disk(|disk| disk.inodes[bench.source].mode = 0o4666);
        bench.model.world_mut().umask = 0o027;
    };
    let staged = Traits { unnamed: false, ..Traits::EXT4 };
    let mut all = Vec::new();
    for permissions in [Permissions::Umask, Permissions::New] {
        for volume in [Traits::XFS, staged, Traits::APFS] {
            for preserve in [none, Preserve { owner: true, ..none }, Preserve { attributes: true, ..none }] {
                for durability in [Durability::Atomic, Durability::Unstaged] {
                    let options = Options { permissions, preserve, durability, ..Options::default() };
                    let base = Scenario::new(Api::File, volume);
                    all.push(Scenario { options, source: Source::Tiny, arrange: wide, ..base });
                }
            }
        }
    }
    attack_all("permissions", &all);
}

/// A clone by name brings everything, and keeps what is asked for; Windows has times alone.
#[test]
fn every_call_of_each_preserve_bit_on_another_system() {
    let none = Preserve::default();
    let everything = Preserve { times: true, owner: true, attributes: true, acl: true };
    let bits = [
        none,
        Preserve { times: true, ..none },
        Preserve { attributes: true, ..none },
        Preserve { acl: true, ..none },
        everything,
    ];
    let mut all = Vec::new();
    for preserve in bits {
        for volume in [Traits::APFS, Traits::OLD_APFS, Traits::HFS, Traits::ZFS, Traits::REFS] {
            for best_effort_metadata in [false, true] {
                for durability in [Durability::Atomic, Durability::Unstaged] {
                    let options =
                        Options { preserve, best_effort_metadata, durability, ..Options::default() };
                    let base = Scenario::new(Api::File, volume);
                    all.push(Scenario { options, source: Source::Tiny, arrange: rich, ..base });
                }
            }
        }
    }
    attack_all("preserved metadata, other systems", &all);
}

#[test]
fn every_call_of_a_copy_between_descriptors() {
    let mut all = Vec::new();
    let smb = Traits { clones_only_nothing: true, remote: true, ..Traits::XFS };
    let odd_units = Traits { clone_unit: 4096, preferred: 4096, ..Traits::XFS };
    let more = [(smb, smb, Source::Plain), (odd_units, odd_units, Source::Plain)];
    for (from, to, source) in volumes().into_iter().chain(more) {
        for mode in [Mode::Auto, Mode::Always, Mode::Never] {
            for (there, watched, durability) in [
                (There::File(0), false, Durability::Durable),
                (There::File(0), true, Durability::Atomic),
                (There::File(700), false, Durability::Atomic),
                (There::File(9000), false, Durability::Atomic),
                (There::File(9000), true, Durability::Atomic),
            ] {
                let options = Options { mode, durability, ..Options::default() };
                let base = Scenario::new(Api::Descriptor, to);
                all.push(Scenario { options, from, source, there, watched, ..base });
            }
        }
    }
    attack_all("descriptors", &all);
}

#[test]
fn every_call_of_a_copy_between_descriptors_on_another_system() {
    let mut all = Vec::new();
    for (from, to, source) in foreign_volumes() {
        for mode in [Mode::Auto, Mode::Always] {
            for (there, watched) in [
                (There::File(0), false),
                (There::File(700), false),
                (There::File(9000), false),
                (There::File(9000), true),
            ] {
                let options = Options { mode, ..Options::default() };
                let base = Scenario::new(Api::Descriptor, to);
                all.push(Scenario { options, from, source, there, watched, ..base });
            }
        }
    }
    attack_all("descriptors, other systems", &all);
}

#[test]
fn every_call_of_a_range_on_another_system() {
    let ranges = [
        (0, 0, 2048),         // aligned, inside
        (1024, 3072, TO_END), // to the end of both
        (100, 1124, 3000),    // congruent
        (100, 2148, TO_END),  // congruent, to the end
        (100, 101, 3000),     // not congruent
        (1024, 20_480, 2048), // beyond the destination's end
    ];
    let mut all = Vec::new();
    for (from, to, source) in foreign_volumes() {
        for (src_offset, dst_offset, length) in ranges {
            for mode in [Mode::Auto, Mode::Always] {
                let api = Api::Range { src_offset, dst_offset, length };
                let options = Options { mode, ..Options::default() };
                let there = There::File(9000);
                all.push(Scenario { options, from, source, there, ..Scenario::new(api, to) });
            }
        }
    }
    for volume in [Traits::REFS, Traits::ZFS] {
        for (api, there) in [
            (Api::Range { src_offset: 0, dst_offset: 0, length: TO_END }, There::File(0)),
            (Api::Range { src_offset: 0, dst_offset: 4096, length: 1024 }, There::Source),
        ] {
            all.push(Scenario { there, ..Scenario::new(api, volume) });
        }
    }
    attack_all("ranges, other systems", &all);
}

#[test]
fn every_call_of_a_range_that_only_shares() {
    let ranges = [
        (0, 0, 2048),         // aligned
        (0, 0, TO_END),       // by a larger unit too
        (1024, 3072, TO_END), // to the end of both
        (100, 1124, 3000),    // congruent
        (100, 2148, TO_END),  // congruent, to the end
        (100, 101, 3000),     // not congruent
        (500, 20_980, 3000),  // beyond the destination's end
        (10, 10, 500),        // less than a block
    ];
    let odd_units = Traits { clone_unit: 4096, preferred: 4096, ..Traits::XFS };
    let mut all = Vec::new();
    for (from, to, source) in
        volumes().into_iter().chain(foreign_volumes()).chain([(odd_units, odd_units, Source::Plain)])
    {
        for (src_offset, dst_offset, length) in ranges {
            for mode in [Mode::Auto, Mode::Always] {
                let api = Api::Range { src_offset, dst_offset, length };
                let options = Options { mode, share_only: true, ..Options::default() };
                let there = There::File(9000);
                all.push(Scenario { options, from, source, there, ..Scenario::new(api, to) });
            }
        }
    }
    for mode in [Mode::Auto, Mode::Always] {
        let api = Api::Range { src_offset: 0, dst_offset: 0, length: TO_END };
        let options = Options { mode, share_only: true, ..Options::default() };
        let (source, there) = (Source::Huge, There::File(0)); // in more than one step
        all.push(Scenario { options, source, there, watched: true, ..Scenario::new(api, Traits::XFS) });
    }
    attack_all("ranges, sharing only", &all);
}

#[test]
fn every_call_of_a_range() {
    let ranges = [
        (0, 0, 2048),         // aligned
        (1024, 3072, TO_END), // to the end, aligned
        (100, 1124, 3000),    // congruent
        (100, 2148, TO_END),  // congruent, to the end
        (100, 101, 3000),     // not congruent
        (500, 20_000, 1500),  // beyond the destination's end
        (10_000, 0, 50),      // beyond the source's end
        (0, 0, 0),            // nothing
    ];
    let mut all = Vec::new();
    for (from, to, source) in volumes() {
        for (src_offset, dst_offset, length) in ranges {
            for mode in [Mode::Auto, Mode::Always, Mode::Never] {
                let api = Api::Range { src_offset, dst_offset, length };
                let options = Options { mode, ..Options::default() };
                let there = There::File(9000);
                all.push(Scenario { options, from, source, there, ..Scenario::new(api, to) });
            }
        }
    }
    for (dst_offset, there) in [(0, There::File(0)), (4096, There::Source), (2148, There::Source)] {
        for mode in [Mode::Auto, Mode::Always, Mode::Never] {
            for volume in [Traits::XFS, Traits::EXT4] {
                let api = Api::Range { src_offset: 100 % (dst_offset + 1), dst_offset, length: 2000 };
                let options = Options { mode, durability: Durability::Durable, ..Options::default() };
                let arrange: fn(&super::Bench) = |bench| {
                    let (src, dst) = (bench.src, bench.dst);
                    assert!(src != dst);
                };
                all.push(Scenario { options, there, arrange, ..Scenario::new(api, volume) });
            }
        }
    }
    attack_all("ranges", &all);
}
