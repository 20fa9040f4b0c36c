//! The backend of the other Unixes, run on Linux by portable.sh. Where it cannot be run it counts as ignored, never as passed.

#[path = "contract/skipping.rs"]
mod skipping;

use std::path::Path;
use std::process::Command;

use libtest_mimic::Arguments;

fn the_portable_backend_keeps_the_contract() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/portable.sh");
    // Where this test's own build is; CARGO_TARGET_TMPDIR is TARGET/tmp, wherever TARGET is.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new(script).env("CARGO_TARGET_DIR", target).output();
    let output = output.unwrap_or_else(|error| skipping::skip(format!("no shell: {error}")));
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.code() == Some(77) {
        skipping::skip(said.trim());
    }
    for line in said.lines().filter(|line| line.starts_with("SKIPPED")) {
        println!("{line}");
    }
    assert!(
        output.status.success(),
        "{}\n{said}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

fn main() {
    let arguments = Arguments::from_args();
    let name = "the_portable_backend_keeps_the_contract";
    let trial = skipping::trial(name.to_string(), the_portable_backend_keeps_the_contract);
    libtest_mimic::run(&arguments, vec![trial]).exit();
}
