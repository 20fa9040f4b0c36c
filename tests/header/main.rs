//! The header is what cbindgen makes of src/capi, and compiles without a warning wherever C and C++ programmers are.
//! `make header` writes it anew through this test.

#[path = "../man/header.rs"]
#[allow(dead_code)]
mod interface;
mod made;
mod regions;
mod rust;
#[path = "../contract/skipping.rs"]
mod skipping;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use skipping::skip;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes the file if that is asked for, and compares.
fn is_committed(name: &str, wanted: &str) {
    let path = root().join(name);
    if std::env::var_os("REFLINK_WRITE_HEADER").is_some() {
        std::fs::write(&path, wanted).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == wanted, "{name} is not what src/capi says. If the change is meant: make header");
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn interface() -> regions::Interface {
    let header = made::header();
    let sources = regions::Sources {
        declarations: made::sources(),
        layout: read("src/capi/layout.rs"),
        header: header.clone(),
    };
    regions::Interface::new(interface::read(&header), sources)
}

/// Each binding and the layout test have each number, in a region or by its name.
fn every_number_is_in_each_binding() {
    let interface = interface();
    for place in
        ["include/libreflink.hpp", "tests/c/layout.c", "bindings/go", "bindings/python", "bindings/rust"]
    {
        let files = regions::FILES.iter().filter(|file| file.starts_with(place)).map(|file| read(file));
        let (text, names) = files
            .map(|file| interface.fill(&file))
            .reduce(|all, one| (all.0 + &one.0, [all.1, one.1].concat()))
            .expect("a file");
        let missing: Vec<&str> = interface
            .numbers
            .iter()
            .map(|number| number.name.as_str())
            .filter(|name| !names.iter().any(|known| known == name) && !text.contains(name))
            .collect();
        assert!(missing.is_empty(), "{place} does not have {missing:?}");
    }
}

fn every_answer_has_its_words() {
    let answers = ["METHOD", "REASON", "STEP", "ERR"].map(|kind| format!("REFLINK_{kind}_"));
    let interface = interface();
    let answers =
        interface.numbers.iter().filter(|number| answers.iter().any(|kind| number.name.starts_with(kind)));
    let mute: Vec<&str> =
        answers.filter(|number| number.text.is_none()).map(|number| number.name.as_str()).collect();
    assert!(mute.is_empty(), "src/capi has no text for {mute:?}");
}

/// cbindgen makes a macro of every `pub const` of the crate: one too many would be in every user's program.
fn every_name_it_defines_is_the_librarys() {
    let header = made::header();
    let names = header.lines().filter_map(|line| {
        let rest = line
            .strip_prefix("#define ")
            .or_else(|| line.strip_prefix("struct ").filter(|_| line.ends_with('{')))?;
        rest.split([' ', '(']).next()
    });
    let foreign: Vec<&str> = names
        .filter(|name| {
            !name.trim_start_matches("LIB").starts_with("REFLINK_") && !name.starts_with("reflink_")
        })
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

/// A scratch directory that goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("reflink-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The header alone, twice, and each initializer, used and complete.
const PROGRAM: &str = r#"
#include "libreflink.h"
#include "libreflink.h"
#if REFLINK_VERSION_NUMBER < 1
#error "the version must be usable in a condition"
#endif
int use(const struct reflink_progress *progress);
int use(const struct reflink_progress *progress)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    uint64_t length = REFLINK_TO_EOF;
    options.flags = REFLINK_NOFOLLOW | REFLINK_BEST_EFFORT_METADATA;
    (void)capability;
    (void)length;
    if (!REFLINK_HAS(progress, struct reflink_progress, bytes_total))
        return -1;
    return reflink_copy_file("a", "b", &options, &result);
}
"#;

/// The header alone, for standards without constants of 64 bits, which it defines and does not use.
const ALONE: &str = "#include \"libreflink.h\"\nint nothing;\n";

/// The C++ header: made, and used.
const WRAPPED: &str = r#"
#include "libreflink.hpp"
#include "libreflink.hpp"
int use();
int use()
{
    const libreflink::options options;
    return libreflink::copy_file("a", "b", options).published ? 1 : 0;
}
"#;

/// What every program that includes a header may ask of its compiler, and a warning is an error.
const STRICT: &[&str] =
    &["-Wall", "-Wextra", "-pedantic-errors", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only"];

/// The ways in which each C compiler, and each C++ compiler, is asked: standards, and flags besides.
const C: &[&str] = &[
    "c89 -Wno-long-long",
    "gnu89 -Wno-long-long",
    "c99",
    "gnu99",
    "c11",
    "gnu11",
    "c17",
    "gnu17",
    "c2x",
    "gnu2x",
    "c99 -m32",
    "c99 -funsigned-char",
    "c99 -fshort-enums",
];
const CPP: &[&str] = &[
    "c++98 -Wno-long-long",
    "gnu++98 -Wno-long-long",
    "c++03 -Wno-long-long",
    "c++11",
    "gnu++11",
    "c++14",
    "gnu++14",
    "c++17",
    "gnu++17",
    "c++20",
    "gnu++20",
    "c++2b",
    "gnu++2b",
    "c++98 -Wno-long-long -Weffc++",
    "c++17 -Weffc++",
];
const WRAPPER: &[&str] =
    &["c++17 -Weffc++", "gnu++17", "c++20 -Weffc++", "c++2b -Weffc++", "c++17 -fno-rtti"];

/// One compiler and one way; ignored where the compiler, or that way of it, is not here.
fn compiles(
    scratch: &Arc<Scratch>,
    compiler: &'static str,
    way: &'static str,
    program: &'static str,
) -> Trial {
    let wrapped = program == WRAPPED;
    let name = format!(
        "{compiler}_compiles_{}as_{}",
        if wrapped { "the_wrapper_" } else { "it_" },
        way.replace(' ', "")
    );
    let source = scratch.0.join(format!("{name}.{}", if way.contains("++") { "cpp" } else { "c" }));
    let ask = move |program: &str| {
        std::fs::write(&source, program).expect("a source file");
        let mut words = way.split(' ');
        let mut command = Command::new(compiler);
        command.arg(format!("-std={}", words.next().expect("a standard"))).args(words).args(STRICT);
        command.arg("-I").arg(root().join("include")).arg(&source).output()
    };
    // With nothing of ours: a standard that the compiler does not know, 32 bits without a C library of them.
    let here = ask("#include <stdint.h>\nint nothing;\n").is_ok_and(|output| output.status.success());
    if !here {
        println!("SKIPPED: no {compiler} -std={way} here");
    }
    let compile = move || {
        let output = ask(program).expect("a compiler that compiled nothing");
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(says.into()) }
    };
    Trial::test(name, compile).with_ignored_flag(!here)
}

/// What zig is asked to compile for: 64 bits and 32 (of which x86 aligns 8 bytes to 4, except on Windows), both byte orders,
/// each family of systems.
const ZIG: &[&str] = &[
    "x86_64-linux-gnu",
    "x86_64-linux-musl",
    "x86-linux-gnu",
    "arm-linux-gnueabihf",
    "s390x-linux-gnu",
    "x86_64-windows-gnu",
    "x86-windows-gnu",
    "aarch64-macos",
    "x86_64-freebsd",
];

/// How zig is asked for each of them.
const ZIG_WAYS: &[&str] = &["c89 -Wno-long-long", "c99", "c2x", "c++98 -Wno-long-long", "c++2b"];

/// The Python that has zig, which is fetched once.
fn python_with_zig() -> String {
    if std::env::var_os("REFLINK_SKIP_TARGETS").is_some_and(|value| !value.is_empty()) {
        skip("REFLINK_SKIP_TARGETS is set");
    }
    let output = Command::new(root().join("tests/targets/zig.sh")).output().expect("zig.sh");
    let says = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => String::from_utf8(output.stdout).expect("a path").trim_end().to_owned(),
        Some(77) => skip(says.trim().lines().last().unwrap_or_default()),
        _ => panic!("zig.sh: {says}"),
    }
}

/// zig compiles the header for a target; in C99 it also finds each member of a structure where layout.c says.
fn zig_compiles(source: &Path, target: &str, way: &str) {
    let python = python_with_zig();
    let layout = if way == "c99" { "#include \"layout.c\"\n" } else { "" };
    std::fs::write(source, PROGRAM.to_owned() + layout).expect("a source file");
    let mut words = way.split(' ');
    let mut command = Command::new(python);
    command.args(["-m", "ziglang", if way.contains("++") { "c++" } else { "cc" }, "-target", target]);
    command.arg(format!("-std={}", words.next().expect("a standard"))).args(words);
    // zig goes on to link, and so builds a C library, unless it is told to compile.
    command.args(STRICT.iter().filter(|flag| **flag != "-fsyntax-only")).arg("-c").arg(source);
    command.arg("-o").arg(source.with_extension("o"));
    command.arg("-I").arg(root().join("include")).arg("-I").arg(root().join("tests/c"));
    let output = command.output().expect("zig");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn main() {
    let scratch = Arc::new(Scratch::new("header"));
    let trial = |name: String, test: Box<dyn FnOnce() + Send>| {
        Trial::test(name, || {
            test();
            Ok(())
        })
    };
    let mut trials = vec![
        trial(
            "include/libreflink.h_is_what_src_capi_says".into(),
            Box::new(|| is_committed("include/libreflink.h", &made::header())),
        ),
        trial(
            "every_name_it_defines_is_the_librarys".into(),
            Box::new(every_name_it_defines_is_the_librarys),
        ),
        trial("every_number_is_in_each_binding".into(), Box::new(every_number_is_in_each_binding)),
        trial("every_answer_has_its_words".into(), Box::new(every_answer_has_its_words)),
    ];
    trials.extend(regions::FILES.iter().map(|file| {
        trial(
            format!("{file}_is_what_src_capi_says"),
            Box::new(|| is_committed(file, &interface().fill(&read(file)).0)),
        )
    }));
    for (compilers, ways, program) in [
        (["gcc", "clang"], &["c89"][..], ALONE),
        (["g++", "clang++"], &["c++98"], ALONE),
        (["gcc", "clang"], C, PROGRAM),
        (["g++", "clang++"], CPP, PROGRAM),
        (["g++", "clang++"], WRAPPER, WRAPPED),
    ] {
        for compiler in compilers {
            trials.extend(ways.iter().map(|way| compiles(&scratch, compiler, way, program)));
        }
    }
    for (target, way) in ZIG.iter().flat_map(|target| ZIG_WAYS.iter().map(move |way| (target, way))) {
        let name = format!("zig_compiles_it_for_{target}_as_{}", way.replace(' ', ""));
        let source = scratch.0.join(format!("{name}.{}", if way.contains("++") { "cpp" } else { "c" }));
        trials.push(skipping::trial(name, move || zig_compiles(&source, target, way)));
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    drop(scratch);
    conclusion.exit();
}
