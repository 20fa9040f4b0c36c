//! Names the shared library for the linker, and nothing more: what a packager builds needs no
//! generator, no network and no C compiler.

use std::env;

/// The ABI's number, raised by hand when the ABI breaks: it is not the crate's version.
const SOVERSION: &str = "0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if os == "linux" || os == "android" {
        // cargo-c passes a soname of its own; two of them make a broken install.
        if env::var_os("CARGO_FEATURE_CAPI").is_none() {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libreflink.so.{SOVERSION}");
        }
        // A thread that has used the library may end after dlclose: its exit handlers must still be mapped (rust#91979).
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,defs");
    }
}
