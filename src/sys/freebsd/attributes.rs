//! Extended attributes of FreeBSD, of its namespace "user", shown to the engine as Linux names them: "user.NAME".
//! extattr(2) differs in two ways: a list holds lengths instead of NULs, and a buffer that is too small gets a part, without an error.

use core::ffi::CStr;

use crate::sys::api::{Errno, Fd, Result};
use crate::sys::errno::{EIO, ENOMEM, EOPNOTSUPP, ERANGE};

const PREFIX: &[u8] = b"user.";

/// How often a list is read again that grows while it is read.
const TRIES: u32 = 8;

/// The calls of extattr(2) on the namespace "user". An empty buffer asks for the length.
pub trait ExtattrCalls {
    /// extattr_list_fd.
    fn list(&self, fd: Fd, buffer: &mut [u8]) -> Result<usize>;
    /// extattr_get_fd.
    fn get(&self, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize>;
    /// extattr_set_fd, which says how much it took.
    fn set(&self, fd: Fd, name: &CStr, value: &[u8]) -> Result<usize>;
    /// extattr_delete_fd.
    fn delete(&self, fd: Fd, name: &CStr) -> Result<()>;
}

/// The name as the system takes it. Other namespaces are not this library's to carry.
fn own_name(name: &CStr) -> Result<&CStr> {
    let rest = name.to_bytes_with_nul().strip_prefix(PREFIX);
    rest.and_then(|rest| CStr::from_bytes_with_nul(rest).ok()).ok_or(Errno(EOPNOTSUPP))
}

/// [`crate::sys::Extensions::list_attributes`].
pub fn list<C: ExtattrCalls>(calls: &C, fd: Fd, buffer: &mut [u8]) -> Result<usize> {
    let listed = read_list(calls, fd)?;
    let asked = buffer.is_empty();
    let (mut needed, mut rest) = (0_usize, buffer);
    for name in names(&listed) {
        let length = PREFIX.len().saturating_add(name.len()).saturating_add(1);
        needed = needed.saturating_add(length);
        if asked {
            continue;
        }
        let (room, after) = rest.split_at_mut_checked(length).ok_or(Errno(ERANGE))?;
        for (to, from) in room.iter_mut().zip(PREFIX.iter().chain(name).chain(b"\0")) {
            *to = *from;
        }
        rest = after;
    }
    Ok(needed)
}

/// The names in a list of the system's: one byte of length, then the name. A name with a NUL in it
/// could not be asked for again.
fn names(mut listed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let next = move || {
        let (length, rest) = listed.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        listed = rest;
        Some(name)
    };
    core::iter::from_fn(next).filter(|name| !name.is_empty() && !name.contains(&0))
}

/// The system's list, whole: one that fills its buffer may be a part.
fn read_list<C: ExtattrCalls>(calls: &C, fd: Fd) -> Result<Vec<u8>> {
    let mut listed = Vec::new();
    for _ in 0..TRIES {
        let room = calls.list(fd, &mut [])?.saturating_add(1);
        listed.clear();
        listed.try_reserve_exact(room).map_err(|_| Errno(ENOMEM))?;
        listed.resize(room, 0);
        let got = calls.list(fd, &mut listed)?;
        if got < room {
            listed.truncate(got);
            return Ok(listed);
        }
    }
    Err(Errno(ERANGE))
}

/// [`crate::sys::Extensions::get_attribute`].
pub fn get<C: ExtattrCalls>(calls: &C, fd: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
    let name = own_name(name)?;
    let got = calls.get(fd, name, buffer)?;
    if !buffer.is_empty() && got == buffer.len() && calls.get(fd, name, &mut [])? > got {
        return Err(Errno(ERANGE)); // it grew, and this is a part
    }
    Ok(got)
}

/// [`crate::sys::Extensions::set_attribute`].
pub fn set<C: ExtattrCalls>(calls: &C, fd: Fd, name: &CStr, value: &[u8]) -> Result<()> {
    let taken = calls.set(fd, own_name(name)?, value)?;
    if taken == value.len() { Ok(()) } else { Err(Errno(EIO)) }
}

/// [`crate::sys::Extensions::remove_attribute`].
pub fn remove<C: ExtattrCalls>(calls: &C, fd: Fd, name: &CStr) -> Result<()> {
    calls.delete(fd, own_name(name)?)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;
    use crate::sys::errno::ENODATA;

    /// One file's attributes, as extattr(2) shows them. `grows`: each answer to how long makes all longer.
    #[derive(Default)]
    struct File {
        kept: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
        grows: bool,
        takes: Option<usize>,
    }

    impl File {
        fn with(kept: &[(&str, &str)]) -> Self {
            let kept = kept.iter().map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()));
            Self { kept: RefCell::new(kept.collect()), ..Self::default() }
        }

        /// As much as there is room for, without a word.
        fn part(&self, whole: &[u8], buffer: &mut [u8]) -> usize {
            if buffer.is_empty() {
                if self.grows {
                    self.kept.borrow_mut().values_mut().for_each(|value| value.push(b'+'));
                    let number = self.kept.borrow().len();
                    self.kept.borrow_mut().insert(format!("more{number}").into(), b"more".into());
                }
                return whole.len();
            }
            let length = whole.len().min(buffer.len());
            buffer[..length].copy_from_slice(&whole[..length]);
            length
        }
    }

    impl ExtattrCalls for File {
        fn list(&self, _: Fd, buffer: &mut [u8]) -> Result<usize> {
            let kept = self.kept.borrow().clone();
            let whole = kept.keys().flat_map(|name| [&[name.len() as u8], &name[..]].concat());
            Ok(self.part(&whole.collect::<Vec<u8>>(), buffer))
        }

        fn get(&self, _: Fd, name: &CStr, buffer: &mut [u8]) -> Result<usize> {
            let value = self.kept.borrow().get(name.to_bytes()).cloned().ok_or(Errno(ENODATA))?;
            Ok(self.part(&value, buffer))
        }

        fn set(&self, _: Fd, name: &CStr, value: &[u8]) -> Result<usize> {
            let taken = self.takes.unwrap_or(value.len());
            self.kept.borrow_mut().insert(name.to_bytes().into(), value[..taken].into());
            Ok(taken)
        }

        fn delete(&self, _: Fd, name: &CStr) -> Result<()> {
            self.kept.borrow_mut().remove(name.to_bytes()).map(drop).ok_or(Errno(ENODATA))
        }
    }

    const FD: Fd = 3;

    #[test]
    fn a_list_has_the_names_that_linux_would_say() {
        for (kept, wanted) in [
            (&[][..], &b""[..]),
            (&[("a", ""), ("long name", "x")], b"user.a\0user.long name\0"),
            (&[("a", ""), ("b\0c", "x"), ("d", "")], b"user.a\0user.d\0"),
            (&[("user.a", "")], b"user.user.a\0"),
        ] {
            let file = File::with(kept);
            let length = list(&file, FD, &mut []).unwrap();
            assert_eq!(length, wanted.len());
            let mut exact = vec![0; length];
            assert_eq!((list(&file, FD, &mut exact), &exact[..]), (Ok(length), wanted));
            let mut more = vec![7; length + 3];
            assert_eq!((list(&file, FD, &mut more), &more[..length]), (Ok(length), wanted));
            if length > 1 {
                assert_eq!(list(&file, FD, &mut vec![0; length - 1]), Err(Errno(ERANGE)));
            }
        }
        let longest = "n".repeat(255);
        let file = File::with(&[(&longest, "")]);
        assert_eq!(list(&file, FD, &mut []), Ok(5 + 255 + 1));
    }

    #[test]
    fn a_list_that_is_cut_off_gives_whole_names_only() {
        assert_eq!(names(b"\x01a\x05bcd").collect::<Vec<_>>(), [b"a"]);
        assert_eq!(names(b"\x00\x01a").collect::<Vec<_>>(), [b"a"]);
        assert_eq!(names(b"\xff").count(), 0);
    }

    #[test]
    fn what_grows_meanwhile_is_never_given_in_part() {
        let file = File { grows: true, ..File::with(&[("a", "12345")]) };
        assert_eq!(list(&file, FD, &mut []), Err(Errno(ERANGE)));
        let file = File::with(&[("a", "12345")]);
        let mut small = [0; 3];
        assert_eq!(get(&file, FD, c"user.a", &mut small), Err(Errno(ERANGE)));
        let mut exact = [0; 5];
        assert_eq!((get(&file, FD, c"user.a", &mut exact), &exact), (Ok(5), b"12345"));
        assert_eq!(get(&file, FD, c"user.a", &mut []), Ok(5));
    }

    #[test]
    fn values_come_and_go_by_their_names() {
        let file = File::with(&[]);
        assert_eq!(set(&file, FD, c"user.x", b"value"), Ok(()));
        assert_eq!(file.kept.borrow().get(&b"x"[..]), Some(&b"value".to_vec()));
        assert_eq!(remove(&file, FD, c"user.x"), Ok(()));
        assert_eq!(remove(&file, FD, c"user.x"), Err(Errno(ENODATA)));
        assert_eq!(get(&file, FD, c"user.x", &mut []), Err(Errno(ENODATA)));
        for foreign in [c"system.posix_acl_access", c"x", c"user", c"trusted.x"] {
            assert_eq!(set(&file, FD, foreign, b""), Err(Errno(EOPNOTSUPP)), "{foreign:?}");
            assert_eq!(remove(&file, FD, foreign), Err(Errno(EOPNOTSUPP)));
            assert_eq!(get(&file, FD, foreign, &mut []), Err(Errno(EOPNOTSUPP)));
        }
        let file = File { takes: Some(2), ..File::with(&[]) };
        assert_eq!(set(&file, FD, c"user.x", b"value"), Err(Errno(EIO)), "a part is not the value");
    }
}
