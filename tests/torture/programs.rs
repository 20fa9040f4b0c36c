//! The C programs of tests/c/torture_*.c, compiled once against the library under test.
//! They are what a user's program is: C, linked with -lreflink, nothing of the crate in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{abi, skip};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("torture-programs-{}", std::process::id()))
}

fn compile(name: &str) -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = directory();
    fs::create_dir_all(&directory).unwrap();
    // Under the name that the loader will look for.
    let library = directory.join("libreflink.so.0");
    std::os::unix::fs::symlink(abi::path(), &library).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let output = Command::new(&compiler)
        .args(["-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(root.join("include"))
        .arg(root.join("tests/c").join(format!("{name}.c")))
        .arg(&library)
        .arg(format!("-Wl,-rpath,{}", directory.display()))
        .args(["-pthread", "-o"])
        .arg(directory.join(name))
        .output()
        .map_err(|error| format!("no C compiler here ({compiler:?}: {error})"))?;
    assert!(output.status.success(), "{name}.c: {}", String::from_utf8_lossy(&output.stderr));
    Ok(directory.join(name))
}

/// The program that makes one copy.
pub fn host() -> &'static Path {
    static HOST: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match HOST.get_or_init(|| compile("torture_host")) {
        Ok(program) => program,
        Err(why) => skip(why.clone()),
    }
}

/// Removes what was compiled.
pub fn clean() {
    let _ = fs::remove_dir_all(directory());
}
