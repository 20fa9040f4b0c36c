//! The chain of methods over one stretch of bytes: clone, then the kernel's copy call, then read and write.
//! Each goes on from where the last one stopped; `table` decides what an error means.

use super::holes::{Holes, Segment};
use super::progress::{COPY_STEP, STEP};
use super::table::{self, Operation, Verdict};
use super::{Meter, Mode, Reason, Report};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::errno::{EAGAIN, EFBIG, EIO, ENOMEM};
use crate::sys::{Errno, Fd, Stat, Sys};

/// The one buffer of read and write: 256 KiB, about where larger ones stop being faster (coreutils'
/// ioblksize.h).
const BUFFER: usize = 256 << 10;

/// How much of a source that says it is empty is read before it is asked once more.
const FIRST_LOOK: u64 = 64 << 10;

/// How often a call without progress is made again before that counts as an answer.
const AGAIN_AT_MOST: u32 = 8;
const LATER_AT_MOST: u32 = 3;

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
    /// The source, opened for reading.
    pub src: Fd,
    /// What it was before the first byte moved.
    pub src_stat: Stat,
    /// The destination, opened for writing.
    pub dst: Fd,
    /// Its size before the first byte moved: beyond it all is zeros already.
    pub dst_size: u64,
    /// Where the stretch begins in the source.
    pub src_offset: u64,
    /// Where it begins in the destination.
    pub dst_offset: u64,
    /// Its length. For a source that does not know its own size (procfs) the most that is wanted.
    pub length: u64,
    /// The source says that it is empty: only reading tells.
    pub sizeless: bool,
    /// The one count of what has been done, for all methods.
    pub done: u64,
    mode: Mode,
    ownership: Ownership,
    limit: u64,
    written_to: u64,
    /// The size that the destination was given before all of its bytes were there, 0 if it was not.
    sized_to: u64,
    holes: Holes<'s, S>,
    buffer: Vec<u8>,
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
            written_to: 0,
            sized_to: 0,
            holes,
            buffer: Vec::new(),
            at_end: false,
        }
    }

    fn src_position(&self) -> u64 {
        self.src_offset.saturating_add(self.done)
    }

    fn dst_position(&self) -> u64 {
        self.dst_offset.saturating_add(self.done)
    }

    /// The stretch's total for a progress function: the source's size, or what has come so far of
    /// one without.
    fn total(&self) -> u64 {
        if self.sizeless { self.done } else { self.length }
    }

    fn tell(&self, meter: &mut Meter) -> Result<()> {
        meter.tell(self.done, self.total())
    }

    /// Whether the source was found to end before the stretch does.
    pub fn source_ended(&self) -> bool {
        self.at_end
    }

    // ── Clone ──

    /// Clones the whole file in one call. The caller checks the size that came out.
    pub fn clone_file(&mut self, report: &mut Report, meter: &mut Meter) -> Result<Flow> {
        self.tell(meter)?;
        if self.attempt_clone(report, |stretch| stretch.sys.clone_file(stretch.src, stretch.dst))?
            == Flow::NextMethod
        {
            return Ok(Flow::NextMethod);
        }
        report.cloned = report.cloned.saturating_add(self.length);
        self.done = self.length;
        self.tell(meter)?;
        Ok(Flow::Finished)
    }

    /// Clones by ranges up to `until` (a count like `done`): in one call, or in steps when progress
    /// is watched.
    pub fn clone_until(&mut self, until: u64, report: &mut Report, meter: &mut Meter) -> Result<Flow> {
        while self.done < until {
            self.tell(meter)?;
            let rest = until.saturating_sub(self.done);
            let step = if meter.listens() { rest.min(STEP) } else { rest };
            let (from, to) = (self.src_position(), self.dst_position());
            let cloned = self.attempt_clone(report, |stretch| {
                stretch.sys.clone_range(stretch.src, from, step, stretch.dst, to)
            })?;
            if cloned == Flow::NextMethod {
                return Ok(Flow::NextMethod);
            }
            report.cloned = report.cloned.saturating_add(step);
            self.done = self.done.saturating_add(step);
            self.written_to = self.dst_position();
        }
        self.tell(meter)?;
        Ok(Flow::Finished)
    }

    /// Asks whether a clone would be refused, and notes why, without changing a byte.
    pub fn try_clone_nothing(&mut self, report: &mut Report) -> Result<Flow> {
        self.attempt_clone(report, |stretch| {
            stretch.sys.clone_nothing(stretch.src, stretch.src_stat.size, stretch.dst)
        })
    }

    /// Clones the stretch's beginning to somewhere else in the destination, to see whether it can be.
    pub fn try_clone_to(&mut self, offset: u64, length: u64, report: &mut Report) -> Result<Flow> {
        self.attempt_clone(report, |stretch| {
            stretch.sys.clone_range(stretch.src, stretch.src_offset, length, stretch.dst, offset)
        })
    }

    /// Makes one clone call, again where that helps, and notes why it was refused.
    fn attempt_clone(
        &mut self,
        report: &mut Report,
        call: impl Fn(&Self) -> crate::sys::Result<()>,
    ) -> Result<Flow> {
        let mut tries = Tries::default();
        loop {
            let Err(errno) = call(self) else {
                report.clone_succeeded = true;
                return Ok(Flow::Finished);
            };
            if self.mode == Mode::Always && errno.is(EAGAIN) {
                // ZFS: the source's blocks are not on disk yet. It is the caller's only method, so
                // wait for them.
                let _ = self.sys.sync(self.src);
            }
            let decision = self.decide(Operation::Clone, errno, report.cloned > 0, &mut tries)?;
            if decision == Decision::Again {
                continue;
            }
            report.reason = table::reason(errno);
            report.clone_error = errno.number().saturating_neg();
            if decision == Decision::Stop || self.mode == Mode::Always {
                return Err(errno).at(Step::Clone);
            }
            self.discard_failed_clone(errno)?;
            return Ok(Flow::NextMethod);
        }
    }

    /// A clone that failed halfway may have shared a part (the kernel reports a short one as
    /// EINVAL; ZFS: "undefined"). What it left in a file of ours is cut off again; in a caller's
    /// file the next method writes over it.
    fn discard_failed_clone(&self, errno: Errno) -> Result<()> {
        let refused_at_the_door = matches!(table::reason(errno), Reason::Unsupported | Reason::CrossDevice);
        if self.ownership == Ownership::Ours && !refused_at_the_door {
            self.sys.set_size(self.dst, self.dst_position()).at(Step::Clone)?;
        }
        Ok(())
    }

    // ── Copy ──

    /// Copies up to `until` (a count like `done`), by the kernel's own call first unless `edge`
    /// says that it is not worth one.
    pub fn copy_until(
        &mut self,
        until: u64,
        edge: bool,
        report: &mut Report,
        meter: &mut Meter,
    ) -> Result<()> {
        let kernel = self.mode == Mode::Auto && !edge && !self.sizeless && until > self.done;
        let outcome = self.copy_by_chain(until, kernel, report, meter);
        if outcome.is_err() && self.ownership == Ownership::Callers {
            let _ = self.settle_size(); // no zeros behind what was copied; the error is the one to report
        }
        report.copy_finished = outcome.is_ok();
        outcome
    }

    fn copy_by_chain(
        &mut self,
        until: u64,
        kernel: bool,
        report: &mut Report,
        meter: &mut Meter,
    ) -> Result<()> {
        let kernel = kernel && self.sys.kernel_copy_usable();
        if !kernel || self.run(until, Operation::KernelCopy, report, meter)? == Flow::NextMethod {
            self.run(until, Operation::ReadWrite, report, meter)?;
        }
        Ok(())
    }

    /// Walks over data and holes up to `until`, moving the data by one method.
    fn run(
        &mut self,
        until: u64,
        operation: Operation,
        report: &mut Report,
        meter: &mut Meter,
    ) -> Result<Flow> {
        let mut tries = Tries::default();
        while self.done < until {
            self.tell(meter)?;
            let end = self.src_offset.saturating_add(until);
            let position = self.src_position();
            let until_data = match self.holes.segment_at(position, end, &self.src_stat)? {
                Segment::Hole(to) => {
                    self.leave_hole(to.saturating_sub(position), report)?;
                    continue;
                }
                Segment::Data(to) => to,
            };
            if operation == Operation::KernelCopy && self.holes.hidden(&self.src_stat) {
                return Ok(Flow::NextMethod); // copy_file_range would fill the holes that only reading can find
            }
            let step = if meter.listens() { COPY_STEP } else { STEP };
            let want = until_data.saturating_sub(position).min(step);
            let moved = match operation {
                Operation::KernelCopy => self.kernel_copy(want, report),
                _ => self.read_write(want, report),
            };
            match moved {
                // Not the end of the file before a read says so: 0 is also how procfs and old CIFS
                // answer copy_file_range.
                Ok(0) if operation == Operation::KernelCopy => return Ok(Flow::NextMethod),
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(_) => tries = Tries::default(),
                Err(Moved::Failed(error)) => return Err(error),
                Err(Moved::Refused(errno)) => {
                    match self.decide(operation, errno, report.kernel_copied > 0, &mut tries)? {
                        Decision::Again => {}
                        Decision::Next => return Ok(Flow::NextMethod),
                        Decision::Stop => return Err(errno).at(Step::Copy),
                    }
                }
            }
        }
        self.tell(meter)?;
        Ok(Flow::Finished)
    }

    fn kernel_copy(&mut self, want: u64, report: &mut Report) -> core::result::Result<u64, Moved> {
        let (from, to) = (self.src_position(), self.dst_position());
        let moved = self.sys.kernel_copy(self.src, from, self.dst, to, want).map_err(Moved::Refused)?;
        if moved > want {
            return Err(Moved::Failed(Error::new(Step::Copy, Cause::Inconsistent)));
        }
        report.kernel_copied = report.kernel_copied.saturating_add(moved);
        self.advance(moved);
        Ok(moved)
    }

    fn read_write(&mut self, want: u64, report: &mut Report) -> core::result::Result<u64, Moved> {
        self.make_buffer(want).map_err(Moved::Failed)?;
        let mut buffer = core::mem::take(&mut self.buffer);
        let moved = self.read_write_through(&mut buffer, want, report);
        self.buffer = buffer;
        moved
    }

    fn read_write_through(
        &mut self,
        buffer: &mut [u8],
        want: u64,
        report: &mut Report,
    ) -> core::result::Result<u64, Moved> {
        let most = usize::try_from(want).unwrap_or(usize::MAX).min(buffer.len());
        let Some(window) = buffer.get_mut(..most) else { return Ok(0) };
        let read = self.sys.read_at(self.src, window, self.src_position()).map_err(Moved::Refused)?;
        // More than asked for is an impossible answer, and not one to index with.
        let impossible = || Moved::Failed(Error::new(Step::Copy, Cause::Inconsistent));
        let data = window.get(..read).ok_or_else(impossible)?;
        if data.is_empty() {
            return Ok(0);
        }
        if self.may_elide(data) {
            self.give_final_size().map_err(Moved::Failed)?;
            self.done = self.done.saturating_add(read as u64);
            report.holes = report.holes.saturating_add(read as u64);
            return Ok(read as u64);
        }
        self.write_all(data, report).map_err(Moved::Failed)?;
        Ok(read as u64)
    }

    /// Zeros of a file known to have holes in unknown places, not yet there in the destination
    /// either.
    fn may_elide(&self, data: &[u8]) -> bool {
        self.holes.hidden(&self.src_stat)
            && self.dst_position() >= self.dst_size
            && data.iter().all(|byte| *byte == 0)
    }

    /// Writes all of `data` at the destination's position. What counts is what was written, not
    /// what was read.
    fn write_all(&mut self, data: &[u8], report: &mut Report) -> Result<()> {
        let mut rest = data;
        let mut tries = Tries::default();
        while !rest.is_empty() {
            let end = self.dst_position().saturating_add(rest.len() as u64);
            if end > self.limit {
                return Err(Errno(EFBIG)).at(Step::Copy); // the kernel would send SIGXFSZ
            }
            match self.sys.write_at(self.dst, rest, self.dst_position()) {
                Ok(0) if tries.zero => return Err(Errno(EIO)).at(Step::Copy),
                Ok(0) => tries.zero = true,
                Ok(written) => {
                    let impossible = Error::new(Step::Copy, Cause::Inconsistent);
                    rest = rest.get(written..).ok_or(impossible)?;
                    tries = Tries::default();
                    report.copied = report.copied.saturating_add(written as u64);
                    self.advance(written as u64);
                }
                Err(errno) => {
                    if self.decide(Operation::ReadWrite, errno, true, &mut tries)? != Decision::Again {
                        return Err(errno).at(Step::Copy);
                    }
                }
            }
        }
        Ok(())
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
                Err(errno) => return Err(errno).at(Step::Copy),
            }
        }
        let left = if there > 0 { there } else { length };
        if there == 0 {
            self.give_final_size()?;
        }
        self.done = self.done.saturating_add(left);
        report.holes = report.holes.saturating_add(left);
        Ok(())
    }

    fn write_zeros(&mut self, length: u64, report: &mut Report) -> Result<()> {
        self.make_buffer(length)?;
        let mut buffer = core::mem::take(&mut self.buffer);
        buffer.fill(0);
        let most = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
        let written = buffer.get(..most).map_or(Ok(()), |zeros| self.write_all(zeros, report));
        self.buffer = buffer;
        written
    }

    /// The buffer comes into being with the first byte that needs it, and a failure to get one is
    /// an error like any other.
    fn make_buffer(&mut self, want: u64) -> Result<()> {
        let size = usize::try_from(want).unwrap_or(usize::MAX).min(BUFFER);
        if self.buffer.len() < size {
            let more = size.saturating_sub(self.buffer.len());
            self.buffer.try_reserve_exact(more).map_err(|_| Errno(ENOMEM)).at(Step::Copy)?;
            self.buffer.resize(size, 0);
        }
        Ok(())
    }

    fn advance(&mut self, moved: u64) {
        self.done = self.done.saturating_add(moved);
        self.written_to = self.dst_position();
    }

    /// Gives the destination its size before the first hole beyond its end. Otherwise each write after a hole extends the file,
    /// XFS allocates ahead of it, and what it allocated stays where the next hole should be (coreutils punches it out again).
    fn give_final_size(&mut self) -> Result<()> {
        let end = self.dst_offset.saturating_add(self.length);
        if self.sized_to == 0 && end > self.dst_size {
            self.sys.set_size(self.dst, end).at(Step::Copy)?;
            self.sized_to = end;
        }
        Ok(())
    }

    /// Makes the destination end where the last byte or hole of the stretch does, unless it was longer before.
    pub fn settle_size(&self) -> Result<()> {
        let end = self.dst_position().max(self.dst_size);
        let now = self.sized_to.max(self.written_to).max(self.dst_size);
        if end == now { Ok(()) } else { self.sys.set_size(self.dst, end).at(Step::Copy) }
    }

    /// Copies what is left. A source without a size is read until it ends, or, if it turns out to be
    /// an ordinary file that grows, to the size it had when that was first seen: no race with
    /// whoever writes it.
    pub fn copy_to_end(&mut self, report: &mut Report, meter: &mut Meter) -> Result<()> {
        if !self.sizeless {
            return self.copy_until(self.length, false, report, meter);
        }
        let mut until = self.length;
        while self.done < until && !self.at_end {
            let stride = if self.done == 0 { FIRST_LOOK } else { STEP };
            let step = self.done.saturating_add(stride).min(until);
            self.copy_until(step, false, report, meter)?;
            if until == self.length {
                let size = self.sys.stat(self.src).at(Step::Copy)?.size.saturating_sub(self.src_offset);
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
            return Err(Error::new(Step::Copy, Cause::Inconsistent));
        }
        Ok(())
    }

    // ── What an error means ──

    /// Asks the table, and the system where the table wants to know more.
    /// `started`: the operation has worked before in this copy, so that it is not merely unknown here.
    fn decide(
        &self,
        operation: Operation,
        errno: Errno,
        started: bool,
        tries: &mut Tries,
    ) -> Result<Decision> {
        let only_method = self.mode == Mode::Always || operation == Operation::ReadWrite;
        let give_up = if only_method { Decision::Stop } else { Decision::Next };
        Ok(match table::verdict(operation, errno) {
            Verdict::Next if self.mode == Mode::Always && errno.is(EAGAIN) => tries.later(Decision::Stop),
            Verdict::Next => Decision::Next,
            Verdict::Stop => Decision::Stop,
            Verdict::Again => tries.again(give_up),
            Verdict::Later => tries.later(give_up),
            Verdict::NextAtStart => Decision::next_if(!started),
            Verdict::StopIfProtected => Decision::next_if(!self.sys.protected(self.dst).at(Step::Check)?),
            Verdict::StopIfBadDescriptor => Decision::next_if(self.descriptors_are_good()),
            Verdict::NextIfRemote => Decision::next_if(!started && self.is_remote()),
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

/// What to do about an error, all things asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Again,
    Next,
    Stop,
}

impl Decision {
    const fn next_if(next: bool) -> Self {
        if next { Self::Next } else { Self::Stop }
    }
}

/// Why a method moved nothing.
enum Moved {
    /// The system call said so: the table decides.
    Refused(Errno),
    /// It is an error whatever the table says.
    Failed(Error),
}

/// Counts the tries that got nowhere, so that every loop ends.
#[derive(Default)]
struct Tries {
    again: u32,
    later: u32,
    zero: bool,
}

impl Tries {
    fn again(&mut self, give_up: Decision) -> Decision {
        self.again = self.again.saturating_add(1);
        if self.again > AGAIN_AT_MOST { give_up } else { Decision::Again }
    }

    fn later(&mut self, give_up: Decision) -> Decision {
        self.later = self.later.saturating_add(1);
        if self.later > LATER_AT_MOST { give_up } else { Decision::Again }
    }
}
