//! Finds the library: built in (feature "static"), in LIBREFLINK_LIB_DIR (a build tree; a system without pkg-config),
//! or installed, by pkg-config.

use std::env;

/// The oldest version that has everything declared here.
const OLDEST: &str = "0.1.0";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBREFLINK_LIB_DIR");
    if env::var_os("CARGO_FEATURE_STATIC").is_some() {
        return;
    }
    if let Ok(directory) = env::var("LIBREFLINK_LIB_DIR") {
        println!("cargo::rustc-link-search=native={directory}");
        println!("cargo::rustc-link-lib=reflink");
    } else if let Err(error) = pkg_config::Config::new().atleast_version(OLDEST).probe("libreflink") {
        println!(
            "cargo::error=libreflink is not where pkg-config looks. Install it and set PKG_CONFIG_PATH, or"
        );
        println!(
            "cargo::error=name the library's directory in LIBREFLINK_LIB_DIR, or use the feature \"static\"."
        );
        println!("cargo::error={}", error.to_string().replace('\n', " "));
    }
}
