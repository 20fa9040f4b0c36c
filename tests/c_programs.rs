//! C programs against the built library: as C99 and as C++11, by gcc and by clang, with the shared and with the static library,
//! on every file system that can be mounted; and the examples, compiled as strictly and run.

#[path = "contract/abi.rs"]
#[allow(dead_code)]
mod abi;
#[path = "c/examples.rs"]
mod examples;
#[path = "contract/lab.rs"]
#[allow(dead_code)]
mod lab;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    trials.extend(["gcc", "clang"].map(examples::on_a_full_device));
    let without_overlays: Vec<_> =
        places.iter().filter(|place| !place.name.starts_with("overlay-")).cloned().collect();
    let tried = examples::ON_TREES.iter().map(|example| (example, &places));
    let sharing = examples::ON_SHARING.iter().map(|example| (example, &without_overlays));
    for (example, places) in tried.chain(sharing) {
        let compilers = if example.1 == "c99" { ["gcc", "clang"] } else { ["g++", "clang++"] };
        trials.extend(compilers.map(|compiler| examples::tried_out(compiler, example, places.clone())));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    lab::clean(&places);
    conclusion.exit();
}
