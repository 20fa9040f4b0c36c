//! Makes equal ranges of two files share their blocks. The kernel compares and shares under a lock; what it is asked for is
//! decided here. No file's content ever changes. A difference is an answer, and no error.

use super::Span;
use super::compare::compare;
use super::difference::Difference;
use super::files::Files;
use super::look::{Known, Look};
use crate::copy::range::Range;
use crate::copy::{Progress, Reason, retry, table};
use crate::error::{At, Result, Side, Step};
use crate::sys::errno::EFBIG;
use crate::sys::maps::Batch;
use crate::sys::{Dedupe, Errno, Sys};

/// The most that the kernel is asked for in one call. It locks both files for as long as that takes: nobody can write,
/// and on XFS nobody can read.
const STEP: u64 = 16 << 20;

/// Larger units to try if the system shares nothing in its block size: up to the largest record of ZFS in common use.
const LARGER_UNITS: [u64; 5] = [4 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20];

/// What the caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Sync the destination at the end.
    pub durable: bool,
    /// Go on after a difference.
    pub past_differences: bool,
    /// Also ask for what is shared already.
    pub no_look: bool,
    /// Check afterwards in the maps what is shared.
    pub verify: bool,
}

/// What was done so far. The bytes, except `verified` and with those not reached, add up to `length`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The length of the range, up to the end of the longer file.
    pub length: u64,
    /// Bytes that the kernel compared and shared.
    pub deduped: u64,
    /// Bytes that were shared before.
    pub already: u64,
    /// Bytes of the blocks in which the files differ, and those that only one of them has.
    pub different: u64,
    /// Bytes that could not be asked for.
    pub skipped: u64,
    /// Bytes of `deduped` and `already` that the maps show to be shared.
    pub verified: u64,
    /// The first byte found to differ, from the beginning of the range.
    pub first_difference: Option<u64>,
    /// Why bytes were skipped, or what failed.
    pub reason: Reason,
    /// The negative errno by which the system refused, 0 if it did not.
    pub dedupe_error: i32,
}

impl Report {
    /// Bytes after the difference or the error that ended the call.
    pub fn not_reached(&self) -> u64 {
        let known = [self.deduped, self.already, self.different, self.skipped];
        known.into_iter().fold(self.length, u64::saturating_sub)
    }

    fn already(&mut self, length: u64, options: Options) {
        self.already = self.already.saturating_add(length);
        if options.verify {
            self.verified = self.verified.saturating_add(length);
        }
    }

    fn skip(&mut self, length: u64, reason: Reason) {
        self.skipped = self.skipped.saturating_add(length);
        if length > 0 && self.reason == Reason::None {
            self.reason = reason;
        }
    }

    /// Takes back the part of a block at the end of both files, which the kernel may not have compared: if a file has grown,
    /// its end is elsewhere, and the kernel silently leaves that part out.
    fn doubt(&mut self, tail: u64) {
        self.deduped = self.deduped.saturating_sub(tail);
        self.verified = self.verified.min(self.deduped.saturating_add(self.already));
        self.skip(tail, Reason::Transient);
    }

    fn refused(&mut self, errno: Errno) {
        self.reason = table::reason(errno);
        self.dedupe_error = errno.number().saturating_neg();
    }
}

/// Shares what is equal in the range. Fills `report`, on success and on failure.
pub fn run<S: Sys>(
    sys: &S,
    range: &Range,
    options: Options,
    progress: &mut Progress,
    report: &mut Report,
) -> Result<()> {
    let files = Files::check(sys, range)?;
    let different = files.length.saturating_sub(files.common);
    *report = Report {
        length: files.length,
        different,
        first_difference: (different > 0).then_some(files.common),
        ..Report::default()
    };
    if files.one_file && range.src_offset == range.dst_offset {
        report.already(files.common, options);
        return Ok(());
    }
    ask_for_all(sys, range, options, &files, progress, report)?;
    // What was shared before need not be on the device either.
    if options.durable && report.deduped.saturating_add(report.already) > 0 {
        sys.sync(range.dst).at(Step::Sync)?;
    }
    Ok(())
}

/// Asks for what is not known to be shared. If a file changed during that, asks for everything once more, and does not trust the end.
fn ask_for_all<'s, S: Sys>(
    sys: &'s S,
    range: &Range,
    options: Options,
    files: &Files<'s, S>,
    progress: &mut Progress,
    report: &mut Report,
) -> Result<()> {
    let untouched = *report;
    let mut pass = |options, report: &mut Report| {
        let mut work = Work::of(sys, range, options, files, report);
        let asked = work.all(progress);
        (asked, work.disordered, work.tail)
    };
    let (mut asked, disordered, mut tail) = pass(options, report);
    // Maps that were not of one instant, or may not have been, prove nothing: all is asked for once more, without a look.
    if report.already > 0 && (disordered || files.moved().unwrap_or(true)) {
        (report.already, report.verified) = (0, 0);
        if asked.is_ok() {
            *report = untouched;
            (asked, _, tail) = pass(Options { no_look: true, ..options }, report);
        }
    }
    let moved = if tail > 0 { files.moved() } else { Ok(false) };
    if moved.unwrap_or(true) {
        report.doubt(tail);
    }
    asked?;
    moved.map(drop)
}

/// One pass over the range. Offsets count from its beginning.
struct Work<'w, 's, S: Sys> {
    sys: &'s S,
    range: &'w Range,
    files: &'w Files<'s, S>,
    options: Options,
    /// Once something differs.
    difference: Option<Difference<'s, S>>,
    /// Everything before this offset is in the report.
    at: u64,
    /// The size of a unit, which the system shares as a whole or not at all.
    unit: u64,
    /// The kernel has compared something in this unit.
    answered: bool,
    /// A map was seen not to be of one instant.
    disordered: bool,
    /// How many of the shared bytes lie in a part of a unit, at the end of both files.
    tail: u64,
    report: &'w mut Report,
}

/// The kernel's answer about a stretch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Shared,
    Differs,
    /// It shares nothing of this file, or nothing in this unit. `None`: the call succeeded and shared nothing.
    Refused(Option<Errno>),
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    AtDifference,
    Refused(Option<Errno>),
}

impl<'w, 's, S: Sys> Work<'w, 's, S> {
    fn of(
        sys: &'s S,
        range: &'w Range,
        options: Options,
        files: &'w Files<'s, S>,
        report: &'w mut Report,
    ) -> Self {
        let (at, unit, tail, answered, disordered) = (0, 0, 0, false, false);
        Self { sys, range, files, options, difference: None, at, unit, answered, disordered, tail, report }
    }

    /// Asks for the whole range, in the smallest unit that the system accepts.
    fn all(&mut self, progress: &mut Progress) -> Result<()> {
        let common = self.files.common;
        progress.tell(0, self.report.length)?;
        if common == 0 {
            return Ok(());
        }
        let mut flow = self.ask_for_nothing()?;
        if flow == Flow::On {
            for unit in self.units() {
                if unit != self.unit && !self.answered {
                    self.unit = unit;
                    flow = self.in_units(progress)?;
                }
                if !matches!(flow, Flow::Refused(_)) {
                    break;
                }
            }
        }
        match flow {
            Flow::AtDifference => return Ok(()),
            Flow::Refused(Some(errno)) => self.report.refused(errno),
            Flow::On if self.room() < common => self.report.refused(Errno::own(EFBIG)),
            _ => {}
        }
        self.skip_to(common, Reason::File);
        progress.tell(self.report.length, self.report.length)
    }

    /// Asks for 0 bytes: a system that refuses these two files does so here, before their data is written out and read.
    fn ask_for_nothing(&mut self) -> Result<Flow> {
        Ok(match self.ask(0)? {
            Answer::Refused(errno) => Flow::Refused(errno),
            _ => Flow::On,
        })
    }

    /// The units to try, the smallest first. None is smaller than a block: the kernel compares nothing of a part of one, and
    /// reports that it is the same (fs/remap_range.c, generic_remap_check_len).
    fn units(&self) -> impl Iterator<Item = u64> + use<S> {
        let preferred = self.files.dst_stat.block_size.max(512);
        let block = self.sys.volume(self.range.dst).map_or(preferred, |volume| volume.block_size).max(512);
        let [one, two, three, four, five] = LARGER_UNITS;
        let mut units = [block, preferred, one, two, three, four, five];
        units.sort_unstable();
        units.into_iter().filter(move |unit| (block..=STEP).contains(unit))
    }

    /// How much of the range is below the limit on file sizes. Beyond it the kernel compares nothing and sends SIGXFSZ, though
    /// no file grows.
    fn room(&self) -> u64 {
        self.files.common.min(self.sys.size_limit().saturating_sub(self.range.dst_offset))
    }

    /// Where the whole units of both files begin and end. The last one may be partial, if both files end in it.
    fn whole_units(&self) -> Option<(u64, u64)> {
        let position = |offset: u64, at: u64| offset.saturating_add(at);
        let past = |offset: u64, at: u64| position(offset, at).checked_rem(self.unit).unwrap_or(0);
        let (src, dst) = (self.range.src_offset, self.range.dst_offset);
        if past(src, self.at) != past(dst, self.at) {
            return None;
        }
        let begin = self.unit.saturating_sub(past(dst, self.at)).checked_rem(self.unit)?;
        let begin = self.at.saturating_add(begin);
        let end = self.room();
        let whole_tail = self.files.ends_both && end == self.files.common;
        let end = if whole_tail { end } else { end.saturating_sub(past(dst, end)) };
        (begin < end).then_some((begin, end))
    }

    /// Asks for the whole units, and skips what is before them.
    fn in_units(&mut self, progress: &mut Progress) -> Result<Flow> {
        let Some((begin, end)) = self.whole_units() else { return Ok(Flow::On) };
        self.skip_to(begin, Reason::File);
        let mut batches = [Batch::default(), Batch::default()];
        let mut look = if self.options.no_look {
            Look::none()
        } else {
            Look::new(self.sys, self.range, self.files, (begin, end), &mut batches)?
        };
        let flow = self.walk(&mut look, end, progress);
        self.disordered |= look.disordered();
        flow
    }

    /// Asks for what is not known to be shared, in steps.
    fn walk(&mut self, look: &mut Look<S>, end: u64, progress: &mut Progress) -> Result<Flow> {
        while self.at < end {
            let near = self.at.saturating_add(STEP).min(end);
            let (until, known) = look.stretch(self.at, near)?;
            let whole = if until >= end { end } else { self.unit_of(until) };
            let flow = match known {
                Known::Shared if whole > self.at => {
                    self.report.already(whole.saturating_sub(self.at), self.options);
                    self.at = whole;
                    Flow::On
                }
                Known::Inline => {
                    self.skip_to(until.min(end), Reason::File);
                    Flow::On
                }
                // Rounded up to a whole unit: what is known of the bytes after the stretch counts from there on.
                _ => self.step(self.unit_of(until.saturating_add(self.unit).saturating_sub(1)).min(near))?,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
            progress.tell(self.at, self.report.length)?;
        }
        Ok(Flow::On)
    }

    /// Asks for everything up to `end`, and handles the differences.
    fn step(&mut self, end: u64) -> Result<Flow> {
        let Range { src, src_offset, dst, dst_offset, .. } = *self.range;
        let length = end.saturating_sub(self.at);
        for (fd, offset) in [(src, src_offset), (dst, dst_offset)] {
            // The kernel reads a page at a time to compare, and waits for each.
            self.sys.read_ahead(fd, offset.saturating_add(self.at), length);
        }
        match self.share(end)? {
            Answer::Shared => Ok(Flow::On),
            Answer::Refused(errno) => Ok(Flow::Refused(errno)),
            Answer::Differs => self.around_differences(end),
        }
    }

    /// Shares what is equal between the differences, up to the first of them or up to `end`.
    fn around_differences(&mut self, end: u64) -> Result<Flow> {
        while self.at < end {
            let at = self.at;
            let found = self.difference()?.first(at, end)?;
            let equal = found.map_or(end, |found| self.unit_of(found));
            match self.share(equal)? {
                Answer::Shared => {}
                Answer::Refused(errno) => return Ok(Flow::Refused(errno)),
                // Written to since, or never different: nothing is known of it.
                Answer::Differs => self.skip_to(equal, Reason::Transient),
            }
            let Some(found) = found else { break };
            self.differs(found, equal.saturating_add(self.unit).min(end));
            if !self.options.past_differences {
                return Ok(Flow::AtDifference);
            }
        }
        Ok(Flow::On)
    }

    fn difference(&mut self) -> Result<&mut Difference<'s, S>> {
        let (sys, range, reader) = (self.sys, self.range, self.files.reader()?);
        let ends = ((range.src, range.src_offset), (reader, range.dst_offset));
        Ok(self.difference.get_or_insert_with(|| Difference::new(sys, ends.0, ends.1)))
    }

    /// Where the unit of a byte begins. The byte is not done yet.
    fn unit_of(&self, byte: u64) -> u64 {
        let past = byte.saturating_sub(self.at).checked_rem(self.unit).unwrap_or(0);
        byte.saturating_sub(past)
    }

    /// Counts everything up to `end`, the end of the unit in which `found` differs, as different.
    fn differs(&mut self, found: u64, end: u64) {
        let report = &mut *self.report;
        report.first_difference = Some(report.first_difference.map_or(found, |first| first.min(found)));
        report.different = report.different.saturating_add(end.saturating_sub(self.at));
        self.at = end;
    }

    fn skip_to(&mut self, end: u64, reason: Reason) {
        self.report.skip(end.saturating_sub(self.at), reason);
        self.at = self.at.max(end);
    }

    /// Has the kernel share everything up to `end`, which it may do in several parts.
    fn share(&mut self, end: u64) -> Result<Answer> {
        let (begin, mut answer) = (self.at, Answer::Shared);
        while self.at < end && answer == Answer::Shared {
            answer = self.ask(end.saturating_sub(self.at))?;
        }
        if self.options.verify && self.at > begin {
            self.verify(begin)?;
        }
        Ok(answer)
    }

    /// Counts what the maps show to be shared from `begin` on.
    fn verify(&mut self, begin: u64) -> Result<()> {
        let length = self.at.saturating_sub(begin);
        let span = |fd, side, offset: u64| Span { fd, side, offset: offset.saturating_add(begin), length };
        let src = span(self.range.src, Side::Source, self.range.src_offset);
        let dst = span(self.range.dst, Side::Destination, self.range.dst_offset);
        let found = compare(self.sys, &src, &dst, true)?;
        self.report.verified = self.report.verified.saturating_add(found.same).saturating_add(found.holes);
        Ok(())
    }

    /// Makes one call, and counts what it shared.
    fn ask(&mut self, length: u64) -> Result<Answer> {
        let Range { src, src_offset, dst, dst_offset, .. } = *self.range;
        let (from, to) = (src_offset.saturating_add(self.at), dst_offset.saturating_add(self.at));
        let shared = match retry::clone(self.sys, src, true, || self.sys.dedupe(src, from, dst, to, length)) {
            Ok(Dedupe::Shared(bytes)) => bytes,
            Ok(Dedupe::Differs) => {
                self.answered = true;
                return Ok(Answer::Differs);
            }
            Err(errno) => return self.refused(errno),
        };
        // The kernel does not compare a part of a unit, whatever it reports.
        let part = shared.checked_rem(self.unit).unwrap_or(0);
        let shared = if shared >= length { length } else { shared.saturating_sub(part) };
        self.tail = shared.checked_rem(self.unit).unwrap_or(0);
        if shared < length.min(1) {
            return Ok(Answer::Refused(None));
        }
        self.answered |= shared > 0;
        self.report.deduped = self.report.deduped.saturating_add(shared);
        self.at = self.at.saturating_add(shared);
        Ok(Answer::Shared)
    }

    /// Whether it is only this file, or this unit of it, that cannot be shared; else an error.
    fn refused(&mut self, errno: Errno) -> Result<Answer> {
        if table::reason(errno) == Reason::File {
            return Ok(Answer::Refused(Some(errno)));
        }
        self.report.refused(errno);
        if self.report.reason != Reason::Failure {
            self.report.skipped = self.report.skipped.saturating_add(self.report.not_reached());
        }
        Err(errno).at(Step::Dedupe(table::side(errno)))
    }
}

#[cfg(all(test, unix))]
mod tests;
