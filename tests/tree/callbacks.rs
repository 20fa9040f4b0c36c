//! The caller's functions: what they are told, that each can end the call wherever it is, and that then nothing is left.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::fs;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::abi::{self, DESTINATION_CHANGED, LITTER, PUBLISHED, REPLACE, STEP_PROGRESS};
use crate::calls::{self, Entry, Options, Outcome, Progress, STEP_FILTER};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::walker::{self, Kind};
use crate::whole::{assert_copied, become_a_user};
use crate::{Attack, ONE, odd};

pub const ALL: &[Attack] = &[
    Attack("functions_are_told_of_everything", &["xfs-4k", "btrfs", "ext4", "tmpfs"], told_of_everything),
    Attack("a_filter_decides", ONE, a_filter_decides),
    Attack("a_filter_can_end_the_call", ONE, a_filter_can_end_the_call),
    Attack("each_call_of_a_function_can_cancel", &["xfs-4k", "tmpfs"], each_call_can_cancel),
    Attack("errors_are_skipped_or_end_the_call", ONE, errors_are_skipped),
    Attack("kinds_are_told_as_listed", ONE, kinds_are_told_as_listed),
    Attack("a_small_cleanup_can_be_cancelled", ONE, a_small_cleanup_can_be_cancelled),
    Attack("a_signal_handler_can_cancel", ONE, a_signal_handler_can_cancel),
    Attack("a_large_file_in_another_thread_can_be_cancelled", &["ext4", "tmpfs"], a_large_file),
    Attack("a_failed_path_is_cut", ONE, a_failed_path_is_cut),
    Attack("a_removal_can_be_cancelled", ONE, a_removal_can_be_cancelled),
];

/// Which function was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Filter,
    Error,
    Done,
    Progress,
}

/// Decides what a function returns: by which one it is, the number of its call, the path, and its arguments.
type Answer<'c> = dyn Fn(Which, usize, &str, Option<&Entry>, Option<&Progress>) -> c_int + 'c;

/// A caller with all four functions; each call is noted, and `answer` says what it returns.
struct Caller<'c> {
    thread: libc::pid_t,
    said: RefCell<Vec<(Which, String)>>,
    last: RefCell<Progress>,
    answer: &'c Answer<'c>,
}

fn thread() -> libc::pid_t {
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

impl<'c> Caller<'c> {
    fn new(answer: &'c Answer<'c>) -> Self {
        let last = RefCell::new(Progress { size: 0, phase: 0, done: 0, seen: 0, bytes: 0, open: 0 });
        Self { thread: thread(), said: RefCell::default(), last, answer }
    }

    fn options(&self, options: &Options) -> Options {
        Options {
            filter: Some(filter),
            on_error: Some(on_error),
            on_done: Some(on_done),
            progress: Some(progress),
            user: (&raw const *self).cast_mut().cast(),
            ..*options
        }
    }

    fn called(&self, which: Which, entry: Option<&Entry>, progress: Option<&Progress>) -> c_int {
        assert_eq!(thread(), self.thread, "called by another thread");
        let path = entry.map(Entry::path).unwrap_or_default();
        self.said.borrow_mut().push((which, path.clone()));
        let number = self.said.borrow().iter().filter(|(one, _)| *one == which).count();
        (self.answer)(which, number, &path, entry, progress)
    }

    fn paths(&self, which: Which) -> Vec<String> {
        let said = self.said.borrow();
        let mut paths: Vec<String> =
            said.iter().filter(|(one, _)| *one == which).map(|(_, path)| path.clone()).collect();
        paths.sort();
        paths
    }
}

unsafe fn caller(user: *mut c_void) -> &'static Caller<'static> {
    unsafe { &*user.cast::<Caller>() }
}

unsafe extern "C" fn filter(user: *mut c_void, entry: *const Entry) -> c_int {
    let entry = unsafe { &*entry };
    // The directory of the source is open, and the entry is in it.
    let mut stat = std::mem::MaybeUninit::<libc::stat64>::zeroed();
    let how = libc::AT_SYMLINK_NOFOLLOW;
    let found = unsafe { libc::fstatat64(entry.source_dir as c_int, entry.name, stat.as_mut_ptr(), how) };
    assert_eq!(found, 0, "{}", entry.path());
    unsafe { caller(user) }.called(Which::Filter, Some(entry), None)
}

unsafe extern "C" fn on_error(user: *mut c_void, entry: *const Entry) -> c_int {
    let entry = unsafe { &*entry };
    assert!(entry.code < 0 && entry.step != 0 && entry.source_dir == -1, "{entry:?}");
    unsafe { caller(user) }.called(Which::Error, Some(entry), None)
}

unsafe extern "C" fn on_done(user: *mut c_void, entry: *const Entry) -> c_int {
    let entry = unsafe { &*entry };
    assert_eq!((entry.code, entry.step, entry.os_error, entry.source_dir), (0, 0, 0, -1), "{entry:?}");
    unsafe { caller(user) }.called(Which::Done, Some(entry), None)
}

unsafe extern "C" fn progress(user: *mut c_void, progress: *const Progress) -> c_int {
    let (caller, progress) = unsafe { (caller(user), &*progress) };
    assert_eq!(progress.size as usize, size_of::<Progress>());
    let last = *caller.last.borrow();
    if progress.phase == last.phase {
        assert!(progress.done >= last.done && progress.seen >= last.seen, "{last:?}, then {progress:?}");
    }
    assert!(progress.done <= progress.seen, "{progress:?}");
    *caller.last.borrow_mut() = *progress;
    caller.called(Which::Progress, None, Some(progress))
}

fn go_on(which: Which, _: usize, _: &str, _: Option<&Entry>, _: Option<&Progress>) -> c_int {
    if which == Which::Error { calls::STOP } else { 0 }
}

fn told_of_everything(place: &Place) {
    let room = Room::new(&place.dir);
    let src = room.path("src");
    odd::make(&src);
    odd::plain(&src.join("many"), 3, 200);
    let source = walker::walk(&src);
    let below: Vec<String> = source
        .keys()
        .filter(|path| !path.is_empty())
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect();
    for threads in [0, 2, 8] {
        let kinds = RefCell::new(BTreeMap::<u32, u64>::new());
        let bytes = RefCell::new(0);
        let count = |which, _: usize, _: &str, entry: Option<&Entry>, _: Option<&Progress>| {
            if let (Which::Done, Some(entry)) = (which, entry) {
                *kinds.borrow_mut().entry(entry.kind).or_default() += 1;
                *bytes.borrow_mut() += entry.bytes;
            }
            0
        };
        let caller = Caller::new(&count);
        let options = caller.options(&Options { threads, ..Options::default() });
        let outcome = calls::copied(&src, &room.path("dst"), &options);
        assert_copied(&source, &room.path("dst"), &options, &outcome);
        let mut wanted = below.clone();
        wanted.sort();
        what_is_in_a_directory_comes_before_it(&caller);
        assert_eq!(caller.paths(Which::Filter), wanted);
        assert_eq!(caller.paths(Which::Done), wanted);
        assert!(caller.paths(Which::Error).is_empty());
        // Every 64 entries, or more often.
        assert!(caller.paths(Which::Progress).len() >= below.len() / 64, "{threads}");
        let last = *caller.last.borrow();
        assert_eq!((last.done, last.seen), (below.len() as u64, below.len() as u64), "{last:?}");
        let kinds = kinds.borrow();
        let of = |kind: Kind| source.iter().filter(move |(path, node)| !path.is_empty() && node.kind == kind);
        assert_eq!(*bytes.borrow(), of(Kind::File).map(|(_, node)| node.size).sum::<u64>());
        assert_eq!(kinds[&1], of(Kind::File).count() as u64);
        assert_eq!(kinds[&2], of(Kind::Directory).count() as u64);
        assert_eq!(kinds[&3], of(Kind::Symlink).count() as u64);
        let special: u64 = (4..=8).filter_map(|kind| kinds.get(&kind)).sum();
        assert_eq!(special, of(Kind::Special).count() as u64);
        // A removal tells of the same.
        let caller = Caller::new(&go_on);
        let removing = Options { filter: None, ..caller.options(&Options { threads, ..Options::default() }) };
        let (code, outcome) = calls::remove(&room.path("dst"), &removing);
        assert_eq!((code, outcome.done()), (0, below.len() as u64), "{outcome:?}");
        assert_eq!(caller.paths(Which::Done), wanted);
        assert!(caller.paths(Which::Progress).len() >= below.len() / 64);
    }
}

fn what_is_in_a_directory_comes_before_it(caller: &Caller) {
    let mut done = std::collections::BTreeSet::new();
    for (_, path) in caller.said.borrow().iter().filter(|(one, _)| *one == Which::Done) {
        let parents = std::path::Path::new(path).ancestors().skip(1);
        let early: Vec<_> = parents.filter(|parent| done.contains(parent.to_str().unwrap())).collect();
        assert!(early.is_empty(), "{path} after {early:?}");
        done.insert(path.clone());
    }
}

/// The removal of what was replaced can be stopped, however small it is.
fn a_small_cleanup_can_be_cancelled(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 1, 1);
    odd::plain(&room.path("dst"), 1, 2);
    let old = walker::walk(&room.path("dst"));
    let stop = |_, _: usize, _: &str, _: Option<&Entry>, progress: Option<&Progress>| {
        c_int::from(progress.is_some_and(|progress| progress.phase == calls::PHASE_CLEANUP))
    };
    let caller = Caller::new(&stop);
    let options = caller.options(&Options { if_exists: REPLACE, ..Options::default() });
    let (code, outcome) = calls::copy(&room.path("src"), &room.path("dst"), &options);
    assert_eq!(code, -libc::ECANCELED, "{outcome:?}");
    assert!(outcome.has(PUBLISHED) && outcome.has(LITTER), "{outcome:?}");
    walker::assert_untouched(&old, &walker::walk(&room.path(outcome.litter())));
}

fn a_filter_decides(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 4, 5);
    let mut wanted = walker::walk(&room.path("src"));
    wanted.retain(|path, _| {
        let path = String::from_utf8_lossy(path);
        !path.starts_with("directory-0") && !path.starts_with("directory-1/") && !path.ends_with("file-2")
    });
    for threads in [0, 4] {
        let decide = |which, _: usize, path: &str, _: Option<&Entry>, _: Option<&Progress>| match path {
            _ if which != Which::Filter => 0,
            "directory-0" => calls::LEAVE_OUT,
            "directory-1" => calls::TAKE_EMPTY,
            path if path.ends_with("file-2") => calls::LEAVE_OUT,
            _ => calls::TAKE,
        };
        let caller = Caller::new(&decide);
        let options = caller.options(&Options { threads, ..Options::default() });
        let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
        walker::assert_copy(&wanted, &walker::walk(&room.path("dst")), walker::Kept::of(&options));
        assert_eq!((outcome.left_out, outcome.files, outcome.directories), (3, 8, 3), "{outcome:?}");
        // What is left out is not looked into.
        assert!(caller.paths(Which::Filter).iter().all(|path| !path.starts_with("directory-0/")));
        calls::removed(&room.path("dst"));
    }
}

/// Nothing is left of a call that was ended, and the name holds what it held before.
fn assert_nothing_left(room: &Room, outcome: &Outcome, why: &str) {
    assert_eq!(outcome.flags & (PUBLISHED | LITTER | DESTINATION_CHANGED), 0, "{why}: {outcome:?}");
    assert_eq!(room.names(), ["src"], "{why}: {outcome:?}");
}

fn a_filter_can_end_the_call(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 3, 4);
    let canceled = -libc::ECANCELED;
    for (answer, code) in [
        (-1, -1),
        (-libc::EIO, -libc::EIO),
        (-4095, -4095),
        (-4096, canceled),
        (-4097, canceled),
        (i32::MIN, canceled),
        (3, -libc::EINVAL),
        (i32::MAX, -libc::EINVAL),
        (calls::TAKE_EMPTY, -libc::EINVAL), // of a file
    ] {
        for number in [1, 7, 15] {
            for threads in [0, 3] {
                let decide = |which, at: usize, path: &str, _: Option<&Entry>, _: Option<&Progress>| {
                    let here = which == Which::Filter && at >= number && path.contains('/');
                    if here { answer } else { 0 }
                };
                let caller = Caller::new(&decide);
                let options = caller.options(&Options { threads, ..Options::default() });
                let (got, outcome) = calls::copy(&room.path("src"), &room.path("dst"), &options);
                assert_eq!((got, outcome.step), (code, STEP_FILTER), "{answer}: {outcome:?}");
                assert_nothing_left(&room, &outcome, &format!("{answer} at {number}, {threads} threads"));
            }
        }
    }
}

/// Each function can cancel, at each of its calls; and so can the flag, whoever sets it.
fn each_call_can_cancel(place: &Place) {
    let room = Room::new(&place.dir);
    let src = room.path("src");
    odd::plain(&src, 5, 70);
    for (threads, durability) in [(0, abi::ATOMIC), (2, abi::ATOMIC), (0, abi::UNSTAGED)] {
        let options = Options { threads, durability, ..Options::default() };
        for flag in [false, true] {
            for which in [Which::Filter, Which::Done, Which::Progress] {
                let mut number = 1;
                while cancelled_at(&room, which, number, &options, flag) {
                    // Of progress, which is reported now and then, the last call too.
                    number += if which == Which::Progress { 1 } else { 1 + number / 3 };
                }
                assert!(number > 2, "{which:?} was hardly ever called");
            }
        }
    }
    cancelled_while_replacing(&room);
}

/// `false`: there was no such call.
fn cancelled_at(room: &Room, which: Which, number: usize, options: &Options, flag: bool) -> bool {
    let (cancel, reached) = (AtomicI32::new(0), AtomicI32::new(0));
    let decide = |one, at: usize, _: &str, _: Option<&Entry>, progress: Option<&Progress>| {
        // The removal of what is unfinished is told too, and is not what is to be cancelled.
        let cleaning = progress.is_some_and(|progress| progress.phase == calls::PHASE_CLEANUP);
        if one != which || at != number || cleaning {
            return 0;
        }
        reached.store(1, Ordering::Relaxed);
        cancel.store(i32::from(flag), Ordering::Relaxed);
        match which {
            _ if flag => 0,
            Which::Filter => -5000,
            _ => 1,
        }
    };
    let caller = Caller::new(&decide);
    let options = Options { cancel: cancel.as_ptr(), ..*options };
    let (code, outcome) = calls::copy(&room.path("src"), &room.path("dst"), &caller.options(&options));
    let Options { threads, durability, .. } = options;
    let why = format!("{which:?} {number}, {threads} threads, durability {durability:#x}, flag {flag}");
    if reached.load(Ordering::Relaxed) == 0 {
        assert_eq!(code, 0, "{why}: {outcome:?}");
        calls::removed(&room.path("dst"));
        return false;
    }
    assert_eq!(code, -libc::ECANCELED, "{why}: {outcome:?}");
    assert_nothing_left(room, &outcome, &why);
    true
}

/// Cancelled while the old tree is removed, the name holds the new one. The result says so, and names what is left.
fn cancelled_while_replacing(room: &Room) {
    let (src, dst) = (room.path("src"), room.path("dst"));
    let source = walker::walk(&src);
    for flag in [false, true] {
        calls::copied(&src, &dst, &Options::default());
        let cancel = AtomicI32::new(0);
        let decide = |_, _: usize, _: &str, _: Option<&Entry>, progress: Option<&Progress>| {
            let cleaning = progress.is_some_and(|progress| progress.phase == calls::PHASE_CLEANUP);
            cancel.store(i32::from(flag && cleaning), Ordering::Relaxed);
            c_int::from(cleaning && !flag)
        };
        let caller = Caller::new(&decide);
        let options = Options { if_exists: REPLACE, cancel: cancel.as_ptr(), ..Options::default() };
        let (code, outcome) = calls::copy(&src, &dst, &caller.options(&options));
        assert_eq!(code, -libc::ECANCELED, "{outcome:?}");
        assert!(outcome.has(PUBLISHED) && outcome.has(LITTER), "{outcome:?}");
        assert_copied(&source, &dst, &Options::default(), &outcome);
        calls::removed(&room.path(outcome.litter()));
        calls::removed(&dst);
        assert_eq!(room.names(), ["src"]);
    }
}

fn errors_are_skipped(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    let src = room.path("src");
    odd::plain(&src, 3, 100);
    let unreadable = ["directory-0/file-7", "directory-1/file-0", "directory-1/file-99", "directory-2"];
    for name in unreadable {
        odd::mode(&src.join(name), 0);
    }
    let (code, outcome) = calls::copy(&src, &room.path("dst"), &Options::default());
    assert_eq!((code, outcome.step), (-libc::EACCES, abi::STEP_OPEN_SOURCE), "{outcome:?}");
    assert!(outcome.has(abi::AT_SOURCE) && outcome.failed_path_length > 0, "{outcome:?}");
    assert_nothing_left(&room, &outcome, "an unreadable file");
    for threads in [0, 3] {
        for stop_at in 1..=5 {
            let decide = |which, at: usize, _: &str, entry: Option<&Entry>, _: Option<&Progress>| {
                if which != Which::Error {
                    return 0;
                }
                assert_eq!((entry.unwrap().code, entry.unwrap().os_error), (-libc::EACCES, libc::EACCES));
                if at == stop_at { calls::STOP } else { calls::SKIP }
            };
            let caller = Caller::new(&decide);
            let options = caller.options(&Options { threads, ..Options::default() });
            let (code, outcome) = calls::copy(&src, &room.path("dst"), &options);
            if stop_at <= 4 {
                assert_eq!((code, outcome.failed), (-libc::EACCES, stop_at as u64 - 1), "{outcome:?}");
                // The counts say what was done until then, though nothing of it is left.
                assert_eq!(room.names(), ["src"], "{outcome:?}");
                continue;
            }
            assert_eq!((code, outcome.failed, outcome.files), (0, 4, 197), "{outcome:?}");
            assert_eq!(caller.paths(Which::Error), unreadable);
            let copy = walker::walk(&room.path("dst"));
            for name in unreadable {
                assert!(!copy.contains_key(name.as_bytes()), "{name}");
            }
            calls::removed(&room.path("dst"));
        }
    }
    odd::mode(&src.join("directory-2"), 0o755);
}

/// The type that a directory lists is told also where the entry itself cannot be looked at.
fn kinds_are_told_as_listed(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    let dark = odd::directory(&odd::directory(&room.path("src")).join("dark"));
    files::file(&dark.join("file"), b"in the dark");
    files::fifo(&dark.join("fifo"));
    assert!(odd::node(&dark.join("device"), libc::S_IFCHR, 0), "as a whiteout anybody may make it");
    odd::mode(&dark, 0o444);
    let told = RefCell::new(BTreeMap::new());
    let skip = |which, _: usize, path: &str, entry: Option<&Entry>, _: Option<&Progress>| {
        if which != Which::Error {
            return 0;
        }
        told.borrow_mut().insert(path.to_string(), (entry.unwrap().kind, entry.unwrap().code));
        calls::SKIP
    };
    let caller = Caller::new(&skip);
    calls::copied(
        &room.path("src"),
        &room.path("dst"),
        &Options { filter: None, ..caller.options(&Options::default()) },
    );
    let wanted = [("dark/device", 6), ("dark/fifo", 4), ("dark/file", 1)];
    let wanted = wanted.map(|(path, kind)| (path.to_string(), (kind, -libc::EACCES)));
    assert_eq!(told.into_inner(), wanted.into());
    odd::mode(&dark, 0o755);
}

static CANCEL: AtomicI32 = AtomicI32::new(0);

extern "C" fn set_cancel(_: c_int) {
    CANCEL.store(1, Ordering::Relaxed);
}

/// SIGALRM again and again makes no call fail. A handler that sets the flag ends the call.
fn a_signal_handler_can_cancel(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 20, 100);
    let source = walker::walk(&room.path("src"));
    unsafe { libc::signal(libc::SIGALRM, set_cancel as extern "C" fn(c_int) as usize) };
    let every = |microseconds| {
        let time = libc::timeval { tv_sec: 0, tv_usec: microseconds };
        let timer = libc::itimerval { it_interval: time, it_value: time };
        unsafe { libc::syscall(libc::SYS_setitimer, 0, &raw const timer, 0) };
    };
    for threads in [0, 2] {
        every(300);
        let options = Options { threads, ..Options::default() };
        let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
        every(0);
        assert_copied(&source, &room.path("dst"), &options, &outcome);
        calls::removed(&room.path("dst"));
        CANCEL.store(0, Ordering::Relaxed);
        every(3000);
        let (code, outcome) = calls::copy(
            &room.path("src"),
            &room.path("dst"),
            &Options { threads, cancel: CANCEL.as_ptr(), ..Options::default() },
        );
        every(0);
        // A machine that copies 2,000 files in 3 ms does not exist.
        assert_eq!(code, -libc::ECANCELED, "{outcome:?}");
        assert_nothing_left(&room, &outcome, "a signal");
    }
}

/// The caller can cancel also while only one large file is left, in another thread.
fn a_large_file(place: &Place) {
    let room = Room::new(&place.dir);
    odd::directory(&room.path("src"));
    files::file(&room.path("src/large"), &files::bytes(1, 200 << 20));
    for threads in [0, 2] {
        let stopped = |which, _: usize, _: &str, _: Option<&Entry>, progress: Option<&Progress>| {
            c_int::from(which == Which::Progress && progress.unwrap().phase != calls::PHASE_CLEANUP)
        };
        let caller = Caller::new(&stopped);
        let options = caller.options(&Options { mode: abi::NEVER, threads, ..Options::default() });
        let (code, outcome) = calls::copy(&room.path("src"), &room.path("dst"), &options);
        assert_eq!((code, outcome.step), (-libc::ECANCELED, STEP_PROGRESS), "{outcome:?}");
        assert_eq!(outcome.not_reached, 1, "the file was copied to its end: {outcome:?}");
        assert_nothing_left(&room, &outcome, "a large file");
    }
}

fn a_failed_path_is_cut(place: &Place) {
    let room = Room::new(&place.dir);
    odd::mode(&room.0, 0o777);
    become_a_user();
    let path = "directory/below/a-file-with-a-long-name";
    fs::create_dir_all(room.path("src/directory/below")).unwrap();
    files::file(&room.path("src").join(path), b"x");
    odd::mode(&room.path("src").join(path), 0);
    for size in [0, 1, 2, path.len(), path.len() + 1, 4096] {
        let mut room_for = vec![b'#'; size + 8];
        let options = Options {
            failed_path: room_for.as_mut_ptr().cast(),
            failed_path_size: size,
            ..Options::default()
        };
        let (code, outcome) = calls::copy(&room.path("src"), &room.path("dst"), &options);
        assert_eq!((code, outcome.failed_path_length), (-libc::EACCES, path.len() as u64), "{outcome:?}");
        assert!(room_for[size..].iter().all(|byte| *byte == b'#'), "written beyond its end");
        let told = room_for.split(|byte| *byte == 0).next().unwrap();
        let wanted = &path.as_bytes()[..path.len().min(size.saturating_sub(1))];
        assert!(size == 0 || told == wanted, "{size}: {:?}", String::from_utf8_lossy(told));
        // A success empties it.
        odd::mode(&room.path("src").join(path), 0o600);
        let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
        assert!(size == 0 || room_for[0] == 0, "{outcome:?}");
        calls::removed(&room.path("dst"));
        odd::mode(&room.path("src").join(path), 0);
    }
}

fn a_removal_can_be_cancelled(place: &Place) {
    let room = Room::new(&place.dir);
    for which in [Which::Done, Which::Progress] {
        for flag in [false, true] {
            odd::plain(&room.path("dst"), 3, 100);
            let all = walker::walk(&room.path("dst")).len() as u64 - 1;
            let cancel = AtomicI32::new(0);
            let decide = |one, at: usize, _: &str, _: Option<&Entry>, _: Option<&Progress>| {
                let here = one == which && at == 2;
                cancel.fetch_or(i32::from(here && flag), Ordering::Relaxed);
                c_int::from(here && !flag)
            };
            let caller = Caller::new(&decide);
            let options =
                Options { cancel: cancel.as_ptr(), filter: None, ..caller.options(&Options::default()) };
            let (code, outcome) = calls::remove(&room.path("dst"), &options);
            assert_eq!(code, -libc::ECANCELED, "{outcome:?}");
            let left = walker::walk(&room.path("dst")).len() as u64 - 1;
            assert_eq!(left + outcome.done(), all, "{outcome:?}");
            calls::removed(&room.path("dst"));
        }
    }
}
