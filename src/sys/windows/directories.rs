//! Directories on Windows: by held handles, one name after another, and no reparse point followed.
//! Compiled; run under Wine, which has no reparse points; never run on Windows.

use core::ffi::CStr;
use std::ffi::CString;

use windows_sys::Wdk::Storage::FileSystem as nt;
use windows_sys::Win32::Storage::FileSystem as files;
use windows_sys::Win32::System::Ioctl;

use super::backend::{self, Opened, SHARE_DRAFT, Windows, open_existing};
use super::calls::{self, Name, Open, Records};
use super::{listing, reparse, status};
use crate::sys::api::{Errno, Fd, Kind, Result, Time};
use crate::sys::directories::{Directories, Listing};
use crate::sys::errno;

/// What a symbolic link or a junction says: its reparse point, whole, since it has more than one name.
pub struct Link {
    /// A link to a directory is made as one.
    is_directory: bool,
    data: Vec<u8>,
}

/// Opens a directory to read it. A link is ENOTDIR; what is mounted is not entered either, EXDEV.
fn enter(dir: Fd, name: &CStr) -> Result<Fd> {
    let access = files::FILE_LIST_DIRECTORY | files::FILE_READ_ATTRIBUTES;
    let options = nt::FILE_DIRECTORY_FILE | nt::FILE_OPEN_REPARSE_POINT;
    let opened = Opened(open_existing(&Name::entry(dir, name)?, access, options)?);
    match status::reparse_tag(opened.0, status::basic(opened.0)?.attributes)? {
        None => Ok(opened.keep()),
        Some(tag) if status::mounts_volume(opened.0, tag)? => Err(Errno(errno::EXDEV)),
        Some(tag) if reparse::kind(tag).is_some() => Err(Errno(errno::ENOTDIR)),
        // Kept in some other way (a cloud): opened once more for whoever knows that way.
        Some(_) => open_existing(&Name::again(opened.0), access, nt::FILE_DIRECTORY_FILE),
    }
}

/// Makes a file or a directory, and nothing where the name stands already, be it a link that leads nowhere.
fn make(dir: Fd, name: &CStr, access: u32, options: u32) -> Result<Opened> {
    let how = Open {
        access: files::FILE_READ_ATTRIBUTES | access,
        share: SHARE_DRAFT,
        disposition: nt::FILE_CREATE,
        options: options | nt::FILE_OPEN_REPARSE_POINT,
        attributes: files::FILE_ATTRIBUTE_NORMAL,
    };
    calls::open(&Name::entry(dir, name)?, &how).map(Opened)
}

impl Directories for Windows {
    fn enter(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        enter(dir, name)
    }

    fn enter_same_mount(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        enter(dir, name)
    }

    fn enter_to_remove(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        enter(dir, name)
    }

    fn enter_parent(&self, dir: Fd) -> Result<Fd> {
        // The system has no name for it: by the directory's path, so that whoever asks must look at what was opened.
        let access = files::FILE_LIST_DIRECTORY | files::FILE_READ_ATTRIBUTES;
        open_existing(&Name::new(dir, c"..")?, access, nt::FILE_DIRECTORY_FILE)
    }

    fn enter_below(&self, dir: Fd, path: &CStr) -> Result<Fd> {
        let mut at: Option<Opened> = None;
        for part in path.to_bytes().split(|byte| *byte == b'/') {
            let name = CString::new(part).map_err(|_| Errno(errno::EINVAL))?;
            at = Some(Opened(enter(at.as_ref().map_or(dir, |at| at.0), &name)?));
        }
        at.map(Opened::keep).ok_or(Errno(errno::ENOENT))
    }

    fn open_listed(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        let access = files::FILE_READ_DATA | files::FILE_READ_ATTRIBUTES;
        backend::open_file(&Name::entry(dir, name)?, access, false)
    }

    fn is_mount_point(&self, _: Fd, _: &CStr) -> Result<bool> {
        Ok(false) // no file can be one, and directories are not asked this
    }

    fn read_entries(&self, dir: Fd, listing: &mut Listing) -> Result<bool> {
        let mut room = Records::default();
        let read = calls::query_directory(dir, &mut room)?;
        listing.begin();
        for record in listing::records(read) {
            let record = record?;
            listing.push(&record.name, 0, record.d_type); // not every file system tells numbers, and nobody asks
        }
        Ok(!read.is_empty())
    }

    fn read_symlink(&self, dir: Fd, name: &CStr) -> Result<Link> {
        let link = backend::open_name(&Name::entry(dir, name)?, files::FILE_READ_ATTRIBUTES)?;
        let attributes = status::basic(link.0)?.attributes;
        let mut data = Vec::new();
        data.try_reserve_exact(status::LONGEST_REPARSE_DATA).map_err(|_| Errno(errno::ENOMEM))?;
        data.resize(status::LONGEST_REPARSE_DATA, 0);
        let length = calls::control_into(link.0, Ioctl::FSCTL_GET_REPARSE_POINT, &mut data)?.len();
        data.truncate(length);
        // What it was when it was looked at, it may not be any more.
        if reparse::tag_of(&data).and_then(reparse::kind) != Some(Kind::Symlink) {
            return Err(Errno(errno::EINVAL));
        }
        Ok(Link { is_directory: attributes & files::FILE_ATTRIBUTE_DIRECTORY != 0, data })
    }

    fn make_directory(&self, dir: Fd, name: &CStr, _: u32) -> Result<()> {
        make(dir, name, 0, nt::FILE_DIRECTORY_FILE).map(drop)
    }

    fn make_symlink(&self, link: &Link, dir: Fd, name: &CStr) -> Result<()> {
        let kind = if link.is_directory { nt::FILE_DIRECTORY_FILE } else { nt::FILE_NON_DIRECTORY_FILE };
        let made = make(dir, name, files::FILE_WRITE_ATTRIBUTES | files::DELETE, kind)?;
        calls::control_with(made.0, Ioctl::FSCTL_SET_REPARSE_POINT, &link.data).inspect_err(|_| {
            let _ = backend::delete(made.0);
        })
    }

    fn remove_directory(&self, dir: Fd, name: &CStr) -> Result<()> {
        let is_one = |kind| if kind == Kind::Directory { Ok(()) } else { Err(Errno(errno::ENOTDIR)) };
        backend::remove_directory(&Name::entry(dir, name)?, is_one)
    }

    fn set_name_times(&self, dir: Fd, name: &CStr, accessed: Time, modified: Time) -> Result<()> {
        let times = backend::basic_times(accessed, modified)?;
        let access = files::FILE_READ_ATTRIBUTES | files::FILE_WRITE_ATTRIBUTES;
        let there = backend::open_name(&Name::entry(dir, name)?, access)?;
        calls::set(there.0, nt::FileBasicInformation, &times)
    }
}
