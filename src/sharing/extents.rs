//! Finds out what a range of a file is made of, piece by piece and in sums.
//! If the file system does not say what is shared, the answer says so: never "nothing is shared".

use super::pieces::Pieces;
use super::{LARGEST, Reported, Span};
use crate::copy::{check_regular, table};
use crate::error::{At, Cause, Error, Result, Step};
use crate::sys::maps::{Batch, Content, Record};
use crate::sys::{Errno, Sys};

/// What a range is made of. The first seven add up to `length`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whether the file system says what is shared.
    pub reported: Reported,
    /// Why there is no map.
    pub refused: Option<Errno>,
    /// The file changed while its map was fetched.
    pub changed: bool,
    /// Bytes looked at, up to the end of the file.
    pub length: u64,
    /// Bytes that something else refers to too.
    pub shared: u64,
    /// Bytes that nothing else refers to, as far as the file system says.
    pub unshared: u64,
    /// Bytes that are compressed or encrypted.
    pub encoded: u64,
    /// Bytes in preallocated blocks.
    pub preallocated: u64,
    /// Bytes in holes.
    pub holes: u64,
    /// Bytes in the metadata.
    pub inline: u64,
    /// Bytes without a known place.
    pub pending: u64,
    /// Those of `encoded` that are shared.
    pub encoded_shared: u64,
    /// Those of `preallocated` that are shared.
    pub preallocated_shared: u64,
    /// Bytes held beyond the end of the file.
    pub beyond: u64,
    /// Bytes that no other file refers to, at least.
    pub exclusive: u64,
    /// `exclusive` is exact, as the file system counts it.
    pub exact: bool,
    /// Extents, holes not counted.
    pub extents: u64,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it is, and what.
    pub record: Record,
    /// It is beyond the end of the file.
    pub beyond: bool,
}

/// Receives the pieces in order; `false` asks to stop.
pub type Each<'e> = &'e mut dyn FnMut(&Extent) -> bool;

/// Adds up what a range is made of. Fills `account`, on success and on failure.
pub fn extents<S: Sys>(
    sys: &S,
    span: &Span,
    flush: bool,
    mut each: Option<Each>,
    account: &mut Account,
) -> Result<()> {
    let before = sys.stat(span.fd).at(Step::Check(span.side))?;
    check_regular(&before, Step::Check(span.side))?;
    // Only a place that can be compared with another file's is given out.
    let has_base = each.is_some() && sys.base(span.fd, &before).is_some();
    let mut batch = Batch::default();
    let mut map = Pieces::new(sys, *span, flush, &mut batch)?;
    // A map that ends where the file did, fetched with one call, is of one instant.
    let mut ends_elsewhere = false;
    let outcome = walk(&mut map, before.size, account, |mut extent: Extent| {
        ends_elsewhere = match extent.record.content {
            Content::Preallocated if extent.beyond => ends_elsewhere,
            content => extent.beyond || content == Content::Hole,
        };
        let Some(each) = each.as_mut() else { return true };
        extent.record.place = extent.record.place.filter(|_| has_base);
        each(&extent)
    });
    // Also if `each` stopped the walk: the sums so far are reported.
    account.reported = Reported::of(sys, span.fd, &map);
    if account.reported != Reported::Known {
        account.exclusive = 0;
    }
    if let Some(errno) = no_map(outcome)? {
        *account = Account { refused: Some(errno), ..Account::default() };
        return Ok(());
    }
    let moved =
        (map.calls > 1 || ends_elsewhere) && sys.stat(span.fd).at(Step::Map(span.side))?.moved_since(&before);
    account.changed = map.disordered || moved;
    let whole = span.offset == 0 && span.end()? == LARGEST;
    if let Some(bytes) = sys.exclusive(span.fd).filter(|_| whole && flush && !account.changed) {
        (account.exclusive, account.exact) = (bytes, true);
    }
    Ok(())
}

/// The errno of a file system that gives out no map, which is an answer and no failure.
pub(super) fn no_map(outcome: Result<()>) -> Result<Option<Errno>> {
    match outcome {
        Ok(()) => Ok(None),
        Err(Error { step: Step::Map(_), cause: Cause::System(errno) }) if table::map_unsupported(errno) => {
            Ok(Some(errno))
        }
        Err(error) => Err(error),
    }
}

fn walk<S: Sys>(
    map: &mut Pieces<'_, '_, S>,
    size: u64,
    account: &mut Account,
    mut each: impl FnMut(Extent) -> bool,
) -> Result<()> {
    let mut give = |extent: Extent| {
        if each(extent) { Ok(()) } else { Err(Error::new(Step::Progress, Cause::Cancelled)) }
    };
    while let Some(piece) = map.next_piece()? {
        if piece.end() <= size {
            let piece = map.certain(piece);
            account.add(&piece);
            give(Extent { record: piece, beyond: false })?;
            continue;
        }
        let inside = piece.within(0, size);
        if let Some(record) = inside {
            let record = map.certain(record);
            account.add(&record);
            give(Extent { record, beyond: false })?;
        }
        let Some(record) = piece.within(size, u64::MAX) else { continue };
        // The rest of the last block is held by the file's data, and not beyond its end.
        let is_rest = inside.is_some() && record.content != Content::Preallocated;
        if record.content != Content::Hole && !is_rest {
            account.add_beyond(&record);
            give(Extent { record, beyond: true })?;
        }
    }
    Ok(())
}

/// Adds to a sum.
fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
}

impl Account {
    fn add(&mut self, piece: &Record) {
        let bytes = piece.length;
        add(&mut self.length, bytes);
        add(&mut self.extents, u64::from(piece.content != Content::Hole));
        match piece.content {
            Content::Data if piece.shared => add(&mut self.shared, bytes),
            Content::Data => add(&mut self.unshared, bytes),
            Content::Encoded => add(&mut self.encoded, bytes),
            Content::Preallocated => add(&mut self.preallocated, bytes),
            Content::Inline => add(&mut self.inline, bytes),
            Content::Pending => add(&mut self.pending, bytes),
            Content::Hole => add(&mut self.holes, bytes),
        }
        match piece.content {
            Content::Encoded if piece.shared => add(&mut self.encoded_shared, bytes),
            Content::Preallocated if piece.shared => add(&mut self.preallocated_shared, bytes),
            _ => self.add_exclusive(piece),
        }
    }

    fn add_beyond(&mut self, piece: &Record) {
        add(&mut self.beyond, piece.length);
        add(&mut self.extents, 1);
        self.add_exclusive(piece);
    }

    /// Counts data and preallocated blocks only: compressed bytes take fewer blocks, and for bytes in the metadata or without
    /// a place nobody knows how many.
    fn add_exclusive(&mut self, piece: &Record) {
        if !piece.shared && matches!(piece.content, Content::Data | Content::Preallocated) {
            add(&mut self.exclusive, piece.length);
        }
    }
}
