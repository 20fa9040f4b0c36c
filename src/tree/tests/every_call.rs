//! Tree copies over the model of a file system: every call fails in every way. Whatever happens, the destination's name shows
//! the old tree or the complete new one, nothing is left that is not reported, nothing leaks, and the counts add up.

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::copy::{self, Durability, Mode, Permissions, Preserve};
use crate::error::{Cause, Error, Result, Step};
use crate::sys::errno::*;
use crate::sys::model::data::Data;
use crate::sys::model::disk::{Disk, Ino, ROOT, Traits, What};
use crate::sys::model::fault::{Fault, Lasting, Place};
use crate::sys::model::tree::{TreeWatch, View, snapshot, times};
use crate::sys::model::{CWD, Call, Model, When, World};
use crate::sys::{Errno, Kind, Time};

/// What the n-th call fails with; the last one is an oddity that no table knows.
const ERRNOS: [i32; 20] = [
    EIO, ENOSPC, EDQUOT, EINTR, EAGAIN, EPERM, EACCES, EINVAL, EXDEV, EOPNOTSUPP, ENOSYS, EBADF, ENOMEM,
    ENOENT, EROFS, EMFILE, EEXIST, ENOTDIR, EMLINK, 200,
];

/// A caller who skips what fails, or stops.
#[derive(Default)]
struct Caller {
    skips: bool,
    asked: Vec<(String, Error)>,
    done: Vec<String>,
}

impl Watch for Caller {
    fn wants(&self) -> Wants {
        Wants { filter: false, errors: true, done: true, progress: true }
    }
    fn on_error(&mut self, entry: &Entry, error: &Error) -> bool {
        self.asked.push((entry.path.to_str().unwrap().into(), *error));
        self.skips
    }
    fn on_done(&mut self, entry: &Entry, _: u64, _: &copy::Report) -> bool {
        self.done.push(entry.path.to_str().unwrap().into());
        true
    }
}

/// What has the destination's name before the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nothing,
    Tree,
    Link,
}

/// One kind of copy.
#[derive(Clone, Debug)]
struct Scenario {
    volume: Traits,
    /// The system can sync a whole file system.
    syncs_volumes: bool,
    ordinary_user: bool,
    there: There,
    skips: bool,
    /// The copy is to be as its source in all that is compared.
    compared: bool,
    options: Options,
}

struct Bench {
    model: Model,
    source: Ino,
    parent: Ino,
}

struct Outcome {
    outcome: Result<()>,
    report: Report,
    caller: Caller,
}

fn directory() -> What {
    What::Directory(Default::default())
}

/// A small tree with one of everything.
fn build(disk: &mut Disk, root: Ino) {
    disk.inodes[root].mode = 0o750;
    disk.add_file(root, "a-file", &[Some(b"text"), None], 0o644);
    disk.add(root, "b-link", What::Symlink(b"../nowhere".to_vec()), 0o777);
    // No more for the group than for others: an ACL that cannot be seen changes nothing.
    disk.add(root, "c-fifo", What::Fifo, 0o644);
    let sub = disk.add(root, "d-sub", directory(), 0o555);
    disk.add_file(sub, "empty", &[], 0o444);
    let file = disk.lookup(root, b"a-file").unwrap();
    disk.set_name(sub, b"same", Some(file));
    disk.add(sub, "whiteout", What::Special(Kind::CharacterDevice, 0), 0o600);
    for (at, ino) in (0..disk.inodes.len()).enumerate() {
        if ino >= root {
            let time = Time { seconds: 500 + at as i64, nanoseconds: 0 };
            (disk.inodes[ino].accessed, disk.inodes[ino].modified) = (time, time);
        }
    }
}

impl Scenario {
    fn new(options: Options) -> Self {
        Self {
            volume: Traits::XFS,
            syncs_volumes: true,
            ordinary_user: false,
            there: There::Nothing,
            skips: false,
            compared: true,
            options,
        }
    }

    fn set_up(&self) -> Bench {
        let model = Model::new(vec![self.volume]);
        let mut world = model.world_mut();
        world.ordinary_user = self.ordinary_user;
        world.syncs_volumes = self.syncs_volumes;
        let disk = &mut world.disk;
        let parent = disk.add_directory("to", 0);
        let first = disk.inodes.len();
        match self.there {
            There::Nothing => {}
            There::Link => drop(disk.add(parent, "copy", What::Symlink(b"/from".to_vec()), 0o777)),
            There::Tree => {
                let old = disk.add(parent, "copy", directory(), 0o711);
                disk.add_file(old, "a-file", &[Some(b"old")], 0o600);
                let sub = disk.add(old, "d-sub", directory(), 0o700);
                disk.add_file(sub, "only-here", &[Some(b"stays")], 0o600);
            }
        }
        if self.options.if_exists == IfExists::Replace {
            for ino in first..disk.inodes.len() {
                disk.inodes[ino].engines = true; // it may be removed, after it was replaced
            }
        }
        let source = disk.add_directory("from", 0);
        build(disk, source);
        let unstaged = self.options.files.durability == Durability::Unstaged;
        let open = self.options.if_exists == IfExists::Merge || unstaged || self.options.two_renames;
        world.watch.tree = Some(TreeWatch::new(parent, b"copy", open));
        let World { watch, disk, .. } = &mut *world;
        watch.start(disk);
        drop(world);
        Bench { model, source, parent }
    }

    fn run(&self, bench: &Bench) -> Outcome {
        let request =
            Request { src_dir: CWD, src: c"from", dst_dir: CWD, dst: c"to/copy", options: &self.options };
        let (mut caller, mut report) = (Caller { skips: self.skips, ..Caller::default() }, Report::default());
        let outcome = copy(&bench.model, &request, &mut caller, &mut report);
        Outcome { outcome, report, caller }
    }
}

/// What was put in.
#[derive(Clone, Copy)]
struct Injected {
    nth: usize,
    fault: Fault,
    lasting: Lasting,
}

/// The promises after a copy. `None`: all hold.
fn broken(
    scenario: &Scenario,
    bench: &Bench,
    outcome: &Outcome,
    injected: Option<Injected>,
) -> Option<String> {
    let world = bench.model.world();
    let report = &outcome.report;
    if !world.leaked().is_empty() || world.most_open > 64 + 4 {
        return Some(format!("descriptors: {:?} left, {} at most", world.leaked(), world.most_open));
    }
    let counts = &report.counts;
    if counts.seen != counts.done() + counts.not_reached {
        return Some(format!("the counts do not add up: {counts:?}"));
    }
    let disk = &world.disk;
    let merges = scenario.options.if_exists == IfExists::Merge && scenario.there == There::Tree;
    let there = disk.lookup(bench.parent, b"copy");
    let watch = world.watch.tree.as_ref().unwrap();
    let is_old = watch.is_old(disk);
    if outcome.outcome.is_ok() && !report.published {
        return Some("it succeeds and says that nothing is published".into());
    }
    // Under its own name it may be left where nothing can be removed any more.
    let unstaged = scenario.options.files.durability == Durability::Unstaged;
    let lost = |injected: Injected| matches!(injected.fault, Fault::DoneThen(_));
    let may_stay =
        unstaged && injected.is_some_and(|injected| injected.lasting != Lasting::Once || lost(injected));
    if !merges && !may_stay && report.published == is_old && there.is_some() {
        return Some(format!("published is {}, the name holds the old is {is_old}", report.published));
    }
    left_behind(bench, outcome, disk, injected, watch)
        .or_else(|| {
            let complete = counts.vanished == 0 && counts.failed == 0 && outcome.outcome.is_ok();
            let ino = there.filter(|_| complete && scenario.compared)?;
            if merges {
                merged_wrongly(&world, bench.source, ino)
            } else {
                differs(scenario, &world, bench.source, ino)
            }
        })
        .or_else(|| reported_wrongly(outcome, injected?))
}

/// Nothing stays beside the destination but what is reported, and what could not be removed.
fn left_behind(
    bench: &Bench,
    outcome: &Outcome,
    disk: &Disk,
    injected: Option<Injected>,
    watch: &TreeWatch,
) -> Option<String> {
    let names = disk.names(bench.parent);
    let private: Vec<&[u8]> =
        names.keys().map(Vec::as_slice).filter(|name| name.starts_with(b".reflink-")).collect();
    let reported =
        outcome.report.litter.map(|litter| litter.iter().copied().take_while(|byte| *byte != 0).collect());
    let reported: Option<Vec<u8>> = reported;
    for name in &private {
        if reported.as_deref() != Some(*name) {
            // One that a lost reply left, or that could not even be looked at, is not known of.
            let may = injected.is_some_and(|injected| {
                // What the system says is gone is believed to be gone.
                matches!(injected.fault, Fault::DoneThen(_) | Fault::Errno(ENOENT))
                    || injected.lasting != Lasting::Once
            });
            if !may {
                return Some(format!("{} is left and not reported", String::from_utf8_lossy(name)));
            }
        }
    }
    let old =
        watch.old().filter(|_| !watch.is_old(disk) && outcome.outcome.is_err() && !outcome.report.published);
    if let Some((old, _)) = old {
        let kept = names.values().any(|ino| ino == old);
        return (!kept && !watch.open).then(|| "the old tree is gone, and nothing is published".into());
    }
    None
}

/// What of a copy must be as in its source: where nobody says whether there is an access control list, the group may get less;
/// where no further name is possible, there is a file of its own.
fn view(world: &World) -> View {
    let refused = |call: Call, errnos: &[i32]| {
        let injected = world.log.iter().filter(|event| event.injected && event.call == call);
        injected.into_iter().any(|event| event.outcome.is_err_and(|errno| errnos.contains(&errno)))
    };
    View {
        modes: if refused(Call::GetAttribute, &[ENOSYS, EPERM, EACCES]) { 0o7707 } else { 0o7777 },
        links: !refused(Call::Link, &[EMLINK, EPERM, EOPNOTSUPP, ENOSYS, EXDEV]),
    }
}

/// Whether a copy is not what its source is.
fn differs(scenario: &Scenario, world: &World, source: Ino, copy: Ino) -> Option<String> {
    let (disk, view) = (&world.disk, view(world));
    let (from, to) = (snapshot(disk, source, view), snapshot(disk, copy, view));
    if from != to {
        return Some(format!("not a copy\n{from}\n{to}"));
    }
    let (from, to) = (times(disk, source), times(disk, copy));
    (scenario.options.files.preserve.times && from != to).then(|| format!("times\n{from:?}\n{to:?}"))
}

/// A merged tree: all entries of the source, and those that only the destination had.
fn merged_wrongly(world: &World, source: Ino, copy: Ino) -> Option<String> {
    let (disk, view) = (&world.disk, view(world));
    let strip_modes = |text: String| -> Vec<String> {
        text.lines()
            .map(|line| {
                let mut parts = line.split(' ').collect::<Vec<_>>();
                if parts.get(2) == Some(&"directory") {
                    parts.remove(1); // those that are there keep theirs
                }
                parts.join(" ")
            })
            .collect()
    };
    let (from, to) = (strip_modes(snapshot(disk, source, view)), strip_modes(snapshot(disk, copy, view)));
    let missing: Vec<_> = from.iter().filter(|line| !to.contains(line)).collect();
    let kept = to.iter().any(|line| line.starts_with("./d-sub/only-here "));
    (!missing.is_empty() || !kept || to.len() != from.len() + 1).then(|| format!("merged\n{from:?}\n{to:?}"))
}

/// A failure must be the one that was put in, or what follows from it.
fn reported_wrongly(outcome: &Outcome, injected: Injected) -> Option<String> {
    let (Fault::Errno(errno) | Fault::DoneThen(errno)) = injected.fault else { return None };
    let Err(error) = &outcome.outcome else { return None };
    let said = match error.cause {
        Cause::System(said) => said,
        Cause::Inconsistent => return None,
        Cause::NameClash if errno == EEXIST => return None,
        _ => return Some(format!("{error:?}")),
    };
    if said.is(errno) || said.raw() == errno || injected.lasting != Lasting::Once {
        return None;
    }
    let follows: &[i32] = match errno {
        EEXIST => &[ENOTEMPTY],
        ENOENT | ENOTDIR => &[ENOTEMPTY, EEXIST, ENOTDIR, EISDIR, ENOENT],
        EPERM => &[EACCES, EOPNOTSUPP],
        _ => &[EOPNOTSUPP, EEXIST],
    };
    (!follows.iter().any(|errno| said.is(*errno))).then(|| format!("failed with {said:?}"))
}

fn attack_once(scenario: &Scenario, injected: Injected) -> Option<String> {
    let bench = scenario.set_up();
    bench.model.world_mut().faults.plan(Place::Nth(injected.nth), injected.fault, injected.lasting);
    let outcome = scenario.run(&bench);
    assert!(bench.model.world().faults.fired > 0, "the fault was never due");
    broken(scenario, &bench, &outcome, Some(injected)).map(|message| {
        let (asked, story) = (&outcome.caller.asked, bench.model.world().story());
        format!("{message}\n{:?} {:?} {asked:?}\n{story}", outcome.outcome, outcome.report)
    })
}

fn faults_of(call: Call) -> Vec<Fault> {
    let mut faults: Vec<Fault> = ERRNOS.into_iter().map(Fault::Errno).collect();
    // A server did it and its reply was lost.
    let lost: &[i32] = match call {
        Call::RenameNew | Call::Exchange | Call::MakeDirectory | Call::Link => &[EIO],
        Call::Unlink | Call::RemoveDirectory => &[EIO, ENOENT],
        _ => &[],
    };
    faults.extend(lost.iter().copied().map(Fault::DoneThen));
    faults
}

/// Attacks all, and says how many cases ran.
fn attack_all(what: &str, scenarios: &[Scenario]) {
    let (mut cases, mut findings) = (0, BTreeMap::new());
    for scenario in scenarios {
        let bench = scenario.set_up();
        let outcome = scenario.run(&bench);
        let expected = broken(scenario, &bench, &outcome, None);
        assert_eq!(
            (outcome.outcome, expected),
            (Ok(()), None),
            "{scenario:?}\n{}",
            bench.model.world().story()
        );
        let calls = bench.model.world().calls_made();
        for (nth, call) in calls.into_iter().enumerate().map(|(at, call)| (at + 1, call)) {
            for fault in faults_of(call) {
                for lasting in [Lasting::Once, Lasting::Kind, Lasting::All] {
                    if lasting != Lasting::Once && matches!(fault, Fault::DoneThen(_)) {
                        continue; // a reply is lost once
                    }
                    cases += 1;
                    let injected = Injected { nth, fault, lasting };
                    let attack = || attack_once(scenario, injected);
                    let broken = catch_unwind(AssertUnwindSafe(attack)).unwrap_or_else(|panic| {
                        Some(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into()))
                    });
                    if let Some(message) = broken {
                        let line = format!("{call:?}: {}", message.lines().next().unwrap_or_default());
                        let case = format!("call {nth}: {fault:?}, {lasting:?} in {scenario:?}");
                        findings.entry(line).or_insert((0, format!("{message}\n{case}"))).0 += 1;
                    }
                }
            }
        }
    }
    let _ = writeln!(std::io::stderr(), "{what}: {cases} cases");
    assert!(cases > 1000, "{what}: only {cases} cases");
    let told: String =
        findings.iter().map(|(line, (count, one))| format!("\n== {count} x {line}\n{one}")).collect();
    assert!(findings.is_empty(), "{told}");
}

#[test]
fn every_call_of_a_tree_whose_copy_differs() {
    let plain = Options::default();
    let differs = |options: Options| Scenario { compared: false, ..Scenario::new(options) };
    let permissions = |permissions| copy::Options { permissions, ..copy::Options::default() };
    let keep = Options { if_exists: IfExists::Merge, keep_existing: true, ..plain };
    let scenarios = [
        differs(Options { split_links: true, ..plain }),
        differs(Options { skip_special: true, ..plain }),
        differs(Options { one_mount: true, flush_source: true, ..plain }),
        differs(Options { files: permissions(Permissions::New), ..plain }),
        differs(Options { files: permissions(Permissions::Umask), ..plain }),
        Scenario { there: There::Tree, ..differs(keep) },
    ];
    attack_all("other trees", &scenarios);
}

fn preserve_all() -> Preserve {
    Preserve { times: true, owner: true, attributes: true, acl: true }
}

#[test]
fn every_call_of_a_new_tree() {
    let plain = Options::default();
    let files = |change: fn(&mut copy::Options)| {
        let mut options = plain;
        change(&mut options.files);
        Scenario::new(options)
    };
    let scenarios = [
        Scenario::new(plain),
        Scenario { ordinary_user: true, ..Scenario::new(plain) },
        Scenario { skips: true, ..Scenario::new(plain) },
        Scenario { volume: Traits::EXT4, ..Scenario::new(plain) },
        files(|files| files.durability = Durability::Durable),
        Scenario { syncs_volumes: false, ..files(|files| files.durability = Durability::Durable) },
        files(|files| files.durability = Durability::Unstaged),
        files(|files| files.preserve = preserve_all()),
        files(|files| files.mode = Mode::Always),
        files(|files| files.mode = Mode::Never),
        Scenario { volume: Traits { rename_new: false, ..Traits::XFS }, ..Scenario::new(plain) },
        Scenario { volume: Traits { tells_kinds: false, ..Traits::XFS }, ..Scenario::new(plain) },
    ];
    attack_all("new tree", &scenarios);
}

#[test]
fn every_call_of_a_tree_that_replaces_another() {
    let replace = Options { if_exists: IfExists::Replace, ..Options::default() };
    let durable = copy::Options { durability: Durability::Durable, ..copy::Options::default() };
    let no_exchange = Traits { exchanges: false, ..Traits::XFS };
    let over = |there, options| Scenario { there, ..Scenario::new(options) };
    let scenarios = [
        over(There::Tree, replace),
        over(There::Link, replace),
        over(There::Nothing, replace),
        over(There::Tree, Options { keep_replaced: true, ..replace }),
        over(There::Tree, Options { files: durable, ..replace }),
        Scenario { volume: no_exchange, ..over(There::Tree, Options { two_renames: true, ..replace }) },
    ];
    attack_all("replaced tree", &scenarios);
}

#[test]
fn every_call_of_a_merge() {
    let merge = Options { if_exists: IfExists::Merge, ..Options::default() };
    let durable = copy::Options { durability: Durability::Durable, ..copy::Options::default() };
    let over = |there, options| Scenario { there, ..Scenario::new(options) };
    let scenarios = [
        over(There::Tree, merge),
        over(There::Nothing, merge),
        Scenario { skips: true, ..over(There::Tree, merge) },
        over(There::Tree, Options { files: durable, ..merge }),
    ];
    attack_all("merged trees", &scenarios);
}

#[test]
fn a_server_that_gives_all_files_one_number_hides_no_directory() {
    let volume = Traits { one_number: true, ..Traits::XFS };
    let scenario = Scenario { volume, ..Scenario::new(Options::default()) };
    let bench = scenario.set_up();
    let outcome = scenario.run(&bench);
    assert_eq!((outcome.outcome, broken(&scenario, &bench, &outcome, None)), (Ok(()), None));
    assert_eq!((outcome.report.counts.directories, outcome.report.counts.left_out), (1, 0));
}

// ── Others at work ──

/// A tree that must neither be changed nor copied.
fn add_canary(bench: &Bench) -> Ino {
    let mut world = bench.model.world_mut();
    let canary = world.disk.add_directory("canary", 0);
    world.disk.add_file(canary, "sings", &[Some(b"still")], 0o644);
    canary
}

/// Right before each call, an entry of the source or of the unfinished copy becomes a link to somewhere else.
#[test]
fn a_swapped_entry_leads_nowhere() {
    let scenario = Scenario::new(Options::default());
    let calls = {
        let bench = scenario.set_up();
        scenario.run(&bench);
        bench.model.world().log.len()
    };
    let paths: [&[u8]; 8] = [
        b"from/a-file",
        b"from/b-link",
        b"from/c-fifo",
        b"from/d-sub",
        b"from/d-sub/empty",
        b"private",
        b"private/d-sub",
        b"private/a-file",
    ];
    for nth in 1..=calls {
        for path in paths {
            for target in [&b"/canary"[..], b"/canary/sings"] {
                let bench = scenario.set_up();
                let canary = add_canary(&bench);
                let before = snapshot(&bench.model.world().disk, canary, View::ALL);
                let parent = bench.parent;
                bench.model.before(When::Nth(nth), move |disk| swap(disk, parent, path, target));
                let outcome = scenario.run(&bench);
                let world = bench.model.world();
                let case = format!("call {nth}, {}: {:?}", String::from_utf8_lossy(path), outcome.outcome);
                assert_eq!(snapshot(&world.disk, canary, View::ALL), before, "{case}\n{}", world.story());
                assert!(world.leaked().is_empty(), "{case}");
                if let Some(copy) = world.disk.lookup(bench.parent, b"copy") {
                    let content = snapshot(&world.disk, copy, View::ALL);
                    let still = format!("{:?}", b"still");
                    assert!(!content.contains(&still), "{case}\n{content}\n{}", world.story());
                }
            }
        }
    }
}

/// Right before each call, an entry of the source becomes one of another kind. It is copied as what it is now, or reported;
/// either way all promises hold, and nothing is copied that was not there.
#[test]
fn an_entry_that_changes_its_kind_is_copied_or_told() {
    let kinds: [fn(&mut Disk) -> Ino; 4] = [
        |disk| disk.new_inode(0, What::Fifo, 0o600),
        |disk| disk.new_inode(0, What::Symlink(b"elsewhere".to_vec()), 0o777),
        |disk| disk.new_inode(0, What::File(Data::new(Traits::XFS.block)), 0o600),
        |disk| {
            let ino = disk.new_inode(0, directory(), 0o700);
            disk.add_file(ino, "inside", &[Some(b"new")], 0o600);
            ino
        },
    ];
    let mut told = 0;
    for skips in [false, true] {
        let scenario = Scenario { skips, compared: false, ..Scenario::new(Options::default()) };
        let calls = {
            let bench = scenario.set_up();
            scenario.run(&bench);
            bench.model.world().log.len()
        };
        for nth in 1..=calls {
            for path in
                [&b"from/a-file"[..], b"from/b-link", b"from/c-fifo", b"from/d-sub", b"from/d-sub/empty"]
            {
                for make in kinds {
                    let bench = scenario.set_up();
                    bench.model.before(When::Nth(nth), move |disk| {
                        let Ok(found) = disk.walk(ROOT, path, false) else { return };
                        let ino = make(disk);
                        disk.set_name(found.directory, &found.leaf, Some(ino));
                    });
                    let outcome = scenario.run(&bench);
                    let (name, asked) = (String::from_utf8_lossy(&path[5..]), &outcome.caller.asked);
                    let story = bench.model.world().story();
                    let case = format!("call {nth}, {name}: {:?} {asked:?}\n{story}", outcome.outcome);
                    assert_eq!(broken(&scenario, &bench, &outcome, None), None, "{case}");
                    assert!(!skips || outcome.outcome.is_ok(), "{case}");
                    let of_it = |(asked, error): &(String, Error)| {
                        *asked == name && error.cause == Cause::Inconsistent
                    };
                    assert!(asked.iter().all(of_it), "{case}");
                    assert_eq!(outcome.outcome.is_err(), !skips && !asked.is_empty(), "{case}");
                    told += asked.len();
                }
            }
        }
    }
    assert!(told > 0, "nothing changed while it was looked at");
}

/// Right before each call of a merge, somebody puts a file of theirs in the place of a copy. A further name of the copy, which
/// may be in a directory where they cannot write, must not become a name of their file.
#[test]
fn a_further_name_is_no_name_of_anothers_file() {
    let merge = Options { if_exists: IfExists::Merge, ..Options::default() };
    let scenario = Scenario { there: There::Tree, ..Scenario::new(merge) };
    let calls = {
        let bench = scenario.set_up();
        scenario.run(&bench);
        bench.model.world().log.len()
    };
    let mut copied = 0;
    for nth in 1..=calls {
        let bench = scenario.set_up();
        bench.model.world_mut().watch.tree = None; // what is old changes under way
        let root = bench.model.world().disk.lookup(bench.parent, b"copy").unwrap();
        bench.model.before(When::Nth(nth), move |disk| {
            disk.set_name(root, b"a-file", None);
            let theirs = disk.add_file(root, "a-file", &[Some(b"theirs")], 0o666);
            disk.inodes[theirs].engines = true; // it may be replaced, and a wrong name of it removed
        });
        let outcome = scenario.run(&bench);
        let world = bench.model.world();
        let case = format!("call {nth}: {:?}\n{}", outcome.outcome, world.story());
        assert_eq!(outcome.outcome, Ok(()), "{case}");
        let same = world.disk.walk(ROOT, b"to/copy/d-sub/same", false).unwrap().ino.unwrap();
        assert_eq!(world.disk.data(same).bytes(0, 4), b"text", "{case}");
        copied += outcome.report.counts.files.saturating_sub(2);
    }
    assert!(copied > 0, "nothing was swapped between the two names");
}

/// The rename to the name under which the old tree will wait is done, and its reply lost: the new tree is found there.
#[test]
fn a_rename_whose_reply_is_lost_hides_no_tree() {
    let replace = Options { if_exists: IfExists::Replace, ..Options::default() };
    let scenario = Scenario { there: There::Tree, ..Scenario::new(replace) };
    for errno in [EIO, ENOENT] {
        let bench = scenario.set_up();
        let lost = Fault::DoneThen(errno);
        bench.model.world_mut().faults.plan(Place::Of(Call::RenameNew, 1), lost, Lasting::Once);
        let outcome = scenario.run(&bench);
        let world = bench.model.world();
        let said = Error::new(Step::Publish, Cause::System(Errno(errno)));
        assert_eq!(outcome.outcome, Err(said), "{}", world.story());
        assert_eq!(world.disk.names(bench.parent).len(), 1, "{}", world.story());
    }
}

/// Where a server has no links, or says EIO since it does not know them, each name becomes a file; elsewhere EIO is an error.
#[test]
fn a_server_without_links_gets_files() {
    for (remote, errno, fine) in
        [(true, EIO, true), (false, EIO, false), (true, ENOSYS, true), (false, ENOSYS, true)]
    {
        let volume = Traits { remote, ..Traits::XFS };
        let scenario = Scenario { volume, compared: false, ..Scenario::new(Options::default()) };
        let bench = scenario.set_up();
        let refused = Fault::Errno(errno);
        bench.model.world_mut().faults.plan(Place::Of(Call::Link, 1), refused, Lasting::Kind);
        let outcome = scenario.run(&bench);
        let case = format!("{remote} {errno}: {:?}", outcome.outcome);
        assert_eq!(broken(&scenario, &bench, &outcome, None), None, "{case}");
        assert_eq!((outcome.outcome.is_ok(), outcome.report.counts.hard_links), (fine, 0), "{case}");
        assert!(!fine || outcome.report.counts.files == 3, "{case}");
    }
}

/// A file that grows or shrinks while it is copied is counted, and its entry says so.
#[test]
fn a_file_that_changes_meanwhile_is_counted() {
    for (volume, mode, call) in [
        (Traits::XFS, Mode::Auto, Call::CloneFile),
        (Traits::EXT4, Mode::Auto, Call::KernelCopy),
        (Traits::XFS, Mode::Never, Call::ReadAt),
    ] {
        for size in [1, 5000] {
            let files = copy::Options { mode, ..copy::Options::default() };
            let options = Options { files, ..Options::default() };
            let scenario = Scenario { volume, compared: false, ..Scenario::new(options) };
            let bench = scenario.set_up();
            let file = bench.model.world().disk.lookup(bench.source, b"a-file").unwrap();
            bench.model.before(When::Of(call, 1), move |disk| disk.change(file, |data| data.set_size(size)));
            let outcome = scenario.run(&bench);
            let case = format!("{call:?} {size}: {:?}\n{}", outcome.report, bench.model.world().story());
            assert_eq!(
                (outcome.outcome, broken(&scenario, &bench, &outcome, None)),
                (Ok(()), None),
                "{case}"
            );
            assert_eq!(outcome.report.counts.files_changed, 1, "{case}");
        }
    }
}

/// Replaces what stands under a path, if anything does, by a link.
fn swap(disk: &mut Disk, parent: Ino, path: &[u8], target: &[u8]) {
    let private = disk.names(parent).keys().find(|name| name.starts_with(b".reflink-")).cloned();
    let path = match (path.strip_prefix(b"private"), private) {
        (Some(rest), Some(private)) => [b"to/", &private[..], rest].concat(),
        (Some(_), None) => return,
        (None, _) => path.to_vec(),
    };
    let Ok(found) = disk.walk(ROOT, &path, false) else { return };
    if found.ino.is_some() {
        let link = disk.new_inode(0, What::Symlink(target.to_vec()), 0o777);
        disk.inodes[link].engines = true; // a clean-up may remove it
        disk.set_name(found.directory, &found.leaf, Some(link));
    }
}

/// Right before each call, somebody else makes something of the destination's name.
#[test]
fn a_name_that_somebody_takes_during_the_copy_stays_theirs() {
    let plain = Options::default();
    let kinds: [fn() -> What; 3] = [directory, || What::Symlink(b"/from".to_vec()), || What::Fifo];
    for options in [plain, Options { if_exists: IfExists::Replace, ..plain }] {
        let scenario = Scenario::new(options);
        let calls = {
            let bench = scenario.set_up();
            scenario.run(&bench);
            bench.model.world().log.len()
        };
        for nth in 1..=calls {
            for kind in kinds {
                let bench = scenario.set_up();
                let parent = bench.parent;
                bench.model.world_mut().watch.tree = None; // what is old changes under way
                bench.model.before(When::Nth(nth), move |disk| {
                    if disk.lookup(parent, b"copy").is_none() {
                        let theirs = disk.add(parent, "copy", kind(), 0o755);
                        disk.inodes[theirs].engines = options.if_exists == IfExists::Replace;
                    }
                });
                let outcome = scenario.run(&bench);
                let world = bench.model.world();
                let there = world.disk.lookup(parent, b"copy").expect("one of both");
                // A FIFO was never to be replaced: one that came at the last moment is moved aside, and that is an error.
                let is_theirs = |ino: Ino| {
                    let found = &world.disk.inodes[ino];
                    matches!(found.what, What::Fifo) && found.mode == 0o755
                };
                let fifo = (0..world.disk.inodes.len()).any(is_theirs);
                let kept = world.disk.names(parent).values().any(|ino| is_theirs(*ino));
                let copied = !matches!(world.disk.inodes[there].what, What::Directory(ref names) if names.is_empty())
                    && matches!(world.disk.inodes[there].what, What::Directory(_));
                let case = format!("call {nth} {options:?}: {:?}\n{}", outcome.outcome, world.story());
                assert_eq!(kept, fifo, "{case}");
                assert_eq!(outcome.outcome.is_ok(), copied && !fifo, "{case}");
                assert_eq!(outcome.report.published, copied, "{case}");
                let names = world.disk.names(parent).len();
                assert!(names == 1 || outcome.report.litter.is_some(), "something is left: {case}");
            }
        }
    }
}

/// Right before each call of a merge that keeps what is there, somebody else makes something of an entry's name.
#[test]
fn keep_existing_keeps_what_appears_during_the_merge() {
    let merge = Options { if_exists: IfExists::Merge, keep_existing: true, ..Options::default() };
    let scenario = Scenario { there: There::Tree, ..Scenario::new(merge) };
    let run = |change: Option<(usize, &'static [u8])>| {
        let bench = scenario.set_up();
        bench.model.world_mut().watch.tree = None; // what is old changes under way
        let added = std::rc::Rc::new(std::cell::Cell::new(None));
        if let Some((nth, name)) = change {
            let added = std::rc::Rc::clone(&added);
            bench.model.before(When::Nth(nth), move |disk| {
                let path = [b"to/copy/", name].concat();
                let found = disk.walk(ROOT, &path, false).unwrap();
                if found.ino.is_none() {
                    let leaf = std::str::from_utf8(&found.leaf).unwrap().to_owned();
                    added.set(Some(disk.add_file(found.directory, &leaf, &[Some(b"theirs")], 0o600)));
                }
            });
        }
        let outcome = scenario.run(&bench);
        (bench, outcome, added.get())
    };
    let calls = run(None).0.model.world().log.len();
    for nth in 1..=calls {
        for name in [&b"b-link"[..], b"c-fifo", b"d-sub/empty", b"d-sub/same", b"new"] {
            let (bench, outcome, added) = run(Some((nth, name)));
            let world = bench.model.world();
            let path = [b"to/copy/", name].concat();
            let found = world.disk.walk(ROOT, &path, false).unwrap();
            let case = format!("call {nth} {name:?}: {:?}\n{}", outcome.outcome, world.story());
            assert_eq!(outcome.outcome, Ok(()), "{case}");
            if added.is_some() {
                assert_eq!(found.ino, added, "{case}");
                assert!(name == b"new" || outcome.report.counts.kept == 2, "{case}");
            }
            let private = |name: &&Vec<u8>| name.starts_with(b".reflink-");
            assert_eq!(world.disk.names(found.directory).keys().filter(private).count(), 0, "{case}");
        }
    }
}

/// Right before each call of a merge, somebody puts a directory of theirs, or one of the caller's that is not empty, in the place
/// of a new one: nothing is made in it, and it stays as open as it was.
#[test]
fn a_new_directory_that_is_exchanged_is_not_filled() {
    let merge = Options { if_exists: IfExists::Merge, ..Options::default() };
    let scenario = Scenario { there: There::Tree, ..Scenario::new(merge) };
    let run = |nth: usize, (owner, mode, entries): (u32, u32, usize)| {
        let bench = scenario.set_up();
        bench.model.world_mut().watch.tree = None; // what is old changes under way
        let old = bench.model.world().disk.lookup(bench.parent, b"copy").unwrap();
        bench.model.world_mut().disk.set_name(old, b"d-sub", None);
        let theirs = std::rc::Rc::new(std::cell::Cell::new(None));
        let made = std::rc::Rc::clone(&theirs);
        bench.model.before(When::Nth(nth), move |disk| {
            let Some(mine) = disk.lookup(old, b"d-sub") else { return };
            let ino = disk.new_inode(0, directory(), mode);
            disk.inodes[ino].owner = owner;
            for _ in 0..entries {
                disk.add_file(ino, "secret", &[], 0o600);
            }
            disk.set_name(old, b"moved", Some(mine));
            disk.set_name(old, b"d-sub", Some(ino));
            made.set(Some(ino));
        });
        let outcome = scenario.run(&bench);
        (bench, outcome, theirs.get())
    };
    let calls = run(0, (0, 0, 0)).0.model.world().log.len();
    let mut refused = 0;
    for nth in 1..=calls {
        for other in [(77, 0o700, 0), (0, 0o777, 0), (0, 0o700, 1)] {
            let (bench, outcome, theirs) = run(nth, other);
            let world = bench.model.world();
            let Some(theirs) = theirs else { continue };
            let case = format!("call {nth} {other:?}: {:?}\n{}", outcome.outcome, world.story());
            assert_eq!(world.disk.names(theirs).len(), other.2, "{case}");
            assert_eq!(world.disk.inodes[theirs].mode, other.1, "{case}");
            refused += usize::from(outcome.outcome.is_err_and(|error| error.cause == Cause::Inconsistent));
        }
    }
    assert!(refused > 0, "nothing was swapped between making and opening");
}

/// If two names cannot be exchanged and a reply is lost, the old tree still has its name, or the result says which it has.
#[test]
fn the_old_tree_keeps_its_name_or_is_reported() {
    let options = Options { if_exists: IfExists::Replace, two_renames: true, ..Options::default() };
    let volume = Traits { exchanges: false, ..Traits::XFS };
    let scenario = Scenario { volume, there: There::Tree, ..Scenario::new(options) };
    let old_at = |bench: &Bench| bench.model.world().disk.lookup(bench.parent, b"copy").unwrap();
    let calls = {
        let bench = scenario.set_up();
        scenario.run(&bench);
        bench.model.world().log.len()
    };
    for nth in 1..=calls {
        for (fault, lasting) in [
            (Fault::DoneThen(EIO), Lasting::Once),
            (Fault::Errno(EIO), Lasting::Once),
            (Fault::Errno(EIO), Lasting::All),
        ] {
            let bench = scenario.set_up();
            let old = old_at(&bench);
            bench.model.world_mut().faults.plan(Place::Nth(nth), fault, lasting);
            let outcome = scenario.run(&bench);
            let world = bench.model.world();
            let named: Vec<_> =
                world.disk.names(bench.parent).iter().filter(|(_, ino)| **ino == old).collect();
            let case = format!(
                "call {nth} {fault:?} {lasting:?}: {:?} {:?}\n{}",
                outcome.outcome,
                outcome.report,
                world.story()
            );
            if outcome.outcome.is_err() && !outcome.report.published {
                assert_eq!(named.len(), 1, "{case}");
                let litter = outcome.report.litter.map(|name| name.to_vec());
                let told = litter.is_some_and(|litter| litter.starts_with(named[0].0));
                assert!(named[0].0 == b"copy" || told, "{case}");
            }
        }
    }
}

/// Right before each call, somebody moves the old tree away and makes a FIFO of its name, which nobody asked to replace.
#[test]
fn what_may_not_be_replaced_is_not_removed() {
    let scenario = Scenario {
        there: There::Tree,
        ..Scenario::new(Options { if_exists: IfExists::Replace, ..Options::default() })
    };
    let calls = {
        let bench = scenario.set_up();
        scenario.run(&bench);
        bench.model.world().log.len()
    };
    let mut aside = 0;
    for nth in 1..=calls {
        let bench = scenario.set_up();
        let parent = bench.parent;
        bench.model.world_mut().watch.tree = None; // what is old changes under way
        bench.model.before(When::Nth(nth), move |disk| {
            let old = disk.lookup(parent, b"copy");
            disk.set_name(parent, b"moved", old);
            let fifo = disk.new_inode(0, What::Fifo, 0o755);
            disk.set_name(parent, b"copy", Some(fifo));
        });
        let outcome = scenario.run(&bench);
        let world = bench.model.world();
        let is_theirs = |ino: &Ino| matches!(world.disk.inodes[*ino].what, What::Fifo);
        let kept: Vec<_> = world.disk.names(parent).iter().filter(|(_, ino)| is_theirs(ino)).collect();
        let case = format!("call {nth}: {:?} {:?}\n{}", outcome.outcome, outcome.report, world.story());
        assert_eq!(kept.len(), 1, "{case}");
        if kept[0].0 != b"copy" {
            aside += 1;
            assert_eq!(
                outcome.outcome,
                Err(Error::new(Step::Cleanup, Cause::System(Errno::own(ENOTDIR)))),
                "{case}"
            );
            assert!(outcome.report.published, "{case}");
            assert!(outcome.report.litter.is_some_and(|litter| litter.starts_with(kept[0].0)), "{case}");
        }
    }
    assert!(aside > 0, "it never came between the look and the exchange");
}

/// Once the root is open, right before each call, somebody puts another tree in the place of the unfinished one. (Before, no
/// system call tells a directory that was just made from another one of the same owner.)
#[test]
fn a_clean_up_leaves_what_is_not_the_unfinished_tree() {
    let scenario = Scenario::new(Options::default());
    let fails = |bench: &Bench| {
        bench.model.world_mut().faults.plan(
            Place::Of(Call::ReadSymlink, 1),
            Fault::Errno(EIO),
            Lasting::Once,
        );
    };
    let calls = {
        let bench = scenario.set_up();
        fails(&bench);
        assert!(scenario.run(&bench).outcome.is_err());
        bench.model.world().calls_made()
    };
    let opened = calls.iter().position(|call| *call == Call::CreateUnnamed).unwrap() + 1;
    let mut swapped = 0;
    for nth in opened..=calls.len() {
        let bench = scenario.set_up();
        let parent = bench.parent;
        fails(&bench);
        bench.model.world_mut().watch.tree = None;
        bench.model.before(When::Nth(nth), move |disk| {
            let private = disk.names(parent).keys().find(|name| name.starts_with(b".reflink-")).cloned();
            let Some(private) = private else { return };
            let mine = disk.lookup(parent, &private);
            disk.set_name(parent, b"moved", mine);
            let innocent = disk.new_inode(0, directory(), 0o700);
            disk.set_name(parent, &private, Some(innocent));
            let file = disk.add_file(innocent, "theirs", &[Some(b"theirs")], 0o600);
            (disk.inodes[innocent].engines, disk.inodes[file].engines) = (true, true);
        });
        let outcome = scenario.run(&bench);
        let world = bench.model.world();
        let Some(_) = world.disk.lookup(parent, b"moved") else { continue };
        swapped += 1;
        let theirs = world.disk.names(parent).iter().find(|(name, _)| name.starts_with(b".reflink-"));
        let still = theirs.is_some_and(|(_, ino)| world.disk.lookup(*ino, b"theirs").is_some());
        assert!(still, "call {nth}: {:?}\n{}", outcome.outcome, world.story());
    }
    assert!(swapped > 0, "nothing was swapped");
}

/// mergerfs gives a directory another inode number with another name. If two names cannot be exchanged there, the new tree is
/// removed, or reported as left.
#[test]
fn a_tree_whose_inode_changes_with_its_name_is_removed_or_reported() {
    let options = Options { if_exists: IfExists::Replace, ..Options::default() };
    let volume = Traits { exchanges: false, numbers_names: true, ..Traits::XFS };
    let scenario = Scenario { volume, there: There::Tree, ..Scenario::new(options) };
    for back in [true, false] {
        let bench = scenario.set_up();
        if !back {
            let mut world = bench.model.world_mut();
            world.faults.plan(Place::Of(Call::RenameNew, 2), Fault::Errno(EIO), Lasting::Once);
        }
        let outcome = scenario.run(&bench);
        let error = outcome.outcome.unwrap_err();
        let unsupported = matches!(error.cause, Cause::System(errno) if errno.number() == EOPNOTSUPP);
        assert!(error.step == Step::Publish && unsupported, "{error:?}");
        let world = bench.model.world();
        assert_eq!(outcome.report.litter.is_none(), back, "{}", world.story());
        assert_eq!(world.disk.names(bench.parent).len(), if back { 1 } else { 2 }, "{}", world.story());
    }
}

/// A directory that can neither be read to its end nor be finished: the caller decides both times, and it counts once.
#[test]
fn a_directory_that_fails_twice_can_be_skipped_twice() {
    let mut twice = 0;
    for reading in 1..8 {
        let scenario = Scenario { skips: true, ..Scenario::new(Options::default()) };
        let bench = scenario.set_up();
        let once = |call, nth, errno| {
            let mut world = bench.model.world_mut();
            world.faults.plan(Place::Of(call, nth), Fault::Errno(errno), Lasting::Once);
        };
        once(Call::ReadEntries, reading, EIO);
        once(Call::SetMode, 1, EPERM);
        let outcome = scenario.run(&bench);
        let asked: Vec<&str> = outcome.caller.asked.iter().map(|(path, _)| path.as_str()).collect();
        if asked == ["d-sub", "d-sub"] {
            twice += 1;
            assert_eq!((outcome.outcome, outcome.report.counts.failed), (Ok(()), 1));
            assert!(outcome.report.failed_path.is_empty());
        }
    }
    assert!(twice > 0, "d-sub was never read, or has no mode to set");
}

/// Who skips a directory that could be made and not opened finds none in the copy.
#[test]
fn a_directory_that_is_skipped_is_not_there() {
    let mut skipped = 0;
    for there in [There::Nothing, There::Tree] {
        for nth in 1..8 {
            let options = Options { if_exists: IfExists::Merge, ..Options::default() };
            let scenario = Scenario { skips: true, there, ..Scenario::new(options) };
            let bench = scenario.set_up();
            {
                let mut world = bench.model.world_mut();
                world.watch.tree = None;
                if let Some(old) = world.disk.lookup(bench.parent, b"copy") {
                    world.disk.set_name(old, b"d-sub", None);
                }
                world.faults.plan(Place::Of(Call::Enter, nth), Fault::Errno(EIO), Lasting::Once);
            }
            let outcome = scenario.run(&bench);
            let asked: Vec<&str> = outcome.caller.asked.iter().map(|(path, _)| path.as_str()).collect();
            if outcome.outcome.is_err() || asked != ["d-sub"] {
                continue;
            }
            skipped += 1;
            let disk = &bench.model.world().disk;
            let copy = disk.lookup(bench.parent, b"copy").unwrap();
            assert_eq!(disk.lookup(copy, b"d-sub"), None, "{there:?} {nth}");
            assert_eq!(outcome.report.counts.failed, 1, "{there:?} {nth}");
        }
    }
    assert_eq!(skipped, 4, "the source's and the copy's were to fail");
}

/// Two names that are one on the destination: neither a new tree nor a merge loses what the first one names.
#[test]
fn no_entry_is_lost_when_two_names_fold_into_one() {
    for (there, if_exists, keep_existing, skips) in [
        (There::Nothing, IfExists::Fail, false, false),
        (There::Nothing, IfExists::Merge, false, false),
        (There::Tree, IfExists::Merge, false, false),
        (There::Tree, IfExists::Merge, true, false),
        (There::Tree, IfExists::Merge, false, true),
    ] {
        let options = Options { if_exists, keep_existing, ..Options::default() };
        for kind in 0..4 {
            let scenario = Scenario { there, skips, ..Scenario::new(options) };
            let bench = scenario.set_up();
            {
                let mut world = bench.model.world_mut();
                world.watch.tree = None;
                let (disk, source) = (&mut world.disk, bench.source);
                let first = match kind {
                    0 => disk.add_file(source, "x-two", &[Some(b"first")], 0o600),
                    1 => disk.add(source, "x-two", What::Symlink(b"first".to_vec()), 0o777),
                    2 => disk.add(source, "x-two", directory(), 0o700),
                    _ => disk.lookup(source, b"a-file").unwrap(),
                };
                disk.set_name(source, b"x-two", Some(first));
                let second = if kind == 2 {
                    disk.add(source, "X-TWO", directory(), 0o700)
                } else {
                    disk.add_file(source, "X-TWO", &[Some(b"second")], 0o600)
                };
                assert_ne!(first, second);
                disk.volumes[0].folds = true;
            }
            let outcome = scenario.run(&bench);
            let case = format!("{there:?}, {if_exists:?}, {keep_existing}, {skips}, {kind}");
            if skips {
                assert_eq!((outcome.outcome, outcome.report.counts.failed), (Ok(()), 1), "{case}");
            } else {
                assert_eq!(outcome.outcome.map_err(|error| error.cause), Err(Cause::NameClash), "{case}");
            }
            assert!(!bench.model.world().story().is_empty());
        }
    }
}

/// An existing entry under the name in the other case is replaced or kept, as under the same name.
#[test]
fn a_name_in_the_other_case_that_was_there_is_no_clash() {
    for keep_existing in [false, true] {
        let options = Options { if_exists: IfExists::Merge, keep_existing, ..Options::default() };
        let scenario = Scenario { there: There::Tree, ..Scenario::new(options) };
        let bench = scenario.set_up();
        let old = {
            let mut world = bench.model.world_mut();
            world.watch.tree = None;
            let disk = &mut world.disk;
            disk.volumes[0].folds = true;
            let copy = disk.lookup(bench.parent, b"copy").unwrap();
            let old = disk.lookup(copy, b"a-file").unwrap();
            disk.set_name(copy, b"a-file", None);
            disk.set_name(copy, b"A-FILE", Some(old));
            old
        };
        let outcome = scenario.run(&bench);
        assert_eq!((outcome.outcome, outcome.report.counts.failed), (Ok(()), 0));
        let disk = &bench.model.world().disk;
        let now = disk.lookup(disk.lookup(bench.parent, b"copy").unwrap(), b"a-file");
        assert_eq!(now == Some(old), keep_existing);
        assert_eq!(outcome.report.counts.kept, u64::from(keep_existing));
    }
}
