//! Names: the destination's path split into directory and last component, and private names beside it.
//! All on the stack: a copy allocates nothing for its paths.

use core::ffi::CStr;

use super::table;
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EEXIST, EILSEQ, EINVAL, EISDIR, ENAMETOOLONG, ENOENT};
use crate::sys::{Errno, Fd, Sys};

/// The longest path the kernel takes, its NUL included (PATH_MAX).
#[cfg(not(windows))]
const LONGEST_PATH: usize = 4096;
/// On Windows 32,767 units of UTF-16, each of which is three bytes of UTF-8 at most.
#[cfg(windows)]
const LONGEST_PATH: usize = 3 * 32_767 + 1;

/// Room for nearly every directory's path: to clear 4 KiB for each copy would be seen in the time of
/// a small one.
const USUAL_PATH: usize = 256;

/// How many private names are tried before it is believed that none is free.
const NAMES_AT_MOST: u32 = 64;

/// Where a file is to appear: a path relative to a directory, and its parts.
pub struct Destination<'p> {
    /// The directory the path is relative to.
    pub dir: Fd,
    /// The whole path.
    pub path: &'p CStr,
    /// Its last component.
    pub leaf: &'p CStr,
    /// What stands before it.
    head: &'p [u8],
}

impl<'p> Destination<'p> {
    /// Splits a path. One that ends in a slash, `.` or `..` can only mean a directory.
    pub fn new(dir: Fd, path: &'p CStr) -> Result<Self> {
        let bytes = path.to_bytes_with_nul();
        let name = path.to_bytes();
        if name.is_empty() {
            return Err(Errno::own(ENOENT)).at(Step::Arguments(Side::Destination));
        }
        if bytes.len() > LONGEST_PATH {
            return Err(Errno::own(ENAMETOOLONG)).at(Step::Arguments(Side::Destination));
        }
        if cfg!(windows) && core::str::from_utf8(name).is_err() {
            return Err(Errno::own(EILSEQ)).at(Step::Arguments(Side::Destination));
        }
        let cut = if cfg!(windows) { windows::leaf_at(name) } else { after_last(name, is_separator) };
        let leaf = bytes.get(cut..).and_then(|tail| CStr::from_bytes_with_nul(tail).ok()).unwrap_or_default();
        if matches!(leaf.to_bytes(), b"" | b"." | b"..") {
            return Err(Errno::own(EISDIR)).at(Step::Arguments(Side::Destination));
        }
        if is_device(path) {
            return Err(Error::new(Step::Arguments(Side::Destination), Cause::NotRegular));
        }
        if cfg!(windows) && windows::is_altered(name, leaf.to_bytes()) {
            return Err(Errno::own(EINVAL)).at(Step::Arguments(Side::Destination));
        }
        Ok(Self { dir, path, leaf, head: name.get(..cut).unwrap_or_default() })
    }

    /// A name that a directory listed. Windows takes it as it is there, also where a path of that name would mean a device or
    /// another file.
    pub fn listed(dir: Fd, name: &'p CStr) -> Result<Self> {
        if cfg!(windows) { Ok(Self { dir, path: name, leaf: name, head: b"" }) } else { Self::new(dir, name) }
    }

    /// Does something with the directory part, which is `.` where the path has none.
    pub fn with_parent<T>(&self, work: impl FnOnce(&CStr) -> T) -> T {
        match self.head.len() {
            0 => work(c"."),
            1..USUAL_PATH => with_nul::<USUAL_PATH, T>(self.head, work),
            _ => with_nul::<LONGEST_PATH, T>(self.head, work),
        }
    }
}

/// Whether it stands between two names of a path.
pub(crate) const fn is_separator(byte: u8) -> bool {
    byte == b'/' || (cfg!(windows) && byte == b'\\')
}

/// Where the last component begins, behind the last separator.
fn after_last(name: &[u8], separator: impl Fn(u8) -> bool) -> usize {
    name.iter().rposition(|byte| separator(*byte)).map_or(0, |at| at.saturating_add(1))
}

#[cfg(windows)]
use crate::sys::is_device;
/// Whether the name alone is a device's, in whatever directory. Elsewhere a device is a file, and seen as one.
#[cfg(not(windows))]
const fn is_device(_: &CStr) -> bool {
    false
}

/// What names mean on Windows. As text only, so that it is tested on every system.
mod windows {
    use super::after_last;

    /// A path that is taken as it is.
    fn is_literal(name: &[u8]) -> bool {
        name.starts_with(br"\\?\")
    }

    /// Where the last component begins: behind a slash of either kind, or behind a drive ("C:x" is x in
    /// the current directory of C).
    pub fn leaf_at(name: &[u8]) -> usize {
        let separated = after_last(name, |byte| matches!(byte, b'/' | b'\\'));
        match name {
            [letter, b':', ..] if letter.is_ascii_alphabetic() => separated.max(2),
            _ => separated,
        }
    }

    /// Whether the file would be another one than the name says: a stream of a file ("file:stream"), or a name
    /// without the dots and spaces at its end, which Windows leaves out where a path is not literal.
    pub fn is_altered(name: &[u8], leaf: &[u8]) -> bool {
        leaf.contains(&b':') || (!is_literal(name) && matches!(leaf, [.., b'.' | b' ']))
    }
}

/// Ends `bytes`, which are fewer than `ROOM`, with a NUL.
fn with_nul<const ROOM: usize, T>(bytes: &[u8], work: impl FnOnce(&CStr) -> T) -> T {
    let mut room = [0; ROOM];
    if let Some(start) = room.get_mut(..bytes.len()) {
        start.copy_from_slice(bytes);
    }
    work(CStr::from_bytes_until_nul(&room).unwrap_or_default())
}

/// A private name: recognisable, and not to be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivateName([u8; 32]);

impl PrivateName {
    /// The name that such a C string is. (A longer one is cut.)
    pub fn of(name: &CStr) -> Self {
        let mut bytes = [0; 32];
        for (room, byte) in bytes.iter_mut().take(31).zip(name.to_bytes()) {
            *room = *byte;
        }
        Self(bytes)
    }

    /// The name and the NUL after it, and zeros.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 64 random bits.
    pub fn new(random: u64) -> Self {
        use std::io::Write;
        let mut name = [0_u8; 32];
        // 9 + 16 bytes: room for the NUL, and short enough for any file system.
        let _ = write!(name.as_mut_slice(), ".reflink-{random:016x}");
        Self(name)
    }

    /// The same for what was replaced: no name that looks like an unfinished copy's.
    pub fn of_old(random: u64) -> Self {
        use std::io::Write;
        let mut name = [0_u8; 32];
        let _ = write!(name.as_mut_slice(), ".reflink-old-{random:016x}");
        Self(name)
    }

    /// As the system takes it.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// Does something with a private name, with another one while the name is taken.
pub(crate) fn with_private_name<S: Sys, T>(
    sys: &S,
    attempt: impl Fn(&CStr) -> crate::sys::Result<T>,
) -> crate::sys::Result<(T, PrivateName)> {
    let mut taken = Errno(EEXIST);
    for _ in 0..NAMES_AT_MOST {
        let name = PrivateName::new(sys.random());
        match attempt(name.as_c_str()) {
            Ok(value) => return Ok((value, name)),
            Err(errno) if table::name_is_taken(errno) => taken = errno,
            Err(errno) => return Err(errno),
        }
    }
    Err(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn parts(path: &CStr) -> (String, String) {
        let split = Destination::new(-100, path).unwrap();
        (split.with_parent(|parent| parent.to_str().unwrap().into()), split.leaf.to_str().unwrap().into())
    }

    #[cfg(unix)]
    #[test]
    fn paths_are_split_at_the_last_slash() {
        for (path, parent, leaf) in [
            (c"a", ".", "a"),
            (c"a/b", "a/", "b"),
            (c"/a", "/", "a"),
            (c"a//b", "a//", "b"),
            (c"../x", "../", "x"),
            (c"...", ".", "..."),
            (c"./.hidden", "./", ".hidden"),
        ] {
            assert_eq!(parts(path), (parent.into(), leaf.into()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn paths_that_cannot_be_a_file_are_refused() {
        let error = |path: &CStr| match Destination::new(-100, path).err() {
            Some(Error { step: Step::Arguments(Side::Destination), cause: Cause::System(errno) }) => {
                errno.number()
            }
            other => panic!("{other:?}"),
        };
        let refused = Destination::new(-100, c"a/").err().map(|error| error.os_error());
        assert_eq!(refused, Some(0), "no system call failed");
        assert_eq!(error(c""), ENOENT);
        for path in [c"/", c"a/", c".", c"..", c"a/.", c"a/..", c"//"] {
            assert_eq!(error(path), EISDIR, "{path:?}");
        }
        let long = std::ffi::CString::new(vec![b'x'; LONGEST_PATH]).unwrap();
        assert_eq!(error(&long), ENAMETOOLONG);
        let longest =
            std::ffi::CString::new([vec![b'd'; 4000], b"/".to_vec(), vec![b'x'; 94]].concat()).unwrap();
        assert_eq!(longest.to_bytes_with_nul().len(), LONGEST_PATH);
        assert_eq!((parts(&longest).0.len(), parts(&longest).1.len()), (4001, 94));
        for length in [USUAL_PATH - 2, USUAL_PATH - 1, USUAL_PATH] {
            let directory = "d".repeat(length) + "/";
            let path = std::ffi::CString::new(directory.clone() + "x").unwrap();
            assert_eq!(parts(&path), (directory, "x".into()));
        }
    }

    #[test]
    fn windows_splits_at_both_slashes_and_behind_a_drive() {
        for (path, leaf) in [
            ("a", "a"),
            (r"a\b", "b"),
            (r"a\b/c", "c"),
            (r"a/b\c", "c"),
            ("C:x", "x"),
            (r"C:\x", "x"),
            ("C:", ""),
            (r"C:\", ""),
            (r"\\?\C:\a\b", "b"),
            (r"\\server\share\a", "a"),
            ("ab:c", "ab:c"),
            ("1:c", "1:c"),
        ] {
            assert_eq!(&path[windows::leaf_at(path.as_bytes())..], leaf, "{path}");
        }
    }

    #[test]
    fn windows_names_that_mean_another_file_are_seen() {
        for (path, leaf, altered) in [
            ("a", "a", false),
            (".a", ".a", false),
            ("a.", "a.", true),
            ("a ", "a ", true),
            ("...", "...", true),
            (r"\\?\C:\a.", "a.", false),
            (r"\\?\C:\a ", "a ", false),
            ("a:s", "a:s", true),
            (r"\\?\C:\ab:s", "ab:s", true),
        ] {
            assert_eq!(windows::is_altered(path.as_bytes(), leaf.as_bytes()), altered, "{path}");
        }
    }

    #[test]
    fn private_names_are_short_and_ended() {
        let name = PrivateName::new(0xabc);
        assert_eq!(name.as_c_str().to_str().unwrap(), ".reflink-0000000000000abc");
        assert_eq!(PrivateName::new(u64::MAX).as_c_str().to_bytes().len(), 25);
    }
}
