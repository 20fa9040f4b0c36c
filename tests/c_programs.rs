//! C programs against the built library: as C99 and as C++11, by gcc and by clang, with the shared and with the static library,
//! on every file system that can be mounted; and the examples, compiled as strictly and run.

#[path = "contract/abi.rs"]
#[allow(dead_code)]
mod abi;
#[path = "contract/lab.rs"]
#[allow(dead_code)]
mod lab;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libtest_mimic::{Arguments, Failed, Trial};

const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g"];

/// A way to build a program.
#[derive(Clone, Copy)]
struct Build {
    name: &'static str,
    compiler: &'static str,
    language: &'static [&'static str],
    linked_statically: bool,
    flags: &'static [&'static str],
}

const BUILDS: &[Build] = &[
    Build { name: "gcc-c99-shared", compiler: "gcc", language: C99, linked_statically: false, flags: &[] },
    Build { name: "gcc-c99-static", compiler: "gcc", language: C99, linked_statically: true, flags: &[] },
    Build {
        name: "gcc-cpp11-shared",
        compiler: "g++",
        language: CPP11,
        linked_statically: false,
        flags: &[],
    },
    Build { name: "clang-c99-static", compiler: "clang", language: C99, linked_statically: true, flags: &[] },
    Build {
        name: "clang-cpp11-shared",
        compiler: "clang++",
        language: CPP11,
        linked_statically: false,
        flags: &[],
    },
    Build {
        name: "gcc-c99-counting-allocations",
        compiler: "gcc",
        language: C99,
        linked_statically: false,
        flags: &["-DCOUNT_ALLOCATIONS", "-fno-builtin"],
    },
];

const C99: &[&str] = &["-x", "c", "-std=c99"];
const CPP11: &[&str] = &["-x", "c++", "-std=c++11"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a Rust static library on glibc needs besides itself (rustc --print native-static-libs).
const SYSTEM: &[&str] = &["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

fn run(command: &mut Command) -> Result<(), Failed> {
    let output = command.output().map_err(|error| Failed::from(format!("{command:?}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{command:?}: {}\n{says}", output.status).into())
}

/// Builds tests/c/PROGRAM.c and returns where it is.
fn build(program: &str, how: Build) -> Result<PathBuf, Failed> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{program}-{}", how.name));
    let library = abi::path();
    let mut command = Command::new(how.compiler);
    command.args(how.language).args(WARNINGS).args(how.flags);
    command.arg("-I").arg(root().join("include")).arg(root().join("tests/c").join(format!("{program}.c")));
    command.args(["-pthread", "-x", "none", "-o"]).arg(&out);
    if how.linked_statically {
        command.arg(library.with_file_name("libreflink.a")).args(SYSTEM);
    } else {
        let directory = library.parent().unwrap_or(Path::new("."));
        command.arg(&library).arg(format!("-Wl,-rpath,{}", directory.display()));
    }
    run(&mut command)?;
    Ok(out)
}

fn here(compiler: &str) -> bool {
    Command::new(compiler).arg("--version").output().is_ok()
}

fn program(name: &'static str, how: Build, places: Vec<lab::Place>) -> Trial {
    let missing = !here(how.compiler);
    Trial::test(format!("{name}::{}", how.name), move || {
        let built = build(name, how)?;
        if name == "layout" {
            return run(&mut Command::new(&built));
        }
        for place in places.iter().filter(|place| place.missing.is_none()) {
            let dir = place.dir.join(format!("c-{name}-{}-{}", how.name, std::process::id()));
            fs::create_dir(&dir)?;
            let outcome = run(Command::new(&built).arg(&dir));
            fs::remove_dir_all(&dir)?;
            outcome
                .map_err(|failed| format!("on {}: {}", place.name, failed.message().unwrap_or_default()))?;
        }
        Ok(())
    })
    .with_ignored_flag(missing)
}

/// Each example by itself, as strictly as a user's own build might be.
fn example(source: PathBuf, compiler: &'static str) -> Trial {
    let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Trial::test(format!("example_{name}::{compiler}"), move || {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("example-{name}-{compiler}"));
        let mut command = Command::new(compiler);
        command.arg("-std=c99").args(WARNINGS).arg("-I").arg(root().join("include")).arg(&source);
        run(command.arg(abi::path()).arg("-o").arg(out))
    })
    .with_ignored_flag(!here(compiler))
}

/// A program, its language, and how it is tried out: with a directory to make, and whether equal files there can share.
type Example = (&'static str, &'static str, fn(&Path, &Path, bool) -> Result<(), Failed>);

/// These are tried out on each file system.
const TREE_EXAMPLES: &[Example] =
    &[("examples-c/clone_tree.cpp", "c++17", clones_tree), ("examples-c/copy_tree.c", "c99", copies_tree)];

/// These on each but overlays, whose maps prove nothing.
const SHARING_EXAMPLES: &[Example] = &[
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

fn tried_out(compiler: &'static str, example: &Example, places: Vec<lab::Place>) -> Trial {
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
    let expected = format!("3 files: {shared} bytes shared, {} copied, 0 in holes\n", (320 << 10) - shared);
    if !output.status.success() || says != expected {
        return Err(format!("{}: {says}{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    same_trees(&from, &to)?;
    for (source, dest) in [(&from, &to), (&from, &from.join("deep/inside"))] {
        if Command::new(program).args([source, dest]).output()?.status.code() != Some(1) {
            return Err(format!("{} onto {} was not refused", source.display(), dest.display()).into());
        }
    }
    Ok(())
}

fn copies_tree(program: &Path, dir: &Path, clones: bool) -> Result<(), Failed> {
    let [from, to] = make_tree(dir)?;
    let run_it = |options: &[&str]| Command::new(program).args(options).args([&from, &to]).output();
    let status = |output: &Output| output.status.code();
    let says = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let fails = |options: &[&str], wanted: i32| -> Result<(), Failed> {
        let output = run_it(options)?;
        if status(&output) == Some(wanted) {
            return Ok(());
        }
        Err(format!("{options:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
    };
    // Two names are left out, and nothing is left where a clone was refused.
    fails(&["--always", "-e", "two", "-e", "deep/emp*"], if clones { 0 } else { 3 })?;
    if fs::symlink_metadata(&to).is_ok() != clones || (clones && to.join("deep/er/two").exists()) {
        return Err("--always or --exclude".into());
    }
    // Replaced in one step, merged, and refused where it exists.
    let output = run_it(&["--replace", "--preserve", "--threads", "2"])?;
    let method = if clones { "2 files cloned" } else { "2 copied" };
    let copied = says(&output);
    if status(&output) != Some(0) || !copied.contains("3 files; 2 directories; 1 symbolic links") {
        return Err(format!("--replace: {copied}{}", String::from_utf8_lossy(&output.stderr)).into());
    }
    if clones && !copied.contains(method) {
        return Err(format!("not {method}: {copied}").into());
    }
    same_trees(&from, &to)?;
    fails(&[], 1)?;
    fails(&["--merge", "--quiet"], 0)?;
    fails(&["--merge", "--replace"], 2)?;
    same_trees(&from, &to)?;
    let left: Vec<_> = fs::read_dir(dir)?.flatten().map(|entry| entry.file_name()).collect();
    if left.len() == 2 { Ok(()) } else { Err(format!("left: {left:?}").into()) }
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
    says(program, &[&one, &dir.join("nowhere")], 2).map(drop)
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

fn main() {
    let arguments = Arguments::from_args();
    abi::build();
    let library = abi::path();
    // What the soname says, for programs that are linked with the one just built.
    let soname = library.with_file_name("libreflink.so.0");
    if !soname.exists() {
        let _ = std::os::unix::fs::symlink("libreflink.so", soname);
    }
    let places = if arguments.list { Vec::new() } else { lab::places() };
    for (place, why) in places.iter().filter_map(|place| place.missing.as_ref().map(|why| (place, why))) {
        println!("SKIPPED: everything on {}: {why}", place.name);
    }
    let mut trials = Vec::new();
    for how in BUILDS {
        if !here(how.compiler) {
            println!("SKIPPED: no {} here", how.compiler);
        }
        trials.push(program("layout", *how, Vec::new()));
        trials.push(program("promises", *how, places.clone()));
        trials.push(program("answers", *how, places.clone()));
        trials.push(program("cancelled", *how, places.clone()));
    }
    let examples = fs::read_dir(root().join("examples-c")).into_iter().flatten().flatten();
    for source in
        examples.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "c"))
    {
        trials.extend(["gcc", "clang"].map(|compiler| example(source.clone(), compiler)));
    }
    let without_overlays: Vec<_> =
        places.iter().filter(|place| !place.name.starts_with("overlay-")).cloned().collect();
    let examples = TREE_EXAMPLES.iter().map(|example| (example, &places));
    let sharing = SHARING_EXAMPLES.iter().map(|example| (example, &without_overlays));
    for (example, places) in examples.chain(sharing) {
        let compilers = if example.1 == "c99" { ["gcc", "clang"] } else { ["g++", "clang++"] };
        trials.extend(compilers.map(|compiler| tried_out(compiler, example, places.clone())));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    lab::clean(&places);
    conclusion.exit();
}
