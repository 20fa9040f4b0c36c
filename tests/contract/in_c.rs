//! The portable part of the contract: the C program of tests/contract-c, on each file system here, one trial for each of its tests.
//! It is what the guests, Wine and a person with another system run too (`make contract`).

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;

use crate::files::Room;
use crate::lab::Place;
use crate::{abi, child, skip, trial};

const FLAGS: &[&str] = &["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g"];

/// Without a C compiler one trial, ignored, stands for all.
pub fn trials(places: &[Place]) -> Vec<Trial> {
    let program = match program() {
        Ok(program) => program,
        Err(why) => {
            println!("SKIPPED: the portable contract: {why}");
            return vec![Trial::test("c::everything", || Ok(())).with_ignored_flag(true)];
        }
    };
    let names = names(&program);
    let there: Vec<&Place> = places.iter().filter(|place| place.missing.is_none()).collect();
    let mut trials = Vec::new();
    for place in places {
        let other = other_volume(&there, place);
        for name in &names {
            let (program, dir, other, test) =
                (program.clone(), place.dir.clone(), other.clone(), name.clone());
            let one = trial(format!("{}::c::{name}", place.name), move || {
                run(&program, &test, &dir, other.as_deref());
            });
            trials.push(one.with_ignored_flag(place.missing.is_some()));
        }
    }
    trials
}

/// The next file system of those that are there, if there is another one.
fn other_volume(there: &[&Place], place: &Place) -> Option<PathBuf> {
    let at = there.iter().position(|known| known.name == place.name)?;
    let next = there[(at + 1) % there.len()];
    (next.name != place.name).then(|| next.dir.clone())
}

/// REFLINK_CONTRACT_PROGRAM, built for the library under test by whoever set it, else made here.
fn program() -> Result<PathBuf, String> {
    if let Some(program) = std::env::var_os("REFLINK_CONTRACT_PROGRAM") {
        return Ok(program.into());
    }
    if child::is_emulated() {
        return Err("REFLINK_CONTRACT_PROGRAM says which program of the target's it is".into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let library = abi::path();
    // What its soname says, for the program that is linked with it.
    let soname = library.with_file_name("libreflink.so.0");
    if !soname.exists() {
        let _ = std::os::unix::fs::symlink("libreflink.so", soname);
    }
    let out = out();
    let sources = std::fs::read_dir(root.join("tests/contract-c")).map_err(|error| error.to_string())?;
    let sources = sources.flatten().map(|entry| entry.path());
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = Command::new(&compiler)
        .args(FLAGS)
        .arg("-I")
        .arg(root.join("include"))
        .args(sources.filter(|path| path.extension().is_some_and(|end| end == "c")))
        .arg(&library)
        .arg(format!("-Wl,-rpath,{}", library.parent().unwrap().display()))
        .args(["-pthread", "-o"])
        .arg(&out)
        .output()
        .map_err(|error| format!("{compiler}: {error}"))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(out)
}

/// This process's own: another run may be at the same place.
fn out() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("contract-c-{}", std::process::id()))
}

/// Takes away the program that was made.
pub fn clean() {
    let _ = std::fs::remove_file(out());
}

fn names(program: &Path) -> Vec<String> {
    let output = child::under_runner(program).arg("list").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect()
}

/// One test of the program, in rooms of its own.
fn run(program: &Path, test: &str, dir: &Path, other: Option<&Path>) {
    let (room, other) = (Room::new(dir), other.map(Room::new));
    let mut command = child::under_runner(program);
    command.args(["-t", test]).arg(&room.0).args(other.as_ref().map(|other| &other.0));
    let output = command.output().unwrap();
    let says = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}\n{says}{}", output.status, String::from_utf8_lossy(&output.stderr));
    if let Some(why) = says.lines().find_map(|line| line.strip_prefix(&format!("SKIPPED: {test}: "))) {
        skip(why);
    }
    assert!(says.lines().any(|line| line == format!("ok {test}")), "{says}");
    assert!(room.names().is_empty(), "{:?}", room.names());
}
