//! The numbers in a kernel's release, for what a system cannot be asked: whether it has a defect that was fixed.
//! Each backend has a rule of its own for when it trusts the copy call of its system.

/// The two leading numbers: "6.18.44-fc" is (6, 18), "14.1-RELEASE-p3" is (14, 1).
pub fn version(release: &[u8]) -> (u32, u32) {
    let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(|digits| {
        digits.iter().fold(0_u32, |number, digit| {
            number.saturating_mul(10).saturating_add(u32::from(digit.saturating_sub(b'0')))
        })
    });
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The running kernel's.
#[cfg(any(reflink_linux, target_os = "freebsd"))]
pub fn running() -> (u32, u32) {
    let mut name = core::mem::MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: one structure of the right type, zeroed first.
    if unsafe { libc::uname(name.as_mut_ptr()) } < 0 {
        return (0, 0);
    }
    // SAFETY: zeroed, then filled with NUL-terminated strings.
    let release = unsafe { core::ffi::CStr::from_ptr(name.assume_init_ref().release.as_ptr()) };
    version(release.to_bytes())
}

/// Linux: copy_file_range can be trusted from 5.3 on. Before, some file systems gave an empty copy
/// without an error (go#42400).
#[cfg(any(reflink_linux, test))]
pub fn linux_copies((major, minor): (u32, u32)) -> bool {
    (major, minor) >= (5, 3)
}

/// FreeBSD: from 13.3 and 14.1 on. Before, copy_file_range could take what was just written to ZFS for a
/// hole (FreeBSD-EN-23:16), and cut off the rest of a destination when the source got shorter (PR 276045).
#[cfg(any(target_os = "freebsd", test))]
pub fn freebsd_copies((major, minor): (u32, u32)) -> bool {
    match major {
        ..13 => false,
        13 => minor >= 3,
        14 => minor >= 1,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_file_range_is_trusted_from_the_release_that_fixed_it() {
        for (release, trusted) in [
            ("5.2.21", false),
            ("4.18.0-553.el8", false),
            ("5.3.0", true),
            ("5.10", true),
            ("6.18.44-fc", true),
            ("10.0.1", true),
            ("", false),
            ("x", false),
        ] {
            assert_eq!(linux_copies(version(release.as_bytes())), trusted, "Linux {release}");
        }
        for (release, trusted) in [
            ("12.4-RELEASE", false),
            ("13.2-RELEASE-p6", false),
            ("13.3-RELEASE", true),
            ("14.0-RELEASE-p11", false),
            ("14.1-RELEASE-p3", true),
            ("15.0-CURRENT", true),
            ("16.0-CURRENT", true),
            ("", false),
        ] {
            assert_eq!(freebsd_copies(version(release.as_bytes())), trusted, "FreeBSD {release}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_running_kernel_has_a_release() {
        assert!(running() >= (2, 6), "{:?}", running());
    }
}
