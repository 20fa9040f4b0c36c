//! The library's version. Cargo.toml is where it is set; the constants here must say the same, and the build fails if not.

use core::ffi::{CStr, c_char};

/// Raised when a program must be changed to use the library.
pub const REFLINK_VERSION_MAJOR: u32 = 0;
/// Raised when something is added.
pub const REFLINK_VERSION_MINOR: u32 = 1;
/// Raised when something is fixed.
pub const REFLINK_VERSION_PATCH: u32 = 0;

/// All three in one number, 8 bits for each of the last two.
const NUMBER: u32 = (REFLINK_VERSION_MAJOR << 16) | (REFLINK_VERSION_MINOR << 8) | REFLINK_VERSION_PATCH;

const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// As text.
const STRING: &CStr = match CStr::from_bytes_with_nul(TEXT.as_bytes()) {
    Ok(text) => text,
    Err(_) => c"",
};

const _: () = {
    /// A decimal number, read while compiling.
    const fn number(text: &str) -> u32 {
        match u32::from_str_radix(text, 10) {
            Ok(number) => number,
            Err(_) => u32::MAX,
        }
    }
    assert!(
        REFLINK_VERSION_MAJOR == number(env!("CARGO_PKG_VERSION_MAJOR"))
            && REFLINK_VERSION_MINOR == number(env!("CARGO_PKG_VERSION_MINOR"))
            && REFLINK_VERSION_PATCH == number(env!("CARGO_PKG_VERSION_PATCH")),
        "src/capi/version.rs and Cargo.toml disagree"
    );
};

/// The version of the loaded library. Compare it with REFLINK_VERSION_NUMBER of the header.
///
/// @return major * 65536 + minor * 256 + patch.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_version_number() -> u32 {
    NUMBER
}

/// The version of the loaded library as text: "0.1.0".
///
/// @return Static text, never NULL, not to be freed.
///
/// Thread-safe, and safe in a signal handler. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn reflink_version_string() -> *const c_char {
    STRING.as_ptr()
}
