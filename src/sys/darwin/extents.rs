//! What files on APFS are made of: the rules from fgetattrlist(2) and F_LOG2PHYS_EXT (fcntl(2)) to a map.
//! Sources: getattrlist(2), chflags(2) and fcntl(2) of macOS, <sys/attr.h> and <sys/stat.h>, bsd/kern/kern_descrip.c of XNU.

use super::apfs::UF_COMPRESSED;
use crate::sys::api::{Fd, Result, unsupported};
use crate::sys::errno::ERANGE;
use crate::sys::maps::{BATCH, Batch, Content, Record};

/// The content lies with a server, and reading would fetch it.
const SF_DATALESS: u32 = 0x4000_0000;

/// Of <sys/attr.h>. A reply has the attributes in the order of their bits.
pub const ATTR_CMNEXT_PRIVATESIZE: u32 = 0x8;
/// As above.
pub const ATTR_CMNEXT_EXT_FLAGS: u32 = 0x200;

/// "The file may share blocks with another file."
const EF_MAY_SHARE_BLOCKS: u64 = 0x1;
/// "The file has at least one sparse region."
const EF_IS_SPARSE: u64 = 0x10;
/// "The file shares all of its blocks with another file."
const EF_SHARES_ALL_BLOCKS: u64 = 0x40;

/// The most that one call is asked for: no driver takes it for a negative number.
const STEP: u64 = 1 << 30;

/// What of fstat(2) matters here.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The size.
    pub size: u64,
    /// Bytes in blocks.
    pub allocated: u64,
    /// `st_flags`.
    pub flags: u32,
}

/// What fgetattrlist(2) says of sharing. The clone's identity (ATTR_CMNEXT_CLONEID) is not asked for: that two files
/// have one does not say when either was last written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bytes that are in no clone and in no snapshot: removing the file frees them at once.
    pub private: Option<u64>,
    /// EF_*.
    flags: Option<u64>,
}

/// How much of a file is shared. The attributes are of the whole file, so that "a part" says nothing of any byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    Nothing,
    All,
    Untold,
}

/// The calls that these rules are made of.
pub trait ExtentCalls {
    /// fstat(2).
    fn look(&self, fd: Fd) -> Result<Look>;
    /// fgetattrlist(2). Nothing, where the file system or the system does not know them.
    fn attributes(&self, fd: Fd) -> Attributes;
    /// fsync(2).
    fn write_out(&self, fd: Fd) -> Result<()>;
    /// F_LOG2PHYS_EXT: where on the device an offset lies, -1 for nowhere, and how many bytes follow each other there.
    fn physical(&self, fd: Fd, offset: u64, length: u64) -> Result<(i64, i64)>;
}

impl Attributes {
    /// Reads a reply: its length, the attributes that it has (five groups, of which the last is asked for), then these. A
    /// file system leaves out what it does not know.
    pub fn decode(reply: &[u8]) -> Self {
        let length = word(reply, 0).map_or(0, |length| length as usize);
        let reply = reply.get(..length).unwrap_or(reply);
        let Some(has) = word(reply, 20) else { return Self::default() };
        let mut at = 24_usize;
        let mut next = |attribute: u32| {
            let bytes = reply.get(at..)?.first_chunk().filter(|_| has & attribute != 0)?;
            at = at.saturating_add(8);
            Some(u64::from_ne_bytes(*bytes))
        };
        let private = next(ATTR_CMNEXT_PRIVATESIZE).filter(|size| i64::try_from(*size).is_ok());
        Self { private, flags: next(ATTR_CMNEXT_EXT_FLAGS) }
    }

    /// Both attributes must agree that nothing is shared: the flags know nothing of snapshots, and the number may include
    /// what is no data.
    fn sharing(&self, allocated: u64) -> Sharing {
        const SHARES: u64 = EF_MAY_SHARE_BLOCKS | EF_SHARES_ALL_BLOCKS;
        match (self.private, self.flags) {
            (Some(0), _) if allocated > 0 => Sharing::All,
            (Some(private), Some(flags)) if private >= allocated && flags & SHARES == 0 => Sharing::Nothing,
            _ => Sharing::Untold,
        }
    }

    fn is_sparse(&self) -> bool {
        self.flags.is_some_and(|flags| flags & EF_IS_SPARSE != 0)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// [`crate::sys::maps::Maps::map`].
pub fn map<C: ExtentCalls>(
    calls: &C,
    fd: Fd,
    offset: u64,
    length: u64,
    flush: bool,
    batch: &mut Batch,
) -> Result<()> {
    batch.clear();
    let mut look = calls.look(fd)?;
    if look.flags & SF_DATALESS != 0 {
        return unsupported();
    }
    if flush {
        calls.write_out(fd)?;
        look = calls.look(fd)?;
    }
    let attributes = calls.attributes(fd);
    let sharing = attributes.sharing(look.allocated);
    let data =
        Record { shared: sharing == Sharing::All, vague: sharing == Sharing::Untold, ..Record::hole(0, 0) };
    let end = offset.saturating_add(length).min(look.size);
    // decmpfs: the blocks are not those of the data, and F_LOG2PHYS_EXT says ENOTSUP (dyorgio/apfs-clone-checker#8).
    if look.flags & UF_COMPRESSED != 0 && offset < end {
        batch.push(Record { length: look.size, content: Content::Encoded, last: true, ..data });
        return Ok(());
    }
    let (mut at, mut held) = (offset, None::<Record>);
    while at < end && batch.records().len() < BATCH.saturating_sub(1) {
        let found = piece(calls, fd, at, end.saturating_sub(at), attributes.is_sparse(), &data)?;
        at = found.end();
        held = match held {
            Some(before) if follows(&before, &found) => {
                Some(Record { length: before.length.saturating_add(found.length), ..before })
            }
            before => {
                before.into_iter().for_each(|before| batch.push(before));
                Some(found)
            }
        };
    }
    held.into_iter().for_each(|held| batch.push(Record { last: at >= look.size, ..held }));
    Ok(())
}

/// What begins at an offset. Where the answer makes no sense, and where nothing is said to be in a file without a sparse
/// region, it is not known what is there.
fn piece<C: ExtentCalls>(
    calls: &C,
    fd: Fd,
    offset: u64,
    left: u64,
    sparse: bool,
    data: &Record,
) -> Result<Record> {
    let unknown = |length| Record { offset, length, content: Content::Pending, ..Record::hole(0, 0) };
    let (place, length) = match calls.physical(fd, offset, left.min(STEP)) {
        Err(errno) if errno.is(ERANGE) => return Ok(unknown(left)),
        outcome => outcome?,
    };
    let length = match u64::try_from(length) {
        Ok(length @ 1..) => length.min(left),
        _ => return Ok(unknown(left)),
    };
    Ok(match u64::try_from(place) {
        // The first block is the volume's own: no data lie there.
        Ok(place @ 1..) => Record { offset, length, place: Some(place), content: Content::Data, ..*data },
        Err(_) if place == -1 && sparse => Record::hole(offset, length),
        _ => unknown(length),
    })
}

/// Whether a record goes on with the one before.
fn follows(before: &Record, next: &Record) -> bool {
    let place = before.place.and_then(|place| place.checked_add(before.length));
    before.content == next.content && place == next.place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::api::Errno;
    use crate::sys::errno::{EIO, EOPNOTSUPP};

    const MIB: u64 = 1 << 20;

    /// A reply as the system packs it.
    fn reply(private: Option<u64>, flags: Option<u64>) -> Vec<u8> {
        let has = [(private, ATTR_CMNEXT_PRIVATESIZE), (flags, ATTR_CMNEXT_EXT_FLAGS)];
        let has = has.iter().filter(|(value, _)| value.is_some()).fold(0, |all, (_, bit)| all | bit);
        let values: Vec<u8> =
            [private, flags].iter().flatten().flat_map(|value| value.to_ne_bytes()).collect();
        let length = u32::try_from(24 + values.len()).unwrap();
        let head = [length, 0x8000_0000, 0, 0, 0, has].into_iter().flat_map(u32::to_ne_bytes);
        head.chain(values).collect()
    }

    /// A file by the manuals: runs of offset, length and place.
    struct Manual {
        look: Look,
        attributes: Attributes,
        runs: Vec<(u64, u64, i64)>,
        written_out: core::cell::Cell<bool>,
    }

    impl Manual {
        fn new(private: u64, flags: u64, runs: &[(u64, u64, i64)]) -> Self {
            let size = runs.iter().map(|(offset, length, _)| offset + length).max().unwrap_or(0);
            let allocated = runs.iter().filter(|run| run.2 >= 0).map(|run| run.1).sum();
            Self {
                look: Look { size, allocated, flags: 0 },
                attributes: Attributes::decode(&reply(Some(private), Some(flags))),
                runs: runs.to_vec(),
                written_out: false.into(),
            }
        }

        fn map(&self) -> Vec<Record> {
            let mut batch = Batch::default();
            map(self, NONE, 0, u64::MAX >> 1, true, &mut batch).unwrap();
            assert!(self.written_out.get());
            batch.records().to_vec()
        }
    }

    #[cfg(unix)]
    const NONE: Fd = -1;
    #[cfg(windows)]
    const NONE: Fd = core::ptr::null_mut();

    impl ExtentCalls for Manual {
        fn look(&self, _: Fd) -> Result<Look> {
            Ok(self.look)
        }
        fn attributes(&self, _: Fd) -> Attributes {
            self.attributes
        }
        fn write_out(&self, _: Fd) -> Result<()> {
            self.written_out.set(true);
            Ok(())
        }
        fn physical(&self, _: Fd, at: u64, most: u64) -> Result<(i64, i64)> {
            assert!(most > 0 && most <= STEP && at + most <= self.look.size);
            let run = self.runs.iter().find(|(offset, length, _)| (*offset..offset + length).contains(&at));
            let (offset, length, place) = *run.ok_or(Errno(EIO))?;
            let inside = at - offset;
            let place = if place < 0 { place } else { place + i64::try_from(inside).unwrap() };
            Ok((place, i64::try_from((length - inside).min(most)).unwrap()))
        }
    }

    #[test]
    fn a_reply_is_read_by_what_it_says_it_has() {
        for (private, flags) in [(Some(7), Some(0x41)), (None, Some(1)), (Some(9), None), (None, None)] {
            assert_eq!(Attributes::decode(&reply(private, flags)), Attributes { private, flags });
        }
        let whole = reply(Some(7), Some(1));
        let both = Attributes { private: Some(7), flags: Some(1) };
        for length in 0..whole.len() {
            let cut = Attributes::decode(whole.get(..length).unwrap());
            assert!(cut != both && (length >= 32 || cut.private.is_none()), "{length}");
        }
        // Rubbish behind the length that it gives, and a negative size.
        let mut short = whole.clone();
        short[..4].copy_from_slice(&32_u32.to_ne_bytes());
        assert_eq!(Attributes::decode(&short), Attributes { private: Some(7), flags: None });
        assert_eq!(Attributes::decode(&reply(Some(u64::MAX), Some(1))).private, None);
    }

    #[test]
    fn only_what_both_attributes_say_is_known() {
        let of = |private, flags| Attributes { private, flags }.sharing(8192);
        assert_eq!(of(Some(0), Some(0x41)), Sharing::All);
        assert_eq!(of(Some(0), Some(0)), Sharing::All, "a snapshot holds it");
        assert_eq!(of(Some(8192), Some(0x10)), Sharing::Nothing);
        for (private, flags) in [
            (Some(8192), Some(0x1)), // an edited clone whose number includes more than data
            (Some(4096), Some(0x1)),
            (Some(4096), Some(0)), // a part is in a snapshot
            (Some(4096), Some(0x40)),
            (Some(8192), None),
            (None, Some(0)),
            (None, Some(0x40)),
            (None, None),
        ] {
            assert_eq!(of(private, flags), Sharing::Untold, "{private:?} {flags:?}");
        }
        let empty = Attributes { private: Some(0), flags: Some(0) };
        assert_eq!(empty.sharing(0), Sharing::Nothing);
    }

    #[test]
    fn a_clone_is_shared_and_an_edited_one_untold() {
        let run = [(0, MIB, 7 << 30)];
        let whole = Manual::new(0, 0x41, &run).map();
        let edited = Manual::new(16384, 0x1, &run).map();
        let alone = Manual::new(MIB, 0, &run).map();
        for (records, shared, vague) in [(whole, true, false), (edited, false, true), (alone, false, false)] {
            let data = Record {
                place: Some(7 << 30),
                content: Content::Data,
                shared,
                vague,
                last: true,
                ..Record::hole(0, MIB)
            };
            assert_eq!(records, [data]);
        }
    }

    #[test]
    fn nothing_there_is_a_hole_only_in_a_sparse_file() {
        let runs = [(0, 4096, 1 << 20), (4096, 8192, -1), (12288, 4096, 2 << 20)];
        for (flags, content) in [(EF_IS_SPARSE, Content::Hole), (0, Content::Pending)] {
            let records = Manual::new(8192, flags, &runs).map();
            let contents: Vec<_> = records.iter().map(|record| (record.content, record.length)).collect();
            assert_eq!(contents, [(Content::Data, 4096), (content, 8192), (Content::Data, 4096)]);
            assert_eq!(records.iter().map(|record| record.last).collect::<Vec<_>>(), [false, false, true]);
        }
        for place in [-2, 0, i64::MIN] {
            let odd = Manual::new(4096, EF_IS_SPARSE, &[(0, 4096, place)]).map();
            assert_eq!(odd.first().map(|record| record.content), Some(Content::Pending), "{place}");
        }
    }

    #[test]
    fn steps_of_one_extent_are_joined_and_others_are_not() {
        let large = 5 * STEP + 4096;
        let records = Manual::new(large, 0, &[(0, large, 4096)]).map();
        assert_eq!(records.iter().map(|record| record.length).collect::<Vec<_>>(), [large]);
        let apart = Manual::new(8192, 0, &[(0, 4096, 1 << 20), (4096, 4096, 1 << 20)]).map();
        assert_eq!(apart.len(), 2, "one place twice");
    }

    #[test]
    fn many_extents_take_many_batches() {
        let runs: Vec<_> = (0..500).map(|at| (at * 4096, 4096, (at * 3 + 1) as i64 * 4096)).collect();
        let file = Manual::new(500 * 4096, 0, &runs);
        let (mut batch, mut at, mut seen) = (Batch::default(), 0, 0);
        loop {
            map(&file, NONE, at, u64::MAX >> 1, false, &mut batch).unwrap();
            assert!(batch.records().first().is_some_and(|first| first.offset == at));
            seen += batch.records().len();
            let last = batch.records().last().unwrap();
            at = last.end();
            if last.last {
                break;
            }
        }
        assert_eq!((seen, at), (500, file.look.size));
        assert!(!file.written_out.get(), "not asked for");
    }

    #[test]
    fn what_lies_elsewhere_is_refused_and_compressed_data_have_no_place() {
        let mut file = Manual::new(0, 0x41, &[(0, 8192, 1 << 20)]);
        file.look.flags = SF_DATALESS;
        let refused = map(&file, NONE, 0, 8192, true, &mut Batch::default());
        assert_eq!((refused, file.written_out.get()), (Err(Errno(EOPNOTSUPP)), false));
        file.look.flags = UF_COMPRESSED;
        let encoded = Record { content: Content::Encoded, shared: true, last: true, ..Record::hole(0, 8192) };
        assert_eq!(file.map(), [encoded]);
    }

    #[test]
    fn answers_that_lead_nowhere_end_the_map_as_unknown() {
        struct Odd(Result<(i64, i64)>);
        impl ExtentCalls for Odd {
            fn look(&self, _: Fd) -> Result<Look> {
                Ok(Look { size: 8192, allocated: 8192, flags: 0 })
            }
            fn attributes(&self, _: Fd) -> Attributes {
                Attributes::default()
            }
            fn write_out(&self, _: Fd) -> Result<()> {
                Ok(())
            }
            fn physical(&self, _: Fd, _: u64, _: u64) -> Result<(i64, i64)> {
                self.0
            }
        }
        let mut batch = Batch::default();
        for answer in [Ok((4096, 0)), Ok((4096, -1)), Err(Errno(ERANGE))] {
            map(&Odd(answer), NONE, 0, 1 << 40, true, &mut batch).unwrap();
            let pending = Record { content: Content::Pending, last: true, ..Record::hole(0, 8192) };
            assert_eq!(batch.records(), [pending], "{answer:?}");
        }
        map(&Odd(Ok((4096, i64::MAX))), NONE, 0, 1 << 40, true, &mut batch).unwrap();
        assert_eq!(batch.records().first().map(|record| record.length), Some(8192));
        assert_eq!(map(&Odd(Err(Errno(EIO))), NONE, 0, 8192, true, &mut batch), Err(Errno(EIO)));
        map(&Odd(Err(Errno(EIO))), NONE, 8192, 1 << 40, true, &mut batch).unwrap();
        assert!(batch.records().is_empty(), "behind the end");
    }
}
