//! The crates of bindings/rust against the built library: compiled by rustc alone, with what is needed and no more, and their own
//! tests run on file systems that clone and that do not. `bindings/run-tests.sh rust` has the rest: cargo, pkg-config, documentation.

#[path = "contract/abi.rs"]
#[allow(dead_code)]
mod abi;
#[path = "contract/lab.rs"]
#[allow(dead_code)]
mod lab;

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};

/// The names by which the tests know the file systems, and which of the lab's they are here.
const PLACES: &[(&str, &str)] =
    &[("XFS", "xfs-4k"), ("XFS2", "xfs-64k"), ("BTRFS", "btrfs"), ("EXT4", "ext4"), ("TMPFS", "tmpfs")];

fn run(command: &mut Command) -> Result<(), Failed> {
    let output = command.output().map_err(|error| Failed::from(format!("{command:?}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let says = [output.stdout, output.stderr].concat();
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&says)).into())
}

/// Compiles a crate, whose place is relative to the project, into `out`, where it finds those compiled before.
fn compile(source: &Path, name: &str, kind: &[&str], out: &Path) -> Result<(), Failed> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let libraries = abi::path().parent().unwrap_or(Path::new(".")).to_owned();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-name", name]).args(kind);
    rustc.arg("--out-dir").arg(out).arg("-L").arg(out).arg("-L").arg(&libraries).arg("-lreflink");
    rustc.arg(format!("-Clink-arg=-Wl,-rpath,{}", libraries.display()));
    for known in ["libreflink_sys", "libreflink_fs", "reflink_copy"] {
        if out.join(format!("lib{known}.rlib")).exists() && known != name {
            rustc.arg("--extern").arg(known);
        }
    }
    run(rustc.arg(source))
}

/// Compiles both crates and their tests into a folder of that name, and returns where the programs are.
fn build(name: &str) -> Result<PathBuf, Failed> {
    let crates = Path::new("bindings/rust");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir(&out)?;
    for (name, folder) in [("libreflink_sys", "libreflink-sys"), ("libreflink_fs", "libreflink-fs")] {
        compile(&crates.join(folder).join("src/lib.rs"), name, &["--crate-type", "rlib"], &out)?;
    }
    for name in ["copies", "clones"] {
        compile(&crates.join(format!("libreflink-fs/tests/{name}.rs")), name, &["--test"], &out)?;
    }
    Ok(out)
}

/// The one function of the crate reflink-copy that `make bench` calls, so that no network is needed to see that its caller compiles.
const REFLINK_COPY: &str = "pub fn reflink_or_copy(_: impl AsRef<std::path::Path>, _: impl AsRef<std::path::Path>) \
                            -> std::io::Result<Option<u64>> { Ok(None) }";

/// `make bench` is run by hand, and would be the last to tell that the crate's interface has moved on.
fn peer_of_the_bench() -> Result<(), Failed> {
    let out = build("rust-bench")?;
    let stand_in = out.join("reflink_copy.rs");
    std::fs::write(&stand_in, REFLINK_COPY)?;
    compile(&stand_in, "reflink_copy", &["--crate-type", "rlib"], &out)?;
    compile(
        Path::new("benches/peer-reflink-copy/src/lib.rs"),
        "peer_reflink_copy",
        &["--crate-type", "rlib"],
        &out,
    )
}

fn copies_and_clones(places: &[lab::Place]) -> Result<(), Failed> {
    let out = build("rust")?;
    run(&mut Command::new(out.join("copies")))?;
    let mut clones = Command::new(out.join("clones"));
    for (variable, name) in PLACES {
        let place = places.iter().find(|place| place.name == *name).ok_or("no such place")?;
        clones.env(format!("REFLINK_TEST_{variable}"), &place.dir);
    }
    run(clones.arg("--include-ignored"))
}

fn main() {
    let arguments = Arguments::from_args();
    abi::build();
    let library = abi::path();
    let soname = library.with_file_name("libreflink.so.0");
    if !soname.exists() {
        let _ = std::os::unix::fs::symlink("libreflink.so", soname);
    }
    let places = if arguments.list { Vec::new() } else { lab::places() };
    let no_rustc = Command::new("rustc").arg("--version").output().is_err();
    let mut missing: Vec<String> = places
        .iter()
        .filter(|place| PLACES.iter().any(|(_, name)| *name == place.name))
        .filter_map(|place| place.missing.as_ref().map(|why| format!("{}: {why}", place.name)))
        .collect();
    if no_rustc {
        missing.push("no rustc here".into());
    }
    for why in &missing {
        println!("SKIPPED: {why}");
    }
    let tested = places.clone();
    let trial = Trial::test("copies_and_clones", move || copies_and_clones(&tested));
    let bench = Trial::test("peer_of_the_bench", peer_of_the_bench).with_ignored_flag(no_rustc);
    let trials = vec![trial.with_ignored_flag(!missing.is_empty()), bench];
    let conclusion = libtest_mimic::run(&arguments, trials);
    lab::clean(&places);
    conclusion.exit();
}
