//! The engine over the model: scenarios, what must hold after each, and the tests that attack every call of them.
//! `every_call` fails each call in every way; the others show one promise at a time and are named after it.

mod bench;
mod data;
mod every_call;
mod metadata;
mod names;
mod progress;
mod ranges;
mod servers;
mod systems;
mod verdicts;

pub(crate) use bench::{Api, Bench, Outcome, Scenario, Source, There};
