//! Tests that helpers rest where they gain nothing: on a system where a helper takes longer for a file than the thread that
//! walks. The test has a clock of its own, so that a busy machine changes nothing.

use core::ffi::CStr;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::*;
use crate::sys::maps::Maps;
use crate::sys::{
    Access, CWD, Common, Directories, Extensions, Fd, Listing, Native, Result, Stat, Sys, Time, Volume,
};

/// The time of a clone in the thread that walks, and in a helper, in microseconds.
const WALKS: u64 = 1000;
const HELPS: u64 = 8000;

/// The file system of the temporary directory, with clones (which are copies), and a clock that only clones move.
struct Slow {
    walks: ThreadId,
    begun: Instant,
    spent: AtomicU64,
    /// How many clones the thread that walks made, and how many the helpers.
    clones: [AtomicU64; 2],
}

impl Slow {
    fn new() -> Self {
        let clones = [AtomicU64::new(0), AtomicU64::new(0)];
        let (walks, begun) = (thread::current().id(), Instant::now());
        Self { walks, begun, spent: AtomicU64::new(0), clones }
    }

    fn made_by(&self, others: bool) -> u64 {
        self.clones[usize::from(others)].load(Ordering::SeqCst)
    }

    /// Lets the thread that walks wait until a helper has begun, however busy the machine is.
    fn wait_for_others(&self) {
        let since = Instant::now();
        while self.made_by(true) == 0 && since.elapsed() < Duration::from_secs(60) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Sys for Slow {
    fn now(&self) -> Instant {
        self.begun + Duration::from_micros(self.spent.load(Ordering::SeqCst))
    }
    fn open_source(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        Native.open_source(dir, name, follow)
    }
    fn open_to_overwrite(&self, dir: Fd, name: &CStr, follow: bool) -> Result<Fd> {
        Native.open_to_overwrite(dir, name, follow)
    }
    fn create_scratch(&self, dir: Fd, name: Option<&CStr>) -> Result<Fd> {
        Native.create_scratch(dir, name)
    }
    fn flush(&self, fd: Fd) -> Result<()> {
        Native.flush(fd)
    }
    fn stat(&self, fd: Fd) -> Result<Stat> {
        Native.stat(fd)
    }
    fn stat_name(&self, dir: Fd, name: &CStr) -> Result<Stat> {
        Native.stat_name(dir, name)
    }
    fn protected(&self, fd: Fd) -> Result<bool> {
        Native.protected(fd)
    }
    fn size_limit(&self) -> u64 {
        u64::MAX
    }
    fn volume(&self, fd: Fd) -> Result<Volume> {
        Native.volume(fd)
    }
    fn random(&self) -> u64 {
        Native.random()
    }
    fn sync(&self, fd: Fd) -> Result<()> {
        Native.sync(fd)
    }
    fn set_times(&self, fd: Fd, accessed: Time, modified: Time) -> Result<()> {
        Native.set_times(fd, accessed, modified)
    }
}

impl Extensions for Slow {
    fn clone_file(&self, src: Fd, dst: Fd) -> Result<()> {
        let others = thread::current().id() != self.walks;
        if !others {
            self.wait_for_others();
        }
        thread::sleep(Duration::from_micros(500)); // so that all threads get their turn
        let mut buffer = [0; 64];
        let length = Native.read_at(src, &mut buffer, 0)?;
        Native.write_at(dst, &buffer[..length], 0)?;
        self.clones[usize::from(others)].fetch_add(1, Ordering::SeqCst);
        self.spent.fetch_add(if others { HELPS } else { WALKS }, Ordering::SeqCst);
        Ok(())
    }
    fn create_unnamed(&self, dir: Fd, directory: &CStr, mode: u32) -> Result<Fd> {
        Native.create_unnamed(dir, directory, mode)
    }
    fn rename_new(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        Native.rename_new(from_dir, from, to_dir, to)
    }
}

impl Maps for Slow {}

impl Directories for Slow {
    fn enter(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        Native.enter(dir, name)
    }
    fn open_listed(&self, dir: Fd, name: &CStr) -> Result<Fd> {
        Native.open_listed(dir, name)
    }
    fn read_entries(&self, dir: Fd, listing: &mut Listing) -> Result<bool> {
        Native.read_entries(dir, listing)
    }
    fn make_directory(&self, dir: Fd, name: &CStr, mode: u32) -> Result<()> {
        Native.make_directory(dir, name, mode)
    }
}

impl Common for Slow {
    fn open_directory(&self, dir: Fd, name: &CStr, sync: bool) -> Result<Fd> {
        Native.open_directory(dir, name, sync)
    }
    fn create_new(&self, dir: Fd, name: &CStr, mode: u32) -> Result<Fd> {
        Native.create_new(dir, name, mode)
    }
    fn close(&self, fd: Fd) -> Result<()> {
        Native.close(fd)
    }
    fn access(&self, fd: Fd) -> Result<Access> {
        Native.access(fd)
    }
    fn read_at(&self, fd: Fd, buffer: &mut [u8], at: u64) -> Result<usize> {
        Native.read_at(fd, buffer, at)
    }
    fn write_at(&self, fd: Fd, buffer: &[u8], at: u64) -> Result<usize> {
        Native.write_at(fd, buffer, at)
    }
    fn seek_data(&self, fd: Fd, from: u64) -> Result<u64> {
        Native.seek_data(fd, from)
    }
    fn seek_hole(&self, fd: Fd, from: u64) -> Result<u64> {
        Native.seek_hole(fd, from)
    }
    fn set_size(&self, fd: Fd, size: u64) -> Result<()> {
        Native.set_size(fd, size)
    }
    fn set_mode(&self, fd: Fd, mode: u32) -> Result<()> {
        Native.set_mode(fd, mode)
    }
    fn set_owner(&self, fd: Fd, owner: Option<u32>, group: u32) -> Result<()> {
        Native.set_owner(fd, owner, group)
    }
    fn rename_over(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        Native.rename_over(from_dir, from, to_dir, to)
    }
    fn link(&self, from_dir: Fd, from: &CStr, to_dir: Fd, to: &CStr) -> Result<()> {
        Native.link(from_dir, from, to_dir, to)
    }
    fn unlink(&self, dir: Fd, name: &CStr) -> Result<()> {
        Native.unlink(dir, name)
    }
}

/// Of a thousand files the other thread copies those of the trials, and no more.
#[test]
fn threads_that_only_cost_time_rest() {
    const FILES: u64 = 1000;
    let there = std::env::temp_dir().join(format!("reflink-resting-{}", std::process::id()));
    fs::create_dir_all(there.join("source")).unwrap();
    for number in 0..FILES {
        fs::write(there.join(format!("source/{number}")), "content").unwrap();
    }
    let name = |name: &str| CString::new(there.join(name).as_os_str().as_bytes()).unwrap();
    let (src, dst, slow) = (name("source"), name("copy"), Slow::new());
    let options = Options { threads: 2, ..Options::default() };
    let request = Request { src_dir: CWD, src: &src, dst_dir: CWD, dst: &dst, options: &options };
    let mut report = Report::default();
    let outcome = copy_with_threads(&slow, &request, &mut Silent, &mut report);
    let copied = fs::read_dir(there.join("copy")).map_or(0, Iterator::count) as u64;
    fs::remove_dir_all(&there).unwrap();
    assert_eq!((outcome, report.counts.files, copied), (Ok(()), FILES, FILES));
    let [walks, helps] = [slow.made_by(false), slow.made_by(true)];
    assert_eq!(walks + helps, FILES);
    assert!((1..FILES / 4).contains(&helps), "{helps} of {FILES} by the other thread");
}
