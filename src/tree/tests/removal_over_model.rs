//! Removal over the model of a file system: every call fails in every way, entries change their kind at each call, and what is
//! mounted, moved or locked. Whatever happens, nothing outside the tree is touched, nothing leaks, and the counts add up.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::sys::errno::*;
use crate::sys::model::disk::{Disk, Ino, ROOT, Traits, What};
use crate::sys::model::fault::{Fault, Lasting, Place};
use crate::sys::model::{CWD, Call, Model, When};
use crate::tree::Wants;

/// What the n-th call fails with; the last one is an oddity that no table knows.
const ERRNOS: [i32; 19] = [
    EIO, ENOSPC, EDQUOT, EINTR, EAGAIN, EPERM, EACCES, EINVAL, EXDEV, EOPNOTSUPP, ENOSYS, EBADF, ENOMEM,
    ENOENT, EROFS, EMFILE, ENOTDIR, EISDIR, 200,
];

/// A caller who skips what fails, or stops.
#[derive(Default)]
struct Caller {
    skips: bool,
    cancels: bool,
    asked: Vec<(String, Error)>,
    progress: usize,
}

impl Watch for Caller {
    fn wants(&self) -> Wants {
        Wants { filter: false, errors: true, done: true, progress: true }
    }
    fn on_error(&mut self, entry: &Entry, error: &Error) -> bool {
        self.asked.push((entry.path.to_str().unwrap().into(), *error));
        self.skips
    }
    fn progress(&mut self, _: &Progress) -> bool {
        self.progress += 1;
        !self.cancels
    }
}

/// A tree in the model, and a canary beside it.
struct Scene {
    model: Model,
    tree: Ino,
    canary: Ino,
}

/// How a scene differs from the usual one.
#[derive(Clone, Copy, Debug, Default)]
struct Oddities {
    ordinary_user: bool,
    backwards: bool,
    no_kinds: bool,
}

const ALL_ODDITIES: [Oddities; 4] = [
    Oddities { ordinary_user: false, backwards: false, no_kinds: false },
    Oddities { ordinary_user: true, backwards: false, no_kinds: false },
    Oddities { ordinary_user: false, backwards: true, no_kinds: true },
    Oddities { ordinary_user: true, backwards: true, no_kinds: true },
];

fn directory() -> What {
    What::Directory(Default::default())
}

impl Scene {
    fn new(oddities: Oddities) -> Self {
        let model = Model::new(vec![Traits { tells_kinds: !oddities.no_kinds, ..Traits::XFS }]);
        let mut world = model.world_mut();
        (world.ordinary_user, world.backwards) = (oddities.ordinary_user, oddities.backwards);
        let disk = &mut world.disk;
        let canary = disk.add_directory("canary", 0);
        disk.add_file(canary, "sings", &[Some(b"still")], 0o644);
        let tree = disk.add_directory("tree", 0);
        disk.add_file(tree, "a-file", &[Some(b"text")], 0o644);
        disk.add(tree, "b-link", What::Symlink(b"/canary".to_vec()), 0o777);
        disk.add(tree, "c-fifo", What::Fifo, 0o644);
        let locked = disk.add(tree, "d-locked", directory(), 0o555);
        disk.add_file(locked, "file", &[], 0o444);
        let deep = disk.add(locked, "deep", directory(), 0o000);
        disk.add_file(deep, "file", &[], 0o444);
        disk.add(tree, "e-empty", directory(), 0o755);
        let sub = disk.add(tree, "f-sub", directory(), 0o700);
        disk.add(sub, "device", What::Special(Kind::CharacterDevice, 259), 0o600);
        disk.add_file(sub, "other", &[], 0o600);
        let same = disk.lookup(tree, b"a-file").unwrap();
        disk.set_name(sub, b"same", Some(same));
        let all: Vec<Ino> = (tree..disk.inodes.len()).collect();
        for ino in all {
            disk.inodes[ino].engines = true; // these may be changed and removed, and nothing else
        }
        drop(world);
        Self { model, tree, canary }
    }

    /// Removes the tree, and says what must not be.
    fn remove(&self, caller: &mut Caller) -> (Result<()>, Report) {
        let mut report = Report::default();
        let outcome = remove(&self.model, CWD, c"tree", caller, &mut report);
        (outcome, report)
    }

    fn clean_up(&self, caller: &mut Caller) -> Result<()> {
        let mine = self.model.world().disk.stat(self.tree);
        clean_up(&self.model, CWD, c"tree", &mine, None, caller)
    }

    /// The names below the tree, if it is there.
    fn left(&self) -> Option<Vec<String>> {
        let world = self.model.world();
        let disk = &world.disk;
        disk.lookup(ROOT, b"tree")?;
        let mut left = Vec::new();
        let mut waiting = vec![(self.tree, String::new())];
        while let Some((directory, path)) = waiting.pop() {
            for (name, ino) in disk.names(directory) {
                let path = format!("{path}{}", String::from_utf8_lossy(name));
                if matches!(disk.inodes[*ino].what, What::Directory(_)) {
                    waiting.push((*ino, format!("{path}/")));
                }
                left.push(path);
            }
        }
        left.sort();
        Some(left)
    }

    /// What must hold after every removal.
    fn broken(&self, outcome: &Result<()>, counts: Option<&Counts>) -> Option<String> {
        let world = self.model.world();
        let canary: Vec<_> = world.disk.names(self.canary).keys().cloned().collect();
        if canary != [b"sings"] || world.disk.inodes[self.canary].mode != 0o755 {
            return Some("something outside the tree was touched".into());
        }
        if !world.leaked().is_empty() || world.most_open > 64 + 4 {
            return Some(format!("descriptors: {:?} left, {} at most", world.leaked(), world.most_open));
        }
        drop(world);
        if let Some(counts) = counts {
            if counts.seen != counts.done() + counts.not_reached {
                return Some(format!("the counts do not add up: {counts:?}"));
            }
            let clean = outcome.is_ok() && counts.failed == 0;
            if clean && self.left().is_some() {
                return Some("it says that all is removed, and it is not".into());
            }
        }
        None
    }
}

/// How often each call of a removal can fail and how the removal is to be ended then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Stops,
    Skips,
    CleansUp,
}

fn attack_once(
    oddities: Oddities,
    ending: Ending,
    nth: usize,
    fault: Fault,
    lasting: Lasting,
) -> Option<String> {
    let scene = Scene::new(oddities);
    scene.model.world_mut().faults.plan(Place::Nth(nth), fault, lasting);
    let mut caller = Caller { skips: ending == Ending::Skips, ..Caller::default() };
    let (outcome, report) = match ending {
        Ending::CleansUp => (scene.clean_up(&mut caller), None),
        _ => {
            let (outcome, report) = scene.remove(&mut caller);
            (outcome, Some(report))
        }
    };
    assert!(scene.model.world().faults.fired > 0, "the fault was never due");
    // What the system says is gone is believed to be gone.
    let believed = fault == Fault::Errno(ENOENT) && scene.left().is_some();
    if let Some(broken) =
        scene.broken(&outcome, report.as_ref().filter(|_| !believed).map(|report| &report.counts))
    {
        return Some(broken);
    }
    reported_wrongly(&outcome, report.as_ref(), &caller, fault, lasting).or_else(|| {
        let once = lasting == Lasting::Once && ending == Ending::CleansUp;
        let hit = scene.model.world().log.get(nth - 1).map(|event| event.name.clone()).unwrap_or_default();
        (once && outcome.is_err()).then(|| too_much_left(&scene, &hit)).flatten()
    })
}

/// A failure must be the one that was put in, or what follows from it, and name the entry that it was asked about.
fn reported_wrongly(
    outcome: &Result<()>,
    report: Option<&Report>,
    caller: &Caller,
    fault: Fault,
    lasting: Lasting,
) -> Option<String> {
    let (Fault::Errno(errno) | Fault::DoneThen(errno)) = fault else { return None };
    let Err(error) = outcome else { return None };
    let Cause::System(said) = error.cause else { return Some(format!("{error:?}")) };
    let follows: &[i32] = match errno {
        EXDEV => &[EBUSY],
        EPERM => &[EACCES], // the directory cannot be unlocked
        // A name that is believed to be gone keeps its directory from being removed, or is found again.
        ENOENT => &[ENOTEMPTY, EACCES],
        // What is taken for another kind of file is not removed as one.
        EISDIR | ENOTDIR => &[ENOTEMPTY, EISDIR, ENOTDIR, EACCES],
        _ => &[],
    };
    let stayed = lasting != Lasting::Once && said.is(ENOTEMPTY);
    let known = said.is(errno) || follows.iter().any(|errno| said.is(*errno)) || stayed;
    if !known {
        return Some(format!("failed with {said:?}"));
    }
    let report = report?;
    match caller.asked.last() {
        Some((path, asked)) if *asked == *error && !caller.skips => {
            (report.failed_path != path.as_bytes()).then(|| format!("{:?} for {path}", report.failed_path))
        }
        _ => None,
    }
}

/// One failure keeps one entry, and the directories above it.
fn too_much_left(scene: &Scene, hit: &[u8]) -> Option<String> {
    let left = scene.left()?;
    let leaf = String::from_utf8_lossy(hit);
    let kept = left.iter().filter(|path| path.rsplit('/').next() == Some(&*leaf)).collect::<Vec<_>>();
    let explained = |path: &String| {
        kept.iter().any(|kept| {
            **kept == *path || kept.starts_with(&format!("{path}/")) || path.starts_with(&format!("{kept}/"))
        })
    };
    let unexplained: Vec<_> = left.iter().filter(|path| !explained(path)).collect();
    // A failure of a call without a name is one of a whole directory.
    (!unexplained.is_empty() && !matches!(hit, b"" | b"tree"))
        .then(|| format!("{unexplained:?} left, though only {leaf} failed"))
}

#[test]
fn every_call_of_a_removal_fails_in_every_way() {
    let mut cases = 0;
    let mut findings = std::collections::BTreeMap::new();
    for oddities in ALL_ODDITIES {
        for ending in [Ending::Stops, Ending::Skips, Ending::CleansUp] {
            let scene = Scene::new(oddities);
            let mut caller = Caller::default();
            match ending {
                Ending::CleansUp => scene.clean_up(&mut caller).unwrap(),
                _ => scene.remove(&mut caller).0.unwrap(),
            }
            assert_eq!((scene.left(), scene.broken(&Ok(()), None)), (None, None));
            let calls = scene.model.world().calls_made();
            for (nth, call) in calls.into_iter().enumerate().map(|(at, call)| (at + 1, call)) {
                let failures = ERRNOS.into_iter().map(Fault::Errno);
                let lost = matches!(call, Call::Unlink | Call::RemoveDirectory);
                let lost = lost.then_some([EIO, ENOENT]).into_iter().flatten().map(Fault::DoneThen);
                for fault in failures.chain(lost) {
                    for lasting in [Lasting::Once, Lasting::Times(3), Lasting::Kind, Lasting::All] {
                        if matches!(fault, Fault::DoneThen(_)) && lasting != Lasting::Once {
                            continue; // a reply is lost once
                        }
                        cases += 1;
                        let attack = || attack_once(oddities, ending, nth, fault, lasting);
                        let broken = catch_unwind(AssertUnwindSafe(attack)).unwrap_or_else(|panic| {
                            Some(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into()))
                        });
                        if let Some(message) = broken {
                            let case =
                                format!("call {nth}: {fault:?}, {lasting:?}, {ending:?} in {oddities:?}");
                            let line = format!("{call:?}: {}", message.lines().next().unwrap_or_default());
                            findings.entry(line).or_insert_with(|| format!("{message}\n{case}"));
                        }
                    }
                }
            }
        }
    }
    assert!(cases > 10_000, "only {cases} cases");
    let _ = writeln!(std::io::stderr(), "removal: {cases} cases");
    let told: String = findings.iter().map(|(line, one)| format!("\n== {line}\n{one}")).collect();
    assert!(findings.is_empty(), "{told}");
}

/// Right before each call, an entry of the tree becomes something else: a link to the canary, a directory, nothing.
#[test]
fn an_entry_that_changes_its_kind_leads_nowhere() {
    let paths: [&[u8]; 5] = [b"a-file", b"d-locked", b"d-locked/deep", b"f-sub", b"f-sub/other"];
    let calls = {
        let scene = Scene::new(Oddities::default());
        scene.remove(&mut Caller::default()).0.unwrap();
        scene.model.world().log.len()
    };
    let becomes: [fn(Ino) -> Option<What>; 4] =
        [|_| Some(What::Symlink(b"/canary".to_vec())), |_| Some(directory()), |_| Some(What::Fifo), |_| None];
    for nth in 1..=calls {
        for path in paths {
            for become_what in becomes {
                let scene = Scene::new(Oddities::default());
                let (tree, canary) = (scene.tree, scene.canary);
                scene.model.before(When::Nth(nth), move |disk| {
                    let Ok(found) = disk.walk(tree, path, false) else { return };
                    let Some(_) = found.ino else { return };
                    let ino = become_what(canary).map(|what| disk.new_inode(0, what, 0o755));
                    if let Some(ino) = ino {
                        disk.inodes[ino].engines = true;
                    }
                    disk.set_name(found.directory, &found.leaf, ino);
                });
                let (outcome, report) = scene.remove(&mut Caller { skips: true, ..Caller::default() });
                let case = format!("call {nth}, {}: {outcome:?} {report:?}", String::from_utf8_lossy(path));
                assert_eq!(scene.broken(&outcome, Some(&report.counts)), None, "{case}");
                assert!(outcome.is_ok() && (scene.left().is_none() || report.counts.failed > 0), "{case}");
            }
        }
    }
}

#[test]
fn what_is_mounted_stays_with_all_that_is_in_it() {
    for (path, failed) in [("f-sub", 1), ("f-sub/other", 2), ("d-locked/file", 2), ("tree", 0)] {
        let scene = Scene::new(Oddities::default());
        let mut world = scene.model.world_mut();
        let from = if path == "tree" { ROOT } else { scene.tree };
        let mounted = world.disk.walk(from, path.as_bytes(), false).unwrap().ino.unwrap();
        world.disk.inodes[mounted].mounted = true;
        let before = world.disk.inodes.len();
        drop(world);
        let mut caller = Caller { skips: true, ..Caller::default() };
        let (outcome, report) = scene.remove(&mut caller);
        if path == "tree" {
            assert!(matches!(outcome, Err(Error { cause: Cause::System(said), .. }) if said.is(EBUSY)));
            assert_eq!(scene.model.world().disk.names(scene.tree).len(), 6);
            continue;
        }
        assert_eq!((outcome, report.counts.failed), (Ok(()), failed), "{path}");
        let [(asked, error)] = &caller.asked[..] else { panic!("{:?}", caller.asked) };
        assert!(
            asked == path && matches!(error.cause, Cause::System(said) if said.is(EBUSY)),
            "{asked}: {error:?}"
        );
        let left = scene.left().unwrap();
        let inside =
            ["f-sub/device", "f-sub/other", "f-sub/same"].map(|path| left.iter().any(|left| left == path));
        assert_eq!(inside, if path == "f-sub" { [true; 3] } else { [false, path == "f-sub/other", false] });
        assert_eq!(scene.model.world().disk.inodes.len(), before);
    }
}

/// A chain of directories, each with a file.
fn chain(levels: usize) -> (Scene, Vec<Ino>) {
    let scene = Scene::new(Oddities::default());
    let mut world = scene.model.world_mut();
    let mut all = vec![scene.tree];
    for _ in 0..levels {
        let disk: &mut Disk = &mut world.disk;
        let at = disk.add(all[all.len() - 1], "d", directory(), 0o755);
        let file = disk.add_file(at, "file", &[], 0o644);
        (disk.inodes[at].engines, disk.inodes[file].engines) = (true, true);
        all.push(at);
    }
    drop(world);
    (scene, all)
}

#[test]
fn a_deep_tree_needs_few_descriptors() {
    let (scene, _) = chain(150);
    scene.remove(&mut Caller::default()).0.unwrap();
    assert_eq!(scene.left(), None);
    let most = scene.model.world().most_open;
    assert!(most > HELD && most <= HELD + 4, "{most}");
}

/// A directory far up is closed. Where the one below it was moved meanwhile, its parent is another one, and the walk ends.
#[test]
fn a_directory_that_was_moved_away_does_not_lead_out_of_the_tree() {
    let (scene, all) = chain(60);
    let (canary, at) = (scene.canary, all.len() - HELD - 5);
    let (moved, parent) = (all[at], all[at - 1]);
    let removed = When::Of(Call::RemoveDirectory, 8);
    scene.model.before(removed, move |disk| {
        disk.set_name(parent, b"d", None);
        disk.set_name(canary, b"moved", Some(moved));
    });
    let outcome = scene.remove(&mut Caller { skips: true, ..Caller::default() }).0;
    assert_eq!(outcome, Err(Error::new(WALK, Cause::System(Errno::own(ESTALE)))));
    let world = scene.model.world();
    assert!(world.disk.lookup(canary, b"sings").is_some() && world.leaked().is_empty());
}

/// A file that nobody may remove, two directories down.
fn with_immutable() -> Scene {
    let scene = Scene::new(Oddities::default());
    let mut world = scene.model.world_mut();
    let file = world.disk.walk(scene.tree, b"d-locked/deep/file", false).unwrap().ino.unwrap();
    world.disk.inodes[file].immutable = true;
    drop(world);
    scene
}

const KEPT: [&str; 3] = ["d-locked", "d-locked/deep", "d-locked/deep/file"];

#[test]
fn the_caller_decides_of_what_cannot_be_removed() {
    let refused = Error::new(Step::Cleanup, Cause::System(Errno(EPERM)));
    for skips in [false, true] {
        let scene = with_immutable();
        let mut caller = Caller { skips, ..Caller::default() };
        let (outcome, report) = scene.remove(&mut caller);
        assert_eq!(caller.asked, [(KEPT[2].to_string(), refused)]);
        if skips {
            assert_eq!((outcome, &report.failed_path[..]), (Ok(()), &b""[..]));
            assert_eq!(scene.left(), Some(KEPT.map(String::from).to_vec()));
            let wanted = Counts {
                seen: 12,
                files: 4,
                directories: 2,
                symlinks: 1,
                specials: 2,
                failed: 3,
                ..Counts::default()
            };
            assert_eq!(report.counts, wanted);
        } else {
            assert_eq!((outcome, &report.failed_path[..]), (Err(refused), KEPT[2].as_bytes()));
            assert!(report.counts.failed == 0 && report.counts.not_reached == 3, "{:?}", report.counts);
        }
    }
}

#[test]
fn a_clean_up_removes_all_that_it_can_and_reports_the_first_failure() {
    let scene = with_immutable();
    let mut caller = Caller::default();
    let refused = Error::new(Step::Cleanup, Cause::System(Errno(EPERM)));
    assert_eq!((scene.clean_up(&mut caller), caller.asked.len()), (Err(refused), 0));
    assert_eq!(scene.left(), Some(KEPT.map(String::from).to_vec()));
}

#[test]
fn fatal_errors_are_not_asked_about() {
    for errno in [ENOSPC, EDQUOT, EROFS, ENOMEM, EMFILE, ENFILE] {
        let scene = Scene::new(Oddities::default());
        let mut world = scene.model.world_mut();
        world.faults.plan(Place::Of(Call::Unlink, 2), Fault::Errno(errno), Lasting::Once);
        drop(world);
        let mut caller = Caller { skips: true, ..Caller::default() };
        let (outcome, report) = scene.remove(&mut caller);
        assert_eq!(outcome, Err(Error::new(Step::Cleanup, Cause::System(Errno(errno)))));
        assert_eq!((caller.asked, &report.failed_path[..]), (vec![], &b"b-link"[..]));
    }
}

#[test]
fn a_clean_up_ends_where_progress_says_so() {
    let (scene, _) = chain(40);
    let mut caller = Caller { cancels: true, ..Caller::default() };
    assert_eq!(scene.clean_up(&mut caller), Err(Error::new(Step::Progress, Cause::Cancelled)));
    assert!(scene.left().is_some_and(|left| !left.is_empty()) && caller.progress == 1);
}

/// Progress comes as often where entries fail, and a caller who cancelled before keeps an empty tree too.
#[test]
fn who_watches_can_stop_it_where_nothing_is_removed() {
    let scene = Scene::new(Oddities::default());
    for number in 0..200 {
        let mut world = scene.model.world_mut();
        let file = world.disk.add_file(scene.tree, &format!("x-{number}"), &[], 0o600);
        world.disk.inodes[file].engines = true;
    }
    let refused = Fault::Errno(EPERM);
    scene.model.world_mut().faults.plan(Place::Of(Call::Unlink, 1), refused, Lasting::Kind);
    let mut caller = Caller { skips: true, ..Caller::default() };
    let (outcome, report) = scene.remove(&mut caller);
    assert!(outcome.is_ok() && report.counts.failed > 200, "{outcome:?} {report:?}");
    assert!(caller.progress >= 3, "{} of {}", caller.progress, report.counts.done());

    struct Cancelled;
    impl Watch for Cancelled {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let model = Model::new(vec![Traits::XFS]);
    model.world_mut().disk.add_directory("tree", 0);
    let outcome = remove(&model, CWD, c"tree", &mut Cancelled, &mut Report::default());
    assert_eq!(outcome, Err(Error::new(Step::Progress, Cause::Cancelled)));
    assert!(model.world().disk.lookup(ROOT, b"tree").is_some());
}
