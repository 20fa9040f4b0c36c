//! What is installed: the tree, the libraries in it, and programs of others built against it, outside of the source tree.
//! A test that needs a tool which is not here is listed as ignored, and says which tool.

mod consumers;
mod fixture;
mod library;
mod tree;

use fixture::Test;
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

fn main() -> std::process::ExitCode {
    let mut tests = tree::tests();
    tests.extend(library::tests());
    tests.extend(consumers::tests());
    let trials = tests.into_iter().map(trial).collect();
    let conclusion: Conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    conclusion.exit_code()
}

fn trial(test: Test) -> Trial {
    let missing: Vec<&str> = test.needs.iter().copied().filter(|tool| !fixture::is_here(tool)).collect();
    if !missing.is_empty() {
        eprintln!("SKIPPED: {}: not here: {}", test.name, missing.join(", "));
    }
    let run = test.run;
    Trial::test(test.name, move || run().map_err(Failed::from)).with_ignored_flag(!missing.is_empty())
}
