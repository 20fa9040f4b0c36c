//! Makes equal ranges of two files share their blocks: the kernel compares and shares, under a lock, what it is asked for here.
//! Nothing that a file shows ever changes. A difference is an answer, and no error.

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

/// Tried where the system shares nothing in its own block size, up to the largest record of ZFS in common use.
const LARGER_UNITS: [u64; 5] = [4 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20];

/// What the caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Sync the destination at the end.
    pub durable: bool,
    /// Go on behind a difference.
    pub past_differences: bool,
    /// Ask for what is shared already, too.
    pub no_look: bool,
    /// Look afterwards whether what was shared is.
    pub verify: bool,
}

/// What was done, or how far it came. The bytes, and those not reached, add up to `length`.
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
    /// Bytes behind the difference or the error that ended it.
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

    /// Takes back what the kernel need not have compared: where a file has grown meanwhile, the part of a block that was its
    /// end is no end any more, and the kernel leaves it out without a word.
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

/// Shares what is equal in the range, and says in `report` what that was, whether or not it succeeds.
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
    let untouched = *report;
    let mut work = Work::of(sys, range, options, &files, report);
    let mut asked = work.all(&files, progress);
    let (disordered, mut tail) = (work.disordered, work.tail);
    // A look is worth nothing if the maps were not of one instant, or if that cannot be told.
    if report.already > 0 && (disordered || files.moved(sys).unwrap_or(true)) {
        (report.already, report.verified) = (0, 0);
        if asked.is_ok() {
            *report = untouched;
            let options = Options { no_look: true, ..options };
            let mut work = Work::of(sys, range, options, &files, report);
            (asked, tail) = (work.all(&files, progress), work.tail);
        }
    }
    let moved = if tail > 0 { files.moved(sys) } else { Ok(false) };
    if moved.unwrap_or(true) {
        report.doubt(tail);
    }
    asked?;
    moved?;
    if options.durable && report.deduped > 0 {
        sys.sync(range.dst).at(Step::Sync)?;
    }
    Ok(())
}

/// How far it is. Offsets count from the beginning of the range.
struct Work<'w, 's, S: Sys> {
    sys: &'s S,
    range: &'w Range,
    options: Options,
    difference: Difference<'s, S>,
    /// All before this is in the report.
    at: u64,
    /// What the system shares as a whole or not at all.
    unit: u64,
    /// The kernel has compared something in this unit.
    answered: bool,
    /// A map was seen not to be of one instant.
    disordered: bool,
    /// How many of the shared bytes lie in a part of a unit, at the end of both files.
    tail: u64,
    report: &'w mut Report,
}

/// What the kernel said to a stretch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Shared,
    Differs,
    /// Not this file, or not in this unit: by an errno, or by a success that shared nothing.
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
    fn of(sys: &'s S, range: &'w Range, options: Options, files: &Files<S>, report: &'w mut Report) -> Self {
        let difference =
            Difference::new(sys, (range.src, range.src_offset), (files.reader(), range.dst_offset));
        let (at, unit, tail) = (0, 0, 0);
        Self { sys, range, options, difference, at, unit, answered: false, disordered: false, tail, report }
    }

    /// The whole range, in the smallest unit that the system takes.
    fn all(&mut self, files: &Files<S>, progress: &mut Progress) -> Result<()> {
        progress.tell(0, self.report.length)?;
        if files.common == 0 {
            return Ok(());
        }
        let mut flow = self.ask_for_nothing()?;
        if flow == Flow::On {
            for unit in self.units(files) {
                if unit != self.unit && !self.answered {
                    self.unit = unit;
                    flow = self.in_units(files, progress)?;
                }
                if !matches!(flow, Flow::Refused(_)) {
                    break;
                }
            }
        }
        match flow {
            Flow::AtDifference => return Ok(()),
            Flow::Refused(Some(errno)) => self.report.refused(errno),
            Flow::On if self.room(files) < files.common => self.report.refused(Errno::own(EFBIG)),
            _ => {}
        }
        self.skip_to(files.common, Reason::File);
        progress.tell(self.report.length, self.report.length)
    }

    /// What is refused for the pair is refused before their data is written out and read.
    fn ask_for_nothing(&mut self) -> Result<Flow> {
        Ok(match self.ask(0)? {
            Answer::Refused(errno) => Flow::Refused(errno),
            _ => Flow::On,
        })
    }

    /// The units to try, the smallest first. None is smaller than a block: of less than that the kernel compares nothing, and
    /// says that it is the same (fs/remap_range.c, generic_remap_check_len).
    fn units(&self, files: &Files<S>) -> impl Iterator<Item = u64> + use<S> {
        let preferred = files.dst_stat.block_size.max(512);
        let block = self.sys.volume(self.range.dst).map_or(preferred, |volume| volume.block_size).max(512);
        let [one, two, three, four, five] = LARGER_UNITS;
        let mut units = [block, preferred, one, two, three, four, five];
        units.sort_unstable();
        units.into_iter().filter(move |unit| (block..=STEP).contains(unit))
    }

    /// The limit on the destination's size: the kernel compares nothing beyond it, and sends SIGXFSZ to who asks
    /// there, though no file grows.
    fn room(&self, files: &Files<S>) -> u64 {
        files.common.min(self.sys.size_limit().saturating_sub(self.range.dst_offset))
    }

    /// Where whole units of both files begin and end. The last may be a part, where it is the last of both files.
    fn whole_units(&self, files: &Files<S>) -> Option<(u64, u64)> {
        let position = |offset: u64, at: u64| offset.saturating_add(at);
        let past = |offset: u64, at: u64| position(offset, at).checked_rem(self.unit).unwrap_or(0);
        let (src, dst) = (self.range.src_offset, self.range.dst_offset);
        if past(src, self.at) != past(dst, self.at) {
            return None;
        }
        let begin = self.unit.saturating_sub(past(dst, self.at)).checked_rem(self.unit)?;
        let begin = self.at.saturating_add(begin);
        let end = self.room(files);
        let whole_tail = files.ends_both && end == files.common;
        let end = if whole_tail { end } else { end.saturating_sub(past(dst, end)) };
        (begin < end).then_some((begin, end))
    }

    fn in_units(&mut self, files: &Files<S>, progress: &mut Progress) -> Result<Flow> {
        let Some((begin, end)) = self.whole_units(files) else { return Ok(Flow::On) };
        self.skip_to(begin, Reason::File);
        let mut batches = [Batch::default(), Batch::default()];
        let mut look = if self.options.no_look {
            Look::none()
        } else {
            Look::new(self.sys, self.range, files, (begin, end), &mut batches)?
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
                // With the whole unit that the stretch ends in: what is known behind it begins later.
                _ => self.step(self.unit_of(until.saturating_add(self.unit).saturating_sub(1)).min(near))?,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
            progress.tell(self.at, self.report.length)?;
        }
        Ok(Flow::On)
    }

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
            let found = self.difference.first(self.at, end)?;
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

    /// The beginning of the unit that a byte behind the ones done lies in.
    fn unit_of(&self, byte: u64) -> u64 {
        let past = byte.saturating_sub(self.at).checked_rem(self.unit).unwrap_or(0);
        byte.saturating_sub(past)
    }

    /// Takes what is left of the unit, up to `end`, for different.
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

    /// Looks at what was shared since `begin`.
    fn verify(&mut self, begin: u64) -> Result<()> {
        let length = self.at.saturating_sub(begin);
        let span = |fd, side, offset: u64| Span { fd, side, offset: offset.saturating_add(begin), length };
        let src = span(self.range.src, Side::Source, self.range.src_offset);
        let dst = span(self.range.dst, Side::Destination, self.range.dst_offset);
        let found = compare(self.sys, &src, &dst, true)?;
        self.report.verified = self.report.verified.saturating_add(found.same).saturating_add(found.holes);
        Ok(())
    }

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
        // A part of a unit was not compared, whatever the kernel says.
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
