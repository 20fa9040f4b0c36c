//! Whether equal ranges can be made to share: a trial with files that were written apart. The same bytes must come to share, and
//! one byte that differs must keep them from it: a kernel that compared nothing also says that they are the same.

use super::{Capability, LARGEST_UNIT, candidates, fill};
use crate::copy::{Reason, retry, table};
use crate::sys::errno::EIO;
use crate::sys::{Dedupe, Errno, Fd, Result, Sys};

/// Where the bytes of the trial come from.
#[derive(Clone, Copy)]
pub enum Source {
    /// A scratch file, filled up to here.
    Scratch(u64),
    /// A file of the caller's, of this size.
    Callers(u64),
}

/// Tries it, and says in `found` what came of it.
pub fn try_out<S: Sys>(sys: &S, (src, from): (Fd, Source), target: Fd, found: &mut Capability) {
    match in_units(sys, (src, from), target) {
        Ok(unit) => {
            found.dedupe = Some(true);
            found.dedupe_granularity = unit;
        }
        Err(errno) => {
            found.dedupe_error = errno.number().saturating_neg();
            // An answer about the volumes is one about every file there, and so is what is said of a file made for this.
            found.dedupe = match (table::reason(errno), from) {
                (Reason::Unsupported | Reason::CrossDevice, _) | (Reason::File, Source::Scratch(_)) => {
                    Some(false)
                }
                _ => None,
            };
        }
    }
}

/// The smallest unit in which something was shared; 0 for a file that was shared whole.
fn in_units<S: Sys>(sys: &S, (src, from): (Fd, Source), target: Fd) -> Result<u64> {
    ask(sys, src, target, 0)?; // what is refused for the pair is refused before anything is written
    let mut refused = Errno::own(crate::sys::errno::EINVAL);
    // Less than a block may be shared by name only; so the smallest unit is a block.
    let block = sys.volume(target).map_or(0, |volume| volume.block_size).min(LARGEST_UNIT);
    let preferred = sys.stat(src).map_or(4096, |stat| stat.block_size);
    let mut last = 0;
    for unit in candidates(sys, target, preferred).into_iter().filter(|unit| *unit >= block) {
        if unit == last {
            continue;
        }
        last = unit;
        let length = match from {
            Source::Scratch(mut end) => fill(sys, src, &mut end, unit).map(|()| unit)?,
            Source::Callers(size) => unit.min(size),
        };
        copy(sys, src, target, length)?;
        match ask(sys, src, target, length) {
            // What is shared in a part only, or not compared, is another unit's.
            Ok(Dedupe::Shared(shared)) if shared >= length && is_compared(sys, src, target, length)? => {
                return Ok(if length < unit { 0 } else { unit });
            }
            Ok(_) => {}
            Err(errno) if table::alignment_refused(errno) => refused = errno,
            Err(errno) => return Err(errno),
        }
        if length < unit {
            break; // it was all that there is
        }
    }
    Err(refused)
}

/// Whether one byte that differs keeps the rest from being shared.
fn is_compared<S: Sys>(sys: &S, src: Fd, target: Fd, length: u64) -> Result<bool> {
    let mut byte = [0];
    if sys.read_at(target, &mut byte, 0)? != 1 {
        return Err(Errno::own(EIO));
    }
    let [value] = byte;
    if sys.write_at(target, &[!value], 0)? != 1 {
        return Err(Errno::own(EIO));
    }
    Ok(ask(sys, src, target, length)? == Dedupe::Differs)
}

fn ask<S: Sys>(sys: &S, src: Fd, target: Fd, length: u64) -> Result<Dedupe> {
    retry::clone(sys, src, true, || sys.dedupe(src, 0, target, 0, length))
}

/// Makes the target hold the first bytes of the source, in blocks of its own.
fn copy<S: Sys>(sys: &S, src: Fd, target: Fd, length: u64) -> Result<()> {
    sys.set_size(target, 0)?;
    let (mut buffer, mut at) = ([0_u8; 4096], 0_u64);
    while at < length {
        let most = usize::try_from(length.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
        let read = sys.read_at(src, buffer.get_mut(..most).unwrap_or_default(), at)?;
        let wrote = sys.write_at(target, buffer.get(..read).unwrap_or_default(), at)?;
        if wrote == 0 || wrote > read {
            return Err(Errno::own(EIO));
        }
        at = at.saturating_add(wrote as u64);
    }
    Ok(())
}
