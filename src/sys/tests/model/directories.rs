//! Directories of the model: not there yet, so that trees are refused.
//! Each answer is written out (clippy::missing_trait_methods).

use core::ffi::CStr;
use std::ffi::CString;

use super::system::Cloning;
use super::{Errno, Model, Result};
use crate::sys::errno::EOPNOTSUPP;
use crate::sys::{Directories, Fd, Listing, Stat, Time};

const ABSENT: Errno = Errno(EOPNOTSUPP);

#[deny(clippy::missing_trait_methods)] // the tests must see every call
impl<K: Cloning> Directories for Model<K> {
    fn enter(&self, _dir: Fd, _name: &CStr) -> Result<Fd> {
        Err(ABSENT)
    }
    fn enter_same_mount(&self, _dir: Fd, _name: &CStr) -> Result<Fd> {
        Err(ABSENT)
    }
    fn enter_to_remove(&self, _dir: Fd, _name: &CStr) -> Result<Fd> {
        Err(ABSENT)
    }
    fn enter_parent(&self, _dir: Fd) -> Result<Fd> {
        Err(ABSENT)
    }
    fn enter_below(&self, _dir: Fd, _path: &CStr) -> Result<Fd> {
        Err(ABSENT)
    }
    fn open_listed(&self, _dir: Fd, _name: &CStr) -> Result<Fd> {
        Err(ABSENT)
    }
    fn is_mount_point(&self, _dir: Fd, _name: &CStr) -> Result<bool> {
        Err(ABSENT)
    }
    fn read_entries(&self, _dir: Fd, _listing: &mut Listing) -> Result<bool> {
        Err(ABSENT)
    }
    fn read_symlink(&self, _dir: Fd, _name: &CStr) -> Result<CString> {
        Err(ABSENT)
    }
    fn make_directory(&self, _dir: Fd, _name: &CStr, _mode: u32) -> Result<()> {
        Err(ABSENT)
    }
    fn make_symlink(&self, _target: &CStr, _dir: Fd, _name: &CStr) -> Result<()> {
        Err(ABSENT)
    }
    fn make_special(&self, _dir: Fd, _name: &CStr, _like: &Stat) -> Result<()> {
        Err(ABSENT)
    }
    fn remove_directory(&self, _dir: Fd, _name: &CStr) -> Result<()> {
        Err(ABSENT)
    }
    fn exchange(&self, _one_dir: Fd, _one: &CStr, _other_dir: Fd, _other: &CStr) -> Result<()> {
        Err(ABSENT)
    }
    fn set_name_mode(&self, _dir: Fd, _name: &CStr, _mode: u32) -> Result<()> {
        Err(ABSENT)
    }
    fn set_name_owner(&self, _dir: Fd, _name: &CStr, _owner: Option<u32>, _group: u32) -> Result<()> {
        Err(ABSENT)
    }
    fn set_name_times(&self, _dir: Fd, _name: &CStr, _accessed: Time, _modified: Time) -> Result<()> {
        Err(ABSENT)
    }
    fn no_cow(&self, _fd: Fd) -> Result<bool> {
        Ok(false)
    }
    fn set_no_cow(&self, _fd: Fd) -> Result<()> {
        Err(ABSENT)
    }
    fn sync_volume(&self, _fd: Fd) -> Result<()> {
        Err(ABSENT)
    }
}
