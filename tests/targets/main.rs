//! The other targets: each is checked, linted and has its C programs compiled and its header compared; two Linux ones run, too.
//! `make test` takes those named here, `make check-targets` all of them (REFLINK_TARGETS=all); what cannot be had is ignored.

#[path = "../header/made.rs"]
#[allow(dead_code)]
mod made;
#[path = "../contract/skipping.rs"]
mod skipping;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Trial};
use skipping::{skip, trial};

/// One of each family of systems, a Linux of 32 bits, and a big-endian one.
const IN_EVERY_TEST: &[&str] = &[
    "i686-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
    "x86_64-pc-windows-gnu",
    "aarch64-apple-darwin",
    "x86_64-unknown-freebsd",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The target directory: the scripts keep theirs in it.
fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory").to_path_buf()
}

/// Runs a script of this folder for one target, with what it says on standard error shown as it comes: the first time it
/// fetches for minutes. Exit status 77 means that something is not to be had here.
fn script(name: &str, target: &str, quick: bool) {
    let mut command = Command::new(root().join("tests/targets").join(name));
    command.arg(target).env("CARGO_TARGET_DIR", target_dir()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if quick {
        command.env("QUICK", "1");
    }
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok) {
        let _ = writeln!(std::io::stderr(), "{line}");
        said.push(line);
    }
    let output = child.wait_with_output().expect("its end");
    if output.status.code() == Some(77) {
        skip(said.pop().unwrap_or_default());
    }
    assert!(output.status.success(), "{name} {target}:\n{}", String::from_utf8_lossy(&output.stdout));
}

fn check(target: &str, quick: bool) {
    script("check.sh", target, quick);
    the_header_is_the_same(target);
    let results = if quick { "targets/results-quick" } else { "targets/results" };
    let result = target_dir().join(results).join(format!("{target}.check"));
    let mut result = fs::OpenOptions::new().append(true).open(result).expect("what check.sh wrote down");
    result.write_all(b"header=yes\n").expect("the header's line");
}

/// cbindgen does not know what cfg and macros mean: it is given src/capi as the target's own compiler has expanded it.
fn the_header_is_the_same(target: &str) {
    let expanded = target_dir().join("targets/expanded").join(format!("{target}.rs"));
    let source = fs::read_to_string(&expanded).expect("what check.sh has expanded");
    let interface = source.lines().skip_while(|line| *line != "pub mod capi {").skip(1);
    let interface: Vec<&str> = interface.take_while(|line| *line != "}").collect();
    fs::write(&expanded, interface.join("\n")).expect("the expanded interface");
    let header = made::header_from(std::slice::from_ref(&expanded));
    let committed = fs::read_to_string(root().join("include/libreflink.h")).expect("include/libreflink.h");
    let other = expanded.with_extension("h");
    fs::write(&other, &header).expect("the header of the target");
    assert!(header == committed, "from {target} comes another header: {}", other.display());
}

fn wanted() -> Vec<String> {
    match std::env::var("REFLINK_TARGETS") {
        Err(_) => IN_EVERY_TEST.iter().map(ToString::to_string).collect(),
        Ok(all) if all == "all" => {
            let mut bash = Command::new("bash");
            bash.args(["-c", ". ./targets.sh && all_targets"]).current_dir(root().join("tests/targets"));
            let list = bash.output().expect("bash").stdout;
            String::from_utf8(list).expect("names").lines().map(ToOwned::to_owned).collect()
        }
        Ok(some) => some.split_whitespace().map(ToOwned::to_owned).collect(),
    }
}

fn main() {
    // One after the other: they share a target directory, which cargo locks.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let quick = std::env::var_os("REFLINK_TARGETS").is_none();
    let left_out = std::env::var_os("REFLINK_SKIP_TARGETS").is_some_and(|value| !value.is_empty());
    if left_out {
        println!("SKIPPED: the other targets: REFLINK_SKIP_TARGETS is set");
    }
    let mut trials = Vec::new();
    for target in wanted() {
        let runs = quick && target.contains("-linux-");
        let (checked, run) = (target.clone(), target.clone());
        trials.push(trial(format!("check::{target}"), move || check(&checked, quick)));
        if runs {
            trials.push(trial(format!("run::{target}"), move || script("run.sh", &run, true)));
        }
    }
    let trials: Vec<Trial> = trials.into_iter().map(|each| each.with_ignored_flag(left_out)).collect();
    libtest_mimic::run(&arguments, trials).exit();
}
