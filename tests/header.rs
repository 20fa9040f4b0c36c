//! The header is what cbindgen makes of src/capi, and compiles without a warning wherever C and C++ programmers are.
//! `make header` writes it anew through this test.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let config =
        cbindgen::Config::from_file(root().join("include/cbindgen.toml")).expect("include/cbindgen.toml");
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_crate(root())
        .generate()
        .expect("cbindgen cannot read src/capi");
    let mut header = Vec::new();
    bindings.write(&mut header);
    String::from_utf8(header).expect("UTF-8")
}

#[test]
fn the_committed_header_is_what_the_code_says() {
    let path = root().join("include/reflink.h");
    let wanted = generated();
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
#[test]
fn every_name_it_defines_is_the_librarys() {
    let header = generated();
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

#[test]
fn it_compiles_without_a_warning_as_c_and_as_cpp() {
    let scratch = Scratch::new("header");
    let mut compiled = 0;
    for (extension, compilers, standards) in [
        ("c", ["gcc", "clang"], &["c99", "c11", "c17", "gnu17"][..]),
        ("cpp", ["g++", "clang++"], &["c++11", "c++14", "c++17", "c++20"][..]),
    ] {
        let source = scratch.0.join(format!("use.{extension}"));
        std::fs::write(&source, PROGRAM).expect("a source file");
        for compiler in compilers {
            if Command::new(compiler).arg("--version").output().is_err() {
                println!("SKIPPED: no {compiler} here");
                continue;
            }
            for standard in standards {
                let output = Command::new(compiler)
                    .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"])
                    .arg(format!("-std={standard}"))
                    .arg("-I")
                    .arg(root().join("include"))
                    .arg(&source)
                    .output()
                    .expect("a compiler that answers to --version");
                let says = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{compiler} -std={standard}:\n{says}");
                compiled += 1;
            }
        }
    }
    assert!(compiled > 0, "neither gcc nor clang is here");
}
