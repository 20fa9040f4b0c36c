//! Threads: none unless asked for, the same tree whatever their number, and no effect on the rest of the process.

use std::ffi::{c_int, c_void};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::abi;
use crate::calls::{self, Entry, Options};
use crate::files::Room;
use crate::filter;
use crate::lab::Place;
use crate::walker;
use crate::whole::assert_copied;
use crate::{Attack, KINDS, ONE, needs_root, odd};

pub const ALL: &[Attack] = &[
    Attack("any_number_of_threads_copies_the_same", KINDS, any_number_of_threads),
    Attack("one_thread_makes_none", ONE, one_thread_makes_none),
    Attack("threads_that_cannot_be_made_are_not_missed", ONE, threads_that_cannot_be_made),
    Attack("as_many_threads_as_the_limit_allows", ONE, some_threads_can_be_made),
    Attack("others_fork_meanwhile", ONE, others_fork_meanwhile),
    Attack("threads_take_no_signals", &["xfs-4k", "tmpfs"], threads_take_no_signals),
];

fn any_number_of_threads(place: &Place) {
    let room = Room::new(&place.dir);
    let src = room.path("src");
    odd::make(&src);
    odd::plain(&src.join("many"), 30, 40);
    // Names of one file in many directories, all of which different threads may come to first.
    for number in 1..30 {
        let to = src.join(format!("many/directory-{number}/linked"));
        fs::hard_link(src.join("many/directory-0/file-39"), to).unwrap();
    }
    let source = walker::walk(&src);
    let mut first = None;
    for threads in [1, 2, 4, 64, 2, 64] {
        let options = Options { threads, ..Options::default() };
        let outcome = calls::copied(&src, &room.path("dst"), &options);
        assert_copied(&source, &room.path("dst"), &options, &outcome);
        assert_eq!(*first.get_or_insert(outcome), outcome, "{threads} threads");
        let (code, removed) = calls::remove(&room.path("dst"), &options);
        assert_eq!((code, removed.directories), (0, outcome.directories));
    }
}

/// What every clone(2) and the like is answered.
fn forbid_threads(answer: u32) {
    filter::answer(&[(libc::SYS_clone, answer), (libc::SYS_clone3, answer)]);
}

fn one_thread_makes_none(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 10, 200);
    forbid_threads(libc::SECCOMP_RET_KILL_PROCESS);
    for threads in [0, 1] {
        let options = Options { threads, ..Options::default() };
        calls::copied(&room.path("src"), &room.path("dst"), &options);
        assert_eq!(calls::remove(&room.path("dst"), &options).0, 0);
    }
}

fn threads_that_cannot_be_made(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 10, 200);
    let source = walker::walk(&room.path("src"));
    forbid_threads(filter::ERRNO | libc::EAGAIN as u32);
    for threads in [2, 64, u32::MAX] {
        let options = Options { threads, ..Options::default() };
        let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
        assert_copied(&source, &room.path("dst"), &options, &outcome);
        calls::removed(&room.path("dst"));
    }
}

static SEEN: AtomicU32 = AtomicU32::new(0);

/// Looks at the other threads of this process: all signals are blocked in each that works.
unsafe extern "C" fn look(_: *mut c_void, _: *const Entry) -> c_int {
    let mine = unsafe { libc::getpid() }.to_string();
    for name in crate::files::names(std::path::Path::new("/proc/self/task")) {
        let status = fs::read_to_string(format!("/proc/self/task/{name}/status")).unwrap_or_default();
        let Some(blocked) = status.lines().find(|line| line.starts_with("SigBlk:")) else { continue };
        let blocked = u64::from_str_radix(blocked.split_whitespace().nth(1).unwrap(), 16).unwrap();
        if name == mine {
            assert_eq!(blocked, 0, "of the calling thread");
            continue;
        }
        SEEN.fetch_add(1, Ordering::Relaxed);
        // All but SIGKILL, SIGSTOP and the C library's own two.
        let all = !(1 << 8 | 1 << 18 | 3 << 31);
        assert_eq!(blocked & all, all, "thread {name}: {blocked:x}");
    }
    0
}

fn threads_take_no_signals(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 4, 100);
    let options = Options { threads: 4, filter: Some(look), ..Options::default() };
    calls::copied(&room.path("src"), &room.path("dst"), &options);
    assert!(SEEN.load(Ordering::Relaxed) > 0, "no thread was seen");
}

/// RLIMIT_NPROC counts the threads of a user: who may have two more of them gets two (setrlimit(2)).
fn some_threads_can_be_made(place: &Place) {
    needs_root();
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 10, 200);
    odd::mode(&room.0, 0o777);
    let source = walker::walk(&room.path("src"));
    let limit = libc::rlimit64 { rlim_cur: 3, rlim_max: 3 };
    unsafe {
        assert_eq!(libc::setrlimit64(libc::RLIMIT_NPROC, &raw const limit), 0);
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        // A user who has no other process.
        let user = 1_000_000 + std::process::id();
        assert_eq!(libc::setresgid(user, user, user), 0);
        assert_eq!(libc::setresuid(user, user, user), 0);
    }
    let options = Options { threads: 64, filter: Some(count_threads), ..Options::default() };
    let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
    assert_copied(&source, &room.path("dst"), &options, &outcome);
    assert_eq!(MOST.load(Ordering::Relaxed), 3);
    calls::removed(&room.path("dst"));
}

static MOST: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn count_threads(_: *mut c_void, _: *const Entry) -> c_int {
    let threads = crate::files::names(std::path::Path::new("/proc/self/task")).len() as u32;
    MOST.fetch_max(threads, Ordering::Relaxed);
    calls::TAKE
}

/// A host that forks in another thread while this one copies: neither waits for the other, and the library works in the
/// child, whatever the other thread was about.
fn others_fork_meanwhile(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 20, 100);
    odd::plain(&room.path("small"), 1, 2);
    let source = walker::walk(&room.path("src"));
    let (stop, forked) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let child = unsafe { libc::fork() };
                if child == 0 {
                    unsafe { libc::alarm(60) };
                    unsafe { libc::_exit(copied_and_removed(&room)) };
                }
                let mut status = 1;
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                assert_eq!(status, 0);
                forked.fetch_add(1, Ordering::Relaxed);
            }
        });
        for if_exists in [0, abi::REPLACE, calls::MERGE] {
            let options = Options { threads: 4, if_exists, ..Options::default() };
            let outcome = calls::copied(&room.path("src"), &room.path("dst"), &options);
            assert_copied(&source, &room.path("dst"), &options, &outcome);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(forked.load(Ordering::Relaxed) > 0, "nobody forked");
}

/// In a child: how many of two calls failed.
fn copied_and_removed(room: &Room) -> c_int {
    let (src, dst) = (abi::c_path(&room.path("small")), abi::c_path(&room.path("of-a-child")));
    let options = Options { threads: 2, ..Options::default() };
    let none = std::ptr::null_mut();
    let library = calls::library();
    let copied = unsafe { (library.copy)(src.as_ptr(), dst.as_ptr(), &options, none) };
    let removed = unsafe { (library.remove)(dst.as_ptr(), std::ptr::null(), none) };
    c_int::from(copied != 0) + c_int::from(removed != 0)
}
