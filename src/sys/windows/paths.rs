//! What Windows' paths look like: drives, shares, devices, components. Nothing is asked of the system here.
//! Plain rules over UTF-16 (learn.microsoft.com/dotnet/standard/io/file-path-formats), tested on every system.

const SLASH: u16 = b'/' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const COLON: u16 = b':' as u16;
const DOT: u16 = b'.' as u16;

/// A separator of components. (Not in a literal path: there a slash is a character, and not an allowed one.)
pub const fn is_separator(unit: u16) -> bool {
    unit == SLASH || unit == BACKSLASH
}

/// Text that is known to be ASCII, in UTF-16.
pub fn ascii(text: &[u8]) -> impl Iterator<Item = u16> {
    text.iter().map(|byte| u16::from(*byte))
}

/// What stands behind a prefix.
fn behind<'p>(path: &'p [u16], prefix: &[u8]) -> Option<&'p [u16]> {
    let (start, rest) = path.split_at_checked(prefix.len())?;
    start.iter().copied().eq(ascii(prefix)).then_some(rest)
}

fn behind_any_case<'p>(path: &'p [u16], prefix: &[u8]) -> Option<&'p [u16]> {
    let (start, rest) = path.split_at_checked(prefix.len())?;
    let lower =
        start.iter().map(|unit| u8::try_from(*unit).map_or(*unit, |byte| byte.to_ascii_lowercase().into()));
    lower.eq(ascii(prefix)).then_some(rest)
}

/// What follows `\\?\`: a path that the caller wants taken as it is.
pub fn literal(path: &[u16]) -> Option<&[u16]> {
    behind(path, br"\\?\")
}

/// Whether a path goes its own way, whatever it is to be relative to: from a root, or from a drive.
pub fn is_anchored(path: &[u16]) -> bool {
    path.first().is_some_and(|unit| is_separator(*unit)) || starts_with_drive(path)
}

fn starts_with_drive(path: &[u16]) -> bool {
    match path {
        [letter, COLON, ..] => u8::try_from(*letter).is_ok_and(|letter| letter.is_ascii_alphabetic()),
        _ => false,
    }
}

/// What a path names that is complete: that comes from GetFullPathNameW, or follows `\\?\`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full<'p> {
    /// Something on a volume: what to put before the rest, and the rest.
    File(&'static [u8], &'p [u16]),
    /// A device, a pipe, or a volume itself: no file, and not to be opened to find that out.
    Device,
}

/// Understands what follows `\\?\`.
pub fn full_literal(rest: &[u16]) -> Full<'_> {
    let on_volume = match behind_any_case(rest, br"unc\") {
        Some(share) => !share.is_empty(),
        None if starts_with_drive(rest) => rest.get(2) == Some(&BACKSLASH),
        // A volume by its own name, or a snapshot, which has no other.
        None => behind_any_case(rest, b"volume{")
            .or_else(|| behind_any_case(rest, br"globalroot\device\"))
            .and_then(|volume| volume.iter().position(|unit| *unit == BACKSLASH))
            .is_some(),
    };
    if on_volume { Full::File(br"\??\", rest) } else { Full::Device }
}

/// Understands what GetFullPathNameW gave: `C:\…`, `\\server\share\…`, `\\?\…`, or for a device (also by
/// its old name: CON, NUL, and on some versions NUL.txt) `\\.\…`.
pub fn full(path: &[u16]) -> Full<'_> {
    if let Some(rest) = literal(path) {
        return full_literal(rest);
    }
    if behind(path, br"\\.\").is_some() || behind(path, br"\\.") == Some(&[]) {
        return Full::Device;
    }
    match behind(path, br"\\") {
        Some(share) => Full::File(br"\??\UNC\", share),
        None => Full::File(br"\??\", path),
    }
}

/// Whether a name is an entry's, and not a path, a stream or a way up.
pub fn is_entry(name: &[u16]) -> bool {
    let leads_on = |unit: &u16| is_separator(*unit) || *unit == COLON;
    !matches!(name, [] | [DOT] | [DOT, DOT]) && !name.iter().any(leads_on)
}

/// Whether a complete path goes on to a stream of a file ("file:stream"): a colon other than the drive's.
pub fn names_stream(path: &[u16]) -> bool {
    let from = if starts_with_drive(path) { 2 } else { 0 };
    path.get(from..).unwrap_or_default().contains(&COLON)
}

/// The way from a directory to a name below it, `.` and `..` worked out as Windows does, by the text alone.
/// `None`: it leads out of the directory.
pub fn below(path: &[u16]) -> Option<Vec<&[u16]>> {
    let mut way = Vec::new();
    for part in path.split(|unit| is_separator(*unit)) {
        match part {
            [] | [DOT] => {}
            [DOT, DOT] => drop(way.pop()?),
            part => way.push(part),
        }
    }
    Some(way)
}

/// Whether only a directory can be meant: the path ends in a separator, `.` or `..`.
pub fn means_directory(path: &[u16]) -> bool {
    matches!(path.rsplit(|unit| is_separator(*unit)).next(), Some([] | [DOT] | [DOT, DOT]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    fn joined(way: &[&[u16]]) -> String {
        way.iter().map(|part| String::from_utf16(part).unwrap()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn anchored_paths_are_told_from_relative_ones() {
        for path in [r"C:\a", "c:a", r"\a", "/a", r"\\server\share", r"\\?\C:\a", "Z:"] {
            assert!(is_anchored(&wide(path)), "{path}");
        }
        for path in ["a", r"a\b", "a/b", "..", "", "ä:b", "1:b", "ab:c"] {
            assert!(!is_anchored(&wide(path)), "{path}");
        }
    }

    #[test]
    fn a_full_path_is_a_file_or_a_device() {
        let file = |path: &str| match full(&wide(path)) {
            Full::File(prefix, rest) => {
                format!("{}{}", String::from_utf8_lossy(prefix), String::from_utf16(rest).unwrap())
            }
            Full::Device => "device".into(),
        };
        assert_eq!(file(r"C:\a\b"), r"\??\C:\a\b");
        assert_eq!(file(r"\\server\share\a"), r"\??\UNC\server\share\a");
        assert_eq!(file(r"\\?\C:\a."), r"\??\C:\a.");
        assert_eq!(file(r"\\?\UNC\server\share\a"), r"\??\UNC\server\share\a");
        assert_eq!(file(r"\\?\unc\server\share\a"), r"\??\unc\server\share\a");
        assert_eq!(
            file(r"\\?\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\a"),
            r"\??\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\a"
        );
        assert_eq!(
            file(r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy1\a"),
            r"\??\GLOBALROOT\Device\HarddiskVolumeShadowCopy1\a"
        );
        for path in [
            r"\\.\NUL",
            r"\\.\CON",
            r"\\.\pipe\x",
            r"\\.\C:",
            r"\\.",
            r"\\?\pipe\x",
            r"\\?\PhysicalDrive0",
            r"\\?\C:",
            r"\\?\C:a",
            r"\\?\Volume{26a21bda}",
            r"\\?\GLOBALROOT\Device\Null",
            r"\\?\UNC\",
            r"\\?\",
        ] {
            assert_eq!(file(path), "device", "{path}");
        }
    }

    #[test]
    fn streams_are_seen_and_drives_are_none() {
        for (path, stream) in [
            (r"C:\a\b", false),
            (r"C:\a\b:s", true),
            (r"C:\a\b::$DATA", true),
            (r"UNC\server\share\a", false),
            (r"UNC\server\share\a:s", true),
            ("a", false),
            ("ab:s", true),
        ] {
            assert_eq!(names_stream(&wide(path)), stream, "{path}");
        }
    }

    #[test]
    fn only_one_name_is_an_entry() {
        for name in ["a", "...", ".a", "a.", "a ", "NUL", "\u{e4}"] {
            assert!(is_entry(&wide(name)), "{name}");
        }
        for name in ["", ".", "..", "a/b", r"a\b", r"\\?\C:\a", "C:", "C:a", "a:s", "/", r"..\a"] {
            assert!(!is_entry(&wide(name)), "{name}");
        }
    }

    #[test]
    fn what_can_only_be_a_directory_is_seen() {
        for (path, directory) in [
            ("a/", true),
            (r"a\", true),
            (r"C:\", true),
            (".", true),
            ("..", true),
            ("a/..", true),
            ("", true),
            ("a", false),
            ("a.", false),
            (r"C:\a", false),
        ] {
            assert_eq!(means_directory(&wide(path)), directory, "{path}");
        }
    }

    #[test]
    fn ways_are_worked_out_by_the_text() {
        for (path, way) in [
            ("a", "a"),
            (r"a\b/c", "a|b|c"),
            (r".\a\.\\b", "a|b"),
            (r"a\..\b", "b"),
            (r"a\b\..\..\c", "c"),
            (".", ""),
            ("...", "..."),
        ] {
            assert_eq!(joined(&below(&wide(path)).unwrap()), way, "{path}");
        }
        for path in ["..", r"..\a", r"a\..\..\b"] {
            assert!(below(&wide(path)).is_none(), "{path}");
        }
    }
}
