//! The header is what cbindgen makes of src/capi, and compiles without a warning wherever C and C++ programmers are.
//! `make header` writes it anew through this test.

mod made;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn the_committed_header_is_what_the_code_says() {
    let path = root().join("include/reflink.h");
    let wanted = made::header();
    if std::env::var_os("REFLINK_WRITE_HEADER").is_some() {
        std::fs::write(&path, &wanted).expect("include/reflink.h cannot be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == wanted,
        "include/reflink.h is not what src/capi says. If the change is meant: make header"
    );
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
    let foreign: Vec<&str> =
        names.filter(|name| !name.starts_with("REFLINK_") && !name.starts_with("reflink_")).collect();
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
#include "reflink.h"
#include "reflink.h"
#if REFLINK_VERSION_NUMBER < 1
#error "the version must be usable in a condition"
#endif
int use(void);
int use(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    uint64_t length = REFLINK_TO_EOF;
    options.flags = REFLINK_NOFOLLOW | REFLINK_BEST_EFFORT_METADATA;
    (void)capability;
    (void)length;
    return reflink_copy_file("a", "b", &options, &result);
}
"#;

/// One compiler, one standard; ignored where the compiler is not here.
fn compiles(scratch: &Arc<Scratch>, compiler: &'static str, standard: &'static str) -> Trial {
    let missing = Command::new(compiler).arg("--version").output().is_err();
    let scratch = Arc::clone(scratch);
    let compile = move || {
        let extension = if standard.contains("++") { "cpp" } else { "c" };
        let source = scratch.0.join(format!("{compiler}-{standard}.{extension}"));
        std::fs::write(&source, PROGRAM).expect("a source file");
        let output = Command::new(compiler)
            .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"])
            .arg(format!("-std={standard}"))
            .arg("-I")
            .arg(root().join("include"))
            .arg(&source)
            .output()
            .expect("a compiler that answers to --version");
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(says.into()) }
    };
    if missing {
        println!("SKIPPED: no {compiler} here");
    }
    Trial::test(format!("{compiler}_compiles_it_as_{standard}"), compile).with_ignored_flag(missing)
}

fn main() {
    let scratch = Arc::new(Scratch::new("header"));
    let mut trials = vec![
        Trial::test("the_committed_header_is_what_the_code_says", || {
            the_committed_header_is_what_the_code_says();
            Ok(())
        }),
        Trial::test("every_name_it_defines_is_the_librarys", || {
            every_name_it_defines_is_the_librarys();
            Ok(())
        }),
    ];
    for (compilers, standards) in [
        (["gcc", "clang"], ["c99", "c11", "c17", "gnu17"]),
        (["g++", "clang++"], ["c++11", "c++14", "c++17", "c++20"]),
    ] {
        for compiler in compilers {
            trials.extend(standards.map(|standard| compiles(&scratch, compiler, standard)));
        }
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    drop(scratch);
    conclusion.exit();
}
