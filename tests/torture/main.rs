//! Every promise attacked: faults at each system call, a model under chance, races, hostile surroundings, crashes.
//! Short by default; `make torture TIME=seconds SEED=n` is the long form. What cannot be had here is shown and ignored.

#[path = "../contract/abi.rs"]
#[allow(dead_code)]
mod abi;
#[path = "../contract/child.rs"]
#[allow(dead_code)]
mod child;
mod crash;
mod dedupe;
#[path = "../contract/files.rs"]
#[allow(dead_code)]
mod files;
mod filter;
mod found;
mod freed;
mod inject;
#[path = "../contract/lab.rs"]
#[allow(dead_code)]
mod lab;
#[path = "../contract/looks.rs"]
#[allow(dead_code)]
mod looks;
mod model;
mod programs;
mod races;
mod sandbox;
mod seed;
mod sharing;
#[path = "../contract/skipping.rs"]
mod skipping;
mod surroundings;
mod volume;

use lab::Place;
use libtest_mimic::{Arguments, Trial};
pub use skipping::{skip, trial};

/// An attack, and the file systems it is made on ("" for each).
pub struct Attack(pub &'static str, pub &'static [&'static str], pub fn(&Place));

const BLOCK_SIZES: &[&str] =
    &["xfs-1k", "xfs-4k", "xfs-64k", "btrfs", "btrfs-nodatacow", "ext4", "tmpfs", "overlay-xfs"];

const ATTACKS: &[Attack] = &[
    Attack("inject", &["xfs-4k", "btrfs", "tmpfs"], inject::inject),
    Attack("model", BLOCK_SIZES, model::model),
    Attack(
        "an_empty_file_has_no_range_to_overlap",
        BLOCK_SIZES,
        found::an_empty_file_has_no_range_to_overlap,
    ),
];

/// Attacks that make their own surroundings.
const OWN: &[(&str, fn())] = &[
    ("crash::xfs", crash::xfs),
    ("crash::ext4", crash::ext4),
    ("crash::btrfs", crash::btrfs),
    ("crash::dedupe_xfs", crash::dedupe_xfs),
    ("crash::dedupe_btrfs", crash::dedupe_btrfs),
];

fn attack_trial(place: &Place, attack: &'static Attack) -> Trial {
    let (owned, test) = (place.clone(), attack.2);
    let name = format!("{}::{}", place.name, attack.0);
    trial(name, move || test(&owned)).with_ignored_flag(place.missing.is_some())
}

fn main() {
    if child::is_one() {
        return child::main(&[races::CHILDREN, sandbox::CHILDREN]);
    }
    let arguments = Arguments::from_args();
    abi::build();
    println!("seed {} (REFLINK_SEED={} repeats this run)", seed::seed(), seed::seed());
    std::sync::LazyLock::force(&child::PROGRAM);
    // Before the first thread: a mount namespace is a thread's own.
    let places = if arguments.list { Vec::new() } else { lab::places() };
    let mut trials: Vec<Trial> = Vec::new();
    for place in &places {
        if let Some(why) = &place.missing {
            println!("SKIPPED: everything on {}: {why}", place.name);
        }
        let wanted = ATTACKS
            .iter()
            .chain(races::ALL)
            .chain(sandbox::ALL)
            .chain(surroundings::ALL)
            .filter(|attack| attack.1.contains(&place.name));
        trials.extend(wanted.map(|attack| attack_trial(place, attack)));
    }
    trials.extend(
        OWN.iter()
            .chain(surroundings::OWN)
            .chain(sharing::OWN)
            .chain(freed::OWN)
            .map(|(name, test)| trial(name.to_string(), *test)),
    );
    let conclusion = libtest_mimic::run(&arguments, trials);
    lab::clean(&places);
    programs::clean();
    conclusion.exit();
}
