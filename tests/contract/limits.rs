//! What belongs to the whole process: limits, stdio, descriptors, memory, and the system calls of a small clone.
//! Each runs in a child of its own; a signal would kill that child, and so fail the test.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::abi::{self, Options};
use crate::child::{self, Child};
use crate::files::{self, Room};
use crate::lab::Place;
use crate::portable;
use crate::whole::options;
use crate::{Contract, Once, Where, skip};

pub const ALL: &[Contract] = &[
    Contract("a_size_limit_is_efbig_and_no_signal", Where::Everywhere, a_size_limit_is_efbig_and_no_signal),
    Contract("no_descriptor_is_left_or_low", Where::Everywhere, no_descriptor_is_left_or_low),
    Contract("memory_is_constant", Where::Everywhere, memory_is_constant),
    Contract("a_full_disk_leaves_nothing", Where::Only("ext4"), a_full_disk_leaves_nothing),
    Contract("a_full_disk_leaves_nothing", Where::Only("tmpfs"), a_full_disk_leaves_nothing),
    Contract("signals_do_not_end_a_copy", Where::Only("xfs-4k"), signals_do_not_end_a_copy),
    Contract("signals_do_not_end_a_copy", Where::Only("tmpfs"), signals_do_not_end_a_copy),
    Contract("a_small_clone_takes_few_calls", Where::IfCloning, a_small_clone_takes_few_calls),
    Contract("a_kill_at_any_call_leaves_old_or_new", Where::Everywhere, a_kill_at_any_call_leaves_old_or_new),
];

pub const ONCE: &[Once] = &[("limits::the_library_is_small", the_library_is_small)];

pub const CHILDREN: &[Child] = &[
    ("limited", limited),
    ("descriptors", descriptors),
    ("memory", memory),
    ("full", full),
    ("copy-once", copy_once),
];

fn a_size_limit_is_efbig_and_no_signal(place: &Place) {
    let room = Room::new(&place.dir);
    files::file(&room.path("src"), &files::bytes(90, 100_000));
    files::file(&room.path("old"), b"precious");
    files::file(&room.path("target"), &files::bytes(91, 200_000));
    for limit in ["0", "1", "512", "8192", "99999", "100000", "100001"] {
        child::run("limited", &[room.0.to_str().unwrap(), limit]);
        assert_eq!(fs::read(room.path("old")).unwrap(), b"precious");
        assert_eq!(room.names(), ["old", "src", "target"]);
    }
}

fn limited(arguments: &[String]) {
    let (room, limit) = (PathBuf::from(&arguments[0]), arguments[1].parse::<u64>().unwrap());
    abi::library();
    let raw = libc::rlimit64 { rlim_cur: limit, rlim_max: limit };
    assert_eq!(unsafe { libc::setrlimit64(libc::RLIMIT_FSIZE, &raw) }, 0);
    let (src, old, new) = (room.join("src"), room.join("old"), room.join("new"));
    let fits = limit >= 100_000;
    let probe = abi::probe(None, &room);
    assert_eq!((probe.0, probe.1.clone, probe.1.clone_error), (0, -1, -libc::EFBIG));
    assert_eq!(abi::probe(Some(&src), &room).0, 0);
    for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
            let how = Options { mode, durability, ..Options::default() };
            let code = abi::copy_file(&src, &new, &how).0;
            let cannot_clone = mode == abi::ALWAYS && code == -libc::EOPNOTSUPP;
            assert!(if fits { code == 0 || cannot_clone } else { code == -libc::EFBIG }, "{code}");
            let _ = fs::remove_file(&new);
            if !fits {
                let over = Options { if_exists: abi::REPLACE, ..how };
                assert_eq!(abi::copy_file(&src, &old, &over).0, -libc::EFBIG);
            }
        }
    }
    // A source that does not know its size, and descriptors.
    let pseudo = abi::copy_file(Path::new("/proc/filesystems"), &new, &Options::default()).0;
    let length = fs::read("/proc/filesystems").unwrap().len() as u64;
    assert_eq!(pseudo, if limit >= length { 0 } else { -libc::EFBIG });
    let _ = fs::remove_file(&new);
    let from = File::open(&src).unwrap();
    let to = OpenOptions::new().write(true).open(room.join("target")).unwrap();
    for mode in [abi::AUTO, abi::NEVER] {
        if !fits {
            assert_eq!(abi::copy_fd(from.as_raw_fd(), to.as_raw_fd(), &options(mode)).0, -libc::EFBIG);
        }
        let range = |at, length| {
            let (from, to) = ((from.as_raw_fd(), 0), (to.as_raw_fd(), at));
            abi::copy_range(from, to, length, &options(mode)).0
        };
        assert_eq!(range(limit, 4096), -libc::EFBIG);
        assert_eq!(range(0, limit.min(100_000)), 0);
    }
}

fn no_descriptor_is_left_or_low(place: &Place) {
    let room = Room::new(&place.dir);
    files::sparse(&room.path("src"), 1 << 20, &[(100_000, 100_000)]);
    child::run("descriptors", &[room.0.to_str().unwrap()]);
    let low = child::command("descriptors", &[room.0.to_str().unwrap(), "low"]);
    // The child closes its own stdio: nothing but its status comes back.
    let status = { low }.stdin(std::process::Stdio::null()).status().unwrap();
    assert!(status.success(), "with stdio closed: {status}");
}

/// The descriptors that `low_descriptors` looks at.
const WATCHED: i32 = 32;

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn descriptors(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    // What the runner was handed and handed on is not the library's: so it is told apart.
    for fd in 3..WATCHED {
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    abi::library();
    let closed = arguments.get(1).is_some();
    if closed {
        for fd in 0..3 {
            unsafe { libc::close(fd) };
        }
    }
    let before = open_descriptors();
    for mode in [abi::AUTO, abi::ALWAYS, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
            for if_exists in [0, abi::REPLACE, 0] {
                let how = Options {
                    mode,
                    durability,
                    if_exists,
                    preserve: abi::ALL_METADATA,
                    flags: abi::BEST_EFFORT,
                    ..Options::default()
                };
                let mut seen = Vec::<i32>::new();
                let watched =
                    Options { progress: Some(low_descriptors), user: (&raw mut seen).cast(), ..how };
                abi::copy_file(&room.join("src"), &room.join("dst"), &watched);
                abi::copy_file(&room.join("src"), &room.join("dst"), &how);
                assert!(seen.is_empty(), "descriptors {seen:?} are stdio's");
            }
        }
    }
    abi::copy_file(&room.join("missing"), &room.join("dst"), &Options::default());
    abi::copy_file(&room.join("src"), &room.join("missing/dst"), &Options::default());
    abi::probe(None, &room);
    abi::probe(Some(&room.join("src")), &room);
    let _ = fs::remove_file(room.join("dst"));
    assert_eq!(open_descriptors(), before, "descriptors are left open");
    if closed {
        // Rust's runtime aborts at exit where stdio is gone.
        unsafe { libc::_exit(0) };
    }
}

/// Collects the descriptors up to 2 that are regular files now, and those that a program started now would inherit.
unsafe extern "C" fn low_descriptors(user: *mut std::ffi::c_void, _: *const abi::Progress) -> i32 {
    let seen = unsafe { &mut *user.cast::<Vec<i32>>() };
    for fd in 0..WATCHED {
        let mut stat = std::mem::MaybeUninit::<libc::stat64>::zeroed();
        if unsafe { libc::fstat64(fd, stat.as_mut_ptr()) } != 0 {
            continue;
        }
        let regular = unsafe { stat.assume_init() }.st_mode & libc::S_IFMT == libc::S_IFREG;
        let inherited = unsafe { libc::fcntl(fd, libc::F_GETFD) } & libc::FD_CLOEXEC == 0;
        if regular && (fd < 3 || inherited) {
            seen.push(fd);
        }
    }
    0
}

fn memory_is_constant(place: &Place) {
    let room = Room::new(&place.dir);
    let file = File::create(room.path("src")).unwrap();
    use std::os::unix::fs::FileExt;
    for part in 0..96 {
        file.write_all_at(&files::bytes(part, 1 << 20), part << 20).unwrap();
    }
    child::run("memory", &[room.0.to_str().unwrap()]);
}

fn high_water() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn memory(arguments: &[String]) {
    let room = PathBuf::from(&arguments[0]);
    abi::library();
    let how = Options { mode: abi::NEVER, if_exists: abi::REPLACE, ..Options::default() };
    files::file(&room.join("tiny"), b"tiny");
    // The first copy pays for what is loaded lazily.
    assert_eq!(abi::copy_file(&room.join("tiny"), &room.join("dst"), &how).0, 0);
    let before = high_water();
    assert_eq!(abi::copy_file(&room.join("src"), &room.join("dst"), &how).0, 0);
    let grown = high_water() - before;
    assert!(grown <= 1 << 20, "{grown} bytes more for 96 MiB");
}

fn a_full_disk_leaves_nothing(place: &Place) {
    if unsafe { libc::geteuid() } != 0 {
        skip("needs root, to mount");
    }
    let room = Room::new(&place.dir);
    files::file(&room.path("src"), &files::bytes(92, 12 << 20));
    child::run("full", &[room.0.to_str().unwrap(), place.fs_name]);
}

fn full(arguments: &[String]) {
    let (room, kind) = (PathBuf::from(&arguments[0]), &arguments[1]);
    let small = room.join("small");
    fs::create_dir(&small).unwrap();
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0);
    let run = |command: &mut Command| assert!(command.output().unwrap().status.success(), "{command:?}");
    if kind == "tmpfs" {
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "reflink-test"]).arg(&small));
    } else {
        let image = room.join("image");
        File::create(&image).unwrap().set_len(8 << 20).unwrap();
        run(Command::new("mkfs.ext4").arg("-q").arg(&image));
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&small));
    }
    let old = files::file(&small.join("old"), b"precious");
    let listed = files::names(&small);
    for mode in [abi::AUTO, abi::NEVER] {
        for durability in [abi::ATOMIC, abi::DURABLE, abi::UNSTAGED] {
            for (name, if_exists) in [("old", abi::REPLACE), ("new", 0)] {
                let how = Options { mode, durability, if_exists, ..Options::default() };
                let (code, outcome) = abi::copy_file(&room.join("src"), &small.join(name), &how);
                assert_eq!(code, -libc::ENOSPC, "{outcome:?}");
                assert_eq!(fs::read(&old).unwrap(), b"precious");
                assert_eq!(files::names(&small), listed);
            }
        }
    }
}

fn copy_once(arguments: &[String]) {
    let number = |at: usize| arguments[at].parse::<u32>().unwrap();
    let how = Options { mode: number(2), durability: number(3), if_exists: number(4), ..Options::default() };
    abi::library();
    let (src, dst) = (Path::new(&arguments[0]), Path::new(&arguments[1]));
    let (from, to) = (abi::c_path(src), abi::c_path(dst));
    // Marks in the trace that nothing else makes.
    unsafe { libc::access(c"/reflink-test-begin".as_ptr(), 0) };
    let code = unsafe { (abi::library().copy_file)(from.as_ptr(), to.as_ptr(), &how, std::ptr::null_mut()) };
    unsafe { libc::access(c"/reflink-test-end".as_ptr(), 0) };
    assert_eq!(code, 0);
}

/// Runs one copy under strace and returns its system calls. `None` where strace cannot run.
fn traced(
    src: &Path,
    dst: &Path,
    how: [u32; 3],
    inject: Option<&str>,
    log: &Path,
) -> Option<(bool, Vec<String>)> {
    let numbers = how.map(|number| number.to_string());
    let arguments = [src.to_str().unwrap(), dst.to_str().unwrap(), &numbers[0], &numbers[1], &numbers[2]];
    let child = child::command("copy-once", &arguments);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(log);
    if let Some(inject) = inject {
        strace.arg("-e").arg(inject);
    }
    strace.arg(child.get_program()).args(child.get_args());
    strace.envs(child.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    let output = strace.output().ok()?;
    let text = fs::read_to_string(log).ok()?;
    let calls = text
        .lines()
        .skip_while(|line| !line.contains("/reflink-test-begin"))
        .skip(1)
        .take_while(|line| !line.contains("/reflink-test-end"))
        // The first column is the process; a signal or an exit is no call.
        .filter_map(|line| line.split_once(' ').map(|(_, call)| call.trim().to_string()))
        .filter(|call| !call.starts_with("+++") && !call.starts_with("---"))
        .collect();
    Some((output.status.success(), calls))
}

pub fn need_strace() {
    if child::is_emulated() {
        skip("the emulator's own system calls would be seen");
    }
    let works = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        skip("no strace here, or it may not trace");
    }
}

/// Timers and profilers interrupt a call more often than anybody counts.
fn signals_do_not_end_a_copy(place: &Place) {
    need_strace();
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(95, 600_000));
    let logs = Room::new(&std::env::temp_dir());
    for mode in [abi::AUTO, abi::NEVER] {
        let (dst, how) = (room.path("dst"), [mode, abi::ATOMIC, 0]);
        let plain = traced(&src, &dst, how, None, &logs.path("log")).unwrap();
        assert!(plain.0, "{:#?}", plain.1);
        for (name, nth) in numbered(&plain.1) {
            if !matches!(name.as_str(), "ioctl" | "copy_file_range" | "pread64" | "pwrite64") {
                continue;
            }
            fs::remove_file(&dst).unwrap();
            let first = calls_before_begin(&logs.path("log"), &name) + nth;
            let inject = format!("inject={name}:error=EINTR:when={first}..{}", first + 200);
            let gone_on = traced(&src, &dst, how, Some(&inject), &logs.path("log2")).unwrap();
            assert!(gone_on.0, "{inject}: {:#?}", gone_on.1.last());
            files::assert_same(&src, &dst);
            let clones = gone_on.1.iter().any(|call| call.contains("FICLONE") && call.ends_with("= 0"));
            assert_eq!(clones, place.clones && mode == abi::AUTO, "{inject}: no other method instead");
        }
        fs::remove_file(&dst).unwrap();
    }
}

/// Two closes are one call more than close_range, and take less time (docs/performance.md).
fn a_small_clone_takes_few_calls(place: &Place) {
    need_strace();
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(93, 20_000));
    for (durability, most) in [(abi::UNSTAGED, 10), (abi::ATOMIC, 11)] {
        let dst = room.path(&format!("dst-{durability}"));
        let (fine, calls) = traced(&src, &dst, [abi::AUTO, durability, 0], None, &room.path("log")).unwrap();
        assert!(fine && calls.len() <= most, "{} calls: {calls:#?}", calls.len());
        assert!(calls.iter().any(|call| call.contains("FICLONE")), "{calls:#?}");
        assert!(
            !calls.iter().any(|call| call.contains("brk(") || call.contains("mmap(")),
            "memory: {calls:#?}"
        );
        files::assert_same(&src, &dst);
    }
}

/// SIGKILL instead of each system call of a copy, one after the other.
fn a_kill_at_any_call_leaves_old_or_new(place: &Place) {
    need_strace();
    let room = Room::new(&place.dir);
    let src = files::file(&room.path("src"), &files::bytes(94, 600_000));
    let (content, logs) = (fs::read(&src).unwrap(), Room::new(&std::env::temp_dir()));
    for mode in [abi::AUTO, abi::NEVER] {
        for if_exists in [0, abi::REPLACE] {
            let how = [mode, abi::ATOMIC, if_exists];
            if if_exists == abi::REPLACE {
                files::file(&room.path("dst"), b"precious"); // with nothing to replace, other calls are made
            }
            let plain = traced(&src, &room.path("dst"), how, None, &logs.path("log")).unwrap();
            assert!(plain.0, "{:#?}", plain.1);
            for (name, nth) in numbered(&plain.1) {
                let dst = room.path("dst");
                fs::remove_file(&dst).unwrap();
                if if_exists == abi::REPLACE {
                    files::file(&dst, b"precious");
                }
                let before = calls_before_begin(&logs.path("log"), &name);
                let inject = format!("inject={name}:signal=KILL:when={}", before + nth);
                let killed = traced(&src, &dst, how, Some(&inject), &logs.path("killed")).unwrap();
                assert!(!killed.0, "{inject}: not killed");
                let found = fs::read(&dst).ok();
                let old = (if_exists == abi::REPLACE).then(|| b"precious".to_vec());
                assert!(
                    found == old || found.as_ref() == Some(&content),
                    "{inject}: {:?} bytes",
                    found.map(|f| f.len())
                );
                let litter = room.names().iter().filter(|name| name.starts_with(".reflink-")).count();
                // Where there are no unnamed files each copy has a private name.
                let named = if_exists == abi::REPLACE || portable::is_tested();
                assert!(litter <= usize::from(named), "{inject}: {:?}", room.names());
                for name in room.names().iter().filter(|name| *name != "src") {
                    fs::remove_file(room.path(name)).unwrap();
                }
                files::file(&dst, b"for the next turn");
            }
            fs::remove_file(room.path("dst")).unwrap();
        }
    }
}

/// Each call's name, and which one of that name it is.
fn numbered(calls: &[String]) -> Vec<(String, usize)> {
    let mut seen = Vec::<String>::new();
    calls
        .iter()
        .filter_map(|call| call.split_once('(').map(|(name, _)| name.to_string()))
        .map(|name| {
            seen.push(name.clone());
            let nth = seen.iter().filter(|other| **other == name).count();
            (name, nth)
        })
        .collect()
}

/// How many calls of that name the process makes before the copy begins: strace counts them too.
fn calls_before_begin(log: &Path, name: &str) -> usize {
    let text = fs::read_to_string(log).unwrap();
    let start = format!("{name}(");
    let before = text.lines().take_while(|line| !line.contains("/reflink-test-begin"));
    before
        .filter(|line| line.split_once(' ').is_some_and(|(_, call)| call.trim().starts_with(&start)))
        .count()
}

fn the_library_is_small() {
    let copy = std::env::temp_dir().join(format!("libreflink-{}.so", std::process::id()));
    fs::copy(abi::path(), &copy).unwrap();
    let stripped = Command::new("strip").arg(&copy).status();
    let size = fs::metadata(&copy).unwrap().len();
    let _ = fs::remove_file(&copy);
    if !stripped.is_ok_and(|status| status.success()) {
        skip("no strip here");
    }
    // Room for Rust 1.85, which makes it 53 KB larger than 1.95.
    let largest: u64 = include_str!("../largest-library").trim().parse().unwrap();
    assert!(size <= largest, "{size} bytes stripped, of at most {largest}");
}
