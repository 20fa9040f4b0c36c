//! Names the shared library for the linker, and the systems for `cfg`; nothing more: what a packager builds needs no
//! generator, no network and no C compiler.

use std::env;

/// The ABI's number, raised by hand when the ABI breaks: it is not the crate's version.
const SOVERSION: &str = "0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    for name in NAMES {
        println!("cargo:rustc-check-cfg=cfg({name})");
    }
    for name in names(&os) {
        println!("cargo:rustc-cfg={name}");
    }
    // The fuzz targets compile the sources too, as programs.
    if env::var("CARGO_PKG_NAME").is_ok_and(|name| name == "libreflink") {
        for argument in arguments(&os) {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
        }
    }
}

/// What the sources call several systems at once, instead of listing them at each place; and reflink_portable, which
/// tests/portable.sh sets: the backend of the other Unixes, run on Linux.
const NAMES: &[&str] =
    &["reflink_linux", "reflink_unix", "reflink_bsd", "reflink_solaris", "reflink_portable"];

/// The names of one system. A system without any has no backend, except Windows, which Rust names itself.
fn names(os: &str) -> &'static [&'static str] {
    match os {
        "linux" | "android" => &["reflink_linux"],
        // They share file flags and ENOATTR (chflags(2), <errno.h> of each).
        "macos" | "ios" | "tvos" | "visionos" | "watchos" => &["reflink_unix", "reflink_bsd"],
        "freebsd" | "netbsd" | "openbsd" | "dragonfly" => &["reflink_unix", "reflink_bsd"],
        "illumos" | "solaris" => &["reflink_unix", "reflink_solaris"],
        _ => &[],
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
