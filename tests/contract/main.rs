//! The contract of the C interface, on every file system that this machine can mount: one test for each pair of both.
//! A file system that is not to be had is shown, with the reason, and its tests count as ignored, never as passed.

mod abi;
mod child;
mod dedupe;
mod descriptors;
mod files;
mod host;
mod in_c;
mod lab;
mod limits;
mod looks;
mod metadata;
mod overwriting;
mod pairs;
mod portable;
mod probing;
mod ranges;
mod sharing;
mod skipping;
mod structs;
mod truth;
mod whole;

use std::sync::LazyLock;

use lab::Place;
use libtest_mimic::{Arguments, Trial};
pub use skipping::{skip, trial};

/// Where a contract holds.
pub enum Where {
    Everywhere,
    IfCloning,
    IfNotCloning,
    Only(&'static str),
    /// Of the stand-in for other Unixes alone.
    Portable,
}

impl Where {
    fn includes(&self, place: &Place) -> bool {
        match self {
            Where::Portable if !portable::is_tested() => false,
            // Of a file system that is missing it is not known which it would be: its tests are all shown as ignored.
            _ if place.missing.is_some() => true,
            Where::Everywhere => true,
            Where::IfCloning => place.clones,
            Where::IfNotCloning => !place.clones,
            Where::Only(name) => place.name == *name,
            Where::Portable => true,
        }
    }
}

/// One thing that the library promises.
pub struct Contract(pub &'static str, pub Where, pub fn(&Place));

/// What does not depend on a file system.
pub type Once = (&'static str, fn());

fn contract_trial(place: &Place, contract: &'static Contract) -> Trial {
    let (owned, test) = (place.clone(), contract.2);
    let name = format!("{}::{}", place.name, contract.0);
    let ignored = place.missing.is_some() || portable::excused(contract.0).is_some();
    trial(name, move || test(&owned)).with_ignored_flag(ignored)
}

fn main() {
    if child::is_one() {
        return child::main(&[
            host::CHILDREN,
            limits::CHILDREN,
            metadata::CHILDREN,
            probing::CHILDREN,
            dedupe::CHILDREN,
        ]);
    }
    let arguments = Arguments::from_args();
    abi::build();
    LazyLock::force(&child::PROGRAM);
    // Before the first thread: a mount namespace is a thread's own.
    let places = if arguments.list { Vec::new() } else { lab::places() };
    for (place, why) in places.iter().filter_map(|place| place.missing.as_ref().map(|why| (place, why))) {
        println!("SKIPPED: everything on {}: {why}", place.name);
    }
    for (contract, why) in portable::OF_LINUX.iter().filter(|(name, _)| portable::excused(name).is_some()) {
        println!("SKIPPED: {contract}: {why}");
    }
    let contracts = [
        whole::ALL,
        metadata::ALL,
        overwriting::ALL,
        descriptors::ALL,
        ranges::ALL,
        dedupe::ALL,
        sharing::ALL,
        truth::ALL,
        probing::ALL,
        limits::ALL,
        host::ALL,
        portable::ALL,
    ]
    .concat_all();
    let mut trials: Vec<Trial> = Vec::new();
    for place in &places {
        trials.extend(
            contracts
                .iter()
                .filter(|contract| contract.1.includes(place))
                .map(|one| contract_trial(place, one)),
        );
    }
    trials.extend(pairs::trials(&places));
    trials.extend(in_c::trials(&places));
    for (name, test) in structs::ALL.iter().chain(limits::ONCE) {
        trials.push(trial(name.to_string(), *test));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    lab::clean(&places);
    in_c::clean();
    conclusion.exit();
}

trait ConcatAll {
    fn concat_all(self) -> Vec<&'static Contract>;
}

impl<const N: usize> ConcatAll for [&'static [Contract]; N] {
    fn concat_all(self) -> Vec<&'static Contract> {
        self.into_iter().flatten().collect()
    }
}
