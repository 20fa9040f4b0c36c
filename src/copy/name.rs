//! Names: the destination's path split into directory and last component, and private names beside it.
//! All on the stack: a copy allocates nothing for its paths.

use core::ffi::CStr;

use crate::error::{At, Result, Step};
use crate::sys::errno::{EISDIR, ENAMETOOLONG, ENOENT};
use crate::sys::{Errno, Fd};

/// The longest path the kernel takes, its NUL included (PATH_MAX).
const LONGEST_PATH: usize = 4096;

/// Room for nearly every directory's path: to clear 4 KiB for each copy would be seen in the time of
/// a small one.
const USUAL_PATH: usize = 256;

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
            return Err(Errno(ENOENT)).at(Step::Arguments);
        }
        if bytes.len() > LONGEST_PATH {
            return Err(Errno(ENAMETOOLONG)).at(Step::Arguments);
        }
        let cut = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash.saturating_add(1));
        let leaf = bytes.get(cut..).and_then(|tail| CStr::from_bytes_with_nul(tail).ok()).unwrap_or_default();
        if matches!(leaf.to_bytes(), b"" | b"." | b"..") {
            return Err(Errno(EISDIR)).at(Step::Arguments);
        }
        Ok(Self { dir, path, leaf, head: name.get(..cut).unwrap_or_default() })
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

/// Ends `bytes`, which are fewer than `ROOM`, with a NUL.
fn with_nul<const ROOM: usize, T>(bytes: &[u8], work: impl FnOnce(&CStr) -> T) -> T {
    let mut room = [0; ROOM];
    if let Some(start) = room.get_mut(..bytes.len()) {
        start.copy_from_slice(bytes);
    }
    work(CStr::from_bytes_until_nul(&room).unwrap_or_default())
}

/// A private name: recognisable, and not to be guessed.
pub struct PrivateName([u8; 32]);

impl PrivateName {
    /// From 64 random bits.
    pub fn new(random: u64) -> Self {
        use std::io::Write;
        let mut name = [0_u8; 32];
        // 9 + 16 bytes: room for the NUL, and short enough for any file system.
        let _ = write!(name.as_mut_slice(), ".reflink-{random:016x}");
        Self(name)
    }

    /// As the system takes it.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Cause, Error};

    fn parts(path: &CStr) -> (String, String) {
        let split = Destination::new(-100, path).unwrap();
        (split.with_parent(|parent| parent.to_str().unwrap().into()), split.leaf.to_str().unwrap().into())
    }

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

    #[test]
    fn paths_that_cannot_be_a_file_are_refused() {
        let error = |path: &CStr| match Destination::new(-100, path).err() {
            Some(Error { step: Step::Arguments, cause: Cause::System(errno) }) => errno.0,
            other => panic!("{other:?}"),
        };
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
    fn private_names_are_short_and_ended() {
        let name = PrivateName::new(0xabc);
        assert_eq!(name.as_c_str().to_str().unwrap(), ".reflink-0000000000000abc");
        assert_eq!(PrivateName::new(u64::MAX).as_c_str().to_bytes().len(), 25);
    }
}
