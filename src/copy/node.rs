//! What metadata is read from and set on: an open file, or a name in an open directory, of what is not to be opened
//! (a symbolic link, a FIFO, a socket, a device).

use core::ffi::CStr;

use crate::sys::{Fd, Result, Stat, Sys, Time};

/// One file, however it is reached. A name is never followed.
#[derive(Clone, Copy)]
pub enum Node<'n> {
    /// It is open.
    Open(Fd),
    /// It has this name in an open directory.
    Named(Fd, &'n CStr),
}

impl Node<'_> {
    /// A descriptor in its file system.
    pub fn fd(self) -> Fd {
        match self {
            Self::Open(fd) | Self::Named(fd, _) => fd,
        }
    }

    /// What it is.
    pub fn stat<S: Sys>(self, sys: &S) -> Result<Stat> {
        match self {
            Self::Open(fd) => sys.stat(fd),
            Self::Named(dir, name) => sys.stat_name(dir, name),
        }
    }

    /// Sets owner and group; `None` leaves one as it is.
    pub fn set_owner<S: Sys>(self, sys: &S, owner: Option<u32>, group: u32) -> Result<()> {
        match self {
            Self::Open(fd) => sys.set_owner(fd, owner, group),
            Self::Named(dir, name) => sys.set_name_owner(dir, name, owner, group),
        }
    }

    /// Sets the permission bits.
    pub fn set_mode<S: Sys>(self, sys: &S, mode: u32) -> Result<()> {
        match self {
            Self::Open(fd) => sys.set_mode(fd, mode),
            Self::Named(dir, name) => sys.set_name_mode(dir, name, mode),
        }
    }

    /// The times of last access and last change.
    pub fn times<S: Sys>(self, sys: &S) -> Result<(Time, Time)> {
        match self {
            Self::Open(fd) => sys.times(fd),
            Self::Named(dir, name) => sys.stat_name(dir, name).map(|now| (now.accessed, now.modified)),
        }
    }

    /// Sets them.
    pub fn set_times<S: Sys>(self, sys: &S, accessed: Time, modified: Time) -> Result<()> {
        match self {
            Self::Open(fd) => sys.set_times(fd, accessed, modified),
            Self::Named(dir, name) => sys.set_name_times(dir, name, accessed, modified),
        }
    }

    /// Lists the names of its extended attributes, each ended by a NUL; the length needed where `buffer` is empty.
    pub fn list_attributes<S: Sys>(self, sys: &S, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Open(fd) => sys.list_attributes(fd, buffer),
            Self::Named(dir, name) => sys.list_name_attributes(dir, name, buffer),
        }
    }

    /// Reads one; the length needed where `buffer` is empty.
    pub fn get_attribute<S: Sys>(self, sys: &S, attribute: &CStr, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Open(fd) => sys.get_attribute(fd, attribute, buffer),
            Self::Named(dir, name) => sys.get_name_attribute(dir, name, attribute, buffer),
        }
    }

    /// Sets one.
    pub fn set_attribute<S: Sys>(self, sys: &S, attribute: &CStr, value: &[u8]) -> Result<()> {
        match self {
            Self::Open(fd) => sys.set_attribute(fd, attribute, value),
            Self::Named(dir, name) => sys.set_name_attribute(dir, name, attribute, value),
        }
    }

    /// Removes one.
    pub fn remove_attribute<S: Sys>(self, sys: &S, attribute: &CStr) -> Result<()> {
        match self {
            Self::Open(fd) => sys.remove_attribute(fd, attribute),
            Self::Named(dir, name) => sys.remove_name_attribute(dir, name, attribute),
        }
    }
}
