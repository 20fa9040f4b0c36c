//! A filter of system calls (seccomp(2)), as containers have them, and which makes a new kernel an old one.
//! It holds for the process that asks for it, to its end.

// The kernel's own words (linux/bpf_common.h, linux/seccomp.h); the number of the call is at 0, its arguments from 16 on.
pub const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
pub const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
pub const ANY_BIT: u16 = 0x45; // BPF_JMP | BPF_JSET | BPF_K
pub const RETURN: u16 = 0x06; // BPF_RET | BPF_K
pub const ERRNO: u32 = 0x0005_0000;
pub const ALLOW: u32 = 0x7fff_0000;

/// The exit status of a process that can have no filter.
pub const NO_FILTER: i32 = 77;

/// For each call given, the errno it answers.
pub fn refuse(calls: &[(libc::c_long, i32)]) {
    answer(&calls.iter().map(|(call, errno)| (*call, ERRNO | *errno as u32)).collect::<Vec<_>>());
}

/// For each call given, what becomes of it.
pub fn answer(calls: &[(libc::c_long, u32)]) {
    let statement = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let mut program = vec![statement(LOAD, 0)];
    for (call, answer) in calls {
        program.push(libc::sock_filter { code: EQUAL, jt: 0, jf: 1, k: *call as u32 });
        program.push(statement(RETURN, *answer));
    }
    program.push(statement(RETURN, ALLOW));
    install(&mut program);
}

pub fn install(program: &mut [libc::sock_filter]) {
    let whole = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const whole);
        if set != 0 {
            println!("cannot: {}", std::io::Error::last_os_error());
            std::process::exit(NO_FILTER);
        }
    }
}
