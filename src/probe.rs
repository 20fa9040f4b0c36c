//! Finds out what a directory can do, by trying it: clones a block between two scratch files, makes blocks share, exchanges names.
//! Asks for no file system's name or device number: these say nothing about this pair, this mount, this sandbox.

mod dedupe;

use core::ffi::CStr;

use crate::copy::alignment::units;
use crate::copy::name::{PrivateName, with_private_name};
use crate::copy::source::Source;
use crate::copy::{Reason, check_regular, retry, table};
use crate::error::{At, Result, Step};
use crate::sys::errno::{EFBIG, EINVAL, EIO, ENOTDIR};
use crate::sys::{Errno, Fd, Handle, Kind, Stat, Sys, Volume};

/// The alignments tried after the file system's own answers, up to the largest record size in
/// common use (ZFS: 1 MiB).
const LARGER_UNITS: [u64; 4] = [64 << 10, 128 << 10, 256 << 10, LARGEST_UNIT];
const LARGEST_UNIT: u64 = 1 << 20;

/// The hole that is tried out: larger than any allocation unit in common use.
const HOLE: u64 = 4 << 20;

/// The size of a file that is cloned as a whole.
const SCRATCH: u64 = 8192;

/// What was found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capability {
    /// Whether clones work; `None` is "unknown".
    pub clone: Option<bool>,
    /// Why not, or why unknown.
    pub reason: Reason,
    /// The negative errno that said so.
    pub error: i32,
    /// Ranges can be cloned.
    pub range: bool,
    /// copy_file_range works.
    pub kernel_copy: bool,
    /// Two names can be exchanged; `None` is "unknown".
    pub exchange: Option<bool>,
    /// Equal ranges can be made to share blocks; `None` is "unknown".
    pub dedupe: Option<bool>,
    /// The negative errno that refused to share them.
    pub dedupe_error: i32,
    /// The smallest unit in which they were shared, 0 if unknown.
    pub dedupe_granularity: u64,
    /// Files can be made without a name.
    pub unnamed_files: bool,
    /// Holes can be made and found.
    pub sparse: bool,
    /// The alignment that range clones need, 0 if unknown.
    pub granularity: u64,
    /// The file system's name.
    pub fs_name: &'static str,
}

impl Capability {
    fn unknown(&mut self, errno: Errno) {
        self.clone = None;
        self.reason = table::reason(errno);
        self.error = errno.number().saturating_neg();
    }

    /// Nothing could be tried.
    fn untried(&mut self, errno: Errno) {
        self.unknown(errno);
        self.dedupe_error = self.error;
    }

    fn refused(&mut self, errno: Errno) {
        self.unknown(errno);
        // Only an answer about the volumes is an answer about every file there.
        if matches!(self.reason, Reason::Unsupported | Reason::CrossDevice) {
            self.clone = Some(false);
        }
    }
}

/// What clones are to be tried from.
#[derive(Clone, Copy)]
enum Origin {
    /// A file of the caller's, with data in it.
    File(Fd, Stat),
    /// Scratch files in this directory.
    Directory(Fd),
}

/// Asks by names. `src` NULL asks about `dst_dir` alone.
pub fn by_name<S: Sys>(sys: &S, cwd: Fd, src: Option<&CStr>, dst_dir: &CStr) -> Result<Capability> {
    let directory = Handle::new(sys, sys.open_directory(cwd, dst_dir, false).at(Step::Probe)?);
    let Some(name) = src else { return trial(sys, Origin::Directory(directory.fd()), directory.fd()) };
    // O_PATH on a directory needs no right to read it; anything else says ENOTDIR.
    match sys.open_directory(cwd, name, false) {
        Ok(fd) => {
            let from = Handle::new(sys, fd);
            trial(sys, Origin::Directory(from.fd()), directory.fd())
        }
        Err(errno) if table::not_a_directory(errno) => {
            let source = Source::open(sys, cwd, name, true, Step::Probe)?;
            trial(sys, Origin::File(source.file.fd(), source.stat), directory.fd())
        }
        Err(errno) => Err(errno).at(Step::Probe),
    }
}

/// Asks by descriptors. `src` negative asks about `dst_dir` alone.
pub fn by_descriptor<S: Sys>(sys: &S, src: Option<Fd>, dst_dir: Fd) -> Result<Capability> {
    let stat = sys.stat(dst_dir).at(Step::Probe)?;
    if stat.kind != Kind::Directory {
        return Err(Errno::own(ENOTDIR)).at(Step::Probe);
    }
    let Some(fd) = src else { return trial(sys, Origin::Directory(dst_dir), dst_dir) };
    let stat = sys.stat(fd).at(Step::Probe)?;
    let from = if stat.kind == Kind::Directory { Origin::Directory(fd) } else { Origin::File(fd, stat) };
    trial(sys, from, dst_dir)
}

/// The trial itself. That something cannot be tried is an answer ("unknown, because"), not an
/// error.
fn trial<S: Sys>(sys: &S, from: Origin, directory: Fd) -> Result<Capability> {
    let mut found = Capability {
        fs_name: sys.volume(directory).map_or(Volume::UNKNOWN, |volume| volume.name),
        exchange: exchanges(sys, directory),
        ..Capability::default()
    };
    if sys.size_limit() <= HOLE {
        found.untried(Errno(EFBIG)); // a larger file would raise SIGXFSZ
        return Ok(found);
    }
    let target = match Scratch::create(sys, directory) {
        Ok(made) => made,
        Err(errno) => {
            found.untried(errno);
            return Ok(found);
        }
    };
    found.unnamed_files = target.name.is_none();
    let file = target.file.fd();
    if S::CLONES_BY_NAME {
        by_private_name(sys, from, directory, &mut found)?;
        // No such system compares and shares.
        dedupe::try_out(sys, (file, dedupe::Source::Scratch(0)), file, &mut found);
    } else {
        match from {
            Origin::File(source, stat) => from_file(sys, source, &stat, file, &mut found)?,
            Origin::Directory(there) => match Scratch::create(sys, there) {
                Ok(source) => from_scratch(sys, source.file.fd(), file, &mut found),
                Err(errno) => found.untried(errno),
            },
        }
    }
    // Last, since ZFS keeps the block size of a file that is emptied, and clones a short file only onto one of its own.
    found.sparse = keeps_holes(sys, file);
    Ok(found)
}

/// A file to try things on.
struct Scratch<'s, S: Sys> {
    file: Handle<'s, S>, // closed before the name is dropped
    name: Option<Name<'s, S>>,
}

/// The name that a scratch file has had. It is removed at once, and again when the file is closed: some servers store the file
/// then (rclone), others refuse to remove it before.
struct Name<'s, S: Sys> {
    sys: &'s S,
    directory: Fd,
    name: PrivateName,
}

impl<S: Sys> Drop for Name<'_, S> {
    fn drop(&mut self) {
        retry::removal(|| self.sys.unlink(self.directory, self.name.as_c_str()).map(|()| true));
    }
}

impl<'s, S: Sys> Scratch<'s, S> {
    /// Without a name where there are such files.
    fn create(sys: &'s S, directory: Fd) -> crate::sys::Result<Self> {
        match sys.create_scratch(directory, None) {
            Ok(fd) => return Ok(Self { file: Handle::new(sys, fd), name: None }),
            Err(errno) if !table::unnamed_unsupported(errno) => return Err(errno),
            Err(_) => {}
        }
        let (file, name) = named(sys, |name| sys.create_scratch(directory, Some(name)))?;
        let made = Self { file, name: Some(Name { sys, directory, name }) };
        let removed = made.name.as_ref().map_or(Ok(()), |made| remove(sys, directory, &made.name));
        match removed {
            Err(errno) if !table::still_open(errno) => Err(errno),
            _ => Ok(made),
        }
    }
}

/// Makes a file under a private name.
fn named<S: Sys>(
    sys: &S,
    make: impl Fn(&CStr) -> crate::sys::Result<Fd>,
) -> crate::sys::Result<(Handle<'_, S>, PrivateName)> {
    with_private_name(sys, make).map(|(fd, name)| (Handle::new(sys, fd), name))
}

fn remove<S: Sys>(sys: &S, directory: Fd, name: &PrivateName) -> crate::sys::Result<()> {
    retry::once_more(|| sys.unlink(directory, name.as_c_str()))
}

/// Whether two names can be exchanged, tried with two empty directories. Both must exist: if one is missing, the kernel answers
/// before it asks the file system.
fn exchanges<S: Sys>(sys: &S, directory: Fd) -> Option<bool> {
    let one = Empty::make(sys, directory)?;
    let other = Empty::make(sys, directory)?;
    match sys.exchange(directory, one.name.as_c_str(), directory, other.name.as_c_str()) {
        Ok(()) => Some(true),
        Err(errno) if table::exchange_unsupported(errno) => Some(false),
        Err(_) => None,
    }
}

/// An empty directory with a private name, removed when dropped.
struct Empty<'s, S: Sys> {
    sys: &'s S,
    directory: Fd,
    name: PrivateName,
}

impl<'s, S: Sys> Empty<'s, S> {
    fn make(sys: &'s S, directory: Fd) -> Option<Self> {
        let made = with_private_name(sys, |name| sys.make_directory(directory, name, 0o700));
        made.ok().map(|((), name)| Self { sys, directory, name })
    }
}

impl<S: Sys> Drop for Empty<'_, S> {
    fn drop(&mut self) {
        // A directory that cannot be removed is left, like a scratch file: the probe has no way to report it.
        let _ = retry::once_more(|| self.sys.remove_directory(self.directory, self.name.as_c_str()));
    }
}

/// Whether a range that is skipped takes no space, and is found again as a hole.
fn keeps_holes<S: Sys>(sys: &S, fd: Fd) -> bool {
    sys.set_size(fd, 0).is_ok()
        && sys.set_size(fd, HOLE).is_ok()
        && matches!(sys.write_at(fd, b"x", HOLE), Ok(1))
        && sys.seek_data(fd, 0).is_ok_and(|data| data > 0 && data <= HOLE)
}

/// Fills a scratch file and clones it, first a block in the middle, then as a whole.
fn from_scratch<S: Sys>(sys: &S, source: Fd, target: Fd, found: &mut Capability) {
    let preferred = sys.stat(source).map_or(4096, |stat| stat.block_size);
    let candidates = candidates(sys, target, preferred);
    let mut data_end = 0;
    for unit in candidates {
        if let Err(errno) = fill(sys, source, &mut data_end, unit.saturating_mul(2)) {
            found.untried(errno);
            return;
        }
        match retry::clone(sys, source, true, || sys.clone_range(source, unit, unit, target, unit)) {
            Ok(()) => {
                found.range = true;
                found.granularity = unit;
                break;
            }
            Err(errno) if table::alignment_refused(errno) => {}
            Err(errno) => {
                found.refused(errno);
                break;
            }
        }
    }
    if found.error == 0 {
        let clone = || retry::clone(sys, source, true, || sys.clone_file(source, target));
        let whole = sys.set_size(target, 0).and_then(|()| clone());
        match whole {
            Ok(()) => found.clone = Some(true),
            Err(errno) => found.refused(errno),
        }
    }
    let [unit, ..] = candidates;
    found.kernel_copy = sys.set_size(target, 0).is_ok() && kernel_copies(sys, source, target, unit);
    dedupe::try_out(sys, (source, dedupe::Source::Scratch(data_end)), target, found);
}

/// Where a clone is a file of its own from the start (macOS): a whole file, cloned under a private name.
fn by_private_name<S: Sys>(sys: &S, from: Origin, directory: Fd, found: &mut Capability) -> Result<()> {
    let (outcome, empty) = match from {
        Origin::File(file, stat) => {
            check_regular(&stat, Step::Probe)?;
            (clone_whole(sys, file, stat.size, directory), stat.size == 0)
        }
        Origin::Directory(there) => (clone_scratch(sys, there, directory), false),
    };
    match outcome {
        // Of an empty file only a refusal says anything.
        Ok(()) if empty => found.reason = Reason::File,
        Ok(()) => found.clone = Some(true),
        Err(errno) => found.refused(errno),
    }
    Ok(())
}

/// Clones a scratch file of `there`, which keeps its name until then: whether a file without one can be
/// cloned is another question.
fn clone_scratch<S: Sys>(sys: &S, there: Fd, directory: Fd) -> crate::sys::Result<()> {
    let (source, name) = named(sys, |name| sys.create_scratch(there, Some(name)))?;
    let size = SCRATCH;
    let outcome =
        fill(sys, source.fd(), &mut 0, size).and_then(|()| clone_whole(sys, source.fd(), size, directory));
    remove(sys, there, &name).and(outcome)
}

/// Makes a clone of a file of `size` bytes, and removes it.
fn clone_whole<S: Sys>(sys: &S, source: Fd, size: u64, directory: Fd) -> crate::sys::Result<()> {
    let (made, name) = named(sys, |name| sys.clone_new(source, directory, name, false))?;
    let there = sys.stat(made.fd()).map(|made| made.size);
    remove(sys, directory, &name)?;
    // A clone is of one instant, at which a caller's file may have had another size.
    if there? == size || sys.stat(source)?.size != size { Ok(()) } else { Err(Errno::own(EIO)) }
}

/// Clones from a file of the caller's: a block of it, or all of it where it is shorter.
fn from_file<S: Sys>(sys: &S, source: Fd, stat: &Stat, target: Fd, found: &mut Capability) -> Result<()> {
    check_regular(stat, Step::Probe)?;
    if stat.size == 0 {
        // An empty file clones even where no data would (SMB, NTFS): only a refusal says anything.
        match sys.clone_file(source, target) {
            Ok(()) => found.reason = Reason::File,
            Err(errno) => found.refused(errno),
        }
        return Ok(());
    }
    let candidates = candidates(sys, target, stat.block_size);
    for unit in candidates.into_iter().filter(|unit| *unit <= stat.size) {
        match retry::clone(sys, source, true, || sys.clone_range(source, 0, unit, target, 0)) {
            Ok(()) => {
                found.range = true;
                found.granularity = unit;
                found.clone = Some(true);
                break;
            }
            Err(errno) if table::alignment_refused(errno) => {}
            Err(errno) => {
                found.refused(errno);
                break;
            }
        }
    }
    // Short enough to be cloned whole where no range was: shorter than a block, say.
    let undecided = found.clone.is_none() && found.error == 0;
    if undecided && stat.size <= LARGEST_UNIT {
        match retry::clone(sys, source, true, || sys.clone_file(source, target)) {
            Ok(()) => found.clone = Some(true),
            Err(errno) => found.refused(errno),
        }
    } else if undecided {
        found.unknown(Errno(EINVAL));
    }
    let unit = candidates.first().map_or(stat.size, |unit| stat.size.min(*unit));
    found.kernel_copy = sys.set_size(target, 0).is_ok() && kernel_copies(sys, source, target, unit);
    dedupe::try_out(sys, (source, dedupe::Source::Callers(stat.size)), target, found);
    Ok(())
}

/// The alignments to try, the smallest first.
fn candidates<S: Sys>(sys: &S, target: Fd, preferred: u64) -> [u64; 8] {
    let [one, two, three, four] = units(sys, target, preferred).map(|unit| unit.min(LARGEST_UNIT));
    let [five, six, seven, eight] = LARGER_UNITS;
    let mut all = [one, two, three, four, five, six, seven, eight];
    all.sort_unstable();
    all
}

fn kernel_copies<S: Sys>(sys: &S, source: Fd, target: Fd, length: u64) -> bool {
    sys.kernel_copy_usable() && matches!(sys.kernel_copy(source, 0, target, 0, length), Ok(1..))
}

/// Writes data up to `end`: no two blocks alike, so that nothing is shared but by a clone.
fn fill<S: Sys>(sys: &S, fd: Fd, written: &mut u64, end: u64) -> crate::sys::Result<()> {
    let mut block = [0_u8; 4096];
    let mut value = 0x9e37_79b9_7f4a_7c15_u64;
    while *written < end {
        for chunk in block.chunks_exact_mut(8) {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(*written | 1);
            chunk.copy_from_slice(&value.to_le_bytes());
        }
        let most = usize::try_from(end.saturating_sub(*written)).unwrap_or(usize::MAX).min(block.len());
        match sys.write_at(fd, block.get(..most).unwrap_or_default(), *written)? {
            0 => return Err(Errno::own(EIO)),
            wrote => *written = written.saturating_add(wrote as u64),
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests;
