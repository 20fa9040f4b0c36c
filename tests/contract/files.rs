//! What the tests do with files: make them, compare them, and ask the file system which blocks are shared.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory for one test, which must be empty but for what the test knows of when it ends.
pub struct Room(pub PathBuf);

impl Room {
    pub fn new(place: &Path) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = place.join(format!("room-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Self(dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names in it, sorted.
    pub fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Bytes that no two seeds have in common.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    out.truncate(length);
    out
}

/// A file of these bytes, on disk (delayed allocation would hide its blocks).
pub fn file(path: &Path, content: &[u8]) -> PathBuf {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path).unwrap();
    file.write_all_at(content, 0).unwrap();
    file.sync_all().unwrap();
    path.to_path_buf()
}

/// A file of `size` bytes with data only in the stretches given: (offset, length).
pub fn sparse(path: &Path, size: u64, data: &[(u64, usize)]) -> PathBuf {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(path).unwrap();
    file.set_len(size).unwrap();
    for (offset, length) in data {
        file.write_all_at(&bytes(*offset + 7, *length), *offset).unwrap();
    }
    file.sync_all().unwrap();
    path.to_path_buf()
}

pub fn allocated(path: &Path) -> u64 {
    File::open(path).unwrap().sync_all().unwrap();
    fs::metadata(path).unwrap().blocks() * 512
}

/// Compares two files without reading either into memory as a whole.
pub fn assert_same(one: &Path, other: &Path) {
    let (a, b) = (File::open(one).unwrap(), File::open(other).unwrap());
    assert_eq!(
        a.metadata().unwrap().len(),
        b.metadata().unwrap().len(),
        "{} and {}",
        one.display(),
        other.display()
    );
    let (mut x, mut y) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    loop {
        let got = read_full(&a, &mut x, at);
        assert_eq!(got, read_full(&b, &mut y, at), "{} and {}", one.display(), other.display());
        assert!(x[..got] == y[..got], "{} and {} differ near {at}", one.display(), other.display());
        if got == 0 {
            return;
        }
        at += got as u64;
    }
}

fn read_full(file: &File, buffer: &mut [u8], at: u64) -> usize {
    let mut got = 0;
    while got < buffer.len() {
        match file.read_at(&mut buffer[got..], at + got as u64).unwrap() {
            0 => break,
            n => got += n,
        }
    }
    got
}

/// What FIEMAP says of a file: bytes in extents, and how many of them are shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extents {
    pub mapped: u64,
    pub shared: u64,
}

/// As the kernel has it (linux/fiemap.h).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FiemapExtent {
    pub logical: u64,
    pub physical: u64,
    pub length: u64,
    reserved: [u64; 2],
    pub flags: u32,
    reserved2: [u32; 3],
}

#[repr(C)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
    extents: [FiemapExtent; 128],
}

const FIEMAP_SYNC: u32 = 1;
const EXTENT_LAST: u32 = 1;
const EXTENT_SHARED: u32 = 0x2000;

/// All extents of a range of a file. `None` where the file system has no FIEMAP.
pub fn extent_list(path: &Path, start: u64, length: u64) -> Option<Vec<FiemapExtent>> {
    let file = File::open(path).unwrap();
    let end = start + length;
    let (mut at, mut all) = (start, Vec::new());
    while at < end {
        let mut map: Fiemap = unsafe { std::mem::zeroed() };
        (map.start, map.length, map.flags, map.extent_count) = (at, end - at, FIEMAP_SYNC, 128);
        // _IOWR('f', 11, struct fiemap), whose extents do not count
        let request = libc::_IOWR::<[u64; 4]>(u32::from(b'f'), 11);
        if unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut map) } != 0 {
            return None;
        }
        let found = &map.extents[..map.mapped_extents as usize];
        all.extend(found);
        match found.last() {
            Some(last) if last.flags & EXTENT_LAST == 0 => at = at.max(last.logical + last.length),
            _ => break,
        }
    }
    Some(all)
}

/// The extents of a range of a file, cut to it.
pub fn extents(path: &Path, start: u64, length: u64) -> Option<Extents> {
    let mut sum = Extents::default();
    for extent in extent_list(path, start, length)? {
        let (from, to) = (extent.logical.max(start), (extent.logical + extent.length).min(start + length));
        let bytes = to.saturating_sub(from);
        sum.mapped += bytes;
        sum.shared += if extent.flags & EXTENT_SHARED != 0 { bytes } else { 0 };
    }
    Some(sum)
}

pub fn all_extents(path: &Path) -> Option<Extents> {
    extents(path, 0, fs::metadata(path).unwrap().len())
}

pub fn fifo(path: &Path) -> PathBuf {
    let name = crate::abi::c_path(path);
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o644) }, 0);
    path.to_path_buf()
}

pub fn get_xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let (path, name) = (crate::abi::c_path(path), CString::new(name).unwrap());
    let mut value = vec![0_u8; 4096];
    let got = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    usize::try_from(got).ok().map(|got| {
        value.truncate(got);
        value
    })
}

/// Whether it could be set.
pub fn set_xattr(path: &Path, name: &str, value: &[u8]) -> bool {
    let (path, name) = (crate::abi::c_path(path), CString::new(name).unwrap());
    unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) == 0 }
}
