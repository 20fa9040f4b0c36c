//! Compares where the bytes of two ranges lie. A false "same" would be the worst defect: what the maps do not prove is unknown,
//! and nothing is concluded from what they leave out.

use super::extents::no_map;
use super::pieces::Pieces;
use super::{Reported, Span};
use crate::copy::check_regular;
use crate::error::{At, Result, Step};
use crate::sys::errno::EBADF;
use crate::sys::maps::{Batch, Content, Record};
use crate::sys::{Errno, Fd, Stat, Sys};

/// How a stretch of one range relates to the same stretch of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// One place holds both.
    Same,
    /// They lie at different places.
    Apart,
    /// Both are holes.
    Hole,
    /// It cannot be told.
    Unknown,
}

/// The verdict of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It cannot be told whether anything is shared.
    Unknown,
    /// Nothing is shared.
    None,
    /// A part is shared, at least.
    Part,
    /// Both end together, and everything is shared or a hole in both.
    All,
}

/// What two ranges share. The four sums add up to `length`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Whether the file systems of both say what is shared.
    pub reported: Reported,
    /// Why there is no map of one of them.
    pub refused: Option<Errno>,
    /// The files lie on two volumes.
    pub two_volumes: bool,
    /// A file changed while the maps were fetched.
    pub changed: bool,
    /// Bytes looked at: up to the later of both ends.
    pub length: u64,
    /// Bytes at one place.
    pub same: u64,
    /// Bytes at different places, or that only one of both files has.
    pub apart: u64,
    /// Bytes that are holes in both.
    pub holes: u64,
    /// Bytes for which it cannot be told.
    pub unknown: u64,
    /// The first byte that is apart, from the ranges' beginning; `length` where there is none.
    pub first_apart: u64,
    /// The first byte for which it cannot be told; `length` where there is none.
    pub first_unknown: u64,
}

impl Comparison {
    /// A comparison of so many bytes, of which nothing is seen yet.
    fn of(length: u64) -> Self {
        Self { length, first_apart: length, first_unknown: length, ..Self::default() }
    }

    /// Counts a stretch at `at`.
    fn add(&mut self, at: u64, length: u64, relation: Relation) {
        if length == 0 {
            return;
        }
        let sum = match relation {
            Relation::Same => &mut self.same,
            Relation::Hole => &mut self.holes,
            Relation::Apart => {
                self.first_apart = self.first_apart.min(at);
                &mut self.apart
            }
            Relation::Unknown => {
                self.first_unknown = self.first_unknown.min(at);
                &mut self.unknown
            }
        };
        *sum = sum.saturating_add(length);
    }

    /// The verdict, by the four sums.
    pub fn verdict(&self) -> Verdict {
        match (self.same, self.apart, self.unknown) {
            (_, 0, 0) => Verdict::All,
            (1.., ..) => Verdict::Part,
            (0, _, 0) => Verdict::None,
            _ => Verdict::Unknown,
        }
    }
}

/// What is known about the volumes of two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Volumes {
    One,
    Two,
    Unknown,
}

/// Two maps, walked side by side.
pub struct Pair<'s, 'b, S: Sys> {
    maps: [Pieces<'s, 'b, S>; 2],
    /// What is left of the last piece of each.
    rest: [Option<Record>; 2],
    volumes: Volumes,
    /// Equal places and holes are proofs: see `Maps::flush_is_complete`.
    proves: bool,
    /// The last stretch lies in the metadata, in at least one of both files.
    pub inline: bool,
}

impl<'s, 'b, S: Sys> Pair<'s, 'b, S> {
    /// Takes two ranges of equal length, which end within their files, and what fstat says of these files.
    pub fn new(
        sys: &'s S,
        [a, b]: [(Span, &Stat); 2],
        flush: bool,
        [a_batch, b_batch]: &'b mut [Batch; 2],
    ) -> Result<Self> {
        let volumes = match [a, b].map(|(span, stat)| sys.base(span.fd, stat)) {
            [Some(one), Some(other)] if one == other => Volumes::One,
            [Some(_), Some(_)] => Volumes::Two,
            _ => Volumes::Unknown,
        };
        let maps = [Pieces::new(sys, a.0, flush, a_batch)?, Pieces::new(sys, b.0, flush, b_batch)?];
        Ok(Self { maps, rest: [None; 2], volumes, proves: sys.flush_is_complete(), inline: false })
    }

    /// The next stretch: its length, and how both relate there.
    pub fn next_stretch(&mut self) -> Result<Option<(u64, Relation)>> {
        for (rest, map) in self.rest.iter_mut().zip(&mut self.maps) {
            if rest.is_none() {
                *rest = map.next_piece()?.map(|piece| map.certain(piece));
            }
        }
        let [Some(one), Some(other)] = self.rest else { return Ok(None) };
        let length = one.length.min(other.length);
        let after = |piece: Record| piece.within(piece.offset.saturating_add(length), u64::MAX);
        self.rest = [after(one), after(other)];
        self.inline = [one, other].iter().any(|piece| piece.content == Content::Inline);
        let relation = match self.relation(&one, &other) {
            Relation::Same | Relation::Hole if !self.proves => Relation::Unknown,
            relation => relation,
        };
        Ok(Some((length, relation)))
    }

    /// How two pieces relate that begin at the same distance from the ranges' beginnings. Equal places count only if both are
    /// marked as shared. That excludes SMB, whose addresses are offsets, and maps that are not of one instant.
    fn relation(&self, one: &Record, other: &Record) -> Relation {
        use Content::{Encoded, Hole, Inline, Pending};
        match (one.content, other.content) {
            // Without a flush, a hole may be called pending.
            (Hole, Pending) | (Pending, Hole) if !self.maps.iter().all(|map| map.flush) => Relation::Unknown,
            (Hole, Hole) => Relation::Hole,
            (Hole, _) | (_, Hole) => Relation::Apart,
            _ if self.volumes == Volumes::Two => Relation::Apart,
            _ if self.volumes == Volumes::Unknown => Relation::Unknown,
            // Bytes with a place are in another extent: one is compressed as a whole or not at all, and metadata is in none.
            (_, Encoded | Inline) if one.place.is_some() => Relation::Apart,
            (Encoded | Inline, _) if other.place.is_some() => Relation::Apart,
            _ => match (one.place, other.place) {
                (Some(here), Some(there)) if here != there => Relation::Apart,
                (Some(_), Some(_)) if one.shared && other.shared => Relation::Same,
                _ => Relation::Unknown,
            },
        }
    }

    /// Whether a map was seen not to be of one instant.
    pub fn disordered(&self) -> bool {
        self.maps.iter().any(|map| map.disordered)
    }
}

/// Whether two descriptors are of one file.
pub fn one_file<S: Sys>(sys: &S, (a, a_stat): (Fd, &Stat), (b, b_stat): (Fd, &Stat)) -> bool {
    a == b || (a_stat.same_file(b_stat) && a_stat.looks_like(b_stat) && sys.numbers_tell(a))
}

/// Checks that it is a regular file, open in any way except O_PATH, and returns what fstat says.
fn check<S: Sys>(sys: &S, span: &Span) -> Result<Stat> {
    let step = Step::Check(span.side);
    let stat = sys.stat(span.fd).at(step)?;
    check_regular(&stat, step)?;
    let access = sys.access(span.fd).at(step)?;
    if access.read || access.write { Ok(stat) } else { Err(Errno::own(EBADF)).at(step) }
}

/// Compares where two ranges of equal length lie.
pub fn compare<S: Sys>(sys: &S, a: &Span, b: &Span, flush: bool) -> Result<Comparison> {
    let (a_end, b_end) = (a.end()?, b.end()?);
    let (a_stat, b_stat) = (check(sys, a)?, check(sys, b)?);
    let a_length = a_end.min(a_stat.size).saturating_sub(a.offset);
    let b_length = b_end.min(b_stat.size).saturating_sub(b.offset);
    let (common, length) = (a_length.min(b_length), a_length.max(b_length));
    let mut found = Comparison::of(length);
    if a.offset == b.offset && one_file(sys, (a.fd, &a_stat), (b.fd, &b_stat)) {
        found.add(0, length, Relation::Same);
        found.reported = Reported::Known;
        return Ok(found);
    }
    let mut batches = [Batch::default(), Batch::default()];
    let of_common = |span: &Span| Span { length: common, ..*span };
    let sides = [(of_common(a), &a_stat), (of_common(b), &b_stat)];
    let mut pair = Pair::new(sys, sides, flush, &mut batches)?;
    found.two_volumes = pair.volumes == Volumes::Two;
    let mut at = 0;
    found.refused = no_map(walk(&mut pair, &mut at, &mut found))?;
    found.add(at, common.saturating_sub(at), Relation::Unknown);
    found.add(common, length.saturating_sub(common), Relation::Apart);
    if found.refused.is_none() {
        let [a_map, b_map] = &pair.maps;
        found.reported = Reported::of(sys, a.fd, a_map).min(Reported::of(sys, b.fd, b_map));
    }
    let moved = |span: &Span, before: &Stat| {
        sys.stat(span.fd).at(Step::Map(span.side)).map(|now| now.moved_since(before))
    };
    if pair.disordered() || moved(a, &a_stat)? || moved(b, &b_stat)? {
        let Comparison { reported, two_volumes, .. } = found;
        found = Comparison { changed: true, reported, two_volumes, ..Comparison::of(length) };
        found.add(0, length, Relation::Unknown);
    }
    Ok(found)
}

fn walk<S: Sys>(pair: &mut Pair<'_, '_, S>, at: &mut u64, found: &mut Comparison) -> Result<()> {
    while let Some((length, relation)) = pair.next_stretch()? {
        found.add(*at, length, relation);
        *at = at.saturating_add(length);
    }
    Ok(())
}
