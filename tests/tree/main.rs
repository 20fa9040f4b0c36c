//! Trees attacked from outside: the built library through its C interface, on every file system that can be mounted here.
//! Each test runs in a process of its own, which may give up root, its descriptors and its directory.

#[path = "../contract/abi.rs"]
#[allow(dead_code)]
mod abi;
mod answers;
mod callbacks;
mod calls;
#[path = "../contract/child.rs"]
#[allow(dead_code)]
mod child;
mod confined;
mod faults;
#[path = "../contract/files.rs"]
#[allow(dead_code)]
mod files;
#[path = "../torture/filter.rs"]
#[allow(dead_code)]
mod filter;
mod hostile;
#[path = "../contract/lab.rs"]
#[allow(dead_code)]
mod lab;
mod large;
mod odd;
mod power;
mod pressed;
mod races;
mod random;
#[path = "../torture/seed.rs"]
#[allow(dead_code)]
mod seed;
#[path = "../contract/skipping.rs"]
mod skipping;
mod threads;
mod tracer;
#[path = "../torture/volume.rs"]
#[allow(dead_code)]
mod volume;
mod walker;
mod ways;
mod whole;

use std::path::PathBuf;

use lab::Place;
use libtest_mimic::{Arguments, Trial};
pub use skipping::{skip, trial};

/// An attack, and the file systems it is made on.
pub struct Attack(pub &'static str, pub &'static [&'static str], pub fn(&Place));

/// One of each kind.
pub const KINDS: &[&str] = &["xfs-4k", "btrfs", "ext4", "tmpfs", "overlay-xfs"];
/// For attacks that do not depend on the file system.
pub const ONE: &[&str] = &["tmpfs"];

const ALL: &[&[Attack]] = &[
    whole::ALL,
    answers::ALL,
    ways::ALL,
    callbacks::ALL,
    confined::ALL,
    faults::ALL,
    hostile::ALL,
    large::ALL,
    power::ALL,
    pressed::ALL,
    races::ALL,
    random::ALL,
    threads::ALL,
];

/// The exit status of a child whose attack cannot be made here.
const SKIPPED: i32 = 77;

fn attacks() -> impl Iterator<Item = &'static Attack> {
    ALL.iter().copied().flatten()
}

/// What each test runs as a process of its own: one attack, killed if it hangs.
fn in_child(arguments: &[String]) {
    let [name, place, dir, clones] = arguments else { panic!("{arguments:?}") };
    let Attack(_, places, attack) = attacks().find(|attack| attack.0 == name).unwrap();
    let place = Place {
        name: places.iter().find(|known| *known == place).unwrap(),
        missing: None,
        dir: PathBuf::from(dir),
        clones: clones == "true",
        block: 4096,
        fiemap: false,
        fs_name: "",
    };
    unsafe { libc::alarm(900 + seed::time(0).as_secs() as u32) };
    abi::library();
    attack(&place);
}

/// Ends a child whose attack needs what this machine lacks.
pub fn cannot(why: &str) -> ! {
    println!("{why}");
    std::process::exit(SKIPPED);
}

/// Ends a child whose attack needs root, unless it is root.
pub fn needs_root() {
    if unsafe { libc::geteuid() } != 0 {
        cannot("needs root");
    }
}

fn attack_trial(place: &Place, attack: &'static Attack) -> Trial {
    let name = format!("{}::{}", place.name, attack.0);
    let (kind, dir) = (place.name, place.dir.to_string_lossy().into_owned());
    let clones = place.clones.to_string();
    trial(name, move || {
        let output = child::command("attack", &[attack.0, kind, &dir, &clones]).output().unwrap();
        if output.status.code() == Some(SKIPPED) {
            skip(String::from_utf8_lossy(&output.stdout).trim());
        }
        if std::env::var_os("REFLINK_TIME").is_some() {
            print!("{kind}::{}: {}", attack.0, String::from_utf8_lossy(&output.stdout)); // how much was done
        }
        child::check(attack.0, output);
    })
    .with_ignored_flag(place.missing.is_some())
}

fn main() {
    if child::is_one() {
        return child::main(&[&[("attack", in_child)]]);
    }
    let arguments = Arguments::from_args();
    abi::build();
    std::sync::LazyLock::force(&child::PROGRAM);
    // Before the first thread: a mount namespace is a thread's own.
    let places = if arguments.list { Vec::new() } else { lab::places() };
    let mut trials = Vec::new();
    for place in &places {
        if let Some(why) = &place.missing {
            println!("SKIPPED: everything on {}: {why}", place.name);
        }
        let wanted = attacks().filter(|attack| attack.1.contains(&place.name));
        trials.extend(wanted.map(|attack| attack_trial(place, attack)));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    lab::clean(&places);
    conclusion.exit();
}
