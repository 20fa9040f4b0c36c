//! Faults from outside on the real library: a C program under strace, each of its system calls failed in each way, or killed.
//! What must hold after each is in `judge`. The default run draws as many cases as its time allows; the long one makes all.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::abi;
use crate::files::{self, Room};
use crate::lab::Place;
use crate::programs;
use crate::seed::{self, Random};
use crate::skip;

const OLD: &[u8] = b"precious";
const MODE: u32 = 0o640;

/// The destination of the calls that work in place: longer than the source, other bytes.
const IN_PLACE: usize = 700_000;

/// One kind of copy.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scenario {
    name: &'static str,
    what: &'static str,
    mode: u32,
    durability: u32,
    replace: bool,
    preserve: u32,
    /// O_TMPFILE is refused: the copy is built under a private name.
    named: bool,
}

const fn file(name: &'static str, durability: u32, replace: bool, named: bool) -> Scenario {
    Scenario { name, what: "file", mode: abi::AUTO, durability, replace, preserve: 0, named }
}

const SCENARIOS: &[Scenario] = &[
    file("new", abi::ATOMIC, false, false),
    file("replace", abi::ATOMIC, true, false),
    file("unstaged", abi::UNSTAGED, false, false),
    file("durable", abi::DURABLE, false, false),
    file("durable-replace", abi::DURABLE, true, false),
    file("private-new", abi::ATOMIC, false, true),
    file("private-replace", abi::ATOMIC, true, true),
    Scenario { preserve: abi::ALL_METADATA, ..file("metadata", abi::ATOMIC, false, false) },
    Scenario { what: "fd", ..file("fd", abi::ATOMIC, true, false) },
    Scenario { what: "range", ..file("range", abi::ATOMIC, true, false) },
];

/// What is done to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Error(&'static str, i32),
    /// This call and all of its name after it.
    ErrorFromNowOn(&'static str, i32),
    /// The call does nothing and says 0.
    Zero,
    Kill,
}

const ERRORS: &[(&str, i32)] = &[
    ("EIO", libc::EIO),
    ("ENOSPC", libc::ENOSPC),
    ("EDQUOT", libc::EDQUOT),
    ("EPERM", libc::EPERM),
    ("EACCES", libc::EACCES),
    ("EINTR", libc::EINTR),
    ("EAGAIN", libc::EAGAIN),
    ("EINVAL", libc::EINVAL),
    ("EOPNOTSUPP", libc::EOPNOTSUPP),
    ("ENOSYS", libc::ENOSYS),
    ("ENOMEM", libc::ENOMEM),
    ("EROFS", libc::EROFS),
    ("EXDEV", libc::EXDEV),
    ("EBADF", libc::EBADF),
    ("ENOENT", libc::ENOENT),
    ("EEXIST", libc::EEXIST),
    ("EMFILE", libc::EMFILE),
    ("ESTALE", libc::ESTALE),
    ("EUCLEAN", libc::EUCLEAN),
    ("EBADMSG", libc::EBADMSG),
];

/// Calls whose 0 is an answer: the end of a file, nothing written, a clone that was none, an offset that is none.
const ZERO_IS_AN_ANSWER: &[&str] = &["copy_file_range", "pread64", "pwrite64", "lseek", "ioctl"];

/// Calls that are made again when a signal interrupted them.
const INTERRUPTIBLE: &[&str] =
    &["openat", "ioctl", "copy_file_range", "pread64", "pwrite64", "ftruncate", "fsync", "linkat", "fchmod"];

/// Real failures, and the calls in which none of them may be passed over.
const REAL: &[i32] =
    &[libc::EIO, libc::ENOSPC, libc::EDQUOT, libc::ENOMEM, libc::EROFS, libc::EUCLEAN, libc::EBADMSG];
const IN_EARNEST: &[&str] = &[
    "ioctl",
    "copy_file_range",
    "pread64",
    "pwrite64",
    "fallocate",
    "ftruncate",
    "fsync",
    "fchmod",
    "linkat",
    "renameat",
    "renameat2",
];

#[derive(Clone, Debug)]
struct Case {
    scenario: Scenario,
    call: String,
    /// The nth of that name in the copy.
    nth: usize,
    /// The calls of that name before it: strace counts them too.
    before: usize,
    fault: Fault,
}

impl Case {
    fn is_real(&self) -> bool {
        let (Fault::Error(_, errno) | Fault::ErrorFromNowOn(_, errno)) = self.fault else { return false };
        REAL.contains(&errno) && IN_EARNEST.contains(&self.call.as_str())
    }

    /// From here on nothing can be found out about any file: what stands under a name cannot be known to be the
    /// library's own, and so is not removed.
    fn blinds(&self) -> bool {
        let asks = ["newfstatat", "fstat", "fstat64"].contains(&self.call.as_str())
            || (cfg!(target_pointer_width = "32") && self.call == "statx");
        asks && matches!(self.fault, Fault::ErrorFromNowOn(..))
    }

    fn inject(&self) -> String {
        let when = self.before + self.nth;
        let call = &self.call;
        match self.fault {
            Fault::Error(name, _) => format!("inject={call}:error={name}:when={when}"),
            Fault::ErrorFromNowOn(name, _) => format!("inject={call}:error={name}:when={when}+"),
            Fault::Zero => format!("inject={call}:retval=0:when={when}"),
            Fault::Kill => format!("inject={call}:signal=KILL:when={when}"),
        }
    }
}

/// The line that the program printed.
#[derive(Clone, Copy, Debug)]
struct Told {
    code: i32,
    step: u32,
    os_error: i32,
    flags: u32,
    total: u64,
    leaked: i32,
}

impl Told {
    fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<i64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [code, _method, step, os_error, flags, cloned, copied, hole, leaked] = numbers[..] else {
            return None;
        };
        Some(Self {
            code: code as i32,
            step: step as u32,
            os_error: os_error as i32,
            flags: flags as u32,
            total: (cloned + copied + hole) as u64,
            leaked: leaked as i32,
        })
    }
}

struct Bench {
    room: Room,
    logs: Room,
    content: Vec<u8>,
    in_place: Vec<u8>,
    /// strace can leave the other calls alone.
    quick: bool,
}

impl Bench {
    fn new(place: &Place) -> Self {
        let room = Room::new(&place.dir);
        let src = files::sparse(&room.path("src"), 600_000, &[(0, 130_000), (400_000, 200_000)]);
        fs::set_permissions(&src, fs::Permissions::from_mode(MODE)).unwrap();
        files::set_xattr(&src, "user.torture", b"1");
        let content = fs::read(&src).unwrap();
        let quick = traces(&["-f", "--seccomp-bpf", "-e", "trace=openat"]);
        let in_place = files::bytes(3, IN_PLACE);
        Self { room, logs: Room::new(&std::env::temp_dir()), content, in_place, quick }
    }

    fn dst(&self) -> PathBuf {
        self.room.path("dst")
    }

    /// What stands under the destination's name before the copy; its inode, if any.
    fn prepare(&self, scenario: &Scenario) -> Option<u64> {
        for name in self.room.names().iter().filter(|name| *name != "src") {
            fs::remove_file(self.room.path(name)).unwrap();
        }
        if !scenario.replace {
            return None;
        }
        let content = if scenario.what == "file" { OLD } else { &self.in_place };
        fs::write(self.dst(), content).unwrap();
        Some(fs::metadata(self.dst()).unwrap().ino())
    }

    fn strace(&self, scenario: &Scenario, inject: Option<&str>, log: &Path) -> std::process::Output {
        let mut command = Command::new("timeout");
        command.args(["-k", "1", "30", "strace", "-qq", "-o"]).arg(log);
        if let Some(inject) = inject {
            // Stops at the one call only. (The program's own filter would hide calls from it, and strace 6.1 sends no
            // signal that way.)
            if self.quick && !scenario.named && !inject.contains(":signal=") {
                command.args(["-f", "--seccomp-bpf"]);
            }
            let call = inject.trim_start_matches("inject=").split(':').next().unwrap();
            command.args(["-e", &format!("trace={call}"), "-e", inject]);
        }
        command.arg(programs::host()).arg(scenario.what).arg(self.room.path("src")).arg(self.dst());
        // The other functions write into a file that is there, and know no `if_exists`.
        let if_exists = if scenario.replace && scenario.what == "file" { abi::REPLACE } else { 0 };
        let numbers = [scenario.mode, scenario.durability, if_exists, scenario.preserve];
        command.args(numbers.map(|number| number.to_string()));
        if scenario.named {
            command.arg("named");
        }
        command.output().unwrap()
    }

    /// The calls of a copy that nothing disturbs: all the places where something can.
    fn cases(&self, scenario: Scenario) -> Vec<Case> {
        self.prepare(&scenario);
        let log = self.logs.path("plain");
        let output = self.strace(&scenario, None, &log);
        let told = Told::parse(&String::from_utf8_lossy(&output.stdout));
        assert!(told.is_some_and(|told| told.code == 0), "{scenario:?}: {output:?}");
        let text = fs::read_to_string(log).unwrap();
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split_once('(')).map(|(name, _)| name).collect();
        let at = |mark: &str| text.lines().position(|line| line.contains(mark)).unwrap();
        let (begin, end) = (at("/reflink-torture-begin"), at("/reflink-torture-end"));
        let mut cases = Vec::new();
        for position in begin + 1..end {
            let call = names[position];
            if call == "brk" {
                continue; // it has no errors: the kernel answers with the break that was
            }
            let before = names[..begin].iter().filter(|name| **name == call).count();
            let nth = names[begin..=position].iter().filter(|name| **name == call).count();
            let mut faults: Vec<Fault> =
                ERRORS.iter().map(|(name, errno)| Fault::Error(name, *errno)).collect();
            faults.extend(
                [("EIO", libc::EIO), ("EINTR", libc::EINTR), ("EAGAIN", libc::EAGAIN)]
                    .map(|(name, errno)| Fault::ErrorFromNowOn(name, errno)),
            );
            if scenario.what == "file" {
                faults.push(Fault::Kill);
            }
            // A clone in place that was none cannot be seen: the destination has its size already.
            let hidden = call == "ioctl" && scenario.what != "file";
            if ZERO_IS_AN_ANSWER.contains(&call) && !hidden {
                faults.push(Fault::Zero);
            }
            cases.extend(faults.into_iter().map(|fault| Case {
                scenario,
                call: call.to_string(),
                nth,
                before,
                fault,
            }));
        }
        cases
    }

    fn run(&self, case: &Case) -> Result<(), String> {
        let old = self.prepare(&case.scenario);
        let output = self.strace(&case.scenario, Some(&case.inject()), &self.logs.path("faulty"));
        if output.status.code() == Some(124) {
            return Err("it hangs".into());
        }
        if fs::read(self.room.path("src")).unwrap() != self.content {
            return Err("the source was changed".into());
        }
        if case.fault == Fault::Kill {
            if !output.stdout.is_empty() {
                return Err("it was not killed".into());
            }
            return self.judge_killed(case, old);
        }
        let line = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = Told::parse(&line).ok_or_else(|| format!("it died: {output:?}"))?;
        self.judge(case, told, old).map_err(|why| format!("{why}\n    {told:?}"))
    }

    /// After an error or a success.
    fn judge(&self, case: &Case, told: Told, old: Option<u64>) -> Result<(), String> {
        if told.leaked != 0 && case.call != "close" {
            return Err(format!("{} descriptors are left open", told.leaked));
        }
        if told.code == 0 {
            self.judge_success(case, told)?;
        } else {
            judge_error(case, told)?;
        }
        if case.scenario.what != "file" {
            return self.judge_change(told);
        }
        if told.code != 0 && case.blinds() {
            return Ok(());
        }
        let new = fs::symlink_metadata(self.dst()).is_ok_and(|there| Some(there.ino()) != old);
        if new != (told.flags & abi::PUBLISHED != 0) {
            return Err(format!("a new file under the name: {new}; told otherwise"));
        }
        let litter: Vec<String> =
            self.room.names().into_iter().filter(|name| name != "src" && name != "dst").collect();
        if !litter.is_empty() {
            return Err(format!("litter: {litter:?}"));
        }
        if told.code == 0 { Ok(()) } else { self.judge_name_after_error(told, old) }
    }

    fn judge_success(&self, case: &Case, told: Told) -> Result<(), String> {
        if case.is_real() {
            return Err("success: a real failure was hidden".into());
        }
        let found = fs::read(self.dst()).map_err(|error| format!("success, but {error}"))?;
        let expected = match case.scenario.what {
            "range" => [&self.in_place[..100], &self.content[100..], &self.in_place[600_000..]].concat(),
            _ => self.content.clone(),
        };
        if found != expected {
            return Err(format!("success, but {} bytes differ", differing(&found, &expected)));
        }
        let wanted = if case.scenario.what == "range" { 599_900 } else { 600_000 };
        if told.total != wanted {
            return Err(format!("success, but {} bytes are accounted for", told.total));
        }
        let mode = fs::metadata(self.dst()).unwrap().mode() & 0o7777;
        // Where nobody may ask whether the source has an ACL, the group gets no more than others, and the flag says so.
        let limited = MODE & !0o070 | (MODE & 0o7) << 3;
        let narrower = told.flags & abi::METADATA_INCOMPLETE != 0 && mode == limited & MODE;
        if case.scenario.what == "file" && mode != MODE && !narrower {
            return Err(format!("success, but the mode is {mode:o}"));
        }
        Ok(())
    }

    /// In place: what an error changed is told.
    fn judge_change(&self, told: Told) -> Result<(), String> {
        let changed = told.code != 0 && fs::read(self.dst()).unwrap() != self.in_place;
        let said = told.flags & abi::DESTINATION_CHANGED != 0;
        if changed && !said { Err("the destination was changed, and nobody said so".into()) } else { Ok(()) }
    }

    /// The old one as it was, or (only where a sync or a close came after the name) the complete new one.
    fn judge_name_after_error(&self, told: Told, old: Option<u64>) -> Result<(), String> {
        let Ok(there) = fs::symlink_metadata(self.dst()) else {
            return if old.is_none() { Ok(()) } else { Err("the old file is gone".into()) };
        };
        let content = fs::read(self.dst()).unwrap();
        if old == Some(there.ino()) {
            return if content == OLD { Ok(()) } else { Err("the old file was changed".into()) };
        }
        const SYNC: u32 = 8;
        const CLOSE: u32 = 10;
        let after_the_name = [SYNC, CLOSE].contains(&told.step);
        if !after_the_name {
            return Err(format!("an error, but a new file of {} bytes is there", content.len()));
        }
        if content == self.content { Ok(()) } else { Err("an error, and part of the file is there".into()) }
    }

    /// Old, or complete and new; at most one private name, no wider open than the copy.
    fn judge_killed(&self, case: &Case, old: Option<u64>) -> Result<(), String> {
        for name in self.room.names().iter().filter(|name| *name != "src") {
            let path = self.room.path(name);
            let there = fs::metadata(&path).unwrap();
            let ours = old != Some(there.ino());
            if ours && there.mode() & 0o7777 & !(MODE | 0o600) != 0 {
                return Err(format!("{name} has mode {:o}", there.mode()));
            }
            if name != "dst" && !name.starts_with(".reflink-") {
                return Err(format!("litter: {name}"));
            }
        }
        let names = self.room.names();
        if names.len() > 3 || (names.len() > 2 && !(case.scenario.replace || case.scenario.named)) {
            return Err(format!("litter: {names:?}"));
        }
        let found = fs::read(self.dst()).ok();
        let expected = old.map(|_| OLD.to_vec());
        let partial_allowed = case.scenario.durability == abi::UNSTAGED && old.is_none();
        if found == expected || found.as_ref() == Some(&self.content) || partial_allowed {
            return Ok(());
        }
        Err(format!("killed, and {:?} bytes are there", found.map(|found| found.len())))
    }
}

fn differing(found: &[u8], expected: &[u8]) -> usize {
    let both = found.iter().zip(expected).filter(|(a, b)| a != b).count();
    both + found.len().abs_diff(expected.len())
}

/// The error told is the one that happened. What the library itself concludes comes from answers that cannot be.
fn judge_error(case: &Case, told: Told) -> Result<(), String> {
    const INCONSISTENT: i32 = -4102;
    if told.step == 0 {
        return Err("a failure without a step".into());
    }
    match case.fault {
        Fault::Error(_, errno) | Fault::ErrorFromNowOn(_, errno) => {
            if case.fault == Fault::Error("EINTR", libc::EINTR) && INTERRUPTIBLE.contains(&case.call.as_str())
            {
                return Err("one interruption ended the copy".into());
            }
            // Memory that the C library asks for is there or is not: malloc says ENOMEM whatever the call said (musl).
            let errno = if case.call.starts_with("mmap") { libc::ENOMEM } else { errno };
            if told.code == -errno && told.os_error == errno {
                return Ok(());
            }
            Err("another error is told than the one that happened".into())
        }
        Fault::Zero if [INCONSISTENT, -libc::EIO].contains(&told.code) => Ok(()),
        _ => Err("an error that nothing gave cause to".into()),
    }
}

fn traces(how: &[&str]) -> bool {
    let output = Command::new("strace").args(["-qq", "-o", "/dev/null"]).args(how).arg("true").output();
    output.is_ok_and(|output| output.status.success())
}

/// Faults at each call.
pub fn inject(place: &Place) {
    if !traces(&[]) {
        skip("no strace here, or it may not trace");
    }
    let bench = Bench::new(place);
    let mut cases = Vec::new();
    for scenario in SCENARIOS {
        for mode in [abi::AUTO, abi::NEVER] {
            cases.extend(bench.cases(Scenario { mode, ..*scenario }));
        }
    }
    let seed = seed::seed();
    Random::new(seed, place.name).shuffle(&mut cases);
    // The kills first: they are few, and what a kill leaves nothing can mend.
    cases.sort_by_key(|case| case.fault != Fault::Kill);
    let (began, bound) = (Instant::now(), seed::time(40));
    let (mut ran, mut wrong) = (0, Vec::new());
    for case in &cases {
        if began.elapsed() > bound {
            break;
        }
        ran += 1;
        if let Err(why) = bench.run(case) {
            let mode = if case.scenario.mode == abi::NEVER { "never" } else { "auto" };
            wrong.push(format!("{}/{mode} {}: {why}", case.scenario.name, case.inject()));
        }
    }
    println!(
        "inject on {}: seed {seed}, {ran} of {} cases, {} wrong, in {:.0?}",
        place.name,
        cases.len(),
        wrong.len(),
        began.elapsed()
    );
    assert!(wrong.is_empty(), "{} of {ran} cases:\n{}", wrong.len(), wrong.join("\n"));
}
