//! Tests of what belongs to a whole process (limits, umask, stdio, identity, system calls) run in a child of their own.
//! A child is this program again, told by its environment what to do; it says "fine" or dies.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

const WHAT: &str = "REFLINK_TEST_CHILD";

pub fn is_one() -> bool {
    std::env::var_os(WHAT).is_some()
}

pub fn main(known: &[&[Child]]) {
    let what = std::env::var(WHAT).unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut all = known.iter().copied().flatten();
    let (_, test) = all.find(|(name, _)| *name == what).expect("a child that is known");
    test(&arguments);
    // Its own stdout may be closed or limited: the exit status is what counts.
    std::process::exit(0);
}

pub type Child = (&'static str, fn(&[String]));

/// Where this program is, to be asked for the first time before a mount namespace is made: of a program started before that,
/// the kernel then tells the path outside of a chroot.
pub static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| std::env::current_exe().unwrap());

fn this_program() -> Command {
    under_runner(&PROGRAM)
}

/// Under an emulator (REFLINK_TEST_RUNNER: its name and arguments) the kernel cannot start a program by itself.
pub fn under_runner(program: &Path) -> Command {
    let runner = std::env::var("REFLINK_TEST_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(emulator) = words.next() else { return Command::new(program) };
    let mut command = Command::new(emulator);
    command.args(words).arg(program);
    command
}

/// Whether something stands between this program and the kernel, with system calls of its own.
pub fn is_emulated() -> bool {
    std::env::var_os("REFLINK_TEST_RUNNER").is_some()
}

/// A child, to be started as it is or by another program.
pub fn command(what: &str, arguments: &[&str]) -> Command {
    let mut command = this_program();
    command.env(WHAT, what).args(arguments);
    command
}

/// Starts a child and expects it to be fine.
pub fn run(what: &str, arguments: &[&str]) {
    check(what, command(what, arguments).output().unwrap());
}

pub fn check(what: &str, output: Output) {
    assert!(
        output.status.success(),
        "{what}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
