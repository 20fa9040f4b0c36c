//! The chain of methods over one stretch of bytes: clone, then the kernel's copy call, then read and write.
//! Each goes on from where the last one stopped; `table` decides what an error means.

use super::buffer::Buffer;
use super::holes::{Holes, Segment};
use super::progress::{COPY_STEP, STEP};
use super::retry::{self, Tries};
use super::table::{self, Operation, Verdict};
use super::{Mode, Progress, Reason, Report};
use crate::error::{At, Cause, Error, Result, Side, Step};
use crate::sys::errno::{EFBIG, EIO};
use crate::sys::{Errno, Fd, Stat, Sys};

/// How much of a source that says it is empty is read before it is asked once more.
const FIRST_LOOK: u64 = 64 << 10;

/// The most that is cloned in one call. XFS rounds the length up to whole blocks: beyond 2^63-1, and it reports EINVAL
/// after it has cloned (2^63-1 bytes, Linux 6.18).
const CLONE_AT_MOST: u64 = 1 << 62;

/// What a method leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Everything asked for is done.
    Finished,
    /// The method is not possible here: the next one goes on from `done`.
    NextMethod,
}

/// How a stretch was made ready by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Both files were opened here, and the destination was just made: nobody else counts on its
    /// content.
    Ours,
    /// Both belong to the caller: their offsets stay, and nothing beyond the stretch is touched.
    Callers,
}

/// One stretch of bytes on its way from a source to a destination.
pub struct Stretch<'s, S: Sys> {
    sys: &'s S,
    src: Fd,
    /// What the source was before the first byte moved.
    src_stat: Stat,
    dst: Fd,
    /// The destination's size before the first byte moved: beyond it all is zeros already.
    pub dst_size: u64,
    src_offset: u64,
    dst_offset: u64,
    /// Its length. For a source that does not know its own size (procfs) the most that is wanted.
    pub length: u64,
    /// The source says that it is empty: only reading tells.
    pub sizeless: bool,
    /// The one count of what has been done, for all methods.
    pub done: u64,
    mode: Mode,
    ownership: Ownership,
    limit: u64,
    /// Whether the system's own copy call can be trusted. `None`: to be asked.
    pub kernel_copy: Option<bool>,
    written_to: u64,
    /// The size that the destination was given before all of its bytes were there, 0 if it was not.
    sized_to: u64,
    /// No hole can be left in the destination: zeros are written.
    dense: bool,
    /// Read in order, since the source cannot be read at an offset; and the same of the destination.
    reads_in_order: bool,
    writes_in_order: bool,
    holes: Holes<'s, S>,
    buffer: Buffer,
    at_end: bool,
}

impl<'s, S: Sys> Stretch<'s, S> {
    /// A stretch of `length` bytes; `limit` is the process's largest file size.
    #[allow(clippy::too_many_arguments)] // each is one fact about the stretch, and they are named at the one place of each call
    pub fn new(
        sys: &'s S,
        (src, src_offset, src_stat): (Fd, u64, Stat),
        (dst, dst_offset, dst_size): (Fd, u64, u64),
        length: u64,
        mode: Mode,
        ownership: Ownership,
        limit: u64,
    ) -> Self {
        let holes = Holes::new(sys, src, ownership == Ownership::Callers, length, &src_stat);
        Self {
            sys,
            src,
            src_stat,
            dst,
            dst_size,
            src_offset,
            dst_offset,
            length,
            sizeless: src_stat.size == 0,
            done: 0,
            mode,
            ownership,
            limit,
            kernel_copy: None,
            written_to: 0,
            sized_to: 0,
            dense: false,
            reads_in_order: false,
            writes_in_order: false,
            holes,
            buffer: Buffer::default(),
            at_end: false,
        }
    }

    /// Where it goes on in the source.
    pub fn src_position(&self) -> u64 {
        self.src_offset.saturating_add(self.done)
    }

    /// Where it goes on in the destination.
    pub fn dst_position(&self) -> u64 {
        self.dst_offset.saturating_add(self.done)
    }

    /// The stretch's total for a progress function: the source's size, or what has come so far of
    /// one without.
    fn total(&self) -> u64 {
        if self.sizeless { self.done } else { self.length }
    }

    fn tell(&self, progress: &mut Progress) -> Result<()> {
        progress.tell(self.done, self.total())
    }

    /// Whether the source was found to end before the stretch does.
    pub fn source_ended(&self) -> bool {
        self.at_end
    }

    // ── Clone ──

    /// Clones the whole file in one call. The caller checks the size that came out.
    pub fn clone_file(&mut self, progress: &mut Progress) -> Result<Flow> {
        self.tell(progress)?;
        let report = &mut progress.report;
        if self.attempt_clone(report, || self.sys.clone_file(self.src, self.dst))? == Flow::NextMethod {
            return Ok(Flow::NextMethod);
        }
        report.clone_succeeded = true;
        report.cloned = report.cloned.saturating_add(self.src_stat.size);
        self.done = self.src_stat.size;
        self.tell(progress)?;
        Ok(Flow::Finished)
    }

    /// Clones by ranges up to `until` (a count like `done`): in one call, or in steps when progress
    /// is watched.
    pub fn clone_until(&mut self, until: u64, progress: &mut Progress) -> Result<Flow> {
        while self.done < until {
            self.tell(progress)?;
            let rest = until.saturating_sub(self.done);
            let step = rest.min(if progress.is_watched() { STEP } else { CLONE_AT_MOST });
            let (from, to) = (self.src_position(), self.dst_position());
            let report = &mut progress.report;
            let call = || self.sys.clone_range(self.src, from, step, self.dst, to);
            if self.attempt_clone(report, call)? == Flow::NextMethod {
                return Ok(Flow::NextMethod);
            }
            report.clone_succeeded = true;
            report.cloned = report.cloned.saturating_add(step);
            self.advance(step);
        }
        self.tell(progress)?;
        Ok(Flow::Finished)
    }

    /// Asks whether a clone would be refused, and notes why, without changing a byte.
    pub fn try_clone_nothing(&self, report: &mut Report) -> Result<Flow> {
        self.attempt_clone(report, || self.sys.clone_nothing(self.src, self.src_stat.size, self.dst))
    }

    /// Clones the stretch's beginning to somewhere else in the destination, to see whether it can be.
    pub fn try_clone_to(&self, offset: u64, length: u64, report: &mut Report) -> Result<Flow> {
        let call = || self.sys.clone_range(self.src, self.src_offset, length, self.dst, offset);
        self.attempt_clone(report, call)
    }

    /// Makes one clone call, again where that helps, and notes why it was refused.
    fn attempt_clone(&self, report: &mut Report, call: impl Fn() -> crate::sys::Result<()>) -> Result<Flow> {
        let only_method = self.mode == Mode::Always;
        let Err(errno) = retry::clone(self.sys, self.src, only_method, call) else {
            return Ok(Flow::Finished);
        };
        report.clone_refused(errno);
        let falls_back = self.falls_back(Operation::Clone, errno, report.cloned > 0)?;
        if only_method || !falls_back {
            return Err(errno).at(Step::Clone(table::side(errno)));
        }
        self.discard_failed_clone(errno)?;
        Ok(Flow::NextMethod)
    }

    /// Goes back to the beginning, after a clone that did not give the whole file.
    pub fn distrust_clone(&mut self, report: &mut Report) -> Result<()> {
        self.done = 0;
        report.distrust_clone(self.mode)
    }

    /// A clone that failed halfway may have shared a part (the kernel reports a short one as
    /// EINVAL; ZFS: "undefined"). What it left in a file of ours is cut off again; in a caller's
    /// file the next method writes over it.
    fn discard_failed_clone(&self, errno: Errno) -> Result<()> {
        let refused_at_the_door = matches!(table::reason(errno), Reason::Unsupported | Reason::CrossDevice);
        if self.ownership == Ownership::Ours && !refused_at_the_door {
            self.sys.set_size(self.dst, self.dst_position()).at(Step::Clone(Side::Destination))?;
        }
        Ok(())
    }

    // ── Copy ──

    /// Copies up to `until` (a count like `done`), by the kernel's own call first unless `edge`
    /// says that it is not worth one.
    pub fn copy_until(&mut self, until: u64, edge: bool, progress: &mut Progress) -> Result<()> {
        let kernel = self.mode == Mode::Auto && !edge && !self.sizeless && until > self.done;
        let outcome = self.copy_by_chain(until, kernel, progress);
        if outcome.is_err() && self.ownership == Ownership::Callers {
            let _ = self.settle_size(); // no zeros behind what was copied; the error is the one to report
        }
        outcome
    }

    fn copy_by_chain(&mut self, until: u64, kernel: bool, progress: &mut Progress) -> Result<()> {
        let kernel = kernel && *self.kernel_copy.get_or_insert_with(|| self.sys.kernel_copy_usable());
        if !kernel || self.run(until, Operation::KernelCopy, progress)? == Flow::NextMethod {
            self.run(until, Operation::ReadWrite, progress)?;
        }
        Ok(())
    }

    /// Walks over data and holes up to `until`, moving the data by one method.
    fn run(&mut self, until: u64, operation: Operation, progress: &mut Progress) -> Result<Flow> {
        let mut tries = Tries::default();
        while self.done < until {
            self.tell(progress)?;
            let step = if progress.is_watched() { COPY_STEP } else { STEP };
            let report = &mut progress.report;
            let Some(data) = self.data_ahead(until, report)? else { continue };
            if operation == Operation::KernelCopy && self.holes.hidden(&self.src_stat) {
                return Ok(Flow::NextMethod); // copy_file_range would fill the holes that only reading can find
            }
            match self.move_data(operation, data.min(step), report) {
                // Not the end of the file before a read says so: 0 is also how procfs and old CIFS
                // answer copy_file_range.
                Ok(0) if operation == Operation::KernelCopy => return Ok(Flow::NextMethod),
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(_) => tries = Tries::default(),
                Err(Moved::Back) => {}
                Err(Moved::Failed(error)) => return Err(error),
                Err(Moved::Refused(errno)) => {
                    if tries.another(table::verdict(operation, errno)) {
                        continue;
                    }
                    let falls_back = self.falls_back(operation, errno, report.kernel_copied > 0)?;
                    return if falls_back {
                        Ok(Flow::NextMethod)
                    } else {
                        Err(errno).at(refused(operation, errno))
                    };
                }
            }
        }
        self.tell(progress)?;
        Ok(Flow::Finished)
    }

    /// How many bytes of data come next, up to `until`. `None`: it was a hole, and is left behind.
    fn data_ahead(&mut self, until: u64, report: &mut Report) -> Result<Option<u64>> {
        let end = self.src_offset.saturating_add(until);
        let position = self.src_position();
        match self.holes.segment_at(position, end, &self.src_stat)? {
            Segment::Hole(to) => self.leave_hole(to.saturating_sub(position), report).map(|()| None),
            Segment::Data(to) => {
                if to < end {
                    self.can_leave_hole()?; // a hole follows
                }
                Ok(Some(to.saturating_sub(position)))
            }
        }
    }

    fn move_data(&mut self, operation: Operation, want: u64, report: &mut Report) -> Moving {
        match operation {
            Operation::KernelCopy => self.kernel_copy(want, report),
            _ => self.read_write(want, report),
        }
    }

    fn kernel_copy(&mut self, want: u64, report: &mut Report) -> Moving {
        let (from, to) = (self.src_position(), self.dst_position());
        let moved = self.sys.kernel_copy(self.src, from, self.dst, to, want).map_err(Moved::Refused)?;
        if moved > want {
            return Err(Moved::Failed(Error::new(Step::Copy(Side::Neither), Cause::Inconsistent)));
        }
        report.kernel_copied = report.kernel_copied.saturating_add(moved);
        self.advance(moved);
        Ok(moved)
    }

    fn read_write(&mut self, want: u64, report: &mut Report) -> Moving {
        let mut buffer = core::mem::take(&mut self.buffer);
        let window = buffer.first(want).map_err(Moved::Failed);
        let moved = window.and_then(|window| self.read_write_through(window, report));
        self.buffer = buffer;
        moved
    }

    fn read_write_through(&mut self, window: &mut [u8], report: &mut Report) -> Moving {
        let read = self.read(window).map_err(Moved::Refused)?;
        // More than asked for is an impossible answer, and not one to index with.
        let impossible = || Moved::Failed(Error::new(Step::Copy(Side::Source), Cause::Inconsistent));
        let data = window.get(..read).ok_or_else(impossible)?;
        if data.is_empty() {
            return Ok(0);
        }
        // What was read in order cannot be read again, should the hole turn out to be none.
        if self.holes.hidden(&self.src_stat) && !self.reads_in_order {
            self.write_around_zeros(data, report)?;
        } else {
            self.write_all(data, report)?;
        }
        Ok(read as u64)
    }

    /// Reads at the source's position.
    fn read(&mut self, window: &mut [u8]) -> crate::sys::Result<usize> {
        if !self.reads_in_order {
            let outcome = self.sys.read_at(self.src, window, self.src_position());
            let unmoved = self.src_position() == 0 && self.holes.never_sought();
            self.reads_in_order = unmoved && self.needs_order(&outcome);
            if !self.reads_in_order {
                return outcome;
            }
        }
        self.sys.read_next(self.src, window)
    }

    /// Writes at the destination's position.
    fn write(&mut self, data: &[u8]) -> crate::sys::Result<usize> {
        if !self.writes_in_order {
            let outcome = self.sys.write_at(self.dst, data, self.dst_position());
            self.writes_in_order = self.dst_position() == 0 && self.needs_order(&outcome);
            if !self.writes_in_order {
                return outcome;
            }
            self.dense = true;
        }
        self.sys.write_next(self.dst, data)
    }

    /// Whether a file cannot be read or written at an offset. The offset of a caller's descriptor does not move, so that
    /// there is no other way there.
    fn needs_order(&self, outcome: &crate::sys::Result<usize>) -> bool {
        self.ownership == Ownership::Ours && matches!(outcome, Err(errno) if table::position_refused(*errno))
    }

    /// Writes data of a file known to have holes in unknown places: whole blocks of zeros are taken for them.
    fn write_around_zeros(&mut self, data: &[u8], report: &mut Report) -> Written {
        let mut rest = data;
        while !rest.is_empty() {
            let before = self.done;
            let (run, zeros) = first_run(rest);
            if zeros {
                self.leave_hole(run.len() as u64, report).map_err(Moved::Failed)?; // or a part of it
            } else {
                self.write_all(run, report)?;
            }
            let moved = usize::try_from(self.done.saturating_sub(before)).unwrap_or(usize::MAX);
            rest = rest.get(moved..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes all of `data` at the destination's position. What counts is what was written, not
    /// what was read.
    fn write_all(&mut self, data: &[u8], report: &mut Report) -> Written {
        let step = Step::Copy(Side::Destination);
        let failed = |errno| Moved::Failed(Error::new(step, Cause::System(errno)));
        let mut rest = data;
        let (mut tries, mut nothing_written) = (Tries::default(), false);
        while !rest.is_empty() {
            let end = self.dst_position().saturating_add(rest.len() as u64);
            if end > self.limit {
                return Err(failed(Errno::own(EFBIG))); // the kernel would send SIGXFSZ
            }
            match self.write(rest) {
                Ok(0) if nothing_written => return Err(failed(Errno::own(EIO))),
                Ok(0) => nothing_written = true,
                Ok(written) => {
                    let impossible = Error::new(step, Cause::Inconsistent);
                    rest = rest.get(written..).ok_or(Moved::Failed(impossible))?;
                    (tries, nothing_written) = (Tries::default(), false);
                    report.copied = report.copied.saturating_add(written as u64);
                    self.advance(written as u64);
                }
                Err(errno) if tries.another(table::verdict(Operation::ReadWrite, errno)) => {}
                Err(errno) if self.goes_back(errno, report) => return Err(Moved::Back),
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(())
    }

    /// Where a server refuses the write behind a hole, goes back to where the hole began: it is written as zeros.
    fn goes_back(&mut self, errno: Errno, report: &mut Report) -> bool {
        let written_to = self.written_to.max(self.dst_offset);
        let hole = self.dst_position().saturating_sub(written_to);
        let back =
            self.ownership == Ownership::Ours && !self.dense && hole > 0 && table::hole_unsupported(errno);
        if back {
            self.dense = true;
            self.done = self.done.saturating_sub(hole);
            report.holes = report.holes.saturating_sub(hole);
            self.holes.go_back();
        }
        back
    }

    /// Leaves `length` bytes as a hole: nothing to do beyond the destination's end, else what is
    /// there is punched out.
    fn leave_hole(&mut self, length: u64, report: &mut Report) -> Result<()> {
        let position = self.dst_position();
        let there = self.dst_size.saturating_sub(position).min(length);
        if there > 0 {
            match self.sys.punch_hole(self.dst, position, there) {
                Ok(()) => {}
                // EPERM is also the answer of a sealed or append-only file, and the write of zeros
                // will repeat it.
                Err(errno) if table::punch_unsupported(errno) => return self.write_zeros(there, report),
                Err(errno) => return Err(errno).at(Step::Copy(Side::Destination)),
            }
        }
        let left = if there > 0 { there } else { length };
        if there == 0 && !self.can_leave_hole()? {
            return self.write_zeros(left, report);
        }
        self.done = self.done.saturating_add(left);
        report.holes = report.holes.saturating_add(left);
        Ok(())
    }

    fn write_zeros(&mut self, length: u64, report: &mut Report) -> Result<()> {
        let mut buffer = core::mem::take(&mut self.buffer);
        let written = buffer.first(length).and_then(|zeros| {
            zeros.fill(0);
            self.write_all(zeros, report).or_else(Moved::into_result)
        });
        self.buffer = buffer;
        written
    }

    fn advance(&mut self, moved: u64) {
        self.done = self.done.saturating_add(moved);
        self.written_to = self.dst_position();
    }

    /// Whether a hole can be left beyond the destination's end. Gives the destination its size, once, before the data in front of the
    /// first hole. Otherwise each write extends the file, XFS allocates ahead of it, and what it allocated stays where the next hole
    /// should be (coreutils punches it out again).
    fn can_leave_hole(&mut self) -> Result<bool> {
        let end = self.dst_offset.saturating_add(self.length);
        if self.dense || self.sized_to > 0 || end <= self.dst_size {
            return Ok(!self.dense);
        }
        match self.sys.set_size(self.dst, end) {
            Ok(()) => self.sized_to = end,
            Err(errno) if table::hole_unsupported(errno) => self.dense = true,
            Err(errno) => return Err(errno).at(Step::Copy(Side::Destination)),
        }
        Ok(!self.dense)
    }

    /// Makes the destination end where the last byte or hole of the stretch does, unless it was longer before.
    pub fn settle_size(&self) -> Result<()> {
        let end = self.dst_position().max(self.dst_size);
        let now = self.sized_to.max(self.written_to).max(self.dst_size);
        if end == now { Ok(()) } else { self.sys.set_size(self.dst, end).at(Step::Copy(Side::Destination)) }
    }

    /// Copies what is left. A source without a size is read until it ends, or, if it turns out to be
    /// an ordinary file that grows, to the size it had when that was first seen: no race with
    /// whoever writes it.
    pub fn copy_to_end(&mut self, progress: &mut Progress) -> Result<()> {
        if !self.sizeless {
            return self.copy_until(self.length, false, progress);
        }
        let mut until = self.length;
        while self.done < until && !self.at_end {
            let stride = if self.done == 0 { FIRST_LOOK } else { STEP };
            let step = self.done.saturating_add(stride).min(until);
            self.copy_until(step, false, progress)?;
            if until == self.length {
                let size = self
                    .sys
                    .stat(self.src)
                    .at(Step::Copy(Side::Source))?
                    .size
                    .saturating_sub(self.src_offset);
                if size > 0 {
                    until = size.max(self.done).min(self.length);
                }
            }
        }
        Ok(())
    }

    /// A file with blocks that ends before its size, and did not change, is not all there. (sysfs
    /// files end early, but have no blocks.)
    pub fn check_end(&self, report: &Report) -> Result<()> {
        let early = self.at_end && !self.sizeless && self.done < self.length;
        if early && !report.source_changed && self.src_stat.allocated > 0 {
            return Err(Error::new(Step::Copy(Side::Source), Cause::Inconsistent));
        }
        Ok(())
    }

    // ── What an error means ──

    /// Whether the next method may be tried: the table says so, or the system where the table wants to
    /// know more. `started`: the operation has worked before in this copy, so that it is not merely
    /// unknown here.
    fn falls_back(&self, operation: Operation, errno: Errno, started: bool) -> Result<bool> {
        Ok(match table::verdict(operation, errno) {
            Verdict::Next | Verdict::WaitIfOnlyMethod => true,
            Verdict::Stop => false,
            Verdict::Again | Verdict::Later => operation != Operation::ReadWrite, // made again in vain
            Verdict::NextAtStart => !started,
            Verdict::StopIfProtected => !self.sys.protected(self.dst).at(Step::Check(Side::Destination))?,
            Verdict::StopIfBadDescriptor => self.descriptors_are_good(),
            Verdict::NextIfRemote => !started && self.is_remote(),
        })
    }

    fn descriptors_are_good(&self) -> bool {
        let reads = self.sys.access(self.src).is_ok_and(|access| access.read);
        reads && self.sys.access(self.dst).is_ok_and(|access| access.write && !access.append)
    }

    fn is_remote(&self) -> bool {
        [self.src, self.dst].into_iter().any(|fd| self.sys.volume(fd).is_ok_and(|volume| volume.remote))
    }
}

/// How many bytes a method moved.
type Moving = core::result::Result<u64, Moved>;

/// The same of what is written whole or not at all.
type Written = core::result::Result<(), Moved>;

/// Why a method moved nothing.
enum Moved {
    /// The system call said so: the table decides.
    Refused(Errno),
    /// It is an error whatever the table says.
    Failed(Error),
    /// The copy went back, to write a hole as zeros.
    Back,
}

impl Moved {
    /// For a write of zeros, which has no hole before it to go back to.
    fn into_result(self) -> Result<()> {
        match self {
            Self::Failed(error) => Err(error),
            Self::Refused(errno) => Err(errno).at(Step::Copy(Side::Destination)),
            Self::Back => Ok(()),
        }
    }
}

/// The step at which `operation` was refused. Reading is what is refused of read and write: a write that fails is final.
fn refused(operation: Operation, errno: Errno) -> Step {
    Step::Copy(if operation == Operation::ReadWrite { Side::Source } else { table::side(errno) })
}

/// The blocks that `data` begins with, as long as all of them are zeros, or none is; and whether they are.
fn first_run(data: &[u8]) -> (&[u8], bool) {
    const BLOCK: usize = 4096;
    let zeros = |block: &[u8]| block.iter().all(|byte| *byte == 0);
    let kind = data.chunks(BLOCK).next().is_some_and(zeros);
    let blocks = data.chunks(BLOCK).take_while(|block| zeros(block) == kind).count();
    (data.get(..blocks.saturating_mul(BLOCK)).unwrap_or(data), kind)
}

/// The length of a whole file; of one that says it is empty (procfs) as much as there can be.
pub fn whole_length(stat: &Stat) -> u64 {
    if stat.size == 0 { i64::MAX.unsigned_abs() } else { stat.size }
}
