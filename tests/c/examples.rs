//! The examples, compiled as strictly as a user's own build might be and tried out as commands on each file system: what they
//! print and answer, what they leave out, and what is left after a signal.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Failed, Trial};

use crate::{WARNINGS, abi, here, lab, root, run};

/// A program, its language, and how it is tried out: with a directory to make, and whether equal files there can share.
pub type Example = (&'static str, &'static str, fn(&Path, &Path, bool) -> Result<(), Failed>);

/// These are tried out on each file system.
pub const ON_TREES: &[Example] =
    &[("examples-c/clone_tree.cpp", "c++17", clones_tree), ("examples-c/copy_tree.c", "c99", copies_tree)];

/// These on each but overlays, whose maps prove nothing and whose files have no leases.
pub const ON_SHARING: &[Example] = &[
    ("examples-c/copy_file.c", "c99", copies_file),
    ("examples-c/dedupe.c", "c99", dedupes),
    ("examples-c/extents.c", "c99", shows_extents),
    ("tests/c/dedupe.cpp", "c++17", dedupes_from_cpp),
];

/// Compiles a program as strictly as a user's own build might be, to run with the library just built.
fn compile(compiler: &str, standard: &str, source: &str, out: &Path) -> Result<(), Failed> {
    let library = abi::path();
    let directory = library.parent().unwrap_or(Path::new("."));
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(WARNINGS).arg("-I").arg(root().join("include"));
    command.arg(root().join(source)).arg("-o").arg(out).arg(&library);
    run(command.arg(format!("-Wl,-rpath,{}", directory.display())))
}

pub fn tried_out(compiler: &'static str, example: &Example, places: Vec<lab::Place>) -> Trial {
    let (source, standard, try_out) = *example;
    let name = source.rsplit('/').next().unwrap_or_default();
    Trial::test(format!("example_{name}::{compiler}"), move || {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{compiler}"));
        compile(compiler, standard, source, &out)?;
        for place in places.iter().filter(|place| place.missing.is_none()) {
            let dir = place.dir.join(format!("example-{name}-{compiler}-{}", std::process::id()));
            let outcome = try_out(&out, &dir, place.clones);
            fs::remove_dir_all(&dir)?;
            outcome
                .map_err(|failed| format!("on {}: {}", place.name, failed.message().unwrap_or_default()))?;
        }
        Ok(())
    })
    .with_ignored_flag(!here(compiler))
}

/// 320 KiB in three files, in `dir/from`; the copy is to be `dir/to`.
fn make_tree(dir: &Path) -> Result<[PathBuf; 2], Failed> {
    let (from, to) = (dir.join("from"), dir.join("to"));
    fs::create_dir_all(from.join("deep/er"))?;
    fs::write(from.join("one"), vec![1_u8; 256 << 10])?;
    fs::write(from.join("deep/er/two"), vec![2_u8; 64 << 10])?;
    fs::write(from.join("deep/empty"), b"")?;
    std::os::unix::fs::symlink("one", from.join("link"))?;
    Ok([from, to])
}

fn same_trees(one: &Path, other: &Path) -> Result<(), Failed> {
    run(Command::new("diff").args(["-r", "--no-dereference"]).args([one, other]))
}

fn clones_tree(program: &Path, dir: &Path, clones: bool) -> Result<(), Failed> {
    let [from, to] = make_tree(dir)?;
    let output = Command::new(program).args([&from, &to]).output()?;
    let says = String::from_utf8_lossy(&output.stdout).into_owned();
    let shared = if clones { 320 << 10 } else { 0 };
    let expected = format!(
        "3 files: {shared} bytes shared, {} copied, 0 in holes\n\
         {} of 2 names of files with data are proven to share it\n",
        (320 << 10) - shared,
        provable(dir, clones)
    );
    if !output.status.success() || says != expected {
        return Err(format!("{}: {says}{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    same_trees(&from, &to)?;
    let full = fs::OpenOptions::new().write(true).open("/dev/full")?;
    let output = Command::new(program).args([&from, &dir.join("unseen")]).stdout(full).output()?;
    let said = output.stderr == b"cannot print\n";
    expect("/dev/full", output.status.code() == Some(1) && said, &output)?;
    for (source, dest) in [(&from, &to), (&from, &from.join("deep/inside"))] {
        if Command::new(program).args([source, dest]).output()?.status.code() != Some(1) {
            return Err(format!("{} onto {} was not refused", source.display(), dest.display()).into());
        }
    }
    Ok(())
}

/// Runs `program` and sees how it ends.
fn ends(program: &Path, arguments: &[&str], names: &[&Path], status: i32) -> Result<Output, Failed> {
    let output = Command::new(program).args(arguments).args(names).output()?;
    if output.status.code() == Some(status) {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{arguments:?} {names:?}: {}: {said}", output.status).into())
}

fn expect(what: &str, holds: bool, output: &Output) -> Result<(), Failed> {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    if holds { Ok(()) } else { Err(format!("{what}: {}", String::from_utf8_lossy(&said)).into()) }
}

/// The names in a directory.
fn names_in(dir: &Path) -> Result<Vec<String>, Failed> {
    let mut names: Vec<_> =
        fs::read_dir(dir)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn copies_tree(program: &Path, dir: &Path, clones: bool) -> Result<(), Failed> {
    let [from, to] = make_tree(dir)?;
    let names: &[&Path] = &[&from, &to];
    // Two names are left out, and nothing is left where a clone was refused.
    let some = ["--always", "-e", "two", "-e", "deep/emp*"];
    ends(program, &some, names, if clones { 0 } else { 3 })?;
    if fs::symlink_metadata(&to).is_ok() != clones || (clones && to.join("deep/er/two").exists()) {
        return Err("--always or --exclude".into());
    }
    prove_what_is_shared(program, dir, &from, clones)?;
    // Replaced in one step, merged, and refused where it exists.
    let output = ends(program, &["--replace", "--preserve", "--threads", "2"], names, 0)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    expect("--replace", said.contains("3 files; 2 directories; 1 symbolic link;"), &output)?;
    expect("--replace", !clones || said.contains("2 files cloned"), &output)?;
    same_trees(&from, &to)?;
    let output = ends(program, &[], names, 1)?;
    expect("the hint", String::from_utf8_lossy(&output.stderr).contains("-f replaces it"), &output)?;
    ends(program, &["--merge", "--quiet"], names, 0)?;
    ends(program, &["--merge", "--replace"], names, 2)?;
    same_trees(&from, &to)?;
    goes_on_after_failures(program, names)?;
    leaves_out(program, dir)?;
    tells_of_what_it_cannot_print(program, dir, &from)?;
    ends_by_signals(program, dir)?;
    let left = names_in(dir)?;
    if left == ["from", "to"] { Ok(()) } else { Err(format!("left: {left:?}").into()) }
}

/// How many of the two files with data in `make_tree` can be proven to share: on an overlay none.
fn provable(dir: &Path, clones: bool) -> i32 {
    if clones && !dir.to_string_lossy().contains("/overlay-") { 2 } else { 0 }
}

fn prove_what_is_shared(program: &Path, dir: &Path, from: &Path, clones: bool) -> Result<(), Failed> {
    let (to, good) = (dir.join("proven"), provable(dir, clones));
    let output = ends(program, &["--prove"], &[from, &to], if good == 2 { 0 } else { 5 })?;
    let line = format!("\n{good} of 2 files with data are proven to share all of their blocks\n");
    expect("--prove", String::from_utf8_lossy(&output.stdout).ends_with(&line), &output)?;
    Ok(fs::remove_dir_all(to)?)
}

/// A directory is in the way of the file "one", and is named on both sides of the arrow with its whole path.
fn goes_on_after_failures(program: &Path, names: &[&Path]) -> Result<(), Failed> {
    let blocked = names[1].join("one");
    fs::remove_file(&blocked)?;
    fs::create_dir(&blocked)?;
    for (options, status) in [(&["--merge", "-k"][..], 4), (&["--merge"], 1)] {
        let output = ends(program, options, names, status)?;
        let line = format!("copy_tree: {}: ", blocked.display());
        expect("the entry's name", String::from_utf8_lossy(&output.stderr).contains(&line), &output)?;
    }
    Ok(fs::remove_dir(blocked)?)
}

/// What --help says of patterns.
fn leaves_out(program: &Path, dir: &Path) -> Result<(), Failed> {
    let (from, to) = (dir.join("patterns"), dir.join("patterns-copied"));
    fs::create_dir_all(from.join("docs/build"))?;
    fs::create_dir_all(from.join("build"))?;
    for name in [".a.o", "b.o", "docs/c.o", "docs/build/d", "build/e", "docs/x.build", "docs/sub.o"] {
        fs::write(from.join(name), b"")?;
    }
    let all = ".a.o b.o build build/e docs docs/build docs/build/d docs/c.o docs/sub.o docs/x.build";
    for (pattern, gone) in [
        ("*.o", ".a.o b.o docs/c.o docs/sub.o"),
        ("build", "build build/e docs/build docs/build/d"),
        ("/build", "build build/e"),
        ("docs/build", "docs/build docs/build/d"),
        ("/docs/*", "docs/build docs/build/d docs/c.o docs/sub.o docs/x.build"),
        ("/*.o", ".a.o b.o"),
        ("b.o/", ""),
        ("./build", "build build/e"),
        ("./*.o", ".a.o b.o"),
        ("build//", "build build/e docs/build docs/build/d"),
        ("**/build", "build build/e docs/build docs/build/d"),
        ("/**/build/", "build build/e docs/build docs/build/d"),
        ("build/d", ""),
        ("**/build/d", "docs/build/d"),
        ("**/docs/c.o", "docs/c.o"),
        ("docs/**", "docs/build docs/build/d docs/c.o docs/sub.o docs/x.build"),
        ("docs/", "docs docs/build docs/build/d docs/c.o docs/sub.o docs/x.build"),
        ("?.[o]", "b.o docs/c.o"),
    ] {
        ends(program, &["-q", "--exclude", pattern], &[&from, &to], 0)?;
        let gone: Vec<&str> = gone.split_whitespace().collect();
        for name in all.split_whitespace() {
            if to.join(name).exists() == gone.contains(&name) {
                return Err(format!("--exclude {pattern}: {name}").into());
            }
        }
        fs::remove_dir_all(&to)?;
    }
    for wrong in ["", "/", "./", "docs/**/d"] {
        ends(program, &["--exclude", wrong], &[&from, &to], 2)?;
    }
    Ok(fs::remove_dir_all(from)?)
}

/// Names are printed in one line each. A full device as standard output is a failure, and the copy is there.
fn tells_of_what_it_cannot_print(program: &Path, dir: &Path, from: &Path) -> Result<(), Failed> {
    let (odd, to) = (dir.join("odd"), dir.join("odd-copied"));
    fs::create_dir(&odd)?;
    fs::write(odd.join("a\n\x1bb"), b"x")?;
    let output = ends(program, &["-v"], &[&odd, &to], 0)?;
    expect("\\ooo", output.stdout.starts_with(b"a\\012\\033b: "), &output)?;
    fs::remove_dir_all(odd)?;
    fs::remove_dir_all(&to)?;
    let full = fs::OpenOptions::new().write(true).open("/dev/full")?;
    let output = Command::new(program).args([from, &to]).stdout(full).stderr(Stdio::piped()).output()?;
    let said = String::from_utf8_lossy(&output.stderr).contains("cannot print: No space left");
    expect("/dev/full", output.status.code() == Some(1) && said, &output)?;
    same_trees(from, &to)?;
    Ok(fs::remove_dir_all(to)?)
}

/// Every example that prints, with what it prints something for: a full device as standard output is a failure.
pub fn on_a_full_device(compiler: &'static str) -> Trial {
    Trial::test(format!("examples_on_a_full_device::{compiler}"), move || {
        let dir =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("full-{compiler}-{}", std::process::id()));
        fs::create_dir(&dir)?;
        let outcome = finds_the_device_full(compiler, &dir);
        fs::remove_dir_all(&dir)?;
        outcome
    })
    .with_ignored_flag(!here(compiler))
}

fn finds_the_device_full(compiler: &str, dir: &Path) -> Result<(), Failed> {
    fs::create_dir(dir.join("tree"))?;
    fs::write(dir.join("tree/one"), "1")?;
    fs::write(dir.join("one"), vec![1; 8192])?;
    fs::write(dir.join("two"), vec![1; 8192])?;
    for (name, arguments, status) in [
        ("copy_file", "one three", 1),
        ("copy_range", "one 0 eof four 0", 1),
        ("copy_tree", "tree copy", 1),
        ("dedupe", "one two", 2),
        ("extents", "-l one", 3),
        ("probe", ".", 3),
    ] {
        let program = dir.join(name);
        compile(compiler, "c99", &format!("examples-c/{name}.c"), &program)?;
        for arguments in [arguments, "--help"] {
            let full = fs::OpenOptions::new().write(true).open("/dev/full")?;
            let mut command = Command::new(&program);
            let output = command.args(arguments.split(' ')).current_dir(dir).stdout(full).output()?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let line = format!("{name}: cannot print: No space left on device\n");
            expect(name, output.status.code() == Some(status) && said.ends_with(&line), &output)?;
        }
    }
    Ok(())
}

/// Copies, says why not, and dies of a signal that comes in the middle: while it waits for a lease on the source.
fn copies_file(program: &Path, dir: &Path, clones: bool) -> Result<(), Failed> {
    fs::create_dir(dir)?;
    let (from, to) = (dir.join("a\nb"), dir.join("copy"));
    fs::write(&from, vec![1; 1 << 20])?;
    let names: &[&Path] = &[&from, &to];
    ends(program, &["--always"], names, if clones { 0 } else { 3 })?;
    let output = ends(program, &["--replace"], names, 0)?;
    let said = if clones { ": cloned; 1.0 MiB shared\n" } else { "; 1.0 MiB copied; not cloned because " };
    expect("the result", String::from_utf8_lossy(&output.stdout).contains(said), &output)?;
    run(Command::new("cmp").args([&from, &to]))?;
    let output = ends(program, &[], names, 1)?;
    expect("the hint", String::from_utf8_lossy(&output.stderr).contains("-f replaces it"), &output)?;
    let output = ends(program, &[], &[&from, &dir.join("a\nc")], 0)?;
    expect("\\ooo", String::from_utf8_lossy(&output.stdout).contains("a\\012c: "), &output)?;
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        dies_in_the_middle(program, &from, &dir.join("never"), signal)?;
    }
    let left = names_in(dir)?;
    if left == ["a\nb", "a\nc", "copy"] { Ok(()) } else { Err(format!("left: {left:?}").into()) }
}

fn dies_in_the_middle(program: &Path, from: &Path, to: &Path, signal: i32) -> Result<(), Failed> {
    let source = fs::OpenOptions::new().write(true).open(from)?;
    // SAFETY: the descriptor is open, and the other arguments are numbers.
    let lease = |command: i32, kind: i32| unsafe { libc::fcntl(source.as_raw_fd(), command, kind) };
    // SAFETY: the kernel asks for the lease by this signal, which would end the test.
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
    let mut attempts = 0;
    while lease(libc::F_SETLEASE, libc::F_WRLCK) != 0 {
        // EAGAIN as long as the file system itself holds the inode, to write the file out.
        let error = std::io::Error::last_os_error();
        attempts += 1;
        if error.raw_os_error() != Some(libc::EAGAIN) || attempts > 1000 {
            return Err(error.into());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let child = with_default(program, signal).args([from, to]).stderr(Stdio::piped()).spawn()?;
    while lease(libc::F_GETLEASE, 0) == libc::F_WRLCK {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    // SAFETY: the child is this test's own, and not waited for yet.
    unsafe { libc::kill(libc::pid_t::try_from(child.id())?, signal) };
    lease(libc::F_SETLEASE, libc::F_UNLCK);
    let output = child.wait_with_output()?;
    expect("the signal", output.status.signal() == Some(signal), &output)?;
    let said = String::from_utf8_lossy(&output.stderr).contains("stopped by a signal; nothing has changed");
    expect("what is said of it", said, &output)
}

/// A command for which the signal has its default: below nohup(1), or in a shell's background, it would be ignored.
fn with_default(program: &Path, signal: i32) -> Command {
    let mut command = Command::new(program);
    let as_usual = move || {
        // SAFETY: the default is a disposition that every signal here can have.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        Ok(())
    };
    // SAFETY: between fork and exec it only calls signal(2), which is allowed there.
    unsafe { command.pre_exec(as_usual) };
    command
}

/// More names than a pipe holds: the program waits in the middle of the copy until somebody reads them, or nobody can any
/// more. Either way it dies of the signal, and nothing is left.
fn ends_by_signals(program: &Path, dir: &Path) -> Result<(), Failed> {
    let (many, to) = (dir.join("many"), dir.join("many-copied"));
    fs::create_dir(&many)?;
    for number in 0..400 {
        fs::write(many.join(format!("{number:0200}")), b"x")?;
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE] {
        let mut command = with_default(program, signal);
        command.args(["-v".as_ref(), many.as_os_str(), to.as_os_str()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut stdout = child.stdout.take().ok_or("a pipe")?;
        stdout.read_exact(&mut [0])?;
        if signal == libc::SIGPIPE {
            drop(stdout);
        } else {
            // SAFETY: the child is this test's own, and not waited for yet.
            unsafe { libc::kill(libc::pid_t::try_from(child.id())?, signal) };
            stdout.read_to_end(&mut Vec::new())?;
        }
        let output = child.wait_with_output()?;
        expect("the signal", output.status.signal() == Some(signal), &output)?;
        let said =
            String::from_utf8_lossy(&output.stderr).contains("stopped by a signal; nothing has changed");
        expect("what is said of it", said, &output)?;
        if to.exists() {
            return Err(format!("signal {signal}: there is a copy").into());
        }
    }
    Ok(fs::remove_dir_all(many)?)
}

/// What `program` prints, if it ends with `status`.
fn says(program: &Path, arguments: &[&Path], status: i32) -> Result<String, Failed> {
    let output = Command::new(program).args(arguments).output()?;
    let text = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
    if output.status.code() == Some(status) {
        return Ok(text);
    }
    Err(format!("{program:?} {arguments:?}: {}: {text}", output.status).into())
}

/// Three files of 1 MiB: the second is equal to the first, the third differs at one byte.
fn make_equal_files(dir: &Path) -> Result<[PathBuf; 3], Failed> {
    fs::create_dir(dir)?;
    let mut bytes = 0_u64;
    let mut content: Vec<u8> = std::iter::repeat_with(|| {
        bytes = bytes.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (bytes >> 56) as u8
    })
    .take(1 << 20)
    .collect();
    let files = ["one", "equal", "other"].map(|name| dir.join(name));
    fs::write(&files[0], &content)?;
    fs::write(&files[1], &content)?;
    content[700_000] ^= 1;
    fs::write(&files[2], &content)?;
    Ok(files)
}

/// The proof is not of the program: `extents` says what is shared before and after.
fn dedupes(program: &Path, dir: &Path, shares: bool) -> Result<(), Failed> {
    let extents = PathBuf::from(format!("{}-extents", program.display()));
    compile("cc", "c99", "examples-c/extents.c", &extents)?;
    let [one, equal, other] = make_equal_files(dir)?;
    let [with, behind] = ["-w", "-c"].map(Path::new);
    if shares {
        says(&extents, &[with, &equal, &one], 1)?;
    }
    let said = says(program, &[&one, &equal], if shares { 0 } else { 2 })?;
    let at_other = says(program, &[behind, &one, &other], if shares { 1 } else { 2 })?;
    if shares {
        says(&extents, &[with, &equal, &one], 0)?;
        let part = says(&extents, &[with, &other, &one], 1)?;
        let wanted = ["1.0 MiB shared now", "differs at byte 700000", "a part is shared"];
        if [&said, &at_other, &part].iter().zip(wanted).any(|(said, wanted)| !said.contains(wanted)) {
            return Err(format!("{said}{at_other}{part}").into());
        }
    }
    run(Command::new("cmp").args([&one, &equal]))?;
    says(program, &[&one, &dir.join("nowhere")], 2)?;
    if shares { dedupes_groups(program, &extents, dir) } else { Ok(()) }
}

/// Groups on standard input, as jdupes prints them: with what is gone, another name of a file, a directory, and a name with a
/// newline. What is said to be gained is what the copies had for themselves.
fn dedupes_groups(program: &Path, extents: &Path, dir: &Path) -> Result<(), Failed> {
    for (option, separator) in [("-c", "\n"), ("-0", "\0")] {
        let at = dir.join(format!("groups{option}"));
        let [one, equal, _] = make_equal_files(&at)?;
        let odd = at.join(if separator == "\0" { "a\nb" } else { "a b" });
        fs::hard_link(&one, at.join("another"))?;
        let content = fs::read(&one)?; // fs::copy would share already
        for copy in [&odd, &at.join("second"), &at.join("third")] {
            fs::write(copy, &content)?;
        }
        let list = [
            "gone",
            "one",
            "another",
            "equal",
            odd.file_name().and_then(|name| name.to_str()).unwrap_or(""),
            "",
            "second",
            "third",
        ];
        let list = list
            .map(|name| if name.is_empty() { String::new() } else { at.join(name).display().to_string() });
        let mut child = Command::new(program)
            .args([option, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("a pipe")?.write_all(list.join(separator).as_bytes())?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // "gone" is a failure; the other names are all dealt with.
        expect("the status", output.status.code() == Some(2), &output)?;
        expect("what is gained", said.ends_with("gained: 3.0 MiB\n"), &output)?;
        expect("another name", said.contains("another: another name of "), &output)?;
        let with = Path::new("-w");
        says(extents, &[with, &equal, &one], 0)?;
        says(extents, &[with, &odd, &one], 0)?;
        says(extents, &[with, &at.join("second"), &at.join("third")], 0)?;
        says(extents, &[with, &at.join("second"), &one], 1)?;
    }
    Ok(())
}

fn shows_extents(program: &Path, dir: &Path, shares: bool) -> Result<(), Failed> {
    let [one, equal, _] = make_equal_files(dir)?;
    let clone = dir.join("clone");
    let with = Path::new("-w");
    if shares {
        run(Command::new("cp").arg("--reflink=always").args([&one, &clone]))?;
        let all = says(program, &[with, &clone, &one], 0)?;
        let none = says(program, &[with, &one, &equal], 1)?;
        if !all.contains("1.0 MiB shared") || !none.contains("1.0 MiB not shared") {
            return Err(format!("{all}{none}").into());
        }
    }
    says(program, &[Path::new("-l"), &one], 0)?;
    says(program, &[&dir.join("nowhere")], 3).map(drop)
}

fn dedupes_from_cpp(program: &Path, dir: &Path, shares: bool) -> Result<(), Failed> {
    let [one, equal, other] = make_equal_files(dir)?;
    let shares = Path::new(if shares { "shares" } else { "shares not" });
    says(program, &[shares, &one, &equal, &other], 0).map(drop)
}
