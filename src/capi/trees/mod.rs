//! Trees in C: how to copy (`options`), what was done (`result`), and the functions.
//! `asked` reads the options, `callbacks` calls the caller's functions.

mod asked;
mod callbacks;
pub mod functions;
pub mod options;
pub mod result;
