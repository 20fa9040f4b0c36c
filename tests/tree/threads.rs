//! Threads: none unless asked for, the same tree whatever their number, and nothing of them for others to notice.

use std::ffi::{c_int, c_void};
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::calls::{self, Entry, Options};
use crate::files::Room;
use crate::lab::Place;
use crate::walker;
use crate::whole::assert_copied;
use crate::{Attack, KINDS, ONE, odd};

pub const ALL: &[Attack] = &[
    Attack("any_number_of_threads_copies_the_same", KINDS, any_number_of_threads),
    Attack("one_thread_makes_none", ONE, one_thread_makes_none),
    Attack("threads_that_cannot_be_made_are_not_missed", ONE, threads_that_cannot_be_made),
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

/// Answers every clone(2), fork(2) and the like with this errno, or kills where it is 0.
fn forbid_threads(errno: u32) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let answer = if errno == 0 { libc::SECCOMP_RET_KILL_PROCESS } else { libc::SECCOMP_RET_ERRNO | errno };
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: 0, k };
    let mut program = [
        step(LOAD, 0, 0),
        step(EQUAL, 2, libc::SYS_clone as u32),
        step(EQUAL, 1, libc::SYS_clone3 as u32),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
        step(RETURN, 0, answer),
    ];
    let whole = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const whole), 0);
    }
}

fn one_thread_makes_none(place: &Place) {
    let room = Room::new(&place.dir);
    odd::plain(&room.path("src"), 10, 200);
    forbid_threads(0);
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
    forbid_threads(libc::EAGAIN as u32);
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
