//! Names the shared library for the linker, and nothing more: what a packager builds needs no
//! generator, no network and no C compiler.

use std::env;

/// The ABI's number, raised by hand when the ABI breaks: it is not the crate's version.
const SOVERSION: &str = "0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    for argument in arguments(&os) {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
    }
}

/// What the linker is told. On Windows nothing: reflink.dll is the name that rustc gives, and the import library
/// (libreflink.dll.a, reflink.dll.lib) goes by it.
fn arguments(os: &str) -> Vec<String> {
    let name = match os {
        // cargo-c passes a soname of its own; two of them make a broken install.
        _ if env::var_os("CARGO_FEATURE_CAPI").is_some() => None,
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" => {
            Some(format!("-soname,libreflink.so.{SOVERSION}"))
        }
        "illumos" | "solaris" => Some(format!("-h,libreflink.so.{SOVERSION}")),
        "macos" | "ios" | "tvos" | "visionos" | "watchos" => {
            Some(format!("-install_name,@rpath/libreflink.{SOVERSION}.dylib"))
        }
        _ => None,
    };
    // A thread that has used the library may end after dlclose: its exit handlers must still be mapped (rust#91979).
    let stays = matches!(os, "linux" | "android" | "freebsd" | "illumos" | "solaris");
    // Not on FreeBSD, where `environ` is the program's.
    let complete = matches!(os, "linux" | "android");
    let flags = [(stays, "-z,nodelete"), (complete, "-z,defs")];
    name.into_iter()
        .chain(flags.into_iter().filter(|(wanted, _)| *wanted).map(|(_, flag)| flag.into()))
        .collect()
}
