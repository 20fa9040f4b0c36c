//! A process of its own for one call of the library, of which one system call fails, or at which it is killed.
//! Uses ptrace(2): replaces the call by one that does not exist, and its answer by the error. Linux on x86-64 only.

use std::ffi::c_void;

use crate::calls::Outcome;

/// What is done at the nth system call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Nothing,
    Error(i32),
    /// Every later call of the same number fails too.
    ErrorFromNowOn(i32),
    Kill,
}

/// What the process said of itself.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// The call came back.
    pub ended: i32,
    pub code: i32,
    pub leaked: i32,
    pub outcome: Outcome,
}

/// How it went.
pub struct Ran {
    pub said: Said,
    /// The numbers of the system calls between begin and end.
    pub calls: Vec<u64>,
}

/// A page that both processes see.
pub struct Page(*mut Said);

impl Page {
    pub fn new() -> Self {
        let how = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, how.0, how.1, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        Self(page.cast())
    }
}

/// No call has this number: it marks where the library's calls begin and end.
const MARK: i64 = 5555;

fn descriptors() -> i32 {
    (0..256).filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0).count() as i32
}

fn in_child(page: &Page, call: impl FnOnce(&mut Outcome) -> i32) -> ! {
    unsafe {
        libc::ptrace(libc::PTRACE_TRACEME, 0, std::ptr::null_mut::<c_void>(), std::ptr::null_mut::<c_void>());
        libc::raise(libc::SIGSTOP);
        let said = &mut *page.0;
        let before = descriptors();
        libc::syscall(MARK);
        said.code = call(&mut said.outcome);
        libc::syscall(MARK);
        said.leaked = descriptors() - before;
        said.ended = 1;
        libc::_exit(0);
    }
}

/// Forks, has `call` made there, and does `fault` at the call number `at` of those that the library makes.
#[cfg(target_arch = "x86_64")]
pub fn run(page: &Page, at: usize, fault: Fault, call: impl FnOnce(&mut Outcome) -> i32) -> Ran {
    run_among(page, (at, fault), &mut |_| {}, call)
}

/// The same, and has `others` act right before each system call, whose number it is told. The thread that makes it waits.
#[cfg(target_arch = "x86_64")]
pub fn run_among(
    page: &Page,
    (at, fault): (usize, Fault),
    others: &mut dyn FnMut(usize),
    call: impl FnOnce(&mut Outcome) -> i32,
) -> Ran {
    unsafe {
        (page.0).write(Said { ended: 0, code: 0, leaked: 0, outcome: Outcome::unwritten() });
        let child = libc::fork();
        assert!(child >= 0);
        if child == 0 {
            in_child(page, call);
        }
        let calls = trace(child, (at, fault), others);
        Ran { said: page.0.read(), calls }
    }
}

/// What threads do to be threads. The C library ends the process where some of these fail, which they never do.
#[cfg(target_arch = "x86_64")]
const OF_THREADS: &[i64] = &[
    libc::SYS_futex,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_prctl,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
];

/// Whether a call is put to the test: not what makes and ends threads, nor the memory for a thread's own variables, without
/// which glibc aborts (elf/dl-tls.c).
#[cfg(target_arch = "x86_64")]
fn counts(number: u64, by_first_thread: bool) -> bool {
    let number = number as i64;
    !OF_THREADS.contains(&number) && (by_first_thread || number != libc::SYS_mmap)
}

/// Whether a stopped thread is about to make a call, and not back from one (struct ptrace_syscall_info of linux/ptrace.h).
#[cfg(target_arch = "x86_64")]
unsafe fn enters(thread: libc::pid_t) -> bool {
    const PTRACE_GET_SYSCALL_INFO: libc::c_uint = 0x420e;
    const ENTRY: u8 = 1;
    let mut info = [0_u8; 128];
    let got = unsafe { libc::ptrace(PTRACE_GET_SYSCALL_INFO, thread, info.len(), info.as_mut_ptr()) };
    assert!(got > 0, "PTRACE_GET_SYSCALL_INFO: Linux 5.3");
    info[0] == ENTRY
}

#[cfg(target_arch = "x86_64")]
unsafe fn trace(child: libc::pid_t, (at, fault): (usize, Fault), others: &mut dyn FnMut(usize)) -> Vec<u64> {
    let none = std::ptr::null_mut::<c_void>();
    let (mut status, mut calls, mut inside) = (0, Vec::new(), false);
    // What each thread's call is answered.
    let mut answers = std::collections::HashMap::<libc::pid_t, i32>::new();
    let mut refused = None;
    unsafe {
        libc::waitpid(child, &mut status, 0);
        let how = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE;
        libc::ptrace(libc::PTRACE_SETOPTIONS, child, none, how as *mut c_void);
        libc::ptrace(libc::PTRACE_SYSCALL, child, none, none);
        loop {
            let thread = libc::waitpid(-1, &mut status, libc::__WALL);
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                if thread == child {
                    return calls; // the first thread is the last that is waited for
                }
                continue;
            }
            // Else a thread is new, or a signal came, which it does not need.
            if libc::WSTOPSIG(status) == libc::SIGTRAP | 0x80 {
                let mut registers = std::mem::zeroed::<libc::user_regs_struct>();
                libc::ptrace(libc::PTRACE_GETREGS, thread, none, &raw mut registers);
                let number = registers.orig_rax;
                if !enters(thread) {
                    if let Some(errno) = answers.remove(&thread) {
                        registers.rax = (-i64::from(errno)) as u64;
                        libc::ptrace(libc::PTRACE_SETREGS, thread, none, &raw const registers);
                    }
                } else if number as i64 == MARK {
                    inside = !inside;
                } else if inside && counts(number, thread == child) {
                    others(calls.len());
                    calls.push(number);
                    let now = calls.len() - 1 == at;
                    let answer = match fault {
                        Fault::Kill if now => {
                            libc::kill(child, libc::SIGKILL);
                            None
                        }
                        Fault::Error(errno) if now => Some(errno),
                        Fault::ErrorFromNowOn(errno) if now || refused == Some(number) => {
                            refused = Some(number);
                            Some(errno)
                        }
                        _ => None,
                    };
                    if let Some(errno) = answer {
                        answers.insert(thread, errno);
                        registers.orig_rax = u64::MAX;
                        libc::ptrace(libc::PTRACE_SETREGS, thread, none, &raw const registers);
                    }
                }
            }
            libc::ptrace(libc::PTRACE_SYSCALL, thread, none, none);
        }
    }
}
